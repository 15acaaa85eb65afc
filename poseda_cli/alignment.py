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
from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Floats
from poseda_cli.chunks import Chunk
from poseda_cli.dataset import PoseDataset
from poseda_cli.measurement import ImagePoses, depths_of, measure, normalise_boxes, project_block
from poseda_cli.options import AlignOptions
from poseda_cli.placement import UNALIGNED, Placement
from poseda_cli.provenance import inputs_of, side_of
from poseda_cli.shard_record import Cut, Record, record_of
from poseda_cli.skeleton import shared_joints
from poseda_cli.summary import Heads, Measures, Side, summarize
from poseda_cli.target import TargetPoses

CHUNK = 65_536


class Alignment:
    """Source poses about to be moved; fits what layouts write (`chunks.ChunkSource`).

    Parameters
    ----------
    source : in the skeleton of the output
    target : its valid poses
    placement : of the rows of the output
    options : recorded in the output
    jobs : threads
    chunk : poses computed at once
    whole : the source before a part of it was selected; the source itself if not given
    cut : of a shard how it was cut from its run

    `summary` may be asked for once the chunks have been through, which is when the projections are
    measured.
    """

    def __init__(
        self,
        source: PoseDataset,
        target: TargetPoses,
        placement: Placement,
        options: AlignOptions,
        jobs: int | None,
        chunk: int,
        whole: PoseDataset | None = None,
        cut: Cut | None = None,
    ) -> None:
        self.source, self.target, self.placement, self.options = source, target, placement, options
        self.dataset = source.origin.dataset
        self.whole = source if whole is None else whole
        self.has_3d = self.has_2d = self.absolute = True
        self.has_visible = False
        self.skeleton, self.screen, self.sequences = source.skeleton, options.screen, placement.sequences
        self.cameras = target.dataset.cameras + (source.cameras if options.include_source else ())
        self._cut = cut
        self._jobs, self._chunk, self._root = jobs, chunk, source.skeleton.root
        self._joints, _ = shared_joints(source.skeleton, target.dataset.skeleton)
        self._boxes = np.empty((len(self), 4), np.float32)
        self._out_of_frame = np.zeros(len(self), bool)

    def __len__(self) -> int:
        return len(self.placement.source_row)

    @property
    def sides(self) -> tuple[PoseDataset, PoseDataset]:
        """Source, in the skeleton of the output, and target."""
        return self.source, self.target.dataset

    def chunks(self) -> Iterator[Chunk]:
        """The poses of the output, in order; of a shard without any one empty chunk."""
        start, unaligned = 0, self.placement.unaligned
        if not len(self):
            yield self._aligned_chunk(0, 0)
        while start < len(self):
            stop = min(start + self._chunk, unaligned if start < unaligned else len(self))
            yield self._unaligned_chunk(start, stop) if start < unaligned else self._aligned_chunk(start, stop)
            start = stop

    def _aligned_chunk(self, start: int, stop: int) -> Chunk:
        target, joints = self.target, len(self.skeleton)
        drawn = self.placement.target_row[start:stop]
        camera = target.camera[drawn]
        pixels = target.dataset.intrinsics.astype(np.float32)
        poses_3d = np.empty((stop - start, joints, 3), np.float32)
        poses_2d = np.empty((stop - start, joints, 2), np.float32)

        def work(first: int, last: int) -> None:
            rows = slice(start + first, start + last)
            cameras, moved = camera[first:last], poses_3d[first:last]
            depth, box = self.placement.depth[rows], target.boxes[drawn[first:last]]
            position = gpa.root_position(depth, box, target.normalised[cameras])
            gpa.move_root(self._source_poses(rows), self._root, position, out=moved)
            image = project_block(moved, pixels[cameras])
            poses_2d[first:last] = image.transpose(2, 0, 1)
            self._measure(rows, image, pixels[cameras, 4:])

        for_blocks(work, stop - start, self._jobs)
        return Chunk(poses_3d, poses_2d, camera, *self._indices(start, stop))

    def _measure(self, rows: slice, image: Floats, size: Floats) -> None:
        box = gpa.boxes_of_block(image, self._root, self._joints)
        self._boxes[rows] = normalise_boxes(box.T, size, self.screen)
        outside = (image < 0) | (image >= size.T)
        self._out_of_frame[rows] = outside.any((0, 1))

    def _unaligned_chunk(self, start: int, stop: int) -> Chunk:
        poses_3d = self._source_poses(slice(start, stop))
        camera = self.source.camera[self.placement.source_row[start:stop]]
        image = project_block(poses_3d, self.source.intrinsics.astype(np.float32)[camera])
        poses_2d = np.ascontiguousarray(image.transpose(2, 0, 1))
        shifted = camera + np.uint16(len(self.target.dataset.cameras))
        return Chunk(poses_3d, poses_2d, shifted, *self._indices(start, stop))

    def _source_poses(self, rows: slice) -> NDArray[np.float32]:
        index, poses = self.placement.source_row[rows], np.asarray(self.source.poses_3d)
        if index[-1] - index[0] == len(index) - 1:  # none dropped in between: no copy
            return poses[index[0] : index[-1] + 1]
        return poses[index]

    def _indices(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of source and target as read."""
        drawn = self.placement.target_row[start:stop]
        target = self.target.dataset.rows[self.target.rows[drawn]]
        source = self.source.rows[self.placement.source_row[start:stop]]
        return source, np.where(drawn == UNALIGNED, UNALIGNED, target)

    @property
    def dropped(self) -> dict[str, int]:
        """Poses that are not in the output, by reason."""
        return {
            "source_invalid": int((~self.placement.valid).sum()),
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
        return summarize(heads, self.measures, self._jobs)

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
        aligned = slice(self.placement.unaligned, None)
        return Measures(
            source=self._source_side(),
            source_depth=self._source_depth(),
            target=self.target.boxes,
            target_depth=depths_of(self.target.dataset, self.target.rows),
            aligned=self._aligned_side(),
            depth=self.placement.depth[aligned],
            drawn=self.placement.target_row[aligned],
            out_of_frame=self._out_of_frame[aligned],
        )

    def _aligned_side(self) -> Side:
        """The aligned poses; unaligned ones come first, and are left out."""
        first = self.placement.unaligned
        sequences = [s._replace(start=s.start - first) for s in self.sequences if s.start >= first]
        return Side(self._boxes[first:], tuple(sequences))

    def _source_side(self) -> Side | None:
        """The valid source poses in their own images; None if those are not known."""
        poses = ImagePoses(self.source)
        if not poses.known:
            return None
        boxes = measure(poses, self._joints, self.screen, self._jobs)
        boxes[~self.placement.valid] = np.nan
        return Side(boxes, self.source.sequences)

    def _source_depth(self) -> NDArray[np.float32]:
        depth = depths_of(self.source)
        if len(depth):
            depth[~self.placement.valid] = np.nan
        return depth
