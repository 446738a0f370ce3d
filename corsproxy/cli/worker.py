"""The main of a worker process: `python -m corsproxy.cli.worker FD`, started by its supervisor only.

Laws: no command line library is imported here; a worker carries nothing but what serves.
"""

import asyncio
import os
import sys

from corsproxy.cli.loop import loop_factory
from corsproxy.service.worker import work

__all__ = ["main"]


def main() -> None:
    """Serve for the supervisor at the other end of the descriptor named on the command line."""
    with asyncio.Runner(loop_factory=loop_factory(os.environ)) as runner:
        sys.exit(runner.run(work(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
