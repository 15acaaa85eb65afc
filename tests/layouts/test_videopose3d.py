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
H36M16_SYMMETRY = [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]]
MPII_OF_17 = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]


def test_sides_that_are_exchanged_in_the_metadata(tmp_path):
    with pytest.raises(ArchiveError, match="keypoints_symmetry is"):
        h2(tmp_path, w.known_views(), symmetry=w.H36M_SYMMETRY[::-1])


@pytest.mark.parametrize(
    ("symmetry", "joints", "said"),
    [
        (COCO_SYMMETRY, slice(None), "layout_name is 'h36m', keypoints_symmetry is that of coco17"),
        (H36M16_SYMMETRY, slice(None), "keypoints_symmetry is .*another order"),
        (w.H36M_SYMMETRY, w.H36M16_OF_17, "keypoints_symmetry is .*another order"),
    ],
    ids=["COCO called h36m", "16 of 17 joints", "17 of 16 joints"],
)
def test_metadata_that_contradict_themselves_or_the_joints(symmetry, joints, said, tmp_path):
    with pytest.raises(ArchiveError, match=said):
        h2(tmp_path, per_view(lambda view: view[:, joints]), symmetry=symmetry)


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


def write_both(folder, views, symmetry=w.H36M_SYMMETRY, world=None, layout_name="h36m"):
    w.write_h1(folder / "data_3d_h36m.npz", world)
    metadata = {"keypoints_symmetry": symmetry, "num_joints": 17}
    metadata |= {"layout_name": layout_name} if layout_name else {}
    np.savez_compressed(folder / "data_2d_h36m_det.npz", positions_2d=views, metadata=metadata)
    return read(folder)


def places(found):
    return {(s.subject, s.action, s.camera): slice(s.start, s.start + s.length) for s in found.sequences}


def noise(view, seed=0):
    return (view + np.random.default_rng(seed).normal(0, 3, view.shape)).astype(np.float32)


def problems(found, code):
    return [(p.severity, p.message) for p in found.origin.problems if p.code == code]


def test_3d_and_2d_together(tmp_path):
    views = per_view(noise)
    found = write_both(tmp_path, views)
    assert found.origin.stored.frame == "world" and found.origin.stored.screen == "pixels"
    assert {file.name for file in found.origin.files} == {
        f"{tmp_path.name}/data_{kind}.npz" for kind in ("3d_h36m", "2d_h36m_det")
    }
    world = w.known_world()
    assert len(places(found)) == 12
    for (subject, action, camera), rows in places(found).items():
        expected = w.h36m_view(world[subject][action][:, w.H36M17_OF_32], subject, camera)
        np.testing.assert_allclose(found.poses_3d[rows], expected, atol=1e-5)
        np.testing.assert_array_equal(found.poses_2d[rows], views[subject][action][w.CAMERAS.index(camera)])
    assert not problems(found, "frame-count") and not problems(found, "sequences-differ")


def test_either_order_of_naming_them_gives_the_same(tmp_path):
    first = write_both(tmp_path, per_view(noise))
    second = read([tmp_path / "data_2d_h36m_det.npz", tmp_path / "data_3d_h36m.npz"])
    np.testing.assert_array_equal(first.poses_2d, second.poses_2d)
    assert first.sequences == second.sequences


def test_longer_2d_is_cut_at_its_end_camera_by_camera(tmp_path):
    views = per_view(noise)
    for camera, more in enumerate((1, 4, 0, 2)):
        last = views["S9"]["Walking 1"][camera]
        views["S9"]["Walking 1"][camera] = np.concatenate([last, np.repeat(last[-1:] + 900, more, axis=0)])
    found = write_both(tmp_path, views)
    for camera, rows in enumerate(places(found)["S9", "Walking 1", name] for name in w.CAMERAS):
        np.testing.assert_array_equal(found.poses_2d[rows], views["S9"]["Walking 1"][camera][:7])
    assert [severity for severity, _ in problems(found, "frame-count")] == ["note"]
    assert "has 7 frames more than the 3D" in problems(found, "frame-count")[0][1]


