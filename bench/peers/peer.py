"""What the comparison asks of a peer."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from bench.workloads import LARGE, Workload

__all__ = ["CACHE", "ROOT", "Command", "Peer", "Place", "Takes", "first_line", "takes_part", "venv_python"]

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "bench" / ".cache"

Takes = Literal["everything", "preflights", "large answers"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer runs: a folder of its own, the ports to listen on and the backend's, all on 127.0.0.1."""

    folder: Path
    port: int
    admin: int
    backend: int

    def write(self, name: str, text: str) -> str:
        """Write a configuration file and return its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


class Peer(Protocol):
    """A proxy (or, for preflights, an application) under test."""

    @property
    def name(self) -> str: ...

    @property
    def takes(self) -> "Takes":
        """Say which workloads it takes part in."""

    @property
    def differences(self) -> tuple[str, ...]:
        """Name, in sentences, what could not be made equal."""

    def missing(self) -> str:
        """Say what is missing to run it, "" when nothing is."""

    def version(self) -> str: ...

    def command(self, place: Place) -> Command:
        """Write its configuration into the place and return how to start it in the foreground."""


def takes_part(peer: Peer, workload: Workload) -> bool:
    """Say whether a peer is measured under a workload."""
    match peer.takes:
        case "preflights":
            return workload.is_preflight
        case "large answers":
            return workload.length >= LARGE
        case "everything":
            return True


def first_line(*argv: str) -> str:
    """Run a program that prints its version and return the first line that says something."""
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=30, env={**os.environ, "LC_ALL": "C"}
    )
    return next(
        (line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()), "unknown"
    )


def venv_python() -> Path:
    """Return the interpreter of the bench's own environment; it need not exist."""
    return CACHE / "venv" / "bin" / "python"
