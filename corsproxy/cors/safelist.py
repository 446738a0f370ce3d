"""Which fields of a request a page may send unasked: safe by name and by value.

Laws: pure functions of names and values; where only names are known (`explain`), `browser` takes safelisted names
to have safe values. https://fetch.spec.whatwg.org/#cors-safelisted-request-header
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

__all__ = ["has_safe_type", "is_safelisted", "unsafe_names"]

_LONGEST_VALUE = 128
_LONGEST_TOGETHER = 1024
# https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte
_UNSAFE_BYTE = re.compile(rb"[\x00-\x08\x0a-\x1f\"():<>?@\[\\\]{}\x7f]")
_LANGUAGES = re.compile(rb"[0-9A-Za-z *,.;=-]*")
_RANGE = re.compile(rb"bytes=[0-9]+-[0-9]*")
_TYPES = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"})


def has_safe_type(value: bytes) -> bool:
    """Tell whether a Content-Type is one that forms could always send."""
    essence = value.partition(b";")[0].strip(b" \t").lower()
    return not _UNSAFE_BYTE.search(value) and essence in _TYPES


def _has_safe_range(value: bytes) -> bool:
    if not _RANGE.fullmatch(value):
        return False
    first, _, last = value.removeprefix(b"bytes=").partition(b"-")
    return not last or int(first) <= int(last)


_RULES: Mapping[bytes, Callable[[bytes], bool]] = MappingProxyType(
    {
        b"accept": lambda value: not _UNSAFE_BYTE.search(value),
        b"accept-language": lambda value: bool(_LANGUAGES.fullmatch(value)),
        b"content-language": lambda value: bool(_LANGUAGES.fullmatch(value)),
        b"content-type": has_safe_type,
        b"range": _has_safe_range,
    }
)


def is_safelisted(name: bytes, value: bytes) -> bool:
    """Tell whether one field, its name in lower case, may be sent unasked."""
    rule = _RULES.get(name)
    return rule is not None and len(value) <= _LONGEST_VALUE and rule(value)


def unsafe_names(fields: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, ...]:
    """Return the names that a preflight asks for, sorted and in lower case.

    https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names
    """
    unsafe: set[bytes] = set()
    safe: set[bytes] = set()
    size = 0
    for name, value in fields:
        lower = name.lower()
        if is_safelisted(lower, value):
            safe.add(lower)
            size += len(value)
        else:
            unsafe.add(lower)
    return tuple(sorted(unsafe | safe if size > _LONGEST_TOGETHER else unsafe))
