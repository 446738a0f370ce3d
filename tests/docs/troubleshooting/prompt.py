"""A prompt at which corsproxy's commands are typed: each becomes a process of its own, without starting Python anew.

Laws: a line of JSON in (argv, cwd, stdin), a line out (status, text). Most of a command's time is what it imports;
here that was done once, before the process for a command is forked.
"""

import json
import os
import sys
import tempfile
from typing import IO, NoReturn

import corsproxy.bridges.probe.report
import corsproxy.cli.check
import corsproxy.cli.explain
import corsproxy.cli.probe
import corsproxy.config.load  # noqa: F401 -- imported for those who are forked
from corsproxy.cli.main import main


def be(argv: list[str], cwd: str, stdin: IO[str], out: IO[bytes]) -> NoReturn:
    """Be the command, and end as it does."""
    status = 1
    try:
        os.chdir(cwd)
        os.dup2(stdin.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        sys.argv = argv
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def listen() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile("w+") as stdin, tempfile.TemporaryFile() as out:
            stdin.write(asked["stdin"])
            stdin.seek(0)
            if (child := os.fork()) == 0:
                be(asked["argv"], asked["cwd"], stdin, out)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            out.seek(0)
            sys.stdout.write(json.dumps({"status": status, "text": out.read().decode()}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    listen()
