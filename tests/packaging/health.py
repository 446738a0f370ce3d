"""An admin listener that says one thing, and a container's health check run against it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

__all__ = ["admin_answering", "health_check"]


@contextmanager
def admin_answering(status: int) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Admin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- http.server's name
            pass

    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def health_check(code: str, port: int) -> int:
    """Run a health check's own Python code against another port."""
    assert code.count("9901") == 1
    words = [sys.executable, "-c", code.replace("9901", str(port))]
    return subprocess.run(words, capture_output=True, check=False, timeout=200).returncode
