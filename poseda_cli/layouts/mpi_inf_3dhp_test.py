"""MPI-INF-3DHP's raw test set: a folder TS1 ... TS6 each, with `annot_data.mat`.

MATLAB v7.3, which is HDF5. `annot3` (N, 1, 17, 3) millimetres, camera space; `annot2` (N, 1, 17, 2)
pixels; `univ_annot3`, the same poses scaled about the pelvis to a standard height (not read);
`valid_frame` (N, 1). Joints in the order of 3dhp17, root 14. Only valid frames are read.

The file does not say which camera took it. The published one is tried that belongs to the folder's
name, then the others; 2D and 3D must agree. TS1 to TS4 are 2048 x 2048, TS5 and TS6 1920 x 1080.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from itertools import accumulate
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.reprojection import PROJECTING, Found, find_camera
from poseda_cli.checks.sanity import check_pixels, check_poses
from poseda_cli.dataset import Origin, PoseDataset, PoseHeads, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import mpi_inf_3dhp_test_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.pose_files import (
    InPieces,
    Look,
    Looked,
    Poses,
    Whole,
    in_order,
    in_rows,
    left_in_files,
    rows_of,
)
from poseda_cli.reading.view_cameras import check_camera_space
from poseda_cli.skeleton import MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive
from poseda_cli.streamed import MOST_ROWS

ORIGIN = Origin("mpi-inf-3dhp-test", "mpi_inf_3dhp")
POSES_3D, POSES_2D = "annot3", "annot2"
NEEDED = (POSES_2D, POSES_3D, "valid_frame")
# The test set has one sequence a subject; the field files it under this name.
ACTION = "Seq1"
SHORT_TS6 = 392


def refusal(archive: Archive) -> str | None:
    """None if this is an annot_data.mat of the test set, else why not."""
    missing = [name for name in NEEDED if name not in archive.members]
    if len(missing) == len(NEEDED):
        return f"needs data sets {', '.join(NEEDED)}"
    return f"lacks data sets {', '.join(missing)}" if missing else None


class _File:
    """The valid frames of one archive; `frames` is how many there are with the others."""

    members: tuple[str, ...] = (POSES_3D, POSES_2D)

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.frames = _frames(archive)
        valid = [values != 0 for values in in_order(archive, "valid_frame")]
        self._valid = np.concatenate([np.empty(0, bool), *valid])
        # Before which of them there are how many valid ones, block by block.
        blocks = range(0, self.frames, MOST_ROWS)
        self._before = [0, *accumulate(int(self._valid[start : start + MOST_ROWS].sum()) for start in blocks)]
        for name, coordinates in ((POSES_3D, 3), (POSES_2D, 2)):
            _check_annotation(archive, name, coordinates, self.frames)

    def __len__(self) -> int:
        return self._before[-1]

    def poses(self, start: int, stop: int) -> Poses:
        """Some of them, as stored."""
        frames = self._frames_of(start, stop)
        poses_3d, poses_2d = (rows_of(self.archive, name, frames) for name in self.members)
        joints = len(MPI_INF_3DHP17)
        return Poses(poses_3d.reshape(-1, joints, 3), poses_2d.reshape(-1, joints, 2), np.arange(start, stop))

    def metres(self, poses_3d: NDArray[Any]) -> NDArray[Any]:
        """3D as stored in metres."""
        metres: NDArray[Any] = poses_3d / 1000
        return metres

    def _frames_of(self, start: int, stop: int) -> NDArray[np.int64]:
        """Where the valid frames `start` to `stop` are among all."""
        first, last = bisect_right(self._before, start) - 1, bisect_left(self._before, stop)
        frames = first * MOST_ROWS + np.flatnonzero(self._valid[first * MOST_ROWS : last * MOST_ROWS])
        return frames[start - self._before[first] : stop - self._before[first]]


class _Sequence(NamedTuple):
    """One file, which of its poses were looked at, and the camera that was found."""

    file: _File
    name: str
    looked: Looked
    found: Found


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The valid frames of some test sequences, in the order given.

    Raises
    ------
    ArchiveError : shapes, units or joint order are not those of the layout
    InputError : the same sequence twice, or no valid frame in any
    """
    parts = _look_at(archives, Whole(), progress)
    return _dataset(_columns(parts), parts)


def is_streamed(archive: Archive) -> bool:
    """Whether `stream` can leave the poses in the file."""
    return in_rows(archive)


def stream(archives: list[Archive], progress: Progress) -> PoseHeads:
    """As `read`, with the poses left in their files, of each of which `is_streamed` says so."""
    look = InPieces()
    parts = _look_at(archives, look, progress)
    columns = _columns(parts)
    columns.absent = look.absent
    files = [part.file for part in parts]
    return left_in_files(_dataset(columns, parts), files, [len(file) for file in files if len(file)])


