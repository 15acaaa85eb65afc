from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.cameras import Camera
from poseda_cli.dataset import Sequence
from poseda_cli.errors import InputError
from poseda_cli.pairs import halves, pairs_as_filmed
from tests import datasets
from tests.paper import pinhole

ALL = np.arange(17)


def test_a_source_without_2d_is_seen_by_its_own_cameras():
    source = datasets.source()
    found = pairs_as_filmed(source, ALL, "aspect")
    lenses = np.array([[1100.0, 1150, 510, 490], [1200, 1190, 480, 505]])[source.camera]
    pixels = pinhole(source.poses_3d.astype(float), lenses)
    heights = np.array([1002, 1000])[source.camera, None]
    np.testing.assert_allclose(found.points[..., 0], pixels[..., 0] / 500 - 1, atol=1e-5)
    np.testing.assert_allclose(found.points[..., 1], pixels[..., 1] / 500 - heights / 1000, atol=1e-5)
    np.testing.assert_allclose(found.poses, source.poses_3d - source.poses_3d[:, :1], atol=1e-6)
    assert found.points.dtype == found.poses.dtype == np.float32


def test_2d_that_is_there_is_taken_and_joints_are_in_the_order_asked_for():
    target = datasets.target()
    joints = np.array([14, 3, 16])
    found = pairs_as_filmed(target, joints, "axes")
    sizes = np.array([[2048, 2048], [1920, 1080]])[target.camera][:, None]
    np.testing.assert_allclose(found.points, target.poses_2d[:, joints] / (sizes / 2) - 1, atol=1e-6)
    np.testing.assert_allclose(found.poses, (target.poses_3d - target.poses_3d[:, [14]])[:, joints], atol=1e-6)


def test_what_is_not_finite_is_left_out_of_both():
    target = datasets.target()
    points, poses = target.poses_2d.copy(), target.poses_3d.copy()
    points[3, 2, 0], poses[5, 1, 2], poses[6, 14, 0] = np.nan, np.inf, np.nan
    # A joint that does not count may be anything.
    points[8, 0] = np.nan
    found = pairs_as_filmed(replace(target, poses_2d=points, poses_3d=poses), np.arange(1, 17), "aspect")
    whole = pairs_as_filmed(target, np.arange(1, 17), "aspect")
    kept = [row for row in range(30) if row not in (3, 5, 6)]
    np.testing.assert_array_equal(found.points, whole.points[kept])
    np.testing.assert_array_equal(found.poses, whole.poses[kept])


def test_poses_behind_the_camera_are_left_out():
    source = datasets.source()
    poses = source.poses_3d.copy()
    poses[4, :, 2] -= 100
    assert len(pairs_as_filmed(replace(source, poses_3d=poses), ALL, "aspect").points) == len(source) - 1


def halved(lengths):
    target = datasets.target(frames=sum(lengths))
    starts = np.cumsum([0, *lengths]).tolist()
    sequences = [
        Sequence("TS1", f"Seq{number}", "wide", start, length)
        for number, (start, length) in enumerate(zip(starts[:-1], lengths, strict=True))
    ]
    target = target.load(0, sum(lengths))
    target = replace(target, sequences=tuple(sequences))
    whole = pairs_as_filmed(target, ALL, "aspect").points
    return [
        [np.flatnonzero((whole == pose).all((1, 2))).item() for pose in h.points] for h in halves(target, ALL, "aspect")
    ]


def test_each_sequence_is_cut_in_its_middle():
    first, second = halved([6, 4])
    assert first == [0, 1, 2, 6, 7]
    assert second == [3, 4, 5, 8, 9]


def test_odd_frames_go_to_either_side_in_turn():
    first, second = halved([1, 1, 1, 1, 3, 3])
    assert len(first) == len(second) == 5
    assert sorted(first + second) == list(range(10))
    assert first == [1, 3, 4, 7, 8]


def test_thinning_is_even():
    pairs = pairs_as_filmed(datasets.target(), ALL, "aspect")
    np.testing.assert_array_equal(pairs.thinned(10).points, pairs.points[::3])
    assert len(pairs.thinned(31).points) == 30


def test_what_cannot_be_seen_is_refused():
    source = datasets.source()
    with pytest.raises(InputError, match=r"source\.npz: 3D relative to the root, and no 2D"):
        pairs_as_filmed(replace(source, absolute=False), ALL, "aspect")
    unknown = (source.cameras[0], Camera("right"))
    with pytest.raises(InputError, match=r"source\.npz: intrinsics of camera right not known"):
        pairs_as_filmed(replace(source, cameras=unknown), ALL, "aspect")
    target = datasets.target()
    with pytest.raises(InputError, match=r"target\.mat: image size of camera tele not known"):
        pairs_as_filmed(replace(target, cameras=(target.cameras[0], Camera("tele"))), ALL, "aspect")
    with pytest.raises(InputError, match="of 30 poses less than two are finite"):
        pairs_as_filmed(replace(target, poses_3d=target.poses_3d * np.nan), ALL, "aspect")
