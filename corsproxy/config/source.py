"""Which file is the configuration, and its text.

Laws: whatever is wrong with the file itself comes out as a Problem, never as an OSError; the text is
UTF-8 without a mark in front, of a bounded size; the hash is that of the very bytes that were read.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from corsproxy.config.problem import Code, ConfigError, Problem

__all__ = [
    "CONFIG_VARIABLE",
    "LARGEST_FILE",
    "SEARCHED",
    "Text",
    "locate",
    "read",
    "text_of",
    "without_waiting",
]

CONFIG_VARIABLE = "CORSPROXY_CONFIG"
SEARCHED = (Path("config/corsproxy.yaml"), Path("/etc/corsproxy/corsproxy.yaml"))
LARGEST_FILE = 8 * 1024 * 1024

_MARKS = {b"\xef\xbb\xbf": "UTF-8 with a byte order mark", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_FAULTS = {
    errno.ENOENT: (Code.FILE_MISSING, "There is no such file.", "check the path, or create the file"),
    errno.ENOTDIR: (
        Code.FILE_MISSING,
        "There is no such file.",
        "check the path: a part of it is not a directory",
    ),
    errno.EISDIR: (Code.FILE_UNREADABLE, "This is a directory, not a file.", "name the YAML file in it"),
    errno.EACCES: (
        Code.FILE_UNREADABLE,
        "The file may not be read.",
        "give the user that runs corsproxy the right to read it",
    ),
}


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a configuration and the SHA-256 (hex) of its bytes."""

    path: str
    text: str
    sha256: str


def locate(named: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path:
    """Find the configuration: the named file, $CORSPROXY_CONFIG, or the first of SEARCHED that is there."""
    if named is not None:
        return Path(named)
    if variable := environ.get(CONFIG_VARIABLE):
        return Path(variable)
    for candidate in SEARCHED:
        if _may_be_there(candidate):
            return candidate
    raise ConfigError(
        [
            Problem(
                file=str(SEARCHED[0]),
                line=0,
                column=0,
                path="",
                what=f"There is no configuration: neither {SEARCHED[0]} nor {SEARCHED[1]} is there.",
                fix=_how_to_name(),
                code=Code.FILE_MISSING,
            )
        ]
    )


def _may_be_there(path: Path) -> bool:
    """Tell whether a file is there, or cannot be looked for: then reading it says why."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _how_to_name() -> str:
    here = Path("corsproxy.yaml")
    if os.path.isfile(here):  # noqa: PTH113 -- where one may not look, Path raises
        return f"name the one that is here: -c {here}"
    return (
        f"name it: -c FILE, or {CONFIG_VARIABLE}; `corsproxy run` also takes --upstream with --allow-origin"
    )


def read(path: Path) -> Text:
    """Read the file; raises ConfigError with the one Problem that stood in the way."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            os.set_blocking(file.fileno(), True)  # whoever has begun to write to a pipe is waited for
            content = file.read(LARGEST_FILE + 1)
            is_pipe = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
    except (OSError, ValueError) as fault:
        number = fault.errno if isinstance(fault, OSError) else errno.ENOENT
        code, what, fix = _FAULTS.get(
            number or 0,
            (Code.FILE_UNREADABLE, f"The file cannot be read: {fault}.", "mend that and try again"),
        )
        raise ConfigError([Problem(str(path), 0, 0, "", what, fix=fix, code=code)]) from None
    if is_pipe and not content:
        what, fix = "This is a pipe that nobody writes to.", "name a file"
        raise ConfigError([Problem(str(path), 0, 0, "", what, fix=fix, code=Code.FILE_UNREADABLE)])
    return text_of(str(path), content)


def without_waiting(path: str, flags: int) -> int:
    """Open as `open` asks its opener to, a pipe too: there may be nobody who writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def text_of(name: str, content: bytes) -> Text:
    """Decode what a file holds, one byte more than LARGEST_FILE at most; raises ConfigError as `read` does."""

    def refuse(code: Code, what: str, fix: str, line: int = 0, column: int = 0) -> ConfigError:
        return ConfigError([Problem(name, line, column, "", what, fix=fix, code=code)])

    if len(content) > LARGEST_FILE:
        raise refuse(
            Code.FILE_TOO_LARGE,
            "The file is larger than 8 MiB.",
            "a policy of that size needs patterns, not lists",
        )
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            raise refuse(
                Code.FILE_ENCODING,
                f"The file is {encoding}.",
                "save it as UTF-8 without a byte order mark",
                1,
                1,
            )
    try:
        text = content.decode()
    except UnicodeDecodeError as fault:
        before = content[: fault.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        byte = f"0x{content[fault.start]:02X}"
        raise refuse(
            Code.FILE_ENCODING, f"The byte {byte} is not UTF-8.", "save the file as UTF-8", line, column
        ) from None
    return Text(name, text, hashlib.sha256(content).hexdigest())
