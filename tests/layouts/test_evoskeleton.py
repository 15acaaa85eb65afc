import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_h36m as h

WALK = ("S1", "Walking", h.world_mm(6, "Walking", 1))
KEY = (1, "Walking", "Walking.h5")
VIEW = (1, "Walking", "Walking.54138969.h5-sh")
KEPT = [joint for joint in h.USED if joint != 14]


def three(folder, tree=None, name="threeDPose_train.npy"):
    return h.write_npy(folder / name, h.evo_3d([WALK]) if tree is None else tree)


def two(folder, tree=None, name="twoDPose_HRN_train.npy"):
    return h.write_npy(folder / name, h.evo_2d([WALK]) if tree is None else tree)


def codes(dataset):
    return {problem.code: problem for problem in dataset.origin.problems}


def test_train_and_test_together(tmp_path):
    three(tmp_path)
    three(tmp_path, h.evo_3d([("S9", "Directions 1", WALK[2])]), "threeDPose_test.npy")
    found = read(tmp_path)
    assert [(s.subject, s.action) for s in found.sequences] == [("S9", "Directions 1")] * 4 + [("S1", "Walking")] * 4


def test_long_sequences_are_recognised_by_their_first_bytes(tmp_path):
    # Longer than what is read of a file to recognise it.
    long = h.world_mm(3000, "Walking", 2)
    found = read(three(tmp_path, h.evo_3d([("S1", "Walking", long)])))
    assert len(found) == 12000
    long = h.evo_2d([("S1", "Walking", long)])
    assert len(read(two(tmp_path, long))) == 12000


def test_name_of_the_sequence_is_believed(tmp_path):
    found = read(three(tmp_path, {(9, "SittingDown", "SittingDown 1.h5"): WALK[2].reshape(6, 96)}))
    assert {(s.subject, s.action) for s in found.sequences} == {("S9", "SittingDown 1")}


@pytest.mark.parametrize("suffix", [".h5-sh", ".h5"])
def test_suffix_sh_is_historical(suffix, tmp_path):
    points = h.evo_2d([WALK])[VIEW]
    found = read(two(tmp_path, {(1, "Walking", f"Walking.54138969{suffix}"): points}))
    np.testing.assert_allclose(found.poses_2d, points.reshape(6, 32, 2)[:, KEPT], atol=2e-3)
    assert (found.sequences[0].action, found.sequences[0].camera) == ("Walking", "54138969")


def test_unused_joints_are_zero(tmp_path):
    without, nose = read(two(tmp_path)), read(two(tmp_path, h.evo_2d([WALK], nose=True)))
    assert "Neck/Nose" not in without.skeleton.joints and (without.poses_2d > 1).all()
    assert "Neck/Nose" in nose.skeleton.joints and (nose.poses_2d > 1).all()


def test_detections_beside_3d_stay_with_their_view(tmp_path):
    three(tmp_path)
    two(tmp_path, dict(reversed(h.evo_2d([WALK], noise=4.0).items())))
    found = read(tmp_path)
    detections = h.evo_2d([WALK], noise=4.0)
    assert found.skeleton.name == "h36m16"
    for sequence in found.sequences:
        rows = slice(sequence.start, sequence.start + 6)
        expected = detections[1, "Walking", f"Walking.{sequence.camera}.h5-sh"].reshape(6, 32, 2)[:, KEPT]
        np.testing.assert_allclose(found.poses_2d[rows], expected, atol=2e-3)
        np.testing.assert_allclose(
            found.poses_3d[rows], w.h36m_view(WALK[2][:, KEPT] / 1000, "S1", sequence.camera), atol=1e-5
        )


def test_what_one_has_more_than_the_other(tmp_path):
    short, other = ("S1", "Walking", WALK[2][:4]), ("S9", "Eating", WALK[2])
    views = h.evo_2d([WALK]) | h.evo_2d([other])
    del views[1, "Walking", "Walking.55011271.h5-sh"]
    three(tmp_path, h.evo_3d([short, ("S1", "Sitting 1", WALK[2])]))
    two(tmp_path, views)
    found = read(tmp_path)
    assert [(s.action, s.camera, s.length) for s in found.sequences] == [
        ("Walking", camera, 4) for camera in ("54138969", "58860488", "60457274")
    ]
    expected = views[1, "Walking", "Walking.58860488.h5-sh"].reshape(6, 32, 2)[:4, KEPT]
    np.testing.assert_allclose(found.poses_2d[4:8], expected, atol=2e-3)
    messages = " | ".join(p.message for p in found.origin.problems)
    assert "S1 Walking 55011271, S1 Sitting 1 54138969, " in messages and "in 3D, not in 2D" in messages
    assert "S9 Eating 60457274 left out: in 2D, not in 3D" in messages
    assert "S1 Walking: 2D and 3D differ in length" in messages


