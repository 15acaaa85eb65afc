"""MPI-INF-3DHP's test set as Xingyi Zhou's pose-hg-3d has it: `annotTest.h5`.

HDF5, one row a valid frame of any sequence: `TSId` (n,) 1 to 6, `data_id` (n,) the frame, from 1,
`univ_annot3` (n, 17, 3) millimetres in camera space, scaled about the pelvis to a standard height,
`annot_2d` (n, 17, 2) pixels; besides `id`, `valid_frame`, `activity_annotation`, `bbox`. Joints in the
order of 3dhp17, root 14; his readers take 16 of them in the order of mpii16.

Rows are put into the order of frames, sequence by sequence, if they are not. The file does not say which
camera took them: the published one of the sequence is tried, then the others, and the pelvis of 3D
must project onto that of 2D. The other joints of universal poses do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.checks.reprojection import PROJECTING, Findings, find_camera
from poseda_cli.checks.sanity import METRES, check_pixels, check_poses
from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import mpi_inf_3dhp_test_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.view_cameras import check_camera_space
from poseda_cli.skeleton import MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("zhou", "mpi_inf_3dhp")
NEEDED = ("TSId", "data_id", "univ_annot3", "annot_2d")
VALID = "valid_frame"
ACTION = "Seq1"


def refusal(archive: Archive) -> str | None:
    """None if this is an annotTest.h5, else why not."""
    if "TSId" not in archive.members:
        return f"needs data sets {', '.join(NEEDED)}"
    missing = [name for name in NEEDED if name not in archive.members]
    return f"lacks data sets {', '.join(missing)}" if missing else None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The valid frames of an annotTest.h5, by sequence.

    Raises
    ------
    ArchiveError : shapes, units or joint order are not those of the layout, or a sequence that there is not
    InputError : several archives, or no valid frame
    """
    if len(archives) > 1:
        raise InputError(f"{listed(a.name for a in archives)} both hold the test set. Name one of them.")
    archive = archives[0]
    numbers, frames = _column(archive, "TSId"), _column(archive, "data_id")
    _check_numbers(archive, numbers, frames)
    valid = _column(archive, VALID) != 0 if VALID in archive.members else np.ones(len(numbers), bool)
    if len(valid) != len(numbers):
        raise ArchiveError(archive.name, f"{len(valid)} flags for {len(numbers)} rows", VALID)
    if not valid.any():
        raise InputError(f"{archive.name}: no frame is valid.")
    solid, flat = _poses(archive, "univ_annot3", 3, len(numbers)), _poses(archive, "annot_2d", 2, len(numbers))
    columns = Columns(int(valid.sum()), MPI_INF_3DHP17, has_3d=True, has_2d=True)
    findings, rows = Findings(), []
    with progress("reading", int(valid.sum())) as advance:
        for number in dict.fromkeys(numbers[valid].tolist()):
            name = f"TS{number:g}"
            chosen = np.flatnonzero(valid & (numbers == number))
            chosen = chosen[np.argsort(frames[chosen], kind="stable")]
            three, two = solid[chosen], flat[chosen]
            check_poses(three, MPI_INF_3DHP17, "mm", archive.name, f"univ_annot3 of {name}")
            check_pixels(two, archive.name, f"annot_2d of {name}")
            three = three * METRES["mm"]
            found = find_camera(name, mpi_inf_3dhp_test_cameras(), three, two)
            if found.kind not in PROJECTING:
                check_camera_space(three, two, MPI_INF_3DHP17, archive.name, f"univ_annot3 of {name}")
            findings.add(name, found, len(chosen))
            columns.add(name, ACTION, found.camera, len(chosen), poses_3d=three, poses_2d=two)
            rows.append(chosen)
            advance(len(chosen))
    relative = findings.relative(archive.name)
    order = np.concatenate(rows)
    notes = [f"millimetres, camera space; 3D is {findings.summary} by reprojection", *findings.notes]
    if len(order) > 1 and (np.diff(order) < 0).any():
        notes.append("rows put into the order of frames, sequence by sequence")
    stored = Stored(MPI_INF_3DHP17, "mm", "root-relative" if relative else "camera", "pixels")
    return columns.dataset(ORIGIN, stored, notes=notes, problems=findings.problems(), absolute=not relative, rows=order)


def _check_numbers(archive: Archive, numbers: NDArray[Any], frames: NDArray[Any]) -> None:
    known = mpi_inf_3dhp_test_cameras()
    unknown = [f"{number:g}" for number in np.unique(numbers) if f"TS{number:g}" not in known]
    if unknown:
        raise ArchiveError(archive.name, f"sequence {listed(unknown, most=4)}, expected 1 to 6", "TSId")
    if len(frames) != len(numbers):
        raise ArchiveError(archive.name, f"{len(frames)} rows, TSId has {len(numbers)}", "data_id")
    pairs = np.unique(np.stack([numbers.astype(np.float64), frames.astype(np.float64)]), axis=1)
    if pairs.shape[1] != len(numbers):
        raise ArchiveError(archive.name, "a frame of a sequence more than once", "data_id")


def _column(archive: Archive, name: str) -> NDArray[Any]:
    values = archive.array(name)
    if values.dtype.kind not in "fiub" or values.size != max(values.shape, default=0):
        raise ArchiveError(archive.name, f"{values.dtype} {values.shape}, expected one number a row", name)
    return values.reshape(-1)


def _poses(archive: Archive, name: str, coordinates: int, count: int) -> NDArray[Any]:
    shape, dtype = archive.members[name]
    expected = (count, len(MPI_INF_3DHP17), coordinates)
    if shape != expected or dtype.kind not in "fiu":
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected numbers of shape {expected}", name)
    return archive.array(name)
