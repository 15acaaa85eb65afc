import numpy as np
import pytest

from poseda_cli.errors import ArchiveError
from poseda_cli.layouts import read, recognise
from poseda_cli.storage.archive import open_archive

from . import writers as w
from . import writers_3dhp as m

SEEN = w.mpi_view(5) / 1000
PIXELS = w.mpi_pixels(SEEN, w.TS5_CAMERA)
RIGHT_SYMMETRY = [[5, 6, 7, 11, 12, 13], [2, 3, 4, 8, 9, 10]]


def codes(dataset):
    return [problem.code for problem in dataset.origin.problems]


def test_joint_0_is_the_head_and_the_others_are_relative_to_it(tmp_path):
    m.write_d11(tmp_path, {("TS5", "Test"): [SEEN]})
    stored = np.load(tmp_path / "data_3d_mpi_inf_3dhp.npz", allow_pickle=True)["positions_3d"].item()
    assert abs(stored["TS5"]["Test"][0][0, 14]).max() < 1.5  # the pelvis, seen from the head
    found = read(tmp_path)
    np.testing.assert_allclose(found.poses_3d, SEEN, atol=1e-5)
    assert found.absolute


def test_poses_that_are_absolute_throughout_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", positions_3d={"TS5": {"Test": [SEEN]}})
    with pytest.raises(ArchiveError, match=r"positions_3d\['TS5'\]\['Test'\]\[0\]: joints 1 to 16 are where") as told:
        read(tmp_path)
    assert told.value.code == "frame"


@pytest.mark.parametrize(
    ("symmetry", "wrong"),
    [(w.H36M_SYMMETRY, True), (RIGHT_SYMMETRY, False), ([[np.int64(5)], "x"], True), ([[np.inf], [1]], True)],
)
def test_wrong_symmetry_is_a_known_defect(symmetry, wrong, tmp_path):
    m.write_d11(tmp_path, None, {("S1", "Seq1"): [PIXELS] * 14}, symmetry)
    assert ("symmetry-metadata" in codes(read(tmp_path))) == wrong


def test_metadata_is_not_needed(tmp_path):
    np.savez(tmp_path / "data.npz", positions_2d={"TS5": {"Test": [PIXELS]}})
    assert codes(read(tmp_path)) == ["invalid-frames", "outdoor-camera"]


@pytest.mark.parametrize("subject", ["TS5", "TS6"])
def test_outdoor_sequences_have_the_outdoor_camera(subject, tmp_path):
    m.write_d11(tmp_path, {(subject, "Test"): [SEEN]}, {(subject, "Test"): [PIXELS]}, RIGHT_SYMMETRY)
    found = read(tmp_path)
    lens = found.cameras[0].intrinsics
    assert (lens.fx, lens.width, lens.height) == (pytest.approx(w.TS5_CAMERA[0], abs=0.005), 1920, 1080)
    assert codes(found) == ["invalid-frames", "outdoor-camera"]


def test_training_sequences_have_no_such_problems(tmp_path):
    m.write_d11(tmp_path, {("S1", "Seq1"): [SEEN] * 14})
    assert codes(read(tmp_path)) == []


def test_the_test_set_s_action_is_called_as_everywhere(tmp_path):
    m.write_d11(tmp_path, {("TS5", "Test"): [SEEN]})
    assert read(tmp_path).actions == ("Seq1",)


@pytest.mark.parametrize("frames", [4, 900])
def test_told_from_graphmlp_by_the_poses_alone(frames, tmp_path):
    # Training subjects come first, so that no outline shows the key 'Test'.
    seen = w.mpi_view(frames) / 1000
    m.write_d11(tmp_path, {("S1", "Seq1"): [seen] * 14}, {("S1", "Seq1"): [w.mpi_pixels(seen, w.CAMERA_0)] * 14})
    for path in tmp_path.iterdir():
        assert recognise(open_archive(path)) == "zemingxie"
