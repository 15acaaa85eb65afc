"""The lifter that `probe` fits again and again."""

from __future__ import annotations

import numpy as np

from poseda_cli.lifter import FEATURES, fit
from tests.benchmarks.measure import call, in_turns
from tests.benchmarks.rows import Row, time_row

JOINTS = 17
FITTED = (20_000, 100_000)


def bench_lifter(poses: int, repeats: int) -> list[Row]:
    """Fitting, beside the one product that it cannot do without."""
    rows = []
    for count in sorted({min(poses, fitted) for fitted in FITTED}):
        points, people, features = some_pairs(count)
        costs = in_turns(
            {"fit": call(lambda p=points, q=people: fit(p, q)), "product": call(lambda f=features: f.T @ f)}, repeats
        )
        what = f"fitting a lifter to {count:,} poses"
        rows.append(time_row(what, "the product of its features with themselves", costs["fit"], costs["product"]))
    return rows


def some_pairs(count: int):
    """2D, 3D, and as many numbers as the features are, in single precision."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((count, JOINTS, 2), np.float32) * 0.1
    return points, rng.standard_normal((count, JOINTS, 3), np.float32), rng.random((count, FEATURES), np.float32)
