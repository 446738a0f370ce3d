"""What was decided, as values: the ledger's JSON, read once, so that the rest need not fear a missing key.

Laws: unknown keys are passed over and missing ones are empty, for keys are only ever added there. Texts are as a
client sent them, bounded and made printable by the ledger; whoever shows them escapes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, TypeVar

__all__ = [
    "BackendFields",
    "Candidate",
    "Cookie",
    "Difference",
    "Group",
    "Ledger",
    "Recent",
    "RuleUse",
    "Side",
]

_T = TypeVar("_T", bound="_Entry")


class _Entry:
    """A dataclass that is read from an object of the JSON by its own names."""

    @classmethod
    def of(cls, raw: Any) -> Self:
        """Read one object; a value of another type than the default's is passed over."""
        raw = raw if isinstance(raw, Mapping) else {}
        kept: dict[str, Any] = {}
        for field in fields(cls):  # type: ignore[arg-type]
            value = raw.get(field.name)
            if isinstance(field.default, float) and isinstance(value, int | float):
                kept[field.name] = float(value)
            elif type(value) is type(field.default):
                kept[field.name] = value
            elif isinstance(field.default, tuple) and isinstance(value, list):
                kept[field.name] = tuple(map(str, value))
            elif field.default is None and isinstance(value, Mapping):
                kept[field.name] = dict(value)
        return cls(**kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent(_Entry):
    """One refusal, or one fault of ours."""

    time: float = 0.0
    origin: str = ""
    method: str = ""
    path: str = ""
    host: str = ""
    kind: str = ""
    action: str = ""
    reason: str = ""
    rule: str = ""
    place: str = ""
    status: int = 0
    report: bool = False
    request_id: str = ""
    requested_method: str = ""
    requested_headers: tuple[str, ...] = ()
    fault: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(_Entry):
    """What one origin was told by one rule for one reason, counted. `method` is that of what was allowed."""

    origin: str = ""
    rule: str = ""
    place: str = ""
    reason: str = ""
    kind: str = ""
    action: str = ""
    method: str = ""
    report: bool = False
    count: int = 0
    first: float = 0.0
    last: float = 0.0
    clients: int = 0
    clients_capped: bool = False
    methods: Mapping[str, int] | None = None
    headers: Mapping[str, int] | None = None
    paths: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, raw: Any) -> "Group":
        """Read one object; the hosts stand beside the paths of its `requests`."""
        group = super(Group, cls).of(raw)
        requests = raw.get("requests") if isinstance(raw, Mapping) else None
        at = (place for one in requests or () if isinstance(one, Mapping) for place in one.get("at") or ())
        hosts = (place.get("host") for place in at if isinstance(place, Mapping))
        return replace(group, hosts=tuple(dict.fromkeys(host for host in hosts if isinstance(host, str))))

    @property
    def is_own(self) -> bool:
        """Whether the origin is a name that the server itself was called by."""
        return self.origin.partition("://")[2] in self.hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleUse(_Entry):
    """A rule of the running file, and how often it decided."""

    name: str = ""
    place: str = ""
    mode: str = ""
    on_disallowed: str = ""
    matched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendFields(_Entry):
    """CORS fields that the backend sent by itself."""

    rule: str = ""
    place: str = ""
    fields: tuple[str, ...] = ()
    count: int = 0
    last: float = 0.0
    path: str = ""
    report: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie(_Entry):
    """A cookie that browsers will drop, by its name."""

    rule: str = ""
    place: str = ""
    name: str = ""
    why: str = ""
    count: int = 0
    last: float = 0.0
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side(_Entry):
    """What one of two policies said."""

    rule: str = ""
    place: str = ""
    reason: str = ""
    action: str = ""
    report: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A request that the live policy and the candidate decide differently."""

    origin: str
    method: str
    path: str
    kind: str
    change: str
    count: int
    last: float
    live: Side
    candidate: Side
    requested_method: str
    requested_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The policy beside the live one."""

    file: str
    sha256: str
    compared: int
    differs: int
    forgotten: int
    problems: tuple[str, ...]
    other_keys: tuple[str, ...]  # of the file beside the rules, which differ and are not compared
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that was decided, as far as it is remembered."""

    now: float
    since: float
    recent: tuple[Recent, ...]
    refusals: tuple[Group, ...]
    left_out: int  # refusals that were too many to be told
    allowed: tuple[Group, ...]
    forgotten: int
    rules: tuple[RuleUse, ...]
    without_rule: int
    backend_fields: tuple[BackendFields, ...]
    cookies: tuple[Cookie, ...]
    candidate: Candidate | None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Ledger":
        """Read the document that `/decisions` gives."""
        return cls(
            now=_number(raw.get("now")),
            since=_number(raw.get("since")),
            recent=_all(Recent, raw.get("recent")),
            refusals=_all(Group, raw.get("refusals")),
            left_out=int(_number(raw.get("refusals_left_out"))),
            allowed=_all(Group, raw.get("allowed")),
            forgotten=int(_number(raw.get("forgotten"))),
            rules=_all(RuleUse, raw.get("rules")),
            without_rule=int(_number(raw.get("without_rule"))),
            backend_fields=_all(BackendFields, raw.get("backend_cors")),
            cookies=_all(Cookie, raw.get("cookies")),
            candidate=_candidate(raw.get("candidate")),
        )


def _all(kind: type[_T], raw: Any) -> tuple[_T, ...]:
    return tuple(kind.of(one) for one in raw) if isinstance(raw, Sequence) else ()


def _number(raw: Any) -> float:
    return float(raw) if isinstance(raw, int | float) else 0.0


def _candidate(raw: Any) -> Candidate | None:
    if not isinstance(raw, Mapping):
        return None
    return Candidate(
        file=str(raw.get("file", "")),
        sha256=str(raw.get("sha256", "")),
        compared=int(_number(raw.get("compared"))),
        differs=int(_number(raw.get("differs"))),
        forgotten=int(_number(raw.get("forgotten"))),
        problems=tuple(map(_problem, raw.get("problems") or ())),
        other_keys=tuple(map(str, raw.get("differs_in") or ())),
        differences=tuple(map(_difference, raw.get("differences") or ())),
    )


def _problem(raw: Any) -> str:
    if not isinstance(raw, Mapping):
        return str(raw)
    place = raw.get("place") or f"{raw.get('file', '')}:{raw.get('line', 0)}:{raw.get('column', 0)}"
    return " ".join(filter(None, (str(place), str(raw.get("what", "")), str(raw.get("fix", "")))))


def _difference(raw: Mapping[str, Any]) -> Difference:
    asked = Recent.of(raw)
    return Difference(
        origin=asked.origin,
        method=asked.method,
        path=asked.path,
        kind=asked.kind,
        change=str(raw.get("change") or ""),
        count=int(_number(raw.get("count"))),
        last=_number(raw.get("last")),
        live=Side.of(raw.get("live")),
        candidate=Side.of(raw.get("candidate")),
        requested_method=asked.requested_method,
        requested_headers=asked.requested_headers,
    )
