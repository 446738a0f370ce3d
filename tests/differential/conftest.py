"""One stand for all tests here."""

from collections.abc import Iterator

import pytest

from tests.differential.stand import Stand


@pytest.fixture(scope="package")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Start the servers and the engines before them."""
    stand = Stand(tmp_path_factory.mktemp("stand"))
    try:
        stand.open()
        yield stand
    finally:
        stand.close()
