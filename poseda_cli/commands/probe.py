"""`poseda probe`: what each alignment would do for a lifter, tried out with one that is fitted in a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from poseda_cli.commands.console import Console
from poseda_cli.commands.running import parse_intrinsics
from poseda_cli.commands.selection import (
    HOW,
    OUT,
    Actions,
    Cameras,
    Jobs,
    MaxSize,
    Quiet,
    ScreenName,
    Sources,
    Stride,
    Subjects,
    TargetIntrinsics,
    TargetSubjects,
    TargetTilt,
    TargetUp,
    Verbose,
    Yaw,
    layout_option,
    screen_option,
)
from poseda_cli.commands.sides import check_memory, find_side, names_of, read_side, read_side_lazily
from poseda_cli.commands.views import parse_direction
from poseda_cli.errors import UsageError, listed

if TYPE_CHECKING:
    from poseda_cli.dataset import PoseDataset, PoseHeads
    from poseda_cli.options import AlignOptions
    from poseda_cli.probing import Probe
    from poseda_cli.progress import Progress

TRIED = "What is tried"
# Without --variants; the last one where it can be.
USUAL = ("weak", "exact", "jitter", "match")
MATCH = "match"

Variants = dict[str, dict[str, Any]]


def probe(
    source: Sources,
    target: Annotated[
        list[Path],
        typer.Option(
            "--target",
            "-t",
            metavar="TARGET...",
            readable=False,
            help="Archives or folders with 2D poses, and 3D to score on.",
            show_default=False,
        ),
    ],
    layout: Annotated[str | None, layout_option(help="Layout of the source; else recognised by content.")] = None,
    target_layout: Annotated[str | None, layout_option(help="Layout of the target.")] = None,
    subjects: Subjects = None,
    actions: Actions = None,
    cameras: Cameras = None,
    stride: Stride = 1,
    target_subjects: TargetSubjects = None,
    target_cameras: Cameras = None,
    target_stride: Stride = 1,
    intrinsics: TargetIntrinsics = None,
    max_size: MaxSize = None,
    variants: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="weak, exact, match, jitter, jitter:DEG, bones, bones:SD, sequence; several at once as match+bones.",
            show_default="weak,exact,jitter, and match where up is known",
            rich_help_panel=TRIED,
        ),
    ] = None,
    poses: Annotated[
        int, typer.Option(metavar="N", min=100, help="Of the source, at even distances.", rich_help_panel=TRIED)
    ] = 20_000,
    seeds: Annotated[
        int, typer.Option(metavar="K", min=1, help="Runs, whose spread is shown.", rich_help_panel=TRIED)
    ] = 3,
    features: Annotated[
        int, typer.Option(metavar="N", min=1, help="Random features of the lifter.", rich_help_panel=TRIED)
    ] = 1024,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the first run.", rich_help_panel=TRIED)] = 0,
    skeleton: Annotated[
        Literal["h36m17", "h36m16"],
        typer.Option(help="Joints to align; those that the target has are scored.", rich_help_panel=HOW),
    ] = "h36m17",
    screen: Annotated[ScreenName, screen_option(rich_help_panel=HOW)] = "aspect",
    yaw: Yaw = 360.0,
    target_up: TargetUp = None,
    target_tilt: TargetTilt = None,
    bones: Annotated[
        float, typer.Option(metavar="SD", min=0, help="bones: how much lengths vary.", rich_help_panel=HOW)
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on stdout.", rich_help_panel=OUT)] = False,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also draw bars: PNG, SVG or PDF by suffix (extra `plot`).", rich_help_panel=OUT
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the FILE of --plot.", rich_help_panel=OUT)
    ] = False,
    jobs: Jobs = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Try out what each alignment would do for a network that lifts 2D poses to 3D.

    A lifter in closed form, no network, is fitted to the source as it is and as each alignment makes it, and scored on
    half of the target; the ceiling is fitted to the other half. Where variants differ by more than 5 mm of MPJPE, a
    network puts them in the same order; below that the table is no guide. It understates gains. Alignments see no 3D
    of the target.

    Example: poseda probe data_3d_h36m.npz --target mpi_inf_3dhp_test_set
    """
    from poseda_cli.commands.probe_table import show_probe
    from poseda_cli.figures.canvas import check_plot
    from poseda_cli.layouts import layout_module
    from poseda_cli.options import AlignOptions
    from poseda_cli.probing import probe as run_probe
    from poseda_cli.storage.allocator import keep_memory
    from poseda_cli.storage.folder import check_free_file
    from poseda_cli.storage.limits import Limits
    from poseda_cli.target import with_intrinsics

    keep_memory()
    began = time.monotonic()
    console = Console(quiet, verbose)
    limits = Limits.of(max_size)
    chosen = (names_of(subjects), names_of(actions), names_of(cameras), stride)
    chosen_target = (names_of(target_subjects), (), names_of(target_cameras), target_stride)
    options = AlignOptions(
        skeleton=skeleton,
        screen=screen,
        seed=seed,
        intrinsics=parse_intrinsics(intrinsics) if intrinsics else None,
    )
    up = parse_direction(target_up) if target_up is not None else None
    tried = _tried(names_of(variants) or USUAL, options, yaw, up, target_tilt, bones)
    for given in filter(None, (layout, target_layout)):
        layout_module(given)
    if plot is not None:
        check_plot(plot)
        check_free_file(plot, overwrite, (*source, *target))
    files = find_side("source", source, layout, limits, lazily=True), find_side("target", target, target_layout, limits)
    check_memory(console, *files)
    sides = read_side_lazily(console, files[0], chosen), read_side(console, files[1], chosen_target)
    if options.intrinsics:
        console.say(with_intrinsics(sides[1], options.intrinsics).origin.notes[-1])
    if not variants and (why := _why_not_matched(*sides, given=up is not None or target_tilt is not None)):
        console.say(f"match is left out: {why}")
        del tried[MATCH]
    found = run_probe(
        *sides,
        tried,
        options=options,
        poses=poses,
        seeds=seeds,
        features=features,
        jobs=jobs,
        progress=console.progress,
    )
    if plot is not None:
        _draw(found, plot, overwrite, (*source, *target), console.progress)
        console.say(f"figure: {plot}")
    if as_json:
        console.result_json({**found.as_json(), "seconds": round(time.monotonic() - began, 3)})
    else:
        show_probe(console, found)


