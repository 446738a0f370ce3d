"""The law about skipping, proved on a small suite of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT

SUITE = """
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")

def test_passes() -> None: ...

def test_skips() -> None:
    pytest.skip("no reason")

@pytest.mark.xfail
def test_is_expected_to_fail() -> None:
    raise AssertionError

@pytest.mark.browser
def test_drives_a_browser() -> None: ...
"""
SKIPPED_MODULE = 'import pytest\n\npytest.skip("all of it", allow_module_level=True)\n'


def outcome(folder: Path, **environ: str) -> tuple[int, str]:
    """Run the small suite under this project's conftest; return the exit status and pytest's closing line."""
    (folder / "conftest.py").write_text("from tests.conftest import *  # noqa: F403\n")
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(
        [*words, "--rootdir", str(folder), str(folder)],
        capture_output=True, text=True, check=False, timeout=200, cwd=folder,
        env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), **environ},
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()[-1].rpartition(" in ")[0]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (0, "2 passed, 1 skipped, 1 xfailed")),
        ({"CORSPROXY_TESTS_NO_SKIP": "1"}, (1, "2 failed, 2 passed")),
        ({"CORSPROXY_TESTS_WITHOUT_BROWSER": "1"}, (0, "1 passed, 2 skipped, 1 xfailed")),
        (
            {"CORSPROXY_TESTS_WITHOUT_BROWSER": "1", "CORSPROXY_TESTS_NO_SKIP": "1"},
            (1, "2 failed, 1 passed, 1 error"),
        ),
    ],
    ids=["as usual", "no skip", "without browser", "both"],
)
def test_where_skipping_is_forbidden_it_fails(
    tmp_path: Path, environ: dict[str, str], expected: tuple[int, str]
) -> None:
    (tmp_path / "test_some.py").write_text(SUITE)
    assert outcome(tmp_path, **environ) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({}, (5, "1 skipped")), ({"CORSPROXY_TESTS_NO_SKIP": "1"}, (2, "1 error"))],
    ids=["as usual", "no skip"],
)
def test_a_skipped_module_fails_too(
    tmp_path: Path, environ: dict[str, str], expected: tuple[int, str]
) -> None:
    (tmp_path / "test_none.py").write_text(SKIPPED_MODULE)
    assert outcome(tmp_path, **environ) == expected


def test_without_a_chromium_it_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "test_browser.py").write_text("async def test_it(chromium: object) -> None: ...\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import *  # noqa: F403\n")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    done = subprocess.run(
        [*words, "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path,
        env={"PATH": "/nonexistent", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "There is no Chromium on this machine, and this test needs a real browser.\n" in done.stdout
    assert "CORSPROXY_TESTS_WITHOUT_BROWSER=1" in done.stdout