def test_shorter_2d_cuts_the_3d_of_its_camera_and_warns(tmp_path):
    views = per_view(noise)
    views["S9"]["Walking 1"][2] = views["S9"]["Walking 1"][2][:5]
    found = write_both(tmp_path, views)
    lengths = {key[2]: rows.stop - rows.start for key, rows in places(found).items() if key[1] == "Walking 1"}
    assert lengths == dict(zip(w.CAMERAS, (7, 7, 5, 7), strict=True))
    world = w.known_world()["S9"]["Walking 1"][:5, w.H36M17_OF_32]
    rows = places(found)["S9", "Walking 1", w.CAMERAS[2]]
    np.testing.assert_allclose(found.poses_3d[rows], w.h36m_view(world, "S9", w.CAMERAS[2]), atol=1e-5)
    ((severity, message),) = problems(found, "frame-count")
    assert severity == "warning" and "fewer 2D than 3D frames in S9 Walking 1" in message


def some_world():
    return {"S11": {"Directions": w.motion(4, "Directions", 4), "Walking": w.motion(5, "Walking", 3)}}


def h36m_views(world):
    """Views of subjects without a table in the writers: none of the values matters but their place."""
    points = w.known_views()["S1"]["Sitting 2"][0]
    return {
        s: {a: [np.resize(points, (len(p), 17, 2)).copy() for _ in range(4)] for a, p in actions.items()}
        for s, actions in world.items()
    }


def test_s11_directions_missing_in_2d_is_usual(tmp_path):
    views = h36m_views(some_world())
    del views["S11"]["Directions"]
    found = write_both(tmp_path, views, world=some_world())
    assert found.actions == ("Walking",)
    ((severity, message),) = problems(found, "sequences-differ")
    assert severity == "note" and message.startswith("S11 Directions left out: in ")


def test_s2_to_s4_without_3d_are_usual(tmp_path):
    views = per_view(noise) | {name: {"Walking": w.known_views()["S1"]["Sitting 2"]} for name in ("S2", "S3", "S4")}
    found = write_both(tmp_path, views)
    assert found.subjects == ("S9", "S1")
    ((severity, message),) = problems(found, "sequences-differ")
    assert severity == "note" and "S2 Walking, S3 Walking, S4 Walking left out" in message


def test_other_sequences_that_only_one_has_are_warned_of(tmp_path):
    views = per_view(noise)
    views["S1"]["Eating"] = views["S1"].pop("Sitting 2")
    found = write_both(tmp_path, views)
    assert found.subjects == ("S9",)
    found = problems(found, "sequences-differ")
    assert [severity for severity, _ in found] == ["warning", "warning"]
    assert "S1 Sitting 2 left out" in found[0][1] and "S1 Eating left out" in found[1][1]


def test_no_sequence_in_common(tmp_path):
    with pytest.raises(InputError, match="have no sequence in common"):
        write_both(tmp_path, {"S5": w.known_views()["S1"]})


def test_16_joint_2d_beside_32_joint_3d(tmp_path):
    views = per_view(lambda view: noise(view)[:, w.H36M16_OF_17])
    found = write_both(tmp_path, views, H36M16_SYMMETRY, layout_name=None)
    assert found.skeleton.name == "h36m16"
    rows = places(found)["S9", "Directions", w.CAMERAS[1]]
    np.testing.assert_array_equal(found.poses_2d[rows], views["S9"]["Directions"][1])
    world = w.known_world()["S9"]["Directions"][:, [j for j in w.H36M17_OF_32 if j != 14]]
    np.testing.assert_allclose(found.poses_3d[rows], w.h36m_view(world, "S9", w.CAMERAS[1]), atol=1e-5)


@pytest.mark.parametrize("together", [False, True])
def test_mpii_order_of_sh_files_is_converted(together, tmp_path):
    # sh_pt_mpii and sh_ft_h36m: MPII's order and symmetry in both, and no layout_name.
    views = per_view(lambda view: view[:, MPII_OF_17])
    if together:
        found = write_both(tmp_path, views, MPII_SYMMETRY, layout_name=None)
    else:
        np.savez(tmp_path / "data_2d_h36m_sh_ft_h36m.npz", positions_2d=views, metadata={
            "num_joints": 16, "keypoints_symmetry": MPII_SYMMETRY})  # fmt: skip
        found = read(tmp_path)
    assert found.skeleton.name == "h36m16"
    assert any("MPII's order" in note for note in found.origin.notes)
    expected = w.known_views()["S9"]["Walking 1"][3][:, w.H36M16_OF_17]
    np.testing.assert_array_equal(found.poses_2d[places(found)["S9", "Walking 1", w.CAMERAS[3]]], expected)


