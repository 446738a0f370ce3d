"""A proxy with one CORS rule on aiohttp and uvloop. Arguments: port, backend's port.

Written as a careful user of aiohttp would: raw bodies (no decompression, no cookie jar, no added request fields),
small answers in one write, large ones streamed.
"""

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict

from bench import policy

_HOP = ("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade")
_REMOVED = (*_HOP, *policy.BACKEND_FIELDS)
_WHOLE = 64 * 1024
_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class Proxy:
    """Answers preflights, forwards the rest."""

    def __init__(self, session: aiohttp.ClientSession, backend: str) -> None:
        self._session = session
        self._backend = backend

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        allowed = request.headers.get("Origin") == policy.ORIGIN
        if allowed and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return web.Response(status=204, headers=dict(policy.PREFLIGHT_FIELDS))
        return await self._forward(request, allowed)

    async def _forward(self, request: web.BaseRequest, allowed: bool) -> web.StreamResponse:
        fields = CIMultiDict(request.headers)
        for name in _HOP:
            fields.popall(name, None)
        fields["X-Forwarded-For"] = request.remote or ""
        fields["X-Forwarded-Proto"] = request.scheme
        fields["X-Forwarded-Host"] = request.host
        async with self._session.request(
            request.method,
            self._backend + request.raw_path,
            headers=fields,
            data=request.content if request.body_exists else None,
            allow_redirects=False,
        ) as upstream:
            headers = CIMultiDict(upstream.headers)
            for name in _REMOVED:
                headers.popall(name, None)
            headers.add("Vary", "Origin")
            if allowed:
                headers.update(policy.ACTUAL_FIELDS)
            length = upstream.content_length
            if length is not None and length <= _WHOLE:
                headers.popall("Content-Length", None)
                return web.Response(status=upstream.status, headers=headers, body=await upstream.read())
            response = web.StreamResponse(status=upstream.status, headers=headers)
            await response.prepare(request)
            async for chunk in upstream.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


async def serve(port: int, backend: int) -> None:
    """Serve until the process is ended."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=512),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=_ADDED,
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        server = web.Server(Proxy(session, f"http://127.0.0.1:{backend}").answer, access_log=None)
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
