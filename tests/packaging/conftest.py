"""The distributions, built once, and an environment with the wheel in it."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.packaging.building import build
from tests.processes import ROOT


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, as the image's build makes it; returns its folder.

    The dependencies come from the test environment by a .pth file, which does not follow that one's own:
    an editable corsproxy there stays invisible.
    """
    folder = tmp_path_factory.mktemp("image") / "corsproxy"
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(folder / "bin/python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, timeout=200
    )
    (ours,) = [p for p in sys.path if p.endswith("site-packages") and p.startswith(sys.prefix)]
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{ours}\n")
    return folder
