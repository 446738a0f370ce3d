"""corsproxy itself, as `python -m corsproxy run` serves it: admin listener on, access log off."""

import functools
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

from bench import policy
from bench.peers.peer import ROOT, Command, Place, Takes, first_line

__all__ = ["Corsproxy", "interpreter", "rule"]


@functools.cache
def interpreter() -> str:
    """Find an interpreter that can run it: this one, or the project's environment."""
    for python in (sys.executable, str(ROOT / ".venv" / "bin" / "python")):
        try:
            done = subprocess.run(
                [python, "-m", "corsproxy", "--version"], cwd=ROOT, capture_output=True, check=False
            )
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return python
    return ""


def rule(path: str = "/**", origins: tuple[str, ...] = (policy.ORIGIN,)) -> dict[str, object]:
    """Write the bench's rule as corsproxy's configuration has it."""
    return {
        "path": path,
        "allow_origins": list(origins),
        "allow_methods": list(policy.METHODS),
        "allow_headers": list(policy.HEADERS),
        "expose_headers": list(policy.EXPOSED),
        "allow_credentials": True,
        "max_age": policy.MAX_AGE,
    }


@dataclass(frozen=True)
class Corsproxy:
    """One serving process; `rules` replaces the one rule and `max_connections` the pool's size."""

    name: str = "corsproxy"
    rules: tuple[dict[str, object], ...] = ()
    max_connections: int = 512

    takes: ClassVar[Takes] = "everything"
    differences: ClassVar[tuple[str, ...]] = (
        "its admin listener (metrics, status) is on, because that is how it is run; the others have theirs off",
        "counts every decision and merges Vary; validates every message strictly",
    )

    def missing(self) -> str:
        return "" if interpreter() else "python -m corsproxy does not start here (pip install . or make)"

    def version(self) -> str:
        return first_line(interpreter(), "-m", "corsproxy", "--version").split()[-1]

    def command(self, place: Place) -> Command:
        config = {
            "version": 1,
            "listen": f"127.0.0.1:{place.port}",
            "upstream": {"url": f"http://127.0.0.1:{place.backend}", "max_connections": self.max_connections},
            "admin": {"listen": f"127.0.0.1:{place.admin}"},
            "log": {"level": "warning", "access": "off"},
            "rules": list(self.rules or (rule(),)),
        }
        # JSON is YAML; so there is no writer to depend on.
        path = place.write("corsproxy.yaml", json.dumps(config, indent=1))
        return Command([interpreter(), "-m", "corsproxy", "run", "-c", path])
