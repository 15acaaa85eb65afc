"""What a terminal can show, and text made for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType
    from rich.table import Table

# Where nothing says how wide the text may be.
USUAL_WIDTH = 80
# Terminals without colours, and Linux' own, whose fonts lack most block characters.
DUMB = ("", "dumb", "unknown")
WITHOUT_BLOCKS = (*DUMB, "linux")
# Text that is wider than the terminal shall run over, and lose nothing.
ENDLESS = 100_000
# A line below the head, and nothing else.
HEAD_ONLY = "    \n    \n -- \n    \n    \n    \n    \n    \n"


class Terminal(NamedTuple):
    """What a stream can show.

    Parameters
    ----------
    width : columns
    unicode : lines, signs and block characters; else ASCII
    colour : escape codes
    """

    width: int = USUAL_WIDTH
    unicode: bool = False
    colour: bool = False

    @property
    def arrow(self) -> str:
        """Between before and after."""
        return " → " if self.unicode else " -> "

    @property
    def plus_minus(self) -> str:
        """Between a mean and its deviation."""
        return " ± " if self.unicode else " +-"

    def new_table(self) -> Table:
        """An empty table with a line below its head."""
        from rich.box import SIMPLE_HEAD, Box
        from rich.table import Table

        box = SIMPLE_HEAD if self.unicode else Box(HEAD_ONLY, ascii=True)
        return Table(box=box, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="")

    def render(self, *parts: RenderableType) -> str:
        """Tables and texts as characters, each from a new line on and as wide as it is."""
        console = self._console()
        with console.capture() as captured:
            console.print(*parts, sep="\n", soft_wrap=True)
        return "\n".join(line.rstrip() for line in captured.get().splitlines())

    def fits(self, part: RenderableType) -> bool:
        """Whether no line of it is wider than the terminal."""
        return self._console().measure(part).maximum <= self.width

    def _console(self) -> RichConsole:
        from io import StringIO

        from rich.console import Console as RichConsole

        return RichConsole(
            file=StringIO(),
            width=ENDLESS,
            color_system="auto" if self.colour else None,
            force_terminal=self.colour,
            force_jupyter=False,
            legacy_windows=False,
            markup=False,
            highlight=False,
            emoji=False,
        )


def terminal_of(stream: TextIO) -> Terminal:
    """What a stream can show; where it is no terminal, ASCII without colour.

    Colour never with NO_COLOR; the width is COLUMNS where that is set.
    """
    is_terminal, kind = stream.isatty(), os.environ.get("TERM", "").lower()
    utf8 = (stream.encoding or "").lower().replace("-", "").startswith("utf8")
    return Terminal(
        width=_width(stream, is_terminal),
        unicode=is_terminal and utf8 and kind not in WITHOUT_BLOCKS,
        colour=is_terminal and kind not in DUMB and not os.environ.get("NO_COLOR"),
    )


def _width(stream: TextIO, is_terminal: bool) -> int:
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return int(stated)
    try:
        # A terminal that does not know its size says 0.
        return (is_terminal and os.get_terminal_size(stream.fileno()).columns) or USUAL_WIDTH
    except OSError:
        return USUAL_WIDTH
