"""Flask-CORS's options as the keys of a rule: who may ask, with what, and what is not the same.

Laws: a policy grants no more than the options did. What is not known is left out and told; nothing is repaired silently. Which
paths a policy is for is decided in `rules`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from corsproxy.bridges.flask.choices import truth
from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.objects import Option
from corsproxy.bridges.flask.options import DEFAULT, is_regex
from corsproxy.bridges.flask.origins import Carried, Judge, carry_origins
from corsproxy.bridges.flask.values import Unknown
from corsproxy.config.names import is_token
from corsproxy.cors.vocabulary import FORBIDDEN_METHODS

__all__ = ["Key", "Policy", "is_same", "make_policy"]

_ANY_HEADER = frozenset({"*", ".*", "^.*$", ".*?", ".+", "^.+$"})
_LONGEST_AGE = 86400


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a rule, and what its comment says."""

    name: str
    value: object
    comment: str


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """What the options of one place come to. `place` and `said` are that place's."""

    place: Place
    said: str
    origins: Carried = field(default_factory=Carried)
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    keys: tuple[
        Key, ...
    ] = ()  # the others: expose_headers, allow_credentials, max_age, allow_private_network
    method_comment: str = ""
    header_comment: str = ""
    lacking: tuple[str, ...] = ()  # safelisted methods that preflights were refused for

    def grants(self) -> tuple[object, ...]:
        """Return what the policy grants beside its origins, to be compared with another's."""
        return (frozenset(self.methods), self.headers, tuple((key.name, str(key.value)) for key in self.keys))

    @property
    def has_credentials(self) -> bool:
        """Tell whether pages may send cookies and read."""
        return any(key.name == "allow_credentials" for key in self.keys)

    def limited(self, methods: frozenset[str]) -> "Policy":
        """Return the policy for a route that only has these methods."""
        kept = tuple(method for method in self.methods if method in methods)
        comment = (
            self.method_comment if kept == self.methods else f"{self.method_comment}, as the view has them"
        )
        return replace(self, methods=kept, method_comment=comment)

    def with_origins(self, other: "Policy") -> "Policy":
        """Return the policy with another's origins added."""
        entries = [*self.origins.entries]
        both = Carried(entries, [*self.origins.missing, *other.origins.missing])
        for entry in other.origins.entries:
            both.add(entry)
        return replace(self, origins=both)


def is_same(one: Policy | None, other: Policy | None) -> bool:
    """Tell whether two policies come to the same."""
    if one is other:
        return True
    if one is None or other is None:
        return False
    entries = [{(entry.text, entry.is_regex) for entry in policy.origins.entries} for policy in (one, other)]
    return (
        entries[0] == entries[1]
        and one.grants() == other.grants()
        and one.origins.missing == other.origins.missing
    )


def make_policy(
    options: Mapping[str, Option],
    place: Place,
    said: str,
    *,
    conditions: Sequence[Unknown],
    preflights: bool,
    judge: Judge,
    findings: Findings,
) -> Policy:
    """Turn options into a policy; without `preflights` only simple requests get through, as from such a view."""
    reader = _Reader(options, findings)
    credentials = reader.flag("supports_credentials")
    origins = options["origins"]
    if not origins.place.file:
        origins = replace(origins, place=place)
    if conditions:
        quiet = carry_origins(origins, credentials=credentials, judge=judge, findings=Findings())
        would = ", ".join(entry.text for entry in quiet.entries) or "nobody that is known"
        reader.conditional(conditions, place, said, would)
        told = f"{place} {said} holds only if {conditions[-1].why}. If it does, write {would}."
        carried = Carried(missing=[told])
    else:
        carried = carry_origins(origins, credentials=credentials, judge=judge, findings=findings)
    methods = reader.methods() if preflights else ()
    headers = reader.headers() if preflights and methods is not None else ()
    keys = [
        *reader.exposed(credentials=credentials),
        *([Key("allow_credentials", True, _comment(options["supports_credentials"]))] if credentials else []),
        *reader.max_age(),
    ]
    if reader.flag("allow_private_network"):
        keys.append(Key("allow_private_network", True, _comment(options["allow_private_network"])))
    reader.report_always(place)
    without = "no preflight of this view gets through"
    return Policy(
        place=place,
        said=said,
        origins=carried,
        methods=methods or (),
        lacking=tuple(method for method in ("GET", "POST") if methods and method not in methods),
        headers=headers,
        keys=tuple(keys),
        method_comment=_comment(options["methods"]) if preflights else without,
        header_comment=_comment(options["allow_headers"]) if preflights else without,
    )


