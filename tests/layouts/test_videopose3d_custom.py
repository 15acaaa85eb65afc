import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_2d as d


def custom(tmp_path, videos=None, **metadata):
    return read(d.write_custom(tmp_path / "data_2d_custom_phone.npz", videos, **metadata))


def h36m_people(frames=6):
    return w.mpi_pixels(w.mpi_view(frames, seed=35), d.PHONE)[:, d.H36M17_OF_MPI]


def test_midpoints_of_coco_computed_by_hand(tmp_path):
    points = d.coco_people(1, 36)
    # Left and right: hips 930 and 990, shoulders 920 and 1000, eyes 955 and 965 across.
    points[0, [11, 12]] = [990, 600], [930, 610]
    points[0, [5, 6]] = [1000, 400], [920, 420]
    points[0, [0, 1, 2, 3, 4]] = [960, 350], [965, 340], [955, 342], [972, 344], [948, 346]
    found = custom(tmp_path, {"a": points})
    place = found.skeleton.position
    expected = {
        "Hip": (960, 605), "Thorax": (960, 410), "Spine": (960, 507.5), "Neck/Nose": (960, 350), "Head": (960, 341),
        "LHip": (990, 600), "RShoulder": (920, 420),
    }  # fmt: skip
    for joint, xy in expected.items():
        np.testing.assert_allclose(found.poses_2d[0, place[joint]], xy, atol=1e-3)
    assert any("midpoints" in note for note in found.origin.notes)


def test_orders_other_than_coco(tmp_path):
    points = h36m_people()
    mpii = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]
    for layout, symmetry, joints, skeleton in (
        ("h36m", w.H36M_SYMMETRY, list(range(17)), "h36m17"),
        (None, w.H36M_SYMMETRY, list(range(17)), "h36m17"),
        ("h36m", None, list(range(17)), "h36m17"),
        (None, [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]], w.H36M16_OF_17, "h36m16"),
        ("mpii", [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]], mpii, "h36m16"),
    ):  # fmt: skip
        found = custom(tmp_path, {"a": points[:, joints]}, layout_name=layout, keypoints_symmetry=symmetry)
        assert found.skeleton.name == skeleton
        expected = points if skeleton == "h36m17" else points[:, w.H36M16_OF_17]
        np.testing.assert_allclose(found.poses_2d, expected, atol=2e-3)


@pytest.mark.parametrize(
    ("points", "metadata", "said"),
    [
        (h36m_people(), {}, "not in COCO's order"),
        (d.coco_people(6, 37), {"layout_name": "h36m", "keypoints_symmetry": None}, "not in the order of h36m17"),
        (d.coco_people(6, 37), {"layout_name": "h36m"}, "layout_name is 'h36m', keypoints_symmetry is that of coco17"),
        (d.coco_people(6, 37), {"keypoints_symmetry": [[1], [2]]}, "keypoints_symmetry is .*another order"),
        (d.coco_people(6, 37), {"layout_name": None, "keypoints_symmetry": None}, "neither keypoints_symmetry nor"),
        (d.coco_people(6, 37)[:, [0, 1, 2, 3, 4, 6, 5, *range(7, 17)]], {}, "left and right of hips and shoulders"),
        (d.coco_people(6, 37) / 1000, {}, "normalised or empty"),
        (d.coco_people(6, 37) + 1200, {}, "outside of their images"),
        (np.zeros((4, 133, 2)), {}, "133 joints, expected 17 or 16"),
        (np.zeros((4, 17, 5)), {}, "expected numbers"),
        (np.zeros((4, 17, 2), "U3"), {}, "could not|expected numbers"),
    ],
    ids=[
        "h36m order called coco", "coco order called h36m", "contradiction", "unknown order", "no word on the order",
        "shoulders exchanged", "normalised", "outside the image", "whole body", "columns", "text",
    ],
)  # fmt: skip
def test_what_contradicts_the_layout(points, metadata, said, tmp_path):
    path = d.write_custom(tmp_path / "custom.npz", None, **metadata)
    stated = np.load(path, allow_pickle=True)["metadata"].item()
    stated["video_metadata"] = {"a": {"w": 1920, "h": 1080}}
    np.savez(path, positions_2d={"a": {"custom": [points]}}, metadata=stated)
    with pytest.raises(ArchiveError, match=rf"^custom\.npz: .*{said}"):
        read(path)


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        ([], "one array"),
        ([d.coco_people(2, 1), d.coco_people(2, 2)], "one array"),
        (d.coco_people(2, 1), "one array"),
        ([None], "one array"),
    ],
    ids=["none", "two", "no list", "nothing in it"],
)
def test_video_that_is_not_one_array(leaf, said, tmp_path):
    positions = {"a": {"custom": [d.coco_people(2, 3)]}, "b": {"custom": leaf}}
    np.savez(tmp_path / "c.npz", positions_2d=positions, metadata={"layout_name": "coco"})
    with pytest.raises(ArchiveError, match=rf"^c\.npz: positions_2d\['b'\]: .*{said}"):
        read(tmp_path / "c.npz")


