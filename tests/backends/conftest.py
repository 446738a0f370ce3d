"""The application under each real server, and the real proxy in front of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.processes import Process, Processes, free_port

HERE = Path(__file__).parent
ORIGIN = "https://app.example.com"
STRANGER = "https://evil.example"

SERVERS = {
    "gunicorn-sync": ("gunicorn", "-w", "1", "-k", "sync", "-b", "127.0.0.1:{port}", "application:app"),
    "gunicorn-gthread": (
        "gunicorn", "-w", "1", "-k", "gthread", "--threads", "8", "-b", "127.0.0.1:{port}", "application:app",
    ),
    "waitress": ("waitress", "--listen=127.0.0.1:{port}", "application:app"),
    "werkzeug": ("flask", "--app", "application", "run", "--port", "{port}"),
}  # fmt: skip

RULES = f"""
rules:
  - path: /**
    allow_origins: [{ORIGIN}]
    allow_methods: [GET, POST, PUT, DELETE]
    allow_headers: [Authorization, Content-Type]
    expose_headers: [ETag]
    allow_credentials: true
    cookies: {{same_site: none, secure: true, names: [theme]}}
"""


@dataclass
class Front:
    """The proxy's port, the server behind it, and what to expect of both."""

    port: int
    server: str
    backend: Process
    opened: list[HTTPConnection | HTTPResponse] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        *,
        origin: str | None = ORIGIN,
        chunked: bool = False,
        **fields: str,
    ) -> HTTPResponse:
        """Send one request over a connection of its own and return the response, its body unread."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in fields.items()}
        if origin is not None:
            sent["Origin"] = origin
        connection.request(method, path, body=body, headers=sent, encode_chunked=chunked)
        response = connection.getresponse()
        self.opened += [response, connection]
        return response

    def json(self, method: str, path: str, body: bytes | None = None, **fields: str) -> object:
        """Send one request and return what its JSON body says, after checking the fields."""
        response = self.ask(method, path, body, origin=ORIGIN, chunked=False, **fields)
        assert cors_fields(response) == GRANTED
        return json.loads(response.read())


GRANTED = {
    "access-control-allow-origin": [ORIGIN],
    "access-control-allow-credentials": ["true"],
    "access-control-expose-headers": ["ETag"],
}


def cors_fields(response: HTTPResponse) -> dict[str, list[str]]:
    """Return every CORS field of a response, with all its lines."""
    fields: dict[str, list[str]] = {}
    for name, value in response.getheaders():
        if name.lower().startswith("access-control-"):
            fields.setdefault(name.lower(), []).append(value)
    return fields


@pytest.fixture(scope="module", params=SERVERS)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Serve the application with one of the servers, behind the proxy."""
    folder = tmp_path_factory.mktemp("front")
    started = Processes(folder)
    backend_port, port, admin = free_port(), free_port(), free_port()
    argv = [word.format(port=backend_port) for word in SERVERS[request.param]]
    backend = started.python("-m", *argv, ports=[backend_port], environ={"PYTHONPATH": str(HERE)})
    (folder / "corsproxy.yaml").write_text(
        f"upstream: http://127.0.0.1:{backend_port}\nlisten: 127.0.0.1:{port}\n"
        f"admin: {{listen: '127.0.0.1:{admin}'}}\n{RULES}"
    )
    started.python("-m", "corsproxy", "run", "-c", folder / "corsproxy.yaml", ports=[port])
    yield Front(port, request.param, backend)
    started.end_all()


@pytest.fixture(autouse=True)
def closed(front: Front) -> Iterator[None]:
    """Close what a test has opened."""
    yield
    while front.opened:
        front.opened.pop(0).close()
