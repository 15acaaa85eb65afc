"""The columns of a data set while a reader fills them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.sides import exchanged_limbs
from poseda_cli.dataset import Origin, PoseDataset, Problem, Sequence, Stored
from poseda_cli.errors import InputError
from poseda_cli.skeleton import Skeleton


class Columns:
    """Room for `count` poses, filled sequence by sequence.

    Parameters
    ----------
    count : number of poses, known beforehand
    skeleton : joint set of every pose
    has_3d, has_2d, has_visible : which columns there are
    room : memory for the 3D poses, if some was made ready; float32

    `absent` counts the 2D poses that lack joints; whoever adds only some poses of each sequence sets it to that of all.
    """

    def __init__(
        self,
        count: int,
        skeleton: Skeleton,
        has_3d: bool = False,
        has_2d: bool = False,
        has_visible: bool = False,
        room: NDArray[np.float32] | None = None,
    ) -> None:
        joints = len(skeleton)
        self.skeleton = skeleton
        if room is None or len(room) < count * joints * 3:
            room = np.empty(count * joints * 3 if has_3d else 0, np.float32)
        self.poses_3d = room[: count * joints * 3].reshape(count, joints, 3) if has_3d else None
        self.poses_2d = np.empty((count, joints, 2), np.float32) if has_2d else None
        self.visible = np.empty((count, joints), bool) if has_visible else None
        self._camera = np.empty(count, np.uint16)
        self._cameras: dict[tuple[str, str], tuple[int, Camera]] = {}
        self._sequences: list[Sequence] = []
        self._filled = 0
        self.absent = 0

    def add(self, subject: str, action: str, camera: Camera, length: int, **poses: Any) -> slice:
        """One more sequence: fills the columns that are given by name, and returns the rows that it got.

        Parameters
        ----------
        subject, action, camera : of the sequence; a camera is one view per subject
        length : number of poses
        poses : poses_3d (n, J, 3) metres, poses_2d (n, J, 2) pixels, visible (n, J)
        """
        index, _ = self._cameras.setdefault((subject, camera.name), (len(self._cameras), camera))
        rows = slice(self._filled, self._filled + length)
        self._camera[rows] = index
        if length:
            self._sequences.append(Sequence(subject, action, camera.name, self._filled, length))
        self._filled += length
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 does not hold becomes infinite, and invalid
            for name, values in poses.items():
                getattr(self, name)[rows] = values
        if "poses_2d" in poses:
            self.settle_2d(rows)
        return rows

    def settle_2d(self, rows: slice) -> None:
        """Make joints at exactly 0, 0 NaN: it is how detectors and archives say that they have none there."""
        assert self.poses_2d is not None
        self.absent += settle(self.poses_2d[rows])

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        """What was added so far."""
        return tuple(self._sequences)

    def _check_sides(self) -> None:
        for sequence in self._sequences:
            if self.poses_3d is None or self.poses_2d is None:
                return
            rows = slice(sequence.start, sequence.start + sequence.length)
            check_sides(sequence, self.poses_3d[rows], self.poses_2d[rows], self.skeleton)

    def dataset(
        self,
        origin: Origin,
        stored: Stored,
        *,
        notes: Iterable[str] = (),
        problems: Iterable[Problem] = (),
        absolute: bool = True,
        rows: NDArray[np.int64] | None = None,
    ) -> PoseDataset:
        """The data set of everything that was added.

        Parameters
        ----------
        origin : layout and data set
        stored : how the archive has its poses
        notes, problems : see `dataset.Origin`
        absolute : see `dataset.PoseDataset`
        rows : index of each pose in the archive, where their order was changed

        Raises
        ------
        InputError : left and right are not the same in 2D as in 3D
        """
        self._check_sides()
        return PoseDataset(
            skeleton=self.skeleton,
            camera=self._camera,
            cameras=tuple(camera for _, camera in self._cameras.values()),
            sequences=self.sequences,
            poses_3d=self.poses_3d,
            poses_2d=self.poses_2d,
            visible=self.visible,
            rows=np.empty(0, np.int64) if rows is None else rows,
            origin=replace(
                origin, notes=tuple(notes), stored=stored, problems=(*problems, *absent_problems(self.absent))
            ),
            absolute=absolute,
        )


def settle(points: NDArray[np.float32]) -> int:
    """Make joints at exactly 0, 0 NaN, in place.

    Parameters
    ----------
    points : (n, J, 2) 2D poses

    Returns
    -------
    How many of the poses have such joints.
    """
    absent = (points == 0).all(-1)
    if not absent.any():
        return 0
    points[absent] = np.nan
    return int(absent.any(1).sum())


def absent_problems(count: int) -> list[Problem]:
    """What the user should know of so many 2D poses that `settle` found."""
    if not count:
        return []
    message = f"{count:,} 2D poses have joints at 0, 0: missing, and so are NaN here; align drops such poses"
    return [Problem("missing-joints", "warning", message)]


def check_sides(sequence: Sequence, poses_3d: NDArray[Any], poses_2d: NDArray[Any], skeleton: Skeleton) -> None:
    """Refuse a sequence whose left and right are not the same in 2D as in 3D.

    Parameters
    ----------
    sequence : for the message
    poses_3d, poses_2d : (n, J, 3), (n, J, 2) of it
    skeleton : joint set of both

    Raises
    ------
    InputError : as said
    """
    if limbs := exchanged_limbs(poses_3d, poses_2d, skeleton):
        raise InputError(
            f"{sequence.subject} {sequence.action}, camera {sequence.camera}: left and right of the "
            f"{' and '.join(limbs)} are exchanged between 2D and 3D: another joint order in one of them, mirrored "
            "images, or other frames."
        )


def grouped(keys: Iterable[Hashable]) -> dict[Any, NDArray[np.int64]]:
    """The rows of each key, keys in order of appearance: sequences of archives that name each row's.

    Parameters
    ----------
    keys : one for each row, e.g. (subject, action, camera)

    Returns
    -------
    key -> row numbers, ascending
    """
    rows: dict[Any, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return {key: np.array(numbers, np.int64) for key, numbers in rows.items()}
