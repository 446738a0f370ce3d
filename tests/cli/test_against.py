"""`corsproxy check FILE --against SOURCE`: what is printed and the exit status, for each source and format."""

import gzip
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from corsproxy.cli.check import check

AT = 1_767_323_045.0  # 2026-01-02T03:04:05Z
LIVE = """\
upstream: http://127.0.0.1:5000
rules:
  - name: api
    path: /**
    allow_origins: [https://app.example.com, https://old.example.com]
    allow_methods: [GET, PUT]
    allow_credentials: true
"""
NEXT = LIVE.replace(", https://old.example.com", "").replace("[GET, PUT]", "[GET, PUT, DELETE]")
FAILING = NEXT + "tests: [{request: {origin: https://old.example.com}, expect: allowed}]\n"
REPORT = """\
next.yaml: fine (1 rule, no tests).

Against decisions.json: 120 requests, 2026-01-02 03:04:05Z to 2026-01-02 05:04:05Z.

Newly refused: 20 requests
     20  https://old.example.com  GET /api/users, /api/cars
         before: allowed by rule api (c.yaml:3): origin_allowed, with credentials
         after:  refused by rule api (next.yaml:3): origin_not_allowed

Newly allowed: 1 request
      1  https://app.example.com  DELETE /api/users (preflight)
         asks for x-csrf
         before: refused by rule api (c.yaml:3): method_not_allowed
         after:  allowed by rule api (next.yaml:3): origin_allowed, with credentials

Unchanged: 99 requests.

Note: 3 requests have no entry any more, because others came more often; they are left out.
"""


HAR_REPORT = """\
next.yaml: fine (1 rule, no tests).

Against page.har: 3 requests.

Newly refused: 1 request
      1  https://old.example.com  GET /api/users
         before: the page could read it
         after:  refused by rule api (next.yaml:3): origin_not_allowed

Newly allowed: 1 request
      1  https://app.example.com  GET /api/users
         before: the browser kept it from the page
         after:  allowed by rule api (next.yaml:3): origin_allowed

Unchanged: 1 request.

Note: The record is thin: 3 requests. What is rare, or due at night, is not in it.
"""


def entry(origin: str, count: int, *paths: str, **more: Any) -> dict[str, Any]:
    said = {
        "rule": "api",
        "place": "c.yaml:3",
        "kind": "actual",
        "reason": "origin_allowed",
        "action": "forward",
    }
    asked = {"method": "GET", "requested_method": None, "requested_headers": None}
    request = {name: more.pop(name, value) for name, value in asked.items()}
    places = [{"host": "api.example.com", "path": path} for path in paths]
    return {
        "origin": origin,
        **said,
        "report": False,
        "generation": 1,
        "count": count,
        "credentials": True,
        **more,
        "requests": [{**request, "count": count, "at": places}],
    }


def document() -> dict[str, Any]:
    refused = entry(
        "https://app.example.com", 1, "/api/users",
        method="OPTIONS", requested_method="DELETE", kind="preflight", reason="method_not_allowed", action="answer",
        requested_headers=None, credentials=False,
    )  # fmt: skip
    return {
        "generation": 1,
        "since": AT,
        "now": AT + 7200,
        "forgotten": 3,
        "refusals": [refused],
        "allowed": [
            entry("https://app.example.com", 99, "/api/users"),
            entry("https://old.example.com", 20, "/api/users", "/api/cars"),
        ],
    }


LINES = [
    {"time": "2026-01-02T03:04:05.000Z", "level": "info", "message": "serving"},
    {
        "time": "2026-01-02T03:04:05.500Z", "level": "info", "message": "request", "method": "GET", "path": "/api/users",
        "status": 200, "reason": "origin_allowed", "kind": "actual", "action": "forward", "rule": "api",
        "place": "c.yaml:3", "origin": "https://old.example.com", "host": "api.example.com",
    },
]  # fmt: skip
LOG = "".join(f"{json.dumps(line)}\n" for line in LINES)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CORSPROXY_CONFIG", raising=False)
    Path("next.yaml").write_text(NEXT)
    Path("live.yaml").write_text(LIVE)
    Path("decisions.json").write_text(json.dumps(document()))
    Path("access.log").write_text(LOG)
    return tmp_path


