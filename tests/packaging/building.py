"""Builds the project's distributions, without a network."""

import subprocess
import sys
from pathlib import Path

__all__ = ["build"]


def build(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel or an sdist without a network: hatchling is in the test environment."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    done = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = target.iterdir()
    return made
