"""The policy's own unit tests: each request is judged as a browser would judge it.

Laws: only a policy that is otherwise in order is tested; a test fails with what was expected, what came
out and the rule that decided. A rule in report mode is tested by what it would do.
"""

from collections.abc import Sequence
from dataclasses import replace

from corsproxy.config.findings import Findings
from corsproxy.config.problem import Code, KeyPath
from corsproxy.config.rulekeys import Denied, PolicyTest, RequestKeys
from corsproxy.config.settings import Settings
from corsproxy.cors.browser import BrowserRequest, Verdict, judge
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Origins, Rule

__all__ = ["Homes", "prove"]


def prove(tests: Sequence[PolicyTest], settings: Settings, findings: Findings) -> None:
    """Run all tests; a failure is a refusal with the code TEST_FAILED."""
    if not tests:
        return
    policy = Policy.compile(settings.rules, settings.public_origins)
    homes = Homes(settings.rules)
    for position, test in enumerate(tests):
        path: KeyPath = ("tests", position)
        if not test.request.path.startswith("/"):
            what = f'"{test.request.path}" is not a path.'
            findings.refuse(
                (*path, "request", "path"), what, fix=f"write /{test.request.path}", code=Code.PATH
            )
            continue
        verdict = judge(policy, _request(test.request, homes))
        expected = f"denied: {test.expect.denied}" if isinstance(test.expect, Denied) else "allowed"
        got = "allowed" if verdict.allowed else f"denied: {verdict.reason}"
        if expected != got:
            what = f"Test {_name(test, position)} failed: expected {expected}, got {got}."
            fix = "mend the rule, or the test if the rule is right"
            findings.refuse((*path, "expect"), what, why=_why(verdict), fix=fix, code=Code.TEST_FAILED)


def _name(test: PolicyTest, position: int) -> str:
    return f'"{test.name}"' if test.name else str(position + 1)


def _why(verdict: Verdict) -> str:
    if verdict.rule is None:
        return "no rule has this path and host."
    return f"the rule {verdict.rule.name} ({verdict.rule.place}) decides."


def _request(keys: RequestKeys, homes: "Homes") -> BrowserRequest:
    return BrowserRequest(
        origin=keys.origin,
        method=keys.method,
        path=keys.path,
        host=keys.host if keys.host is not None else homes.host(keys.path),
        headers=tuple(keys.headers),
        credentials=keys.credentials,
        websocket=keys.websocket,
    )


class Homes:
    """Which host a question means that names none: that of the first rule with the path."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._hosts = {rule.name: rule.host for rule in rules}
        everywhere = tuple(replace(rule, host=None, origins=Origins()) for rule in rules)
        self._policy = Policy.compile(everywhere, ()) if any(self._hosts.values()) else None

    def host(self, path: str) -> str:
        """Return the host, or "" where the rule has none."""
        if self._policy is None:
            return ""
        rule = judge(self._policy, BrowserRequest(origin=None, path=path)).rule
        return (self._hosts[rule.name] or "") if rule else ""
