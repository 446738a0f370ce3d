"""What to change, by symptom: at the server in general, and in the words of the server that is recognised.

Laws: a symptom is read off what came, never guessed from the server's name; `*` with credentials and the reflection
of any origin are never advised. The page is told to change where the page is wrong.
"""

import shlex
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from corsproxy.bridges.probe.address import read_address
from corsproxy.bridges.probe.browse import Hop, Walk
from corsproxy.bridges.probe.exchange import Answer
from corsproxy.bridges.probe.server import Server
from corsproxy.cors.checks import Cause, Check, Step
from corsproxy.cors.spelling import canonical_origin
from corsproxy.cors.vocabulary import Reason

__all__ = ["advice"]

_ORIGIN = "access-control-allow-origin"
_CACHED = ("age", "x-cache", "x-cache-status", "cf-cache-status", "x-varnish")

# Of a cause, how each server is told. `{origin}`, `{method}` and `{header}` are those of the request.
_TOLD: Mapping[Cause, Mapping[Server, str]] = MappingProxyType(
    {
        Cause.ORIGIN_MISSING: {
            Server.FLASK: 'Flask-CORS: CORS(app, origins=["{origin}"]); a path outside resources= gets nothing.',
            Server.NGINX: 'nginx: add_header Access-Control-Allow-Origin "{origin}" always; an add_header in a '
            "location takes away those of the levels above it.",
            Server.ENVOY: "Envoy: the cors filter must stand in http_filters, and the route needs a CorsPolicy whose "
            "allow_origin_string_match has {origin}.",
            Server.CADDY: "Caddy: a matcher on the header Origin, and `header Access-Control-Allow-Origin {origin}`.",
        },
        Cause.ORIGIN_SEVERAL: {
            Server.FLASK: "Flask-CORS: take CORS(app) out, if what stands in front adds the fields.",
            Server.NGINX: "nginx: proxy_hide_header Access-Control-Allow-Origin; before its own add_header.",
            Server.ENVOY: "Envoy: response_headers_to_remove on the route, for what the backend sends.",
            Server.CADDY: "Caddy: header_down -Access-Control-Allow-Origin inside reverse_proxy.",
        },
        Cause.WILDCARD_WITH_CREDENTIALS: {
            Server.FLASK: 'Flask-CORS: CORS(app, origins=["{origin}"], supports_credentials=True), never origins="*".',
            Server.NGINX: "nginx: a map from $http_origin to the origins you trust, in place of *.",
            Server.ENVOY: "Envoy: name {origin} in allow_origin_string_match, and allow_credentials: true.",
            Server.CADDY: "Caddy: `header Access-Control-Allow-Origin {origin}` in place of *.",
        },
        Cause.CREDENTIALS_MISSING: {
            Server.FLASK: "Flask-CORS: supports_credentials=True.",
            Server.NGINX: 'nginx: add_header Access-Control-Allow-Credentials "true" always;',
            Server.ENVOY: "Envoy: allow_credentials: true.",
            Server.CADDY: "Caddy: header Access-Control-Allow-Credentials true.",
        },
        Cause.METHOD: {
            Server.FLASK: 'Flask-CORS: methods=[…, "{method}"].',
            Server.NGINX: "nginx: {method} in the Access-Control-Allow-Methods of the OPTIONS block.",
            Server.ENVOY: "Envoy: {method} in allow_methods.",
            Server.CADDY: "Caddy: {method} in the Access-Control-Allow-Methods of the preflight's handle.",
        },
        Cause.HEADER: {
            Server.FLASK: 'Flask-CORS: allow_headers=[…, "{header}"].',
            Server.NGINX: "nginx: {header} in the Access-Control-Allow-Headers of the OPTIONS block.",
            Server.ENVOY: "Envoy: {header} in allow_headers.",
            Server.CADDY: "Caddy: {header} in the Access-Control-Allow-Headers of the preflight's handle.",
        },
    }
)


