"""Servers that answer anything at all: an inquiry always ends, and what it writes neither fails nor steers a terminal."""

import json

from hypothesis import given
from hypothesis import strategies as st

from corsproxy.bridges.probe.exchange import Answer, Asked, Failure, FailureKind, Sent
from corsproxy.bridges.probe.server import reason_of
from corsproxy.cli.probe_json import report_as_json
from corsproxy.cli.probe_text import report_as_text
from tests.bridges.probe.dialogue import API, APP, ask

NAMES = st.sampled_from(
    [
        b"Access-Control-Allow-Origin",
        b"access-control-allow-credentials",
        b"Access-Control-Allow-Methods",
        b"Access-Control-Allow-Headers",
        b"Access-Control-Expose-Headers",
        b"Access-Control-Max-Age",
        b"Location",
        b"Set-Cookie",
        b"Vary",
        b"Age",
        b"Proxy-Status",
        b"Content-Type",
        b"Server",
        b"X-\xff",
    ]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            APP.encode(),
            b"*",
            b"true",
            b"PUT, X-A",
            b"/b",
            b"https://b.example/",
            b"http://[",
            b"//",
            b"a=b; Domain=..; SameSite=None",
            b"__Host-x; Path",
            b'corsproxy; error=http_request_denied; details="origin_null"',
            b"Origin",
        ]
    ),
    st.binary(max_size=40),
)
ANSWERS = st.one_of(
    st.builds(
        Answer,
        status=st.sampled_from([200, 204, 301, 302, 303, 307, 308, 400, 403, 500]),
        phrase=st.text(max_size=8),
        fields=st.lists(st.tuples(NAMES, VALUES), max_size=8).map(tuple),
        body=st.sampled_from(
            [
                b"",
                b"{",
                b"[]",
                b"[" * 16384,
                b'{"code": "origin_null", "detail": "\x1b[2J refused by rule x: y"}',
            ]
        ),
        address=st.sampled_from(["", "127.0.0.1", "::1", "fe80::1%eth0"]),
    ),
    st.builds(Failure, st.sampled_from(FailureKind), st.text(max_size=20)),
)
QUESTIONS = st.builds(
    Asked,
    origin=st.sampled_from([APP, API, "null", "http://a.example", "chrome-extension://abc"]),
    url=st.sampled_from([f"{API}/a", "http://localhost/", "http://10.0.0.1/"]),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "patch", "TRACE"]),
    fields=st.sampled_from([(), (("X-A", "1"), ("Authorization", "t")), (("Bad Name", "1"),)]),
    include=st.booleans(),
    cookie=st.sampled_from([None, "a=b"]),
    sends=st.booleans(),
    is_preflight_only=st.booleans(),
)


@given(QUESTIONS, st.lists(ANSWERS, min_size=1, max_size=6))
def test_anything_may_come(asked: Asked, answers: list[Answer | Failure]) -> None:
    count = 0

    def server(_: Sent) -> Answer | Failure:
        nonlocal count
        count += 1
        return answers[count % len(answers)]

    report, sent = ask(asked, server)
    assert len(sent) <= 2 * 21 + 6
    written = report_as_text(report, colour=False)
    assert all(each.isprintable() or each == "\n" for each in written)
    told = json.loads(report_as_json(report, 0))
    assert told["outcome"] == report.outcome
    assert "\x1b" not in json.dumps(told, ensure_ascii=False)


def test_a_problem_without_an_end_is_none() -> None:
    mark = (b"Proxy-Status", b'corsproxy; error=http_request_denied; details="origin_null"')
    assert reason_of(Answer(status=403, fields=(mark,), body=b"[" * 16384)) is None
