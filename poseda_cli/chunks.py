"""Poses on their way to a file: some rows at a time, and what the file says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Screen
from poseda_cli.dataset import PoseHeads, Sequence
from poseda_cli.skeleton import Skeleton


class Chunk(NamedTuple):
    """Some rows of a data set on their way to a file.

    poses_3d (n, J, 3) metres, camera space; poses_2d (n, J, 2) pixels; camera (n,) rows of the
    cameras; source_index, target_index (n,) rows as read, -1 for none; visible (n, J) where known; rotation (n, 4)
    unit quaternions w, x, y, z by which poses were turned about their roots, camera space, where they were.
    """

    poses_3d: NDArray[np.float32] | None
    poses_2d: NDArray[np.float32] | None
    camera: NDArray[np.uint16]
    source_index: NDArray[np.int64]
    target_index: NDArray[np.int64]
    visible: NDArray[np.bool_] | None = None
    rotation: NDArray[np.float32] | None = None


def join(chunks: Iterable[Chunk]) -> Chunk:
    """All rows of some chunks in one."""
    columns: list[Any] = [None if parts[0] is None else np.concatenate(parts) for parts in zip(*chunks, strict=True)]
    return Chunk(*columns)


class RowHeads(Protocol):
    """What a file says of its rows."""

    @property
    def skeleton(self) -> Skeleton:
        """Joint set of every pose."""

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """What the camera column points to."""

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        """In row order, covering all rows."""

    @property
    def screen(self) -> Screen:
        """Normalisation to be used in the file."""

    @property
    def turned(self) -> bool:
        """Whether chunks say how poses were turned."""

    @property
    def bodies(self) -> NDArray[np.float32] | None:
        """(S, 10) factors of the bones of each sequence, see `bones.FACTORS`; None where bodies are as they were."""

    @property
    def provenance(self) -> dict[str, Any]:
        """What the file should say about how it came to be."""

    def __len__(self) -> int:
        """Number of rows."""


class ChunkSource(RowHeads, Protocol):
    """What an export needs: the heads of a data set, and its rows in chunks."""

    @property
    def dataset(self) -> str | None:
        """'h36m', 'mpi_inf_3dhp' or None: whose subjects, actions and cameras the sequences name."""

    @property
    def whole(self) -> PoseHeads | None:
        """Of an alignment the source as read, before any part of it was selected; else None."""

    @property
    def has_3d(self) -> bool:
        """Whether chunks have 3D poses."""

    @property
    def has_2d(self) -> bool:
        """Whether chunks have 2D poses."""

    @property
    def has_visible(self) -> bool:
        """Whether chunks say which joints are visible."""

    @property
    def absolute(self) -> bool:
        """Whether 3D poses have a place in camera space; else their roots are the origin."""

    def chunks(self) -> Iterator[Chunk]:
        """All rows, in order."""
