"""What a figure of distributions shows, as data: `figures` draws it, and nothing is drawn here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats, Screen, image_sizes
from poseda_cli.chunks import ChunkSource
from poseda_cli.comparison import SIDES, image_poses
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.global_position import joint_major
from poseda_cli.heat import HeatMap
from poseda_cli.measurement import ImageCameras, ImagePoses
from poseda_cli.placement import UNALIGNED
from poseda_cli.progress import Progress, silent
from poseda_cli.provenance import selection_text
from poseda_cli.skeleton import Skeleton
from poseda_cli.spread import spread, spread_whole

EXAMPLES = 4
# Poses in memory at once.
CHUNK = 65_536
# Heat maps reach as far up and down as the tallest image, and this far in any case and at most, in half widths.
LEAST_REACH, MOST_REACH = 1.0, 2.5


class Pose(NamedTuple):
    """A 2D pose in its image: (J, 2) pixels, width and height of the image, and what the joints are."""

    points: NDArray[np.float32]
    size: tuple[float, float]
    skeleton: Skeleton


class Frame(NamedTuple):
    """An image frame with a pose in it, and maybe another one behind that."""

    title: str
    pose: Pose
    behind: Pose | None = None


class Example(NamedTuple):
    """Frames that belong together: a pose before and after, or some poses of one data set."""

    title: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of distributions.

    Parameters
    ----------
    sides : what is shown, from top to bottom: keys of `distributions`, and their names for people
    captions : the same names in full
    reference : the side that stands faintly behind others
    before_reference : those others
    distributions : as in summary.json, with histograms
    heat : side -> as `HeatMap.parts`; a side without 2D is missing
    aspects : side -> height / width of its images, each once
    examples : poses in their images
    screen : normalisation
    """

    sides: dict[str, str]
    captions: dict[str, str]
    reference: str
    before_reference: tuple[str, ...]
    distributions: dict[str, Any]
    heat: dict[str, NDArray[np.float64]]
    aspects: dict[str, tuple[float, ...]]
    examples: tuple[Example, ...]
    screen: Screen


class Aligned(ChunkSource, Protocol):
    """An alignment, in chunks or in memory."""

    @property
    def sides(self) -> tuple[PoseHeads, PoseDataset]:
        """Source and target."""


def picture_of_alignment(
    aligned: Aligned, summary: dict[str, Any], jobs: int | None = None, progress: Progress = silent
) -> Picture:
    """The figure of an alignment: its three sides, and some poses before and after.

    Parameters
    ----------
    aligned : what `pipeline.align` or `prepare` returned
    summary : of it
    jobs : threads; without influence on the result
    progress : told how far it is
    """
    source, target = aligned.sides
    # Whether all of the source was in images of known size is found out pose by pose; the summary knows.
    in_images = bool(summary["distributions"]["scale"]["source"])
    seen: dict[str, PoseHeads] = {"source": source, "target": target} if in_images else {"target": target}
    aspects = {side: _aspects(poses) for side, poses in seen.items()}
    reach = _reach(aspects, aligned.screen)
    with progress("drawing", len(aligned) + sum(map(len, seen.values()))) as advance:
        heat, moved = _run_through(aligned, HeatMap(aligned.screen, reach), jobs, advance)
        heats = {side: _heat(poses, HeatMap(aligned.screen, reach), jobs, advance) for side, poses in seen.items()}
    before = _find(source, [move.source for move in moved])
    behind = _find(target, [move.target for move in moved])
    sides = {side: side for side in ("source", "aligned", "target")}
    return Picture(
        sides=sides,
        captions=sides,
        reference="target",
        before_reference=("aligned",),
        distributions=summary["distributions"],
        heat={**heats, "aligned": heat},
        aspects={**aspects, "aligned": aspects["target"]},
        examples=tuple(_example(before[m.source], m.pose, behind[m.target], in_images) for m in moved),
        screen=aligned.screen,
    )


def picture_of_comparison(
    a: PoseDataset, b: PoseDataset, found: dict[str, Any], jobs: int | None = None, progress: Progress = silent
) -> Picture:
    """The figure of two data sets, and of what `comparison.compare` found."""
    screen = found["options"]["screen"]
    seen = dict(zip(SIDES, map(image_poses, (a, b)), strict=True))
    captions = {side: _caption(side.upper(), poses.dataset) for side, poses in seen.items()}
    aspects = {side: _aspects(poses.dataset) for side, poses in seen.items()}
    reach = _reach(aspects, screen)
    with progress("drawing", len(a) + len(b)) as advance:
        heat = {side: _heat(poses.dataset, HeatMap(screen, reach), jobs, advance) for side, poses in seen.items()}
    return Picture(
        sides={side: side.upper() for side in SIDES},
        captions=captions,
        reference="b",
        before_reference=("a",),
        distributions=found["distributions"],
        heat=heat,
        aspects=aspects,
        examples=tuple(Example(captions[side], tuple(_frames(poses))) for side, poses in seen.items()),
        screen=screen,
    )


