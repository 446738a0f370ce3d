"""A command for curl, as browsers' developer tools copy it, read as the request that it stands for.

Laws: nothing is run and no file is read. Quoting is that of a POSIX shell with $'…', or of Windows' cmd
where carets stand before the quotes. An option that is not known is passed over, with its value if curl gives it one.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote_plus

from corsproxy.bridges.recorded import BadPaste, Question, question_of

__all__ = ["Command", "read_command", "read_curl", "words_of"]

# curl(1): options with a value that say nothing of the request's head.
_VALUED = frozenset(
    (  # noqa: SIM905 -- a line a name would be a page
        "-C -D -E -K -P -Q -U -Y -c -m -o -r -t -w -x -y -z --abstract-unix-socket --alt-svc --aws-sigv4 --cacert --capath --cert "
        "--cert-type --ciphers --config --connect-timeout --connect-to --continue-at --cookie-jar --crlfile --curves --delegation "
        "--dns-interface --dns-ipv4-addr --dns-ipv6-addr --dns-servers --doh-url --dump-header --ech --engine --etag-compare "
        "--etag-save --expect100-timeout --happy-eyeballs-timeout-ms --hsts --interface --keepalive-time --key --key-type --krb "
        "--libcurl --limit-rate --local-port --login-options --max-filesize --max-redirs --max-time --netrc-file --noproxy --output "
        "--output-dir --parallel-max --pass --pinnedpubkey --preproxy --proto --proto-default --proto-redir --proxy --proxy-cacert "
        "--proxy-cert --proxy-header --proxy-key --proxy-user --proxy1.0 --quote --range --rate --request-target --resolve --retry "
        "--retry-delay --retry-max-time --service-name --socks4 --socks4a --socks5 --socks5-hostname --speed-limit --speed-time "
        "--stderr --time-cond --tls-max --tls13-ciphers --trace --trace-ascii --trace-config --unix-socket --url-query --variable "
        "--write-out"
    ).split()
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


@dataclass(frozen=True, slots=True)
class Command:
    """A command read: the question in it, and what it would send. `unread`: why the body is not known."""

    question: Question
    fields: tuple[tuple[str, str], ...]
    body: bytes | None = None
    cookie: str | None = None
    unread: str = ""


def read_curl(text: str) -> Question:
    """Read a command as a question. Raises BadPaste."""
    return read_command(text).question


def read_command(text: str) -> Command:
    """Read a command, and what it would send. Raises BadPaste."""
    words = words_of(text)
    if not words or words[0].rpartition("/")[2].removesuffix(".exe") != "curl":
        raise BadPaste("This is not a command for curl: paste it from the word curl on.")
    reading = _Reading()
    arguments = iter(words[1:])
    for word in arguments:
        reading.take(word, arguments)
    return reading.command()


class _Reading:
    """What the options come to."""

    def __init__(self) -> None:
        self._url = ""
        self._method = ""
        self._fields: list[tuple[str, str]] = []
        self._pieces: list[str] = []
        self._cookie = self._unread = ""
        self._is_form = self._is_get = self._is_head = self._has_cookies = False

    def take(self, word: str, rest: Iterator[str]) -> None:
        if not word.startswith("-") or word == "-":
            self._url = self._url or word
            return
        for option, written in _options(word):
            value = next(rest, None) if written is None and option in _TAKING else written or ""
            if value is None:
                raise BadPaste(f"The command ends after {option}: paste all of it.")
            self._take_option(option, value)

    def _take_option(self, option: str, value: str) -> None:
        if option in {"-H", "--header"}:
            self._take_field(value)
        elif option in {"-X", "--request"}:
            self._method = value
        elif option == "--url":
            self._url = value
        elif option in {"-b", "--cookie"}:
            self._has_cookies = True
            self._cookie = value if "=" in value else self._cookie  # else a file
        elif option in {"-u", "--user"}:
            self._fields.append(("Authorization", f"Basic {base64.b64encode(value.encode()).decode()}"))
        elif option == "--oauth2-bearer":
            self._fields.append(("Authorization", f"Bearer {value}"))
        elif option in {"-T", "--upload-file"}:
            self._method = self._method or "PUT"
            self._unread = f"{option} {value} is a file, which is not read here"
        elif option in _NAMED:
            self._fields.append((_NAMED[option], value))
        elif option in _DATA:
            self._take_data(option, value)
        self._is_get |= option in {"-G", "--get"}
        self._is_head |= option in {"-I", "--head"}

    def _take_field(self, value: str) -> None:
        name, colon, content = value.partition(":")
        if name.lower() == "cookie":
            self._cookie = content.strip()
        if colon and (content.strip() or name.lower() != "cookie"):
            self._fields.append((name, content))

    def _take_data(self, option: str, value: str) -> None:
        self._is_form |= option != "--json"
        if option == "--json":
            self._fields += [("Content-Type", "application/json"), ("Accept", "application/json")]
        name, mark, content = re.fullmatch(r"([^=@]*)([=@]?)(.*)", value, re.DOTALL).groups()  # type: ignore[union-attr]
        is_file = value.startswith("@") if option != "--data-urlencode" else mark == "@"
        if option in {"-F", "--form", "--form-string"}:
            self._unread = f"{option} is a form, which is not put together here"
        elif is_file and option != "--data-raw":
            self._unread = f"{option} {value} is a file, which is not read here"
        elif option == "--data-urlencode":
            content = quote_plus(content if mark else name)
            self._pieces.append(f"{name}={content}" if mark and name else content)
        else:
            self._pieces.append(value)

    def command(self) -> Command:
        if not self._url:
            raise BadPaste("The command names no address.")
        url = self._url if "://" in self._url else f"http://{self._url}"
        has_body = bool(self._pieces or self._unread) and not self._is_get
        data = "&".join(self._pieces)
        if self._is_get and data:
            url += f"{'&' if '?' in url else '?'}{data}"
        method = self._method or ("POST" if has_body else "HEAD" if self._is_head else "GET")
        fields = list(self._fields)
        question = question_of(method, url, fields, has_cookies=self._has_cookies)
        if has_body and self._is_form and not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("Content-Type", "application/x-www-form-urlencoded"))
        stripped = tuple((name.strip(), value.strip()) for name, value in fields)
        body = data.encode() if has_body and not self._unread else None
        return Command(question, stripped, body, self._cookie or None, self._unread)


_TAKING = (
    {"-H", "--header", "-X", "--request", "--url", "-b", "--cookie", "-u", "--user", "--oauth2-bearer"}
    | {"-T", "--upload-file", *_NAMED}
    | _DATA
    | _VALUED
)


def _options(word: str) -> Iterator[tuple[str, str | None]]:
    """Take apart `--name=value` (not curl's, but people's), `-Xvalue` and `-sXvalue`."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        yield name, value if equals else None
        return
    for at, letter in enumerate(word[1:], start=2):
        if f"-{letter}" in _TAKING:
            yield f"-{letter}", word[at:] or None
            return
        yield f"-{letter}", None


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
