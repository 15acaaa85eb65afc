"""`--help` as plain text: names on the left, what they mean on the right, as wide as the terminal.

Typer's own help is drawn with rich, whose import takes longer than all that `poseda --help` does besides.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from textwrap import TextWrapper
from typing import Any, NamedTuple, TextIO

from typer.core import TyperCommand

from poseda_cli.commands.console import Console
from poseda_cli.commands.terminal import Terminal, terminal_of

# Longer lines are hard to read, however wide the terminal is.
WIDEST = 100
# Names that end further right stand above what they mean.
WIDEST_NAME = 31
# Where long options begin, so that they stand below each other with and without a short form.
SHORT_FORM = len("-h, ")
# Keeps '[default: 1]' on one line while text is wrapped, unless it is long.
UNBREAKABLE = "\N{NO-BREAK SPACE}"
LONGEST_EXTRA = 30

Row = tuple[str, str]


class Section(NamedTuple):
    """Rows of a name and its meaning, below a title; '' for none."""

    title: str
    rows: list[Row]


class HelpOnStdout:
    """A command whose help is a result like others: told of where stdout takes nothing, silent before `| head`."""

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = _show_help
        return option


class HelpCommand(HelpOnStdout, TyperCommand):
    """A command with help in plain text."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Usage, purpose, example; what must be given, then the options by panel."""
        terminal = help_terminal(sys.stdout)
        parts = [*paragraphs(self.help or "", terminal), *table(sections_of(self, ctx), terminal)]
        formatter.write("\n\n".join([usage(usage_of(self, ctx), terminal), *parts]))


def _show_help(ctx: Any, param: Any, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        Console().result(ctx.get_help())
        ctx.exit()


def help_terminal(stream: TextIO) -> Terminal:
    """What a stream can show, no wider than is read with ease."""
    terminal = terminal_of(stream)
    return terminal._replace(width=min(terminal.width, WIDEST))


def usage(text: str, terminal: Terminal) -> str:
    """The line that says how a command is called."""
    title = "Usage:"
    lines = _wrapped(f"{title} {text}", terminal.width, hanging=" " * (len(title) + 1))
    return "\n".join(lines).replace(title, _strong(title, terminal), 1)


def paragraphs(text: str, terminal: Terminal) -> list[str]:
    """Those of a docstring, wrapped anew."""
    return ["\n".join(_wrapped(" ".join(part.split()), terminal.width)) for part in text.split("\n\n") if part]


def table(sections: Sequence[Section], terminal: Terminal) -> list[str]:
    """Sections whose meanings begin in one column."""
    widths = [len(name) for section in sections for name, _ in section.rows]
    column = 2 + max((width for width in widths if width <= WIDEST_NAME), default=0)
    return ["\n".join(_lines(section, column, terminal)) for section in sections if section.rows]


def usage_of(command: TyperCommand, ctx: Any) -> str:
    """'poseda align SOURCE... --target TARGET... --out DIR [OPTIONS]': the command with all it must be given."""
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    needed = [param for param in command.params if param.required and param not in arguments]
    pieces = [_value(param) if param.required else f"[{_value(param)}]" for param in arguments]
    pieces += [f"{param.opts[0]} {_value(param)}" for param in needed]
    return " ".join([ctx.command_path, *pieces, "[OPTIONS]"])


def sections_of(command: Any, ctx: Any) -> list[Section]:
    """The arguments and what must be given, without a title; the options of each panel; --help at the end."""
    *params, help_option = command.get_params(ctx)
    panels: dict[str, list[Row]] = {"": []}
    for param in params:
        if not param.hidden:
            panel = param.rich_help_panel or ("" if _is_first(param) else "Options")
            panels.setdefault(panel, []).append(_row(param, ctx))
    last = list(panels)[-1] or "Options"
    panels.setdefault(last, []).append(_row(help_option, ctx))
    return [Section(title, rows) for title, rows in panels.items()]


def _is_first(param: Any) -> bool:
    return param.required or param.param_type_name == "argument"


def _row(param: Any, ctx: Any) -> Row:
    """The name of a parameter, and what it means."""
    name, meaning = param.get_help_record(ctx)
    text, found, extras = meaning.removesuffix("]").rpartition("  [")
    if found:
        meaning = " ".join([text, *(_extra(extra, param.metavar) for extra in extras.split("; "))])
    if param.param_type_name == "argument":
        return f"  {_value(param)}", meaning
    # Typer has '<weak|exact>' where one of them is to be given.
    name = name.replace("<", "").replace(">", "")
    has_short_form = any(not option.startswith("--") for option in param.opts)
    return "  " + ("" if has_short_form else " " * SHORT_FORM) + name, meaning


def _value(param: Any) -> str:
    return f"{param.metavar or param.name.upper()}{'...' if param.nargs != 1 else ''}"


def _extra(text: str, metavar: str | None) -> str:
    """'default: 1' and 'x>=1' as '[default: 1]' and '[N>=1]'."""
    kind, found, value = text.partition(": ")
    if found:
        text = f"{kind}: {value.removeprefix('(').removesuffix(')')}"
    elif metavar:
        text = text.replace("x", metavar)
    return f"[{text}]".replace(" ", UNBREAKABLE) if len(text) <= LONGEST_EXTRA else f"[{text}]"


def _lines(section: Section, column: int, terminal: Terminal) -> Iterator[str]:
    """A section: meanings from a column on, where the terminal has place for that."""
    if section.title:
        yield _strong(f"{section.title}:", terminal)
    beside = 2 * column <= terminal.width
    margin = " " * (column if beside else 4 + SHORT_FORM)
    for name, meaning in section.rows:
        lines = _wrapped(meaning, terminal.width - len(margin))
        if beside and len(name) + 2 <= column:
            yield f"{name.ljust(column)}{lines[0]}"
            del lines[0]
        else:
            yield name
        yield from (margin + line for line in lines)


def _wrapped(text: str, width: int, hanging: str = "") -> list[str]:
    """Lines of whole words; a word that is wider than a line runs over."""
    wrapper = TextWrapper(max(width, 1), subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)
    return [line.replace(UNBREAKABLE, " ") for line in wrapper.wrap(text)] or [""]


def _strong(text: str, terminal: Terminal) -> str:
    return f"\033[1m{text}\033[0m" if terminal.colour else text
