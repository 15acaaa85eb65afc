"""Human3.6M as h36m-fetch prepares it: processed/S*/<action>-<subaction>/annot.h5, one a sequence.

HDF5 data sets, of which the rows of all four cameras follow each other:

- `pose/3d` (n, 32, 3): millimetres, camera space, absolute; `pose/3d-univ` the same on a skeleton that all
  subjects share (not read). `pose/2d` (n, 32, 2): pixels, the projection of pose/3d with distortion. 17 of
  the 32 joints are kept (h36m17).
- `camera` (n,): 54138969 ...; `frame` (n,): number in the video, counted from 1; `subject`, `action`,
  `subaction` (n,): ids of the release, action 2 (Directions) to 16 (WalkTogether). They name the sequence,
  in VideoPose3D's spelling: 'TakingPhoto-1' of S1 is 'Photo 1', while 'SittingDown-1' of S9 is 'SittingDown'.
- `intrinsics/54138969` (4,): fx, cx, fy, cy in this order, fitted to the poses of one sequence without
  distortion. They are not read: poseda uses the published cameras, and 3D must project onto 2D with them.

Not every frame is there: of S9 and S11 each 64th, of the others those in which some joint has moved by
40 mm. margipose and learnable-triangulation read these folders.

Before subactions were told apart, the project numbered actions from 1 and kept pose/3d-univ alone; such
files are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.h36m_space import PROJECTS, SpaceCheck, reprojection
from poseda_cli.checks.sanity import METRES, check_pixels
from poseda_cli.dataset import Origin, PoseDataset, PoseHeads, Stored
from poseda_cli.errors import ArchiveError
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.h36m_names import by_ids, only_once, subject_in
from poseda_cli.reading.pose_files import (
    InPieces,
    Look,
    Looked,
    Poses,
    Rows,
    Whole,
    in_order,
    in_rows,
    left_in_files,
    rows_of,
)
from poseda_cli.skeleton import H36M17, H36M32, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("h36m-fetch", "h36m")
POSES_3D, POSES_2D, UNIVERSAL = "pose/3d", "pose/2d", "pose/3d-univ"
IDS = ("subject", "action", "subaction")
COLUMNS = ("camera", "frame", *IDS)
JOINTS = joint_map(H36M32, H36M17)


def refusal(archive: Archive) -> str | None:
    """None if this is an annot.h5 of h36m-fetch, else why not."""
    if not {POSES_3D, POSES_2D, UNIVERSAL} & set(archive.members):
        return f"needs data sets {POSES_3D}, {POSES_2D}, {', '.join(COLUMNS)}"
    missing = [name for name in (POSES_3D, POSES_2D, *COLUMNS) if name not in archive.members]
    if missing:
        return f"lacks data sets {', '.join(missing)}"
    count = archive.members["frame"][0]
    expected = {POSES_3D: (*count, 32, 3), POSES_2D: (*count, 32, 2), **dict.fromkeys(COLUMNS, count)}
    for name, shape in expected.items():
        found, dtype = archive.members[name]
        if len(count) != 1 or found != shape or dtype.kind not in ("fiu" if name.startswith("pose") else "iu"):
            return f"{name} is {dtype} {found}, expected numbers of shape {shape}"
    return None


class _File:
    """One archive: its sequence, and its poses camera by camera, in the order of time.

    `views` says which of the poses each camera has; `members` are the data sets of poses.
    """

    members: tuple[str, ...] = (POSES_3D, POSES_2D)

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.subject, self.action = _sequence(archive)
        lengths, apart = _cameras(archive)
        _check_cameras(archive, self.subject, lengths)
        starts = accumulate(lengths.values(), initial=0)
        self.views = {
            camera: range(start, start + lengths[camera]) for camera, start in zip(lengths, starts, strict=False)
        }
        self.order: Rows = range(len(self)) if apart else _sorted(archive, lengths)

    def __len__(self) -> int:
        return int(self.archive.members["frame"][0][0])

    def poses(self, start: int, stop: int) -> Poses:
        """Some of them, as stored, 17 of the 32 joints."""
        rows = self.order[start:stop]
        poses_3d, poses_2d = (rows_of(self.archive, name, rows)[:, JOINTS] for name in self.members)
        return Poses(poses_3d, poses_2d, np.asarray(rows))

    def metres(self, poses_3d: NDArray[Any]) -> NDArray[Any]:
        """3D as stored in metres."""
        metres: NDArray[Any] = poses_3d * METRES["mm"]
        return metres


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some files of h36m-fetch, one sequence before four cameras (or three) each.

    Raises
    ------
    ArchiveError : rows of several sequences, ids that the release does not have or that contradict the
        folder, units, joint order or frame other than the layout's, 3D that does not project onto the 2D
    InputError : a sequence twice
    """
    files = _files(archives)
    columns = _look_at(files, Whole(), progress)
    before = accumulate(map(len, files), initial=0)
    order = [np.asarray(file.order) + start for file, start in zip(files, before, strict=False)]
    return _dataset(columns, rows=np.concatenate(order))


def is_streamed(archive: Archive) -> bool:
    """Whether `stream` can leave the poses in the file."""
    return in_rows(archive)


