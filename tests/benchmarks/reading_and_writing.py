"""What `poseda align` does without aligning: read both sides, write as much in the same layout, see it on disk.

python reading_and_writing.py data_3d_h36m.npz mpi_inf_3dhp_test_set out.h5
"""

from __future__ import annotations

import os
import sys

import h5py
import numpy as np

import poseda_cli as poseda

ROWS = 65_536


def main(source, target, out):
    poses = poseda.read(source)
    poseda.read(target)
    written = {
        "poses_3d": poses.poses_3d,
        "poses_2d": np.zeros((*poses.poses_3d.shape[:2], 2), np.float32),
        "camera": poses.camera,
        "source_index": poses.rows,
        "target_index": poses.rows,
    }
    with h5py.File(out, "w") as file:
        columns = {name: file.create_dataset(name, values.shape, values.dtype) for name, values in written.items()}
        for start in range(0, len(poses), ROWS):
            for name, values in written.items():
                columns[name][start : start + ROWS] = values[start : start + ROWS]
    with open(out, "rb") as file:  # noqa: PTH123  (as short as it gets)
        os.fsync(file.fileno())


if __name__ == "__main__":
    main(*sys.argv[1:])
