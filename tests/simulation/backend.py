"""The backend: one actor a connection, and the witness of what may be sent over it.

Laws: the witness sees each byte in the order in which the proxy wrote and read it, whenever the actor gets to see it. A
connection is fit for another request only by the eighth law of the wire: request whole, answer whole, nobody said close,
no byte unasked.
"""

import asyncio
from collections.abc import Callable
from random import Random

from tests.simulation.answers import END, RESET, Answer, Moods, draw_answer
from tests.simulation.link import Link, Traits
from tests.simulation.messages import Reading, fields
from tests.simulation.requests import Request

__all__ = ["Attempt", "Backend", "BackendLink"]


class Attempt:
    """One time that a request was sent."""

    def __init__(self, link: "BackendLink", *, is_fresh: bool) -> None:
        self.link = link
        self.is_fresh = is_fresh
        self.sent = Reading()
        self.request: Request | None = None
        self.answer: Reading | None = None
        self.answered_early = False
        self.has_heard = False  # a byte of an answer was read by the proxy
        self.has_failed = False  # the connection ended, or was answered by what is no answer


class BackendLink(Link):
    """A connection to the backend, with its witness."""

    def __init__(
        self, protocol: asyncio.Protocol, traits: Traits, began: Callable[[Attempt], Request | None]
    ) -> None:
        self.attempts: list[Attempt] = []
        self.is_fit = True
        self.is_tunnel = False
        self.tunnel_said = bytearray()
        self._began = began
        super().__init__(protocol, "127.0.0.1", traits)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked, nor anything on its way."""
        return self.is_fit and bool(self.attempts) and not self.has_due

    def noted_write(self, data: bytes) -> None:
        if self.is_tunnel:
            self.tunnel_said += data
            return
        while data:
            if not self.attempts or self.attempts[-1].sent.is_whole:
                assert self.is_fit, "a request over a connection that may not be used again"
                self.attempts.append(Attempt(self, is_fresh=not self.attempts))
                self.is_fit = False
            attempt = self.attempts[-1]
            data = attempt.sent.feed(data)
            if attempt.request is None and attempt.sent.head:
                attempt.request = self._began(attempt)
                assert attempt.request is not None, "a request that nobody made"
                attempt.answer = Reading(attempt.request.method)
            if attempt.request is not None:
                body = bytes(attempt.sent.body)
                assert attempt.request.body.startswith(body), "a body that is not the client's"
                if attempt.sent.is_whole:
                    assert attempt.request.body == body, "a body that was cut looks whole"
            assert not data, "a request before the last one was answered"

    def noted_read(self, data: bytes) -> None:
        attempt = self.attempts[-1] if self.attempts else None
        if self.is_tunnel:
            return
        if not data:
            self.is_fit = False
            if attempt is not None and not (attempt.answer and attempt.answer.is_whole):
                attempt.has_failed = True
            return
        if attempt is None or attempt.answer is None or self.is_fit or attempt.answer.is_whole:
            self.is_fit = False
            if attempt is not None:
                attempt.has_heard = True
            return
        attempt.has_heard = True
        self._hear(attempt, attempt.answer, data)

    def _hear(self, attempt: Attempt, answer: Reading, data: bytes) -> None:
        had_head = bool(answer.head)
        try:
            rest = answer.feed(data)
        except ValueError:
            attempt.has_failed = True
            return
        if answer.head and not had_head:
            attempt.answered_early = not attempt.sent.is_whole
            if answer.status == 101:
                is_asked = attempt.request is not None and attempt.request.is_upgrade
                self.is_tunnel = is_asked and fields(answer.head, b"upgrade") == [b"websocket"]
                attempt.has_failed = not self.is_tunnel
                return
        if not answer.is_whole:
            return
        assert attempt.request is not None
        was_told_100 = any(head[9:12] == b"100" for head in answer.interims)
        self.is_fit = (
            not rest
            and not attempt.answered_early
            and attempt.sent.is_whole
            and (was_told_100 or not attempt.request.expects)
            and (not attempt.request.body or not self._held)
            and fields(answer.head, b"connection") != [b"close"]
        )

    def _end(self, why: Exception | None) -> None:
        self.is_fit = False
        if why is not None and self.attempts:
            attempt = self.attempts[-1]
            attempt.has_failed = attempt.has_failed or not (attempt.answer and attempt.answer.is_whole)
        super()._end(why)


class Backend:
    """What reads and answers at the other end of one connection."""

    def __init__(self, link: BackendLink, random: Random, moods: Moods, answers: dict[bytes, Answer]) -> None:
        self.link = link
        self._random = random
        self.moods = moods
        self._answers = answers
        self._reading = Reading()
        self._request: Request | None = None
        self._attempt: Attempt | None = None
        self.answer: Answer | None = None
        self.heard = bytearray()  # of a tunnel
        self.is_tunnel = False
        self._served = 0

    @property
    def can_take(self) -> bool:
        return bool(self.link.unread) and not self.link.peer_has_left

    def take(self, most: int) -> None:
        """Read some of what has come."""
        data = self.link.peer_takes(most)
        if self.is_tunnel:
            self.heard += data
            return
        while data:
            data = self._reading.feed(data)
            if self._reading.head and self._request is None:
                self._receive()
            if data:
                self._next()

    def _receive(self) -> None:
        attempt = self.link.attempts[self._served]
        assert attempt.request is not None
        self._attempt = attempt
        self._request = attempt.request
        serial = b"%b#%d" % (attempt.request.mark, len(self._answers))
        self.answer = draw_answer(self._random, attempt.request, serial, self.moods)
        self._answers[serial] = self.answer

    def _next(self) -> None:
        self._served += 1
        self._reading = Reading()
        self._request = None

    @property
    def can_say(self) -> bool:
        answer = self.answer
        if answer is None or not answer.steps or answer.is_silent or self.link.peer_has_left:
            return False
        asks = answer.posted < answer.asks_for
        return answer.is_early or asks or self._reading.is_whole or self.is_tunnel

    def say(self) -> bytes:
        """Do the next step of the answer; return it."""
        answer = self.answer
        assert answer is not None
        step = answer.steps.pop(0)
        if step is END or step is RESET:
            answer.end = step
            self.link.peer_leaves(by_reset=step is RESET)
        else:
            if answer.posted >= answer.size > 0 and not self.is_tunnel:
                if self._attempt is self.link.attempts[-1]:
                    self.link.peer_adds(step)
            else:
                self.link.peer_posts(step)
            answer.posted += len(step)
            if answer.status == 101 and answer.posted >= answer.head_size and not self.is_tunnel:
                self.is_tunnel = True
        if not answer.steps and not self.is_tunnel:
            self.answer = None
            if self._reading.is_whole:
                self._next()
        return step

    def calm_down(self) -> None:
        """Answer well from now on, and finish what was begun."""
        if self.answer is not None:
            self.answer.is_silent = False
            self.answer.is_early = True
