import shutil

import numpy as np
import pytest

from poseda_cli.errors import AmbiguousLayoutError, ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_3dhp as m

ALL = [str(camera) for camera in range(14)]
VIEWS = m.views_of(ALL, 4)
JOINTS = np.stack([m.all_joints(seen) for seen, _ in VIEWS.values()])
SEEN = w.mpi_view(6)


def codes(dataset):
    return [(problem.code, problem.severity) for problem in dataset.origin.problems]


def train(folder, joints=JOINTS, place="S1/Seq1"):
    return m.write_d13(folder / place / "metadata.h5", joints, {0: [0, 2], 8: [1]})


def test_set(folder, rows=(1, 2, 5), place="S5/Seq1", seen=SEEN):
    return m.write_d13(folder / place / "metadata.h5", [seen], {0: rows})


test_set.__test__ = False


def test_all_rows_of_all_cameras_of_the_training_set(tmp_path):
    found = read(train(tmp_path))
    assert [s.length for s in found.sequences] == [4] * 14
    np.testing.assert_allclose(found.poses_3d, np.concatenate([seen for seen, _ in VIEWS.values()]) / 1000, atol=1e-5)
    assert found.poses_2d is None


def test_interesting_rows_of_the_test_set_are_the_valid_ones(tmp_path):
    found = read(test_set(tmp_path))
    np.testing.assert_allclose(found.poses_3d, SEEN[[1, 2, 5]] / 1000, atol=1e-5)
    assert any("3 of 6 frames are valid" in note for note in found.origin.notes)


def test_test_sequences_are_called_by_their_name_in_the_release(tmp_path):
    found = read(test_set(tmp_path))
    assert (found.subjects, found.camera_names, found.actions) == (("TS5",), ("TS5",), ("Seq1",))


@pytest.mark.parametrize("place", ["S7/Seq1", "S5/Seq2"])
def test_test_sequences_that_there_are_not(place, tmp_path):
    with pytest.raises(ArchiveError, match=f"one camera, as in the test set, but {place}; expected S1/Seq1 to S6/Seq1"):
        read(test_set(tmp_path, place=place))


def test_a_file_outside_of_such_folders_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="whose poses are these"):
        read(train(tmp_path, place="processed"))


def test_scale_is_not_applied(tmp_path):
    path = m.write_d13(tmp_path / "S1" / "Seq1" / "metadata.h5", JOINTS, {0: [0]}, scale=2.0)
    np.testing.assert_allclose(read(path).poses_3d[:4], VIEWS["0"][0] / 1000, atol=1e-5)


def test_calibration_beside_is_read(tmp_path):
    lenses = list(m.LENSES)
    lenses[8] = tuple(value + 0.3 for value in lenses[8])
    path = train(tmp_path)
    m.write_calibration(path.with_name("camera.calibration"), lenses=lenses)
    found = read(path)
    assert found.cameras[8].intrinsics.fx == pytest.approx(1500.472)
    assert found.cameras[9].intrinsics.fx == pytest.approx(m.LENSES[9][0])
    assert codes(found) == [("calibration-differs", "warning")]


@pytest.mark.parametrize(("off", "problems"), [(0.6, []), (30, [("calibration-differs", "warning")])])
def test_estimated_cameras_of_the_test_set(off, problems, tmp_path):
    path = test_set(tmp_path)
    lens = tuple(value + off for value in w.TS5_CAMERA)
    m.write_fake_calibration(path.with_name("camera.calibration"), lens, (1920, 1080))
    found = read(path)
    assert found.cameras[0].intrinsics.fx == pytest.approx(lens[0], abs=0.001)
    # What the estimate does not know comes from the published table.
    assert found.cameras[0].rotation is not None
    assert codes(found) == problems


def test_copies_of_raw_files_make_a_folder_ambiguous(tmp_path):
    path = train(tmp_path)
    m.write_d1(path.with_name("annot.mat"), VIEWS)
    m.write_calibration(path.with_name("camera.calibration"))
    with pytest.raises(AmbiguousLayoutError, match="--layout"):
        read(tmp_path)
    assert read(tmp_path, layout="margipose").poses_2d is None
    assert read(tmp_path, layout="mpi-inf-3dhp-train").poses_2d is not None
    assert {file.name for file in read(path).origin.files} == {"metadata.h5", "camera.calibration"}


def test_cameras_without_poses(tmp_path):
    path = train(tmp_path)
    calibration = m.write_calibration(path.with_name("camera.calibration"))
    with pytest.raises(InputError, match="cameras without poses. Name the metadata.h5"):
        read(calibration)


def test_same_sequence_twice(tmp_path):
    train(tmp_path / "a")
    train(tmp_path / "b", JOINTS + 1.0)
    with pytest.raises(InputError, match="are both S1 Seq1"):
        read(tmp_path)


def test_training_and_test_set_of_one_folder_name(tmp_path):
    train(tmp_path / "train")
    test_set(tmp_path / "test", place="S1/Seq1")
    found = read(tmp_path)
    assert found.subjects == ("TS1", "S1")
    assert found.origin.stored is None


@pytest.mark.parametrize(
    ("rows", "said"), [([0, 6], "row numbers below 6"), ([-1, 2], "row numbers below 6"), ([], "no frame")]
)
def test_interesting_rows_that_there_are_not(rows, said, tmp_path):
    with pytest.raises(InputError, match=said):
        read(test_set(tmp_path, rows))


WRONG = {
    "metres": (JOINTS / 1000, "in m, this layout has them in mm", "units"),
    "another order": (JOINTS[:, :, ::-1], "the order of 3dhp28", "joint-order"),
    "world, y up": (JOINTS * [1, -1, 1], "above feet along -y", "frame"),
    "behind the camera": (JOINTS * [-1, 1, -1], "sees 0% of the people", "frame"),
}


@pytest.mark.parametrize(("joints", "said", "code"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(joints, said, code, tmp_path):
    with pytest.raises(ArchiveError, match=said) as told:
        read(train(tmp_path, joints))
    assert told.value.code == code


@pytest.mark.parametrize(
    ("joints", "rows", "said"),
    [
        (JOINTS[:13], {0: [0]}, "joints3d is float64 \\(13, 4, 28, 3\\)"),
        (JOINTS[:, :, :17], {0: [0]}, "joints3d is float64 \\(14, 4, 17, 3\\)"),
        (JOINTS, {}, "lacks data sets interesting_frames"),
    ],
    ids=["13 cameras", "17 joints", "no interesting frames"],
)
def test_members_that_are_not_the_layout_s(joints, rows, said, tmp_path):
    path = m.write_d13(tmp_path / "S1" / "Seq1" / "metadata.h5", joints, rows)
    with pytest.raises(UnknownLayoutError, match=f"margipose: {said}"):
        read(path)


def test_root_relative_poses(tmp_path):
    found = read(train(tmp_path, JOINTS - JOINTS[:, :, 4:5]))
    assert not found.absolute
    assert found.origin.stored.frame == "root-relative"


def test_a_calibration_belongs_to_the_file_beside_it(tmp_path):
    path = train(tmp_path)
    calibration = m.write_calibration(path.with_name("camera.calibration"), names=[0, 8])
    other = train(tmp_path, place="S2/Seq1", joints=JOINTS + 1.0)
    shutil.move(calibration, other.with_name("camera.calibration"))
    assert {file.name for file in read(path).origin.files} == {"metadata.h5"}
