"""`poseda compare`: the 2D distributions of two archives, and their distance."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poseda_cli.commands.console import Console
from poseda_cli.commands.selection import (
    OUT,
    Actions,
    Cameras,
    Jobs,
    MaxSize,
    Quiet,
    ScreenName,
    Stride,
    Subjects,
    TargetSubjects,
    Verbose,
    layout_option,
    screen_option,
)
from poseda_cli.commands.sides import check_memory, find_side, names_of, read_side, select_side
from poseda_cli.errors import UsageError

if TYPE_CHECKING:
    from poseda_cli.dataset import PoseDataset
    from poseda_cli.progress import Progress

HOW = "How it is compared"
# What people call the sides.
NAMES = ("A", "B")

Pair = tuple["PoseDataset", "PoseDataset"]


def compare(
    a: Annotated[
        Path, typer.Argument(metavar="A", readable=False, help="An archive, folder or zip.", show_default=False)
    ],
    b: Annotated[Path, typer.Argument(metavar="B", readable=False, help="The other one.", show_default=False)],
    layout: Annotated[str | None, layout_option(help="Layout of A; else recognised by content.")] = None,
    subjects: Subjects = None,
    actions: Actions = None,
    cameras: Cameras = None,
    stride: Stride = 1,
    other_layout: Annotated[str | None, layout_option(help="Layout of B.")] = None,
    other_subjects: TargetSubjects = None,
    other_actions: Actions = None,
    other_cameras: Cameras = None,
    other_stride: Stride = 1,
    max_size: MaxSize = None,
    screen: Annotated[ScreenName, screen_option(rich_help_panel=HOW)] = "aspect",
    image_size: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="WIDTH,HEIGHT of images in pixels, where archive and tables do not know it.",
            rich_help_panel=HOW,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on stdout.", rich_help_panel=OUT)] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also draw a figure: PNG, SVG or PDF by suffix (extra `plot`).", rich_help_panel=OUT
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the FILE of --plot.", rich_help_panel=OUT)
    ] = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare where in the image, and how large, the 2D poses of two archives are.

    3D without 2D is seen by its own cameras. --subjects and the like choose from A, --other-subjects from B.

    Example: poseda compare data_3d_h36m.npz mpi_inf_3dhp_test_set
    """
    from poseda_cli import comparison
    from poseda_cli.commands.tables import show_comparison
    from poseda_cli.figures.canvas import check_plot
    from poseda_cli.layouts import layout_module
    from poseda_cli.storage.folder import check_free_file
    from poseda_cli.storage.limits import Limits

    began = time.monotonic()
    console = Console(quiet, verbose)
    limits = Limits.of(max_size)
    size = None if image_size is None else parse_image_size(image_size)
    chosen = (names_of(subjects), names_of(actions), names_of(cameras), stride)
    chosen_of_other = (names_of(other_subjects), names_of(other_actions), names_of(other_cameras), other_stride)
    for given in filter(None, (layout, other_layout)):
        layout_module(given)
    if plot is not None:
        check_plot(plot)
        check_free_file(plot, overwrite, (a, b))
    same = (a, layout) == (b, other_layout)
    whole: list[PoseDataset] = []
    files = [find_side("A", [a], layout, limits), *([] if same else [find_side("B", [b], other_layout, limits)])]
    check_memory(console, *files)
    first = read_side(console, files[0], chosen, whole if same else None)
    if same:
        second = select_side(console, "B", whole.pop(), chosen_of_other)
    else:
        second = read_side(console, files[1], chosen_of_other)
    sides = first, second
    if size is not None:
        sides = _with_image_size(console, sides, size)
    found = comparison.compare(*sides, screen=screen, image_size=size, jobs=jobs, progress=console.progress)
    _say_measured(console, found)
    _say_unaligned(console, sides)
    if plot is not None:
        _draw(sides, found, plot, overwrite, (a, b), jobs, console.progress)
        console.say(f"figure: {plot}")
    if as_json:
        console.result_json({**found, "seconds": round(time.monotonic() - began, 3)})
    else:
        show_comparison(console, found)


def parse_image_size(text: str) -> tuple[int, int]:
    """WIDTH,HEIGHT as the user typed it.

    Raises
    ------
    UsageError : not two whole numbers, or no size of an image
    """
    from poseda_cli.cameras import MOST_PIXELS

    try:
        width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--image-size {text}: expected two whole numbers, WIDTH,HEIGHT in pixels.") from None
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise UsageError(f"--image-size {text}: expected 1 to {MOST_PIXELS:,} pixels each.")
    return width, height


def _with_image_size(console: Console, sides: Pair, size: tuple[int, int]) -> Pair:
    """The sides with that size where it is not known; say where it was used.

    Raises
    ------
    UsageError : it is known everywhere
    """
    from poseda_cli.comparison import with_image_size

    a, b = (with_image_size(side, size) for side in sides)
    # What lacks no size comes back as it was.
    sized = [(name, new) for name, old, new in zip(NAMES, sides, (a, b), strict=True) if new is not old]
    if not sized:
        raise UsageError("--image-size is not needed: the sizes of all images of A and B are known. Leave it out.")
    for name, side in sized:
        console.say(f"{name}: {side.origin.notes[-1]}")
    return a, b


def _say_measured(console: Console, found: dict[str, Any]) -> None:
    """What was not as usual about the poses that were compared."""
    from poseda_cli.comparison import SIDES

    for name, side in zip(NAMES, (found[key] for key in SIDES), strict=True):
        if side["of"] == "projection":
            console.say(f"{name}: no 2D; its 3D is compared, as its cameras see it")
        if lost := side["poses"] - side["measured"]:
            console.say(
                f"{name}: {lost:,} of {side['poses']:,} poses are left out: not finite, without extent, or with a "
                "joint behind the camera"
            )


def _say_unaligned(console: Console, sides: Pair) -> None:
    """An output that was written with --include-source is two data sets in one."""
    from poseda_cli.placement import UNALIGNED

    for name, side in zip(NAMES, sides, strict=True):
        unaligned = sum(sequence.length for sequence in side.sequences if sequence.copy == UNALIGNED)
        if unaligned:
            console.say(f"{name}: {unaligned:,} of its {len(side):,} poses are unaligned ones (--include-source)")


def _draw(
    sides: Pair,
    found: dict[str, Any],
    file: Path,
    overwrite: bool,
    inputs: tuple[Path, Path],
    jobs: int | None,
    progress: Progress,
) -> None:
    from poseda_cli.figures.distribution import plot_distribution
    from poseda_cli.picture import picture_of_comparison
    from poseda_cli.storage.folder import new_file

    picture = picture_of_comparison(*sides, found, jobs, progress)
    with new_file(file, overwrite, inputs) as temporary:
        plot_distribution(picture, temporary, progress)
