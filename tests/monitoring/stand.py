"""A proxy with everything on its metrics page: a backend that does all that backends do, and who asks for it."""

import http.client
import http.server
import json
import shutil
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.processes import Process, Processes, free_port
from tests.service.program import replace_text

__all__ = ["Backend", "Prometheus", "Proxy", "program", "walked"]

NO_PROMETHEUS = (
    "There is no {} on this machine, and these tests need the real one.\n"
    "Install it (Debian and Ubuntu: apt-get install prometheus), or put it on PATH."
)

ORIGIN = "https://app.example.com"
EVIL = "https://evil.example"
CONFIG = """\
listen: 127.0.0.1:{port}
admin: {{listen: "127.0.0.1:{admin}"}}
upstream: http://127.0.0.1:{backend}
candidate: candidate.yaml
rules:
  - {{name: api, path: /api/**, allow_origins: [{origin}]}}
  - {{name: strict, path: /strict/**, allow_origins: [{origin}], on_disallowed: block}}
  - {{name: trial, path: /trial/**, allow_origins: [{origin}], mode: report}}
"""
# Takes away what the live policy grants, and grants what it does not.
CANDIDATE = """\
upstream: http://127.0.0.1:{backend}
rules:
  - {{name: api, path: /api/**, allow_origins: [{evil}]}}
"""


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.path.rpartition("/")[2]
        if what == "invalid":
            self.wfile.write(b"what?\r\n\r\n")
            self.close_connection = True
            return
        self.send_response({"redirect": 302, "broken": 500}.get(what, 200))
        if what == "redirect":
            self.send_header("Location", "/api/elsewhere")
        if what == "conflict":
            self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", "7" if what == "cut" else "3")
        self.end_headers()
        self.wfile.write(b"yes")
        self.close_connection = what == "cut"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        pass


class Backend:
    """Serves from a thread, until closed."""

    def __init__(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """corsproxy in front of a backend, and its metrics page."""

    def __init__(self, running: Processes, folder: Path, backend: Backend) -> None:
        self.port, self.admin = free_port(), free_port()
        self.file = folder / "corsproxy.yaml"
        self._text = CONFIG.format(port=self.port, admin=self.admin, backend=backend.port, origin=ORIGIN)
        self.file.write_text(self._text)
        candidate = CANDIDATE.format(backend=backend.port, evil=EVIL)
        self.file.with_name("candidate.yaml").write_text(candidate)
        self.process: Process = running.python(
            "-m", "corsproxy", "run", "-c", self.file, ports=[self.port, self.admin]
        )

    def ask(self, path: str, origin: str = "", method: str = "GET", **fields: str) -> int:
        """Return the status of one request over a connection of its own; 0 where the answer was cut."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, headers=headers | ({"Origin": origin} if origin else {}))
            with suppress(http.client.IncompleteRead):
                answer = connection.getresponse()
                answer.read()
                return answer.status
            return 0
        finally:
            connection.close()

    def everything(self) -> None:
        """Ask once for each thing that is counted."""
        asked = "Access_Control_Request_Method"
        for path, origin in [
            ("/api/x", ORIGIN), ("/api/x", EVIL), ("/api/x", ""), ("/api/x", "null"), ("/none", ORIGIN),
            ("/api/conflict", ORIGIN), ("/api/redirect", ORIGIN), ("/api/cut", ORIGIN), ("/api/broken", ORIGIN),
            ("/trial/x", EVIL), ("/strict/x", EVIL), ("/api/invalid", ORIGIN),
        ]:  # fmt: skip
            self.ask(path, origin)
        self.ask("/api/x", ORIGIN, "OPTIONS", **{asked: "GET"})
        self.ask("/api/x", ORIGIN, "OPTIONS", **{asked: "PUT"})
        self.ask("/api/x", EVIL, "OPTIONS", **{asked: "GET"})
        with socket.create_connection(("127.0.0.1", self.port)) as wrong:
            wrong.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            wrong.recv(100)

    def scrape(self, accept: str = "text/plain") -> str:
        """Return the metrics page."""
        address = f"http://127.0.0.1:{self.admin}/metrics"
        with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": accept})) as page:
            text: bytes = page.read()
            return text.decode()

    def wait_for(self, line: str) -> None:
        """Ask for the page until it has this line."""
        while line not in self.scrape().splitlines():
            assert self.process.popen.poll() is None, self.process.text()

    def reload(self) -> None:
        """Have one good and one bad file read, and each whole."""
        replace_text(self.file, f"{self._text}# again\n")
        self.wait_for('corsproxy_config_reloads_total{result="success"} 1.0')
        replace_text(self.file, "upstream: nowhere\n")
        self.wait_for('corsproxy_config_reloads_total{result="failure"} 1.0')


class Prometheus:
    """Debian's, or whoever's is on PATH: scrapes the proxy, and knows our alerts.

    A scrape that a busy machine is late with leaves a gap, so queries are about one moment, `looked_at`.
    """

    def __init__(self, running: Processes, folder: Path, config: Path) -> None:
        self.port = free_port()
        self.looked_at = 0.0
        self._process = running.start(
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn", ports=[self.port],
        )  # fmt: skip

        while not self._is_ready():  # it listens before it has read its own data
            assert self._process.popen.poll() is None, self._process.text()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready"):
                return True
        except urllib.error.HTTPError:
            return False

    def api(self, path: str, **fields: str) -> Any:
        """Return `data` of an answer of its HTTP API."""
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(fields)}"
        try:
            with urllib.request.urlopen(address) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{path} {fields}: {refused.read().decode()}") from None

    def now(self) -> float:
        """Return its time."""
        return float(self.api("query", query="time()")["result"][0])

    def query(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Return what an instant query finds, at `at` or else at the time to look at."""
        time = self.looked_at if at is None else at
        found: list[dict[str, Any]] = self.api("query", query=expression, time=f"{time:.3f}")["result"]
        return found


def program(name: str) -> str:
    """Find prometheus or promtool."""
    found = shutil.which(name)
    assert found, NO_PROMETHEUS.format(name)
    return found


def walked(node: Any) -> list[Any]:
    """Return all mappings in a JSON value, depth first."""
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in walked(value))]
    return [found for value in node for found in walked(value)] if isinstance(node, list) else []
