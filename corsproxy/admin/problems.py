"""Errors of the admin listener as problem+json (RFC 9457).

Laws: nothing a client sent is repeated; an exception of ours is an event in the log and a bare 500.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Middleware

from corsproxy.proxy.record import Observer

__all__ = ["catch", "problem"]

_DETAILS = {
    404: "There is no such page here; there are /, /livez, /readyz, /metrics, /status and /decisions.",
    405: "These pages are read only: GET and HEAD.",
}


def problem(status: int, detail: str, allow: str | None = None) -> web.Response:
    """Return a problem response; `allow` is the Allow field of a 405."""
    title = HTTPStatus(status).phrase
    response = web.json_response(
        {"type": "about:blank", "title": title, "status": status, "detail": detail},
        status=status,
        content_type="application/problem+json",
    )
    if allow is not None:
        response.headers["Allow"] = allow
    return response


def catch(observer: Observer) -> Middleware:
    """Return the middleware that makes a problem of every error."""

    @web.middleware
    async def answer_errors(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return problem(error.status, _DETAILS.get(error.status, error.reason), error.headers.get("Allow"))
        except Exception as fault:  # noqa: BLE001 -- the pages must outlive whatever a page does wrong
            observer.event(
                "error", "an admin page failed", path=request.path, error=f"{type(fault).__name__}: {fault}"
            )
            return problem(500, "The log says more.")

    return answer_errors
