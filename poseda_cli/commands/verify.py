"""`poseda verify`: is an output what was written, of the inputs that it names."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poseda_cli.commands.console import INPUT, Console, tell
from poseda_cli.commands.selection import IN, OUT, RUN, MaxSize, Quiet
from poseda_cli.errors import listed, one_line

if TYPE_CHECKING:
    from poseda_cli.verification import Verification

WIDTH = 80


def verify(
    outputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR", readable=False, help="Output folders of align, merge or convert.", show_default=False
        ),
    ],
    source: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH...",
            readable=False,
            help="What they were made of.",
            show_default="beside DIR, or in the working directory",
            rich_help_panel=IN,
        ),
    ] = None,
    target: Annotated[
        list[Path] | None,
        typer.Option("--target", "-t", metavar="PATH...", readable=False, help="The target.", rich_help_panel=IN),
    ] = None,
    max_size: MaxSize = None,
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, help="Poses looked at, spread evenly.", rich_help_panel=RUN)
    ] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON on stdout.", rich_help_panel=OUT)] = False,
    quiet: Quiet = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Every check, of several outputs, too.", rich_help_panel=RUN),
    ] = False,
) -> None:
    """Check outputs: complete, the bytes that were written, of these inputs, pairs and projections right.

    The exit code is 3 when a check failed. What cannot be checked here, as inputs that are elsewhere, is said so.

    Example: poseda verify aligned --source data_3d_h36m.npz
    """
    from poseda_cli import verification
    from poseda_cli.storage.limits import Limits

    console = Console(quiet, verbose)
    Limits.of(max_size)
    found = []
    for folder in outputs:
        one = verification.verify(
            folder,
            source=source or (),
            target=target or (),
            samples=samples,
            max_size=max_size,
            progress=console.progress,
        )
        found.append(one)
        if not as_json:
            console.result(_in_full(one) if verbose or len(outputs) == 1 else _in_short(one))
            if not console.listening:
                break
    if as_json:
        console.result_json({"schema": verification.SCHEMA, "outputs": [one.entry for one in found]})
    if failed := [one for one in found if not one.ok]:
        for one in failed:
            tell(f"error: {one_line(str(one.path))}: {one.failed[0].check}: {one.failed[0].detail}")
        raise typer.Exit(INPUT)


def _in_full(found: Verification) -> str:
    """A line for each check, wrapped."""
    width = max(len(check.check) for check in found.checks)
    lines = [f"{one_line(str(found.path))}: {_verdict(found)}"]
    for check in found.checks:
        head = f"  {check.check:<{width}}  {check.status:<11}  "
        hanging = " " * min(len(head), WIDTH // 2)
        wrap = textwrap.TextWrapper(WIDTH, initial_indent=head, subsequent_indent=hanging, break_on_hyphens=False).wrap
        lines += wrap(check.detail)
    return "\n".join(lines)


def _in_short(found: Verification) -> str:
    """One line, for one of several outputs."""
    left = [check.check for check in found.checks if check.status == "not checked"]
    return f"{one_line(str(found.path))}: {_verdict(found)}" + (f" (not checked: {listed(left)})" if left else "")


def _verdict(found: Verification) -> str:
    return "ok" if found.ok else f"failed: {listed(check.check for check in found.failed)}"
