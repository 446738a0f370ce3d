"""`corsproxy probe`: what people read, what scripts read, what is refused, and what is never shown.

The texts are in tests/cli/probe/*.txt: the words of the call on the first line, then what is printed, with the
server's port as 8000. CORSPROXY_WRITE_GOLDEN=1 writes them anew; read them then.
"""

import asyncio
import io
import json
import os
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner, Result

from corsproxy.bridges.probe.report import Outcome
from corsproxy.cli.patience import Patience
from corsproxy.cli.probe import STATUSES, probe
from tests.cli.scripted import Scripted
from tests.processes import ROOT, free_port

GOLDEN = ROOT / "tests" / "cli" / "probe"
URL = "http://localhost:8000"
APP = "https://app.example.com"
FROM_APP = f"--origin {APP}"
GRANT = f"""Access-Control-Allow-Origin: {APP}
            Access-Control-Allow-Credentials: true
            Vary: Origin"""
PROBLEM = '{{"code": "no_rule_for_path", "detail": "refused by no rule: no_rule_for_path"}}'
ANSWERS = {
    "/fine": f"""200 OK
            Content-Type: application/json
            ETag: "1"
            Set-Cookie: session=secret; SameSite=None; Secure; HttpOnly
            Set-Cookie: old=secret; Path=/
            {GRANT}

{{{{}}}}""",
    "OPTIONS /fine": f"""204 No Content
            Access-Control-Allow-Methods: PUT, DELETE
            Access-Control-Allow-Headers: Authorization, Content-Type
            Access-Control-Max-Age: 3600
            {GRANT}""",
    "OPTIONS /star": """200 OK
            Access-Control-Allow-Origin: *
            Access-Control-Allow-Headers: *""",
    "/star": "200 OK\nAccess-Control-Allow-Origin: *",
    "/nothing": "200 OK\nServer: nginx/1.22",
    "/reflecting": "200 OK\nAccess-Control-Allow-Origin: {origin}\nAccess-Control-Allow-Credentials: true",
    "/moved": f"302 Found\nLocation: http://other.localhost:{{port}}/fine?token=t\n{GRANT}",
    "/secret-way": f"302 Found\nLocation: http://me:secret@other.localhost:{{port}}/fine\n{GRANT}",
    "/broken": f"500 Oops\nX-Odd: \x1b[2J\n{GRANT}\n\noops",
    "/unknown": "200 OK\nVary: Origin",
    "OPTIONS /unknown": f"""403 Forbidden
            Content-Type: application/problem+json
            Proxy-Status: corsproxy; error=http_request_denied; details="no_rule_for_path"

{PROBLEM}""",
}
QUESTIONS = {
    "readable": f"{URL}/fine {FROM_APP} --credentials",
    "readable-preflighted": f"{URL}/fine {FROM_APP} --method PUT --send --header 'Authorization: secret' --data '{{}}' --header Content-Type",
    "readable-an-error": f"{URL}/broken {FROM_APP}",
    "readable-same-origin": f"{URL}/fine --origin {URL}",
    "readable-reflected": f"{URL}/reflecting {FROM_APP}",
    "blocked-origin": f"{URL}/nothing {FROM_APP}",
    "blocked-header": f"{URL}/fine {FROM_APP} --header X-Trace --method PUT",
    "blocked-credentials": f"{URL}/star {FROM_APP} --credentials",
    "blocked-authorization": f"{URL}/star {FROM_APP} --header Authorization",
    "blocked-by-corsproxy": f"{URL}/unknown {FROM_APP}",
    "blocked-after-redirect": f"{URL}/moved {FROM_APP}",
    "blocked-redirect": f"{URL}/secret-way {FROM_APP}",
    "blocked-mixed-content": f"http://api.example.com/ {FROM_APP}",
    "blocked-method": f"{URL}/fine {FROM_APP} --method TRACE",
    "preflight-passed": f"{URL}/fine {FROM_APP} --method DELETE",
    "not-sent": f"{URL}/fine {FROM_APP} --data a=1",
    "unreachable-dns": "http://nowhere.invalid/ --origin http://app.example.com",
    "untrusted": f"https://localhost:8000/fine {FROM_APP}",
}
STATUS = {"readable": 0, "blocked": 1, "unreachable": 3, "untrusted": 4, "preflight": 5, "not": 5}


