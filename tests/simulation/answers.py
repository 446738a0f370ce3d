"""What a backend answers to one request: whole, in any framing, or broken in one of many ways.

Laws: each answer has a serial number of its own, which stands in its head and all over its body.
"""

from dataclasses import dataclass, field
from random import Random

from tests.simulation.requests import Request, marked

__all__ = ["END", "RESET", "Answer", "Moods", "draw_answer"]

# What a backend does between two pieces of what it says; by identity.
END = b"end"
RESET = b"reset"

_GARBAGE = (
    b"nonsense\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
)


@dataclass(frozen=True)
class Moods:
    """How often a backend does what it should not, and other choices; each from 0 to 1."""

    dies: float
    stray: float
    garbage: float
    early: float
    closes: float
    silent: float
    upgrades: float
    longest_body: int
    longest_piece: int


@dataclass
class Answer:
    """`steps` are pieces to send, END and RESET; `body` is what the client must get of it if it gets all."""

    serial: bytes
    mark: bytes
    status: int
    body: bytes
    steps: list[bytes] = field(default_factory=list)
    is_early: bool = False
    is_silent: bool = False
    is_broken: bool = False  # dies, or is no answer
    is_until_close: bool = False
    size: int = 0  # of what would be sent where nothing breaks
    head_size: int = 0
    says: bytes = b""
    asks_for: int = 0  # bytes of a 100 that is said before the request is whole
    posted: int = 0  # bytes that have left the backend
    end: bytes = b""  # END or RESET, once that has happened

    @property
    def sent_whole(self) -> bool:
        """Whether a client that got all of it has got a whole answer."""
        if self.is_until_close:
            return self.posted >= self.head_size and self.end is END
        return self.posted >= self.size


def draw_answer(random: Random, request: Request, serial: bytes, moods: Moods) -> Answer:
    """Draw how `request` is answered."""
    if request.is_upgrade and random.random() < moods.upgrades:
        return _switch(random, request, serial, moods)
    if random.random() < moods.garbage:
        answer = Answer(serial, request.mark, 0, b"", is_broken=True)
        _cut_up(random, answer, random.choice(_GARBAGE), moods)
        answer.steps.append(END)
        return answer
    answer = _whole(random, request, serial, moods)
    answer.is_early = bool(request.body) and random.random() < moods.early
    answer.is_silent = random.random() < moods.silent
    text = answer.says
    if random.random() < moods.dies:
        answer.is_broken = True
        text = text[: random.randint(0, len(text))] if random.random() < 0.6 else b""
        _cut_up(random, answer, text, moods)
        answer.steps.append(random.choice((END, RESET)))
        return answer
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray" if random.random() < moods.stray else b""
    if stray and not answer.is_until_close and random.random() < 0.5:
        _cut_up(random, answer, text + stray, moods)
    else:
        _cut_up(random, answer, text, moods)
        if stray and not answer.is_until_close:
            answer.steps.append(stray)
    if answer.is_until_close or b"\r\nConnection: close\r\n" in text or random.random() < moods.closes:
        answer.steps.append(END)
    return answer


def _switch(random: Random, request: Request, serial: bytes, moods: Moods) -> Answer:
    text = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Serial: %b\r\n\r\n" % serial
    )
    down = marked(serial, random.choice((0, 10, 100, 400)))
    answer = Answer(serial, request.mark, 101, down, size=len(text), head_size=len(text))
    _cut_up(random, answer, text + down, moods)
    if random.random() < 0.6:
        answer.steps.append(random.choice((END, END, RESET)))
    return answer


def _whole(random: Random, request: Request, serial: bytes, moods: Moods) -> Answer:
    status = random.choice((200, 200, 200, 201, 204, 304, 404, 413, 500))
    interims = b""
    if request.expects and random.random() < 0.7:
        interims += b"HTTP/1.1 100 Continue\r\n\r\n"
    asks_for = len(interims)
    if random.random() < 0.1:
        interims += b"HTTP/1.1 103 Early Hints\r\nX-Serial: %b\r\n\r\n" % serial
    head = b"HTTP/1.1 %d Said\r\nX-Serial: %b\r\nSet-Cookie: of=%b\r\n" % (status, serial, request.mark)
    body = marked(serial, random.randint(0, moods.longest_body))
    if random.random() < 0.1:
        head += b"Connection: close\r\n"
    coded = body
    is_until_close = False
    framing = random.randrange(5)
    if status in (204, 304):
        body = coded = b""
    elif framing < 2:
        head += b"Content-Length: %d\r\n" % len(body)
    elif framing < 4:
        head += b"Transfer-Encoding: chunked\r\n"
        coded = _chunked(random, body)
    else:
        is_until_close = request.method != b"HEAD"
    if request.method == b"HEAD":
        body = coded = b""
    says = interims + head + b"\r\n" + coded
    answer = Answer(
        serial, request.mark, status, body, is_until_close=is_until_close, size=len(says), says=says
    )
    answer.head_size = len(says) - len(coded)
    answer.asks_for = asks_for
    return answer


def _chunked(random: Random, body: bytes) -> bytes:
    coded = b""
    while body:
        size = random.choice((1, 5, 30, 200))
        piece, body = body[:size], body[size:]
        coded += b"%x\r\n%b\r\n" % (len(piece), piece)
    return coded + b"0\r\n" + (b"X-Trailer: 1\r\n" if random.random() < 0.1 else b"") + b"\r\n"


def _cut_up(random: Random, answer: Answer, text: bytes, moods: Moods) -> None:
    """Make steps of `text`: in one, in a few, or in many."""
    longest = min(random.choice((1 << 20, 1 << 20, 1 << 20, 200, 60, 15)), moods.longest_piece)
    while text:
        size = random.randint(1, min(longest, 2 * len(text)))
        answer.steps.append(text[:size])
        text = text[size:]
