"""The configurations that the peers are given."""

import json
from pathlib import Path

import pytest

from bench import policy
from bench.peers import ALL, BY_NAME
from bench.peers.peer import Peer, Place, takes_part
from bench.workloads import ALL as WORKLOADS
from corsproxy.config.load import load


def _place(folder: Path) -> Place:
    return Place(folder, port=18_080, admin=19_901, backend=15_000)


def test_names_are_those_that_the_command_line_takes() -> None:
    assert [*BY_NAME] == [
        "corsproxy",
        "nginx",
        "nginx-tuned",
        "haproxy",
        "haproxy-tuned",
        "envoy",
        "caddy",
        "node",
        "aiohttp",
        "flask-cors",
    ]


@pytest.mark.parametrize(
    ("peer", "workloads"),
    [
        ("corsproxy", ["get", "get-new", "preflight", "16k", "post", "1m", "100m"]),
        ("nginx-tuned", ["1m", "100m"]),
        ("flask-cors", ["preflight"]),
    ],
)
def test_who_takes_part(peer: str, workloads: list[str]) -> None:
    assert [workload.name for workload in WORKLOADS if takes_part(BY_NAME[peer], workload)] == workloads


@pytest.mark.parametrize("peer", ALL, ids=lambda peer: peer.name)
def test_everyone_says_how_it_differs(peer: Peer) -> None:
    assert peer.differences
    assert all(sentence.strip(". ") == sentence != "" for sentence in peer.differences)


@pytest.mark.parametrize(
    ("peer", "file"),
    [("nginx", "nginx.conf"), ("haproxy", "haproxy.cfg"), ("envoy", "envoy.json"), ("caddy", "Caddyfile")],
)
def test_the_rule_is_in_each_configuration(peer: str, file: str, tmp_path: Path) -> None:
    BY_NAME[peer].command(_place(tmp_path))
    text = (tmp_path / file).read_text()
    for word in (
        policy.ORIGIN,
        "18080",
        "15000",
        *policy.METHODS,
        *policy.HEADERS,
        *policy.EXPOSED,
        *policy.BACKEND_FIELDS,
    ):
        assert word in text


def test_corsproxy_accepts_its_own(tmp_path: Path) -> None:
    command = BY_NAME["corsproxy"].command(_place(tmp_path))
    path = Path(command.argv[-1])
    assert json.loads(path.read_text())["version"] == 1
    settings = load(path, {})
    (rule,) = settings.rules
    assert settings.warnings == ()
    assert settings.log.access == "off"
    assert settings.upstream.max_connections == 512
    assert settings.workers == 1
    assert settings.admin is not None
    assert (rule.allow_credentials, rule.max_age) == (True, policy.MAX_AGE)
