"""MPI-INF-3DHP's raw training set: folders S1/Seq1 ... S8/Seq2, each with `annot.mat`.

MATLAB v5 (SciPy reads it: the extra `mat`). `annot3` and `annot2` are cells (14, 1), one entry a
camera: (F, 84) millimetres in the space of that camera and (F, 56) pixels, x1 y1 (z1) x2 ... of the
28 joints of 3dhp28, root 4; `cameras` their numbers, `frames` 0 to F-1. `univ_annot3`, the same poses
scaled about the pelvis to a standard height, is not read. The 17 joints that the test set has are
kept, in its order (3dhp17).

Give one file, one Seq folder, or the whole tree. Subject and sequence are the names of the folders
that a file lies in; the file itself does not know them. Rows behind the last frame of a sequence's
videos, which some files have, are left out.

Cameras come from `camera.calibration` beside the file, and from the published table, which has the
same numbers, where there is none. annot3 must project onto annot2 with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.reprojection import Findings, Found, find_camera
from poseda_cli.checks.sanity import METRES, check_pixels, check_poses
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, DamagedArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import MPI_INF_3DHP_TRAIN_FRAMES, mpi_inf_3dhp_train_cameras
from poseda_cli.reading.calibration import BASE, beside, differences, is_calibration, read_calibration
from poseda_cli.reading.columns import Columns
from poseda_cli.skeleton import MPI_INF_3DHP17, MPI_INF_3DHP28, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("mpi-inf-3dhp-train", "mpi_inf_3dhp")
BESIDE = (BASE,)
CELLS = ("annot2", "annot3")
NUMBERS = ("cameras", "frames")
# Its video ends before the annotation does.
SHORT_VIDEO = ("S6", "Seq2", "2")


def refusal(archive: Archive) -> str | None:
    """None if this is an annot.mat of the training set or its camera.calibration, else why not."""
    if is_calibration(archive):
        ours = archive.file.beside("annot.mat") is not None or archive.file.beside("metadata.h5") is None
        return None if ours else "needs annot.mat beside it, not metadata.h5"
    # One cell is enough: of a file that was cut off the other variables are missing, and `read` says so.
    if not any(name in archive.members and archive.members[name][1].kind == "O" for name in CELLS):
        return f"needs cells {' and '.join(CELLS)}"
    return None


class _Sequence(NamedTuple):
    """One file: what it is of, the numbers of its cameras, and how many frames to read of how many."""

    archive: Archive
    subject: str
    action: str
    cameras: list[str]
    frames: int
    rows: int


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some training sequences before all their cameras.

    Raises
    ------
    ArchiveError : shapes, units or joint order are not those of the layout, or nobody knows whose poses they are
    InputError : the same sequence twice, cameras without poses, or no frame
    """
    calibrations = {a.file.identity: read_calibration(a) for a in archives if is_calibration(a)}
    sequences = [_sequence(archive) for archive in archives if not is_calibration(archive)]
    names = listed(archive.name for archive in archives)
    if not sequences:
        raise InputError(f"{names}: cameras without poses. Name the annot.mat, too.")
    check_distinct({sequence.archive.name: (sequence.subject, sequence.action) for sequence in sequences})
    count = sum(len(sequence.cameras) * sequence.frames for sequence in sequences)
    if not count:
        raise InputError(f"{names}: no frame.")
    columns = Columns(count, MPI_INF_3DHP17, has_3d=True, has_2d=True)
    findings, problems = Findings(), []
    with progress("reading", count) as advance:
        for sequence in sequences:
            calibrated = beside(sequence.archive, calibrations)
            problems += calibration_problems(sequence.archive, calibrated, mpi_inf_3dhp_train_cameras())
            for camera in _fill(columns, sequence, calibrated, findings):
                advance(sequence.frames)
                if (sequence.subject, sequence.action, camera) == SHORT_VIDEO:
                    message = "S6 Seq2: the video of camera 2 ends before its annotation; margipose leaves it out"
                    problems.append(Problem("short-video", "note", message))
    relative = findings.relative(names)
    notes = [
        f"28 joints, of which 17 are kept; millimetres, camera space; 3D is {findings.summary} by reprojection",
        *_cut_notes(sequences),
        *findings.notes,
    ]
    stored = Stored(MPI_INF_3DHP28, "mm", "root-relative" if relative else "camera", "pixels")
    problems += [*_short_problems(sequences), *findings.problems()]
    return columns.dataset(ORIGIN, stored, notes=notes, problems=problems, absolute=not relative)


def folder_sequence(archive: Archive) -> tuple[str, str]:
    """Subject and sequence of a file in S1/Seq1.

    Raises
    ------
    ArchiveError : it does not lie in such a folder
    """
    place = "/".join(archive.file.folders[-2:])
    found = re.fullmatch(r"(?i)(S\d+)/(Seq\d+)", place)
    key = (found[1].upper(), found[2].capitalize()) if found else ("", "")
    if key not in MPI_INF_3DHP_TRAIN_FRAMES:
        raise ArchiveError(
            archive.name,
            f"whose poses are these? The file lies in {place or 'no folder'}, expected S1/Seq1 to S8/Seq2. Put it into "
            "folders of these names, as in the release.",
            code="ambiguous",
        )
    return key


def check_distinct(places: Mapping[str, tuple[str, str]]) -> None:
    """Refuse two files of one sequence.

    Parameters
    ----------
    places : subject and sequence by the name of the file
    """
    seen: dict[tuple[str, str], str] = {}
    for name, place in places.items():
        if place in seen:
            raise InputError(f"{name} and {seen[place]} are both {' '.join(place)}. Name one of them.")
        seen[place] = name


