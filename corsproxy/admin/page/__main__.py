"""The desk's process: a question a line in, a page a line out, until nobody asks any more.

Laws: what goes wrong with one question is its answer, and the next is asked all the same; one that takes far
too long ends the process even if nobody is left to kill it.
"""

import json
import os
import signal
import sys

from corsproxy.admin.page.writer import Writer

_LONGEST = 60  # seconds; whoever asks has given up long before


def _main() -> None:
    os.nice(10)  # what serves goes first
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then ends us
    answer_to = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What any library prints must not get between the lines of the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    writer = Writer(os.environ)
    for line in sys.stdin.buffer:
        signal.alarm(_LONGEST)
        told = json.loads(line)
        if "settings" in told:
            writer.adopt(told["settings"])
            continue
        try:
            answer = {"html": writer.write(told)}
        except Exception as fault:  # noqa: BLE001 -- the desk outlives whatever a question does wrong
            answer = {"fault": f"{type(fault).__name__}: {fault}"}
        answer_to.write(json.dumps(answer).encode() + b"\n")
        answer_to.flush()
        signal.alarm(0)


if __name__ == "__main__":
    _main()