@pytest.fixture(scope="module")
def server() -> Iterator[Scripted]:
    with Scripted(ANSWERS) as scripted:
        yield scripted


def run(server: Scripted, words: str, *more: str) -> Result:
    """Run the command; what it prints has the port of the questions."""
    del server.heard[:]
    port = str(server.port)
    result = CliRunner().invoke(probe, [*shlex.split(words.replace("8000", port)), *more])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    result.stdout_bytes = result.stdout.replace(port, "8000").encode()
    return result


@pytest.mark.parametrize("name", QUESTIONS)
def test_what_people_read(server: Scripted, name: str) -> None:
    result = run(server, QUESTIONS[name])
    text = f"corsproxy probe {QUESTIONS[name]}\n\n{result.stdout}"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("CORSPROXY_WRITE_GOLDEN") == "1":
        golden.write_text(text)
    assert text == golden.read_text()
    assert (result.exit_code, result.stderr) == (STATUS[name.partition("-")[0]], "")
    assert "secret" not in text.replace("/secret-way", "").replace("'Authorization: secret'", "")


def test_there_is_no_text_of_a_question_that_is_gone() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(QUESTIONS)


def test_every_outcome_has_a_documented_status() -> None:
    page = (ROOT / "docs" / "probe.md").read_text()
    assert set(STATUSES) == set(Outcome)
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in page] == []
    assert [status for status in (0, 1, 2, 3, 4, 5) if f"| {status} |" not in page] == []


def keys_of(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for each in value.values() for key in keys_of(each)}
    return {key for each in value for key in keys_of(each)} if isinstance(value, list) else set()


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_json_says_the_same_and_is_documented(server: Scripted, name: str) -> None:
    page = (ROOT / "docs" / "probe.md").read_text()
    result = run(server, QUESTIONS[name], "--json")
    told = json.loads(result.stdout)
    assert told["status"] == result.exit_code == STATUS[name.partition("-")[0]]
    assert {key for key in keys_of(told) if f"`{key}`" not in page} == set()
    assert "secret" not in result.stdout.replace("/secret-way", "")
    assert "\x1b" not in result.stdout


ADVICE = (
    "Add x-trace to Access-Control-Allow-Headers in the answer to preflights. "
    "Beside credentials a * there counts for nothing."
)


def test_the_json_is_stable(server: Scripted) -> None:
    told = json.loads(run(server, f"{QUESTIONS['blocked-header']} --credentials", "--json").stdout)
    grant = [
        ["Access-Control-Allow-Methods", "PUT, DELETE"],
        ["Access-Control-Allow-Headers", "Authorization, Content-Type"],
        ["Access-Control-Max-Age", "3600"],
        ["Access-Control-Allow-Origin", APP],
        ["Access-Control-Allow-Credentials", "true"],
        ["Vary", "Origin"],
    ]
    told["notes"] = len(told["notes"])
    assert told == {
        "outcome": "blocked",
        "status": 1,
        "reason": "header_not_allowed",
        "why": "The browser does not send the request: preflight: the header x-trace is not in "
        "Access-Control-Allow-Headers.",
        "request": {
            "origin": APP,
            "method": "PUT",
            "url": f"{URL}/fine",
            "headers": ["X-Trace"],
            "credentials": True,
        },
        "server": None,
        "rule": None,
        "hops": [
            {
                "url": f"{URL}/fine",
                "origin": APP,
                "cors": True,
                "preflight": {
                    "method": "OPTIONS",
                    "sent": [
                        ["Access-Control-Request-Method", "PUT"],
                        ["Access-Control-Request-Headers", "x-trace"],
                        ["Origin", APP],
                    ],
                    "status": 204,
                    "fields": grant,
                },
                "response": None,
                "checks": [
                    check("sendable", "PUT", "browsers send PUT"),
                    check("sendable", "x-trace", "browsers send x-trace"),
                    check("preflight_origin", APP, f"preflight: Access-Control-Allow-Origin is {APP}"),
                    check(
                        "preflight_credentials", "true", "preflight: Access-Control-Allow-Credentials is true"
                    ),
                    check("preflight_status", "204", "preflight: status 204"),
                    check("preflight_method", "PUT", "preflight: the method PUT is granted"),
                    {
                        "check": "preflight_header",
                        "passed": False,
                        "reason": "header_not_allowed",
                        "cause": "header",
                        "subject": "x-trace",
                        "text": "preflight: the header x-trace is not in Access-Control-Allow-Headers",
                    },
                ],
            }
        ],
        "failure": None,
        "readable": None,
        "preflight_lifetime": None,
        "cookies": [],
        "cache": None,
        "console": {
            "chrome": f"Access to fetch at '{URL}/fine' from origin '{APP}' has been blocked by CORS policy: Request header "
            "field x-trace is not allowed by Access-Control-Allow-Headers in preflight response.",
            "firefox": "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
            f"{URL}/fine. (Reason: header ‘x-trace’ is not allowed according to header ‘Access-Control-Allow-Headers’ "
            "from CORS preflight response).",
        },
        "advice": [ADVICE],
        "notes": 2,
    }


