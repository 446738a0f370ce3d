"""The Vary field: one more name in it, and never anything lost.

Laws: all lines are one list; names compare without case. A `*` that stands alone is left alone, and none is made;
one among names is a name like them, since some caches (nginx) only know it alone.
https://www.rfc-editor.org/rfc/rfc9110#field.vary
"""

from collections.abc import Sequence

__all__ = ["merge_vary"]


def merge_vary(values: Sequence[bytes], token: bytes = b"Origin") -> bytes | None:
    """Return the one value to send in place of all `values`, so that `token` is named once.

    None means that the lines may stay as they are: they name it once already, or say `*` and no more.
    """
    if not values:
        return token
    names: dict[bytes, bytes] = {}  # by lower case, in the spelling and place of the first
    count = 0
    for value in values:
        for element in value.split(b","):
            name = element.strip(b" \t")
            count += name.lower() == token.lower()
            if name:
                names.setdefault(name.lower(), name)
    if count == 1 or list(names) == [b"*"]:
        return None
    names.setdefault(token.lower(), token)
    return b", ".join(names.values())
