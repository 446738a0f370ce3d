"""What a browser does with each Set-Cookie of an answer: keeps it, or drops it, and why.

Laws: names and attributes are told, values never. Engines differ about third-party cookies: what all of them
drop is a fault, what some keep is a caution. https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from corsproxy.bridges.probe.address import host_of, is_public_suffix, is_trustworthy, site_relation
from corsproxy.bridges.probe.exchange import Answer

__all__ = ["Cookie", "cookies_of"]

_LONGEST = 4096
_LONGEST_ATTRIBUTE = 1024
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_PREFIXES = ("__secure-", "__host-", "__http-", "__host-http-")
_MANY_DROP = (
    "it is a third party's: Safari drops it, Firefox keeps it for this page's site alone, Chrome keeps it unless its "
    "user blocks such cookies"
)


@dataclass(frozen=True, slots=True)
class Cookie:
    """One Set-Cookie: its name and attributes, why it is dropped, and what to know beside.

    No `faults`: it is kept, at least by some. `attributes` are as written, without what may be secret.
    """

    name: str
    attributes: tuple[str, ...]
    faults: tuple[str, ...]
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Written:
    name: str
    size: int
    has_control: bool
    attributes: dict[str, str]
    spelled: tuple[str, ...]

    def has(self, attribute: str) -> bool:
        return attribute in self.attributes


def cookies_of(answer: Answer, *, page: str, origin: str, include: bool) -> tuple[Cookie, ...]:
    """Judge every Set-Cookie of an answer from `origin` to a page of origin `page`."""
    relation = site_relation(page, origin)
    is_ignored = relation != "same-origin" and not include
    judged = []
    for value in answer.values("set-cookie"):
        written = _read(value)
        faults = list(_faults(written, origin))
        if is_ignored:
            ignored = 'the page asks without credentials: "include", so no Set-Cookie counts'
            judged.append(Cookie(written.name, written.spelled, (ignored,), ()))
            continue
        cautions = list(_cautions(written, origin))
        if relation == "cross-site":
            faults += _faults_across(written)
            if not faults and not written.has("partitioned"):
                cautions.append(_MANY_DROP)
        judged.append(Cookie(written.name, written.spelled, tuple(faults), tuple(cautions)))
    return tuple(judged)


def _read(value: str) -> _Written:
    """Take a value apart: https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#name-the-set-cookie-header-field."""
    pair, *rest = value.split(";")
    name, equals, content = pair.partition("=")
    name, content = (name.strip(), content.strip()) if equals else ("", pair.strip())
    attributes: dict[str, str] = {}
    spelled = []
    for attribute in rest:
        key, has_value, told = attribute.partition("=")
        key, told = key.strip(), told.strip()
        if key and len(told) <= _LONGEST_ATTRIBUTE:
            attributes[key.lower()] = told
            is_known = key.lower() in {"domain", "path", "samesite", "max-age"}
            spelled.append(f"{key}={told}" if has_value and is_known else key)
    return _Written(name, len(name) + len(content), bool(_CONTROL.search(value)), attributes, tuple(spelled))


def _faults(cookie: _Written, origin: str) -> Iterator[str]:
    if not cookie.size:
        yield "it has neither a name nor a value"
    if cookie.size > _LONGEST:
        yield f"name and value together are longer than {_LONGEST} bytes"
    if cookie.has_control:
        yield "it holds control characters"
    if cookie.has("secure") and not is_trustworthy(origin):
        yield f"Secure, but {origin} is not https"
    if cookie.attributes.get("samesite", "").lower() == "none" and not cookie.has("secure"):
        yield "SameSite=None needs Secure beside it"
    if cookie.has("partitioned") and not cookie.has("secure"):
        yield "Partitioned needs Secure beside it"
    yield from _faults_of_prefix(cookie)
    yield from _faults_of_domain(cookie, host_of(origin))


def _cautions(cookie: _Written, origin: str) -> Iterator[str]:
    if cookie.has("secure") and origin.startswith("http://") and is_trustworthy(origin):
        yield "Secure, and not https: Safari drops it, even from this machine"


def _faults_of_prefix(cookie: _Written) -> Iterator[str]:
    lower = cookie.name.lower()
    prefix = next((each for each in reversed(_PREFIXES) if lower.startswith(each)), None)
    if prefix is None:
        return
    spelled = cookie.name[: len(prefix)]
    if not cookie.has("secure"):
        yield f"the prefix {spelled} needs Secure"
    if prefix.startswith("__host-"):
        if cookie.attributes.get("domain"):
            yield f"the prefix {spelled} allows no Domain"
        if cookie.attributes.get("path") != "/":
            yield f"the prefix {spelled} needs Path=/"
    if prefix.endswith("http-") and not cookie.has("httponly"):
        yield f"the prefix {spelled} needs HttpOnly, in Chrome"


def _faults_of_domain(cookie: _Written, host: str) -> Iterator[str]:
    domain = cookie.attributes.get("domain", "").lower().removeprefix(".")
    if not domain or domain == host:
        return
    if not host.endswith(f".{domain}") or _is_ip(host):
        yield f"Domain={domain} does not cover the host {host}"
    elif is_public_suffix(domain):
        yield f"Domain={domain} is a public suffix, under which anybody can have a site"


def _faults_across(cookie: _Written) -> Iterator[str]:
    same_site = cookie.attributes.get("samesite", "").lower()
    if same_site in {"lax", "strict"}:
        yield f"SameSite={same_site.capitalize()}, and the page is on another site: it needs SameSite=None; Secure"
    elif same_site != "none":
        yield (
            "no SameSite, which Chrome takes for Lax, and the page is on another site: "
            "it needs SameSite=None; Secure"
        )


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