def check(step: str, subject: str, text: str) -> dict[str, object]:
    return {
        "check": step,
        "passed": True,
        "reason": "origin_allowed",
        "cause": None,
        "subject": subject,
        "text": text,
    }


def test_only_the_preflight_if_that_is_enough(server: Scripted) -> None:
    result = run(server, QUESTIONS["preflight-passed"], "--preflight-only")
    assert (result.exit_code, [method for method, *_ in server.heard]) == (0, ["OPTIONS"])
    assert "Nothing was sent after it, as asked." in result.stdout
    assert run(server, QUESTIONS["readable"], "--preflight-only").exit_code == 5
    assert server.heard == []


def test_a_pasted_command_is_asked_as_its_page_did(server: Scripted) -> None:
    curl = (
        f"curl '{URL}/fine' -X 'PUT' -H 'Origin: {APP}' -H 'Accept: application/json' -H 'Content-Type: application/json' "
        "-H 'Authorization: Bearer t' -H 'Cookie: session=s' -H 'User-Agent: Mozilla' -H 'Sec-Fetch-Mode: cors' "
        "-H 'Cache-Control: no-cache' --data-raw '{\"a\":1}'"
    ).replace("8000", str(server.port))
    result = run(server, "--send", "--curl", curl)
    assert result.exit_code == 0, result.stdout
    (asked, _, preflight, _), (method, path, fields, body) = server.heard
    assert (asked, method, path, body) == ("OPTIONS", "PUT", "/fine", b'{"a":1}')
    assert preflight["Access-Control-Request-Headers"] == "authorization,content-type"
    assert "Cookie" not in preflight
    told = {name: fields.get(name) for name in ("Accept", "Authorization", "Cookie", "Cache-Control")}
    assert told == {
        "Accept": "application/json",
        "Authorization": "Bearer t",
        "Cookie": "session=s",
        "Cache-Control": None,
    }
    assert fields["User-Agent"].startswith("corsproxy-probe/")
    assert "session=s" not in result.stdout
    assert "Bearer t" not in result.stdout


