"""CORS on apps and blueprints: the resources of each call, and the policy that governs a path outside decorated views.

Laws: the innermost blueprint answers first, then the app; of several calls the last; of a call's resources the first that takes the path. Whom
the first does not let in, the next may.
"""

import re
from collections.abc import Sequence

from corsproxy.bridges.flask.findings import Code, Findings
from corsproxy.bridges.flask.objects import App, Applied, Blueprint, Option
from corsproxy.bridges.flask.options import effective, report_unheard, resources_of
from corsproxy.bridges.flask.origins import Judge
from corsproxy.bridges.flask.paths import Resource, Url, resource
from corsproxy.bridges.flask.pinned import Pinned
from corsproxy.bridges.flask.policies import Policy, make_policy
from corsproxy.bridges.flask.values import Unknown

__all__ = ["Layers"]


class Layers:
    """All `CORS(…)` of an app and its blueprints."""

    def __init__(
        self,
        app: App,
        urls: Sequence[Url],
        mentioned: frozenset[str],
        version: Pinned,
        *,
        judge: Judge,
        findings: Findings,
    ) -> None:
        self.mentioned = mentioned
        self.judge = judge
        self._app = app
        self._urls = urls
        self._version = version
        self._findings = findings
        self._resources: dict[Applied, list[tuple[Resource, Policy]]] = {}
        self._unions: dict[tuple[Policy, ...], Policy] = {}

    def resources(self, applied: Applied) -> list[tuple[Resource, Policy]]:
        """Return the resources of one call with their policies, in Flask-CORS's order."""
        if applied not in self._resources:
            report_unheard(applied.options, applied.config, self._findings)
            option = effective(applied.options, applied.config, self.mentioned)["resources"]
            pairs = resources_of(option, by_length=self._version.is_old)
            if pairs is None:
                why = option.value.why if isinstance(option.value, Unknown) else "None"
                what = (
                    f"The resources are {why}: not known without running the app. The rule is for every path."
                )
                self._findings.add(Code.PATH, option.place, what, fix="write the paths, and the origins")
                unknown = Option(
                    Unknown(f"for resources that are {why}", option.place), option.place, option.said
                )
                pairs = [("/*", {"origins": unknown})]
            self._resources[applied] = [self._resource(applied, pattern, own) for pattern, own in pairs]
        return self._resources[applied]

    def _resource(self, applied: Applied, pattern: object, own: dict[str, Option]) -> tuple[Resource, Policy]:
        found = resource(pattern, self._urls)
        option = effective(applied.options, applied.config, self.mentioned)["resources"]
        if found.fault:
            instead = (
                f"Only its known routes are written: {', '.join(found.globs)}."
                if found.globs
                else "It is left out."
            )
            what = (
                f"The resource {found.shown!r} cannot be written as a path pattern: {found.fault}. {instead}"
            )
            self._findings.add(Code.PATH, option.place, what, fix="add the paths to the rule")
        elif found.is_rewritten:
            what = f"The resource {found.shown!r} is written {', '.join(found.globs)}: the same for every route that was found."
            why = (
                "it is a regular expression, and takes whatever begins so."
                if found.shown.endswith("*")
                else ""
            )
            self._findings.add(Code.PATH_REWRITTEN, option.place, what, why=why)
        self._report_case(found)
        own_unheard = {key: value for key, value in own.items() if key != "**"}
        report_unheard(own_unheard, {}, self._findings)
        policy = make_policy(
            effective(applied.options, applied.config, self.mentioned, own),
            applied.place,
            applied.said,
            conditions=applied.conditions,
            preflights=True,
            judge=self.judge,
            findings=self._findings,
        )
        return found, policy

    def _report_case(self, found: Resource) -> None:
        """Report routes that an old version took for a resource because it did not look at case."""
        if not self._version.is_old or found.expression is None:
            return
        old = re.compile(found.expression.pattern, found.expression.flags | re.IGNORECASE)
        rules = [
            url.rule for url in self._urls if old.match(url.samples[0]) and not found.test(url.samples[0])
        ]
        if rules:
            what = (
                f"Flask-CORS {self._version.version} is pinned, which compares paths without case: "
                f"{', '.join(rules)} was a path of {found.shown!r}. It is not here, nor for Flask-CORS 6."
            )
            self._findings.add(Code.OLD_VERSION, self._version.place, what, fix="add the path to the rule")

    def governing(self, path: str, below: Sequence[Blueprint]) -> Policy | None:
        """Return the policy for a path outside decorated views."""
        layers = [each for blueprint in below for each in reversed(blueprint.applied)]
        layers += list(reversed(self._app.applied))
        found: list[Policy] = []
        for applied in layers:
            policy = next((policy for one, policy in self.resources(applied) if one.test(path)), None)
            if policy is not None:
                found.append(policy)
        return self._union(tuple(found)) if found else None

    def _union(self, policies: tuple[Policy, ...]) -> Policy:
        """Let what the first does not name fall through to the others, as it does where several CORS answer."""
        if policies not in self._unions:
            result = policies[0]
            for other in policies[1:]:
                have = {entry.text for entry in result.origins.entries}
                more = [entry for entry in other.origins.entries if entry.text not in have]
                if "*" in have or not more:
                    continue
                if result.grants() == other.grants() and all(entry.text != "*" for entry in more):
                    result = result.with_origins(other)
                    continue
                named = ", ".join(entry.text for entry in more)
                self._findings.add(
                    Code.FALL_THROUGH,
                    other.place,
                    f"{named} of {other.said} got through where {result.said} ({result.place}) answers, too: not any more.",
                    why="the first rule that matches decides, and the two differ in more than origins.",
                    fix="add them to that rule, if they are to have what it grants",
                )
            self._unions[policies] = result
        return self._unions[policies]
