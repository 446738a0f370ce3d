"""The command as a person uses it: what it prints, that its curl lines work, and that nothing is left behind."""

import importlib.util
import re
import shlex
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from corsproxy.cli.demo import demo
from corsproxy.config.load import load
from corsproxy.demo.addresses import is_taken
from tests.processes import ROOT, Process, Processes, accepts, runs

LAST_WORDS = "Ctrl-C stops everything."


@dataclass
class Demonstration:
    """A running one: its process, what it printed, and the addresses in it."""

    process: Process
    printed: str

    def address(self, part: str) -> str:
        (found,) = re.findall(rf"^  {part} +(http://\S+)", self.printed, re.MULTILINE)
        return str(found)

    def ports(self) -> list[int]:
        return [int(self.address(part).rpartition(":")[2]) for part in ("page", "proxy", "backend")]

    def curls(self) -> list[list[str]]:
        text = self.printed.replace("\\\n", " ")
        return [shlex.split(line) for line in text.splitlines() if line.startswith("  curl ")]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.popen.pid).children(recursive=True)


def words_of(process: psutil.Process) -> list[str]:
    """Return its command line; nothing of one that has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def parent_of(process: psutil.Process) -> int:
    """Return its parent's id; 0 of one that has ended meanwhile."""
    try:
        return process.ppid()
    except psutil.Error:
        return 0


@pytest.fixture
def demonstration(running: Processes) -> Iterator[Demonstration]:
    process = running.python("-m", "corsproxy", "demo")
    printed = process.wait_for_text(LAST_WORDS)
    yield Demonstration(process, printed)
    assert "Traceback" not in process.text()


def curl(words: list[str]) -> tuple[str, dict[str, str]]:
    """Run a printed curl line; return the status and the fields, names in lower case."""
    done = subprocess.run(
        [*words, "--silent", "--max-time", "60"], capture_output=True, text=True, check=True
    )
    head = done.stdout.replace("\r\n", "\n").partition("\n\n")[0]
    status, *lines = head.split("\n")
    fields = dict(line.split(": ", 1) for line in lines)
    return status.split(" ")[1], {name.lower(): value for name, value in fields.items()}


def cors(fields: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name.startswith("access-control-")}


def test_the_curl_lines_that_it_prints_show_what_they_say(demonstration: Demonstration) -> None:
    page = demonstration.address("page")
    listed, stranger, direct, preflight = demonstration.curls()
    granted = {"access-control-allow-origin": page, "access-control-allow-credentials": "true"}
    found = {
        name: curl(words) for name, words in (("l", listed), ("s", stranger), ("d", direct), ("p", preflight))
    }
    assert {name: (status, cors(fields)) for name, (status, fields) in found.items()} == {
        "l": ("200", {**granted, "access-control-expose-headers": "X-Total-Count"}),
        "s": ("200", {}),
        "d": ("200", {}),
        "p": (
            "204",
            {
                **granted,
                "access-control-allow-methods": "GET, POST, PUT, DELETE",
                "access-control-allow-headers": "Authorization, Content-Type",
                "access-control-max-age": "10",
            },
        ),
    }


