"""augmented.h5: poses in camera space, their projections, and where each row came from.

What a conversion writes has the 2D of its archive, or, of an archive without 2D, linear projections.
`poseda layouts poseda` describes the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, image_sizes, intrinsics_table, normalise_points
from poseda_cli.dataset import ChunkSource, Sequence
from poseda_cli.exports.rows import image_points
from poseda_cli.layouts.poseda import FILE, INTRINSICS, SCHEMA
from poseda_cli.progress import Progress, silent

# What is not known of a camera; else NaN.
UNKNOWN = {"width": 0, "height": 0}


def unwritable(source: ChunkSource) -> str | None:
    """None if augmented.h5 can hold the data, else why not."""
    if not source.has_3d:
        return "it holds 3D poses, there are only 2D poses"
    if not source.absolute:
        return "its 3D poses are where they were filmed, the data's are relative to the root"
    return None


def losses(source: ChunkSource) -> list[str]:
    """What augmented.h5 does not hold of the data."""
    # Normalising takes the size, projecting the whole camera.
    seen = image_sizes(source.cameras) if source.has_2d else intrinsics_table(source.cameras)
    return [
        *(["which joints are visible"] if source.has_visible else []),
        *(["2D before cameras that are not known (NaN there)"] if np.isnan(seen).any() else []),
    ]


def write(source: ChunkSource, folder: Path, name: str = "", progress: Progress = silent) -> list[str]:
    """Write augmented.h5 chunk by chunk; see `exports`. The same source gives the same bytes."""
    try:
        _write_file(source, folder / FILE, progress)
    except RuntimeError as error:  # how HDF5 says at closing that the disk is full
        raise OSError(str(error)) from error
    return [FILE]


def _write_file(source: ChunkSource, path: Path, progress: Progress) -> None:
    import h5py

    rows, joints = len(source), len(source.skeleton)
    sizes = image_sizes(source.cameras)
    with h5py.File(path, "w") as file:
        _write_attributes(file, source)
        file["cameras"] = _camera_rows(source.cameras)
        file["sequences"] = _sequence_rows(source.sequences)
        columns = {
            "poses_3d": file.create_dataset("poses_3d", (rows, joints, 3), np.float32),
            "poses_2d": file.create_dataset("poses_2d", (rows, joints, 2), np.float32),
            "camera": file.create_dataset("camera", (rows,), np.uint16),
            "source_index": file.create_dataset("source_index", (rows,), np.int64),
            "target_index": file.create_dataset("target_index", (rows,), np.int64),
        }
        start = 0
        with progress("writing" if source.whole is None else "aligning", rows) as advance:
            for chunk in source.chunks():
                stop = start + len(chunk.camera)
                points = image_points(chunk, source.cameras, lens=False)
                normalised = normalise_points(points, sizes[chunk.camera], source.screen)
                for name, column in columns.items():
                    column[start:stop] = normalised if name == "poses_2d" else getattr(chunk, name)
                advance(stop - start)
                start = stop


def _write_attributes(file: Any, source: ChunkSource) -> None:
    skeleton = source.skeleton
    file.attrs["schema"] = SCHEMA
    file.attrs["layout"] = "poseda"
    file.attrs["skeleton"] = skeleton.name
    file.attrs["joint_names"] = list(skeleton.joints)
    file.attrs["parents"] = skeleton.parents
    file.attrs["root"] = skeleton.root
    file.attrs["units"] = "m"
    file.attrs["screen"] = source.screen
    file.attrs["provenance"] = json.dumps(source.provenance, sort_keys=True)


def _camera_rows(cameras: tuple[Camera, ...]) -> NDArray[Any]:
    floats = [(name, np.float64) for name in ("fx", "fy", "cx", "cy")]
    sizes = [("width", np.int32), ("height", np.int32)]
    dtype = np.dtype([("name", _text_type(c.name for c in cameras)), *sizes, *floats, ("k", "f8", 3), ("p", "f8", 2)])
    rows = np.zeros(len(cameras), dtype)
    for row, camera in zip(rows, cameras, strict=True):
        row["name"] = camera.name.encode()
        for key in INTRINSICS:
            row[key] = getattr(camera.intrinsics, key) if camera.intrinsics else UNKNOWN.get(key, np.nan)
        if camera.size:
            row["width"], row["height"] = camera.size
        row["k"], row["p"] = (camera.distortion.k, camera.distortion.p) if camera.distortion else (np.nan, np.nan)
    return rows


def _sequence_rows(sequences: tuple[Sequence, ...]) -> NDArray[Any]:
    texts = [(n, _text_type(getattr(s, n) for s in sequences)) for n in ("subject", "action", "camera")]
    dtype = np.dtype([*texts, ("copy", np.int32), ("start", np.int64), ("length", np.int64)])
    rows = [(s.subject.encode(), s.action.encode(), s.camera.encode(), s.copy, s.start, s.length) for s in sequences]
    return np.array(rows, dtype)


def _text_type(values: Any) -> Any:
    """Fixed-length UTF-8, wide enough for all values: readable everywhere, and the same bytes each time."""
    import h5py

    return h5py.string_dtype("utf-8", max((len(value.encode()) for value in values), default=1) or 1)
