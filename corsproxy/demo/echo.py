"""A WebSocket that says back what it hears, for gunicorn's threads; everything else goes to the app.

Flask speaks no WebSocket, so this takes the connection's socket from gunicorn. It knows as much of RFC
6455 as an echo of short texts needs: the handshake, whole text frames up to 125 bytes, the close frame.
"""

import base64
import hashlib
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Echo"]

PATH = "/api/echo"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT = 0x81  # FIN set
SHORT = 125


class Echo:
    """WSGI: the app, with a WebSocket at /api/echo."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request."""
        if environ["PATH_INFO"] != PATH or "HTTP_SEC_WEBSOCKET_KEY" not in environ:
            return self._app(environ, start_response)
        connection: socket.socket = environ["gunicorn.socket"]
        accept = base64.b64encode(hashlib.sha1((environ["HTTP_SEC_WEBSOCKET_KEY"] + GUID).encode()).digest())  # noqa: S324 -- RFC 6455 says SHA-1
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        converse(connection)
        # gunicorn closes the connection without an HTTP response when the application ends like this.
        raise StopIteration


def converse(connection: socket.socket) -> None:
    """Echo short texts until the other side closes or says what this does not understand."""
    with connection.makefile("rb") as frames:
        while len(head := frames.read(2)) == 2:
            first, size = head[0], head[1] & 0x7F
            if size > SHORT:
                break
            mask, masked = frames.read(4), frames.read(size)
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked))
            connection.sendall(bytes((first, len(text))) + text)
            if first != TEXT:  # a close frame was answered with the same; nothing else is expected
                break
