"""Numbers row by row, of which there may be too many for memory: what can be sliced, wherever it lies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Protocol

import numpy as np


class Table(Protocol):
    """Numbers row by row; a slice of it, from a row to another one behind it, is an array."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Some rows."""


class Room(Table, Protocol):
    """A table that can be written, too."""

    def __setitem__(self, rows: slice, values: Any, /) -> None:
        """Write some rows."""


# Room for float32 of a shape, in memory or in a file.
MakeRoom = Callable[[tuple[int, ...]], Room]


def in_memory(shape: tuple[int, ...]) -> Room:
    """Room in memory."""
    return np.empty(shape, np.float32)


class JoinedTable:
    """Several tables, one below the other.

    Parameters
    ----------
    tables : at least one
    """

    def __init__(self, tables: Sequence[Table]) -> None:
        self._tables = tables
        self._starts = [0, *accumulate(map(len, tables))]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, rows: slice) -> Any:
        start, stop, step = rows.indices(len(self))
        parts = [self._tables[0][0:0]]
        while start < stop:
            number = bisect_right(self._starts, start) - 1
            first, end = self._starts[number], min(stop, self._starts[number + 1])
            parts.append(self._tables[number][start - first : end - first : step])
            start += -(-(end - start) // step) * step
        return np.concatenate(parts)


class RowsOf:
    """Consecutive rows of a table; they can be written if those of the table can.

    Parameters
    ----------
    table : which has them
    start, stop : first row, and the one behind the last
    """

    def __init__(self, table: Table, start: int, stop: int) -> None:
        self._table, self._start, self._length = table, start, stop - start

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, rows: slice) -> Any:
        start, stop, step = rows.indices(self._length)
        return self._table[self._start + start : self._start + stop : step]

    def __setitem__(self, rows: slice, values: Any) -> None:
        start, stop, _ = rows.indices(self._length)
        table: Any = self._table
        table[self._start + start : self._start + stop] = values
