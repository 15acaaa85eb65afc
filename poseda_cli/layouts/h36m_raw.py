"""Human3.6M as released: CDF files, or the MATLAB files (.cdf.mat) that people make of them.

One file a sequence, or a sequence and camera; its place says which. The folder S1 is the subject, the
file's name the action (with the raw names of S1, TakingPhoto and WalkingDog), and the folder in between
the kind of poses, as in `S1/MyPoseFeatures/D3_Positions/Directions 1.cdf` (of the release) or
`S1/Poses_D3_Positions/Directions 1.cdf` (h36m-fetch):

- `D3_Positions/<action>`: millimetres, world space, z up. Each frame becomes one pose a camera, in camera
  space, with the extrinsics of metadata.xml.
- `D3_Positions_mono/<action>.<camera>`: millimetres, camera space.
- `D3_Positions_mono_universal/<action>.<camera>`: the same poses on a skeleton that all subjects share.
  They do not project onto the images.
- `D2_Positions/<action>.<camera>`: pixels, the projection of D3_Positions_mono, with distortion.

CDF has a variable `Pose` (1, T, 96) or (1, T, 64), MATLAB a cell `data` with the same numbers: 32 joints,
of which 17 are kept (h36m17). Reading CDF takes cdflib (extra `cdf`), MATLAB SciPy (extra `mat`). Files
`_ALL...` are none of the 15 actions and are skipped.

D2_Positions beside any 3D become the 2D of the same poses, and prove the 3D: with the published cameras it
must project onto them. Without 2D, units, joint order, axes and the field of view are checked; a universal
skeleton can then not be told from a subject's own, and the folder is believed.

D3_Positions_mono holds nothing that D3_Positions does not: of sequences in both, the latter is read.
D3_Positions_mono_universal beside one of the others would be the same frames with other bodies; such a
mixture is refused. Name the folders that you mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.h36m_space import PROJECTS, SpaceCheck, check_detections, reprojection
from poseda_cli.checks.sanity import METRES, MIDHIP_TOLERANCE, check_pixels
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.expansion import expand
from poseda_cli.reading.h36m_names import only_once, place_of, unlisted
from poseda_cli.skeleton import H36M17, H36M32, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("h36m-raw", "h36m")
CDF, MATLAB = "Pose", "data"
WORLD, MONO, UNIVERSAL, IMAGE = "D3_Positions", "D3_Positions_mono", "D3_Positions_mono_universal", "D2_Positions"
COORDINATES = {WORLD: 3, MONO: 3, UNIVERSAL: 3, IMAGE: 2}
KIND = re.compile(rf"(?:Poses_)?({'|'.join(COORDINATES)})")
JOINTS = joint_map(H36M32, H36M17)


def refusal(archive: Archive) -> str | None:
    """None if this is a .cdf of poses or a .cdf.mat made of one, else why not."""
    if CDF in archive.members:
        shape, dtype = archive.members[CDF]
        if len(shape) == 3 and shape[2] in (96, 64) and dtype.kind == "f":
            return None
        return f"{CDF} must be numbers of shape (1, T, 96) or (1, T, 64)"
    if list(archive.members) == [MATLAB]:
        shape, dtype = archive.members[MATLAB]
        return None if (shape, dtype.kind) == ((1, 1), "O") else f"{MATLAB} must be a cell of one array"
    return f"needs a variable {CDF} (.cdf), or a cell {MATLAB} and nothing else (.cdf.mat)"


def has_3d(archive: Archive) -> bool:
    """Whether it has poses in world space, which become one before each camera."""
    return any(folder.endswith(WORLD) for folder in archive.file.folders)


class _File(NamedTuple):
    """One archive, and what its place says of it."""

    archive: Archive
    kind: str
    subject: str
    action: str
    camera: str | None

    @property
    def member(self) -> str:
        return CDF if CDF in self.archive.members else MATLAB

    @property
    def key(self) -> tuple[str, str, str | None]:
        return self.subject, self.action, self.camera

    @property
    def cameras(self) -> list[Camera]:
        """Before which cameras its poses stand."""
        return [camera for camera in h36m_cameras(self.subject) if self.camera in (None, camera.name)]

    def poses(self) -> NDArray[np.float32]:
        """Its poses as stored, (T, 17, 3 or 2): the 32 joints of the whole release need not be in memory."""
        coordinates = COORDINATES[self.kind]
        values = self.archive.array(CDF) if self.member == CDF else _only(self.archive.take_tree(MATLAB))
        if not isinstance(values, np.ndarray) or not _fits(values, 32 * coordinates):
            found = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise ArchiveError(
                self.archive.name,
                f"{found}, expected numbers of shape (1, T, {32 * coordinates}), as {self.kind} have it",
                self.member,
                code="shape",
            )
        return values.reshape(-1, 32, coordinates).take(JOINTS, axis=1).astype(np.float32, copy=False)


def _fits(values: NDArray[Any], width: int) -> bool:
    alone = len(values.shape) > 1 and np.prod(values.shape[:-2]) == 1
    return values.dtype.kind in "fiu" and alone and values.shape[-1] == width


def _only(tree: Any) -> Any:
    """The one element of a MATLAB cell, which is two nested lists."""
    return tree[0][0] if isinstance(tree, list) else None


@dataclass
class _Take:
    """A file of 3D poses, the cameras that they are wanted of, and the 2D of each where there is any."""

    file: _File
    cameras: list[Camera]
    images: list[_File]

    def load(self) -> None:
        """Read all numbers."""
        self.poses = self.file.poses()
        self.pixels = [image.poses() for image in self.images]
        counts = [len(pixels) for pixels in self.pixels] or [len(self.poses)] * len(self.cameras)
        self.lengths = [min(count, len(self.poses)) for count in counts]
        self.cut = any(count != len(self.poses) for count in counts)


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some files of the release.

    Raises
    ------
    ArchiveError : a file's place does not tell what it is, or its numbers contradict it
    InputError : a sequence twice, kinds of 3D that exclude each other, or 2D and 3D of different views
    """
    files = [_file(archive) for archive in archives if not _is_all(archive)]
    if not files:
        raise InputError(f"{listed(archive.name for archive in archives)}: none of the 15 actions (_ALL).")
    only_once((f"{' '.join(filter(None, file.key))} ({file.kind})" for file in files), [f.archive for f in files])
    chosen, problems = _chosen(files)
    images = {file.key: file for file in files if file.kind == IMAGE}
    data = _read_2d(images, progress) if not chosen else _read_3d(chosen, images, progress)
    if len(files) < len(archives):
        message = f"{len(archives) - len(files)} files _ALL skipped; they are none of the 15 actions"
        problems.append(Problem("all-skipped", "note", message))
    sequences = data.columns.sequences
    problems += [*data.problems, *unlisted(sequences), *h36m_problems(sequences)]
    return data.columns.dataset(ORIGIN, data.stored, notes=data.notes, problems=problems)


