from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.cameras import Camera, Distortion
from poseda_cli.global_position import joint_major
from poseda_cli.measurement import ImagePoses, measure, normalise_boxes, project_block
from tests import datasets
from tests.paper import pinhole

ALL = list(range(17))
# Of the order of Human3.6M's own, and large enough to move a joint by pixels.
LENS = Distortion(k=(-0.2, 0.24, -0.002), p=(-0.009, -0.014))


def seen(dataset):
    """(N, 17, 2) pixels of its 3D poses, by hand; linear cameras."""
    lenses = [(c.intrinsics.fx, c.intrinsics.fy, c.intrinsics.cx, c.intrinsics.cy) for c in dataset.cameras]
    return pinhole(dataset.poses_3d, np.array(lenses)[dataset.camera])


def boxes_by_hand(points, sizes, root, joints, screen):
    """(N, 4) pose by pose."""
    found = []
    for pose, (width, height) in zip(np.asarray(points, float), sizes, strict=True):
        across, down = width / 2, (width if screen == "aspect" else height) / 2
        x, y = pose[joints, 0] / across, pose[joints, 1] / down
        found.append(
            [
                x.max() - x.min(),
                y.max() - y.min(),
                (pose[root, 0] - width / 2) / across,
                (pose[root, 1] - height / 2) / down,
            ]
        )
    return np.array(found)


def sizes_of(dataset):
    sizes = np.array([(c.intrinsics.width, c.intrinsics.height) for c in dataset.cameras])
    return sizes[dataset.camera]


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_3d_is_seen_by_the_camera_of_its_row(screen):
    source = datasets.source()
    found = measure(ImagePoses(source), ALL, screen)
    assert found.dtype == np.float32
    expected = boxes_by_hand(seen(source), sizes_of(source), 0, ALL, screen)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_2d_goes_before_3d(screen):
    target = datasets.target()
    shifted = replace(target, poses_2d=target.poses_2d * np.float32(0.5) + np.float32(7))
    found = measure(ImagePoses(shifted), ALL, screen)
    expected = boxes_by_hand(shifted.poses_2d, sizes_of(target), 14, ALL, screen)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_boxes_are_taken_over_the_joints_asked_for():
    target, joints = datasets.target(), [2, 9, 14, 5]
    found = measure(ImagePoses(target), np.array(joints), "aspect")
    expected = boxes_by_hand(target.poses_2d, sizes_of(target), 14, joints, "aspect")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    whole = measure(ImagePoses(target), ALL, "aspect")
    assert (found[:, 1] < whole[:, 1]).any()
    np.testing.assert_array_equal(found[:, 2:], whole[:, 2:])


def test_a_lens_distorts_what_is_projected():
    source = datasets.source()
    cameras = (replace(source.cameras[0], distortion=LENS), source.cameras[1])
    distorted = replace(source, cameras=cameras)
    expected = seen(source)
    (k1, k2, k3), (p1, p2) = LENS.k, LENS.p
    i = cameras[0].intrinsics
    for row in np.flatnonzero(source.camera == 0):
        for joint in ALL:
            x, y, z = source.poses_3d[row, joint].astype(float)
            x, y = x / z, y / z
            r2 = x**2 + y**2
            t = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * y + p2 * x
            expected[row, joint] = i.fx * (x * t + p2 * r2) + i.cx, i.fy * (y * t + p1 * r2) + i.cy
    assert np.abs(expected - seen(source)).max() > 5
    block = ImagePoses(distorted).block(slice(None))
    np.testing.assert_allclose(block.transpose(2, 0, 1), expected, atol=2e-3)
    found = measure(ImagePoses(distorted), ALL, "aspect")
    np.testing.assert_allclose(found, boxes_by_hand(expected, sizes_of(source), 0, ALL, "aspect"), atol=1e-5)


def test_what_2d_lacks_is_sizes_alone():
    target = datasets.target()
    cameras = (Camera("wide", size=(640, 480)), Camera("tele"))
    poses = ImagePoses(replace(target, cameras=cameras))
    assert (poses.without_size, poses.without_camera, poses.without_place) == (["tele"], [], False)
    assert not poses.known
    np.testing.assert_array_equal(poses.sizes, [[640, 480], [np.nan, np.nan]])
    sized = ImagePoses(replace(target, cameras=(cameras[0], Camera("tele", size=(320, 200)))))
    assert sized.known
    assert sized.block_sizes(slice(14, 16)).tolist() == [[640, 480], [320, 200]]