def _look_at(archives: list[Archive], look: Look, progress: Progress) -> list[_Sequence]:
    sequences: dict[str, _Sequence] = {}
    with progress("reading", sum(_frames(archive) for archive in archives)) as advance:
        for archive in archives:
            subject = _subject(archive)
            if subject in sequences:
                raise InputError(f"{archive.name} and {sequences[subject].name} are both {subject}. Name one of them.")
            file = _File(archive)
            (looked,) = look.at(file, [range(len(file))], advance)
            advance(file.frames - len(file))
            sequences[subject] = _Sequence(file, archive.name, looked, _check(file, looked.many, subject))
    return list(sequences.values())


def _columns(parts: list[_Sequence]) -> Columns:
    """What was looked at, in columns."""
    if not any(len(part.file) for part in parts):
        raise InputError(f"{listed(part.name for part in parts)}: no frame is valid (valid_frame is 0 throughout).")
    kept = [part.looked.few for part in parts]
    columns = Columns(sum(len(few.number) for few in kept), MPI_INF_3DHP17, has_3d=True, has_2d=True)
    for part, few in zip(parts, kept, strict=True):
        poses = {"poses_3d": part.file.metres(few.poses_3d), "poses_2d": few.poses_2d}
        columns.add(part.found.camera.name, ACTION, part.found.camera, len(few.number), **poses)
    return columns


def _dataset(columns: Columns, parts: list[_Sequence]) -> PoseDataset:
    stored = Stored(MPI_INF_3DHP17, "mm", "camera", "pixels")
    relative = {part.found.kind == "root-relative" for part in parts if len(part.file)} == {True}
    if relative:
        stored = stored._replace(frame="root-relative")
    return columns.dataset(ORIGIN, stored, notes=_notes(parts), problems=_problems(parts), absolute=not relative)


def _problems(parts: list[_Sequence]) -> list[Problem]:
    """The release of May 2019 has 60 valid frames fewer in TS6 than the one that papers count."""
    return [
        Problem(
            "ts6-release",
            "note",
            f"TS6 has {SHORT_TS6} valid frames, as in the release of May 2019; papers count 452 (2,929 in all six)",
        )
        for part in parts
        if part.found.camera.name == "TS6" and len(part.file) == SHORT_TS6
    ]


def _frames(archive: Archive) -> int:
    return math.prod(archive.members["valid_frame"][0])


def _subject(archive: Archive) -> str:
    """TS1 ... TS6 from the folder, since the file has the same name in all of them; else the file's own name."""
    folder = archive.file.folders[-1] if archive.file.folders else ""
    if re.fullmatch(r"(?i)TS\d+", folder):
        return folder.upper()
    stem = PurePath(archive.file.base).stem
    return folder if stem == "annot_data" and folder else stem


def _check(file: _File, poses: Poses, subject: str) -> Found:
    """The camera that took a sequence.

    Raises
    ------
    ArchiveError : content that is not what the layout says
    """
    name = file.archive.name
    check_poses(poses.poses_3d, MPI_INF_3DHP17, "mm", name, POSES_3D)
    check_pixels(poses.poses_2d, name, POSES_2D)
    if not len(file):
        return Found(Camera(subject), "annot3", subject)
    metres = file.metres(poses.poses_3d)
    found = find_camera(subject, mpi_inf_3dhp_test_cameras(), metres, poses.poses_2d)
    if found.kind not in PROJECTING:
        check_camera_space(metres, poses.poses_2d, MPI_INF_3DHP17, name, POSES_3D)
    return found


def _notes(parts: list[_Sequence]) -> tuple[str, ...]:
    """What was read, and about which cameras the user should know something."""
    valid, frames = sum(len(part.file) for part in parts), sum(part.file.frames for part in parts)
    notes = [f"millimetres, camera space; {valid:,} of {frames:,} frames valid"]
    notes += [f"{part.name}: {note}" for part in parts if (note := part.found.note())]
    if any(part.found.kind == "univ_annot3" for part in parts):
        notes.append("annot3 projects onto annot2 at the pelvis alone, as univ_annot3 does")
    if len(notes) == 1:
        notes[0] += "; 2D and 3D agree with the published cameras"
    return tuple(notes)


def _check_annotation(archive: Archive, name: str, coordinates: int, frames: int) -> None:
    shape, dtype = archive.members[name]
    expected = (frames, 1, len(MPI_INF_3DHP17), coordinates)
    if shape not in (expected, (frames, *expected[2:])) or dtype.kind not in "fiu":
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected numbers of shape {expected}", name)
