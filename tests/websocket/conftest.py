"""The stage of the proxy's own tests, and a backend and clients of the `websockets` library around it."""

from collections.abc import AsyncIterator

import pytest

from tests.proxy.conftest import Staged, pytest_asyncio_loop_factories, staged
from tests.websocket.ends import Ends

__all__ = ["ends", "pytest_asyncio_loop_factories", "staged"]


@pytest.fixture
async def ends(staged: Staged) -> AsyncIterator[Ends]:
    async with Ends(staged) as ends:
        yield ends
