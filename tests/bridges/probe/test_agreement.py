"""The probe's verdict of a running corsproxy is that of `explain`, which asks the rules: the same outcome and reason."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from corsproxy.bridges.probe.client import Client
from corsproxy.bridges.probe.exchange import Asked
from corsproxy.bridges.probe.report import Outcome, conduct, inquire
from corsproxy.bridges.probe.server import Server
from corsproxy.cors.browser import BrowserRequest, judge
from corsproxy.cors.policy import Policy
from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.vocabulary import Reason
from tests.processes import Processes, free_port

APP = "http://app.example.com"
WILD = "http://a.b.wild.example.com"
USUAL = Rule(
    name="",
    place="",
    paths=(),
    origins=Origins(exact=(APP,)),
    allow_methods=("GET", "POST", "PUT"),
    allow_headers=("X-Good", "Content-Type"),
)
VARIANTS = {
    "exact": USUAL,
    "star": replace(USUAL, origins=Origins(any=True), allow_methods=("*",), allow_headers=("*",)),
    "wild": replace(USUAL, origins=Origins(wildcards=("http://*.wild.example.com",)), preflight_status=200),
    "credentials": replace(USUAL, allow_credentials=True, max_age=600),
    "echo": replace(USUAL, allow_credentials=True, allow_methods=("*",), allow_headers=("*",)),
    "block": replace(USUAL, block=True),
    "null": replace(USUAL, origins=Origins(null=True)),
    "nobody": replace(USUAL, origins=Origins()),
}
TRIED = replace(USUAL, report=True)  # lets all pass: what it would do is not to be seen from outside
RULES = tuple(
    replace(rule, name=name, paths=(f"/{name}/**",)) for name, rule in {**VARIANTS, "tried": TRIED}.items()
)
ORIGINS = (APP, WILD, "http://wild.example.com", "null")
REQUESTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("GET", ()),
    ("POST", ()),
    ("PUT", ()),
    ("PATCH", ()),
    ("put", ()),
    ("patch", ()),
    ("GET", ("X-Good",)),
    ("GET", ("X-Bad", "X-Good")),
    ("GET", ("Authorization",)),
    ("PUT", ("Content-Type",)),
    ("GET", ("Access-Control-Allow-Origin",)),
)
WITH_CREDENTIALS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("GET", ()),
    ("PUT", ()),
    ("GET", ("X-Bad",)),
    ("GET", ("Authorization",)),
)
QUESTIONS = [(*request, False) for request in REQUESTS] + [(*request, True) for request in WITH_CREDENTIALS]
PATHS = (*VARIANTS, "none")


@dataclass(frozen=True)
class Front:
    """A corsproxy with the rules, before a server that knows nothing of CORS."""

    origin: str
    policy: Policy


def written(rule: Rule) -> dict[str, object]:
    origins = ["*"] * rule.origins.any + ["null"] * rule.origins.null
    keys: dict[str, object] = {
        "name": rule.name,
        "path": list(rule.paths),
        "allow_origins": [*origins, *rule.origins.exact, *rule.origins.wildcards],
        "allow_methods": list(rule.allow_methods),
        "allow_headers": list(rule.allow_headers),
        "allow_credentials": rule.allow_credentials,
        "preflight_status": rule.preflight_status,
        "on_disallowed": "block" if rule.block else "strip",
        "mode": "report" if rule.report else "enforce",
    }
    if rule.max_age is not None:
        keys["max_age"] = rule.max_age
    if rule.origins.null:
        keys["dangerously_allow_null_origin"] = True
    if rule.allow_credentials:
        keys["dangerously_allow_insecure_origins"] = True
    return keys


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder: Path = tmp_path_factory.mktemp("front")
    started = Processes(folder)
    port, backend = free_port(), free_port()
    settings = {
        "listen": f"127.0.0.1:{port}",
        "upstream": f"http://127.0.0.1:{backend}",
        "admin": {"listen": "off"},
        "log": {"access": "off"},
        "rules": [written(rule) for rule in RULES],
    }
    (folder / "corsproxy.yaml").write_text(json.dumps(settings))
    serve = (
        "from werkzeug.serving import run_simple; from werkzeug.wrappers import Response; "
        f"run_simple('127.0.0.1', {backend}, Response('ok'), threaded=True)"
    )
    try:
        started.python("-c", serve, ports=[backend])
        started.python("-m", "corsproxy", "run", "-c", folder / "corsproxy.yaml", ports=[port])
        yield Front(f"http://127.0.0.1:{port}", Policy.compile(RULES, ()))
    finally:
        started.end_all()


def seen_from_outside(reason: Reason, path: str) -> str:
    """Where a rule with * and credentials answers with what was asked for, its * is not to be seen."""
    if reason is Reason.AUTHORIZATION_NOT_LISTED and path == "echo":
        return str(Reason.HEADER_NOT_ALLOWED)
    return str(reason)


@pytest.mark.parametrize("path", PATHS)
async def test_probe_and_explain_agree(front: Front, path: str) -> None:
    found: dict[str, tuple[bool, str]] = {}
    due: dict[str, tuple[bool, str]] = {}
    client = Client(timeout=30)
    for origin, (method, names, include) in itertools.product(ORIGINS, QUESTIONS):
        name = f"{origin} {method} {names} {include}"
        request = BrowserRequest(
            origin=origin,
            method=method,
            path=f"/{path}/x",
            scheme="http",
            host=front.origin.removeprefix("http://"),
            headers=names,
            credentials=include,
        )
        verdict = judge(front.policy, request)
        due[name] = (verdict.allowed, seen_from_outside(verdict.reason, path))
        asked = Asked(
            origin=origin,
            url=f"{front.origin}/{path}/x",
            method=method,
            fields=tuple((each, "application/json") for each in names),
            include=include,
            sends=True,
        )
        report = await conduct(inquire(asked, "marker"), client.send)
        found[name] = (report.outcome is Outcome.READABLE, report.reason)
        if report.outcome is Outcome.BLOCKED:
            rule = "" if path == "none" else path
            assert (report.server, report.rule) == (Server.CORSPROXY, rule), name
    assert found == due


async def test_the_proxys_own_origin_and_its_own_errors(front: Front) -> None:
    client = Client(timeout=30)
    own = await conduct(inquire(Asked(origin=front.origin, url=f"{front.origin}/exact/x"), "m"), client.send)
    assert (own.outcome, own.reason) == (Outcome.READABLE, "same_origin")
    long = Asked(origin=APP, url=f"{front.origin}/exact/{'x' * 40000}")
    report = await conduct(inquire(long, "m"), client.send)
    # A fault of another kind is no reason of CORS: it is said beside.
    assert report.server is Server.CORSPROXY
    assert [note for note in report.notes if "head_too_large" in note]
    assert report.reason != "head_too_large"


async def test_a_rule_in_report_mode_is_recognised_where_the_backend_grants_nothing(front: Front) -> None:
    report = await conduct(
        inquire(Asked(origin=APP, url=f"{front.origin}/tried/x"), "m"), Client(timeout=30).send
    )
    assert (report.outcome, report.reason) == (Outcome.BLOCKED, "origin_not_allowed")
    assert (report.server, report.rule, report.told) == (Server.CORSPROXY, "tried", None)
    assert report.advice[-1].startswith("This is a corsproxy.")
