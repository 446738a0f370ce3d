"""What a page is granted by a live server, as a browser finds it: preflight where one is due, then the request itself.

Laws: the checks are the browser's own, over real responses (`corsproxy.cors.checks`). What a server answers to the same bytes is
asked for once.
"""

import itertools
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import NamedTuple

from corsproxy.cors.checks import cors_check, joined, preflight_checks

SAFE_METHODS = {"GET", "HEAD", "POST"}


class Cell(NamedTuple):
    """One request of a page."""

    origin: str
    path: str
    method: str
    headers: tuple[str, ...]
    credentials: bool

    def __str__(self) -> str:
        named = f" with {', '.join(self.headers)}" if self.headers else ""
        return f"{self.origin} {self.method} {self.path}{named}{' and cookies' if self.credentials else ''}"


class Outcome(NamedTuple):
    """Whether the page may read the answer, and the status of the request itself; 0 where it was never sent."""

    readable: bool
    status: int


class Server:
    """A server on a port, asked over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._answers: dict[tuple[str, str, tuple[tuple[str, str], ...]], tuple[int, dict[bytes, bytes]]] = {}

    def ask(self, method: str, path: str, **fields: str) -> tuple[int, dict[bytes, bytes]]:
        key = (method, path, tuple(sorted(fields.items())))
        if key not in self._answers:
            sent = {name.replace("_", "-"): value for name, value in fields.items()}
            self._connection.request(method, path, headers=sent)
            response = self._connection.getresponse()
            response.read()
            pairs = [
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.getheaders()
            ]
            self._answers[key] = response.status, joined(pairs)
        return self._answers[key]

    def outcome(self, cell: Cell) -> Outcome:
        """Do what a browser does for a page."""
        origin, method = cell.origin.encode(), cell.method.encode()
        unsafe = sorted(name.lower().encode() for name in cell.headers)
        if unsafe or cell.method not in SAFE_METHODS:
            asked = {"Origin": cell.origin, "Access_Control_Request_Method": cell.method}
            if unsafe:
                asked["Access_Control_Request_Headers"] = b",".join(unsafe).decode()
            status, fields = self.ask("OPTIONS", cell.path, **asked)
            checks = preflight_checks(status, fields, origin, method, unsafe, include=cell.credentials)
            if not all(check.passed for check in checks):
                return Outcome(False, 0)
        status, fields = self.ask(cell.method, cell.path, Origin=cell.origin)
        return Outcome(all(c.passed for c in cors_check(fields, origin, include=cell.credentials)), status)

    def close(self) -> None:
        self._connection.close()


HEADERS: Sequence[tuple[str, ...]] = ((), ("Authorization",), ("Content-Type", "X-Custom"))


def cells(origins: Sequence[str], routes: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Cell]:
    """Yield the grid; `routes` are paths with the methods that their views have."""
    for path, methods in routes:
        for method, origin, headers, credentials in itertools.product(
            methods, origins, HEADERS, (False, True)
        ):
            yield Cell(origin, path, method, headers, credentials)
