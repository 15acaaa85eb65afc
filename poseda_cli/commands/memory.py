"""Memory, before it is taken: what a run will need is said, and refused where there is not enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from poseda_cli.commands.console import Console
from poseda_cli.errors import InputError, listed
from poseda_cli.memory import ROWS, Contents, of_reading, of_writing
from poseda_cli.storage.memory import available, resident

if TYPE_CHECKING:
    from poseda_cli.chunks import ChunkSource
    from poseda_cli.storage.archive import Archive

Groups = Mapping[str, Sequence["Archive"]]

# Below this nobody needs to know, bytes.
WORTH_SAYING = 1_000_000_000
MOST_NAMES = 3
# Files that are less than this part of all are not to blame.
LITTLE = 20
# What the layouts of Human3.6M and `plain` call 3D poses.
MEMBERS_3D = ("positions_3d", "3D_positions", "poses_3d")


def check_reading(console: Console, whole: Iterable[Groups], in_pieces: bool = False) -> None:
    """Say what memory it takes to read some archives as a whole; once for all sides, before any of them is read.

    Parameters
    ----------
    console : where to say it, if it is much, or --verbose
    whole : of each side what is read as a whole, see `layouts.find`
    in_pieces : whether the command would read poseda's own layout in pieces

    Raises
    ------
    InputError : there is not enough; says which files, how much they take and what to do
    """
    found = [(layout, archive) for groups in whole for layout, archives in groups.items() for archive in archives]
    if not found:
        return
    needed = of_reading(contents(layout, archive) for layout, archive in found)
    archives = _largest([archive for _, archive in found])
    names = listed((archive.name for archive in archives), most=MOST_NAMES)
    how = _how(archives)
    _say(console, needed, f"about {size(needed)} ({names} {how})")
    # Recognising some layouts has read them: of what is needed that is there already.
    left = available()
    if left is not None and needed > resident() + left:
        raise InputError(
            f"{names} {how}, which takes about {size(needed)} of memory; there is {size(resident() + left)}. Close "
            f"other programs, or use a machine with more memory{_convert() if in_pieces else ''}."
        )


def check_writing(console: Console, exports: Iterable[str], source: ChunkSource) -> None:
    """Say what memory it takes to write exports that have all poses in memory, before they are written.

    Parameters
    ----------
    console : as in `check_reading`
    exports : what is written
    source : what is written into them

    Raises
    ------
    InputError : there is not enough
    """
    rows = {name: _rows(name, source) for name in exports if name in ROWS}
    if not rows:
        return
    needed = of_writing(rows, with_3d=source.has_3d and not _keeps_3d(source))
    names = " ".join(f"--to {name}" for name in rows)
    _say(console, needed, f"about {size(needed)} more ({names}: all poses are in memory before they are written)")
    left = available()
    if left is not None and needed > left:
        raise InputError(
            f"{names}: all {max(rows.values()):,} poses are in memory before they are written, which takes about "
            f"{size(needed)} more; there is {size(left)}. Close other programs, write --to poseda, which takes little, "
            f"and poseda convert that on a machine with more memory; or choose fewer poses (--subjects, --stride)."
        )


def contents(layout: str, archive: Archive) -> Contents:
    """What is expected of an archive's memory depends on."""
    return Contents(layout, archive.decoded, _has_3d(layout, archive))


def size(count: int) -> str:
    """'1.4 GB', '320 MB'."""
    return f"{count / 1e9:.1f} GB" if count >= WORTH_SAYING else f"{count / 1e6:.0f} MB"


def _largest(archives: list[Archive]) -> list[Archive]:
    """Those that matter, the largest first."""
    total = sum(archive.decoded for archive in archives)
    large = [archive for archive in archives if archive.decoded * LITTLE >= total]
    return sorted(large, key=lambda archive: archive.decoded, reverse=True) or archives


def _has_3d(layout: str, archive: Archive) -> bool:
    from poseda_cli.layouts import layout_module

    module = layout_module(layout)
    if hasattr(module, "has_3d"):
        return bool(module.has_3d(archive))
    return any(name in archive.members for name in MEMBERS_3D)


def _how(archives: Sequence[Archive]) -> str:
    """How they are read; a pickle has no parts that can be read by themselves."""
    pickled = all(map(_is_pickled, archives))
    if len(archives) == 1:
        return "is one pickled object and is read as a whole" if pickled else "is read as a whole"
    return "are pickled objects and are read as a whole" if pickled else "are read as a whole"


def _is_pickled(archive: Archive) -> bool:
    from poseda_cli.storage.npy import SingleArchive
    from poseda_cli.storage.npz import NpzArchive

    objects = any(dtype.kind == "O" for _, dtype in archive.members.values())
    return objects and isinstance(archive, (NpzArchive, SingleArchive))


def _convert() -> str:
    return (
        "; there it can be converted once into poseda's own layout, which is read in pieces (poseda convert PATH --to "
        "poseda -o DIR)"
    )


def _rows(name: str, source: ChunkSource) -> int:
    """How many poses an export holds: VideoPose3D's files have the whole source, and one file a copy."""
    from poseda_cli.exports import SAME_FILES

    return len(source) if source.whole is None or name not in SAME_FILES else len(source.whole)


def _keeps_3d(source: ChunkSource) -> bool:
    """Whether the trainers keep the 3D file that they have."""
    return source.whole is not None and source.whole.origin.layout == "videopose3d" and source.bodies is None


def _say(console: Console, needed: int, text: str) -> None:
    if needed > WORTH_SAYING or console.verbose:
        console.say(f"memory: {text}")