def calibration_problems(
    archive: Archive, calibrated: Mapping[str, Camera], published: Mapping[str, Camera]
) -> list[Problem]:
    """Warnings about cameras of a calibration that are not the published ones, or missing.

    Parameters
    ----------
    archive : the file of poses that the calibration lies beside
    calibrated : its cameras, none if there is no calibration
    published : the cameras that are published, by the same names
    """
    if not calibrated:
        return []
    problems = []
    where = f"camera.calibration beside {archive.name}"
    if differing := differences(calibrated, published):
        message = f"{where} differs from the published table in camera {listed(differing)}; its own numbers are used"
        problems.append(Problem("calibration-differs", "warning", message))
    if missing := [name for name in published if name not in calibrated]:
        message = f"{where} lacks camera {listed(missing)}; the published table is used for them"
        problems.append(Problem("calibration-incomplete", "warning", message))
    return problems


def _sequence(archive: Archive) -> _Sequence:
    if missing := [name for name in (*CELLS, *NUMBERS) if name not in archive.members]:
        raise DamagedArchiveError(archive.name, f"lacks {', '.join(missing)}; it may be cut off. Fetch it again.")
    for members, kinds, expected in ((CELLS, "O", "a cell"), (NUMBERS, "fiu", "numbers")):
        for name in members:
            shape, dtype = archive.members[name]
            if dtype.kind not in kinds:
                raise ArchiveError(archive.name, f"{dtype} {shape}, expected {expected}", name)
    subject, action = folder_sequence(archive)
    frames, cameras = (archive.array(name).reshape(-1) for name in ("frames", "cameras"))
    if not np.array_equal(frames, np.arange(len(frames))):
        raise ArchiveError(archive.name, "expected all frames, 0, 1, 2 and so on", "frames")
    names = [f"{camera:g}" for camera in cameras]
    if not names or len(set(names)) != len(names):
        raise ArchiveError(archive.name, f"cameras {listed(names)}, expected different numbers", "cameras")
    kept = min(len(frames), MPI_INF_3DHP_TRAIN_FRAMES[subject, action])
    return _Sequence(archive, subject, action, names, kept, len(frames))


def _fill(columns: Columns, sequence: _Sequence, calibrated: Mapping[str, Camera], findings: Findings) -> list[str]:
    """Add one file, camera by camera; their names."""
    archive = sequence.archive
    joints = joint_map(MPI_INF_3DHP28, MPI_INF_3DHP17)
    solid, flat = (_cells(sequence, name) for name in ("annot3", "annot2"))
    for index, camera in enumerate(sequence.cameras):
        # Popped: double precision of 14 cameras need not outlive its copy.
        three = _values(sequence, "annot3", index, solid.pop(0), 3)
        two = _values(sequence, "annot2", index, flat.pop(0), 2)
        if not sequence.frames:
            continue
        check_poses(three, MPI_INF_3DHP28, "mm", archive.name, f"annot3[{index}]")
        check_pixels(two, archive.name, f"annot2[{index}]")
        three, two = three[:, joints] * METRES["mm"], two[:, joints]
        found = _find(camera, calibrated, three, two)
        findings.add(f"{sequence.subject} {sequence.action} camera {camera}", found, len(three))
        columns.add(sequence.subject, sequence.action, found.camera, len(three), poses_3d=three, poses_2d=two)
    return sequence.cameras


def _find(name: str, calibrated: Mapping[str, Camera], three: NDArray[Any], two: NDArray[Any]) -> Found:
    """The camera by the file's own numbers; by the published ones where there are none, or where those do not fit."""
    published = mpi_inf_3dhp_train_cameras()
    found = find_camera(name, {**published, **calibrated}, three, two)
    return find_camera(name, published, three, two) if found.kind == "unknown" else found


def _cells(sequence: _Sequence, name: str) -> list[Any]:
    """The entries of a cell, one a camera, whichever way it lies."""
    tree = sequence.archive.take_tree(name)
    cells = [cell for row in tree for cell in row] if isinstance(tree, list) else []
    if len(cells) != len(sequence.cameras):
        raise ArchiveError(
            sequence.archive.name,
            f"{len(cells)} entries, expected one for each of {len(sequence.cameras)} cameras",
            name,
        )
    return cells


def _values(sequence: _Sequence, name: str, index: int, cell: Any, coordinates: int) -> NDArray[Any]:
    width = len(MPI_INF_3DHP28) * coordinates
    good = isinstance(cell, np.ndarray) and cell.ndim == 2 and cell.shape[1] == width and cell.dtype.kind in "fiu"
    if not good or len(cell) < sequence.rows:
        found = f"{cell.dtype} {cell.shape}" if isinstance(cell, np.ndarray) else type(cell).__name__
        raise ArchiveError(
            sequence.archive.name, f"{found}, expected numbers of shape ({sequence.rows}, {width})", f"{name}[{index}]"
        )
    values: NDArray[Any] = cell[: sequence.frames].reshape(-1, len(MPI_INF_3DHP28), coordinates)
    return values


def _cut_notes(sequences: list[_Sequence]) -> list[str]:
    return [
        f"{s.subject} {s.action}: {s.rows:,} rows, of which the first {s.frames:,}, which have video, are read"
        for s in sequences
        if s.rows > s.frames
    ]


def _short_problems(sequences: list[_Sequence]) -> list[Problem]:
    short = [s for s in sequences if s.frames < MPI_INF_3DHP_TRAIN_FRAMES[s.subject, s.action]]
    if not short:
        return []
    found = (
        f"{s.subject} {s.action} ({s.frames:,} of {MPI_INF_3DHP_TRAIN_FRAMES[s.subject, s.action]:,})" for s in short
    )
    message = f"fewer frames than the release has: {listed(found, most=4)}"
    return [Problem("frame-count", "note", message)]
