"""What all tests share: free ports, real processes, a real Chromium, and the law about skipping.

CORSPROXY_TESTS_NO_SKIP=1 turns every skip (and expected failure) into a failure: nothing may hide. Hypothesis then
draws the same examples each time.
CORSPROXY_TESTS_WITHOUT_BROWSER=1 leaves the tests out that drive Chromium.
CORSPROXY_CHROMIUM names the Chromium to drive.
"""

import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from playwright.async_api import Browser, async_playwright

from corsproxy.cli.loop import LoopFactory
from tests import processes
from tests.steady import SteadyAsyncio

NO_SKIP = os.environ.get("CORSPROXY_TESTS_NO_SKIP") == "1"
WITHOUT_BROWSER = os.environ.get("CORSPROXY_TESTS_WITHOUT_BROWSER") == "1"

# How fast a machine is, is not the question. Where nothing may hide, neither may luck: the same examples each time.
hypothesis.settings.register_profile(
    "steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=NO_SKIP
)
hypothesis.settings.load_profile("steady")

CHROMIUM_ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # the tests also run as root, where Chromium's sandbox refuses to start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_CHROMIUM = (
    "There is no Chromium on this machine, and this test needs a real browser.\n"
    "Install it (Debian and Ubuntu: apt-get install chromium), or name one with CORSPROXY_CHROMIUM=/path,\n"
    "or leave these tests out with CORSPROXY_TESTS_WITHOUT_BROWSER=1."
)


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Run all that is asynchronous by a clock that does not count what the machine stands still."""
    del config, item
    return {"asyncio": SteadyAsyncio}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the browser's tests out where that was asked for."""
    for item in items:
        if WITHOUT_BROWSER and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="CORSPROXY_TESTS_WITHOUT_BROWSER=1"))


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped:
        report.longrepr = f"skipped, and CORSPROXY_TESTS_NO_SKIP=1 forbids it: {report.longrepr}"
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one where skipping is forbidden."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failed one where skipping is forbidden."""
    report = yield
    _forbid_skip(report)
    return report


@pytest.fixture
def root() -> Path:
    """Return the project's top folder."""
    return processes.ROOT


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a function that finds a TCP port on 127.0.0.1 that nobody listens on."""
    return processes.free_port


@pytest.fixture
def running(tmp_path: Path) -> Iterator[processes.Processes]:
    """Start real processes; those that a test leaves behind are ended after it."""
    started = processes.Processes(tmp_path)
    yield started
    started.end_all()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """Drive a real Chromium. Asynchronous, because playwright's other face leaves a running loop behind."""
    path = processes.chromium_path()
    if path is None:
        pytest.fail(NO_CHROMIUM, pytrace=False)
    options: dict[str, Any] = {"executable_path": path, "args": list(CHROMIUM_ARGUMENTS), "timeout": 120_000}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**options)
        yield browser
        await browser.close()
