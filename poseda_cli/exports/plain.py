"""An npz of named arrays that anything can read: NAME.npz.

poses_3d (N, J, 3) metres in camera space; poses_2d (N, J, 2) pixels; joints (J,) names; intrinsics (N, 4) fx, fy,
cx, cy and image_size (N, 2) in pixels, where known; visible (N, J) where known; subject, action, camera (N,)
text; copy (N,) where a sequence has several; source_index and target_index (N,) of aligned poses. `poseda layouts
plain` describes what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, image_sizes, intrinsics_table
from poseda_cli.chunks import ChunkSource
from poseda_cli.exports.rows import chunks_with_points, unknown_cameras
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_rows import Column, write_npz_rows


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
    """Write NAME.npz chunk by chunk; see `exports`."""
    file, arrays = f"{name}.npz", _Arrays(source)
    with progress("writing", len(source)) as advance:
        write_npz_rows(folder / file, arrays.columns, arrays.parts(advance), compression)
    return [file]


class _OfCameras(NamedTuple):
    """What the file says of each row's camera: the values of all cameras, and of which of them they are known."""

    values: NDArray[Any]
    known: NDArray[np.bool_]

    def column(self, rows: int) -> Column | None:
        """The array, which is there if the cameras of all rows are known; not every camera has a row."""
        if rows and not self.known.any():
            return None
        return Column((rows, *self.values.shape[1:]), self.values.dtype, certain=bool(self.known.all()))

    def of(self, camera: NDArray[np.uint16]) -> NDArray[Any] | None:
        """The values of some rows; None if one is not known."""
        return self.values[camera] if self.known[camera].all() else None


class _Arrays:
    """The arrays of the file.

    columns : those that there are, in the order of the file
    """

    def __init__(self, source: ChunkSource) -> None:
        self._source = source
        self._joints = np.array(source.skeleton.joints)
        self._cameras = _of_cameras(source.cameras)
        # Of each sequence.
        self._heads = {
            name: np.array([getattr(sequence, name) for sequence in source.sequences])
            for name in ("subject", "action", "copy")
        }
        self.columns = {name: column for name, column in self._columns().items() if column is not None}

    def _columns(self) -> dict[str, Column | None]:
        source, cameras, heads = self._source, self._cameras, self._heads
        rows, joints = len(source), len(source.skeleton)
        aligned = source.whole is not None
        index = Column((rows,), np.int64) if aligned else None
        return {
            "poses_3d": Column((rows, joints, 3), np.float32) if source.has_3d else None,
            "poses_2d": Column((rows, joints, 2), np.float32) if source.has_2d or source.absolute else None,
            "joints": Column((joints,), self._joints.dtype),
            "intrinsics": cameras["intrinsics"].column(rows),
            "image_size": cameras["image_size"].column(rows),
            "visible": Column((rows, joints), np.bool_) if source.has_visible else None,
            "subject": Column((rows,), heads["subject"].dtype),
            "action": Column((rows,), heads["action"].dtype),
            "camera": cameras["camera"].column(rows),
            "copy": Column((rows,), heads["copy"].dtype) if aligned or heads["copy"].any() else None,
            "source_index": index,
            "target_index": index,
        }

    def parts(self, advance: Callable[[int], object]) -> Iterator[dict[str, NDArray[Any] | None]]:
        """Consecutive rows of the arrays; before them the one that is not of rows."""
        yield {"joints": self._joints}
        ends = np.cumsum([sequence.length for sequence in self._source.sequences], dtype=np.int64)
        start = 0
        for chunk in chunks_with_points(self._source, advance, lens=False):  # the file has no place for distortion
            stop = start + len(chunk.camera)
            sequence = np.searchsorted(ends, np.arange(start, stop), side="right")
            found = {
                **chunk._asdict(),  # its cameras are numbers, the file has names
                **{name: values.of(chunk.camera) for name, values in self._cameras.items()},
                **{name: values[sequence] for name, values in self._heads.items()},
            }
            yield {name: found[name] for name in self.columns if name in found}
            start = stop


def _of_cameras(cameras: tuple[Camera, ...]) -> dict[str, _OfCameras]:
    lenses, sizes = intrinsics_table(cameras), image_sizes(cameras)
    return {
        "intrinsics": _OfCameras(lenses[:, :4].astype(np.float32), np.isnan(lenses).sum(1) == 0),
        "image_size": _OfCameras(np.nan_to_num(sizes).astype(np.int32), np.isnan(sizes).sum(1) == 0),
        "camera": _OfCameras(np.array([camera.name for camera in cameras]), np.ones(len(cameras), np.bool_)),
    }