def stream(archives: list[Archive], progress: Progress) -> PoseHeads:
    """As `read`, with the poses left in their files, of each of which `is_streamed` says so."""
    files, look = _files(archives), InPieces()
    columns = _look_at(files, look, progress)
    columns.absent = look.absent
    return left_in_files(_dataset(columns), files, [len(view) for file in files for view in file.views.values()])


def _dataset(columns: Columns, rows: NDArray[np.int64] | None = None) -> PoseDataset:
    notes = [
        "millimetres, camera space, 32 joints; 3D projects onto 2D with the published cameras",
        "published intrinsics used in place of the file's, which are fitted to each sequence without distortion",
    ]
    stored = Stored(H36M32, "mm", "camera", "pixels")
    problems = h36m_problems(columns.sequences)
    return columns.dataset(ORIGIN, stored, notes=notes, problems=problems, rows=rows)


def _files(archives: list[Archive]) -> list[_File]:
    files = [_File(archive) for archive in archives]
    only_once((f"{file.subject} {file.action}" for file in files), archives)
    return files


def _sequence(archive: Archive) -> tuple[str, str]:
    """Subject and action."""
    subject_id, action_id, subaction_id = (_one(archive, name) for name in IDS)
    subject = f"S{subject_id}"
    action = by_ids(subject, action_id, subaction_id)
    if action is None:
        raise ArchiveError(
            archive.name,
            f"subject {subject_id}, action {action_id}, subaction {subaction_id}: no sequence of the release has these "
            "ids (actions 2 to 16, subactions 1 and 2).",
            code="place",
        )
    folder = subject_in(archive.file.folders)
    if folder not in (None, subject):
        raise ArchiveError(archive.name, f"lies in the folder of {folder}, and says to be of {subject}.", code="place")
    return subject, action


def _one(archive: Archive, name: str) -> int:
    found = {number for values in in_order(archive, name) for number in np.unique(values).tolist()}
    if len(found) != 1:
        raise ArchiveError(archive.name, f"values {sorted(found)[:5]}, expected one sequence a file", name)
    return int(found.pop())


def _cameras(archive: Archive) -> tuple[dict[int, int], bool]:
    """The cameras in order of appearance, how many rows each has, and whether these are together and in time order."""
    lengths: dict[int, int] = {}
    breaks = 0
    last: tuple[NDArray[Any], NDArray[Any]] | None = None
    for cameras, frames in zip(in_order(archive, "camera"), in_order(archive, "frame"), strict=True):
        found, first, counts = np.unique(cameras, return_index=True, return_counts=True)
        for number in np.argsort(first).tolist():
            lengths[int(found[number])] = lengths.get(int(found[number]), 0) + int(counts[number])
        before = last or (cameras[:1], frames[:1])
        camera, frame = (np.concatenate(both) for both in zip(before, (cameras, frames), strict=True))
        breaks += int(((camera[1:] != camera[:-1]) | (frame[1:] < frame[:-1])).sum())
        last = cameras[-1:], frames[-1:]
    return lengths, breaks == len(lengths) - 1


def _check_cameras(archive: Archive, subject: str, found: Iterable[int]) -> None:
    known = {int(camera.name) for camera in h36m_cameras(subject)}
    if strange := set(found) - known:
        raise ArchiveError(
            archive.name, f"camera {min(strange)}, expected {', '.join(map(str, sorted(known)))}", "camera"
        )


def _sorted(archive: Archive, cameras: Iterable[int]) -> NDArray[np.int64]:
    """The rows of each camera in the order of time."""
    column, frames = archive.array("camera"), archive.array("frame")
    rows = [np.flatnonzero(column == camera) for camera in cameras]
    return np.concatenate([numbers[np.argsort(frames[numbers], kind="stable")] for numbers in rows])


def _look_at(files: list[_File], look: Look, progress: Progress) -> Columns:
    """What was looked at, in columns.

    Raises
    ------
    ArchiveError : content that is not what the layout says
    """
    check = SpaceCheck(H36M17, "mm", "camera")
    kept = sum(look.few(view) for file in files for view in file.views.values())
    columns = Columns(kept, H36M17, has_3d=True, has_2d=True)
    with progress("reading", sum(map(len, files))) as advance:
        for file in files:
            for camera, looked in zip(file.views, look.at(file, [*file.views.values()], advance), strict=True):
                _add(columns, file, camera, looked, check)
    check.conclude(files[0].archive.name)
    return columns


def _add(columns: Columns, file: _File, number: int, looked: Looked, check: SpaceCheck) -> None:
    assert columns.poses_3d is not None and columns.poses_2d is not None
    camera = {int(camera.name): camera for camera in h36m_cameras(file.subject)}[number]
    name, few = file.archive.name, looked.few
    check.look(few.poses_3d, [camera], name, POSES_3D)
    check_pixels(looked.many.poses_2d, name, POSES_2D)
    poses: dict[str, Any] = {"poses_3d": file.metres(few.poses_3d), "poses_2d": few.poses_2d}
    place = columns.add(file.subject, file.action, camera, len(few.number), **poses)
    error = reprojection(columns.poses_3d[place], columns.poses_2d[place], camera)
    if error > PROJECTS:
        raise ArchiveError(
            name,
            f"camera {camera.name} projects it {error:.1f} px beside {POSES_2D}, expected less than {PROJECTS}: it "
            f"is not of this view (are these the poses of {UNIVERSAL}?).",
            POSES_3D,
            code="projection",
        )
