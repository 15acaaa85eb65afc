"""Where the names of points go: in two columns beside them, so that no two names meet and no leaders cross."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats


def name_places(points: Floats, columns: tuple[float, float], top: float, bottom: float, leading: float) -> Floats:
    """Where leaders from some points end, the names standing behind their ends.

    Parameters
    ----------
    points : (J, 2) x right, y down
    columns : x of the column on the left, and of that on the right, outside of the points
    top, bottom : y of the first name and of the last at the extreme; each column has room for its names
    leading : least distance of names below each other

    Returns
    -------
    (J, 2) ends; the half of the points that lies farther left in the left column, every name as near to the
    height of its point as the others let it
    """
    ends = np.empty_like(points)
    order = np.argsort(points[:, 0], kind="stable")
    half = (len(points) + 1) // 2
    for column, x in zip((order[:half], order[half:]), columns, strict=True):
        members = column[np.argsort(points[column, 1], kind="stable")]
        ends[members, 0] = x
        ends[members, 1] = _apart(points[members, 1], top, bottom, leading)
        _uncross(points, ends, members)
    return ends


def _apart(heights: Floats, top: float, bottom: float, leading: float) -> Floats:
    """Ascending heights, moved as little as possible (in squares) to lie a distance apart within bounds."""
    steps = leading * np.arange(len(heights))
    groups: list[tuple[float, int]] = []  # isotonic regression: neighbours that meet take their mean
    for height in heights - steps:
        mean, size = float(height), 1
        while groups and groups[-1][0] > mean:
            before, others = groups.pop()
            mean, size = (before * others + mean * size) / (others + size), others + size
        groups.append((mean, size))
    means, sizes = zip(*groups, strict=True) if groups else ((), ())
    return np.clip(np.repeat(np.array(means, float), np.array(sizes, int)), top, bottom - steps[-1:].sum()) + steps


def _uncross(points: Floats, ends: Floats, members: NDArray[np.intp]) -> None:
    """Exchange the ends of leaders that cross, in place; each exchange makes both together shorter."""
    crossing = True
    while crossing:
        crossing = False
        for first, second in combinations(members.tolist(), 2):
            if _cross(points[first], ends[first], points[second], ends[second]):
                ends[[first, second]] = ends[[second, first]]
                crossing = True


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    """Whether the lines from a to b and from c to d cut through each other."""
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Floats, b: Floats, c: Floats) -> float:
    """Positive, negative or 0: on which side of a line through a and b a point is."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