def _is_all(archive: Archive) -> bool:
    return archive.file.base.startswith("_ALL")


def _file(archive: Archive) -> _File:
    kinds = [match[1] for folder in archive.file.folders if (match := KIND.fullmatch(folder))]
    if not kinds:
        raise ArchiveError(
            archive.name,
            f"lies in no folder {', '.join(COORDINATES)}, which would tell what it holds. Keep the folders of the "
            "release.",
            code="place",
        )
    subject, action, camera = place_of(archive)
    if (camera is None) != (kinds[-1] == WORLD):
        has = "no camera" if camera is None else f"camera {camera}"
        raise ArchiveError(archive.name, f"its name has {has}, which does not go with {kinds[-1]}.", code="place")
    return _File(archive, kinds[-1], subject, action, camera)


def _chosen(files: list[_File]) -> tuple[list[_File], list[Problem]]:
    """The files to take 3D poses from, and what was left out."""
    kinds = {kind: [file for file in files if file.kind == kind] for kind in COORDINATES}
    if kinds[UNIVERSAL] and (kinds[WORLD] or kinds[MONO]):
        other = (kinds[MONO] or kinds[WORLD])[0]
        raise InputError(
            f"{kinds[UNIVERSAL][0].archive.name} has the universal skeleton, {other.archive.name} the subject's own: "
            f"name the folders of {UNIVERSAL}, or those of {other.kind}, and not both."
        )
    world = {(file.subject, file.action) for file in kinds[WORLD]}
    chosen = [f for f in files if f.kind in (WORLD, MONO, UNIVERSAL)]
    kept = [f for f in chosen if f.kind != MONO or (f.subject, f.action) not in world]
    if len(kept) == len(chosen):
        return kept, []
    message = f"{len(chosen) - len(kept):,} files of {MONO} left out: {WORLD} has the same sequences"
    return kept, [Problem("same-poses", "note", message)]


class _Data(NamedTuple):
    columns: Columns
    stored: Stored
    notes: list[str]
    problems: list[Problem]


_Images = dict[tuple[str, str, str | None], _File]


def _read_2d(images: _Images, progress: Progress) -> _Data:
    parts = [(file, file.poses()) for file in images.values()]
    count = sum(len(poses) for _, poses in parts)
    columns = Columns(count, H36M17, has_2d=True)
    with progress("reading", count) as advance:
        for file, poses in parts:
            _check_2d(file, poses)
            columns.add(file.subject, file.action, file.cameras[0], len(poses), poses_2d=poses)
            advance(len(poses))
    return _Data(columns, Stored(H36M32, screen="pixels"), ["pixels, 32 joints; no 3D given"], [])


def _read_3d(chosen: list[_File], images: _Images, progress: Progress) -> _Data:
    takes, problems = _paired(chosen, images)
    for take in takes:
        take.load()
    problems += _frame_problems(takes)
    count = sum(sum(take.lengths) for take in takes)
    columns = Columns(count, H36M17, has_3d=True, has_2d=bool(images))
    checks: dict[str, SpaceCheck] = {}
    errors: list[float] = []
    with progress("reading", count) as advance:
        for index, take in enumerate(takes):
            _check_3d(take, checks)
            for number, rows in enumerate(_add_3d(columns, take)):
                if take.images:
                    errors.append(_add_2d(columns, rows, take, number))
            advance(sum(take.lengths))
            # Its memory is free: a whole release would be there twice.
            takes[index] = _Take(take.file, [], [])
    for kind, check in checks.items():
        check.conclude(next(take.file.archive.name for take in takes if take.file.kind == kind))
    frame = "camera" if WORLD not in checks else "world" if len(checks) == 1 else None
    stored = Stored(H36M32, "mm", frame, "pixels" if images else None)
    error = float(np.nanmedian(errors)) if errors else np.nan
    return _Data(columns, stored, _notes(list(checks), error), [*problems, *_kind_problems(list(checks), error)])


