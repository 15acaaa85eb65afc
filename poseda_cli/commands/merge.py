"""`poseda merge`: the shards of a run to the run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from poseda_cli.commands.align import say_result
from poseda_cli.commands.console import Console
from poseda_cli.commands.selection import DryRun, Jobs, MaxSize, Out, Overwrite, Quiet, SummaryJson, Verbose


def merge(
    shards: Annotated[
        list[Path],
        typer.Argument(
            metavar="SHARD", readable=False, help="Output folders of all shards, in any order.", show_default=False
        ),
    ],
    out: Out,
    max_size: MaxSize = None,
    overwrite: Overwrite = False,
    jobs: Jobs = None,
    dry_run: DryRun = False,
    as_json: SummaryJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Put the shards of a run together: the same bytes as those of the run in one go.

    Example: poseda merge shards/* -o aligned
    """
    from poseda_cli.merging import Merged, write_merged
    from poseda_cli.output import is_output
    from poseda_cli.shard_file import ShardFile
    from poseda_cli.storage.folder import check_free
    from poseda_cli.storage.limits import Limits

    began = time.monotonic()
    console = Console(quiet, verbose)
    limits = Limits.of(max_size)
    check_free(out, overwrite, is_output, shards)
    files = [ShardFile(folder, limits) for folder in shards]
    merged = Merged(files)
    if verbose:
        for file in files:
            console.say(f"{file.folder}: shard {file.shard}, {len(file):,} poses")
    if dry_run:
        console.say(f"would write {len(merged):,} poses of {len(files)} shards to {out}")
        if as_json:
            output = {"files": [], "poses": len(merged), **merged.dropped.entries}
            console.result_json({"schema": "poseda.plan/1", **merged.provenance, "output": output})
        return
    written, summary = write_merged(merged, out, overwrite, shards, jobs, console.progress)
    say_result(console, summary, out)
    if as_json:
        console.result_json({**summary, "seconds": round(time.monotonic() - began, 3)})
    else:
        console.result("\n".join(map(str, written)))
