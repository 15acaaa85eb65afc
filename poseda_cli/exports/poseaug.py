"""Human3.6M for PoseAug, SemGCN and their descendants: VideoPose3D's files with 16 joints in 2D.

The 2D, in pixels, has as many frames as the 3D, which these loaders insist on, and no Neck/Nose. The 3D file is
VideoPose3D's own, with 32 joints. See the export videopose3d for the rest.
"""

from __future__ import annotations

from pathlib import Path

from poseda_cli.chunks import ChunkSource
from poseda_cli.exports.videopose3d import losses as videopose3d_losses
from poseda_cli.exports.videopose3d import unwritable_as, write_as
from poseda_cli.progress import Progress, silent
from poseda_cli.skeleton import H36M16
from poseda_cli.storage.deflate import Compression


def unwritable(source: ChunkSource) -> str | None:
    """None if PoseAug's files can hold the data, else why not."""
    return unwritable_as(source, H36M16)


def losses(source: ChunkSource) -> list[str]:
    """What PoseAug's files do not hold of the data."""
    lost = videopose3d_losses(source)
    if len(source.skeleton) > len(H36M16):
        lost.append("2D of Neck/Nose")
    if not source.has_3d:
        lost.append("lengths that go with a 3D file (there is none here, and these loaders want 2D of the same length)")
    return lost


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write data_2d_h36m_NAME.npz, and of a conversion data_3d_h36m.npz; see `exports`."""
    return write_as(source, folder, name, H36M16, progress, compression)
