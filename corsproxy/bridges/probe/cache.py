"""What a cache between browser and server would do: three answers to one address, by their Origin.

Laws: compares what came without Origin, with the page's and with a stranger's; the stranger asks with a query of its
own, so that no cache on the way keeps an answer that was made for it. Nothing with cookies is ever sent as a stranger.
https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from enum import StrEnum

from corsproxy.bridges.probe.exchange import Answer, Exchange, Failure, Sent

__all__ = ["STRANGER", "CacheFinding", "CachePair", "ask_for_caches"]

STRANGER = "https://probe.corsproxy.invalid"
_MARK = "corsproxy-probe"
_ORIGIN = "access-control-allow-origin"


class CacheFinding(StrEnum):
    """What three answers show."""

    STALE = "stale"
    NONE_FOR_ALL = "none_for_all"
    SAME_FOR_ALL = "same_for_all"
    VARIES = "varies"
    NOT_STORED = "not_stored"
    MISSING_VARY = "missing_vary"
    ONE_CONSTANT = "one_constant"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True)
class CachePair:
    """The answers by Origin, and what they show. `reflects`: a stranger was named; `trusts`: with credentials too.

    `lacking` says which of the answers lack `Vary: Origin`.
    """

    without: Answer
    own: Answer
    stranger: Answer | None
    finding: CacheFinding
    lacking: tuple[str, ...]
    reflects: bool
    trusts: bool
    age: str | None


def ask_for_caches(
    without: Sent, own: Exchange, marker: str, *, is_refused: bool
) -> Generator[Sent, Answer | Failure, CachePair | None]:
    """Ask without Origin and as a stranger; None where no answer comes.

    `is_refused`: the browser keeps the answer from the page; then it is asked for once more, past all caches.
    """
    first = yield without
    came = yield _as_a_stranger(own.sent, marker)
    if isinstance(first, Failure):
        return None
    is_comparable = isinstance(came, Answer) and came.status == own.answer.status
    pair = _judge(first, own.answer, came if isinstance(came, Answer) and is_comparable else None)
    if is_refused:
        fresh = yield replace(own.sent, url=_past_caches(own.sent.url, marker))
        if isinstance(fresh, Answer) and fresh.value(_ORIGIN) in {_origin_of(own.sent), "*"}:
            return replace(pair, finding=CacheFinding.STALE)
    return pair


def _origin_of(sent: Sent) -> str:
    return next((value for name, value in sent.fields if name == "Origin"), "")


def _past_caches(url: str, marker: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{_MARK}={marker}"


def _as_a_stranger(own: Sent, marker: str) -> Sent:
    fields = tuple(
        (name, STRANGER if name == "Origin" else f"{STRANGER}/" if name == "Referer" else value)
        for name, value in own.fields
        if name.lower() not in {"cookie", "authorization", "sec-fetch-site"}
    )
    return replace(own, url=_past_caches(own.url, f"{marker}0"), fields=fields)


def _judge(without: Answer, own: Answer, stranger: Answer | None) -> CachePair:
    asked = {"without Origin": without, "with the page's": own} | (
        {"with a stranger's": stranger} if stranger else {}
    )
    said = {name: answer.value(_ORIGIN) for name, answer in asked.items()}
    lacking = tuple(name for name, answer in asked.items() if not varies_by_origin(answer))
    reflects = stranger is not None and stranger.value(_ORIGIN) == STRANGER
    trusts = (
        reflects and stranger is not None and stranger.value("access-control-allow-credentials") == "true"
    )
    return CachePair(
        without=without,
        own=own,
        stranger=stranger,
        finding=_finding(without, own, set(said.values()), lacking),
        lacking=lacking,
        reflects=reflects,
        trusts=trusts,
        age=own.value("age"),
    )


def _finding(without: Answer, own: Answer, said: set[str | None], lacking: tuple[str, ...]) -> CacheFinding:
    if without.status != own.status:
        return CacheFinding.INCOMPARABLE
    if said == {None}:
        return CacheFinding.NONE_FOR_ALL
    if said == {"*"}:
        return CacheFinding.SAME_FOR_ALL
    if len(said) == 1:
        return CacheFinding.ONE_CONSTANT
    if not lacking:
        return CacheFinding.VARIES
    return CacheFinding.NOT_STORED if _is_never_stored(without, own) else CacheFinding.MISSING_VARY


def varies_by_origin(answer: Answer) -> bool:
    """Tell whether caches keep answers to different origins apart."""
    listed = {name.strip().lower() for name in (answer.value("vary") or "").split(",")}
    return bool(listed & {"origin", "*"})


def _is_never_stored(*answers: Answer) -> bool:
    return all(
        "no-store" in {each.strip().lower() for each in (answer.value("cache-control") or "").split(",")}
        for answer in answers
    )
