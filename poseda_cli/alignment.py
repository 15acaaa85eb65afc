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
from poseda_cli.blocks import cores, for_blocks
from poseda_cli.cameras import Floats
from poseda_cli.chunks import Chunk
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.measurement import DEPTH, ERROR, errors_of_boxes, normalise_boxes, project_block
from poseda_cli.options import AlignOptions
from poseda_cli.pairing import draw_targets
from poseda_cli.placement import UNALIGNED, Placement
from poseda_cli.progress import Progress, silent
from poseda_cli.provenance import inputs_of, side_of
from poseda_cli.shard_record import Cut, Record, record_of
from poseda_cli.shards import Part, Piece
from poseda_cli.skeleton import shared_joints
from poseda_cli.summary import Fit, Heads, Measures, Side, summarize
from poseda_cli.tables import MakeRoom, in_memory
from poseda_cli.target import TargetPoses

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
        self._measures = make_room((placement.aligned, ERROR + 1))
        self._progress = progress
        self._fit = Fit()

    def __len__(self) -> int:
        return sum(self.placement.kept)

    @property
    def sides(self) -> tuple[PoseHeads, PoseDataset]:
        """Source, in the skeleton of the output, and target."""
        return self.source, self.target.dataset

    def chunks(self) -> Iterator[Chunk]:
        """The poses of the output, in order; of a shard without any one empty chunk."""
        self._fit = Fit()
        if not len(self):
            yield self._aligned_chunk(0, self.source.load(0, 0), np.empty(0, np.int64), np.empty(0, np.float32))
        done = 0
        for piece, depths in zip(self.placement.pieces, self.placement.depths, strict=True):
            for start in range(0, piece.length, self._chunk):
                depth = depths[start : start + self._chunk]
                kept = np.flatnonzero(np.isfinite(depth))
                if not len(kept):
                    continue
                poses = self._load(piece, start, start + len(depth))
                if piece.copy == UNALIGNED:
                    yield self._unaligned_chunk(poses, kept)
                    continue
                drawn = self._drawn(piece, start, start + len(depth))
                yield self._aligned_chunk(done, poses, drawn, depth)
                done += len(kept)

    def _load(self, piece: Piece, start: int, stop: int) -> PoseDataset:
        first = self._part.local(piece.start)
        return self.source.load(first + start, first + stop)

    def _drawn(self, piece: Piece, start: int, stop: int) -> NDArray[np.int64]:
        rows = piece.start + start, piece.start + stop
        return draw_targets(*rows, len(self.target.rows), self.options.seed, piece.copy)

    def _aligned_chunk(
        self, done: int, poses: PoseDataset, drawn: NDArray[np.int64], depth: NDArray[np.float32]
    ) -> Chunk:
        """Some poses before the targets drawn for them; `done` were aligned before."""
        kept = np.isfinite(depth)
        source, index = np.asarray(poses.poses_3d), poses.rows
        if not kept.all():
            source, index, drawn, depth = source[kept], index[kept], drawn[kept], depth[kept]
        box = self.target.boxes.take(drawn, axis=0)[:, :DEPTH]
        camera = self.target.camera.take(drawn)
        pixels = self._pixels.take(camera, axis=0)
        position = gpa.root_position(depth, box, self.target.normalised.take(camera, axis=0))
        poses_3d = np.empty((len(drawn), len(self.skeleton), 3), np.float32)
        poses_2d = np.empty((len(drawn), len(self.skeleton), 2), np.float32)
        seen, outside = np.empty((4, len(drawn)), np.float32), np.empty(len(drawn), bool)

        def work(start: int, stop: int) -> None:
            rows = slice(start, stop)
            gpa.move_root(source[rows], self._root, position[rows], out=poses_3d[rows])
            image = project_block(gpa.joint_major(poses_3d[rows]), pixels[rows])
            poses_2d[rows] = image.transpose(2, 0, 1)
            low, high = gpa.extremes_of_block(image)
            outside[rows] = ((low < 0) | (high >= pixels[rows, 4:].T)).any(0)
            if not isinstance(self._joints, slice):
                low, high = gpa.extremes_of_block(image, self._joints)
            seen[:, rows] = *(high - low), *image[self._root]

        # Memory is what limits this; one core is left for whoever writes the chunk before this one.
        for_blocks(work, len(drawn), max(1, (self._jobs or cores()) - 1))
        self._measure(done, normalise_boxes(seen.T, pixels[:, 4:], self.screen), box, depth, outside)
        targets = self.target.dataset.rows[self.target.rows[drawn]]
        return Chunk(poses_3d, poses_2d, camera, index, targets)

    def _measure(self, done: int, seen: Floats, wanted: Floats, depth: Floats, outside: NDArray[np.bool_]) -> None:
        """What the summary needs to know of poses that have been projected; `done` were so before."""
        measures = np.empty((len(seen), ERROR + 1), np.float32)
        measures[:, :DEPTH], measures[:, DEPTH] = seen, depth
        measures[:, ERROR], off = errors_of_boxes(seen, wanted)
        self._measures[done : done + len(seen)] = measures
        worst = float(measures[:, ERROR].max(initial=0)), float(off.max(initial=0))
        self._fit = self._fit.and_of(Fit(*worst, int(outside.sum())))

    def _unaligned_chunk(self, poses: PoseDataset, kept: NDArray[np.int64]) -> Chunk:
        poses_3d, camera = np.asarray(poses.poses_3d)[kept], poses.camera[kept]
        image = project_block(gpa.joint_major(poses_3d), self.source.intrinsics.astype(np.float32)[camera])
        poses_2d = np.ascontiguousarray(image.transpose(2, 0, 1))
        shifted = camera + np.uint16(len(self.target.dataset.cameras))
        return Chunk(poses_3d, poses_2d, shifted, poses.rows[kept], np.full(len(kept), UNALIGNED))

    @property
    def dropped(self) -> dict[str, int]:
        """Poses that are not in the output, by reason."""
        return {
            "source_invalid": self.placement.source_invalid,
            "target_invalid": len(self.target.dataset) - len(self.target.rows),
            "behind_camera": self.placement.behind_camera,
        }

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
            output={"files": list(files), "poses": len(self), "dropped": self.dropped},
        )
        return summarize(heads, self.measures, self._jobs, self._progress)

    @property
    def record(self) -> Record | None:
        """Of a shard what merging takes besides its poses; as `summary`, once the chunks have been through."""
        if self.options.shard is None or self._cut is None:
            return None
        sides = {"source": side_of(self._cut.source), "target": side_of(self.target.dataset)}
        invalid = self.dropped["target_invalid"]
        return record_of(self.options.shard, self._cut, self.placement, self.measures, sides, invalid)

    @property
    def measures(self) -> Measures:
        """What the numbers of the summary are of; asked for once the chunks have been through."""
        return Measures(
            source=Side(self.placement.source, self.source.sequences),
            in_images=self.placement.in_images,
            target=self.target.boxes,
            aligned=self._aligned_side(),
            fit=self._fit,
        )

    def _aligned_side(self) -> Side:
        """The aligned poses; unaligned ones come first, and are left out."""
        first = self.placement.unaligned
        sequences = [s._replace(start=s.start - first) for s in self.sequences if s.start >= first]
        return Side(self._measures, tuple(sequences))
