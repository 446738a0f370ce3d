"""Heads of both kinds: what is accepted is read alike by h11, and memory of the last head changes nothing."""

import h11

from corsproxy.http1.faults import BadRequest, BadResponse
from corsproxy.http1.fields import HOP_BY_HOP
from corsproxy.http1.framing import CHUNKED, UNTIL_CLOSE
from corsproxy.http1.request import RequestReader
from corsproxy.http1.request_head import RequestHead
from corsproxy.http1.response import ResponseHead, read_response_head
from corsproxy.http1.salvage import salvage
from corsproxy.proxy.forwarded import Client, TrustedProxies

__all__ = ["request_heads", "response_heads"]

_CHUNKED_LINE = b"Transfer-Encoding: chunked\r\n"
# What goes on only where the proxy itself says so.
_ENDS_HERE = HOP_BY_HOP | {b"forwarded"}
_CLIENTS = tuple(
    Client(address, scheme=b"http", port=80, local=False, trusted=TrustedProxies(("10.0.0.2/32", "fd00::/8")))
    for address in ("10.0.0.1", "10.0.0.2", "fd00::1")
)


def request_heads(data: bytes) -> None:
    """Read the heads in `data`, parted by empty lines, as one connection's and each as a fresh one's."""
    remembering = RequestReader(32)
    for raw in _heads(data):
        salvage(raw)
        salvage(raw[: len(raw) // 2])
        fresh = _outcome(RequestReader(32), raw)
        seen = _outcome(remembering, raw)
        assert _said(seen) == _said(fresh)
        if isinstance(seen, BadRequest):
            assert seen.status in (400, 405, 417, 431, 501, 505, 508)
            return  # the connection is closed
        _is_read_alike(seen, raw)
        _is_told_well(seen)
        if not seen.keep_alive:
            return  # nothing after it is read
        # What forwarding does to a head must not reach the next one.
        seen.lines[:] = [b"spoilt"]
        seen.request_id = b"spoilt"


def _heads(data: bytes) -> list[bytes]:
    return [part + b"\r\n\r\n" for part in data.split(b"\r\n\r\n") if part and part[:2] != b"\r\n"][:8]


def _outcome(reader: RequestReader, raw: bytes) -> RequestHead | BadRequest:
    try:
        head = reader.read(raw)
    except BadRequest as bad:
        return bad
    head.drop_odd_names()
    return head


def _said(outcome: RequestHead | BadRequest) -> object:
    if isinstance(outcome, BadRequest):
        return outcome.status, outcome.detail
    names = (name for name in dir(outcome) if name[:1] != "_" and name != "raw")
    said = {name: getattr(outcome, name) for name in names}
    return {
        name: tuple(value) if name == "lines" else value
        for name, value in said.items()
        if not callable(value)
    }


def _is_told_well(head: RequestHead) -> None:
    """Hold that what the backend is told of the client, a trusted proxy's word or not, is fields and nothing else."""
    for client in _CLIENTS:
        told = client.forwarding(head)
        assert told.scheme in (b"http", b"https")
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        reader.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n" + told.lines + b"\r\n")
        event = reader.next_event()
        assert isinstance(event, h11.Request), event
        names = [name for name, _ in event.headers]
        assert set(names) <= {b"host", b"via", b"forwarded"} | {
            name for name in names if name[:12] == b"x-forwarded-"
        }
        assert all(
            names.count(name) == 1
            for name in (b"via", b"x-forwarded-for", b"x-forwarded-proto", b"forwarded")
        )
        if not client.is_trusted:
            assert dict(event.headers)[b"x-forwarded-for"] == b"10.0.0.1"
            assert (told.host, told.client) == (head.host, "10.0.0.1")


def _is_read_alike(head: RequestHead, raw: bytes) -> None:
    text = b"\r\n".join(head.lines)
    assert text.endswith(b"\r\n\r\n")
    if not head.has_host:
        text = text.replace(b"\r\n", b"\r\nHost: x\r\n", 1)  # forwarding names one
    if head.length == CHUNKED:
        text = text[:-2] + _CHUNKED_LINE + b"\r\n"
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    reader.receive_data(text)
    event = reader.next_event()
    assert isinstance(event, h11.Request), event
    assert event.http_version == b"1.1"
    assert (event.method, event.target) == (head.method, head.target)
    assert head.path == head.target.partition(b"?")[0]
    assert head.target == b"*" or head.target[:1] == b"/"
    assert b" %b" % head.target in raw or b"//" in raw
    fields = list(event.headers)
    names = [name for name, _ in fields]
    assert names.count(b"host") == 1
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    lengths = [value for name, value in fields if name == b"content-length"]
    assert lengths == [b"%d" % head.length] * len(lengths)
    assert (head.length == CHUNKED) == (b"transfer-encoding" in names)
    assert head.length in (0, CHUNKED) or lengths
    left = {name for name in names if name in _ENDS_HERE or name[:12] == b"x-forwarded-" or b"_" in name}
    assert left <= {b"transfer-encoding"}, left
    # RFC 9112 §2.2, §5: nothing in it that another reader could take for a line's end.
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in head.lines)
    assert not head.has_host or dict(fields)[b"host"] == head.host
    assert head.has_host or not head.minor
    assert dict(fields).get(b"origin") == head.origin


def response_heads(data: bytes) -> None:
    """Read each head in `data` as the answer to GET and to HEAD."""
    for raw in _heads(data):
        for to_head in (False, True):
            try:
                head = read_response_head(raw, to_head=to_head)
            except BadResponse:
                continue
            _is_answered_alike(head, to_head=to_head)


def _is_answered_alike(head: ResponseHead, *, to_head: bool) -> None:
    text = b"\r\n".join(head.lines)
    assert text.endswith(b"\r\n\r\n")
    if head.length in (CHUNKED, UNTIL_CLOSE):
        text = text[:-2] + _CHUNKED_LINE + b"\r\n"
    if head.status == 101:
        text = text[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    reader = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    asked = [
        ("Host", "x"),
        *([("Connection", "upgrade"), ("Upgrade", "websocket")] if head.status == 101 else []),
    ]
    reader.send(h11.Request(method="HEAD" if to_head else "GET", target="/", headers=asked))
    reader.send(h11.EndOfMessage())
    reader.receive_data(text)
    event = reader.next_event()
    assert isinstance(event, h11.Response | h11.InformationalResponse), event
    assert event.status_code == head.status
    names = [name for name, _ in event.headers]
    if head.status != 101:
        assert not {name for name in names if name in HOP_BY_HOP} - {b"transfer-encoding"}
    lengths = [value for name, value in event.headers if name == b"content-length"]
    assert len(lengths) <= 1
    if to_head or head.status < 200 or head.status in (204, 304):
        assert head.length == 0
    else:
        assert lengths == ([b"%d" % head.length] if head.length >= 0 else [])
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in head.lines)
    assert len(head.cookies) == names.count(b"set-cookie")
    assert len(head.vary) == names.count(b"vary")
    assert [name for name, _ in head.cors] == [name for name in names if name[:15] == b"access-control-"]
