"""What the backend is told of the client, and whom the proxy believes."""

import pytest

from corsproxy.config.settings import Endpoint
from corsproxy.cors.vocabulary import Kind
from tests.proxy.conftest import Staged
from tests.proxy.wire import FORWARDED, HOST, LOOPBACK, OK, ORIGIN, RULE, Stage, get

TRUSTED = ("127.0.0.0/8",)
VIA = b"Via: 1.1 corsproxy\r\n"
CLAIMS = (
    b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\n"
    b"X-Forwarded-Port: 1\r\nForwarded: for=203.0.113.7;host=evil.example;proto=https\r\n"
    b"X-Forwarded-Protocol: ssl\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Scheme: https\r\n"
    b"X-Forwarded-Prefix: /x\r\nX_Forwarded_For: 1\r\n"
)

# What a trusted peer says (beside Host: a.example:80), and what the backend is told.
BELIEVED = {
    "nothing": (b"", FORWARDED),
    "one hop": (
        b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example\r\n",
        VIA + b"X-Forwarded-For: 203.0.113.7, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: www.example\r\nX-Forwarded-Port: 443\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "a host without a port, of plain HTTP": (
        b"X-Forwarded-Host: www.example\r\n",
        VIA + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Host: www.example\r\nX-Forwarded-Port: 80\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "a host whose port is none": (
        b"X-Forwarded-Host: www.example:x\r\n",
        VIA + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Host: www.example:x\r\nX-Forwarded-Port: 80\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "lists, of which the first counts": (
        b"X-Forwarded-Proto: HTTPS , http\r\nX-Forwarded-Host: [::1]:81 , b.example\r\nX-Forwarded-Host: c.example\r\n",
        VIA + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: [::1]:81\r\nX-Forwarded-Port: 81\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "several hops in several lines": (
        b"x-forwarded-for: 203.0.113.7, 10.0.0.1\r\nX-Forwarded-For: 10.0.0.2\r\n",
        VIA + b"X-Forwarded-For: 203.0.113.7, 10.0.0.1, 10.0.0.2, 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
        b"X-Forwarded-Host: a.example:80\r\nX-Forwarded-Port: 80\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "a port": (
        b"X-Forwarded-Port: 8443\r\nX-Forwarded-Proto: https\r\n",
        VIA + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
        b"X-Forwarded-Host: a.example:80\r\nX-Forwarded-Port: 8443\r\n"
        b'Forwarded: for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "Forwarded": (
        b"Forwarded: for=203.0.113.7;proto=https, for=10.0.0.1\r\n",
        VIA + b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example:80\r\n"
        b"X-Forwarded-Port: 80\r\nForwarded: for=203.0.113.7;proto=https, for=10.0.0.1, "
        b'for=127.0.0.1;host="a.example:80";proto=http\r\n',
    ),
    "a scheme that is none": (b"X-Forwarded-Proto: gopher\r\n", FORWARDED),
    "a prefix": (b"X-Forwarded-Prefix: /app\r\n", FORWARDED + b"X-Forwarded-Prefix: /app\r\n"),
    "what WSGI servers take for the scheme": (
        b"X-Forwarded-Protocol: ssl\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-Scheme: https\r\n",
        FORWARDED,
    ),
}


async def told(stage: Stage, request: bytes, *, at: int = 0) -> bytes:
    """Return the head that the backend gets."""
    client = await stage.connect(at=at)
    peer = await stage.ask(client, request)
    head = await peer.head()
    await peer.send(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (await client.response()).body == b"ok"
    return head


async def test_the_claims_of_a_stranger_are_replaced(stage: Stage) -> None:
    assert await told(stage, get(fields=CLAIMS)) == b"GET / HTTP/1.1\r\n" + HOST + FORWARDED + b"\r\n"
    assert (await stage.book.next()).client == "127.0.0.1"


@pytest.mark.parametrize(("claims", "lines"), BELIEVED.values(), ids=BELIEVED)
async def test_a_trusted_peer_is_believed(staged: Staged, claims: bytes, lines: bytes) -> None:
    stage = await staged(trusted_proxies=TRUSTED)
    assert await told(stage, get(fields=claims)) == b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n"


# Chains as they come from a trusted peer, and whom the record names as the client.
CHAINS = {
    "one": (b"203.0.113.7", "203.0.113.7"),
    "behind trusted ones": (b"203.0.113.7, 127.0.0.2", "203.0.113.7"),
    "a forged one before": (b"1.1.1.1, 203.0.113.7", "203.0.113.7"),
    "nobody": (b"", "127.0.0.1"),
    "all trusted": (b"127.0.0.2, 127.0.0.3", "127.0.0.1"),
    "a trusted one as IPv6 has it": (b"203.0.113.7, ::ffff:127.0.0.2", "203.0.113.7"),
    "a link's": (b"203.0.113.7, fe80::1%eth0", "fe80::1%eth0"),
    "a name": (b"203.0.113.7, host", "host"),
    "empty ones": (b"203.0.113.7,, ,", "203.0.113.7"),
    "the longest": (b"a" * 64, "a" * 64),
    "behind as many trusted ones as there may be": (b"203.0.113.7" + b", 127.0.0.2" * 31, "203.0.113.7"),
    "behind more than anybody has": (b"203.0.113.7" + b", 127.0.0.2" * 32, "127.0.0.1"),
    "a novel": (b"203.0.113.7, " + b"a" * 65, "127.0.0.1"),
}


@pytest.mark.parametrize(("chain", "client"), CHAINS.values(), ids=CHAINS)
async def test_the_client_is_the_last_that_is_not_a_trusted_proxy(
    staged: Staged, chain: bytes, client: str
) -> None:
    stage = await staged(trusted_proxies=TRUSTED)
    await told(stage, get(fields=b"X-Forwarded-For: " + chain + b"\r\n"))
    record = await stage.book.next()
    assert record.client == client


async def test_the_port_is_the_hosts_or_the_listeners(stage: Stage) -> None:
    port = stage.endpoints[0].port
    assert b"\r\nX-Forwarded-Port: %d\r\n" % port in await told(
        stage, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
    )
    assert b"\r\nX-Forwarded-Port: 81\r\n" in await told(stage, b"GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n")
    assert b"\r\nX-Forwarded-Port: %d\r\n" % port in await told(
        stage, b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"
    )


async def test_hosts_of_one_connection_may_differ(stage: Stage) -> None:
    client = await stage.connect()
    peer = None
    for host in (b"a.example", b"b.example", b"a.example"):
        await client.send(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        peer = peer or await stage.backend.accept()
        head = await peer.head()
        assert b"\r\nHost: " + host + b"\r\n" in head
        assert b"\r\nX-Forwarded-Host: " + host + b"\r\n" in head
        await peer.send(OK)
        await client.response()


HOSTS = {"preserve": b"a.example:80", "upstream": b"b.example:8000", "literal.example": b"literal.example"}


@pytest.mark.parametrize(("setting", "sent"), HOSTS.items(), ids=HOSTS)
async def test_the_host_that_the_backend_gets(staged: Staged, setting: str, sent: bytes) -> None:
    stage = await staged()
    stage.engine.adopt(stage.with_upstream(host=setting))
    head = await told(stage, get())
    assert head.count(b"\r\nHost: ") == 1
    assert b"\r\nHost: " + sent + b"\r\n" in head
    assert b"\r\nX-Forwarded-Host: a.example:80\r\n" in head


async def test_a_unix_socket_is_guarded_by_its_file(staged: Staged, tmp_path: object) -> None:
    stage = await staged(listen=(LOOPBACK, Endpoint(path=f"{tmp_path}/s")))
    head = await told(
        stage, get(fields=b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n"), at=1
    )
    assert head == (
        b"GET / HTTP/1.1\r\n" + HOST + VIA + b"X-Forwarded-For: 203.0.113.7, unknown\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.example:80\r\nX-Forwarded-Port: 80\r\n"
        b'Forwarded: for=unknown;host="a.example:80";proto=http\r\n\r\n'
    )
    assert (await stage.book.next()).client == "203.0.113.7"


async def test_via_of_others_stays(stage: Stage) -> None:
    head = await told(stage, get(fields=b"Via: 1.0 fred, 1.1 corsproxyish\r\n"))
    assert head == b"GET / HTTP/1.1\r\n" + HOST + b"Via: 1.0 fred, 1.1 corsproxyish\r\n" + FORWARDED + b"\r\n"


# What the backend is told by us, and what it may be told by a proxy in front.
SET_FOR_THE_BACKEND = [
    *(line.partition(b":")[0] for line in FORWARDED.splitlines()),
    b"X-Real-IP",
    b"X-Request-Id",
]


@pytest.mark.parametrize("name", SET_FOR_THE_BACKEND, ids=bytes.decode)
async def test_a_front_that_passes_on_connection_loses_nothing_that_it_has_set(
    staged: Staged, name: bytes
) -> None:
    stage = await staged(trusted_proxies=TRUSTED)
    client = await stage.connect()
    await client.send(get(fields=name + b": 203.0.113.7\r\nConnection: close, " + name.lower() + b"\r\n"))
    assert (await client.response()).status == 400
    assert stage.backend.is_untouched()


# Who is the own origin: claims, origin sent, what kind of request it is.
OWN_ORIGINS = {
    "the listener's scheme and Host": (b"", b"http://a.example", Kind.SAME_ORIGIN),
    "another scheme": (b"", b"https://a.example", Kind.ACTUAL),
    "a trusted scheme": (b"X-Forwarded-Proto: https\r\n", b"https://a.example:80", Kind.SAME_ORIGIN),
    "a trusted host": (
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example\r\n",
        b"https://www.example",
        Kind.SAME_ORIGIN,
    ),
    "the host behind it": (b"X-Forwarded-Host: www.example\r\n", b"http://a.example", Kind.ACTUAL),
    "a public origin": (b"", b"https://api.example", Kind.SAME_ORIGIN),
    "what the browser says": (b"Sec-Fetch-Site: same-origin\r\n", b"https://any.example", Kind.SAME_ORIGIN),
    "another": (b"", ORIGIN, Kind.ACTUAL),
}


@pytest.mark.parametrize(("claims", "origin", "kind"), OWN_ORIGINS.values(), ids=OWN_ORIGINS)
async def test_same_origin_goes_by_scheme_and_host_in_effect(
    staged: Staged, claims: bytes, origin: bytes, kind: Kind
) -> None:
    stage = await staged(trusted_proxies=TRUSTED, rules=(RULE,), public_origins=("https://api.example",))
    await told(stage, get(fields=claims + b"Origin: " + origin + b"\r\n"))
    record = await stage.book.next()
    assert record.decision is not None
    assert record.decision.kind is kind


async def test_a_stranger_does_not_choose_the_own_origin(staged: Staged) -> None:
    stage = await staged(rules=(RULE,))
    await told(stage, get(fields=b"X-Forwarded-Host: www.example\r\nOrigin: http://www.example\r\n"))
    record = await stage.book.next()
    assert record.decision is not None
    assert (record.decision.kind, record.host) == (Kind.ACTUAL, b"a.example:80")
