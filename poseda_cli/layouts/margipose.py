"""MPI-INF-3DHP as margipose has processed it: folders S1/Seq1 ..., each with `metadata.h5`.

HDF5. `joints3d` (cameras, frames, joints, 3): millimetres, camera space, annot3; of the training set
14 cameras and the 28 joints of 3dhp28 (17 are kept, those of 3dhp17), of the test set one camera and
3dhp17. `scale` (1,): annot3 about the pelvis divided by it is univ_annot3; it is not applied.
`interesting_frames/camera0` ...: row numbers. There is no 2D.

Of the training set all rows are read; the interesting ones are margipose's choice of poses that
differ. Of the test set the interesting rows are the valid ones, and only those are read. The test
sequences TS1 to TS6 lie in folders S1/Seq1 to S6/Seq1; the single camera tells them.

Cameras come from `camera.calibration` beside the file, else from the published table. margipose makes
one up for each test sequence, with intrinsics that it has estimated from all joints and that miss by
up to a pixel. It copies annot.mat and annot_data.mat there, too: of a folder with both name the layout
to be read, `--layout margipose` or the raw one, which has 2D.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.mpi_inf_3dhp_space import SpaceCheck, is_relative, published_cameras
from poseda_cli.checks.reprojection import Findings, Found
from poseda_cli.checks.sanity import METRES, check_poses
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.layouts.mpi_inf_3dhp_train import calibration_problems, check_distinct, folder_sequence
from poseda_cli.progress import Progress
from poseda_cli.reading.calibration import BASE, beside, is_calibration, read_calibration
from poseda_cli.reading.columns import Columns
from poseda_cli.skeleton import MPI_INF_3DHP17, MPI_INF_3DHP28, Skeleton, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("margipose", "mpi_inf_3dhp")
BESIDE = (BASE,)
JOINTS, SCALE, INTERESTING = "joints3d", "scale", "interesting_frames/"
# Cameras and joint set of the training and of the test set.
KINDS = {(14, 28): MPI_INF_3DHP28, (1, 17): MPI_INF_3DHP17}
# Pixels; margipose's estimates of the test set's cameras are this good.
ESTIMATE = 1.0


def refusal(archive: Archive) -> str | None:
    """None if this is a metadata.h5 of margipose or its camera.calibration, else why not."""
    if is_calibration(archive):
        return None if archive.file.beside("metadata.h5") is not None else "needs metadata.h5 beside it"
    if JOINTS not in archive.members:
        return f"needs a data set {JOINTS}"
    if not any(name.startswith(INTERESTING) for name in archive.members):
        return f"lacks data sets {INTERESTING}camera0 and on"
    shape, dtype = archive.members[JOINTS]
    if len(shape) != 4 or shape[3] != 3 or (shape[0], shape[2]) not in KINDS or dtype.kind not in "fiu":
        return f"{JOINTS} is {dtype} {shape}, expected numbers of shape (14, F, 28, 3) or (1, F, 17, 3)"
    return None


class _Sequence(NamedTuple):
    """One file: whose poses, and which of its rows to read (all if None)."""

    archive: Archive
    subject: str
    action: str
    skeleton: Skeleton
    cameras: list[str]
    rows: NDArray[np.int64] | None
    frames: int


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some sequences, before all their cameras.

    Raises
    ------
    ArchiveError : units, joint order or frame are not those of the layout, or nobody knows whose poses they are
    InputError : the same sequence twice, cameras without poses, or no frame
    """
    calibrations = {a.file.identity: read_calibration(a) for a in archives if is_calibration(a)}
    sequences = [_sequence(archive) for archive in archives if not is_calibration(archive)]
    names = listed(archive.name for archive in archives)
    if not sequences:
        raise InputError(f"{names}: cameras without poses. Name the metadata.h5, too.")
    check_distinct({sequence.archive.name: (sequence.subject, sequence.action) for sequence in sequences})
    count = sum(len(sequence.cameras) * sequence.frames for sequence in sequences)
    if not count:
        raise InputError(f"{names}: no frame.")
    columns = Columns(count, MPI_INF_3DHP17, has_3d=True)
    findings, space, problems = Findings(), SpaceCheck(MPI_INF_3DHP17), []
    with progress("reading", count) as advance:
        for sequence in sequences:
            cameras, faults = _cameras(sequence, beside(sequence.archive, calibrations))
            problems += faults
            _fill(columns, sequence, cameras, findings, space)
            advance(len(sequence.cameras) * sequence.frames)
    space.conclude(names)
    relative = findings.relative(names)
    stored = Stored(sequences[0].skeleton, "mm", "root-relative" if relative else "camera")
    dataset = columns.dataset(ORIGIN, stored, notes=_notes(sequences), problems=problems, absolute=not relative)
    if len({sequence.skeleton for sequence in sequences}) > 1:
        return replace(dataset, origin=replace(dataset.origin, stored=None))
    return dataset


