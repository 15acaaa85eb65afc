"""Every data set under some paths, and every file that is none: described, never refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from poseda_cli.dataset import PoseDataset
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.layouts import Look, files_beside, is_foreign, layout_module, look, read_groups, without_summaries
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.archive import Archive, open_archive
from poseda_cli.storage.files import File, ZippedFile, printable
from poseda_cli.storage.limits import DEFAULT, Limits

# Archives that are taken out of a data set because they cannot be read, at the cost of reading the others again;
# with more of them, every archive is read on its own.
MOST_TAKEN_OUT = 3

Before = Callable[[dict[str, list[Archive]]], object]


class Surveyed(NamedTuple):
    """A data set, or what cannot be read.

    Parameters
    ----------
    paths : the paths given, where there is nothing else under them, else the folders or the files
    layout : None where it is not known
    dataset : None where it cannot be read
    error : why not
    archives : what could not be read, as far as it can be opened
    """

    paths: tuple[str, ...]
    layout: str | None
    dataset: PoseDataset | None = None
    error: InputError | None = None
    archives: tuple[Archive, ...] = ()


class _Unit(NamedTuple):
    """What can be read on its own: an archive of poses, and the camera files that lie beside it."""

    archives: tuple[Archive, ...]

    @property
    def name(self) -> str:
        """The archive's."""
        return self.archives[0].name

    def again(self) -> _Unit:
        """The same, opened anew: what an archive had decoded may be spent."""
        return _Unit(tuple(open_archive(archive.file, archive.limits) for archive in self.archives))


class _Group:
    """The archives of one layout, by identity, and notes about them."""

    def __init__(self, layout: str) -> None:
        self.layout = layout
        self.archives: dict[object, Archive] = {}
        self.notes: list[str] = []

    def units(self) -> list[_Unit]:
        """Each archive with the camera files beside it; these are no units of their own."""
        beside = {
            identity: [
                file.identity
                for file in files_beside(self.layout, archive)
                if file.identity in self.archives and file.identity != identity
            ]
            for identity, archive in self.archives.items()
        }
        companions = {companion for found in beside.values() for companion in found}
        own = [identity for identity in self.archives if identity not in companions]
        if not own:  # camera files only
            return [_Unit(tuple(self.archives.values()))]
        return [_Unit(tuple(self.archives[key] for key in (identity, *beside[identity]))) for identity in own]


class _Finds:
    """What lies under some paths, before any of it is read.

    Parameters
    ----------
    layout : the one demanded, or None
    limits : beyond which archives are refused
    """

    def __init__(self, layout: str | None, limits: Limits) -> None:
        self._layout, self._limits = layout, limits
        self._groups: dict[str, _Group] = {}
        self._seen: set[object] = set()
        self.order: list[_Group | Surveyed] = []
        self.under: dict[Path, dict[object, File]] = {}  # files that are described, by identity

    def add(self, path: Path) -> None:
        """One more path."""
        try:
            looks = look(path, self._layout, self._limits)
        except ArchiveError as error:
            self.order.append(Surveyed((printable(str(path)),), None, error=error))
            return
        mixed = any(found.layout for found in looks)
        left_out, twice = [], []
        files = self.under.setdefault(path, {})
        for found in looks:
            if mixed and found.error and is_foreign(found.error, self._layout):
                left_out.append(found.file.name)
                continue
            files[found.file.identity] = found.file
            if found.file.identity in self._seen:
                twice.append(found.file.name)
                continue
            self._seen.add(found.file.identity)
            self._sort(found, printable(str(path)) if len(looks) == 1 else place(found.file))
        first = next((self._groups[found.layout] for found in looks if found.layout), None)
        if first and (unexpected := without_summaries(left_out)):
            first.notes.append(f"left out, as no archive of poses: {listed(unexpected, most=5)}")
        if first and twice:
            first.notes.append(f"given more than once: {listed(twice, most=5)}")

    def _sort(self, found: Look, place: str) -> None:
        if found.archive is None or found.layout is None:
            archives = (found.archive,) if found.archive else ()
            self.order.append(Surveyed((place,), None, error=found.error, archives=archives))
            return
        if found.layout not in self._groups:
            self._groups[found.layout] = _Group(found.layout)
            self.order.append(self._groups[found.layout])
        self._groups[found.layout].archives[found.file.identity] = found.archive

    def add_companions(self, group: _Group) -> Iterator[Surveyed]:
        """Open the camera files beside a group's archives that were not named; yields those that are damaged."""
        files = [file for archive in group.archives.values() for file in files_beside(group.layout, archive)]
        for file in files:
            if file.identity in self._seen:
                continue
            self._seen.add(file.identity)
            try:
                companion = open_archive(file, self._limits)
                if layout_module(group.layout).refusal(companion) is None:
                    group.archives[file.identity] = companion
                    group.notes.append(f"{file.name} lies beside it and was read, too")
            except ArchiveError as error:
                yield Surveyed((place(file),), None, error=error)


