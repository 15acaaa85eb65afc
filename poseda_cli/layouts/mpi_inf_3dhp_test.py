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
from pathlib import PurePath
from typing import Any, NamedTuple

from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.reprojection import PROJECTING, Found, find_camera
from poseda_cli.checks.sanity import check_pixels, check_poses
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import mpi_inf_3dhp_test_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.view_cameras import check_camera_space
from poseda_cli.skeleton import MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("mpi-inf-3dhp-test", "mpi_inf_3dhp")
NEEDED = ("annot2", "annot3", "valid_frame")
# The test set has one sequence a subject; the field files it under this name.
ACTION = "Seq1"
SHORT_TS6 = 392


def refusal(archive: Archive) -> str | None:
    """None if this is an annot_data.mat of the test set, else why not."""
    missing = [name for name in NEEDED if name not in archive.members]
    if len(missing) == len(NEEDED):
        return f"needs data sets {', '.join(NEEDED)}"
    return f"lacks data sets {', '.join(missing)}" if missing else None


class _Sequence(NamedTuple):
    """The valid frames of one file."""

    name: str
    poses_3d: NDArray[Any]
    poses_2d: NDArray[Any]
    found: Found
    frames: int


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The valid frames of some test sequences, in the order given.

    Raises
    ------
    ArchiveError : shapes, units or joint order are not those of the layout
    InputError : the same sequence twice, or no valid frame in any
    """
    sequences: dict[str, _Sequence] = {}
    with progress("reading", sum(_frames(archive) for archive in archives)) as advance:
        for archive in archives:
            subject = _subject(archive)
            if subject in sequences:
                raise InputError(f"{archive.name} and {sequences[subject].name} are both {subject}. Name one of them.")
            sequences[subject] = _read_one(archive, subject)
            advance(_frames(archive))
    parts = list(sequences.values())
    count = sum(len(part.poses_3d) for part in parts)
    if not count:
        raise InputError(f"{listed(part.name for part in parts)}: no frame is valid (valid_frame is 0 throughout).")
    columns = Columns(count, MPI_INF_3DHP17, has_3d=True, has_2d=True)
    for part in parts:
        poses = {"poses_3d": part.poses_3d, "poses_2d": part.poses_2d}
        columns.add(part.found.camera.name, ACTION, part.found.camera, len(part.poses_3d), **poses)
    stored = Stored(MPI_INF_3DHP17, "mm", "camera", "pixels")
    relative = {part.found.kind == "root-relative" for part in parts if len(part.poses_3d)} == {True}
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
        if part.found.camera.name == "TS6" and len(part.poses_3d) == SHORT_TS6
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


def _read_one(archive: Archive, subject: str) -> _Sequence:
    valid = archive.array("valid_frame").reshape(-1) != 0
    poses_3d = _annotation(archive, "annot3", 3, len(valid))[valid]
    poses_2d = _annotation(archive, "annot2", 2, len(valid))[valid]
    check_poses(poses_3d, MPI_INF_3DHP17, "mm", archive.name, "annot3")
    poses_3d = poses_3d / 1000
    check_pixels(poses_2d, archive.name, "annot2")
    if len(poses_3d):
        found = find_camera(subject, mpi_inf_3dhp_test_cameras(), poses_3d, poses_2d)
        if found.kind not in PROJECTING:
            check_camera_space(poses_3d, poses_2d, MPI_INF_3DHP17, archive.name, "annot3")
    else:
        found = Found(Camera(subject), "annot3", subject)
    return _Sequence(archive.name, poses_3d, poses_2d, found, len(valid))


def _notes(parts: list[_Sequence]) -> tuple[str, ...]:
    """What was read, and about which cameras the user should know something."""
    valid, frames = sum(len(part.poses_3d) for part in parts), sum(part.frames for part in parts)
    notes = [f"millimetres, camera space; {valid:,} of {frames:,} frames valid"]
    notes += [f"{part.name}: {note}" for part in parts if (note := part.found.note())]
    if any(part.found.kind == "univ_annot3" for part in parts):
        notes.append("annot3 projects onto annot2 at the pelvis alone, as univ_annot3 does")
    if len(notes) == 1:
        notes[0] += "; 2D and 3D agree with the published cameras"
    return tuple(notes)


def _annotation(archive: Archive, name: str, coordinates: int, frames: int) -> NDArray[Any]:
    shape, dtype = archive.members[name]
    expected = (frames, 1, len(MPI_INF_3DHP17), coordinates)
    if shape not in (expected, (frames, *expected[2:])) or dtype.kind not in "fiu":
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected numbers of shape {expected}", name)
    return archive.array(name).reshape(frames, *expected[2:])
