"""Densities of scale and root position, a row for each side and a column for each quantity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from poseda_cli.figures.canvas import ALIGNED, FAINT, SOURCE, TARGET, axes_at, shortened, text_at
from poseda_cli.figures.page import GAP, LEFT, RIGHT, WIDTH, draw_header

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from poseda_cli.picture import Picture

TITLES = {"scale": "scale (w + h) / 2", "root_x": "root x", "root_y": "root y"}
# Inches. Two sides share the room of three.
HEIGHTS = {2: 1.05, 3: 0.8}
ABOVE, BELOW = 0.2, 0.32
# How much of the paper the reference behind others covers.
BEHIND = 0.7
# Of the highest bar: where the deviation is drawn, and where the panel ends.
MARK, TOP = 1.1, 1.2
# Part of the poses, beyond the range that is drawn, of which a panel speaks.
LEAST_OUTSIDE = 0.0005
# Of the range of values: room at its ends, so that no bar touches the panel's edge.
MARGIN = 0.02


class Densities:
    """The panels of a picture, beneath a line that says what they show."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._panel = HEIGHTS[len(picture.sides)]

    @property
    def height(self) -> float:
        """In inches, without the header."""
        return len(self._picture.sides) * (self._panel + ABOVE) + BELOW

    def draw(self, figure: Figure, letter: str, top: float) -> None:
        """Draw all, from so many inches below the figure's upper edge."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        picture = self._picture
        reference = shortened(picture.sides[picture.reference], 1.2, size=6.5)
        mark = Line2D([], [], color=TARGET, marker="|", markersize=5, linewidth=1.0, label="mean ± deviation")
        behind = Patch(color=FAINT, alpha=BEHIND, linewidth=0, label=f"{reference}; W₁: Wasserstein distance to it")
        draw_header(figure, letter, top, "Size and place of 2D poses, normalised screen", [mark, behind])
        width = (WIDTH - LEFT - RIGHT - (len(TITLES) - 1) * GAP) / len(TITLES)
        for row, (side, name) in enumerate(picture.sides.items()):
            start = top + row * (self._panel + ABOVE) + ABOVE
            self._name(figure, start, name)
            for column, quantity in enumerate(TITLES):
                left = LEFT + column * (width + GAP)
                axes = axes_at(figure, left, start, width, self._panel, label=f"{quantity} of {side}")
                self._draw_panel(axes, quantity, side)
                if row == len(picture.sides) - 1:
                    axes.set_xlabel(TITLES[quantity], labelpad=2)
                    axes.tick_params(labelbottom=True)

    def _colour(self, side: str) -> str:
        """Green is what is held against the reference."""
        if side == self._picture.reference:
            return TARGET
        return ALIGNED if side in self._picture.before_reference else SOURCE

    def _name(self, figure: Figure, top: float, name: str) -> None:
        font = {"size": 7.5, "weight": "bold"}
        name = shortened(name, self._panel, **font)
        text_at(figure, 0.1, top + self._panel / 2, name, rotation=90, ha="center", va="center", **font)

    def _draw_panel(self, axes: Axes, quantity: str, side: str) -> None:
        found = self._picture.distributions[quantity]
        histogram = found["histogram"]
        heights = {name: _density(histogram, name) for name in self._picture.sides if name in histogram}
        highest = max(float(height.max()) for height in heights.values())
        _style(axes, histogram, highest)
        if side not in heights:
            axes.text(0.5, 0.5, "no 2D", transform=axes.transAxes, ha="center", va="center", color=TARGET)
            return
        edges = np.linspace(histogram["start"], histogram["stop"], len(heights[side]) + 1)
        colour = self._colour(side)
        if side in self._picture.before_reference:
            behind = axes.stairs(heights[self._picture.reference], edges, fill=True, label="reference")
            behind.set(color=FAINT, alpha=BEHIND, linewidth=0)
        axes.stairs(heights[side], edges, fill=True, color=colour, alpha=0.35, linewidth=0)
        axes.stairs(heights[side], edges, color=colour, linewidth=0.8, label=side)
        mean, std = found[side]["mean"], found[side]["std"]
        axes.plot([mean - std, mean + std], [MARK * highest] * 2, color=colour, linewidth=1.0, label="deviation")
        axes.plot([mean], [MARK * highest], "|", color=colour, markersize=5, label="mean")
        self._write(axes, "left", numbers(mean, std))
        distance = self._distances(found["wasserstein"]).get(side)
        if distance is not None:
            self._write(axes, "right", f"W₁ {distance_text(distance)}")
        if outside := outside_text(histogram, side):
            axes.text(1.0, 0.86, outside, transform=axes.transAxes, ha="right", va="top", size=6, color=TARGET)

    def _write(self, axes: Axes, side: str, text: str) -> None:
        place = 0.0 if side == "left" else 1.0
        axes.text(place, 1.0, text, transform=axes.transAxes, ha=side, va="bottom", size=6.5)

    def _distances(self, wasserstein: Any) -> dict[str, float | None]:
        """What lies how far from the reference."""
        others = [side for side in self._picture.sides if side != self._picture.reference]
        values = [wasserstein["before"], wasserstein["after"]] if isinstance(wasserstein, dict) else [wasserstein]
        return dict(zip(others, values, strict=True))


def _density(histogram: dict[str, Any], side: str) -> NDArray[np.float64]:
    """Counts as a density of all poses, of which some may lie outside the range that is drawn."""
    counts = np.array(histogram[side], np.float64)
    width = (histogram["stop"] - histogram["start"]) / len(counts)
    return counts / ((counts.sum() + histogram["outside"][side]) * width)


def _style(axes: Axes, histogram: dict[str, Any], highest: float) -> None:
    """The same axes for all sides."""
    from matplotlib.ticker import MaxNLocator

    start, stop = histogram["start"], histogram["stop"]
    axes.set_xlim(start - MARGIN * (stop - start), stop + MARGIN * (stop - start))
    axes.set_ylim(0, TOP * highest)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.tick_params(labelsize=6, pad=2, labelbottom=False)


def numbers(mean: float, std: float) -> str:
    """Mean and deviation, to two decimals, or to up to four if the deviation takes them: '0.44 ± 0.08'."""
    decimals = min(max(2, -math.floor(math.log10(std))), 4) if std else 2
    return f"{round(mean, decimals) + 0.0:.{decimals}f} ± {std:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def outside_text(histogram: dict[str, Any], side: str) -> str:
    """How many poses lie beyond the range that is drawn, in percent; empty for less than can be seen."""
    outside = histogram["outside"][side]
    part = outside / (outside + sum(histogram[side]))
    return f"{part:.1%} outside".replace("%", " %") if part >= LEAST_OUTSIDE else ""


def distance_text(distance: float) -> str:
    """To three decimals; what is less than the last of them says so."""
    return f"{distance:.3f}" if distance >= 0.0005 else "< 0.001"
