"""The pages for scripts list every word of the code's vocabularies, and no other; README.md every reason."""

import json
import re
from collections.abc import Set as AbstractSet
from enum import StrEnum

import pytest
from click.testing import CliRunner

from corsproxy.bridges.flask.findings import NOTES
from corsproxy.bridges.flask.findings import Code as ImportCode
from corsproxy.bridges.probe.cache import CacheFinding
from corsproxy.bridges.probe.exchange import FailureKind
from corsproxy.bridges.probe.report import Outcome
from corsproxy.bridges.probe.server import Server
from corsproxy.cli.explain import explain
from corsproxy.cors.checks import Cause, Step
from corsproxy.cors.vocabulary import Reason
from tests.processes import ROOT

README = (ROOT / "README.md").read_text()
EXPLAIN, PROBE, IMPORT = (
    (ROOT / f"docs/{page}.md").read_text() for page in ("explain", "probe", "import-flask")
)
NOT_PROBED = {
    Step.HANDSHAKE,
    Step.FORWARDED,
}  # there are no WebSockets, and what the server forwards is not seen
NOT_EXPLAINED = {Step.MIXED_CONTENT, Step.PREFLIGHT_REDIRECT, Step.REDIRECT}  # need an answer, or the network


def words(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def sentence(page: str, beginning: str) -> set[str]:
    """Take the words in code of the sentence that begins so, without that beginning."""
    rest = page.partition(f"\n{beginning}")[2]
    assert rest, beginning
    return words(re.split(r"\.(?:\n| )", rest)[0])


def rows(page: str, head: str) -> set[str]:
    table = page.partition(head)[2].partition("\n\n")[0]
    return set().union(*(words(line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")))


LISTED: tuple[tuple[str, set[str], AbstractSet[StrEnum]], ...] = (
    ("explain: checks", sentence(EXPLAIN, "`checks[].check` is one of"), set(Step) - NOT_EXPLAINED),
    ("probe: checks", sentence(PROBE, "`checks[].check` is one of"), set(Step) - NOT_PROBED),
    ("probe: cause", sentence(PROBE, "`cause` is one of"), set(Cause)),
    ("probe: finding", sentence(PROBE, "`finding` is one of"), set(CacheFinding)),
    (
        "probe: failures",
        words(PROBE.partition("the kinds of failure:")[2].partition(".")[0]),
        set(FailureKind),
    ),
    ("import: losses", rows(IMPORT, "| code | a loss: |"), set(ImportCode) - NOTES),
    ("import: notes", rows(IMPORT, "| code | a note: |"), set(NOTES)),
    ("README: reasons", sentence(README, "The reasons, the same everywhere:"), set(Reason)),
)


@pytest.mark.parametrize(("listed", "known"), [row[1:] for row in LISTED], ids=[row[0] for row in LISTED])
def test_a_list_has_every_word_and_no_other(listed: set[str], known: AbstractSet[StrEnum]) -> None:
    assert listed == set(map(str, known))


def test_outcomes_and_servers_of_a_probe_are_named() -> None:
    assert set(map(str, Outcome)) <= words(PROBE)
    assert set(map(str, Server)) <= words(PROBE)


def test_the_keys_of_an_explanation_are_named() -> None:
    file = str(ROOT / "config/corsproxy.yaml")
    done = CliRunner().invoke(explain, ["-c", file, "--origin", "https://no.example", "--json"])
    told = json.loads(done.output)
    assert rows(EXPLAIN, "| key | what it is |") == set(told)
    assert set(told["request"]) | set(told["change"]) | set(told["checks"][0]) <= words(EXPLAIN)
