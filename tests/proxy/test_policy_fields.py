"""What policy does to the fields of the backend's answers: removed, added, merged, rewritten, untouched."""

from dataclasses import replace

import pytest

from corsproxy.cors.rule import Cookies, Origins, Rule
from corsproxy.cors.vocabulary import Reason
from tests.proxy.conftest import Staged
from tests.proxy.wire import GET, GRANT, HOST, OK, ORIGIN, RULE, get, until

FROM = get(fields=b"Origin: " + ORIGIN + b"\r\n")
FROM_EVIL = get(fields=b"Origin: https://evil.example\r\n")
PUBLIC = replace(RULE, origins=Origins(any=True), allow_credentials=False, expose_headers=())
VARY = b"Vary: Origin\r\n"
BACKENDS_OWN = (
    b"Access-Control-Allow-Origin: *\r\naccess-control-allow-credentials: true\r\nX-A: 1\r\n"
    b"ACCESS-CONTROL-ALLOW-METHODS: GET\r\nAccess-Control-Allow-Headers: a\r\nX-B: 2\r\n"
    b"Access-Control-Expose-Headers: b\r\nAccess-Control-Max-Age: 1\r\nAccess-Control-Allow-Origin: https://x\r\n"
    b"Access-Control-Allow-Private-Network: true\r\n"
)
LEFT = b"X-A: 1\r\nX-B: 2\r\n"
REMOVED = (
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-allow-methods",
    b"access-control-allow-headers",
    b"access-control-expose-headers",
    b"access-control-max-age",
    b"access-control-allow-private-network",
)