def test_nothing_in_common(tmp_path):
    three(tmp_path)
    two(tmp_path, h.evo_2d([("S9", "Walking", WALK[2])]))
    with pytest.raises(InputError, match="have no view in common"):
        read(tmp_path)


def test_cameras_lie_beside(tmp_path):
    path = three(tmp_path)
    h.write_npy(tmp_path / "cameras.npy", h.evo_cameras())
    found = read(path)
    assert any("cameras.npy lies beside" in note for note in found.origin.notes)
    assert "cameras-differ" not in codes(found)
    (tmp_path / "cameras.npy").unlink()
    np.testing.assert_array_equal(read(path).poses_3d, found.poses_3d)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parts: (parts[0].T, *parts[1:]), "rotation"),
        (lambda parts: (parts[0], -parts[0] @ parts[1], *parts[2:]), "centre"),
        (lambda parts: (*parts[:2], parts[2] * 0.99, *parts[3:]), "focal length"),
        (lambda parts: (*parts[:5], parts[5][::-1], parts[6]), "distortion"),
    ],
    ids=["camera to world", "t = -R C", "other lens", "p1 and p2 swapped"],
)
def test_cameras_that_differ_from_the_published_ones(change, said, tmp_path):
    three(tmp_path)
    h.write_npy(tmp_path / "cameras.npy", h.evo_cameras(change=change))
    found = read(tmp_path)
    assert f"S1 54138969 ({said})" in codes(found)["cameras-differ"].message
    np.testing.assert_allclose(found.poses_3d[:6], w.h36m_view(WALK[2][:, h.USED] / 1000, "S1", "54138969"), atol=1e-5)


def test_cameras_of_subjects_without_poses_do_not_matter(tmp_path):
    three(tmp_path)
    altered = h.evo_cameras(("S9",), lambda parts: (parts[0].T, *parts[1:]))
    h.write_npy(tmp_path / "cameras.npy", h.evo_cameras(("S1",)) | altered)
    assert "cameras-differ" not in codes(read(tmp_path))


@pytest.mark.parametrize(
    ("cameras", "said"),
    [
        (h.evo_cameras(change=lambda parts: parts[:4]), r"\(1, 1\): expected \(R, T, f, c, k, p, name\)"),
        (h.evo_cameras(change=lambda parts: (parts[0][:2], *parts[1:])), r"\(1, 1\): expected"),
        ({(1, 5): h.evo_cameras()[1, 1]}, "not a key"),
        (h.evo_cameras(change=lambda parts: (parts[0], [1, [2, 3]], *parts[2:])), r"\(1, 1\): expected"),
    ],
    ids=["too few", "other shape", "a fifth camera", "a ragged list"],
)
def test_damaged_cameras(cameras, said, tmp_path):
    three(tmp_path)
    h.write_npy(tmp_path / "cameras.npy", cameras)
    with pytest.raises(ArchiveError, match=rf"cameras\.npy: .*{said}"):
        read(tmp_path)


def test_cameras_alone(tmp_path):
    with pytest.raises(InputError, match="cameras, and no poses"):
        read(h.write_npy(tmp_path / "cameras.npy", h.evo_cameras()))


