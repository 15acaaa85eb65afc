import zipfile

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import mpi_inf_3dhp_train, read

from . import writers as w
from . import writers_3dhp as m

TWO_CAMERAS = ("0", "8")


def codes(dataset):
    return [(problem.code, problem.severity) for problem in dataset.origin.problems]


def notes(dataset):
    return " ".join(dataset.origin.notes)


def place(folder, subject="S1", action="Seq1"):
    return folder / subject / action / "annot.mat"


def written(folder, views=None, subject="S1", action="Seq1", **changes):
    return m.write_d1(place(folder, subject, action), m.views_of(TWO_CAMERAS) if views is None else views, **changes)


def calibrated(folder, **changes):
    return m.write_calibration(place(folder).with_name("camera.calibration"), **changes)


@pytest.mark.parametrize("given", ["file", "its folder", "the subject", "the tree", "a relative path"])
def test_file_and_folders(given, tmp_path, monkeypatch):
    path = written(tmp_path)
    monkeypatch.chdir(path.parent)
    ways = {"file": path, "its folder": path.parent, "the subject": tmp_path / "S1", "the tree": tmp_path}
    found = read(ways.get(given, "annot.mat"))
    assert [(s.subject, s.action, s.camera) for s in found.sequences] == [("S1", "Seq1", c) for c in TWO_CAMERAS]


def test_the_tree_in_a_zip(tmp_path):
    path = written(tmp_path / "unpacked")
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        archive.write(path, "S1/Seq1/annot.mat")
    assert read(tmp_path / "train.zip").subjects == ("S1",)


@pytest.mark.parametrize("folders", ["", "S1", "Seq1", "S1/video", "S9/Seq1", "S1/Seq3"])
def test_a_file_outside_of_such_folders_is_refused(folders, tmp_path):
    path = m.write_d1(tmp_path / "raw" / folders / "annot.mat", m.views_of(TWO_CAMERAS))
    with pytest.raises(ArchiveError, match="whose poses are these.*expected S1/Seq1 to S8/Seq2. Put it into") as told:
        read(path)
    assert told.value.code == "ambiguous"


def test_folders_in_small_letters(tmp_path):
    found = read(m.write_d1(tmp_path / "s1" / "seq2" / "annot.mat", m.views_of(TWO_CAMERAS)))
    assert (found.subjects, found.actions) == (("S1",), ("Seq2",))


def test_17_of_28_joints_in_the_order_of_the_test_set(tmp_path):
    views = m.views_of(TWO_CAMERAS)
    found = read(written(tmp_path, views))
    np.testing.assert_allclose(found.poses_3d, np.concatenate([seen for seen, _ in views.values()]) / 1000, atol=1e-5)
    assert list(found.skeleton.joints) == w.MPI_JOINTS
    assert (found.origin.stored.skeleton.name, found.origin.stored.units) == ("3dhp28", "mm")


@pytest.mark.parametrize("extra", ["annotation and frames", "annotation"])
def test_rows_behind_the_last_frame_are_left_out(extra, tmp_path, monkeypatch):
    monkeypatch.setitem(mpi_inf_3dhp_train.MPI_INF_3DHP_TRAIN_FRAMES, ("S1", "Seq1"), 5)
    views = m.views_of(TWO_CAMERAS, 8)
    changes = {"frames": np.arange(5)[:, None]} if extra == "annotation" else {}
    found = read(written(tmp_path, views, **changes))
    expected = np.concatenate([seen[:5] for seen, _ in views.values()]) / 1000
    np.testing.assert_allclose(found.poses_3d, expected, atol=1e-5)
    assert [s.length for s in found.sequences] == [5, 5]
    assert ("S1 Seq1: 8 rows, of which the first 5" in notes(found)) == (extra == "annotation and frames")


def test_frame_counts_of_the_release():
    # 131,592 frames a camera; 1,052,736 before the eight cameras that everybody uses.
    assert sum(mpi_inf_3dhp_train.MPI_INF_3DHP_TRAIN_FRAMES.values()) * 8 == 1_052_736


def test_fewer_frames_than_the_release_are_noted(tmp_path):
    found = read(written(tmp_path))
    assert codes(found) == [("frame-count", "note")]
    assert "S1 Seq1 (5 of 6,416)" in found.origin.problems[0].message


