"""What is written is read again: the same sequences and poses, as far as the layout holds them."""

from __future__ import annotations

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.conversion import Conversion
from poseda_cli.errors import InputError
from poseda_cli.exports import EXPORTS, export_module
from poseda_cli.layouts import LAYOUTS
from poseda_cli.skeleton import SKELETONS, joint_map
from tests.layouts import writers as w
from tests.layouts.test_all_layouts import WRITERS

from . import material

# What a file is read as: PoseAug's are VideoPose3D's but for the number of joints.
READ_AS = {"poseaug": "videopose3d"}
# Joints of the file, where it does not take those of the data.
JOINTS = {"videopose3d": "h36m17", "poseaug": "h36m16", "mmpose": "h36m17", "pstmo": "3dhp17", "poseaug-test": "h36m16"}
# float32 in other units: world space, millimetres, other image sizes.
METRES, PIXELS = 5e-6, 5e-4
# Names that a layout cannot hold: P-STMO's has no spaces, PoseAug's test file none at all.
WITHOUT_NAMES = {"poseaug-test"}
# Without a camera's name, 1000 x 1000 and 1000 x 1002 are told apart by reprojection; detections blur that.
BLURRED = {("H1 and H2", "poseaug-test"): 1.01}


def reread(poses, layout, folder):
    if READ_AS.get(layout, layout) not in LAYOUTS:
        pytest.skip(f"no reader of {layout} yet")
    poseda.write(poses, folder / "out", layout)
    return poseda.read(folder / "out")


def release_points(poses, dataset):
    """Pixels of poses in camera space by the release's lenses, double precision."""
    names = [dataset.cameras[row].name for row in dataset.camera]
    return np.stack([w.h36m_pixels(pose.astype(float), name) for pose, name in zip(poses, names, strict=True)])


def heads(dataset):
    return [(s.subject, s.action, s.camera, s.start, s.length) for s in dataset.sequences]


def check(again, poses, layout, pixels=PIXELS):
    """Sequences, cameras and poses, with the joints of the layout."""
    target = SKELETONS[JOINTS.get(layout, poses.skeleton.name)]
    there = joint_map(again.skeleton, target)
    here = joint_map(poses.skeleton, target)
    assert len(again) == len(poses)
    assert len(again.skeleton) == len(target)
    if layout not in WITHOUT_NAMES:
        assert heads(again) == [
            (s, a.replace(" ", "_") if layout == "pstmo" else a, c, *rest) for s, a, c, *rest in heads(poses)
        ]
    rows = again.rows if layout in WITHOUT_NAMES else np.arange(len(poses))
    three, expected = again.poses_3d, poses.poses_3d
    if expected is not None:
        expected = expected[rows]
        if poses.absolute and not again.absolute:
            expected = expected - expected[:, poses.skeleton.root, None]
        np.testing.assert_allclose(three[:, there], expected[:, here], rtol=0, atol=METRES)
    if poses.poses_2d is not None:
        expected = in_images_of(layout, poses.poses_2d[:, here], poses)[rows]
        np.testing.assert_allclose(again.poses_2d[:, there], expected, rtol=0, atol=pixels)


def in_images_of(layout, pixels, dataset):
    """P-STMO's files are of images of 2048 x 2048 whatever the camera; but for TS5 and TS6, whose size they have."""
    if layout != "pstmo" or dataset.origin.dataset != "h36m":
        return pixels
    size = dataset.intrinsics[dataset.camera][:, None, 4:]
    return ((2 * pixels - size) / size[..., :1] + 1) * 1024


def h1(folder):
    w.write_h1(folder / "data_3d_h36m.npz")


def h1_h2(folder):
    h1(folder)
    views = {
        subject: {action: [view + np.float32(1.5) for view in four] for action, four in actions.items()}
        for subject, actions in w.known_views().items()
    }
    w.write_h2(folder / "data_2d_h36m_gt.npz", views)


