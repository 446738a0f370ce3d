"""The YAML of every sample app, whole, as it was last looked at; and what `corsproxy check` says of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from corsproxy.bridges.flask.importing import import_flask
from corsproxy.cli.main import corsproxy
from corsproxy.config.edit import edited
from corsproxy.config.load import settings_of
from corsproxy.config.source import Text

HERE = Path(__file__).parent
APPS = sorted(folder.name for folder in (HERE / "apps").iterdir() if folder.is_dir())
UPSTREAM = "http://127.0.0.1:5000"
# Those whose report has losses; all others are carried over whole.
LOSSES = {
    "any_credentials": ["any_with_credentials"],
    "conditional": ["origin_unknown", "origin_unknown"],
    "layers": ["fall_through"],
    "methods": ["safelisted_method"],
    "mistakes": [
        "origin_never_matched",
        "origin_never_matched",
        "origin_never_matched",
        "origin_never_matched",
        "origin_never_matched",
        "origin_null",
        "regex_tightened",
        "header",
        "header",
    ],
    "regexes": ["regex_tightened", "regex_tightened", "regex_tightened"],
    "same_url": ["policies_differ"],
}


@pytest.mark.parametrize("name", APPS)
def test_the_yaml(name: str, tmp_path: Path) -> None:
    found = import_flask(HERE / "apps" / name, {}, upstream=UPSTREAM)
    assert found.text == (HERE / "expected" / f"{name}.yaml").read_text()
    assert [finding.code for finding in found.findings if finding.is_loss] == LOSSES.get(name, [])
    assert found.is_whole is (name not in LOSSES)
    file = tmp_path / "corsproxy.yaml"
    file.write_text(found.text)
    checked = CliRunner().invoke(corsproxy, ["check", "--format", "json", str(file)])
    assert (checked.exit_code, json.loads(checked.stdout)["warnings"]) == (0, [])
    assert json.loads(checked.stdout)["tests_passed"] == found.rules


def test_there_is_nothing_expected_of_an_app_that_is_not_there() -> None:
    assert {file.stem for file in (HERE / "expected").iterdir()} == set(APPS)


@pytest.mark.parametrize("name", APPS)
def test_an_edit_leaves_no_comment_that_is_of_another_value(name: str) -> None:
    text = (HERE / "expected" / f"{name}.yaml").read_text()
    rules = settings_of(Text("c.yaml", text, ""), {}).settings.rules
    for position, rule in enumerate(rules):
        wider = replace(
            rule, allow_methods=(*rule.allow_methods, "PURGE"), allow_headers=(*rule.allow_headers, "X-New")
        )
        added = edited(text, position, wider, ("allow_methods", "allow_headers")).added
        assert [line for line in added if "PURGE" in line or "X-New" in line] == [
            line.partition("  #")[0] for line in added
        ]
