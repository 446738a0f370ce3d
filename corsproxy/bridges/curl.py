"""A command for curl, as browsers' developer tools copy it, read as the request that it stands for.

Laws: nothing is run and no file is read. Quoting is that of a POSIX shell with $'…', or of Windows' cmd
where carets stand before the quotes. An option that is not known is passed over, with its value if curl gives it one.
"""

import re
from collections.abc import Callable, Iterator

from corsproxy.bridges.recorded import BadPaste, Question, question_of

__all__ = ["read_curl", "words_of"]

# curl(1): options with a value that say nothing of the request's head.
_VALUED = frozenset(
    [
        "-o",
        "--output",
        "-m",
        "--max-time",
        "--connect-timeout",
        "-x",
        "--proxy",
        "-w",
        "--write-out",
        "--resolve",
        "--connect-to",
        "-c",
        "--cookie-jar",
        "--cacert",
        "--capath",
        "-E",
        "--cert",
        "--key",
        "--retry",
        "--retry-delay",
        "-T",
        "--upload-file",
        "--interface",
        "-U",
        "--proxy-user",
        "-r",
        "--range",
        "--limit-rate",
        "-K",
        "--config",
        "-C",
        "--continue-at",
        "--max-redirs",
        "--ciphers",
        "--unix-socket",
        "--noproxy",
        "--tls-max",
    ]
)
_DATA = frozenset(
    [
        "-d",
        "--data",
        "--data-raw",
        "--data-binary",
        "--data-ascii",
        "--data-urlencode",
        "--json",
        "-F",
        "--form",
        "--form-string",
    ]
)
_NAMED = {"-A": "User-Agent", "--user-agent": "User-Agent", "-e": "Referer", "--referer": "Referer"}
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
    "E": "\x1b",
}
_ESCAPE = re.compile(
    r"\\(?:u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))", re.DOTALL
)
_POSIX = re.compile(
    r"\$'((?:[^'\\]|\\.)*)'"  # 1: with escapes
    r"|'([^']*)'"  # 2: as it stands
    r'|\$?"((?:[^"\\]|\\.)*)"'  # 3: backslash before $ ` " \ and the end of a line only
    r"|\\(.)"  # 4: this one as it stands, no line end at all
    r"|([^\s'\"\\]+)"  # 5
    r"|(\s+)",  # 6: the end of a word
    re.DOTALL,
)
_WINDOWS = re.compile(r'"((?:[^"\\]|\\.|"")*)"|([^\s"]+)|(\s+)', re.DOTALL)


def read_curl(text: str) -> Question:
    """Read a command. Raises BadPaste."""
    words = words_of(text)
    if not words or words[0].rpartition("/")[2].removesuffix(".exe") != "curl":
        raise BadPaste("This is not a command for curl: paste it from the word curl on.")
    command = _Command()
    arguments = iter(words[1:])
    for word in arguments:
        command.take(word, arguments)
    return command.question()


class _Command:
    """What the options come to."""

    def __init__(self) -> None:
        self._url = ""
        self._method = ""
        self._fields: list[tuple[str, str]] = []
        self._has_data = self._is_get = self._is_head = self._has_cookies = False

    def take(self, word: str, rest: Iterator[str]) -> None:
        if not word.startswith("-") or word == "-":
            self._url = self._url or word
            return
        option, value = _split(word)
        is_field = option in {"-H", "--header"}
        takes = is_field or option in _VALUED | _DATA | set(_NAMED) or option in _OWN_VALUE
        if takes and value is None:
            value = next(rest, None)
            if value is None:
                raise BadPaste(f"The command ends after {option}: paste all of it.")
        value = value or ""
        if is_field:
            name, colon, content = value.partition(":")
            if colon and (content.strip() or name.lower() != "cookie"):
                self._fields.append((name, content))
        elif option in {"-X", "--request"}:
            self._method = value
        elif option == "--url":
            self._url = value
        elif option in {"-b", "--cookie"}:
            self._has_cookies = True
        elif option in {"-u", "--user"}:
            self._fields.append(("Authorization", "Basic"))
        elif option in _NAMED:
            self._fields.append((_NAMED[option], value))
        elif option in _DATA:
            self._has_data = True
            self._fields += [("Content-Type", "application/json")] if option == "--json" else []
        self._is_get |= option in {"-G", "--get"}
        self._is_head |= option in {"-I", "--head"}

    def question(self) -> Question:
        if not self._url:
            raise BadPaste("The command names no address.")
        method = "POST" if self._has_data and not self._is_get else "HEAD" if self._is_head else "GET"
        url = self._url if "://" in self._url else f"http://{self._url}"
        return question_of(self._method or method, url, self._fields, has_cookies=self._has_cookies)


_OWN_VALUE = frozenset({"-X", "--request", "--url", "-b", "--cookie", "-u", "--user"})


def _split(word: str) -> tuple[str, str | None]:
    """Take apart `--name=value` (not curl's, but people's) and `-Xvalue`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    short, value = word[:2], word[2:]
    takes = short in _VALUED | _DATA | set(_NAMED) | _OWN_VALUE | {"-H"}
    return short, value if takes and value else None


def words_of(text: str) -> list[str]:
    """Cut a command into its words, quotes taken off. Raises BadPaste for a quote that is not closed."""
    text = text.strip().removeprefix("$ ")
    if '^"' in text or re.search(r"\^\r?\n", text):
        plain = re.sub(r"\^\r?\n", " ", text)
        return _cut(_WINDOWS, re.sub(r"\^(.)", r"\1", plain, flags=re.DOTALL), _windows_piece)
    return _cut(_POSIX, re.sub(r"\\\r\n", "\\\\\n", text), _posix_piece)


def _cut(pieces: re.Pattern[str], text: str, piece_of: Callable[[re.Match[str]], str | None]) -> list[str]:
    words: list[str] = []
    is_open, at = False, 0
    while at < len(text):
        match = pieces.match(text, at)
        if match is None:
            raise BadPaste(f"A quote is opened and never closed: {text[at : at + 20]} …")
        at = match.end()
        piece = piece_of(match)
        if piece is None:
            is_open = False
        elif is_open:
            words[-1] += piece
        else:
            words.append(piece)
            is_open = True
    return words


def _posix_piece(match: re.Match[str]) -> str | None:
    escaped, single, double, one, plain, blank = match.groups()
    if blank is not None or one == "\n":
        return None
    if escaped is not None:
        return _ESCAPE.sub(_unescaped, escaped)
    if double is not None:
        return re.sub(r'\\([$`"\\])|\\\n', r"\1", double)
    return next(text for text in (single, one, plain) if text is not None)


def _unescaped(match: re.Match[str]) -> str:
    short, long, hexadecimal, octal, other = match.groups()
    if other is not None:
        return _ESCAPES.get(other, other)
    number = int(octal, 8) if octal else int(short or long or hexadecimal, 16)
    return chr(number) if number < 0x110000 else "\ufffd"


def _windows_piece(match: re.Match[str]) -> str | None:
    quoted, plain, blank = match.groups()
    if blank is not None:
        return None
    return plain if quoted is None else re.sub(r'\\(["\\])|""', lambda found: found[1] or '"', quoted)
