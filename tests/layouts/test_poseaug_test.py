import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_2d as d
from .cases_2d import TEST_LENSES, poseaug

WHOLE = (603, 540, 505, 553, 276, 452)


def arrays(names=("TS1", "TS2", "TS5"), lengths=(9, 7, 8), seed=90):
    parts = [w.mpi_view(length, seed=seed + index) for index, length in enumerate(lengths)]
    sizes = [(1920, 1080) if name in ("TS5", "TS6") else (2048, 2048) for name in names]
    return d.poseaug(parts, [TEST_LENSES[name] for name in names], sizes)


def read_arrays(tmp_path, pose3d, pose2d):
    np.savez(tmp_path / "test_3dhp.npz", pose3d=pose3d, pose2d=pose2d)
    return read(tmp_path / "test_3dhp.npz")


def names(found):
    return [(s.subject, s.length) for s in found.sequences]


@pytest.mark.parametrize("ts6", [452, 392])
def test_documented_order_is_believed_once_its_cameras_fit(ts6, tmp_path):
    lengths = (*WHOLE[:5], ts6)
    poseaug(tmp_path, tuple(TEST_LENSES), lengths)
    found = read(tmp_path)
    assert names(found) == list(zip(TEST_LENSES, lengths, strict=True))
    assert any("documented order" in note for note in found.origin.notes)


def test_documented_number_of_rows_in_another_order(tmp_path):
    data = arrays(tuple(reversed(TEST_LENSES)), tuple(reversed(WHOLE)))
    found = read_arrays(tmp_path, **data)
    assert names(found) == [("TS5", 728), ("TS1", 1661), ("TS2", 540)]
    assert not any("documented order" in note for note in found.origin.notes)
    assert any("TS1 stands for TS1, TS3 and TS4" in note for note in found.origin.notes)


def test_shuffled_rows_go_to_their_cameras(tmp_path):
    data = arrays()
    order = np.random.default_rng(3).permutation(24)
    found = read_arrays(tmp_path, data["pose3d"][order], data["pose2d"][order])
    for sequence in found.sequences:
        rows = order[found.rows[sequence.start : sequence.start + sequence.length]]
        expected = {"TS1": range(9), "TS2": range(9, 16), "TS5": range(16, 24)}[sequence.camera]
        assert sorted(rows) == list(expected)
    np.testing.assert_allclose(found.poses_3d, data["pose3d"][order][found.rows], atol=1e-6)


def test_float32_and_six_digits_still_tell_the_cameras_apart(tmp_path):
    data = arrays(lengths=(60, 60, 60))
    points = data["pose2d"].astype(np.float32)
    # A hundredth of a pixel and of a millimetre, as the release rounds.
    noise = np.random.default_rng(4)
    points += noise.uniform(-0.005, 0.005, points.shape) / 1024
    poses = np.round(data["pose3d"], 5).astype(np.float32)
    assert names(read_arrays(tmp_path, poses, points)) == [("TS1", 60), ("TS2", 60), ("TS5", 60)]


def test_knees_and_feet_of_another_body_are_forgiven(tmp_path):
    data = arrays(("TS5",), (20,))
    for joint in (2, 3, 5, 6):
        data["pose3d"][:, joint] += 0.04
    assert names(read_arrays(tmp_path, **data)) == [("TS5", 20)]


def human36m(lens, frames=8):
    """Poses before the four cameras of S9, 16 joints, with or without the lens' distortion."""
    poses, points = [], []
    for index, camera in enumerate(w.CAMERAS):
        world = w.motion(frames, seed=95 + index)[:, w.H36M17_OF_32][:, w.H36M16_OF_17]
        seen = w.h36m_view(world, "S9", camera)
        (fx, fy, cx, cy), _, _, size = w.H36M_LENSES[camera]
        pixels = w.h36m_pixels(seen, camera) if lens else w.mpi_pixels(seen, (fx, fy, cx, cy))
        poses.append(seen - seen[:, :1])
        points.append((2 * pixels - np.array(size)) / size[0])
    return {"pose3d": np.concatenate(poses), "pose2d": np.concatenate(points)}


@pytest.mark.parametrize("lens", [False, True])
def test_cameras_of_human36m(lens, tmp_path):
    found = read_arrays(tmp_path, **human36m(lens))
    assert found.origin.dataset == "h36m"
    assert [(s.camera, s.length) for s in found.sequences] == [(camera, 8) for camera in w.CAMERAS]
    assert all((camera.distortion is not None) == lens for camera in found.cameras)


def test_cameras_that_nobody_published(tmp_path):
    seen = w.mpi_view(10, seed=97)
    data = d.poseaug([seen], [d.PHONE], [(1920, 1080)])
    with pytest.raises(InputError, match=r"no published camera took 10 of 10 .*layout `plain` instead"):
        read_arrays(tmp_path, **data)


