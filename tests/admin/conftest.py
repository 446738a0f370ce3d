"""A fleet whose every answer a test can set, and an observer that keeps what it was told."""

from collections.abc import Sequence

import pytest

from corsproxy.admin.fleet import Facts
from corsproxy.config.settings import Admin, Endpoint, Settings, Source, Timeouts, Upstream
from corsproxy.observe.counters import Snapshot
from corsproxy.observe.ledger_rows import LedgerSnapshot
from corsproxy.proxy.record import Record

STARTED = 1767323045.0  # 2026-01-02T03:04:05Z
ADMIN = Admin(hosts=("Corsproxy.Internal",))


class FakeFleet:
    """Fleet: settable facts instead of running processes."""

    def __init__(self) -> None:
        self.is_draining = False
        self.is_serving = True
        self.upstream = Endpoint("127.0.0.1", 1)
        self.said = Facts(started_at=STARTED, loaded_at=STARTED, generation=1)
        self.workers: list[Snapshot] = [Snapshot(pids=(1,))]
        self.told: list[LedgerSnapshot] = []

    @property
    def settings(self) -> Settings:
        return Settings(
            source=Source("config/corsproxy.yaml", "ab" * 32),
            upstream=Upstream(endpoint=self.upstream, authority="127.0.0.1"),
            rules=(),
            listen=(Endpoint("0.0.0.0", 8080), Endpoint(path="/run/c.sock")),
            admin=ADMIN,
            timeouts=Timeouts(connect=5.0),
            warnings=("rules[0]: dangerously_allow_null_origin",),
        )

    def facts(self) -> Facts:
        return self.said

    async def snapshots(self) -> Sequence[Snapshot]:
        return self.workers

    async def ledgers(self) -> Sequence[LedgerSnapshot]:
        return self.told


class KeptEvents:
    """Observer: keeps events, wants no Records."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []

    def finished(self, record: Record) -> None:
        raise AssertionError(f"no exchange ends here, but {record}")

    def connection_opened(self) -> None:
        raise AssertionError("no client connects here")

    def event(self, level: str, message: str, **details: object) -> None:
        self.events.append((level, message, details))


@pytest.fixture
def fleet() -> FakeFleet:
    return FakeFleet()


@pytest.fixture
def observer() -> KeptEvents:
    return KeptEvents()