def test_sh_file_that_somebody_has_put_into_the_order_of_16_joints(tmp_path):
    views = per_view(lambda view: view[:, w.H36M16_OF_17])
    np.savez(tmp_path / "data_2d_h36m_sh_ft_h36m.npz", positions_2d=views, metadata={
        "num_joints": 16, "keypoints_symmetry": H36M16_SYMMETRY})  # fmt: skip
    found = read(tmp_path)
    assert found.skeleton.name == "h36m16"
    np.testing.assert_array_equal(found.poses_2d[:7], views["S9"]["Walking 1"][0])


def test_order_of_16_joints_called_mpii_s(tmp_path):
    views = per_view(lambda view: view[:, w.H36M16_OF_17])
    with pytest.raises(ArchiveError, match="not in the order of mpii16"):
        write_both(tmp_path, views, MPII_SYMMETRY, layout_name=None)


def coco_of(view):
    """COCO's keypoints of the same person: the face is drawn about the nose."""
    face = view[:, [9]] + np.array([[0, 0], [6, -7], [-6, -7], [12, -4], [-12, -4]])
    return np.concatenate([face, view[:, [11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3]]], axis=1).astype(np.float32)


@pytest.mark.parametrize("together", [False, True])
def test_coco_detections_are_converted(together, tmp_path):
    views = per_view(coco_of)
    if together:
        found = write_both(tmp_path, views, COCO_SYMMETRY, layout_name="coco")
    else:
        np.savez(tmp_path / "data_2d_h36m_detectron_pt_coco.npz", positions_2d=views, metadata={
            "layout_name": "coco", "num_joints": 17, "keypoints_symmetry": COCO_SYMMETRY})  # fmt: skip
        found = read(tmp_path)
    assert found.skeleton.name == "h36m17"
    assert found.origin.stored.skeleton.name == ("h36m32" if together else "coco17")
    assert any("COCO's order" in note for note in found.origin.notes)
    plain = w.known_views()["S9"]["Walking 1"][0].astype(np.float64)
    found = found.poses_2d[places(found)["S9", "Walking 1", w.CAMERAS[0]]]
    limbs = [1, 2, 3, 4, 5, 6, 9, 11, 12, 13, 14, 15, 16]
    np.testing.assert_allclose(found[:, limbs], plain[:, limbs], atol=1e-3)
    middles = {
        0: (plain[:, 1] + plain[:, 4]) / 2,
        7: (plain[:, 1] + plain[:, 4] + plain[:, 11] + plain[:, 14]) / 4,
        8: (plain[:, 11] + plain[:, 14]) / 2,
        10: plain[:, 9] + [0, -7],
    }
    for joint, expected in middles.items():
        np.testing.assert_allclose(found[:, joint], expected, atol=1e-3)


def test_other_order_called_coco(tmp_path):
    with pytest.raises(ArchiveError, match="not in COCO's order"):
        write_both(tmp_path, w.known_views(), COCO_SYMMETRY, layout_name="coco")


def test_coco_order_without_metadata(tmp_path):
    np.savez(tmp_path / "gt.npz", positions_2d=per_view(coco_of))
    with pytest.raises(ArchiveError, match="not in the order of h36m17"):
        read(tmp_path / "gt.npz")


@pytest.mark.parametrize("kind", ["2d", "3d"])
def test_two_files_of_one_kind(kind, tmp_path):
    for name, frames in (("one", 3), ("other", 4)):
        world = {"S1": {"Walking": w.motion(frames)}}
        if kind == "3d":
            w.write_h1(tmp_path / f"{name}.npz", world)
        else:
            w.write_h2(tmp_path / f"{name}.npz", w.known_views(world))
    with pytest.raises(InputError, match=rf"one.npz, .*other.npz all hold positions_{kind}. Name one of them"):
        read(tmp_path)


