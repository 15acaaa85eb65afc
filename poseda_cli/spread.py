"""Which few of many poses stand for all of them in a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK


def spread(count: int, wanted: int) -> list[int]:
    """Some of `count` rows: the middles of as many equal parts."""
    parts = min(wanted, count)
    return [(2 * part + 1) * count // (2 * parts) for part in range(parts)]


def spread_whole(
    count: int, wanted: int, missing: Callable[[NDArray[np.intp]], NDArray[np.intp]], most: int = 0
) -> Iterator[int]:
    """One row of each part: from the part's middle onwards the first of those that lack least.

    Parameters
    ----------
    count : number of rows
    wanted : how many of them
    missing : (B,) rows -> (B,) how much each lacks
    most : rows that lack more are not taken; a part that has no others is left out
    """
    middles = spread(count, wanted)
    for middle, end in pairwise([*middles, count + middles[0]] if middles else []):
        fewest, best = most + 1, -1
        for start in range(middle, end, BLOCK):
            rows = np.arange(start, min(start + BLOCK, end)) % count
            lacking = missing(rows)
            if lacking.min() < fewest:
                fewest, best = int(lacking.min()), int(rows[lacking.argmin()])
            if fewest == 0:
                break
        if best >= 0:
            yield best
