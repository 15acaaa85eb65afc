"""What the figure of a few poses shows: which poses, from which sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.blocks import BLOCK
from poseda_cli.dataset import Stored
from poseda_cli.pose_picture import picture_of_poses
from poseda_cli.skeleton import H36M32
from tests.datasets import SOURCE_CAMERAS, source, target
from tests.paper import pinhole


def rows_shown(dataset):
    """By the titles, which end in 'row 12 as read'."""
    return [int(pose.title.split()[-3]) for pose in picture_of_poses(dataset).poses]


def only(dataset, rows):
    """Those rows of a data set's first sequence."""
    (first, *_), columns = dataset.sequences, {}
    for name in ("poses_3d", "poses_2d", "camera", "rows"):
        column = getattr(dataset, name)
        columns[name] = None if column is None else column[rows]
    return replace(dataset, sequences=(first._replace(length=len(rows)),), **columns)


# Which poses


def test_poses_from_the_middles_of_three_parts():
    """240 rows: parts of 80, the middles of which are 40, 120 and 200."""
    dataset = source()
    assert len(dataset) == 240
    assert rows_shown(dataset) == [40, 120, 200]
    first = picture_of_poses(dataset).poses[0].title
    # Twelve sequences of 20: the third is the first subject's second action before the first camera.
    assert first == "S1 Walking, camera left, row 40 as read"


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 2, 3])])
def test_of_few_poses_as_many_as_there_are(count, expected):
    assert rows_shown(only(source(), np.arange(count))) == expected


def test_rows_are_counted_as_read():
    assert rows_shown(source().select(subjects=["S5"], stride=2)) == [120 + 2 * row for row in (10, 30, 50)]


def test_an_incomplete_pose_gives_way_to_the_next_whole_one():
    dataset = target()
    poses, points = dataset.poses_3d.copy(), dataset.poses_2d.copy()
    poses[5, 3, 1] = np.nan  # 30 rows: the middles are 5, 15 and 25
    points[6, 0] = np.inf
    points[7, 16] = 0  # not found by a detector
    poses[25:] = np.nan
    points[25:] = np.nan
    poses[1:5] = np.nan
    # From 25 to the end and on to 4, the first part's middle being 5, there is one whole pose.
    assert rows_shown(replace(dataset, poses_3d=poses, poses_2d=points)) == [8, 15, 0]


def test_the_least_incomplete_pose_where_none_is_whole():
    poses = source().poses_3d.copy()
    poses[:, 4] = np.nan
    poses[:, 9] = np.nan
    poses[133, 9] = 1.0
    assert rows_shown(replace(source(), poses_3d=poses)) == [40, 133, 200]


def test_parts_without_a_pose_that_has_an_extent_are_left_out():
    poses = source().poses_3d.copy()
    poses[:120] = 2.0
    poses[200:] = np.nan
    assert rows_shown(replace(source(), poses_3d=poses)) == [120]
    assert rows_shown(replace(source(), poses_3d=np.full_like(poses, np.nan))) == []


def test_whole_poses_are_found_far_away():
    count = 6 * BLOCK
    dataset = only(source(), np.zeros(count, int))
    poses = np.full_like(dataset.poses_3d, np.nan)
    poses[2 * BLOCK + 17] = source().poses_3d[0]
    assert rows_shown(replace(dataset, poses_3d=poses, rows=np.arange(count))) == [2 * BLOCK + 17]


# What is seen of them


def test_front_is_the_camera_s_view_centred_on_the_root():
    dataset = source()
    for pose, row in zip(picture_of_poses(dataset).poses, (40, 120, 200), strict=True):
        for joint in range(17):
            x, y, _ = dataset.poses_3d[row, joint].astype(float) - dataset.poses_3d[row, 0]
            assert pose.front[joint] == pytest.approx([x, y], abs=1e-6)


