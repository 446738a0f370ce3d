r"""Makes a stranger's bytes safe to print: what comes out can neither end a line nor speak to a terminal.

Laws: printable ASCII stays, everything else becomes `\xNN` (or `\uNNNN`), the backslash too, so that no
two inputs look the same; every result has a bound, and a cut one ends in "...". The output is what is
measured, so escapes cannot make a bounded field grow.
"""

__all__ = ["from_bytes", "from_text"]

_CUT = "..."


def from_bytes(raw: bytes, limit: int) -> str:
    """Return bytes off the wire as printable ASCII of at most `limit` characters."""
    if len(raw) <= limit:
        text = raw.decode("latin-1")
        if text.isascii() and text.isprintable() and "\\" not in text:
            return text
    # Every byte becomes one character or more, so nothing after the first `limit` + 1 can show.
    return _bounded([_byte(byte) for byte in raw[: limit + 1]], limit)


def from_text(text: str, limit: int) -> str:
    """Return text as printable characters, at most `limit`; letters of any script stay as they are."""
    if len(text) <= limit and text.isprintable() and "\\" not in text:
        return text
    return _bounded([_character(character) for character in text[: limit + 1]], limit)


def _bounded(pieces: list[str], limit: int) -> str:
    """Join whole pieces: an escape is never cut in half."""
    whole = "".join(pieces)
    if len(whole) <= limit:
        return whole
    kept: list[str] = []
    room = limit - len(_CUT)
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + _CUT


def _byte(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}"


def _character(character: str) -> str:
    if character.isprintable() and character != "\\":
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
