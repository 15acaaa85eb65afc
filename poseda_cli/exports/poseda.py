"""augmented.h5: poses in camera space, their projections, and where each row came from.

What a conversion writes has the 2D of its archive, or, of an archive without 2D, linear projections.
`poseda layouts poseda` describes the file. Compressed, its columns are chunked, shuffled and gzipped, by filters that
every HDF5 has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import ahead, for_blocks
from poseda_cli.bones import FACTORS
from poseda_cli.cameras import Camera, Floats, Screen, image_sizes, intrinsics_table, normalise_points
from poseda_cli.chunks import Chunk, ChunkSource, RowHeads
from poseda_cli.dataset import Sequence
from poseda_cli.exports.rows import image_points
from poseda_cli.layouts.poseda import FILE, INTRINSICS, SCHEMA
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.deflate import LEVELS, Compression, in_order, shuffled
from poseda_cli.storage.hdf5_writer import DiskFile, hdf5_writer
from poseda_cli.storage.write_back import start_write_back

# What is not known of a camera; else NaN.
UNKNOWN = {"width": 0, "height": 0}
# Bytes of a chunk: what HDF5 keeps of each column in memory, so that reading row by row inflates a chunk once.
CHUNK = 1 << 20

DTYPES: dict[str, np.dtype[Any]] = {
    "poses_3d": np.dtype("<f4"),
    "poses_2d": np.dtype("<f4"),
    "camera": np.dtype("<u2"),
    "source_index": np.dtype("<i8"),
    "target_index": np.dtype("<i8"),
}
# Where poses were turned about their roots; they are turned back by the conjugates.
ROTATION = {"rotation": np.dtype("<f4")}
BODIES = "bone_factors"

Columns = Mapping[str, NDArray[Any]]


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


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write augmented.h5 chunk by chunk; see `exports`. The same source gives the same bytes."""
    label = "writing" if source.whole is None else "aligning"
    with progress(label, len(source)) as advance, closing(ahead(source.chunks())) as chunks:
        write_file(source, folder / FILE, _counted(_parts(source, chunks), advance), compression)
    return [FILE]


