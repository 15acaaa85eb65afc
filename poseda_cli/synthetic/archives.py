"""Synthetic archives: a VideoPose3D-style source and a raw MPI-INF-3DHP-style test set.

Bodies and motions are invented; the cameras, their places, the layouts, units and joint orders are
those of the data sets. TS2's camera has no published place: here it stands where training camera 0
does. `bb_crop` of the raw test set is left out, which no reader of poses looks at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Floats, project, world_to_camera
from poseda_cli.errors import UsageError
from poseda_cli.progress import Progress, silent
from poseda_cli.published import mpi_inf_3dhp_test_cameras, mpi_inf_3dhp_train_cameras
from poseda_cli.skeleton import H36M32, MPI_INF_3DHP17, joint_map
from poseda_cli.storage.folder import new_folder
from poseda_cli.storage.hdf5_writer import hdf5_writer
from poseda_cli.storage.npz_writer import write_object_npz
from poseda_cli.synthetic.motions import MOTIONS, perform

SCHEMA = "poseda.sample/1"
SOURCE_FILE, TARGET_FOLDER = "data_3d_h36m.npz", "mpi_inf_3dhp_test_set"
CAMERAS = 4
POSES, TARGET_POSES = 3360, 240
# Body height of each subject, as a factor.
SUBJECTS = {"S1": 1.0, "S5": 0.94, "S6": 1.03, "S7": 0.97, "S8": 1.05, "S9": 0.98, "S11": 1.02}
TAKES = ("{} 1", "{}")
LONGEST_SEQUENCE = 6000
TEST_MOTIONS = {
    "TS1": "Walking",
    "TS2": "Greeting",
    "TS3": "Sitting",
    "TS4": "Directions",
    "TS5": "Walking",
    "TS6": "Greeting",
}
# univ_annot3 is annot3 shrunk about the pelvis by this much, sequence by sequence, as in the real TS5.
UNIVERSAL = 1.0467203
# Of a sequence's frames the first two thirds are valid, roughly as in TS1 to TS6.
VALID = 2 / 3
MATLAB_HEAD = "MATLAB 7.3 MAT-file, Platform: GLNXA64, Created by poseda (synthetic) HDF5 schema 1.00 ."


class _Take(NamedTuple):
    subject: str
    action: str
    motion: str
    frames: int
    seed: tuple[int, ...]


def sample(
    out: str | os.PathLike[str],
    poses: int = POSES,
    target_poses: int = TARGET_POSES,
    progress: Progress = silent,
) -> list[Path]:
    """Write a source and a target into a new folder; parameters, result and errors as in `write_sample`.

    Raises
    ------
    OutputError : the folder is there, or the disk refuses; nothing is left behind
    """
    with new_folder(Path(out), overwrite=False, ours=lambda folder: False) as folder:
        written = write_sample(folder, poses, target_poses, progress)
    return [Path(out) / path.name for path in written]


def write_sample(
    folder: Path, poses: int = POSES, target_poses: int = TARGET_POSES, progress: Progress = silent
) -> list[Path]:
    """Write a source and a target into an existing folder.

    Parameters
    ----------
    folder : where to
    poses : source poses after camera expansion, four a frame; rounded up to a multiple of four
    target_poses : valid target poses; rounded up to a multiple of six, one share a test sequence
    progress : told how far it is, in source poses

    Returns
    -------
    The source file and the target folder.

    Raises
    ------
    UsageError : fewer poses than there are sequences
    """
    frames = -(-poses // CAMERAS)
    least = len(SUBJECTS) * len(MOTIONS)
    if frames < least or target_poses < len(TEST_MOTIONS):
        raise UsageError(
            f"--poses {poses} --target-poses {target_poses}: at least {least * CAMERAS} and {len(TEST_MOTIONS)}, "
            "one for each sequence and camera."
        )
    tree: dict[str, dict[str, NDArray[np.float32]]] = {subject: {} for subject in SUBJECTS}
    with progress("inventing", CAMERAS * frames) as advance:
        for take in _takes(frames):
            world = perform(take.motion, take.frames, take.seed, SUBJECTS[take.subject])
            tree[take.subject][take.action] = world.astype(np.float32)
            advance(CAMERAS * take.frames)
    write_object_npz(folder / SOURCE_FILE, {"positions_3d": tree}, compressed=True, progress=progress)
    _write_test_set(folder / TARGET_FOLDER, -(-target_poses // len(TEST_MOTIONS)))
    return [folder / SOURCE_FILE, folder / TARGET_FOLDER]


def _takes(frames: int) -> Iterator[_Take]:
    """As few takes of each subject and motion as sequences of the data set's lengths allow."""
    slots = [(subject, motion) for subject in SUBJECTS for motion in MOTIONS]
    rounds = max(1, -(-frames // (len(slots) * LONGEST_SEQUENCE)))
    count = rounds * len(slots)
    for index in range(count):
        (subject, motion), take = slots[index % len(slots)], index // len(slots)
        length = frames // count + (index < frames % count)
        number = TAKES[take].format(motion) if take < len(TAKES) else f"{motion} {take}"
        yield _Take(subject, number, motion, length, (36, index % len(slots), take))


def _write_test_set(folder: Path, valid: int) -> None:
    frames = int(np.ceil(valid / VALID))
    for index, (sequence, motion) in enumerate(TEST_MOTIONS.items()):
        (folder / sequence).mkdir(parents=True)
        world = perform(motion, frames, (3, index), height=0.95 + 0.02 * index)
        seen = _seen(sequence, world)
        camera = mpi_inf_3dhp_test_cameras()[sequence]
        _write_annotation(folder / sequence / "annot_data.mat", seen, camera, np.arange(frames) < valid)


def _seen(sequence: str, world: Floats) -> Floats:
    """Poses (T, 17, 3) of 3dhp17 in millimetres before the sequence's camera."""
    in_order = world[:, joint_map(H36M32, MPI_INF_3DHP17)]
    y_up = np.stack([in_order[..., 0], in_order[..., 2], -in_order[..., 1]], axis=-1)
    camera = mpi_inf_3dhp_test_cameras()[sequence]
    if camera.rotation is None:
        camera = mpi_inf_3dhp_train_cameras()["0"]
    return world_to_camera(y_up, np.array(camera.rotation), np.array(camera.centre)) * 1000


def _write_annotation(path: Path, poses: Floats, camera: Camera, valid: NDArray[np.bool_]) -> None:
    """One annot_data.mat: HDF5 behind MATLAB's 512 bytes, axes reversed from MATLAB's."""
    assert camera.intrinsics is not None
    i = camera.intrinsics
    root = poses[:, MPI_INF_3DHP17.root, None]
    image = project(poses, np.array([i.fx, i.fy, i.cx, i.cy]))
    columns: dict[str, NDArray[Any]] = {
        "activity_annotation": np.ones((len(poses), 1)),
        "annot2": _six_digits(image)[:, None],
        "annot3": _six_digits(poses)[:, None],
        "univ_annot3": _six_digits(root + (poses - root) / UNIVERSAL)[:, None],
        "valid_frame": valid[:, None].astype(np.float64),
    }
    with hdf5_writer(path, userblock_size=512) as (file, _):
        for name, values in columns.items():
            dataset = file.create_dataset(name, data=values, compression="gzip" if values.ndim > 2 else None)
            dataset.attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as stream:
        stream.write(MATLAB_HEAD.encode().ljust(124) + b"\x00\x02IM")


def _six_digits(values: Floats) -> Floats:
    """Six significant digits, which is what the data set's own numbers carry."""
    with np.errstate(divide="ignore"):
        digits = 10.0 ** (5 - np.floor(np.log10(np.abs(values))))
    return np.where(values == 0, 0, np.round(values * digits) / digits)
