"""`poseda convert`: from one layout into another."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poseda_cli.commands.console import Console
from poseda_cli.commands.selection import (
    LAYOUTS_WRITTEN,
    OUT,
    Actions,
    Cameras,
    Compression,
    DryRun,
    MaxSize,
    Name,
    Out,
    Overwrite,
    Quiet,
    Stride,
    Subjects,
    SummaryJson,
    Verbose,
    layout_option,
)
from poseda_cli.commands.sides import check_memory, find_side, names_of, read_side_lazily
from poseda_cli.errors import InputError, UsageError, listed
from poseda_cli.suggestions import did_you_mean

if TYPE_CHECKING:
    from poseda_cli.conversion import Conversion


def convert(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", readable=False, help="Archives or folders of one data set.", show_default=False),
    ],
    to: Annotated[list[str], typer.Option("--to", metavar="LAYOUT", help=LAYOUTS_WRITTEN, show_default=False)],
    out: Out,
    layout: Annotated[str | None, layout_option(help="Layout of PATH; else recognised by content.")] = None,
    subjects: Subjects = None,
    actions: Actions = None,
    cameras: Cameras = None,
    stride: Stride = 1,
    max_size: MaxSize = None,
    skeleton: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Joints to write.", show_default="as read", rich_help_panel=OUT),
    ] = None,
    name: Name = "poses",
    compression: Compression = "none",
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: SummaryJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write poses in another layout, without aligning them.

    Example: poseda convert mpi_inf_3dhp_test_set --to pstmo -o converted
    """
    from poseda_cli.commands.memory import check_writing
    from poseda_cli.conversion import Conversion
    from poseda_cli.exports import check_names, check_writable, losses
    from poseda_cli.layouts import layout_module
    from poseda_cli.output import check_name, is_output, write_output
    from poseda_cli.skeleton import SKELETONS
    from poseda_cli.storage.allocator import keep_memory
    from poseda_cli.storage.folder import check_free
    from poseda_cli.storage.limits import Limits

    keep_memory()
    began = time.monotonic()
    console = Console(quiet, verbose)
    limits = Limits.of(max_size)
    check_names(to)
    check_name(name)
    if layout:
        layout_module(layout)
    if skeleton is not None and skeleton not in SKELETONS:
        near = did_you_mean(skeleton, SKELETONS)
        raise UsageError(f"--skeleton {skeleton}: poseda knows {listed(SKELETONS)}.{near}")
    check_free(out, overwrite, is_output, paths)
    selection = (names_of(subjects), names_of(actions), names_of(cameras), stride)
    side = find_side("source", paths, layout, limits, lazily=True)
    check_memory(console, side)
    dataset = read_side_lazily(console, side, selection)
    if skeleton is not None:
        dataset = dataset.to_skeleton(SKELETONS[skeleton])
    source = Conversion(dataset, console.progress)
    _say_poses(console, source)
    check_writable(to, source)
    for lost in losses(to, source):
        console.say(lost)
    if dry_run:
        console.say(f"would write {len(source):,} poses to {out}")
        if as_json:
            console.result_json(source.summary())
        return
    check_writing(console, to, source)
    files, summary = write_output(
        source,
        source.summary,
        out,
        to,
        name=name,
        overwrite=overwrite,
        inputs=paths,
        progress=console.progress,
        compression=compression,
    )
    console.say(f"{len(source):,} poses in {out}")
    if as_json:
        console.result_json({**summary, "seconds": round(time.monotonic() - began, 3)})
    else:
        console.result("\n".join(map(str, files)))


def _say_poses(console: Console, source: Conversion) -> None:
    """What a conversion makes up, and what it carries along.

    Raises
    ------
    InputError : no pose is finite
    """
    if source.not_finite == len(source):
        raise InputError(f"{source.poses.title}: no pose is finite.")
    if source.not_finite:
        console.say(f"{source.not_finite:,} poses hold numbers that are not finite; they are written as they are")
    if not source.has_2d and source.absolute:
        console.say("no 2D here: where the layout has 2D, it is projected from the 3D")
