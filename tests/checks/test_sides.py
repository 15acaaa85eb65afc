import numpy as np
import pytest

from poseda_cli.checks.sides import correlation, exchanged_limbs, legs_against_arms
from poseda_cli.skeleton import H36M17
from tests.layouts import writers as w

LEGS, ARMS = [0, 4, 5, 6, 1, 2, 3, *range(7, 17)], [*range(11), 14, 15, 16, 11, 12, 13]


@pytest.fixture
def seen():
    return w.h36m_view(w.motion(40, "Walking", 3)[:, w.H36M17_OF_32], "S9", "54138969")


@pytest.mark.parametrize("camera", w.CAMERAS)
@pytest.mark.parametrize("action", ["Walking", "Sitting", "Directions"])
def test_what_belongs_together_agrees(camera, action):
    seen = w.h36m_view(w.motion(40, action, 3)[:, w.H36M17_OF_32], "S9", camera)
    pixels = w.h36m_pixels(seen, camera)
    noisy = pixels + np.random.default_rng(0).normal(0, 8, pixels.shape)
    for points in (pixels, noisy):
        assert exchanged_limbs(seen, points, H36M17) == []
        assert exchanged_limbs(seen - seen[:, :1], points, H36M17) == []
        assert not legs_against_arms(points, H36M17)


@pytest.mark.parametrize(("order", "limbs"), [(LEGS, ["legs"]), (ARMS, ["arms"])])
def test_exchanged_limbs_are_named(seen, order, limbs):
    pixels = w.h36m_pixels(seen, "54138969")
    assert exchanged_limbs(seen, pixels[:, order], H36M17) == limbs
    assert exchanged_limbs(seen[:, order], pixels, H36M17) == limbs


def test_mirrored_images_exchange_both(seen):
    mirrored = w.h36m_pixels(seen, "54138969") * [-1, 1] + [1000, 0]
    assert exchanged_limbs(seen, mirrored, H36M17) == ["legs", "arms"]


def test_one_side_against_the_other_needs_no_3d():
    facing = np.zeros((3, 17, 2))
    facing[:, [1, 4]] = [[-10, 0], [10, 0]]  # hips 20 apart, trunk 40
    facing[:, [14, 11]] = [[-12, -40], [12, -40]]
    facing[:, 8] = [0, -40]
    assert not legs_against_arms(facing, H36M17)
    assert legs_against_arms(facing[:, LEGS], H36M17)


def test_a_profile_tells_nothing():
    profile = np.zeros((3, 17, 2))
    profile[:, [1, 4]] = [[-3, 0], [3, 0]]
    profile[:, [14, 11]] = [[3, -40], [-3, -40]]
    profile[:, 8] = [0, -40]
    assert not legs_against_arms(profile, H36M17)


def test_correlation_by_hand():
    assert correlation(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == pytest.approx(1)
    assert correlation(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 0
    assert correlation(np.array([3.0, np.nan]), np.array([-1.0, 5.0])) == pytest.approx(-1)
    assert correlation(np.zeros(2), np.ones(2)) == 1