def _sequence(archive: Archive) -> _Sequence:
    subject, action = folder_sequence(archive)
    (count, frames, joints, _), _ = archive.members[JOINTS]
    if count > 1:
        return _Sequence(archive, subject, action, KINDS[count, joints], [str(c) for c in range(count)], None, frames)
    subject = f"T{subject}"
    if action != "Seq1" or subject not in published_cameras(subject):
        raise ArchiveError(
            archive.name,
            f"one camera, as in the test set, but {'/'.join(archive.file.folders[-2:])}; expected S1/Seq1 to S6/Seq1.",
            JOINTS,
            code="ambiguous",
        )
    rows = _valid(archive, frames)
    return _Sequence(archive, subject, action, KINDS[count, joints], [subject], rows, len(rows))


def _valid(archive: Archive, frames: int) -> NDArray[np.int64]:
    member = f"{INTERESTING}camera0"
    if member not in archive.members:
        raise ArchiveError(archive.name, f"no {member}, which says which frames are valid.")
    rows = archive.array(member)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or (len(rows) and not 0 <= rows.min() <= rows.max() < frames):
        raise ArchiveError(archive.name, f"expected row numbers below {frames}", member)
    return np.unique(rows.astype(np.int64))


def _cameras(sequence: _Sequence, calibrated: Mapping[str, Camera]) -> tuple[list[Camera], list[Problem]]:
    """The cameras of a sequence, by its own calibration where there is one, and what is wrong with them."""
    published = published_cameras(sequence.subject)
    if sequence.rows is None:
        cameras = [calibrated.get(name, published[name]) for name in sequence.cameras]
        return cameras, calibration_problems(sequence.archive, calibrated, published)
    known = published[sequence.subject]
    if not calibrated:
        return [known], []
    estimate = next(iter(calibrated.values())).intrinsics
    camera = replace(known, intrinsics=estimate)
    own, other = (np.array(tuple(vars(lens).values())) for lens in (estimate, known.intrinsics))
    if np.abs(own - other).max() <= ESTIMATE:
        return [camera], []
    return [camera], calibration_problems(sequence.archive, {known.name: camera}, {known.name: known})


def _fill(columns: Columns, sequence: _Sequence, cameras: list[Camera], findings: Findings, space: SpaceCheck) -> None:
    archive, skeleton = sequence.archive, sequence.skeleton
    everything = archive.array(JOINTS)
    for index, camera in enumerate(cameras):
        poses: NDArray[Any] = everything[index] if sequence.rows is None else everything[index][sequence.rows]
        if not len(poses):
            continue
        member = f"{JOINTS}[{index}]"
        check_poses(poses, skeleton, "mm", archive.name, member)
        poses = poses.take(joint_map(skeleton, MPI_INF_3DHP17), axis=1) * METRES["mm"]
        space.look(poses, camera, archive.name, member)
        kind = "root-relative" if is_relative(poses, MPI_INF_3DHP17) else "unchecked"
        findings.add(f"{sequence.subject} {sequence.action}", Found(camera, kind, camera.name), len(poses))
        columns.add(sequence.subject, sequence.action, camera, len(poses), poses_3d=poses)


def _notes(sequences: list[_Sequence]) -> list[str]:
    notes = ["millimetres, camera space; cameras are those of their places, unchecked: there is no 2D to compare with"]
    if valid := [s for s in sequences if s.rows is not None]:
        frames = sum(s.archive.members[JOINTS][0][1] for s in valid)
        notes.append(f"test set: {sum(s.frames for s in valid):,} of {frames:,} frames are valid and read")
    return notes
