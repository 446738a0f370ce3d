"""The rules in force: the story is theirs, and edits are of their very text or there are none."""

from pathlib import Path

import pytest

from corsproxy.admin.page import applied as applied_module
from corsproxy.admin.page.applied import Applied, Grant
from corsproxy.config.flags import Flags
from corsproxy.config.load import load, load_flags
from corsproxy.cors.browser import BrowserRequest
from tests.admin.page.ledgers import RULES

NEW = BrowserRequest(origin="https://new.example", path="/api/users")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "corsproxy.yaml"
    path.write_text(RULES)
    return path


def test_the_story_and_the_edit_of_the_file(file: Path) -> None:
    told = Applied(load(file, {}), {}).ask(NEW)
    assert (told.story.allowed, told.story.reason, told.file) == (False, "origin_not_allowed", str(file))
    assert told.mending.edit is not None
    assert told.mending.edit.added == ("    allow_origins: [https://app.example.com, https://new.example]",)


def test_a_changed_file_gives_no_edit_until_it_is_the_same_again(file: Path) -> None:
    applied = Applied(load(file, {}), {})
    edit = applied.ask(NEW).mending.edit
    assert edit is not None
    file.write_text(RULES.replace("app.example.com", "new.example"))
    applied.look()
    told = applied.ask(NEW)
    assert (told.story.allowed, told.mending.edit) == (False, None), "the applied rules are asked"
    assert told.mending.unfit == f"{file} has changed since these rules were applied" == applied.text_is_other
    assert applied.edit_for((NEW,)) == Grant(None, told.mending)
    file.write_text(RULES)
    applied.look()
    assert applied.ask(NEW).mending.edit == edit


def test_a_file_that_is_gone(file: Path) -> None:
    applied = Applied(load(file, {}), {})
    file.unlink()
    applied.look()
    assert applied.ask(NEW).mending.unfit == f"{file} cannot be read any more"


def test_rules_of_the_command_line_have_no_text() -> None:
    flags = Flags(upstream="http://127.0.0.1:5000", allow_origins=("https://app.example.com",))
    applied = Applied(load_flags(flags).settings, {})
    told = applied.ask(NEW)
    assert (told.story.reason, told.mending.edit) == ("origin_not_allowed", None)
    assert (
        told.mending.unfit
        == "the rules were given on the command line; add --allow-origin https://new.example"
    )
    more = BrowserRequest(
        origin="https://app.example.com", method="PUT", headers=("X-A", "X-B"), credentials=True
    )
    assert applied.ask(more).mending.unfit.endswith(
        "; add --allow-method PUT --allow-header X-A --allow-header X-B --allow-credentials"
    )
    assert applied.edit_for((NEW,)) == Grant(None, told.mending)
    wrong = applied.ask(BrowserRequest(origin="https://app.example.com", path="/../x"))
    assert wrong.mending.page.startswith("Servers read this path in different ways.")


def test_a_file_whose_backend_came_from_the_command_line(file: Path) -> None:
    """`run -c FILE --upstream URL`: the file alone would be refused for want of a backend."""
    file.write_text(RULES.replace("upstream: http://127.0.0.1:5000\n", ""))
    applied = Applied(load(file, {}, upstream="http://127.0.0.1:7"), {})
    assert applied.ask(NEW).mending.edit is not None
    granted = applied.edit_for((NEW,))
    assert granted is not None
    assert granted.edit is not None


def test_references_to_the_environment_are_those_of_the_service(file: Path) -> None:
    file.write_text(RULES.replace("https://app.example.com", '"${PAGE}"'))
    environ = {"PAGE": "https://page.example"}
    applied = Applied(load(file, environ), environ)
    assert applied.is_allowed(BrowserRequest(origin="https://page.example", path="/api/x"))
    edit = applied.ask(NEW).mending.edit
    assert edit is not None
    assert edit.added == ('    allow_origins: ["${PAGE}", https://new.example]',)


def test_the_same_question_is_answered_once(file: Path) -> None:
    applied = Applied(load(file, {}), {})
    assert applied.ask(NEW) is applied.ask(NEW)
    assert applied.edit_for((NEW,)) is applied.edit_for((NEW,))


def test_what_was_found_is_kept_within_bounds(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied_module, "_MOST_KEPT", 3)
    applied = Applied(load(file, {}), {})
    first = applied.ask(NEW)
    for number in range(3):
        applied.ask(BrowserRequest(origin=f"https://o{number}.example", path="/api/x"))
    assert applied.ask(NEW) is not first


def test_an_edit_for_several_goes_on_where_it_was_late(file: Path) -> None:
    several = tuple(
        BrowserRequest(origin="https://new.example", path="/api/x", method=method)
        for method in ("PUT", "DELETE", "PATCH")
    )
    at_once = Applied(load(file, {}), {}).edit_for(several)
    applied = Applied(load(file, {}), {})
    for _ in several:
        late = iter((False, True))  # a step each
        assert applied.edit_for(several, lambda late=late: next(late)) in {None, at_once}  # type: ignore[misc]
    granted = applied.edit_for(several, lambda: True)
    assert granted is not None
    assert granted == at_once
    assert granted.edit is not None
    assert granted.edit.added == (
        "    allow_origins: [https://app.example.com, https://new.example]",
        "    allow_methods: [GET, POST, PUT, DELETE, PATCH]",
    )
