"""Distributions of 2D poses: place and size in the image, and the distance between two data sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats, Screen, screen_divisor

SCHEMA = "poseda.summary/1"
QUANTITIES = ("scale", "root_x", "root_y", "aspect")
QUANTILES = {"min": 0.0, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1.0}


def normalise_boxes(boxes: Floats, size: Floats, screen: Screen) -> Floats:
    """Boxes in pixels to normalised screen.

    Parameters
    ----------
    boxes : (N, 4) width, height, root x, root y in pixels, as `gpa.boxes` gives them
    size : (N, 2) width and height of each pose's image
    screen : as in `cameras.normalise_points`

    Returns
    -------
    (N, 4) of the dtype of `boxes`
    """
    divisor = screen_divisor(size, screen)
    scale, shift = (2 / divisor).astype(boxes.dtype), (size / divisor).astype(boxes.dtype)
    return np.concatenate([boxes[:, :2] * scale, boxes[:, 2:] * scale - shift], axis=1)


def quantities(boxes: Floats) -> dict[str, Floats]:
    """What the distributions are of.

    Parameters
    ----------
    boxes : (N, 4) width, height, root x, root y, screen-normalised

    Returns
    -------
    scale : (w + h) / 2; root_x, root_y : place of the pelvis; aspect : w / h. Each (N,), sorted.
    """
    w, h, x, y = boxes.T
    with np.errstate(divide="ignore", invalid="ignore"):
        aspect = np.where(h > 0, w / h, np.inf).astype(boxes.dtype)
    values = {"scale": (w + h) / 2, "root_x": x, "root_y": y, "aspect": aspect[np.isfinite(aspect)]}
    return {name: np.sort(column) for name, column in values.items()}


def describe(ordered: Floats) -> dict[str, float]:
    """Mean, deviation and quantiles (linear, as numpy.quantile) of sorted values; empty for none."""
    if not len(ordered):
        return {}
    cuts = np.quantile(ordered, list(QUANTILES.values()))
    moments = {"mean": ordered.mean(dtype=np.float64), "std": ordered.std(dtype=np.float64)}
    return {name: float(value) for name, value in (*moments.items(), *zip(QUANTILES, cuts, strict=True))}


def distances(first: Floats, second: Floats) -> tuple[float, float] | tuple[None, None]:
    """Wasserstein-1 and Kolmogorov-Smirnov distance of two samples, on all values.

    Parameters
    ----------
    first, second : (N,), (M,) sorted

    Returns
    -------
    Integral and maximum of |F - G|, F and G the empirical distribution functions; None for an empty
    sample. The first has the unit of the values, the second lies in [0, 1].
    """
    if not len(first) or not len(second):
        return None, None
    # Both are sorted, so that their merge needs no further sort: each value's rank is its own plus that
    # in the other sample.
    n, m = len(first), len(second)
    of_second = np.arange(m) + np.searchsorted(first, second, side="right")
    from_first = np.ones(n + m, bool)
    from_first[of_second] = False
    merged = np.empty(n + m)
    merged[of_second], merged[from_first] = second, first
    below = np.cumsum(from_first)
    gap = np.abs(below / n - (np.arange(1, n + m + 1) - below) / m)
    widths = np.diff(merged)
    # Within equal values the functions are not defined yet; only the last of them counts.
    last = np.append(widths > 0, True)
    return float((gap[:-1] * widths).sum()), float(gap[last].max())


def compare_distributions(source: Floats | None, target: Floats, aligned: Floats) -> dict[str, Any]:
    """The `distributions` of summary.json, but for depth.

    Parameters
    ----------
    source, target, aligned : (N, 4) boxes, screen-normalised, finite; source None where it has no 2D

    Returns
    -------
    quantity -> source, target, aligned: mean, std, quantiles; wasserstein, ks: before (source to
    target) and after (aligned to target)
    """
    before = quantities(source) if source is not None else dict.fromkeys(QUANTITIES, np.empty(0))
    wanted, after = quantities(target), quantities(aligned)
    table: dict[str, Any] = {}
    for name in QUANTITIES:
        w_before, ks_before = distances(before[name], wanted[name])
        w_after, ks_after = distances(after[name], wanted[name])
        table[name] = {
            "source": describe(before[name]),
            "target": describe(wanted[name]),
            "aligned": describe(after[name]),
            "wasserstein": {"before": w_before, "after": w_after},
            "ks": {"before": ks_before, "after": ks_after},
        }
    return table


def fit(aligned: Floats, wanted: Floats, out_of_frame: NDArray[np.bool_]) -> dict[str, Any]:
    """How well aligned poses meet the target poses that they were drawn to.

    Parameters
    ----------
    aligned, wanted : (N, 4) boxes, row by row
    out_of_frame : (N,) whether some joint lies outside the image

    Returns
    -------
    scale_relative_error : p50, p95, max of |scale / target scale - 1|; root_error_max : largest
    distance of the roots; out_of_frame : fraction of poses
    """
    sizes = aligned[:, :2].sum(1, dtype=np.float64) / wanted[:, :2].sum(1, dtype=np.float64)
    error = np.abs(sizes - 1)
    roots = np.linalg.norm(aligned[:, 2:].astype(np.float64) - wanted[:, 2:], axis=1)
    p50, p95, largest = np.quantile(error, [0.5, 0.95, 1.0])
    return {
        "scale_relative_error": {"p50": float(p50), "p95": float(p95), "max": float(largest)},
        "root_error_max": float(np.max(roots)),
        "out_of_frame": float(out_of_frame.mean()),
    }
