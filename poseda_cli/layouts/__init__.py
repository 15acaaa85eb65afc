"""Archive layouts: one module each, and the registry that recognises and reads them.

A layout's module has a docstring, which is its documentation (`poseda layouts NAME` prints it), and

- `refusal(archive)`: None if the archive is of this layout, else a sentence that says why not, from
  headers and outlines alone; it begins with "needs" if the archive is nothing like it;
- `read(archives, progress)`: the archives of one side as a `PoseDataset`;
- `stream(archives, progress)`, where they can be read in pieces: the same as a `StreamedDataset`, or None if it turns
  out that they cannot; and `is_streamed(archive)`, where headers tell that of some archives it cannot;
- `has_3d(archive)`, where names of members do not tell whether reading makes a pose for each camera of one;
- `BESIDE`, where files without poses belong to it (cameras): where they lie, seen from an archive.

Adding a layout is such a module, its line in `LAYOUTS`, and one in `memory.PEAKS`, measured.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from poseda_cli import streamed
from poseda_cli.dataset import InputFile, PoseDataset, PoseHeads, concatenate, with_printable_names
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
from poseda_cli.progress import BYTES, Progress, silent
from poseda_cli.storage.archive import Archive, open_archive
from poseda_cli.storage.files import File, LocalFile, printable, zipped_files
from poseda_cli.storage.limits import DEFAULT, Limits
from poseda_cli.storage.watch import watched
from poseda_cli.suggestions import did_you_mean

# In the order in which they are tried and listed: name, one line about it.
LAYOUTS = {
    "poseda": "augmented.h5, what `poseda align` writes",
    "videopose3d": "Human3.6M as VideoPose3D has it: data_3d_h36m.npz, data_2d_h36m_*.npz",
    "martinez": "Human3.6M as Martinez et al. have it: h36m.zip, S*/MyPoses/3D_positions/*.h5",
    "h36m-raw": "Human3.6M as released: S*/MyPoseFeatures/D3_Positions*/*.cdf, or .cdf.mat",
    "h36m-fetch": "Human3.6M as h36m-fetch prepares it: processed/S*/*/annot.h5",
    "evoskeleton": "Human3.6M as EvoSkeleton has it: threeDPose_*.npy, twoDPose_HRN_*.npy",
    "learnable-triangulation": "Human3.6M's labels of learnable triangulation: human36m-multiview-labels-*.npy",
    "mmpose": "Human3.6M or MPI-INF-3DHP as mmpose has it: h36m_*.npz, mpi_inf_3dhp_*.npz, cameras*.pkl",
    "spin": "Human3.6M or MPI-INF-3DHP as SPIN has it: h36m_train.npz, mpi_inf_3dhp_train.npz, ..., 24 joints",
    "motionbert": "Human3.6M's detections as MotionBERT has them: h36m_sh_conf_cam_source_final.pkl, ...",
    "mpi-inf-3dhp-train": "MPI-INF-3DHP's raw training set: S1..S8/Seq*/annot.mat, camera.calibration",
    "mpi-inf-3dhp-test": "MPI-INF-3DHP's raw test set: TS1..TS6/annot_data.mat",
    "pstmo": "MPI-INF-3DHP as P-STMO has it: data_train_3dhp.npz, data_test_3dhp.npz",
    "ray3d": "MPI-INF-3DHP as Ray3D has it: data_3d_3dhp.npz in a world with z up, data_2d_3dhp_gt.npz",
    "zhou": "MPI-INF-3DHP's test poses as Xingyi Zhou has them: annotTest.h5",
    "graphmlp": "MPI-INF-3DHP as GraphMLP has it: data_3d_3dhp.npz in camera space, data_2d_3dhp.npz",
    "zemingxie": "MPI-INF-3DHP as zemingxie has it: data_3d_mpi_inf_3dhp.npz, data_2d_mpi_inf_3dhp_gt.npz",
    "adaptpose": "MPI-INF-3DHP as AdaptPose has it: data_3dhp_gt_{train,train_3d,test}.npz, 16 joints",
    "margipose": "MPI-INF-3DHP as margipose processes it: S*/Seq*/metadata.h5",
    "poseaug-test": "MPI-INF-3DHP's test poses as PoseAug and PoseDA have them: test_3dhp.npz",
    "videopose3d-custom": "2D detections in videos, for VideoPose3D's inference: data_2d_custom_*.npz",
    "coco": "2D keypoints as COCO has them: results or annotations, JSON",
    "plain": "named arrays in an npz or h5: the way in for anything else",
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
        raise UsageError(f"No layout {name}; poseda knows {listed(LAYOUTS)}.{did_you_mean(name, LAYOUTS)}")
    return importlib.import_module(f"poseda_cli.layouts.{name.replace('-', '_')}")


def read(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    layout: str | None = None,
    progress: Progress = silent,
    *,
    max_size: int | str | None = None,
) -> PoseDataset:
    """The poses in some archives, as one data set.

    Parameters
    ----------
    paths : files and folders; a folder stands for the archives in it, down to five levels
    layout : name of the layout that they have; recognised from their content if not given
    progress : told how far reading is
    max_size : how many bytes may be read at once, a number or as "16G"; 4 GiB if not given, and of text 1 GiB

    Returns
    -------
    Poses in metres and camera space, 2D in pixels, whatever the archive stores.

    Raises
    ------
    ArchiveError : missing, damaged, unsafe, unrecognised or ambiguous archives
    InputError : content that contradicts its layout, or archives that do not go together
    UsageError : no such layout, or no such size
    """
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    if not paths:
        raise UsageError("nothing to read: name at least one file or folder.")
    if layout is not None:
        layout_module(layout)
    groups, skipped = find([Path(path) for path in paths], layout, Limits.of(max_size))
    return read_groups(groups, skipped, progress)


def find(
    paths: Sequence[Path], layout: str | None = None, limits: Limits = DEFAULT
) -> tuple[dict[str, list[Archive]], tuple[str, ...]]:
    """The archives that some paths stand for, by layout, and notes about files that are none.

    Raises
    ------
    ArchiveError, InputError : as `read`, as far as headers tell
    """
    groups: dict[str, list[Archive]] = {}
    notes: list[str] = []
    seen: dict[object, str] = {}
    for path in paths:
        found, unknown = _recognised(path, look(path, layout, limits), layout)
        if unexpected := without_summaries(unknown):
            notes.append(f"left out, as no archive of poses: {listed(unexpected, most=5)}")
        for archive, name in found:
            identity = archive.file.identity
            if identity in seen:
                other = f" (also as {seen[identity]})" if seen[identity] != archive.name else ""
                raise InputError(f"{archive.name} is given twice{other}. Name it once.")
            seen[identity] = archive.name
            groups.setdefault(name, []).append(archive)
    for name, archives in groups.items():
        for file in [file for archive in archives for file in files_beside(name, archive)]:
            if file.identity in seen:
                continue
            try:
                companion = open_archive(file, limits)
                ours = layout_module(name).refusal(companion) is None
            except ArchiveError as error:  # nobody asked for it, and poses can be read without
                notes.append(f"{error} It lies beside the poses and was left out")
                continue
            if ours:
                seen[file.identity] = file.name
                notes.append(f"{file.name} lies beside it and was read, too")
                archives.append(companion)
    return groups, tuple(notes)


def read_groups(
    groups: dict[str, list[Archive]], notes: tuple[str, ...] = (), progress: Progress = silent
) -> PoseDataset:
    """The poses of archives whose layouts are known, see `find`."""
    return concatenate([dataset.load(0, len(dataset)) for dataset in _read_each(groups, notes, progress)])


def read_groups_lazily(
    groups: dict[str, list[Archive]],
    notes: tuple[str, ...] = (),
    progress: Progress = silent,
    whole: Callable[[dict[str, list[Archive]]], object] = lambda groups: None,
) -> PoseHeads:
    """As `read_groups`; the poses of layouts that can be read in pieces stay in their files.

    Parameters
    ----------
    groups, notes, progress : as in `read_groups`
    whole : called with archives that turn out to be such that they must be read as a whole; may raise InputError
    """
    return streamed.concatenate(list(_read_each(groups, notes, progress, whole)))


def in_pieces(layout: str, archives: list[Archive]) -> bool:
    """Whether archives of a layout can be read in pieces, as far as headers tell; in a zip none can."""
    module = layout_module(layout)
    if not hasattr(module, "stream") or not all(isinstance(archive.file, LocalFile) for archive in archives):
        return False
    return not hasattr(module, "is_streamed") or all(map(module.is_streamed, archives))


def _read_layout(
    layout: str,
    archives: list[Archive],
    progress: Progress,
    whole: Callable[[dict[str, list[Archive]]], object] | None,
) -> PoseHeads:
    module = layout_module(layout)
    # Numbers that are not finite, or too large, are data: poses of them are counted where they are used.
    with np.errstate(all="ignore"), _naming_files(archives):
        if whole is not None and in_pieces(layout, archives):
            found: PoseHeads | None = module.stream(archives, progress)
            if found is not None:
                return found
            whole({layout: archives})
        dataset: PoseDataset = module.read(archives, progress)
        return dataset


@contextmanager
def _naming_files(archives: list[Archive]) -> Iterator[None]:
    """Let errors that checks of a data set raise say which files it is of."""
    try:
        yield
    except ArchiveError:
        raise
    except InputError as error:
        names = [archive.name for archive in archives]
        if any(name in str(error) for name in names):
            raise
        raise type(error)(f"{listed(names, most=2)}: {error}") from error


def _read_each(
    groups: dict[str, list[Archive]],
    notes: tuple[str, ...],
    progress: Progress,
    whole: Callable[[dict[str, list[Archive]]], object] | None = None,
) -> Iterator[PoseHeads]:
    """The data set of each layout; `whole` as in `read_groups_lazily`, everything is read as a whole without it."""
    from concurrent.futures import ThreadPoolExecutor

    from poseda_cli.storage.checksums import InputFiles, bytes_of

    files = [archive.file for archives in groups.values() for archive in archives]
    # Hashing needs no interpreter, nor does most of reading.
    with ThreadPoolExecutor(1) as beside, InputFiles(files, beside) as hashed:
        if len({file.on_disk for file in files}) > 1:
            _check_distinct(groups, hashed.by_place(progress))
        for name, archives in groups.items():
            read_from = dict.fromkeys(archive.file.on_disk for archive in archives)
            size = bytes_of(read_from)
            # Of poses that are packed nobody knows how many they are before they are unpacked.
            with progress("reading", size, BYTES) as advance, watched(advance, size):
                dataset: Any = with_printable_names(_read_layout(name, archives, progress, whole))
            origin = replace(
                dataset.origin,
                files=tuple(hashed.by_place(progress)[place] for place in read_from),
                notes=(*dataset.origin.notes, *notes),
            )
            yield replace(dataset, origin=origin)
            notes = ()


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


def files_beside(layout: str, archive: Archive) -> list[File]:
    """The camera files that belong to an archive and lie beside it, whether they were named or not."""
    relatives = getattr(layout_module(layout), "BESIDE", ())
    return [file for relative in relatives if (file := archive.file.beside(relative)) is not None]


class Look(NamedTuple):
    """A file, and what its headers show it to be.

    archive : None if it cannot be opened
    layout : None if it is of none, or not of the one demanded
    error : why there is no layout
    """

    file: File
    archive: Archive | None
    layout: str | None
    error: ArchiveError | None


def look(path: Path, layout: str | None = None, limits: Limits = DEFAULT) -> list[Look]:
    """What each of the files is that a path stands for.

    Raises
    ------
    ArchiveError : the path itself cannot be read, or stands for no file
    """
    return [_look_at(file, layout, limits) for file in _candidates(path, limits)]


def _look_at(file: File, layout: str | None, limits: Limits) -> Look:
    archive = None
    try:
        archive = open_archive(file, limits)
        if layout is None:
            return Look(file, archive, recognise(archive), None)
        if (refusal := layout_module(layout).refusal(archive)) is not None:
            raise UnknownLayoutError(file.name, f"not of layout {layout}: {refusal}")
        return Look(file, archive, layout, None)
    except ArchiveError as error:
        return Look(file, archive, None, error)


def is_foreign(error: ArchiveError, layout: str | None) -> bool:
    """Whether the file that an error is about may be left out among others: it is just another file.

    A damaged archive is not: leaving that out would lose data in silence.
    """
    return isinstance(error, (UnknownLayoutError, ForeignFileError, *((MissingExtraError,) if layout else ())))


def without_summaries(names: Sequence[str]) -> list[str]:
    """Names of files that are left out, but for the summary that lies beside our own data files."""
    return [name for name in names if PurePath(name).name != "summary.json"]


def _recognised(path: Path, looks: list[Look], layout: str | None) -> tuple[list[tuple[Archive, str]], list[str]]:
    """The archives among the files of one path, and the names of files that are none."""
    found, failures = [], []
    for seen in looks:
        if seen.archive is not None and seen.layout is not None:
            found.append((seen.archive, seen.layout))
        elif seen.error is not None:
            # One wrong file is the user's mistake; among others in a folder it is just another file.
            if len(looks) == 1 or not is_foreign(seen.error, layout):
                raise seen.error
            failures.append(seen.error)
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
            f"holds archives of several layouts ({kinds}). Name the files that you mean, or their layout (--layout, "
            "--target-layout, --other-layout).",
        )
    missing = [f"{e.path} (takes an extra, see `poseda inspect`)" for e in failures if isinstance(e, MissingExtraError)]
    return found, [*missing, *(str(e.path) for e in failures if not isinstance(e, MissingExtraError))]


def _candidates(path: Path, limits: Limits) -> list[File]:
    """The files that a path stands for, each with the name it has in messages and outputs."""
    base = Path(os.path.abspath(path))  # noqa: PTH100  (resolve() would follow the user's links)
    files: list[Path] = []
    try:
        path.stat()
        if not path.is_dir():
            return _unpacked(LocalFile(path, printable(base.name)), limits)
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


def _unpacked(file: LocalFile, limits: Limits) -> list[File]:
    """The archives in a zip that stands for a folder; any other file as it is."""
    with file.open() as stream:
        head = stream.read(4)
    inside = zipped_files(file.on_disk, file.name, limits) if head.startswith(b"PK") else []
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
    if any(entry.lower().endswith(".zip") for entry in entries):
        found += "; zips are read when they are named"
    return f"no archive ({', '.join(SUFFIXES)}) in this folder; {found}."


def _check_distinct(groups: dict[str, list[Archive]], files: dict[Path, InputFile]) -> None:
    """Copies of one file under two names are one file given twice; camera files may well be alike."""
    names: dict[str, str] = {}
    for layout, archives in groups.items():
        companions = {PurePath(relative).name for relative in getattr(layout_module(layout), "BESIDE", ())}
        for archive in archives:
            file = files[archive.file.on_disk]
            if archive.file.base in companions or file.name != archive.name:
                continue
            if file.sha256 in names:
                raise InputError(f"{file.name} and {names[file.sha256]} are the same file. Name it once.")
            names[file.sha256] = file.name
