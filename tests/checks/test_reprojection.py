import numpy as np
import pytest

from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.checks.reprojection import find_camera, reprojection_error
from tests.layouts import writers as w

WRONG = Camera("wrong", Intrinsics(*w.CAMERA_0, 2048, 2048), rotation=((1, 0, 0), (0, 1, 0), (0, 0, 1)))
RIGHT = Camera("right", Intrinsics(*w.TS5_CAMERA, 1920, 1080), centre=(1, 2, 3))
PUBLISHED = {"wrong": WRONG, "right": RIGHT}
SEEN = w.mpi_view(12) / 1000
PIXELS = w.mpi_pixels(SEEN, w.TS5_CAMERA)


@pytest.mark.parametrize("name", ["right", "wrong", "garden"])
def test_finds_the_camera_that_agrees(name):
    camera, kind, _ = find_camera(name, PUBLISHED, SEEN, PIXELS)
    assert (camera.name, kind) == (name, "annot3")
    assert (camera.intrinsics, camera.centre) == (RIGHT.intrinsics, RIGHT.centre)


def test_of_cameras_alike_the_named_one_is_taken():
    twin = Camera("twin", RIGHT.intrinsics, centre=(4, 5, 6))
    camera, _, _ = find_camera("twin", {"right": RIGHT, "twin": twin}, SEEN, PIXELS)
    assert camera == twin


@pytest.mark.parametrize(
    ("poses", "kind", "known"),
    [
        (SEEN, "annot3", True),
        (w.universal(SEEN), "univ_annot3", True),
        (SEEN - SEEN[:, 14:15], "root-relative", True),
        (SEEN + np.array([0.1, 0, 0]), "unknown", False),
    ],
    ids=["annot3", "univ_annot3", "root-relative", "elsewhere"],
)
def test_kinds_of_poses(poses, kind, known):
    camera, found, _ = find_camera("right", PUBLISHED, poses, PIXELS)
    assert (camera.name, found) == ("right", kind)
    assert camera.intrinsics == (RIGHT.intrinsics if known else None)


def test_root_relative_poses_before_a_camera_of_no_name():
    camera, kind, _ = find_camera("garden", PUBLISHED, SEEN - SEEN[:, 14:15], PIXELS)
    assert (camera, kind) == (Camera("garden"), "root-relative")


def test_hips_and_spine_may_miss():
    moved = PIXELS.copy()
    # With six of the other 14 off as well, most of 17 joints miss, but not most of 14.
    moved[:, [8, 11, 15, 0, 1, 2, 3, 4, 5]] += 3
    assert find_camera("right", PUBLISHED, SEEN, moved)[1] == "annot3"


@pytest.mark.parametrize(("off", "agrees"), [(0.4, True), (0.6, False)])
def test_half_a_pixel_is_the_limit(off, agrees):
    camera, _, _ = find_camera("right", PUBLISHED, SEEN, PIXELS + np.array([off, 0]))
    assert (camera.intrinsics is not None) == agrees


@pytest.mark.parametrize(("shift", "error"), [((0, 0), 0), ((3, 4), 5)])
def test_error_is_the_median_distance(shift, error):
    moved = PIXELS + shift
    moved[:3] += 1000
    assert reprojection_error(SEEN, moved, RIGHT) == pytest.approx(error, abs=1e-9)


def test_error_without_a_finite_point():
    assert reprojection_error(SEEN, np.full_like(PIXELS, np.nan), RIGHT) == np.inf


def test_error_looks_only_at_finite_points():
    poses, pixels = SEEN.copy(), PIXELS.copy()
    poses[:4] = np.nan
    poses[4, :, 2] = 0
    pixels[5] = np.inf
    assert reprojection_error(poses, pixels, RIGHT) == pytest.approx(0, abs=1e-9)
