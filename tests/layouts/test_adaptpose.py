import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_3dhp as m

EIGHT = [str(camera) for camera in m.VNECT]
VIEWS = {name: tuple(p[:, m.H36M16_OF_MPI17] for p in pair) for name, pair in m.views_of(EIGHT).items()}
THREE = {("S1", "Seq1"): [seen for seen, _ in VIEWS.values()]}
TWO = {("S1", "Seq1"): {name: pixels for name, (_, pixels) in VIEWS.items()}}
SAME = list(range(16))
SEEN = w.mpi_view(5)[:, m.H36M16_OF_MPI17]
PIXELS = w.mpi_pixels(SEEN, w.TS5_CAMERA)
EXCHANGED = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 13, 14, 15, 10, 11, 12]


def notes(dataset):
    return " ".join(dataset.origin.notes)


@pytest.mark.parametrize("order", [m.ADAPT16_OF_H36M16, SAME], ids=["adaptpose16", "h36m16"])
@pytest.mark.parametrize("points_order", [m.ADAPT16_OF_H36M16, SAME], ids=["2D adaptpose16", "2D h36m16"])
def test_orders_of_training_files_are_told_by_the_poses(order, points_order, tmp_path):
    m.write_d12_train(tmp_path, THREE, TWO, order, points_order)
    found = read(tmp_path)
    np.testing.assert_allclose(found.poses_3d, np.concatenate(THREE["S1", "Seq1"]) / 1000, atol=1e-5)
    np.testing.assert_allclose(found.poses_2d, np.concatenate(list(TWO["S1", "Seq1"].values())), atol=2e-3)
    assert found.origin.problems == ()
    names = {tuple(SAME): "h36m16"}
    assert f"3D joints in the order of {names.get(tuple(order), 'adaptpose16')}" in notes(found)
    assert f"2D joints in the order of {names.get(tuple(points_order), 'adaptpose16')}" in notes(found)


def test_2d_alone_is_taken_for_what_the_reader_takes_it(tmp_path):
    m.write_d12_train(tmp_path, None, TWO)
    found = read(tmp_path)
    assert found.origin.stored.skeleton.name == "adaptpose16"
    assert "2D alone cannot tell" in notes(found)


@pytest.mark.parametrize("form", [int, str])
def test_keys_of_cameras_may_be_numbers_or_text(form, tmp_path):
    m.write_d12_train(tmp_path, None, {("S1", "Seq1"): {form(name): p for name, p in TWO["S1", "Seq1"].items()}})
    assert read(tmp_path).camera_names == tuple(EIGHT)


def test_cameras_that_are_only_counted_are_found_by_reprojection(tmp_path):
    counted = {("S1", "Seq1"): {str(i): p for i, p in enumerate(TWO["S1", "Seq1"].values())}}
    m.write_d12_train(tmp_path, THREE, counted)
    assert read(tmp_path).camera_names == tuple(EIGHT)


def test_all_rows_of_ts3_are_kept(tmp_path):
    seen = w.mpi_view(130)[:, m.H36M16_OF_MPI17]
    m.write_d12_test(tmp_path, {"TS3": seen}, {"TS3": w.mpi_pixels(seen, w.CAMERA_8)})
    found = read(tmp_path)
    assert len(found) == 130
    np.testing.assert_allclose(found.poses_3d, seen / 1000, atol=1e-5)


@pytest.mark.parametrize("kind", ["annot3", "univ_annot3"])
def test_universal_poses_are_told_by_reprojection(kind, tmp_path):
    three = w.universal(w.mpi_view(5))[:, m.H36M16_OF_MPI17] if kind == "univ_annot3" else SEEN
    m.write_d12_test(tmp_path, {"TS5": three}, {"TS5": PIXELS})
    assert [p.code for p in read(tmp_path).origin.problems] == (["univ-annot3"] if kind == "univ_annot3" else [])


@pytest.mark.parametrize(
    ("three", "two", "said"),
    [
        (SEEN[:, EXCHANGED], PIXELS[:, EXCHANGED], "knees bend backwards"),
        (SEEN, PIXELS[:, EXCHANGED], "left and right of 2D are those of 3D exchanged"),
    ],
    ids=["both", "2D"],
)
def test_exchanged_sides_of_a_test_file_are_refused(three, two, said, tmp_path):
    m.write_d12_test(tmp_path, {"TS5": three}, {"TS5": two})
    with pytest.raises(ArchiveError, match=said) as told:
        read(tmp_path)
    assert told.value.code == "joint-order"


@pytest.mark.parametrize("given", ["train 3D", "train 2D"])
def test_a_test_file_needs_both_kinds_of_training_poses(given, tmp_path):
    m.write_d12_test(tmp_path, {"TS5": SEEN}, {"TS5": PIXELS})
    m.write_d12_train(tmp_path, THREE if "3D" in given else None, TWO if "2D" in given else None)
    with pytest.raises(InputError, match="cannot be read as one data set"):
        read(tmp_path)


def test_all_three_files_together(tmp_path):
    m.write_d12_test(tmp_path, {"TS5": SEEN}, {"TS5": PIXELS})
    m.write_d12_train(tmp_path, THREE, TWO)
    found = read(tmp_path)
    assert found.subjects == ("S1", "TS5")
    assert found.origin.stored is None
    np.testing.assert_allclose(found.poses_3d[-5:], SEEN / 1000, atol=1e-5)


def test_metres_are_refused(tmp_path):
    m.write_d12_test(tmp_path, {"TS5": SEEN / 1000}, {"TS5": PIXELS})
    with pytest.raises(ArchiveError, match="in m, this layout has them in mm"):
        read(tmp_path)
