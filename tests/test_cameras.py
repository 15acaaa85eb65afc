from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseda_cli.cameras import (
    Camera,
    Intrinsics,
    denormalise_points,
    distortion_table,
    intrinsics_table,
    normalise_intrinsics,
    normalise_points,
    project,
    world_to_camera,
)
from tests.paper import pinhole

SIZES = [(1000, 1002), (1000, 1000), (2048, 2048), (1920, 1080)]


def rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.linalg.det(q)


def test_a_camera_that_looks_along_the_worlds_x():
    # z up outside; the camera stands at (1, 2, 3), its right is -y, its down -z, it looks along x.
    R = [[0, -1, 0], [0, 0, -1], [1, 0, 0]]
    seen = world_to_camera(np.array([[5, 1, 3.5]]), np.array(R), np.array([1, 2, 3]))
    np.testing.assert_allclose(seen, [[1, -0.5, 4]])


def test_any_camera_is_a_shift_and_a_rotation(rng):
    points, R, C = rng.normal(size=(7, 5, 3)), rotation(rng), rng.normal(size=3)
    np.testing.assert_allclose(world_to_camera(points, R, C), (points - C) @ R.T, atol=1e-12)


def test_linear_projection_is_the_pinhole_model(rng):
    poses = rng.uniform((-1, -1, 2), (1, 1, 6), (9, 17, 3))
    cameras = np.concatenate([rng.uniform(1000, 1700, (9, 2)), rng.uniform(400, 1100, (9, 2))], axis=1)
    np.testing.assert_allclose(project(poses, cameras[:, None]), pinhole(poses, cameras), atol=1e-9)


def test_distortion_is_that_of_the_release_and_not_opencvs():
    # The published model, term by term, for one point.
    x, y, k1, k2, k3, p1, p2 = 0.3, 0.25, -0.2, 0.25, -0.003, -0.0014, -0.001
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    tangential = p1 * y + p2 * x
    u = 1145 * (x * (radial + tangential) + p2 * r2) + 512
    v = 1143 * (y * (radial + tangential) + p1 * r2) + 515
    found = project(np.array([3 * x, 3 * y, 3]), np.array([1145, 1143, 512, 515]), np.array([k1, k2, k3, p1, p2]))
    np.testing.assert_allclose(found, [u, v], atol=1e-9)
    opencv = 1145 * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + 512
    assert abs(opencv - u) > 0.05


@pytest.mark.parametrize("size", SIZES)
def test_aspect_normalisation_is_every_trainers(size):
    w, h = size
    points = np.array([[[0, 0], [w, h], [w / 2, h / 2], [10, 20]]], float)
    expected = points / w * 2 - [1, h / w]
    np.testing.assert_allclose(normalise_points(points, np.array([size])), expected, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_axes_normalisation_fills_the_unit_square(size):
    corners = np.array([[[0, 0], size]], float)
    np.testing.assert_allclose(normalise_points(corners, np.array([size]), "axes"), [[[-1, -1], [1, 1]]])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), screen=st.sampled_from(["aspect", "axes"]), size=st.sampled_from(SIZES))
def test_normalising_can_be_undone(seed, screen, size):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-500, 2500, (4, 6, 2)).astype(np.float32)
    sizes = np.tile(np.array(size, float), (4, 1))
    back = denormalise_points(normalise_points(points, sizes, screen), sizes, screen)
    np.testing.assert_allclose(back, points, atol=2e-3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), screen=st.sampled_from(["aspect", "axes"]), size=st.sampled_from(SIZES))
def test_projecting_with_normalised_intrinsics_is_projecting_then_normalising(seed, screen, size):
    rng = np.random.default_rng(seed)
    poses = rng.uniform((-1, -1, 2), (1, 1, 6), (5, 17, 3))
    pixels = np.array([rng.uniform(900, 1700), rng.uniform(900, 1700), size[0] * 0.49, size[1] * 0.52, *size])
    expected = normalise_points(project(poses, pixels[:4]), np.array(size, float), screen)
    np.testing.assert_allclose(project(poses, normalise_intrinsics(pixels, screen)), expected, atol=1e-12)


def test_a_centred_camera_has_a_normalised_centre_of_zero():
    np.testing.assert_allclose(
        normalise_intrinsics(np.array([1500, 1500, 960, 540, 1920, 1080])), [1.5625, 1.5625, 0, 0]
    )


def test_tables_say_what_is_not_known():
    cameras = (Camera("a", Intrinsics(1, 2, 3, 4, 5, 6)), Camera("b"))
    np.testing.assert_array_equal(intrinsics_table(cameras), [[1, 2, 3, 4, 5, 6], [np.nan] * 6])
    np.testing.assert_array_equal(distortion_table(cameras), np.zeros((2, 5)))
