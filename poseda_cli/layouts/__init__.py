"""Archive layouts: one module each, and the registry that recognises, reads and writes them.

A layout's module has a docstring, which is its documentation (`poseda layouts NAME` prints it), and

- `refusal(archive)`: None if the archive is of this layout, else a sentence that says why not;
- `read(archives, progress)`: the archives of one side as a `PoseDataset`;
- `write(source, folder)`, where poseda can write the layout: the names of the files written.

Adding a layout is such a module and its line in `LAYOUTS`.
"""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from poseda_cli.dataset import PoseDataset, concatenate
from poseda_cli.errors import (
    AmbiguousLayoutError,
    ArchiveError,
    ForeignFileError,
    InputError,
    UnknownLayoutError,
    UsageError,
    listed,
)
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.archive import Archive, input_file, open_archive

# In the order in which they are tried and listed: name, one line about it.
LAYOUTS = {
    "poseda": "augmented.h5, what `poseda align` writes",
    "videopose3d": "Human3.6M as VideoPose3D has it: data_3d_h36m.npz, data_2d_h36m_*.npz",
    "mpi-inf-3dhp-test": "MPI-INF-3DHP's raw test set: TS1..TS6/annot_data.mat",
    "pstmo": "MPI-INF-3DHP as P-STMO has it: data_train_3dhp.npz, data_test_3dhp.npz",
}

SUFFIXES = (".npz", ".h5", ".hdf5", ".mat")
DEEPEST = 3


def layout_module(name: str) -> ModuleType:
    """The module of a layout.

    Raises
    ------
    UsageError : there is no such layout (lists those there are)
    """
    if name not in LAYOUTS:
        near = difflib.get_close_matches(name, LAYOUTS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"No layout {name}; poseda knows {listed(LAYOUTS)}.{hint}")
    return importlib.import_module(f"poseda_cli.layouts.{name.replace('-', '_')}")


