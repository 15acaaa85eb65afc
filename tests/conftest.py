from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import pytest

# `make test` gives the same verdict each time; `pytest --hypothesis-profile=default` looks further.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

REPO = Path(__file__).resolve().parents[1]
SAMPLE = REPO / "sample_data"
SHARED = REPO.parent / "shared" / "data"

Poseda = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def poseda(tmp_path: Path) -> Poseda:
    """The command line as a user runs it: another process, in an empty folder, not on a terminal."""

    def run(*arguments: object, code: int = 0, cwd: Path = tmp_path, **environment: str):
        result = subprocess.run(
            [sys.executable, "-m", "poseda_cli", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "80", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == code, f"exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr
        return result

    return run


@pytest.fixture
def source_file() -> Path:
    return SAMPLE / "data_3d_h36m.npz"


@pytest.fixture
def target_folder() -> Path:
    return SAMPLE / "mpi_inf_3dhp_test_set"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the small real files are not on this machine")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20231002)
