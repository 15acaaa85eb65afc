"""`--target TS1 TS2 TS3`: an option that takes all that follows it, as shells' wildcards need it; `-` for stdin."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from poseda_cli.commands.help import HelpCommand
from poseda_cli.commands.stdin import fill_from_stdin
from poseda_cli.commands.values import take_plain_values

MANY = ("--target", "-t", "--source")


class ManyTargets(HelpCommand):
    """A command; where it has `--target`, that takes several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option for each of its values, and parse that."""
        take_plain_values(self, ctx)
        flags = {name for param in self.params if getattr(param, "is_flag", False) for name in param.opts}
        rest = super().parse_args(ctx, repeat_option(args, MANY, flags))
        if not ctx.resilient_parsing:
            fill_from_stdin(self, ctx)
        return rest


def repeat_option(args: list[str], names: Container[str], flags: Container[str]) -> list[str]:
    """Write `--target A B` as `--target A --target B`.

    Parameters
    ----------
    args : command line behind the command's name
    names : the option that takes many values
    flags : options that take no value

    Returns
    -------
    The same with the option repeated. Where no argument stands before the option, it takes only one
    value, since what follows must then be the argument: `--target A SOURCE`.
    """
    result: list[str] = []
    # What stands behind `--` is an argument, too.
    arguments = len(args) - 1 - args.index("--") if "--" in args else 0
    option, values = "", 0
    for index, arg in enumerate(args):
        if arg == "--":
            return result + args[index:]
        if arg.startswith("-") and arg != "-":
            option, _, value = arg.partition("=")
            values = 1 if value else 0
            if _is_flag(option, flags):
                option = ""
            result.append(arg)
        elif option and values == 0:
            values = 1
            result.append(arg)
        elif option in names and arguments:
            result += [option, arg]
        else:
            arguments += 1
            result.append(arg)
    return result


def _is_flag(option: str, flags: Container[str]) -> bool:
    """Whether an option takes no value; `-qv` is two flags."""
    return option in flags or (not option.startswith("--") and all(f"-{letter}" in flags for letter in option[1:]))