def _paired(chosen: list[_File], images: _Images) -> tuple[list[_Take], list[Problem]]:
    """The files and views that 2D has, too, and what is left out; all of them if there is no 2D at all."""
    if not images:
        return [_Take(file, file.cameras, []) for file in chosen], []
    takes, alone, used = [], [], set()
    for file in chosen:
        keys = {camera: (file.subject, file.action, camera.name) for camera in file.cameras}
        cameras = [camera for camera, key in keys.items() if key in images]
        alone += [" ".join(key) for key in keys.values() if key not in images]
        used |= {keys[camera] for camera in cameras}
        if cameras:
            takes.append(_Take(file, cameras, [images[keys[camera]] for camera in cameras]))
    if not takes:
        raise InputError(
            f"{chosen[0].archive.name} and {next(iter(images.values())).archive.name}: 3D and 2D have no view in "
            "common."
        )
    spare = [" ".join(map(str, key)) for key in images if key not in used]
    return takes, [
        Problem("sequences-differ", "warning", f"{listed(views, most=4)} left out: in {has}, not in {lacks}")
        for views, has, lacks in ((alone, "3D", IMAGE), (spare, IMAGE, "3D"))
        if views
    ]


def _frame_problems(takes: list[_Take]) -> list[Problem]:
    unlike = [f"{take.file.subject} {take.file.action}" for take in takes if take.cut]
    if not unlike:
        return []
    message = f"{listed(dict.fromkeys(unlike), most=4)}: 2D and 3D differ in length; the longer is cut at its end"
    return [Problem("frame-count", "warning", message)]


def _check_3d(take: _Take, checks: dict[str, SpaceCheck]) -> None:
    file = take.file
    check = checks.setdefault(file.kind, SpaceCheck(H36M17, "mm", "world" if file.kind == WORLD else "camera"))
    check.look(take.poses, file.cameras, file.archive.name, file.member)


def _add_3d(columns: Columns, take: _Take) -> list[slice]:
    subject, action = take.file.subject, take.file.action
    if take.file.kind == WORLD:
        return expand(columns, subject, action, take.poses, take.cameras, lengths=take.lengths, metres=METRES["mm"])
    (camera,), (length,) = take.cameras, take.lengths
    metres = take.poses[:length] * np.float32(METRES["mm"])
    return [columns.add(subject, action, camera, length, poses_3d=metres)]


def _add_2d(columns: Columns, rows: slice, take: _Take, number: int) -> float:
    """Fill the 2D of a view's rows, and say how far their 3D misses it, pixels."""
    assert columns.poses_2d is not None and columns.poses_3d is not None
    image = take.images[number]
    _check_2d(image, take.pixels[number])
    columns.poses_2d[rows] = take.pixels[number][: take.lengths[number]]
    error = reprojection(columns.poses_3d[rows], columns.poses_2d[rows], take.cameras[number])
    if take.file.kind != UNIVERSAL and error > PROJECTS:
        raise ArchiveError(
            take.file.archive.name,
            f"projects {error:.1f} px beside {image.archive.name}, expected less than {PROJECTS}: this is not "
            f"{take.file.kind} of that view ({UNIVERSAL}, another sequence, or another camera?).",
            take.file.member,
            code="projection",
        )
    return error


def _check_2d(file: _File, poses: NDArray[np.float32]) -> None:
    check_pixels(poses, file.archive.name, file.member)
    # Projections, no detections: they miss the middle by perspective alone.
    check_detections(poses, H36M17, file.archive.name, file.member, MIDHIP_TOLERANCE)


def _notes(kinds: list[str], error: float) -> list[str]:
    notes = [f"{listed(kinds)}: millimetres, 32 joints"]
    if np.isfinite(error):
        notes[0] += f"; 3D projects {error:.2g} px beside {IMAGE} in the median"
    elif MONO in kinds:
        notes.append(f"that {MONO} are no {UNIVERSAL} is taken from the folder's name; {IMAGE} would prove it")
    return notes


def _kind_problems(kinds: list[str], error: float) -> list[Problem]:
    if UNIVERSAL not in kinds:
        return []
    if error <= PROJECTS:
        message = f"{UNIVERSAL} projects onto {IMAGE} as {MONO} does: was a folder renamed?"
        return [Problem("universal", "warning", message)]
    message = (
        f"{UNIVERSAL} has one skeleton for all subjects: the poses do not project onto the images, and errors do not "
        f"compare with those of {MONO}"
    )
    return [Problem("universal", "note", message)]
