"""What is asked: whole request messages, as a current Chrome on Linux writes them, and which client sends them.

`wrk` sends the small ones from 64 keep-alive connections. The large ones go to `bench.sink`, which counts whole
answers only: wrk would stop in the middle of many of them and their CPU time would be charged to the others.
"""

from dataclasses import dataclass
from typing import Literal

from bench import policy

__all__ = ["ALL", "BY_NAME", "CONFLICT", "GET", "PREFLIGHT", "Workload", "request"]

LARGE = 1_000_000  # bytes; from here on buffers decide
SMALL_PATH = "/api/items/42"
SMALL_JSON = (
    b'{"id":42,"name":"a small answer","tags":["one","two"],"price":19.95,"stock":7,"updated":"2026-01-31T12:00:00Z"}'
).ljust(120)

_TOKEN = "s%3AqW3vJx0cT9mL5uYhZ2kRb7nE.8fXo1pGd4sVa6iKtCwMzQyHjUlNeDrBxPg"
_CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
_BROWSER: tuple[tuple[str, str], ...] = (
    ("Host", policy.HOST),
    ("Connection", "keep-alive"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("User-Agent", _CHROME),
    ("sec-ch-ua", '"Google Chrome";v="141", "Not?A_Brand";v="8", "Chromium";v="141"'),
    ("sec-ch-ua-mobile", "?0"),
    ("Accept", "application/json"),
    ("Origin", policy.ORIGIN),
    ("Sec-Fetch-Site", "same-site"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Dest", "empty"),
    ("Referer", f"{policy.ORIGIN}/"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
    ("Cookie", f"session={_TOKEN}; theme=dark"),
)
_PREFLIGHT: tuple[tuple[str, str], ...] = (
    ("Host", policy.HOST),
    ("Connection", "keep-alive"),
    ("Accept", "*/*"),
    ("Access-Control-Request-Method", "PUT"),
    ("Access-Control-Request-Headers", "authorization,content-type"),
    ("Origin", policy.ORIGIN),
    ("User-Agent", _CHROME),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "same-site"),
    ("Sec-Fetch-Dest", "empty"),
    ("Referer", f"{policy.ORIGIN}/"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
)


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request. `length` is that of the answer's body; `connections` are kept alive."""

    name: str
    title: str
    message: bytes
    length: int
    client: Literal["wrk", "sink"] = "wrk"
    connections: int = 64

    @property
    def is_preflight(self) -> bool:
        return self.message.startswith(b"OPTIONS ")


def request(method: str, path: str, *, origin: str = policy.ORIGIN, body: bytes = b"") -> bytes:
    """Write a browser's whole request; OPTIONS becomes a preflight for PUT."""
    fields = _PREFLIGHT if method == "OPTIONS" else _BROWSER
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {origin if name == 'Origin' else value}" for name, value in fields]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


GET = Workload("get", "GET, 120 B of JSON", request("GET", SMALL_PATH), len(SMALL_JSON))
# A page sends the same fields again and again, and corsproxy profits from it; this shows it when it cannot.
GET_NEW = Workload(
    "get-new",
    "GET, 120 B of JSON, fields never the same twice",
    request("GET", SMALL_PATH).replace(b"; theme=dark", b"; theme=########"),
    len(SMALL_JSON),
)
PREFLIGHT = Workload("preflight", "preflight, answered by the proxy", request("OPTIONS", SMALL_PATH), 0)
ALL: tuple[Workload, ...] = (
    GET,
    GET_NEW,
    PREFLIGHT,
    Workload("16k", "GET, 16 KiB", request("GET", "/16k"), 16 * 1024),
    Workload(
        "post", "POST, 10 KiB up, 120 B down", request("POST", "/upload", body=b"x" * 10_240), len(SMALL_JSON)
    ),
    Workload("1m", "GET, 1 MB", request("GET", "/1m"), 1_000_000, "sink", 64),
    Workload("100m", "GET, 100 MB", request("GET", "/100m"), 100_000_000, "sink", 4),
)
BY_NAME = {workload.name: workload for workload in ALL}

# Not measured: the backend sends CORS fields of its own here, so that a peer shows whether it hides them.
CONFLICT = Workload(
    "conflict", "a backend with CORS fields of its own", request("GET", "/conflict"), len(SMALL_JSON)
)
