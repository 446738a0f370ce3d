"""The page as it is written: every section in every state, the command's words, nothing unescaped, and a budget."""

import base64
import itertools
import pickle
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from corsproxy.admin.page.writer import BUDGET, Writer
from corsproxy.bridges.probe.cache import STRANGER
from corsproxy.cli.explain import explain
from corsproxy.config.load import load
from tests.admin.page import ledgers
from tests.admin.test_desk import STATUS


class Text(HTMLParser):
    """All text of a page, and its elements' names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.said).split())


def bare(text: str) -> str:
    """Without blanks and backticks, which a page and a terminal set differently."""
    return re.sub(r"[\s`]", "", text)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corsproxy.yaml").write_text(ledgers.RULES)


WRITER = Writer({})  # templates are compiled once


def adopted(writer: Writer = WRITER) -> Writer:
    writer.adopt(base64.b64encode(pickle.dumps(load(Path("corsproxy.yaml"), {}))).decode())
    return writer


def question(ledger: dict[str, Any], what: str = "live", **more: Any) -> dict[str, Any]:
    return {"what": what, "decisions": ledger, "totals": ledgers.TOTALS, "status": STATUS, **more}


def live(ledger: dict[str, Any], **more: Any) -> str:
    return Text(adopted().write(question(ledger, **more))).words


def test_every_section_of_a_busy_day() -> None:
    said = live(ledgers.busy())
    for words in (
        "1,429 of 50,606 cross-origin requests were refused",
        "49,113 allowed",
        "64 would be refused, in report mode",
        "https://staging.example.com",
        "The rule api does not list https://staging.example.com.",
        "1,240 requests from at least 16 clients over 59 minutes",
        "allow_origins: [https://app.example.com, https://staging.example.com]",
        "Grants DELETE, PUT with authorization.",
        "With cookies: this rule allows credentials",
        "Seen too rarely to suggest anything: 1",
        "asked 2 of 5 times",
        "What report mode would have refused",
        "next.yaml decides beside the live rules and acts on nothing: 31 of 51,204 requests would come out differently",
        "newly refused",
        "Its file also differs in timeouts, by which no request can be compared.",
        "access-control-allow-origin, access-control-allow-credentials",
        "It is not SameSite=None, so browsers drop it where",
        "cookies: {same_site: none, secure: true, names: [session]}",
        "Counted for 1 day: 52,170 requests. 1 rule decided none of them: assets.",
        "Who is let in: 2",
        "The backend could not be reachedconnection refused",
        "4 decisions had to make room",
        "Generation1, adopted",
    ):
        assert words in said, words
    assert "Quiet" not in said


def test_a_quiet_one_tells_what_to_do() -> None:
    said = live(ledgers.QUIET, totals=[])
    for words in (
        "Nothing has been asked across origins yet",
        "curl -i http://localhost:8080/ -H 'Origin: https://app.example.com'",
        "Nothing was refused, for nobody has asked.",
        "no origin has asked in vain 5 times, from 2 clients or over 60 seconds",
        "1 rule in report mode, and nothing that enforcing would have refused.",
        "The backend sends none, as it should be",
    ):
        assert words in said, words


@pytest.mark.parametrize(
    ("totals", "said"),
    [
        ([["actual", "origin_allowed", False, 1]], "The one cross-origin request got through"),
        ([["preflight", "origin_allowed", False, 2]], "All 2 cross-origin requests got through"),
        (
            [["actual", "origin_not_allowed", True, 1]],
            "Nothing was refused; 1 of 1 cross-origin request would have been",
        ),
        (
            [["websocket", "websocket_origin_not_allowed", False, 1]],
            "1 of 1 cross-origin request was refused",
        ),
        ([["same_origin", "same_origin", False, 7]], "Nothing has been asked across origins yet"),
    ],
)
def test_the_headline(totals: list[list[Any]], said: str) -> None:
    assert said in live(ledgers.QUIET, totals=totals)


@pytest.mark.parametrize(
    ("seconds", "matched", "without_rule", "said"),
    [
        (12, 0, 0, "Counted for 12 seconds: 0 requests."),
        (3600, 1, 0, "Counted for 1 hour: 1 request."),
        (599, 90_000, 0, "Counted for 9 minutes: 90,000 requests."),
        (600, 90, 9, "Counted for 10 minutes: 99 requests."),
        (600, 90, 10, "Counted for 10 minutes: 100 requests. 1 rule decided none of them: assets."),
        (7200, 90_000, 10, "Counted for 2 hours: 90,010 requests. 1 rule decided none of them: assets."),
    ],
)
def test_a_rule_is_not_called_idle_before_it_could_be_asked(
    seconds: int, matched: int, without_rule: int, said: str
) -> None:
    api, _, assets = ledgers.busy()["rules"]
    rules = [{**api, "matched": matched}, assets]
    page = live(
        {**ledgers.QUIET, "since": ledgers.NOW - seconds, "rules": rules, "without_rule": without_rule}
    )
    assert said in page
    is_idle = "none of them" in said
    assert ("Either nobody calls these paths" in page, "not yet" in page) == (is_idle, not is_idle)


def test_where_it_listens_on_a_socket_only() -> None:
    said = live(ledgers.QUIET, totals=[], status={**STATUS, "listen": ["unix:/run/c.sock"]})
    assert "curl -i --unix-socket /run/c.sock http://localhost/ -H" in said
    assert "curl -i http://localhost:8080/" in live(
        ledgers.QUIET, totals=[], status={**STATUS, "listen": ["[::]:8080"]}
    )


def test_a_refused_reload_stands_at_the_top() -> None:
    problem = {
        "file": "c.yaml",
        "line": 3,
        "column": 5,
        "path": "rules[0]",
        "what": "It is wrong.",
        "why": "Because.",
        "fix": "mend it",
    }
    last = {
        "at": "2026-01-02T04:00:00.000Z",
        "result": "refused",
        "problems": [problem],
        "waits_for_restart": [],
    }
    status = {**STATUS, "config": {**STATUS["config"], "generation": 7, "last_reload": last}}
    said = live(ledgers.QUIET, status=status)
    assert "The file was refused; generation 7 still runs" in said
    assert bare("c.yaml:3:5 rules[0] It is wrong. Why: Because. Fix: mend it") in bare(said)
    last |= {"result": "adopted", "problems": [], "waits_for_restart": ["listen", "tls"]}
    said = live(ledgers.QUIET, status=status)
    assert "was refused; generation" not in said
    assert "Needs a restartlisten, tls" in said


def test_what_the_rules_allow_by_now_is_marked() -> None:
    said = live(
        {**ledgers.QUIET, "refusals": [ledgers.group("https://app.example.com", "origin_not_allowed")]}
    )
    assert "allowed by now" in said
    assert "The rules have changed since: the same request is allowed now." in said


def test_the_name_that_probe_asks_by_is_shown_and_not_suggested() -> None:
    asked = ledgers.group(STRANGER, "origin_not_allowed", rule="partners", paths=["/partners/feed"], count=77)
    seen = ledgers.recent(ledgers.NOW - 5, STRANGER, "origin_not_allowed")
    said = live({**ledgers.QUIET, "refusals": [asked], "recent": [seen]})
    assert said.count(f"{STRANGER} asked by corsproxy probe") == 3  # refused, too rarely …, and latest
    assert "77 requests from 3 clients" in said
    assert "nothing is to be allowed" in said
    assert f"- {STRANGER}" not in said


def test_a_changed_file_gives_stories_and_no_edits() -> None:
    writer = adopted()
    Path("corsproxy.yaml").write_text(ledgers.RULES + "\n# edited\n")
    page = Text(writer.write(question(ledgers.busy())))
    assert "No edits are given: corsproxy.yaml has changed since these rules were applied." in page.words
    assert "The rule api does not list https://staging.example.com." in page.words
    assert "- https://two.example" not in page.words


QUESTIONS = (
    "--origin https://new.example --path /api/users --method PUT --header Authorization --credentials",
    "--origin https://app.example.com --path /api/users",
    "--origin null --path /api/users",
    "--origin https://two.example --path /partners/feed",
    "--origin https://app.example.com --path /api/users --method patch",
    "--origin https://app.example.com --path /nowhere",
    "--origin https://app.example.com --path /api/../x",
    "--origin https://evil.example --path /api/users",
    "--origin http://plain.example --path /api/users",
    "--origin https://new.example --path /api/live --websocket",
    "--origin https://any.example --path /assets/x --credentials",
)


@pytest.mark.parametrize("words", QUESTIONS)
def test_an_answer_has_every_word_of_the_command(words: str) -> None:
    printed = CliRunner().invoke(explain, [*words.split(), "-c", "corsproxy.yaml"]).output
    names = {"header": "headers"}
    flags = re.findall(r"--(\w+)(?: ([^-]\S*))?", words)
    form = {names.get(name, name): value or "on" for name, value in flags}
    said = bare(Text(adopted().write(question(ledgers.QUIET, "page", form=form))).words)
    for line in filter(None, printed.splitlines()):
        assert bare(line) in said, line


def test_a_question_that_cannot_be_asked_is_said() -> None:
    said = Text(adopted().write(question(ledgers.QUIET, "page", form={"path": "/x"}))).words
    assert "Name the page's origin, such as https://app.example.com." in said


@pytest.mark.parametrize("what", ["page", "live"])
def test_nothing_is_written_unescaped(what: str) -> None:
    form = dict.fromkeys(("origin", "path", "method", "headers", "paste"), ledgers.SCRIPT)
    evil = question(ledgers.hostile(), what, form=form)
    html = adopted().write(evil)
    tags = Text(html).tags
    assert tags.count("script") == tags.count("img") == (1 if what == "page" else 0)
    assert "got in" in Text(html).words
    for place in ("source", "sha256"):
        evil["status"] = {**STATUS, "config": {**STATUS["config"], place: ledgers.SCRIPT}}
        assert Text(adopted().write(evil)).tags == tags


def test_what_cannot_be_text_is_written_all_the_same() -> None:
    group = ledgers.group("https://a\u2028.example", "origin_not_allowed", paths=["/\x00\u202e\ufffe"])
    assert "origin_not_allowed" in live({**ledgers.QUIET, "refusals": [group]})


def test_a_flood_of_refusals_is_cut_by_number_and_by_time() -> None:
    flood = [ledgers.group(f"https://o{number}.example", "origin_not_allowed") for number in range(400)]
    ledger = {**ledgers.QUIET, "refusals": flood}
    said = live(ledger)
    assert said.count("origin_not_allowed") == 30
    assert "And 370 more, counted less often" in said
    assert "And 970 more, counted less often" in live({**ledger, "refusals_left_out": 600})
    page = adopted(Writer({}, clock(step=BUDGET + 1)))
    said = Text(page.write(question(ledger))).words
    assert (said.count("origin_not_allowed"), said.count("What to change")) == (30, 0)
    assert "The whole story, check by check" in said
    assert "Edits for 400 more origins are still being worked out" in said


def test_what_is_too_long_is_cut_and_says_so() -> None:
    problem = {"file": "c.yaml", "line": 3, "column": 5, "path": "", "what": "Wrong.", "why": "", "fix": ""}
    last = {"at": "", "result": "refused", "problems": [problem] * 25, "waits_for_restart": []}
    config = {**STATUS["config"], "last_reload": last, "warnings": ["dangerously"] * 27}
    rules = [{"name": f"r{n}", "place": "c.yaml:1", "mode": "enforce", "matched": 1} for n in range(203)]
    said = live({**ledgers.QUIET, "rules": rules}, status={**STATUS, "config": config})
    assert (said.count("Wrong."), said.count("dangerously"), said.count("c.yaml:1")) == (20, 20, 200)
    for words in ("And 5 more: corsproxy check", "And 7 more warnings", "And 3 more: see /decisions"):
        assert words in said, words


def clock(step: float) -> Callable[[], float]:
    ticks = itertools.count(0.0, step)
    return lambda: next(ticks)


def test_what_a_newer_ledger_adds_and_an_older_one_lacks_does_no_harm() -> None:
    strange = {**ledgers.busy(), "surprise": [1], "rules": [{"name": 7, "matched": "many", "new": {}}]}
    strange["refusals"] = [*strange["refusals"], {}, "text", None]
    strange["candidate"] = {"problems": [{"file": "n.yaml", "line": 1, "column": 2, "what": "No."}]}
    assert "n.yaml:1:2 No." in live(strange)
    live({})


def test_settings_are_told_first() -> None:
    with pytest.raises(RuntimeError, match="no settings were told"):
        Writer({}).write(question(ledgers.QUIET))
    with pytest.raises(TypeError, match="these are no settings"):
        Writer({}).adopt(base64.b64encode(pickle.dumps("text")).decode())
