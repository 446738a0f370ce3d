"""Everybody but the proxy: the backend, a Flask app that speaks CORS itself, what stands in front, and the pages.

Laws: the last part of a path says what a server does there. What is at fault in front can be put right, by name,
in `mended`.
"""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import aiohttp
import flask
import flask_cors
import trustme
from aiohttp import web
from werkzeug.serving import WSGIRequestHandler, make_server

__all__ = ["backend", "flask_with_cors", "in_front", "pages", "serving", "tls_in_front", "tls_server"]

BLANK = "<!doctype html><title>blank</title><link rel=icon href='data:,'>"
PAUSE = 1.5  # seconds that a slow backend takes, far more than the impatient proxy waits


# -- the backend


def backend() -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _answer)
    return app


async def _answer(request: web.Request) -> web.StreamResponse:
    kind = request.path.rpartition("/")[2]
    match kind:
        case "socket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.close()
            return socket
        case "events":
            return await _events(request)
        case "slow":
            await asyncio.sleep(PAUSE)
        case "to-login":
            return web.Response(status=302, headers={"Location": request.query["login"]})
        case "guarded":
            return web.Response(status=403, text="CSRF token missing")
        case "blank":
            return web.Response(text=BLANK, content_type="text/html")
    await request.read()
    response = web.Response(text=request.headers.get("Cookie", "no cookie"), headers={"X-Total-Count": "42"})
    if kind == "sets-cookie":
        response.headers["Set-Cookie"] = "session=1; Path=/"
    return response


async def _events(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    try:
        for event in (b"retry: 10\ndata: first\n\n", b"data: second\n\n"):
            await response.write(event)
            await asyncio.sleep(PAUSE)
    except ConnectionError:
        pass  # the proxy has lost its patience
    return response


class _Silent(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


@contextmanager
def flask_with_cors() -> Iterator[int]:
    """Run an app with Flask-CORS as tutorials have it; the path `/twice` adds the field once more by hand."""
    app = flask.Flask("backend")

    @app.route("/<path:path>")
    def answer(path: str) -> str:
        return path

    @app.after_request
    def add(response: flask.Response) -> flask.Response:
        if flask.request.path.endswith("/twice"):
            response.headers.add("Access-Control-Allow-Origin", "*")
        return response

    flask_cors.CORS(app, send_wildcard=True)  # behind `add`, or it would leave what it finds alone
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# -- in front of the proxy


@asynccontextmanager
async def in_front(proxy: str, mended: set[str], passed: list[str]) -> AsyncIterator[web.Application]:
    """Pass everything on to the proxy; a login, a cache and a redirect stand in the way of what is named for them.

    `passed` gets method and path of each request.
    """
    kept: dict[str, tuple[int, bytes, list[tuple[str, str]]]] = {}
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            name = request.path.split("/")[1]
            passed.append(f"{request.method} {request.path}")
            origin = {"Access-Control-Allow-Origin": request.headers.get("Origin", "*")}
            passes = name in mended and request.method == "OPTIONS"
            if name == "login-in-front" and not passes:
                return web.Response(status=401, headers=origin)
            if name == "redirected-preflight" and not request.path.endswith("/"):
                return web.Response(status=308, headers={"Location": f"{request.path}/"})
            key = request.path_qs
            if name in mended:
                key += request.headers.get("Origin", "")  # as `Vary: Origin` has it
            if key not in kept:
                target = f"{proxy}{request.path_qs}"
                body = await request.read()
                async with session.request(
                    request.method, target, headers=request.headers, data=body
                ) as came:
                    fields = [(n, v) for n, v in came.headers.items() if n.lower() != "transfer-encoding"]
                    fresh = came.status, await came.read(), fields
                if name not in {"cached", "another-value"}:
                    return _response(*fresh)
                kept[key] = fresh
            return _response(*kept[key])

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        yield app


def _response(status: int, body: bytes, fields: list[tuple[str, str]]) -> web.Response:
    response = web.Response(status=status, body=body)
    for name, value in fields:
        if name.lower() == "content-type":
            response.headers[name] = value
        elif name.lower() != "content-length":
            response.headers.add(name, value)
    return response


@asynccontextmanager
async def tls_in_front(proxy_port: int, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """End TLS and pass the bytes on as they are, as many load balancers do."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", proxy_port)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(join, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def tls_server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


# -- the pages


def pages() -> web.Application:
    """Serve a blank page, and one with a sandboxed frame that may do what the query says."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text=BLANK, content_type="text/html")

    async def framed(request: web.Request) -> web.Response:
        frame = f"<iframe name=inside src=/blank sandbox='{request.query['sandbox']}'></iframe>"
        return web.Response(text=BLANK + frame, content_type="text/html")

    app = web.Application()
    app.router.add_get("/blank", blank)
    app.router.add_get("/framed", framed)
    return app


@asynccontextmanager
async def serving(app: web.Application, *tls: ssl.SSLContext | None) -> AsyncIterator[list[int]]:
    """Serve the application on a port of its own for each entry of `tls`; None is without."""
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        for context in tls:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield [port for _, port in runner.addresses]
