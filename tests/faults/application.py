"""A WSGI application that answers with as much as it is asked for."""

import time
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["application"]


def application(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """Answer /N with N bytes, /slow after a moment, /pieces without a length; read the body first, save of /unread."""
    path = environ["PATH_INFO"].lstrip("/")
    if path != "unread":
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if path == "pieces":
        start("200 OK", [("Content-Type", "text/plain")])
        return (b"piece" for _ in range(4))
    if path == "slow":
        time.sleep(0.3)  # so long that others have to wait
    body = b"x" * (int(path) if path.isdigit() else 3)
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
