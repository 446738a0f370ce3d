"""config/compose.yaml: the app is reachable only through the proxy, and neither may do more than it must."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from corsproxy.config.load import load
from tests.packaging.health import admin_answering, health_check
from tests.processes import ROOT, Processes, free_port

FOLDER = ROOT / "config"


@pytest.fixture
def compose() -> dict[str, Any]:
    parsed = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    assert isinstance(parsed, dict)
    return parsed


def test_two_services_on_two_networks_of_which_one_is_shut(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"corsproxy", "app"}
    assert compose["networks"] == {"outside": {}, "inside": {"internal": True}}


def test_the_app_is_reachable_only_through_the_proxy(compose: dict[str, Any]) -> None:
    app = compose["services"]["app"]
    assert app["networks"] == ["inside"]
    assert {"ports", "network_mode", "expose"} & app.keys() == set()


def test_the_proxy_stands_in_both_networks_and_waits_for_the_app(compose: dict[str, Any]) -> None:
    proxy = compose["services"]["corsproxy"]
    assert sorted(proxy["networks"]) == ["inside", "outside"]
    assert proxy["ports"] == ["8080:8080"]  # and not the admin listener
    assert proxy["depends_on"] == {"app": {"condition": "service_healthy"}}
    assert (FOLDER / proxy["build"]).resolve() == ROOT


@pytest.mark.parametrize("name", ["corsproxy", "app"])
def test_nobody_may_do_more_than_it_must(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "cap_add", "user", "pid", "ipc", "devices"} & service.keys() == set()


def test_the_rules_are_mounted_read_only_and_are_good_rules(compose: dict[str, Any]) -> None:
    (mount,) = compose["services"]["corsproxy"]["volumes"]
    source, target, mode = mount.split(":")
    assert (target, mode) == ("/etc/corsproxy", "ro")
    settings = load(FOLDER / source / "corsproxy.yaml", os.environ)
    assert settings.upstream.authority == "app:5000"
    assert [e.port for e in settings.listen] == [8080]
    assert settings.admin is not None
    assert str(settings.admin.endpoint) == "127.0.0.1:9901"  # where both health checks ask


def test_docker_waits_longer_than_the_drain(compose: dict[str, Any]) -> None:
    grace = compose["services"]["corsproxy"]["stop_grace_period"]
    drain = load(FOLDER / "compose/corsproxy/corsproxy.yaml", os.environ).timeouts.drain
    assert re.fullmatch(r"\d+s", grace)
    assert int(grace[:-1]) > drain


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_proxy_is_healthy_when_it_is_ready(compose: dict[str, Any], status: int, code: int) -> None:
    command = compose["services"]["corsproxy"]["healthcheck"]["test"]
    assert command[:3] == ["CMD", "python", "-c"]
    with admin_answering(status) as (port, asked):
        assert (health_check(command[3], port), asked) == (code, ["/readyz"])


def test_the_app_has_no_cors_and_starts_as_its_image_starts_it(running: Processes, tmp_path: Path) -> None:
    folder = FOLDER / "compose/app"
    assert not re.search(r"flask_cors|Access-Control", (folder / "app.py").read_text())
    (command,) = re.findall(r"^CMD (\[.*\])$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    words = yaml.safe_load(command)
    assert words[0] == "gunicorn"
    port = free_port()
    words[words.index("0.0.0.0:5000")] = f"127.0.0.1:{port}"
    running.start(
        sys.executable, "-m", *words, "--no-control-socket", "--chdir", str(folder), ports=[port], cwd=tmp_path,
        environ={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    health = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["app"]["healthcheck"]["test"]
    assert health[:3] == ["CMD", "python", "-c"]
    checked = running.start(sys.executable, "-c", health[3].replace("5000", str(port)))
    assert checked.popen.wait(60) == 0