def run(*arguments: str, given: bytes = b"") -> Result:
    result = CliRunner().invoke(check, arguments, input=given)
    assert result.stderr == ""
    return result


def test_for_people() -> None:
    result = run("next.yaml", "--against", "decisions.json")
    assert (result.exit_code, result.output) == (1, REPORT.replace("         asks for x-csrf\n", ""))


def test_headers_that_are_asked_for() -> None:
    told = document()
    told["refusals"][0]["requests"][0]["requested_headers"] = "x-csrf"
    told["refusals"][0]["reason"] = "header_not_allowed"
    Path("decisions.json").write_text(json.dumps(told))
    Path("next.yaml").write_text(NEXT + "    allow_headers: [x-csrf]\n")
    result = run("next.yaml", "--against", "decisions.json")
    expected = REPORT.replace("method_not_allowed", "header_not_allowed")
    assert (result.exit_code, result.output) == (1, expected)


def test_what_was_same_origin_is_called_so() -> None:
    own = entry("https://own.example", 1, "/x", kind="same_origin", reason="same_origin", rule="", place="")
    Path("decisions.json").write_text(json.dumps({**document(), "refusals": [], "allowed": [own]}))
    result = run("next.yaml", "--against", "decisions.json")
    assert "\n      1  https://own.example  GET /x (same origin)\n" in result.stdout


def test_nothing_changes() -> None:
    result = run("live.yaml", "--against", "decisions.json")
    assert result.exit_code == 0
    assert result.output.split("\n\n")[2:] == [
        "Nothing would change.",
        "Note: 3 requests have no entry any more, because others came more often; they are left out.\n",
    ]


@pytest.mark.parametrize(
    ("count", "seconds", "said"),
    [
        (99, 7200, "The record is thin: 99 requests in 120 minutes."),
        (100, 180, "The record is thin: 100 requests in 3 minutes."),
        (1, 1, "The record is thin: 1 request in 1 second."),
        (100, 3600, None),
    ],
)
def test_a_thin_record(count: int, seconds: int, said: str | None) -> None:
    told = document() | {"refusals": [], "forgotten": 0, "now": AT + seconds}
    told["allowed"] = [entry("https://app.example.com", count, "/")]
    Path("decisions.json").write_text(json.dumps(told))
    output = run("next.yaml", "--against", "decisions.json").output
    notes = [line for line in output.splitlines() if line.startswith("Note: ")]
    more = " What is rare, or due at night, is not in it."
    assert notes == ([f"Note: {said}{more}"] if said else [])
    assert json.loads(run("next.yaml", "--against", "decisions.json", "--format", "json").output)["against"][
        "thin"
    ] is bool(said)


def test_json() -> None:
    result = run("next.yaml", "--against", "decisions.json", "--format", "json")
    assert result.exit_code == 1
    outcome = {"rule": "api", "kind": "actual", "action": "forward", "report": False}
    told = json.loads(result.output)
    assert told["status"] == 1
    against = told["against"]
    assert {name: value for name, value in against.items() if name not in {"changes", "notes"}} == {
        "source": "decisions.json",
        "first": AT,
        "last": AT + 7200,
        "requests": 120,
        "unchanged": 99,
        "thin": False,
    }
    assert against["changes"][0] == {
        "change": "newly_refused",
        "origin": "https://old.example.com",
        "method": "GET",
        "paths": ["/api/users", "/api/cars"],
        "requested_headers": [],
        "count": 20,
        "exact": True,
        "before": {
            **outcome, "place": "c.yaml:3", "reason": "origin_allowed", "refused": False, "credentials": True,
        },
        "after": {
            **outcome, "place": "next.yaml:3", "reason": "origin_not_allowed", "refused": True, "credentials": False,
        },
    }  # fmt: skip
    assert [change["change"] for change in against["changes"]] == ["newly_refused", "newly_allowed"]


