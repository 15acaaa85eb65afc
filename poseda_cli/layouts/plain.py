"""Named arrays in an npz or h5: the way in for poses that come in no other layout.

| array | shape | |
|---|---|---|
| `poses_3d` | (N, J, 3) | metres, camera space: x right, y down, z forward; or every root at 0, 0, 0 |
| `poses_2d` | (N, J, 2) | pixels of the full image |
| `joints` | (J,) | names |
| `intrinsics` | (4,) or (N, 4) | fx, fy, cx, cy in pixels; needs `image_size` |
| `image_size` | (2,) or (N, 2) | width, height in pixels |
| `visible` | (N, J) | 0 or 1 |
| `subject`, `action`, `camera` | one, or (N,) | names |
| `copy` | (N,) | numbers; keeps several versions of one sequence apart, as exports of `poseda` have them |

At least one of `poses_3d` and `poses_2d`, and `joints`, must be there. Names of joints are those that `poseda skeletons
NAME` lists, or those of h36m17 for what they stand for ("Hip", "RKnee", "Neck/Nose", ...), in any order; joints beyond
those of the joint set are left out. 2D in COCO's 17 keypoints becomes h36m17 by midpoints. NaN marks what is missing.

Rows of one subject, action, camera and copy are a sequence, in the order in which they stand. Without `camera`, each
set of intrinsics and image size is a camera of its own.

An npz of 2D detections in somebody's video:

    import numpy as np
    np.savez(
        "detections.npz",
        poses_2d=points,                                     # (N, 17, 2) pixels
        joints=["Hip", "RHip", "RKnee", "RFoot", "LHip", "LKnee", "LFoot", "Spine", "Thorax", "Neck/Nose", "Head",
                "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist"],
        intrinsics=[1400.0, 1400.0, 960.0, 540.0],           # fx, fy, cx, cy
        image_size=[1920, 1080],
        action="Dancing",
    )

    poseda inspect detections.npz
    poseda align data_3d_h36m.npz --target detections.npz -o aligned
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli import streamed
from poseda_cli.cameras import Floats, project
from poseda_cli.checks.sanity import Inside, check_pixels, check_poses, sample, spread
from poseda_cli.checks.sides import SAMPLE as OF_SEQUENCE
from poseda_cli.dataset import Origin, PoseDataset, PoseHeads, Problem, Sequence, Stored, concatenate
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading import detections
from poseda_cli.reading.columns import absent_problems, check_sides, settle
from poseda_cli.reading.row_labels import LABELS, Named, Rows, check_numbers, chunks, named_rows, texts
from poseda_cli.reading.view_cameras import check_camera_space
from poseda_cli.skeleton import COCO17, H36M16, SKELETONS, Skeleton
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.npz import NpzArchive
from poseda_cli.streamed import PoseRows, StreamedDataset

ORIGIN = Origin("plain")
POSES = {"poses_3d": 3, "poses_2d": 2}
# Arrays that may have a value for each row.
OF_ROWS = (*POSES, "visible", "intrinsics", "image_size", *LABELS, "copy")
# A root nearer to the origin than this, metres, is the origin; a camera is never that near.
AT_ORIGIN = 1e-3
# Median height of heads below feet, metres, that shows an axis that points up; people on the floor have about 0.
UPSIDE_DOWN = 0.2
# Detections miss by a few pixels in a thousand; more than this part of the width is another camera.
PROJECTS = 0.05

Advance = Callable[[int], object]
Arrays = dict[str, NDArray[Any]]


def refusal(archive: Archive) -> str | None:
    """None if these are named arrays of poses, else why not."""
    if not any(name in archive.members for name in POSES):
        return f"needs an array {' or '.join(POSES)}"
    if "layout" in archive.attributes:
        return f"needs an h5 without the attribute layout, this has {archive.attributes['layout']!r}"
    return None if "joints" in archive.members else "lacks joints, the names of the joints"


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of named arrays.

    Raises
    ------
    ArchiveError : arrays of other shapes, units, frames or joints than the layout's
    InputError : archives that do not go together
    """
    with progress("reading", sum(_rows(archive) for archive in archives)) as advance:
        return concatenate([_read_one(archive, advance) for archive in archives])


def stream(archives: list[Archive], progress: Progress) -> PoseHeads | None:
    """As `read`, with the poses left in their files; None where rows of a sequence do not follow each other.

    Going through the labels is what it takes to know.
    """
    with progress("reading", sum(_rows(archive) for archive in archives)) as advance:
        parts: list[PoseHeads] = []
        for archive in archives:
            part = _stream_one(archive, advance)
            if part is None:
                return None
            parts.append(part)
        return streamed.concatenate(parts)


