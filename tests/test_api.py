"""What users' scripts rely on: verbs, types, short looks at data sets."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.layouts import find, read_groups_lazily
from tests.conftest import REPO, SAMPLE

VERBS = (
    "align",
    "compare",
    "convert",
    "gpa",
    "inspect",
    "merge",
    "plot",
    "probe",
    "read",
    "sample",
    "verify",
    "write",
)
SCRIPT = """
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import poseda_cli as poseda

source: poseda.PoseDataset = poseda.read("data_3d_h36m.npz")
target = poseda.read(["mpi_inf_3dhp_test_set"], layout="mpi-inf-3dhp-test", max_size="1G")
aligned: poseda.AlignedDataset = poseda.align(source.select(subjects=["S1"]), target, seed=0, depth="exact", copies=2)
poses: NDArray[np.float32] | None = aligned.poses_3d
fit: float = aligned.summary["fit"]["root_error_max"]
poseda.write(aligned, Path("out"), layout="poseda", compression="fast")
files, summary = poseda.convert("mpi_inf_3dhp_test_set", "converted", ["plain", "pstmo"])
first: Path = files[0]
found: poseda.Verification = poseda.verify("out", samples=100)
wrong: list[str] = [check.detail for check in found.checks if check.status == "failed"]
invalid: int = poseda.inspect(target).invalid_poses
try:
    poseda.read("nothing.npz")
except poseda.PosedaError as error:
    message: str = str(error)
lens = poseda.Intrinsics(1500.0, 1500.0, 960.0, 540.0, 1920, 1080)
moved = poseda.gpa(np.zeros((1, 17, 3)), np.zeros((1, 17, 2)), np.array([lens.fx, lens.fy, lens.cx, lens.cy]))
poseda.sample("sample", poses=448, target_poses=12)
tried: poseda.Probe = poseda.probe(source, target, ("weak", "jitter"), poses=200, seeds=1, features=20)
errors: dict[str, float] = {row.variant: row.scores.mpjpe for row in tried.rows}
assert not wrong and found.ok, wrong
"""
WRONG = SCRIPT.replace('depth="exact"', 'depth="deep"').replace("samples=100", 'samples="100"')


@pytest.fixture
def home(tmp_path):
    shutil.copy(SAMPLE / "data_3d_h36m.npz", tmp_path)
    shutil.copytree(SAMPLE / "mpi_inf_3dhp_test_set", tmp_path / "mpi_inf_3dhp_test_set")
    return tmp_path


def mypy(home, script):
    pytest.importorskip("mypy")
    (home / "script.py").write_text(script)
    # What is installed for development mypy does not find; faults in it are for `make check`.
    environment = {**os.environ, "MYPYPATH": str(REPO)}
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "script.py"]
    command += ["--cache-dir", str(home / "cache")]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=120)


def test_a_users_script_runs_and_has_types(home):
    result = mypy(home, SCRIPT)
    assert result.returncode == 0, result.stdout
    run = subprocess.run([sys.executable, "script.py"], cwd=home, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    # Nothing speaks where nobody asked.
    assert (run.stdout, run.stderr) == ("", "")
    summary = json.loads((home / "converted" / "summary.json").read_text())
    assert summary["output"]["files"] == ["poses.npz", "data_test_3dhp.npz"]
    assert (home / "sample" / "data_3d_h36m.npz").is_file()
    wrong = mypy(home, WRONG).stdout
    assert '"depth" to "align"' in wrong
    assert '"samples" to "verify"' in wrong


def test_every_name_is_there_typed_and_described():
    assert set(VERBS) < set(poseda.__all__) <= set(dir(poseda))
    for name in set(poseda.__all__) - {"__version__"}:
        thing = getattr(poseda, name)
        assert len(inspect.getdoc(thing)) > 20
        if name in VERBS:
            assert "Parameters\n-----" in inspect.getdoc(thing) or name == "sample"
            assert all(p.annotation is not p.empty for p in inspect.signature(thing).parameters.values())
    assert (REPO / "poseda_cli" / "py.typed").is_file()
    project = tomllib.loads((REPO / "pyproject.toml").read_text())
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["poseda_cli"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        poseda.nothing  # noqa: B018


def test_data_sets_are_short_to_look_at(home):
    target = poseda.read(home / "mpi_inf_3dhp_test_set")
    counts = "240 poses (3D and 2D, 3dhp17), 6 sequences, 6 subjects, 6 cameras"
    assert repr(target) == f"<PoseDataset mpi-inf-3dhp-test: {counts}>"
    lazily = read_groups_lazily(*find([home / "mpi_inf_3dhp_test_set"]))
    assert repr(lazily) == f"<StreamedDataset mpi-inf-3dhp-test: {counts}>"
    source = poseda.read(home / "data_3d_h36m.npz").select(subjects=["S1"])
    aligned = poseda.align(source, target)
    assert (
        repr(aligned) == "<AlignedDataset poseda: 480 poses (3D and 2D, h36m17), 16 sequences, 1 subjects, 4 cameras>"
    )


def test_converting_a_data_set_and_its_file_is_the_same(home):
    target = poseda.read(home / "mpi_inf_3dhp_test_set")
    _, first = poseda.convert(target, home / "a", "plain")
    files, second = poseda.convert(home / "mpi_inf_3dhp_test_set", home / "b", "plain")
    assert first == second
    assert files == [home / "b" / "poses.npz"]
    with np.load(files[0]) as one, np.load(home / "a" / "poses.npz") as other:
        assert one.files == other.files
    with pytest.raises(poseda.PosedaError, match="skeleton h36m18: poseda knows"):
        poseda.convert(target, home / "c", skeleton="h36m18")
    _, mapped = poseda.convert(home / "mpi_inf_3dhp_test_set", home / "c", skeleton="h36m17")
    assert poseda.read(home / "c").skeleton.name == "h36m17"
    assert mapped["output"]["poses"] == 240
