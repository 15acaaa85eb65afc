"""Small data sets in memory, for tests of what works on them."""

from __future__ import annotations

import numpy as np

from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import InputFile, Origin, PoseDataset, Sequence
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17
from tests.paper import pinhole
from tests.test_global_position import people

SOURCE_CAMERAS = (
    Camera("left", Intrinsics(1100.0, 1150.0, 510.0, 490.0, 1000, 1002)),
    Camera("right", Intrinsics(1200.0, 1190.0, 480.0, 505.0, 1000, 1000)),
)
TARGET_CAMERAS = (
    Camera("wide", Intrinsics(1500.0, 1510.0, 1020.0, 1040.0, 2048, 2048)),
    Camera("tele", Intrinsics(1700.0, 1650.0, 940.0, 560.0, 1920, 1080)),
)


def source(actions=("Walking 1", "Walking", "Sitting"), frames=20):
    """Two cameras' views of two subjects; every pose is another one."""
    keys = [(s, a, c) for s in ("S1", "S5") for a in actions for c in range(2)]
    count = len(keys) * frames
    poses = np.resize(people(400), (count, 17, 3)).astype(np.float32)
    return PoseDataset(
        skeleton=H36M17,
        camera=np.repeat([c for *_, c in keys], frames).astype(np.uint16),
        cameras=SOURCE_CAMERAS,
        sequences=tuple(
            Sequence(s, a, SOURCE_CAMERAS[c].name, row * frames, frames) for row, (s, a, c) in enumerate(keys)
        ),
        poses_3d=poses,
        origin=Origin("test", "h36m", (InputFile("source.npz", 1, "aa"),), ("metres",)),
    )


def target(frames=15):
    """One sequence before each of two unlike cameras, in the joint order of MPI-INF-3DHP; pixels."""
    count = 2 * frames
    order = [10, 8, 14, 15, 16, 11, 12, 13, 1, 2, 3, 4, 5, 6, 0, 7, 9]
    poses = people(400)[3 :: 400 // count][:count, order] + [0.3, 0.1, -1.0]
    camera = np.repeat([0, 1], frames).astype(np.uint16)
    lenses = np.array([[c.intrinsics.fx, c.intrinsics.fy, c.intrinsics.cx, c.intrinsics.cy] for c in TARGET_CAMERAS])
    return PoseDataset(
        skeleton=MPI_INF_3DHP17,
        camera=camera,
        cameras=TARGET_CAMERAS,
        sequences=(Sequence("TS1", "Seq1", "wide", 0, frames), Sequence("TS5", "Seq1", "tele", frames, frames)),
        poses_3d=poses.astype(np.float32),
        poses_2d=pinhole(poses, lenses[camera]).astype(np.float32),
        origin=Origin("test", "mpi_inf_3dhp", (InputFile("target.mat", 1, "bb"),)),
    )
