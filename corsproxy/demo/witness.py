"""The app under observation: it remembers which requests reached the backend, so that the page can tell.

The page marks each request with `?ask=ID`; the page's own server, never the browser, asks `/-/seen?ask=ID`.
This wraps the app from outside: the app stays as its author wrote it.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from corsproxy.demo.addresses import SEEN_PATH
from corsproxy.demo.backend import app as library
from corsproxy.demo.echo import Echo

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Witness", "app"]


class Witness:
    """WSGI: the app, noting the methods of every marked request; the oldest marks are forgotten first."""

    def __init__(self, app: "WSGIApplication", remembered: int = 1000) -> None:
        self._app = app
        self._remembered = remembered
        self._methods: OrderedDict[str, list[str]] = OrderedDict()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request, noting it first."""
        ask = parse_qs(environ.get("QUERY_STRING", "")).get("ask", [""])[0]
        if environ["PATH_INFO"] == SEEN_PATH:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._methods.get(ask, [])).encode()]
        if ask:
            self._methods.setdefault(ask, []).append(environ["REQUEST_METHOD"])
            if len(self._methods) > self._remembered:
                self._methods.popitem(last=False)
        return self._app(environ, start_response)


library.logger.disabled = (
    True  # the exception is there on purpose; its traceback would bury the proxy's lines
)
app = Witness(Echo(library))
