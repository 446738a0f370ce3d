"""docs/check.md says of every code what the code says."""

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from corsproxy.cli.check import check
from corsproxy.config.codes import MEANINGS, Meaning
from tests.processes import ROOT

PAGE = (ROOT / "docs/check.md").read_text()
LISTED = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE))


def row(meaning: Meaning) -> str:
    fixed = " Cannot be silenced in the file." if meaning.is_fixed else ""
    return f"{meaning.title}. {meaning.help}{fixed}"


def test_every_code_is_listed_under_its_heading() -> None:
    assert {str(code): row(meaning) for code, meaning in MEANINGS.items()} == LISTED
    warnings, refused = PAGE.index("## Codes of warnings"), PAGE.index("## Codes of what is refused")
    for code, meaning in MEANINGS.items():
        at = PAGE.index(f"| `{code}` |")
        assert (warnings < at < refused) if meaning.is_warning else refused < at


def test_every_option_is_shown() -> None:
    usage = CliRunner().invoke(check, ["--help"]).output
    for option in set(re.findall(r"--[a-z]+", usage)) - {"--help"}:
        assert option in PAGE
    for form in ("text", "json", "github", "sarif"):
        assert f"`{form}`" in PAGE or f"--format {form}" in PAGE


def test_the_shell_lines_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    for name in ("staging.yaml", "production.yaml"):
        (tmp_path / name).write_text((ROOT / "config/corsproxy.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        command, _, redirected = line.partition("#")[0].partition("<")
        words = command.split()[2:]
        fed = (tmp_path / redirected.strip()).read_text() if redirected else None
        assert CliRunner().invoke(check, words, input=fed).exit_code == 0, line


def test_the_keys_of_the_json_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("upstream: http://127.0.0.1:5000\nrules: []\n")
    (tmp_path / "b.yaml").write_text((ROOT / "config/corsproxy.yaml").read_text())
    files = [str(tmp_path / name) for name in ("a.yaml", "b.yaml")]
    outcome = json.loads(CliRunner().invoke(check, ["--format", "json", *files]).output)
    problem = outcome["files"][0]["problems"][0]
    paragraph = PAGE.partition("`json` is for scripts")[2].partition("\n\n")[0]
    for key in {*outcome, *outcome["files"][0], *problem}:
        assert f"`{key}`" in paragraph, key


def test_the_yaml_is_yaml() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    workflow, hooks = (yaml.safe_load(block) for block in blocks)
    runs = [step["run"] for step in workflow["jobs"]["cors"]["steps"] if "run" in step]
    assert [line.split()[0] for line in runs] == ["pip", "corsproxy", "corsproxy"]
    (provided,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks["repos"][0]["hooks"]] == [provided["id"]]