def advice(walk: Walk, aside: Answer | None, server: Server | None) -> tuple[str, ...]:
    """Say what to change; nothing where nothing failed. `aside` is the answer to a preflight asked for this alone."""
    if walk.failure is not None:
        return (walk.failure.fix,) if walk.failure.fix else ()
    failed, hop = walk.failed, walk.last
    if failed is None:
        return ()
    words = {
        "origin": hop.request.sent_origin,
        "method": hop.request.method,
        "header": failed.subject,
    }
    general = tuple(_general(failed, hop, aside))
    if server is Server.CORSPROXY and failed.cause is not None:
        is_of_the_page = hop.request.sent_origin == "null" or failed.reason in _SENTENCES
        return (*(general if is_of_the_page else ()), _ask_explain(hop))
    may_be_a_backend = server in {None, Server.FLASK} and hop.request.sent_origin != "null"
    if failed.cause is Cause.ORIGIN_MISSING and may_be_a_backend and not _speaks_cors(hop, aside):
        general = (_AROUND, *general)
    told = _TOLD.get(failed.cause, {}) if failed.cause and hop.request.sent_origin != "null" else {}
    specific = (told[server],) if server is not None and server in told else ()
    return (*general, *(text.format(**words) for text in specific))


def _speaks_cors(hop: Hop, aside: Answer | None) -> bool:
    came = [exchange.answer for exchange in (hop.preflight, hop.actual) if exchange]
    names = {name.lower() for answer in (*came, *([aside] if aside else [])) for name, _ in answer.fields}
    return any(name.startswith(b"access-control-") for name in names)


def _ask_explain(hop: Hop) -> str:
    request = hop.request
    words = ["corsproxy", "explain", "--origin", request.sent_origin, "--path", request.url]
    words += ["--method", request.method] if request.method != "GET" else []
    words += [word for name in request.unsafe for word in ("--header", name.decode())]
    words += ["--credentials"] if request.include else []
    return f"This is a corsproxy. Where its configuration is, this says which line to change: {shlex.join(words)}"


def _general(failed: Check, hop: Hop, aside: Answer | None) -> Iterator[str]:
    if failed.step is Step.SENDABLE:
        yield "No browser sends this: change it in the page."
    elif failed.step is Step.MIXED_CONTENT:
        yield f"Call it by https: serve {hop.request.origin} with TLS. No response field allows this."
    elif failed.step is Step.REDIRECT:
        yield "Call the final address in the page, or take the redirect out at the server."
    elif failed.cause is Cause.PREFLIGHT_REDIRECT and hop.preflight is not None:
        yield _of_redirect(hop.request.url, hop.preflight.answer)
    elif failed.cause is Cause.PREFLIGHT_STATUS and hop.preflight is not None:
        yield _of_status(hop.preflight.answer.status)
    elif failed.step in {Step.ORIGIN, Step.PREFLIGHT_ORIGIN} and hop.request.sent_origin == "null":
        yield _OF_NULL
    elif failed.cause is Cause.ORIGIN_MISSING:
        yield from _of_nothing(failed, hop, aside)
    elif failed.cause in {Cause.ORIGIN_DIFFERS, Cause.ORIGIN_INVALID}:
        yield from _of_another(failed, hop)
    elif failed.cause is not None:
        yield _SENTENCES.get(failed.reason, _OF_CAUSE[failed.cause]).format(subject=failed.subject)


_AROUND = (
    "No corsproxy answered, and nothing here speaks CORS. If one stands in front of this server, the page goes around it: "
    "call the proxy's own address (port 8080, unless `listen` says otherwise)."
)
_OF_NULL = (
    "Origin is null here: the page is a sandboxed frame or a file, or a redirect led from one foreign origin to another. "
    "Serve it from an address of its own, or call the final address at once. Allowing null allows everybody."
)
_OF_CAUSE: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.ORIGIN_SEVERAL: "Two parties add the field, most often the application and a proxy before it. Let one "
        "of them, and one line of it, speak CORS.",
        Cause.WILDCARD_WITH_CREDENTIALS: "Answer with the page's own origin, checked against a list, and Vary: Origin; or, "
        'if the page needs no cookies, leave credentials: "include" out of it.',
        Cause.CREDENTIALS_MISSING: "Answer with Access-Control-Allow-Credentials: true, in just these letters, on the preflight "
        'and on the response; or leave credentials: "include" out of the page.',
        Cause.METHODS_UNREADABLE: "Access-Control-Allow-Methods is to be a list of methods with commas; {subject} is none.",
        Cause.HEADERS_UNREADABLE: "Access-Control-Allow-Headers is to be a list of names with commas; {subject} is none.",
        Cause.METHOD: "Add {subject} to Access-Control-Allow-Methods in the answer to preflights. Beside credentials a * "
        "there counts for nothing.",
        Cause.HEADER: "Add {subject} to Access-Control-Allow-Headers in the answer to preflights. Beside credentials a * "
        "there counts for nothing.",
    }
)
_SENTENCES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.METHOD_CASE: "Methods compare with case: write the page's {subject} as the server lists it.",
        Reason.AUTHORIZATION_NOT_LISTED: "Name Authorization in Access-Control-Allow-Headers: * does not include it.",
        Reason.CLIENT_SENDS_RESPONSE_HEADER: "{subject} is a field of answers: take it out of what the page sends.",
    }
)


