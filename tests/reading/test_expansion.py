import numpy as np
import pytest

from poseda_cli.cameras import Camera
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.expansion import BLOCK, expand
from poseda_cli.skeleton import H36M17, H36M32
from tests.layouts import writers as w


def cameras(subject="S9"):
    found = []
    for name in w.CAMERAS:
        quaternion, centre = w.H36M_PLACES[subject][name]
        rotation = tuple(map(tuple, w.rotation_of(quaternion).T))
        found.append(Camera(name, rotation=rotation, centre=tuple(value / 1000 for value in centre)))
    return found


def plainly(world, camera):
    """R (X - C), point by point."""
    rotation, centre = np.array(camera.rotation), np.array(camera.centre)
    return np.array([[rotation @ (point - centre) for point in pose] for pose in world.astype(np.float64)])


@pytest.mark.parametrize("frames", [1, BLOCK - 1, BLOCK, BLOCK + 3])
def test_points_are_those_of_the_plain_formula(frames):
    world = w.motion(frames, seed=6)
    columns = Columns(4 * frames, H36M32, has_3d=True)
    rows = expand(columns, "S9", "Walking", world, cameras())
    assert rows == [slice(i * frames, (i + 1) * frames) for i in range(4)]
    for place, camera in zip(rows, cameras(), strict=True):
        some = slice(None, None, max(1, frames // 7))
        np.testing.assert_allclose(columns.poses_3d[place][some], plainly(world[some], camera), atol=1e-6)
        np.testing.assert_allclose(columns.poses_3d[place][-1:], plainly(world[-1:], camera), atol=1e-6)


def test_joints_lengths_and_units():
    world = (w.motion(BLOCK + 40, seed=7) * 1000).astype(np.float64)
    lengths = [BLOCK + 40, 0, 10, BLOCK + 1]
    columns = Columns(sum(lengths), H36M17, has_3d=True)
    joints = np.array(w.H36M17_OF_32)
    rows = expand(columns, "S9", "Walking", world, cameras(), joints=joints, lengths=lengths, metres=0.001)
    assert [place.stop - place.start for place in rows] == lengths
    assert [s.length for s in columns.sequences] == [length for length in lengths if length]
    for place, camera, length in zip(rows, cameras(), lengths, strict=True):
        if length:
            for frame in (0, length - 1):
                expected = plainly(world[frame : frame + 1][:, joints] / 1000, camera)[0]
                np.testing.assert_allclose(columns.poses_3d[place][frame], expected, atol=1e-6)


def test_source_is_left_alone_and_may_be_read_only():
    world = w.motion(5)
    world.setflags(write=False)
    before = world.copy()
    expand(Columns(20, H36M32, has_3d=True), "S9", "Walking", world, cameras())
    np.testing.assert_array_equal(world, before)


def test_no_frames():
    columns = Columns(0, H36M32, has_3d=True)
    assert expand(columns, "S9", "Walking", w.motion(3)[:0], cameras()) == [slice(0, 0)] * 4
    assert columns.sequences == ()


def test_signalling_nan_is_a_nan_without_a_warning():
    world = w.motion(3, seed=6)
    world[1, 4, 2] = np.array(0x7FA00000, np.uint32).view(np.float32)  # a flipped bit makes such a number
    columns = Columns(3, H36M32, has_3d=True)
    expand(columns, "S9", "Walking", world, cameras()[:1])
    assert np.isnan(columns.poses_3d).any((1, 2)).tolist() == [False, True, False]
