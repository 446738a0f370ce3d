"""The models' rules into Rules, each checked on its own and against the others.

Laws: a Rule comes out of here whole or not at all; what concerns several rules (names, reach) is
judged over those that came out.
"""

import re
from collections.abc import Sequence

from corsproxy.config.document import Document
from corsproxy.config.filekeys import FileKeys
from corsproxy.config.findings import Findings
from corsproxy.config.merge import MergedRule
from corsproxy.config.names import (
    read_cookies,
    read_exposed,
    read_methods,
    read_request_fields,
    read_response_fields,
    warn_repeated,
)
from corsproxy.config.origins import OriginList, judge_origins, read_origins
from corsproxy.config.paths import faults_of, meant_by, variable_in
from corsproxy.config.problem import Code, KeyPath, spell
from corsproxy.config.reach import shadows
from corsproxy.config.rulekeys import RuleKeys
from corsproxy.cors.rule import Cookies, Origins, Rule

__all__ = ["read_rules"]

_CHROMIUM_KEEPS = 7200  # seconds; WebKit 600, Firefox 86400
_DANGEROUS = {
    "dangerously_allow_null_origin": 'the origin "null" names nobody: any site can have it.',
    "dangerously_allow_insecure_origins": "whoever is on the visitor's network can act as an http:// page.",
    "dangerously_allow_public_suffix": "anyone can register a name below a public suffix.",
}
_HOST = re.compile(r"(?!.*[.-]{2,}$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]")


def read_rules(keys: FileKeys, document: Document, findings: Findings) -> tuple[Rule, ...]:
    """Check all rules; what is returned is only to be used where nothing was refused."""
    reader = _RuleReader(document, findings, frozenset(keys.public_origins))
    names = _names(keys.rules, findings)
    merged = [
        MergedRule(position, names[position], rule, keys.defaults) for position, rule in enumerate(keys.rules)
    ]
    rules = tuple(reader.rule(rule) for rule in merged)
    reader.warn_of_dangers()
    for position, takers in shadows(rules):
        if _is_unread(document, merged[position]) or any(
            _is_unread(document, merged[taker]) for taker in takers
        ):
            continue
        named = ", ".join(f"{rules[taker].name} ({rules[taker].place})" for taker in takers[:3])
        findings.refuse(
            ("rules", position),
            f"The rule {rules[position].name} can never match: {named} takes every path and host of it.",
            why="rules are tried in order, and the first that matches decides.",
            fix="move it up, make the earlier one narrower, or remove it",
            code=Code.RULE_UNREACHABLE,
        )
    return rules


def _is_unread(document: Document, rule: MergedRule) -> bool:
    """Tell whether the path or host of a rule could not be read whole, so that nothing is known of its reach."""
    at = document.original(rule.place)
    return any(
        path[: len(place)] == place
        for path in document.unread
        for place in ((*at, "path"), (*at, "host"), ("defaults", "path"), ("defaults", "host"))
    )


def _names(rules: Sequence[RuleKeys], findings: Findings) -> list[str]:
    names: list[str] = []
    first: dict[str, int] = {}
    for position, rule in enumerate(rules):
        name = rule.name or f"rule-{position + 1}"
        names.append(name)
        if name in first:
            findings.refuse(
                ("rules", position, "name") if rule.name else ("rules", position),
                f"There is another rule named {name}: {spell(('rules', first[name]))}.",
                why="logs and metrics could not tell them apart.",
                fix="give each rule a name of its own",
                code=Code.DUPLICATE,
            )
        first.setdefault(name, position)
    return names