CASES = {
    "H1": h1,
    "H1 and H2": h1_h2,
    "H2": lambda folder: w.write_h2(folder / "data_2d_h36m_gt.npz"),
    "D3": WRITERS["D3"],
    "D4 test": WRITERS["D4 test, univ_annot3"],
    "D4 train": WRITERS["D4 train, annot3"],
}
# Found only from 2D and 3D that agree with a camera of the test set (or, projections all, of Human3.6M).
NOT_AGAIN = {("D4 train", "poseaug-test")}


@pytest.mark.parametrize("layout", EXPORTS)
@pytest.mark.parametrize("case", CASES)
def test_converted(case, layout, tmp_path):
    (tmp_path / "in").mkdir()
    CASES[case](tmp_path / "in")
    poses = poseda.read(tmp_path / "in")
    if export_module(layout).unwritable(Conversion(poses)):
        assert (case, layout) in REFUSED
        return
    assert (case, layout) not in REFUSED
    if (case, layout) in NOT_AGAIN:
        with pytest.raises(InputError, match="no published camera"):
            reread(poses, layout, tmp_path)
        return
    again = reread(poses, layout, tmp_path)
    check(again, poses, layout, BLURRED.get((case, layout), PIXELS))
    if case == "H1" and layout not in ("poseda", "plain", *WITHOUT_NAMES):  # these two project linearly
        points = release_points(poses.poses_3d[:, joint_map(poses.skeleton, again.skeleton)], poses)
        expected = in_images_of(layout, points, poses)
        np.testing.assert_allclose(again.poses_2d, expected, rtol=0, atol=5e-3)


REFUSED = {
    *(("H2", layout) for layout in ("poseda", "mmpose", "pstmo", "poseaug-test")),
    *((case, layout) for case in ("D3", "D4 test", "D4 train") for layout in ("videopose3d", "poseaug")),
}


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """Of two subjects to two cameras of unlike size, some poses dropped."""
    folder = tmp_path_factory.mktemp("aligned")
    w.write_h1(folder / "data_3d_h36m.npz", material.world())
    material.write_target(folder / "test")
    source, target = poseda.read(folder / "data_3d_h36m.npz"), poseda.read(folder / "test")
    found = poseda.align(source, target, copies=2, seed=3)
    assert len(found) < 2 * len(source)
    return found


def test_aligned_in_augmented_h5(aligned, tmp_path):
    again = reread(aligned, "poseda", tmp_path)
    assert again.sequences == aligned.sequences
    np.testing.assert_array_equal(again.poses_3d, aligned.poses_3d)
    np.testing.assert_allclose(again.poses_2d, aligned.poses_2d, rtol=2e-6, atol=PIXELS)


def test_aligned_for_videopose3d(aligned, tmp_path):
    """The 2D of every source pose, in pixels of its own camera's image."""
    poseda.write(aligned, tmp_path / "out", "videopose3d")
    for copy, name in enumerate(("gpa", "gpa_2")):
        again = poseda.read(tmp_path / "out" / f"data_2d_h36m_{name}.npz")
        assert heads(again) == heads(aligned.whole)
        of_copy = np.concatenate([np.full(s.length, s.copy) for s in aligned.sequences]) == copy
        rows = aligned.source_index[of_copy]
        size = np.array([[c.intrinsics.width, c.intrinsics.height] for c in aligned.whole.cameras])
        size = size[aligned.whole.camera[rows]][:, None]
        own = aligned.intrinsics[aligned.camera[of_copy]][:, None, 4:]
        normalised = (2 * aligned.poses_2d[of_copy] - own) / own[..., :1]
        np.testing.assert_allclose(
            again.poses_2d[rows], (normalised * size[..., :1] + size) / 2, rtol=1e-6, atol=PIXELS
        )


