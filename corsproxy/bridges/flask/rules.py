"""Which policy is for which path, as rules in their order.

Laws: as Flask-CORS decides: a decorated view's own options; else CORS on its blueprints, the innermost first; else CORS on the app, the last
call first; within a call the first resource that takes the path. Routes for which the app's rules would say something else get
rules of their own in front, the most literal first, so that the first rule that matches here is the one that counted there.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from corsproxy.bridges.flask.findings import Code, Findings
from corsproxy.bridges.flask.layers import Layers
from corsproxy.bridges.flask.objects import App, Blueprint, Decoration
from corsproxy.bridges.flask.options import effective, report_unheard
from corsproxy.bridges.flask.origins import Carried, Judge
from corsproxy.bridges.flask.paths import takes
from corsproxy.bridges.flask.pinned import Pinned
from corsproxy.bridges.flask.policies import Policy, is_same, make_policy
from corsproxy.bridges.flask.serving import Served, prefixes, serve
from corsproxy.config.reach import shadows
from corsproxy.cors.rule import Rule

__all__ = ["Draft", "draft_rules"]


@dataclass(slots=True)
class Draft:
    """A rule to be written: paths with their comments, and the policy; None lets nobody in."""

    paths: dict[str, str]
    policy: Policy | None
    name: str = ""
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _View:
    """Methods of a route that have one policy."""

    served: Served
    methods: tuple[str, ...]
    policy: Policy | None
    is_decorated: bool

    @property
    def is_simple(self) -> bool:
        """Tell whether browsers may send one of the methods without asking."""
        return not {"GET", "POST"}.isdisjoint(self.methods)


def _foremost(views: Sequence[_View]) -> Policy | None:
    """Choose the policy to write where views differ: one whose methods need no permission, then any."""
    simple = [view.policy for view in views if view.policy is not None and view.is_simple]
    return next(iter([*simple, *(view.policy for view in views if view.policy is not None)]), None)


def draft_rules(
    app: App,
    blueprints: list[Blueprint],
    *,
    mentioned: frozenset[str],
    version: Pinned,
    judge: Judge,
    findings: Findings,
) -> list[Draft]:
    """Draft all rules of an app; `mentioned` are the settings that the project names."""
    served = serve(app, blueprints, findings)
    layers = Layers(app, [each.url for each in served], mentioned, version, judge=judge, findings=findings)
    return _Drafter(app, layers, served, findings).draft()


class _Drafter:
    def __init__(self, app: App, layers: Layers, served: list[Served], findings: Findings) -> None:
        self._app = app
        self._layers = layers
        self._served = served
        self._findings = findings
        self._decorated: dict[tuple[Decoration, bool], Policy] = {}

    def draft(self) -> list[Draft]:
        wide = self._wide()
        special = self._special(wide)
        drafts = [*special, *wide]
        drafts = self._reachable(drafts)
        self._report_idle()
        self._check_safelisted(drafts)
        _give_names(drafts)
        return drafts

    # -- CORS on the app

    def _wide(self) -> list[Draft]:
        """Return the rules of CORS on the app."""
        drafts: list[Draft] = []
        for applied in reversed(self._app.applied):
            option = effective(applied.options, applied.config, self._layers.mentioned)["resources"]
            comment = (
                f"{option.place} {option.said}".strip()
                if option.place.file
                else f"{applied.place} {applied.said}"
            )
            for found, own in self._layers.resources(applied):
                for glob in found.globs:
                    policy = self._layers.governing(_sample(glob), ()) or own
                    shown = f"{comment.partition('=')[0]} {found.shown!r}" if option.place.file else comment
                    if (drafts and drafts[-1].policy is policy) or (
                        drafts and is_same(drafts[-1].policy, policy)
                    ):
                        drafts[-1].paths.setdefault(glob, shown)
                    else:
                        drafts.append(Draft({glob: shown}, policy))
        return drafts

    # -- single views

    def _special(self, wide: Sequence[Draft]) -> list[Draft]:
        """Return rules for the routes of which the wide rules would say something else."""
        due = self._due()
        entries: dict[str, tuple[Policy | None, str]] = {}
        is_settled = False
        while not is_settled:
            is_settled = True
            for glob, (policy, comment, samples) in due.items():
                if glob in entries:
                    continue
                ahead = [
                    other
                    for other in entries
                    if other != glob and any(takes([other], path) for path in samples)
                ]
                given = {_policy_at(wide, path) for path in samples}
                if ahead or any(not is_same(policy, one) for one in given):
                    entries[glob] = policy, comment
                    is_settled = False
        entries = self._with_prefixes(entries, due)
        drafts: list[Draft] = []
        self._report_wider(entries)
        for glob in sorted(entries, key=_rank):
            policy, comment = entries[glob]
            home = next((draft for draft in drafts if is_same(draft.policy, policy)), None)
            later = drafts[drafts.index(home) + 1 :] if home else []
            if home is not None and not any(
                _overlap(glob, other) for draft in later for other in draft.paths
            ):
                home.paths[glob] = comment
            else:
                drafts.append(Draft({glob: comment}, policy))
        return drafts

    def _report_wider(self, globs: Collection[str]) -> None:
        """Tell what is written wider than its route."""
        for each in self._served:
            rule, glob = each.url.rule, each.url.glob
            if glob in globs and (".<" in rule or rule.endswith("$")):
                what = f"The route {rule} is written {glob}: a pattern has no dot before a *, and no $ at its end."
                self._findings.add(Code.PATH_REWRITTEN, each.route.place, what)

    def _due(self) -> dict[str, tuple[Policy | None, str, tuple[str, ...]]]:
        """Return, for the pattern of every route, the policy that is due, where it comes from, and sample paths."""
        by_glob: dict[str, list[Served]] = {}
        for each in self._served:
            by_glob.setdefault(each.url.glob, []).append(each)
        due: dict[str, tuple[Policy | None, str, tuple[str, ...]]] = {}
        for glob, here in by_glob.items():
            views = [view for each in here for view in self._views(each)]
            policy = _foremost(views)
            comment = f"{here[0].route.place} {here[0].route.said}"
            if policy is not None and any(view.is_decorated for view in views):
                methods = {
                    method for view in views if is_same(view.policy, policy) for method in view.methods
                }
                comment = f"{policy.place} {policy.said}"
                policy = self._in_common(glob, policy, views)
                policy = policy.limited(
                    frozenset(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
                )
            due[glob] = policy, comment, tuple(path for each in here for path in each.url.samples)
        return due

    def _in_common(self, glob: str, policy: Policy, views: Sequence["_View"]) -> Policy:
        """Leave out whom another view of the same path does not let in, where the rule could not keep them from it."""
        written = policy
        for view in views:
            if is_same(view.policy, written) or not (view.policy or view.is_simple):
                continue
            is_less = view.policy is None or (policy.has_credentials and not view.policy.has_credentials)
            texts = set() if is_less or view.policy is None else {e.text for e in view.policy.origins.entries}
            kept = [
                e for e in policy.origins.entries if not view.is_simple or "*" in texts or e.text in texts
            ]
            dropped = [entry.text for entry in policy.origins.entries if entry not in kept]
            verbs = ", ".join(view.methods)
            what = f"{glob} has views with different CORS; that of {policy.said} ({policy.place}) is written."
            if dropped:
                what += f" {', '.join(dropped)} is left out: it would get at {verbs}, too."
            why = "a rule is for a path, and browsers ask no permission for GET and POST."
            fix = f"look whether the origins may use {verbs} as well, and add them, or give that view a path of its own"
            self._findings.add(Code.POLICIES_DIFFER, view.served.route.place, what, why=why, fix=fix)
            missing = [f"{view.served.route.place} {what} {fix[:1].upper()}{fix[1:]}."] if dropped else []
            carried = Carried(kept, [*policy.origins.missing, *missing])
            policy = replace(policy, origins=carried)
        return policy

    def _views(self, served: Served) -> list["_View"]:
        """Return the policy of each method of a route; classes may have several."""
        route = served.route
        if route.decorations:
            return [
                _View(
                    served,
                    route.methods,
                    self._decoration(served, route.decorations[0], in_class=False),
                    True,
                )
            ]
        found: list[_View] = []
        for verb in route.methods:
            first = next((each for method, each in route.by_method if method == verb), None)
            policy = (
                self._layers.governing(served.url.samples[0], served.below)
                if first is None
                else self._decoration(served, first, in_class=True)
            )
            found.append(_View(served, (verb,), policy, first is not None))
        return found

    def _decoration(self, served: Served, first: Decoration, *, in_class: bool) -> Policy:
        written = first.options.get("automatic_options")
        preflights = not in_class and (written is None or written.value is not False)
        key = (first, preflights)
        if key not in self._decorated:
            report_unheard(first.options, {}, self._findings)
            shown = ", ".join(option.said for option in first.options.values())
            self._decorated[key] = make_policy(
                effective(first.options, self._app.config.entries, self._layers.mentioned),
                first.place,
                f"@cross_origin({shown})" if len(shown) < 60 else "@cross_origin(…)",
                conditions=served.route.conditions,
                preflights=preflights,
                judge=self._layers.judge,
                findings=self._findings,
            )
        return self._decorated[key]

    def _with_prefixes(
        self,
        entries: dict[str, tuple[Policy | None, str]],
        due: dict[str, tuple[Policy | None, str, tuple[str, ...]]],
    ) -> dict[str, tuple[Policy | None, str]]:
        """Write the routes of a blueprint with CORS as its prefix, where nothing else is below that."""
        carriers = {blueprint for each in self._served for blueprint in each.below if blueprint.applied}
        for blueprint in sorted(carriers, key=lambda each: each.place):
            for prefix in sorted(prefixes(self._app, blueprint)):
                glob = f"{prefix.rstrip('/')}/**"
                inside = [
                    name
                    for name, (_, _, samples) in due.items()
                    if any(takes([glob], path) for path in samples)
                ]
                kinds = [entries[name][0] for name in inside if name in entries]
                is_whole = len(inside) > 1 and len(kinds) == len(inside) and glob != "/**" and "<" not in glob
                if is_whole and all(is_same(kinds[0], one) for one in kinds):
                    comment = f"{blueprint.applied[-1].place} {blueprint.applied[-1].said}"
                    what = f"The {len(inside)} routes of the blueprint {blueprint.name} are written {glob}."
                    self._findings.add(Code.PATH_REWRITTEN, blueprint.applied[-1].place, what)
                    entries = {name: entry for name, entry in entries.items() if name not in inside}
                    entries[glob] = kinds[0], comment
        return entries

    # -- all of them

    def _reachable(self, drafts: list[Draft]) -> list[Draft]:
        """Leave out what earlier rules take whole; it was never reached in Flask-CORS either."""
        while True:
            asked = [
                Rule(name=f"r{number}", place="", paths=tuple(draft.paths))
                for number, draft in enumerate(drafts)
            ]
            hidden = {position for position, _ in shadows(asked)}
            if not hidden:
                return drafts
            for position in hidden:
                policy = drafts[position].policy
                if policy is not None:
                    what = f"{', '.join(drafts[position].paths)} of {policy.said} is left out: earlier rules take all of it."
                    self._findings.add(Code.NEVER_REACHED, policy.place, what)
            drafts = [draft for position, draft in enumerate(drafts) if position not in hidden]

    def _report_idle(self) -> None:
        """Report CORS on blueprints that no route of them ever gets to."""
        for blueprint in {each for served in self._served for each in served.below if each.applied}:
            for applied in blueprint.applied:
                tests = [found.test for found, _ in self._layers.resources(applied)]
                mine = [served for served in self._served if blueprint in served.below]
                if not any(test(path) for test in tests for served in mine for path in served.url.samples):
                    what = f"{applied.said} takes no route of the blueprint {blueprint.name}."
                    why = "resources are compared with the whole path, prefix included."
                    self._findings.add(Code.NO_EFFECT, applied.place, what, why=why)

    def _check_safelisted(self, drafts: Sequence[Draft]) -> None:
        """Report methods that Flask-CORS refused in preflights and no proxy can, because browsers need no permission."""
        for draft in drafts:
            policy = draft.policy
            if policy is None or not policy.headers or not policy.origins.entries:
                continue
            there = {
                method for each in self._served for method in each.route.methods
                if any(takes(draft.paths, path) for path in each.url.samples)
            }  # fmt: skip
            lacking = [method for method in policy.lacking if method in there or not self._served]
            if lacking:
                what = f"methods lacks {' and '.join(lacking)}: Flask-CORS refused preflights for that; browsers count it as always allowed."
                why = "with allow_headers such a request now gets through."
                self._findings.add(
                    Code.SAFELISTED_METHOD,
                    policy.place,
                    what,
                    why=why,
                    fix="remove allow_headers, or let the app refuse",
                )


def _policy_at(drafts: Sequence[Draft], path: str) -> Policy | None:
    return next((draft.policy for draft in drafts if takes(draft.paths, path)), None)


def _sample(glob: str) -> str:
    """Return a path that a pattern takes."""
    return "/" + "/".join(
        "x" if segment == "**" else segment.replace("*", "x") for segment in glob[1:].split("/")
    )


def _overlap(one: str, other: str) -> bool:
    return takes([one], _sample(other)) or takes([other], _sample(one))


def _rank(glob: str) -> tuple[tuple[int, int, str], ...]:
    """The most literal first, segment by segment."""
    return tuple(
        (
            3 if segment == "**" else 2 if segment == "*" else 1 if "*" in segment else 0,
            -len(segment),
            segment,
        )
        for segment in glob[1:].split("/")
    )


def _give_names(drafts: Sequence[Draft]) -> None:
    taken: set[str] = set()
    for draft in drafts:
        glob = next(iter(draft.paths))
        name = re.sub(r"[^A-Za-z0-9]+", "-", glob).strip("-").lower()[:40].strip("-")
        if not name:
            name = "root" if glob == "/" else "everything"
        number, unique = 1, name
        while unique in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(unique)
        draft.name = unique