class _RuleReader:
    """Reads rules one by one; lists that come from `defaults:` are read once."""

    def __init__(self, document: Document, findings: Findings, own: frozenset[str]) -> None:
        self._own = own
        self._dangers: dict[tuple[KeyPath, str], bool] = {}  # where a key is on: whether anything needs it
        self._document = document
        self._findings = findings
        self._lists: dict[KeyPath, tuple[OriginList, Origins]] = {}

    def rule(self, rule: MergedRule) -> Rule:
        findings = self._findings
        credentials = bool(rule.value("allow_credentials"))
        paths, origins = self._paths(rule), self._origins(rule)
        self._warn(rule)
        read_methods(rule.value("allow_methods"), rule.path("allow_methods"), findings)
        read_request_fields(rule.value("allow_headers"), rule.path("allow_headers"), findings)
        read_exposed(
            rule.value("expose_headers"), rule.path("expose_headers"), findings, credentials=credentials
        )
        fields = rule.value("response_headers")
        set_fields, remove_fields = (
            read_response_fields(fields, rule.path("response_headers"), findings) if fields else ((), ())
        )
        return Rule(
            name=rule.name,
            place=self._place(rule),
            paths=paths,
            host=self._host(rule),
            origins=origins,
            allow_methods=tuple(dict.fromkeys(rule.value("allow_methods"))),
            allow_headers=tuple(rule.value("allow_headers")),
            expose_headers=tuple(rule.value("expose_headers")),
            allow_credentials=credentials,
            max_age=rule.value("max_age"),
            allow_private_network=rule.value("allow_private_network"),
            preflight_status=rule.value("preflight_status"),
            report=rule.value("mode") == "report",
            block=rule.value("on_disallowed") == "block",
            websocket=rule.value("websocket"),
            cookies=self._cookies(rule, credentials=credentials),
            set_fields=set_fields,
            remove_fields=remove_fields,
        )

    def _place(self, rule: MergedRule) -> str:
        place = self._document.place(self._document.original(rule.place))
        return f"{self._document.file}:{place.line}" if place.line else self._document.file

    def warn_of_dangers(self) -> None:
        """Warn of each dangerous key that is on, once for all the rules that it holds for."""
        for (path, key), is_needed in self._dangers.items():
            if is_needed:
                fix = "remove it, and what needs it, as soon as you can"
                self._findings.warn(path, f"{key} is on.", why=_DANGEROUS[key], fix=fix, code=Code.DANGEROUS)
            else:
                self._findings.warn(
                    path,
                    f"{key} is on, and nothing here needs it.",
                    why="it would let through what somebody adds later.",
                    fix="remove it",
                    code=Code.DANGEROUS_UNNEEDED,
                )

    def _note_dangers(self, rule: MergedRule) -> None:
        found, _ = self._lists.get(rule.path("allow_origins"), (OriginList(), None))
        needs = {
            "dangerously_allow_null_origin": found.null_at is not None,
            "dangerously_allow_insecure_origins": bool(found.insecure) and rule.value("allow_credentials"),
            "dangerously_allow_public_suffix": bool(found.below_suffix),
        }
        for key, is_needed in needs.items():
            if rule.value(key):
                at = (rule.path(key), key)
                self._dangers[at] = self._dangers.get(at, False) or is_needed

    def _warn(self, rule: MergedRule) -> None:
        self._note_dangers(rule)
        max_age = rule.value("max_age")
        if max_age is not None and max_age > _CHROMIUM_KEEPS:
            self._findings.warn(
                rule.path("max_age"),
                "Most browsers keep a preflight's answer for less than this.",
                why="Chromium keeps it for 2h, Safari for 10m; only Firefox for as long as 24h.",
                fix="write 2h, or silence this: it does no harm",
                code=Code.MAX_AGE_CAPPED,
            )
        if rule.value("allow_private_network"):
            self._findings.warn(
                rule.path("allow_private_network"),
                "No current browser asks with Access-Control-Request-Private-Network.",
                why="Local Network Access took its place: a permission that the visitor gives, and no field grants.",
                fix="remove it, unless an old client needs it",
                code=Code.PRIVATE_NETWORK_UNUSED,
            )
        if not rule.value("websocket"):
            self._findings.warn(
                rule.path("websocket"),
                "WebSocket handshakes are not checked.",
                why="browsers make no CORS check for them: any site can open one with the visitor's cookies.",
                fix="remove websocket: false, or see to it that the backend checks Origin",
                code=Code.WEBSOCKET_UNCHECKED,
            )

    def _paths(self, rule: MergedRule) -> tuple[str, ...]:
        written = rule.value("path")
        if written is None:
            if not self._was_unread(rule, "path"):
                self._findings.refuse(
                    rule.place,
                    "path is missing.",
                    fix="write path: /** for every path, or path: /api/**",
                    code=Code.MISSING_KEY,
                )
            return ()
        is_one = isinstance(written, str)
        paths: list[str] = [written] if is_one else written
        warn_repeated(paths, rule.path("path"), self._findings)
        for at, path in enumerate(paths):
            faults = faults_of(path)
            here = rule.path("path") if is_one else (*rule.path("path"), at)
            if faults:
                what = f'"{path}" cannot match as meant: a path {"; it ".join(faults)}.'
                self._findings.refuse(here, what, fix=f"write {meant_by(path)}", code=Code.PATH)
            elif variable := variable_in(path):
                self._findings.warn(
                    here,
                    f"{variable} stands for itself here: only an address with these very letters matches.",
                    why="in the routes of Express and others it is a variable; here * is one segment, ** any number.",
                    fix=f"write {meant_by(path)}",
                    code=Code.PATH_VARIABLE,
                )
        return tuple(dict.fromkeys(paths))

    def _host(self, rule: MergedRule) -> str | None:
        host = rule.value("host")
        if host is not None and not _HOST.fullmatch(host):
            meant = host.partition("://")[2] or host
            meant = meant.partition("/")[0].lower().rstrip(".")
            meant = re.sub(r":[0-9]*$", "", meant)
            self._findings.refuse(
                rule.path("host"),
                f'"{host}" is not a host name: it is written in lower case, without scheme, port or *.',
                fix=f"write {meant}" if _HOST.fullmatch(meant) else "write it as in api.example.com",
                code=Code.HOST,
            )
        return str(host) if host is not None else None

    def _origins(self, rule: MergedRule) -> Origins:
        entries = rule.value("allow_origins")
        path = rule.path("allow_origins")
        if entries is None:
            if not self._was_unread(rule, "allow_origins"):
                self._findings.refuse(
                    rule.place,
                    "allow_origins is missing.",
                    fix="write allow_origins: [https://app.example.com], or [] to let nobody in",
                    code=Code.MISSING_KEY,
                )
            return Origins()
        if path not in self._lists:
            found = read_origins(entries, path, self._findings)
            self._lists[path] = found, found.origins()
            self._warn_of_own(found)
        found, origins = self._lists[path]
        judge_origins(found, rule, self._findings)
        return origins

    def _warn_of_own(self, found: OriginList) -> None:
        for origin in self._own & found.exact_at.keys():
            self._findings.warn(
                found.exact_at[origin],
                f"{origin} is one of public_origins: its requests count as same-origin and get no CORS field.",
                fix="remove it here; or there, if its pages are not served through this proxy",
                code=Code.ORIGIN_OWN,
            )

    def _was_unread(self, rule: MergedRule, key: str) -> bool:
        unread = self._document.unread
        at = self._document.original(rule.place)
        return not unread.isdisjoint({(*at, key), (*at, "<<"), ("defaults", key), ("defaults", "<<")})

    def _cookies(self, rule: MergedRule, *, credentials: bool) -> Cookies | None:
        cookies = rule.value("cookies")
        if cookies is None:
            return None
        return read_cookies(cookies, rule.path("cookies"), self._findings, credentials=credentials)