@pytest.mark.parametrize("layout", ["mmpose", "plain"])
def test_aligned_in_files_that_have_the_targets_cameras(layout, aligned, tmp_path):
    """Rows come back under the target's cameras; so in another order, and every one of them."""
    again = reread(aligned, layout, tmp_path)
    assert len(again) == len(aligned)
    assert set(again.camera_names) == {"TS1", "TS5"}
    assert {s.subject for s in again.sequences} == {"S1", "S9"}
    np.testing.assert_array_equal(again.poses_3d, aligned.poses_3d[again.rows])
    np.testing.assert_allclose(again.poses_2d, aligned.poses_2d[again.rows], rtol=2e-6, atol=PIXELS)
    found, expected = again.intrinsics[again.camera], aligned.intrinsics[aligned.camera[again.rows]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_aligned_for_mmpose_keeps_source_sequences_apart(aligned, tmp_path):
    again = reread(aligned, "mmpose", tmp_path)
    starts = np.cumsum([0, *(s.length for s in aligned.sequences)])
    for sequence in again.sequences:
        rows = again.rows[sequence.start : sequence.start + sequence.length]
        assert len(set(np.searchsorted(starts, rows, side="right").tolist())) == 1
        assert (np.diff(aligned.source_index[rows]) > 0).all()


def test_aligned_for_pstmo(aligned, tmp_path):
    again = reread(aligned, "pstmo", tmp_path)
    order = joint_map(aligned.skeleton, again.skeleton)
    np.testing.assert_allclose(again.poses_3d, aligned.poses_3d[:, order], rtol=1e-6, atol=METRES)
    own = aligned.intrinsics[aligned.camera][:, None, 4:]
    normalised = ((2 * aligned.poses_2d - own) / own[..., :1])[:, order]
    np.testing.assert_allclose(again.poses_2d, (normalised + 1) * 1024, rtol=1e-6, atol=PIXELS)


@pytest.mark.parametrize("layout", ["mmpose", "pstmo", "plain"])
def test_augmented_h5_in_other_forms_keeps_copies_and_cameras_apart(layout, aligned, tmp_path):
    """A conversion of an alignment's own file: nothing of two sequences may come together."""
    poseda.write(aligned, tmp_path / "aligned")
    poses = poseda.read(tmp_path / "aligned")
    again = reread(poses, layout, tmp_path)
    starts = np.cumsum([0, *(s.length for s in poses.sequences)])
    place = np.searchsorted(starts, again.rows, side="right")
    assert sorted(again.rows.tolist()) == list(range(len(poses)))
    for sequence in again.sequences:
        here = place[sequence.start : sequence.start + sequence.length].tolist()
        copies = {poses.sequences[index - 1].copy for index in here}
        assert len(copies) == 1
        assert layout == "plain" or len(set(here)) == 1


@pytest.mark.parametrize("layout", ["videopose3d", "poseaug", "pstmo"])
def test_files_of_real_length_are_recognised(layout, tmp_path):
    """The first array alone is longer than what recognising reads."""
    world = {"S1": {"Walking 1": w.motion(1200, "Walking", 3)}}
    poses = poseda.read(w.write_h1(tmp_path / "data_3d_h36m.npz", world))
    poseda.write(poses, tmp_path / "out", layout=layout, name="n")
    for file in (tmp_path / "out").glob("*.npz"):
        assert len(poseda.read(file)) == 4800


def test_linear_projections_of_plain(tmp_path):
    poses = poseda.read(w.write_h1(tmp_path / "data_3d_h36m.npz"))
    poseda.write(poses, tmp_path / "out", layout="plain", name="n")
    again = poseda.read(tmp_path / "out" / "n.npz")
    lenses = np.array([w.H36M_LENSES[again.cameras[row].name][0] for row in again.camera])[:, None]
    expected = again.poses_3d[..., :2] / again.poses_3d[..., 2:] * lenses[..., :2] + lenses[..., 2:]
    np.testing.assert_allclose(again.poses_2d, expected, atol=5e-3)
