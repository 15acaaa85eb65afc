import re

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import layout_module, read

from . import writers as w
from . import writers_2d as d

SEEN = w.mpi_view(6, seed=81)[:, d.H36M17_OF_MPI] / 1000
POINTS = w.mpi_pixels(SEEN, d.PHONE)
LENS = {"intrinsics": d.PHONE, "image_size": (1920, 1080)}


def plain(tmp_path, **arrays):
    np.savez(tmp_path / "poses.npz", **({"joints": w.H36M_JOINTS} | arrays))
    return read(tmp_path / "poses.npz")


def codes(found):
    return [problem.code for problem in found.origin.problems]


def test_joints_of_every_set_in_any_order(tmp_path):
    raw = w.motion(4, seed=82).astype(np.float64)
    raw = np.stack([raw[..., 0], 1.2 - raw[..., 2], 4 + raw[..., 1]], axis=-1)
    order = np.random.default_rng(1).permutation(32)
    names = "Hips RightUpLeg RightLeg RightFoot RightToeBase RightToeSite LeftUpLeg LeftLeg LeftFoot LeftToeBase"
    names += " LeftToeSite Spine Spine1 Neck Head HeadSite LeftShoulder LeftArm LeftForeArm LeftHand LeftHandThumb"
    names += " LeftThumbSite L_Wrist_End LeftWristSite RightShoulder RightArm RightForeArm RightHand RightHandThumb"
    names += " RightThumbSite R_Wrist_End RightWristSite"
    found = plain(tmp_path, poses_3d=raw[:, order], joints=np.array(names.split())[order])
    assert found.skeleton.name == "h36m32"
    np.testing.assert_allclose(found.poses_3d, raw, atol=1e-6)


def test_joints_beyond_the_set_are_left_out(tmp_path):
    more = np.concatenate([POINTS[:, :1] + 500, POINTS, POINTS[:, 1:2]], axis=1)
    joints = ["tail", *w.H36M_JOINTS, "wing"]
    visible = np.ones((6, 19))
    visible[2, 4] = 0  # the fourth of ours, RFoot
    found = plain(tmp_path, poses_2d=more, joints=joints, visible=visible)
    np.testing.assert_allclose(found.poses_2d, POINTS, atol=1e-3)
    assert any(note == "left out: tail, wing" for note in found.origin.notes)
    assert [tuple(place) for place in np.argwhere(~found.visible)] == [(2, 3)]


def test_coco_keypoints_become_h36m17(tmp_path):
    people = d.coco_people(4, 83)
    visible = np.ones((4, 17), bool)
    visible[1, 12] = False
    found = plain(tmp_path, poses_2d=people, joints=d.COCO_JOINTS, visible=visible)
    np.testing.assert_allclose(found.poses_2d, d.as_h36m17(people), atol=1e-3)
    assert {w.H36M_JOINTS[joint] for joint in np.flatnonzero(~found.visible[1])} == {"RHip", "Hip", "Spine"}


def test_root_at_the_origin_is_root_relative(tmp_path):
    found = plain(tmp_path, poses_3d=SEEN - SEEN[:, :1])
    assert not found.absolute
    assert found.origin.stored.frame == "root-relative"


def test_sequences_of_rows_that_are_mixed(tmp_path):
    found = plain(
        tmp_path,
        poses_2d=POINTS,
        subject=[1, 2, 1, 2, 1, 2],
        action="walk",
        camera=np.array([b"a", b"a", b"b", b"a", b"a", b"a"]),
    )
    assert [s[:5] for s in found.sequences] == [
        ("1", "walk", "a", 0, 2),
        ("2", "walk", "a", 2, 3),
        ("1", "walk", "b", 5, 1),
    ]
    assert found.rows.tolist() == [0, 4, 1, 3, 5, 2]
    np.testing.assert_allclose(found.poses_2d, POINTS[[0, 4, 1, 3, 5, 2]], atol=1e-3)


def test_copies_are_sequences_of_their_own(tmp_path):
    found = plain(tmp_path, poses_2d=POINTS, copy=[0, 0, 0, 1, 1, 1])
    assert [s.length for s in found.sequences] == [3, 3]


