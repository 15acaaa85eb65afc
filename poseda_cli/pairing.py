"""Which target pose each source pose gets."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Random numbers held at once: 8 MB.
BATCH = 1 << 20
# Blocks that are not drawn again while they are used part by part: of some copies the one that is being used.
KEPT = 4


def draw_targets(start: int, stop: int, targets: int, seed: int = 0, copy: int = 0) -> NDArray[np.int64]:
    """Targets of source rows start to stop, drawn at random in balanced blocks.

    Row i belongs to block i // targets; within a block the targets are permuted, so that all are used
    equally often (the last block may be cut). The permutation depends on seed, copy and block alone:
    any range of rows can be drawn on its own.

    Parameters
    ----------
    start, stop : range of source rows
    targets : how many target poses there are, at least 1
    seed, copy : which draw; not negative

    Returns
    -------
    (stop - start,) indices below `targets`

    The order is that of 64-bit numbers from Philox, whose raw stream NumPy keeps from version to
    version (it does not promise so for Generator.permutation).
    """
    drawn = np.empty(max(stop - start, 0), np.int64)
    # Whoever asks for a part of a block will ask for its next part.
    part = targets > stop - start
    blocks_at_once = 1 if part else max(1, BATCH // targets)
    last = -(-stop // targets)
    for first in range(start // targets, last, blocks_at_once):
        count = min(blocks_at_once, last - first)
        order = (_kept_blocks if part else _blocks)(first, count, targets, seed, copy)
        begin, end = max(start, first * targets), min(stop, (first + count) * targets)
        drawn[begin - start : end - start] = order[begin - first * targets : end - first * targets]
    return drawn


def _blocks(first: int, count: int, targets: int, seed: int, copy: int) -> NDArray[np.int64]:
    """The targets of consecutive blocks."""
    # Philox makes four numbers a counter step: a block's numbers start at a step of their own.
    steps = -(-targets // 4)
    stream = np.random.Philox(key=np.array([seed, copy], np.uint64), counter=first * steps)
    numbers = stream.random_raw(count * steps * 4).reshape(count, steps * 4)[:, :targets]
    return _order(numbers).reshape(-1)


_kept_blocks = lru_cache(KEPT)(_blocks)


def _order(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Each row's indices in the order of its numbers; those of equal numbers in their own."""
    order = numbers.argsort(axis=1)
    ascending = np.take_along_axis(numbers, order, axis=1)
    # The quick sort leaves the order of equal numbers to the processor; of 64-bit ones there are hardly ever any.
    if (ascending[:, 1:] == ascending[:, :-1]).any():
        return numbers.argsort(axis=1, kind="stable")
    return order
