"""Fuzz: `python -m tests.fuzz SECONDS` shares the time out; `… SECONDS TARGET` takes one, in this process.

Inputs come from `corpus/TARGET`, and what is found on the way is kept under build/fuzz; `keep` picks from both the
shortest that reach what all of them reach, and writes these to the corpus. What breaks something is printed with its
traceback and left in build/fuzz as `broke-TARGET-…`; once mended it goes to the corpus, and is replayed for ever.
"""

import subprocess
import sys
from pathlib import Path

from tests.fuzz.corpus import keep
from tests.fuzz.targets import TARGETS, target

_HERE = Path(__file__).parent
_BUILD = _HERE.parents[1] / "build" / "fuzz"
_LONGEST = {"configuration": 3000, "exchanges": 1500, "chunks": 600}


def fuzz(name: str, folder: Path, *limits: str) -> None:
    """Fuzz one target; ends the process, with a status other than 0 where something broke."""
    import atheris  # noqa: PLC0415 -- not to be had everywhere, and only needed here

    with atheris.instrument_imports(include=["corsproxy"], enable_loader_override=False):
        takes = target(name)

    found = folder / name
    found.mkdir(parents=True, exist_ok=True)
    options = [
        *limits,
        f"-max_len={_LONGEST.get(name, 400)}",
        f"-dict={_HERE / 'tokens' / name}.dict",
        f"-artifact_prefix={folder / f'broke-{name}-'}",
        "-timeout=20",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(found), str(_HERE / "corpus" / name)], takes)
    atheris.Fuzz()


def fuzz_all(seconds: int) -> int:
    """Fuzz every target for its share, each in a process of its own; return how many broke."""
    share = str(max(1, seconds // len(TARGETS)))
    one = [sys.executable, "-m", "tests.fuzz", share]
    return sum(subprocess.run([*one, name], check=False).returncode != 0 for name in TARGETS)


def main() -> int:
    """Read the command line; return the exit status."""
    match sys.argv[1:]:
        case ["keep"]:
            keep(_BUILD)
        case ["runs", runs, name, folder]:
            # The same ones every time: for the test suite.
            fuzz(name, Path(folder), f"-runs={runs}", "-seed=1")
        case [seconds, name]:
            fuzz(name, _BUILD, f"-max_total_time={seconds}")
        case [seconds]:
            return min(1, fuzz_all(int(seconds)))
        case _:
            sys.stderr.write("python -m tests.fuzz SECONDS [TARGET] | keep\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
