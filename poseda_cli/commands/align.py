"""`poseda align`: the main job."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from poseda_cli.commands.console import Console
from poseda_cli.commands.selection import (
    IN,
    LAYOUTS_WRITTEN,
    OUT,
    RUN,
    Actions,
    Cameras,
    Compression,
    DryRun,
    Jobs,
    Name,
    Out,
    Overwrite,
    Quiet,
    ScreenName,
    Stride,
    Subjects,
    SummaryJson,
    TargetSubjects,
    Verbose,
    layout_option,
    screen_option,
)
from poseda_cli.commands.sides import check_memory, find_side, names_of, read_side, read_side_lazily
from poseda_cli.errors import UsageError

if TYPE_CHECKING:
    from poseda_cli.alignment import Alignment
    from poseda_cli.cameras import Intrinsics
    from poseda_cli.dataset import PoseDataset
    from poseda_cli.shards import Shard

HOW = "How it is aligned"


def align(
    source: Annotated[
        list[Path],
        typer.Argument(metavar="SOURCE", readable=False, help="Archives or folders with 3D poses.", show_default=False),
    ],
    target: Annotated[
        list[Path],
        typer.Option(
            "--target",
            "-t",
            metavar="TARGET...",
            readable=False,
            help="Archives or folders with 2D poses.",
            show_default=False,
        ),
    ],
    out: Out,
    layout: Annotated[str | None, layout_option(help="Layout of the source; else recognised by content.")] = None,
    target_layout: Annotated[str | None, layout_option(help="Layout of the target.")] = None,
    subjects: Subjects = None,
    actions: Actions = None,
    cameras: Cameras = None,
    stride: Stride = 1,
    target_subjects: TargetSubjects = None,
    target_cameras: Cameras = None,
    target_stride: Stride = 1,
    intrinsics: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="Target camera in pixels, FX,FY,CX,CY,WIDTH,HEIGHT, where archive and tables do not know it.",
            rich_help_panel=IN,
        ),
    ] = None,
    depth: Annotated[
        Literal["weak", "exact"],
        typer.Option(help="The paper's depth, or that of equal projected size.", rich_help_panel=HOW),
    ] = "weak",
    screen: Annotated[ScreenName, screen_option(rich_help_panel=HOW)] = "aspect",
    pairing: Annotated[
        Literal["random"], typer.Option(help="A random target pose for each source pose.", rich_help_panel=HOW)
    ] = "random",
    copies: Annotated[
        int, typer.Option(metavar="N", min=1, help="Alignments of each source pose.", rich_help_panel=HOW)
    ] = 1,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the random draw.", rich_help_panel=HOW)] = 0,
    invalid: Annotated[
        Literal["drop", "error"],
        typer.Option(help="Poses with NaN, no extent, or a joint behind the camera.", rich_help_panel=HOW),
    ] = "drop",
    skeleton: Annotated[Literal["h36m17", "h36m16"], typer.Option(help="Joints to write.", rich_help_panel=OUT)] = (
        "h36m17"
    ),
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="LAYOUT", help=LAYOUTS_WRITTEN, show_default="poseda", rich_help_panel=OUT),
    ] = None,
    name: Name = "gpa",
    compression: Compression = "none",
    include_source: Annotated[
        bool, typer.Option("--include-source", help="Write the unaligned source poses, too.", rich_help_panel=OUT)
    ] = False,
    plot: Annotated[
        bool,
        typer.Option("--plot", help="Also draw distribution.png (extra `plot`).", rich_help_panel=OUT),
    ] = False,
    plot_format: Annotated[
        Literal["png", "svg", "pdf"] | None,
        typer.Option(help="What --plot draws.", show_default="png", rich_help_panel=OUT),
    ] = None,
    overwrite: Overwrite = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Only shard I of N; see poseda merge.", show_default="all", rich_help_panel=RUN
        ),
    ] = None,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: SummaryJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Move each source pose to the place and size of a random target pose (GPA).

    Example: poseda align data_3d_h36m.npz -t mpi_inf_3dhp_test_set -o aligned
    """
    from poseda_cli.commands.memory import check_writing
    from poseda_cli.exports import check_names, check_writable, losses, needs_whole
    from poseda_cli.figures.canvas import check_plot
    from poseda_cli.layouts import layout_module
    from poseda_cli.options import AlignOptions
    from poseda_cli.output import check_name, figure_of, is_output, write_output
    from poseda_cli.pipeline import prepare
    from poseda_cli.shards import Shard
    from poseda_cli.storage.allocator import keep_memory
    from poseda_cli.storage.folder import check_free
    from poseda_cli.storage.scratch import Scratch

    keep_memory()
    began = time.monotonic()
    console = Console(quiet, verbose)
    lens = parse_intrinsics(intrinsics) if intrinsics else None
    part = Shard.parse(shard) if shard is not None else None
    options = AlignOptions(skeleton, depth, screen, pairing, copies, include_source, seed, invalid, lens, part)
    chosen = (names_of(subjects), names_of(actions), names_of(cameras), stride)
    chosen_target = (names_of(target_subjects), (), names_of(target_cameras), target_stride)
    for given in filter(None, (layout, target_layout)):
        layout_module(given)
    exports = to or ["poseda"]
    check_names(exports)
    check_name(name)
    if part:
        _check_shard(part, exports, plot)
    inputs = [*source, *target]
    check_free(out, overwrite, is_output, inputs)
    if plot_format and not plot:
        raise UsageError("--plot-format says what --plot draws; add --plot, too.")
    if plot:
        check_plot()
    lazily = not needs_whole(exports)
    sides = find_side("source", source, layout, lazily), find_side("target", target, target_layout)
    check_memory(console, *sides)
    whole: list[PoseDataset] = []
    # No name here for the source as read: it must be free once it has the output's joints.
    plan = prepare(
        read_side_lazily(console, sides[0], chosen) if lazily else read_side(console, sides[0], chosen, whole),
        read_side(console, sides[1], chosen_target),
        options,
        jobs=jobs,
        progress=console.progress,
        whole=whole[0] if whole else None,
        make_room=Scratch(out).room,
    )
    check_writable(exports, plan)
    for lost in losses(exports, plan):
        console.say(lost)
    if lens:
        console.say(plan.target.dataset.origin.notes[-1])
    if dry_run:
        _say_plan(console, plan, out, as_json)
        return
    check_writing(console, exports, plan)
    files, summary = write_output(
        plan,
        plan.summary,
        out,
        exports,
        name=name,
        overwrite=overwrite,
        inputs=inputs,
        progress=console.progress,
        figure=figure_of(plan, f"distribution.{plot_format or 'png'}", jobs, console.progress) if plot else None,
        compression=compression,
        record=lambda: plan.record,
    )
    say_result(console, summary, out)
    if as_json:
        console.result_json({**summary, "seconds": round(time.monotonic() - began, 3)})
    else:
        console.result("\n".join(map(str, files)))


