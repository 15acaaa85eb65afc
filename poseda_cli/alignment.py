"""A prepared alignment: the heads of its output, and its poses in chunks.

The poses are computed on the way to the file, so that the output is never in memory as a whole; each
row depends on nothing but its own source, target and seed, so that neither chunks nor threads can
change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli import global_position as gpa
from poseda_cli._version import VERSION
from poseda_cli.augmentation import UNCHANGED, Augmentation, Changes
from poseda_cli.blocks import cores, for_blocks
from poseda_cli.bones import FACTORS
from poseda_cli.cameras import Floats
from poseda_cli.chunks import Chunk
from poseda_cli.clips import Clips, Motions, moved_roots
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.distributions import describe
from poseda_cli.draws import Draws
from poseda_cli.dropped import Dropped, dropped_of
from poseda_cli.measurement import DEPTH, ERROR, TILT, VIEW, errors_of_boxes, normalise_boxes, project_block
from poseda_cli.options import AlignOptions
from poseda_cli.placement import UNALIGNED, Placement
from poseda_cli.progress import Progress, silent
from poseda_cli.provenance import inputs_of, side_of
from poseda_cli.shard_record import Cut, Record, record_of
from poseda_cli.shards import Part, Piece
from poseda_cli.skeleton import shared_joints
from poseda_cli.summary import Fit, Heads, Measures, Side, summarize
from poseda_cli.tables import MakeRoom, in_memory
from poseda_cli.target import TargetPoses
from poseda_cli.validity import Validity
from poseda_cli.viewpoint import tilts_of, turned, views_of

CHUNK = 32_768


class Alignment:
    """Source poses about to be moved; fits what layouts write (`chunks.ChunkSource`).

    Parameters
    ----------
    part : of the source, in the skeleton of the output, what this is an alignment of
    target : its valid poses
    placement : of the part
    options : recorded in the output
    jobs : threads
    chunk : poses computed at once
    draws : of the run
    augmentation : what is done to poses before they are placed
    whole : the source before a part of it was selected; that itself if not given
    cut : of a shard how it was cut from its run
    make_room : for what is measured of each pose
    progress : told how far the summary is

    `summary` may be asked for once the chunks have been through, which is when the projections are
    measured.
    """

    def __init__(
        self,
        part: Part,
        target: TargetPoses,
        placement: Placement,
        options: AlignOptions,
        jobs: int | None,
        chunk: int,
        draws: Draws,
        augmentation: Augmentation,
        whole: PoseHeads | None = None,
        cut: Cut | None = None,
        make_room: MakeRoom = in_memory,
        progress: Progress = silent,
    ) -> None:
        source = part.dataset
        self.source, self.target, self.placement, self.options = source, target, placement, options
        self.dataset = source.origin.dataset
        self.whole = source if whole is None else whole
        self.has_3d = self.has_2d = self.absolute = True
        self.has_visible = False
        self.skeleton, self.screen, self.sequences = source.skeleton, options.screen, placement.sequences
        self.cameras = target.dataset.cameras + (source.cameras if options.include_source else ())
        self._part, self._cut = part, cut
        self._jobs, self._chunk, self._root = jobs, chunk, source.skeleton.root
        shared, _ = shared_joints(source.skeleton, target.dataset.skeleton)
        self._joints = gpa.joints_of(shared, len(source.skeleton))
        self._pixels = target.dataset.intrinsics.astype(np.float32)
        self._draws, self._augmentation = draws, augmentation
        self.turned = augmentation.turns
        self._measures = make_room((placement.aligned, ERROR + 1 + (VIEW if self.turned else 0)))
        self._progress = progress
        self._fit = Fit()

    def __len__(self) -> int:
        return sum(self.placement.kept)

    @property
    def clips(self) -> Clips | None:
        """What shares a target; None where each pose has its own."""
        return self._draws.clips

    @property
    def sides(self) -> tuple[PoseHeads, PoseDataset]:
        """Source, in the skeleton of the output, and target."""
        return self.source, self.target.dataset

    def chunks(self) -> Iterator[Chunk]:
        """The poses of the output, in order; of a shard without any one empty chunk."""
        self._fit = Fit()
        if not len(self):
            first = self.placement.pieces[0]._replace(copy=0)
            yield self._aligned_chunk(0, first, 0, self.source.load(0, 0), np.empty(0, np.float32))
        done = 0
        placement = self.placement
        for piece, depths, motions in zip(placement.pieces, placement.depths, placement.motions, strict=True):
            for start in range(0, piece.length, self._chunk):
                depth = depths[start : start + self._chunk]
                kept = np.flatnonzero(np.isfinite(depth))
                if not len(kept):
                    continue
                poses = self._load(piece, start, start + len(depth))
                if piece.copy == UNALIGNED:
                    yield self._unaligned_chunk(poses, kept)
                    continue
                yield self._aligned_chunk(done, piece, start, poses, depth, motions)
                done += len(kept)

    def _load(self, piece: Piece, start: int, stop: int) -> PoseDataset:
        first = self._part.local(piece.start)
        return self.source.load(first + start, first + stop)

    def _changes(self, piece: Piece, start: int, cameras: NDArray[np.uint16], drawn: NDArray[np.int64]) -> Changes:
        if not self._augmentation.changes_anything:
            return UNCHANGED
        first, last = piece.start + start, piece.start + start + len(drawn)
        here = self._part.local(piece.start) + start
        return self._augmentation.changes(
            *(first, last, piece.copy, cameras, self.target.camera[drawn]),
            self._part.sequences_between(here, here + len(drawn)),
        )

    def _aligned_chunk(
        self,
        done: int,
        piece: Piece,
        start: int,
        poses: PoseDataset,
        depth: NDArray[np.float32],
        motions: Motions | None = None,
    ) -> Chunk:
        """A piece's poses from `start` on before the targets drawn for them; `done` were aligned before."""
        kept = np.isfinite(depth)
        source, index, cameras = np.asarray(poses.poses_3d), poses.rows, poses.camera
        rows = piece.start + start, piece.start + start + len(depth)
        drawn = self._draws.targets(*rows, piece.copy)
        changes = self._changes(piece, start, cameras, drawn)
        if not kept.all():
            source, index, cameras = source[kept], index[kept], cameras[kept]
            drawn, depth, changes = drawn[kept], depth[kept], changes.of(kept)
        box = self.target.boxes.take(drawn, axis=0)[:, :DEPTH]
        camera = self.target.camera.take(drawn)
        pixels = self._pixels.take(camera, axis=0)
        position = gpa.root_position(depth, box, self.target.normalised.take(camera, axis=0))
        meets = None
        if motions is not None:
            assert self.clips is not None
            numbers = self.clips.numbers(*rows)[kept]
            position = moved_roots(changes.moved(source[:, self._root].T), motions, numbers).T
            meets = motions.rows[numbers] == np.arange(*rows)[kept]
        poses_3d = np.empty((len(drawn), len(self.skeleton), 3), np.float32)
        poses_2d = np.empty((len(drawn), len(self.skeleton), 2), np.float32)
        seen, outside = np.empty((4, len(drawn)), np.float32), np.empty(len(drawn), bool)
        views = np.empty((len(drawn), VIEW if self.turned else 0), np.float32)

        def work(start: int, stop: int) -> None:
            rows = slice(start, stop)
            if changes is UNCHANGED:
                gpa.move_root(source[rows], self._root, position[rows], out=poses_3d[rows])
            else:
                changed = changes.of(rows).made(gpa.joint_major(source[rows]), self.skeleton)
                poses_3d[rows] = (changed + (position[rows].T - changed[self._root])).transpose(2, 0, 1)
            major = gpa.joint_major(poses_3d[rows])
            if changes.rotations is not None:
                views[rows] = self._views(major, cameras[rows], changes.rotations[:, rows])
            image = project_block(major, pixels[rows])
            poses_2d[rows] = image.transpose(2, 0, 1)
            low, high = gpa.extremes_of_block(image)
            outside[rows] = ((low < 0) | (high >= pixels[rows, 4:].T)).any(0)
            if not isinstance(self._joints, slice):
                low, high = gpa.extremes_of_block(image, self._joints)
            seen[:, rows] = *(high - low), *image[self._root]

        # Memory is what limits this; one core is left for whoever writes the chunk before this one.
        for_blocks(work, len(drawn), max(1, (self._jobs or cores()) - 1))
        found = normalise_boxes(seen.T, pixels[:, 4:], self.screen)
        self._measure(done, np.column_stack([found, depth]), box, views, outside, meets)
        targets = self.target.dataset.rows[self.target.rows[drawn]]
        rotation = None if changes.rotations is None else np.ascontiguousarray(changes.rotations.T)
        return Chunk(poses_3d, poses_2d, camera, index, targets, rotation=rotation)

    def _views(self, major: Floats, cameras: NDArray[np.uint16], rotations: NDArray[np.float32]) -> Floats:
        """(B, 2) yaw and tilt of poses that were turned, which their up directions were, too."""
        ups = turned(self._augmentation.ups[cameras].T[None], rotations)[0]
        return views_of(major, self.skeleton, ups).T

    def _measure(
        self,
        done: int,
        placed: Floats,
        wanted: Floats,
        views: Floats,
        outside: NDArray[np.bool_],
        meets: NDArray[np.bool_] | None,
    ) -> None:
        """What the summary needs to know of poses that have been projected; `done` were so before.

        `meets` : which of them are to meet their target; of a clip only the frame in the middle is. None for all
        """
        seen = placed[:, :DEPTH]
        measures = np.empty((len(seen), ERROR + 1 + views.shape[1]), np.float32)
        measures[:, : DEPTH + 1], measures[:, ERROR + 1 :] = placed, views
        measures[:, ERROR], off = errors_of_boxes(seen, wanted)
        if meets is not None:
            measures[~meets, ERROR] = np.nan
            off = off[meets]
        self._measures[done : done + len(seen)] = measures
        worst = float(np.fmax.reduce(measures[:, ERROR], initial=0)), float(off.max(initial=0))
        self._fit = self._fit.and_of(Fit(*worst, int(outside.sum())))

    def _unaligned_chunk(self, poses: PoseDataset, kept: NDArray[np.int64]) -> Chunk:
        poses_3d, camera = np.asarray(poses.poses_3d)[kept], poses.camera[kept]
        image = project_block(gpa.joint_major(poses_3d), self.source.intrinsics.astype(np.float32)[camera])
        poses_2d = np.ascontiguousarray(image.transpose(2, 0, 1))
        shifted = camera + np.uint16(len(self.target.dataset.cameras))
        rotation = np.tile(np.array([1, 0, 0, 0], np.float32), (len(kept), 1)) if self.turned else None
        return Chunk(poses_3d, poses_2d, shifted, poses.rows[kept], np.full(len(kept), UNALIGNED), rotation=rotation)

    @property
    def bodies(self) -> NDArray[np.float32] | None:
        """(S, 10) factors of the bones of each sequence, see `bones.FACTORS`; None where bodies are as they were."""
        if not self._augmentation.scales:
            return None
        found = np.ones((len(self.sequences), len(FACTORS)), np.float32)
        copies = np.array([sequence.copy for sequence in self.sequences])
        for copy in np.unique(copies[copies != UNALIGNED]).tolist():
            rows = np.flatnonzero(copies == copy)
            found[rows] = self._augmentation.bodies(copy, self.placement.numbers[rows]).T
        return found

    @property
    def dropped(self) -> Dropped:
        """Poses that are not in the output, by reason."""
        return self._dropped(self.placement.validity)

    def _dropped(self, validity: Validity) -> Dropped:
        source = self._cut.source if self._cut else self.source
        return dropped_of(validity, self.placement, self._part, source, self.target)

    @property
    def provenance(self) -> dict[str, Any]:
        """Version, options, seed and inputs of the run: what it takes to get the same bytes again."""
        source, target = self.source.origin, self.target.dataset.origin
        selections = {**source.selection, **{f"target_{key}": value for key, value in target.selection.items()}}
        return {
            "version": VERSION,
            "options": {**selections, **self.options.recorded},
            "seed": self.options.seed,
            "inputs": {
                "source": inputs_of(self.source),
                "target": inputs_of(self.target.dataset),
            },
        }

    def summary(self, files: Sequence[str] = ()) -> dict[str, Any]:
        """What summary.json holds.

        Parameters
        ----------
        files : names of the data files written
        """
        heads = Heads(
            version=VERSION,
            seed=self.options.seed,
            options=self.provenance["options"],
            source=side_of(self.source),
            target=side_of(self.target.dataset),
            output={"files": list(files), "poses": len(self), **self.dropped.entries},
        )
        found = summarize(heads, self.measures, self._jobs, self._progress)
        if self.clips is not None:
            found["fit"]["motion_kept"] = self._motion_kept()
        return found

    def _motion_kept(self) -> dict[str, float]:
        """Which part of their motion clips keep; see `clips.Motions`."""
        factors = [m.factors[np.isfinite(m.places[2])] for m in self.placement.motions if m is not None]
        return describe(np.sort(np.concatenate(factors)))

    @property
    def record(self) -> Record | None:
        """Of a shard what merging takes besides its poses; as `summary`, once the chunks have been through."""
        if self.options.shard is None or self._cut is None:
            return None
        sides = {"source": side_of(self._cut.source), "target": side_of(self.target.dataset)}
        dropped = self._dropped(self.placement.first_copy)
        return record_of(self.options.shard, self._cut, self.placement, self.measures, sides, dropped)

    @property
    def measures(self) -> Measures:
        """What the numbers of the summary are of; asked for once the chunks have been through."""
        return Measures(
            source=Side(self.placement.source, self.source.sequences),
            in_images=self.placement.in_images,
            target=self._target_measures(),
            aligned=self._aligned_side(),
            fit=self._fit,
        )

    def _target_measures(self) -> Floats:
        """(M, 5), or with a view of its own (M, 7)."""
        if not self.turned:
            return self.target.boxes
        dataset, rows = self.target.dataset, self.target.rows
        views = np.full((len(rows), VIEW), np.nan, np.float32)
        ups = self._augmentation.target_ups[self.target.camera].T
        views[:, TILT] = tilts_of(ups)
        if dataset.poses_3d is not None:
            views[:] = views_of(gpa.joint_major(dataset.poses_3d[rows]), dataset.skeleton, ups).T
        return np.concatenate([self.target.boxes, views], axis=1)

    def _aligned_side(self) -> Side:
        """The aligned poses; unaligned ones come first, and are left out."""
        first = self.placement.unaligned
        sequences = [s._replace(start=s.start - first) for s in self.sequences if s.start >= first]
        return Side(self._measures, tuple(sequences))
