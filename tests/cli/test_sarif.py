"""`corsproxy check --format sarif`: read back with the object model that was generated from the standard's schema."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import attrs
import pytest
import sarif_om
from click.testing import CliRunner

from corsproxy import __version__
from corsproxy.cli.check import check
from corsproxy.config.codes import MEANINGS
from corsproxy.config.problem import Code
from tests.processes import ROOT

FAILING = """\
upstream: http://127.0.0.1:5000
rules:
  - path: /**
    allow_origins: [https://app.example.com]
    websocket: false
tests:
  - {request: {origin: https://app.example.com}, expect: {denied: origin_null}}
"""
WARNED = FAILING.partition("tests:")[0]

# Which class stands behind which property, where it is not text, a number or a bag.
CLASSES: dict[str, type] = {
    "runs": sarif_om.Run,
    "tool": sarif_om.Tool,
    "driver": sarif_om.ToolComponent,
    "rules": sarif_om.ReportingDescriptor,
    "shortDescription": sarif_om.MultiformatMessageString,
    "fullDescription": sarif_om.MultiformatMessageString,
    "help": sarif_om.MultiformatMessageString,
    "defaultConfiguration": sarif_om.ReportingConfiguration,
    "invocations": sarif_om.Invocation,
    "artifacts": sarif_om.Artifact,
    "location": sarif_om.ArtifactLocation,
    "results": sarif_om.Result,
    "message": sarif_om.Message,
    "locations": sarif_om.Location,
    "physicalLocation": sarif_om.PhysicalLocation,
    "artifactLocation": sarif_om.ArtifactLocation,
    "region": sarif_om.Region,
    "logicalLocations": sarif_om.LogicalLocation,
}
BAGS = {"properties", "partialFingerprints"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sarif(*arguments: str | Path) -> dict[str, Any]:
    result = CliRunner().invoke(check, ["--format", "sarif", *map(str, arguments)])
    assert result.stderr == ""
    log = json.loads(result.output)
    assert isinstance(log, dict)
    assert log["runs"][0]["invocations"] == [{"executionSuccessful": True, "exitCode": result.exit_code}]
    return log


def modelled(kind: type, written: dict[str, Any]) -> Any:
    """Make the model's object; what the standard does not have, or lacks, is a TypeError."""
    names = {f.metadata["schema_property_name"]: f.name for f in attrs.fields(kind)}
    assert set(written) <= set(names), f"{kind.__name__} has no {set(written) - set(names)}"
    return kind(**{names[key]: value_of(key, value) for key, value in written.items()})


def value_of(key: str, value: Any) -> Any:
    if isinstance(value, list):
        return [value_of(key, item) for item in value]
    if not isinstance(value, dict) or key in BAGS:
        return value
    return modelled(CLASSES[key], value)


def everything() -> list[Path]:
    return [
        *sorted((ROOT / "tests/config/refused").glob("*.yaml")),
        *(ROOT / "config/examples").glob("*.yaml"),
    ]


def test_the_whole_log_fits_the_model(folder: Path) -> None:
    (folder / "warned.yaml").write_text(WARNED)
    log = sarif(*everything(), "warned.yaml", "nowhere.yaml")
    model = modelled(sarif_om.SarifLog, log)
    (run,) = model.runs
    assert len(run.results) > 250
    assert {result.level for result in run.results} == {"error", "warning"}
    for result in run.results:
        assert run.tool.driver.rules[result.rule_index].id == result.rule_id
        (place,) = result.locations
        assert place.physical_location.region.start_line >= 1
        assert place.physical_location.region.start_column >= 1


def test_a_rule_for_every_code(folder: Path) -> None:
    (folder / "c.yaml").write_text(WARNED)
    driver = sarif("c.yaml")["runs"][0]["tool"]["driver"]
    rules = {rule["id"]: rule for rule in driver.pop("rules")}
    assert driver == {
        "name": "corsproxy",
        "version": __version__,
        "semanticVersion": __version__,
        "shortDescription": {"text": "Checks the CORS policy of a corsproxy configuration."},
    }
    assert list(rules) == [str(code) for code in MEANINGS]
    assert rules["websocket_unchecked"] == {
        "id": "websocket_unchecked",
        "name": "WebsocketUnchecked",
        "shortDescription": {"text": "WebSocket handshakes are not checked."},
        "fullDescription": {"text": (told := (
            "WebSocket handshakes are not checked. Browsers make no CORS check for them: any site can open one with the"
            " visitor's cookies."
        ))},
        "help": {"text": told, "markdown": told.replace("WebSocket", "**WebSocket", 1).replace("checked.", "checked.**", 1)},
        "defaultConfiguration": {"level": "warning"},
        "properties": {
            "tags": ["cors", "configuration", "security"],
            "precision": "very-high",
            "problem.severity": "warning",
        },
    }  # fmt: skip
    assert rules["test_failed"]["defaultConfiguration"] == {"level": "error"}
    assert rules["test_failed"]["properties"]["tags"] == ["cors", "configuration"]


def test_a_failing_test_of_the_policy(folder: Path) -> None:
    (folder / "a b").mkdir()
    (folder / "a b/c.yaml").write_text(FAILING)
    run = sarif("a b/c.yaml")["runs"][0]
    place = {"uri": "a%20b/c.yaml", "uriBaseId": "%SRCROOT%"}
    assert run["artifacts"] == [{"location": place}]
    (result,) = run["results"]
    mark = result.pop("partialFingerprints")
    assert result == {
        "ruleId": "test_failed",
        "ruleIndex": list(MEANINGS).index(Code.TEST_FAILED),
        "level": "error",
        "message": {
            "text": "tests[0].expect: Test 1 failed: expected denied: origin_null, got allowed.\n"
            "Why: the rule rule-1 (a b/c.yaml:3) decides.\nFix: mend the rule, or the test if the rule is right"
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": place,
                    "region": {"startLine": 7, "startColumn": 50},
                },
                "logicalLocations": [{"fullyQualifiedName": "tests[0].expect", "kind": "member"}],
            }
        ],
    }
    assert list(mark) == ["primaryLocationLineHash"]


def marks(log: dict[str, Any]) -> list[str]:
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in log["runs"][0]["results"]]


def test_fingerprints_stay_when_lines_move(folder: Path) -> None:
    (folder / "c.yaml").write_text(WARNED)
    before = marks(sarif("c.yaml"))
    rule = "  - {path: /new/**, allow_origins: [https://new.example]}\n"
    (folder / "c.yaml").write_text("# a comment\n" + WARNED.replace("rules:\n", f"rules:\n{rule}"))
    assert marks(sarif("c.yaml")) == before


def test_fingerprints_tell_everything_apart() -> None:
    found = marks(sarif(*everything()))
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("given", ["{}", "./{}", "sub/../{}", "{folder}/{}"])
def test_one_file_has_one_name_however_it_is_called(folder: Path, given: str) -> None:
    (folder / "sub").mkdir()
    (folder / "c.yaml").write_text(WARNED)
    (result,) = sarif(given.format("c.yaml", folder=folder))["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": "c.yaml", "uriBaseId": "%SRCROOT%"}


def test_a_file_elsewhere_has_its_whole_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "é.yaml").write_text(WARNED)
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder / "sub")
    (result,) = sarif("../é.yaml")["runs"][0]["results"]
    (uri,) = result["locations"][0]["physicalLocation"]["artifactLocation"].values()
    assert unquote(uri) == f"file://{folder.resolve()}/é.yaml"


def test_a_good_file_has_no_results(folder: Path) -> None:
    (folder / "c.yaml").write_text(WARNED.replace("    websocket: false\n", ""))
    assert sarif("c.yaml")["runs"][0]["results"] == []


@pytest.mark.usefixtures("folder")
def test_a_name_that_is_no_text_has_its_bytes() -> None:
    file = Path(os.fsdecode(b"\xff.yaml"))
    file.write_text("x: 1")
    (artifact,) = sarif(file)["runs"][0]["artifacts"]
    assert artifact["location"]["uri"] == "%FF.yaml"