def test_cameras_are_those_that_the_file_lists(tmp_path):
    views = m.views_of(["13", "4"])
    found = read(written(tmp_path, views))
    assert found.camera_names == ("13", "4")
    assert found.cameras[0].intrinsics.fx == pytest.approx(m.LENSES[13][0])


def test_annot3_projects_and_univ_annot3_does_not(tmp_path):
    assert " annot3 (10 poses) by reprojection" in notes(read(written(tmp_path)))


def test_univ_annot3_in_the_place_of_annot3_is_told(tmp_path):
    views = m.views_of(TWO_CAMERAS)
    cells = np.empty((2, 1), object)
    for index, (seen, _) in enumerate(views.values()):
        joints = m.all_joints(seen)
        cells[index, 0] = (joints[:, 4:5] + (joints - joints[:, 4:5]) / w.UNIVERSAL).reshape(5, -1)
    found = read(written(tmp_path, views, annot3=cells))
    assert ("univ-annot3", "note") in codes(found)


def test_calibration_beside_is_read_though_not_named(tmp_path):
    path = written(tmp_path)
    calibrated(tmp_path)
    found = read(path)
    assert {file.name for file in found.origin.files} == {"annot.mat", "camera.calibration"}
    assert codes(found) == [("frame-count", "note")]


def test_numbers_of_the_calibration_are_used_and_a_difference_is_a_problem(tmp_path):
    lenses = list(m.LENSES)
    lenses[8] = tuple(value + 0.3 for value in lenses[8])
    path = written(tmp_path)
    calibrated(tmp_path, lenses=lenses)
    found = read(path)
    assert found.cameras[1].intrinsics.fx == pytest.approx(1500.472)
    assert codes(found)[0] == ("calibration-differs", "warning")
    assert "camera 8" in found.origin.problems[0].message


def test_calibration_of_other_cameras_gives_way_to_the_published_ones(tmp_path):
    path = written(tmp_path)
    calibrated(tmp_path, lenses=[(1200, 1200, 1000, 1000)] * 14)
    found = read(path)
    assert found.cameras[0].intrinsics.fx == pytest.approx(m.LENSES[0][0])
    assert ("calibration-differs", "warning") in codes(found)


def test_cameras_that_the_calibration_lacks_are_the_published_ones(tmp_path):
    path = written(tmp_path)
    calibrated(tmp_path, names=[0, 1, 2])
    found = read(path)
    assert found.cameras[1].intrinsics.fx == pytest.approx(m.LENSES[8][0])
    assert codes(found)[0] == ("calibration-incomplete", "warning")
    assert "lacks camera 3, 4" in found.origin.problems[0].message


def test_each_sequence_has_its_own_calibration(tmp_path):
    lenses = [tuple(value + 0.3 for value in lens) for lens in m.LENSES]
    written(tmp_path)
    written(tmp_path, m.views_of(TWO_CAMERAS, seed=40), "S2", "Seq1")
    calibrated(tmp_path, lenses=lenses)
    found = read(tmp_path)
    focal = {(s.subject, s.camera): found.cameras[found.camera[s.start]].intrinsics.fx for s in found.sequences}
    assert focal["S1", "0"] == pytest.approx(m.LENSES[0][0] + 0.3)
    assert focal["S2", "0"] == pytest.approx(m.LENSES[0][0])


def test_the_release_has_the_same_calibration_in_every_folder(tmp_path):
    for subject in ("S1", "S2"):
        path = written(tmp_path, m.views_of(TWO_CAMERAS, seed=int(subject[1])), subject)
        m.write_calibration(path.with_name("camera.calibration"))
    assert read(tmp_path).subjects == ("S1", "S2")


def test_cameras_without_poses(tmp_path):
    with pytest.raises(InputError, match="cameras without poses. Name the annot.mat"):
        read(calibrated(tmp_path))


def test_same_sequence_twice(tmp_path):
    for index, copy in enumerate(("one", "other")):
        written(tmp_path / copy, m.views_of(TWO_CAMERAS, seed=index))
    with pytest.raises(InputError, match="are both S1 Seq1. Name one of them"):
        read(tmp_path)


