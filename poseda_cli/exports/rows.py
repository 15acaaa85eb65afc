"""What several exports need of the rows that they write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import (
    Camera,
    Floats,
    denormalise_points,
    distortion_table,
    intrinsics_table,
    normalise_points,
    project,
)
from poseda_cli.chunks import Chunk, ChunkSource
from poseda_cli.dataset import Sequence
from poseda_cli.placement import UNALIGNED
from poseda_cli.progress import Progress


def gather(source: ChunkSource, progress: Progress, lens: bool = True) -> Chunk:
    """All rows at once, with 2D wherever it can be had.

    Parameters
    ----------
    source : what is written
    progress : told how far it is
    lens : whether 2D that the data has not is projected with the camera's distortion, see `image_points`
    """
    columns: list[Any] = []
    start, rows = 0, len(source)
    with progress("writing", rows) as advance:
        for chunk in chunks_with_points(source, advance, lens):
            if not columns:
                columns = [None if c is None else np.empty((rows, *c.shape[1:]), c.dtype) for c in chunk]
            stop = start + len(chunk.camera)
            for column, values in zip(columns, chunk, strict=True):
                if column is not None:
                    column[start:stop] = values
            start = stop
    return Chunk(*columns)


def chunks_with_points(source: ChunkSource, advance: Callable[[int], object], lens: bool = True) -> Iterator[Chunk]:
    """All rows, chunk by chunk, with 2D wherever it can be had.

    Parameters
    ----------
    source : what is written
    advance : told how many rows are done, once the next ones are asked for
    lens : as in `gather`
    """
    for chunk in source.chunks():
        if chunk.poses_2d is None and source.absolute:
            chunk = chunk._replace(poses_2d=image_points(chunk, source.cameras, lens))
        yield chunk
        advance(len(chunk.camera))


def image_points(chunk: Chunk, cameras: tuple[Camera, ...], lens: bool) -> NDArray[np.float32]:
    """The 2D poses of a chunk, (n, J, 2) pixels: its own, or projections of its 3D poses.

    Parameters
    ----------
    chunk : with 2D, or with 3D in camera space
    cameras : what its camera column points to
    lens : whether projections have the camera's distortion, as the release's own 2D has
    """
    if chunk.poses_2d is not None:
        return chunk.poses_2d
    poses = np.asarray(chunk.poses_3d)
    pixels = intrinsics_table(cameras).astype(np.float32)
    distortion = distortion_table(cameras).astype(np.float32)
    points = np.empty((len(poses), poses.shape[1], 2), np.float32)

    def work(start: int, stop: int) -> None:
        rows = chunk.camera[start:stop]
        block = poses[start:stop]
        with np.errstate(all="ignore"):
            image = project(block, pixels[rows][:, None], distortion[rows][:, None] if lens else None)
            image[block[..., 2] <= 0] = np.nan
        points[start:stop] = image

    for_blocks(work, len(poses))
    return points


def trainer_pixels(points: Floats, chunk: Chunk, source: ChunkSource, size: Floats) -> Floats:
    """Pixels that a trainer with a fixed image size turns into our normalised points.

    Parameters
    ----------
    points : (n, J, 2) pixels of each row's own camera
    chunk : whose rows they are
    source : of the chunk
    size : (2,) or (n, 2) width and height that the trainer assumes; it divides both axes by the width
    """
    own = intrinsics_table(source.cameras)[:, 4:][chunk.camera]
    return denormalise_points(normalise_points(points, own, source.screen), np.asarray(size, np.float64))


def copy_suffix(sequence: Sequence) -> str:
    """What tells the copies of a sequence apart, where a file has but names: '', '_copy2', '_source'."""
    if sequence.copy == UNALIGNED:
        return "_source"
    return f"_copy{sequence.copy + 1}" if sequence.copy else ""


def lacks_kinds(source: ChunkSource) -> str | None:
    """Why a layout of 3D and 2D cannot hold the data; None if there are both, or 2D can be projected."""
    if not source.has_3d:
        return "it holds 3D poses, there are only 2D poses"
    if not source.has_2d and not source.absolute:
        return "it holds 2D poses; the 3D is relative to the root and cannot be projected"
    return None


def unknown_cameras(source: ChunkSource) -> list[str]:
    """Names of the cameras without intrinsics."""
    return [camera.name for camera in source.cameras if camera.intrinsics is None]
