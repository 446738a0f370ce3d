"""What was refused often enough to be somebody's wish, as the smallest edit that grants it.

Laws: exact origins, methods and headers only, never a wildcard, never null. Nothing follows from an odd request:
an origin has to have asked ENOUGH times, from two clients or over a minute, and a method or header of its own
ENOUGH times too. What stays below is listed and nothing more. Every edit was tried: the file with it loads, its
tests pass, and all of what it is for is allowed. Whether to trust an origin is left to who reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from corsproxy.admin.page.questions import encoded, scheme_of
from corsproxy.admin.page.seen import Group
from corsproxy.bridges.probe.cache import STRANGER
from corsproxy.cors.browser import BrowserRequest
from corsproxy.cors.origin import parse_origin
from corsproxy.cors.vocabulary import Kind, Reason

__all__ = ["ENOUGH", "ENOUGH_CLIENTS", "ENOUGH_SECONDS", "Wish", "wishes"]

ENOUGH = 5
ENOUGH_CLIENTS = 2
ENOUGH_SECONDS = 60.0
MOST_PATHS = 3
MOST_QUESTIONS = 12

# What a rule can grant; the other reasons are for the page to mend.
_GRANTABLE = frozenset(
    {
        Reason.ORIGIN_NOT_ALLOWED,
        Reason.WEBSOCKET_ORIGIN_NOT_ALLOWED,
        Reason.NO_RULE_FOR_PATH,
        Reason.METHOD_NOT_ALLOWED,
        Reason.HEADER_NOT_ALLOWED,
        Reason.AUTHORIZATION_NOT_LISTED,
    }
)
# The origin itself is let in; what it asks for is not.
_ABOUT_CONTENT = frozenset(
    {Reason.METHOD_NOT_ALLOWED, Reason.HEADER_NOT_ALLOWED, Reason.AUTHORIZATION_NOT_LISTED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """All that one origin asked of one rule in vain. `questions` is empty where it was too little."""

    origin: str
    rule: str
    place: str
    reasons: tuple[str, ...]
    count: int
    clients: int
    clients_capped: bool
    first: float
    last: float
    methods: Mapping[str, int]
    headers: Mapping[str, int]
    paths: tuple[str, ...]
    host: str
    is_own: bool
    questions: tuple[BrowserRequest, ...]
    missing: str  # why it was too little; "" where it was enough

    @property
    def is_new_origin(self) -> bool:
        """Whether granting it lets an origin in that the rule does not know."""
        return not _ABOUT_CONTENT.issuperset(self.reasons)

    @property
    def seconds(self) -> float:
        """From the first to the last time."""
        return max(self.last - self.first, 0.0)


def wishes(groups: Iterable[Group], hosts: Mapping[str, str]) -> tuple[Wish, ...]:
    """Gather what rules could grant, the most asked for first; `hosts` are those of rules, by name."""
    gathered: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        if group.reason in _GRANTABLE and _may_be_listed(group.origin):
            gathered.setdefault((group.origin, group.rule), []).append(group)
    found = [_wish(several, hosts) for several in gathered.values()]
    return tuple(sorted(found, key=lambda wish: (bool(wish.missing), -wish.count, wish.origin)))


def _may_be_listed(origin: str) -> bool:
    # What ends in dots was cut by the ledger.
    return origin != "null" and not origin.endswith("...") and parse_origin(origin.encode()) is not None


def _wish(groups: list[Group], hosts: Mapping[str, str]) -> Wish:
    newest = max(groups, key=lambda group: group.last)
    wish = Wish(
        origin=newest.origin,
        rule=newest.rule,
        place=newest.place,
        reasons=tuple(sorted({group.reason for group in groups})),
        count=sum(group.count for group in groups),
        # Several groups may be of the same clients: at least as many as the largest has.
        clients=max(group.clients for group in groups),
        clients_capped=any(group.clients_capped for group in groups),
        first=min(group.first for group in groups),
        last=max(group.last for group in groups),
        methods=_sum(group.methods for group in groups),
        headers=_sum(group.headers for group in groups),
        paths=tuple(dict.fromkeys(path for group in groups for path in group.paths)),
        host=hosts.get(newest.rule, "") or next((host for group in groups for host in group.hosts), ""),
        is_own=any(group.is_own for group in groups),
        questions=(),
        missing="",
    )
    if missing := _missing(wish):
        return replace(wish, missing=missing)
    questions = _questions(wish, groups)
    return replace(
        wish,
        questions=questions,
        missing="" if questions else f"no method and no header was asked for {ENOUGH} times",
    )


def _missing(wish: Wish) -> str:
    if wish.origin == STRANGER:
        return "the name that corsproxy probe asks by"
    if wish.is_own:
        return "the server's own name: see public_origins"
    if wish.count < ENOUGH:
        return f"asked {wish.count} of {ENOUGH} times"
    if wish.clients < ENOUGH_CLIENTS and wish.seconds < ENOUGH_SECONDS:
        return "one client, within a minute"
    if not wish.rule and len(wish.paths) > MOST_PATHS:
        return f"{len(wish.paths)} paths without a rule: write one whose path covers them"
    return ""


def _questions(wish: Wish, groups: list[Group]) -> tuple[BrowserRequest, ...]:
    """Ask for each method with all headers that were seen often enough, on each path that needs a rule."""
    is_only_websocket = all(group.kind == Kind.WEBSOCKET for group in groups)
    headers = tuple(sorted(name for name, count in wish.headers.items() if count >= ENOUGH))
    methods = sorted(method for method, count in wish.methods.items() if count >= ENOUGH)
    if not methods and not headers and not wish.is_new_origin:
        return ()
    paths = wish.paths[: 1 if wish.rule else MOST_PATHS] or ("/",)
    several = (
        BrowserRequest(
            origin=wish.origin,
            method="GET" if is_only_websocket else method,
            path=encoded(path),
            scheme=scheme_of(wish.origin, wish.host),
            host=wish.host,
            headers=() if is_only_websocket else headers,
            websocket=is_only_websocket,
        )
        for path in paths
        for method in methods or ["GET"]
    )
    return tuple(islice(several, MOST_QUESTIONS))


def _sum(several: Iterable[Mapping[str, int] | None]) -> dict[str, int]:
    summed: dict[str, int] = {}
    for counts in several:
        for name, count in (counts or {}).items():
            summed[name] = summed.get(name, 0) + count
    return summed
