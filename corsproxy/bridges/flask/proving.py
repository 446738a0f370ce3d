"""Entries of `tests:` for what is written: for each rule a request that shows that it holds.

Laws: the policy that the text loads to is asked, as a browser would; what it does not answer as meant is not written as a test.
"""

from collections.abc import Iterator, Sequence

from corsproxy.bridges.flask.document import PolicyCase
from corsproxy.bridges.flask.origins import admitted
from corsproxy.bridges.flask.rules import Draft
from corsproxy.config.load import Loaded
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.policy import Policy

__all__ = ["cases_for"]

_STRANGER = "https://evil.example"


def cases_for(drafts: Sequence[Draft], loaded: Loaded) -> Iterator[PolicyCase]:
    """Yield a request for each rule that it lets through, or one that it refuses."""
    policy = Policy.compile(loaded.settings.rules, ())
    for draft in drafts:
        found = _allowed(draft, policy) or _denied(draft, policy)
        if found is not None:
            yield found


def _paths(draft: Draft) -> Iterator[str]:
    for glob in draft.paths:
        for filling in ("x", "1"):
            segments = [
                filling if segment == "**" else segment.replace("*", filling)
                for segment in glob[1:].split("/")
            ]
            yield "/" + "/".join(segments)


def _allowed(draft: Draft, policy: Policy) -> PolicyCase | None:
    written = draft.policy
    if written is None or not written.origins.entries:
        return None
    first = written.origins.entries[0]
    origins = ["https://anybody.example"] if first.text == "*" else admitted([first])
    method = next((method for method in ("PUT", "DELETE", "PATCH") if method in written.methods), "GET")
    headers = [name for name in written.headers if name != "*"][:1]
    credentials = written.has_credentials
    for path in _paths(draft):
        for origin in origins[:1]:
            asked = BrowserRequest(
                origin=origin, method=method, path=path, headers=tuple(headers), credentials=credentials
            )
            verdict = judge(policy, asked)
            if verdict.allowed and verdict.rule is not None and verdict.rule.name == draft.name:
                request: dict[str, object] = {"origin": origin, "method": method, "path": path}
                request |= {"headers": headers} if headers else {}
                request |= {"credentials": True} if credentials else {}
                return f"{draft.name}: allowed", request, ""
    return None


def _denied(draft: Draft, policy: Policy) -> PolicyCase | None:
    for path in _paths(draft):
        verdict = judge(policy, BrowserRequest(origin=_STRANGER, path=path))
        if not verdict.allowed and verdict.rule is not None and verdict.rule.name == draft.name:
            return f"{draft.name}: nobody else", {"origin": _STRANGER, "path": path}, str(verdict.reason)
    return None
