"""`poseda align`: the main job."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from poseda_cli.commands.console import Console
from poseda_cli.commands.losses import dropped_text
from poseda_cli.commands.running import AlignRun
from poseda_cli.commands.selection import (
    HOW,
    LAYOUTS_WRITTEN,
    OUT,
    RUN,
    Actions,
    Cameras,
    Compression,
    DryRun,
    Jobs,
    MaxSize,
    Name,
    Out,
    Overwrite,
    Quiet,
    ScreenName,
    Sources,
    Stride,
    Subjects,
    SummaryJson,
    TargetIntrinsics,
    TargetSubjects,
    TargetTilt,
    TargetUp,
    Verbose,
    Yaw,
    layout_option,
    screen_option,
)
from poseda_cli.commands.sides import check_memory, read_side, read_side_lazily

if TYPE_CHECKING:
    from poseda_cli.alignment import Alignment
    from poseda_cli.dataset import PoseDataset, PoseHeads


def align(
    source: Sources,
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
    intrinsics: TargetIntrinsics = None,
    max_size: MaxSize = None,
    depth: Annotated[
        Literal["weak", "exact"],
        typer.Option(help="The paper's depth, or that of equal projected size.", rich_help_panel=HOW),
    ] = "weak",
    screen: Annotated[ScreenName, screen_option(rich_help_panel=HOW)] = "aspect",
    pairing: Annotated[
        Literal["random", "sequence"],
        typer.Option(help="A target for each pose; or for each sequence, whose motion is kept.", rich_help_panel=HOW),
    ] = "random",
    clip: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="--pairing sequence: a target for every N frames.", rich_help_panel=HOW),
    ] = None,
    view: Annotated[
        str,
        typer.Option(
            metavar="VIEW",
            help="Turn poses, too: match (the target camera's tilt), jitter or jitter:DEG (noise).",
            rich_help_panel=HOW,
        ),
    ] = "none",
    yaw: Yaw = 360.0,
    target_up: TargetUp = None,
    target_tilt: TargetTilt = None,
    bones: Annotated[
        float,
        typer.Option(metavar="SD", min=0, help="Vary bone lengths and heights; 0.05 to 0.1.", rich_help_panel=HOW),
    ] = 0.0,
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
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="As --dry-run, and say what was inferred and why; --json: as JSON.",
            rich_help_panel=RUN,
        ),
    ] = False,
    as_json: SummaryJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Move each source pose to the place and size of a random target pose (GPA).

    Example: poseda align data_3d_h36m.npz -t mpi_inf_3dhp_test_set -o aligned
    """
    from poseda_cli.storage.allocator import keep_memory

    keep_memory()
    began = time.monotonic()
    console = Console(quiet, verbose)
    run = AlignRun(
        source=source,
        target=target,
        out=out,
        layout=layout,
        target_layout=target_layout,
        subjects=subjects,
        actions=actions,
        cameras=cameras,
        stride=stride,
        target_subjects=target_subjects,
        target_cameras=target_cameras,
        target_stride=target_stride,
        intrinsics=intrinsics,
        max_size=max_size,
        depth=depth,
        screen=screen,
        pairing=pairing,
        clip=clip,
        view=view,
        yaw=yaw,
        target_up=target_up,
        target_tilt=target_tilt,
        bones=bones,
        copies=copies,
        seed=seed,
        invalid=invalid,
        skeleton=skeleton,
        to=to,
        name=name,
        compression=compression,
        include_source=include_source,
        plot=plot,
        plot_format=plot_format,
        overwrite=overwrite,
        shard=shard,
        jobs=jobs,
    )
    run.check()
    run.check_place()
    sides = run.find()
    check_memory(console, *sides)

    def read_source(whole: list[PoseDataset]) -> PoseHeads:
        if run.lazily:
            return read_side_lazily(console, sides[0], run.chosen)
        return read_side(console, sides[0], run.chosen, whole)

    plan = run.prepare(
        console,
        read_source,
        lambda: read_side(console, sides[1], run.chosen_target),
        to_be_written=not (dry_run or explain),
    )
    if explain:
        from poseda_cli.commands.explain import say_explanation

        say_explanation(console, run, sides, plan, as_json)
        return
    if dry_run:
        _say_plan(console, plan, out, as_json)
        return
    files, summary = run.write(console, plan)
    say_result(console, summary, out)
    if as_json:
        console.result_json({**summary, "seconds": round(time.monotonic() - began, 3)})
    else:
        console.result("\n".join(map(str, files)))


def _say_plan(console: Console, plan: Alignment, out: Path, as_json: bool) -> None:
    dropped = plan.dropped.entries
    console.say(f"would write {len(plan):,} poses to {out}; {dropped_text(dropped)}")
    if as_json:
        output = {"files": [], "poses": len(plan), **dropped}
        console.result_json({"schema": "poseda.plan/1", **plan.provenance, "output": output})


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
    console.say(f"{summary['output']['poses']:,} poses in {out}; {dropped_text(summary['output'])}")
