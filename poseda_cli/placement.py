"""How deep each source pose comes to stand before its target, and which poses have no place at all.

Poses are gone through once, in chunks; what is kept of each is its depth, and what the summary says of the source.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli import global_position as gpa
from poseda_cli.augmentation import UNCHANGED, Augmentation, Changes
from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats
from poseda_cli.clips import Motions
from poseda_cli.dataset import PoseDataset, Sequence
from poseda_cli.draws import Draws
from poseda_cli.errors import InputError
from poseda_cli.measurement import DEPTH, VIEW, ImageCameras, ImagePoses, depths_of, measure_block
from poseda_cli.options import AlignOptions
from poseda_cli.progress import Progress
from poseda_cli.shards import Part, Piece
from poseda_cli.skeleton import shared_joints
from poseda_cli.tables import MakeRoom, RowsOf, Table, in_memory
from poseda_cli.target import TargetPoses
from poseda_cli.tracks import Frames, Tracks
from poseda_cli.validity import (
    LEAST_EXTENT,
    MOST_DISTANCE,
    MOST_EXAMPLES,
    MOST_EXTENT,
    Validity,
    check_valid,
    reasons_3d,
)
from poseda_cli.viewpoint import views_of

UNALIGNED = -1
# Of a pose that is one, see `global_position.depths_of_block`.
LIMITS = LEAST_EXTENT, MOST_EXTENT, MOST_DISTANCE
# Copies gone through at once.
TOGETHER = 8


class Behind(NamedTuple):
    """A pose of which a joint would be at or behind the camera.

    row : of the part
    copy : of it
    target : which of the valid targets it was to take the place of; UNALIGNED for its own place
    """

    row: int
    copy: int
    target: int


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the poses of a part of the source go.

    Parameters
    ----------
    pieces : of the part, in the order of the output
    depths : of each piece a table (n,), metres, of the root before its target; NaN for a pose that is dropped, 0 for
        one that stays where it is
    kept : of each piece how many poses are not dropped
    sequences : of the output: the source's, once for each copy, without the rows dropped
    numbers : of each of them, which one of the whole source's it is of
    source : (P, 5 or 7) measures of the part's poses, see `summary.Measures`
    in_images : whether it is known where these were in their images
    unknown_cameras : names of the cameras before which they stood whose intrinsics are not known
    invalid : of each piece how many poses are not finite, have no extent, or are too large
    validity : of the part's poses
    first_copy : of those that the pieces have as copy 0, rows of the part
    motions : of each piece, where its clips go; None where each pose has a place of its own
    behind : the first poses with a joint behind the camera, in the order of the output
    """

    pieces: Listed[Piece]
    depths: Listed[Table]
    kept: list[int]
    sequences: tuple[Sequence, ...]
    numbers: NDArray[np.int64]
    source: Table
    in_images: bool
    unknown_cameras: list[str]
    invalid: list[int]
    validity: Validity
    first_copy: Validity
    motions: list[Motions | None]
    behind: list[Behind]

    @property
    def behind_camera(self) -> int:
        """Poses dropped because a joint would be at or behind the camera."""
        return sum(
            piece.length - invalid - kept
            for piece, invalid, kept in zip(self.pieces, self.invalid, self.kept, strict=True)
        )

    @property
    def unaligned(self) -> int:
        """How many rows of the output, the first ones, stay where they are."""
        return sum(kept for piece, kept in zip(self.pieces, self.kept, strict=True) if piece.copy == UNALIGNED)

    @property
    def aligned(self) -> int:
        """How many rows of the output, the others, are aligned."""
        return sum(self.kept) - self.unaligned


def place(
    part: Part,
    pieces: Listed[Piece],
    target: TargetPoses,
    options: AlignOptions,
    chunk: int,
    jobs: int | None,
    progress: Progress,
    draws: Draws,
    augmentation: Augmentation,
    make_room: MakeRoom = in_memory,
) -> Placement:
    """Draw a target for every source pose and copy, and find out how deep it comes to stand.

    Parameters
    ----------
    part : of the source
    pieces : of the source, in the order of the output; they lie in the part
    target : its valid poses
    options : how
    chunk : poses in memory at once
    jobs : threads
    progress : told how far it is
    draws : of the run
    augmentation : what is done to poses before they are placed
    make_room : for what is kept of each pose

    Raises
    ------
    InputError : no valid pose, or an invalid one that may not be dropped; a shard may be without one
    """
    going = _Placing(part, pieces, target, options, jobs, draws, augmentation, make_room)
    count = len(part.dataset)
    with progress("placing", count) as advance:
        for start in range(0, count, chunk):
            stop = min(start + chunk, count)
            going.add(start, part.dataset.load(start, stop))
            advance(stop - start)
    going.settle(chunk)
    if options.shard is None or options.invalid == "error":
        check_valid(part.dataset, going.validity, "source", options.invalid)
    placement = going.placement()
    _check_behind(placement, options)
    return placement


