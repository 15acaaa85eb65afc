from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from poseda_cli.blocks import BLOCK
from poseda_cli.lifter import RIDGES, Sums, fit
from tests.test_global_position import people

MICROMETRES = 1e-6


def pairs(count=1200):
    """People before one camera, at places of their own; root-relative 3D."""
    poses = people(count)
    places = np.random.default_rng(1).uniform((-1, -0.5, -1), (1, 0.5, 1), (count, 1, 3))
    filmed = poses - poses[:, :1] + places + [0, 0, 5]
    return (2 * filmed[..., :2] / filmed[..., 2:]).astype(np.float32), (poses - poses[:, :1]).astype(np.float32)


def solution(lifter, points, poses, ridge):
    """Least squares in double precision, the penalty as rows of its own."""
    X = lifter.features(points.reshape(len(points), -1)).astype(float)
    Y = poses.reshape(len(poses), -1).astype(float)
    penalty = ridge * np.square(X).sum(0).mean()
    rows = np.concatenate([X, np.sqrt(penalty) * np.eye(X.shape[1])])
    wanted = np.concatenate([Y - Y.mean(0), np.zeros((X.shape[1], Y.shape[1]))])
    return np.linalg.lstsq(rows, wanted, rcond=None)[0], X, Y.mean(0)


@pytest.mark.parametrize("ridge", [1e-5, 1e-2, 1, 100])
def test_the_solution_is_that_of_least_squares(ridge):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 7)) * [1, 2, 3, 4, 5, 6, 7], rng.standard_normal((40, 3))
    # Mean square of a column: that of all numbers, times the rows.
    penalty = ridge * np.square(X).mean() * 40
    rows = np.concatenate([X, np.sqrt(penalty) * np.eye(7)])
    expected = np.linalg.lstsq(rows, np.concatenate([Y, np.zeros((7, 3))]), rcond=None)[0]
    np.testing.assert_allclose(Sums(40, X.T @ X, X.T @ Y).solve(ridge), expected, atol=1e-10)


@pytest.mark.parametrize("ridge", [1e-1, 10])
def test_coefficients_are_those_of_least_squares(ridge):
    points, poses = pairs(300)
    lifter = fit(points, poses, seed=3, features=20, ridge=ridge)
    expected, _, _ = solution(lifter, points, poses, ridge)
    assert lifter.coefficients.shape == (20 + 34 + 1, 51)
    np.testing.assert_allclose(lifter.coefficients, expected, atol=1e-4 * abs(expected).max())


@pytest.mark.parametrize("ridge", RIDGES)
def test_single_precision_costs_less_than_a_hundredth_of_a_millimetre(ridge):
    points, poses = pairs(1600)
    lifter = fit(points, poses, features=100, ridge=ridge)
    coefficients, X, mean = solution(lifter, points, poses, ridge)
    found, expected = lifter.predict(points), (X @ coefficients + mean).reshape(-1, 17, 3)
    errors = [np.linalg.norm(one - poses, axis=2).mean() for one in (found, expected)]
    assert abs(errors[0] - errors[1]) < 10 * MICROMETRES
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_normal_equations_that_are_singular_have_the_smallest_solution():
    rng = np.random.default_rng(0)
    X, Y = rng.integers(-3, 4, (9, 4)).astype(float), rng.standard_normal((9, 2))
    X = np.concatenate([X, X[:, :2], np.zeros((9, 1))], axis=1)
    found = Sums(9, X.T @ X, X.T @ Y).solve(0)
    np.testing.assert_allclose(found, np.linalg.lstsq(X, Y, rcond=None)[0], atol=1e-9)


def test_the_loss_ranks_as_residuals_do():
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((50, 6)), rng.standard_normal((50, 3))
    sums = Sums(50, X.T @ X, X.T @ Y)
    some, others = rng.standard_normal((2, 6, 3))
    expected = np.square(X @ some - Y).sum() - np.square(X @ others - Y).sum()
    assert sums.loss(some) - sums.loss(others) == pytest.approx(expected)


