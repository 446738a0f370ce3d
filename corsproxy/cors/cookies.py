"""Set-Cookie as a rule wants it: SameSite, Secure and Partitioned replaced, added or taken out; and as browsers take it.

Laws: one value in, one value out; every other attribute, and every blank, stays as it came. Cookies
that the rule does not name are not touched. https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html
"""

from enum import StrEnum

from corsproxy.cors.rule import Cookies

__all__ = ["CookieFault", "CookieRewrite", "cookie_fault", "cookie_name", "is_cross_site"]

_BLANKS = b" \t"


class CookieFault(StrEnum):
    """Why a browser drops a cookie that an answer to another site sets."""

    SAME_SITE_NOT_NONE = "same_site_not_none"  # Lax, Strict, or nothing, which counts as Lax
    NOT_SECURE = "not_secure"  # SameSite=None is believed of secure cookies only


def cookie_fault(value: bytes) -> CookieFault | None:
    """Say why a browser drops this Set-Cookie value from an answer to a cross-site request; None: it keeps it."""
    same_site, is_secure = b"", False
    for attribute in value.split(b";")[1:]:
        name, _, setting = attribute.partition(b"=")
        match name.strip(_BLANKS).lower():
            case b"samesite":  # the last one counts
                same_site = setting.strip(_BLANKS).lower()
            case b"secure":
                is_secure = True
    if same_site != b"none":
        return CookieFault.SAME_SITE_NOT_NONE
    return None if is_secure else CookieFault.NOT_SECURE


def cookie_name(value: bytes) -> bytes:
    """Return the name that a Set-Cookie value sets; b"" for a cookie without one."""
    return _name_of(value.partition(b";")[0])


def is_cross_site(origin: bytes, host: bytes, sec_fetch_site: bytes | None) -> bool:
    """Tell whether a page of `origin` and the called host, with its port, are different sites for sure.

    Looser: without Sec-Fetch-Site, names that share their last two labels get the benefit of the doubt, as
    only a list of public suffixes could tell.
    """
    if sec_fetch_site is not None:
        return sec_fetch_site == b"cross-site"
    return _ending(origin.partition(b"://")[2]) != _ending(host)


class CookieRewrite:
    """What to do with one Set-Cookie value; compiled from a rule's `cookies`."""

    __slots__ = ("_names", "_wanted")

    def __init__(self, cookies: Cookies) -> None:
        self._names = frozenset(name.encode() for name in cookies.names)
        wanted = {
            b"samesite": b"SameSite=" + cookies.same_site.encode("ascii") if cookies.same_site else None,
            b"secure": _flag(b"Secure", cookies.secure),
            b"partitioned": _flag(b"Partitioned", cookies.partitioned),
        }
        # {lower-case attribute: how it is to stand there, b"" for not at all}
        self._wanted = {name: spelling for name, spelling in wanted.items() if spelling is not None}

    def rewrite(self, value: bytes) -> bytes:
        """Return the value with the rule's attributes; untouched where the rule names other cookies."""
        pair, *attributes = value.split(b";")
        if self._names and _name_of(pair) not in self._names:
            return value
        kept = [pair]
        missing = dict(self._wanted)
        for attribute in attributes:
            name = attribute.partition(b"=")[0].strip(_BLANKS).lower()
            if name not in self._wanted:
                kept.append(attribute)
                continue
            spelling = missing.pop(name, b"")  # a second one of its kind would override the first
            if spelling:
                kept.append(
                    attribute if attribute.strip(_BLANKS).lower() == spelling.lower() else b" " + spelling
                )
        kept.extend(b" " + spelling for spelling in missing.values() if spelling)
        return b";".join(kept)


def _flag(name: bytes, wanted: bool | None) -> bytes | None:
    return None if wanted is None else name if wanted else b""


def _name_of(pair: bytes) -> bytes:
    """A pair without `=` is a cookie without a name."""
    name, equals, _ = pair.partition(b"=")
    return name.strip(_BLANKS) if equals else b""


def _ending(authority: bytes) -> bytes:
    name, colon, port = authority.rpartition(b":")
    is_port = bool(colon) and port.isdigit() and not name.endswith(b":")
    labels = (name if is_port else authority).lower().split(b".")
    return b".".join(labels[-2:])
