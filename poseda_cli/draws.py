"""What is drawn for each source pose: for itself, or for the clip that it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.clips import Clips
from poseda_cli.pairing import draw_targets


class Draws:
    """The draws of a run; each depends on its own pose or clip, the seed and the copy alone.

    Parameters
    ----------
    targets : how many target poses there are
    seed : of the run
    clips : that share what is drawn; None where each pose has its own
    """

    def __init__(self, targets: int, seed: int, clips: Clips | None = None) -> None:
        self._targets, self._seed, self.clips = targets, seed, clips

    def targets(self, start: int, stop: int, copy: int) -> NDArray[np.int64]:
        """(stop - start,) which target each of some rows of the source gets."""
        found: NDArray[np.int64] = self.each(start, stop, lambda a, b: draw_targets(a, b, *self._how(copy)))
        return found

    def targets_of_clips(self, copy: int) -> NDArray[np.int64]:
        """(K,) which target each clip gets."""
        assert self.clips is not None
        return draw_targets(0, len(self.clips), *self._how(copy))

    def each(self, start: int, stop: int, draw: Callable[[int, int], NDArray[Any]]) -> NDArray[Any]:
        """(stop - start,) what `draw` gives for each of some rows, or for its clip, by their numbers."""
        if self.clips is None:
            return draw(start, stop)
        first, last = self.clips.between(start, stop)
        return draw(first, last)[self.clips.numbers(start, stop) - first]

    def _how(self, copy: int) -> tuple[int, int, int]:
        return self._targets, self._seed, copy
