"""Archive layouts: one module each, and the registry that recognises, reads and writes them.

A layout's module has a docstring, which is its documentation (`poseda layouts NAME` prints it), and

- `refusal(archive)`: None if the archive is of this layout, else a sentence that says why not, from
  headers and outlines alone; it begins with "needs" if the archive is nothing like it;
- `read(archives, progress)`: the archives of one side as a `PoseDataset`;
- `BESIDE`, where files without poses belong to it (cameras): where they lie, seen from an archive;
- `write(source, folder, options, progress)`, where poseda can write the layout: the names of the
  files written, and what of the data they cannot hold.

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
    MissingExtraError,
    UnknownLayoutError,
    UsageError,
    listed,
)
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.archive import Archive, open_archive
from poseda_cli.storage.files import File, LocalFile, input_file, printable, zipped_files

# In the order in which they are tried and listed: name, one line about it.
LAYOUTS = {
    "poseda": "augmented.h5, what `poseda align` writes",
    "videopose3d": "Human3.6M as VideoPose3D has it: data_3d_h36m.npz, data_2d_h36m_*.npz",
    "mpi-inf-3dhp-test": "MPI-INF-3DHP's raw test set: TS1..TS6/annot_data.mat",
    "pstmo": "MPI-INF-3DHP as P-STMO has it: data_train_3dhp.npz, data_test_3dhp.npz",
}

SUFFIXES = (".npz", ".h5", ".hdf5", ".mat", ".npy", ".pkl", ".cdf", ".json", ".calibration")
DEEPEST = 5
MOST_FAILURES = 8


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
    groups, skipped = find([Path(path) for path in paths], layout)
    return read_groups(groups, skipped, progress)


def find(paths: Sequence[Path], layout: str | None = None) -> tuple[dict[str, list[Archive]], tuple[str, ...]]:
    """The archives that some paths stand for, by layout, and notes about files that are none.

    Raises
    ------
    ArchiveError, InputError : as `read`, as far as headers tell
    """
    groups: dict[str, list[Archive]] = {}
    notes: list[str] = []
    seen: dict[object, str] = {}
    for path in paths:
        found, unknown = _recognise_candidates(path, _candidates(path), layout)
        if unknown:
            notes.append(f"left out, as no archive of poses: {listed(unknown, most=5)}")
        for archive, name in found:
            identity = archive.file.identity
            if identity in seen:
                other = f" (also as {seen[identity]})" if seen[identity] != archive.name else ""
                raise InputError(f"{archive.name} is given twice{other}. Name it once.")
            seen[identity] = archive.name
            groups.setdefault(name, []).append(archive)
    for name, archives in groups.items():
        for archive in _beside(name, archives, seen):
            notes.append(f"{archive.name} lies beside it and was read, too")
            archives.append(archive)
    return groups, tuple(notes)


def read_groups(
    groups: dict[str, list[Archive]], notes: tuple[str, ...] = (), progress: Progress = silent
) -> PoseDataset:
    """The poses of archives whose layouts are known, see `find`."""
    files = {archive.name: input_file(archive.file) for archives in groups.values() for archive in archives}
    _check_distinct({name: file.sha256 for name, file in files.items() if name == file.name})
    datasets = []
    for name, archives in groups.items():
        names = [archive.name for archive in archives]
        dataset = layout_module(name).read(archives, progress)
        origin = replace(
            dataset.origin,
            files=tuple(dict.fromkeys(files[name] for name in names)),
            notes=(*dataset.origin.notes, *notes),
        )
        datasets.append(replace(dataset, origin=origin))
        notes = ()
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
    near = {name: reason for name, reason in refusals.items() if not reason.startswith("needs")}
    reasons = "".join(f"\n  {name}: {reason}" for name, reason in near.items())
    raise UnknownLayoutError(
        archive.name,
        f"an archive of no layout that poseda knows (`poseda layouts` lists them). It holds "
        f"{describe(archive)}.{reasons}",
    )


def describe(archive: Archive) -> str:
    """The members of an archive with their shapes, for a message."""
    return listed(f"{name} {shape} {dtype}" for name, (shape, dtype) in archive.members.items())


def _beside(layout: str, archives: list[Archive], seen: dict[object, str]) -> list[Archive]:
    """The camera files that belong to some archives and were not named."""
    found = []
    for archive in archives:
        for relative in getattr(layout_module(layout), "BESIDE", ()):
            file = archive.file.beside(relative)
            if file is None or file.identity in seen:
                continue
            companion = open_archive(file)
            if layout_module(layout).refusal(companion) is None:
                seen[file.identity] = file.name
                found.append(companion)
    return found


def _recognise_candidates(
    path: Path, candidates: list[File], layout: str | None
) -> tuple[list[tuple[Archive, str]], list[str]]:
    """The archives among the files of one path, and the names of files that are none."""
    found, failures = [], []
    for file in candidates:
        try:
            archive = open_archive(file)
            if layout is None:
                found.append((archive, recognise(archive)))
            elif (refusal := layout_module(layout).refusal(archive)) is None:
                found.append((archive, layout))
            else:
                raise UnknownLayoutError(file.name, f"not of layout {layout}: {refusal}")
        except (UnknownLayoutError, ArchiveError) as error:
            # One wrong file is the user's mistake; among others in a folder it is just another file,
            # unless it is a damaged archive: leaving that out would lose data in silence.
            skippable = (UnknownLayoutError, ForeignFileError, *((MissingExtraError,) if layout else ()))
            if len(candidates) == 1 or not isinstance(error, skippable):
                raise
            failures.append(error)
    if not found:
        raise (
            failures[0]
            if len(failures) == 1
            else UnknownLayoutError(
                path,
                "no archive in this folder is of a layout that poseda knows:"
                + "".join(f"\n  {failure}" for failure in failures[:MOST_FAILURES])
                + (f"\n  ... ({len(failures) - MOST_FAILURES} more)" if len(failures) > MOST_FAILURES else ""),
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


def _candidates(path: Path) -> list[File]:
    """The files that a path stands for, each with the name it has in messages and outputs."""
    base = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's links)
    files: list[Path] = []
    try:
        path.stat()
        if not path.is_dir():
            return _unpacked(LocalFile(path, printable(base.name)))
        for folder, folders, names in os.walk(path, onerror=_raise):
            depth = len(Path(folder).relative_to(path).parts)
            folders[:] = sorted(f for f in folders if depth < DEEPEST and not f.startswith("."))
            files += [Path(folder) / name for name in sorted(names) if name.lower().endswith(SUFFIXES)]
    except FileNotFoundError as error:
        raise ArchiveError(path, "no such file or folder.", code="missing") from error
    except OSError as error:
        raise ArchiveError(error.filename or path, f"cannot be read: {(error.strerror or '').lower()}.") from error
    if not files:
        raise ArchiveError(path, _empty_folder(path))
    return [LocalFile(file, printable(str(Path(base.name) / file.relative_to(path)))) for file in files]


def _unpacked(file: LocalFile) -> list[File]:
    """The archives in a zip that stands for a folder; any other file as it is."""
    with file.open() as stream:
        head = stream.read(4)
    inside = zipped_files(file.on_disk, file.name) if head.startswith(b"PK") else []
    if not inside:
        return [file]
    archives = [member for member in inside if member.base.lower().endswith(SUFFIXES)]
    if not archives:
        found = listed((member.member for member in inside), most=6)
        raise ForeignFileError(file.name, f"a zip, but no npz, and no archive ({', '.join(SUFFIXES)}) in it: {found}.")
    return list(archives)


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
