"""The trace a request belongs to, as its traceparent says (W3C Trace Context §3.2).

Laws: only what is well-formed names a trace; the field itself travels on as it came.
"""

import re

__all__ = ["trace_id"]

# Version 00 has four parts; later ones may have more, ff is none.
_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", re.DOTALL
)


def trace_id(traceparent: bytes) -> str:
    """Return the trace's id, 32 hexadecimal digits; "" where the value is not well-formed."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (match[1] == b"00" and match[3] is not None):
        return ""
    return match[2].decode()
