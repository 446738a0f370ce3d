"""The order of the rounds, what is charged to a peer, and which rounds do not count."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bench import accounting, rounds
from bench.arena import Arena, Running
from bench.children import Child, DidNotStart
from bench.load import Load
from bench.machine import CoreClock, Cores
from bench.peers import BY_NAME
from bench.peers.peer import Peer
from bench.results import Account, Round, rejected_round
from bench.workloads import BY_NAME as WORKLOADS
from bench.workloads import GET, PREFLIGHT, Workload

_LOAD = Load(requests=1_000, seconds=2.0, p50_ms=1.0, p99_ms=4.0)


class _Process:
    pid = 7


class _Arena:
    """Starts nothing; `refuses` names the peers that do not start."""

    cores = Cores(proxy=0, backend=0, load=0)
    folder = Path("/nonexistent")

    def __init__(self, *refuses: str) -> None:
        self.refuses = refuses
        self.running: list[str] = []

    def start(self, peer: Peer) -> Running:
        if peer.name in self.refuses:
            raise DidNotStart("it ended with status 1: no")
        self.running.append(peer.name)
        return Running(peer, 1, cast(Child, _Process()), 0.1)

    def stop(self, running: Running) -> None:
        self.running.remove(running.peer.name)


@pytest.fixture
def nginx() -> Running:
    return _Arena().start(BY_NAME["nginx"])


def _books(monkeypatch: pytest.MonkeyPatch, load: Load, *readings: dict[int, float]) -> None:
    """Let the load bring `load`, and the CPU clocks show the readings one after the other."""
    clocks: Iterator[dict[int, float]] = iter(readings)
    monkeypatch.setattr(rounds, "_load", lambda *_: load)
    monkeypatch.setattr(accounting, "tree", lambda pid: [pid])
    monkeypatch.setattr(accounting, "cpu_seconds", lambda _: next(clocks))
    monkeypatch.setattr(CoreClock, "foreign_share", lambda _self, _own: 0.25)


def test_all_processes_are_charged(nginx: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    _books(monkeypatch, _LOAD, {7: 1.0, 8: 5.0}, {7: 1.5, 8: 5.25, 9: 0.25})
    assert rounds.measure(cast(Arena, _Arena()), nginx, GET, 2) == Round(
        cpu_us=1_000.0, rps=500.0, p50_ms=1.0, p99_ms=4.0, requests=1_000, busy=0.5, foreign=0.25
    )


def test_a_round_with_errors_is_rejected(nginx: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    _books(monkeypatch, replace(_LOAD, errors={"read": 2, "status": 1}), {7: 1.0}, {7: 2.0})
    assert rounds.measure(cast(Arena, _Arena()), nginx, GET, 2).rejected == "2 read errors, 1 status errors"


def test_a_round_without_answers_is_rejected(nginx: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    _books(monkeypatch, Load(0, 2.0, 0.0, 0.0), {7: 1.0}, {7: 2.0})
    assert rounds.measure(cast(Arena, _Arena()), nginx, GET, 2) == rejected_round("no whole answer")


def test_a_round_in_which_a_process_ended_is_rejected(
    nginx: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    _books(monkeypatch, _LOAD, {7: 1.0, 8: 3.0}, {7: 2.0})
    assert rounds.measure(cast(Arena, _Arena()), nginx, GET, 2) == rejected_round(
        "ended during the measurement: process [8]"
    )


def test_peers_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[tuple[str, str, int]] = []

    def measure(_arena: Arena, running: Running, workload: Workload, seconds: int) -> Round:
        turns.append((workload.name, running.peer.name, seconds))
        return Round(float(len(turns)), 1.0, 1.0, 1.0, 1, 1.0, 0.0)

    monkeypatch.setattr(rounds, "measure", measure)
    arena, said = _Arena("caddy"), list[str]()
    accounts = [Account(name) for name in ("nginx", "nginx-tuned", "caddy", "flask-cors")]
    accounts += [Account("envoy", state="broken"), Account("node", state="missing")]
    found = rounds.compare(
        cast(Arena, arena), accounts, [GET, PREFLIGHT, WORKLOADS["1m"]], count=2, seconds=5, say=said.append
    )
    assert turns == [
        ("get", "nginx", 1),  # unmeasured
        ("get", "nginx", 5),
        ("get", "nginx", 5),
        ("preflight", "nginx", 1),
        ("preflight", "flask-cors", 1),
        *[("preflight", "nginx", 5), ("preflight", "flask-cors", 5)] * 2,
        ("1m", "nginx", 1),
        ("1m", "nginx-tuned", 1),
        *[("1m", "nginx", 5), ("1m", "nginx-tuned", 5)] * 2,
    ]
    numbers = {
        workload: {peer: [each.cpu_us for each in each_peer] for peer, each_peer in peers.items()}
        for workload, peers in found.items()
    }
    assert numbers == {
        "get": {"nginx": [2, 3]},
        "preflight": {"nginx": [6, 8], "flask-cors": [7, 9]},
        "1m": {"nginx": [12, 14], "nginx-tuned": [13, 15]},
    }
    assert (accounts[2].state, accounts[2].why) == (
        "broken",
        ["at its second start: it ended with status 1: no"],
    )
    assert arena.running == []
    assert said[0] == "get round 1: nginx 2.0 µs CPU, 1/s, p99 1.00 ms"
    assert len(said) == 10


def test_a_rejected_round_is_said() -> None:
    assert (
        rounds.line(GET, 0, "nginx", rejected_round("1 read errors"))
        == "get round 1: nginx REJECTED: 1 read errors"
    )
