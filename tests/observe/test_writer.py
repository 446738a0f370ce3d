"""Lines reach a real descriptor whole and in order, and a bad descriptor hurts nobody."""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from corsproxy.observe.writer import Writer


def notice(count: int) -> bytes:
    return b"<%d dropped>\n" % count


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, sender = os.pipe()
    yield reader, sender
    for descriptor in (reader, sender):
        with contextlib.suppress(OSError):  # where the test closed it
            os.close(descriptor)


def read_to_end(reader: int) -> bytes:
    got = bytearray()
    while chunk := os.read(reader, 65536):
        got += chunk
    return bytes(got)


def fill(sender: int) -> int:
    """Fill a pipe to the last byte; return how many bytes it took."""
    os.set_blocking(sender, False)
    taken = 0
    for size in (4096, 1):
        try:
            while True:
                taken += os.write(sender, b"#" * size)
        except BlockingIOError:
            continue
    os.set_blocking(sender, True)
    return taken


def read_exactly(reader: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += os.read(reader, size - len(got))
    return got


def test_lines_arrive_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    writer = Writer(descriptor, notice)
    lines = [b"line %d\n" % n for n in range(5000)]
    for line in lines:
        writer.write(line)
    writer.close(60)
    os.close(descriptor)
    assert path.read_bytes() == b"".join(lines)
    assert writer.dropped == 0


def test_closing_twice_is_fine(pipe: tuple[int, int]) -> None:
    writer = Writer(pipe[1], notice)
    writer.close(60)
    writer.close(60)
    writer.write(b"too late\n")
    assert writer.dropped == 1


def test_no_write_tears_a_line_that_others_share_a_pipe_with(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lots: list[bytes] = []

    def spy(_descriptor: int, lot: bytes) -> int:
        lots.append(lot)
        return len(lot)

    monkeypatch.setattr(os, "write", spy)
    writer = Writer(pipe[1], notice)
    lines = [b"x" * (n % 3000) + b"\n" for n in range(500)]
    for line in lines:
        writer.write(line)
    writer.close(60)
    monkeypatch.undo()
    assert b"".join(lots) == b"".join(lines)
    assert all(lot.endswith(b"\n") and len(lot) <= 4096 for lot in lots)
    assert len(lots) < len(lines)


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_is_stuck_costs_lines_and_nothing_else(pipe: tuple[int, int], blocking: bool) -> None:
    reader, sender = pipe
    in_pipe = fill(sender)
    os.set_blocking(sender, blocking)
    writer = Writer(sender, notice, room=1000)
    sent = 2000
    for n in range(sent):
        writer.write(b"%07d\n" % n)  # would never return if it blocked
    assert writer.dropped >= sent - 1000 // 8 - 4096 // 8
    got = bytearray()
    drained = threading.Event()

    def drain() -> None:
        read_exactly(reader, in_pipe)
        drained.set()
        got.extend(read_to_end(reader))

    draining = threading.Thread(target=drain)
    draining.start()
    assert drained.wait(60)
    writer.close(60)
    os.close(sender)
    draining.join(60)
    lines = bytes(got).splitlines()
    told = [int(line[1:].removesuffix(b" dropped>")) for line in lines if line.startswith(b"<")]
    assert sum(told) == writer.dropped
    kept = [int(line) for line in lines if not line.startswith(b"<")]
    assert (kept, len(kept)) == (sorted(set(kept)), sent - writer.dropped)


def test_close_gives_up_on_a_stuck_reader(pipe: tuple[int, int]) -> None:
    _reader, sender = pipe
    fill(sender)
    os.set_blocking(sender, False)
    writer = Writer(sender, notice)
    writer.write(b"never read\n")
    writer.close(0.05)
    assert writer.dropped == 0


@pytest.mark.parametrize("refusal", [errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EBADF])
def test_what_a_descriptor_refused_is_finished_first_when_it_recovers(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    reader, sender = pipe
    refused = threading.Event()
    attempts = 0
    real_write = os.write

    def full_disk(descriptor: int, lot: bytes) -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            return real_write(descriptor, lot[:3])  # a disk fills in the middle of a line
        if attempts == 2:
            refused.set()
            raise OSError(refusal, os.strerror(refusal))
        return real_write(descriptor, lot)

    monkeypatch.setattr(os, "write", full_disk)
    writer = Writer(sender, notice)
    writer.write(b"first\n")
    assert refused.wait(60)
    writer.write(b"second\n")
    writer.close(60)
    assert attempts < 10  # it neither spins nor gives up
    os.close(sender)
    assert read_to_end(reader) == b"first\nsecond\n"


def test_a_closed_reader_does_not_crash(pipe: tuple[int, int]) -> None:
    reader, sender = pipe
    os.close(reader)
    writer = Writer(sender, notice)
    writer.write(b"to nobody\n")
    writer.close(0.05)
    writer._thread.join(60)
    assert not writer._thread.is_alive()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the sizes of all writes."""
    noted: list[int] = []
    write = os.write

    def noting(descriptor: int, lot: bytes) -> int:
        noted.append(len(lot))
        return write(descriptor, lot)

    monkeypatch.setattr(os, "write", noting)
    return noted


@pytest.mark.parametrize(
    ("lines", "expected"),
    {
        "queued as one": ([b"a" * 3000, b"b" * 2000, b"c" * 6000, b"d"], [12 + 3001, 2001, 6001, 2]),
        "beside the news of lost ones": ([b"a" * 4095], [12, 4096]),
    }.values(),
)
def test_no_write_tears_a_line_that_a_pipe_takes_whole(
    pipe: tuple[int, int], sizes: list[int], lines: list[bytes], expected: list[int]
) -> None:
    reader, sender = pipe
    written = b"".join(line + b"\n" for line in lines)
    writer = Writer(sender, notice, room=12_000)
    writer.write(b"x" * 12_000 + b"\n")  # lost, which is told first
    writer.write(written)
    writer.close(60)
    assert sizes == expected
    assert read_exactly(reader, sum(sizes)) == notice(1) + written
