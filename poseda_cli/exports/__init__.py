"""Exports: one module for each form in which poseda writes poses, and the registry of them.

An export's module has a docstring, which is its documentation, and

- `unwritable(source)`: None if it can hold the data, else a sentence that says why not;
- `losses(source)`: what of the data it does not hold, a few words each;
- `write(source, folder, name, progress, compression)`: the names of the files written into an existing folder.

Each file is one that its trainer's unmodified loader accepts, and that gives it our poses.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from poseda_cli.chunks import ChunkSource
from poseda_cli.errors import InputError, UsageError, listed
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.deflate import Compression
from poseda_cli.suggestions import did_you_mean

EXPORTS = {
    "poseda": "augmented.h5, with the source and target of each pose",
    "videopose3d": "VideoPose3D and its descendants: data_2d_h36m_NAME.npz, 17 joints",
    "poseaug": "PoseAug, SemGCN: the same with 16 joints",
    "mmpose": "mmpose's Human36mDataset: mmpose_NAME.npz, cameras.pkl",
    "pstmo": "P-STMO, MotionAGFormer, ...: data_train_3dhp.npz, data_test_3dhp.npz",
    "poseaug-test": "PoseAug's and PoseDA's test file: test_3dhp.npz",
    "plain": "an npz of named arrays: NAME.npz",
}
# Files of one name, with all of the source in them; both in one folder would overwrite each other.
SAME_FILES = ("videopose3d", "poseaug")


def export_module(name: str) -> ModuleType:
    """The module of an export.

    Raises
    ------
    UsageError : there is no such export (lists those there are)
    """
    if name not in EXPORTS:
        raise UsageError(f"--to {name}: poseda writes {listed(EXPORTS)}.{did_you_mean(name, EXPORTS)}")
    return importlib.import_module(f"poseda_cli.exports.{name.replace('-', '_')}")


def needs_whole(names: Sequence[str]) -> bool:
    """Whether an export of an alignment has the rest of its source in it, too."""
    return bool(set(SAME_FILES) & set(names))


def check_names(names: Sequence[str]) -> None:
    """Refuse exports that do not exist, or not together.

    Raises
    ------
    UsageError : as said
    """
    for name in names:
        export_module(name)
    if set(SAME_FILES) <= set(names):
        raise UsageError(f"--to {' --to '.join(SAME_FILES)}: their files have the same names. Run poseda for each.")


def check_writable(names: Sequence[str], source: ChunkSource) -> None:
    """Refuse data that an export cannot hold, before anything is computed or written.

    Raises
    ------
    InputError : says which export, and why
    """
    for name in names:
        if reason := export_module(name).unwritable(source):
            raise InputError(f"--to {name}: {reason}. Nothing was written.")


def losses(names: Sequence[str], source: ChunkSource) -> list[str]:
    """What the exports do not hold of the data, a sentence each."""
    found = {name: export_module(name).losses(source) for name in dict.fromkeys(names)}
    return [f"{name} does not hold: {'; '.join(lost)}" for name, lost in found.items() if lost]


def export(
    names: Sequence[str],
    source: ChunkSource,
    folder: Path,
    name: str,
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write a data set into an existing folder in each of some forms.

    Parameters
    ----------
    names : the exports
    source : an alignment, or a data set to be converted
    folder : where to
    name : what files are called that trainers find by a name of one's own
    progress : told how far writing is
    compression : of the data files, without loss

    Returns
    -------
    Names of the files written, each once.

    Raises
    ------
    InputError : an export that cannot hold the data
    UsageError : a name with which two exports would write the same file
    """
    check_writable(names, source)
    files: list[str] = []
    for form in dict.fromkeys(names):
        written = export_module(form).write(source, folder, name, progress, compression)
        if twice := set(written) & set(files):
            raise UsageError(f"--name {name}: {listed(twice)} is the name of another file written; choose another.")
        files += written
    return files