def test_one_row_that_no_camera_fits(tmp_path):
    data = arrays()
    data["pose2d"][11, [10, 13]] = data["pose2d"][11, [13, 10]]  # the shoulders
    with pytest.raises(InputError, match=r"no published camera took 1 of 24 poses \(row 11 first\)"):
        read_arrays(tmp_path, **data)


def test_axes_normalised_by_their_own_size(tmp_path):
    data = arrays(("TS5",), (20,))
    data["pose2d"][..., 1] *= 1920 / 1080
    with pytest.raises(InputError, match="no published camera"):
        read_arrays(tmp_path, **data)


def test_masked_joints_are_missing_and_counted(tmp_path):
    data = arrays()
    data["pose2d"][3, [12, 15]] = 0
    found = read_arrays(tmp_path, **data)
    gone = np.argwhere(np.isnan(found.poses_2d).all(-1))
    assert [tuple(place) for place in gone] == [(3, 12), (3, 15)]
    assert [(p.code, p.severity) for p in found.origin.problems] == [("masked-joints", "note")]


def test_rows_that_tell_nothing_go_with_those_before(tmp_path):
    data = arrays()
    data["pose2d"][10] = np.nan
    assert names(read_arrays(tmp_path, **data)) == [("TS1", 9), ("TS2", 7), ("TS5", 8)]


def test_nothing_to_tell_by(tmp_path):
    data = arrays()
    with pytest.raises(InputError, match="no published camera"):
        read_arrays(tmp_path, data["pose3d"], np.full_like(data["pose2d"], np.nan))


def pixels(data):
    return {"pose2d": data["pose2d"] * 1024 + 1024}


WRONG = {
    "millimetres": (lambda a: {"pose3d": a["pose3d"] * 1000}, "pose3d: .*in mm, this layout has them in m"),
    "absolute": (lambda a: {"pose3d": a["pose3d"] + [0, 0, 4]}, "pose3d: roots lie 4.00 m from the origin"),
    "order of MPII": (
        lambda a: {"pose3d": a["pose3d"][:, [3, 2, 1, 4, 5, 6, 0, 7, 8, 9, 15, 14, 13, 10, 11, 12]]},
        "pose3d: .*They look like mpii16",
    ),
    "pixels": (pixels, "pose2d: .*they are in pixels"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG)
def test_what_contradicts_the_layout(change, said, tmp_path):
    data = arrays()
    with pytest.raises(ArchiveError, match=rf"^test_3dhp\.npz: {said}"):
        read_arrays(tmp_path, **(data | change(data)))


@pytest.mark.parametrize(("three", "two"), [(5, 4), (0, 0)])
def test_unlike_numbers_of_rows(three, two, tmp_path):
    with pytest.raises(InputError, match=rf"{three} rows of pose3d, {two} of pose2d"):
        read_arrays(tmp_path, np.zeros((three, 16, 3)), np.zeros((two, 16, 2)))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"pose3d": np.zeros((4, 17, 3)), "pose2d": np.zeros((4, 17, 2))}, r"pose3d is float64 \(4, 17, 3\), expected"),
        ({"pose3d": np.zeros((4, 16, 3)), "pose2d": np.zeros((4, 16, 2), int)}, "pose2d is int64"),
        ({"pose3d": np.zeros((4, 16, 3))}, "lacks pose2d"),
    ],
    ids=["17 joints", "integers", "no 2D"],
)
def test_members_that_are_not_the_layout_s(members, said, tmp_path):
    np.savez(tmp_path / "test_3dhp.npz", **members)
    with pytest.raises(UnknownLayoutError, match=rf"poseaug-test: {said}"):
        read(tmp_path / "test_3dhp.npz")


def test_two_test_sets(tmp_path):
    for name in ("one.npz", "other.npz"):
        np.savez(tmp_path / name, **arrays(seed=len(name) * 10))
    with pytest.raises(InputError, match="Name one of them"):
        read(tmp_path)


def test_real_frames_of_ts5(shared_data, tmp_path):
    with h5py.File(shared_data / "mpi_inf_3dhp_test_set" / "TS5" / "annot_data.mat") as file:
        valid = file["valid_frame"][:, 0] == 1
        univ, pixels = (file[name][valid, 0][:, d.H36M16_OF_MPI] for name in ("univ_annot3", "annot2"))
    found = read_arrays(tmp_path, (univ - univ[:, :1]) / 1000, (2 * pixels - [1920, 1080]) / 1920)
    assert names(found) == [("TS5", 276)]
    np.testing.assert_allclose(found.poses_2d, pixels, atol=1e-3)
    assert found.cameras[0].intrinsics.fx == pytest.approx(1683.983, abs=0.001)