def is_streamed(archive: Archive) -> bool:
    """Whether `stream` leaves the poses in the file, as far as headers tell; arrays in Fortran's order have no rows."""
    if isinstance(archive, NpzArchive):
        members = archive.members
        return all(archive.has_rows(name) for name in OF_ROWS if name in members and members[name][0])
    return isinstance(archive, Hdf5Archive)


def _read_one(archive: Archive, advance: Advance) -> PoseDataset:
    loaded: Arrays = {}

    def rows(name: str, start: int, stop: int) -> NDArray[Any]:
        if name not in loaded:
            loaded[name] = archive.array(name)
        return loaded[name][start:stop]

    file = _File(archive, rows)
    named = named_rows(archive, rows, file.count)
    assert named is not None
    order = named.order
    places = None if order is None else np.argsort(order)
    checks = _Checks(file, named)
    columns = file.room()
    for start, stop in chunks(file.count):
        raw = file.raw(start, stop)
        some, absent = file.columns(raw)
        checks.add(start, raw, absent)
        for name, values in some.items():
            columns[name][slice(start, stop) if places is None else places[start:stop]] = values
        advance(stop - start)
    heads = checks.heads()
    if {*POSES} <= {*columns}:
        for sequence in named.sequences:
            of_it = slice(sequence.start, sequence.start + sequence.length)
            check_sides(sequence, columns["poses_3d"][of_it], columns["poses_2d"][of_it], file.skeleton)
    camera = np.repeat(named.camera, np.diff(named.ends, prepend=0))
    everything: dict[str, Any] = {**heads, **columns}
    return PoseDataset(camera=camera, rows=np.arange(file.count) if order is None else order, **everything)


def _stream_one(archive: Archive, advance: Advance) -> PoseHeads | None:
    in_rows: Any = archive
    file = _File(archive, in_rows.rows)
    named = named_rows(archive, in_rows.rows, file.count, together=True)
    if named is None:
        return None
    checks, sides = _Checks(file, named), _Sides(file, named)
    for start, stop in chunks(file.count):
        raw = file.raw(start, stop)
        some, absent = file.columns(raw)
        checks.add(start, raw, absent)
        sides.add(start, some)
        advance(stop - start)
    heads: dict[str, Any] = checks.heads()
    sides.check()

    def read_rows(start: int, stop: int) -> PoseRows:
        some, _ = file.columns(file.raw(start, stop))
        return PoseRows(named.camera[named.numbers(start, stop)], np.arange(start, stop), **some)

    return StreamedDataset.of(**heads, read=read_rows, columns=tuple(file.room(0)))


class _File:
    """The arrays of one file, and its poses as they are read.

    Parameters
    ----------
    archive : the file
    rows : gives rows of its arrays

    Attributes
    ----------
    count : how many poses it has
    stored : the joint set that it has
    skeleton : the joint set that it is read as
    left_out : names of its joints that no set has

    Raises
    ------
    ArchiveError : arrays of other shapes, or joints of no joint set
    """

    def __init__(self, archive: Archive, rows: Rows) -> None:
        self.archive, self._rows = archive, rows
        joints = texts(archive, "joints", np.asarray(archive.array("joints")))
        self.count = _rows(archive)
        self.kinds = [
            name for name, axes in POSES.items() if check_numbers(archive, name, (self.count, len(joints), axes))
        ]
        self.stored = _joint_set(archive, joints)
        if "poses_3d" in self.kinds and "Hip" not in self.stored.position:
            message = f"3D poses without a pelvis ({self.stored.name}); add a joint Hip."
            raise ArchiveError(archive.name, message, "joints", code="joint-order")
        self.skeleton = detections.AS_READ[COCO17] if self.stored == COCO17 else self.stored
        self._chosen = [joints.index(joint) for joint in self.stored.joints]
        self.left_out = [name for index, name in enumerate(joints) if index not in set(self._chosen)]
        self._all_in_order = self._chosen == list(range(len(joints)))
        self._has_visible = check_numbers(archive, "visible", (self.count, len(joints))) is not None

    def raw(self, start: int, stop: int) -> Arrays:
        """Some rows of the arrays of poses, with the joints of `stored`."""
        names = [*self.kinds, *(["visible"] if self._has_visible else [])]
        found = {name: self._rows(name, start, stop) for name in names}
        return found if self._all_in_order else {name: values[:, self._chosen] for name, values in found.items()}

    def columns(self, raw: Arrays) -> tuple[Arrays, int]:
        """The same as columns of a data set, and how many of the 2D poses lack joints."""
        found = {**raw, "visible": raw["visible"] != 0} if "visible" in raw else raw
        if self.stored == COCO17:
            found = {name: _of_coco(name, values) for name, values in found.items()}
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 does not hold becomes infinite, and invalid
            columns = {
                name: values if name == "visible" else values.astype(np.float32, copy=name == "poses_2d")
                for name, values in found.items()
            }
        return columns, settle(columns["poses_2d"]) if "poses_2d" in columns else 0

    def room(self, count: int | None = None) -> Arrays:
        """Empty columns for so many poses; for all of the file if not given."""
        empty, _ = self.columns(self.raw(0, 0))
        rows = self.count if count is None else count
        return {name: np.empty((rows, *values.shape[1:]), values.dtype) for name, values in empty.items()}


