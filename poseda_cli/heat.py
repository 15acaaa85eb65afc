"""Where in the image the joints of a data set are."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats, Screen, screen_divisor

# Cells along either axis.
CELLS = 96


class HeatMap:
    """Joints by cell of the normalised screen, [-1, 1] on both axes.

    Parameters
    ----------
    screen : as in `cameras.normalise_points`
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._counts = np.zeros(CELLS * CELLS, np.int64)
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
            found = np.bincount(_cells(image, sizes, self._screen), minlength=CELLS * CELLS + 1)
            with self._lock:  # sums of whole numbers are the same in any order
                self._counts += found[:-1]
                self._joints += image.shape[0] * image.shape[2]

        for_blocks(work, count, jobs, 2 * BLOCK)

    @property
    def parts(self) -> NDArray[np.float64]:
        """(CELLS, CELLS) part of all joints in each cell, rows from the top of the image to its bottom.

        What lies outside, or is not finite, is in no cell, but counts among all.
        """
        return (self._counts / max(self._joints, 1)).reshape(CELLS, CELLS)


def _cells(image: Floats, sizes: Floats, screen: Screen) -> NDArray[np.intp]:
    """Number of each joint's cell; one more than there are for those outside."""
    divisor = screen_divisor(sizes, screen)
    scale = (CELLS / divisor).astype(image.dtype).T
    shift = (CELLS / 2 * (1 - sizes / divisor)).astype(image.dtype).T
    with np.errstate(invalid="ignore"):  # NaN is outside
        place = image * scale + shift
        inside = ((place >= 0) & (place < CELLS)).all(1)
    column, row = np.where(inside[:, None], place, 0).astype(np.intp).transpose(1, 0, 2)
    return np.where(inside, row * CELLS + column, CELLS * CELLS).ravel()
