"""The main job: two data sets and options in, an aligned data set and its summary out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.alignment import CHUNK, Alignment
from poseda_cli.augmentation import Augmentation
from poseda_cli.cameras import Intrinsics, Screen
from poseda_cli.chunks import Chunk, join
from poseda_cli.clips import Clips
from poseda_cli.dataset import Origin, PoseDataset, PoseHeads, Span, check_camera_count
from poseda_cli.draws import Draws
from poseda_cli.errors import InputError, SkeletonError, listed
from poseda_cli.global_position import Depth
from poseda_cli.options import JITTER, AlignOptions, OutputSkeleton, Pairing, View
from poseda_cli.placement import UNALIGNED, place
from poseda_cli.progress import Progress, silent
from poseda_cli.shard_record import Cut, Record
from poseda_cli.shards import Shard, part_of, pieces_of
from poseda_cli.skeleton import SKELETONS, Skeleton
from poseda_cli.tables import MakeRoom, in_memory
from poseda_cli.target import TargetPoses, with_intrinsics
from poseda_cli.validity import Invalid


@dataclass(frozen=True, repr=False, eq=False)
class AlignedDataset(PoseDataset):
    """Aligned poses, with their origin row by row and the summary of the run.

    Parameters
    ----------
    source_index, target_index : (N,) rows of source and target as read; target -1 if not aligned
    screen : normalisation of the run
    provenance : version, options, seed and inputs
    summary : what summary.json holds
    whole : the source
    sides : source, in the skeleton of the result, and target
    record : of a shard what `merge` takes besides its poses
    rotation : (N, 4) with a view of their own, by what poses were turned about their roots: unit quaternions w, x, y, z
        in camera space; `viewpoint.turned` with `viewpoint.inverse` undoes it
    bodies : (S, 10) with other bones, the factors of each sequence, see `bones.FACTORS`; `bones.scaled` with
        `1 / bodies` undoes it
    """

    source_index: NDArray[np.int64] = None  # type: ignore[assignment]  # after defaults of the base
    target_index: NDArray[np.int64] = None  # type: ignore[assignment]
    screen: Screen = "aspect"
    provenance: dict[str, Any] = None  # type: ignore[assignment]
    summary: dict[str, Any] = None  # type: ignore[assignment]
    whole: PoseHeads = None  # type: ignore[assignment]
    sides: tuple[PoseHeads, PoseDataset] = None  # type: ignore[assignment]
    record: Record | None = None
    rotation: NDArray[np.float32] | None = None
    bodies: NDArray[np.float32] | None = None

    has_3d = has_2d = True
    has_visible = False

    @property
    def dataset(self) -> str | None:
        """The source's data set, whose subjects, actions and cameras the sequences name."""
        return self.whole.origin.dataset

    def summarise(self, files: Sequence[str]) -> dict[str, Any]:
        """What summary.json holds of an output with these files."""
        return {**self.summary, "output": {**self.summary["output"], "files": list(files)}}

    def plain(self) -> PoseDataset:
        """The poses without where they come from, as a data set like any other."""
        names = [column.name for column in fields(PoseDataset)]
        return PoseDataset(**{name: getattr(self, name) for name in names})

    def select(self, *selection: Any, **named: Any) -> PoseDataset:  # type: ignore[override]
        """As `PoseDataset.select`; the result is a plain data set, since the summary is that of all poses."""
        return self.plain().select(*selection, **named)

    def take(self, spans: Sequence[Span]) -> PoseDataset:  # type: ignore[override]
        """As `PoseDataset.take`; the result is a plain data set."""
        return self.plain().take(spans)

    def to_skeleton(self, skeleton: Skeleton) -> PoseDataset:  # type: ignore[override]
        """As `PoseDataset.to_skeleton`; the result is a plain data set."""
        return self.plain().to_skeleton(skeleton)

    def chunks(self) -> Iterator[Chunk]:
        """All rows at once."""
        assert self.poses_3d is not None
        assert self.poses_2d is not None
        origin = self.source_index, self.target_index
        yield Chunk(self.poses_3d, self.poses_2d, self.camera, *origin, rotation=self.rotation)

    @property
    def turned(self) -> bool:
        """Whether poses were turned, see `rotation`."""
        return self.rotation is not None


