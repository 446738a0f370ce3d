"""One client: sends what it asks for piece by piece, reads or does not, leaves when it likes, and judges what it gets.

Laws: the answers come in the order of the requests, each once; each is the backend's to that request, byte for byte, or
one that the proxy may make, or is cut so that it shows.
"""

from random import Random

from tests.simulation.answers import Answer
from tests.simulation.link import Link
from tests.simulation.messages import Reading, fields
from tests.simulation.requests import Request, marked, refused

__all__ = ["Client"]

_FAULTS = (408, 413, 502, 503, 504)


class Client:
    """One connection's client."""

    def __init__(
        self,
        link: Link,
        requests: list[Request],
        answers: dict[bytes, Answer],
        random: Random,
        *,
        longest: int,
    ) -> None:
        self.link = link
        self.requests = list(requests)
        self.statuses: list[int] = []  # of the answers that came whole
        self._answers = answers
        self._random = random
        self._longest = longest
        self._at = 0
        self._offset = 0
        self._reading: Reading | None = None
        self.is_reading = True
        self.is_impatient = random.random() < 0.3
        # It speaks through the tunnel before it is there.
        self.is_eager = requests[-1].is_upgrade and random.random() < 0.4
        self.has_ended = False  # it has said that it will send no more
        self.has_left = False
        self.saw_end = False
        self.is_over = False  # an answer said that the connection closes
        self.partial: bytes | None = None  # the head, as far as it came, of an answer that was cut
        self.is_tunnel = False
        self.heard = bytearray()  # through a tunnel
        self.up = marked(b"up-" + requests[-1].mark, random.choice((0, 10, 100, 400)))
        self.up_sent = 0
        self._tunnel: Answer | None = None

    # --- what it does --------------------------------------------------------------------------

    @property
    def has_sent_all(self) -> bool:
        return self._at == len(self.requests) and not (self.is_tunnel and self.up_sent < len(self.up))

    @property
    def tunnel_heard_all(self) -> bool:
        """Whether all that the backend has sent through the tunnel has come."""
        answer = self._tunnel
        return answer is not None and len(self.heard) == max(0, answer.posted - answer.head_size)

    @property
    def is_served(self) -> bool:
        return len(self.statuses) == len(self.requests)

    @property
    def can_send(self) -> bool:
        if self.has_ended or self.has_left or self.saw_end:
            return False
        if self._at == len(self.requests):
            is_eager = self.is_eager and not self.is_served
            return (self.is_tunnel or is_eager) and self.up_sent < len(self.up)
        request = self.requests[self._at]
        if self._offset == 0:
            return not request.awaits or len(self.statuses) == self._at
        if request.expects and self._offset == len(request.head) and not self.is_impatient:
            return len(self.statuses) > self._at or self._was_told_to_go_on()
        return True

    @property
    def _last_method(self) -> bytes:
        return self.requests[len(self.statuses) - 1].method

    def _was_told_to_go_on(self) -> bool:
        return len(self.statuses) == self._at and self._reading is not None and bool(self._reading.interims)

    def send(self) -> bytes:
        """Send the next piece; return it."""
        size = self._random.randint(1, self._longest)
        if self._at == len(self.requests):
            piece = self.up[self.up_sent : self.up_sent + size]
            self.up_sent += len(piece)
            self.link.peer_posts(piece)
            return piece
        text = b""
        while len(text) < size and self.can_send and self._at < len(self.requests):
            request = self.requests[self._at]
            until = self._offset + size - len(text)
            if request.expects and self._offset < len(request.head) and not self.is_impatient:
                until = min(until, len(request.head))
            piece = request.text[self._offset : until]
            text += piece
            self._offset += len(piece)
            if self._offset == len(request.text):
                self._at, self._offset = self._at + 1, 0
        self.link.peer_posts(text)
        return text

    def end(self) -> None:
        """Say that nothing more will come."""
        self.has_ended = True
        self.link.peer_posts(b"")

    def leave(self, *, by_reset: bool) -> None:
        self.has_left = True
        self.link.peer_leaves(by_reset=by_reset)

    # --- what it gets --------------------------------------------------------------------------

    @property
    def can_take(self) -> bool:
        return not self.has_left and (bool(self.link.unread) or (self.link.sees_end and not self.saw_end))

    def take(self, most: int) -> None:
        """Read some of what has come, or the end."""
        data = self.link.peer_takes(most)
        if not data:
            self._see_end()
            return
        if self.is_tunnel:
            self._hear(data)
            return
        while data:
            if self.is_over and self.statuses[-1] == 408 and self._last_method == b"HEAD":
                return  # where the head never came nobody knows that it was to be HEAD
            assert not self.is_over, f"{self.link.address}: bytes after an answer that closes: {data!r}"
            if self.is_served and self.is_eager and self.up_sent:
                self.requests.append(
                    refused(self.requests[-1].mark)
                )  # what was meant for the tunnel is no request
            assert not self.is_served, "an answer that nobody asked for"
            request = self.requests[len(self.statuses)]
            if self._reading is None:
                was_asked = len(self.statuses) < self._at or self._offset or self.is_eager
                assert was_asked, "an answer to what was not yet asked"
                self._reading = Reading(request.method)
            data = self._reading.feed(data)
            self._judge(request, self._reading)
            if self._reading.is_whole:
                self._finish(request, self._reading)
                if self.is_tunnel:
                    self._hear(data)
                    return

    def _finish(self, request: Request, reading: Reading) -> None:
        self.statuses.append(reading.status)
        self.is_over = fields(reading.head, b"connection") == [b"close"] or (
            reading.ends_with_connection or (request.minor == 0 and b"keep-alive" not in reading.head)
        )
        self._reading = None
        if reading.status == 101:
            assert request.is_upgrade
            self.is_tunnel = True
            self._tunnel = self._answers[fields(reading.head, b"x-serial")[0]]

    def _hear(self, data: bytes) -> None:
        self.heard += data
        assert self._tunnel is not None
        assert self._tunnel.body.startswith(bytes(self.heard)), (
            "a tunnel's bytes are not those that were sent"
        )

    def _see_end(self) -> None:
        self.saw_end = True
        reading = self._reading
        if reading is None:
            return
        if not self.link.sees_reset:
            reading.ended()
        if reading.is_whole:
            self._judge(self.requests[len(self.statuses)], reading)
            self._finish(self.requests[len(self.statuses)], reading)
        elif reading.has_begun:
            self.partial = reading.head

    def _judge(self, request: Request, reading: Reading) -> None:
        """Hold that what came so far belongs to the answer of this request."""
        assert request.minor or not reading.interims, "HTTP/1.0 knows no interim answers"
        for head in (*reading.interims, reading.head):
            for value in fields(head, b"set-cookie"):
                assert value == b"of=" + request.mark, "somebody else's cookie"
            for value in fields(head, b"x-serial"):
                assert value.partition(b"#")[0] == request.mark, "the answer to another request"
        if not reading.head:
            return
        serials = fields(reading.head, b"x-serial")
        if not serials:
            self._judge_own(request, reading)
            return
        answer = self._answers[serials[0]]
        assert not request.own_status, "forwarded, and should not have been"
        assert reading.status == answer.status
        assert answer.body.startswith(bytes(reading.body)), "a body that is not the backend's"
        if reading.is_whole and answer.status != 101:
            assert answer.sent_whole, "whole, where the backend's answer was not"
            body = answer.body[: answer.posted - answer.head_size] if answer.is_until_close else answer.body
            assert bytes(reading.body) == body, "whole, with a part of the body"

    def _judge_own(self, request: Request, reading: Reading) -> None:
        if request.own_status:
            assert reading.status in (request.own_status, 408), (request, reading.status)
        else:
            assert reading.status in _FAULTS, (request, reading.head)
        if reading.status >= 400:
            assert fields(reading.head, b"content-type") == [b"application/problem+json"]
            if reading.is_whole and request.method != b"HEAD":
                assert b'"status": %d' % reading.status in reading.body