def test_camera_that_changes_under_one_name(tmp_path):
    lenses = np.array([d.PHONE] * 5 + [w.TS5_CAMERA])
    with pytest.raises(ArchiveError, match=r"intrinsics: camera phone of subject poses has several intrinsics"):
        plain(tmp_path, poses_2d=POINTS, intrinsics=lenses, image_size=(1920, 1080), camera="phone")


def test_image_size_without_intrinsics_is_an_unknown_camera(tmp_path):
    found = plain(tmp_path, poses_2d=POINTS, image_size=(1920, 1080))
    assert found.cameras[0].intrinsics is None


def test_projection_that_fits_is_no_problem_and_one_that_does_not_is(tmp_path):
    assert codes(plain(tmp_path, poses_3d=SEEN, poses_2d=POINTS, **LENS)) == []
    assert codes(plain(tmp_path, poses_3d=SEEN, poses_2d=POINTS - [200, 0], **LENS)) == ["reprojection"]


def test_frames_without_numbers_are_read(tmp_path):
    holes = SEEN.copy()
    holes[2] = np.nan
    found = plain(tmp_path, poses_3d=holes, poses_2d=np.full_like(POINTS, np.nan), **LENS)
    assert np.isnan(found.poses_3d[2]).all() and np.isfinite(found.poses_3d[3]).all()
    assert len(plain(tmp_path, poses_3d=np.full_like(SEEN, np.nan))) == 6


UPWARD = SEEN * [1, -1, 1]
BACKWARD = SEEN * [-1, 1, -1]
WRONG = {
    "millimetres": ({"poses_3d": SEEN * 1000}, "poses_3d: .*in mm, this layout has them in m"),
    "y up": ({"poses_3d": UPWARD}, r"heads are 1\.\d\d m below feet"),
    "z backward": ({"poses_3d": BACKWARD}, "6 of 6 roots are behind the camera"),
    "one root at the origin": (
        {"poses_3d": np.concatenate([SEEN[:5], SEEN[5:] - SEEN[5:, :1]])},
        "1 of 6 roots are at the origin",
    ),
    "normalised 2D": ({"poses_2d": POINTS / 960 - 1}, "poses_2d: .*normalised"),
    "names of another order": ({"poses_2d": POINTS, "joints": w.H36M_JOINTS[::-1]}, "not in the order of h36m17"),
    "3D of COCO": ({"poses_3d": SEEN, "joints": d.COCO_JOINTS}, "joints: 3D poses without a pelvis"),
    "unknown joints": ({"poses_2d": POINTS, "joints": [*w.H36M_JOINTS[:16], "x"]}, "of no joint set. h36m17 .*RWrist"),
    "joint twice": ({"poses_2d": POINTS, "joints": [*w.H36M_JOINTS[:16], "Hip"]}, "joints: Hip more than once"),
    "joints too few": ({"poses_2d": POINTS, "joints": w.H36M_JOINTS[:16]}, "poses_2d: .*expected numbers of shape"),
    "joints are numbers": ({"poses_2d": POINTS, "joints": np.zeros(17)}, "joints: an array of float64, expected names"),
    "text as poses": ({"poses_2d": POINTS.astype(str)}, "poses_2d: .*expected numbers"),
    "unlike lengths": ({"poses_3d": SEEN, "poses_2d": POINTS[:5]}, r"poses_2d: .*expected .* \(6, 17, 2\)"),
    "names too few": ({"poses_2d": POINTS, "action": ["a", "b"]}, r"action: \(2,\) names for 6 poses"),
    "intrinsics without size": ({"poses_2d": POINTS, "intrinsics": d.PHONE}, "intrinsics without image_size"),
    "intrinsics of another order": (
        {"poses_2d": POINTS, "intrinsics": (1200, 960, 1180, 540), "image_size": (1920, 1080)},
        "expected fx, fy, cx, cy",
    ),
    "normalised intrinsics": (
        {"poses_2d": POINTS, "intrinsics": (1.2, 1.2, 0, 0), "image_size": (1920, 1080)},
        "expected fx, fy, cx, cy in pixels",
    ),
    "sizes of nothing": ({"poses_2d": POINTS, "image_size": (0, 0)}, "image_size: sizes below one pixel"),
    "3 x 3 intrinsics": ({"poses_2d": POINTS, "intrinsics": np.eye(3)}, r"expected .* shape \(4,\) or \(6, 4\)"),
    "outside of the image": ({"poses_2d": POINTS, "image_size": (640, 480)}, r"outside of their images \(640 x 480\)"),
    "visible of another shape": ({"poses_2d": POINTS, "visible": np.ones(6)}, "visible: .*expected numbers of shape"),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "said"), WRONG.values(), ids=WRONG)
