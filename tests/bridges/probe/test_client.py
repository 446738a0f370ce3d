"""The wire of the probe against real sockets: what fails is told apart, and nothing is followed, kept or believed."""

import asyncio
import datetime as dt
import errno
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from corsproxy.bridges.probe.client import Client
from corsproxy.bridges.probe.exchange import Answer, Failure, FailureKind, Sent
from tests.processes import free_port

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WAIT = 20.0  # never reached where something answers or fails


@asynccontextmanager
async def serving(talk: Conversation, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on 127.0.0.1, one conversation a connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(converse(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def saying(text: bytes, heard: list[bytes] | None = None, *, holds: bool = False) -> Conversation:
    """Answer every request with these bytes, then close, or hold the connection open."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        writer.write(text)
        await writer.drain()
        if holds:
            await asyncio.Event().wait()

    return talk


async def get(url: str, **flags: object) -> Answer | Failure:
    sent = Sent(method="GET", url=url, fields=(("Origin", "https://a.example"), ("X-A", "1")))
    options: dict[str, object] = {"timeout": WAIT, **flags}
    return await Client(**options).send(sent)  # type: ignore[arg-type]


def kind(came: Answer | Failure) -> FailureKind | int:
    return came.kind if isinstance(came, Failure) else came.status


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_sends_what_it_is_given_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    heard: list[bytes] = []
    async with serving(saying(OK, heard)) as port:
        came = await get(f"http://127.0.0.1:{port}/a%2Fb/'?q=%41")
    assert heard == [
        b"GET /a%2Fb/'?q=%41 HTTP/1.1\r\n"
        + f"Host: 127.0.0.1:{port}\r\n".encode()
        + b"Connection: keep-alive\r\nOrigin: https://a.example\r\nX-A: 1\r\n\r\n"
    ]
    assert came == Answer(status=200, phrase="OK", fields=((b"Content-Length", b"2"),), address="127.0.0.1")


async def test_every_line_comes_through_and_no_cookie_stays() -> None:
    heard: list[bytes] = []
    text = b"HTTP/1.1 302 Found\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    client = Client(timeout=WAIT)
    async with serving(saying(text, heard)) as port:
        sent = Sent(method="GET", url=f"http://localhost:{port}/", fields=())
        first = await client.send(sent)
        await client.send(sent)
    assert isinstance(first, Answer)
    assert (first.status, first.values("set-cookie")) == (302, ("a=1", "b=2"))
    assert len(heard) == 2
    assert all(b"cookie" not in head.lower() for head in heard)


@pytest.mark.parametrize("method", ["patch", "Put", "PATCH", "get"])
async def test_a_method_is_sent_as_it_is_written(method: str) -> None:
    heard: list[bytes] = []
    async with serving(saying(OK, heard)) as port:
        url = f"http://127.0.0.1:{port}/"
        await Client(timeout=WAIT).send(Sent(method=method, url=url, fields=(), body=b"{}"))
    assert [head.partition(b" ")[0].decode() for head in heard] == [method]
    assert b"Content-Length: 2\r\n" in heard[0]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_nothing_is_sent_twice(method: str) -> None:
    heard: list[bytes] = []
    async with serving(saying(b"", heard)) as port:
        url = f"http://127.0.0.1:{port}/"
        came = await Client(timeout=WAIT).send(Sent(method=method, url=url, fields=()))
    assert (kind(came), len(heard)) == (FailureKind.CLOSED, 1)


async def test_a_body_is_read_for_a_problem_only_and_bounded() -> None:
    problem = (
        b"HTTP/1.1 403 X\r\nContent-Type: application/problem+json\r\nContent-Length: 40000\r\n\r\n"
        + b"x" * 40000
    )
    async with serving(saying(problem)) as port:
        came = await get(f"http://127.0.0.1:{port}/")
    assert isinstance(came, Answer)
    assert 0 < len(came.body) <= 16384
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
    async with serving(saying(endless, holds=True)) as port:
        assert kind(await get(f"http://127.0.0.1:{port}/")) == 200


async def test_compressed_answers_are_left_alone() -> None:
    body = gzip.compress(b"x")
    text = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with serving(saying(text)) as port:
        came = await get(f"http://127.0.0.1:{port}/")
    assert isinstance(came, Answer)
    assert came.value("content-encoding") == "gzip"


async def test_a_long_field_is_no_reason_to_fail() -> None:
    text = b"HTTP/1.1 200 OK\r\nContent-Security-Policy: " + b"x" * 30000 + b"\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(text)) as port:
        assert kind(await get(f"http://127.0.0.1:{port}/")) == 200


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nContent-Len"])
async def test_a_connection_that_is_closed_too_early(text: bytes) -> None:
    async with serving(saying(text)) as port:
        came = await get(f"http://127.0.0.1:{port}/")
    assert kind(came) is FailureKind.CLOSED


async def test_an_upgrade_that_nobody_asked_for_is_no_answer() -> None:
    text = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with serving(saying(text)) as port:
        assert kind(await get(f"http://127.0.0.1:{port}/")) is FailureKind.PROTOCOL
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK
    async with serving(saying(early)) as port:
        assert kind(await get(f"http://127.0.0.1:{port}/")) == 200


@pytest.mark.parametrize("text", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n"])
async def test_what_is_not_http(text: bytes) -> None:
    async with serving(saying(text)) as port:
        came = await get(f"http://127.0.0.1:{port}/")
    assert kind(came) is FailureKind.PROTOCOL


async def test_nobody_listens() -> None:
    port = free_port()
    came = await get(f"http://127.0.0.1:{port}/")
    assert came == Failure(
        FailureKind.REFUSED,
        f"Nobody listens on port {port} of 127.0.0.1.",
        "Is the server running, and is this its port?",
    )


async def test_a_name_that_is_not_there() -> None:
    came = await get("http://nowhere.invalid/")
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (FailureKind.DNS, "The name nowhere.invalid cannot be resolved.")


async def test_a_black_hole_is_left_after_the_time_given() -> None:
    async with serving(saying(b"", holds=True)) as port:
        came = await get(f"http://127.0.0.1:{port}/", timeout=0.2)
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (
        FailureKind.TIMEOUT,
        f"127.0.0.1:{port} took the GET and did not answer within 0.2 s.",
    )


async def test_a_handshake_that_never_ends_is_a_connection_that_is_not_accepted() -> None:
    async with serving(saying(b"", holds=True)) as port:
        came = await get(f"https://127.0.0.1:{port}/", timeout=0.2)
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (
        FailureKind.TIMEOUT,
        f"127.0.0.1 did not accept a connection on port {port}, or did not finish the TLS handshake, within 0.2 s.",
    )


async def test_a_name_server_that_is_silent_is_told_from_a_silent_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(*_: object) -> list[object]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", resolve)
    came = await get("http://api.example.com/", timeout=0.1)
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (
        FailureKind.DNS,
        "The name api.example.com was not resolved within 0.2 s.",
    )


async def test_an_address_in_brackets() -> None:
    came = await get(f"http://[::1]:{free_port()}/")
    assert isinstance(came, Failure)
    assert came.kind in {FailureKind.REFUSED, FailureKind.UNROUTABLE}


async def test_a_name_may_be_given_an_address() -> None:
    heard: list[bytes] = []
    async with serving(saying(OK, heard)) as port:
        came = await get(f"http://api.example.com:{port}/", resolve={("api.example.com", port): "127.0.0.1"})
    assert isinstance(came, Answer)
    assert came.address == "127.0.0.1"
    assert f"Host: api.example.com:{port}\r\n".encode() in heard[0]


NAME = "api.example.com"
THEN, LATER = dt.datetime(2001, 1, 1, tzinfo=dt.UTC), dt.datetime(2101, 1, 1, tzinfo=dt.UTC)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def self_signed(folder: Path) -> ssl.SSLContext:
    alone = trustme.CA()
    alone.private_key_pem.write_to_path(folder / "key.pem")
    alone.cert_pem.write_to_path(folder / "cert.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


TLS_FAULTS: dict[str, tuple[Callable[[trustme.CA, Path], ssl.SSLContext], str]] = {
    "unknown authority": (
        lambda _, __: context_of(trustme.CA().issue_cert(NAME)),
        "comes from an authority that is not known here, or an intermediate certificate is missing",
    ),
    "signed by itself": (lambda _, folder: self_signed(folder), "is signed by itself"),
    "another name": (
        lambda ca, _: context_of(ca.issue_cert("other.example")),
        f"is for other names than {NAME}",
    ),
    "expired": (
        lambda ca, _: context_of(ca.issue_cert(NAME, not_before=THEN - dt.timedelta(1), not_after=THEN)),
        "has expired",
    ),
    "not valid yet": (
        lambda ca, _: context_of(ca.issue_cert(NAME, not_before=LATER, not_after=LATER + dt.timedelta(1))),
        "is not valid yet",
    ),
}


@pytest.mark.parametrize("name", TLS_FAULTS)
async def test_certificates_that_are_not_believed(name: str, authority: trustme.CA, tmp_path: Path) -> None:
    make, why = TLS_FAULTS[name]
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with serving(saying(OK), make(authority, tmp_path)) as port:
        pinned = {(NAME, port): "127.0.0.1"}
        came = await get(f"https://{NAME}:{port}/", ca=str(tmp_path / "ca.pem"), resolve=pinned)
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (FailureKind.TLS, f"The certificate of {NAME} {why}.")
    assert came.fix


async def test_a_certificate_of_the_authority_given_is_believed_and_only_then(
    authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with serving(saying(OK), context_of(authority.issue_cert(NAME))) as port:
        pinned = {(NAME, port): "127.0.0.1"}
        url = f"https://{NAME}:{port}/"
        assert kind(await get(url, ca=str(tmp_path / "ca.pem"), resolve=pinned)) == 200
        assert kind(await get(url, resolve=pinned)) is FailureKind.TLS


async def test_tls_on_a_plain_port_and_plain_text_on_a_tls_port(authority: trustme.CA) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with serving(refuse) as port:
        came = await get(f"https://127.0.0.1:{port}/")
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (FailureKind.TLS, f"127.0.0.1:{port} does not speak TLS there.")
    async with serving(saying(OK), context_of(authority.issue_cert(NAME))) as port:
        came = await get(f"http://127.0.0.1:{port}/")
    assert kind(came) in {FailureKind.CLOSED, FailureKind.PROTOCOL}


async def test_a_server_that_hangs_up_on_tls() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async with serving(hang_up) as port:
        came = await get(f"https://127.0.0.1:{port}/")
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (
        FailureKind.TLS,
        f"127.0.0.1:{port} closed the connection in the TLS handshake.",
    )


async def test_no_protocol_in_common() -> None:
    text = b"\x15\x03\x03\x00\x02\x02\x46"  # an alert: protocol version

    async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(text)
        await writer.drain()

    async with serving(alert) as port:
        came = await get(f"https://127.0.0.1:{port}/")
    assert isinstance(came, Failure)
    assert came.kind is FailureKind.TLS
    assert came.detail == f"The TLS handshake with 127.0.0.1:{port} failed: TLSV1_ALERT_PROTOCOL_VERSION."


@pytest.mark.parametrize(
    ("number", "kind", "detail"),
    [
        (
            errno.ENETUNREACH,
            FailureKind.UNROUTABLE,
            "There is no way to 127.0.0.1 from here: Network is unreachable.",
        ),
        (errno.EACCES, FailureKind.REFUSED, "127.0.0.1:1 cannot be connected to: Permission denied."),
    ],
)
async def test_what_the_system_says_of_a_way(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: FailureKind, detail: str
) -> None:
    async def start(*_: object, **__: object) -> None:
        raise OSError(number, "as told")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", start)
    came = await get("http://127.0.0.1:1/")
    assert isinstance(came, Failure)
    assert (came.kind, came.detail) == (kind, detail)


def test_a_file_without_certificates(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ValueError, match="it holds no certificate"):
        Client(timeout=1, ca=str(tmp_path / "empty.pem"))
    with pytest.raises(ValueError, match="no such file or directory"):
        Client(timeout=1, ca=str(tmp_path / "none.pem"))
