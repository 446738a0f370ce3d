"""An engine on a stage, under both event loops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from corsproxy.cli.loop import LoopFactory
from tests.proxy.wire import Stage
from tests.steady import SteadyAsyncio, SteadyUvloop

pytest.register_assert_rewrite("tests.proxy.dialogue")

Staged = Callable[..., Awaitable[Stage]]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Run every dialogue on both loops that the proxy may be served by."""
    del config, item
    return {"asyncio": SteadyAsyncio, "uvloop": SteadyUvloop}


@pytest.fixture
async def staged() -> AsyncIterator[Staged]:
    """Open stages that close with the test; an exception that reached the loop fails it."""
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    async with AsyncExitStack() as stack:

        async def open_stage(**options: Any) -> Stage:
            stage = Stage(**options)
            stack.push_async_callback(stage.close)
            await stage.open()
            return stage

        yield open_stage
    assert troubles == []


@pytest.fixture
async def stage(staged: Staged) -> Stage:
    """Open a stage without rules, where nothing is added for CORS's sake."""
    return await staged()
