"""Which source pose goes where: for every row of the output its source, its target and its new depth."""

from __future__ import annotations

from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli import global_position as gpa
from poseda_cli.blocks import for_blocks
from poseda_cli.dataset import PoseDataset, Sequence
from poseda_cli.errors import InputError
from poseda_cli.options import AlignOptions
from poseda_cli.pairing import draw_targets
from poseda_cli.progress import Progress
from poseda_cli.shards import Part, Piece
from poseda_cli.skeleton import shared_joints
from poseda_cli.target import TargetPoses
from poseda_cli.validity import check_valid

UNALIGNED = -1


@dataclass(frozen=True, eq=False)
class Placement:
    """The rows of an output, N source poses leading to R rows.

    Parameters
    ----------
    source_row : (R,) rows of the source's part
    target_row : (R,) rows of the valid targets; UNALIGNED where the source pose stays where it is
    depth : (R,) float32, metres, of the root; NaN where unaligned
    unaligned : how many rows, the first ones, are unaligned
    sequences : the source's, once for each copy, without the rows dropped
    numbers : of each of them, which one of the source's it is of
    valid : (N,) whether each source pose is finite and has an extent
    behind_camera : poses dropped because a joint would be at or behind the camera
    """

    source_row: NDArray[np.int64]
    target_row: NDArray[np.int64]
    depth: NDArray[np.float32]
    unaligned: int
    sequences: tuple[Sequence, ...]
    numbers: NDArray[np.int64]
    valid: NDArray[np.bool_]
    behind_camera: int


class _Placed(NamedTuple):
    """A piece of the source: its first row in the part, which poses of it are valid, and those kept."""

    start: int
    valid: NDArray[np.bool_]
    rows: NDArray[np.int64]
    drawn: NDArray[np.int64]
    depth: NDArray[np.float32]


def place(
    part: Part,
    pieces: Listed[Piece],
    target: TargetPoses,
    options: AlignOptions,
    jobs: int | None,
    progress: Progress,
) -> Placement:
    """Draw a target for every source pose and copy, and find out how deep it comes to stand.

    Parameters
    ----------
    part : of the source
    pieces : of the source, in the order of the output; they lie in the part
    target : its valid poses
    options : how
    jobs : threads
    progress : told how far it is

    Raises
    ------
    InputError : no valid pose, or an invalid one that may not be dropped; a shard may be without one
    """
    placed: list[_Placed] = []
    with progress("placing", sum(piece.stop - piece.start for piece in pieces)) as advance:
        for piece in pieces:
            placed.append(_place_piece(part, piece, target, options, jobs))
            advance(piece.stop - piece.start)
    valid = np.zeros(len(part.dataset), bool)
    # Whether a pose has a depth at all depends on itself, not on its target; rounding aside, hence the first.
    for found in reversed(placed):
        valid[found.start : found.start + len(found.valid)] = found.valid
    if options.shard is None or options.invalid == "error":
        check_valid(part.dataset, valid, "source", options.invalid)
    aligned = [found for piece, found in zip(pieces, placed, strict=True) if piece.copy != UNALIGNED]
    kept = sum(len(found.rows) for found in aligned)
    behind_camera = sum(int(found.valid.sum()) for found in aligned) - kept
    _check_behind(behind_camera, kept, options)
    sequences, origins = _sequences(part.dataset, pieces, placed)
    return Placement(
        source_row=np.concatenate([found.rows for found in placed]),
        target_row=np.concatenate([found.drawn for found in placed]),
        depth=np.concatenate([found.depth for found in placed]),
        unaligned=sum(len(found.rows) for found in placed) - kept,
        sequences=sequences,
        numbers=part.numbers[origins],
        valid=valid,
        behind_camera=behind_camera,
    )


def _place_piece(part: Part, piece: Piece, target: TargetPoses, options: AlignOptions, jobs: int | None) -> _Placed:
    copy, start, stop = piece
    first = part.local(start)
    pairs = draw_targets(start, stop, len(target.rows), options.seed, max(copy, 0))
    # Whether there is a depth is the same for both kinds; this one is quicker.
    kind = "weak" if copy == UNALIGNED else options.depth
    z, nearest = _depths(part.dataset, slice(first, first + stop - start), target, pairs, kind, jobs)
    valid = np.isfinite(z)
    if copy == UNALIGNED:
        rows = np.flatnonzero(valid)
        stays = np.full(len(rows), np.nan, np.float32)
        return _Placed(first, valid, first + rows, np.full(len(rows), UNALIGNED), stays)
    rows = np.flatnonzero(valid & (nearest > 0))
    return _Placed(first, valid, first + rows, pairs[rows], z[rows])


def _depths(
    source: PoseDataset,
    rows: slice,
    target: TargetPoses,
    pairs: NDArray[np.int64],
    depth: gpa.Depth,
    jobs: int | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    poses = np.asarray(source.poses_3d)[rows]
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
    if not left and options.shard is None:
        raise InputError(f"No pose is left: all {behind_camera:,} would have a joint behind the camera.")


def _sequences(
    source: PoseDataset, pieces: Listed[Piece], placed: Listed[_Placed]
) -> tuple[tuple[Sequence, ...], NDArray[np.int64]]:
    """The sequences of the output, and which one of the source's each is."""
    bounds = [sequence.start for sequence in source.sequences] + [len(source)]
    sequences: list[Sequence] = []
    numbers: list[int] = []
    start = 0
    for piece, found in zip(pieces, placed, strict=True):
        lengths = np.diff(np.searchsorted(found.rows, bounds)).tolist()
        for number, (sequence, length) in enumerate(zip(source.sequences, lengths, strict=True)):
            if length:
                sequences.append(sequence._replace(start=start, length=length, copy=piece.copy))
                numbers.append(number)
                start += length
    return tuple(sequences), np.array(numbers, np.int64)