def test_messages_do_not_depend_on_the_order_of_a_set(tmp_path):
    views = per_view(noise)
    del views["S9"]
    found = write_both(tmp_path, views)
    ((_, message),) = problems(found, "sequences-differ")
    assert message.startswith("S9 Walking 1, S9 Directions left out")


def test_videos_of_the_user_s_own_are_another_layout(tmp_path):
    path = tmp_path / "data_2d_custom_own.npz"
    np.savez(path, positions_2d={"S1": {"custom": [w.known_views()["S1"]["Sitting 2"][0]]}})
    with pytest.raises(UnknownLayoutError, match="videopose3d: positions_2d has videos of the user's own"):
        read(path)


@pytest.mark.parametrize("camera", range(4))
def test_every_cameras_2d_is_looked_at(camera, tmp_path):
    views = w.known_views()
    for actions in views.values():
        for four in actions.values():
            four[camera] = four[camera] / 500 - 1
    with pytest.raises(ArchiveError, match="normalised"):
        read(w.write_h2(tmp_path / "data_2d_h36m_gt.npz", views))


def test_root_relative_poses_are_not_in_the_world(tmp_path):
    world = {s: {a: p - p[:, :1] for a, p in actions.items()} for s, actions in w.known_world().items()}
    with pytest.raises(ArchiveError, match="relative to the root, not in the world space") as told:
        read(w.write_h1(tmp_path / "data_3d_h36m.npz", world))
    assert told.value.code == "frame"


def test_missing_joints_are_no_points_in_the_corner(tmp_path):
    views = w.known_views()
    views["S9"]["Walking 1"][2][3, 6] = 0
    found = read(w.write_h2(tmp_path / "data_2d_h36m_gt.npz", views))
    assert np.isnan(found.poses_2d).any((1, 2)).sum() == 1
    (problem,) = [p for p in found.origin.problems if p.code == "missing-joints"]
    assert problem.message.startswith("1 2D poses have joints at 0, 0")


def test_2d_of_another_subject_beside_3d_is_told(tmp_path):
    world = w.known_world()
    world["S1"]["Directions"] = world["S9"]["Directions"]
    views = w.known_views(world)
    views["S9"]["Directions"], views["S1"]["Directions"] = views["S1"]["Directions"], views["S9"]["Directions"]
    w.write_h1(tmp_path / "data_3d_h36m.npz", world)
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz", views)
    (problem,) = [p for p in read(tmp_path).origin.problems if p.code == "reprojection"]
    assert problem.severity == "warning"
    assert "S1 Directions" in problem.message and "S9 Directions" in problem.message


def test_a_profile_is_no_other_order(tmp_path):
    """Hips meet in a profile; noise must not make another joint order of it."""
    rng = np.random.default_rng(0)
    side = np.tile(w.known_views()["S9"]["Walking 1"][0][:1], (60, 1, 1))
    side[:, [1, 4]] = side[:, :1] + [[-1, 0], [1, 0]]
    noisy = (side + rng.normal(0, 5, side.shape)).astype(np.float32)
    assert len(read(w.write_h2(tmp_path / "data_2d_h36m_gt.npz", {"S9": {"Walking 1": [noisy] * 4}}))) == 240


def test_a_subject_without_actions(tmp_path):
    found = read(w.write_h1(tmp_path / "data_3d_h36m.npz", {"S5": {}, **w.known_world()}))
    assert len(found) == 64
    assert found.subjects == ("S9", "S1")


@pytest.mark.parametrize("kind", [np.float64, np.float16])
def test_poses_of_other_widths(kind, tmp_path):
    world = {s: {a: p.astype(kind) for a, p in actions.items()} for s, actions in w.known_world().items()}
    found = read(w.write_h1(tmp_path / "data_3d_h36m.npz", world))
    expected = read(w.write_h1(tmp_path / "again.npz"))
    np.testing.assert_allclose(found.poses_3d, expected.poses_3d, atol=2e-3)
