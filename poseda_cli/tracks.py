"""Clips while their frames are gone through: what decides on where they go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.clips import ClipSurvey, Motions, directions_of, measure_motion, tangents_of
from poseda_cli.draws import Draws
from poseda_cli.measurement import DEPTH
from poseda_cli.target import TargetPoses


class Tracks:
    """All clips of one copy of the source.

    Parameters
    ----------
    draws : of the run, with clips
    copy : which copy
    target : valid target poses
    """

    def __init__(self, draws: Draws, copy: int, target: TargetPoses) -> None:
        assert draws.clips is not None
        self._clips = clips = draws.clips
        drawn = draws.targets_of_clips(copy)
        camera = target.camera[drawn]
        self._directions = directions_of(target.boxes[drawn, :DEPTH], target.normalised[camera])
        self.tangents = tangents_of(target.dataset.intrinsics[camera], self._directions)
        self.survey = ClipSurvey(clips, 0, len(clips))
        self._motions: Motions | None = None

    def frames(self, start: int, stop: int) -> Frames:
        """Some rows of the source that are about to be looked at."""
        return Frames(self, start, self._clips.numbers(start, stop))

    def motions(self) -> Motions:
        """Where the clips go, all of whose frames have been looked at."""
        self._motions = self.survey.motions(self.tangents, self._directions)
        return self._motions

    def depths(self, start: int, ahead: Floats) -> Floats:
        """(n,) how deep roots come to stand of rows from `start` on, by their z in the source; NaN without a place."""
        assert self._motions is not None
        middles, places, factors, _ = self._motions
        numbers = self._clips.numbers(start, start + len(ahead))
        found: Floats = places[2, numbers] + factors[numbers] * (ahead - middles[2, numbers])
        return found


class Frames:
    """Some consecutive frames.

    Parameters
    ----------
    tracks : of their clips
    start : row of the source of the first one
    clips : (n,) which clip each is in
    """

    def __init__(self, tracks: Tracks, start: int, clips: NDArray[np.int64]) -> None:
        self._tracks, self._start, self._clips = tracks, start, clips
        self._measures = np.empty((6, len(clips)), np.float32)
        self._roots = np.empty((3, len(clips)), np.float32)

    def look(self, rows: slice, major: Floats, roots: Floats, root: int) -> None:
        """Measure some of the frames; of different ones at once, by several threads.

        Parameters
        ----------
        rows : which of the frames
        major : (J, 3, B) as turned and scaled, anywhere
        roots : (3, B) where their roots are, turned and scaled
        root : index of the pelvis
        """
        self._roots[:, rows] = roots
        with np.errstate(invalid="ignore", over="ignore"):  # of poses that are left out
            reaches = major[:, 2].min(0) - major[root, 2]
            measures = measure_motion(roots, reaches, self._tracks.tangents[:, self._clips[rows]])
        self._measures[:, rows] = measures

    def kept(self, depth: Floats, valid: NDArray[np.bool_]) -> Floats:
        """Take the frames into account: (n,) z of their roots in the source, NaN for frames that are not valid."""
        self._tracks.survey.add(self._start, self._measures, self._roots, depth, valid)
        return np.where(valid, self._roots[2], np.float32(np.nan))
