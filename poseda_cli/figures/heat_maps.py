"""Where in the image the joints are, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poseda_cli.figures.canvas import TARGET, axes_at, shortened, text_at
from poseda_cli.figures.page import GAP, HEADER, LEFT, RIGHT, WIDTH, draw_header

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

    from poseda_cli.picture import Picture

TITLE = 0.16
# A map is as wide as one of three panels, whatever their number.
PANEL = (WIDTH - LEFT - RIGHT - 2 * GAP) / 3
# Room around the borders, in the screen's unit.
MARGIN = 0.01
MOST_BORDERS = 4
# The bar of colours, and its right end's distance from the panels' edge.
BAR_WIDTH, BAR_HEIGHT, BAR_END = 0.9, 0.07, 0.26


class HeatMaps:
    """The heat maps of a picture, beneath a line that says what they show."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        aspects = [aspect for found in picture.aspects.values() for aspect in found]
        reach = min(len(heat) / heat.shape[1] for heat in picture.heat.values())
        self._half = min(max(map(self._border, aspects)), reach) + MARGIN

    @property
    def height(self) -> float:
        """In inches, without the header."""
        return TITLE + PANEL * self._half / (1 + MARGIN)

    def draw(self, figure: Figure, letter: str, top: float) -> None:
        """Draw all, from so many inches below the figure's upper edge."""
        from matplotlib.colors import PowerNorm

        picture = self._picture
        highest = max(float(heat.max()) for heat in picture.heat.values()) or 1.0
        norm, colours = PowerNorm(0.5, 0.0, highest), _colours()
        draw_header(figure, letter, top, "Where the joints are in the image; lines: borders of images")
        _draw_bar(figure, top, norm, colours)
        start = (WIDTH + LEFT - RIGHT - len(picture.sides) * (PANEL + GAP) + GAP) / 2
        for column, (side, name) in enumerate(picture.captions.items()):
            left = start + column * (PANEL + GAP)
            text_at(figure, left, top + TITLE - 0.05, shortened(name, PANEL + GAP / 2, size=6.5), size=6.5)
            axes = axes_at(figure, left, top + TITLE, PANEL, self.height - TITLE, label=f"heat of {side}")
            axes.set(xlim=(-1 - MARGIN, 1 + MARGIN), ylim=(self._half, -self._half), xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            self._draw_map(axes, side, norm, colours)

    def _draw_map(self, axes: Axes, side: str, norm: Normalize, colours: Colormap) -> None:
        from matplotlib.patches import Rectangle

        if side not in self._picture.heat:
            axes.text(0, 0, "no 2D", ha="center", va="center", color=TARGET)
            return
        heat = self._picture.heat[side]
        reach = len(heat) / heat.shape[1]
        axes.imshow(heat, colours, norm, extent=(-1, 1, reach, -reach), aspect="auto", interpolation="nearest")
        for half in self._borders(side):
            axes.add_patch(Rectangle((-1, -half), 2, 2 * half, fill=False, edgecolor=TARGET, linewidth=0.5))

    def _borders(self, side: str) -> list[float]:
        """Those that can be told apart: 1000 and 1002 rows are one line, and of many sizes the ends are shown."""
        borders = sorted({round(self._border(aspect), 2) for aspect in self._picture.aspects[side]})
        return borders if len(borders) <= MOST_BORDERS else [borders[0], borders[-1]]

    def _border(self, aspect: float) -> float:
        """Half the height of images in the screen's unit."""
        return 1.0 if self._picture.screen == "axes" else aspect


def _colours() -> Colormap:
    """Magma from light to dark, its palest colours faded into white: where no joint is the paper shows."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    colours = matplotlib.colormaps["magma_r"](np.linspace(0.0, 1.0, 256))[:, :3]
    strength = np.minimum(np.linspace(0.0, 8.0, 256), 1.0)[:, None]
    return ListedColormap(1 - strength * (1 - colours))


def _draw_bar(figure: Figure, top: float, norm: Normalize, colours: Colormap) -> None:
    """The colours' meaning, at the right end of the header."""
    highest = float(norm.vmax or 0.0)
    right, middle = WIDTH - RIGHT - BAR_END, top - HEADER / 2
    left = right - BAR_WIDTH
    text_at(figure, left - 0.05, middle, "% of joints per cell   0", size=6.5, ha="right", va="center")
    text_at(figure, right + 0.05, middle, f"{100 * highest:.2g}", size=6.5, va="center")
    axes = axes_at(figure, left, middle - BAR_HEIGHT / 2, BAR_WIDTH, BAR_HEIGHT, label="heat scale")
    axes.imshow(np.linspace(0.0, highest, 256)[None], colours, norm, aspect="auto", extent=(0, highest, 0, 1))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, linewidth=0.4)
