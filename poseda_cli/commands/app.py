"""The app: its commands, and the way in."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Annotated, Any, NoReturn, TextIO

import typer
from typer.core import TyperCommand, TyperGroup

from poseda_cli._version import VERSION
from poseda_cli.commands.completion import SCRIPTS, SHELL_OPTIONS, VARIABLE, Shell, answer, install, shell_in_use
from poseda_cli.commands.console import (
    FAILED_JOBS,
    FAULT,
    HUNG_UP,
    INPUT,
    INTERRUPTED,
    OUTPUT,
    TERMINATED,
    USAGE,
    Console,
    run,
    tell,
)
from poseda_cli.commands.help import HelpOnStdout, Section, help_terminal, paragraphs, sections_of, table, usage
from poseda_cli.commands.many import ManyTargets
from poseda_cli.commands.settings import Known, keys_of, take_settings, tell_settings
from poseda_cli.commands.values import take_plain_values
from poseda_cli.errors import UsageError
from poseda_cli.suggestions import did_you_mean

# Module and purpose of each command. Its function has the name of the command; the module is imported when it is run.
COMMANDS = {
    "align": ("align", "Move each source pose to the place and size of a target pose (GPA)."),
    "batch": ("batch", "Run many alignments from a file, and what of them is left to do."),
    "merge": ("merge", "Put the shards of an align run together."),
    "convert": ("convert", "Write poses in another layout, without aligning them."),
    "inspect": ("inspect", "Say what is in an archive, and whether it is sane."),
    "compare": ("compare", "Compare the 2D poses of two archives: where they are, how large."),
    "probe": ("probe", "Try out what each alignment would do for a lifter."),
    "verify": ("verify", "Check that an output is what was written, of the inputs it names."),
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
    FAILED_JOBS: "batch: some jobs failed",
    HUNG_UP: "hung up",
    INTERRUPTED: "interrupted",
    TERMINATED: "terminated",
}


SETTINGS = (
    "Options may also stand in the environment (POSEDA_SEED=3 for --seed 3; names by commas, paths as in PATH, flags 1 "
    "or 0), or in the file poseda.toml of the working directory, below the name of a command ([align]) or [defaults]. "
    "The command line comes first, then the environment, then the file."
)


class Command(ManyTargets):
    """A command that takes from environment and file what its line does not say."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, and say what came from elsewhere; asked for help, a command shows what it does without."""
        options = args[: args.index("--")] if "--" in args else args
        if set(ctx.help_option_names) & set(options):
            return _parsed(super().parse_args, ctx, args)
        known = Known(tuple(COMMANDS), lambda name: keys_of(_loaded(name)))
        take_settings(self, ctx, known)
        rest = _parsed(super().parse_args, ctx, args)
        tell_settings(self, ctx, known)
        return rest


class Commands(HelpOnStdout, TyperGroup):
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
            tell(self._page(ctx, sys.stderr))
            ctx.exit(USAGE)
        if len(args) == 1 and args[0] in SHELL_OPTIONS:
            args = [*args, shell_in_use()]
        take_plain_values(self, ctx)
        return _parsed(super().parse_args, ctx, args)

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
            *paragraphs(SETTINGS, terminal),
            *paragraphs(self.epilog or "", terminal),
        ]
        return "\n\n".join(parts)

    def main(self, *args: Any, **settings: Any) -> NoReturn:
        """Run, and leave with the command's exit code.

        Raises
        ------
        UsageError : the command line cannot be understood
        """
        if shell := os.environ.get(VARIABLE):
            purposes = {name: purpose for name, (_, purpose) in COMMANDS.items()}
            Console().result(answer(shell, sys.argv[1:], purposes, _loaded))
            sys.exit(0)
        try:
            sys.exit(super().main(*args, **{**settings, "standalone_mode": False}))
        except typer.TyperException as error:
            raise UsageError(_explained(error)) from error


def _loaded(name: str) -> Any:
    module, purpose = COMMANDS[name]
    function = getattr(import_module(f"poseda_cli.commands.{module}"), name)
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    # Python leaves docstrings out with -OO.
    alone.command(name, cls=Command, help=None if function.__doc__ else purpose)(function)
    return typer.main.get_command(alone)


def _parsed(parse: Callable[[Any, list[str]], list[str]], ctx: Any, args: list[str]) -> list[str]:
    """Parse; an error says in what, which not all of typer's do."""
    try:
        return parse(ctx, args)
    except typer.TyperException as error:
        if getattr(error, "ctx", None) is None:
            error.ctx = ctx  # type: ignore[attr-defined]
        raise


def _explained(error: typer.TyperException) -> str:
    """What is wrong with the command line, and where it says what is right."""
    near = getattr(error, "possibilities", None)
    text = f"{error.message}. Did you mean {', '.join(near)}?" if near else error.format_message()
    if choice := re.search(r"'([^']*)' is not one of (.*)", error.message):
        text += did_you_mean(choice[1], re.findall("'([^']*)'", choice[2]))
    # Typer passes on how pydantic begins.
    text = text.replace(": Value error, ", ": ", 1)
    ctx = getattr(error, "ctx", None)
    return f"{text}\nTry '{ctx.command_path} --help'." if ctx else text


app = typer.Typer(
    name="poseda",
    cls=Commands,
    help="Turn published Human3.6M or MPI-INF-3DHP archives into training data for another domain.",
    epilog="'poseda COMMAND --help' says what a command takes, with an example.",
    add_completion=False,  # ours, see `completion`
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        Console().result(f"poseda {VERSION}")
        raise typer.Exit


def _install_completion(shell: Shell | None) -> None:
    if shell:
        script, rc = install(shell)
        told = f" (and a line about it in {rc})" if rc else ""
        tell(f"completion is in {script}{told}; it takes effect in new shells")
        Console().result(str(script))
        raise typer.Exit


def _show_completion(shell: Shell | None) -> None:
    if shell:
        Console().result(SCRIPTS[shell].rstrip("\n"))
        raise typer.Exit


def _for_shell(name: str, callback: Callable[[Shell | None], None]) -> Any:
    return typer.Option(
        name, metavar="[SHELL]", callback=callback, is_eager=True, help=SHELL_OPTIONS[name], show_default=False
    )


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    install_completion: Annotated[
        Shell | None, _for_shell("--install-completion", callback=_install_completion)
    ] = None,
    show_completion: Annotated[Shell | None, _for_shell("--show-completion", callback=_show_completion)] = None,
) -> None:
    pass


def main() -> None:
    """Run `poseda`."""
    run(partial(app, prog_name=app.info.name))
