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

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.h36m_space import PROJECTS, SpaceCheck, reprojection
from poseda_cli.checks.sanity import METRES, check_pixels
from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.errors import ArchiveError
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.h36m_names import by_ids, only_once, subject_in
from poseda_cli.skeleton import H36M17, H36M32, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("h36m-fetch", "h36m")
POSES_3D, POSES_2D, UNIVERSAL = "pose/3d", "pose/2d", "pose/3d-univ"
IDS = ("subject", "action", "subaction")
COLUMNS = ("camera", "frame", *IDS)


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


class _File(NamedTuple):
    """One archive: its sequence, and the rows of each camera in the order of time."""

    archive: Archive
    subject: str
    action: str
    views: dict[int, NDArray[np.int64]]


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some files of h36m-fetch, one sequence before four cameras (or three) each.

    Raises
    ------
    ArchiveError : rows of several sequences, ids that the release does not have or that contradict the
        folder, units, joint order or frame other than the layout's, 3D that does not project onto the 2D
    InputError : a sequence twice
    """
    files = [_file(archive) for archive in archives]
    only_once((f"{file.subject} {file.action}" for file in files), archives)
    count = sum(len(rows) for file in files for rows in file.views.values())
    columns = Columns(count, H36M17, has_3d=True, has_2d=True)
    check = SpaceCheck(H36M17, "mm", "camera")
    # Of all files' rows, one after the other.
    order: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    before = 0
    with progress("reading", count) as advance:
        for file in files:
            _add(columns, file, check)
            order += [rows + before for rows in file.views.values()]
            before += file.archive.members["frame"][0][0]
            advance(sum(len(rows) for rows in file.views.values()))
    check.conclude(archives[0].name)
    notes = [
        "millimetres, camera space, 32 joints; 3D projects onto 2D with the published cameras",
        "published intrinsics used in place of the file's, which are fitted to each sequence without distortion",
    ]
    stored = Stored(H36M32, "mm", "camera", "pixels")
    problems = h36m_problems(columns.sequences)
    return columns.dataset(ORIGIN, stored, notes=notes, problems=problems, rows=np.concatenate(order))


def _file(archive: Archive) -> _File:
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
    cameras, frames = archive.array("camera"), archive.array("frame")
    known = {int(camera.name) for camera in h36m_cameras(subject)}
    if strange := set(cameras.tolist()) - known:
        raise ArchiveError(
            archive.name, f"camera {min(strange)}, expected {', '.join(map(str, sorted(known)))}", "camera"
        )
    _, first = np.unique(cameras, return_index=True)
    views = {int(cameras[row]): np.flatnonzero(cameras == cameras[row]) for row in sorted(first)}
    return _File(
        archive, subject, action, {c: rows[np.argsort(frames[rows], kind="stable")] for c, rows in views.items()}
    )


def _one(archive: Archive, name: str) -> int:
    found = np.unique(archive.array(name)).tolist()
    if len(found) != 1:
        raise ArchiveError(archive.name, f"values {found[:5]}, expected one sequence a file", name)
    return int(found[0])


def _add(columns: Columns, file: _File, check: SpaceCheck) -> None:
    assert columns.poses_3d is not None and columns.poses_2d is not None
    joints = joint_map(H36M32, H36M17)
    three, two = (file.archive.array(name)[:, joints] for name in (POSES_3D, POSES_2D))
    cameras = {int(camera.name): camera for camera in h36m_cameras(file.subject)}
    name = file.archive.name
    for number, rows in file.views.items():
        camera = cameras[number]
        check.look(three[rows], [camera], name, POSES_3D)
        check_pixels(two[rows], name, POSES_2D)
        poses: dict[str, Any] = {"poses_3d": three[rows] * METRES["mm"], "poses_2d": two[rows]}
        place = columns.add(file.subject, file.action, camera, len(rows), **poses)
        error = reprojection(columns.poses_3d[place], columns.poses_2d[place], camera)
        if error > PROJECTS:
            raise ArchiveError(
                name,
                f"camera {camera.name} projects it {error:.1f} px beside {POSES_2D}, expected less than {PROJECTS}: it "
                f"is not of this view (are these the poses of {UNIVERSAL}?).",
                POSES_3D,
                code="projection",
            )
