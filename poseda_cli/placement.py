"""Which source pose goes where: for every row of the output its source, its target and its new depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from poseda_cli import global_position as gpa
from poseda_cli.blocks import for_blocks
from poseda_cli.dataset import PoseDataset, Sequence
from poseda_cli.errors import InputError
from poseda_cli.options import AlignOptions
from poseda_cli.pairing import draw_targets
from poseda_cli.progress import Progress
from poseda_cli.skeleton import shared_joints
from poseda_cli.target import TargetPoses
from poseda_cli.validity import check_valid

UNALIGNED = -1


@dataclass(frozen=True, eq=False)
class Placement:
    """The rows of an output, N source poses leading to R rows.

    Parameters
    ----------
    source_row : (R,) rows of the source data set
    target_row : (R,) rows of the valid targets; UNALIGNED where the source pose stays where it is
    depth : (R,) float32, metres, of the root; NaN where unaligned
    unaligned : how many rows, the first ones, are unaligned
    sequences : the source's, once for each copy, without the rows dropped
    valid : (N,) whether each source pose is finite and has an extent
    behind_camera : poses dropped because a joint would be at or behind the camera
    """

    source_row: NDArray[np.int64]
    target_row: NDArray[np.int64]
    depth: NDArray[np.float32]
    unaligned: int
    sequences: tuple[Sequence, ...]
    valid: NDArray[np.bool_]
    behind_camera: int


def place(
    source: PoseDataset, target: TargetPoses, options: AlignOptions, jobs: int | None, progress: Progress
) -> Placement:
    """Draw a target for every source pose and copy, and find out how deep it comes to stand.

    Raises
    ------
    InputError : no valid pose, or an invalid one that may not be dropped
    """
    count, behind_camera = len(source), 0
    valid = np.ones(count, bool)
    copies: list[int] = []
    rows: list[NDArray[np.int64]] = []
    drawn: list[NDArray[np.int64]] = []
    depths: list[NDArray[np.float32]] = []
    with progress("placing", count * options.copies) as advance:
        for copy in range(options.copies):
            pairs = draw_targets(0, count, len(target.rows), options.seed, copy)
            z, nearest = _depths(source, target, pairs, options.depth, jobs)
            if copy == 0:
                # Whether a pose has a depth at all depends on itself, not on its target.
                valid = np.isfinite(z)
                check_valid(source, valid, "source", options.invalid)
                if options.include_source:
                    copies, rows = [UNALIGNED], [np.flatnonzero(valid)]
                    drawn = [np.full(len(rows[0]), UNALIGNED)]
                    depths = [np.full(len(rows[0]), np.nan, np.float32)]
            kept = np.flatnonzero(valid & (nearest > 0))
            behind_camera += int(valid.sum()) - len(kept)
            copies.append(copy)
            rows.append(kept)
            drawn.append(pairs[kept])
            depths.append(z[kept])
            advance(count)
    unaligned = len(rows[0]) if options.include_source else 0
    _check_behind(behind_camera, sum(map(len, rows)) - unaligned, options)
    return Placement(
        source_row=np.concatenate(rows),
        target_row=np.concatenate(drawn),
        depth=np.concatenate(depths),
        unaligned=unaligned,
        sequences=_sequences(source, copies, rows),
        valid=valid,
        behind_camera=behind_camera,
    )


def _depths(
    source: PoseDataset, target: TargetPoses, pairs: NDArray[np.int64], depth: gpa.Depth, jobs: int | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    poses = np.asarray(source.poses_3d)
    joints, _ = shared_joints(source.skeleton, target.dataset.skeleton)
    z, nearest = np.empty(len(poses), np.float32), np.empty(len(poses), np.float32)

    def work(start: int, stop: int) -> None:
        rows, drawn = slice(start, stop), pairs[start:stop]
        camera = target.normalised[target.camera[drawn]]
        z[rows], nearest[rows] = gpa.depths(
            poses[rows], target.boxes[drawn], camera, source.skeleton.root, joints, depth
        )

    for_blocks(work, len(poses), jobs)
    return z, nearest


def _check_behind(behind_camera: int, left: int, options: AlignOptions) -> None:
    if behind_camera and options.invalid == "error":
        raise InputError(
            f"{behind_camera:,} poses would have a joint behind the camera. --invalid drop leaves them out; "
            "--depth exact avoids most of them."
        )
    if not left:
        raise InputError(f"No pose is left: all {behind_camera:,} would have a joint behind the camera.")


def _sequences(source: PoseDataset, copies: list[int], rows: list[NDArray[np.int64]]) -> tuple[Sequence, ...]:
    bounds = [sequence.start for sequence in source.sequences] + [len(source)]
    sequences, start = [], 0
    for copy, kept in zip(copies, rows, strict=True):
        lengths = np.diff(np.searchsorted(kept, bounds)).tolist()
        for sequence, length in zip(source.sequences, lengths, strict=True):
            if length:
                sequences.append(sequence._replace(start=start, length=length, copy=copy))
                start += length
    return tuple(sequences)
