"""An alignment, prepared: which source pose goes where, and the poses in chunks.

Preparing finds, for every row of the output, its source pose, its target pose and its new depth, and
what must be dropped. The poses themselves are computed chunk by chunk on the way to the file, so that
the output is never in memory as a whole; each row depends on nothing but its own source, target and
seed, so that neither chunks nor threads can change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from poseda_cli import global_position as gpa
from poseda_cli import summary
from poseda_cli._version import VERSION
from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Floats, Intrinsics, Screen, distortion_table, project
from poseda_cli.dataset import Chunk, PoseDataset
from poseda_cli.dataset import Sequence as PoseSequence
from poseda_cli.errors import InputError
from poseda_cli.pairing import draw_targets
from poseda_cli.progress import Progress
from poseda_cli.skeleton import shared_joints
from poseda_cli.target import TargetPoses
from poseda_cli.validity import Invalid, check_valid

CHUNK = 65_536
UNALIGNED = -1


OutputSkeleton = Literal["h36m17", "h36m16"]
Pairing = Literal["random"]


@dataclass(frozen=True)
class AlignOptions:
    """How to align; see `pipeline.align` for what each means."""

    skeleton: OutputSkeleton = "h36m17"
    depth: gpa.Depth = "weak"
    screen: Screen = "aspect"
    pairing: Pairing = "random"
    copies: int = 1
    include_source: bool = False
    seed: int = 0
    invalid: Invalid = "drop"
    intrinsics: Intrinsics | None = None


class Alignment:
    """A prepared alignment: the heads of its output, and its poses in chunks.

    It fits what layouts write (`dataset.ChunkSource`). `summary` may be asked for once the chunks have
    been through.
    """

    def __init__(
        self,
        source: PoseDataset,
        target: TargetPoses,
        options: AlignOptions,
        jobs: int | None,
        chunk: int,
        progress: Progress,
    ) -> None:
        self.source, self.options, self._target, self._jobs, self._chunk = source, options, target, jobs, chunk
        self.skeleton, self.screen = source.skeleton, options.screen
        self.cameras = target.dataset.cameras + (source.cameras if options.include_source else ())
        self._root = source.skeleton.root
        self._joints, _ = shared_joints(source.skeleton, target.dataset.skeleton)
        self._valid = np.empty(len(source), bool)
        self._place(progress)
        self.boxes = np.empty((len(self), 4), np.float32)  # filled as chunks go through
        self.out_of_frame = np.zeros(len(self), bool)

    def __len__(self) -> int:
        return len(self._source_row)

    @property
    def notes(self) -> tuple[str, ...]:
        """What readers inferred, of both sides."""
        return self.source.origin.notes + self._target.dataset.origin.notes

    def _place(self, progress: Progress) -> None:
        """Source row, target row and depth of every row of the output; what is dropped."""
        options, count = self.options, len(self.source)
        copies: list[int] = [UNALIGNED] if options.include_source else []
        rows: list[NDArray[np.int64]] = []
        drawn: list[NDArray[np.int64]] = []
        depths: list[NDArray[np.float32]] = []
        self.behind_camera = 0
        with progress("placing", count * options.copies) as advance:
            for copy in range(options.copies):
                pairs = draw_targets(0, count, len(self._target.rows), options.seed, copy)
                z, nearest = self._depths(pairs)
                advance(count)
                if copy == 0:
                    self._valid = self._check_source(z)
                kept = np.flatnonzero(self._valid & (nearest > 0))
                self.behind_camera += int(self._valid.sum()) - len(kept)
                copies.append(copy)
                rows.append(kept)
                drawn.append(pairs[kept])
                depths.append(z[kept])
        if self.behind_camera and options.invalid == "error":
            raise InputError(
                f"{self.behind_camera:,} poses would have a joint behind the camera. "
                "--invalid drop leaves them out; --depth exact avoids most of them."
            )
        if not sum(map(len, rows)):
            raise InputError("No pose is left: every source pose would have a joint behind the camera.")
        if options.include_source:
            unaligned = np.flatnonzero(self._valid)
            rows.insert(0, unaligned)
            drawn.insert(0, np.full(len(unaligned), UNALIGNED))
            depths.insert(0, np.full(len(unaligned), np.nan, np.float32))
        self.sequences = _output_sequences(self.source, copies, rows)
        self.unaligned = len(rows[0]) if options.include_source else 0
        self._source_row, self._drawn = np.concatenate(rows), np.concatenate(drawn)
        self._depth = np.concatenate(depths)

    def _depths(self, pairs: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        poses, target = np.asarray(self.source.poses_3d), self._target
        z, nearest = np.empty(len(poses), np.float32), np.empty(len(poses), np.float32)

        def work(start: int, stop: int) -> None:
            drawn = pairs[start:stop]
            z[start:stop], nearest[start:stop] = gpa.depths(
                poses[start:stop],
                target.boxes[drawn],
                target.normalised[target.camera[drawn]],
                self._root,
                self._joints,
                self.options.depth,
            )

        for_blocks(work, len(poses), self._jobs)
        return z, nearest

    def _check_source(self, z: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which source poses have a place at all; that depends on the pose alone, not on its target."""
        valid = np.isfinite(z)
        check_valid(self.source, valid, "source", self.options.invalid)
        return valid

    def chunks(self) -> Iterator[Chunk]:
        """The poses of the output, in order."""
        start = 0
        while start < len(self):
            limit = self.unaligned if start < self.unaligned else len(self)
            stop = min(start + self._chunk, limit)
            yield self._unaligned_chunk(start, stop) if start < self.unaligned else self._aligned_chunk(start, stop)
            start = stop

    def _aligned_chunk(self, start: int, stop: int) -> Chunk:
        target, joints = self._target, len(self.skeleton)
        drawn = self._drawn[start:stop]
        camera = target.camera[drawn]
        pixels = target.dataset.intrinsics.astype(np.float32)
        poses_3d = np.empty((stop - start, joints, 3), np.float32)
        poses_2d = np.empty((stop - start, joints, 2), np.float32)

        def work(first: int, last: int) -> None:
            rows = slice(start + first, start + last)
            cameras, moved = camera[first:last], poses_3d[first:last]
            position = gpa.root_position(self._depth[rows], target.boxes[drawn[first:last]], target.normalised[cameras])
            gpa.move_root(self._source_poses(rows), self._root, position, out=moved)
            image = _project_block(moved, pixels[cameras])
            poses_2d[first:last] = image.transpose(2, 0, 1)
            self._measure(rows, image, pixels[cameras, 4:])

        for_blocks(work, stop - start, self._jobs)
        return Chunk(poses_3d, poses_2d, camera, *self._indices(start, stop))

    def _measure(self, rows: slice, image: Floats, size: Floats) -> None:
        box = gpa.boxes_of_block(image, self._root, self._joints)
        self.boxes[rows] = summary.normalise_boxes(box.T, size, self.screen)
        outside = (image < 0) | (image >= size.T)
        self.out_of_frame[rows] = outside.any((0, 1))

    def _unaligned_chunk(self, start: int, stop: int) -> Chunk:
        poses_3d = self._source_poses(slice(start, stop))
        camera = self.source.camera[self._source_row[start:stop]]
        with np.errstate(all="ignore"):
            image = _project_block(poses_3d, self.source.intrinsics.astype(np.float32)[camera])
        poses_2d = np.ascontiguousarray(image.transpose(2, 0, 1))
        shifted = camera + np.uint16(len(self._target.dataset.cameras))
        return Chunk(poses_3d, poses_2d, shifted, *self._indices(start, stop))

    def _source_poses(self, rows: slice) -> NDArray[np.float32]:
        index, poses = self._source_row[rows], np.asarray(self.source.poses_3d)
        if index[-1] - index[0] == len(index) - 1:
            return poses[index[0] : index[-1] + 1]
        return poses[index]

    def _indices(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of source and target as read."""
        drawn = self._drawn[start:stop]
        target = self._target.dataset.rows[self._target.rows[drawn]]
        return self.source.rows[self._source_row[start:stop]], np.where(drawn == UNALIGNED, UNALIGNED, target)

    @property
    def dropped(self) -> dict[str, int]:
        """Poses that are not in the output, by reason."""
        return {
            "source_invalid": int(len(self._valid) - self._valid.sum()),
            "target_invalid": len(self._target.dataset) - len(self._target.rows),
            "behind_camera": self.behind_camera,
        }

    @property
    def recorded_options(self) -> dict[str, Any]:
        """Every option that has an influence on the result."""
        options = {key: value for key, value in asdict(self.options).items() if key != "seed"}
        target = {f"target_{key}": value for key, value in self._target.dataset.origin.selection.items()}
        return {**self.source.origin.selection, **target, **options}

    @property
    def provenance(self) -> dict[str, Any]:
        """Version, options, seed and inputs of the run: what it takes to get the same bytes again."""
        inputs = {
            side: [file._asdict() for file in dataset.origin.files]
            for side, dataset in (("source", self.source), ("target", self._target.dataset))
        }
        return {"version": VERSION, "options": self.recorded_options, "seed": self.options.seed, "inputs": inputs}

    def summary(self, files: Sequence[str] = ()) -> dict[str, Any]:
        """What summary.json holds.

        Parameters
        ----------
        files : names of the data files written
        """
        aligned = self.boxes[self.unaligned :]
        before = self._source_boxes()
        wanted = self._target.boxes[self._drawn[self.unaligned :]]
        distributions = summary.compare_distributions(before, self._target.boxes, aligned)
        depths = np.asarray(self.source.poses_3d)[self._valid, self._root, 2]
        distributions["depth"] = {
            "source": summary.describe(np.sort(depths)),
            "aligned": summary.describe(np.sort(self._depth[self.unaligned :])),
        }
        return {
            "schema": "poseda.summary/1",
            "version": VERSION,
            "seed": self.options.seed,
            "options": self.recorded_options,
            "source": _side(self.source),
            "target": _side(self._target.dataset),
            "output": {"files": list(files), "poses": len(self), "dropped": self.dropped},
            "distributions": distributions,
            "fit": summary.fit(aligned, wanted, self.out_of_frame[self.unaligned :]),
        }

    def _source_boxes(self) -> Floats | None:
        """Boxes of the valid source poses in their own cameras; None if those are not known."""
        source, cameras = self.source, self.source.intrinsics
        if np.isnan(cameras[np.unique(source.camera)]).any():
            return None
        poses_2d = source.poses_2d
        pixels = cameras.astype(np.float32)
        lens = distortion_table(source.cameras).astype(np.float32)
        boxes = np.empty((len(source), 4), np.float32)

        def work(start: int, stop: int) -> None:
            rows = slice(start, stop)
            camera = source.camera[rows]
            if poses_2d is None:
                image = _project_block(np.asarray(source.poses_3d)[rows], pixels[camera], lens[camera])
            else:
                image = gpa.joint_major(poses_2d[rows])
            box = gpa.boxes_of_block(image, self._root, self._joints)
            boxes[rows] = summary.normalise_boxes(box.T, pixels[camera, 4:], self.screen)

        with np.errstate(all="ignore"):
            for_blocks(work, len(source), self._jobs)
        boxes = boxes[self._valid]
        return boxes[np.isfinite(boxes).all(1)]


def _project_block(poses: Floats, intrinsics: Floats, distortion: Floats | None = None) -> Floats:
    """Pixels (J, 2, B) of a block of poses (B, J, 3); NaN behind the camera."""
    major = gpa.joint_major(poses).transpose(0, 2, 1)
    with np.errstate(all="ignore"):
        image = project(major, intrinsics, distortion)
        image[major[..., 2] <= 0] = np.nan
    return image.transpose(0, 2, 1)


def _output_sequences(
    source: PoseDataset, copies: list[int], rows: list[NDArray[np.int64]]
) -> tuple[PoseSequence, ...]:
    """The source's sequences once for each copy, without the rows dropped."""
    bounds = [sequence.start for sequence in source.sequences] + [len(source)]
    sequences, start = [], 0
    for copy, kept in zip(copies, rows, strict=True):
        lengths = np.diff(np.searchsorted(kept, bounds)).tolist()
        for sequence, length in zip(source.sequences, lengths, strict=True):
            if length:
                sequences.append(sequence._replace(start=start, length=length, copy=copy))
                start += length
    return tuple(sequences)


def _side(dataset: PoseDataset) -> dict[str, Any]:
    return {
        "paths": [file.name for file in dataset.origin.files],
        "layout": dataset.origin.layout,
        "dataset": dataset.origin.dataset,
        "poses": len(dataset),
        "sequences": len(dataset.sequences),
        "subjects": list(dataset.subjects),
        "cameras": list(dataset.camera_names),
        "sha256": [file.sha256 for file in dataset.origin.files],
        "notes": list(dataset.origin.notes),
    }
