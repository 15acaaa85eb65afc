"""Clips: consecutive frames before one target, which keep the motion of their root.

Clips get their targets as rows do, by `pairing.draw_targets`, with the numbers of clips for those of rows. A clip's
target sets its place and size at the frame in the middle. From there the root moves as in the source, by

    root'(t) = place + factor (root(t) - root(middle))

with one factor for all of the clip: 1, or, where the clip would leave the picture or come too near, less. No root moves
more from frame to frame than that factor times what it moves in the source.

A clip is known once all its frames have been seen: first `ClipSurvey` goes through them, then `moved_roots` can be
computed row by row. Vectors are (3, B), in camera space.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.dataset import Sequence

# A motion may take the nearest joint of a clip this much nearer to the camera than it would be without motion.
NEAREST = 0.5
# Rows of what is measured of each frame's motion: how far the root is from the four sides of what the camera sees, how
# far ahead it is, and where the nearest joint is from it.
SIDES, AHEAD, REACH = 4, 4, 5


@dataclass(frozen=True, eq=False)
class Clips:
    """Clips of a source, by its rows; they depend on its sequences alone, not on chunks or shards.

    Parameters
    ----------
    starts : (K + 1,) first row of each, ascending; the last one is the number of rows
    """

    starts: NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Listed[Sequence], length: int | None = None) -> Self:
        """The clips that sequences are cut into.

        Parameters
        ----------
        sequences : of the whole source, in row order
        length : frames of a clip, at least 1; the last one of a sequence has what is left. None for whole sequences
        """
        cuts = [np.arange(s.start, s.start + s.length, length or s.length) for s in sequences if s.length]
        total = sum(sequence.length for sequence in sequences)
        return cls(np.concatenate([*cuts, [total]]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def numbers(self, start: int, stop: int) -> NDArray[np.int64]:
        """(stop - start,) which clip each of some rows is in."""
        first, last = self.between(start, stop)
        inner = self.starts[first : last + 1].clip(start, max(start, stop))
        return np.repeat(np.arange(first, last), np.diff(inner))

    def between(self, start: int, stop: int) -> tuple[int, int]:
        """The clips that have one of the rows start to stop: first, and the one behind the last."""
        if start >= stop:
            return 0, 0
        first, last = np.searchsorted(self.starts, [start, stop - 1], side="right") - 1
        return int(first), int(last) + 1

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """The rows of clips first to last."""
        return int(self.starts[first]), int(self.starts[last])

    @property
    def middles(self) -> NDArray[np.int64]:
        """(K,) the row in the middle of each; the earlier one of two."""
        return (self.starts[:-1] + self.starts[1:] - 1) // 2


def directions_of(boxes: Floats, normalised: Floats) -> Floats:
    """Where the roots of targets are seen: x / z and y / z.

    Parameters
    ----------
    boxes : (K, 4) width, height, root x, root y of each clip's target, in the unit of `normalised`
    normalised : (K, 4) fx, fy, cx, cy of each clip's camera

    Returns
    -------
    (2, K)
    """
    return np.ascontiguousarray(((boxes[:, 2:4] - normalised[:, 2:4]) / normalised[:, :2]).T)


def tangents_of(intrinsics: Floats, directions: Floats) -> NDArray[np.float32]:
    """What a camera sees, as far as its clip may use it: the image, and where the target's root is, if not in it.

    Parameters
    ----------
    intrinsics : (K, 6) fx, fy, cx, cy, width, height of each clip's camera, pixels
    directions : (2, K) of its target's root, see `directions_of`

    Returns
    -------
    (4, K) least and greatest x / z, least and greatest y / z
    """
    f, c, size = intrinsics[:, :2].T, intrinsics[:, 2:4].T, intrinsics[:, 4:].T
    low, high = np.minimum(-c / f, directions), np.maximum((size - c) / f, directions)
    return np.stack([low[0], high[0], low[1], high[1]]).astype(np.float32)


def measure_motion(roots: Floats, reaches: Floats, tangents: Floats) -> Floats:
    """What decides on how far clips may move, frame by frame.

    Parameters
    ----------
    roots : (3, B) of the source, as turned by the view and scaled by the body
    reaches : (B,) z of each pose's nearest joint relative to its root, turned and scaled, too
    tangents : (4, B) of each frame's clip, see `tangents_of`

    Returns
    -------
    (6, B) distances to the four sides (not at right angles, but in proportion), z, reach
    """
    x, y, z = roots
    left, right, top, bottom = tangents
    return np.stack([x - left * z, right * z - x, y - top * z, bottom * z - y, z, reaches])


class Motions(NamedTuple):
    """Where clips go, and how much of their motion they keep.

    middles : (3, K) the root of the source at the frame in the middle, turned and scaled
    places : (3, K) where it comes to stand; NaN for a clip that has no place
    factors : (K,) of its motion, in [0, 1]; of no meaning for a clip that has no place
    rows : (K,) of the source, of the frame in the middle
    """

    middles: NDArray[np.float32]
    places: NDArray[np.float32]
    factors: NDArray[np.float32]
    rows: NDArray[np.int64]


class ClipSurvey:
    """What is found out of clips while their frames are gone through, in any order.

    Parameters
    ----------
    clips : of the source
    first, last : those that are gone through, `last` excluded

    The frame in the middle is the valid one that is nearest to it; of two, the earlier one.
    """

    def __init__(self, clips: Clips, first: int, last: int) -> None:
        self._clips, self._first, self._middle_rows = clips, first, clips.middles[first:last]
        count = last - first
        self._least = np.full((6, count), np.inf, np.float32)
        self._away = np.full(count, np.iinfo(np.int64).max)
        self._middles = np.full((3, count), np.nan, np.float32)
        self._depths = np.full(count, np.nan, np.float32)

    def add(self, start: int, measures: Floats, roots: Floats, depths: Floats, valid: NDArray[np.bool_]) -> None:
        """Frames that follow each other.

        Parameters
        ----------
        start : row of the source of the first one
        measures : (6, B) see `measure_motion`
        roots : (3, B) as given to it
        depths : (B,) of the root of each pose before its clip's target; NaN where it has none
        valid : (B,) the others are left out
        """
        rows = start + np.flatnonzero(valid)
        if not len(rows):
            return
        numbers = self._clips.numbers(start, start + len(valid))[valid] - self._first
        here = np.flatnonzero(np.diff(numbers, prepend=-1))
        met = numbers[here]
        least = np.minimum.reduceat(measures[:, valid], here, axis=1)
        self._least[:, met] = np.minimum(self._least[:, met], least)
        # Twice the distance, and one more on the later side: a whole number without equals.
        away = 2 * np.abs(rows - self._middle_rows[numbers]) + (rows > self._middle_rows[numbers])
        nearest = np.minimum.reduceat(away, here)
        chosen = np.flatnonzero((away == nearest.repeat(np.diff([*here, len(rows)]))) & (away < self._away[numbers]))
        frames, clips = rows[chosen] - start, numbers[chosen]
        self._away[clips] = away[chosen]
        self._middles[:, clips], self._depths[clips] = roots[:, frames], depths[frames]

    def motions(self, tangents: Floats, directions: Floats) -> Motions:
        """Where the clips go, all of whose frames have been added.

        Parameters
        ----------
        tangents : (4, K) as measured with
        directions : (2, K) as in `tangents_of`

        Returns
        -------
        The factor is the greatest one up to 1 with which each root stays in the picture, or at least no farther outside
        than the target's, and no joint comes nearer than half of where the nearest one of the clip would be without any
        motion; joints are reckoned from the nearest root and the longest reach, even if of different frames. A clip of
        which a joint would be behind the camera without any motion has no place.
        """
        reaches = self._least[REACH]
        places = np.concatenate([directions * self._depths, self._depths[None]]).astype(np.float32)
        room = measure_motion(places, reaches, tangents)[:REACH]
        room[AHEAD] = (1 - NEAREST) * (room[AHEAD] + reaches)
        places[:, ~(room[AHEAD] > 0)] = np.nan
        # Not above 0, as the frame in the middle is one of those measured.
        lost = self._least[:REACH] - measure_motion(self._middles, reaches, tangents)[:REACH]
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = np.where(lost < 0, room / -lost, np.inf)
        return Motions(self._middles, places, limits.min(0).clip(0, 1), self._middle_rows + self._offsets())

    def _offsets(self) -> NDArray[np.int64]:
        """(K,) how far the valid frame in the middle is from where the middle is."""
        distance = self._away // 2
        return np.where(self._away % 2, distance, -distance)


def moved_roots(roots: Floats, motions: Motions, clips: NDArray[np.int64]) -> NDArray[np.float32]:
    """Where roots come to stand.

    Parameters
    ----------
    roots : (3, B) of the source, turned and scaled as they were measured
    motions : of clips
    clips : (B,) which of these each root belongs to, counted from the first one surveyed

    Returns
    -------
    (3, B) metres, camera space; NaN in a clip without a place
    """
    motion = roots - motions.middles.take(clips, axis=1)
    motion *= motions.factors.take(clips)
    motion += motions.places.take(clips, axis=1)
    return motion
