"""Preflights of origins that are allowed: what the answer says, and whether it will satisfy the browser.

Laws: an answer is always given and says all that the rule grants; the browser names what it misses.
Methods compare byte for byte, field names without case. Work and size are bounded by the rule, and by
two constants for a rule with `*` and credentials, which is answered with what was asked.
https://fetch.spec.whatwg.org/#cors-preflight-fetch
"""

from typing import Protocol

from corsproxy.cors.grant import ALLOW_ORIGIN, VARY_PREFLIGHT, credentials_line
from corsproxy.cors.rule import Rule
from corsproxy.cors.vocabulary import (
    CORS_RESPONSE_FIELDS,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_FIELDS,
    Reason,
)

__all__ = ["AskedPreflight", "PreflightAnswer", "field_names", "is_token"]

# Stricter: no page asks for so much; what is over this is refused without being read.
_LONGEST_LIST = 4096
_MOST_COMMAS = 256
_LONGEST_METHOD = 64

_DEFAULT_METHODS = (b"GET", b"HEAD", b"POST")
_AUTHORIZATION = b"authorization"
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BLANKS = b" \t"
(_COMMA,) = b","


class AskedPreflight(Protocol):
    """What a preflight asks."""

    @property
    def origin(self) -> bytes | None:
        """The one Origin value."""

    @property
    def request_method(self) -> bytes | None:
        """The value of Access-Control-Request-Method."""

    @property
    def request_headers(self) -> bytes | None:
        """The value of Access-Control-Request-Headers; several lines are joined with commas."""

    @property
    def request_private_network(self) -> bool:
        """Whether Access-Control-Request-Private-Network is there."""


def is_token(value: bytes) -> bool:
    """Tell whether this may be a method or a field name: https://www.rfc-editor.org/rfc/rfc9110#name-tokens."""
    return bool(value) and not value.translate(None, _TOKEN)


def field_names(asked: bytes | None) -> tuple[bytes, ...]:
    """Name the fields of an Access-Control-Request-Headers in lower case, each once; of an absurd one none."""
    elements = _elements(asked) if asked is not None else None
    names = [element.strip(_BLANKS).lower() for element in elements or ()]
    return tuple(dict.fromkeys(name for name in names if name))


class PreflightAnswer:
    """The answer of one rule."""

    def __init__(self, rule: Rule) -> None:
        self._methods = _Methods(rule)
        self._fields = _Fields(rule)
        self._names_origin = not rule.origins.any
        self._credentials = b"\r\n" + credentials_line(rule)
        max_age = b"" if rule.max_age is None else b"Access-Control-Max-Age: %d\r\n" % rule.max_age
        # A rule that is plain `*` answers everybody alike, so nothing varies.
        self._tail = max_age + (VARY_PREFLIGHT if self._names_origin else b"")
        self._private = (
            b"Access-Control-Allow-Private-Network: true\r\n" if rule.allow_private_network else b""
        )

    def reason(self, asked: AskedPreflight) -> Reason:
        """Say whether the browser will go on, ORIGIN_ALLOWED, or what it will miss first."""
        return self._methods.fault(asked.request_method or b"") or (
            self._fields.fault(asked.request_headers) or Reason.ORIGIN_ALLOWED
        )

    def method_fault(self, method: bytes) -> Reason | None:
        """Say why the rule does not grant a method; None: it does."""
        return self._methods.fault(method)

    def lacking(self, names: bytes | None) -> tuple[bytes, ...]:
        """Name the fields of an Access-Control-Request-Headers that the rule does not grant, in lower case."""
        return self._fields.lacking(names)

    def lines(self, asked: AskedPreflight) -> bytes:
        """Return all lines of the answer, Vary included."""
        origin = (asked.origin or b"") if self._names_origin else b"*"
        private = self._private if asked.request_private_network else b""
        return b"".join(
            (
                ALLOW_ORIGIN,
                origin,
                self._credentials,
                self._methods.line(asked.request_method or b""),
                self._fields.line(asked.request_headers),
                private,
                self._tail,
            )
        )