def test_flags_correct_what_was_pasted(server: Scripted) -> None:
    curl = f"curl '{URL}/star' -H 'Origin: {APP}' -H 'X-A: 1'".replace("8000", str(server.port))
    words = f"{URL}/fine --origin https://other.example.com --method DELETE --header 'x-a: 2'"
    told = json.loads(run(server, words, "--json", "--curl", curl).stdout)
    assert told["request"] == {
        "origin": "https://other.example.com",
        "method": "DELETE",
        "url": f"{URL}/fine",
        "headers": ["x-a"],
        "credentials": False,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Name the URL: corsproxy probe https://api.example.com/ --origin https://app.example.com"),
        ("https://h/", "Name the page's origin: --origin https://app.example.com"),
        ("h.example/x --origin https://a", "h.example/x is not an address that begins with http:// or https://. Write it with its scheme: https://h.example/x"),
        ("localhost:8080/x --origin https://a", "localhost:8080/x is not an address that begins with http:// or https://. Write it with its scheme: http://localhost:8080/x"),
        ("https:// --origin https://a", "https:// has no host that a browser could call."),
        ("https://u:p@h/ --origin https://a", "fetch() takes no URL with a user name in it"),
        ("wss://h/ --origin https://a", "A WebSocket has no CORS to probe: ask `corsproxy explain`"),
        ("https://h/ --origin https://A.example/", "No browser sends the origin https://A.example/. It sends https://a.example."),
        ("https://h/ --origin ''", "No browser sends the origin (empty)."),
        ("https://h/ --origin https://a --send --preflight-only", "Give --send or --preflight-only, not both."),
        ("https://h/ --origin https://a --cookie a=b", "--cookie goes with --credentials"),
        ("https://h/ --origin https://a --data x --method GET", "fetch() takes no body with GET."),
        ("https://h/ --origin https://a --header 'X: \x01'", "No request can hold these characters"),
        ("https://h/ --origin https://a --ca nowhere.pem", "--ca nowhere.pem cannot be used: no such file or directory."),
        ("https://h/ --origin https://a --resolve h:1", "--resolve is HOST:PORT:ADDRESS, as api.example.com:443:127.0.0.1, not h:1"),
        ("--curl wget", "This is not a command for curl"),
        ("--curl 'curl wss://h/ -H \"Origin: https://a\"'", "A WebSocket has no CORS to probe"),
        ("--send --curl 'curl https://h/ -F a=b -H \"Origin: https://a\"'", "-F is a form, which is not put together here"),
        ("https://h/ --origin https://a --timeout 0", "Invalid value for '--timeout'"),
    ],
)  # fmt: skip
def test_what_is_refused(server: Scripted, words: str, said: str) -> None:
    result = run(server, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: {said}" in result.stderr


def test_what_a_page_may_not_set_is_left_out_and_said(server: Scripted) -> None:
    result = run(server, f"{URL}/star {FROM_APP} --header 'Cookie: a=secret' --header 'Sec-Odd: 1'")
    assert "Note: Browsers let no page set Cookie: it is left out. Use --cookie.\n" in result.stdout
    assert "Note: Browsers let no page set Sec-Odd: it is left out.\n" in result.stdout
    assert "secret" not in str(server.heard)


def test_a_refused_port_and_a_file_of_authorities(server: Scripted) -> None:
    result = run(server, f"http://localhost:{free_port()}/ {FROM_APP}")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (3, "unreachable: refused")


def test_an_interruption_is_no_verdict(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("corsproxy.cli.probe.inquire", interrupt)
    result = run(server, QUESTIONS["readable"])
    assert (result.exit_code, result.stdout) == (130, "")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("> /dev/full", 2, "Error: Standard output cannot be written: No space left on device."),
        ("| true; exit ${PIPESTATUS[0]}", 4, ""),
    ],
)
def test_output_that_nobody_takes_changes_no_verdict(
    server: Scripted, words: str, status: int, said: str
) -> None:
    call = f"{sys.executable} -m corsproxy probe {QUESTIONS['untrusted'].replace('8000', str(server.port))} {words}"
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr.strip()) == (status, said)