def align(
    source: PoseDataset,
    target: PoseDataset,
    *,
    skeleton: OutputSkeleton = "h36m17",
    depth: Depth = "weak",
    screen: Screen = "aspect",
    pairing: Pairing = "random",
    copies: int = 1,
    include_source: bool = False,
    seed: int = 0,
    invalid: Invalid = "drop",
    intrinsics: Intrinsics | None = None,
    view: View = "none",
    jitter: float = JITTER,
    yaw: float = 360.0,
    target_up: tuple[float, float, float] | None = None,
    target_tilt: float | None = None,
    bones: float = 0.0,
    clip: int | None = None,
    shard: tuple[int, int] | None = None,
    jobs: int | None = None,
    progress: Progress = silent,
) -> AlignedDataset:
    """Source poses at the places and sizes of randomly drawn target poses.

    Parameters
    ----------
    source : data set with 3D poses
    target : data set with 2D poses
    skeleton : joints of the result
    depth, screen : as in `gpa.gpa` and `cameras.normalise_points`
    pairing : 'random': a target pose for each source pose, drawn in balanced blocks; 'sequence': one for each clip,
        whose own motion is kept
    copies : alignments of each source pose
    include_source : put the unaligned source poses first
    seed : of the draw
    invalid : what becomes of poses with numbers that are not finite, without extent, or with a joint
        behind the camera
    intrinsics : of all target cameras; needed where neither archive nor tables know them
    view : 'match' turns each pose about the vertical by a random yaw, and then its up direction onto that of its
        target's camera; 'jitter' by the yaw and by noise about the camera's x axis
    jitter : standard deviation of that noise, degrees
    yaw : yaws are drawn from plus or minus half of this, degrees
    target_up, target_tilt : where up is for target cameras of which it is not known: a direction in camera space, or by
        how many degrees the camera looks down
    bones : standard deviation of the logarithm of bone lengths and body heights
    clip : with pairing 'sequence', frames that share a target; whole sequences if None
    shard : (i, n), from (1, n) to (n, n): the i-th n-th of the rows alone
    jobs : threads; all cores if not given; without influence on the result
    progress : told how far it is

    Returns
    -------
    All poses in memory, with `summary`. `prepare` gives the same in chunks.

    Raises
    ------
    InputError : a side lacks the poses it needs, an unknown target camera, nothing valid left
    SkeletonError : joints that cannot be had from the source
    UsageError : options out of range
    """
    part = Shard(*shard) if shard else None
    options = AlignOptions(
        *(skeleton, depth, screen, pairing, copies, include_source, seed, invalid, intrinsics),
        *(view, jitter, yaw, target_up, target_tilt, bones, clip, part),
    )
    plan = prepare(source, target, options, jobs=jobs, progress=progress)
    rows = join(plan.chunks())
    return AlignedDataset(
        skeleton=plan.skeleton,
        camera=rows.camera,
        cameras=plan.cameras,
        sequences=plan.sequences,
        poses_3d=rows.poses_3d,
        poses_2d=rows.poses_2d,
        origin=Origin("poseda", notes=source.origin.notes + target.origin.notes),
        source_index=rows.source_index,
        target_index=rows.target_index,
        screen=plan.screen,
        provenance=plan.provenance,
        summary=plan.summary(),
        whole=plan.whole,
        sides=plan.sides,
        record=plan.record,
        rotation=rows.rotation,
        bodies=plan.bodies,
    )


def prepare(
    source: PoseHeads,
    target: PoseDataset,
    options: AlignOptions,
    *,
    jobs: int | None = None,
    chunk: int = CHUNK,
    progress: Progress = silent,
    whole: PoseHeads | None = None,
    make_room: MakeRoom = in_memory,
) -> Alignment:
    """Everything about an alignment but its poses, which come chunk by chunk.

    Parameters and errors as in `align`; the source may stay in its file. `chunk` is the number of poses computed at
    once, `make_room` makes room for the numbers that are kept of each pose.
    """
    _check_kinds(source, target)
    if options.include_source and not source.absolute:
        raise InputError(
            f"{source.title}: 3D is relative to the root, so unaligned poses have no place; leave out --include-source."
        )
    if options.pairing == "sequence" and not source.absolute:
        raise InputError(
            f"{source.title}: 3D is relative to the root, so there is no motion to keep; leave out --pairing sequence."
        )
    if options.include_source:
        check_camera_count(target, source)
    if options.intrinsics is not None:
        target = with_intrinsics(target, options.intrinsics)
    try:
        source = source.to_skeleton(SKELETONS[options.skeleton])
    except SkeletonError as error:
        raise SkeletonError(f"{source.title}: {error} --skeleton h36m16 needs no Neck/Nose.") from error
    poses = TargetPoses.of(target, source.skeleton, options.screen, options.invalid)
    copies = [*([UNALIGNED] if options.include_source else []), *range(options.copies)]
    pieces = pieces_of(len(source), copies, options.shard)
    part = part_of(source, pieces)
    clips = Clips.of(source.sequences, options.clip) if options.pairing == "sequence" else None
    draws = Draws(len(poses.rows), options.seed, clips)
    augmentation = Augmentation(source, poses, options, draws)
    placement = place(part, pieces, poses, options, chunk, jobs, progress, draws, augmentation, make_room)
    if whole is not None:
        whole = whole.to_skeleton(source.skeleton)
    cut = Cut(source, part, pieces) if options.shard else None
    return Alignment(part, poses, placement, options, jobs, chunk, draws, augmentation, whole, cut, make_room, progress)


def _check_kinds(source: PoseHeads, target: PoseDataset) -> None:
    """Each side has the poses that it is needed for; the same file is not on both."""
    checksums = {file.sha256 for file in source.origin.files}
    twice = [file.name for file in target.origin.files if file.sha256 in checksums]
    if twice:
        raise InputError(f"{listed(twice)} is both source and target. Name another target.")
    exchanged = (not source.has_3d and target.has_3d) or (not target.has_2d and source.has_2d)
    hint = " Source and target look exchanged: SOURCE comes first, --target after it." if exchanged else ""
    if not source.has_3d:
        raise InputError(f"{source.title}: 2D poses only; the source needs 3D poses (data_3d_h36m.npz).{hint}")
    if not target.has_2d:
        raise InputError(f"{target.title}: 3D poses only; the target needs 2D poses.{hint}")
    if "Hip" not in target.skeleton.position:
        raise SkeletonError(f"{target.title}: {target.skeleton.name} has no pelvis to align.")
