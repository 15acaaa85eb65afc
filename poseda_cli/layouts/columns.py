"""The columns of a data set while a reader fills them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.dataset import Origin, PoseDataset, Sequence
from poseda_cli.skeleton import Skeleton


class Columns:
    """Camera and sequence columns of `count` rows; the reader keeps the poses."""

    def __init__(self, count: int) -> None:
        self.camera = np.empty(count, np.uint16)
        self.cameras: dict[tuple[str, str], tuple[int, Camera]] = {}
        self.sequences: list[Sequence] = []
        self.filled = 0

    def add(self, subject: str, action: str, camera: Camera, length: int) -> slice:
        """Room for one more sequence: the rows that it gets."""
        index, _ = self.cameras.setdefault((subject, camera.name), (len(self.cameras), camera))
        rows = slice(self.filled, self.filled + length)
        self.camera[rows] = index
        if length:
            self.sequences.append(Sequence(subject, action, camera.name, self.filled, length))
        self.filled += length
        return rows

    def dataset(
        self,
        skeleton: Skeleton,
        origin: Origin,
        notes: tuple[str, ...] = (),
        poses_3d: NDArray[np.float32] | None = None,
        poses_2d: NDArray[np.float32] | None = None,
    ) -> PoseDataset:
        """The data set of everything that was added."""
        return PoseDataset(
            skeleton=skeleton,
            camera=self.camera,
            cameras=tuple(camera for _, camera in self.cameras.values()),
            sequences=tuple(self.sequences),
            poses_3d=poses_3d,
            poses_2d=poses_2d,
            origin=replace(origin, notes=notes),
        )
