import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from corsproxy.demo.echo import Echo, converse

MASK = b"\x01\x02\x03\x04"


def frame(first: int, text: bytes) -> bytes:
    """Write a frame as a client does: masked."""
    return bytes((first, 0x80 | len(text))) + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(text))


def plain(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


@pytest.mark.parametrize(
    "environ",
    [
        {"PATH_INFO": "/api/books", "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ=="},
        {"PATH_INFO": "/api/echo"},
    ],
)
def test_everything_else_goes_to_the_app(environ: dict[str, Any]) -> None:
    assert list(Echo(plain)(environ, lambda *_: lambda _: None)) == [environ["PATH_INFO"].encode()]


def talk(sent: bytes) -> bytes:
    """Converse over a socket pair: send everything, half-close, and return all that was said."""
    ours, theirs = socket.socketpair()
    with ours, theirs:

        def answer() -> None:
            converse(theirs)
            theirs.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=answer)
        thread.start()
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: ours.recv(4096), b""))
        thread.join()
    return said


HELLO = b"\x81\x05hello"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (frame(0x81, b"hello"), HELLO),
        (frame(0x81, b"hello") * 3, HELLO * 3),
        (frame(0x81, b""), b"\x81\x00"),
        (frame(0x88, b"\x03\xe8") + frame(0x81, b"late"), b"\x88\x02\x03\xe8"),
        (bytes((0x81, 0xFE, 1, 0)) + MASK, b""),  # longer than it understands
        (b"\x81", b""),
        (b"", b""),
    ],
    ids=["text", "three texts", "empty text", "close, then nothing", "too long", "half a head", "nothing"],
)
def test_what_is_said_back(sent: bytes, said: bytes) -> None:
    assert talk(sent) == said


def test_the_handshake_is_the_one_of_the_standard() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(frame(0x88, b""))
        environ = {
            "PATH_INFO": "/api/echo",
            "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",  # RFC 6455, 1.3
            "gunicorn.socket": theirs,
        }
        with pytest.raises(StopIteration):
            Echo(plain)(environ, lambda *_: lambda _: None)
        assert ours.recv(4096) == (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x88\x00"
        )
