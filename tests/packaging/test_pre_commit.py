"""The pre-commit hook: its definition by pre-commit's own reader, its pattern, and its entry on files."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pre_commit.clientlib import load_manifest
from pre_commit.commands.run import filter_by_include_exclude

from tests.processes import ROOT

MANIFEST = ROOT / ".pre-commit-hooks.yaml"


def test_pre_commit_takes_the_definition() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-manifest", str(MANIFEST)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (hook,) = load_manifest(MANIFEST)
    assert (hook["id"], hook["language"], hook["types"]) == ("corsproxy-check", "python", ["yaml"])
    assert hook["pass_filenames"]


@pytest.mark.parametrize(
    ("name", "is_checked"),
    [
        ("corsproxy.yaml", True),
        ("config/corsproxy.yml", True),
        ("deploy/staging.corsproxy.yaml", True),
        ("mycorsproxy.yaml", False),
        ("corsproxy.yaml.j2", False),
        ("config/corsproxy.schema.json", False),
    ],
)
def test_which_files(name: str, is_checked: bool) -> None:
    (hook,) = load_manifest(MANIFEST)
    found = list(filter_by_include_exclude([name], hook["files"], hook["exclude"]))
    assert found == ([name] if is_checked else [])


def test_the_entry_on_files(tmp_path: Path) -> None:
    (hook,) = yaml.safe_load(MANIFEST.read_text())
    (tmp_path / "corsproxy.yaml").write_text((ROOT / "config/corsproxy.yaml").read_text())
    (tmp_path / "bad.corsproxy.yaml").write_text((ROOT / "tests/config/refused/methods.yaml").read_text())

    def run(*names: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(hook["entry"]), *names],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        return done.returncode, done.stdout

    assert run("corsproxy.yaml") == (0, "corsproxy.yaml: fine (1 rule, 2 tests passed).\n")
    status, said = run("corsproxy.yaml", "bad.corsproxy.yaml")
    assert status == 2
    assert "bad.corsproxy.yaml:5:21  rules[0].allow_methods[0]\n" in said
