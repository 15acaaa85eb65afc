"""Human3.6M as EvoSkeleton has it: threeDPose_*.npy, twoDPose_HRN_*.npy and cameras.npy.

Each file is a pickled dictionary in an .npy; `train` has S1, S5, S6, S7, S8 and `test` S9, S11.

- `threeDPose_train.npy`: {(1, 'Directions', 'Directions 1.h5'): (T, 96)}, subject, action, sequence;
  millimetres, world space, z up, 32 joints flattened. Each frame becomes one pose a camera, in camera space,
  with the extrinsics of metadata.xml; 17 joints are kept (h36m17).
- `twoDPose_HRN_train.npy`: {(1, 'Directions', 'Directions 1.54138969.h5-sh'): (T, 64)}, pixels, 32 joints
  flattened, those without a detection 0 throughout. The key is the 3D's, with the camera before '.h5'; '-sh'
  (Stacked Hourglass) is a leftover of other code: an HRNet made the detections. Without Neck/Nose they are
  h36m16, and so are then the 3D poses beside them.
- `cameras.npy`: {(1, 1): (R, T, f, c, k, p, name)}, subject and camera 1 to 4; R world to camera, T the
  camera's place in millimetres. The numbers are the release's; poseda uses its own table, and a problem says
  where the two differ.

Together, 3D gives the poses and 2D the detections: frames are aligned at the start of each sequence, and
what one has more than the other is cut at its end; views that only one of them has are left out.
Evolved skeletons, which have no sequence, are not read.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from poseda_cli.reading.h36m_names import CAMERAS, unlisted, view_in
from poseda_cli.skeleton import H36M16, H36M17, H36M32, Skeleton, joint_map
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npy import CONTENT
from poseda_cli.storage.pickles import ArrayHead

ORIGIN = Origin("evoskeleton", "h36m")
BESIDE = ("cameras.npy",)
SEQUENCE = re.compile(r"[^.]+\.h5")
VIEW = re.compile(r"[^.]+\.\d{8}\.h5(-sh)?")
WIDTHS = {"3D": 96, "2D": 64}
CAMERA_SIZES = (9, 3, 2, 2, 3, 2)
NECK = H36M32.position["Neck/Nose"]


def refusal(archive: Archive) -> str | None:
    """None if this is an .npy of EvoSkeleton: 3D, 2D or cameras; else why not."""
    needs = "needs one dictionary with keys (1, 'Directions', 'Directions 1.h5') or, of cameras, (1, 1)"
    if list(archive.members) != [CONTENT] or archive.members[CONTENT][1].kind != "O":
        return needs
    tree = archive.outline(CONTENT)
    if not isinstance(tree, dict) or not tree:
        return needs
    kinds = {_kind(key) for key in tree}
    if None in kinds or len(kinds) > 1:
        return needs
    (kind,) = kinds
    value = next(iter(tree.values()))
    if kind == "cameras":
        return None if isinstance(value, list) else "the cameras must be (R, T, f, c, k, p, name)"
    if isinstance(value, ArrayHead) and len(value.shape) == 2 and value.shape[1] == WIDTHS[str(kind)]:
        return None
    return f"{kind} poses must be arrays (T, {WIDTHS[str(kind)]})"


def has_3d(archive: Archive) -> bool:
    """Whether it has 3D poses, which become one before each camera; of an archive of this layout."""
    return _kind(next(iter(archive.outline(CONTENT)))) == "3D"


def _kind(key: Any) -> str | None:
    """What a dictionary with such a key holds: '3D', '2D', 'cameras' or nothing that we know."""
    if not isinstance(key, tuple) or not key or not isinstance(key[0], int):
        return None
    if len(key) == 2 and isinstance(key[1], int):
        return "cameras"
    if len(key) != 3 or not all(isinstance(part, str) for part in key[1:]):
        return None
    return "3D" if SEQUENCE.fullmatch(key[2]) else "2D" if VIEW.fullmatch(key[2]) else None


class _Poses(NamedTuple):
    """One sequence or view as stored, with what its key says of it."""

    archive: Archive
    member: str
    subject: str
    action: str
    camera: str | None
    values: NDArray[Any]


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some files of EvoSkeleton.

    Raises
    ------
    ArchiveError : keys, shapes, units, joint order or frame are not those of the layout
    InputError : cameras alone, a sequence twice, or 2D and 3D with no view in common
    """
    poses: dict[str, dict[Any, _Poses]] = {"3D": {}, "2D": {}}
    cameras = []
    for archive in archives:
        kind = _kind(next(iter(archive.outline(CONTENT))))
        if kind == "cameras":
            cameras.append(archive)
        else:
            _collect(poses[str(kind)], archive, str(kind))
    if not poses["3D"] and not poses["2D"]:
        raise InputError(f"{listed(archive.name for archive in cameras)}: cameras, and no poses. Name those, too.")
    data = _read_3d(poses["3D"], poses["2D"], progress) if poses["3D"] else _read_2d(poses["2D"], progress)
    problems, sequences = data.problems, data.columns.sequences
    for archive in cameras:
        problems += camera_problems(_cameras(archive, {s.subject for s in sequences}), archive.name)
    problems += [*unlisted(sequences), *h36m_problems(sequences)]
    return data.columns.dataset(ORIGIN, data.stored, notes=data.notes, problems=problems)


