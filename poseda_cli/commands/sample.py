"""`poseda sample`: synthetic archives in the real layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from poseda_cli.commands.console import Console


def sample(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write; must not exist.", show_default=False)
    ],
    poses: Annotated[int, typer.Option(metavar="N", min=1, help="Source poses, after camera expansion.")] = 3360,
    target_poses: Annotated[int, typer.Option(metavar="N", min=1, help="Valid target poses.")] = 240,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
) -> None:
    """Write synthetic archives: people walking, reaching, sitting and turning before the real cameras.

    Example: poseda sample -o my_sample --poses 100000
    """
    from poseda_cli.storage.folder import new_folder
    from poseda_cli.synthetic.archives import write_sample

    console = Console(quiet)
    with new_folder(out, overwrite=False, ours=lambda folder: False) as folder:
        written = write_sample(folder, poses, target_poses, console.progress)
    console.result("\n".join(str(out / path.name) for path in written))
