"""A data set on its way into another layout, without alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli._version import VERSION
from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Screen
from poseda_cli.chunks import Chunk
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.placement import UNALIGNED
from poseda_cli.progress import Progress, silent
from poseda_cli.provenance import inputs_of, side_of

SCHEMA = "poseda.conversion/1"
CHUNK = 65_536


class Conversion:
    """A data set as exports take it (`chunks.ChunkSource`).

    Parameters
    ----------
    poses : what is converted
    progress : told how far looking at the poses is

    `not_finite` is how many poses hold numbers that are not.
    """

    screen: Screen = "aspect"
    whole = None
    turned, bodies = False, None

    def __init__(self, poses: PoseHeads, progress: Progress = silent) -> None:
        self.poses = poses
        self.skeleton, self.sequences = poses.skeleton, poses.sequences
        self.dataset, self.absolute = poses.origin.dataset, poses.absolute
        self.has_3d, self.has_2d = poses.has_3d, poses.has_2d
        used = np.zeros(len(poses.cameras), bool)
        self.not_finite, self.has_visible = 0, False
        with progress("looking", len(poses)) as advance:
            for rows in self._loaded():
                used[np.unique(rows.camera)] = True
                self.not_finite += int((~_finite(rows)).sum())
                self.has_visible |= rows.visible is not None
                advance(len(rows))
        # A selection keeps all cameras; what is not known of one that is not used is no obstacle.
        self._used = np.flatnonzero(used)
        self.cameras = tuple(poses.cameras[index] for index in self._used.tolist())

    def __len__(self) -> int:
        return len(self.poses)

    def _loaded(self) -> Iterator[PoseDataset]:
        # Of no poses one empty piece: it has their columns.
        for start in range(0, max(len(self.poses), 1), CHUNK):
            yield self.poses.load(start, min(start + CHUNK, len(self.poses)))

    def chunks(self) -> Iterator[Chunk]:
        """The poses in order; of a data set in memory views."""
        for rows in self._loaded():
            yield Chunk(
                poses_3d=rows.poses_3d,
                poses_2d=rows.poses_2d,
                camera=np.searchsorted(self._used, rows.camera).astype(np.uint16),
                source_index=rows.rows,
                target_index=np.full_like(rows.rows, UNALIGNED),
                visible=rows.visible,
            )

    @property
    def provenance(self) -> dict[str, Any]:
        """Version, selection and inputs: what it takes to get the same bytes again."""
        return {
            "version": VERSION,
            "options": dict(self.poses.origin.selection),
            "inputs": {"source": inputs_of(self.poses)},
        }

    def summary(self, files: Sequence[str] = ()) -> dict[str, Any]:
        """What summary.json holds.

        Parameters
        ----------
        files : names of the data files written
        """
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "options": self.provenance["options"],
            "source": side_of(self.poses),
            "output": {"files": list(files), "poses": len(self)},
        }


def _finite(poses: PoseDataset) -> NDArray[np.bool_]:
    finite = np.ones(len(poses), bool)

    def work(start: int, stop: int) -> None:
        for column in (poses.poses_3d, poses.poses_2d):
            if column is not None:
                finite[start:stop] &= np.isfinite(column[start:stop]).all((1, 2))

    for_blocks(work, len(poses))
    return finite