def test_what_is_linear_is_learned_from_some_and_known_of_others():
    rng = np.random.default_rng(2)
    points = (rng.standard_normal((2000, 5, 2)) * 0.2 + 0.3).astype(np.float32)
    poses = (points.reshape(2000, 10) @ rng.standard_normal((10, 15))).reshape(2000, 5, 3)
    lifter = fit(points[:1500], poses[:1500], features=50)
    assert np.linalg.norm(lifter.predict(points[1500:]) - poses[1500:], axis=2).mean() < 1e-3


def test_the_ridge_is_small_for_what_can_be_learned_and_large_for_what_cannot():
    rng = np.random.default_rng(3)
    points = rng.standard_normal((400, 5, 2)).astype(np.float32)
    clean = (points.reshape(400, 10) @ rng.standard_normal((10, 15))).reshape(400, 5, 3)
    assert fit(points, clean, features=200).ridge == RIDGES[0]
    assert fit(points, rng.standard_normal(clean.shape), features=200).ridge == RIDGES[-1]


def test_the_place_in_the_image_counts():
    points, poses = pairs()
    lifter = fit(points, poses, features=64)
    moved = lifter.predict(points + np.float32(0.2)) - lifter.predict(points)
    assert np.linalg.norm(moved, axis=2).mean() > 0.01


def test_poses_of_other_places_in_the_order_are_lifted_alike():
    points, poses = pairs(1200)
    lifter = fit(points, poses, features=64)
    many = np.resize(points, (BLOCK + 5, 17, 2))
    np.testing.assert_allclose(lifter.predict(many)[-5:], lifter.predict(many[-5:]), atol=1e-5)
    assert lifter.predict(points[:0]).shape == (0, 17, 3)


def test_a_seed_means_the_same_features_and_another_seed_others():
    points, poses = pairs(400)
    one, again, other = (fit(points, poses, seed, features=40) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.coefficients, again.coefficients)
    np.testing.assert_array_equal(one.predict(points), again.predict(points))
    assert not np.isclose(one.weights, other.weights).any()
    assert not np.isclose(one.biases, other.biases).any()


def test_features_are_spread_as_stated():
    points, poses = pairs(400)
    lifter = fit(points, poses, features=600, ridge=1e-2)
    assert (lifter.weights * np.sqrt(34) / 2).std() == pytest.approx(1, abs=0.02)
    assert lifter.biases.std() == pytest.approx(1, abs=0.1)


def test_the_root_stays_at_the_origin():
    points, poses = pairs(400)
    np.testing.assert_allclose(fit(points, poses, features=64).predict(points)[:, 0], 0, atol=MICROMETRES)


def test_the_number_of_threads_makes_no_difference_that_is_shown(tmp_path):
    script = (
        "import sys, numpy as np; from tests.test_lifter import pairs; from poseda_cli.lifter import fit\n"
        "points, poses = pairs(3000); np.save(sys.argv[1], fit(points, poses, features=128).predict(points))\n"
    )
    found = []
    for threads in ("1", "2"):
        file = tmp_path / f"{threads}.npy"
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads), "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, "-c", script, file], env=environment, check=True, timeout=120)
        found.append(np.load(file))
    _, poses = pairs(3000)
    first, second = (np.linalg.norm(one - poses, axis=2).mean() for one in found)
    assert abs(first - second) < 5 * MICROMETRES


def test_poses_that_are_all_alike_give_the_one_pose():
    points, poses = pairs(4)
    same = fit(np.repeat(points[:1], 50, axis=0), np.repeat(poses[:1], 50, axis=0), features=16)
    np.testing.assert_allclose(same.predict(points[:1]), poses[:1], atol=1e-5)


def test_a_handful_of_poses_is_enough():
    points, poses = pairs(4)
    assert np.isfinite(fit(points[:2], poses[:2], features=16).predict(points)).all()


def test_what_cannot_be_fitted_is_refused():
    points, poses = pairs(4)
    with pytest.raises(ValueError, match=r"\(4, 17, 2\), poses \(4, 16, 3\): expected \(N, J, 2\)"):
        fit(points, poses[:, 1:])
    with pytest.raises(ValueError, match=r"1 poses: expected at least 2"):
        fit(points[:1], poses[:1])
