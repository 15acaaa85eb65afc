"""Files of 3D and 2D poses, read as a whole or left where they are; what is checked of them is the same.

Checks look at poses that are evenly spread over a sequence, and some poses that were spread so are, to a check, the
same as all: hence what `in_pieces` keeps of a sequence stands for it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Listed
from itertools import accumulate
from typing import Any, NamedTuple, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from poseda_cli.checks import sanity, sides
from poseda_cli.dataset import PoseDataset
from poseda_cli.errors import UnsafeArchiveError
from poseda_cli.reading.columns import settle
from poseda_cli.skeleton import Skeleton
from poseda_cli.storage.archive import Archive, RowArchive
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.limits import too_large
from poseda_cli.streamed import MOST_ROWS, PoseRows, StreamedDataset

# Which rows of a file, in the order in which they are read: all of them, or some, or in another order.
Rows = range | NDArray[np.int64]


class Poses(NamedTuple):
    """Some poses of a file, as it stores them.

    poses_3d (n, J, 3), poses_2d (n, J, 2); number (n,) what each counts as in the file
    """

    poses_3d: NDArray[Any]
    poses_2d: NDArray[Any]
    number: NDArray[np.int64]


class PoseFile(Protocol):
    """A file of poses, in the order in which they are read."""

    archive: Archive
    members: tuple[str, ...]

    def __len__(self) -> int:
        """How many poses are read of it."""

    def poses(self, start: int, stop: int) -> Poses:
        """Some of them; in pieces of `MOST_ROWS` they fit into memory."""

    def metres(self, poses_3d: NDArray[Any]) -> NDArray[Any]:
        """3D as stored in metres."""


class Looked(NamedTuple):
    """The poses of a sequence that are looked at: all, or about as many as checks of one kind want, evenly spread.

    few : for those of `checks.sides` and `checks.h36m_space`
    many : for those of `checks.sanity` and `checks.reprojection`
    """

    few: Poses
    many: Poses


class Look(Protocol):
    """A way of looking at files."""

    def few(self, view: range) -> int:
        """How many poses of a sequence will be in `Looked.few`."""

    def at(self, file: PoseFile, views: Listed[range], advance: Callable[[int], object]) -> list[Looked]:
        """Its sequences, each of which is some of its poses; `advance` is told of poses read."""


class Whole:
    """Files are in memory one after the other, and all of their poses are looked at."""

    def few(self, view: range) -> int:
        """All."""
        return len(view)

    def at(self, file: PoseFile, views: Listed[range], advance: Callable[[int], object]) -> list[Looked]:
        """See `Look`.

        Raises
        ------
        UnsafeArchiveError : a data set is larger than any that is read
        """
        for member in file.members:
            check_size(file.archive, member)
        poses = file.poses(0, len(file))
        advance(len(file))
        parts = [Poses(*(column[view.start : view.stop] for column in poses)) for view in views]
        return [Looked(part, part) for part in parts]


class InPieces:
    """Files are gone through in pieces, and what checks look at is kept; `absent` counts what `settle` finds."""

    def __init__(self) -> None:
        self.absent = 0

    def few(self, view: range) -> int:
        """Of the spread ones."""
        return len(_spread(view, sides.SAMPLE))

    def at(self, file: PoseFile, views: Listed[range], advance: Callable[[int], object]) -> list[Looked]:
        """See `Look`."""
        kept = [(_Kept(view, sides.SAMPLE), _Kept(view, sanity.SAMPLE)) for view in views]
        for start in range(0, max(len(file), 1), MOST_ROWS):
            poses = file.poses(start, min(start + MOST_ROWS, len(file)))
            for one in (one for both in kept for one in both):
                one.add(start, poses)
            self.absent += settle(_single(poses.poses_2d))
            advance(len(poses.number))
        return [Looked(few.poses, many.poses) for few, many in kept]


class _Kept:
    """Of the poses of a view, which come in parts, some that are evenly spread."""

    def __init__(self, view: range, most: int) -> None:
        self._rows = _spread(view, most)
        self._parts: list[Poses] = []

    def add(self, start: int, poses: Poses) -> None:
        """The file's poses from `start` on."""
        step = self._rows.step
        first = max(self._rows.start, start + (self._rows.start - start) % step)
        found = slice(first - start, max(self._rows.stop - start, 0), step)
        if found.start < min(found.stop, len(poses.number)) or not self._parts:
            self._parts.append(Poses(*(column[found].copy() for column in poses)))

    @property
    def poses(self) -> Poses:
        """Those of the parts that came."""
        return Poses(*map(np.concatenate, zip(*self._parts, strict=True)))


