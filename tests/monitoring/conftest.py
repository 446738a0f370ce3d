"""One proxy, its traffic and one Prometheus for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.monitoring.stand import Backend, Prometheus, Proxy
from tests.processes import ROOT, Processes

SHIPPED = ROOT / "config/prometheus"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("monitoring")


@pytest.fixture(scope="session")
def processes(folder: Path) -> Iterator[Processes]:
    started = Processes(folder)
    yield started
    started.end_all()


@pytest.fixture(scope="session")
def proxy(processes: Processes, folder: Path) -> Proxy:
    """The proxy after everything has happened to it; its backend is gone in the end."""
    backend = Backend()
    try:
        proxy = Proxy(processes, folder, backend)
        proxy.everything()
        proxy.reload()
    finally:
        backend.close()
    assert proxy.ask("/api/x") == 502
    return proxy


@pytest.fixture(scope="session")
def prometheus(processes: Processes, folder: Path, proxy: Proxy) -> Prometheus:
    """What ships, but for the port of the proxy and how often it is asked; has seen traffic between scrapes."""
    config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    config["global"]["scrape_interval"] = "500ms"
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{proxy.admin}"]
    (folder / "alerts.yml").write_text((SHIPPED / "alerts.yml").read_text())
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    prometheus = Prometheus(processes, folder, folder / "prometheus.yml")
    seen = (
        "count_over_time(up[1m]) >= 5",
        "up == 1",
        "corsproxy_ready == 0",
        "corsproxy_config_last_reload_successful == 0",
    )
    moment = prometheus.now()
    while not all(prometheus.query(expression, at=moment) for expression in seen):
        proxy.everything()
        moment = prometheus.now()
    prometheus.looked_at = moment
    return prometheus