class _Methods:
    def __init__(self, rule: Rule) -> None:
        self._is_any = "*" in rule.allow_methods
        self._echoes = self._is_any and rule.allow_credentials
        listed = tuple(name for name in rule.allow_methods if not (self._echoes and name == "*"))
        self._listed = tuple(name.encode("ascii") for name in listed)
        self._line = _allow_methods(self._listed or _DEFAULT_METHODS)
        self._names = SAFELISTED_METHODS.union(self._listed)
        self._folded = frozenset(name.lower() for name in self._names)

    def fault(self, method: bytes) -> Reason | None:
        if method in self._names or (self._is_any and len(method) <= _LONGEST_METHOD and is_token(method)):
            return None
        return Reason.METHOD_CASE if method.lower() in self._folded else Reason.METHOD_NOT_ALLOWED

    def line(self, method: bytes) -> bytes:
        if not self._echoes or method in self._names or self.fault(method):
            return self._line
        return _allow_methods((*self._listed, method))


class _Fields:
    def __init__(self, rule: Rule) -> None:
        self._is_any = "*" in rule.allow_headers
        self._echoes = self._is_any and rule.allow_credentials
        listed = tuple(name for name in rule.allow_headers if not (self._echoes and name == "*"))
        self._listed = tuple(name.encode("ascii") for name in listed)
        self._line = _allow_headers(self._listed)
        self._covered = frozenset((b"", *(name.lower() for name in self._listed)))
        self._names = SAFELISTED_REQUEST_FIELDS | self._covered
        # Granted always, but said only when asked; a `*` says it already.
        self._unlisted = frozenset() if self._is_any else SAFELISTED_REQUEST_FIELDS - self._covered

    def fault(self, asked: bytes | None) -> Reason | None:
        if asked is None:
            return None
        elements = _elements(asked)
        if elements is None:
            return Reason.HEADER_NOT_ALLOWED
        # Browsers send lower case and no blanks, so this is nearly always the end of it.
        if self._names.issuperset(elements):
            return None
        names = [element.strip(_BLANKS).lower() for element in elements]
        return next((self._missing(name) for name in names if not self._grants(name)), None)

    def lacking(self, asked: bytes | None) -> tuple[bytes, ...]:
        return tuple(name for name in field_names(asked) if not self._grants(name))

    def _grants(self, name: bytes) -> bool:
        return name in self._names or (self._is_any and name != _AUTHORIZATION and is_token(name))

    def _missing(self, name: bytes) -> Reason:
        if self._is_any and name == _AUTHORIZATION:
            return Reason.AUTHORIZATION_NOT_LISTED
        return (
            Reason.CLIENT_SENDS_RESPONSE_HEADER if name in CORS_RESPONSE_FIELDS else Reason.HEADER_NOT_ALLOWED
        )

    def line(self, asked: bytes | None) -> bytes:
        """Return Access-Control-Allow-Headers: what is listed, and what was asked that is granted unlisted."""
        elements = _elements(asked) if asked is not None and (self._echoes or self._unlisted) else None
        if elements is None or self._covered.issuperset(elements):
            return self._line
        names = [element.strip(_BLANKS).lower() for element in elements]
        if self._echoes:
            due = tuple(
                name for name in dict.fromkeys(names) if name not in self._covered and self._grants(name)
            )
        else:
            due = tuple(sorted(self._unlisted.intersection(names)))
        return _allow_headers(self._listed + due) if due else self._line


def _elements(asked: bytes) -> list[bytes] | None:
    """Cut a list at its commas; None if it is absurd."""
    if len(asked) > _LONGEST_LIST:
        return None
    elements = asked.split(b",", _MOST_COMMAS)
    return None if _COMMA in elements[-1] else elements


def _allow_methods(names: tuple[bytes, ...]) -> bytes:
    return b"Access-Control-Allow-Methods: %b\r\n" % b", ".join(names)


def _allow_headers(names: tuple[bytes, ...]) -> bytes:
    return b"Access-Control-Allow-Headers: %b\r\n" % b", ".join(names) if names else b""
