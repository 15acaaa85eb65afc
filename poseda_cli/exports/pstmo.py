"""MPI-INF-3DHP's files as P-STMO, MotionAGFormer and others load them: data_train_3dhp.npz, data_test_3dhp.npz.

One pickled member `data`, joints of 3dhp17, millimetres. Test subjects (TS1 to TS6) go to the test file, all
frames valid; everything else to the training file, as 'SUBJECT ACTION' with a number for each camera. The
loader divides by image sizes of its own, 2048 x 2048, and 1920 x 1080 for TS5 and TS6: pixels are such that it
arrives at our normalised 2D. Aligned poses go to the training file, a copy being an action of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from poseda_cli.chunks import Chunk, ChunkSource
from poseda_cli.dataset import Sequence
from poseda_cli.exports.rows import copy_suffix, gather, lacks_kinds, trainer_pixels, unknown_cameras
from poseda_cli.layouts.pstmo import TEST_SIZES, TRAIN_SIZE
from poseda_cli.progress import Progress, silent
from poseda_cli.skeleton import MPI_INF_3DHP17, joint_map
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_writer import write_object_npz

TRAIN_FILE, TEST_FILE = "data_train_3dhp.npz", "data_test_3dhp.npz"
# Of the videos; no loader looks at it.
FPS = {"h36m": 50}
MPI_FPS = 25


def unwritable(source: ChunkSource) -> str | None:
    """None if P-STMO's files can hold the data, else why not."""
    if reason := lacks_kinds(source):
        return reason
    if "Neck/Nose" not in source.skeleton.position:
        return "it has 17 joints, the data 16 (no Neck/Nose)"
    if unknown := unknown_cameras(source):
        return f"its 2D is scaled to its own image sizes, that of {', '.join(unknown)} is not known"
    tests = Counter(s.subject for s in source.sequences if _is_test(source, s))
    if twice := [subject for subject, count in tests.items() if count > 1]:
        return f"its test file has one sequence a subject, {', '.join(twice)} has several"
    return None


def losses(source: ChunkSource) -> list[str]:
    """What P-STMO's files do not hold of the data."""
    lost = ["cameras: it knows image sizes alone"]
    if source.has_visible:
        lost.append("which joints are visible")
    if source.whole is not None:
        lost.append("which target each pose was given")
    return lost


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write data_train_3dhp.npz, data_test_3dhp.npz or both; see `exports`."""
    rows = gather(source, progress)
    train: dict[str, list[Any]] = {}
    test: dict[str, dict[str, Any]] = {}
    with progress("arranging", len(source)) as advance:
        for sequence in source.sequences:
            if _is_test(source, sequence):
                fields = _fields(source, rows, sequence, TEST_SIZES.get(sequence.subject, TRAIN_SIZE))
                test[sequence.subject] = {**fields, "valid": np.ones(sequence.length)}
            else:
                fps = FPS.get(source.dataset or "", MPI_FPS)
                views = train.setdefault(_key(sequence), [{}, fps])[0]
                views[_camera_number(sequence.camera, views)] = _fields(source, rows, sequence, TRAIN_SIZE)
            advance(sequence.length)
    files = {TRAIN_FILE: train, TEST_FILE: test}
    for file, tree in files.items():
        if tree:
            write_object_npz(folder / file, {"data": tree}, compression=compression, progress=progress)
    return [file for file, tree in files.items() if tree]


def _is_test(source: ChunkSource, sequence: Sequence) -> bool:
    return source.whole is None and re.fullmatch(r"TS\d+", sequence.subject) is not None


def _key(sequence: Sequence) -> str:
    """The loader splits it at its one space."""
    return f"{sequence.subject.replace(' ', '_')} {sequence.action.replace(' ', '_')}{copy_suffix(sequence)}"


def _camera_number(name: str, taken: Container[str]) -> str:
    """The loader makes it an integer."""
    if name.isdecimal() and name not in taken:
        return name
    return next(number for number in map(str, count()) if number not in taken)


def _fields(source: ChunkSource, rows: Chunk, sequence: Sequence, size: tuple[int, int]) -> dict[str, Any]:
    joints = joint_map(source.skeleton, MPI_INF_3DHP17)
    part = slice(sequence.start, sequence.start + sequence.length)
    columns: list[Any] = [None if column is None else column[part] for column in rows]
    chunk = Chunk(*columns)
    points = trainer_pixels(np.asarray(chunk.poses_2d)[:, joints], chunk, source, np.array(size))
    poses = np.asarray(chunk.poses_3d)[:, joints] * np.float32(1000)
    return {"data_2d": points.astype(np.float32), "data_3d": poses}
