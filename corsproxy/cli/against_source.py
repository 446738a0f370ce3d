"""Where `corsproxy check FILE --against SOURCE` finds recorded decisions, and what they come to over FILE.

Laws: SOURCE is the admin address of a running corsproxy, or a file, told by its content: a document of /decisions,
an access log in JSON, a HAR file, each also compressed with gzip; `-` is standard input. Nothing is sent anywhere but
one GET to that address. What is read is bounded.
"""

import gzip
import io
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

from corsproxy.bridges.har_replay import replay_har
from corsproxy.bridges.recorded import BadPaste
from corsproxy.bridges.recordings import BadRecording, read_decisions, read_log
from corsproxy.bridges.replay import Recording, Replayed, replay
from corsproxy.config.settings import Settings
from corsproxy.cors.policy import Policy

__all__ = ["Against", "BadSource", "against"]

LONGEST_DOCUMENT = 64 * 1024 * 1024
LONGEST_LINE = 64 * 1024
PATIENCE = 30.0
_GZIP = b"\x1f\x8b"
_ADDRESS = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}(/.*)?", re.DOTALL)


class BadSource(Exception):  # noqa: N818 -- the source is bad; nobody erred
    """There is nothing to replay; the argument is a sentence that says why and how to mend it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What the recorded requests come to. Times are Unix time, 0.0 where the record has none."""

    source: str
    replayed: Replayed
    first: float = 0.0
    last: float = 0.0
    notes: tuple[str, ...] = ()


def against(settings: Settings, source: str, host: str | None = None) -> Against:
    """Replay what SOURCE recorded over these settings. Raises BadSource."""
    policy = Policy.compile(settings.rules, settings.public_origins)
    try:
        if source.startswith(("http://", "https://")):
            return _of(source, read_decisions(_document(_fetched(source))), policy)
        if source == "-":
            return _of_stream(source, sys.stdin.buffer, policy, host)
        with Path(source).open("rb") as file:
            return _of_stream(source, file, policy, host)
    except (BadRecording, BadPaste) as bad:
        raise BadSource(f"{source}: {bad}") from None
    except (gzip.BadGzipFile, zlib.error, EOFError) as fault:
        raise BadSource(f"{source}: it begins as gzip and goes on otherwise ({fault}).") from None
    except OSError as fault:
        # What was meant as an address is taken for a file where its scheme is left out.
        hint = f" If it is an address: http://{source}" if _ADDRESS.fullmatch(source) else ""
        raise BadSource(f"{source}: it cannot be read: {fault.strerror or fault}.{hint}") from None


def _of(source: str, recording: Recording, policy: Policy) -> Against:
    return Against(
        source=source,
        replayed=replay(policy, recording.requests),
        first=recording.first,
        last=recording.last,
        notes=recording.notes,
    )


def _of_stream(source: str, raw: BinaryIO, policy: Policy, host: str | None) -> Against:
    stream = io.BufferedReader(cast("io.RawIOBase", raw))
    try:
        if stream.peek(2)[:2] != _GZIP:
            return _of_content(source, stream, policy, host)
        with gzip.open(stream) as unpacked:
            return _of_content(source, cast("BinaryIO", unpacked), policy, host)
    finally:
        stream.detach()  # what is underneath is not ours to close


def _of_content(source: str, stream: BinaryIO, policy: Policy, host: str | None) -> Against:
    begin = stream.readline(LONGEST_DOCUMENT)
    document = _parsed(begin)
    if document is None and begin.lstrip(b"\xef\xbb\xbf").startswith(b"{"):
        begin += stream.read(LONGEST_DOCUMENT)  # a document over several lines
        document = _parsed(begin)
    if document is None and len(begin) >= LONGEST_DOCUMENT:
        raise BadSource(
            f"{source}: it is longer than {LONGEST_DOCUMENT // 1024**2} MiB, and no log of one object a line."
        )
    if document is not None and isinstance(document.get("log"), dict):
        return Against(source=source, replayed=replay_har(policy, begin.decode("utf-8", "replace"), host))
    if document is not None and "refusals" in document:
        return _of(source, read_decisions(document), policy)
    return _of(source, read_log(chain(_lines(io.BytesIO(begin)), _lines(stream))), policy)


def _lines(stream: BinaryIO) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        yield line.decode("utf-8", "replace")


def _parsed(content: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Whoever answers there does not choose what else is asked from here."""

    def redirect_request(self, *_: object) -> None:
        """Follow nothing."""


def _fetched(url: str) -> bytes:
    parts = urllib.parse.urlsplit(url)
    if "@" in parts.netloc:
        shown = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        raise BadSource(
            f"{shown}: the admin listener takes no user name and no password. Fix: leave them out."
        )
    address = urllib.parse.urlunsplit(parts._replace(path="/decisions")) if parts.path in ("", "/") else url
    # What is asked is an admin listener, on this machine or in this network: no proxy of the environment's is asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(address, timeout=PATIENCE) as response:
            content: bytes = response.read(LONGEST_DOCUMENT)
    except urllib.error.HTTPError as fault:
        raise BadSource(
            f"{address} answered {fault.code}. Fix: name the admin listener of a corsproxy, such as http://127.0.0.1:9901."
        ) from None
    except (OSError, HTTPException, ValueError) as fault:
        why = getattr(fault, "reason", None) or fault
        if isinstance(why, OSError) and why.strerror:
            why = why.strerror
        raise BadSource(
            f"{address} cannot be asked: {why}. Fix: name the admin listener of a running corsproxy, such as http://127.0.0.1:9901."
        ) from None
    return content


def _document(content: bytes) -> dict[str, Any]:
    document = _parsed(content)
    if document is None:
        raise BadRecording(
            "What came is not JSON. Fix: name the admin listener of a corsproxy, not its public port."
        )
    return document
