"""What is published: the wheel installs into a fresh environment and has the command; the sdist is complete."""

import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

from corsproxy import __version__
from tests.packaging.building import build
from tests.processes import ROOT

# Folders that tools leave behind and nobody publishes.
LEFT_BEHIND = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "results"}


def package_files() -> set[str]:
    """Every file of the package in the checkout: sources, the page, the schema, py.typed."""
    paths = (p for p in (ROOT / "corsproxy").rglob("*") if p.is_file())
    return {str(p.relative_to(ROOT)) for p in paths if not LEFT_BEHIND & set(p.parts)}


def names_in_wheel(path: Path) -> set[str]:
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    about = f"corsproxy-{__version__}.dist-info"
    described = {
        f"{about}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }
    assert wheel.name == f"corsproxy-{__version__}-py3-none-any.whl"
    assert names_in_wheel(wheel) == package_files() | described


def test_the_sdist_is_complete_and_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    unpacked = tmp_path / "unpacked" / f"corsproxy-{__version__}"
    held = {str(p.relative_to(unpacked)) for p in unpacked.rglob("*") if p.is_file()}
    folders = ("corsproxy", "config", "tests", "docs", ".ci")
    wanted = {
        str(p.relative_to(ROOT))
        for folder in folders
        for p in (ROOT / folder).rglob("*")
        if p.is_file() and not LEFT_BEHIND & set(p.parts)
    }
    single = {
        "pyproject.toml",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "Dockerfile",
        ".dockerignore",
    }
    assert (wanted | single) - held == set()
    again = build("wheel", unpacked, tmp_path / "again")
    assert names_in_wheel(again) == names_in_wheel(wheel)


def run(folder: Path, *words: str, cwd: Path) -> tuple[int, str, str]:
    environ = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        words, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=200
    )
    return done.returncode, done.stdout, done.stderr


def test_the_installed_wheel_has_the_command(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "corsproxy", "--version", cwd=tmp_path) == (0, f"corsproxy {__version__}\n", "")
    assert (
        run(installed, "python", "-m", "corsproxy", "--version", cwd=tmp_path)[1]
        == f"corsproxy {__version__}\n"
    )
    code = "import corsproxy; print(corsproxy.__file__)"
    (site,) = installed.glob("lib/python*/site-packages")
    assert run(installed, "python", "-c", code, cwd=tmp_path)[1] == f"{site}/corsproxy/__init__.py\n"


def test_every_command_of_the_installed_wheel_explains_itself(installed: Path, tmp_path: Path) -> None:
    for name in ("run", "check", "schema", "demo"):
        status, out, err = run(installed, "corsproxy", name, "--help", cwd=tmp_path)
        assert (status, out.split("\n")[0].split(" [")[0], err) == (0, f"Usage: corsproxy {name}", "")


def test_the_demonstrations_rules_in_the_wheel_pass_check(installed: Path, tmp_path: Path) -> None:
    (rules,) = installed.glob("lib/python*/site-packages/corsproxy/demo/corsproxy.yaml")
    status, out, err = run(installed, "corsproxy", "check", str(rules), cwd=tmp_path)
    assert status == 0, out + err
