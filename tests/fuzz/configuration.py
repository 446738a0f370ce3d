"""Any file at all: Settings, or problems that each name a place; nothing else."""

import tempfile
from pathlib import Path

from corsproxy.config.load import load
from corsproxy.config.problem import ConfigError
from corsproxy.cors.policy import Policy

__all__ = ["configuration"]

_FOLDER = tempfile.TemporaryDirectory(prefix="corsproxy-fuzz-")
_FILE = Path(_FOLDER.name) / "corsproxy.yaml"
_ENVIRON = {"PORT": "8080", "ORIGIN": "https://app.example.com", "EMPTY": "", "ODD": "a: [b"}


def configuration(data: bytes) -> None:
    """Load `data` as a file; what is taken must compile."""
    _FILE.write_bytes(data)
    try:
        settings = load(_FILE, _ENVIRON)
    except ConfigError as error:
        problems = error.problems
    else:
        Policy.compile(settings.rules, settings.public_origins)
        return
    assert problems
    assert all(problem.line >= 0 and str(problem) for problem in problems)
