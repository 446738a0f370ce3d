"""The JSON Schema: what is shipped is what the code makes, and it agrees with the loader."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from corsproxy.cli.schema import schema
from corsproxy.config.load import read_settings
from corsproxy.config.problem import Code, ConfigError

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "config/corsproxy.schema.json"
GALLERY = sorted([ROOT / "config/corsproxy.yaml", *(ROOT / "config/examples").glob("*.yaml")])
REFUSED = ROOT / "tests/config/refused"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    loaded: dict[str, Any] = json.loads(SHIPPED.read_text())
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def test_the_shipped_schema_is_the_one_printed() -> None:
    result = CliRunner().invoke(schema)
    assert (result.exit_code, result.output) == (0, SHIPPED.read_text())


def test_dialect() -> None:
    assert json.loads(SHIPPED.read_text())["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("file", GALLERY, ids=lambda file: str(file.stem))
def test_the_gallery_is_valid(file: Path, validator: jsonschema.Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text()))] == []


@pytest.mark.parametrize("file", GALLERY, ids=lambda file: str(file.stem))
def test_the_gallery_loads_without_a_warning_and_tests_itself(file: Path) -> None:
    loaded = read_settings(file, {})
    assert loaded.warnings == ()
    assert loaded.tests >= 2


@pytest.mark.parametrize("file", GALLERY, ids=lambda file: str(file.stem))
def test_the_first_line_names_the_schema(file: Path) -> None:
    first = file.read_text().partition("\n")[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    assert (file.parent / first.removeprefix(prefix)).resolve() == SHIPPED


def test_the_gallery_has_every_case() -> None:
    assert {file.stem for file in GALLERY} == {
        "corsproxy",
        "many-origins",
        "preview-deployments",
        "public-api",
        "report-only",
        "single-page-app",
    }


def properties(node: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        return [found for item in node for found in properties(item)]
    if not isinstance(node, dict):
        return []
    named = node.get("properties")
    here = list(named.items()) if isinstance(named, dict) else []
    return here + [found for value in node.values() for found in properties(value)]


def test_every_key_is_described() -> None:
    loaded = json.loads(SHIPPED.read_text())
    found = properties(loaded)
    assert len(found) > 70
    for name, about in found:
        section = loaded["$defs"].get(about.get("$ref", "").rpartition("/")[2], {})
        assert about.get("description") or section.get("description"), name


def test_unknown_keys_are_invalid_everywhere() -> None:
    sections = json.loads(SHIPPED.read_text())["$defs"]
    assert {
        name for name, section in sections.items() if section.get("additionalProperties") is not False
    } == {"Reference"}


@pytest.mark.parametrize(
    "text",
    [
        "upstream: http://x\nrules: [{path: /**, allow_origins: []}]\nworkers: ${WORKERS}\n",
        "upstream: http://x\nrules: [{path: /**, allow_origins: []}]\ntimeouts: {connect: '${T:-5s}'}\n",
        "upstream: ${U}\nlisten: ${L}\nrules: [{path: ${P}, allow_origins: []}]\n".replace("${P}", "'${P}'"),
        "upstream: http://x\nrules: [{name: '${N}', path: /**, allow_origins: ['${O}'], allow_credentials: '${C}', mode: '${M}'}]\n",
    ],
)
def test_references_to_the_environment_are_valid(
    text: str, validator: jsonschema.Draft202012Validator
) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


SHAPES = {Code.UNKNOWN_KEY, Code.MISSING_KEY, Code.WRONG_TYPE, Code.EMPTY_VALUE}


@pytest.mark.parametrize(
    "name",
    ["unknown-keys", "no-upstream", "no-rules", "wrong-types", "missing-keys", "yaml-a-list", "yaml-text"],
)
def test_what_the_loader_refuses_for_its_shape_is_invalid(
    name: str, validator: jsonschema.Draft202012Validator
) -> None:
    file = REFUSED / f"{name}.yaml"
    with pytest.raises(ConfigError) as refused:
        read_settings(file, {})
    assert {problem.code for problem in refused.value.problems} & SHAPES
    assert not validator.is_valid(yaml.safe_load(file.read_text()))


def test_no_key_may_be_null(validator: jsonschema.Draft202012Validator) -> None:
    good: dict[str, Any] = {"upstream": "http://x", "rules": [{"path": "/**", "allow_origins": []}]}
    assert validator.is_valid(good)
    for name in json.loads(SHIPPED.read_text())["properties"]:
        assert not validator.is_valid({**good, name: None}), name
    for name in json.loads(SHIPPED.read_text())["$defs"]["RuleKeys"]["properties"]:
        assert not validator.is_valid({**good, "rules": [{**good["rules"][0], name: None}]}), name
