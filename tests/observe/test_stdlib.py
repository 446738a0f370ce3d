"""What libraries log arrives as events, whole and harmless."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from corsproxy.observe.stdlib import EventRelay, adopt_libraries

Event = tuple[str, str, dict[str, object]]


class Kept(list[Event]):
    def __call__(self, level: str, message: str, **details: object) -> None:
        self.append((level, message, details))


@pytest.fixture
def logger() -> Iterator[tuple[logging.Logger, Kept]]:
    kept = Kept()
    logger = logging.getLogger("tests.relay")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.handlers = [EventRelay(kept)]
    yield logger, kept
    logger.handlers = []


@pytest.mark.parametrize(
    ("number", "level"),
    [(5, "debug"), (10, "debug"), (20, "info"), (25, "info"), (30, "warning"), (40, "error"), (50, "error")],
)
def test_levels(logger: tuple[logging.Logger, Kept], number: int, level: str) -> None:
    logger[0].setLevel(1)
    logger[0].log(number, "said %s", "it")
    assert logger[1] == [(level, "said it", {"logger": "tests.relay"})]


def test_an_exception_comes_with_its_innermost_frame_first(logger: tuple[logging.Logger, Kept]) -> None:
    def inner() -> None:
        raise ValueError("so\nbad")

    try:
        inner()
    except ValueError:
        logger[0].exception("it failed")
    ((level, message, details),) = logger[1]
    trace = details.pop("trace")
    assert (level, message, details) == (
        "error",
        "it failed",
        {"logger": "tests.relay", "error": "ValueError: so\nbad"},
    )
    assert isinstance(trace, list)
    assert [frame.rsplit(" ", 1)[1] for frame in trace] == [
        "inner",
        "test_an_exception_comes_with_its_innermost_frame_first",
    ]
    assert all(frame.startswith(f"{__file__}:") for frame in trace)


def test_a_broken_format_string_ends_nothing(logger: tuple[logging.Logger, Kept]) -> None:
    # Straight to the handler: pytest's own would be the one to raise.
    broken = logging.LogRecord("tests.relay", logging.WARNING, "", 0, "%d", ("no number",), None)
    logger[0].handlers[0].emit(broken)
    assert logger[1] == []


async def test_what_asyncio_says_of_a_lost_exception_becomes_one_event(
    capfd: pytest.CaptureFixture[str],
) -> None:
    names = ("asyncio", "aiohttp")
    before = [(log, log.handlers, log.level, log.propagate) for log in map(logging.getLogger, names)]
    kept = Kept()
    adopt_libraries(kept)
    try:
        asyncio.get_running_loop().call_exception_handler({"message": "lost", "exception": KeyError("x")})
        logging.getLogger("asyncio").info("small talk")
        logging.getLogger("aiohttp.server").warning("hm")
    finally:
        for log, handlers, level, propagate in before:
            log.handlers, log.propagate = handlers, propagate
            log.setLevel(level)
    assert kept == [
        ("error", "lost", {"logger": "asyncio", "error": "KeyError: 'x'", "trace": []}),
        ("warning", "hm", {"logger": "aiohttp.server"}),
    ]
    assert capfd.readouterr() == ("", "")
