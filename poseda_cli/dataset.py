"""PoseDataset: the one form in which poses are in memory; and what is known of poses wherever they are."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, intrinsics_table
from poseda_cli.errors import InputError, UsageError, listed
from poseda_cli.skeleton import Skeleton, joint_map
from poseda_cli.suggestions import did_you_mean

# Of a `PoseDataset`, what has a value for each pose.
COLUMNS = ("poses_3d", "poses_2d", "visible", "camera", "rows")
# Rows of a table that the camera column can point to.
MOST_CAMERAS = 1 << 16
EVERYTHING: Mapping[str, Any] = {"subjects": [], "actions": [], "cameras": [], "stride": 1}


class Sequence(NamedTuple):
    """Consecutive rows of one subject doing one action before one camera, in time order."""

    subject: str
    action: str
    camera: str
    start: int
    length: int
    copy: int = 0


Severity = Literal["note", "warning", "error"]


class Problem(NamedTuple):
    """Something about an archive that its user should know: a known defect, a contradiction, a loss.

    `code` is for scripts, `message` for people.
    """

    code: str
    severity: Severity
    message: str


class Stored(NamedTuple):
    """How an archive has its poses, before they were read into metres, camera space and pixels.

    units : 'm' or 'mm', None without 3D
    frame : 'world', 'camera', 'root-relative', None without 3D
    screen : 'pixels', 'aspect' or 'axes' (normalised), None without 2D
    """

    skeleton: Skeleton
    units: str | None = None
    frame: str | None = None
    screen: str | None = None


class InputFile(NamedTuple):
    """A file that was read: its name without the place it lies in, bytes, and checksum."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Origin:
    """Where a data set comes from.

    Parameters
    ----------
    layout : name of the archive layout
    dataset : 'h36m', 'mpi_inf_3dhp' or None
    files : what was read
    notes : what was inferred from the data, one sentence each
    selection : the subjects, actions, cameras and stride that `select` was asked for
    stored : how the archive has its poses; None where several archives differ in it
    problems : what the user should know about the data
    """

    layout: str
    dataset: str | None = None
    files: tuple[InputFile, ...] = ()
    notes: tuple[str, ...] = ()
    selection: Mapping[str, Any] = field(default_factory=lambda: dict(EVERYTHING))
    stored: Stored | None = None
    problems: tuple[Problem, ...] = ()


class Span(NamedTuple):
    """Some frames of a sequence: every `stride`-th from `start` to `stop`, counted from its first one."""

    sequence: int
    start: int
    stop: int
    stride: int = 1

    @property
    def length(self) -> int:
        """How many frames."""
        return len(range(self.start, self.stop, self.stride))


