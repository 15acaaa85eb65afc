"""Views, bones and clips in whole runs; each of them by itself in the tests of its module."""

from __future__ import annotations

import dataclasses
from functools import partial

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import poseda_cli as poseda
from poseda_cli.bones import FACTORS
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.chunks import join
from poseda_cli.errors import InputError, UsageError
from poseda_cli.merging import merge
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from poseda_cli.skeleton import H36M17
from tests import datasets
from tests.conftest import SAMPLE
from tests.paper import box_size, pinhole

# The shared joints of the test data are all of the source's.
ROOT = 0


def looking(name, pitch, roll=0.0, up="z"):
    """A camera that looks down by `pitch` degrees; its world has z or y up."""
    # World z up seen from a camera that looks along world y: x right, y down, z forward.
    level = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) if up == "z" else np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1]])
    turn = Rotation.from_euler("z", roll, degrees=True) * Rotation.from_euler("x", pitch, degrees=True)
    rotation = turn.as_matrix() @ level
    lens = Intrinsics(1500.0, 1510.0, 1020.0, 1040.0, 2048, 2048)
    return Camera(name, lens, rotation=tuple(map(tuple, rotation)), centre=(0.0, 0.0, 0.0))


def source(**changes):
    cameras = (looking("left", 10), looking("right", 25, roll=5))
    return dataclasses.replace(datasets.source(), cameras=cameras, **changes)


def target():
    cameras = (looking("wide", -20, up="y"), looking("tele", 40, roll=-3, up="y"))
    return dataclasses.replace(datasets.target(), cameras=cameras)


def relative(poses):
    return poses - poses[:, ROOT, None]


def ups_of(cameras, world):
    return np.array([np.array(camera.rotation) @ world for camera in cameras])


def turned_back(aligned, rows=slice(None)):
    """The root-relative poses before they were turned, by SciPy."""
    turns = Rotation.from_quat(aligned.rotation[rows], scalar_first=True)
    return np.stack([turns.inv().apply(joint) for joint in relative(aligned.poses_3d[rows]).transpose(1, 0, 2)], axis=1)


@pytest.mark.parametrize("view", ["match", "jitter"])
def test_poses_are_turned_and_nothing_else(view):
    before = source()
    aligned = poseda.align(before, target(), view=view, copies=2)
    assert np.abs(np.linalg.norm(aligned.rotation, axis=1) - 1).max() < 1e-6
    np.testing.assert_allclose(turned_back(aligned), relative(before.poses_3d)[aligned.source_index], atol=2e-6)
    # Not the same turn each time.
    assert len(np.unique(aligned.rotation, axis=0)) == len(aligned)


def test_up_in_the_source_becomes_up_before_the_targets_camera():
    before, after = source(), target()
    aligned = poseda.align(before, after, view="match")
    ups = ups_of(before.cameras, [0, 0, 1])[before.camera[aligned.source_index]]
    wanted = ups_of(after.cameras, [0, 1, 0])[after.camera[aligned.target_index]]
    found = Rotation.from_quat(aligned.rotation, scalar_first=True).apply(ups)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_without_yaw_a_match_is_the_smallest_turn():
    before, after = source(), target()
    aligned = poseda.align(before, after, view="match", yaw=0)
    ups = ups_of(before.cameras, [0, 0, 1])[before.camera[aligned.source_index]]
    wanted = ups_of(after.cameras, [0, 1, 0])[after.camera[aligned.target_index]]
    between = np.arccos((ups * wanted).sum(1))
    np.testing.assert_allclose(2 * np.arccos(np.abs(aligned.rotation[:, 0]).clip(0, 1)), between, atol=1e-3)


def test_jitter_without_extrinsics_turns_about_the_image_axes():
    aligned = poseda.align(datasets.source(), datasets.target(), view="jitter", jitter=0, yaw=90)
    turns = Rotation.from_quat(aligned.rotation, scalar_first=True).as_rotvec(degrees=True)
    assert np.abs(turns[:, [0, 2]]).max() < 1e-4
    assert 40 < np.abs(turns[:, 1]).max() <= 45
    tilted = poseda.align(datasets.source(), datasets.target(), view="jitter", jitter=20, yaw=0, copies=10)
    turns = Rotation.from_quat(tilted.rotation, scalar_first=True).as_rotvec(degrees=True)
    assert np.abs(turns[:, 1:]).max() < 1e-4
    # Of 2,400 draws: five standard errors.
    assert abs(turns[:, 0].std() - 20) < 20 * 5 / np.sqrt(2 * len(turns))
    assert abs(turns[:, 0].mean()) < 20 * 5 / np.sqrt(len(turns))


