"""Where in the image the joints of a data set are."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats, Screen, screen_divisor

# Cells across.
CELLS = 96


class HeatMap:
    """Joints by cell of the normalised screen; cells are squares.

    Parameters
    ----------
    screen : as in `cameras.normalise_points`
    reach : how far up and down it goes from the middle; [-1, 1] is what it covers across
    """

    def __init__(self, screen: Screen, reach: float = 1.0) -> None:
        self._screen = screen
        self._rows = 2 * math.ceil(CELLS / 2 * reach)
        self._counts = np.zeros(self._rows * CELLS, np.int64)
        self._joints = 0
        self._lock = Lock()

    def add(self, block: Callable[[slice], tuple[Floats, Floats]], count: int, jobs: int | None = None) -> None:
        """Count the joints of some poses.

        Parameters
        ----------
        block : rows -> (J, 2, B) pixels, and (B, 2) width and height of their images
        count : number of rows
        jobs : threads; without influence on the result
        """

        def work(start: int, stop: int) -> None:
            image, sizes = block(slice(start, stop))
            found = np.bincount(self._cells(image, sizes), minlength=len(self._counts) + 1)
            with self._lock:  # sums of whole numbers are the same in any order
                self._counts += found[:-1]
                self._joints += image.shape[0] * image.shape[2]

        for_blocks(work, count, jobs, 2 * BLOCK)

    @property
    def parts(self) -> NDArray[np.float64]:
        """(R, CELLS) part of all joints in each cell, rows from the top of the image to its bottom.

        They reach R / CELLS up and down, `reach` rounded up to whole cells.

        What lies outside, or is not finite, is in no cell, but counts among all.
        """
        return (self._counts / max(self._joints, 1)).reshape(self._rows, CELLS)

    def _cells(self, image: Floats, sizes: Floats) -> NDArray[np.intp]:
        """Number of each joint's cell; one more than there are for those outside."""
        divisor = screen_divisor(sizes, self._screen)
        ends = np.array([[CELLS], [self._rows]])
        scale = (CELLS / divisor).astype(image.dtype).T
        shift = (ends.T / 2 - CELLS / 2 * sizes / divisor).astype(image.dtype).T
        with np.errstate(invalid="ignore"):  # NaN is outside
            place = image * scale + shift
            inside = ((place >= 0) & (place < ends)).all(1)
        column, row = np.where(inside[:, None], place, 0).astype(np.intp).transpose(1, 0, 2)
        return np.where(inside, row * CELLS + column, len(self._counts)).ravel()
