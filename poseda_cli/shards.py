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

from poseda_cli.dataset import PoseDataset, Sequence
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

    dataset: PoseDataset
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


def part_of(source: PoseDataset, pieces: Listed[Piece]) -> Part:
    """The part of a source that some pieces need; the source itself if they need all of it."""
    ranges = _union(pieces)
    if sum(map(len, ranges)) == len(source):
        return Part(source, ranges, np.arange(len(source.sequences)))
    sequences: list[Sequence] = []
    numbers: list[int] = []
    start = 0
    for rows in ranges:
        for number, sequence in enumerate(source.sequences):
            first, last = max(sequence.start, rows.start), min(sequence.start + sequence.length, rows.stop)
            if first < last:
                sequences.append(sequence._replace(start=start, length=last - first))
                numbers.append(number)
                start += last - first
    return Part(_take(source, ranges, tuple(sequences)), ranges, np.array(numbers, np.int64))


def _union(pieces: Listed[Piece]) -> list[range]:
    ranges: list[range] = []
    for _, start, stop in sorted(pieces, key=lambda piece: piece.start):
        if ranges and start <= ranges[-1].stop:
            ranges[-1] = range(ranges[-1].start, max(stop, ranges[-1].stop))
        else:
            ranges.append(range(start, stop))
    return ranges


def _take(source: PoseDataset, ranges: list[range], sequences: tuple[Sequence, ...]) -> PoseDataset:
    rows: slice | NDArray[np.int64]
    # Of one range a view: no copy of the poses.
    rows = (
        slice(ranges[0].start, ranges[0].stop)
        if len(ranges) == 1
        else np.concatenate([np.arange(r.start, r.stop) for r in ranges])
    )
    return PoseDataset(
        skeleton=source.skeleton,
        camera=source.camera[rows],
        cameras=source.cameras,
        sequences=sequences,
        poses_3d=None if source.poses_3d is None else source.poses_3d[rows],
        poses_2d=None if source.poses_2d is None else source.poses_2d[rows],
        visible=None if source.visible is None else source.visible[rows],
        rows=source.rows[rows],
        origin=source.origin,
        absolute=source.absolute,
    )