@pytest.mark.parametrize("options", [{"view": "match"}, {"view": "jitter", "bones": 0.1}, {"bones": 0.2}])
def test_the_projection_still_has_its_targets_root_and_size(options):
    after = target()
    aligned = poseda.align(source(), after, depth="exact", copies=2, **options)
    lens = after.cameras[0].intrinsics
    points = pinhole(
        aligned.poses_3d.astype(np.float64), np.tile([lens.fx, lens.fy, lens.cx, lens.cy], (len(aligned), 1))
    )
    np.testing.assert_allclose(aligned.poses_2d, points, atol=0.02)
    wanted = after.poses_2d[aligned.target_index]
    np.testing.assert_allclose(points[:, ROOT], wanted[:, after.skeleton.root], atol=0.02)
    np.testing.assert_allclose(box_size(points), box_size(wanted), rtol=1e-4)


def bones_of(poses):
    parents = np.array(H36M17.parents[1:])
    return np.linalg.norm(poses[:, 1:] - poses[:, parents], axis=2)


def test_bones_are_scaled_by_the_factors_that_are_kept():
    before = source()
    aligned = poseda.align(before, target(), bones=0.1, copies=2)
    ratio = (
        bones_of(aligned.poses_3d.astype(np.float64))
        / bones_of(before.poses_3d.astype(np.float64))[aligned.source_index]
    )
    names = [H36M17.joints[joint] for joint in range(1, 17)]
    limb = {
        "hips": ("RHip", "LHip"), "thighs": ("RKnee", "LKnee"), "shins": ("RFoot", "LFoot"),
        "spine": ("Spine", "Thorax"), "neck": ("Neck/Nose",), "head": ("Head",),
        "shoulders": ("RShoulder", "LShoulder"), "upper arms": ("RElbow", "LElbow"), "forearms": ("RWrist", "LWrist"),
    }  # fmt: skip
    assert aligned.bodies.shape == (len(aligned.sequences), len(FACTORS))
    for sequence, body in zip(aligned.sequences, aligned.bodies, strict=True):
        rows = slice(sequence.start, sequence.start + sequence.length)
        for factor, joints in zip(body[:-1], limb.values(), strict=True):
            columns = [names.index(joint) for joint in joints]
            np.testing.assert_allclose(ratio[rows][:, columns], factor * body[-1], rtol=1e-4)
    # All cameras see the same body; other actions, and other copies, have others.
    bodies = {}
    for sequence, body in zip(aligned.sequences, aligned.bodies, strict=True):
        bodies.setdefault((sequence.subject, sequence.action, sequence.copy), set()).add(tuple(body))
    assert all(len(found) == 1 for found in bodies.values())
    assert len(set.union(*bodies.values())) == len(bodies) == 12
    assert abs(np.log(aligned.bodies).std() - 0.1) < 0.02


@pytest.mark.parametrize(("export", "skeleton"), [("videopose3d", "h36m17"), ("poseaug", "h36m16")])
def test_videopose3d_gets_a_3d_file_with_these_bones(export, skeleton, tmp_path):
    before = poseda.read(SAMPLE / "data_3d_h36m.npz")
    chosen = before.select(subjects=["S1", "S5"])
    aligned = poseda.align(chosen, poseda.read(SAMPLE / "mpi_inf_3dhp_test_set"), bones=0.1)
    poseda.write(dataclasses.replace(aligned, whole=before), tmp_path / "out", layout=export)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "data_2d_h36m_gpa.npz", "data_3d_h36m.npz", "summary.json",
    ]  # fmt: skip
    written = poseda.read(tmp_path / "out" / "data_3d_h36m.npz")
    # In world space and back, in single precision; what was not aligned has the bones that it had.
    found, rows = relative(written.poses_3d), len(aligned)
    np.testing.assert_allclose(found[:rows], relative(aligned.poses_3d), atol=1e-5)
    np.testing.assert_allclose(found[rows:], relative(before.poses_3d)[rows:], atol=1e-5)
    np.testing.assert_allclose(written.poses_3d[:, ROOT], before.poses_3d[:, ROOT], atol=1e-5)
    points = poseda.read(tmp_path / "out" / "data_2d_h36m_gpa.npz")
    assert (points.skeleton.name, len(points)) == (skeleton, len(before))