def _spread(view: range, most: int) -> range:
    return view[:: max(1, len(view) // most)]


def left_in_files(seen: PoseDataset, files: Listed[PoseFile], lengths: Listed[int]) -> StreamedDataset:
    """A data set whose poses are read when they are asked for.

    Parameters
    ----------
    seen : what `InPieces` kept of it, sequence by sequence
    files : the sequences follow each other in them
    lengths : of the sequences, those without poses left out

    Returns
    -------
    As `seen`, with all poses.
    """
    starts = [0, *accumulate(lengths)]
    sequences = tuple(
        sequence._replace(start=start, length=length)
        for sequence, start, length in zip(seen.sequences, starts, lengths, strict=False)
    )
    cameras = seen.camera[[sequence.start for sequence in seen.sequences]]
    rows = _FileRows(files, np.array(starts[:-1]), cameras, seen.skeleton)
    return StreamedDataset.of(
        seen.skeleton,
        seen.cameras,
        sequences,
        rows.read,
        columns=("poses_3d", "poses_2d"),
        origin=seen.origin,
        absolute=seen.absolute,
    )


class _FileRows:
    """The rows of several files as those of one.

    Parameters
    ----------
    files : one after the other
    starts : first row of each sequence
    cameras : of each sequence
    skeleton : joint set of the poses
    """

    def __init__(
        self, files: Listed[PoseFile], starts: NDArray[np.int64], cameras: NDArray[np.uint16], skeleton: Skeleton
    ) -> None:
        self._files, self._sequences, self._cameras, self._skeleton = files, starts, cameras, skeleton
        self._starts = [0, *accumulate(map(len, files))]

    def read(self, start: int, stop: int) -> PoseRows:
        joints = len(self._skeleton)
        poses_3d = np.empty((stop - start, joints, 3), np.float32)
        poses_2d = np.empty((stop - start, joints, 2), np.float32)
        numbers = np.empty(stop - start, np.int64)
        row = start
        while row < stop:
            file = bisect_right(self._starts, row) - 1
            before, end = self._starts[file], min(stop, self._starts[file + 1])
            found = self._files[file].poses(row - before, end - before)
            place = slice(row - start, end - start)
            poses_3d[place] = _single(self._files[file].metres(found.poses_3d))
            poses_2d[place] = _single(found.poses_2d)
            numbers[place] = found.number + before
            row = end
        settle(poses_2d)
        which = np.searchsorted(self._sequences, np.arange(start, stop), "right") - 1
        return PoseRows(self._cameras[which], numbers, poses_3d, poses_2d)


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 does not hold becomes infinite, and invalid
        return values.astype(np.float32)


def in_rows(archive: Archive) -> TypeGuard[RowArchive]:
    """Whether rows of an archive can be read at the cost of these rows."""
    return isinstance(archive, Hdf5Archive)


def rows_between(archive: Archive, name: str, start: int, stop: int) -> NDArray[Any]:
    """Some values of an array by its first axis; of other archives than HDF5 all are read to that end."""
    return archive.rows(name, start, stop) if in_rows(archive) else archive.array(name)[start:stop]


def rows_of(archive: Archive, name: str, rows: Rows) -> NDArray[Any]:
    """Some values of an array by its first axis, in the order asked for; what lies between them is read in pieces."""
    if isinstance(rows, range):
        return rows_between(archive, name, rows.start, rows.stop)
    first, stop = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
    if stop - first <= MOST_ROWS:
        return rows_between(archive, name, first, stop)[rows - first]
    found = np.empty((len(rows), *archive.members[name][0][1:]), archive.members[name][1].newbyteorder("="))
    for start in range(first, stop, MOST_ROWS):
        here = (rows >= start) & (rows < start + MOST_ROWS)
        if here.any():
            found[here] = rows_between(archive, name, start, min(start + MOST_ROWS, stop))[rows[here] - start]
    return found


def in_order(archive: Archive, name: str) -> Iterator[NDArray[Any]]:
    """The values of an array, one after the other, in pieces.

    Raises
    ------
    UnsafeArchiveError : it is larger than any that is read
    """
    check_size(archive, name)
    shape, _ = archive.members[name]
    if not shape:
        yield archive.array(name).reshape(-1)
        return
    for start in range(0, shape[0], MOST_ROWS):
        yield rows_between(archive, name, start, min(start + MOST_ROWS, shape[0])).reshape(-1)


def check_size(archive: Archive, name: str) -> None:
    """Refuse an array that says to be larger than any that is read; a few bytes can claim to be terabytes.

    Raises
    ------
    UnsafeArchiveError : as said
    """
    shape, dtype = archive.members[name]
    size = math.prod(shape) * dtype.itemsize
    if size > archive.limits.at_once:
        raise UnsafeArchiveError(archive.name, f"claims {too_large(size, archive.limits.at_once)}", name)
