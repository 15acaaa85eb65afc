"""The app: its commands, and the way in."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from poseda_cli._version import VERSION
from poseda_cli.commands.align import align
from poseda_cli.commands.compare import compare
from poseda_cli.commands.console import run
from poseda_cli.commands.convert import convert
from poseda_cli.commands.inspect import inspect
from poseda_cli.commands.knowledge import cameras, layouts, skeletons
from poseda_cli.commands.many import ManyTargets
from poseda_cli.commands.sample import sample

app = typer.Typer(
    name="poseda",
    help="Turn published Human3.6M or MPI-INF-3DHP archives into training data for another domain.",
    epilog="Exit codes: 0 done, 1 a fault of ours, 2 wrong usage, 3 input cannot be used, 4 output not written, "
    "130 interrupted, 143 terminated.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"poseda {VERSION}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


app.command(cls=ManyTargets)(align)
app.command()(convert)
app.command()(inspect)
app.command()(compare)
app.command()(sample)
app.command()(layouts)
app.command()(cameras)
app.command()(skeletons)


def main() -> None:
    """Run `poseda`."""
    run(partial(app, prog_name=app.info.name))
