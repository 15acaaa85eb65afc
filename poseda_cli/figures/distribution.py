"""The figure of distributions: densities, example poses, and where the joints are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from poseda_cli.figures.canvas import new_figure, save
from poseda_cli.figures.densities import Densities
from poseda_cli.figures.examples import Examples
from poseda_cli.figures.heat_maps import HeatMaps
from poseda_cli.figures.page import HEADER, WIDTH
from poseda_cli.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poseda_cli.picture import Picture

# Inches: above the first part and below the last, and between parts.
MARGIN, APART = 0.05, 0.12


def plot_distribution(picture: Picture, file: Path, progress: Progress = silent) -> None:
    """Draw a picture into a file; PNG, SVG or PDF by its suffix. `progress` is told how far it is."""
    # Starting matplotlib, and writing, each take about as long as a part.
    with progress("drawing", len(_parts(picture)) + 2, "parts") as advance:
        with new_figure(WIDTH, height(picture)) as figure:
            advance(1)
            draw_distribution(figure, picture, advance)
            save(figure, file)
        advance(1)


def draw_distribution(figure: Figure, picture: Picture, advance: Callable[[int], object] = lambda parts: None) -> None:
    """Draw a picture into an empty figure of `page.WIDTH` and of its `height`; tells of each part that is done."""
    top = MARGIN
    for letter, part in zip("abc", _parts(picture), strict=False):
        top += HEADER
        part.draw(figure, letter, top)
        top += part.height + APART
        advance(1)


def height(picture: Picture) -> float:
    """Height of the figure in inches; its width is always the same."""
    parts = _parts(picture)
    return 2 * MARGIN + sum(HEADER + part.height for part in parts) + (len(parts) - 1) * APART


def _parts(picture: Picture) -> list[Densities | Examples | HeatMaps]:
    parts = Densities(picture), Examples(picture), HeatMaps(picture)
    return [part for part in parts if part.height]