def _caption(name: str, dataset: PoseDataset) -> str:
    chosen = selection_text(dataset.origin.selection)
    return f"{name}: {dataset.title}" + (f", {chosen}" if chosen else "")


class _Moved(NamedTuple):
    """An aligned pose, and which rows as read its source and its target are."""

    pose: Pose
    source: int
    target: int


def _run_through(
    aligned: Aligned, heat: HeatMap, jobs: int | None, advance: Callable[[int], object]
) -> tuple[NDArray[np.float64], list[_Moved]]:
    """All aligned poses once more: there are too many to keep them in case somebody wants to see them."""
    sizes = image_sizes(aligned.cameras).astype(np.float32)
    first = sum(sequence.length for sequence in aligned.sequences if sequence.copy == UNALIGNED)
    wanted = [first + row for row in spread(len(aligned) - first, EXAMPLES)]
    moved: list[_Moved] = []
    start = 0
    for chunk in aligned.chunks():
        points, size = np.asarray(chunk.poses_2d), sizes[chunk.camera]
        skip = min(max(first - start, 0), len(points))
        heat.add(_blocks(points[skip:], size[skip:]), len(points) - skip, jobs)
        for row in (row - start for row in wanted if start <= row < start + len(points)):
            pose = Pose(points[row].copy(), (float(size[row, 0]), float(size[row, 1])), aligned.skeleton)
            moved.append(_Moved(pose, int(chunk.source_index[row]), int(chunk.target_index[row])))
        start += len(points)
        advance(len(points))
    return heat.parts, moved


def _blocks(points: Floats, sizes: Floats) -> Callable[[slice], tuple[Floats, Floats]]:
    return lambda rows: (joint_major(points[rows]), sizes[rows])


class _Seen(NamedTuple):
    """A pose in its image, and what its sequence is called."""

    pose: Pose
    name: str


def _find(heads: PoseHeads, indices: list[int]) -> dict[int, _Seen]:
    """Poses that are known by their rows as read; some may be gone, and readers may have sorted them."""
    found: dict[int, _Seen] = {}
    cameras = ImageCameras(heads)
    for poses in _pieces(heads):
        images = ImagePoses(poses, cameras)
        for row in np.flatnonzero(np.isin(poses.rows, indices)).tolist():
            found.setdefault(int(poses.rows[row]), _Seen(_pose(images, row), _sequence_name(images, row)))
    return found


def _pieces(heads: PoseHeads) -> Iterator[PoseDataset]:
    for start in range(0, len(heads), CHUNK):
        yield heads.load(start, min(start + CHUNK, len(heads)))


def _example(before: _Seen, pose: Pose, behind: _Seen, in_images: bool) -> Example:
    """A source pose in its own image, and aligned, with the target pose that it was aligned to behind it."""
    frames = [Frame("aligned", pose, behind.pose)]
    if in_images and np.isfinite(before.pose.points).all():
        frames.insert(0, Frame("source", before.pose))
    return Example(f"{before.name} → {behind.name}", tuple(frames))


def _frames(poses: ImagePoses) -> Iterator[Frame]:
    """Some poses of a data set that can be seen."""

    def missing(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return (~np.isfinite(poses.block(rows)).all(1)).sum(0)

    for row in spread_whole(len(poses.dataset), EXAMPLES, missing):
        yield Frame(_sequence_name(poses, row), _pose(poses, row))


def _pose(poses: ImagePoses, row: int) -> Pose:
    width, height = poses.sizes[poses.dataset.camera[row]].tolist()
    return Pose(poses.block(slice(row, row + 1))[..., 0].copy(), (width, height), poses.dataset.skeleton)


def _sequence_name(poses: ImagePoses, row: int) -> str:
    sequence = poses.dataset.sequence_of(row)
    return f"{sequence.subject} {sequence.action}"


def _heat(heads: PoseHeads, heat: HeatMap, jobs: int | None, advance: Callable[[int], object]) -> NDArray[np.float64]:
    cameras = ImageCameras(heads)
    for poses in _pieces(heads):
        images = ImagePoses(poses, cameras)
        heat.add(_blocks_of(images), len(poses), jobs)
        advance(len(poses))
    return heat.parts


def _blocks_of(images: ImagePoses) -> Callable[[slice], tuple[Floats, Floats]]:
    return lambda rows: (images.block(rows), images.block_sizes(rows))


def _reach(aspects: dict[str, tuple[float, ...]], screen: Screen) -> float:
    tallest = max(aspect for found in aspects.values() for aspect in found)
    return LEAST_REACH if screen == "axes" else min(max(tallest, LEAST_REACH), MOST_REACH)


def _aspects(heads: PoseHeads) -> tuple[float, ...]:
    """Height / width of the images that poses are in, each once."""
    used = {camera for poses in _pieces(heads) for camera in np.unique(poses.camera).tolist()}
    sizes = image_sizes(heads.cameras)[sorted(used)]
    return tuple(sorted({round(height / width, 3) for width, height in sizes.tolist()}))