def survey(
    paths: Sequence[Path],
    layout: str | None = None,
    progress: Progress = silent,
    before: Before = lambda groups: None,
    limits: Limits = DEFAULT,
) -> Iterator[Surveyed]:
    """The data sets under some paths, each read when it is its turn.

    Archives of one layout are one data set if they can be read together. An archive that cannot be read is
    taken out; archives that do not go together are read one by one.

    Parameters
    ----------
    paths : files, folders and zips
    layout : the layout that all of them have; recognised from their content if not given
    progress : told how far reading is
    before : called with what is read next, see `find`; may raise InputError
    limits : beyond which archives are refused

    Returns
    -------
    What was found, in the order of the paths. Files in a folder that are no archives of poses are named in
    the notes of what lies there; they are described only where there is nothing else.
    """
    finds = _Finds(layout, limits)
    for path in dict.fromkeys(paths):
        finds.add(path)
    for entry in finds.order:
        if isinstance(entry, Surveyed):
            yield entry
        else:
            yield from finds.add_companions(entry)
            yield from _read(entry, finds.under, progress, before)


def _read(
    group: _Group, under: dict[Path, dict[object, File]], progress: Progress, before: Before
) -> Iterator[Surveyed]:
    """The data set of a group, or as many as it takes."""
    together, apart = group.units(), list[tuple[_Unit, InputError]]()
    while together:
        outcome = _attempt(group, together, progress, before)
        if isinstance(outcome, PoseDataset) or len(together) == 1:
            yield _surveyed(group, together, outcome, under)
            del outcome  # before the next one is read
            break
        named = str(outcome.path) if isinstance(outcome, ArchiveError) else None
        blamed = [unit for unit in together if unit.name == named][:1]
        taken = blamed if blamed and len(apart) < MOST_TAKEN_OUT else together
        together = [unit.again() for unit in together if unit not in taken]
        apart += [(unit, outcome) for unit in taken]
    for unit, reason in apart:
        alone = [unit.again()]
        group.notes.append(f"read on its own, since together: {reason}")
        yield _surveyed(group, alone, _attempt(group, alone, progress, before), under)


def _attempt(group: _Group, units: list[_Unit], progress: Progress, before: Before) -> PoseDataset | InputError:
    archives = {archive.file.identity: archive for unit in units for archive in unit.archives}
    groups = {group.layout: list(archives.values())}
    try:
        before(groups)
        return read_groups(groups, progress=progress)
    except InputError as error:
        return error


def _surveyed(
    group: _Group, units: list[_Unit], outcome: PoseDataset | InputError, under: dict[Path, dict[object, File]]
) -> Surveyed:
    archives = {archive.file.identity: archive for unit in units for archive in unit.archives}
    paths: list[str] = []
    for path, files in under.items():
        mine = [place(file) for identity, file in files.items() if identity in archives]
        others = [place(file) for identity, file in files.items() if identity not in archives]
        paths += _shortest(printable(str(path)), mine, others)
    notes, group.notes = group.notes, []
    if isinstance(outcome, InputError):
        return Surveyed(tuple(paths), group.layout, error=outcome, archives=tuple(archives.values()))
    origin = replace(outcome.origin, notes=(*outcome.origin.notes, *notes))
    return Surveyed(tuple(paths), group.layout, replace(outcome, origin=origin))


def _shortest(path: str, mine: list[str], others: list[str]) -> list[str]:
    """The path given, or a folder under it, that holds some files and none of the others; else the files."""
    if not others:
        return [path]
    folder = os.path.commonpath(mine) if len(mine) > 1 else ""
    return [folder] if folder and not any(other.startswith(f"{folder}/") for other in others) else mine


def place(file: File) -> str:
    """Where a file lies, from where the user stands."""
    inside = f"/{file.member}" if isinstance(file, ZippedFile) else ""
    return printable(f"{file.on_disk}{inside}")
