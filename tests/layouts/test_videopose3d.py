import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w


def h1(tmp_path, world):
    return read(w.write_h1(tmp_path / "data_3d_h36m.npz", world))


def h2(tmp_path, views, **options):
    return read(w.write_h2(tmp_path / "data_2d_h36m_gt.npz", views, **options))


def changed(change, world=None):
    world = w.known_world() if world is None else world
    return {subject: {action: change(poses) for action, poses in actions.items()} for subject, actions in world.items()}


def per_view(change, views=None):
    return changed(lambda four: [change(view) for view in four], w.known_views() if views is None else views)


# S1's camera 54138969: by its quaternion it looks along (-0.399319, -0.897784, -0.185819), has
# (-0.915362, 0.401808, 0.025748) on its right and (0.051548, 0.180374, -0.982246) below.
@pytest.mark.parametrize(
    ("world", "seen"),
    [
        ((-0.155489, 0.466366, 0.634347), (0, 0, 5)),
        ((-0.645757, 1.856143, 0.354793), (1, 0.5, 4)),
        ((1.8411070556640625, 4.95528466796875, 1.5634454345703125), (0, 0, 0)),
    ],
    ids=["5 m ahead", "4 m ahead, right and below", "in the camera"],
)
def test_world_to_camera_as_computed_by_hand(world, seen, tmp_path):
    # Other frames show that the world is right: of the four views of this one half may see nobody.
    moved = w.motion(3)
    moved[1] += np.array(world) - moved[1, 0]
    found = h1(tmp_path, {"S1": {"Walking 1": moved}})
    assert found.cameras[found.camera[1]].name == "54138969"
    np.testing.assert_allclose(found.poses_3d[1, 0], seen, atol=3e-6)


def test_root_is_the_middle_of_the_hips(tmp_path):
    poses = h1(tmp_path, w.known_world()).poses_3d
    np.testing.assert_allclose(poses[:, 0], (poses[:, 1] + poses[:, 4]) / 2, atol=1e-5)


def test_right_is_right(tmp_path):
    # Seen from above a person's right side lies clockwise of where the toes point.
    poses = w.motion(1)
    ahead, right = poses[0, 4] - poses[0, 3], poses[0, 1] - poses[0, 6]
    assert ahead[0] * right[1] - ahead[1] * right[0] < 0
    found = h1(tmp_path, {"S1": {"Walking": poses}}).poses_3d
    np.testing.assert_allclose(found[0, 1], w.h36m_view(poses[0, 1], "S1", "54138969"), atol=1e-5)


