"""World-space poses before several cameras: one pose a frame on disk, one a frame and camera in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import Background, for_blocks
from poseda_cli.cameras import Camera, Floats
from poseda_cli.reading.columns import Columns

# Frames at once: few enough to stay near the cache, enough for threads not to wait for each other.
BLOCK = 2048


def expand(
    columns: Columns,
    subject: str,
    action: str,
    world: Floats,
    cameras: Sequence[Camera],
    *,
    joints: NDArray[np.intp] | None = None,
    lengths: Sequence[int] | None = None,
    metres: float = 1.0,
    background: Background | None = None,
) -> list[slice]:
    """Add a sequence once for each camera, in that camera's space.

    Parameters
    ----------
    columns : what is filled
    subject, action : of the sequence
    world : (T, K, 3), world space
    cameras : with extrinsics, in metres
    joints : which of the K joints, in which order; all if not given
    lengths : frames to take for each camera, from the start; all if not given
    metres : one unit of `world`
    background : where to do it; the rows are filled when its block ends, or at once if not given

    Returns
    -------
    The rows of each camera.
    """
    assert columns.poses_3d is not None
    counts = [len(world)] * len(cameras) if lengths is None else list(lengths)
    rows = [columns.add(subject, action, camera, n) for camera, n in zip(cameras, counts, strict=True)]
    seen = [columns.poses_3d[place].reshape(-1, 3) for place in rows]
    count = len(columns.skeleton)
    # R (X - C) as R X + t: one matrix and one shift each.
    rotations = [np.array(camera.rotation) for camera in cameras]
    shifts = [-rotation @ np.array(camera.centre) for rotation, camera in zip(rotations, cameras, strict=True)]

    @np.errstate(all="ignore")  # invalid poses stay invalid, and are counted where they are used
    def work(start: int, stop: int) -> None:
        frames = world[start:stop] if joints is None else world[start:stop].take(joints, axis=1)
        # Coordinate by coordinate in memory, which is what NumPy is fast at.
        x, y, z = frames.reshape(-1, 3).astype(np.float64, order="F").T * metres
        total, term = np.empty_like(x), np.empty_like(x)
        views = list(zip(seen, rotations, shifts, counts, strict=True))
        for (image, rotation, shift, length), axis in product(views, range(3)):
            points = image[start * count : min(stop, length) * count]
            np.multiply(x, rotation[axis, 0], out=total)
            total += np.multiply(y, rotation[axis, 1], out=term)
            total += np.multiply(z, rotation[axis, 2], out=term)
            total += shift[axis]
            points[:, axis] = total[: len(points)]

    frames = max(counts, default=0)
    if background is None:
        for_blocks(work, frames, block=BLOCK)
    else:
        for start in range(0, frames, BLOCK):
            background.run(partial(work, start, min(start + BLOCK, frames)))
    return rows
