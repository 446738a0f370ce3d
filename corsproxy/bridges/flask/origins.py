"""The origins that Flask-CORS lets in, as entries of `allow_origins`.

Laws: an entry never lets in what the old one did not; both are run on the same origins to see that. What browsers never send is
not repaired but told, with what was probably meant. What `corsproxy check` refuses is never written: it is asked, entry by entry.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from corsproxy.bridges.flask.findings import Code, Findings, Place
from corsproxy.bridges.flask.objects import Option
from corsproxy.bridges.flask.options import DEFAULT, is_regex
from corsproxy.bridges.flask.patterns import Open, Pieces, Reading, Untranslatable, read
from corsproxy.bridges.flask.values import Unknown, place_of
from corsproxy.config.lookalike import is_local
from corsproxy.config.problem import Problem
from corsproxy.config.regexes import UnsupportedSyntax, templates, variations
from corsproxy.config.suffixes import owner
from corsproxy.cors.origin import parse_origin
from corsproxy.cors.pattern import OriginMatcher, wildcard_faults
from corsproxy.cors.rule import Origins
from corsproxy.cors.spelling import canonical_origin, origin_faults

__all__ = ["Carried", "Entry", "admitted", "carry_origins", "matcher_of", "tightened"]

_EVERYTHING = frozenset({"*", ".*", "^.*$", "^.*", ".*$", ".*?", ".+", "^.+$", "^.*?$", "(.*)", "^(.*)$"})
_FILL = "write the origins that you trust under allow_origins"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: an origin, one with `*`, or a regular expression; and what its comment says."""

    text: str
    comment: str
    is_regex: bool = False


