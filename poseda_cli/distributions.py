"""Distributions of place and size in the image, and the distance between two of them.

Everything here is exact: quantiles, moments and distances are of all values, by sorting; histograms are
there to be drawn, and nothing is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats

QUANTITIES = ("scale", "root_x", "root_y", "aspect")
QUANTILES = {"min": 0.0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}
# A multiple of what a narrow terminal has room for, and fine enough for a figure in print.
BINS = 60
# A histogram ends where a sample does, or this many widths of its middle 90 % beyond them: some stray poses must
# not flatten the rest.
REACH = 0.75
# Projections in single precision meet their targets up to this, in half widths: 0.001 px of 2,000.
ROUNDING = 1e-6
# Values in double precision at once.
BLOCK, LONG_BLOCK = 65_536, 1 << 20


def value_of(boxes: Floats, quantity: str) -> Floats:
    """What a distribution is of, row by row.

    Parameters
    ----------
    boxes : (N, 4 or more) width, height, root x, root y, screen-normalised
    quantity : 'scale', (w + h) / 2; 'root_x', 'root_y', the place of the pelvis; 'aspect', w / h

    Returns
    -------
    (N,) a new array; not finite where there is no value
    """
    w, h, x, y = boxes[:, :4].T
    if quantity == "scale":
        return (w + h) / 2
    if quantity == "aspect":
        with np.errstate(divide="ignore", invalid="ignore"):
            return w / h
    return (x if quantity == "root_x" else y).copy()


def sample_of(values: Floats) -> Floats:
    """The finite values in ascending order, which all functions below take; `values` are sorted in place."""
    values.sort()
    # What is not finite lies at the ends: NaN is sorted last.
    if len(values) and not np.isfinite(values[[0, -1]]).all():
        return values[np.isfinite(values)]
    return values


def describe(sample: Floats) -> dict[str, float]:
    """Mean, deviation and quantiles (linear, as numpy.quantile) of a sample; empty for none."""
    if not len(sample):
        return {}
    cuts = _quantiles(sample, list(QUANTILES.values()))
    mean = sample.mean(dtype=np.float64)
    moments = {"mean": mean, "std": _deviation(sample, mean)}
    return {name: float(value) for name, value in (*moments.items(), *zip(QUANTILES, cuts, strict=True))}


def _quantiles(sample: Floats, parts: Sequence[float]) -> Floats:
    """As numpy.quantile, which would sort the sample once more."""
    place = np.array(parts) * (len(sample) - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, len(sample) - 1)
    low, high = sample[below].astype(np.float64), sample[above].astype(np.float64)
    return low + (high - low) * (place - below)


def _deviation(sample: Floats, mean: np.float64) -> np.float64:
    """As sample.std(dtype=float64), which would take twice the memory of the sample."""
    pieces = (sample[start : start + BLOCK] for start in range(0, len(sample), BLOCK))
    squares = [np.square(piece - mean, dtype=np.float64).sum() for piece in pieces]
    return np.sqrt(np.sum(squares) / len(sample))


def distances(first: Floats, second: Floats, rounding: float = 0.0) -> tuple[float, float] | tuple[None, None]:
    """Wasserstein-1 and Kolmogorov-Smirnov distance of two samples.

    Parameters
    ----------
    first, second : (N,), (M,) ascending
    rounding : values that differ by no more are the same to Kolmogorov-Smirnov. It counts how many lie
        on one side of a place, and would take rounding around a frequent value for a difference.

    Returns
    -------
    Integral and maximum of |F - G|, F and G the empirical distribution functions; None for an empty
    sample. The first has the unit of the values, the second lies in [0, 1].

    G, of the smaller sample, is constant between its own values, where F only rises: F - G changes its
    sign there at most once, at a quantile of F, and is largest at the ends. So sums of F's values up to
    those places are enough, and the samples are never merged.
    """
    if not len(first) or not len(second):
        return None, None
    many, few = (first, second) if len(first) >= len(second) else (second, first)
    n, m = len(many), len(few)
    dtype = np.result_type(many, few)
    many, few = many.astype(dtype, copy=False), few.astype(dtype, copy=False)
    steps = np.unique(few)
    reached = np.searchsorted(few, steps, side="right")
    passed = np.concatenate([[0], reached[:-1]])
    before, after = np.searchsorted(many, steps, side="left"), np.searchsorted(many, steps, side="right")
    least = np.searchsorted(many, steps - dtype.type(rounding), side="left")
    most = np.searchsorted(many, steps + dtype.type(rounding), side="right")
    ks = max((reached / m - most / n).max(), (least / n - passed / m).max(), 0.0)

    # Where F reaches the level that G has from one step to the next, and the two change places.
    levels = (reached[:-1] * n + m - 1) // m
    crossing = np.clip(many[levels - 1], steps[:-1], steps[1:])
    crossed = np.searchsorted(many, crossing, side="left")
    # Steps and crossings take turns, so that their ranks ascend.
    ranks = np.empty(2 * len(steps) + 1, np.int64)
    ranks[:-2:2], ranks[1:-2:2], ranks[-2:] = before, crossed, (after[-1], n)
    sums = _sums_below(many, ranks)
    steps, crossing = steps.astype(np.float64), crossing.astype(np.float64)
    # Integrals of F up to these places.
    at_steps = (before * steps - sums[:-2:2]) / n
    at_crossing = (crossed * crossing - sums[1:-2:2]) / n
    height = reached[:-1] / m
    below = height * (crossing - steps[:-1]) - (at_crossing - at_steps[:-1])
    above = (at_steps[1:] - at_crossing) - height * (steps[1:] - crossing)
    # To the left of all steps G is 0, to the right 1.
    tails = at_steps[0] + (sums[-1] - sums[-2] - (n - after[-1]) * steps[-1]) / n
    # Of equal samples the sums must leave nothing.
    equal = np.array_equal(after * m, reached * n) and np.array_equal(before * m, passed * n)
    return 0.0 if equal else float(max((below + above).sum() + tails, 0.0)), float(ks)


def _sums_below(values: Floats, ranks: NDArray[np.int64]) -> Floats:
    """For each rank, in ascending order, the sum of that many first values, without the sums in between."""
    sums = np.zeros(len(ranks))
    first, total = int(np.searchsorted(ranks, 0, side="right")), 0.0
    # Some values at a time: in double precision reduceat makes a copy of all that it is given.
    for start in range(0, int(ranks[-1]), LONG_BLOCK):
        stop = min(start + LONG_BLOCK, int(ranks[-1]))
        last = int(np.searchsorted(ranks, stop, side="right"))
        ends = np.append(ranks[first:last], stop) - start
        begins = np.concatenate([[0], ends[:-1]])
        # Of an empty piece reduceat gives the value at its start.
        filled = ends > begins
        pieces = np.zeros(len(ends))
        pieces[filled] = np.add.reduceat(values[start:stop], begins[filled], dtype=np.float64)
        below = total + np.cumsum(pieces)
        sums[first:last], total, first = below[:-1], float(below[-1]), last
    return sums


def histograms(samples: Mapping[str, Floats], bins: int = BINS) -> dict[str, Any]:
    """Counts of several samples in common bins, for drawing.

    Parameters
    ----------
    samples : name -> (N,) ascending; empty ones are left out
    bins : how many

    Returns
    -------
    start, stop : of the range that is cut into bins of one width; for each name its counts; and `outside`:
    for each name how many values lie beyond the range
    """
    present = {name: sample for name, sample in samples.items() if len(sample)}
    if not present:
        return {}
    ends = [_ends(sample) for sample in present.values()]
    start, stop = min(end[0] for end in ends), max(end[1] for end in ends)
    margin = (stop - start) / (2 * bins) or max(abs(start), 1.0) / bins
    edges = np.linspace(start - margin, stop + margin, bins + 1)
    counts = {name: np.diff(np.searchsorted(sample, edges.astype(sample.dtype))) for name, sample in present.items()}
    return {
        "start": float(edges[0]),
        "stop": float(edges[-1]),
        **{name: found.tolist() for name, found in counts.items()},
        "outside": {name: len(sample) - int(counts[name].sum()) for name, sample in present.items()},
    }


def _ends(sample: Floats) -> tuple[float, float]:
    """Where a sample ends, or would if nothing lay far from the rest."""
    low, high = _quantiles(sample, [0.05, 0.95])
    # In the sample's own type, into which NumPy would else copy the whole sample.
    least, most = np.array([low - REACH * (high - low), high + REACH * (high - low)]).astype(sample.dtype)
    first, behind = np.searchsorted(sample, least), np.searchsorted(sample, most, side="right")
    return float(sample[first]), float(sample[behind - 1])