def test_directions_of_bones_stay():
    before = source()
    aligned = poseda.align(before, target(), bones=0.3)
    parents = np.array(H36M17.parents[1:])
    found = aligned.poses_3d[:, 1:] - aligned.poses_3d[:, parents]
    wanted = (before.poses_3d[:, 1:] - before.poses_3d[:, parents])[aligned.source_index]
    cosine = (found * wanted).sum(2) / np.linalg.norm(found, axis=2) / np.linalg.norm(wanted, axis=2)
    assert cosine.min() > 1 - 1e-5


OPTIONS = [
    {"view": "match", "copies": 2, "include_source": True},
    {"view": "jitter", "bones": 0.1, "skeleton": "h36m16"},
    {"pairing": "sequence", "clip": 7, "copies": 2, "include_source": True, "view": "match", "bones": 0.1},
    {"pairing": "sequence"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_neither_chunks_nor_threads_matter(options):
    whole = poseda.align(source(), target(), jobs=2, **options)
    for chunk, jobs in ((7, 1), (33, 2)):
        parts = join(prepare(source(), target(), AlignOptions(**options), chunk=chunk, jobs=jobs).chunks())
        for name in ("poses_3d", "poses_2d", "source_index", "target_index", "rotation"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


@pytest.mark.parametrize("options", OPTIONS[:2])
def test_shards_merge_to_the_same_bytes(options, tmp_path):
    poseda.write(poseda.align(source(), target(), **options), tmp_path / "whole")
    for number in range(1, 4):
        shard = poseda.align(source(), target(), **options, shard=(number, 3))
        poseda.write(shard, tmp_path / f"shard {number}")
    merge(tmp_path.glob("shard *"), tmp_path / "merged")
    for name in ("augmented.h5", "summary.json"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize("options", OPTIONS[:2])
def test_a_shard_without_a_valid_pose(options, tmp_path):
    before = source()
    poses = before.poses_3d.copy()
    poses[100:160] = np.nan
    before = dataclasses.replace(before, poses_3d=poses)
    shard = poseda.align(before, target(), **options, shard=(13, 24))
    assert len(shard) == len(shard.rotation) == len(shard.sequences) == 0


def test_which_poses_are_invalid_does_not_depend_on_what_is_done_to_them(tmp_path):
    before = source()
    poses = before.poses_3d.copy()
    poses[::7] *= 90 / np.ptp(poses[::7], axis=1).max(1)[:, None, None]  # some bodies make 100 m of it, others do not
    poses[3] *= 200 / np.ptp(poses[3], axis=0).max()
    before = dataclasses.replace(before, poses_3d=poses)
    options = {"bones": 0.5, "copies": 3, "include_source": True}
    whole = poseda.align(before, target(), **options)
    assert whole.summary["output"]["dropped_why"]["source_invalid"] == {"too large": 1}
    assert whole.summary["output"]["dropped"]["behind_camera"] == 4 * (len(before) - 1) - len(whole)
    poseda.write(whole, tmp_path / "whole")
    assert poseda.verify(tmp_path / "whole").ok
    for number in range(1, 6):
        poseda.write(poseda.align(before, target(), **options, shard=(number, 5)), tmp_path / f"shard {number}")
    merge(tmp_path.glob("shard *"), tmp_path / "merged")
    for name in ("augmented.h5", "summary.json"):
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("options", OPTIONS)
def test_infinite_poses_are_left_out_without_a_word(options):
    before = source()
    poses = before.poses_3d.copy()
    poses[::9, 5], poses[1::9], poses[2::9, ROOT] = np.inf, -np.inf, np.finfo(np.float32).max
    aligned = poseda.align(dataclasses.replace(before, poses_3d=poses), target(), **options)
    assert aligned.summary["output"]["dropped_why"]["source_invalid"] == {"not finite": 54, "too large": 27}
    assert not set(aligned.source_index % 9) & {0, 1, 2}


def test_up_has_to_be_known_for_cameras_that_are_used():
    known = source()
    unknown = dataclasses.replace(known.cameras[1], rotation=None)
    before = dataclasses.replace(known, cameras=(known.cameras[0], unknown))
    aligned = poseda.align(before.select(cameras=["left"]), target(), view="match")
    assert len(aligned) == len(known) / 2
    with pytest.raises(InputError, match="say it of right. --view jitter"):
        poseda.align(before, target(), view="match")


def test_what_was_done_is_stored_and_the_poses_are_read_again(tmp_path):
    aligned = poseda.align(source(), target(), view="match", bones=0.1, include_source=True)
    poseda.write(aligned, tmp_path / "out", compression="fast")
    with h5py.File(tmp_path / "out" / "augmented.h5") as file:
        np.testing.assert_array_equal(file["rotation"], aligned.rotation)
        np.testing.assert_array_equal(file["bone_factors"], aligned.bodies)
        assert list(file["bone_factors"].attrs["of"]) == list(FACTORS)
    unaligned = aligned.target_index < 0
    assert unaligned.any()
    np.testing.assert_array_equal(aligned.rotation[unaligned], np.tile([1, 0, 0, 0], (unaligned.sum(), 1)))
    read = poseda.read(tmp_path / "out")
    np.testing.assert_array_equal(read.poses_3d, aligned.poses_3d)


def test_the_summary_tells_yaw_and_tilt():
    before, after = source(), target()
    found = poseda.align(before, after, view="match").summary["distributions"]
    # By the pitch of the cameras above; each has as many poses as the other.
    assert found["tilt"]["target"]["min"] == pytest.approx(-20, abs=1e-3)
    assert found["tilt"]["target"]["max"] == pytest.approx(40, abs=1e-3)
    assert found["tilt"]["source"]["mean"] == pytest.approx(17.5, abs=1e-3)
    assert found["tilt"]["aligned"]["mean"] == pytest.approx(found["tilt"]["target"]["mean"], abs=1e-3)
    # Uniform over the circle: a standard deviation of 360 / sqrt(12).
    assert found["yaw"]["aligned"]["std"] == pytest.approx(104, abs=12)
    assert "yaw" not in poseda.align(before, after).summary["distributions"]
    # Of cameras of which it is not known nothing is counted.
    half = dataclasses.replace(after, cameras=(after.cameras[0], datasets.TARGET_CAMERAS[1]))
    found = poseda.align(before, half, view="jitter").summary["distributions"]["tilt"]
    assert (found["target"]["poses"], found["aligned"]["poses"]) == (15, len(before))


def test_a_target_of_unknown_cameras_is_refused_with_what_helps():
    with pytest.raises(InputError, match=r"of wide, tele\. Say it with --target-tilt.*--target-cameras.*--view jitter"):
        poseda.align(source(), datasets.target(), view="match")
    with pytest.raises(InputError, match="for the source's cameras, .* of left, right"):
        poseda.align(datasets.source(), target(), view="match")
    with pytest.raises(UsageError, match="is known from their published"):
        poseda.align(source(), target(), view="match", target_tilt=5)


@pytest.mark.parametrize("given", [{"target_tilt": 30}, {"target_up": (0, -np.sqrt(3), -1)}])
def test_a_given_tilt_is_reached(given):
    """A camera that looks down by 30 degrees: up is half a unit behind it for a whole one."""
    before = source()
    aligned = poseda.align(before, datasets.target(), view="match", **given)
    ups = ups_of(before.cameras, [0, 0, 1])[before.camera[aligned.source_index]]
    found = Rotation.from_quat(aligned.rotation, scalar_first=True).apply(ups)
    np.testing.assert_allclose(found, np.tile([0, -np.sqrt(0.75), -0.5], (len(found), 1)), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"view": "look"}, {"yaw": 90}, {"view": "match", "yaw": 400}, {"view": "match", "yaw": -1},
        {"view": "jitter", "jitter": 91}, {"target_tilt": 5},
        {"view": "match", "target_tilt": 5, "target_up": (0, -1, 0)}, {"view": "match", "target_tilt": 95},
        {"view": "match", "target_up": (0, 0, 0)}, {"view": "match", "target_up": (0, float("nan"), 1)},
        {"bones": -0.1}, {"bones": 3}, {"clip": 5}, {"pairing": "sequence", "clip": 0},
        {"pairing": "sequence", "shard": (1, 2)}, {"bones": float("nan")}, {"view": "jitter", "jitter": float("nan")},
    ],
)  # fmt: skip
def test_options_out_of_range_are_refused(options):
    with pytest.raises(UsageError):
        poseda.align(source(), target(), **options)


# Clips


def walking(frames=40):
    """As `source`, but for roots that walk smoothly."""
    before = source()
    sway = np.stack([np.sin(np.arange(frames) / 6), np.zeros(frames), np.cos(np.arange(frames) / 9)], axis=1)
    poses = relative(before.poses_3d) + np.array([0, 0.2, 6.0])
    poses += np.resize(0.5 * sway, (len(poses), 3))[:, None]
    return dataclasses.replace(before, poses_3d=poses.astype(np.float32))


def jumps(poses):
    return np.linalg.norm(np.diff(poses[:, ROOT].astype(np.float64), axis=0), axis=1)


@settings(deadline=None)
@given(st.sampled_from([1, 2, 3, 5, 8, 19, 20, 21, 243, None]), st.sampled_from(["none", "match"]))
def test_roots_move_as_in_the_source_or_less(clip, view):
    before, after = walking(), target()
    aligned = poseda.align(before, after, pairing="sequence", clip=clip, view=view)
    assert len(aligned) == len(before)
    np.testing.assert_array_equal(aligned.source_index, np.arange(len(before)))
    for sequence in before.sequences:
        for start in range(0, sequence.length, clip or sequence.length):
            stop = min(start + (clip or sequence.length), sequence.length)
            rows = slice(sequence.start + start, sequence.start + stop)
            assert len(np.unique(aligned.target_index[rows])) == 1
            moved, was = jumps(aligned.poses_3d[rows]), jumps(before.poses_3d[rows])
            assert (moved <= was + 1e-5).all()
            # One factor for all of the clip.
            if (was > 1e-3).any():
                ratio = (moved / was)[was > 1e-3]
                assert np.ptp(ratio) < 1e-2
            middle = (rows.start + rows.stop - 1) // 2
            wanted = after.poses_2d[aligned.target_index[middle], after.skeleton.root]
            np.testing.assert_allclose(aligned.poses_2d[middle, ROOT], wanted, atol=0.02)


def test_clips_are_turned_as_a_whole_and_have_targets_of_their_own():
    aligned = poseda.align(walking(), target(), pairing="sequence", clip=10, view="jitter")
    clips = aligned.rotation.reshape(-1, 10, 4)
    assert (clips == clips[:, :1]).all()
    assert len(np.unique(clips[:, 0], axis=0)) == len(clips) == 24
    targets = aligned.target_index[::10]
    assert len(np.unique(targets)) == 24  # of 30: balanced


def test_the_fit_is_that_of_the_frames_in_the_middle():
    found = poseda.align(walking(), target(), pairing="sequence", clip=5, depth="exact").summary["fit"]
    assert found["scale_relative_error"]["max"] < 1e-4
    assert found["root_error_max"] < 1e-4
    assert 0 <= found["motion_kept"]["min"] <= found["motion_kept"]["max"] <= 1


def test_a_source_without_places_has_no_motion():
    before = dataclasses.replace(source(), poses_3d=relative(source().poses_3d), absolute=False)
    with pytest.raises(InputError, match="there is no motion to keep; leave out --pairing sequence"):
        poseda.align(before, target(), pairing="sequence")


# The command line


def test_on_the_command_line(poseda, tmp_path, source_file, target_folder):
    align = partial(poseda, "align", source_file, "-t", target_folder, "-q")
    align("-o", "a", "--view", "match", "--target-tilt", "10", "--bones", "0.05", "--to", "poseda", "--to", "plain")
    align("-o", "b", "--view", "jitter:20", "--yaw", "90", "--pairing", "sequence", "--clip", "27")
    with h5py.File(tmp_path / "b" / "augmented.h5") as file:
        assert file["rotation"].shape == (3360, 4)
    assert '"jitter": 20.0' in (tmp_path / "b" / "summary.json").read_text()
    refused = align("-o", "c", "--view", "match", code=3).stderr
    assert "of TS2, TS5, TS6. Say it with --target-tilt DEG" in refused
    for options, said in (
        (["--view", "jitter:x"], "expected a number of degrees"),
        (["--view", "looking"], "expected none, match, jitter or jitter:DEG"),
        (["--view", "match", "--target-up", "1,2"], "expected three numbers"),
        (["--clip", "9"], "with --pairing sequence"),
        (["--yaw", "900"], "less than or equal to 360"),
    ):
        assert said in align("-o", "c", *options, code=2).stderr
    for export in ("videopose3d", "poseaug"):
        assert "one 3D pose for all four cameras" in align("-o", "c", "--view", "jitter", "--to", export, code=3).stderr
        twice = align("-o", "c", "--bones", "0.1", "--copies", "2", "--to", export, code=3).stderr
        assert "with --bones each copy has bones of its own" in twice
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert SAMPLE in source_file.parents
