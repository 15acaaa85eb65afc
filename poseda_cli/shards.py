"""Shards: an N-th of a run's rows each, so that N machines can do it.

A run's rows are numbered copy by copy, in the source's order, before any of them is dropped: the numbers depend on the
size of the source alone. A shard has a range of them; it ends where the next one begins, be it within a sequence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.dataset import PoseHeads
from poseda_cli.errors import InputError, UsageError


@dataclass(frozen=True)
class Shard:
    """One of `count` shards; `index` counts from 1.

    Raises
    ------
    UsageError : there is no such shard
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(f"--shard {self}: I/N is shard I of N, expected 1 <= I <= N; the first one is 1/N.")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that '2/8' names.

        Raises
        ------
        UsageError : another text, or no such shard
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        if not found:
            raise UsageError(f"--shard {text}: expected I/N, shard I of N, as in --shard 2/8.")
        return cls(int(found[1]), int(found[2]))


class Piece(NamedTuple):
    """Source rows start to stop, as copy `copy` of them goes into the output."""

    copy: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many rows."""
        return self.stop - self.start


def pieces_of(rows: int, copies: Listed[int], shard: Shard | None) -> list[Piece]:
    """What a shard takes of the source, in the order of the output.

    Parameters
    ----------
    rows : of the source
    copies : in the order of the output, UNALIGNED among them where the source comes along
    shard : everything if None

    Raises
    ------
    InputError : more shards than rows
    """
    total = rows * len(copies)
    if shard and shard.count > total:
        raise InputError(f"--shard {shard}: there are only {total:,} rows; expected at most as many shards.")
    first, last = (
        (total * (shard.index - 1) // shard.count, total * shard.index // shard.count) if shard else (0, total)
    )
    pieces = []
    for number, copy in enumerate(copies):
        start, stop = max(first - number * rows, 0), min(last - number * rows, rows)
        if start < stop:
            pieces.append(Piece(copy, start, stop))
    return pieces


class Part(NamedTuple):
    """The source rows that some pieces need, as a data set of their own.

    dataset : these rows, in the source's order
    ranges : the same as ranges of the source's rows, ascending, apart from each other
    numbers : of each of its sequences, which one of the source's it is, or is cut from
    """

    dataset: PoseHeads
    ranges: list[range]
    numbers: NDArray[np.int64]

    def local(self, row: int) -> int:
        """Where a row of the source is in the part."""
        before = 0
        for rows in self.ranges:
            if row in rows:
                return before + row - rows.start
            before += len(rows)
        raise ValueError(f"row {row} is not in the part")

    def sequences_between(self, start: int, stop: int) -> NDArray[np.int64]:
        """(stop - start,) which of the source's sequences each of some rows of the part is of."""
        spans = self.dataset.spans_between(start, stop)
        numbers = self.numbers[[span.sequence for span in spans]]
        return np.repeat(numbers, [span.length for span in spans])

    def source_row(self, row: int) -> int:
        """Which row of the source a row of the part is."""
        for rows in self.ranges:
            if row < len(rows):
                return rows[row]
            row -= len(rows)
        raise ValueError(f"the part has no row {row}")


def part_of(source: PoseHeads, pieces: Listed[Piece]) -> Part:
    """The part of a source that some pieces need; the source itself if they need all of it."""
    ranges = _union(pieces)
    if sum(map(len, ranges)) == len(source):
        return Part(source, ranges, np.arange(len(source.sequences)))
    spans = [span for rows in ranges for span in source.spans_between(rows.start, rows.stop)]
    return Part(source.take(spans), ranges, np.array([span.sequence for span in spans], np.int64))


def _union(pieces: Listed[Piece]) -> list[range]:
    ranges: list[range] = []
    for _, start, stop in sorted(pieces, key=lambda piece: piece.start):
        if ranges and start <= ranges[-1].stop:
            ranges[-1] = range(ranges[-1].start, max(stop, ranges[-1].stop))
        else:
            ranges.append(range(start, stop))
    return ranges