def read(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    layout: str | None = None,
    progress: Progress = silent,
) -> PoseDataset:
    """The poses in some archives, as one data set.

    Parameters
    ----------
    paths : files and folders; a folder stands for the archives in it, down to three levels
    layout : name of the layout that they have; recognised from their content if not given
    progress : told how far reading is

    Returns
    -------
    Poses in metres and camera space, 2D in pixels, whatever the archive stores.

    Raises
    ------
    ArchiveError : missing, damaged, unsafe, unrecognised or ambiguous archives
    InputError : content that contradicts its layout, or archives that do not go together
    UsageError : no such layout
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not paths:
        raise UsageError("nothing to read: name at least one file or folder.")
    if layout is not None:
        layout_module(layout)
    groups, skipped = _recognise_all([Path(path) for path in paths], layout)
    files = {a.path: input_file(a) for archives in groups.values() for a in archives}
    _check_distinct({archive.name: files[archive.path].sha256 for g in groups.values() for archive in g})
    datasets = []
    for name, archives in groups.items():
        dataset = layout_module(name).read(archives, progress)
        origin = replace(
            dataset.origin,
            files=tuple(files[archive.path] for archive in archives),
            notes=(*dataset.origin.notes, *skipped),
        )
        datasets.append(replace(dataset, origin=origin))
        skipped = ()
    return concatenate(datasets)


def recognise(archive: Archive) -> str:
    """The name of an archive's layout.

    Raises
    ------
    UnknownLayoutError : none fits; the message lists what the archive holds and what each layout needs
    """
    refusals = {}
    for name in LAYOUTS:
        refusal = layout_module(name).refusal(archive)
        if refusal is None:
            return name
        refusals[name] = refusal
    reasons = "".join(f"\n  {name}: {reason}" for name, reason in refusals.items())
    raise UnknownLayoutError(
        archive.name, f"an archive of no layout that poseda knows. It holds {describe(archive)}.{reasons}"
    )


def describe(archive: Archive) -> str:
    """The members of an archive with their shapes, for a message."""
    return listed(f"{name} {shape} {dtype}" for name, (shape, dtype) in archive.members.items())


def _recognise_all(paths: list[Path], layout: str | None) -> tuple[dict[str, list[Archive]], tuple[str, ...]]:
    groups: dict[str, list[Archive]] = {}
    notes = []
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        candidates = _candidates(path)
        found, unknown = _recognise_candidates(path, candidates, layout)
        notes += [f"left out {name}: no archive of poses that poseda knows" for name in unknown]
        for archive, name in found:
            status = archive.path.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                other = f" (also as {seen[identity]})" if seen[identity] != archive.name else ""
                raise InputError(f"{archive.name} is given twice{other}. Name it once.")
            seen[identity] = archive.name
            groups.setdefault(name, []).append(archive)
    return groups, tuple(notes)


def _recognise_candidates(
    path: Path, candidates: list[tuple[Path, str]], layout: str | None
) -> tuple[list[tuple[Archive, str]], list[str]]:
    """The archives among the files of one path, and the names of files that are none."""
    found, failures = [], []
    for file, name in candidates:
        try:
            archive = open_archive(file, name)
            if layout is None:
                found.append((archive, recognise(archive)))
            elif (refusal := layout_module(layout).refusal(archive)) is None:
                found.append((archive, layout))
            else:
                raise UnknownLayoutError(name, f"not of layout {layout}: {refusal}")
        except (UnknownLayoutError, ArchiveError) as error:
            # One wrong file is the user's mistake; among others in a folder it is just another file,
            # unless it is a damaged archive: leaving that out would lose data in silence.
            if path.is_file() or not isinstance(error, (UnknownLayoutError, ForeignFileError)):
                raise
            failures.append(error)
    if not found:
        raise (
            failures[0]
            if len(failures) == 1
            else UnknownLayoutError(
                path,
                "no archive in this folder is of a layout that poseda knows:"
                + "".join(f"\n  {failure}" for failure in failures),
            )
        )
    layouts: dict[str, list[str]] = {}
    for archive, name in found:
        layouts.setdefault(name, []).append(archive.name)
    if len(layouts) > 1:
        kinds = "; ".join(f"{name}: {listed(files, most=2)}" for name, files in layouts.items())
        raise AmbiguousLayoutError(
            path,
            f"holds archives of several layouts ({kinds}). Name the files that you mean, or the layout with --layout "
            "or --target-layout.",
        )
    return found, [str(failure.path) for failure in failures]


def _candidates(path: Path) -> list[tuple[Path, str]]:
    """The files that a path stands for, each with the name it has in messages and outputs."""
    base = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's links)
    files = []
    try:
        path.stat()
        if not path.is_dir():
            return [(path, base.name)]
        for folder, folders, names in os.walk(path, onerror=_raise):
            depth = len(Path(folder).relative_to(path).parts)
            folders[:] = sorted(f for f in folders if depth < DEEPEST and not f.startswith("."))
            files += [Path(folder) / name for name in sorted(names) if name.lower().endswith(SUFFIXES)]
    except FileNotFoundError as error:
        raise ArchiveError(path, "no such file or folder.") from error
    except OSError as error:
        raise ArchiveError(error.filename or path, f"cannot be read: {(error.strerror or '').lower()}.") from error
    if not files:
        raise ArchiveError(path, _empty_folder(path))
    return [(file, str(Path(base.name) / file.relative_to(path))) for file in files]


def _raise(error: OSError) -> None:
    raise error


def _empty_folder(path: Path) -> str:
    entries = sorted(entry.name for entry in path.iterdir())
    found = f"it holds {listed(entries, most=6)}" if entries else "it is empty"
    return f"no archive ({', '.join(SUFFIXES)}) in this folder; {found}."


def _check_distinct(checksums: dict[str, str]) -> None:
    """Copies of one file under two names are one file given twice."""
    names: dict[str, str] = {}
    for name, checksum in checksums.items():
        if checksum in names:
            raise InputError(f"{name} and {names[checksum]} are the same file. Name it once.")
        names[checksum] = name
