"""An npz of named arrays that anything can read: NAME.npz.

poses_3d (N, J, 3) metres in camera space; poses_2d (N, J, 2) pixels; joints (J,) names; intrinsics (N, 4) fx, fy,
cx, cy and image_size (N, 2) in pixels, where known; visible (N, J) where known; subject, action, camera (N,)
text; copy (N,) where a sequence has several; source_index and target_index (N,) of aligned poses. `poseda layouts
plain` describes what is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import image_sizes, intrinsics_table
from poseda_cli.chunks import Chunk, ChunkSource
from poseda_cli.exports.rows import gather, unknown_cameras
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_writer import write_npz


def unwritable(source: ChunkSource) -> str | None:
    """None: named arrays hold whatever there is."""
    return None


def losses(source: ChunkSource) -> list[str]:
    """What the arrays do not hold of the data."""
    return [
        *(["lens distortion"] if any(camera.distortion for camera in source.cameras) else []),
        *(
            ["intrinsics (those of some cameras are not known)"]
            if 0 < len(unknown_cameras(source)) < len(source.cameras)
            else []
        ),
        *(["which of the source's cameras saw a pose"] if source.whole is not None else []),
        *(["where the cameras stand"] if any(camera.rotation for camera in source.cameras) else []),
    ]


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write NAME.npz; see `exports`."""
    rows = gather(source, progress, lens=False)  # the file has no place for distortion
    file = f"{name}.npz"
    arrays = {key: values for key, values in _arrays(source, rows).items() if values is not None}
    write_npz(folder / file, arrays, compression)
    return [file]


def _arrays(source: ChunkSource, rows: Chunk) -> dict[str, NDArray[Any] | None]:
    lenses, sizes = intrinsics_table(source.cameras)[rows.camera], image_sizes(source.cameras)[rows.camera]
    known = not np.isnan(lenses).any()
    aligned = source.whole is not None
    copied = aligned or any(sequence.copy for sequence in source.sequences)
    lengths = [sequence.length for sequence in source.sequences]
    return {
        "poses_3d": rows.poses_3d,
        "poses_2d": rows.poses_2d,
        "joints": np.array(source.skeleton.joints),
        "intrinsics": lenses[:, :4].astype(np.float32) if known else None,
        "image_size": None if np.isnan(sizes).any() else sizes.astype(np.int32),
        "visible": rows.visible,
        "subject": np.repeat([sequence.subject for sequence in source.sequences], lengths),
        "action": np.repeat([sequence.action for sequence in source.sequences], lengths),
        "camera": np.array([camera.name for camera in source.cameras])[rows.camera],
        "copy": np.repeat([sequence.copy for sequence in source.sequences], lengths) if copied else None,
        "source_index": rows.source_index if aligned else None,
        "target_index": rows.target_index if aligned else None,
    }
