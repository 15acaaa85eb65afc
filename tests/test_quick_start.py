"""The README's two commands in an empty clone, and an ordinary installation.

Slow, and they need the package index: they are what makes `make run` and `make test` true on a fresh
machine. Inside the clone these tests themselves are left out, or they would never end.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

IN_CLONE = "TEST_OF_POSEDA_IN_CLONE"
pytestmark = pytest.mark.skipif(IN_CLONE in os.environ, reason="this is the clone")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git has or would take, in an empty folder."""
    folder = tmp_path_factory.mktemp("clone") / "poseda"
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(listing, cwd=REPO, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for name in filter(None, names.split("\0")):
        if (REPO / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, folder / name)
    return folder


# Of the tests a part: all of them in a fresh clone is what CI runs.
SOME = "tests/checks tests/storage/test_archive.py tests/test_published.py tests/commands/test_knowledge.py"


def make(target: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "VIRTUAL_ENV"))}
    return subprocess.run(
        ["make", target],
        cwd=folder,
        env={
            **environment,
            IN_CLONE: "1",
            "PYTEST_ADDOPTS": SOME,
            "PATH": environment["PATH"].replace(str(Path(sys.executable).parent), ""),
        },
        capture_output=True,
        text=True,
        timeout=480,
    )


def test_make_run_then_make_test_in_an_empty_clone(clone):
    for _ in range(2):
        result = make("run", clone)
        assert result.returncode == 0, result.stderr
        assert "3,360 poses in aligned_sample; none dropped" in result.stderr
        assert (clone / "aligned_sample" / "augmented.h5").is_file()
    result = make("test", clone)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
    assert "All checks passed!" in result.stdout
    assert {entry.name for entry in clone.iterdir() if not entry.name.startswith(".")} <= {
        "Makefile", "README.md", "aligned_sample", "poseda.egg-info", "poseda_cli", "pyproject.toml", "sample_data",
        "tests",
    }  # fmt: skip


def test_an_ordinary_installation_has_its_data_with_it(clone, tmp_path):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*install, str(clone)], check=True, capture_output=True, timeout=300)
    shutil.rmtree(clone / "build", ignore_errors=True)
    run = [sys.executable, str(tmp_path / "site" / "bin" / "poseda")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    cameras = subprocess.run([*run, "cameras", "S1", "--json"], cwd=tmp_path, env=environment, capture_output=True)
    assert len(json.loads(cameras.stdout)["cameras"]) == 4
    source, target = clone / "sample_data" / "data_3d_h36m.npz", clone / "sample_data" / "mpi_inf_3dhp_test_set"
    align = [*run, "align", str(source), "-t", str(target), "-o", "out"]
    assert subprocess.run(align, cwd=tmp_path, env=environment, capture_output=True).returncode == 0
    where = subprocess.run(
        [sys.executable, "-c", "import poseda_cli; print(poseda_cli.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(tmp_path / "site"))
    assert (tmp_path / "site" / "poseda_cli" / "py.typed").is_file()