@pytest.mark.parametrize("joints", [w.H36M17_OF_32, [j for j in w.H36M17_OF_32 if j != 14]], ids=["17", "16"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_files_of_forks_with_fewer_joints(joints, dtype, tmp_path):
    world = changed(lambda poses: poses[:, joints].astype(dtype))
    found = h1(tmp_path, world)
    assert found.poses_3d.shape == (64, len(joints), 3)
    expected = w.h36m_view(world["S9"]["Walking 1"], "S9", "54138969")
    np.testing.assert_allclose(found.poses_3d[:7], expected, atol=1e-5)


def turned_about_x(poses):
    return np.stack([poses[..., 0], poses[..., 2], -poses[..., 1]], axis=-1)


WRONG_WORLDS = {
    "millimetres": (lambda p: p * 1000, r"in mm, this layout has them in m"),
    "inches": (lambda p: p * 39.37, "human neither in m"),
    "camera space": (lambda p: w.h36m_view(p, "S1", "54138969").astype(np.float32), "not in the world space"),
    "root-relative camera space": (
        lambda p: (w.h36m_view(p, "S1", "54138969") - w.h36m_view(p[:, :1], "S1", "54138969")).astype(np.float32),
        "world space",
    ),
    "y up": (turned_about_x, "not in the world space"),
    "3DHP order": (lambda p: p[:, w.H36M17_OF_32][:, w.MPI17_OF_H36M17], "They look like 3dhp17"),
    "left hip first": (lambda p: p[:, w.H36M17_OF_32][:, w.LEFT_HIP_FIRST], "order|left"),
    "18 joints": (lambda p: p[:, :18], "poses of 18 joints, expected 32"),
    "2D": (lambda p: p[..., :2], "must hold an array"),
    "text": (lambda p: p.astype("U8"), "expected numbers"),
}


@pytest.mark.parametrize(("change", "said"), WRONG_WORLDS.values(), ids=WRONG_WORLDS)
def test_poses_that_are_not_what_the_layout_says(change, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"(?s)^data_3d_h36m\.npz: .*({said})"):
        h1(tmp_path, changed(change))


def test_unlike_joints_in_one_file(tmp_path):
    world = w.known_world()
    world["S1"]["Sitting 2"] = world["S1"]["Sitting 2"][:, w.H36M17_OF_32]
    with pytest.raises(ArchiveError, match="poses of 17, 32 joints"):
        h1(tmp_path, world)


def test_sequence_that_is_no_array(tmp_path):
    world = w.known_world()
    world["S1"]["Sitting 2"] = [1, 2]
    with pytest.raises(ArchiveError, match=r"\['S1'\]\['Sitting 2'\]: list, expected numbers"):
        h1(tmp_path, world)


def test_subject_without_cameras_is_refused_and_the_known_are_listed(tmp_path):
    world = w.known_world() | {"S12": {"Walking": w.motion()}}
    with pytest.raises(ArchiveError, match=r"no published cameras for subject S12; there are some for S1, S2, .*S11"):
        h1(tmp_path, world)


def test_no_known_subject_at_all(tmp_path):
    with pytest.raises(UnknownLayoutError, match="must have subjects S1 to S11, it has TS1"):
        h1(tmp_path, {"TS1": {"Seq1": w.motion()}})


def test_members_that_are_not_the_layout_s(tmp_path):
    for value in (np.zeros(3), {"S1": np.zeros(3)}, {"S1": {}}, {"S1": {"Walking": [np.zeros((1, 17, 2))]}}, {}):
        with pytest.raises(UnknownLayoutError, match="positions_3d must"):
            h1(tmp_path, value)


def test_subjects_may_share_their_sequences(tmp_path):
    actions = {"Walking 1": w.motion()}
    found = h1(tmp_path, {"S1": actions, "S9": actions})
    assert found.subjects == ("S1", "S9")
    assert len(found) == 2 * 4 * 12


def test_frames_that_are_not_finite_are_read(tmp_path):
    world = w.known_world()
    world["S1"]["Sitting 2"][2] = np.nan
    found = h1(tmp_path, world)
    assert len(found) == 64
    assert np.isnan(found.poses_3d).all((1, 2)).sum() == 4


def test_sequence_without_frames_is_left_out(tmp_path):
    world = w.known_world()
    world["S1"]["Eating"] = w.motion()[:0]
    found = h1(tmp_path, world)
    assert len(found) == 64
    assert "Eating" not in found.actions


def test_both_kinds_at_once_are_refused(tmp_path):
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz")
    with pytest.raises(InputError, match="one VideoPose3D archive a side"):
        read(tmp_path)


def test_views_of_16_joints(tmp_path):
    symmetry = [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]]
    found = h2(tmp_path, per_view(lambda view: view[:, w.H36M16_OF_17]), symmetry=symmetry, joints=16)
    assert list(found.skeleton.joints) == [joint for joint in w.H36M_JOINTS if joint != "Neck/Nose"]
    expected = w.known_views()["S9"]["Walking 1"][0][:, w.H36M16_OF_17]
    np.testing.assert_allclose(found.poses_2d[:7], expected, atol=2e-3)


def test_views_longer_than_others_and_subjects_without_3d(tmp_path):
    views = w.known_views()
    views["S9"]["Walking 1"][1] = np.concatenate([views["S9"]["Walking 1"][1]] * 2)
    views["S2"] = {"Walking": views["S1"]["Sitting 2"]}
    found = h2(tmp_path, views)
    lengths = {(s.subject, s.action, s.camera): s.length for s in found.sequences}
    assert lengths["S9", "Walking 1", "55011271"] == 14
    assert lengths["S9", "Walking 1", "54138969"] == 7
    assert lengths["S2", "Walking", "60457274"] == 5


def test_confidence_is_left_out(tmp_path):
    found = h2(tmp_path, per_view(lambda view: np.concatenate([view, np.ones((*view.shape[:2], 1))], axis=-1)))
    np.testing.assert_allclose(found.poses_2d[:7], w.known_views()["S9"]["Walking 1"][0], atol=2e-3)


def test_views_without_metadata(tmp_path):
    np.savez(tmp_path / "data_2d_h36m_gt.npz", positions_2d=w.known_views())
    assert len(read(tmp_path / "data_2d_h36m_gt.npz")) == 64


MPII_SYMMETRY = [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]
COCO_SYMMETRY = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]
MPII_OF_17 = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]


@pytest.mark.parametrize(
    ("order", "symmetry"),
    [(MPII_OF_17, MPII_SYMMETRY), (slice(None), COCO_SYMMETRY), (w.LEFT_HIP_FIRST, w.H36M_SYMMETRY[::-1])],
    ids=["MPII", "COCO", "left and right exchanged"],
)
def test_other_orders_that_the_metadata_admit(order, symmetry, tmp_path):
    with pytest.raises(ArchiveError, match="keypoints_symmetry is"):
        h2(tmp_path, per_view(lambda view: view[:, order]), symmetry=symmetry)


@pytest.mark.parametrize("order", [MPII_OF_17, w.MPI17_OF_H36M17], ids=["MPII", "3DHP"])
def test_other_order_that_only_the_poses_show(order, tmp_path):
    np.savez(tmp_path / "gt.npz", positions_2d=per_view(lambda view: view[:, order]))
    with pytest.raises(ArchiveError, match=r"not in the order of h36m1[67]"):
        read(tmp_path / "gt.npz")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda four: four[:3], "four arrays"),
        (lambda four: [None, *four[1:]], "four arrays"),
        (lambda four: [view[..., :1] for view in four], "four arrays"),
        (lambda four: [view[:, :14] for view in four], "17 or 16 joints"),
    ],
    ids=["three", "one missing", "one column", "14 joints"],
)
def test_views_that_are_not_what_the_layout_says(change, said, tmp_path):
    views = w.known_views()
    views["S1"]["Sitting 2"] = change(views["S1"]["Sitting 2"])
    with pytest.raises(ArchiveError, match=said):
        h2(tmp_path, views)


def test_views_of_an_unknown_subject(tmp_path):
    views = w.known_views()
    views["S12"] = views["S1"]
    with pytest.raises(ArchiveError, match="subject S12"):
        h2(tmp_path, views)


def test_views_without_a_finite_number_are_read(tmp_path):
    found = h2(tmp_path, per_view(lambda view: np.full_like(view, np.nan)))
    assert np.isnan(found.poses_2d).all()


@pytest.mark.parametrize("symmetry", [None, [None, None], [["left"], ["right"]], 5])
def test_metadata_without_a_usable_symmetry(symmetry, tmp_path):
    path = tmp_path / "gt.npz"
    np.savez(path, positions_2d=w.known_views(), metadata={"keypoints_symmetry": symmetry})
    try:
        assert len(read(path)) == 64
    except ArchiveError as error:
        assert "keypoints_symmetry" in str(error)
