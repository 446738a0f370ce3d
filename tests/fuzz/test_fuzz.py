"""Every kept input holds, and so do some that are made of them, always the same."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.corpus import inputs
from tests.fuzz.targets import TARGETS, target
from tests.processes import ROOT

# Fewer of what takes longer; a second or so each.
RUNS = {"configuration": 40, "exchanges": 150, "chunks": 600}


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_holds(name: str) -> None:
    kept = list(inputs(name))
    assert kept, f"There is nothing in tests/fuzz/corpus/{name}."
    for path in kept:
        try:
            target(name)(path.read_bytes())
        except Exception as broken:
            broken.add_note(f"The input is {path}.")
            raise


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for name in TARGETS for path in inputs(name)) < 1 << 20


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this machine"
)
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_made_of_the_corpus_holds(name: str, tmp_path: Path) -> None:
    runs = len(list(inputs(name))) + RUNS.get(name, 3000)
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "runs", str(runs), name, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    assert f"Done {runs} runs" in done.stderr, done.stderr[-4000:]


def test_a_break_is_told(tmp_path: Path) -> None:
    """A target that raises ends with its input and another status than 0."""
    pytest.importorskip("atheris")
    code = (
        "import tests.fuzz.values as v, tests.fuzz.__main__ as m, pathlib, sys\n"
        "def breaks(data):\n"
        "    assert b'Origin' not in data\n"
        "v.vary = breaks\n"
        "m.fuzz('vary', pathlib.Path(sys.argv[1]), '-runs=100000', '-seed=1')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert [b"Origin" in path.read_bytes() for path in tmp_path.glob("broke-vary-*")] == [True]