def test_a_camera_without_poses_lacks_nothing():
    target = datasets.target()
    poses = ImagePoses(replace(target, cameras=(*target.cameras, Camera("spare"))))
    assert poses.known


def test_3d_needs_the_camera_and_a_place():
    source = datasets.source()
    unknown = ImagePoses(replace(source, cameras=(source.cameras[0], Camera("right", size=(1000, 1000)))))
    assert (unknown.without_camera, unknown.without_size, unknown.known) == (["right"], [], False)
    relative = ImagePoses(replace(source, absolute=False))
    assert (relative.without_place, relative.known) == (True, False)
    # Its own 2D is where it is, whatever the 3D.
    assert ImagePoses(replace(datasets.target(), absolute=False)).known


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pose_that_is_not_finite_has_no_box(value):
    target = datasets.target()
    points = target.poses_2d.copy()
    points[3, 5, 0] = value
    points[20, :, 1] = value
    found = measure(ImagePoses(replace(target, poses_2d=points)), ALL, "aspect")
    assert np.flatnonzero(np.isnan(found).any(1)).tolist() == [3, 20]
    assert np.isnan(found[[3, 20]]).all()
    others = np.delete(np.arange(len(target)), [3, 20])
    np.testing.assert_array_equal(found[others], measure(ImagePoses(target), ALL, "aspect")[others])


def test_a_joint_that_is_not_measured_may_be_missing():
    target = datasets.target()
    points = target.poses_2d.copy()
    points[:, 0] = np.nan
    found = measure(ImagePoses(replace(target, poses_2d=points)), np.arange(1, 17), "aspect")
    assert np.isfinite(found).all()


@pytest.mark.parametrize("depth", [0.0, -0.5])
def test_a_joint_behind_the_camera_leaves_no_box(depth):
    source = datasets.source()
    poses = source.poses_3d.copy()
    poses[7, 16, 2] = depth
    behind = ImagePoses(replace(source, poses_3d=poses))
    found = measure(behind, ALL, "aspect")
    assert np.flatnonzero(np.isnan(found).any(1)).tolist() == [7]
    block = behind.block(slice(7, 8))[..., 0]
    assert np.flatnonzero(np.isnan(block).any(1)).tolist() == [16]


def test_a_pose_without_extent_has_no_box():
    target = datasets.target()
    points = target.poses_2d.copy()
    points[4] = points[4, :1]
    points[5, :, 0] = 100  # a line has one
    found = measure(ImagePoses(replace(target, poses_2d=points)), ALL, "aspect")
    assert np.flatnonzero(np.isnan(found).any(1)).tolist() == [4]
    assert found[5, 0] == 0


def test_neither_blocks_nor_threads_have_an_influence():
    source = datasets.source()
    copies = 80
    many = replace(
        source,
        camera=np.tile(source.camera, copies),
        poses_3d=np.tile(source.poses_3d, (copies, 1, 1)),
        sequences=tuple(
            s._replace(start=s.start + copy * len(source), copy=copy)
            for copy in range(copies)
            for s in source.sequences
        ),
        rows=np.arange(len(source) * copies),
    )
    assert len(many) > 2 * 8192
    expected = np.tile(measure(ImagePoses(source), ALL, "aspect", jobs=1), (copies, 1))
    for jobs in (1, 3):
        np.testing.assert_array_equal(measure(ImagePoses(many), ALL, "aspect", jobs=jobs), expected)


def test_boxes_in_pixels_are_normalised_as_points_are():
    box = np.array([[192.0, 540.0, 1920.0, 540.0]])
    size = np.array([[1920.0, 1080.0]])
    np.testing.assert_allclose(normalise_boxes(box, size, "aspect"), [[0.2, 0.5625, 1.0, 0.0]])
    np.testing.assert_allclose(normalise_boxes(box, size, "axes"), [[0.2, 1.0, 1.0, 0.0]])


def test_a_block_is_projected_joint_by_joint():
    poses = np.array([[[1.0, 2.0, 4.0], [0.5, -1.0, 2.0]], [[0.0, 0.0, 1.0], [3.0, 3.0, -1.0]]])
    lenses = np.array([[100.0, 200.0, 10.0, 20.0, 640, 480], [50.0, 50.0, 0.0, 0.0, 640, 480]])
    image = project_block(joint_major(poses), lenses)
    assert image.shape == (2, 2, 2)  # joints, x and y, poses
    np.testing.assert_allclose(image[..., 0], [[35, 120], [35, -80]])
    np.testing.assert_allclose(image[..., 1], [[0, 0], [np.nan, np.nan]])