WORLD = WALK[2]
WRONG = {
    "metres": ({KEY: WORLD.reshape(6, 96) / 1000}, "in m, this layout has them in mm"),
    "camera space": ({KEY: h.view_mm(WORLD, "S1", "54138969").reshape(6, 96)}, "not in the world space"),
    "other order": ({KEY: WORLD[:, ::-1].reshape(6, 96)}, "not in the order of h36m32"),
    "coordinates first": ({KEY: WORLD.transpose(0, 2, 1).reshape(6, 96)}, "order|thighs"),
    "unknown subject": ({(12, *KEY[1:]): WORLD.reshape(6, 96)}, "Human3.6M does not have"),
    "51 columns later": ({KEY: WORLD.reshape(6, 96), (9, "a", "a.h5"): np.zeros((6, 51))}, r"\(6, 51\), expected"),
    "a list later": ({KEY: WORLD.reshape(6, 96), (9, "a", "a.h5"): [1, 2]}, "list, expected numbers"),
    "text": ({KEY: WORLD.reshape(6, 96).astype("U8")}, "expected numbers"),
}


@pytest.mark.parametrize(("tree", "said"), WRONG.values(), ids=WRONG)
def test_poses_that_are_not_what_the_layout_says(tree, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"threeDPose_train\.npy: \(.*({said})"):
        read(three(tmp_path, tree))


def test_keys_of_another_kind_behind_the_first_bytes(tmp_path):
    long = h.world_mm(3000, "Walking", 2)
    with pytest.raises(ArchiveError, match=r"not a key of 3D poses"):
        read(three(tmp_path, h.evo_3d([("S1", "Walking", long)]) | {VIEW: np.zeros((6, 64))}))


def test_unknown_camera(tmp_path):
    with pytest.raises(ArchiveError, match="a subject or a camera that Human3.6M does not have"):
        read(two(tmp_path, {(1, "Walking", "Walking.12345678.h5-sh"): h.evo_2d([WALK])[VIEW]}))


def points(change):
    values = h.evo_2d([WALK])[VIEW].reshape(6, 32, 2)
    return {VIEW: change(values).reshape(6, 64)}


def mixed(values):
    values[:, KEPT] = values[:, KEPT[::-1]]
    return values


def without_feet(values):
    values[:, [3, 8]] = 0
    return values


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values / 1000, "they are normalised"),
        (lambda values: np.roll(values, 5, axis=1), "joints .* of the 32 are 0 throughout"),
        (mixed, "not in the order of h36m16"),
        (without_feet, "joints 3, 8, 14 of the 32 are 0 throughout"),
    ],
    ids=["normalised", "shifted", "mixed", "no feet"],
)
def test_detections_that_are_not_what_the_layout_says(change, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"twoDPose_HRN_train\.npy: .*({said})"):
        read(two(tmp_path, points(change)))


def test_same_sequence_twice(tmp_path):
    three(tmp_path)
    three(tmp_path, h.evo_3d([("S1", "Walking", WORLD[:3])]), "threeDPose_test.npy")
    with pytest.raises(
        InputError, match=r"threeDPose_test\.npy and .*threeDPose_train\.npy: S1 Walking is there twice"
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"S1": {"Walking": np.zeros((6, 96))}},
        {(1, "Walking", "Walking"): np.zeros((6, 96))},
        {("S1", "54138969"): {"R": np.eye(3)}},
        {(1, 1): 5, KEY: np.zeros((6, 96))},
        [np.zeros((6, 96))],
    ],
    ids=["empty", "nested", "no suffix", "mmpose's cameras", "mixed", "list"],
)
def test_other_dictionaries(tree, tmp_path):
    with pytest.raises(UnknownLayoutError) as caught:
        read(h.write_npy(tmp_path / "poses.npy", tree), layout="evoskeleton")
    assert "needs one dictionary with keys (1, 'Directions', 'Directions 1.h5')" in str(caught.value)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({KEY: np.zeros((6, 51))}, r"3D poses must be arrays \(T, 96\)"),
        ({VIEW: np.zeros((6, 96))}, r"2D poses must be arrays \(T, 64\)"),
        ({(1, 1): np.eye(3)}, "the cameras must be"),
    ],
)
def test_values_that_are_not_the_layout_s(tree, said, tmp_path):
    with pytest.raises(UnknownLayoutError, match=f"evoskeleton: {said}"):
        read(h.write_npy(tmp_path / "poses.npy", tree))


def test_known_defects_are_told(tmp_path):
    three(tmp_path, h.evo_3d([("S9", "SittingDown 1", WORLD), ("S1", "Swimming", WORLD)]))
    assert {"s9-damaged", "unknown-sequence"} <= set(codes(read(tmp_path)))
