"""What commands that read poses have in common: reading a selection, and saying what was read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from poseda_cli.commands.console import Console
from poseda_cli.errors import UsageError, listed

if TYPE_CHECKING:
    from poseda_cli.dataset import PoseDataset, PoseHeads
    from poseda_cli.storage.archive import Archive
    from poseda_cli.storage.limits import Limits

Heads = TypeVar("Heads", bound="PoseHeads")


class SideFiles(NamedTuple):
    """The archives of one side of a command, before any of them is read.

    name : what the side is called: 'source', 'target', 'A'
    groups, notes : see `layouts.find`
    lazily : whether poses may stay in their files, where the layout can be read in pieces
    """

    name: str
    groups: dict[str, list[Archive]]
    notes: tuple[str, ...]
    lazily: bool = False

    @property
    def whole(self) -> dict[str, list[Archive]]:
        """What is read as a whole."""
        from poseda_cli.layouts import in_pieces

        return {
            layout: archives
            for layout, archives in self.groups.items()
            if not (self.lazily and in_pieces(layout, archives))
        }


def find_side(name: str, paths: list[Path], layout: str | None, limits: Limits, lazily: bool = False) -> SideFiles:
    """The archives that some paths stand for, see `layouts.find`."""
    from poseda_cli.layouts import find

    return SideFiles(name, *find(paths, layout, limits), lazily)


def check_memory(console: Console, *sides: SideFiles) -> None:
    """Say what memory reading will take, before any side is read.

    Raises
    ------
    InputError : there is not enough
    """
    from poseda_cli.commands.memory import check_reading

    check_reading(console, [side.whole for side in sides], in_pieces=any(side.lazily for side in sides))


def read_side(
    console: Console, side: SideFiles, selection: tuple[Any, ...], whole: list[PoseDataset] | None = None
) -> PoseDataset:
    """Read some archives and select from them; say on stderr what was read.

    Parameters
    ----------
    console : where to say it
    side : what is read
    selection : subjects, actions, cameras, stride, see `PoseDataset.select`
    whole : if given, the data set before the selection is appended
    """
    from poseda_cli.layouts import read_groups

    dataset = read_groups(side.groups, side.notes, console.progress)
    if whole is not None:
        whole.append(dataset)
    return select_side(console, side.name, dataset, selection)


def read_side_lazily(console: Console, side: SideFiles, selection: tuple[Any, ...]) -> PoseHeads:
    """As `read_side`; the poses of layouts that can be read in pieces stay in their files."""
    from poseda_cli.commands.memory import check_reading
    from poseda_cli.layouts import read_groups_lazily

    dataset = read_groups_lazily(
        side.groups, side.notes, console.progress, lambda groups: check_reading(console, [groups])
    )
    return select_side(console, side.name, dataset, selection)


def select_side(console: Console, side: str, dataset: Heads, selection: tuple[Any, ...]) -> Heads:
    """Select from a data set that was read, as `read_side` does, and say what that left."""
    dataset = dataset.select(*selection)
    _say(console, side, dataset)
    return dataset


def names_of(given: list[str] | None) -> tuple[str, ...]:
    """`--subjects S1,S5 --subjects S6` is three names; an empty one is a script's unset variable."""
    names = tuple(name.strip() for part in given or () for name in part.split(",") if name.strip())
    if given and not names:
        raise UsageError("an option that selects by name was given without a name; leave it out to select everything.")
    return names


def count_of(number: int, noun: str) -> str:
    """'1 sequence', '2,000 sequences'."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _say(console: Console, side: str, dataset: PoseHeads) -> None:
    """What was read and, line by line, what was inferred from it."""
    console.say(
        f"{side}: {dataset.title}, layout {dataset.origin.layout}: {len(dataset):,} poses in "
        f"{count_of(len(dataset.sequences), 'sequence')}, subjects {listed(dataset.subjects)}"
    )
    for note in dataset.origin.notes:
        console.say(f"  {note}")
    for problem in dataset.origin.problems:
        if problem.severity != "note" or console.verbose:
            console.say(f"  {problem.severity}: {problem.message}")
    if console.verbose:
        console.say(f"  actions {listed(dataset.actions, most=99)}; cameras {listed(dataset.camera_names, most=99)}")
        for file in dataset.origin.files:
            console.say(f"  {file.name}: {file.size:,} bytes, sha256 {file.sha256}")
