"""The test file of PoseAug and PoseDA: test_3dhp.npz.

Plain arrays, float32: pose3d (N, 16, 3) metres, relative to the root; pose2d (N, 16, 2) screen-normalised; joints of
h36m16. The trainers expect it at data_extra/test_set/test_3dhp.npz. It names neither sequences nor cameras.
The published file has MPI-INF-3DHP's valid test frames at the universal height (univ_annot3); errors on annot3 do not
compare with those of papers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from poseda_cli.cameras import Floats, intrinsics_table, normalise_points
from poseda_cli.chunks import ChunkSource
from poseda_cli.exports.rows import chunks_with_points, lacks_kinds, unknown_cameras
from poseda_cli.progress import Progress, silent
from poseda_cli.skeleton import H36M16, joint_map
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_rows import Column, write_npz_rows

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
    """Write test_3dhp.npz chunk by chunk; see `exports`."""
    shape = (len(source), len(H36M16))
    columns = {"pose3d": Column((*shape, 3), np.float32), "pose2d": Column((*shape, 2), np.float32)}
    with progress("writing", len(source)) as advance:
        write_npz_rows(folder / FILE, columns, _parts(source, advance), compression)
    return [FILE]


def _parts(source: ChunkSource, advance: Callable[[int], object]) -> Iterator[dict[str, Floats]]:
    """The arrays of consecutive rows."""
    joints, sizes = joint_map(source.skeleton, H36M16), intrinsics_table(source.cameras)[:, 4:]
    for chunk in chunks_with_points(source, advance):
        poses, points = np.asarray(chunk.poses_3d)[:, joints], np.asarray(chunk.poses_2d)[:, joints]
        with np.errstate(invalid="ignore"):  # infinities
            relative = poses - poses[:, H36M16.root, None]
        yield {
            "pose3d": relative,
            "pose2d": normalise_points(points, sizes[chunk.camera], source.screen),
        }