def test_what_contradicts_the_layout(arrays, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^poses\.npz: .*{said}"):
        plain(tmp_path, **arrays)


def test_without_joints(tmp_path):
    np.savez(tmp_path / "poses.npz", poses_2d=POINTS)
    with pytest.raises(UnknownLayoutError, match="plain: lacks joints, the names of the joints"):
        read(tmp_path / "poses.npz")


@pytest.mark.parametrize("text", [[b"walk"] * 6, b"walk", np.array(["walk"] * 6, object)], ids=["bytes", "one", "text"])
def test_names_as_hdf5_has_them(text, tmp_path):
    joints = np.array(w.H36M_JOINTS, object)
    found = read(d.write_h5(tmp_path / "poses.h5", poses_2d=POINTS, joints=joints, action=text))
    assert [s[:3] for s in found.sequences] == [("poses", "walk", "camera")]


def test_names_that_are_not_utf_8(tmp_path):
    path = d.write_h5(tmp_path / "poses.h5", poses_2d=POINTS, joints=w.H36M_JOINTS, action=np.array([b"\xff"] * 6))
    with pytest.raises(ArchiveError, match=r"^poses\.h5: action: text that is not UTF-8"):
        read(path)


def test_more_cameras_than_a_data_set_can_have(tmp_path):
    poses = np.repeat(POINTS, 11_000, axis=0)
    lenses = np.repeat(np.array([d.PHONE]), len(poses), axis=0)
    lenses[:, 0] += np.arange(len(poses)) / 1000
    with pytest.raises(ArchiveError, match="66,000 cameras; the limit is 65,536"):
        plain(tmp_path, poses_2d=poses, intrinsics=lenses, image_size=(1920, 1080))


def test_archives_that_do_not_go_together(tmp_path):
    np.savez(tmp_path / "one.npz", poses_2d=POINTS, joints=w.H36M_JOINTS)
    np.savez(tmp_path / "other.npz", poses_3d=SEEN, joints=w.H36M_JOINTS)
    with pytest.raises(InputError, match="cannot be read as one data set"):
        read(tmp_path)


def test_worked_example_of_the_documentation(tmp_path, monkeypatch, poseda, source_file):
    text = re.search(r"    import numpy as np\n.*?    \)\n", layout_module("plain").__doc__, re.DOTALL)[0]
    monkeypatch.chdir(tmp_path)
    exec("\n".join(line[4:] for line in text.splitlines()), {"points": POINTS})
    found = read(tmp_path / "detections.npz")
    assert [s[:4] for s in found.sequences] == [("detections", "Dancing", "camera", 0)]
    assert found.cameras[0].intrinsics.cx == 960
    poseda("align", source_file, "--target", "detections.npz", "--stride", 50, "-o", "aligned")
    assert (tmp_path / "aligned" / "augmented.h5").is_file()


def test_a_ceiling_camera_shows_people_upside_down(tmp_path):
    poses = w.mpi_view(12) / 1000 * [-1, -1, 1]
    arrays = {
        "poses_3d": poses,
        "joints": np.array(w.MPI_JOINTS),
        "intrinsics": np.array(w.CAMERA_8),
        "image_size": np.array([2048, 2048]),
    }
    np.savez(tmp_path / "alone.npz", **arrays)
    np.savez(tmp_path / "both.npz", **arrays, poses_2d=w.mpi_pixels(poses, w.CAMERA_8))
    np.testing.assert_allclose(read(tmp_path / "both.npz").poses_3d, poses, atol=1e-5)
    with pytest.raises(ArchiveError, match="below feet"):
        read(tmp_path / "alone.npz")