def test_without_metadata(tmp_path):
    np.savez(tmp_path / "c.npz", positions_2d={"a": {"custom": [d.coco_people(2, 3)]}})
    with pytest.raises(UnknownLayoutError, match="videopose3d-custom: lacks a member metadata"):
        read(tmp_path / "c.npz")


@pytest.mark.parametrize("sizes", [None, {}, {"a": None}, {"a": {"w": "1920"}}, {"a": {"w": 0, "h": 5}}, 3])
def test_unknown_image_sizes(sizes, tmp_path):
    found = custom(tmp_path, {"a": d.coco_people(3, 4)}, video_metadata=sizes)
    assert any("a unknown" in note for note in found.origin.notes)


def test_image_sizes_are_noted(tmp_path):
    assert any("street.mp4 1920 x 1080" in note for note in custom(tmp_path).origin.notes)


def test_confidence_is_left_out(tmp_path):
    points = d.coco_people(3, 5)
    found = custom(tmp_path, {"a": np.concatenate([points, np.full((3, 17, 1), 0.5)], axis=-1)})
    np.testing.assert_allclose(found.poses_2d, d.as_h36m17(points), atol=2e-3)


def test_same_video_in_two_archives(tmp_path):
    d.write_custom(tmp_path / "one.npz", {"a": d.coco_people(3, 6)})
    d.write_custom(tmp_path / "other.npz", {"a": d.coco_people(3, 7)})
    with pytest.raises(InputError, match="a is in more than one"):
        read(tmp_path)


def test_archives_of_unlike_joints(tmp_path):
    d.write_custom(tmp_path / "one.npz", {"a": d.coco_people(3, 6)})
    symmetry = [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]]
    points = h36m_people()[:, w.H36M16_OF_17]
    d.write_custom(tmp_path / "other.npz", {"b": points}, layout_name=None, keypoints_symmetry=symmetry)
    with pytest.raises(InputError, match="unlike joints"):
        read(tmp_path)


def test_align_asks_for_the_camera_and_takes_it(poseda, tmp_path, source_file):
    path = d.write_custom(tmp_path / "data_2d_custom_phone.npz")
    result = poseda("align", source_file, "--target", path, "-o", tmp_path / "out", code=3)
    assert "--intrinsics" in result.stderr
    given = ["--intrinsics", "1200,1180,960,540,1920,1080", "--stride", 50]
    poseda("align", source_file, "--target", path, *given, "-o", tmp_path / "out")
    assert (tmp_path / "out" / "augmented.h5").is_file()


@pytest.mark.parametrize("symmetry", [[[np.inf], [1]], [[np.zeros((2, 2))], [np.zeros(3)]], 5, [[[]]]], ids=str)
def test_symmetry_that_is_no_pairs_of_joints(symmetry, tmp_path):
    with pytest.raises(ArchiveError, match="metadata: keypoints_symmetry is .*, expected") as caught:
        custom(tmp_path, keypoints_symmetry=symmetry)
    assert "\n" not in str(caught.value)
