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
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")] = False,
) -> None:
    """Write synthetic archives: people walking, reaching, sitting and turning before the real cameras.

    Example: poseda sample -o my_sample --poses 100000
    """
    from poseda_cli.storage.files import printable
    from poseda_cli.synthetic import archives

    console = Console(quiet)
    written = archives.sample(out, poses, target_poses, console.progress)
    if as_json:
        files = [printable(str(path)) for path in written]
        console.result_json({"schema": archives.SCHEMA, "files": files})
    else:
        console.result("\n".join(map(str, written)))