def parse_intrinsics(text: str) -> Intrinsics:
    """FX,FY,CX,CY,WIDTH,HEIGHT as the user typed it.

    Raises
    ------
    UsageError : not six numbers, or sizes that no camera has
    """
    from poseda_cli.cameras import Intrinsics

    try:
        fx, fy, cx, cy, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--intrinsics {text}: expected six numbers, FX,FY,CX,CY,WIDTH,HEIGHT in pixels.") from None
    if not (0 < fx < 1e6 and 0 < fy < 1e6 and 1 <= width <= 1e5 and 1 <= height <= 1e5):
        raise UsageError(f"--intrinsics {text}: focal lengths and image size must be positive, and those of a camera.")
    if not (abs(cx) <= 10 * width and abs(cy) <= 10 * height):
        raise UsageError(f"--intrinsics {text}: the principal point CX,CY lies nowhere near the image.")
    if width != int(width) or height != int(height):
        raise UsageError(f"--intrinsics {text}: WIDTH and HEIGHT are whole pixels.")
    if fx < 10 or fy < 10:
        raise UsageError(f"--intrinsics {text}: focal lengths in pixels, not normalised (multiply them by WIDTH / 2).")
    return Intrinsics(fx, fy, cx, cy, int(width), int(height))


def _say_plan(console: Console, plan: Alignment, out: Path, as_json: bool) -> None:
    console.say(f"would write {len(plan):,} poses to {out}; {_dropped(plan.dropped)}")
    if as_json:
        output = {"files": [], "poses": len(plan), "dropped": plan.dropped}
        console.result_json({"schema": "poseda.plan/1", **plan.provenance, "output": output})


def _check_shard(shard: Shard, exports: list[str], plot: bool) -> None:
    """Refuse what takes the whole run.

    Raises
    ------
    UsageError : as said
    """
    if others := [name for name in exports if name != "poseda"]:
        raise UsageError(
            f"--shard {shard} --to {others[0]}: shards are written as poseda alone. Merge them first (poseda merge "
            f"SHARD... -o DIR), then poseda convert DIR --to {others[0]}."
        )
    if plot:
        raise UsageError(f"--shard {shard} --plot: the figure is one of the whole run; leave --plot out.")


def say_result(console: Console, summary: dict[str, Any], out: Path) -> None:
    """A table of what came out, and how many poses lie where."""
    if console.quiet:
        return
    from poseda_cli.commands.tables import show_alignment

    # A shard may be without an aligned pose; there is nothing to be compared then.
    if summary["fit"]:
        show_alignment(console, summary)
    for figure in summary["output"].get("figures", ()):
        console.say(f"figure: {out / figure}")
    console.say(f"{summary['output']['poses']:,} poses in {out}; {_dropped(summary['output']['dropped'])}")


def _dropped(counts: dict[str, int]) -> str:
    lost = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in counts.items() if count)
    return f"dropped: {lost}" if lost else "none dropped"