def test_github() -> None:
    result = run("next.yaml", "--against", "decisions.json", "--format", "github")
    assert result.exit_code == 1
    assert result.output.splitlines()[0] == (
        "::warning file=next.yaml,line=3,col=1,title=Newly refused::20  https://old.example.com  GET /api/users, /api/cars"
        "%0Abefore: allowed by rule api (c.yaml:3): origin_allowed, with credentials"
        "%0Aafter: refused by rule api (next.yaml:3): origin_not_allowed"
    )
    assert len(result.output.splitlines()) == 2


def test_an_access_log_of_every_kind() -> None:
    Path("access.log.gz").write_bytes(gzip.compress(LOG.encode()))
    outputs = [
        run("next.yaml", "--against", "access.log"),
        run("next.yaml", "--against", "access.log.gz"),
        run("next.yaml", "--against", "-", given=LOG.encode()),
        run("next.yaml", "--against", "-", given=gzip.compress(LOG.encode())),
        run("next.yaml", "--against", "-", given=b"corsproxy-1  | " + LOG.encode()),
    ]
    told = {result.output.replace("access.log.gz", "-").replace("access.log", "-") for result in outputs}
    assert {result.exit_code for result in outputs} == {1}
    (report,) = told
    assert "Newly refused: 1 request\n      1  https://old.example.com  GET /api/users\n" in report
    assert "         before: allowed by rule api (c.yaml:3): origin_allowed\n" in report


def test_a_saved_document_as_people_write_it() -> None:
    Path("decisions.json").write_text(json.dumps(document(), indent=2))
    result = run("next.yaml", "--against", "decisions.json")
    assert (result.exit_code, result.output) == (1, REPORT.replace("         asks for x-csrf\n", ""))


