"""Recorded decisions over another policy: what would come out otherwise, and how often that was asked.

Laws: pure; the policy itself decides, nothing is decided here. A recorded request is asked as it was: own
origins called by their own scheme, others by the other one, because only that says which they were. What was
decided is compared by its kind, reason, action and mode, and by whether credentials are granted where that is
known; the names of rules make no difference, and are shown. The same policy over its own record changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from corsproxy.cors.comparison import Change, change_between
from corsproxy.cors.policy import Decision, Policy
from corsproxy.cors.vocabulary import Action, Kind, Reason
from corsproxy.observe.ledger_told import outcome_of

__all__ = ["Effect", "Outcome", "Place", "Recorded", "Recording", "Replayed", "replay"]


class Outcome(NamedTuple):
    """What was decided, or would be; `reason` and `credentials` are None where nobody knows."""

    rule: str
    place: str
    kind: Kind
    reason: Reason | None
    action: Action
    report: bool
    is_refusal: bool
    credentials: bool | None = None


class Place(NamedTuple):
    """One address that was asked for. `by_browser`: the browser itself called it same-origin."""

    host: bytes
    path: bytes
    by_browser: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Requests that were alike, and what was decided on them; `places` has the count of each, None where unknown."""

    origin: bytes
    method: bytes
    request_method: bytes | None = None
    request_headers: bytes | None = None
    before: Outcome
    count: int
    places: Mapping[Place, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Everything that was recorded. Times are Unix time, 0.0 where nothing says; `notes` are sentences for people."""

    requests: tuple[Recorded, ...]
    first: float = 0.0
    last: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Effect:
    """What would change for one origin and method; `count` is the most it can be where not `is_exact`."""

    change: Change
    origin: bytes
    method: bytes
    before: Outcome
    after: Outcome
    count: int = 0
    is_exact: bool = True
    request_headers: dict[bytes, None] = field(default_factory=dict)
    paths: dict[bytes, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """All effects, the most counted first; `unchanged` are requests that nobody would notice a change of."""

    effects: tuple[Effect, ...]
    unchanged: int
    total: int


class _Asked(NamedTuple):
    method: bytes
    path: bytes
    origin: bytes | None
    request_method: bytes | None
    request_headers: bytes | None
    sec_fetch_site: bytes | None
    is_websocket: bool
    request_private_network: bool = False


def replay(policy: Policy, requests: Iterable[Recorded]) -> Replayed:
    """Ask the policy for everything that was recorded."""
    effects: dict[tuple[object, ...], Effect] = {}
    total = changed = 0
    for recorded in requests:
        total += recorded.count
        outcomes: dict[Outcome, list[tuple[Place, int | None]]] = {}
        for place, count in recorded.places.items():
            outcomes.setdefault(_after(policy, recorded, place), []).append((place, count))
        for after, places in outcomes.items():
            if _is_same(recorded.before, after):
                continue
            effect = _effect(effects, recorded, after)
            count, is_exact = _count(recorded, [count for _, count in places], is_all=len(outcomes) == 1)
            effect.count += count
            effect.is_exact &= is_exact
            effect.paths |= dict.fromkeys(place.path for place, _ in places)
            if recorded.request_headers is not None:
                effect.request_headers[recorded.request_headers] = None
            changed += count
    ordered = sorted(effects.values(), key=lambda one: (-one.count, one.origin, one.method))
    return Replayed(effects=tuple(ordered), unchanged=max(total - changed, 0), total=total)


def _after(policy: Policy, recorded: Recorded, place: Place) -> Outcome:
    kind = recorded.before.kind
    scheme = recorded.origin.partition(b"://")[0]
    if kind is not Kind.SAME_ORIGIN:
        scheme = b"http" if scheme == b"https" else b"https"
    asked = _Asked(
        recorded.method,
        place.path,
        recorded.origin,
        recorded.request_method,
        recorded.request_headers,
        b"same-origin" if place.by_browser else None,
        kind is Kind.WEBSOCKET,
    )
    return _outcome(policy.decide(asked, scheme, place.host), recorded.before)


def _outcome(decision: Decision, before: Outcome) -> Outcome:
    told = Outcome(*outcome_of(decision))
    return told if before.credentials is not None else told._replace(credentials=None)


def _is_same(before: Outcome, after: Outcome) -> bool:
    return before[2:] == after[2:]


def _count(recorded: Recorded, counts: list[int | None], *, is_all: bool) -> tuple[int, bool]:
    """Say how many requests these places stand for, and whether that is known."""
    if is_all:
        return recorded.count, True
    known = [count for count in counts if count is not None]
    return (sum(known), True) if len(known) == len(counts) else (recorded.count, False)


def _effect(effects: dict[tuple[object, ...], Effect], recorded: Recorded, after: Outcome) -> Effect:
    is_preflight = recorded.before.kind is Kind.PREFLIGHT and recorded.request_method is not None
    method = recorded.request_method or b"" if is_preflight else recorded.method
    before = recorded.before
    key = recorded.origin, method, before, after
    if key not in effects:
        effects[key] = Effect(
            change=change_between(
                before.is_refusal and not before.report, after.is_refusal and not after.report
            ),
            origin=recorded.origin,
            method=method,
            before=before,
            after=after,
        )
    return effects[key]