@dataclass(slots=True)
class Carried:
    """What the origins came to; `missing` says what a person has to fill in."""

    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    _known: set[tuple[str, bool]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._known.update((entry.text, entry.is_regex) for entry in self.entries)

    def add(self, entry: Entry) -> None:
        """Add an entry, once."""
        key = (entry.text, entry.is_regex)
        if key not in self._known:
            self._known.add(key)
            self.entries.append(entry)


Judge = Callable[[Entry, bool], Sequence[Problem]]


def carry_origins(option: Option, *, credentials: bool, judge: Judge, findings: Findings) -> Carried:
    """Carry the `origins` option over."""
    return _Carrier(option, credentials, judge, findings).carry()


class _Carrier:
    def __init__(self, option: Option, credentials: bool, judge: Judge, findings: Findings) -> None:
        self._option = option
        self._credentials = credentials
        self._judge = judge
        self._findings = findings
        self._carried = Carried()

    def carry(self) -> Carried:
        value = self._option.value
        items = list(value) if isinstance(value, (list, tuple, dict)) else [value]
        everything = [item for item in items if isinstance(item, str) and item in _EVERYTHING]
        others = [item for item in items if item not in everything] if everything else items
        if everything and not self._credentials:
            self._carried.add(Entry("*", self._comment(everything[0])))
            for item in others:
                what = f"{_shown(item)} stands beside {everything[0]!r}, which lets everybody in: left out."
                self._findings.add(Code.REDUNDANT, self._place(item), what)
            return self._carried
        if everything:
            self._any_with_credentials(everything[0])
        for item in others:
            self._one(item)
        return self._carried

    def _one(self, item: object) -> None:
        if isinstance(item, Unknown):
            self._unknown(item)
        elif isinstance(item, re.Pattern) and isinstance(item.pattern, str):
            self._regex(item.pattern, item.flags & (re.IGNORECASE | re.VERBOSE), item)
        elif isinstance(item, str) and is_regex(item):
            self._regex(item, re.IGNORECASE, item)
        elif isinstance(item, str):
            self._literal(item)
        else:
            what = f"{_shown(item)} is no origin: no browser ever sent it, and nothing was let in by it."
            self._lose(Code.ORIGIN_NEVER_MATCHED, item, what, _FILL)

    def _place(self, item: object) -> Place:
        return place_of(item, self._option.place)

    def _comment(self, item: object) -> str:
        place = self._place(item)
        if self._option.said == DEFAULT:
            return DEFAULT
        if place == self._option.place or not place.file:
            return f"{self._option.place} {self._option.said}".strip()
        return f"{place} for {self._option.said.partition('=')[0]} at {self._option.place}"

    def _lose(
        self, code: Code, item: object, what: str, fix: str, *, why: str = "", let_in: tuple[str, ...] = ()
    ) -> None:
        self._findings.add(code, self._place(item), what, why=why, fix=fix, let_in=let_in)
        self._carried.missing.append(f"{self._place(item)} {what} {fix[:1].upper()}{fix[1:]}.")

    def _any_with_credentials(self, item: str) -> None:
        self._lose(
            Code.ANY_WITH_CREDENTIALS,
            item,
            f"origins {item!r} with supports_credentials: Flask-CORS hands every site its own origin back, with credentials.",
            "list the origins of your own pages, as in https://app.example.com or http://localhost:3000",
            why="any site could read with the visitor's cookies; corsproxy refuses that combination.",
            let_in=("https://evil.example",),
        )

    def _unknown(self, item: Unknown) -> None:
        maybe = f" It may be {' or '.join(item.maybe)}." if item.maybe else ""
        fix = (
            "set it in the environment or in .env and import again, or "
            if "environment variable" in item.why
            else ""
        )
        what = f"An origin is {item.why}: not known without running the app.{maybe}"
        self._lose(Code.ORIGIN_UNKNOWN, item, what, fix + _FILL)

    def _literal(self, item: str) -> None:
        lower = item.casefold()
        if lower == "null":
            self._lose(
                Code.ORIGIN_NULL,
                item,
                "null is not carried over: it lets in sandboxed frames and local files of anybody.",
                'remove it, or add "null" and dangerously_allow_null_origin: true (never with credentials)',
            )
            return
        faults = origin_faults(lower)
        if faults:
            self._never_matched(item, lower, faults)
            return
        self._add(Entry(lower, self._comment(item)), item)

    def _never_matched(self, item: str, lower: str, faults: tuple[str, ...]) -> None:
        parts = [part.strip() for part in lower.split(",") if part.strip()]
        meant = [canonical_origin(part) for part in parts]
        known = [text for text in meant if text]
        what = f"{str(item)!r} never matched: an origin {'; it '.join(faults)}."
        if len(parts) > 1:
            what = f"{item!r} is one text, which Flask-CORS compares as a whole: it never matched."
        is_known = bool(known) and len(known) == len(parts) and all(map(self._is_fine, known))
        fix = f"add {' and '.join(known)} if that is meant" if is_known else _FILL
        self._lose(Code.ORIGIN_NEVER_MATCHED, item, what, fix)

    def _is_fine(self, text: str) -> bool:
        """Tell whether what is suggested would not be refused."""
        return not self._judge(Entry(text, ""), self._credentials)

    def _add(self, entry: Entry, item: object) -> bool:
        is_plain = entry.text.startswith("https://") and not entry.is_regex and "*" not in entry.text
        # A list of ten thousand is not asked one by one about what nothing is ever said against.
        problems = () if is_plain else self._judge(entry, self._credentials)
        for problem in problems:
            self._lose(Code.ORIGIN_REFUSED, item, problem.what, problem.fix, why=problem.why)
        if not problems:
            self._carried.add(entry)
        return not problems

    # -- regular expressions

    def _regex(self, pattern: str, flags: int, item: object) -> None:
        try:
            old = re.compile(pattern, flags)
            reading = read(pattern, flags, dots=True)
        except (re.error, OverflowError) as fault:
            what = f"{pattern!r} is no regular expression ({fault}): Flask-CORS does not start with it."
            self._lose(Code.REGEX_UNSUPPORTED, item, what, _FILL)
            return
        except Untranslatable as fault:
            what = f"{pattern!r} has {fault}, for which linear-time expressions have no word."
            self._lose(Code.REGEX_UNSUPPORTED, item, what, _FILL)
            return
        if reading.is_slow:
            what = f"{pattern!r} repeats what repeats: it may take exponential time, and is not tried here."
            self._lose(Code.REGEX_UNSUPPORTED, item, what, _FILL)
            return
        entries, problems = self._choose(pattern, reading, old, item)
        examples = _let_in(old, entries, reading.text)
        if not entries:
            self._give_up(pattern, problems, item, examples)
            return
        for entry in entries:
            self._carried.add(entry)
        if examples:
            written = ", ".join(entry.text for entry in entries)
            self._findings.add(
                Code.REGEX_TIGHTENED,
                self._place(item),
                f"{pattern!r} is carried over as {written}, which must match the whole origin.",
                why="Flask-CORS compares only the beginning (re.match), and a dot that is not escaped is any character.",
                fix="add what is missing, if one of these is yours",
                let_in=examples,
            )

    def _choose(
        self, pattern: str, reading: Reading, old: re.Pattern[str], item: object
    ) -> tuple[list[Entry], Sequence[Problem]]:
        """Take the plainest way to write the expression that lets in no more than it, and is not refused."""
        problems: Sequence[Problem] = ()
        for texts, is_expression in tightened(pattern, reading):
            entries = [Entry(text, self._comment(item), is_expression) for text in texts]
            if not entries or not _is_within(entries, old):
                continue
            refused = [problem for entry in entries for problem in self._judge(entry, self._credentials)]
            if not refused:
                return entries, ()
            kept = [entry for entry in entries if not self._judge(entry, self._credentials)]
            if kept and not is_expression:
                for problem in refused:
                    self._lose(Code.ORIGIN_REFUSED, item, problem.what, problem.fix, why=problem.why)
                return kept, ()
            problems = problems or refused
        return [], problems

    def _give_up(
        self, pattern: str, problems: Sequence[Problem], item: object, examples: tuple[str, ...]
    ) -> None:
        meant = canonical_origin(pattern.casefold(), wildcards=True) if "*" in pattern else None
        if meant and not wildcard_faults(meant):
            is_fine = self._is_fine(meant)
            self._lose(
                Code.ORIGIN_NEVER_MATCHED,
                item,
                f"{pattern!r} is a regular expression to Flask-CORS, and does not match what it looks like.",
                f"write {meant} if that is meant" if is_fine else _FILL,
                why="a * repeats the character before it.",
                let_in=examples,
            )
            return
        why = problems[0].what if problems else "nothing that a browser sends matches it as a whole."
        fix = problems[0].fix if problems else _FILL
        self._lose(
            Code.ORIGIN_REFUSED, item, f"{pattern!r} cannot be carried over.", fix, why=why, let_in=examples
        )


def tightened(pattern: str, reading: Reading) -> Iterator[tuple[list[str], bool]]:
    """Yield ways to write an expression, the plainest first: origins, or one expression (then True)."""
    glob = pattern.casefold()
    if "*" in glob and not wildcard_faults(glob):
        yield [glob], False
    plain = [_plain(pieces, reading) for pieces in reading.alternatives or ()]
    found = [text for texts in plain for text in texts or ()]
    if found and None not in plain:
        yield list(dict.fromkeys(found)), False
    yield [reading.text], True
    for narrower in ("[a-z0-9-]+", "[a-z0-9-]*"):
        text = re.sub(r"(?<!\\)\.[*+]", narrower, reading.text)
        if text != reading.text:
            yield [text], True


def _plain(pieces: Pieces, reading: Reading) -> list[str] | None:
    """Write one alternative as origins, with `*` for sub-domains or the port; []: no browser sends it; None: it cannot."""
    if len(pieces) == 1 and isinstance(pieces[0], str):
        text = pieces[0]
        if origin_faults(text):
            return []
        host = text.partition("://")[2]
        return [f"{text}:*" if not reading.is_anchored and is_local(host) else text]
    match pieces:
        case (str(scheme), Open(kind="any") as gap, str(rest)) if scheme.endswith("://"):
            return _below([scheme], gap, rest)
        case (Open(kind="any") as gap, str(rest)):
            return _below(["https://", "http://"], gap, rest)
    return None


def _below(schemes: Sequence[str], gap: Open, rest: str) -> list[str] | None:
    """Write what ends in a host: its sub-domains, and itself where nothing has to stand before it."""
    host = rest.removeprefix(".")
    found = [f"{scheme}*.{host}" for scheme in schemes]
    if host == rest and gap.least == 0:
        found = [text for scheme in schemes for text in (f"{scheme}{host}", f"{scheme}*.{host}")]
    is_spelled = not any(origin_faults(f"{scheme}{host}") for scheme in schemes)
    return found if is_spelled and not any(wildcard_faults(text) for text in found if "*" in text) else None


def matcher_of(entries: Sequence[Entry]) -> OriginMatcher:
    """Make the matcher that the proxy will have of them."""
    return OriginMatcher(
        Origins(
            any=any(e.text == "*" for e in entries),
            exact=tuple(e.text for e in entries if not e.is_regex and "*" not in e.text),
            wildcards=tuple(e.text for e in entries if not e.is_regex and "*" in e.text[1:]),
            regexes=tuple(e.text for e in entries if e.is_regex),
        )
    )


def _samples(entry: Entry) -> list[str]:
    """Return origins that an entry may let in."""
    if entry.is_regex:
        try:
            return [text for template in templates(entry.text) for text in variations(template)]
        except UnsupportedSyntax:
            return []
    head, colon, _ = entry.text.rpartition(":")
    bases = [head, f"{head}:8080", f"{head}:1"] if entry.text.endswith(":*") and colon else [entry.text]
    return [base.replace("*", filling) for base in bases for filling in ("app", "a", "x1", "a-b")] + [
        base.replace("*.", f"{filling}.") for base in bases for filling in ("a.b", "x.y.z") if "//*." in base
    ]


def admitted(entries: Sequence[Entry]) -> list[str]:
    """Return origins that the entries let in."""
    try:
        matcher = matcher_of(entries)
    except ValueError:
        return []
    found = [text for entry in entries for text in _samples(entry)]
    return [text for text in dict.fromkeys(found) if matcher.allows(text.encode())]


def _is_within(entries: Sequence[Entry], old: re.Pattern[str]) -> bool:
    """Tell whether the entries let in nothing that the old expression did not, as far as trying shows."""
    return all(old.match(text) for text in admitted(entries))


def _let_in(old: re.Pattern[str], entries: Sequence[Entry], strict: str) -> tuple[str, ...]:
    """Return origins of somebody else that the old expression let in and the entries do not; three at most."""
    matcher = matcher_of(entries)
    others = admitted([Entry(strict, "", is_regex=True)])
    meant = admitted(entries) or sorted(others, key=len)[:1] or ["https://app.example.com"]
    own = {owner(_host(text)) for text in meant}
    found: dict[str, None] = {}
    everybody = ("https://evil.example", "http://evil.example")
    for candidate in [*everybody, *_look_alikes(meant[0]), *_spelled(old.pattern), *others]:
        parsed = parse_origin(candidate.encode())
        is_name = parsed is not None and b"" not in parsed.host.split(b".")
        if is_name and old.match(candidate) and not matcher.allows(candidate.encode()):
            found[candidate] = None
    foreign = [text for text in found if owner(_host(text)) not in own]
    return tuple([*foreign, *(text for text in found if text not in foreign)][:3])


def _look_alikes(origin: str) -> Iterator[str]:
    yield f"{origin}.evil.example"
    yield f"{origin}evil.example"
    scheme, _, host = origin.partition("://")
    for at, character in enumerate(host):
        if character == ".":
            yield f"{scheme}://{host[:at]}x{host[at + 1 :]}"
            yield f"{scheme}://x{host[at + 1 :]}"
    yield f"{scheme}://evil{host}"
    yield f"{scheme}://evil-{host}"
    yield f"{origin}:1"


def _spelled(pattern: str) -> list[str]:
    """Return what an expression spells where its open places are filled with a letter."""
    filled = re.sub(
        r"\\([^a-zA-Z0-9])", r"\1", re.sub(r"(?<!\\)\.[*+]?|\[[^]]*\][*+]?", "x", pattern.strip("^$"))
    )
    return [filled.replace("/*x", "/x"), filled.replace("*", ""), filled.replace("?", "")]


def _host(origin: str) -> str:
    parsed = parse_origin(origin.encode())
    return parsed.host.decode() if parsed else origin


def _shown(item: object) -> str:
    return repr(str(item)) if isinstance(item, str) else item.why if isinstance(item, Unknown) else repr(item)
