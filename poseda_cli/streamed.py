"""StreamedDataset: poses that stay in their files, for data that is larger than memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Listed
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.dataset import COLUMNS, Origin, PoseDataset, PoseHeads, Sequence, Span, joined_heads
from poseda_cli.skeleton import Skeleton, joint_map

# Rows read at once where some of them are left out again, and how many may be for each that is not.
MOST_ROWS, SPARSEST = 65_536, 16


class PoseRows(NamedTuple):
    """Some rows of a file, in columns as `PoseDataset` has them."""

    camera: NDArray[np.uint16]
    rows: NDArray[np.int64]
    poses_3d: NDArray[np.float32] | None = None
    poses_2d: NDArray[np.float32] | None = None
    visible: NDArray[np.bool_] | None = None


Read = Callable[[int, int], PoseRows]


@dataclass(frozen=True, repr=False, eq=False)
class StreamedDataset(PoseHeads):
    """Poses that are read when they are asked for; immutable.

    Parameters
    ----------
    skeleton, cameras, sequences, origin, absolute : as in `PoseDataset`
    columns : which of its columns there are
    stored : joint set of what `read` gives
    read : start, stop -> these rows of the files
    frames : of each sequence its rows in the files
    rows_as_read : how many rows the files have
    """

    skeleton: Skeleton
    cameras: tuple[Camera, ...]
    sequences: tuple[Sequence, ...]
    origin: Origin
    absolute: bool
    columns: tuple[str, ...]
    stored: Skeleton
    read: Read
    frames: tuple[range, ...]
    as_read: int

    @classmethod
    def of(
        cls,
        skeleton: Skeleton,
        cameras: tuple[Camera, ...],
        sequences: tuple[Sequence, ...],
        read: Read,
        columns: tuple[str, ...],
        origin: Origin,
        absolute: bool = True,
        rows_as_read: int | None = None,
    ) -> StreamedDataset:
        """All rows of some files; `rows_as_read` if they have more rows than there are poses."""
        frames = tuple(range(s.start, s.start + s.length) for s in sequences)
        as_read = sum(map(len, frames)) if rows_as_read is None else rows_as_read
        return cls(skeleton, cameras, sequences, origin, absolute, columns, skeleton, read, frames, as_read)

    @property
    def has_3d(self) -> bool:
        """Whether there are 3D poses."""
        return "poses_3d" in self.columns

    @property
    def has_2d(self) -> bool:
        """Whether there are 2D poses."""
        return "poses_2d" in self.columns

    @property
    def rows_as_read(self) -> int:
        """How many rows the files have."""
        return self.as_read

    def take(self, spans: Listed[Span]) -> Self:
        """The poses of some spans, each of which becomes a sequence; nothing is read."""
        return replace(self, sequences=self._sequences_of(spans), frames=tuple(map(self._frames_of, spans)))

    def to_skeleton(self, skeleton: Skeleton) -> Self:
        """The same poses with the joints of `skeleton`; nothing is read.

        Raises
        ------
        SkeletonError : a joint of `skeleton` is missing here
        """
        joint_map(self.stored, skeleton)
        return replace(self, skeleton=skeleton)

    def load(self, start: int, stop: int) -> PoseDataset:
        """Consecutive poses in memory.

        Raises
        ------
        ArchiveError : the file cannot be read, or holds other than it should
        """
        spans = self.spans_between(start, stop)
        # Numbers that are not finite, or too large, are data: poses of them are counted where they are used.
        with np.errstate(all="ignore"):
            parts = [_read(self.read, ranges) for ranges in _together(list(map(self._frames_of, spans)))]
        columns: dict[str, Any] = {name: _joined([getattr(part, name) for part in parts]) for name in COLUMNS}
        loaded = PoseDataset(
            skeleton=self.stored,
            cameras=self.cameras,
            sequences=self._sequences_of(spans),
            origin=self.origin,
            absolute=self.absolute,
            **columns,
        )
        return loaded.to_skeleton(self.skeleton)

    def _frames_of(self, span: Span) -> range:
        return self.frames[span.sequence][span.start : span.stop : span.stride]


def concatenate(datasets: Listed[PoseHeads]) -> PoseHeads:
    """As `dataset.concatenate`, of data sets some of which stay in their files.

    Raises
    ------
    InputError : joints or kinds of poses differ, or a sequence is in two of them
    """
    if len(datasets) == 1:
        return datasets[0]
    heads = joined_heads(datasets)
    parts = _Parts(datasets)
    there = [name for name in COLUMNS if name in parts.columns]
    return StreamedDataset.of(**heads, read=parts.read, columns=tuple(there), rows_as_read=parts.rows_as_read)


class _Parts:
    """Several data sets as the rows of one."""

    def __init__(self, datasets: Listed[PoseHeads]) -> None:
        self._datasets = datasets
        self._starts = [0, *accumulate(map(len, datasets))]
        self._cameras = [0, *accumulate(len(dataset.cameras) for dataset in datasets)]
        self._rows = [0, *accumulate(dataset.rows_as_read for dataset in datasets)]
        loaded = [dataset.load(0, 0) for dataset in datasets]
        self.columns = {name for part in loaded for name in COLUMNS if getattr(part, name) is not None}

    @property
    def rows_as_read(self) -> int:
        return self._rows[-1]

    def read(self, start: int, stop: int) -> PoseRows:
        number = max(bisect_right(self._starts, start) - 1, 0)
        parts: list[Any] = []
        while start < stop or not parts:
            first = self._starts[number]
            end = min(stop, self._starts[number + 1])
            parts.append(self._read(number, start - first, end - first))
            start, number = end, number + 1
        return PoseRows(*map(_joined, zip(*parts, strict=True)))

    def _read(self, number: int, start: int, stop: int) -> PoseRows:
        part = self._datasets[number].load(start, stop)
        visible = part.visible
        # Where an archive does not say that a joint is hidden, it is taken for visible.
        if visible is None and "visible" in self.columns:
            visible = np.ones((len(part), len(part.skeleton)), bool)
        camera = part.camera + np.uint16(self._cameras[number])
        return PoseRows(camera, part.rows + self._rows[number], part.poses_3d, part.poses_2d, visible)


def _together(wanted: list[range]) -> list[list[range]]:
    """Ranges of rows, those together that are read at once: opening a file takes longer than some rows in between."""
    groups: list[list[range]] = []
    rows = 0
    for piece in (piece for ranges in wanted for piece in _pieces(ranges)):
        last = groups[-1] if groups else []
        span = piece[-1] + 1 - last[0].start if last else 0
        near = span <= min(MOST_ROWS, SPARSEST * (rows + len(piece)))
        if last and (last[-1][-1] + 1 == piece.start or (near and last[-1][-1] < piece.start)):
            last.append(piece)
            rows += len(piece)
        else:
            groups.append([piece])
            rows = len(piece)
    return groups or [[range(0)]]


def _pieces(rows: range) -> Iterator[range]:
    """Every so many rows in pieces that span no more than is read at once."""
    few = len(rows) if rows.step == 1 else max(1, MOST_ROWS // rows.step)
    for first in range(0, len(rows), few):
        yield rows[first : first + few]


def _read(read: Read, ranges: list[range]) -> PoseRows:
    """The rows of ascending ranges, by way of all rows from the first to the last."""
    start, stop = ranges[0].start, ranges[-1][-1] + 1 if len(ranges[-1]) else ranges[-1].stop
    found = read(start, stop)
    if sum(map(len, ranges)) == stop - start:
        return found
    rows = np.concatenate([np.arange(piece.start, piece[-1] + 1, piece.step) for piece in ranges]) - start
    return PoseRows(*(None if column is None else column[rows] for column in found))  # type: ignore[arg-type]


def _joined(parts: Listed[Any]) -> Any:
    if parts[0] is None:
        return None
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
