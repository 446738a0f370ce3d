"""The cells of the matrix, and what the oracle says becomes of each.

Laws: a prediction follows the Fetch standard's own steps (preflight, request, redirect, CORS check)
and asks the policy's oracle what the proxy does at each; the backend's answers come from the backend's own
table. Nothing here knows how the proxy or Chromium work.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from urllib.parse import urlsplit

from corsproxy.cors.vocabulary import Action
from tests.browser.application import Received, backend_fields, backend_status
from tests.browser.site import RULE_NAMES, Site
from tests.cors.browser import cors_check, preflight_check
from tests.cors.oracle import Fields, Request, Verdict, judge

__all__ = ["KINDS", "Cell", "Outcome", "cells", "origin_of", "predicted", "received_fields"]

KINDS = (
    "200",
    "204",
    "301-same",
    "301-cross",
    "304",
    "404",
    "500",
    "dead",
    "cors-once",
    "cors-twice",
    "vary",
)
KINDS_AFTER_PREFLIGHT = ("200", "301-same", "500", "dead", "cors-once", "cors-twice")
FILE = bytes(index % 251 for index in range(200_000))
BODIES = {"none": b"", "text": b"a body", "bytes": FILE}  # a form's bytes are the browser's own affair


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that a page tries; `unsafe` are the fields that the browser has to ask for."""

    id: str
    rule: str
    kind: str
    url: str
    way: str = "fetch"  # fetch | eventsource | websocket
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = "none"
    credentials: str = "omit"
    mode: str = "cors"
    unsafe: frozenset[str] = frozenset()

    def for_page(self) -> dict[str, object]:
        """Return the cell as the page's runner takes it."""
        return asdict(self) | {"headers": dict(self.headers), "unsafe": sorted(self.unsafe)}

    @property
    def include(self) -> bool:
        return self.credentials == "include"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page saw (a status, a word, an error's name), and what reached the backend, in order."""

    page: str
    visible: tuple[str, ...] = ()
    reached: tuple[Received, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a page does: one column of the matrix."""

    name: str
    way: str = "fetch"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = "none"
    unsafe: frozenset[str] = frozenset()


GOOD = (("X-Good", "1"),)
OCTETS = (("Content-Type", "application/octet-stream"),)
SIMPLE = (
    Attempt("get"),
    Attempt("head", method="HEAD"),
    Attempt("post", method="POST", body="text"),
    Attempt("put", method="PUT", body="text"),
    Attempt("options", method="OPTIONS"),
)
PREFLIGHTED = (
    Attempt("good-header", headers=GOOD, unsafe=frozenset({"x-good"})),
    Attempt("bad-header", headers=(("X-Bad", "1"),), unsafe=frozenset({"x-bad"})),
    Attempt("bad-method", method="PATCH", body="text"),
)
UPLOADS = (
    Attempt("upload-form", method="POST", body="form"),
    Attempt("upload-bytes", method="PUT", body="bytes", headers=OCTETS, unsafe=frozenset({"content-type"})),
    Attempt("delete", method="DELETE", headers=GOOD, unsafe=frozenset({"x-good"})),
    Attempt("authorization", headers=(("Authorization", "Bearer x"),), unsafe=frozenset({"authorization"})),
    Attempt("method-case", method="patch"),
    Attempt("safelisted-but-long", headers=(("Accept", "a" * 129),), unsafe=frozenset({"accept"})),
)


def cells(site: Site, page: str) -> Iterator[Cell]:
    """Yield every cell that the page named runs."""
    columns = [(attempt, kind) for attempt in SIMPLE for kind in KINDS]
    columns += [(attempt, kind) for attempt in PREFLIGHTED for kind in KINDS_AFTER_PREFLIGHT]
    columns += [(attempt, kind) for attempt in UPLOADS for kind in ("200", "dead")]
    columns += [(Attempt("eventsource", way="eventsource"), kind) for kind in ("sse", "500", "dead")]
    narrow = [(attempt, kind) for attempt, kind in columns if kind in {"200", "cors-once", "sse", "dead"}]
    for rule in RULE_NAMES:
        # Of some pages only who they are is new, of some rules only whom they let in.
        is_narrow = page in {"wildcard", "lookalike"} or rule in {"null", "unchecked"}
        for (attempt, kind), credentials in product(narrow if is_narrow else columns, ("omit", "include")):
            yield cell(site, page, rule, kind, attempt, credentials)
        for kind in ("ws", "dead"):
            yield cell(site, page, rule, kind, Attempt("websocket", way="websocket"), "include")
        for attempt in SIMPLE[:3]:
            yield replace(cell(site, page, rule, "200", attempt, "include", "-no-cors"), mode="no-cors")


def cell(
    site: Site, page: str, rule: str, kind: str, attempt: Attempt, credentials: str, suffix: str = ""
) -> Cell:
    identity = f"{page}/{rule}/{attempt.name}/{kind}/{credentials}{suffix}"
    base = site.dead if kind == "dead" else site.proxy
    return Cell(
        id=identity,
        rule=rule,
        kind=kind,
        url=f"{base}/{rule}/{kind}?cell={identity}",
        way=attempt.way,
        method=attempt.method,
        headers=attempt.headers,
        body=attempt.body,
        credentials=credentials,
        unsafe=attempt.unsafe,
    )


# -- what the browser does


def predicted(site: Site, cell: Cell, origin: str) -> Outcome:
    """Say what the page at `origin` sees of the cell and what the backend sees of it."""
    if cell.way == "websocket":
        return of_websocket(site, cell, origin)
    if cell.mode == "no-cors":
        return of_no_cors(site, cell, origin)
    same = origin == origin_of(cell.url)
    reached: list[Received] = []
    status, fields = 0, list[tuple[str, str]]()
    for step in followed(cell):
        if not same and is_preflighted(step) and not passes_preflight(site, step, origin, reached):
            return failed(cell, reached)
        status, fields = exchanged(site, step, origin, same=same, reached=reached)
        if not same and not cors_check(origin, combined(fields), include=cell.include):
            return failed(cell, reached)
        if status == 403:
            break
    if status == 301:  # to where everybody may read everything
        return Outcome("200", (), tuple(reached))
    if cell.way == "eventsource":
        return Outcome("event" if status == 200 else "error", (), tuple(reached))
    return Outcome(str(status), visible(status, fields, cell, same=same), tuple(reached))


def followed(cell: Cell) -> list[Cell]:
    """Return the requests of a cell that its backend sends elsewhere at the same origin."""
    if cell.kind != "301-same":
        return [cell]
    if cell.method == "POST":
        return [cell, replace(cell, kind="200", method="GET", body="none")]
    return [cell, replace(cell, kind="200")]


def failed(cell: Cell, reached: list[Received]) -> Outcome:
    return Outcome("TypeError" if cell.way == "fetch" else "error", (), tuple(reached))


def is_preflighted(cell: Cell) -> bool:
    return cell.method not in {"GET", "HEAD", "POST"} or bool(cell.unsafe)


def passes_preflight(site: Site, cell: Cell, origin: str, reached: list[Received]) -> bool:
    verdict = asked(
        site,
        cell,
        Request(
            method=b"OPTIONS",
            origin=origin.encode(),
            request_method=cell.method.encode(),
            request_headers=",".join(sorted(cell.unsafe)).encode() or None,
            sec_fetch_site=b"cross-site",
        ),
    )
    status, fields = verdict.status, as_lines(verdict.fields)
    if verdict.action is Action.FORWARD:
        status, fields = answered(cell, "OPTIONS", origin, verdict, reached, cookie=False, body=b"")
    answer, unsafe = combined(fields), cell.unsafe
    if not cell.include and "*" in answer.get("access-control-allow-headers", ""):
        unsafe -= {"authorization"}  # Looser: Chromium only warns that `*` will not cover it for ever
    return preflight_check(origin, cell.method, unsafe, status, answer, include=cell.include)


def exchanged(
    site: Site, cell: Cell, origin: str, *, same: bool, reached: list[Received]
) -> tuple[int, list[tuple[str, str]]]:
    """Do the request itself and return its answer."""
    has_origin = not same or cell.method not in {"GET", "HEAD"}
    request = Request(
        method=cell.method.encode(),
        origin=origin.encode() if has_origin else None,
        sec_fetch_site=b"same-origin" if same else b"cross-site",
    )
    verdict = asked(site, cell, request)
    if verdict.action is Action.REFUSE:
        return verdict.status, as_lines(verdict.error_fields)
    if cell.method == "patch":  # no method of HTTP's registry, and so not the proxy's to pass on
        return 501, as_lines((verdict.would or verdict).error_fields)
    body = BODIES.get(cell.body, b"?")
    cookie = (cell.include or (same and cell.way == "eventsource")) and has_cookies(origin)
    sent = origin if has_origin else None
    return answered(cell, cell.method, sent, verdict, reached, cookie=cookie, body=body)


def asked(site: Site, cell: Cell, request: Request) -> Verdict:
    host, path = urlsplit(cell.url).netloc, f"/{cell.rule}/{cell.kind}"
    return judge(site.rules, (), replace(request, path=path.encode(), host=host.encode()))


def answered(
    cell: Cell,
    method: str,
    origin: str | None,
    verdict: Verdict,
    reached: list[Received],
    *,
    cookie: bool,
    body: bytes,
) -> tuple[int, list[tuple[str, str]]]:
    """Return what comes back for a request that the proxy forwards."""
    if cell.kind == "dead":
        due = verdict.would.error_fields if verdict.would else verdict.error_fields
        return 502, as_lines(due)
    reached.append(Received(method, origin, cookie, len(body), zlib.crc32(body)))
    own = (
        [] if verdict.strips else [(name.lower(), value) for name, value in backend_fields(cell.kind, origin)]
    )
    return backend_status(cell.kind), [*own, *as_lines(verdict.fields)]


def visible(status: int, fields: list[tuple[str, str]], cell: Cell, *, same: bool) -> tuple[str, ...]:
    """Return which of the watched fields the page may read."""
    ours = cell.kind == "dead" or status in {403, 501}
    there = {"proxy-status"} if ours else {"x-exposed", "x-hidden"}
    exposed = {
        name.strip().lower() for name in combined(fields).get("access-control-expose-headers", "").split(",")
    }
    everything = same or ("*" in exposed and not cell.include)
    return tuple(sorted(there if everything else there & exposed))


def of_websocket(site: Site, cell: Cell, origin: str) -> Outcome:
    request = Request(origin=origin.encode(), is_websocket=True)
    verdict = asked(site, cell, replace(request, scheme=b"http"))
    if verdict.action is Action.REFUSE or cell.kind == "dead":
        return Outcome("error")
    return Outcome("echo", (), (Received("GET", origin, has_cookies(origin), 0, 0),))


def of_no_cors(site: Site, cell: Cell, origin: str) -> Outcome:
    """Without CORS the page sees nothing of an answer, and only `block` keeps it from the backend."""
    same = origin == origin_of(cell.url)
    reached: list[Received] = []
    # Chromium names the opaque origin of a sandbox even where the standard names none.
    sent = origin if cell.method == "POST" or origin == "null" else None
    request = Request(
        method=cell.method.encode(),
        origin=sent.encode() if sent else None,
        sec_fetch_site=b"same-origin" if same else b"cross-site",
    )
    verdict = asked(site, cell, request)
    if verdict.action is Action.FORWARD:
        answered(
            cell, cell.method, sent, verdict, reached, cookie=has_cookies(origin), body=BODIES[cell.body]
        )
    return Outcome("200" if same else "opaque", ("x-exposed", "x-hidden") if same else (), tuple(reached))


def has_cookies(origin: str) -> bool:
    """Whether a page sends the session's cookie when asked to: its site has to be the proxy's."""
    return ".shop.localhost:" in origin


# -- fields


def origin_of(url: str) -> str:
    return f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def as_lines(fields: Fields) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else ", ".join(sorted(value)))
        for name, value in fields.items()
    ]


def combined(lines: list[tuple[str, str]]) -> Mapping[str, str]:
    """Join lines of one name as a browser's `get` does."""
    fields: dict[str, str] = {}
    for name, value in lines:
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def received_fields(received: Received, cell: Cell) -> Received:
    """Leave out what the browser makes up: a form's boundary, and with it its length and checksum."""
    if cell.body == "form" and received.method == "POST":
        assert received.body_bytes > len(FILE)
        return replace(received, body_bytes=1, body_crc32=zlib.crc32(b"?"))
    return received