def _comment(option: Option) -> str:
    return f"{option.place} {option.said}".strip() if option.place.file else option.said


class _Reader:
    def __init__(self, options: Mapping[str, Option], findings: Findings) -> None:
        self._options = options
        self._findings = findings

    def conditional(self, conditions: Sequence[Unknown], place: Place, said: str, would: str) -> None:
        """Report what only holds on a condition."""
        why = conditions[-1].why
        what = (
            f"{said} holds only if {why}: not known without running the app, so nobody is let in by its rule."
        )
        fix = f"write its origins under allow_origins if it is to hold: {would}"
        self._findings.add(Code.CONDITION, place, what, fix=fix)

    def _unknown(self, key: str, value: Unknown, instead: str) -> None:
        option = self._options[key]
        what = f"{key} is {value.why}: not known without running the app. {instead}"
        fix = f"write {_KEYS[key]} in the YAML"
        self._findings.add(
            Code.OPTION_UNKNOWN, value.place if value.place.file else option.place, what, fix=fix
        )

    def flag(self, key: str) -> bool:
        option = self._options[key]
        known = truth(option.value)
        if known is None:
            value = option.value if isinstance(option.value, Unknown) else Unknown("not plain", option.place)
            self._unknown(key, value, "It is taken to be off.")
        if isinstance(option.value, str) and known and option.value.lower() in {"false", "0", "no", "off"}:
            what = (
                f"{key} is the text {str(option.value)!r}, which Python takes for true: so it was on, and is."
            )
            self._findings.add(
                Code.VALUE, option.place, what, fix=f"remove {_KEYS[key]} if it was meant to be off"
            )
        return bool(known)

    def _listed(self, key: str, instead: str) -> list[str]:
        """Return a list option as Flask-CORS writes it out: joined with commas, and read by browsers at the commas."""
        option = self._options[key]
        value = option.value
        if isinstance(value, Unknown):
            self._unknown(key, value, instead)
            return []
        items = list(value) if isinstance(value, (list, tuple, dict)) else [] if value is None else [value]
        found: list[str] = []
        for item in items:
            if isinstance(item, Unknown):
                self._unknown(key, item, "It is left out.")
            else:
                found += [part.strip() for part in str(item).split(",") if part.strip()]
        return list(dict.fromkeys(found))

    def methods(self) -> tuple[str, ...] | None:
        """Return the methods; None where no preflight ever got through."""
        option = self._options["methods"]
        found = [
            method.upper() for method in self._listed("methods", "Only GET, HEAD and POST are let through.")
        ]
        wrong = [method for method in found if not is_token(method)]
        if wrong or found == ["*"]:
            shown = ", ".join(wrong or found)
            what = f"methods has {shown!r}, which Flask-CORS and browsers compare as it stands: no preflight got through."
            fix = "write allow_methods, as in [GET, POST, PUT]"
            self._findings.add(Code.METHOD, option.place, what, fix=fix)
            return None
        if not found and not isinstance(option.value, Unknown):
            what = "methods is empty: no preflight got through."
            self._findings.add(
                Code.METHOD, option.place, what, fix="write allow_methods, as in [GET, POST, PUT]"
            )
            return None
        for method in found:
            if method.encode() in FORBIDDEN_METHODS:
                what = f"{method} is left out: no page can send it."
                self._findings.add(Code.NO_EFFECT, option.place, what)
        return tuple(method for method in found if method.encode() not in FORBIDDEN_METHODS)

    def headers(self) -> tuple[str, ...]:
        option = self._options["allow_headers"]
        value = option.value
        if isinstance(value, Unknown):
            self._unknown("allow_headers", value, "None beyond the safelisted is let through.")
            return ()
        items = list(value) if isinstance(value, (list, tuple, dict)) else [value]
        if any(isinstance(item, str) and item in _ANY_HEADER for item in items):
            return ("*", "Authorization")
        found: list[str] = []
        for item in items:
            if isinstance(item, Unknown):
                self._unknown("allow_headers", item, "It is left out.")
            elif isinstance(item, re.Pattern) or is_regex(str(item)):
                shown = getattr(item, "pattern", item)
                what = f"allow_headers has the regular expression {shown!r}; names are compared here as they stand."
                self._findings.add(
                    Code.HEADER, option.place, what, fix='name the headers that pages send, or write "*"'
                )
            elif is_token(str(item)):
                found.append(str(item))
            else:
                what = f"allow_headers has {str(item)!r}, which Flask-CORS compares as one name: it was never let through."
                parts = [part.strip() for part in str(item).split(",") if is_token(part.strip())]
                fix = f"add {', '.join(parts)} if that is meant" if parts else "name the headers, one by one"
                self._findings.add(Code.HEADER, option.place, what, fix=fix)
        return tuple(dict.fromkeys(found))

    def exposed(self, *, credentials: bool) -> list[Key]:
        option = self._options["expose_headers"]
        kept: list[str] = []
        for name in self._listed("expose_headers", "Nothing more is exposed."):
            useless = name.lower() in {"set-cookie", "set-cookie2"} or (name == "*" and credentials)
            if useless or not is_token(name):
                why = "browsers never show that to scripts" if useless else "it is no name of a header"
                what = f"expose_headers has {name!r}, which is left out: {why}."
                fix = "name the headers" if name == "*" else ""
                self._findings.add(Code.NO_EFFECT, option.place, what, fix=fix)
            else:
                kept.append(name)
        return [Key("expose_headers", kept, _comment(option))] if kept else []

    def max_age(self) -> list[Key]:
        option = self._options["max_age"]
        value = option.value
        if value is None:
            return []
        if isinstance(value, Unknown):
            self._unknown("max_age", value, "It is left out: browsers keep a preflight for 5 s.")
            return []
        if isinstance(value, timedelta):
            value = int(value.total_seconds())
            text = str(value)
        elif not value:
            what = f"max_age={value!r} was never sent by Flask-CORS, and is left out: browsers keep a preflight for 5 s."
            self._findings.add(Code.VALUE, option.place, what, fix="write max_age: 0 if none is to be kept")
            return []
        else:
            text = str(value).strip()
        if not re.fullmatch(r"-1|[0-9]{1,9}", text):
            what = f"max_age={value!r} is no number of seconds; browsers do not understand it, and it is left out."
            self._findings.add(Code.VALUE, option.place, what)
            return []
        if int(text) > _LONGEST_AGE:
            what = f"max_age={text} is more than any browser keeps a preflight for; 86400 is written."
            self._findings.add(Code.VALUE, option.place, what)
        return [Key("max_age", min(int(text), _LONGEST_AGE), _comment(option))]

    def report_always(self, place: Place) -> None:
        """Report what cannot be switched off here, where somebody did."""
        for key, what in _ALWAYS.items():
            option = self._options[key]
            if option.said != DEFAULT and truth(option.value) is False:
                self._findings.add(
                    Code.ALWAYS, option.place if option.place.file else place, f"{option.said}: {what}"
                )


_KEYS = {
    "supports_credentials": "allow_credentials: true",
    "allow_private_network": "allow_private_network: true",
    "methods": "allow_methods",
    "allow_headers": "allow_headers",
    "expose_headers": "expose_headers",
    "max_age": "max_age",
    "origins": "allow_origins",
}
_ALWAYS = {
    "vary_header": "Vary: Origin is always sent where the answer depends on the origin.",
    "always_send": "a rule that is plain * always says so; the others answer only to an Origin.",
    "intercept_exceptions": "errors carry the fields that the origin is due.",
}
