"""The whole inquiry: the walk of the page's request, what is asked beside it, and what comes out.

Laws: pure; a generator that yields what is to be sent. What is asked beside changes nothing of the verdict, is
never more than GET, HEAD and OPTIONS, and is said to be no browser's.
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from enum import StrEnum

from corsproxy.bridges.probe.address import Space, host_of, space_of
from corsproxy.bridges.probe.advice import advice
from corsproxy.bridges.probe.browse import Hop, Walk, browse
from corsproxy.bridges.probe.cache import STRANGER, CacheFinding, CachePair, ask_for_caches
from corsproxy.bridges.probe.cookies import Cookie, cookies_of
from corsproxy.bridges.probe.exchange import Answer, Asked, Failure, FailureKind, Sent
from corsproxy.bridges.probe.network import local_network_note, mixed_content_notes
from corsproxy.bridges.probe.readable import Lifetime, Readable, lifetime_of, readable_of
from corsproxy.bridges.probe.server import Server, corsproxy_detail, fault_of, reason_of, rule_of, server_of
from corsproxy.cors.checks import Cause, Check, Step
from corsproxy.cors.consoles import Console, mixed_content, printed, unsendable
from corsproxy.cors.vocabulary import Reason

__all__ = ["Outcome", "Report", "conduct", "inquire", "reason_of_check"]


class Outcome(StrEnum):
    """What became of the page's request."""

    READABLE = "readable"
    PREFLIGHT_PASSED = "preflight_passed"
    NOT_SENT = "not_sent"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything there is to say. `reason` is a reason code of corsproxy's, or the name of what failed.

    `told` is the reason that a corsproxy gives, `rule` the one by which it decides, where it says so. `aside` is the answer to a preflight that no browser
    would have sent, asked to learn why.
    """

    asked: Asked
    outcome: Outcome
    reason: str
    hops: tuple[Hop, ...]
    failure: Failure | None
    failed_at: Sent | None
    readable: Readable | None
    lifetime: Lifetime | None
    cookies: tuple[Cookie, ...]
    cache: CachePair | None
    aside: Answer | None
    server: Server | None
    told: Reason | None
    rule: str
    console: Console | None
    advice: tuple[str, ...]
    notes: tuple[str, ...]


def inquire(asked: Asked, marker: str) -> Generator[Sent, Answer | Failure, Report]:
    """Ask everything. `marker` makes the stranger's address one that no cache has seen."""
    walk = Walk()
    yield from browse(asked, walk)
    aside = yield from _ask_why(walk)
    own = yield from _ask_whose(walk, aside)
    cache = yield from _ask_for_caches(walk, marker)
    return _report(asked, walk, aside, own, cache)


async def conduct(
    inquiry: Generator[Sent, Answer | Failure, Report], send: Callable[[Sent], Awaitable[Answer | Failure]]
) -> Report:
    """Put every request that an inquiry yields on a wire, and hand back what comes."""
    try:
        sent = next(inquiry)
        while True:
            sent = inquiry.send(await send(sent))
    except StopIteration as done:
        report: Report = done.value
        return report


def _ask_why(walk: Walk) -> Generator[Sent, Answer | Failure, Answer | None]:
    """Ask a preflight where a simple request got nothing: its answer often tells why."""
    failed, hop = walk.failed, walk.last
    if failed is None or failed.step is not Step.ORIGIN or hop.preflight is not None:
        return None
    came = yield hop.request.preflight()
    return None if isinstance(came, Failure) else came


def _ask_whose(walk: Walk, aside: Answer | None) -> Generator[Sent, Answer | Failure, Answer | None]:
    """Ask, where something failed, what a corsproxy alone answers with its rule: a preflight of two origins."""
    failed, hop = walk.failed, walk.last
    exchange = hop.actual or hop.preflight
    if failed is None or failed.cause is None or exchange is None or failed.step is Step.REDIRECT:
        return None
    if any(answer and reason_of(answer) for answer in (exchange.answer, aside)):
        return None
    question = hop.request.preflight()
    fields = tuple((n, f"{STRANGER} {STRANGER}" if n == "Origin" else v) for n, v in question.fields)
    came = yield replace(question, fields=fields)
    return came if isinstance(came, Answer) and reason_of(came) else None


def _ask_for_caches(walk: Walk, marker: str) -> Generator[Sent, Answer | Failure, CachePair | None]:
    first = walk.hops[0]
    if first.actual is None or not first.request.is_cors or first.request.method not in {"GET", "HEAD"}:
        return None
    is_refused = len(walk.hops) == 1 and walk.failed is not None and walk.failed.step is Step.ORIGIN
    without = first.request.without_cors()
    return (yield from ask_for_caches(without, first.actual, marker, is_refused=is_refused))


