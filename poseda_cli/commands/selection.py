"""Options that commands share: one name, one meaning, one text."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

# Panels of `--help`.
IN, HOW, OUT, RUN = "What goes in", "How it is aligned", "What comes out", "How it runs"

_names = partial(typer.Option, metavar="NAMES", rich_help_panel=IN)

# What is read, and which part of it. A second side has the same with a word before: --target-cameras, --other-cameras.
layout_option = partial(typer.Option, metavar="NAME", rich_help_panel=IN)
Subjects = Annotated[list[str] | None, _names(help="Only these, e.g. S1,S5,S6,S7,S8.")]
TargetSubjects = Annotated[list[str] | None, _names(help="Only these, e.g. TS1.")]
Actions = Annotated[list[str] | None, _names(help="Only these; 'Walking' includes 'Walking 1'.")]
Cameras = Annotated[list[str] | None, _names(help="Only these.")]
Stride = Annotated[int, typer.Option(metavar="N", min=1, help="Every N-th frame.", rich_help_panel=IN)]

max_size_option = partial(
    typer.Option,
    "--max-size",
    metavar="SIZE",
    help="What may be read at once, in bytes, K, M, G or T; archives that claim more are refused.",
    show_default="4G, of text 1G",
)
MaxSize = Annotated[str | None, max_size_option(rich_help_panel=IN)]

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="SOURCE", readable=False, help="Archives or folders with 3D poses.", show_default=False),
]
TargetIntrinsics = Annotated[
    str | None,
    typer.Option(
        "--intrinsics",
        metavar="NUMBERS",
        help="Target camera in pixels, FX,FY,CX,CY,WIDTH,HEIGHT, where archive and tables do not know it.",
        rich_help_panel=IN,
    ),
]

# How poses are turned.
_how = partial(typer.Option, rich_help_panel=HOW)
Yaw = Annotated[float, _how(metavar="DEG", min=0, max=360, help="match, jitter: range of the turn about the vertical.")]
TargetUp = Annotated[str | None, _how(metavar="X,Y,Z", help="match: where up is for target cameras, if unknown.")]
TargetTilt = Annotated[float | None, _how(metavar="DEG", min=-90, max=90, help="The same: by how much they look down.")]

# What is written.
Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write; must not exist.", show_default=False)
]
Name = Annotated[str, typer.Option(metavar="NAME", help="In file names: data_2d_h36m_NAME.npz.", rich_help_panel=OUT)]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a folder that poseda wrote.", rich_help_panel=OUT)
]
Compression = Annotated[
    Literal["none", "fast", "small"],
    typer.Option(help="Of the data files, without loss.", rich_help_panel=OUT),
]
LAYOUTS_WRITTEN = "poseda, videopose3d, poseaug, mmpose, pstmo, poseaug-test or plain; repeatable."

# How 2D is normalised; on which panel depends on the command.
ScreenName = Literal["aspect", "axes"]
screen_option = partial(typer.Option, help="Normalise by width (every trainer's), or per axis.")

# How it runs.
_run = partial(typer.Option, rich_help_panel=RUN)
Jobs = Annotated[int | None, _run(metavar="N", min=1, help="Threads.", show_default="all cores")]
DryRun = Annotated[bool, _run("--dry-run", "-n", help="Read and check, write nothing.")]
SummaryJson = Annotated[bool, _run("--json", help="The summary as JSON on stdout.")]
Quiet = Annotated[bool, _run("--quiet", "-q", help="Errors only.")]
Verbose = Annotated[bool, _run("--verbose", "-v", help="Name every input file, action and camera.")]
