"""What a user would write today to align Human3.6M to the test set of MPI-INF-3DHP: the baseline of `poseda align`.

    python users_script.py data_3d_h36m.npz mpi_inf_3dhp_test_set out.npz

NumPy and h5py alone; unpickles what it is given, takes the cameras' numbers from a table, does one camera of one
sequence after another in single precision, leaves invalid poses in, and writes the poses without a summary, and
without seeing them safely on disk. That is less than `poseda align` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

CAMERAS = Path(__file__).parents[2] / "poseda_cli" / "data"
# The usual 17 of Human3.6M's 32 joints, and where MPI-INF-3DHP has them.
H36M = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
MPI_INF_3DHP = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]


def plain_formula(source, target, camera):
    """The paper's formula as one would write it in NumPy, all rows at once."""
    box = target.max(1) - target.min(1)
    extent = source.max(1) - source.min(1)
    s = box.sum(1) / 2
    z = (camera[:, 0] * extent[:, 0] + camera[:, 1] * extent[:, 1]) / (2 * s)
    uv = (target[:, 0] - camera[:, 2:4]) / camera[:, :2]
    root = np.stack([z * uv[:, 0], z * uv[:, 1], z], axis=1)
    return source - source[:, :1] + root[:, None]


def read_targets(folder):
    """Poses of the valid frames, and fx, fy, cx, cy, width, height of each; pixels."""
    table = json.loads((CAMERAS / "mpi_inf_3dhp_cameras.json").read_text())["test"]
    poses, cameras = [], []
    for subject in sorted(table):
        with h5py.File(Path(folder) / subject / "annot_data.mat") as file:
            valid = file["valid_frame"][()].reshape(-1) != 0
            poses.append(file["annot2"][:, 0][valid][:, MPI_INF_3DHP])
        camera = [table[subject][key] for key in ("fx", "fy", "cx", "cy", "width", "height")]
        cameras.append(np.tile(camera, (len(poses[-1]), 1)))
    return np.concatenate(poses).astype(np.float32), np.concatenate(cameras).astype(np.float32)


def aligned(source, targets, cameras, draw: Callable[[int], np.ndarray]):
    """Moved poses, their normalised projections, and the target of each; `draw(n)` chooses the next n targets."""
    positions = np.load(source, allow_pickle=True)["positions_3d"].item()
    placed = json.loads((CAMERAS / "h36m_cameras.json").read_text())["subjects"]
    poses_3d, poses_2d, drawn = [], [], []
    for subject, actions in positions.items():
        for world in actions.values():
            for view in placed[subject].values():
                rotation = np.array(view["rotation"], np.float32)
                centre = np.array(view["centre_mm"], np.float32) / 1000
                seen = (world[:, H36M] - centre) @ rotation.T
                pairs = draw(len(seen))
                camera = cameras[pairs]
                moved = plain_formula(seen, targets[pairs], camera)
                image = moved[..., :2] / moved[..., 2:] * camera[:, None, :2] + camera[:, None, 2:4]
                width, height = camera[:, None, 4:5], camera[:, None, 5:6]
                poses_3d.append(moved)
                poses_2d.append(image / width * 2 - np.concatenate([np.ones_like(width), height / width], axis=2))
                drawn.append(pairs)
    return np.concatenate(poses_3d), np.concatenate(poses_2d), np.concatenate(drawn)


def main(source, target, out):
    targets, cameras = read_targets(target)
    rng = np.random.default_rng(0)
    poses_3d, poses_2d, drawn = aligned(source, targets, cameras, lambda n: rng.integers(len(targets), size=n))
    np.savez_compressed(out, poses_3d=poses_3d, poses_2d=poses_2d, target_index=drawn)


if __name__ == "__main__":
    main(*sys.argv[1:])