def _tried(
    names: tuple[str, ...],
    options: AlignOptions,
    yaw: float,
    up: tuple[float, float, float] | None,
    tilt: float | None,
    bones: float,
) -> Variants:
    """The alignments that are asked for, see `variants.parse_variants`.

    Raises
    ------
    UsageError : no such alignment; options out of range, or that none of them has
    """
    from dataclasses import replace

    from poseda_cli.variants import parse_variants

    settings: Variants = {
        MATCH: {"yaw": yaw, "target_up": up, "target_tilt": tilt},
        "jitter": {"yaw": yaw},
        "bones": {"bones": bones},
    }
    found = parse_variants(names, settings)
    for changes in found.values():
        # Options that are out of range are refused before any file is read.
        replace(options, **changes)
    if (up is not None or tilt is not None) and not any(changes.get("view") == MATCH for changes in found.values()):
        raise UsageError("--target-up, --target-tilt: they are for match alone; add it to --variants.")
    return found


def _why_not_matched(source: PoseHeads, target: PoseDataset, given: bool) -> str:
    """Of which cameras nobody knows where up is; nothing if it is known of all."""
    if names := list(_without_up(source, range(len(source.cameras)))):
        return f"where up is for the source's cameras is not known ({listed(names, most=4)})"
    if not given and (names := list(_without_up(target, sorted(set(target.camera.tolist()))))):
        return (
            f"where up is for the target's cameras is not known ({listed(names, most=4)}); say it with --target-tilt "
            "or --target-up"
        )
    return ""


def _without_up(heads: PoseHeads, used: range | list[int]) -> Iterator[str]:
    from math import isnan

    from poseda_cli.viewpoint import up_directions

    ups = up_directions(heads.cameras, heads.origin.dataset)
    return (heads.cameras[row].name for row in used if isnan(ups[row].sum()))


def _draw(found: Probe, file: Path, overwrite: bool, inputs: tuple[Path, ...], progress: Progress) -> None:
    from poseda_cli.figures.probe import plot_probe
    from poseda_cli.storage.folder import new_file

    with new_file(file, overwrite, inputs) as temporary:
        plot_probe(found, temporary, progress)
