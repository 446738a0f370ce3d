"""A candidate beside the live policy: only the live one acts, and the account says what the other had done."""

from dataclasses import replace

import pytest

from corsproxy.config.problem import Problem
from corsproxy.config.settings import Candidate, Settings, Source
from corsproxy.cors.comparison import Change, Comparison
from corsproxy.cors.cookies import CookieFault
from corsproxy.cors.rule import Cookies, Origins, Rule
from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, GRANT, HOST, OK, ORIGIN, RULE, Stage, get

FROM = get(fields=b"Origin: " + ORIGIN + b"\r\n")
NEW = replace(RULE, name="new", place="new.yaml:4", origins=Origins(exact=("https://new.example",)))
PREFLIGHT = get(
    b"/a",
    b"Origin: %b\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: content-type,x-a\r\n"
    % ORIGIN,
    method=b"OPTIONS",
)
ALLOWED = PREFLIGHT.replace(b",x-a", b"")


def with_candidate(settings: Settings, *rules: Rule, problems: tuple[Problem, ...] = ()) -> Settings:
    return replace(
        settings, candidate=Candidate(source=Source("new.yaml", "1" * 64), rules=rules, problems=problems)
    )


async def compared(stage: Stage) -> Comparison:
    record = await stage.book.next()
    assert record.compared is not None
    return record.compared


async def test_only_the_live_policy_acts(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    client = await stage.connect()
    peer = await stage.ask(client, FROM)
    without = await peer.request()
    await peer.send(OK)
    answer = await client.response()
    assert (await stage.book.next()).compared is None
    stage.engine.adopt(with_candidate(stage.settings, NEW))
    await client.send(FROM)
    assert await peer.request() == without
    await peer.send(OK)
    assert await client.response() == answer
    decision, change = await compared(stage)
    assert decision.rule is not None
    assert (decision.rule.name, decision.reason, change) == (
        "new",
        Reason.ORIGIN_NOT_ALLOWED,
        Change.NEWLY_REFUSED,
    )


async def test_requests_without_origin_are_compared_too(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    stage.engine.adopt(with_candidate(stage.settings, replace(NEW, set_fields=(("X-A", "1"),))))
    await stage.exchange(GET, OK)
    assert (await compared(stage)).change is Change.OTHER


async def test_one_connection_is_compared_request_by_request(staged: Staged) -> None:
    """The head before may be read again from the connection's memory; what it came to may not."""
    stage = await staged(rules=(RULE,))
    stage.engine.adopt(with_candidate(stage.settings, replace(NEW, paths=("/a",)), replace(RULE, max_age=5)))
    client = await stage.connect()
    for request, change in (
        (ALLOWED, Change.NEWLY_REFUSED),
        (ALLOWED.replace(b" /a ", b" /b "), Change.OTHER),
        (ALLOWED, Change.NEWLY_REFUSED),
        (PREFLIGHT, Change.OTHER),
    ):
        await client.send(request)
        await client.response(b"OPTIONS")
        assert (await compared(stage)).change is change
    stage.engine.adopt(stage.settings)
    await client.send(PREFLIGHT)
    await client.response(b"OPTIONS")
    assert (await stage.book.next()).compared is None


async def test_one_with_problems_is_not_compared(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    stage.engine.adopt(
        with_candidate(stage.settings, problems=(Problem("new.yaml", 1, 1, "", "It is bad."),))
    )
    await stage.exchange(FROM, OK)
    assert (await stage.book.next()).compared is None


async def test_the_account_of_a_preflight_says_what_was_asked(stage: Stage) -> None:
    client = await stage.connect()
    await client.send(PREFLIGHT)
    await client.response(b"OPTIONS")
    record = await stage.book.next()
    assert (record.request_method, record.request_headers) == (b"PUT", b"content-type,x-a")
    await client.send(PREFLIGHT.replace(b",x-a", b"").replace(b"PUT", b"DELETE"))
    await client.response(b"OPTIONS")
    record = await stage.book.next()
    assert (record.request_method, record.request_headers) == (b"DELETE", b"content-type")
    await stage.exchange(get(fields=b"Origin: %b\r\nSec-Fetch-Site: same-origin\r\n" % ORIGIN), OK)
    record = await stage.book.next()
    assert (record.request_method, record.request_headers, record.sec_fetch_site) == (
        None,
        None,
        b"same-origin",
    )


SETS = (
    b"Set-Cookie: session=secret; Path=/; HttpOnly\r\nSet-Cookie: good=1; SameSite=None; Secure\r\n"
    b"set-cookie: half=1; samesite=none\r\n"
)
ANSWER = b"HTTP/1.1 200 OK\r\n" + SETS + b"Content-Length: 2\r\n\r\nok"
DROPPED = ((b"session", CookieFault.SAME_SITE_NOT_NONE), (b"half", CookieFault.NOT_SECURE))
CROSS_SITE = Cookies(same_site="None", secure=True)


@pytest.mark.parametrize(
    ("rule", "request_", "dropped"),
    [
        (RULE, FROM, DROPPED),
        (replace(RULE, allow_credentials=False), FROM, ()),
        (replace(RULE, cookies=CROSS_SITE), FROM, ()),
        (replace(RULE, cookies=replace(CROSS_SITE, names=("session",))), FROM, DROPPED[1:]),
        (replace(RULE, remove_fields=("Set-Cookie",)), FROM, ()),
        (replace(RULE, report=True), FROM, ()),
        (RULE, GET, ()),
        (RULE, get(fields=b"Origin: http://a.example\r\n"), ()),  # same origin
        (RULE, get(fields=b"Origin: https://evil.example\r\n"), ()),
        (RULE, FROM.replace(b"Host: a.example", b"Host: api.app.example"), ()),  # perhaps the same site
        (RULE, get(fields=b"Sec-Fetch-Site: same-site\r\nOrigin: %b\r\n" % ORIGIN), ()),
    ],
)
async def test_cookies_that_browsers_will_drop(
    staged: Staged, rule: Rule, request_: bytes, dropped: tuple[tuple[bytes, CookieFault], ...]
) -> None:
    stage = await staged(rules=(rule,))
    await stage.exchange(request_, ANSWER)
    record = await stage.book.next()
    assert record.dropped_cookies == dropped
    assert b"secret" not in repr(record).encode()


async def test_report_mode_names_the_backends_cors_fields_and_lets_them_pass(staged: Staged) -> None:
    stage = await staged(rules=(replace(RULE, report=True),))
    own = b"HTTP/1.1 200 OK\r\n" + GRANT + b"Content-Length: 2\r\n\r\nok"
    response = await stage.exchange(FROM, own)
    assert response.head == own[:-2]
    record = await stage.book.next()
    assert (record.notes, record.removed_fields) == (
        (Reason.BACKEND_CORS_CONFLICT,),
        (
            b"access-control-allow-origin",
            b"access-control-allow-credentials",
            b"access-control-expose-headers",
        ),
    )


async def test_an_unreadable_head_is_compared_with_nothing(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    stage.engine.adopt(with_candidate(stage.settings, NEW))
    client = await stage.connect()
    await client.send(b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n")
    await client.rest()
    record = await stage.book.next()
    assert (record.status, record.compared) == (400, None)
