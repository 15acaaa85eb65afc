"""A lifter in closed form: ridge regression on random ReLU features of the 2D pose. No training, no framework.

The 2D poses are taken as they stand in the image, with place and size, since these are what a domain gap is made of.
Numbers are float32 where there are many (features, products of a block), float64 where they are summed and solved.
Blocks are the same for any number of threads and always added in the same order. How the linear algebra library rounds
within a block may depend on its own threads and on the processor: errors of poses then agree to some micrometres.

Source: Rahimi and Recht, Weighted Sums of Random Kitchen Sinks, NIPS 2008.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK
from poseda_cli.cameras import Floats
from poseda_cli.random_streams import Stream, normal

FEATURES = 1024
# How far the random directions spread the inputs, beside biases of standard deviation 1: 2 does better than 1 by 2 mm,
# on poses that were held out, and 4 no better than 2.
GAIN = 2.0
# What is added to the variances of the inputs before they are made equal, in their mean. Joints move together: without
# such whitening the place in the image drowns the pose (33 mm in place of 22 on poses held out), with too much of it
# rounding is blown up.
FLOOR = 1e-2
# Ridges to choose from, in mean squares of the features: the smallest one is above the rounding of single precision.
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
# One run of poses in so many is held out; a run is this part of all, so that neighbours in time stay together.
HELD_OUT, RUNS = 10, 100


@dataclass(frozen=True, eq=False)
class Lifter:
    """Root-relative 3D poses from 2D poses; made by `fit`.

    Parameters
    ----------
    mean : (2 J,) of the 2D poses that it was fitted to
    whitening : (2 J, 2 J) what makes their coordinates independent and of unit variance, about
    weights, biases : (2 J, F), (F,) of the random features
    coefficients : (F + 2 J + 1, 3 J) of the features, the coordinates, and 1
    pose : (3 J,) mean of the 3D poses
    ridge : the one that was used, in mean squares of the features
    """

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    coefficients: NDArray[np.float64]
    pose: NDArray[np.float64]
    ridge: float

    def predict(self, points: Floats) -> NDArray[np.float32]:
        """The 3D poses that 2D poses are taken for.

        Parameters
        ----------
        points : (N, J, 2) normalised screen, finite

        Returns
        -------
        (N, J, 3) metres, relative to the root
        """
        flat, coefficients = _flat(points), self.coefficients.astype(np.float32)
        poses = np.empty((len(flat), len(self.pose)), np.float32)
        for start in range(0, len(flat), BLOCK):
            rows = slice(start, start + BLOCK)
            poses[rows] = self.features(flat[rows]) @ coefficients + self.pose
        return poses.reshape(*points.shape[:2], 3)

    def features(self, flat: Floats) -> NDArray[np.float32]:
        """(B, F + 2 J + 1) features of 2D poses (B, 2 J): random ones, whitened coordinates, and 1."""
        count = len(self.biases)
        found = np.empty((len(flat), count + len(self.mean) + 1), np.float32)
        found[:, count:-1] = (flat - self.mean) @ self.whitening
        np.maximum(found[:, count:-1] @ self.weights + self.biases, 0, out=found[:, :count])
        found[:, -1] = 1
        return found


def fit(points: Floats, poses: Floats, seed: int = 0, features: int = FEATURES, ridge: float | None = None) -> Lifter:
    """The lifter for some pairs of 2D and 3D poses.

    Parameters
    ----------
    points : (N, J, 2) normalised screen, finite
    poses : (N, J, 3) metres, relative to the root
    seed : of the random features
    features : how many of them
    ridge : penalty on all coefficients, in mean squares of the features; if not given chosen from `RIDGES`, by the
        error on a tenth of the poses of what is fitted to the others. The lifter is then fitted to all.

    Raises
    ------
    ValueError : shapes that do not fit together, or less than two poses
    """
    if points.ndim != 3 or points.shape[2] != 2 or poses.shape != (*points.shape[:2], 3):
        raise ValueError(f"points have shape {points.shape}, poses {poses.shape}: expected (N, J, 2) and (N, J, 3)")
    if len(points) < 2:
        raise ValueError(f"{len(points)} poses: expected at least 2")
    flat, wanted = _flat(points), poses.reshape(len(poses), -1)
    mean, whitening = _whitening(flat)
    weights, biases = _random_features(flat.shape[1], features, seed)
    pose = wanted.mean(0, dtype=np.float64)
    blank = np.empty((0, len(pose)))
    lifter = Lifter(mean, whitening, weights, biases, blank, pose, np.nan)
    # Which are held out is a matter of the rows' order alone.
    held = np.arange(len(flat)) * RUNS // len(flat) % HELD_OUT == HELD_OUT - 1
    tested = _sums(lifter, flat, wanted, held)
    trained = _sums(lifter, flat, wanted, ~held)
    everything = trained.and_of(tested)
    if ridge is None:
        ridge = _best_ridge(trained, tested) if tested.rows else RIDGES[-1]
    return Lifter(mean, whitening, weights, biases, everything.solve(ridge), pose, ridge)


class Sums(NamedTuple):
    """What a least-squares problem needs to know of its rows X and Y, in float64.

    rows : how many
    gram : (K, K) X'X
    moments : (K, L) X'Y
    """

    rows: int
    gram: Floats
    moments: Floats

    def and_of(self, other: Sums) -> Sums:
        """Of these rows and others."""
        return Sums(self.rows + other.rows, self.gram + other.gram, self.moments + other.moments)

    def solve(self, ridge: float) -> NDArray[np.float64]:
        """(K, L) the coefficients B with the least |X B - Y|^2 + penalty |B|^2; penalty: `ridge` mean squares of X."""
        penalised = self.gram.copy()
        penalised.flat[:: len(penalised) + 1] += ridge * self.gram.trace() / len(self.gram)
        try:
            np.linalg.cholesky(penalised)
        except np.linalg.LinAlgError:
            # Rounding may be larger than a small penalty where features depend on each other.
            return np.linalg.lstsq(penalised, self.moments, rcond=None)[0]
        # NumPy cannot make use of the factor's being triangular: two systems of it would take twice as long.
        return np.linalg.solve(penalised, self.moments)

    def loss(self, coefficients: Floats) -> float:
        """|X B - Y|^2, up to a constant."""
        return float(np.sum(coefficients * (self.gram @ coefficients - 2 * self.moments)))


def _best_ridge(trained: Sums, tested: Sums) -> float:
    losses = [tested.loss(trained.solve(ridge)) for ridge in RIDGES]
    return RIDGES[int(np.argmin(losses))]


def _sums(lifter: Lifter, flat: Floats, wanted: Floats, chosen: NDArray[np.bool_]) -> Sums:
    rows = np.flatnonzero(chosen)
    size = len(lifter.biases) + len(lifter.mean) + 1
    gram, moments = np.zeros((size, size)), np.zeros((size, wanted.shape[1]))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        found = lifter.features(flat[block])
        gram += found.T @ found
        moments += found.T @ (wanted[block] - lifter.pose).astype(np.float32)
    return Sums(len(rows), gram, moments)


def _whitening(flat: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of 2D poses, and the matrix that makes their coordinates independent."""
    mean = flat.mean(0, dtype=np.float64)
    covariance = np.zeros((flat.shape[1], flat.shape[1]))
    for start in range(0, len(flat), BLOCK):
        centred = flat[start : start + BLOCK] - mean
        covariance += centred.T @ centred / len(flat)
    variances, axes = np.linalg.eigh(covariance)
    floor = FLOOR * max(variances.mean(), np.finfo(np.float32).tiny)
    # Back to the coordinates' own axes: those of equal variances are left to chance.
    whitening = axes / np.sqrt(variances.clip(0) + floor) @ axes.T
    return mean.astype(np.float32), whitening.astype(np.float32)


def _random_features(inputs: int, features: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    numbers = normal(Stream.LIFTER, 0, (inputs + 1) * features, seed).reshape(inputs + 1, features)
    weights = numbers[:-1] * (GAIN / np.sqrt(inputs))
    return weights.astype(np.float32), numbers[-1].astype(np.float32)


def _flat(points: Floats) -> NDArray[np.float32]:
    return np.asarray(points, np.float32).reshape(len(points), 2 * points.shape[1])
