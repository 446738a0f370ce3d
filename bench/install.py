"""`python -m bench setup`: installs what can be installed without being root, and says what it does.

PyPI and npm packages go, with their versions pinned, into bench/.cache, which git ignores. System packages are
only named: changing the system is its owner's decision.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from bench import backend, wrk
from bench.peers import ALL
from bench.peers.node import HTTP_PROXY
from bench.peers.peer import CACHE, venv_python
from bench.rounds import Say

__all__ = ["install", "lacking"]

_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def _run(say: Say, *argv: str) -> bool:
    say("$ " + " ".join(argv))
    return subprocess.run(argv, check=False).returncode == 0


def _python_packages(say: Say) -> bool:
    if not venv_python().exists() and not _run(say, sys.executable, "-m", "venv", str(CACHE / "venv")):
        return False
    return _run(say, str(venv_python()), "-m", "pip", "install", "--quiet", "-r", str(_REQUIREMENTS))


def _node_package(say: Say) -> bool:
    if not shutil.which("npm"):
        say("npm is not on the PATH: Node's http-proxy is left out (Debian: apt install nodejs npm)")
        return True
    folder = CACHE / "node"
    folder.mkdir(parents=True, exist_ok=True)
    return _run(
        say, "npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), HTTP_PROXY
    )


def lacking() -> list[str]:
    """Say, in sentences, what no comparison can do without and is not there."""
    tools = {"taskset": "util-linux", "setpriv": "util-linux"}
    absent = [
        f"no {tool} on the PATH (Debian: apt install {package})"
        for tool, package in tools.items()
        if not shutil.which(tool)
    ]
    return [*absent, *filter(None, (backend.missing(), wrk.missing()))]


def install(say: Say) -> bool:
    """Install what can be; name the rest. Returns whether every installation that was tried succeeded."""
    CACHE.mkdir(parents=True, exist_ok=True)
    good = _python_packages(say)
    good = _node_package(say) and good
    for sentence in lacking():
        say(f"needed: {sentence}")
    for peer in ALL:
        missing = peer.missing()
        say(f"{peer.name}: " + (f"missing, {missing}" if missing else peer.version()))
    return good