def reason_of_check(check: Check, told: Reason | None = None) -> str:
    """Name why a check failed: the reason that a corsproxy `told`, or the vocabulary's, or the step itself."""
    if check.passed:
        return str(check.reason)
    if told is not None and check.step in {Step.ORIGIN, Step.PREFLIGHT_ORIGIN, Step.PREFLIGHT_STATUS}:
        return str(told)
    is_beyond = check.step is Step.MIXED_CONTENT or check.cause is Cause.PREFLIGHT_STATUS
    return str(check.step if is_beyond else check.reason)


def _report(
    asked: Asked, walk: Walk, aside: Answer | None, own: Answer | None, cache: CachePair | None
) -> Report:
    hop, failed = walk.last, walk.failed
    exchanges = [exchange for each in walk.hops for exchange in (each.preflight, each.actual) if exchange]
    answers = [exchange.answer for exchange in exchanges]
    asking = [*answers[-1:], *([aside] if aside else [])]
    told = next((reason for answer in asking if (reason := reason_of(answer))), None) if failed else None
    server = server_of(*asking, own) or server_of(*answers)
    outcome = _outcome(walk)
    final = hop.actual.answer if outcome is Outcome.READABLE and hop.actual else None
    preflights = [each.preflight.answer for each in walk.hops if each.preflight]
    is_cors, include = hop.request.is_cors, asked.include
    return Report(
        asked=asked,
        outcome=outcome,
        reason=_reason(outcome, walk, told),
        hops=tuple(walk.hops),
        failure=walk.failure,
        failed_at=walk.unanswered,
        readable=readable_of(final, hop.request.method, include=include, is_cors=is_cors) if final else None,
        lifetime=lifetime_of(preflights[-1]) if preflights and outcome is not Outcome.BLOCKED else None,
        cookies=tuple(
            cookie
            for each in walk.hops
            if each.actual
            for cookie in cookies_of(
                each.actual.answer, page=asked.origin, origin=each.request.origin, include=include
            )
        ),
        cache=cache,
        aside=aside,
        server=server,
        told=told,
        rule=next(filter(None, map(rule_of, [*asking, *([own] if own else [])])), ""),
        console=_console(walk, failed),
        advice=(*_past_a_cache(cache), *advice(walk, aside, server)),
        notes=tuple(_notes(walk, answers)),
    )


def _past_a_cache(cache: CachePair | None) -> tuple[str, ...]:
    is_stale = cache is not None and cache.finding is CacheFinding.STALE
    sentence = "Empty the cache before the server, and send Vary: Origin on every answer of this path, also without Origin."
    return (sentence,) if is_stale else ()


def _outcome(walk: Walk) -> Outcome:
    if walk.failure is not None:
        is_tls = walk.failure.kind is FailureKind.TLS
        return Outcome.UNTRUSTED if is_tls else Outcome.UNREACHABLE
    if walk.failed is not None:
        return Outcome.BLOCKED
    if walk.is_withheld:
        return Outcome.PREFLIGHT_PASSED if walk.last.preflight else Outcome.NOT_SENT
    return Outcome.READABLE


def _reason(outcome: Outcome, walk: Walk, told: Reason | None) -> str:
    if walk.failure is not None:
        return str(walk.failure.kind)
    if walk.failed is not None:
        return reason_of_check(walk.failed, told)
    if outcome is Outcome.NOT_SENT:
        return str(outcome)
    return str(Reason.ORIGIN_ALLOWED if walk.last.request.is_cors else Reason.SAME_ORIGIN)


def _console(walk: Walk, failed: Check | None) -> Console | None:
    if failed is None:
        return None
    hop = walk.last
    if failed.step is Step.SENDABLE:
        return unsendable(failed.subject, is_method=len(hop.checks) == 1)
    if failed.step is Step.MIXED_CONTENT:
        # Chrome lets private addresses pass with a permission: there is a note for that.
        is_near = space_of(host_of(hop.request.origin)) is Space.LOCAL
        return None if is_near else mixed_content(hop.request.url, hop.request.page)
    exchange = hop.actual or hop.preflight
    return printed(
        failed,
        hop.request.url,
        hop.request.page,
        status=exchange.answer.status if exchange else 0,
        include=hop.request.include,
        first_url=walk.hops[0].request.url,
        lines=len(exchange.answer.values("access-control-allow-origin")) if exchange else 0,
    )


def _notes(walk: Walk, answers: list[Answer]) -> list[str]:
    notes: list[str] = []
    for hop in walk.hops:
        exchange = hop.actual or hop.preflight
        address = exchange.answer.address if exchange else ""
        notes.append(local_network_note(hop.request.page, hop.request.origin, address))
        notes.append(mixed_content_notes(hop.request.page, hop.request.origin))
        if hop.request.is_tainted:
            notes.append(
                f"A redirect led from one foreign origin to {host_of(hop.request.origin)}: Origin is null."
            )
    notes += [
        f"A corsproxy answers {answer.status} itself, {fault}: {corsproxy_detail(answer)}."
        for answer in answers
        if (fault := fault_of(answer))
    ]
    return list(dict.fromkeys(filter(None, notes)))