class _Placing:
    """What is known of the poses that have been gone through; parameters as those of `place`."""

    def __init__(
        self,
        part: Part,
        pieces: Listed[Piece],
        target: TargetPoses,
        options: AlignOptions,
        jobs: int | None,
        draws: Draws,
        augmentation: Augmentation,
        make_room: MakeRoom,
    ) -> None:
        source = part.dataset
        self._part, self._pieces, self._target, self._options, self._jobs = part, pieces, target, options, jobs
        shared, _ = shared_joints(source.skeleton, target.dataset.skeleton)
        self._joints = gpa.joints_of(shared, len(source.skeleton))
        self._cameras = ImageCameras(source)
        self._used = np.zeros(len(source.cameras), bool)
        self._draws, self._augmentation = draws, augmentation
        self._width = DEPTH + 1 + (VIEW if augmentation.turns else 0)
        self._source = make_room((len(source), self._width))
        ends = [0, *accumulate(piece.length for piece in pieces)]
        depths = make_room((ends[-1],))
        self._depths = [RowsOf(depths, start, stop) for start, stop in pairwise(ends)]
        self._invalid = [0] * len(pieces)
        self._lengths = [np.zeros(len(source.sequences), np.int64) for _ in pieces]
        self._behind: list[list[Behind]] = [[] for _ in pieces]
        self._tracks = [
            None if draws.clips is None or piece.copy == UNALIGNED else Tracks(draws, piece.copy, target)
            for piece in pieces
        ]
        self._motions: list[Motions | None] = [None] * len(pieces)
        self.validity = self._first_copy = Validity()

    def add(self, start: int, poses: PoseDataset) -> None:
        """Place the part's next poses, of which the first one is row `start`."""
        measures = np.full((len(poses), self._width), np.nan, np.float32)
        if len(depths := depths_of(poses)):
            measures[:, DEPTH] = depths
        valid: NDArray[np.bool_] = np.zeros(len(poses), bool)
        met_before = np.zeros(len(poses), bool)
        # Of many copies some at a time: each takes memory for every pose.
        for first in range(0, len(self._pieces), TOGETHER):
            numbers = range(first, min(first + TOGETHER, len(self._pieces)))
            here = [met for number in numbers if (met := self._meeting(number, start, poses))]
            self._look(poses, here, measures if first == 0 else None)
            for met in here:
                rows = slice(met.first, met.last)
                # Whether a pose has a depth depends on itself, not on its target; rounding aside, hence the first.
                valid[rows] = np.where(met_before[rows], valid[rows], met.valid)
                met_before[rows] = True
                self._keep(met, start)
        measures[~valid] = np.nan
        self._used[np.unique(poses.camera)] = True
        self._source[start : start + len(poses)] = measures
        self._count_invalid(poses, start, valid)

    def _count_invalid(self, poses: PoseDataset, start: int, valid: NDArray[np.bool_]) -> None:
        three = np.asarray(poses.poses_3d)
        self.validity = self.validity.and_of(valid, lambda rows: reasons_3d(three[rows]))
        for number, piece in enumerate(self._pieces):
            if piece.copy == 0 and (met := self._overlap(number, start, len(poses))):
                first, last = met
                rows = np.arange(len(poses))
                others = (rows < first) | (rows >= last)
                # The examples' rows are those of the part.
                before = self._first_copy._replace(total=start)
                self._first_copy = before.and_of(valid | others, lambda rows: reasons_3d(three[rows]))

    def _look(self, poses: PoseDataset, here: list[_Meeting], measures: Floats | None) -> None:
        """Find the depths of some pieces, and, if there is room for it, where the poses are in their images."""
        images = ImagePoses(poses, self._cameras)

        def work(first: int, last: int) -> None:
            rows = slice(first, last)
            major = gpa.joint_major(np.asarray(poses.poses_3d)[rows])
            for met in here:
                self._find_depths(met, major, first, last)
            if measures is not None and images.measurable:
                measures[rows, :DEPTH] = measure_block(images, rows, self._joints, self._options.screen, major)
            if measures is not None and self._augmentation.turns:
                ups = self._augmentation.ups[poses.camera[rows]].T
                measures[rows, -VIEW:] = views_of(major, poses.skeleton, ups).T

        for_blocks(work, len(poses), self._jobs, 2 * BLOCK)

    def _overlap(self, number: int, start: int, count: int) -> tuple[int, int] | None:
        """Which of `count` rows of the part from `start` on a piece has, if any."""
        piece = self._pieces[number]
        begin = self._part.local(piece.start)
        first, last = max(begin, start), min(begin + piece.length, start + count)
        return (first - start, last - start) if first < last else None

    def _meeting(self, number: int, start: int, poses: PoseDataset) -> _Meeting | None:
        """What a piece has of the part's rows from `start` on, if anything."""
        overlap = self._overlap(number, start, len(poses))
        if overlap is None:
            return None
        first, last = overlap
        piece = self._pieces[number]
        row = start + first - self._part.local(piece.start)
        rows = piece.start + row, piece.start + row + last - first
        pairs = self._draws.targets(*rows, max(piece.copy, 0))
        found = np.empty(last - first, np.float32)
        changes = UNCHANGED
        if self._augmentation.changes_anything and piece.copy != UNALIGNED:
            here = self._part.sequences_between(start + first, start + last)
            cameras = poses.camera[first:last], self._target.camera[pairs]
            changes = self._augmentation.changes(*rows, piece.copy, *cameras, here)
        tracks = self._tracks[number]
        frames = tracks.frames(*rows) if tracks else None
        return _Meeting(number, row, first, last, pairs, changes, found, np.empty(len(found), bool), frames)

    def _find_depths(self, met: _Meeting, major: Floats, first: int, last: int) -> None:
        """Of the poses `first` to `last`, (J, 3, B), those that the piece has."""
        start, stop = max(first, met.first), min(last, met.last)
        if start >= stop:
            return
        rows = slice(start - met.first, stop - met.first)
        stays = self._pieces[met.number].copy == UNALIGNED
        drawn = met.pairs[rows]
        # Whether there is a depth is the same for both kinds; this one is quicker.
        kind = "weak" if stays else self._options.depth
        skeleton, block = self._part.dataset.skeleton, major[..., start - first : stop - first]
        changes = met.changes.of(rows)
        changed = block if stays else changes.made(block, skeleton)
        if changed is block:
            z, nearest = self._depths_of(block, drawn, kind, *LIMITS)
            met.valid[rows] = np.isfinite(z)
        else:
            # As read: what is done to a pose differs from copy to copy, and makes none invalid.
            met.valid[rows] = np.isfinite(self._depths_of(block, drawn, "weak", *LIMITS)[0])
            z, nearest = self._depths_of(changed, drawn, kind)
        if stays:
            ahead = major[:, 2, start - first : stop - first].min(0) > 0
            met.depth[rows] = np.where(met.valid[rows] & ahead, 0, np.nan)
        else:
            met.depth[rows] = np.where(met.valid[rows] & (nearest > 0), z, np.nan)
        if met.frames:
            met.frames.look(rows, changed, changes.moved(block[skeleton.root]), skeleton.root)

    def _depths_of(
        self, major: Floats, drawn: NDArray[np.int64], kind: gpa.Depth, *limits: float
    ) -> tuple[Floats, Floats]:
        """As `global_position.depths_of_block`, before the targets drawn."""
        boxes = self._target.boxes[drawn, :DEPTH]
        lenses = self._target.normalised[self._target.camera[drawn]]
        return gpa.depths_of_block(major, boxes, lenses, self._part.dataset.skeleton.root, self._joints, kind, *limits)

    def _keep(self, met: _Meeting, start: int) -> None:
        self._invalid[met.number] += int((~met.valid).sum())
        if met.frames:
            # Until all of the clip is known.
            here = met.frames.kept(met.depth, met.valid)
            self._depths[met.number][met.row : met.row + len(here)] = here
            return
        self._depths[met.number][met.row : met.row + len(met.depth)] = met.depth
        self._count(met, start)

    def settle(self, chunk: int) -> None:
        """Place clips, now that all of their frames are known."""
        for number, (piece, tracks) in enumerate(zip(self._pieces, self._tracks, strict=True)):
            if tracks is None:
                continue
            self._motions[number] = tracks.motions()
            for row in range(0, piece.length, chunk):
                ahead = self._depths[number][row : row + chunk]
                first = piece.start + row
                valid, depth = np.isfinite(ahead), tracks.depths(first, ahead)
                self._depths[number][row : row + chunk] = depth
                pairs = self._draws.targets(first, first + len(depth), piece.copy)
                here = _Meeting(number, row, 0, len(depth), pairs, UNCHANGED, depth, valid)
                self._count(here, self._part.local(piece.start) + row)

    def _count(self, met: _Meeting, start: int) -> None:
        """Count the poses that have a place, by sequence, and note the first ones that have none."""
        spans = self._part.dataset.spans_between(start + met.first, start + met.last)
        firsts = np.cumsum([0, *(span.length for span in spans[:-1])])
        kept: NDArray[np.int64] = np.add.reduceat(np.isfinite(met.depth), firsts, dtype=np.int64)
        self._lengths[met.number][[span.sequence for span in spans]] += kept
        examples = self._behind[met.number]
        if len(examples) < MOST_EXAMPLES and kept.sum() < np.count_nonzero(met.valid):
            behind = np.flatnonzero(met.valid & np.isnan(met.depth))[: MOST_EXAMPLES - len(examples)]
            copy = self._pieces[met.number].copy
            drawn = met.pairs[behind] if copy != UNALIGNED else np.full(len(behind), UNALIGNED)
            rows = (start + met.first + behind).tolist()
            examples += [Behind(row, copy, pair) for row, pair in zip(rows, drawn.tolist(), strict=True)]

    def placement(self) -> Placement:
        """Of all poses."""
        sequences, numbers = self._sequences()
        return Placement(
            pieces=self._pieces,
            depths=self._depths,
            kept=[int(lengths.sum()) for lengths in self._lengths],
            invalid=self._invalid,
            sequences=sequences,
            numbers=numbers,
            source=self._source,
            validity=self.validity,
            first_copy=self._first_copy,
            motions=self._motions,
            behind=[example for examples in self._behind for example in examples][:MOST_EXAMPLES],
            unknown_cameras=self._unknown_cameras(),
            in_images=self._cameras.measurable and not (self._used & ~self._cameras.known).any(),
        )

    def _unknown_cameras(self) -> list[str]:
        source = self._part.dataset
        rows = np.flatnonzero(self._used & np.isnan(source.intrinsics).any(1)).tolist()
        return list(dict.fromkeys(source.cameras[row].name for row in rows))

    def _sequences(self) -> tuple[tuple[Sequence, ...], NDArray[np.int64]]:
        """The sequences of the output, and which one of the source's each is."""
        sequences: list[Sequence] = []
        numbers: list[int] = []
        start = 0
        for piece, lengths in zip(self._pieces, self._lengths, strict=True):
            for number in np.flatnonzero(lengths).tolist():
                length = int(lengths[number])
                sequence = self._part.dataset.sequences[number]
                sequences.append(sequence._replace(start=start, length=length, copy=piece.copy))
                numbers.append(number)
                start += length
        return tuple(sequences), self._part.numbers[np.array(numbers, np.intp)]


class _Meeting(NamedTuple):
    """What a piece has of some rows of the part.

    number : of the piece
    row : the first one, counted in the piece
    first, last : counted in the rows
    pairs : the targets drawn
    changes : of the poses
    depth, valid : what is found out
    frames : of clips, what is found out besides
    """

    number: int
    row: int
    first: int
    last: int
    pairs: NDArray[np.int64]
    changes: Changes
    depth: NDArray[np.float32]
    valid: NDArray[np.bool_]
    frames: Frames | None = None


def _check_behind(placement: Placement, options: AlignOptions) -> None:
    behind_camera = placement.behind_camera
    if behind_camera and options.invalid == "error":
        raise InputError(
            f"{behind_camera:,} poses would have a joint behind the camera. --invalid drop leaves them out; "
            "--depth exact avoids most of them."
        )
    if not placement.aligned and options.shard is None:
        raise InputError(f"No pose is left: all {behind_camera:,} would have a joint behind the camera.")
