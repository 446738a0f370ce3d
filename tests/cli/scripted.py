"""A server in a thread that answers by a table, with nothing of its own: what a command calls from another loop."""

import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Heard", "Scripted"]

Heard = tuple[str, str, dict[str, str], bytes]  # method, target, fields, body


class Scripted:
    """`answers`: "METHOD /path" or "/path" -> the lines of a head, status first, and after a blank line the body."""

    def __init__(self, answers: Mapping[str, str], tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        scripted = self

        class Talk(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                scripted.heard.append((self.command, self.path, dict(self.headers.items()), body))
                path = self.path.partition("?")[0]
                text = answers.get(f"{self.command} {path}") or answers.get(path) or "404 Not Found"
                head, _, content = text.format(
                    port=scripted.port, origin=self.headers.get("Origin", "")
                ).partition("\n\n")
                lines = [line.strip() for line in head.splitlines() if not line.strip().endswith(":")]
                lines += [] if lines[0].startswith("204") else [f"Content-Length: {len(content)}"]
                self.wfile.write("\r\n".join([f"HTTP/1.1 {lines[0]}", *lines[1:], "", content]).encode())

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.handle_any
                raise AttributeError(name)

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