def answer(fields: bytes, *, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: 2\r\n\r\nok" % (status, fields)


# rule, request, what is added after the backend's fields
GRANTS = {
    "allowed": (RULE, FROM, GRANT + VARY),
    "not allowed": (RULE, FROM_EVIL, VARY),
    "no origin": (RULE, GET, VARY),
    "null": (RULE, get(fields=b"Origin: null\r\n"), VARY),
    "malformed": (RULE, get(fields=b"Origin: HTTPS://App.Example\r\n"), VARY),
    "same origin": (RULE, get(fields=b"Origin: http://a.example\r\n"), VARY),
    "no rule": (replace(RULE, paths=("/other",)), FROM, b""),
    "everybody": (PUBLIC, FROM, b"Access-Control-Allow-Origin: *\r\n"),
    "everybody, no origin": (PUBLIC, GET, b"Access-Control-Allow-Origin: *\r\n"),
}
STATUSES = (b"200 OK", b"301 Moved", b"404 Not Found", b"500 Oops", b"204 No Content", b"304 Not Modified")


@pytest.mark.parametrize("status", STATUSES, ids=lambda status: status[:3].decode())
@pytest.mark.parametrize(("rule", "request_", "added"), GRANTS.values(), ids=GRANTS)
async def test_grants(staged: Staged, rule: Rule, request_: bytes, added: bytes, status: bytes) -> None:
    """Whatever the status, and whatever the backend says of CORS itself."""
    stage = await staged(rules=(rule,))
    bodiless = status[:3] in (b"204", b"304")
    length = b"" if bodiless else b"Content-Length: 2\r\n"
    response = await stage.exchange(
        request_, b"HTTP/1.1 %b\r\n%b%b\r\n%b" % (status, BACKENDS_OWN, length, b"" if bodiless else b"ok")
    )
    assert response.head == b"HTTP/1.1 %b\r\n%b%b%b\r\n" % (status, LEFT, length, added)
    record = await stage.book.next()
    assert (record.notes, record.removed_fields) == ((Reason.BACKEND_CORS_CONFLICT,), REMOVED)


async def test_head_requests_carry_grants(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    response = await stage.exchange(
        get(fields=b"Origin: " + ORIGIN + b"\r\n", method=b"HEAD"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        method=b"HEAD",
    )
    assert response.head == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + GRANT + VARY + b"\r\n"


async def test_neighbours_of_cors_are_not_ours_to_remove(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    fields = (
        b"Timing-Allow-Origin: *\r\nCross-Origin-Resource-Policy: same-site\r\nCross-Origin-Opener-Policy: same-origin\r\n"
        b"Content-Security-Policy: default-src 'self'\r\nAccess-Control-Allow-Something: x\r\nX-Access-Control-Allow-Origin: *\r\n"
    )
    response = await stage.exchange(FROM, answer(fields))
    assert (
        response.head == b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n" + GRANT + VARY + b"\r\n"
    )
    assert (await stage.book.next()).notes == ()


# The backend's Vary lines, and what stands in the answer after its other fields.
VARIES = {
    "one": (b"Vary: Accept-Encoding\r\n", b"", b"Vary: Accept-Encoding, Origin\r\n"),
    "several lines": (b"Vary: Cookie\r\nvary: Accept, Cookie\r\n", b"", b"Vary: Cookie, Accept, Origin\r\n"),
    "ours already": (b"Vary: Cookie, origin\r\n", b"Vary: Cookie, origin\r\n", b""),
    "ours twice": (b"Vary: Origin\r\nVARY: ORIGIN\r\n", b"", b"Vary: Origin\r\n"),
    "everything": (b"Vary: *\r\n", b"Vary: *\r\n", b""),
    "everything and more": (b"Vary: Cookie\r\nVary: *\r\n", b"", b"Vary: Cookie, *, Origin\r\n"),
    "nothing": (b"Vary:\r\n", b"", b"Vary: Origin\r\n"),
}


@pytest.mark.parametrize("request_", [GET, FROM, FROM_EVIL], ids=["no origin", "allowed", "not allowed"])
@pytest.mark.parametrize(("said", "stays", "added"), VARIES.values(), ids=VARIES)
async def test_vary_is_merged_once(
    staged: Staged, request_: bytes, said: bytes, stays: bytes, added: bytes
) -> None:
    stage = await staged(rules=(RULE,))
    response = await stage.exchange(request_, answer(said))
    granted = GRANT if request_ == FROM else b""
    assert (
        response.head == b"HTTP/1.1 200 OK\r\n" + stays + b"Content-Length: 2\r\n" + granted + added + b"\r\n"
    )


async def test_vary_is_left_alone_where_nothing_depends_on_the_origin(staged: Staged) -> None:
    stage = await staged(rules=(PUBLIC,))
    response = await stage.exchange(FROM, answer(b"Vary: Cookie\r\nVary: Accept\r\n"))
    assert b"Vary: Cookie\r\nVary: Accept\r\n" in response.head


async def test_cookies_are_rewritten_line_by_line(staged: Staged) -> None:
    rule = replace(RULE, cookies=Cookies(same_site="None", secure=True, names=("session",)))
    stage = await staged(rules=(rule,))
    response = await stage.exchange(
        FROM,
        answer(
            b"Set-Cookie: session=a; Path=/; SameSite=Lax\r\nX-A: 1\r\nset-cookie:other=b; SameSite=Lax\r\n"
            b"Set-Cookie: session=c; Expires=Wed, 21 Oct 2026 07:28:00 GMT\r\n"
        ),
    )
    assert response.head == (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: session=a; Path=/; SameSite=None; Secure\r\nX-A: 1\r\n"
        b"set-cookie: other=b; SameSite=Lax\r\n"
        b"Set-Cookie: session=c; Expires=Wed, 21 Oct 2026 07:28:00 GMT; SameSite=None; Secure\r\n"
        b"Content-Length: 2\r\n" + GRANT + VARY + b"\r\n"
    )


async def test_equal_cookies_stay_two(staged: Staged) -> None:
    rule = replace(RULE, cookies=Cookies(same_site="None", secure=True))
    stage = await staged(rules=(rule,))
    response = await stage.exchange(GET, answer(b"Set-Cookie: a=b\r\n" * 2))
    assert response.head.count(b"Set-Cookie: a=b; SameSite=None; Secure\r\n") == 2


async def test_fields_are_set_and_removed(staged: Staged) -> None:
    rule = replace(
        RULE,
        set_fields=(("Cross-Origin-Resource-Policy", "cross-origin"), ("X-New", "1")),
        remove_fields=("Server", "X-Powered-By"),
    )
    stage = await staged(rules=(rule,))
    response = await stage.exchange(
        FROM,
        answer(
            b"server: a\r\nX-A: 1\r\nX-Powered-By: b\r\ncross-origin-resource-policy: same-site\r\nSERVER: c\r\n"
        ),
    )
    assert response.head == (
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\n"
        + GRANT
        + VARY
        + b"Cross-Origin-Resource-Policy: cross-origin\r\nX-New: 1\r\n\r\n"
    )


# In report mode nothing is changed, whatever would have been refused.
REPORTED = {
    "allowed": (FROM, Reason.ORIGIN_ALLOWED),
    "not allowed": (FROM_EVIL, Reason.ORIGIN_NOT_ALLOWED),
    "no origin": (GET, Reason.NO_ORIGIN),
    "preflight": (
        get(
            fields=b"Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n",
            method=b"OPTIONS",
        ),
        Reason.ORIGIN_NOT_ALLOWED,
    ),
    "preflight allowed": (
        get(fields=b"Origin: " + ORIGIN + b"\r\nAccess-Control-Request-Method: PUT\r\n", method=b"OPTIONS"),
        Reason.ORIGIN_ALLOWED,
    ),
    "method": (
        get(fields=b"Origin: " + ORIGIN + b"\r\n", method=b"PATCH"),
        Reason.METHOD_NOT_ALLOWED,
    ),
}


@pytest.mark.parametrize(("request_", "reason"), REPORTED.values(), ids=REPORTED)
async def test_report_mode_changes_nothing(staged: Staged, request_: bytes, reason: Reason) -> None:
    rule = replace(
        RULE,
        report=True,
        block=True,
        set_fields=(("X-New", "1"),),
        remove_fields=("X-A",),
        cookies=Cookies(same_site="None"),
    )
    stage = await staged(rules=(rule,))
    said = answer(BACKENDS_OWN + b"Vary: Cookie\r\nSet-Cookie: a=b\r\n")
    assert (await stage.exchange(request_, said)).raw == said
    record = await stage.book.next()
    assert record.decision is not None
    assert (record.decision.report, record.decision.reason) == (True, reason)
    # What enforcing would have removed is named all the same.
    assert (record.notes, record.removed_fields) == ((Reason.BACKEND_CORS_CONFLICT,), REMOVED)


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"],
    ids=["counted", "chunked"],
)
async def test_of_a_blocked_request_the_backend_sees_nothing(staged: Staged, body: bytes) -> None:
    stage = await staged(rules=(replace(RULE, block=True),))
    client = await stage.connect()
    await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Origin: https://evil.example\r\n" + body)
    assert (await client.response()).status == 403
    client.close()
    await until(lambda: not stage.engine.clients)
    assert stage.backend.is_untouched()
    record = await stage.book.next()
    assert (record.status, record.fault, record.upstream_seconds) == (403, None, -1.0)


REDIRECTS = {
    "actual": (FROM, b"302 Found", (Reason.BACKEND_REDIRECT,)),
    "not CORS": (GET, b"302 Found", ()),
    "not a redirect": (FROM, b"201 Created", ()),
}


@pytest.mark.parametrize(("request_", "status", "notes"), REDIRECTS.values(), ids=REDIRECTS)
async def test_redirects_carry_the_grant_and_are_noted(
    staged: Staged, request_: bytes, status: bytes, notes: tuple[Reason, ...]
) -> None:
    stage = await staged(rules=(RULE,))
    said = answer(b"Location: //elsewhere/../x?y\r\n", status=status)
    response = await stage.exchange(request_, said)
    assert b"\r\nLocation: //elsewhere/../x?y\r\n" in response.head
    assert (GRANT in response.head) is (request_ == FROM)
    assert (await stage.book.next()).notes == notes


async def test_what_no_client_may_have_removed(staged: Staged) -> None:
    """A backend cannot have our fields taken out, nor those a browser needs, by naming them in Connection."""
    stage = await staged(rules=(RULE,))
    response = await stage.exchange(
        FROM,
        answer(
            b"Connection: keep-alive, Vary, Access-Control-Allow-Origin, Set-Cookie, Content-Length, X-Hop\r\n"
            b"X-Hop: 1\r\nVary: Cookie\r\nSet-Cookie: a=b\r\nKeep-Alive: timeout=5\r\nTE: x\r\nTe: y\r\nUpgrade: h2c\r\n"
            b"Proxy-Connection: close\r\n"
        ),
    )
    assert response.head == (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n"
        + GRANT
        + b"Vary: Cookie, Origin\r\n\r\n"
    )


async def test_ok(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    assert (await stage.exchange(FROM, OK)).raw == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + GRANT + VARY + b"\r\nok"
    )
