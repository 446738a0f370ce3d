"""The probe against Flask-CORS, nginx, Envoy and Caddy, well and badly configured: the verdict, why, and the remedy."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from corsproxy.cli.probe import probe
from tests.bridges.probe.servers import APP, Running, opened

pytestmark = pytest.mark.backends


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with opened(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


def told(url: str, *flags: str, origin: str = APP) -> dict[str, Any]:
    result = CliRunner().invoke(probe, [url, "--origin", origin, "--json", *flags])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["status"] == result.exit_code
    return report


PUT = ("--method", "PUT", "--send")
JSON = ("--header", "Content-Type: application/json")
ME = "--credentials"

# server, path, flags, reason, cause of the check that failed, the beginning of the first advice
READABLE = "origin_allowed"
CASES: list[tuple[str, str, tuple[str, ...], str, str | None, str]] = [
    ("flask", "/good/x", (ME,), READABLE, None, ""),
    ("gunicorn", "/good/x", (*PUT, *JSON, ME), READABLE, None, ""),
    ("flask", "/good/x", ("--method", "DELETE"), "method_not_allowed", "method", "Add DELETE to"),
    ("flask", "/good/x", ("--header", "X-Odd"), "header_not_allowed", "header", "Add x-odd to"),
    ("gunicorn", "/good/x", ("--method", "put", "--send"), READABLE, None, ""),
    ("flask", "/x", (), "origin_not_allowed", "origin_missing", "No corsproxy answered"),
    ("flask", "/x", PUT, "origin_not_allowed", "origin_missing", "No corsproxy answered"),
    ("flask", "/star/x", (), READABLE, None, ""),
    (
        "flask",
        "/star/x",
        (ME,),
        "credentials_not_allowed",
        "wildcard_with_credentials",
        "Answer with the page's",
    ),
    (
        "gunicorn",
        "/silent/boom",
        (),
        "origin_not_allowed",
        "origin_missing",
        "The preflight is granted and the 500",
    ),
    (
        "flask",
        "/good/slash",
        PUT,
        "backend_redirect",
        "preflight_redirect",
        "The preflight is sent on for a slash",
    ),
    ("nginx", "/good", PUT, READABLE, None, ""),
    ("nginx", "/errors", (), "origin_not_allowed", "origin_missing", "The preflight is granted and the 404"),
    (
        "nginx",
        "/preflights",
        PUT,
        "origin_not_allowed",
        "origin_missing",
        "The preflight is granted and the response",
    ),
    (
        "nginx",
        "/preflights",
        (),
        "origin_not_allowed",
        "origin_missing",
        "The preflight is granted and the response",
    ),
    ("nginx", "/inherited", (), "origin_not_allowed", "origin_missing", f"If {APP} is to read it"),
    ("nginx", "/good-behind/x", (), "origin_not_allowed", "origin_several", "Two parties add the field"),
    ("nginx", "/login", PUT, "preflight_status", "preflight_status", "Something that asks for a login"),
    ("nginx", "/https", PUT, "backend_redirect", "preflight_redirect", "The preflight is sent on to https"),
    ("nginx", "/list", (), "origin_not_allowed", "origin_several", "Two parties add the field"),
    (
        "nginx",
        "/semicolons",
        PUT,
        "method_not_allowed",
        "methods_unreadable",
        "Access-Control-Allow-Methods is to be",
    ),
    (
        "nginx",
        "/pattern",
        (),
        "origin_not_allowed",
        "origin_invalid",
        "The field takes one origin or a lone *",
    ),
    ("nginx", "/slash", (), "origin_not_allowed", "origin_differs", "Browsers compare letter by letter"),
    ("envoy", "/good/x", (*PUT, *JSON, ME), READABLE, None, ""),
    ("envoy", "/good/x", ("--method", "PATCH"), "method_not_allowed", "method", "Add PATCH to"),
    ("envoy", "/both/x", (), READABLE, None, ""),
    ("envoy", "/x", (), "origin_not_allowed", "origin_missing", f"If {APP} is to read it"),
    ("caddy", "/good", ("--method", "DELETE", ME, "--send"), READABLE, None, ""),
    (
        "caddy",
        "/star",
        (ME,),
        "credentials_not_allowed",
        "wildcard_with_credentials",
        "Answer with the page's",
    ),
    (
        "caddy",
        "/star",
        ("--header", "Authorization"),
        "authorization_not_listed",
        "header",
        "Name Authorization in",
    ),
    ("caddy", "/methods", PUT, "preflight_status", "preflight_status", "The route does not take OPTIONS"),
]


@pytest.mark.parametrize(
    ("server", "path", "flags", "reason", "cause", "advice"),
    CASES,
    ids=[" ".join((server, path, *flags)) for server, path, flags, *_ in CASES],
)
def test_the_verdict(
    running: Running,
    server: str,
    path: str,
    flags: tuple[str, ...],
    reason: str,
    cause: str | None,
    advice: str,
) -> None:
    report = told(getattr(running, server) + path, *flags)
    last = report["hops"][-1]["checks"][-1]
    assert (report["reason"], last["cause"]) == (reason, cause)
    assert report["outcome"] == ("blocked" if cause else "readable")
    assert report["status"] == (1 if cause else 0)
    assert (report["advice"] or [""])[0][: len(advice)] == advice
    assert bool(report["advice"]) is bool(cause)
    assert bool(report["console"]) is bool(cause)


NONE, OWN, STRANGER = "without Origin", "with the page's", "with a stranger's"


@pytest.mark.parametrize(
    ("server", "path", "finding", "lacking", "reflects", "trusts"),
    [
        # Flask-CORS sends Vary only where it sends the rest.
        ("flask", "/good/x", "missing_vary", [STRANGER], False, False),
        ("flask", "/star/x", "same_for_all", [NONE, OWN, STRANGER], False, False),
        ("flask", "/reflecting/x", "missing_vary", [NONE], True, True),
        ("flask", "/unvaried/x", "missing_vary", [NONE, OWN, STRANGER], False, False),
        ("nginx", "/good", "varies", [], False, False),
        ("nginx", "/reflecting", "missing_vary", [NONE, OWN, STRANGER], True, True),
        ("envoy", "/good/x", "missing_vary", [NONE, OWN, STRANGER], False, False),
        ("envoy", "/reflecting/x", "missing_vary", [NONE, OWN, STRANGER], True, True),
        ("caddy", "/good", "varies", [], False, False),
        ("caddy", "/star", "same_for_all", [NONE, OWN, STRANGER], False, False),
        ("caddy", "/methods", "one_constant", [NONE, OWN, STRANGER], False, False),
    ],
)
def test_what_caches_would_do(
    running: Running, server: str, path: str, finding: str, lacking: list[str], reflects: bool, trusts: bool
) -> None:
    cache = told(getattr(running, server) + path)["cache"]
    assert (cache["finding"], cache["lacking_vary"]) == (finding, lacking)
    assert (cache["reflects_any_origin"], cache["with_credentials"]) == (reflects, trusts)


def test_a_cache_that_hands_one_pages_answer_to_another_is_caught(running: Running) -> None:
    url = f"{running.nginx}/cached/x"
    first = told(url, origin="https://other.example.com")
    assert (first["outcome"], first["cache"]["finding"]) == ("readable", "missing_vary")
    report = told(url)
    cause = report["hops"][-1]["checks"][-1]["cause"]
    assert (report["outcome"], cause, report["cache"]["finding"]) == ("blocked", "origin_differs", "stale")
    assert report["advice"][0].startswith("Empty the cache before the server")


def test_the_server_is_recognised_and_addressed_in_its_words(running: Running) -> None:
    begins = {
        "flask": ("/x", 'Flask-CORS: CORS(app, origins=["https://app.example.com"])'),
        "gunicorn": ("/x", "Flask-CORS: "),
        "nginx": ("/inherited", "nginx: add_header Access-Control-Allow-Origin"),
        "envoy": ("/x", "Envoy: the cors filter must stand in http_filters"),
        "caddy": ("/star", "Caddy: `header Access-Control-Allow-Origin https://app.example.com`"),
    }
    for server, (path, words) in begins.items():
        report = told(getattr(running, server) + path, ME)
        assert report["server"] == ("flask" if server == "gunicorn" else server)
        assert report["advice"][-1].startswith(words)


def test_what_a_page_could_read(running: Running) -> None:
    report = told(f"{running.flask}/good/x", ME, *PUT, *JSON)
    assert report["readable"] == {
        "status": 200,
        "fields": ["Content-Type", "Content-Length", "X-Total"],
        "hidden": [],
        "body": True,
    }
    assert report["preflight_lifetime"] == {
        "written": "600",
        "seconds": {"chromium": 600, "firefox": 600, "webkit": 600},
    }
    (cookie,) = report["cookies"]
    assert (cookie["name"], cookie["attributes"], cookie["dropped"]) == (
        "session",
        ["HttpOnly", "Path=/", "SameSite=Lax"],
        True,
    )
    assert "secret" not in json.dumps(report)


def test_a_redirect_to_another_origin_that_is_dead(running: Running) -> None:
    report = told(f"{running.flask}/good/away")
    assert (report["outcome"], report["status"], report["failure"]["kind"]) == ("unreachable", 3, "refused")
    assert [(hop["url"], hop["origin"]) for hop in report["hops"]] == [
        (f"{running.flask}/good/away", APP),
        ("http://localhost:1/", "null"),
    ]
