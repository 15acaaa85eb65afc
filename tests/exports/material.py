"""Archives, and what poseda makes of them; made once and looked at by many tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from tests.layouts import writers as w

# Frames whose person has no extent, which cannot be aligned; its subject, action and row.
NOBODY = ("S1", "Sitting", 3)


def world():
    """Two subjects, unlike lengths, an action of one of them twice."""
    poses = {
        "S9": {"Walking": w.motion(6, "Walking", 31), "Greeting 1": w.motion(4, "Greeting", 32)},
        "S1": {
            "Walking 1": w.motion(11, "Walking", 33),
            "Sitting": w.motion(7, "Sitting", 34),
            "Walking": w.motion(5, "Walking", 35),
        },
    }
    subject, action, frame = NOBODY
    poses[subject][action][frame] = poses[subject][action][frame, :1]
    return poses


def keys(poses):
    """(subject, action, camera) of every row as read, and its frame."""
    return [
        (subject, action, camera, frame)
        for subject, actions in poses.items()
        for action, frames in actions.items()
        for camera in w.CAMERAS
        for frame in range(len(frames))
    ]


def seen(poses, joints=w.H36M17_OF_32):
    """(N, J, 3) metres in camera space of every row as read, double precision."""
    return np.concatenate(
        [
            w.h36m_view(frames[:, joints], subject, camera)
            for subject, actions in poses.items()
            for frames in actions.values()
            for camera in w.CAMERAS
        ]
    )


def own_points(poses):
    """(N, 17, 2) of every row as read: the release's projection, normalised as VideoPose3D does."""
    pixels = [
        w.h36m_pixels(w.h36m_view(frames[:, w.H36M17_OF_32], subject, camera), camera) / size[0] * 2
        - [1, size[1] / size[0]]
        for subject, actions in poses.items()
        for frames in actions.values()
        for camera, (*_, size) in w.H36M_LENSES.items()
    ]
    return np.concatenate(pixels)


def write_target(folder):
    """TS1 before a 2048 x 2048 camera, TS5 before a 1920 x 1080 one; in TS1 one person comes too near."""
    for name, frames in (("TS1", 12), ("TS5", 9)):
        poses = w.mpi_view(frames, "Walking", 40 + frames)
        if name == "TS1":
            poses[-4:, :, 2] -= 3200
        w.write_d3(folder / name / "annot_data.mat", poses, w.MPI_LENSES[name], np.ones(frames))
    return folder


def poseda(*arguments: object, cwd: Path) -> None:
    """A run that must go well."""
    command = [sys.executable, "-m", "poseda_cli", *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr


class Augmented:
    """The columns of an augmented.h5, and (subject, action, camera, copy) of every row."""

    def __init__(self, folder: Path) -> None:
        with h5py.File(folder / "augmented.h5") as file:
            self.columns = {name: file[name][()] for name in file}
            self.screen = file.attrs["screen"]
        self.poses_3d, self.poses_2d = self.columns["poses_3d"], self.columns["poses_2d"]
        self.source, self.target = self.columns["source_index"], self.columns["target_index"]
        self.cameras = [row["name"].decode() for row in self.columns["cameras"][self.columns["camera"]]]
        self.copy = np.concatenate([np.full(s["length"], s["copy"]) for s in self.columns["sequences"]])

    def sequences(self) -> Iterator[tuple[tuple[str, str, str], int, slice]]:
        """Head, copy and rows of each."""
        for row in self.columns["sequences"]:
            head = tuple(row[name].decode() for name in ("subject", "action", "camera"))
            yield head, int(row["copy"]), slice(int(row["start"]), int(row["start"] + row["length"]))
