"""Inputs of the benchmarks, made on the spot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# Training poses of Human3.6M after camera expansion, and valid poses of MPI-INF-3DHP's test set.
SIZES = {"full": (1_559_752, 2_929), "small": (100_000, 600), "tiny": (400, 60)}


def make_inputs(folder: Path, poses: int, targets: int) -> tuple[Path, Path]:
    """Source and target that `poseda sample` writes into a new folder."""
    sizes = ["--poses", str(poses), "--target-poses", str(targets)]
    subprocess.run(
        [sys.executable, "-m", "poseda_cli", "sample", "-o", str(folder), *sizes],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return folder / "data_3d_h36m.npz", folder / "mpi_inf_3dhp_test_set"
