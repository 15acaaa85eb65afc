"""Sides of several jobs: looked at once, hashed once, and in memory once for as long as another job needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from poseda_cli.commands.memory import check_reading, contents
from poseda_cli.commands.running import AlignRun
from poseda_cli.commands.sides import SideFiles, find_side
from poseda_cli.errors import InputError
from poseda_cli.memory import of_reading
from poseda_cli.storage.memory import available

if TYPE_CHECKING:
    from poseda_cli.commands.console import Console
    from poseda_cli.dataset import InputFile, PoseDataset
    from poseda_cli.progress import Progress
    from poseda_cli.storage.files import File
    from poseda_cli.storage.limits import Limits


class Place(NamedTuple):
    """Where a side is read from, and how; sides of one place are the same data.

    paths : as they were given: what messages call them depends on it
    lazily : whether poses that can stay in their files do
    """

    paths: tuple[str, ...]
    layout: str | None
    limits: Limits
    lazily: bool

    @property
    def data(self) -> Place:
        """Where the same data is, in memory."""
        return self._replace(lazily=False)


def places_of(run: AlignRun) -> tuple[Place, Place]:
    """Of source and target."""
    return (
        Place(tuple(map(str, run.source)), run.layout, run.limits, run.lazily),
        Place(tuple(map(str, run.target)), run.target_layout, run.limits, False),
    )


class SharedSides:
    """The sides of jobs.

    Parameters
    ----------
    jobs : of each that is still to be run, the places of its sides
    """

    def __init__(self, jobs: Sequence[Sequence[Place]] = ()) -> None:
        self._found: dict[Place, SideFiles] = {}
        self._read: dict[Place, PoseDataset] = {}
        self._needed = [list(places) for places in jobs]

    def find(self, name: str, place: Place) -> SideFiles:
        """The archives of a side.

        Raises
        ------
        PosedaError : as `layouts.find`
        """
        if place.data not in self._found:
            self._found[place.data] = find_side(name, list(map(Path, place.paths)), place.layout, place.limits)
        return self._found[place.data]._replace(name=name, lazily=place.lazily)

    def hashed(self, side: SideFiles) -> list[InputFile]:
        """The files of a side, in the order in which its data set has them."""
        from poseda_cli.storage.checksums import checksum

        return [checksum(file) for file in _files(side)]

    def names(self, side: SideFiles) -> list[str]:
        """What the files of a side are called."""
        from poseda_cli.storage.files import ZippedFile

        return [file.zip_name if isinstance(file, ZippedFile) else file.name for file in _files(side)]

    def check_memory(self, places: Sequence[Place], console: Console) -> None:
        """Make room for what sides take that are not in memory yet; those that are and that others need may have to go.

        Raises
        ------
        InputError : there is not enough
        """
        sides = [self.find("", place) for place in places if place.data not in self._read]
        try:
            check_reading(console, [side.whole for side in sides])
        except InputError:
            if not self._drop(set(self._read) - {place.data for place in places}):
                raise
            check_reading(console, [side.whole for side in sides])

    def has_room_for(self, places: Sequence[Place]) -> bool:
        """Whether another job may be run beside those that are."""
        sides = [self.find("", place) for place in places]
        needed = of_reading(
            contents(layout, archive)
            for side in sides
            for layout, archives in side.whole.items()
            for archive in archives
        )
        left = available()
        return left is None or needed <= left

    def take(self, places: Sequence[Place], progress: Progress) -> list[PoseDataset | None]:
        """The data of a job's sides, as far as other jobs need it, too; what is None is left to the job to be read.

        The job is then no longer among those that need them, see `forget`; call `release` once it has them.

        Raises
        ------
        PosedaError : as `layouts.read`
        """
        from poseda_cli.layouts import read_groups

        self.forget(places)
        taken: list[PoseDataset | None] = []
        for place in places:
            side = self.find("", place)
            shared = place.data in self._read or self._is_needed(place.data)
            if not shared or side.whole != side.groups:
                # What stays in its files is read by each job, and hashed for all.
                if shared:
                    self.hashed(side)
                taken.append(None)
                continue
            if place.data not in self._read:
                self._read[place.data] = read_groups(side.groups, side.notes, progress)
            taken.append(self._read[place.data])
        return taken

    def forget(self, places: Sequence[Place]) -> None:
        """Sides are needed by one job less."""
        self._needed.remove(list(places))

    def release(self) -> None:
        """Let go of what no other job needs."""
        self._drop({place for place in self._read if not self._is_needed(place)})
        self._found = {place: side for place, side in self._found.items() if self._is_needed(place)}

    def _is_needed(self, place: Place) -> bool:
        return any(place == other.data for places in self._needed for other in places)

    def _drop(self, places: set[Place]) -> bool:
        for place in places:
            del self._read[place]
        return bool(places)


def _files(side: SideFiles) -> list[File]:
    return [
        file
        for archives in side.groups.values()
        for file in {archive.file.on_disk: archive.file for archive in archives}.values()
    ]
