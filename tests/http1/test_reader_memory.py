"""A reader that remembers the last head reads every head as one that remembers nothing."""

from hypothesis import given
from hypothesis import strategies as st

from corsproxy.http1.faults import BadRequest
from corsproxy.http1.request import RequestReader

METHODS = st.sampled_from([b"GET", b"OPTIONS", b"POST", b"HEAD", b"get", b"TRACE", b"CONNECT", b""])
TARGETS = st.one_of(
    st.sampled_from(
        [b"/", b"/a?b", b"*", b"http://h/", b"//", b"/#", b"", b"a", b"/a b", b"/\xe9", b"/\x7f", b"/\t"]
    ),
    st.binary(min_size=1, max_size=6).map(lambda raw: b"/" + raw),
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 "])
FIELDS = st.lists(
    st.sampled_from(
        [
            b"Host: h",
            b"Host: h",
            b"Host: h",
            b"host: other:80",
            b"Connection: close",
            b"Connection: keep-alive",
            b"Connection: x",
            b"X: 1",
            b"X_Y: 1",
            b"TE: trailers",
            b"Origin: https://o",
            b"Content-Length: 0",
            b"Content-Length: 2",
            b"Transfer-Encoding: chunked",
            b"Expect: 100-continue",
            b"Upgrade: h2c",
            b"Max-Forwards: 1",
            b"X-Forwarded-For: 1.1.1.1",
            b"X-Request-Id: a",
            b"Cookie: a_b=c",
            b"bad",
        ]
    ),
    max_size=4,
).map(b"\r\n".join)


def heads() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda method, target, version, fields: (
            method + b" " + target + b" " + version + b"\r\n" + fields + b"\r\n\r\n"
        ),
        METHODS,
        TARGETS,
        VERSIONS,
        FIELDS,
    )


def outcome(reader: RequestReader, raw: bytes) -> tuple[int, str] | dict[str, object]:
    """Return all that a reader says of a head, what is forwarded of it included."""
    try:
        head = reader.read(raw)
    except BadRequest as bad:
        return (bad.status, bad.detail)
    head.drop_odd_names()
    said = {name: getattr(head, name) for name in dir(head) if not name.startswith("_") and name != "raw"}
    # What forwarding does to a head must not reach the next one.
    lines = list(head.lines)
    head.lines[:] = [b"spoilt"]
    head.request_id = b"spoilt"
    return {name: lines if name == "lines" else value for name, value in said.items() if not callable(value)}


def spoken(raw: bytes) -> object:
    return outcome(RequestReader(128), raw)


@given(st.lists(heads(), min_size=1, max_size=3), st.lists(st.integers(0, 2), max_size=8))
def test_heads_that_come_again(some: list[bytes], order: list[int]) -> None:
    reader = RequestReader(128)
    for raw in [some[at % len(some)] for at in order] + some:
        seen = outcome(reader, raw)
        assert seen == spoken(raw)
        if isinstance(seen, tuple) or not seen["keep_alive"]:
            return  # the connection is closed


@given(st.lists(TARGETS, min_size=2, max_size=6), FIELDS)
def test_targets_over_the_same_fields(targets: list[bytes], fields: bytes) -> None:
    reader = RequestReader(128)
    for target in targets:
        raw = b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n\r\n"
        seen = outcome(reader, raw)
        assert seen == spoken(raw)
        if isinstance(seen, tuple) or not seen["keep_alive"]:
            return


def test_every_byte_of_a_target_is_judged_alike() -> None:
    rest = b" HTTP/1.1\r\nHost: h\r\n\r\n"
    for byte in range(256):
        raw = b"GET /a" + bytes([byte]) + b"b" + rest
        reader = RequestReader(128)
        outcome(reader, b"GET /" + rest)
        assert outcome(reader, raw) == spoken(raw), byte
