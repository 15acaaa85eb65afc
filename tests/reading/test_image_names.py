import numpy as np
import pytest

from poseda_cli.errors import ArchiveError
from poseda_cli.reading import image_names
from poseda_cli.reading.image_names import View, in_time, parse, read_names

H36M, MPI = "h36m", "mpi_inf_3dhp"
STEMS = {
    "S1/S1_Directions_1.54138969/S1_Directions_1.54138969": View("S1", "Directions 1", "54138969", H36M, True),
    "images/S9_Directions_1.54138969": View("S9", "Directions 1", "54138969", H36M, True),
    "images\\S9_Directions_1.54138969": View("S9", "Directions 1", "54138969", H36M, True),
    "S5_SittingDown.60457274": View("S5", "SittingDown", "60457274", H36M, True),
    "S1_TakingPhoto_1.54138969": View("S1", "Photo 1", "54138969", H36M, True),
    "S1_WalkingDog.58860488": View("S1", "WalkDog", "58860488", H36M, True),
    "S1_Seq1_Cam0": View("S1", "Seq1", "0", MPI, False),
    "images/S8_Seq2_Cam13": View("S8", "Seq2", "13", MPI, False),
    "TS1": View("TS1", "Seq1", "TS1", MPI, False),
    "S1/Seq1/imageFrames/video_0/frame": View("S1", "Seq1", "0", MPI, False),
    "data/S1/Seq2/imageFrames/video_8/frame": View("S1", "Seq2", "8", MPI, False),
    "mpi_inf_3dhp_test_set/TS3/imageSequence/img": View("TS3", "Seq1", "TS3", MPI, False),
    "S1_Seq1.0": View("S1", "Seq1", "0", MPI, True),
    "TS1_Seq1.TS1": View("TS1", "Seq1", "TS1", MPI, True),
    "S9_Walking_1_54138969_copy2.TS5": View("S9", "Walking 1 54138969 copy2", "TS5", None, True),
    "S12_Walking.54138969": View("S12", "Walking", "54138969", None, True),
    "S1_Walking.webcam": View("S1", "Walking", "webcam", None, True),
}


@pytest.mark.parametrize(("stem", "view"), STEMS.items(), ids=STEMS)
def test_forms_of_names(stem, view):
    assert parse(stem) == view


@pytest.mark.parametrize("stem", ["", "im0001", "COCO_train2014", "S1_Walking", "courtyard/image", "TSx", "S1/Seq1"])
def test_other_names_are_of_no_view(stem):
    assert parse(stem) is None


@pytest.mark.parametrize("dtype", ["U", "S"])
def test_rows_and_frame_numbers(dtype, monkeypatch):
    monkeypatch.setattr(image_names, "BLOCK", 2)
    names = [
        "S1_Seq1_Cam0_000011.jpg",
        "TS1_000001.png",
        "x/S1_Seq1_Cam0_000001.jpg",
        "TS1_000002.png",
        "TS1_000009.png",
    ]
    found = read_names(np.array(names, dtype), "x.npz", "imgname")
    assert {view.subject: rows.tolist() for view, rows in found.views.items()} == {"S1": [0, 2], "TS1": [1, 3, 4]}
    assert found.frames.tolist() == [11, 1, 1, 2, 9]


@pytest.mark.parametrize("name", ["im0001.jpg", "S1_Seq1_Cam0_frame.jpg", "", "TS1_٣.jpg", f"TS1_{'9' * 30}.jpg"])
def test_unknown_names_are_named_with_their_row(name):
    with pytest.raises(ArchiveError, match=rf"^x\.npz: imgname: row 1 is {name!r}, .*S1_Seq1_Cam0_000001\.jpg"):
        read_names(np.array(["TS1_000001.jpg", name]), "x.npz", "imgname")


def test_no_names():
    assert read_names(np.empty(0, "U1"), "x.npz", "imgname").views == {}


def walk(frames):
    return np.repeat(np.arange(frames, dtype=float)[:, None, None], 3, axis=2)


def test_shuffled_rows_are_sorted_by_their_numbers():
    order = np.array([3, 0, 4, 1, 2])
    assert in_time(np.arange(5), order + 1, walk(5)[order]).tolist() == [1, 3, 4, 0, 2]


def test_shuffled_numbers_of_rows_in_order_are_not_believed():
    assert in_time(np.arange(5), np.array([4, 1, 5, 2, 3]), walk(5)).tolist() == [0, 1, 2, 3, 4]


def test_only_the_rows_of_the_view_count():
    frames = np.array([20, 1, 40, 5, 10, 3, 30, 2])
    poses = np.where(frames >= 10, frames, 1e6 * frames)[:, None, None].astype(float)
    assert in_time(np.array([0, 2, 4, 6]), frames, poses).tolist() == [4, 0, 6, 2]


def test_numbers_in_order_need_no_look_at_the_poses():
    assert in_time(np.array([1, 3]), np.array([0, 7, 0, 7]), walk(0)).tolist() == [1, 3]
