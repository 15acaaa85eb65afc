"""The rows of an augmented.h5: do they agree with each other, with the summary, and with the inputs at hand?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats, image_sizes, intrinsics_table, normalise_points, project
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.global_position import boxes
from poseda_cli.layouts.poseda import Heads
from poseda_cli.measurement import DEPTH, errors_of_boxes
from poseda_cli.pairing import draw_targets
from poseda_cli.placement import UNALIGNED
from poseda_cli.progress import Progress
from poseda_cli.skeleton import shared_joints
from poseda_cli.storage.archive import RowArchive
from poseda_cli.target import TargetPoses

# Rows in memory at once.
CHUNK = 65_536
# Half the distance of neighbouring float32 numbers, relatively: what one rounding may cost.
ROUNDING = 2.0**-24
# Targets are in memory; so many never were.
MOST_TARGETS = 1 << 30
# What summaries have of the aligned poses that rows tell again without the target.
MEASURED = ("root_x", "root_y", "depth")


@dataclass
class Finding:
    """What came of one check: how many rows were looked at, how many are wrong, and the first of them."""

    wrong_is: str
    looked: int = 0
    wrong: int = 0
    first: int = -1

    def add(self, rows: NDArray[np.int64], right: NDArray[np.bool_]) -> None:
        """Take some more rows, ascending."""
        self.looked += len(rows)
        bad = rows[~right]
        self.first = int(bad[0]) if self.first < 0 and len(bad) else self.first
        self.wrong += len(bad)

    @property
    def text(self) -> str:
        """How many are wrong, in words."""
        return f"{self.wrong_is}: {self.wrong:,} of {self.looked:,} rows, the first is row {self.first:,}"


class Run(NamedTuple):
    """Rows of one copy; of a conversion all rows."""

    copy: int
    start: int
    stop: int


@dataclass
class Findings:
    """What came of all checks of rows; one that could not be made has not looked at any row.

    `ends` has of root x, root y and depth of the aligned poses looked at: the least, the greatest, the mean.
    """

    cameras: Finding = field(default_factory=lambda: Finding("camera is no row of cameras"))
    order: Finding = field(default_factory=lambda: Finding("source_index is not in the source's order"))
    kinds: Finding = field(default_factory=lambda: Finding("target_index does not fit the copy"))
    sources: Finding = field(default_factory=lambda: Finding("source_index is no row of the source"))
    pairs: Finding = field(default_factory=lambda: Finding("target_index is not the target drawn"))
    projections: Finding = field(default_factory=lambda: Finding("poses_2d is not the projection of poses_3d"))
    images: Finding = field(default_factory=lambda: Finding("poses_2d is not the source's"))
    bodies: Finding = field(default_factory=lambda: Finding("poses_3d is not the source's pose"))
    boxes: Finding = field(default_factory=lambda: Finding("poses_2d has not the place and size of its target"))
    aligned: int = 0
    ends: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    worst_scale: float = 0.0
    worst_root: float = 0.0


class Expected(NamedTuple):
    """What rows are compared with.

    heads : of the file
    summary : of the output
    alignment : whether it is one; else a conversion
    source, target : where they are at hand
    rigid : whether a pose is the source's but for its place
    drawn : whether targets are drawn at random for each pose
    """

    heads: Heads
    summary: Mapping[str, Any]
    alignment: bool
    source: PoseHeads | None
    target: TargetPoses | None
    rigid: bool
    drawn: bool

    @property
    def runs(self) -> list[Run]:
        """The copies, in the order of the file."""
        runs: list[Run] = []
        for sequence in self.heads.sequences:
            stop, copy = sequence.start + sequence.length, sequence.copy if self.alignment else UNALIGNED
            if runs and runs[-1].copy == copy:
                runs[-1] = runs[-1]._replace(stop=stop)
            else:
                runs.append(Run(copy, sequence.start, stop))
        return runs


def sample_rows(count: int, samples: int) -> NDArray[np.int64]:
    """(n,) rows, ascending, spread evenly: one at random in each of `samples` equal parts; all if there are fewer."""
    if samples >= count:
        return np.arange(count)
    edges = np.arange(samples + 1, dtype=np.int64) * count // samples
    return np.random.Generator(np.random.Philox(0)).integers(edges[:-1], edges[1:])


def look_at_rows(archive: RowArchive, expected: Expected, samples: int, progress: Progress) -> Findings:
    """Look at the columns of all rows, and at the poses of some.

    Parameters
    ----------
    archive : the file
    expected : what they are compared with
    samples : poses looked at
    progress : told how far it is

    Raises
    ------
    ArchiveError : the file cannot be read
    """
    count = sum(sequence.length for sequence in expected.heads.sequences)
    picked = sample_rows(count, samples)
    rows = _Rows(archive, expected)
    with progress("verifying", count) as advance:
        for run in expected.runs:
            last = -1
            for start in range(run.start, run.stop, CHUNK):
                stop = min(start + CHUNK, run.stop)
                last = rows.look(run, start, stop, last, picked[(picked >= start) & (picked < stop)])
                advance(stop - start)
    return rows.finish()


class _Rows:
    def __init__(self, archive: RowArchive, expected: Expected) -> None:
        self._archive, self._expected = archive, expected
        heads, target = expected.heads, expected.target
        self._cameras = intrinsics_table(heads.cameras)
        self._sizes = image_sizes(heads.cameras)
        self._as_read = None if expected.source is None else _rows_as_read(expected.source)
        self._joints = shared_joints(heads.skeleton, target.dataset.skeleton)[0] if target else None
        self._targets = _targets_as_read(expected)
        self._sums: dict[str, list[float]] = {}
        self._found = Findings()

    def look(self, run: Run, start: int, stop: int, last: int, picked: NDArray[np.int64]) -> int:
        """Look at some rows of a copy; gives back the last source row of them, `last` is that before."""
        rows, found = np.arange(start, stop), self._found
        camera, source, target = (
            self._archive.rows(name, start, stop).astype(np.int64)
            for name in ("camera", "source_index", "target_index")
        )
        known = (camera >= 0) & (camera < len(self._cameras))
        found.cameras.add(rows, known)
        found.order.add(rows, np.diff(source, prepend=last) > 0)
        found.kinds.add(rows, target == UNALIGNED if run.copy == UNALIGNED else target >= 0)
        places = self._places(run, rows, source)
        if run.copy != UNALIGNED:
            self._look_at_pairs(run, rows, places, target)
        if len(picked):
            self._look_at_poses(run, picked[known[picked - start]], start, camera, places, target)
        return int(source[-1])

    def _places(self, run: Run, rows: NDArray[np.int64], source: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """Which pose of the source each row is of; None where that cannot be told, -1 for a row that it has not."""
        if self._as_read is not None:
            places = np.searchsorted(self._as_read, source)
            there = places < len(self._as_read)
            there[there] = self._as_read[places[there]] == source[there]
            self._found.sources.add(rows, there)
            return np.where(there, places, -1)
        complete = "shard" not in self._expected.summary["options"]
        if complete and run.stop - run.start == self._expected.summary["source"]["poses"]:
            return rows - run.start
        return None

    def _look_at_pairs(
        self, run: Run, rows: NDArray[np.int64], places: NDArray[np.int64] | None, target: NDArray[np.int64]
    ) -> None:
        if places is None or not self._expected.drawn or not len(self._targets):
            return
        there = places >= 0
        rows, places, target = rows[there], places[there], target[there]
        if not len(rows):
            return
        first, last = int(places.min()), int(places.max()) + 1
        drawn = draw_targets(first, last, len(self._targets), self._expected.summary["seed"], run.copy)[places - first]
        wanted = self._targets[drawn]
        if self._expected.target is None:
            # Without the target at hand: what is drawn again must be the same row again.
            unknown = wanted < 0
            self._targets[drawn[unknown]] = target[unknown]
            wanted = self._targets[drawn]
        self._found.pairs.add(rows, wanted == target)

    def _look_at_poses(
        self,
        run: Run,
        picked: NDArray[np.int64],
        start: int,
        camera: NDArray[np.int64],
        places: NDArray[np.int64] | None,
        target: NDArray[np.int64],
    ) -> None:
        if not len(picked):
            return
        first, last = int(picked[0]), int(picked[-1]) + 1
        poses, image = (
            self._archive.rows(name, first, last)[picked - first].astype(np.float64)
            for name in ("poses_3d", "poses_2d")
        )
        local = picked - start
        camera = camera[local]
        source = None if places is None else self._load(places[local])
        if self._expected.alignment or (source is not None and not source.has_2d):
            self._compare_projections(picked, poses, image, camera)
        if source is not None:
            there = np.asarray(places)[local] >= 0
            self._compare_source(run, picked[there], poses[there], image[there], camera[there], source)
        if run.copy != UNALIGNED:
            self._measure(poses, image)
            # Of a sequence that keeps its own motion only some poses meet a target.
            if self._expected.target is not None and self._expected.drawn:
                self._compare_boxes(picked, image, target[local])

    def _load(self, places: NDArray[np.int64]) -> PoseDataset | None:
        """The source's poses at these places."""
        places = places[places >= 0]
        if self._expected.source is None or not len(places):
            return None
        first = int(places.min())
        loaded = self._expected.source.load(first, int(places.max()) + 1)
        columns = {name: getattr(loaded, name) for name in ("poses_3d", "poses_2d", "camera")}
        chosen: dict[str, Any] = {
            name: None if column is None else column[places - first] for name, column in columns.items()
        }
        return PoseDataset(
            skeleton=loaded.skeleton,
            cameras=loaded.cameras,
            sequences=(loaded.sequences[0]._replace(start=0, length=len(places)),),
            absolute=loaded.absolute,
            **chosen,
        )

    def _compare_projections(
        self, rows: NDArray[np.int64], poses: Floats, image: Floats, camera: NDArray[np.int64]
    ) -> None:
        lens = self._cameras[camera]
        sizes = self._sizes[camera]
        with np.errstate(all="ignore"):
            seen = project(poses, lens[:, None, :4])
            wanted = normalise_points(seen, sizes, self._expected.heads.screen)
            divisor = sizes if self._expected.heads.screen == "axes" else sizes[:, :1].repeat(2, axis=1)
            # f, x / z and their product are rounded, c, the sum, and what normalising makes of it: less than 8 times.
            size = np.abs(seen) + np.abs(lens[:, None, 2:4]) * 2 + sizes[:, None]
            off = np.abs(wanted - image) <= 8 * ROUNDING * size * 2 / divisor[:, None]
            right: NDArray[np.bool_] = off | np.isnan(image) & (~np.isfinite(wanted) | (poses[..., 2:] <= 0))
        self._found.projections.add(rows, np.asarray(right.all((1, 2))))

    def _compare_source(
        self,
        run: Run,
        rows: NDArray[np.int64],
        poses: Floats,
        image: Floats,
        camera: NDArray[np.int64],
        source: PoseDataset,
    ) -> None:
        own, root = source.poses_3d, self._expected.heads.skeleton.root
        if own is not None and run.copy == UNALIGNED:
            self._found.bodies.add(rows, _equal(poses, own))
        elif own is not None and self._expected.rigid:
            body = own.astype(np.float64)
            off = np.abs((poses - poses[:, root, None]) - (body - body[:, root, None]))
            # The joint was rounded once where it stands now, and so was the root.
            most = 2 * ROUNDING * (np.abs(poses) + np.abs(poses[:, root, None]))
            self._found.bodies.add(rows, np.asarray((off <= most).all((1, 2))))
        if not self._expected.alignment and source.poses_2d is not None:
            wanted = normalise_points(source.poses_2d, self._sizes[camera], self._expected.heads.screen)
            self._found.images.add(rows, _equal(image, wanted))

    def _measure(self, poses: Floats, image: Floats) -> None:
        root = self._expected.heads.skeleton.root
        self._found.aligned += len(poses)
        for name, values in zip(MEASURED, (image[:, root, 0], image[:, root, 1], poses[:, root, 2]), strict=True):
            low, high, _ = self._found.ends.get(name, (np.inf, -np.inf, 0.0))
            self._found.ends[name] = (min(low, float(values.min())), max(high, float(values.max())), 0.0)
            self._sums.setdefault(name, []).append(float(values.sum()))

    def _compare_boxes(self, rows: NDArray[np.int64], image: Floats, target: NDArray[np.int64]) -> None:
        expected, found = self._expected, self._found
        there = np.isin(target, self._targets)
        places = np.searchsorted(self._targets, target[there])
        assert expected.target is not None
        assert self._joints is not None
        wanted = expected.target.boxes[places, :DEPTH].astype(np.float64)
        scale, root = errors_of_boxes(boxes(image[there], expected.heads.skeleton.root, self._joints), wanted)
        # Each coordinate was rounded a few times on its way from the pixels that the summary's figures are of.
        rounding = 16 * ROUNDING * (np.abs(image[there]).max((1, 2), initial=0) + 1)
        fit = expected.summary["fit"]
        right = np.zeros(len(rows), bool)
        right[there] = (
            scale <= fit["scale_relative_error"]["max"] * (1 + 4 * ROUNDING) + rounding / wanted[:, :2].sum(1)
        ) & (root <= fit["root_error_max"] * (1 + 4 * ROUNDING) + rounding)
        found.boxes.add(rows, right)
        found.worst_scale = max(found.worst_scale, float(scale.max(initial=0)))
        found.worst_root = max(found.worst_root, float(root.max(initial=0)))

    def finish(self) -> Findings:
        """What was found in all."""
        for name, sums in self._sums.items():
            low, high, _ = self._found.ends[name]
            self._found.ends[name] = (low, high, sum(sums) / self._found.aligned)
        known = self._targets[self._targets >= 0]
        if self._expected.target is None and (np.diff(known) <= 0).any():
            # Targets are numbered as they were read, and two of them are not one.
            self._found.pairs.wrong = self._found.pairs.wrong or self._found.pairs.looked
            self._found.pairs.first = max(self._found.pairs.first, 0)
        return self._found


def _equal(found: Floats, wanted: Floats) -> NDArray[np.bool_]:
    """(N,) whether poses are the same numbers, or none."""
    right = (found == wanted) | np.isnan(found) & ~np.isfinite(wanted)
    return right.all((1, 2))


def _rows_as_read(source: PoseHeads) -> NDArray[np.int64]:
    """(N,) row as read of each pose of a source; the poses are loaded some at a time."""
    if isinstance(source, PoseDataset):
        return source.rows
    parts = (source.load(start, min(start + CHUNK, len(source))).rows for start in range(0, len(source), CHUNK))
    return np.concatenate([np.empty(0, np.int64), *parts])


def _targets_as_read(expected: Expected) -> NDArray[np.int64]:
    """(M,) row as read of each valid target; -1 where that is not known."""
    if not expected.alignment:
        return np.empty(0, np.int64)
    if expected.target is not None:
        return expected.target.dataset.rows[expected.target.rows]
    valid = expected.summary["target"]["poses"] - expected.summary["output"]["dropped"]["target_invalid"]
    if not 0 < valid <= MOST_TARGETS:
        raise ValueError(f"{valid} valid target poses")
    return np.full(valid, UNALIGNED, np.int64)
