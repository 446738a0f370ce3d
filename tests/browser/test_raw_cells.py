"""The matrix once more with bare sockets: what no browser sends, and every CORS field of every answer, exactly."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from itertools import product
from urllib.parse import urlsplit

import pytest

from corsproxy.cors.vocabulary import CORS_RESPONSE_FIELDS, Action, Kind
from tests.browser.application import backend_fields, backend_status
from tests.browser.cells import KINDS
from tests.browser.site import RULE_NAMES, Site
from tests.cors.meaning import meant, simplified
from tests.cors.oracle import PREFLIGHT_VARY, Fields, Request, Verdict, judge

BACKEND_VARY = {"accept-encoding", "cookie", "origin"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back, as far as CORS is concerned; `code` is that of the proxy's own errors."""

    status: int
    fields: Fields
    vary: frozenset[str]
    reached: bool
    code: str | None = None


def origins(site: Site) -> dict[str, list[str]]:
    allowed = site.pages["allowed"]
    return {
        "none": [],
        "own": [site.proxy],
        "allowed": [allowed],
        "disallowed": [site.pages["disallowed"]],
        "wildcard": [site.pages["wildcard"]],
        "lookalike": [site.pages["lookalike"]],
        "null": ["null"],
        "upper case": [allowed.upper()],
        "slash": [allowed + "/"],
        "no scheme": [allowed.removeprefix("http://")],
        "comma in a host": [allowed.replace("app.", "app,b.wild.")],
        "list": [f"{allowed}, {allowed}"],
        "twice": [allowed, allowed],
    }


def requests() -> Iterator[tuple[str, str, Request]]:
    """Yield a name, a kind of backend and the request, without path and origin."""
    for method, kind in product(["GET", "HEAD", "POST", "PUT", "OPTIONS"], KINDS):
        yield method, kind, Request(method=method.encode())
    preflights = {
        "good": ("PUT", "x-good"),
        "bad method": ("PATCH", ""),
        "bad header": ("GET", "x-good,x-bad"),
    }
    for (name, (method, headers)), kind in product(preflights.items(), ["200", "dead", "cors-twice"]):
        asked = Request(
            method=b"OPTIONS", request_method=method.encode(), request_headers=headers.encode() or None
        )
        yield f"preflight, {name}", kind, asked
    for kind in ("ws", "404", "cors-once", "dead"):
        yield "websocket", kind, Request(is_websocket=True)


# -- what is due


def expected(site: Site, request: Request, kind: str, *, is_twice: bool) -> Answer:
    if is_twice:  # nobody's origin, so what is due without one
        verdict = judge(site.rules, (), replace(request, origin=None))
        due = verdict.would or verdict
        vary = frozenset({"origin"}) if due.varies else frozenset[str]()
        return Answer(400, simplified(due.error_fields), vary, reached=False, code="bad_request")
    verdict = judge(site.rules, (), request)
    own_vary = PREFLIGHT_VARY if verdict.kind is Kind.PREFLIGHT else frozenset({"origin"})
    vary = own_vary if verdict.varies else frozenset()
    if verdict.action is Action.ANSWER:
        return Answer(verdict.status, simplified(verdict.fields), vary, reached=False)
    if verdict.action is Action.REFUSE:
        return Answer(
            verdict.status, simplified(verdict.error_fields), vary, reached=False, code=verdict.reason
        )
    if kind == "dead":
        due = verdict.would or verdict
        vary = own_vary if due.varies else frozenset()
        return Answer(502, simplified(due.error_fields), vary, reached=False, code="upstream_refused")
    if (
        kind == "ws"
    ):  # nothing that a browser reads or a cache keeps; the backend's own fields go all the same
        own = {} if verdict.strips else all_lines(backend_fields(kind, None))
        return Answer(101, own, frozenset(), reached=True)
    vary |= BACKEND_VARY if kind == "vary" else frozenset()
    return Answer(backend_status(kind), forwarded_fields(verdict, request, kind), vary, reached=True)


def forwarded_fields(verdict: Verdict, request: Request, kind: str) -> Fields:
    if verdict.strips:
        return simplified(verdict.fields)
    origin = request.origin.decode() if request.origin else None
    return all_lines(backend_fields(kind, origin))


def all_lines(lines: list[tuple[str, str]]) -> Fields:
    """Keep every line as it came, for what is passed on untouched."""
    fields: dict[str, frozenset[str]] = {}
    for name, value in lines:
        fields[name.lower()] = fields.get(name.lower(), frozenset()) | {value}
    return fields


# -- what comes


def answered(site: Site, connection: HTTPConnection, request: Request, cell: str, sent: list[str]) -> Answer:
    connection.putrequest(
        request.method.decode(),
        f"{request.path.decode()}?cell={cell}",
        skip_host=True,
        skip_accept_encoding=True,
    )
    for name, value in sent_fields(request, sent):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    lines = [
        (name, value)
        for name, value in response.getheaders()
        if name.lower().encode() in CORS_RESPONSE_FIELDS
    ]
    vary = [value.strip().lower() for value in (response.getheader("Vary") or "").split(",") if value.strip()]
    assert len(vary) == len(set(vary)), f"{cell}: Vary repeats itself: {vary}"
    body = b"" if response.status == 101 else response.read()
    code = None
    if response.getheader("Proxy-Status") is not None:
        assert response.getheader("Content-Type") == "application/problem+json", cell
        code = json.loads(body)["code"] if request.method != b"HEAD" else "unseen"
    if response.status == 101:
        connection.close()
    reached = bool(site.backend.received.pop(cell, None))
    verdict = judge(site.rules, (), request)
    if verdict.would is not None and reached:
        return Answer(response.status, all_lines(lines), frozenset(vary), reached, code)
    text = "".join(f"{name}: {value}\r\n" for name, value in lines).encode()
    fields = meant(text, preflight=verdict.action is Action.ANSWER and response.status != 400)
    return Answer(response.status, fields, frozenset(vary), reached, code)


def sent_fields(request: Request, origin_lines: list[str]) -> Iterator[tuple[str, str]]:
    yield "Host", request.host.decode()
    for origin in origin_lines:
        yield "Origin", origin
    if request.request_method is not None:
        yield "Access-Control-Request-Method", request.request_method.decode()
    if request.request_headers is not None:
        yield "Access-Control-Request-Headers", request.request_headers.decode()
    if request.is_websocket:
        yield from {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }.items()
    if request.method in {b"POST", b"PUT"}:
        yield "Content-Length", "0"


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_every_field_is_what_the_oracle_says(site: Site, rule: str) -> None:
    wrong = []
    for base in (site.proxy, site.dead):
        host = urlsplit(base).netloc
        connection = HTTPConnection("127.0.0.1", urlsplit(base).port or 0, timeout=60)
        for (name, lines), (what, kind, shape) in product(origins(site).items(), requests()):
            if (kind == "dead") is not (base == site.dead):
                continue
            own = base if name == "own" else None
            sent = [own] if own else lines
            origin = sent[0].encode() if sent else None
            request = replace(shape, path=f"/{rule}/{kind}".encode(), origin=origin, host=host.encode())
            cell = f"{rule}/{name}/{what}/{kind}".replace(" ", "-")
            due = expected(site, request, kind, is_twice=name == "twice")
            came = answered(site, connection, request, cell, sent)
            if request.method == b"HEAD" and due.code:
                due = replace(due, code="unseen")
            if came != due:
                wrong.append(f"{cell}\n  proxy:  {came}\n  oracle: {due}")
        connection.close()
    assert not wrong, f"{len(wrong)} cells differ:\n" + "\n".join(wrong)
