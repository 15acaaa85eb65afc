"""A data set on its way into another layout, without alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from poseda_cli._version import VERSION
from poseda_cli.cameras import Screen
from poseda_cli.chunks import Chunk
from poseda_cli.dataset import PoseDataset
from poseda_cli.placement import UNALIGNED
from poseda_cli.provenance import inputs_of, side_of

SCHEMA = "poseda.conversion/1"
CHUNK = 65_536


class Conversion:
    """A data set as exports take it (`chunks.ChunkSource`).

    Parameters
    ----------
    poses : what is converted
    """

    screen: Screen = "aspect"
    whole = None

    def __init__(self, poses: PoseDataset) -> None:
        self.poses = poses
        self.skeleton, self.sequences = poses.skeleton, poses.sequences
        # A selection keeps all cameras; what is not known of one that is not used is no obstacle.
        self._used = np.unique(poses.camera)
        self.cameras = tuple(poses.cameras[index] for index in self._used.tolist())
        self.dataset, self.absolute = poses.origin.dataset, poses.absolute
        self.has_3d, self.has_2d = poses.poses_3d is not None, poses.poses_2d is not None
        self.has_visible = poses.visible is not None

    def __len__(self) -> int:
        return len(self.poses)

    def chunks(self) -> Iterator[Chunk]:
        """The poses in order; they are views into the data set."""
        p = self.poses
        for start in range(0, len(p), CHUNK):
            rows = slice(start, start + CHUNK)
            yield Chunk(
                poses_3d=None if p.poses_3d is None else p.poses_3d[rows],
                poses_2d=None if p.poses_2d is None else p.poses_2d[rows],
                camera=np.searchsorted(self._used, p.camera[rows]).astype(np.uint16),
                source_index=p.rows[rows],
                target_index=np.full_like(p.rows[rows], UNALIGNED),
                visible=None if p.visible is None else p.visible[rows],
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
