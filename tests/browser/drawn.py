"""Servers at random: what one may answer to a preflight and to a request, well, badly and absurdly, drawn from a seed."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Answered", "Drawn", "draw"]

Answered = tuple[int, tuple[tuple[str, str], ...]]  # status, fields

_METHODS = ("GET", "GET", "GET", "POST", "PUT", "PUT", "PATCH", "patch", "put", "DELETE", "HEAD", "OPTIONS")
_HEADERS = (
    ("X-A", "1"),
    ("x-b", "2"),
    ("Content-Type", "application/json"),
    ("Content-Type", "text/plain"),
    ("Content-Type", "TEXT/PLAIN"),
    ("Content-Type", 'text/plain;charset="x"'),
    ("Content-Type", ""),
    ("Accept", "a/b"),
    ("Accept", "a:b"),
    ("Accept-Language", "en"),
    ("Accept-Language", "e_n"),
    ("Content-Language", "d/e"),
    ("Range", "bytes=0-5"),
    ("Range", "bytes=-5"),
    ("Range", "bytes=5-"),
)
_ORIGINS = (
    *["{app}"] * 60,
    *["*"] * 12,
    *("{third}", "null", "NULL", "{app}/", "{app} ", "", " ", "*,*", "* *", "{app},{third}", "https://*.x.y"),
    *("http://", "app", "http:app", "javascript:alert(1)", "true", "http://a b", "https://[", "about:blank"),
    *("http://app.shop.localhost", "file:///x", "http://%zz/"),
)
_CREDENTIALS = (*["true"] * 30, "True", "false", "", "true, true", "1")
_ALLOW_METHODS = (
    *["PUT, PATCH, DELETE, OPTIONS, patch"] * 24,
    *(
        "*",
        "PUT, PATCH",
        "GET PUT",
        "put",
        "patch",
        "",
        ",PUT",
        ",,",
        "PUT;q=1",
        '"PUT"',
        "DELETE,PUT , PATCH",
    ),
)
_ALLOW_HEADERS = (
    *["x-a, x-b, content-type, accept, accept-language, content-language, range"] * 24,
    *("*", "X-A", "x-a x-b", "x-a,,x-b", "content-type", "x-a;x-b", "Authorization,*", "(x)", ""),
    "X-A,X-B,Accept,Content-Type,Range,Accept-Language,Content-Language",
)
_EXPOSED = (
    "X-One",
    "*",
    "x-one x-two",
    "x-one,,x-two",
    "X-ONE, etag",
    "Set-Cookie",
    "*, X-One",
    '"x-one"',
    "x-one;",
)
_PREFLIGHT_STATUS = (*[204] * 30, 200, 200, 201, 299, 300, 301, 302, 304, 400, 401, 404, 500)
_STATUS = (*[200] * 6, 201, 404, 500, 304, 301, 302, 303, 307, 308, 300)
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class Drawn:
    """A page's request, and what its server answers."""

    method: str
    headers: tuple[tuple[str, str], ...]
    include: bool
    preflight: Answered
    answer: Answered


def draw(chance: random.Random, origins: Mapping[str, str], *, redirects: bool = True) -> Drawn:
    """Draw one; `origins` has those of `app`, `api` and `third`."""
    headers = chance.choices(
        _HEADERS, k=chance.choice((0, 1, 1))
    )  # of several missing ones, Chromium names any
    status = chance.choice(_STATUS if redirects else (200, 404))
    fields = _grant(chance, origins)
    fields += [("Access-Control-Expose-Headers", chance.choice(_EXPOSED))] * (chance.random() < 0.6)
    fields += [("X-One", "1"), ("X-Two", "2"), ("ETag", "e")][: chance.randint(0, 3)]
    if status in _REDIRECTS and chance.random() < 0.9:
        there = chance.choice(("", origins["api"], origins["third"], origins["app"]))
        fields.append(("Location", f"{there}/next/{chance.getrandbits(40)}"))
    return Drawn(
        method=chance.choice(_METHODS),
        headers=tuple(headers),
        include=chance.random() < 0.4,
        preflight=(chance.choice(_PREFLIGHT_STATUS), tuple(_preflight(chance, origins))),
        answer=(status, tuple(fields)),
    )


def _grant(chance: random.Random, origins: Mapping[str, str]) -> list[tuple[str, str]]:
    values = chance.choices(_ORIGINS, k=chance.choice((*[1] * 16, 2, 0)))
    fields = [("Access-Control-Allow-Origin", value.format(**origins)) for value in values]
    values = chance.choices(_CREDENTIALS, k=chance.choice((*[1] * 12, 0, 2)))
    return fields + [("Access-Control-Allow-Credentials", value) for value in values]


def _preflight(chance: random.Random, origins: Mapping[str, str]) -> list[tuple[str, str]]:
    fields = _grant(chance, origins)
    for name, values in (("Methods", _ALLOW_METHODS), ("Headers", _ALLOW_HEADERS)):
        drawn = chance.choices(values, k=chance.choice((*[1] * 16, 2, 0)))
        fields += [(f"Access-Control-Allow-{name}", value) for value in drawn]
    return fields
