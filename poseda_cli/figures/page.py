"""The page that the parts of a figure share: its width, its margins, and the line above each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poseda_cli.figures.canvas import text_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

# Inches. Two columns of text; margins; between panels.
WIDTH = 7.2
LEFT, RIGHT, GAP = 0.4, 0.08, 0.3
HEADER = 0.18


def draw_header(figure: Figure, letter: str, top: float, about: str, legend: Sequence[Artist] = ()) -> None:
    """Write a part's letter and what it shows on the left, and its legend on the right, above `top` inches."""
    place = top - HEADER / 2
    text_at(figure, 0.05, place, letter, size=9, weight="bold", va="center")
    text_at(figure, LEFT, place, about, size=7, va="center")
    if legend:
        width, height = figure.get_size_inches()
        figure.legend(
            handles=legend,
            loc="center right",
            bbox_to_anchor=(1 - RIGHT / width, 1 - place / height),
            ncols=len(legend),
            fontsize=6.5,
            handlelength=1.6,
            handleheight=0.7,
            handletextpad=0.5,
            columnspacing=1.4,
            borderaxespad=0,
            borderpad=0,
        )