def write_file(heads: RowHeads, path: Path, parts: Iterator[Columns], compression: Compression = "none") -> None:
    """Write an augmented.h5; where the parts end leaves no trace in it.

    Parameters
    ----------
    heads : what the rows are of
    path : the file
    parts : consecutive rows, column by column, as the file has them
    compression : of the columns

    Raises
    ------
    OSError : the disk refuses
    """
    rows = len(heads)
    with hdf5_writer(path) as (file, disk):
        _write_attributes(file, heads)
        file["cameras"] = _camera_rows(heads.cameras)
        file["sequences"] = _sequence_rows(heads.sequences)
        if heads.bodies is not None:
            file[BODIES] = heads.bodies
            file[BODIES].attrs["of"] = list(FACTORS)
        if compression == "none" or not rows:  # HDF5 has no chunks of no rows
            _write_rows(_create(file, heads), parts, disk)
            return
        level, height = LEVELS[compression], min(CHUNK // (len(heads.skeleton) * 12), rows)
        columns = _create(file, heads, height, shuffle=True, compression="gzip", compression_opts=level)
        _write_chunks(columns, _in_blocks(parts, height), level, disk)


def columns_of(heads: RowHeads) -> dict[str, np.dtype[Any]]:
    """The columns of the file."""
    return DTYPES | ROTATION if heads.turned else DTYPES


def _create(file: Any, heads: RowHeads, height: int = 0, **filters: Any) -> dict[str, Any]:
    """The empty columns; in chunks of `height` rows where there are filters."""
    rows, joints, columns = len(heads), len(heads.skeleton), {}
    poses: dict[str, tuple[int, ...]] = {"poses_3d": (joints, 3), "poses_2d": (joints, 2), "rotation": (4,)}
    for name, dtype in columns_of(heads).items():
        pose = poses.get(name, ())
        chunks = (height, *pose) if filters else None
        columns[name] = file.create_dataset(name, (rows, *pose), dtype, chunks=chunks, **filters)
    return columns


def _write_rows(columns: Mapping[str, Any], parts: Iterator[Columns], disk: DiskFile) -> None:
    """Write columns as they are; h5py lets other threads run meanwhile."""
    start = 0
    for part in parts:
        stop = start + len(part["camera"])
        if start == stop:  # a column without rows has no place in the file
            continue
        for name, values in part.items():
            column = columns[name]
            column[start:stop] = values
            height = column.nbytes // len(column)
            disk.check()
            start_write_back(disk.fileno(), column.id.get_offset() + start * height, (stop - start) * height)
        start = stop


def _write_chunks(
    columns: Mapping[str, Any], blocks: Iterator[tuple[int, Columns]], level: int, disk: DiskFile
) -> None:
    """Write chunks as HDF5's own filters leave them, which run on one core alone."""

    def packed(task: tuple[str, int, NDArray[Any]]) -> tuple[str, int, bytes]:
        name, start, values = task
        return name, start, shuffled(values, level)

    tasks = ((name, start, values) for start, block in blocks for name, values in block.items())
    for name, start, data in in_order(packed, tasks):
        inside = (0,) * (columns[name].ndim - 1)
        columns[name].id.write_direct_chunk((start, *inside), data)
        disk.check()


def _parts(source: ChunkSource, chunks: Iterator[Chunk]) -> Iterator[Columns]:
    """The columns of consecutive rows."""
    sizes = image_sizes(source.cameras)
    for chunk in chunks:
        points = image_points(chunk, source.cameras, lens=False)
        yield {
            "poses_3d": np.asarray(chunk.poses_3d),
            "poses_2d": _normalised(points, sizes, chunk.camera, source.screen),
            "camera": chunk.camera,
            "source_index": chunk.source_index,
            "target_index": chunk.target_index,
            **({} if chunk.rotation is None else {"rotation": chunk.rotation}),
        }


def _normalised(
    points: NDArray[np.float32], sizes: Floats, camera: NDArray[np.uint16], screen: Screen
) -> NDArray[np.float32]:
    normalised = np.empty_like(points)

    def work(start: int, stop: int) -> None:
        normalised[start:stop] = normalise_points(points[start:stop], sizes[camera[start:stop]], screen)

    for_blocks(work, len(points), 1)  # in cache; the other cores have enough to do
    return normalised


def _counted(parts: Iterator[Columns], advance: Callable[[int], object]) -> Iterator[Columns]:
    """The same parts; `advance` is told of each once it is written."""
    for part in parts:
        yield part
        advance(len(part["camera"]))


def _in_blocks(parts: Iterator[Columns], height: int) -> Iterator[tuple[int, Columns]]:
    """First row and columns of blocks of `height` rows, wherever the parts end; zeros fill the last."""
    block: dict[str, NDArray[Any]] = {}
    first, filled = 0, 0
    for part in parts:
        taken, length = 0, len(part["camera"])
        while taken < length:
            if not filled:
                dtypes = DTYPES | ROTATION
                block = {name: np.zeros((height, *values.shape[1:]), dtypes[name]) for name, values in part.items()}
            count = min(height - filled, length - taken)
            for name, values in part.items():
                block[name][filled : filled + count] = values[taken : taken + count]
            taken, filled = taken + count, filled + count
            if filled == height:
                yield first, block
                first, filled = first + height, 0
    if filled:
        yield first, block


def _write_attributes(file: Any, heads: RowHeads) -> None:
    skeleton = heads.skeleton
    file.attrs["schema"] = SCHEMA
    file.attrs["layout"] = "poseda"
    file.attrs["skeleton"] = skeleton.name
    file.attrs["joint_names"] = list(skeleton.joints)
    file.attrs["parents"] = skeleton.parents
    file.attrs["root"] = skeleton.root
    file.attrs["units"] = "m"
    file.attrs["screen"] = heads.screen
    file.attrs["provenance"] = json.dumps(heads.provenance, sort_keys=True)


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
