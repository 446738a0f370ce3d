"""Long runs: `python -m tests.simulation --seeds N --from K` plays N seeds, tells which break a law, and goes on.

One seed alone is `--seeds 1 --from SEED`; `--trace` prints all that happened in it.
"""

import argparse
import sys
import time
import traceback

from tests.simulation.run import play

_EVERY = 1000  # seeds, and a line is said


def main() -> int:
    """Read the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, metavar="N")
    parser.add_argument("--from", type=int, default=0, metavar="K", dest="first")
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    broken: list[int] = []
    since = time.monotonic()
    for at in range(options.seeds):
        seed = options.first + at
        trace: list[str] = []
        try:
            play(seed, trace)
        except Exception:  # noqa: BLE001 -- whatever it is, the seed has broken a law, and the others are still due
            broken.append(seed)
            sys.stderr.write(f"seed {seed}\n{traceback.format_exc()}\n")
        if options.trace:
            sys.stdout.write("\n".join(trace) + "\n")
        if (at + 1) % _EVERY == 0 or at + 1 == options.seeds:
            rate = (at + 1) / (time.monotonic() - since)
            sys.stderr.write(f"{at + 1} seeds, {rate:.0f} a second, broken: {broken or 'none'}\n")
    return min(1, len(broken))


if __name__ == "__main__":
    sys.exit(main())
