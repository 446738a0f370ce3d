"""A line from a browser's console, read back as the question that it answers.

Laws: read by the very texts that `consoles` predicts with, loosely at both ends, for lines are pasted with
what stands around them. A line that names no method or header leaves these open, and a note says so. What another
server answered after a redirect is not put to these rules; what the page called is.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from urllib.parse import urlsplit

from corsproxy.bridges.recorded import BadPaste, Question, question_of
from corsproxy.cors.consoles import CAUSES, Cause

__all__ = ["ELSEWHERE", "read_console"]

_CHROME = re.compile(
    r"Access to (?P<initiator>\S+) at '(?P<url>[^']+)'(?: \(redirected from '(?P<first>[^']+)'\))? "
    r"from origin '(?P<origin>[^']+)' has been blocked by CORS policy: (?P<rest>.+)",
    re.DOTALL,
)
_FIREFOX = re.compile(
    r"The Same Origin Policy disallows reading the remote resource at [‘']?(?P<url>\S+?)[’']?\. \(Reason: (?P<rest>.+?)\)\.?(?: Status code: [^.]*\.?)?",
    re.DOTALL,
)
# As Chrome once said it, and still does in places.
_REDIRECT = re.compile(
    r"Redirect from '(?P<first>[^']+)' to '(?P<url>[^']+)' has been blocked by CORS policy: "
    r"(?P<rest>.+?)(?: Origin '(?P<origin>[^']+)' is therefore not allowed access\.|$)",
    re.DOTALL,
)
_SOCKETS = (
    re.compile(r"WebSocket connection to '(?P<url>wss?://[^']+)' failed"),
    re.compile(r"can.t establish a connection to the server at (?P<url>wss?://\S+?)\.?(?:\s|$)"),
)
_VALUE = re.escape("{value}")

# What the cause of a line says where the policy would have let the request through.
ELSEWHERE: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.ORIGIN_MISSING: "The answer did not come through this proxy with these rules: is the page calling the "
        "backend directly, something in front that answers by itself, or a proxy that runs an older file?",
        Cause.ORIGIN_SEVERAL: "backend_cors_conflict: two parties add CORS fields. The page calls the backend directly, the "
        "rule is in report mode, or something in front of the proxy adds fields too. Remove CORS(app) from the backend.",
        Cause.ORIGIN_DIFFERS: "Something else made this field: the backend called directly or in report mode, or a cache "
        "that keeps one origin's answer for another (it must heed Vary: Origin).",
        Cause.ORIGIN_INVALID: "This proxy only ever names an origin that came: something else made this field.",
        Cause.WILDCARD_WITH_CREDENTIALS: "This proxy never answers * with credentials by these rules: something else made "
        "this field, such as the backend called directly.",
        Cause.CREDENTIALS_MISSING: "Something else made the answer, such as the backend called directly.",
        Cause.PREFLIGHT_STATUS: "This proxy answers preflights itself with 200 or 204: something in front of it, such as a "
        "login, answers them first.",
        Cause.PREFLIGHT_REDIRECT: "backend_redirect: this proxy never redirects a preflight. Something in front of it does, "
        "for instance from http:// to https://: call the final address.",
        Cause.METHODS_UNREADABLE: "This proxy only ever lists methods: something else made this field.",
        Cause.HEADERS_UNREADABLE: "This proxy only ever lists header names: something else made this field.",
        Cause.METHOD: "These rules grant the method: the proxy runs an older file, or the browser still keeps an older "
        "answer (max_age).",
        Cause.HEADER: "These rules grant the header: the proxy runs an older file, or the browser still keeps an older "
        "answer (max_age).",
        Cause.REDIRECT_CREDENTIALS: "backend_redirect: the backend, or something in front, redirects to an address with a "
        "user name in it.",
    }
)
_REDIRECTED = (
    "A redirect led here from {first}, which is what the page called: what is said above is of the other address. Call the "
    "final address, or let the backend answer 401 in place of a redirect to a login."
)
_REDIRECTED_ELSEWHERE = (
    "This was redirected to {url}, which is another server: it has to allow the page by CORS fields of its own, and no rule here "
    "can. What is said above is of {first}, which the page called. Mostly the backend should not redirect there: let it answer "
    "401 in place of a redirect to a login, and write addresses on itself without a host, or with the one that the page "
    "called. If {url} is this proxy too, ask again with --path."
)
_NO_HTTP = (
    "No rule is the cause: the page was opened as a file, or it calls an address without http:// or https://. Open the page "
    "from a web server (python -m http.server), and call the API by its whole address."
)
_REFUSED_HANDSHAKE = (
    "Where this is allowed and the handshake got a 403 all the same, either the backend refused it, or the proxy does not "
    "know its own address, because TLS ends in front of it: name that address under public_origins."
)

# Lines of which no rule is the cause, by a part of them, and what they are.
_NO_RULE: Mapping[str, str] = MappingProxyType(
    {
        "net::ERR_FAILED": "This line only says that there was no answer for the page: paste the line before it, which "
        "says why.",
        "net::ERR_": "This is not CORS: no answer came, because of a wrong port, a server that is down, DNS or TLS. "
        "Ask the address itself: corsproxy probe URL --origin ORIGIN.",
        "CORS request did not succeed": "This is not CORS, though Firefox says so: no answer came, because of a wrong port, a "
        "server that is down, DNS or TLS. Ask the address itself: corsproxy probe URL --origin ORIGIN.",
        " address space": "This is Local Network Access: Chrome asks the visitor before a page from the Internet may call "
        "this machine or the local network. No rule and no header grants that.",
        "supported for protocol schemes": _NO_HTTP,
        '" is not supported': _NO_HTTP,
        "CORS request not HTTP": _NO_HTTP,
        "Mixed Content": "This is not CORS: a page on https may not call http. Let the proxy end TLS (tls: certificate, "
        "key), or what stands in front of it, and call https.",
    }
)


def read_console(line: str) -> tuple[Question, Cause | None]:
    """Read a line; the cause is None for a WebSocket's. Raises BadPaste."""
    line = " ".join(line.split())
    for pattern in _SOCKETS:
        if found := pattern.search(line):
            question = question_of("GET", found["url"], [], is_websocket=True)
            return (replace(question, notes=(_REFUSED_HANDSHAKE,)) if "code: 403" in line else question), None
    found = _CHROME.search(line) or _REDIRECT.search(line) or _FIREFOX.search(line)
    if found is None:
        raise BadPaste(
            _no_rule(line)
            or "This is not a line about CORS as Chrome's or Firefox's console prints it: paste all of it, "
            "from the word Access or Cross-Origin on."
        )
    named = {name: text or "" for name, text in found.groupdict().items()}
    if (first := named.get("first")) and _server(first) != _server(named["url"]):
        if why := _no_rule(named["rest"]):
            raise BadPaste(why)
        return _called(first, named), None
    cause, value = _cause(named["rest"], is_chrome="origin" in named)
    fields = [("Origin", named["origin"])] if named.get("origin") else []
    question = question_of("GET", named["url"], fields)
    question = _completed(question, cause, value, is_preflight="preflight" in named["rest"])
    if first:
        question = replace(question, notes=(*question.notes, _REDIRECTED.format(first=first)))
    return question, cause


