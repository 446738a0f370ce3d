"""The Vary field: one more name in it, and never anything lost.

Laws: all lines are one list; names compare without case; a `*` is left alone and never made.
https://www.rfc-editor.org/rfc/rfc9110#field.vary
"""

from collections.abc import Sequence

__all__ = ["merge_vary"]


def merge_vary(values: Sequence[bytes], token: bytes = b"Origin") -> bytes | None:
    """Return the one value to send in place of all `values`, so that `token` is named once.

    None means that the lines may stay as they are: they name it once already, or say `*`.
    """
    if not values:
        return token
    names: dict[bytes, bytes] = {}  # by lower case, in the spelling and place of the first
    count = 0
    for value in values:
        for element in value.split(b","):
            name = element.strip(b" \t")
            if name == b"*":
                return None
            count += name.lower() == token.lower()
            if name:
                names.setdefault(name.lower(), name)
    if count == 1:
        return None
    names.setdefault(token.lower(), token)
    return b", ".join(names.values())
