"""Loading in a process of its own, so that the serving one never has models, YAML or suffix lists.

Laws: the parent imports nothing that the child needs; what comes back is a pickle of frozen Settings or
of Problems, from a process that we started ourselves. A child that hangs, crashes or says nothing
sensible becomes a Problem like any other: whoever asked keeps what it has.
"""

import asyncio
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import corsproxy
from corsproxy import __version__
from corsproxy.config.flags import Flags
from corsproxy.config.problem import COMMAND_LINE, Code, ConfigError, Problem
from corsproxy.config.settings import Settings

__all__ = ["Flags", "load_in_child", "load_in_child_blocking"]

TIMEOUT = 30.0
_MODULE = "corsproxy.config.child"


async def load_in_child(
    source: Path | Flags,
    environ: Mapping[str, str],
    *,
    upstream: str | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 -- the child is killed with it, which a scope around cannot do
) -> Settings:
    """Load a file or flags in a child; `upstream` puts another backend in the file's place. Raises ConfigError."""
    name = _name(source)
    try:
        child = await asyncio.create_subprocess_exec(
            *_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
    except OSError as fault:
        raise _failure(name, f"The loading process did not start: {fault}.") from None
    try:
        async with asyncio.timeout(timeout):
            said, complaint = await child.communicate(_question(source, environ, upstream))
    except TimeoutError:
        raise _failure(name, f"The loading process was not done after {timeout:g} s.") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return _answer(name, said, complaint, child.returncode or 0)


def load_in_child_blocking(
    source: Path | Flags,
    environ: Mapping[str, str],
    *,
    upstream: str | None = None,
    timeout: float = TIMEOUT,
) -> Settings:
    """Load as `load_in_child` does, where there is no loop."""
    name = _name(source)
    try:
        done = subprocess.run(  # noqa: S603 -- our own module under our own interpreter
            _command(),
            input=_question(source, environ, upstream),
            capture_output=True,
            env=_environment(),
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failure(name, f"The loading process was not done after {timeout:g} s.") from None
    except OSError as fault:
        raise _failure(name, f"The loading process did not start: {fault}.") from None
    return _answer(name, done.stdout, done.stderr, done.returncode)


def _name(source: Path | Flags) -> str:
    return COMMAND_LINE if isinstance(source, Flags) else str(source)


def _command() -> tuple[str, ...]:
    # -P: a yaml.py in the working directory is not ours.
    return (sys.executable, "-P", "-m", _MODULE)


def _environment() -> dict[str, str]:
    """Let the child find this very package, installed or not."""
    root = str(Path(corsproxy.__file__).parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _question(source: Path | Flags, environ: Mapping[str, str], upstream: str | None) -> bytes:
    asked = {"flags": asdict(source)} if isinstance(source, Flags) else {"path": str(source)}
    return json.dumps(
        {**asked, "version": __version__, "upstream": upstream, "environ": dict(environ)}
    ).encode()


def _answer(name: str, said: bytes, complaint: bytes, status: int) -> Settings:
    try:
        answer = _Answer(io.BytesIO(said)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError):
        answer = None
    if isinstance(answer, Settings):
        return answer
    if isinstance(answer, tuple) and answer and all(isinstance(problem, Problem) for problem in answer):
        raise ConfigError(answer)
    last = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise _failure(name, f"The loading process failed (exit status {status}): {last or 'it said nothing'}.")


class _Answer(pickle.Unpickler):
    """Lets in what Settings and Problems are made of, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if module not in {"corsproxy.config.settings", "corsproxy.config.problem", "corsproxy.cors.rule"}:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in settings")
        return super().find_class(module, name)


def _failure(name: str, what: str) -> ConfigError:
    fix = "run `corsproxy check` on it to see more"
    return ConfigError([Problem(name, 0, 0, "", what, fix=fix, code=Code.LOADER_FAILED)])


def _refuse_for_another_version(question: dict[str, Any]) -> None:
    """Refuse to load for a process that runs what was installed before: it may take Settings of ours for others."""
    asks = question["version"]
    if asks != __version__:
        name = question.get("path", COMMAND_LINE)
        what = f"corsproxy {__version__} is installed now, and {asks} runs."
        raise ConfigError([Problem(name, 0, 0, "", what, fix="restart corsproxy", code=Code.LOADER_FAILED)])


def _main() -> None:
    """Be the child: read the question, load, write the answer."""
    from corsproxy.config.load import load, load_flags  # noqa: PLC0415 -- only the child pays for these

    question = json.load(sys.stdin.buffer)
    # What any library prints must not get between the bytes of the answer.
    answer_to = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answer: Settings | tuple[Problem, ...]
    try:
        _refuse_for_another_version(question)
        if "flags" in question:
            flags: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in question["flags"].items()
            }
            answer = load_flags(Flags(**flags)).settings
        else:
            answer = load(Path(question["path"]), question["environ"], upstream=question["upstream"])
    except ConfigError as refused:
        answer = refused.problems
    with answer_to:
        pickle.dump(answer, answer_to, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _main()
