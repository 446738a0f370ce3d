"""Set-Cookie as a rule wants it: SameSite, Secure and Partitioned replaced, added or taken out.

Laws: one value in, one value out; every other attribute, and every blank, stays as it came. Cookies
that the rule does not name are not touched. https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html
"""

from corsproxy.cors.rule import Cookies

__all__ = ["CookieRewrite"]

_BLANKS = b" \t"


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
