"""The sections of the page as values: what each shows, put together from the ledger and the rules in force.

Laws: pure but for asking the rules; no HTML. Every list has a bound, and what was left out is counted. Stories and
edits are found until `is_late`; what comes after gets a link that asks, so that a flood of refusals cannot hold the
desk.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from corsproxy.admin.page.applied import Applied
from corsproxy.admin.page.questions import link, of_difference, of_group, of_recent
from corsproxy.admin.page.seen import Difference, Group, Ledger, Recent, RuleUse
from corsproxy.admin.page.suggestions import Wish, wishes
from corsproxy.bridges.told import Told
from corsproxy.config.edit import Edit
from corsproxy.config.mend import Mending

__all__ = [
    "MOST_CARDS",
    "MOST_ROWS",
    "Card",
    "Linked",
    "Suggested",
    "Suggestion",
    "Totals",
    "Usage",
    "cards",
    "differences",
    "recent",
    "suggested",
    "totals",
    "usage",
]

MOST_CARDS = 30
MOST_ROWS = 25
# Before both are past, that a rule decided nothing says nothing about it.
IDLE_SECONDS = 600.0
IDLE_REQUESTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Refusals of one origin by one rule for one reason, with their story. `told` is None where it was late."""

    key: str
    origin: str
    rule: str
    place: str
    reason: str
    count: int
    first: float
    last: float
    clients: int
    clients_capped: bool
    kinds: tuple[tuple[str, int], ...]
    methods: tuple[tuple[str, int], ...]
    headers: tuple[tuple[str, int], ...]
    paths: tuple[str, ...]
    is_own: bool
    told: Told | None
    link: str

    @property
    def is_mended(self) -> bool:
        """Whether the rules have changed since, so that the same is allowed now."""
        return self.told is not None and self.told.story.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What an origin wishes, and the edit that grants it; without one, what stood in the way."""

    wish: Wish
    edit: Edit | None
    mending: Mending
    shares_cookies: bool
    link: str


@dataclass(frozen=True, slots=True)
class Linked:
    """Something that happened, and where it is explained."""

    seen: Recent | Difference
    link: str


@dataclass(frozen=True, slots=True)
class Totals:
    """How many cross-origin requests came out how; `tried` would be refused by a rule in report mode."""

    allowed: int = 0
    refused: int = 0
    tried: int = 0

    @property
    def all(self) -> int:
        """Every cross-origin request."""
        return self.allowed + self.refused + self.tried


_NOT_CORS = frozenset({"not_cors", "same_origin"})
_GRANTED = frozenset({"origin_allowed", "no_origin", "same_origin"})


def totals(decisions: Iterable[Sequence[object]]) -> Totals:
    """Add up the counters: rows of kind, reason, whether the rule reports, and count."""
    allowed = refused = tried = 0
    for kind, reason, is_report, count in decisions:
        if kind in _NOT_CORS or not isinstance(count, int):
            continue
        if reason in _GRANTED:
            allowed += count
        elif is_report:
            tried += count
        else:
            refused += count
    return Totals(allowed, refused, tried)


def cards(
    ledger: Ledger, applied: Applied, is_late: Callable[[], bool], *, report: bool
) -> tuple[list[Card], int]:
    """Give the refusals, or with `report` those that would be, the most counted first; and how many are left out."""
    gathered: dict[tuple[str, str, str], list[Group]] = {}
    for group in ledger.refusals:
        if group.report is report:
            gathered.setdefault((group.origin, group.rule, group.reason), []).append(group)
    ordered = sorted(
        gathered.values(), key=lambda several: (-sum(g.count for g in several), several[0].origin)
    )
    hosts = _hosts(applied)
    shown = [_card(several, applied, hosts, is_late) for several in ordered[:MOST_CARDS]]
    return shown, len(ordered) - len(shown)


def _card(
    several: list[Group], applied: Applied, hosts: Mapping[str, str], is_late: Callable[[], bool]
) -> Card:
    most = max(several, key=lambda group: group.count)
    request = of_group(most, hosts.get(most.rule, ""))
    return Card(
        key=f"{most.origin}|{most.rule}|{most.reason}",
        origin=most.origin,
        rule=most.rule,
        place=most.place,
        reason=most.reason,
        count=sum(group.count for group in several),
        first=min(group.first for group in several),
        last=max(group.last for group in several),
        clients=max(group.clients for group in several),
        clients_capped=any(group.clients_capped for group in several),
        kinds=_added((group.kind, group.count) for group in several),
        methods=_added(pair for group in several for pair in (group.methods or {}).items()),
        headers=_added(pair for group in several for pair in (group.headers or {}).items()),
        paths=tuple(dict.fromkeys(path for group in several for path in group.paths))[:8],
        is_own=any(group.is_own for group in several),
        told=None if is_late() else applied.ask(request),
        link=link(request),
    )


@dataclass(frozen=True, slots=True)
class Suggested:
    """What was asked often enough, with its edit; what was not; and how many edits are still to be found."""

    found: list[Suggestion]
    rare: list[Wish]
    waiting: int


def suggested(ledger: Ledger, applied: Applied, is_late: Callable[[], bool]) -> Suggested:
    """Sort what rules could grant; what is allowed by now is left out."""
    found: list[Suggestion] = []
    rare: list[Wish] = []
    waiting = 0
    cookies = {rule.name: rule.allow_credentials for rule in applied.settings.rules}
    for wish in wishes(ledger.refusals, _hosts(applied)):
        if not wish.questions:
            rare.append(wish)
        elif len(found) < MOST_CARDS and not all(map(applied.is_allowed, wish.questions)):
            granted = applied.edit_for(wish.questions, is_late)
            if granted is None:
                waiting += 1
                continue
            found.append(
                Suggestion(
                    wish=wish,
                    edit=granted.edit,
                    mending=granted.mending,
                    shares_cookies=wish.is_new_origin and cookies.get(wish.rule, False),
                    link=link(wish.questions[0]),
                )
            )
    return Suggested(found, rare[:MOST_ROWS], waiting)


def recent(ledger: Ledger) -> list[Linked]:
    """Give the last refusals and faults."""
    return [Linked(seen, link(of_recent(seen))) for seen in ledger.recent[:MOST_ROWS]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What the rules decided since counting began; `idle` are those that decided none of it."""

    seconds: float
    requests: int
    idle: list[RuleUse]


def usage(ledger: Ledger) -> Usage:
    """Say for how long and how often rules were asked; none is idle yet where that was too little."""
    seconds = max(ledger.now - ledger.since, 0.0) if ledger.since else 0.0
    requests = ledger.without_rule + sum(rule.matched for rule in ledger.rules)
    is_enough = seconds >= IDLE_SECONDS and requests >= IDLE_REQUESTS
    return Usage(seconds, requests, [rule for rule in ledger.rules if is_enough and not rule.matched])


def differences(ledger: Ledger) -> list[Linked]:
    """Give what the candidate decides differently."""
    if ledger.candidate is None:
        return []
    return [Linked(seen, link(of_difference(seen))) for seen in ledger.candidate.differences[:MOST_ROWS]]


def _hosts(applied: Applied) -> dict[str, str]:
    return {rule.name: rule.host or "" for rule in applied.settings.rules}


def _added(pairs: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    summed: dict[str, int] = {}
    for name, count in pairs:
        summed[name] = summed.get(name, 0) + count
    return tuple(sorted(summed.items(), key=lambda pair: (-pair[1], pair[0])))