def test_a_page_on_https_and_a_server_of_an_authority_of_its_own(tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example.com").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with Scripted(ANSWERS, context) as scripted:
        words = f"https://api.example.com:8000/fine {FROM_APP} --credentials --cookie a=b --resolve api.example.com:8000:127.0.0.1"
        result = run(scripted, words, "--json", "--ca", str(tmp_path / "ca.pem"))
        told = json.loads(result.stdout)
        assert (result.exit_code, told["outcome"]) == (0, "readable")
        assert [(cookie["name"], cookie["dropped"]) for cookie in told["cookies"]] == [
            ("session", False),
            ("old", False),
        ]
        assert [fields.get("Cookie") for _, _, fields, _ in scripted.heard] == ["a=b", "a=b", None]
        assert told["notes"] == [
            (
                "api.example.com (127.0.0.1) is this machine itself: for a page from another network Chrome first asks the visitor "
                "(Local Network Access, since 142). No response field grants that."
            )
        ]
        result = run(scripted, words)
        assert result.exit_code == 4
        assert "comes from an authority that is not known here" in result.stdout


class Screen(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal
        self.is_written = asyncio.Event()
        if not is_terminal:
            self.is_written.set()

    def write(self, text: str) -> int:
        self.is_written.set()
        return super().write(text)

    def isatty(self) -> bool:
        return self._is_terminal


async def wait_with(screen: Screen) -> str:
    """Wait for what ends once the screen has been written to, or at once where nothing will be."""

    async def work() -> str:
        await screen.is_written.wait()
        return "done"

    return await Patience(screen, 10, after=0.001).wait(work(), "GET http://h/")


async def test_who_waits_at_a_terminal_is_told_so() -> None:
    screen = Screen(is_terminal=True)
    assert await wait_with(screen) == "done"
    assert screen.getvalue() == "waiting for GET http://h/ (gives up after 10 s)\r\x1b[K"


async def test_a_file_is_told_nothing() -> None:
    screen = Screen(is_terminal=False)
    assert await wait_with(screen) == "done"
    assert screen.getvalue() == ""


def test_colour_changes_no_word(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run(server, QUESTIONS["readable"]).stdout
    monkeypatch.setattr("corsproxy.cli.probe.wants_colour", lambda: True)
    port = str(server.port)
    words = shlex.split(QUESTIONS["readable"].replace("8000", port))
    coloured = CliRunner().invoke(probe, words, color=True).stdout.replace(port, "8000")
    assert "\x1b[32m" in coloured
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


AT_HAND = """\
upstream: http://localhost:{port}
rules:
  - {{path: /**, allow_origins: [https://app.example.com]}}
"""
GOES_AROUND = [
    (
        "{file} has this server as its upstream: it is the backend, and the page goes around the proxy. "
        "Call the proxy: http://localhost:8080/nothing"
    )
]
NOT_ASKED = [
    "If https://app.example.com is to read it, let the response say Access-Control-Allow-Origin: https://app.example.com.",
    (
        'nginx: add_header Access-Control-Allow-Origin "https://app.example.com" always; an add_header in a location takes '
        "away those of the levels above it."
    ),
]


@pytest.mark.parametrize(
    ("variable", "files", "found"),
    [
        (None, {"config/corsproxy.yaml": AT_HAND}, "config/corsproxy.yaml"),
        (None, {"corsproxy.yaml": AT_HAND}, "corsproxy.yaml"),
        (
            None,
            {"config/corsproxy.yaml": AT_HAND.replace("{port}", "1"), "corsproxy.yaml": AT_HAND},
            "corsproxy.yaml",
        ),
        (None, {"config/corsproxy.yaml": "rules: [", "corsproxy.yaml": AT_HAND}, "corsproxy.yaml"),
        ("other.yaml", {"other.yaml": AT_HAND}, "other.yaml"),
        ("missing.yaml", {}, None),
        (None, {"corsproxy.yaml": AT_HAND.replace("{port}", "1")}, None),
    ],
)
def test_a_backend_that_a_configuration_at_hand_names_is_told_from_its_proxy(
    server: Scripted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
    files: dict[str, str],
    found: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CORSPROXY_CONFIG", raising=False)
    if variable is not None:
        monkeypatch.setenv("CORSPROXY_CONFIG", variable)
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text.format(port=server.port))
    told = json.loads(run(server, QUESTIONS["blocked-origin"], "--json").stdout)
    assert told["advice"] == ([line.format(file=found) for line in GOES_AROUND] if found else NOT_ASKED)


def test_what_can_be_read_or_is_a_corsproxy_needs_no_configuration(
    server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corsproxy.yaml").write_text(AT_HAND.format(port=server.port))
    for name in ("readable", "preflight-passed", "not-sent", "blocked-by-corsproxy"):
        told = json.loads(run(server, QUESTIONS[name], "--json").stdout)
        assert [line for line in told["advice"] if "upstream" in line] == []
