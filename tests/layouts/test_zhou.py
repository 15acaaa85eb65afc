import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_3dhp as m

SEEN = w.mpi_view(6)
PIXELS = w.mpi_pixels(SEEN, w.TS5_CAMERA)
FRAMES = np.array([3, 4, 5, 9, 10, 11])


def read_one(path, three=None, two=PIXELS, name="TS5", frames=FRAMES, **changes):
    three = w.universal(SEEN) if three is None else three
    return read(m.write_d9(path / "annotTest.h5", {name: (three, two, frames)}, **changes))


def test_universal_poses_are_a_known_problem(tmp_path):
    found = read_one(tmp_path)
    assert [(p.code, p.severity) for p in found.origin.problems] == [("univ-annot3", "note")]


def test_rows_are_put_into_the_order_of_frames(tmp_path):
    order = [4, 0, 5, 2, 1, 3]
    found = read_one(tmp_path, w.universal(SEEN)[order], PIXELS[order], frames=FRAMES[order])
    np.testing.assert_allclose(found.poses_3d, w.universal(SEEN) / 1000, atol=1e-5)
    np.testing.assert_allclose(found.poses_2d, PIXELS, atol=2e-3)
    assert found.rows.tolist() == [1, 4, 3, 5, 0, 2]
    assert any("order of frames" in note for note in found.origin.notes)


def test_rows_of_sequences_may_be_mixed(tmp_path):
    found = read_one(tmp_path, TSId=np.array([5, 6, 5, 6, 5, 6]))
    assert [(s.subject, s.length) for s in found.sequences] == [("TS5", 3), ("TS6", 3)]
    np.testing.assert_allclose(found.poses_2d, PIXELS[[0, 2, 4, 1, 3, 5]], atol=2e-3)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_frames_that_are_not_valid_are_left_out(shape, tmp_path):
    found = read_one(tmp_path, valid_frame=np.array([1, 0, 1, 1, 0, 1]).reshape(shape))
    np.testing.assert_allclose(found.poses_2d, PIXELS[[0, 2, 3, 5]], atol=2e-3)
    assert found.rows.tolist() == [0, 2, 3, 5]


def test_without_flags_all_are_valid(tmp_path):
    assert len(read_one(tmp_path, valid_frame=None)) == 6


def test_no_valid_frame(tmp_path):
    with pytest.raises(InputError, match="no frame is valid"):
        read_one(tmp_path, valid_frame=np.zeros(6))


def test_2d_that_is_cropped_is_a_problem(tmp_path):
    found = read_one(tmp_path, two=PIXELS - [300, 100])
    assert [p.code for p in found.origin.problems] == ["camera-unknown"]
    assert found.cameras[0].intrinsics is None


def test_camera_is_found_under_another_name(tmp_path):
    found = read_one(tmp_path, name="TS1")
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.TS5_CAMERA[0], abs=0.005)
    assert any("published camera of TS5" in note for note in found.origin.notes)


WRONG = {
    "metres": ({"univ_annot3": SEEN / 1000}, "in m, this layout has them in mm"),
    "H36M order": ({"univ_annot3": SEEN[:, m.H36M17_OF_MPI17]}, "They look like h36m17"),
    "16 joints": ({"univ_annot3": SEEN[:, :16]}, "univ_annot3: .*expected numbers of shape"),
    "other lengths": ({"annot_2d": PIXELS[:5]}, "annot_2d: .*expected numbers of shape"),
    "normalised": ({"annot_2d": PIXELS / 1920}, "they are normalised"),
    "seventh sequence": ({"TSId": np.full(6, 7)}, "TSId: sequence 7, expected 1 to 6"),
    "no number": ({"TSId": np.full(6, np.nan)}, "TSId: sequence nan"),
    "text": ({"TSId": np.array([b"TS5"] * 6)}, "TSId: .*expected one number a row"),
    "table": ({"data_id": np.ones((6, 2))}, "data_id: .*expected one number a row"),
    "frames missing": ({"data_id": np.arange(5)}, "data_id: 5 rows, TSId has 6"),
    "frame twice": ({"data_id": np.array([1, 2, 3, 4, 5, 5])}, "a frame of a sequence more than once"),
    "flags missing": ({"valid_frame": np.ones(5)}, "valid_frame: 5 flags for 6 rows"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(changes, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^annotTest\.h5: .*{said}"):
        read_one(tmp_path, **changes)


@pytest.mark.parametrize("missing", ["data_id", "univ_annot3", "annot_2d"])
def test_data_set_that_is_missing(missing, tmp_path):
    with pytest.raises(UnknownLayoutError, match=f"zhou: lacks data sets {missing}"):
        read_one(tmp_path, **{missing: None})


def test_two_files(tmp_path):
    for index, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        m.write_d9(tmp_path / name / "annotTest.h5", {"TS5": (w.universal(SEEN), PIXELS, FRAMES + index)})
    with pytest.raises(InputError, match="both hold the test set"):
        read(tmp_path)
