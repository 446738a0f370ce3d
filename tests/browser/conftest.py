"""The servers and proxies, once for a module's tests."""

from collections.abc import Iterator

import pytest

from tests.browser.site import Site, opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start the backend, the page server and the proxies."""
    with opened(tmp_path_factory.mktemp("site")) as running_site:
        yield running_site
