"""Human3.6M as Martinez et al. (3d-pose-baseline) share it: h36m.zip, or the folder h36m that is in it.

One HDF5 file a sequence; its place says which: the folder S1 the subject, the file's name the action.
All of them are read as one data set, from the folder or from the zip as it is.

- `h36m/S1/MyPoses/3D_positions/Directions 1.h5`: `3D_positions` (96, T), millimetres, world space, z up.
  Row 3 j + d is coordinate d of joint j, of the release's 32. Each frame becomes one pose a camera, in
  camera space, with the extrinsics of metadata.xml; 17 joints are kept (h36m17).
- `h36m/S1/StackedHourglass/Directions_1.54138969.h5`: `poses` (T, 16, 2), pixels, detections in MPII's
  order (mpii16), converted to h36m16. StackedHourglassFineTuned240 is alike. Without 3D they are read as
  2D. Beside 3D they are left out: they have 16 joints, and there is no telling that their frames match.
- `h36m/cameras.h5`: groups `subject1/camera1` with `R` (3, 3), stored transposed, so that it is camera to
  world; `T` the camera's place in millimetres; `f`, `c`, `k`, `p`, `Name`. The numbers are those of the
  release; poseda uses its own table, and a problem says where the two differ.

Only S1, S5, S6, S7, S8, S9 and S11 are there. Actions have VideoPose3D's names already ('Photo 1').
Newer versions of that code read the release itself; see h36m-raw.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import Background
from poseda_cli.cameras import Camera, Distortion, Intrinsics
from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.h36m_space import SpaceCheck, camera_problems, check_detections
from poseda_cli.checks.sanity import METRES, check_pixels
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.expansion import expand
from poseda_cli.reading.h36m_names import CAMERAS, only_once, place_of, unlisted
from poseda_cli.skeleton import H36M16, H36M17, H36M32, MPII16, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("martinez", "h36m")
POSES_3D, POSES_2D = "3D_positions", "poses"
# From a file of 3D or of detections.
BESIDE = ("../../../cameras.h5", "../../cameras.h5")
CAMERA = re.compile(r"subject(\d+)/camera([1-4])/R")
# Per camera: its member and the shape that it has, whichever way it is turned.
PARTS = {"R": 9, "T": 3, "f": 2, "c": 2, "k": 3, "p": 2}


def refusal(archive: Archive) -> str | None:
    """None if this is a file of h36m.zip: poses, detections or cameras; else why not."""
    if any(CAMERA.fullmatch(name) for name in archive.members):
        return None
    # As only data set: files of other layouts have members of these names among others.
    kinds = [name for name in (POSES_3D, POSES_2D) if list(archive.members) == [name]]
    if not kinds:
        return f"needs one data set, {POSES_3D} or {POSES_2D}, or the cameras subject1/camera1/R ..."
    shape, dtype = archive.members[kinds[0]]
    fits = shape[:1] == (96,) and len(shape) == 2 if kinds[0] == POSES_3D else shape[1:] == (16, 2)
    if fits and dtype.kind in "fiu":
        return None
    return f"{kinds[0]} must be numbers of shape {'(96, T)' if kinds[0] == POSES_3D else '(T, 16, 2)'}"


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of the files of h36m.zip; detections only where there is no 3D.

    Raises
    ------
    ArchiveError : units, joint order or frame are not those of the layout, or a file's place does not tell
        its sequence
    InputError : cameras alone, or a sequence twice
    """
    three = [archive for archive in archives if POSES_3D in archive.members]
    two = [archive for archive in archives if POSES_2D in archive.members]
    cameras = [archive for archive in archives if archive not in three and archive not in two]
    if not three and not two:
        raise InputError(f"{listed(archive.name for archive in cameras)}: cameras, and no poses. Name those, too.")
    columns, stored, notes, problems = _read_3d(three, progress) if three else _read_2d(two, progress)
    if three and two:
        message = f"{len(two):,} files of 2D detections left out, since there is 3D; name them alone to read them"
        problems.append(Problem("detections-left-out", "note", message))
    for archive in cameras:
        problems += camera_problems(_cameras(archive, {s.subject for s in columns.sequences}), archive.name)
    problems += [*unlisted(columns.sequences), *h36m_problems(columns.sequences)]
    return columns.dataset(ORIGIN, stored, notes=notes, problems=problems)