def test_turned_by_sixty_degrees_about_the_vertical():
    """Hand-computed: what points at the camera, at -z, points right by sin 60; the right hand goes back, to cos 60."""
    dataset = only(source(), np.arange(1))
    poses = np.zeros((1, 17, 3), np.float32) + np.float32([0.5, 0.2, 4.0])
    poses[0, 1:4] += np.float32([[0, 0, -1], [1, 0, 0], [0, 1, 0]])
    (pose,) = picture_of_poses(replace(dataset, poses_3d=poses)).poses
    half_root_of_three = 0.8660254
    assert pose.turned[:5] == pytest.approx(
        np.array([[0, 0], [half_root_of_three, 0], [0.5, 0], [0, 1], [0, 0]]), abs=1e-6
    )
    assert pose.front[:5] == pytest.approx(np.array([[0, 0], [0, 0], [1, 0], [0, 1], [0, 0]]), abs=1e-6)


def test_2d_of_the_archive_as_it_is():
    dataset = target()
    picture = picture_of_poses(dataset)
    assert not picture.projected
    for pose, row in zip(picture.poses, (5, 15, 25), strict=True):
        assert np.array_equal(pose.image, dataset.poses_2d[row])
    assert [pose.size for pose in picture.poses] == [(2048, 2048), (1920, 1080), (1920, 1080)]


def test_without_2d_the_projection():
    dataset = source()
    picture = picture_of_poses(dataset)
    assert picture.projected
    rows = np.array([40, 120, 200])
    lenses = [SOURCE_CAMERAS[c].intrinsics for c in dataset.camera[rows]]
    expected = pinhole(dataset.poses_3d[rows], [(i.fx, i.fy, i.cx, i.cy) for i in lenses])
    assert np.stack([pose.image for pose in picture.poses]) == pytest.approx(expected, abs=1e-2)


def test_2d_alone():
    picture = picture_of_poses(replace(target(), poses_3d=None))
    assert all(pose.front is None and pose.turned is None for pose in picture.poses)
    assert all(pose.image is not None for pose in picture.poses)


def test_3d_relative_to_the_root_has_no_image():
    poses = source().poses_3d - source().poses_3d[:, :1]
    picture = picture_of_poses(replace(source(), poses_3d=poses, absolute=False))
    assert all(pose.image is None for pose in picture.poses)
    # Roots are zero here; they are no missing joints.
    assert all(np.array_equal(pose.front[0], [0, 0]) for pose in picture.poses)


def test_a_camera_that_is_not_known_shows_nothing():
    left, right = SOURCE_CAMERAS
    dataset = replace(source(), cameras=(left, replace(right, intrinsics=None)))
    shown = {camera: picture_of_poses(dataset.select(cameras=[camera])).poses[0] for camera in ("left", "right")}
    assert shown["left"].image is not None
    assert shown["right"].image is None
    assert shown["right"].size is None
    assert shown["right"].front is not None


def test_joints_without_a_place_are_nan():
    dataset = target()
    poses, points = dataset.poses_3d.copy(), dataset.poses_2d.copy()
    poses[:, 3, 2] = np.inf
    poses[:, 4] = 0  # filled up
    points[:, 5] = 0
    points[:, 6, 0] = 0  # on the edge of the image
    pose = picture_of_poses(replace(dataset, poses_3d=poses, poses_2d=points)).poses[0]
    assert np.flatnonzero(np.isnan(pose.front).any(1)).tolist() == [3, 4]
    assert np.flatnonzero(np.isnan(pose.turned).any(1)).tolist() == [3, 4]
    assert np.flatnonzero(np.isnan(pose.image).any(1)).tolist() == [5]


def test_without_a_root_the_middle_of_the_others_is_the_centre():
    poses = source().poses_3d.copy()
    poses[:, 0] = np.nan
    pose = picture_of_poses(replace(source(), poses_3d=poses)).poses[0]
    assert pose.front[1:].mean(0) == pytest.approx([0, 0], abs=1e-6)


def test_nothing_is_changed():
    dataset = target()
    before = dataset.poses_3d.copy(), dataset.poses_2d.copy()
    picture_of_poses(dataset)
    assert np.array_equal(before[0], dataset.poses_3d)
    assert np.array_equal(before[1], dataset.poses_2d)


def test_titles():
    dataset = source()
    picture = picture_of_poses(dataset)
    assert (picture.title, picture.subtitle) == ("source.npz", "test, 17 joints (h36m17)")
    stored = replace(dataset, origin=replace(dataset.origin, stored=Stored(H36M32)))
    assert picture_of_poses(stored).subtitle == "test, 17 joints (h36m17), of 32 stored (h36m32)"