def test_the_other_lines_too(demonstration: Demonstration) -> None:
    with urllib.request.urlopen(demonstration.address("why"), timeout=60) as answer:
        assert "corsproxy in front of" in answer.read().decode()
    outcomes = {}
    for line in demonstration.printed.splitlines():
        if found := re.match(r"  \S+(?: -m corsproxy)? (explain|probe) ", line):
            done = subprocess.run(
                shlex.split(line), capture_output=True, text=True, check=False, cwd=Path.cwd()
            )
            outcomes[found[1]] = (done.returncode, done.stdout.splitlines()[0])
    assert outcomes == {"explain": (1, "denied: origin_not_allowed"), "probe": (0, "readable")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_ends_all_of_it(demonstration: Demonstration, number: signal.Signals) -> None:
    children = demonstration.children()
    assert len(children) >= 3, "gunicorn, its worker, and the proxy"
    assert demonstration.process.stop(number) == 0
    assert [child for child in children if runs(child)] == []
    assert [port for port in demonstration.ports() if accepts(port)] == []
    assert demonstration.process.text().endswith("\nStopped: the page, the proxy and the backend.\n")


def test_an_open_stream_does_not_hold_the_end_up(demonstration: Demonstration) -> None:
    port = demonstration.ports()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as reader:
        reader.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert reader.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert demonstration.process.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("part", ["backend", "proxy"])
def test_a_part_that_dies_ends_the_rest(demonstration: Demonstration, part: str) -> None:
    sign = {"backend": "gunicorn", "proxy": "run"}[part]
    own = demonstration.process.popen.pid
    children = demonstration.children()
    (first, *_) = [child for child in children if sign in words_of(child)]
    first.kill()
    assert demonstration.process.popen.wait(60) == 1
    assert demonstration.process.text().endswith(
        f"Error: The {part} ended with status -9. What it said stands above. The demonstration is over.\n"
    )
    assert [child for child in children if runs(child) and parent_of(child) == own] == []


def test_taken_ports_are_named_and_the_next_free_ones_used(running: Processes) -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not is_taken(3000):
            holder.bind(("127.0.0.1", 3000))
            holder.listen()
        process = running.python("-m", "corsproxy", "demo")
        demonstration = Demonstration(process, process.wait_for_text(LAST_WORDS))
        port = demonstration.ports()[0]
        assert port != 3000
        assert f"Port 3000 is taken, so the page has {port}.\n" in demonstration.printed
        assert (
            cors(curl(demonstration.curls()[0])[1])["access-control-allow-origin"]
            == f"http://localhost:{port}"
        )


# Without starting anything.


def invoke(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(demo, words, prog_name="corsproxy demo")
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("missing", "said"),
    [({"flask"}, "flask"), ({"gunicorn"}, "gunicorn"), ({"flask", "gunicorn"}, "flask and gunicorn")],
)
def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: set[str], said: str
) -> None:
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in missing else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    message = f"Error: The demonstration needs {said}.\nFix: pip install 'corsproxy[demo]'\n"
    assert invoke() == (1, "", message)


def test_where_no_port_is_free_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corsproxy.demo.addresses.is_taken", lambda _: True)
    told = "Error: There is no port for the proxy: 200 ports from 8080 on are all taken.\n"
    assert invoke() == (1, "", told)


def test_refused_rules_start_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "upstream: http://127.0.0.1:5000\nrules:\n  - path: /**\n    origins: [https://a.example]\n"
    )
    status, out, err = invoke("-c", str(rules))
    assert (status, out) == (2, "")
    assert f"{rules}:4:5  rules[0].origins\n" in err
    assert err.endswith("\n\n2 problems; nothing was started.\n")


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    status, out, err = invoke("-c", str(tmp_path / "none.yaml"))
    assert (status, out) == (2, "")
    assert "none.yaml' does not exist." in err


@pytest.mark.parametrize("key", ["listen", "admin"])
def test_a_port_that_the_rules_name_and_somebody_has(tmp_path: Path, key: str) -> None:
    rules = tmp_path / "rules.yaml"
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        lines = {"listen": f"listen: 127.0.0.1:{port}\n", "admin": f"admin: {{listen: '127.0.0.1:{port}'}}\n"}
        rules.write_text(
            f"upstream: http://127.0.0.1:5000\n{lines[key]}"
            "rules:\n  - path: /**\n    allow_origins: ['http://localhost:3000']\n"
        )
        message = (
            f"Error: {rules}: `{key}` names port {port}, which is taken.\n"
            "Fix: end what listens there, or leave -c away (make run CONFIG=): the demonstration's own rules move to free ports.\n"
        )
        assert invoke("-c", str(rules)) == (1, "", message)


def test_a_listener_that_a_browser_cannot_reach_in_clear(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        f"upstream: http://127.0.0.1:5000\nlisten: unix:{tmp_path}/proxy.sock\n"
        "rules:\n  - path: /**\n    allow_origins: ['http://localhost:3000']\n"
    )
    message = f"Error: {rules}: the demonstration needs a `listen` on 127.0.0.1 or 0.0.0.0, without TLS.\n"
    assert invoke("-c", str(rules)) == (1, "", message)


def test_the_default_configuration_suits_the_demonstration() -> None:
    """`make run` shows it with config/corsproxy.yaml: the page must be listed and may do what it tries."""
    settings = load(ROOT / "config/corsproxy.yaml", {})
    rule = settings.rules[0]
    assert [(e.host, e.port) for e in settings.listen] == [("0.0.0.0", 8080)]
    assert (rule.paths, rule.allow_credentials, rule.websocket, rule.report) == (("/**",), True, True, False)
    assert "http://localhost:3000" in rule.origins.exact
    assert {"GET", "POST", "PUT"} <= set(rule.allow_methods)
    assert {"Authorization", "Content-Type"} <= set(rule.allow_headers)
