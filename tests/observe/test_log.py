"""Which lines are written and what they say; the golden files hold them to the byte."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corsproxy.cors.rule import Origins, Rule
from corsproxy.cors.vocabulary import Reason
from corsproxy.observe.log import Log
from corsproxy.proxy.record import Record
from tests.observe.conftest import (
    API,
    EVIL,
    FINISHED,
    RULES,
    Head,
    decide,
    exchange,
    record,
    settings,
    unhurried,
)

GOLDEN = Path(__file__).parent / "golden"
CONFLICT = (Reason.BACKEND_CORS_CONFLICT,)
NOTES = (*CONFLICT, Reason.BACKEND_REDIRECT)
REMOVED = (
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-allow-origin",
)


def log(**how: str) -> Log:
    return Log(settings(RULES, **how), colour=False, clock=lambda: FINISHED)


def not_asked(**fields: Any) -> dict[str, Any]:
    return {"upstream_seconds": -1.0, "response_bytes": 0} | fields


CASES: dict[str, Record] = {
    "allowed": exchange(request_id="7f3a"),
    "of a trace": exchange(request_id="7f3a", trace_id="4bf92f3577b34da6a3ce929d0e0e4736"),
    "without origin": exchange(Head(origin=None)),
    "a bare preflight": exchange(Head(method=b"OPTIONS", request_method=b"GET"), **not_asked(status=204)),
    "preflight, method not in the rule": exchange(
        Head(method=b"OPTIONS", request_method=b"PUT"), **not_asked(status=204)
    ),
    "preflight, origin not allowed": exchange(
        Head(method=b"OPTIONS", request_method=b"PUT", origin=EVIL), **not_asked(status=403, request_id="9c")
    ),
    "stripped": exchange(Head(origin=EVIL)),
    "blocked": exchange(Head(path=b"/blocked/x", origin=EVIL, method=b"POST"), **not_asked(status=403)),
    "would be blocked": exchange(Head(path=b"/watched/x", origin=EVIL)),
    "null": exchange(Head(origin=b"null")),
    "websocket": exchange(Head(is_websocket=True, origin=EVIL), **not_asked(status=403)),
    "no rule": exchange(Head(path=b"/else", origin=EVIL)),
    "backend down": exchange(
        **not_asked(status=502, fault=Reason.UPSTREAM_REFUSED, detail="127.0.0.1:5000: connection refused")
    ),
    "backend dies midway": exchange(fault=Reason.UPSTREAM_CLOSED, detail="after 10 of 120 bytes"),
    "refused origin, backend down": exchange(
        Head(origin=EVIL), **not_asked(status=504, fault=Reason.UPSTREAM_TIMEOUT)
    ),
    "broken head": record(
        None,
        Head(method=b"", path=b"", origin=None),
        **not_asked(status=400, fault=Reason.BAD_REQUEST, detail="a line ends in a bare LF", host=b""),
    ),
    "client left": exchange(**not_asked(status=0)),
    "forged": exchange(
        Head(
            method=b"GET",
            path=b'/api/\x1b[2J"\\ x=1\r\n2026-01-02T03:04:05.250Z INFO    all is well',
            origin=b'https://evil.example" rule="api',
        ),
        detail="caf\u00e9\n\u202e\x9b",
    ),
    "conflict": exchange(notes=CONFLICT, removed_fields=REMOVED),
    "conflict without a rule": exchange(Head(path=b"/else"), notes=CONFLICT, removed_fields=REMOVED),
    "conflict in report mode": exchange(Head(path=b"/watched/x"), notes=CONFLICT, removed_fields=REMOVED),
    "redirect": exchange(status=308, notes=(Reason.BACKEND_REDIRECT,)),
}


@pytest.mark.parametrize("shape", ["json", "text"])
def test_golden(shape: str) -> None:
    written = b"".join(
        b"# " + name.encode() + b"\n" + log(format=shape, access="all").exchange(one)
        for name, one in CASES.items()
    )
    assert written.decode("ascii").splitlines() == (GOLDEN / f"exchanges.{shape}").read_text().splitlines()


REMARKABLE = {
    "preflight, method not in the rule",
    "preflight, origin not allowed",
    "stripped",
    "blocked",
    "would be blocked",
    "null",
    "websocket",
    "no rule",
    "backend down",
    "backend dies midway",
    "refused origin, backend down",
    "broken head",
    "forged",
    "conflict without a rule",  # no rule is no grant
}


@pytest.mark.parametrize(
    ("access", "expected"), [("all", set(CASES)), ("refused", REMARKABLE), ("off", set())]
)
@pytest.mark.parametrize("level", ["debug", "error"])
def test_access_alone_rules_over_exchanges(access: str, expected: set[str], level: str) -> None:
    quiet = {name: replace_notes(one) for name, one in CASES.items()}
    written = {name: log(access=access, level=level).exchange(one) for name, one in quiet.items()}
    assert {name for name, line in written.items() if line} == expected
    assert all(line.count(b"\n") <= 1 for line in written.values())


def replace_notes(one: Record) -> Record:
    return one._replace(notes=())


def messages(lines: bytes) -> list[str]:
    return [json.loads(line)["message"] for line in lines.splitlines()]


CONFLICT_SAID = ["the backend sends CORS fields of its own"]


def test_advice_is_given_once_a_rule() -> None:
    quiet = log(access="off")
    assert messages(quiet.exchange(CASES["conflict"])) == CONFLICT_SAID
    assert messages(quiet.exchange(CASES["conflict"])) == []
    assert messages(quiet.exchange(CASES["conflict without a rule"])) == CONFLICT_SAID
    assert messages(quiet.exchange(CASES["conflict without a rule"])) == []
    assert messages(quiet.exchange(CASES["redirect"])) == ["the backend redirects a cross-origin request"]
    assert messages(quiet.exchange(CASES["redirect"])) == []


def test_advice_stays_said_over_reloads_while_the_rule_stays() -> None:
    quiet = log(access="off")
    quiet.exchange(CASES["conflict"])
    quiet.adopt(settings(access="off"))
    assert quiet.exchange(CASES["conflict"]) == b""
    quiet.adopt(settings(rules=(replace(API, name="other"),), access="off"))
    assert quiet._advised == set()


def test_advice_below_the_level_is_kept_for_later() -> None:
    quiet = log(access="off", level="error")
    assert quiet.exchange(CASES["conflict"]) == b""
    quiet.adopt(settings(access="off", level="info"))
    assert messages(quiet.exchange(CASES["conflict"])) == CONFLICT_SAID


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error", "strange"]),
        ("info", ["info", "warning", "error", "strange"]),
        ("warning", ["warning", "error", "strange"]),
        ("error", ["error", "strange"]),
    ],
)
def test_level_rules_over_events(level: str, written: list[str]) -> None:
    levels = ["debug", "info", "warning", "error", "strange"]
    assert [at for at in levels if log(level=level).event(at, "m", {})] == written


def test_a_level_that_is_none_is_an_error() -> None:
    assert json.loads(log().event('x"', "m", {}))["level"] == "error"


def test_events() -> None:
    details: dict[str, object] = {
        "generation": 2,
        "problems": ["corsproxy.yaml:3:1 bad\nline"],
        "secret\x1b": b"\x00",
        "time": "mine",
    }
    assert log().event("info", "reloaded\r\n", details) == (
        b'{"time":"2026-01-02T03:04:05.250Z","level":"info","message":"reloaded\\\\x0d\\\\x0a","generation":2,'
        b'"problems":["corsproxy.yaml:3:1 bad\\\\x0aline"],"secret\\\\x1b":"\\\\x00","time_":"mine"}\n'
    )
    assert log(format="text").event("info", "reloaded\r\n", details) == (
        b"2026-01-02T03:04:05.250Z INFO    reloaded\\x0d\\x0a generation=2"
        b' problems=["corsproxy.yaml:3:1 bad\\\\x0aline"] secret\\x1b=\\x00 time_=mine\n'
    )


def test_what_a_decision_hung_on_is_told() -> None:
    """So that `corsproxy check --against` can ask it again."""
    refused = exchange(Head(origin=EVIL), request_method=b"PUT", request_headers=b"x-token,x-\xff")
    line = json.loads(log(access="refused").exchange(refused))
    assert (line["requested_method"], line["requested_headers"]) == ("PUT", "x-token,x-\\xff")
    own = exchange(Head(sec_fetch_site=b"same-origin"), sec_fetch_site=b"same-origin")
    assert json.loads(log(access="all").exchange(own))["sec_fetch_site"] == "same-origin"
    assert "sec_fetch_site" not in json.loads(log(access="all").exchange(exchange()))


@pytest.mark.parametrize(("count", "said"), [(1, "1 log line dropped"), (25, "25 log lines dropped")])
def test_dropped_lines_are_told_at_every_level(count: int, said: str) -> None:
    line = json.loads(log(level="error").dropped(count))
    assert (line["level"], line["message"], line["dropped"]) == ("warning", said, count)


def test_a_reload_changes_the_shape_of_the_next_line() -> None:
    one = log(access="off")
    assert not one.wants_every_request
    one.adopt(settings(access="all", format="text"))
    assert one.wants_every_request
    assert one.exchange(CASES["allowed"]).startswith(
        b"2026-01-02T03:04:05.250Z INFO    request GET /api/users 200 "
    )


LONG = st.binary(min_size=0, max_size=3000) | st.sampled_from(
    [b'"' * 5000, b"\n" * 5000, b"\\" * 5000, b"\xff" * 5000]
)


@unhurried
@given(method=LONG, path=LONG, origin=LONG, host=LONG, detail=st.text(max_size=500))
@example(method=b'"' * 99, path=b'"' * 5000, origin=b'"' * 5000, host=b'"' * 5000, detail='"' * 500)
@example(method=b'"' * 99, path=b'"' * 5000, origin=b'"' * 5000, host=b'"' * 5000, detail="\U0001f600" * 500)
@pytest.mark.parametrize("shape", ["json", "text"])
def test_no_stranger_makes_a_line_that_tears(
    shape: str, method: bytes, path: bytes, origin: bytes, host: bytes, detail: str
) -> None:
    head = Head(path=b"/api/x", origin=EVIL)
    one = exchange(
        head,
        detail=detail,
        host=host,
        method=method,
        path=path,
        origin=origin,
        request_id="'" * 500,
        trace_id="f" * 32,
        request_method=method,
        request_headers=origin,
    )
    line = log(format=shape, access="all").exchange(one)
    assert len(line) < 4096
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    if shape == "json":
        assert json.loads(line)["reason"] == "origin_not_allowed"


@pytest.mark.parametrize("letter", ["a", '"', "\\", "\x01", "\u65e5", "\U0001f600"], ids=ascii)
@pytest.mark.parametrize("sent", [b'"', b"\xff", b"\\"], ids=repr)
@pytest.mark.parametrize("shape", ["json", "text"])
def test_nor_does_one_under_a_rule_of_long_names(shape: str, letter: str, sent: bytes) -> None:
    origins = Origins(exact=("https://app.example.com",))
    rule = Rule(name=letter * 300, place=letter * 300, paths=("/**",), origins=origins)
    head = Head(path=b"/x", origin=EVIL)
    one = record(
        decide(head, (rule,)),
        head,
        status=502,
        fault=Reason.UPSTREAM_INVALID,
        detail="\U0001f600" * 500,
        host=sent * 5000,
        method=sent * 5000,
        path=sent * 5000,
        origin=sent * 5000,
        request_method=sent * 5000,
        request_headers=sent * 5000,
        client="f" * 64,
        request_id="f" * 500,
        trace_id="f" * 32,
        sec_fetch_site=b"same-origin",
        notes=NOTES,
        removed_fields=tuple(b"access-control-%d" % number + sent * 80 for number in range(20)),
        request_bytes=2**62,
        response_bytes=2**62,
    )
    lines = log(format=shape, access="all").exchange(one).splitlines(keepends=True)
    assert len(lines) == 1 + len(NOTES)
    assert max(map(len, lines)) < 4096


def test_a_rule_whose_name_is_long_in_another_script_is_named_in_full() -> None:
    rule = Rule(
        name="\u65e5" * 50, place="\u65e5" * 50, paths=("/**",), origins=Origins(exact=("https://a.example",))
    )
    head = Head(path=b"/x", origin=EVIL)
    line = json.loads(log().exchange(record(decide(head, (rule,)), head)))
    assert (line["rule"], line["place"], line["path"]) == (rule.name, rule.place, "/x")