_Read = tuple[Columns, Stored, list[str], list[Problem]]


def _read_3d(archives: list[Archive], progress: Progress) -> _Read:
    places = [place_of(archive) for archive in archives]
    only_once((f"{subject} {action}" for subject, action, _ in places), archives)
    count = sum(archive.members[POSES_3D][0][1] for archive in archives) * len(CAMERAS)
    columns = Columns(count, H36M17, has_3d=True)
    joints = joint_map(H36M32, H36M17)
    check = SpaceCheck(H36M32, "mm", "world")
    with progress("reading", count) as advance, Background() as background:
        for archive, (subject, action, _) in zip(archives, places, strict=True):
            world = archive.array(POSES_3D).T.reshape(-1, len(H36M32), 3)
            check.look(world, h36m_cameras(subject), archive.name, POSES_3D)
            cameras = h36m_cameras(subject)
            expand(columns, subject, action, world, cameras, joints=joints, metres=METRES["mm"], background=background)
            advance(len(world) * len(CAMERAS))
    check.conclude(archives[0].name)
    notes = ["millimetres, world space, 32 joints; seen by the four published cameras of each subject"]
    return columns, Stored(H36M32, "mm", "world"), notes, []


def _read_2d(archives: list[Archive], progress: Progress) -> _Read:
    places = [place_of(archive) for archive in archives]
    only_once((" ".join(map(str, place)) for place in places), archives)
    count = sum(archive.members[POSES_2D][0][0] for archive in archives)
    columns = Columns(count, H36M16, has_2d=True)
    joints = joint_map(MPII16, H36M16)
    with progress("reading", count) as advance:
        for archive, (subject, action, name) in zip(archives, places, strict=True):
            if name is None:
                raise ArchiveError(archive.name, "its name has no camera ('Directions_1.54138969.h5')")
            poses = archive.array(POSES_2D)
            check_pixels(poses, archive.name, POSES_2D)
            check_detections(poses, MPII16, archive.name, POSES_2D)
            camera = h36m_cameras(subject)[CAMERAS.index(name)]
            columns.add(subject, action, camera, len(poses), poses_2d=poses[:, joints])
            advance(len(poses))
    notes = ["detections, pixels, in MPII's order of joints, as Stacked Hourglass gives them"]
    return columns, Stored(MPII16, screen="pixels"), notes, []


def _cameras(archive: Archive, subjects: set[str]) -> dict[tuple[str, str], Camera]:
    """The cameras that an archive has of some subjects."""
    found = {}
    for group in (match for name in archive.members if (match := CAMERA.fullmatch(name))):
        subject, name = f"S{group[1]}", CAMERAS[int(group[2]) - 1]
        if subject in subjects:
            found[subject, name] = _camera(archive, group[0].removesuffix("R"), name)
    return found


def _camera(archive: Archive, group: str, name: str) -> Camera:
    parts: dict[str, NDArray[Any]] = {}
    for part, size in PARTS.items():
        shape, dtype = archive.members.get(group + part, ((), np.dtype(object)))
        if np.prod(shape) != size or dtype.kind not in "fiu":
            raise ArchiveError(archive.name, f"{dtype} {shape}, expected {size} numbers", group + part)
        parts[part] = archive.array(group + part).astype(np.float64).reshape(-1)
    k, p, (fx, fy), (cx, cy) = (parts[part].tolist() for part in "kpfc")
    return Camera(
        name,
        Intrinsics(fx, fy, cx, cy, 0, 0),
        Distortion(tuple(k), tuple(p)),
        # Transposed: as stored it turns camera space into the world.
        tuple(map(tuple, parts["R"].reshape(3, 3).T.tolist())),
        tuple((parts["T"] * METRES["mm"]).tolist()),
    )
