"""A WSGI application that tells what it was given, and how many whole requests it has been given so far.

Laws: the account travels in a field, so that HEAD has one too. A request counts when its body was read
whole: what was cut off on the way never counts.
"""

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

_serial = itertools.count(1)


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    length = environ.get("CONTENT_LENGTH") or ""
    body = b""
    if length:
        body = environ["wsgi.input"].read(int(length))
        if len(body) != int(length):
            raise EOFError("the body was cut off")
    elif "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        body = environ["wsgi.input"].read()
    fields = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name[:5] == "HTTP_"}
    seen = {
        "serial": next(_serial),
        "method": environ["REQUEST_METHOD"],
        "target": environ.get("RAW_URI") or environ.get("REQUEST_URI"),
        "script": environ["SCRIPT_NAME"],
        "path": environ["PATH_INFO"],
        "query": environ["QUERY_STRING"],
        "type": environ.get("CONTENT_TYPE") or "",
        "body": [len(body), hashlib.sha256(body).hexdigest()],
        "scheme": environ["wsgi.url_scheme"],
        "remote": environ["REMOTE_ADDR"],
        "fields": fields,
    }
    account = base64.b64encode(json.dumps(seen).encode()).decode()
    start_response("200 OK", [("Content-Length", "2"), ("Content-Type", "text/plain"), ("X-Seen", account)])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"ok"]
