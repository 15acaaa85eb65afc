"""`--target TS1 TS2 TS3`: an option that takes all that follows it, as shells' wildcards need it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from typer.core import TyperCommand

MANY = ("--target", "-t")


class ManyTargets(TyperCommand):
    """A command whose `--target` takes several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option for each of its values, and parse that."""
        flags = {name for param in self.params if getattr(param, "is_flag", False) for name in param.opts}
        return super().parse_args(ctx, repeat_option(args, MANY, flags))


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
    arguments, option, values = 0, "", 0
    for index, arg in enumerate(args):
        if arg == "--":
            return result + args[index:]
        if arg.startswith("-") and arg != "-":
            takes_value = arg not in flags and "=" not in arg
            option, values = (arg if takes_value else ""), 0
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
