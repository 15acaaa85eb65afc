"""The app: its commands, and the way in."""

from __future__ import annotations

import sys
from functools import partial
from importlib import import_module
from typing import Annotated, Any, NoReturn, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from poseda_cli._version import VERSION
from poseda_cli.commands.console import FAULT, INPUT, INTERRUPTED, OUTPUT, TERMINATED, USAGE, run
from poseda_cli.commands.help import Section, help_terminal, paragraphs, sections_of, table, usage
from poseda_cli.commands.many import ManyTargets
from poseda_cli.commands.values import take_plain_values
from poseda_cli.errors import UsageError

# Module and purpose of each command. Its function has the name of the command; the module is imported when it is run.
COMMANDS = {
    "align": ("align", "Move each source pose to the place and size of a target pose (GPA)."),
    "merge": ("merge", "Put the shards of an align run together."),
    "convert": ("convert", "Write poses in another layout, without aligning them."),
    "inspect": ("inspect", "Say what is in an archive, and whether it is sane."),
    "compare": ("compare", "Compare the 2D poses of two archives: where they are, how large."),
    "sample": ("sample", "Write synthetic archives in the real layouts."),
    "layouts": ("knowledge", "List the archive layouts that poseda knows, or describe one."),
    "cameras": ("knowledge", "List the published cameras of both data sets."),
    "skeletons": ("knowledge", "List the joint sets that poseda knows, or the joints of one."),
}
EXIT_CODES = {
    0: "done",
    FAULT: "a fault of ours",
    USAGE: "wrong usage",
    INPUT: "input cannot be used",
    OUTPUT: "output not written",
    INTERRUPTED: "interrupted",
    TERMINATED: "terminated",
}


class Commands(TyperGroup):
    """`poseda`: it knows its commands by name and purpose, and loads the one that is run."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (_, purpose) in COMMANDS.items():
            self.add_command(TyperCommand(name, short_help=purpose))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is asked for; none where a shell asks how to complete an unknown one."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, name and _loaded(name), rest

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command; `poseda` alone shows its help, as an error."""
        if not args and not ctx.resilient_parsing:
            typer.echo(self._page(ctx, sys.stderr), err=True)
            ctx.exit(USAGE)
        take_plain_values(self, ctx)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Usage and purpose, the commands, the options of `poseda` itself, the exit codes."""
        formatter.write(self._page(ctx, sys.stdout))

    def _page(self, ctx: Any, stream: TextIO) -> str:
        terminal = help_terminal(stream)
        commands = Section("Commands", [(f"  {name}", purpose) for name, (_, purpose) in COMMANDS.items()])
        codes = Section("Exit codes", [(f"  {code}", meaning) for code, meaning in EXIT_CODES.items()])
        parts = [
            usage(f"{ctx.command_path} COMMAND [ARGUMENTS] [OPTIONS]", terminal),
            *paragraphs(self.help or "", terminal),
            *table([commands], terminal),
            *table(sections_of(self, ctx), terminal),
            *table([codes], terminal),
            *paragraphs(self.epilog or "", terminal),
        ]
        return "\n\n".join(parts)

    def main(self, *args: Any, **settings: Any) -> NoReturn:
        """Run, and leave with the command's exit code.

        Raises
        ------
        UsageError : the command line cannot be understood
        """
        try:
            sys.exit(super().main(*args, **{**settings, "standalone_mode": False}))
        except typer.TyperException as error:
            raise UsageError(_explained(error)) from error


def _loaded(name: str) -> Any:
    module, _ = COMMANDS[name]
    function = getattr(import_module(f"poseda_cli.commands.{module}"), name)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=ManyTargets)(function)
    return typer.main.get_command(alone)


def _explained(error: typer.TyperException) -> str:
    """What is wrong with the command line, and where it says what is right."""
    near = getattr(error, "possibilities", None)
    text = f"{error.message}. Did you mean {', '.join(near)}?" if near else error.format_message()
    # Typer passes on how pydantic begins.
    text = text.replace(": Value error, ", ": ", 1)
    ctx = getattr(error, "ctx", None)
    return f"{text}\nTry '{ctx.command_path} --help'." if ctx else text


app = typer.Typer(
    name="poseda",
    cls=Commands,
    help="Turn published Human3.6M or MPI-INF-3DHP archives into training data for another domain.",
    epilog="'poseda COMMAND --help' says what a command takes, with an example.",
    rich_markup_mode=None,
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


def main() -> None:
    """Run `poseda`."""
    run(partial(app, prog_name=app.info.name))