class PoseHeads:
    """What is known of poses without looking at them; `PoseDataset` has them in memory, `StreamedDataset` in files.

    `skeleton`, `cameras`, `sequences`, `origin` and `absolute` are those of `PoseDataset`.
    """

    skeleton: Skeleton
    cameras: tuple[Camera, ...]
    sequences: tuple[Sequence, ...]
    origin: Origin
    absolute: bool

    @property
    def has_3d(self) -> bool:
        """Whether there are 3D poses."""
        raise NotImplementedError

    @property
    def has_2d(self) -> bool:
        """Whether there are 2D poses."""
        raise NotImplementedError

    @property
    def rows_as_read(self) -> int:
        """How many rows the archive has that these are of; at least, where only some were read."""
        raise NotImplementedError

    def take(self, spans: Listed[Span]) -> Self:
        """The poses of some spans, each of which becomes a sequence; in the order given."""
        raise NotImplementedError

    def load(self, start: int, stop: int) -> PoseDataset:
        """Consecutive poses in memory."""
        raise NotImplementedError

    def to_skeleton(self, skeleton: Skeleton) -> Self:
        """The same poses with the joints of `skeleton`.

        Raises
        ------
        SkeletonError : a joint of `skeleton` is missing here
        """
        raise NotImplementedError

    def __len__(self) -> int:
        return sum(sequence.length for sequence in self.sequences)

    def __repr__(self) -> str:
        kinds = " and ".join(k for k, there in (("3D", self.has_3d), ("2D", self.has_2d)) if there)
        return (
            f"<{type(self).__name__} {self.origin.layout}: {len(self):,} poses ({kinds}, {self.skeleton.name}), "
            f"{len(self.sequences)} sequences, {len(self.subjects)} subjects, {len(self.camera_names)} cameras>"
        )

    @property
    def title(self) -> str:
        """The files that it was read from, for messages; many of one folder by the folder."""
        names = [file.name for file in self.origin.files]
        if not names:
            return "the data set"
        folder = os.path.commonpath(names)
        return f"{folder} ({len(names)} files)" if folder and len(names) > 1 else listed(names, most=2)

    @cached_property
    def intrinsics(self) -> NDArray[np.float64]:
        """(C, 6) fx, fy, cx, cy, width, height of `cameras`, pixels; NaN where unknown."""
        return intrinsics_table(self.cameras)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects, in order of appearance."""
        return tuple(dict.fromkeys(sequence.subject for sequence in self.sequences))

    @property
    def actions(self) -> tuple[str, ...]:
        """Actions, in order of appearance."""
        return tuple(dict.fromkeys(sequence.action for sequence in self.sequences))

    @property
    def camera_names(self) -> tuple[str, ...]:
        """Camera names, in order of appearance."""
        return tuple(dict.fromkeys(sequence.camera for sequence in self.sequences))

    def select(
        self,
        subjects: Listed[str] = (),
        actions: Listed[str] = (),
        cameras: Listed[str] = (),
        stride: int = 1,
    ) -> Self:
        """The sequences of the named subjects, actions and cameras, every `stride`-th frame of each.

        An action is named in full ('Walking 1') or without its number ('Walking': all of them). An
        empty list selects everything.

        Raises
        ------
        InputError : a name that this data set does not have (lists those it has), or nothing left
        UsageError : a stride below 1
        """
        if stride < 1:
            raise UsageError(f"stride is {stride}, expected at least 1.")
        if not self.sequences:
            raise InputError(f"{self.title}: holds no pose.")
        bases = tuple(dict.fromkeys(base_action(action) for action in self.actions))
        _check_names(self.title, "subject", subjects, self.subjects, self.subjects)
        _check_names(self.title, "action", actions, (*self.actions, *bases), bases)
        _check_names(self.title, "camera", cameras, self.camera_names, self.camera_names)
        chosen = [
            Span(number, 0, sequence.length, stride)
            for number, sequence in enumerate(self.sequences)
            if (not subjects or sequence.subject in subjects)
            and (not actions or sequence.action in actions or base_action(sequence.action) in actions)
            and (not cameras or sequence.camera in cameras)
        ]
        if not chosen:
            raise InputError("No sequence has one of the subjects, actions and cameras asked for at once.")
        before = self.origin.selection
        asked = {
            "subjects": list(subjects) or before["subjects"],
            "actions": list(actions) or before["actions"],
            "cameras": list(cameras) or before["cameras"],
            "stride": stride * before["stride"],
        }
        selected = replace(cast(Any, self), origin=replace(self.origin, selection=asked))
        everything = len(chosen) == len(self.sequences) and stride == 1
        return cast(Self, selected if everything else selected.take(chosen))

    def spans_between(self, start: int, stop: int) -> list[Span]:
        """Consecutive rows by the sequences that they are in."""
        number = bisect_right(self.sequences, start, key=lambda sequence: sequence.start) - 1
        spans = []
        while start < stop:
            sequence = self.sequences[number]
            end = min(stop, sequence.start + sequence.length)
            if end > start:
                spans.append(Span(number, start - sequence.start, end - sequence.start))
            start, number = end, number + 1
        return spans

    def sequence_of(self, row: int) -> Sequence:
        """The sequence that a row is in."""
        return self.sequences[bisect_right(self.sequences, row, key=lambda sequence: sequence.start) - 1]

    def frame_of(self, row: int) -> dict[str, Any]:
        """Which pose a row is: subject, action, camera, and its frame in the sequence as read, from 0."""
        sequence = self.sequence_of(row)
        names = {"subject": sequence.subject, "action": sequence.action, "camera": sequence.camera}
        return {**names, "frame": (row - sequence.start) * self.origin.selection["stride"]}

    def place(self, row: int) -> str:
        """Which pose a row is, in words; counted as read, as `source_index` and `target_index` are."""
        sequence, read = self.sequence_of(row), self.load(row, row + 1).rows[0]
        return f"{sequence.subject} {sequence.action}, camera {sequence.camera}, row {read} as read"

    def _sequences_of(self, spans: Listed[Span]) -> tuple[Sequence, ...]:
        """What the sequences are called that some spans become."""
        start, sequences = 0, []
        for span in spans:
            sequences.append(self.sequences[span.sequence]._replace(start=start, length=span.length))
            start += span.length
        return tuple(sequences)


@dataclass(frozen=True, repr=False, eq=False)
class PoseDataset(PoseHeads):
    """Poses in columns; immutable.

    Parameters
    ----------
    skeleton : joint set of J joints
    camera : (N,) row of `cameras` for each pose
    cameras : the views
    sequences : in row order, covering all rows
    poses_3d : (N, J, 3) float32, metres, camera space (x right, y down, z forward), or None
    absolute : whether poses_3d are where they were filmed; else each root is the origin, and only axes
        and size are those of camera space
    poses_2d : (N, J, 2) float32, pixels of the full image, or None
    visible : (N, J) bool, or None where the archive does not say
    rows : (N,) index of each pose in the archive as read
    origin : where it comes from
    """

    skeleton: Skeleton
    camera: NDArray[np.uint16]
    cameras: tuple[Camera, ...]
    sequences: tuple[Sequence, ...]
    poses_3d: NDArray[np.float32] | None = None
    poses_2d: NDArray[np.float32] | None = None
    visible: NDArray[np.bool_] | None = None
    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    origin: Origin = Origin("memory")
    absolute: bool = True

    def __post_init__(self) -> None:
        count, joints = len(self.camera), len(self.skeleton)
        if not len(self.rows):
            object.__setattr__(self, "rows", np.arange(count))
        expected = {"poses_3d": (count, joints, 3), "poses_2d": (count, joints, 2), "visible": (count, joints)}
        for name, shape in expected.items():
            column = getattr(self, name)
            if column is not None and column.shape != shape:
                raise InputError(f"{name} has shape {column.shape}, expected {shape}.")
        covered = sum(sequence.length for sequence in self.sequences)
        if covered != count or len(self.rows) != count:
            raise InputError(f"Sequences cover {covered} rows and indices {len(self.rows)}, expected {count}.")

    def __len__(self) -> int:
        return len(self.camera)

    @property
    def has_3d(self) -> bool:
        """Whether there are 3D poses."""
        return self.poses_3d is not None

    @property
    def has_2d(self) -> bool:
        """Whether there are 2D poses."""
        return self.poses_2d is not None

    @property
    def rows_as_read(self) -> int:
        """How many rows the archive has, as far as can be told from those that were read."""
        return int(self.rows.max(initial=-1)) + 1

    def take(self, spans: Listed[Span]) -> Self:
        """The poses of some spans, each of which becomes a sequence; views if the rows are consecutive."""
        columns = {name: getattr(self, name) for name in COLUMNS}
        rows = self._rows_of(spans)
        taken: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
        return replace(self, sequences=self._sequences_of(spans), **taken)

    def load(self, start: int, stop: int) -> PoseDataset:
        """Consecutive poses, as views."""
        return self if (start, stop) == (0, len(self)) else self.take(self.spans_between(start, stop))

    def _rows_of(self, spans: Listed[Span]) -> slice | NDArray[np.int64]:
        starts = [self.sequences[span.sequence].start for span in spans]
        ranges = [
            range(start + span.start, start + span.stop, span.stride) for start, span in zip(starts, spans, strict=True)
        ]
        first, last = (ranges[0].start, ranges[-1].stop) if ranges else (0, 0)
        if last - first == sum(map(len, ranges)) and all(one.stop == other.start for one, other in pairwise(ranges)):
            return slice(first, last)  # whole subjects usually follow each other
        return np.concatenate([np.arange(rows.start, rows.stop, rows.step) for rows in ranges])

    def to_skeleton(self, skeleton: Skeleton) -> Self:
        """The same poses with the joints of `skeleton`.

        Raises
        ------
        SkeletonError : a joint of `skeleton` is missing here
        """
        if skeleton == self.skeleton:
            return self
        joints = joint_map(self.skeleton, skeleton)
        columns = {name: getattr(self, name) for name in ("poses_3d", "poses_2d", "visible")}
        mapped: dict[str, Any] = {
            n: None if column is None else column.take(joints, axis=1) for n, column in columns.items()
        }
        return replace(self, skeleton=skeleton, **mapped)


def concatenate(datasets: Listed[PoseDataset]) -> PoseDataset:
    """One data set of several, in order; all with the same joints and the same kinds of poses.

    Raises
    ------
    InputError : joints or kinds of poses differ, or a sequence is in two of them
    """
    if len(datasets) == 1:
        return datasets[0]
    columns: dict[str, Any] = {"camera": [], "rows": []}
    cameras = first_row = 0
    heads = joined_heads(datasets)
    for dataset in datasets:
        columns["camera"].append(dataset.camera + np.uint16(cameras))
        cameras += len(dataset.cameras)
        columns["rows"].append(dataset.rows + first_row)
        first_row += dataset.rows_as_read
    for name in ("poses_3d", "poses_2d"):
        parts = [getattr(dataset, name) for dataset in datasets]
        columns[name] = None if any(part is None for part in parts) else parts
    seen = [dataset.visible for dataset in datasets]
    # Where an archive does not say that a joint is hidden, it is taken for visible.
    shapes = [(len(dataset), len(dataset.skeleton)) for dataset in datasets]
    filled = [np.ones(shape, bool) if v is None else v for v, shape in zip(seen, shapes, strict=True)]
    columns["visible"] = None if all(part is None for part in seen) else filled
    joined: dict[str, Any] = {name: None if parts is None else np.concatenate(parts) for name, parts in columns.items()}
    return PoseDataset(**heads, **joined)


def joined_heads(datasets: Listed[PoseHeads]) -> dict[str, Any]:
    """What is known of several data sets as one: skeleton, cameras, sequences, origin, absolute.

    Raises
    ------
    InputError : as `concatenate`
    """
    _check_alike(datasets)
    first = datasets[0]
    check_camera_count(*datasets)
    sequences: list[Sequence] = []
    start = 0
    for dataset in datasets:
        sequences += [sequence._replace(start=sequence.start + start) for sequence in dataset.sequences]
        start += len(dataset)
    layouts = tuple(dict.fromkeys(dataset.origin.layout for dataset in datasets))
    stored = {dataset.origin.stored for dataset in datasets}
    origin = Origin(
        layout="+".join(layouts),
        dataset=first.origin.dataset if len({d.origin.dataset for d in datasets}) == 1 else None,
        files=tuple(file for dataset in datasets for file in dataset.origin.files),
        notes=tuple(note for dataset in datasets for note in dataset.origin.notes),
        stored=first.origin.stored if len(stored) == 1 else None,
        problems=tuple(problem for dataset in datasets for problem in dataset.origin.problems),
    )
    return {
        "skeleton": first.skeleton,
        "cameras": tuple(camera for dataset in datasets for camera in dataset.cameras),
        "sequences": tuple(sequences),
        "origin": origin,
        "absolute": first.absolute,
    }


def check_camera_count(*datasets: PoseHeads) -> None:
    """Refuse data sets that together have more cameras than one can have.

    Raises
    ------
    InputError : as said
    """
    count = sum(len(dataset.cameras) for dataset in datasets)
    if count > MOST_CAMERAS:
        titles = " and ".join(dataset.title for dataset in datasets[:2])
        raise InputError(f"{titles}: {count:,} cameras together; the limit is {MOST_CAMERAS:,}. Run poseda for each.")


def _check_alike(datasets: Listed[PoseHeads]) -> None:
    seen: dict[tuple[object, ...], PoseHeads] = {}
    first = datasets[0]
    for dataset in datasets:
        if dataset.skeleton != first.skeleton:
            raise InputError(
                f"{first.title} has the joints of {first.skeleton.name}, {dataset.title} of "
                f"{dataset.skeleton.name}: they cannot be read as one data set. Run poseda for each."
            )
        for there, kind in (("has_3d", "3D"), ("has_2d", "2D")):
            if getattr(dataset, there) != getattr(first, there):
                has, lacks = (first, dataset) if getattr(first, there) else (dataset, first)
                raise InputError(
                    f"{has.title} has {kind} poses, {lacks.title} has none: "
                    "they cannot be read as one data set. Run poseda for each."
                )
        if dataset.absolute != first.absolute:
            raise InputError(
                f"{first.title} and {dataset.title}: only one of them has 3D poses where they were filmed, the other "
                "has them relative to the root. Run poseda for each."
            )
        for sequence in dataset.sequences:
            key = (dataset.origin.dataset, *sequence._replace(start=0, length=0))
            if dataset.origin.dataset and seen.setdefault(key, dataset) is not dataset:
                raise InputError(
                    f"{sequence.subject} {sequence.action} (camera {sequence.camera}) is both in "
                    f"{seen[key].title} and in {dataset.title}. Leave one of them out."
                )


def with_printable_names(dataset: PoseHeads) -> PoseHeads:
    """The data set with names that any file and terminal can hold: escapes for control characters and the like."""
    names = [text for sequence in dataset.sequences for text in sequence[:3]] + [c.name for c in dataset.cameras]
    if all(map(str.isprintable, dict.fromkeys(names))):
        return dataset
    sequences = [
        Sequence(_printable(subject), _printable(action), _printable(camera), *rows)
        for subject, action, camera, *rows in dataset.sequences
    ]
    cameras = [replace(camera, name=_printable(camera.name)) for camera in dataset.cameras]
    named: PoseHeads = replace(cast(Any, dataset), sequences=tuple(sequences), cameras=tuple(cameras))
    return named


def _printable(name: str) -> str:
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in name)


def base_action(action: str) -> str:
    """An action without the number of its take: 'Walking' of 'Walking 1'."""
    head, _, number = action.rpartition(" ")
    return head if head and number.isdigit() else action


def _check_names(title: str, kind: str, wanted: Listed[str], known: Listed[str], shown: Listed[str]) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InputError(
            f"{title}: no {kind} {listed(unknown)} in the data; it has {listed(shown, most=40)}."
            f"{did_you_mean(unknown[0], shown)}"
        )