def har(*hosts: str) -> str:
    def one(host: str, origin: str, allow: str | None) -> dict[str, Any]:
        fields = [{"name": "Origin", "value": origin}]
        answer = [{"name": "access-control-allow-origin", "value": allow}] if allow else []
        return {
            "request": {"method": "GET", "url": f"https://{host}/api/users?page=1", "headers": fields},
            "response": {"status": 200, "headers": answer},
        }

    entries = [
        one(host, origin, allow)
        for host in hosts
        for origin, allow in (
            ("https://old.example.com", "https://old.example.com"),
            ("https://app.example.com", None),
            ("https://evil.example", None),
        )
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def test_a_har_file() -> None:
    Path("page.har").write_text(har("api.example.com"))
    result = run("next.yaml", "--against", "page.har")
    assert result.exit_code == 1
    assert result.output == HAR_REPORT


def test_a_har_file_of_several_hosts() -> None:
    Path("page.har").write_text(har("api.example.com", "cdn.example.net"))
    result = run("next.yaml", "--against", "page.har")
    assert result.exit_code == 2
    assert "several hosts: api.example.com (3), cdn.example.net (3). Fix: say with --host" in result.output
    result = run("next.yaml", "--against", "page.har", "--host", "API.example.com")
    assert result.exit_code == 1
    assert "Against page.har: 3 requests." in result.output
    result = run("next.yaml", "--against", "page.har", "--host", "other")
    assert result.exit_code == 2
    assert "No page asked another origin at other here; there are api.example.com" in result.output


class Admin(BaseHTTPRequestHandler):
    """Answers /decisions, and something else elsewhere."""

    def do_GET(self) -> None:
        content = json.dumps(document()).encode() if self.path == "/decisions" else b"hello"
        self.send_response(200 if self.path != "/missing" else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def admin() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["", "/", "/decisions"])
def test_a_running_proxy(admin: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    result = run("next.yaml", "--against", admin + path)
    expected = REPORT.replace("         asks for x-csrf\n", "").replace("decisions.json", admin + path)
    assert (result.exit_code, result.output) == (1, expected)


def test_what_is_no_running_proxy(admin: str) -> None:
    for path, said in (
        ("/missing", "/missing answered 404. Fix: name the admin listener"),
        ("/x", "What came is not JSON."),
    ):
        result = run("next.yaml", "--against", admin + path)
        assert result.exit_code == 2
        assert said in result.output
    result = run("next.yaml", "--against", "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "http://127.0.0.1:1/decisions cannot be asked: Connection refused. Fix: " in result.output
    result = run("next.yaml", "--against", "127.0.0.1:9901")
    assert result.exit_code == 2
    said = "127.0.0.1:9901: it cannot be read: No such file or directory. If it is an address: http://127.0.0.1:9901"
    assert said in result.output


@pytest.mark.parametrize("form", ["text", "json", "github"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "There is no line about a request here."),
        (b"\x1f\x8bnonsense", "it begins as gzip and goes on otherwise"),
        (b'{"refusals": []}', "This is no document of /decisions"),
        (b'{"log": {}}', "This is not a HAR file"),
        (None, "it cannot be read: No such file or directory."),
    ],
)
def test_sources_that_cannot_be_read(content: bytes | None, said: str, form: str) -> None:
    if content is not None:
        Path("source").write_bytes(content)
    result = run("next.yaml", "--against", "source", "--format", form)
    assert result.exit_code == 2
    assert said in result.output
    if form == "json":
        assert json.loads(result.output)["status"] == 2


def test_a_refused_file_is_not_replayed_over() -> None:
    Path("next.yaml").write_text(NEXT + "alow: 1\n")
    result = run("next.yaml", "--against", "nowhere")
    assert result.exit_code == 2
    assert "Against" not in result.output
    Path("next.yaml").write_text(FAILING)
    result = run("next.yaml", "--against", "decisions.json")
    assert result.exit_code == 1
    assert "Against" not in result.output


def test_the_rest_of_the_check_counts() -> None:
    Path("live.yaml").write_text(LIVE + "    max_age: 3h\n")
    assert run("live.yaml", "--against", "decisions.json", "--strict").exit_code == 1
    assert run("live.yaml", "--against", "decisions.json").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["next.yaml", "live.yaml", "--against", "x"], "--against goes with one FILE only."),
        (["next.yaml", "--format", "sarif", "--against", "x"], "--against goes with the formats text, json and github only."),
        (["-", "--against", "-"], "Standard input cannot be both FILE and SOURCE."),
        (["next.yaml", "--host", "x"], "--host says which host of a HAR file is meant."),
    ],
)  # fmt: skip
def test_calls_that_make_no_sense(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(check, arguments)
    assert result.exit_code == 2
    assert said in click.unstyle(result.stderr)


def test_a_file_from_standard_input() -> None:
    result = run("-", "--against", "decisions.json", given=NEXT.encode())
    assert result.exit_code == 1
    assert result.output.startswith("-: fine (1 rule, no tests).\n\nAgainst decisions.json: 120 requests")


def test_what_strangers_sent_steers_no_terminal() -> None:
    told = document()
    told["allowed"][1]["origin"] = "\\x1b[2J"
    told["allowed"][1]["requests"][0]["at"][0]["path"] = "/\\x0a::error::x"
    Path("decisions.json").write_text(json.dumps(told))
    for form in ("text", "github", "json"):
        output = run("next.yaml", "--against", "decisions.json", "--format", form).output
        assert "\x1b" not in output
        assert "\n::error" not in output


def test_a_log_longer_than_what_is_read_at_once() -> None:
    lines = "x" * 200_000 + "\n" + LOG * 3
    result = run("next.yaml", "--against", "-", given=io.BytesIO(lines.encode()).getvalue())
    assert "Newly refused: 3 requests" in result.output
