"""The test file of PoseAug and PoseDA: test_3dhp.npz.

Plain arrays, float32: pose3d (N, 16, 3) metres, relative to the root; pose2d (N, 16, 2) screen-normalised; joints of
h36m16. The trainers expect it at data_extra/test_set/test_3dhp.npz. It names neither sequences nor cameras.
The published file has MPI-INF-3DHP's valid test frames at the universal height (univ_annot3); errors on annot3 do not
compare with those of papers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from poseda_cli.cameras import intrinsics_table, normalise_points
from poseda_cli.chunks import ChunkSource
from poseda_cli.exports.rows import gather, lacks_kinds, unknown_cameras
from poseda_cli.progress import Progress, silent
from poseda_cli.skeleton import H36M16, joint_map
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_writer import write_npz

FILE = "test_3dhp.npz"


def unwritable(source: ChunkSource) -> str | None:
    """None if the test file can hold the data, else why not."""
    if reason := lacks_kinds(source):
        return reason
    if unknown := unknown_cameras(source):
        return f"its 2D is normalised by the image size, that of {', '.join(unknown)} is not known"
    return None


def losses(source: ChunkSource) -> list[str]:
    """What the test file does not hold of the data."""
    lost = ["subjects, actions and cameras", "whether bodies have the universal height, as in the published file"]
    if source.absolute:
        lost.append("where people stand")
    if "Neck/Nose" in source.skeleton.position:
        lost.append("Neck/Nose")
    if source.has_visible:
        lost.append("which joints are visible")
    return lost


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write test_3dhp.npz; see `exports`."""
    rows = gather(source, progress)
    joints = joint_map(source.skeleton, H36M16)
    poses, points = np.asarray(rows.poses_3d)[:, joints], np.asarray(rows.poses_2d)[:, joints]
    sizes = intrinsics_table(source.cameras)[rows.camera, 4:]
    arrays = {
        "pose3d": poses - poses[:, H36M16.root, None],
        "pose2d": normalise_points(points, sizes, source.screen).astype(np.float32),
    }
    write_npz(folder / FILE, arrays, compression)
    return [FILE]
