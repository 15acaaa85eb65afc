"""What is done with a case: what the commands do with an archive that a user names."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from poseda_cli.cameras import Intrinsics
from poseda_cli.commands.description import describe
from poseda_cli.commands.inspect import _entry
from poseda_cli.dataset import PoseDataset
from poseda_cli.errors import InputError, PosedaError
from poseda_cli.layouts import find, read_groups, read_groups_lazily
from poseda_cli.layouts.survey import survey
from poseda_cli.pipeline import align
from poseda_cli.progress import silent
from tests import datasets
from tests.fuzzing.worker import steers

NAMED, ALIGNED, LAZY, SURVEYED = 0.3, 0.25, 0.2, 0.2


class ReadingError(AssertionError):
    """What was read is none of what a reader may give."""


def read_case(folder: Path, layout: str, rng: Random) -> None:
    """Read what lies in a folder, inspect it, and align some of it.

    Raises
    ------
    PosedaError : it is refused
    """
    name = layout if rng.random() < NAMED else None
    if rng.random() < SURVEYED:
        return _inspect(folder, name)
    groups, notes = find([folder], name)
    if rng.random() < LAZY:
        heads = read_groups_lazily(groups, notes)
        dataset = heads.load(0, len(heads))
    else:
        dataset = read_groups(groups, notes)
    _check(dataset)
    from poseda_cli.inspection import inspect

    json.dumps(inspect(dataset, jobs=1).figures, allow_nan=False)
    if rng.random() < ALIGNED:
        _align(dataset, rng)
    return None


def _inspect(folder: Path, layout: str | None) -> None:
    """As `poseda inspect`."""
    error: PosedaError | None = None
    for found in survey([folder], layout):
        entry = _entry(found, silent)
        json.dumps(entry, allow_nan=False).encode()
        describe(entry, True).encode()
        error = error or found.error
    if error is not None:
        raise error


def _check(dataset: PoseDataset) -> None:
    """Columns go together, and names can be printed."""
    count = sum(sequence.length for sequence in dataset.sequences)
    joints = len(dataset.skeleton)
    for column, shape in ((dataset.poses_3d, (joints, 3)), (dataset.poses_2d, (joints, 2))):
        if column is not None and (column.shape != (count, *shape) or column.dtype != np.float32):
            raise ReadingError(f"{column.shape} {column.dtype}, expected {(count, *shape)} float32")
    if dataset.poses_3d is None and dataset.poses_2d is None:
        raise ReadingError("neither 3D nor 2D")
    if len(dataset.camera) != count or (count and int(dataset.camera.max()) >= len(dataset.cameras)):
        raise ReadingError("rows without a camera")
    names = [*dataset.subjects, *dataset.actions, *dataset.camera_names, *dataset.origin.notes]
    names += [problem.message for problem in dataset.origin.problems]
    for name in names:
        name.encode()
        if any(map(steers, name)):
            raise ReadingError(f"{name!r} cannot be printed")


def _align(dataset: PoseDataset, rng: Random) -> None:
    depth, screen = rng.choice(("weak", "exact")), rng.choice(("aspect", "axes"))
    options = {"depth": depth, "screen": screen, "jobs": 1}
    try:
        if dataset.poses_3d is not None and rng.random() < 0.5:
            aligned = align(dataset, _target(), **options)
        else:
            lens = rng.choice((None, Intrinsics(1000.0, 1000.0, 500.0, 500.0, 1000, 1000)))
            aligned = align(_source(), dataset, intrinsics=lens, **options)
    except InputError as error:
        if not str(error):
            raise ReadingError("an error without a message") from error
        return
    json.dumps(aligned.summary, allow_nan=False).encode()
    for poses in (aligned.poses_3d, aligned.poses_2d):
        if poses is None or not np.isfinite(poses).all():
            raise ReadingError("aligned poses that are not finite")


@cache
def _source() -> PoseDataset:
    return datasets.source(frames=3)


@cache
def _target() -> PoseDataset:
    return datasets.target(frames=6)