def _of_redirect(url: str, answer: Answer) -> str:
    try:
        target = read_address(answer.values("location")[0], url).url
    except ValueError:
        target = ""
    here, there = urlsplit(url), urlsplit(target)
    if there.scheme == "https" and here.scheme == "http" and there.hostname == here.hostname:
        return f"The preflight is sent on to https: call {target} in the page at once."
    if there.netloc == here.netloc and _differ_by_a_slash(here.path, there.path):
        return (
            f"The preflight is sent on for a slash at the end: call {there.path} in the page, or let the route take both "
            "(Flask: strict_slashes=False)."
        )
    return (
        "No redirect answers a preflight. Call the final address in the page; if it is a login that redirects, let "
        "OPTIONS pass it, for preflights carry no cookies."
    )


def _differ_by_a_slash(one: str, other: str) -> bool:
    return one != other and one.rstrip("/") == other.rstrip("/")


def _of_status(status: int) -> str:
    if status in {401, 403, 407}:
        return (
            "Something that asks for a login answers the preflight first. Preflights carry no cookies and no token: "
            "answer them before it."
        )
    if status in {404, 405, 501}:
        return "The route does not take OPTIONS: answer preflights with 204 before they reach it."
    if status >= 500:
        return f"The server fails at preflights ({status}): its log says why. Answer them before the application."
    return "Answer preflights with 204."


def _of_nothing(failed: Check, hop: Hop, aside: Answer | None) -> Iterator[str]:
    origin = hop.request.sent_origin
    if failed.step is Step.PREFLIGHT_ORIGIN and hop.preflight is not None:
        status = hop.preflight.answer.status
        if not 200 <= status <= 299:
            yield _of_status(status)
        yield f"Let the answer to the preflight say Access-Control-Allow-Origin: {origin}."
        return
    if hop.actual is None:
        return
    status = hop.actual.answer.status
    other = hop.preflight.answer if hop.preflight else aside
    has_granted = other is not None and other.value(_ORIGIN) in {origin, "*"}
    if status >= 400 and has_granted:
        yield (
            f"The preflight is granted and the {status} is not: the fields are put on successes only, so the page cannot see "
            "what went wrong. Put them on errors too (nginx: `always`), and look at the error itself."
        )
    elif has_granted:
        yield "The preflight is granted and the response is not: put the fields on both."
    elif status >= 400:
        yield (
            f"The answer is a {status}, and errors often lack the fields that successes have: look at the error itself first, "
            "and put the fields on errors too (nginx: `always`)."
        )
        yield f"If {origin} is to read it: Access-Control-Allow-Origin: {origin}."
    else:
        yield f"If {origin} is to read it, let the response say Access-Control-Allow-Origin: {origin}."


def _of_another(failed: Check, hop: Hop) -> Iterator[str]:
    origin, said = hop.request.sent_origin, failed.subject
    exchange = hop.preflight if failed.step is Step.PREFLIGHT_ORIGIN else hop.actual
    if "*" in said:
        yield "The field takes one origin or a lone *, no pattern: compare on the server, and answer with the page's own."
    elif canonical_origin(said) == origin:
        yield f"Browsers compare letter by letter: it is to be {origin}, as the page sends it."
    else:
        yield (
            "It names another page. One field holds one origin: compare on the server, answer with the page's own, and "
            "add Vary: Origin."
        )
    if exchange is not None and any(exchange.answer.value(name) for name in _CACHED):
        yield "A cache has kept this answer, perhaps from another page: without Vary: Origin it cannot tell them apart."
