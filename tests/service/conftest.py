"""A backend, and where the program that stands in front of it is to be."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service.backend import Backend
from tests.service.program import Scene, free_endpoint


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    async with Backend() as backend:
        yield backend


@pytest.fixture
def scene(backend: Backend, tmp_path: Path) -> Scene:
    return Scene(tmp_path / "corsproxy.yaml", free_endpoint(), free_endpoint(), backend)
