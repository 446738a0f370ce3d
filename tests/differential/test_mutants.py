"""Requests of the table, torn and joined at random: whatever becomes of them, it is the same with every server.

What this finds becomes a row of the table. CORSPROXY_TESTS_MUTANTS=N tries N others than the usual ones.
"""

import os
import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.differential.stand import Answer, Seen, Server, Stand
from tests.differential.table import CASES, HIDDEN

pytestmark = pytest.mark.backends

MORE = int(os.environ.get("CORSPROXY_TESTS_MUTANTS", "0"))
# What HEAD is answered with cannot be read without knowing which answer is its.
USABLE = [case for case in CASES.values() if len(case.raw) < 1000 and b"HEAD " not in case.raw]
BASES = sorted({case.raw for case in USABLE})
FORWARDED = sorted({case.raw for case in USABLE if case.status == 200})

PIECES = st.one_of(
    st.sampled_from(
        [
            *(b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x0b", b"\x0c", b"\x85", b"\xa0", b":", b",", b";", b"_"),
            *(b"\r\n\r\n", b"\r\n ", b"0", b"4", b"-", b"+", b"0x", b"%", b"%00", b"%2f", b"/", b"//", b"?", b"#", b"@"),
            *(b"0\r\n\r\n", b"4\r\nbody\r\n", b"Content-Length: 4\r\n", b"Content-Length: 0\r\n", b"content-length:"),
            *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"chunked", b"chunked, ", b"TE:"),
            *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: X-A\r\n", b"Host: b.example\r\n"),
            *(b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n", b"Content_Length: 9\r\n", b" HTTP/1.0\r\n", b"http://"),
            HIDDEN,
        ]
    ),
    st.binary(min_size=1, max_size=2),
)  # fmt: skip
NAMES = st.sampled_from(
    [
        *(b"X-A", b"x_a", b"Content-Type", b"Content-Encoding", b"Content-Length", b"Transfer-Encoding", b"TE", b"Trailer"),
        *(b"Connection", b"Keep-Alive", b"Upgrade", b"Expect", b"Host", b"Cookie", b"Authorization", b"Origin", b"Via"),
        *(b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Prefix", b"Forwarded", b"Script-Name", b"Path-Info"),
        *(b"X-Real-Ip", b"Accept", b"Range", b"If-None-Match", b"Date", b"From", b"Status", b"Content-Disposition", b"!#$"),
    ]
)  # fmt: skip
VALUES = st.lists(
    st.sampled_from(
        [
            *(b"a", b"4", b"0", b",", b" , ", b";", b"=", b'"', b"\\", b":", b" ", b"\t", b"\x85", b"\xa0", b"\xc3\xa9", b"\xff"),
            *(b"chunked", b"identity", b"close", b"keep-alive", b"X-A", b"te", b"100-continue", b"http://b.example/", b"127.0.0.1"),
        ]
    ),
    max_size=4,
).map(b"".join)  # fmt: skip
LETTERS = st.text("/.%02fFeE5c?&=;+:@~*'()!$,|^`{}[]<>\"\\aA", max_size=8).map(str.encode)
Change = Callable[[bytes], bytes]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw one way to spoil a request."""
    at, size = draw(st.integers(0, 300)), draw(st.integers(0, 6))
    piece = draw(PIECES)
    other = draw(st.sampled_from(BASES))
    line = draw(NAMES) + b": " + draw(VALUES)
    letters = draw(LETTERS)

    def one_field_more(raw: bytes) -> bytes:
        head, end, body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        place = 1 + at % len(lines)
        return b"\r\n".join([*lines[:place], line, *lines[place:]]) + end + body

    def another_target(raw: bytes) -> bytes:
        return raw.replace(b" /", b" /" + letters, 1)

    def at_a_line(raw: bytes) -> bytes:
        lines = raw.split(b"\r\n")
        place = at % len(lines)
        return b"\r\n".join([*lines[:place], piece.removesuffix(b"\r\n"), *lines[place:]])

    def at_a_byte(raw: bytes) -> bytes:
        place = at % (len(raw) + 1)
        return raw[:place] + piece + raw[place + size :]

    def line_again(raw: bytes) -> bytes:
        lines = raw.split(b"\r\n")
        return b"\r\n".join(
            [*lines, lines[at % len(lines)]] if size > 5 else [*lines[:1], lines[at % len(lines)], *lines[1:]]
        )

    def other_end(raw: bytes) -> bytes:
        return raw[: at % (len(raw) + 1)] + other[(at * 7 + size) % len(other) :]

    return draw(
        st.sampled_from([*[one_field_more, another_target] * 2, at_a_line, at_a_byte, line_again, other_end])
    )


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    raw = draw(st.sampled_from(draw(st.sampled_from([FORWARDED, FORWARDED, BASES]))))
    for change in draw(st.lists(changes(), min_size=1, max_size=3)):
        raw = change(raw)
    return raw


def alike(seen: Seen, server: Server) -> Seen:
    """Return what was seen, without what the table's rows excuse: how paths are read, and our own Host."""
    path = None if re.search("%[89a-fA-F]", seen["target"]) else re.sub("^/+", "/", seen["path"])
    target = re.sub("^/+", "/", seen["target"])
    fields = dict(seen["fields"])
    if fields.get("HOST") == f"127.0.0.1:{server.port}":
        fields["HOST"] = "the backend's"
    return seen | {"path": path, "target": target, "fields": fields}


def all_answers(server: Server, raw: bytes) -> list[Answer]:
    """Send a mutant; check that canaries get their own answers and that none but they and it reach the application."""
    before = server.fresh()
    answers = server.through(raw)
    served = [answer for answer in answers if answer.seen is not None]
    assert server.fresh().serial - before.serial == 1 + len(served)
    assert all(not answers[:-1] or answer.status != 0 for answer in answers[:-1])
    return answers


@settings(
    max_examples=MORE or 60,
    derandomize=not MORE,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(raw=mutants())
def test_every_server_reads_what_we_forward_alike(stand: Stand, raw: bytes) -> None:
    first, *others = [
        [(a.status, a.seen and alike(a.seen, server)) for a in all_answers(server, raw)]
        for server in stand.servers
    ]
    assert all(other == first for other in others)