def _called(first: str, named: Mapping[str, str]) -> Question:
    """Ask of what the page called. Where redirects made the origin null, the page's own is not known."""
    origin = named["origin"]
    question = question_of("GET", first, [("Origin", origin)] if origin not in {"", "null"} else [])
    return replace(question, notes=(_REDIRECTED_ELSEWHERE.format(first=first, url=named["url"]),))


def _server(url: str) -> tuple[str | None, int | None] | None:
    """Return host and port; http and https on their own ports are one server's."""
    try:
        parts = urlsplit(url)
        return parts.hostname, None if parts.port in {80, 443} else parts.port
    except ValueError:
        return None


def _cause(rest: str, *, is_chrome: bool) -> tuple[Cause, str]:
    for cause, texts in CAUSES.items():
        text = texts.chrome if is_chrome else texts.firefox
        core = re.escape(text.removesuffix(" Have the server send the header with a valid value."))
        if core and (found := re.search(core.replace(_VALUE, "(?P<value>.*?)", 1), rest)):
            return cause, found.groupdict().get("value", "")
    raise BadPaste(_no_rule(rest) or f"This line is about CORS, but its cause is not known here: {rest}")


def _no_rule(line: str) -> str:
    return next((why for part, why in _NO_RULE.items() if part in line), "")


def _completed(question: Question, cause: Cause, value: str, *, is_preflight: bool) -> Question:
    request, notes = question.request, list(question.notes)
    if cause in {Cause.WILDCARD_WITH_CREDENTIALS, Cause.CREDENTIALS_MISSING}:
        request, notes = replace(request, credentials=True), []
    if cause is Cause.METHOD and value:
        request = replace(request, method=value)
    elif cause is Cause.HEADER:
        request = replace(request, headers=(value,))
    elif is_preflight or cause is Cause.METHOD:
        notes.append(
            "A preflight failed, and the line does not say what it asked for: add --method and --header."
        )
    return Question(request, question.url, tuple(notes))
