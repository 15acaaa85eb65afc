from __future__ import annotations

import filecmp
import json

import h5py
import numpy as np
import pytest

from tests.conftest import SAMPLE


def world(path):
    return np.load(path, allow_pickle=True)["positions_3d"].item()


def test_the_committed_sample_is_what_the_command_makes(poseda, tmp_path):
    poseda("sample", "-o", tmp_path / "new")
    for subject, actions in world(SAMPLE / "data_3d_h36m.npz").items():
        for action, poses in actions.items():
            # Sines may differ in their last bit from one machine to another.
            np.testing.assert_allclose(world(tmp_path / "new" / "data_3d_h36m.npz")[subject][action], poses, atol=1e-5)
    for index in range(1, 7):
        part = f"mpi_inf_3dhp_test_set/TS{index}/annot_data.mat"
        with h5py.File(SAMPLE / part) as old, h5py.File(tmp_path / "new" / part) as new:
            assert set(old) == set(new)
            for name in old:
                np.testing.assert_allclose(old[name][()], new[name][()], atol=0.02)


def test_the_sample_is_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*")) < 2_000_000


def test_the_same_bytes_each_time(poseda, tmp_path):
    for name in ("one", "two"):
        poseda("sample", "-o", tmp_path / name, "--poses", 500, "--target-poses", 12)
    files = ["data_3d_h36m.npz", *(f"mpi_inf_3dhp_test_set/TS{n}/annot_data.mat" for n in range(1, 7))]
    same, different, missing = filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", files, shallow=False)
    assert (sorted(same), different, missing) == (sorted(files), [], [])


@pytest.mark.parametrize(("asked", "made"), [(112, 112), (1001, 1004), (200_000, 200_000)])
def test_as_many_poses_as_asked_for(poseda, tmp_path, asked, made):
    result = poseda("sample", "-o", tmp_path / "s", "--poses", asked, "--target-poses", 60)
    assert result.stdout.splitlines() == [
        str(tmp_path / "s" / "data_3d_h36m.npz"), str(tmp_path / "s" / "mpi_inf_3dhp_test_set")
    ]  # fmt: skip
    plan = poseda("align", tmp_path / "s" / "data_3d_h36m.npz", "-t", tmp_path / "s" / "mpi_inf_3dhp_test_set",
                  "-o", tmp_path / "out", "--dry-run", "--json")  # fmt: skip
    assert json.loads(plan.stdout)["output"]["poses"] == made


def test_nothing_is_overwritten(poseda, tmp_path):
    (tmp_path / "mine").mkdir()
    assert "exists already" in poseda("sample", "-o", tmp_path / "mine", code=4).stderr
