"""Some hundred seeds hold, always the same ones, and a seed says all that happens."""

import re
import subprocess
import sys

import pytest

from tests.processes import ROOT
from tests.simulation.run import play

SEEDS = 300
EACH = 25


@pytest.mark.parametrize("first", range(0, SEEDS, EACH))
def test_seeds(first: int) -> None:
    for seed in range(first, first + EACH):
        play(seed)


def test_the_same_seed_is_the_same_run() -> None:
    for seed in range(12):
        first, again = ("\n".join(play(seed)) for _ in range(2))
        assert len(first) > 1000
        assert first == again


def test_a_break_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.simulation.client._FAULTS", ())

    def play_some() -> None:
        for seed in range(40):
            play(seed)

    with pytest.raises(AssertionError) as broken:
        play_some()
    said = "\n".join(broken.value.__notes__)
    assert re.search(r"Alone: python -m tests\.simulation --seeds 1 --from [0-9]+ --trace", said)


def test_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seeds", "2", "--from", "7", "--trace"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "2 seeds" in done.stderr) == (0, True), done.stderr
    assert "broken: none" in done.stderr
    assert "the end: " in done.stdout