def _collect(found: dict[Any, _Poses], archive: Archive, kind: str) -> None:
    """Add what an archive holds, once its keys and shapes are known to be right."""
    for key, values in archive.take_tree(CONTENT).items():
        member = repr(key)
        if _kind(key) != kind:
            raise ArchiveError(archive.name, f"not a key of {kind} poses, as those before it are", member)
        subject, (action, camera) = f"S{key[0]}", view_in(key[2])
        if not h36m_cameras(subject) or camera not in (None, *CAMERAS):
            raise ArchiveError(archive.name, "a subject or a camera that Human3.6M does not have", member)
        fits = isinstance(values, np.ndarray) and values.dtype.kind in "fiu"
        if not fits or values.ndim != 2 or values.shape[1] != WIDTHS[kind]:
            shape = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise ArchiveError(archive.name, f"{shape}, expected numbers of shape (T, {WIDTHS[kind]})", member)
        view = (subject, action, camera)
        if view in found:
            others = dict.fromkeys((found[view].archive.name, archive.name))
            raise InputError(f"{' and '.join(others)}: {' '.join(filter(None, view))} is there twice.")
        found[view] = _Poses(archive, member, *view, values.reshape(len(values), 32, WIDTHS[kind] // 32))


class _Data(NamedTuple):
    columns: Columns
    stored: Stored
    notes: list[str]
    problems: list[Problem]


def _read_2d(views: dict[Any, _Poses], progress: Progress) -> _Data:
    skeleton = _detected(views)
    count = sum(len(view.values) for view in views.values())
    columns = Columns(count, skeleton, has_2d=True)
    with progress("reading", count) as advance:
        for view in views.values():
            camera = h36m_cameras(view.subject)[CAMERAS.index(str(view.camera))]
            pixels = _pixels(view, skeleton)
            columns.add(view.subject, view.action, camera, len(pixels), poses_2d=pixels)
            advance(len(pixels))
    return _Data(columns, Stored(H36M32, screen="pixels"), [_detection_note(skeleton)], [])


def _read_3d(worlds: dict[Any, _Poses], views: dict[Any, _Poses], progress: Progress) -> _Data:
    skeleton = _detected(views) if views else H36M17
    takes, problems = _paired(worlds, views)
    count = sum(sum(lengths) for _, _, lengths in takes)
    columns = Columns(count, skeleton, has_3d=True, has_2d=bool(views))
    joints = joint_map(H36M32, skeleton)
    check = SpaceCheck(H36M32, "mm", "world")
    with progress("reading", count) as advance:
        for world, cameras, lengths in takes:
            subject, action = world.subject, world.action
            check.look(world.values, h36m_cameras(subject), world.archive.name, world.member)
            places = expand(
                columns, subject, action, world.values, cameras, joints=joints, lengths=lengths, metres=METRES["mm"]
            )
            if columns.poses_2d is not None:
                for rows, camera, length in zip(places, cameras, lengths, strict=True):
                    columns.poses_2d[rows] = _pixels(views[subject, action, camera.name], skeleton)[:length]
            advance(sum(lengths))
    check.conclude(next(iter(worlds.values())).archive.name)
    notes = ["millimetres, world space, 32 joints; seen by the four published cameras of each subject"]
    if views:
        notes.append(_detection_note(skeleton))
    return _Data(columns, Stored(H36M32, "mm", "world", "pixels" if views else None), notes, problems)


_Take = tuple[_Poses, list[Camera], list[int]]


def _paired(worlds: dict[Any, _Poses], views: dict[Any, _Poses]) -> tuple[list[_Take], list[Problem]]:
    """Each sequence with its cameras and their numbers of frames, and what of 3D or 2D is left out."""
    everything = [(world, h36m_cameras(world.subject)) for world in worlds.values()]
    if not views:
        return [(world, list(cameras), [len(world.values)] * len(cameras)) for world, cameras in everything], []
    takes: list[_Take] = []
    alone, unlike = [], []
    for world, cameras in everything:
        keys = {camera: (world.subject, world.action, camera.name) for camera in cameras}
        both = [camera for camera in cameras if keys[camera] in views]
        alone += [" ".join(key) for key in keys.values() if key not in views]
        counts = [len(views[keys[camera]].values) for camera in both]
        unlike += [f"{world.subject} {world.action}"] * any(count != len(world.values) for count in counts)
        if both:
            takes.append((world, both, [min(count, len(world.values)) for count in counts]))
    if not takes:
        names = (next(iter(poses.values())).archive.name for poses in (worlds, views))
        raise InputError(f"{' and '.join(names)} have no view in common.")
    spare = [" ".join(key) for key in views if (key[0], key[1], None) not in worlds]
    problems = [
        Problem("sequences-differ", "warning", f"{listed(names, most=4)} left out: in {has}, not in {lacks}")
        for names, has, lacks in ((alone, "3D", "2D"), (spare, "2D", "3D"))
        if names
    ]
    if unlike:
        message = f"{listed(unlike, most=4)}: 2D and 3D differ in length; the longer is cut at its end"
        problems.append(Problem("frame-count", "warning", message))
    return takes, problems


def _detected(views: dict[Any, _Poses]) -> Skeleton:
    """The joints that detections have: those of the 17 that are not 0 throughout."""
    used = np.zeros(len(H36M32), bool)
    for view in views.values():
        used |= (view.values != 0).any((0, 2))
    missing = [index for index in joint_map(H36M32, H36M17).tolist() if not used[index]]
    if missing in ([], [NECK]):
        return H36M16 if missing else H36M17
    first = next(iter(views.values()))
    raise ArchiveError(
        first.archive.name,
        f"joints {listed(missing, most=17)} of the 32 are 0 throughout; only {NECK} (Neck/Nose) may lack detections.",
        code="joint-order",
    )


def _pixels(view: _Poses, skeleton: Skeleton) -> NDArray[Any]:
    pixels = view.values[:, joint_map(H36M32, skeleton)]
    check_pixels(pixels, view.archive.name, view.member)
    check_detections(pixels, skeleton, view.archive.name, view.member)
    return pixels


def _detection_note(skeleton: Skeleton) -> str:
    return f"detections, pixels, {len(skeleton)} joints of the 32 ({skeleton.name})"


def _cameras(archive: Archive, subjects: set[str]) -> dict[tuple[str, str], Camera]:
    """The cameras that an archive has of some subjects."""
    found = {}
    for key, value in archive.tree(CONTENT).items():
        if _kind(key) != "cameras" or not 1 <= key[1] <= len(CAMERAS):
            raise ArchiveError(archive.name, "not a key (subject, camera 1 to 4)", repr(key))
        name = CAMERAS[key[1] - 1]
        if f"S{key[0]}" in subjects:
            found[f"S{key[0]}", name] = _camera(archive, value, repr(key), name)
    return found


def _camera(archive: Archive, value: Any, member: str, name: str) -> Camera:
    try:
        parts = [np.asarray(part) for part in value[:6]] if isinstance(value, (tuple, list)) else []
    except ValueError:  # lists of unlike lengths
        parts = []
    if [part.size for part in parts] != list(CAMERA_SIZES) or any(part.dtype.kind not in "fiu" for part in parts):
        raise ArchiveError(archive.name, "expected (R, T, f, c, k, p, name)", member)
    R, T, (fx, fy), (cx, cy), k, p = (part.astype(np.float64).reshape(-1).tolist() for part in parts)
    rotation = tuple(map(tuple, np.reshape(R, (3, 3)).tolist()))
    centre = tuple(value * METRES["mm"] for value in T)
    distortion = Distortion((k[0], k[1], k[2]), (p[0], p[1]))
    return Camera(name, Intrinsics(fx, fy, cx, cy, 0, 0), distortion, rotation, centre)
