"""What `check --against` is given by somebody who means harm: documents, logs and servers in place of an admin listener."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from corsproxy.bridges import recordings
from corsproxy.bridges.recordings import BadRecording, read_decisions, read_log
from corsproxy.cli.check import check

FILE = """\
upstream: http://127.0.0.1:5000
rules:
  - name: api
    path: /**
    allow_origins: [https://app.example]
"""
SAID = {"rule": "old", "place": "c.yaml:3", "kind": "actual", "reason": "origin_not_allowed", "action": "forward"}  # fmt: skip
LINE = {
    **SAID, "time": "2026-01-02T03:04:05.500Z", "method": "GET", "path": "/x", "status": 200,
    "origin": "https://app.example", "host": "api.example",
}  # fmt: skip


def document(**changes: Any) -> dict[str, Any]:
    request = {
        "method": "GET", "requested_method": None, "requested_headers": None, "count": 1,
        "at": [{"host": "api.example", "path": "/x"}],
    }  # fmt: skip
    entry = {**SAID, "origin": "https://app.example", "generation": 1, "count": 1, "requests": [request]}
    told = {"generation": 1, "since": 1.0, "now": 2.0, "forgotten": 0, "refusals": [entry], "allowed": []}
    for name, value in changes.items():
        place = next(one for one in (told, entry, request) if name in one)
        place[name] = value
    return told


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("next.yaml").write_text(FILE)


def against(source: str) -> Result:
    return CliRunner().invoke(check, ["next.yaml", "--against", source])


@pytest.mark.parametrize("name", ["rule", "place"])
@pytest.mark.parametrize("form", ["text", "github", "json"])
def test_names_in_a_document_steer_no_terminal(name: str, form: str) -> None:
    Path("told.json").write_text(json.dumps(document(**{name: "\x1b]0;x\x07\x9b2J\u202e\n::error::x"})))
    result = CliRunner().invoke(check, ["next.yaml", "--against", "told.json", "--format", form])
    assert result.exit_code == 1
    assert not set("\x1b\x07\x9b\u202e") & set(result.output)
    assert "\n::error::x" not in result.output


@pytest.mark.parametrize("name", ["since", "now", "forgotten", "count"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), "x", None, [], {}])
def test_numbers_that_are_none_are_a_bad_document(name: str, value: object) -> None:
    told = document()
    place = told if name in told else told["refusals"][0]["requests"][0]
    place[name] = value
    with pytest.raises(BadRecording):
        read_decisions(json.loads(json.dumps(told)))


def test_a_field_that_no_log_of_ours_has_is_not_kept() -> None:
    long = {**LINE, "path": "/" + "x" * 10_000}
    told = read_log([json.dumps(long), json.dumps(LINE)])
    assert [request.count for request in told.requests] == [1]
    assert told.notes[0] == "1 line left out: something is too long to be there whole."


@pytest.mark.parametrize("name", sorted({*LINE} - {"kind", "status", "reason", "action"}))
@pytest.mark.parametrize("value", [5, None, [], {}, "0001-01-01T00:00:00", "\ud800"])
def test_a_line_whose_fields_are_of_other_types_stops_nobody(name: str, value: object) -> None:
    lines = [json.dumps({**LINE, name: value}), json.dumps({**LINE, "fault": value}), json.dumps(LINE)]
    assert sum(request.count for request in read_log(lines).requests) >= 1


def test_addresses_of_all_kinds_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MOST_IN_ALL", 5)
    lines = [{**LINE, "origin": f"https://{kind}.example", "path": f"/{at}"} for kind in range(4) for at in range(4)]  # fmt: skip
    told = read_log(json.dumps(line) for line in lines * 2)
    assert sum(len(request.places) for request in told.requests) == 5
    assert sum(request.count for request in told.requests) == 10
    assert told.notes[0] == "22 lines left out: there are more than 5 addresses."


class Elsewhere(BaseHTTPRequestHandler):
    """An admin listener that sends who asks on to another address, and has what is there."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = json.dumps(document()).encode()
        self.send_response(302 if self.path == "/decisions" else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    Elsewhere.asked.clear()
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_does_not_choose_what_else_is_asked(elsewhere: str) -> None:
    result = against(f"http://{elsewhere}")
    assert (result.exit_code, Elsewhere.asked) == (2, ["/decisions"])
    assert f"http://{elsewhere}/decisions answered 302. Fix: " in result.output


def test_a_password_in_an_address_is_neither_sent_nor_shown(elsewhere: str) -> None:
    result = against(f"http://bob:hunter2@{elsewhere}/decisions")
    assert (result.exit_code, Elsewhere.asked) == (2, [])
    assert f"http://{elsewhere}/decisions: the admin listener takes no user name and no password." in result.output  # fmt: skip
    assert "hunter2" not in result.output