def test_the_short_video_is_a_known_problem(tmp_path):
    views = m.views_of(("2",))
    assert ("short-video", "note") in codes(read(written(tmp_path, views, "S6", "Seq2")))
    assert ("short-video", "note") not in codes(read(written(tmp_path, views, "S6", "Seq1")))


def test_unknown_cameras_stay_unknown(tmp_path):
    cells = np.empty((2, 1), object)
    for index, (seen, _) in enumerate(m.views_of(TWO_CAMERAS).values()):
        cells[index, 0] = w.mpi_pixels(m.all_joints(seen), (900, 900, 640, 360)).reshape(5, -1)
    found = read(written(tmp_path, annot2=cells))
    assert ("camera-unknown", "warning") in codes(found)
    assert found.cameras[0].intrinsics is None


def cells_of(make):
    cells = np.empty((2, 1), object)
    for index, (seen, _) in enumerate(m.views_of(TWO_CAMERAS).values()):
        cells[index, 0] = make(m.all_joints(seen))
    return cells


WRONG = {
    "metres": (
        {"annot3": cells_of(lambda j: j.reshape(5, -1) / 1000)},
        r"annot3\[0\]: .*in m, this layout has them in mm",
    ),
    "17 joints": ({"annot3": cells_of(lambda j: j[:, :17].reshape(5, -1))}, r"annot3\[0\]: .*shape \(5, 84\)"),
    "another order": ({"annot3": cells_of(lambda j: j[:, ::-1].reshape(5, -1))}, r"annot3\[0\]: .*the order of 3dhp28"),
    "three axes": ({"annot3": cells_of(lambda j: j)}, r"annot3\[0\]: .*shape \(5, 84\)"),
    "text": ({"annot3": cells_of(lambda j: "poses")}, r"annot3\[0\]: .*expected numbers"),
    "too few rows": ({"annot3": cells_of(lambda j: j[:4].reshape(4, -1))}, r"annot3\[0\]: float64 \(4, 84\), expected"),
    "normalised": ({"annot2": cells_of(lambda j: j[..., :2].reshape(5, -1) / 4000)}, r"annot2\[0\]: .*normalised"),
    "one camera too many": ({"cameras": np.array([[0, 8, 9]])}, "annot2?3?: 2 entries, expected one for each of 3"),
    "a camera twice": ({"cameras": np.array([[0, 0]])}, "cameras: cameras 0, 0, expected different numbers"),
    "cameras by name": ({"cameras": "0 8"}, "cameras: .*expected numbers"),
    "every second frame": ({"frames": np.arange(0, 10, 2)[:, None]}, "frames: expected all frames"),
    "no cell": ({"annot2": np.zeros((5, 56))}, "annot2: .*expected a cell"),
    "no frames": ({"frames": None}, "lacks frames; it may be cut off"),
    "no cameras": ({"cameras": None}, "lacks cameras; it may be cut off"),
    "no annot2": ({"annot2": None}, "lacks annot2; it may be cut off"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(changes, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^annot\.mat: .*{said}"):
        read(written(tmp_path, **changes))


def test_no_frame(tmp_path):
    with pytest.raises(InputError, match="no frame"):
        read(written(tmp_path, m.views_of(TWO_CAMERAS, 5), frames=np.zeros((0, 1))))


def test_a_file_without_the_cells(tmp_path):
    with pytest.raises(UnknownLayoutError):
        read(written(tmp_path, annot2=None, annot3=None))


def test_a_damaged_file_beside_a_sound_one_is_not_left_out(tmp_path):
    written(tmp_path)
    path = written(tmp_path, m.views_of(TWO_CAMERAS, seed=9), "S2")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArchiveError, match="S2/Seq1/annot.mat: .*etch it again"):
        read(tmp_path)


def test_sequence_without_frames_beside_another(tmp_path):
    written(tmp_path, m.views_of(TWO_CAMERAS, 5), frames=np.zeros((0, 1)))
    written(tmp_path, m.views_of(TWO_CAMERAS, 4), action="Seq2")
    assert [s.length for s in read(tmp_path).sequences] == [4, 4]