def _rows(archive: Archive) -> int:
    name = next(name for name in POSES if name in archive.members)
    shape = archive.members[name][0]
    return shape[0] if shape else 0


def _joint_set(archive: Archive, names: list[str]) -> Skeleton:
    """The largest joint set all of whose joints are there."""
    if len(set(names)) < len(names):
        twice = listed(dict.fromkeys(name for name in names if names.count(name) > 1))
        raise ArchiveError(archive.name, f"{twice} more than once", "joints", code="joint-order")
    fitting = [s for s in SKELETONS.values() if set(s.joints) <= set(names)]
    if not fitting:
        lacking = [name for name in H36M16.joints if name not in names]
        raise ArchiveError(
            archive.name,
            f"{listed(names, most=6)}: the joints of no joint set. h36m17 would take {listed(lacking, most=6)} more; "
            "`poseda skeletons` lists all sets and names.",
            "joints",
            code="joint-order",
        )
    return max(fitting, key=len)


def _of_coco(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if name == "visible":
        return detections.as_read(np.repeat(values[..., None].astype(np.float32), 2, axis=-1), COCO17)[..., 0] == 1
    return detections.as_read(values, COCO17)


class _Checks:
    """What is found out about poses that pass in chunks, in the order of the file.

    Parameters
    ----------
    file, named : of the poses
    """

    def __init__(self, file: _File, named: Named) -> None:
        self._file, self._named, self._name = file, named, file.archive.name
        self._some: dict[str, list[NDArray[Any]]] = {name: [] for name in (*file.kinds, "lenses")}
        self._roots, self._inside, self._absent = _Roots(), Inside(), 0
        self._has_sizes, self._has_lenses = (name in file.archive.members for name in ("image_size", "intrinsics"))

    def add(self, start: int, raw: Arrays, absent: int) -> None:
        """Some more poses: as stored, and how many of them lack joints in 2D."""
        stop = start + len(raw[self._file.kinds[0]])
        lenses = self._named.lenses[self._named.numbers(start, stop)]
        for name, parts in self._some.items():
            values = raw.get(name, lenses)
            step = spread(self._file.count)
            parts.append(values[-start % step :: step].copy())
        if "poses_3d" in raw:
            self._roots.add(raw["poses_3d"][:, self._file.stored.root])
        if "poses_2d" in raw and self._has_sizes:
            self._inside.add(raw["poses_2d"], lenses[:, 4:])
        self._absent += absent

    def heads(self) -> dict[str, Any]:
        """What there is to know of the data set but its rows, once all poses have passed.

        Raises
        ------
        ArchiveError : units, frames or joints other than the layout's
        """
        some = {name: np.concatenate(parts) for name, parts in self._some.items()}
        bodies, points = some.get("poses_3d"), some.get("poses_2d")
        stored, notes, absolute = self._file.stored, [], True
        if bodies is not None:
            _check_3d(bodies, points, stored, self._name)
            absolute = self._roots.are_placed(self._name)
            notes.append(f"metres, {'camera space' if absolute else 'relative to the root'}")
        if self._file.left_out:
            notes.append(f"left out: {listed(self._file.left_out)}")
        if points is not None:
            _check_2d(points, stored, self._name)
            notes += filter(None, [detections.note(stored)])
            self._inside.check(self._name, "poses_2d")
        problems = []
        if bodies is not None and points is not None and absolute and self._has_lenses:
            problems = _reprojection(bodies, points, some["lenses"])
        frame = ("camera" if absolute else "root-relative") if bodies is not None else None
        how = Stored(stored, "m" if frame else None, frame, "pixels" if points is not None else None)
        origin = replace(ORIGIN, notes=tuple(notes), stored=how, problems=(*problems, *absent_problems(self._absent)))
        return {
            "skeleton": self._file.skeleton,
            "cameras": self._named.cameras,
            "sequences": self._named.sequences,
            "origin": origin,
            "absolute": absolute,
        }


class _Roots:
    """Where the roots of poses are that come in parts."""

    def __init__(self) -> None:
        self._count = self._at_origin = self._ahead = 0

    def add(self, roots: Floats) -> None:
        """(n, 3) of some more poses, metres."""
        roots = roots.astype(np.float64)
        roots = roots[np.isfinite(roots).all(1)]
        self._count += len(roots)
        self._at_origin += int((np.abs(roots).max(1) < AT_ORIGIN).sum())
        self._ahead += int((roots[:, 2] > 0).sum())

    def are_placed(self, file: str) -> bool:
        """Whether the poses have a place; refuses what is neither that nor relative to the root."""
        if self._count and self._at_origin == self._count:
            return False
        if self._at_origin:
            found = f"{self._at_origin:,} of {self._count:,} roots are at the origin, the others are not"
            raise ArchiveError(file, f"{found}; split the file.", "poses_3d", code="frame")
        if self._ahead < self._count:
            raise ArchiveError(
                file,
                f"{self._count - self._ahead:,} of {self._count:,} roots are behind the camera (z <= 0): the poses are "
                "not in camera space. Apply each camera's rotation and position first.",
                "poses_3d",
                code="frame",
            )
        return True


class _Sides:
    """Left and right of each sequence, in poses that pass in order; parameters as those of `_Checks`."""

    def __init__(self, file: _File, named: Named) -> None:
        self._skeleton, self._named, self._has_both = file.skeleton, named, len(file.kinds) == len(POSES)
        self._parts: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._first: InputError | None = None

    def add(self, start: int, columns: Arrays) -> None:
        """Some more poses."""
        if not self._has_both or self._first is not None:
            return
        bodies, points = columns["poses_3d"], columns["poses_2d"]
        stop = start + len(bodies)
        for number in np.unique(self._named.numbers(start, stop)).tolist():
            sequence = self._named.sequences[number]
            first, end = max(sequence.start, start), min(sequence.start + sequence.length, stop)
            step = spread(sequence.length, OF_SEQUENCE)
            rows = slice(first - start + (sequence.start - first) % step, end - start, step)
            self._parts.append((bodies[rows].copy(), points[rows].copy()))
            if end == sequence.start + sequence.length:
                self._look_at(sequence)

    def _look_at(self, sequence: Sequence) -> None:
        bodies, points = map(np.concatenate, zip(*self._parts, strict=True))
        self._parts = []
        try:
            check_sides(sequence, bodies, points, self._skeleton)
        except InputError as error:
            self._first = self._first or error

    def check(self) -> None:
        """Refuse the first sequence whose sides are exchanged between 2D and 3D."""
        if self._first is not None:
            raise self._first


def _check_3d(some: Floats, points: Floats | None, skeleton: Skeleton, file: str) -> None:
    """Units, joints and axes, of some poses."""
    check_poses(some, skeleton, "m", file, "poses_3d")
    if points is not None:  # which tells a camera at the ceiling, that shows people upside down, from another space
        check_camera_space(some, points, skeleton, file, "poses_3d")
        return
    finite = sample(some)
    head, foot = skeleton.position["Head"], skeleton.position["RFoot"]
    if len(finite) and (drop := float(np.median(finite[:, head, 1] - finite[:, foot, 1]))) > UPSIDE_DOWN:
        message = f"heads are {drop:.2f} m below feet: not in camera space (y down, z forward)."
        raise ArchiveError(file, message, "poses_3d", code="frame")


def _check_2d(points: Floats, skeleton: Skeleton, file: str) -> None:
    if "Hip" in skeleton.position or skeleton == COCO17:
        detections.check_detections(points, skeleton, file, "poses_2d")
    else:
        check_pixels(points, file, "poses_2d")


def _reprojection(bodies: Floats, points: Floats, lenses: Floats) -> list[Problem]:
    """Where 3D projects to 2D, of some poses."""
    with np.errstate(all="ignore"):
        image = project(bodies.astype(np.float64), lenses[:, None, :4])
        errors = np.linalg.norm(image - points, axis=-1) / lenses[:, None, 4]
    errors = errors[np.isfinite(errors)]
    if not len(errors) or np.median(errors) <= PROJECTS:
        return []
    message = (
        f"2D lies {np.median(errors):.0%} of the image's width off where the intrinsics project the 3D (median): "
        "another camera, another order of joints, or detections of somebody else"
    )
    return [Problem("reprojection", "warning", message)]
