"""Errors of lifters as bars: a row for each of a probe, whiskers over its seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from poseda_cli.figures.canvas import ALIGNED, FAINT, SOURCE, TARGET, axes_at, new_figure, save, shortened, text_at
from poseda_cli.figures.page import GAP, HEADER, RIGHT, WIDTH, draw_header
from poseda_cli.probing import RESOLUTION_MM
from poseda_cli.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from poseda_cli.probing import Probe, Row

TITLES = {"mpjpe": "MPJPE (mm)", "pa_mpjpe": "PA-MPJPE (mm)"}
# Inches: for the names of rows, of a row, above the panels and below them.
NAMES, ROW, MARGIN, BELOW = 1.1, 0.2, 0.05, 0.36
PANEL = (WIDTH - NAMES - RIGHT - GAP) / len(TITLES)
# Of a row's height, and of the longest bar what the panel is wide: a number stands behind it.
BAR, BEYOND = 0.68, 1.2


def plot_probe(probe: Probe, file: Path, progress: Progress = silent) -> None:
    """Draw the rows of a probe into a file; PNG, SVG or PDF by its suffix. `progress` is told how far it is."""
    # Starting matplotlib, and writing, take longer than drawing.
    with progress("drawing", 2, "parts") as advance:
        with new_figure(WIDTH, height(probe)) as figure:
            advance(1)
            draw_probe(figure, probe)
            save(figure, file)
        advance(1)


def height(probe: Probe) -> float:
    """Height of the figure in inches; its width is always the same."""
    return MARGIN + HEADER + len(probe.rows) * ROW + BELOW


def draw_probe(figure: Figure, probe: Probe) -> None:
    """Draw the rows of a probe into an empty figure of `page.WIDTH` and of its `height`."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    top = MARGIN + HEADER
    whisker = Line2D([], [], color=TARGET, linewidth=0.8, label=f"least to greatest of {probe.seeds} seeds")
    band = Patch(color=FAINT, alpha=0.5, linewidth=0, label=f"source ± {RESOLUTION_MM:g} mm: no guide")
    about = f"Error of a lifter on {probe.scored:,} target poses, by what it was fitted to"
    draw_header(figure, "", top, about, [band, *([whisker] if probe.seeds > 1 else [])])
    for number, row in enumerate(probe.rows):
        name = shortened(row.variant, NAMES - 0.1, size=7)
        text_at(figure, NAMES - 0.06, top + (number + 0.5) * ROW, name, size=7, ha="right", va="center")
    for column, (score, title) in enumerate(TITLES.items()):
        left = NAMES + column * (PANEL + GAP)
        axes = axes_at(figure, left, top, PANEL, len(probe.rows) * ROW, label=score)
        axes.set_xlabel(title, labelpad=2)
        _draw_panel(axes, probe, score)


def colour_of(probe: Probe, row: Row) -> str:
    """Orange the source, grey the ceiling, green what was aligned."""
    if row is probe.rows[0]:
        return SOURCE
    return TARGET if row is probe.rows[-1] else ALIGNED


def _draw_panel(axes: Axes, probe: Probe, score: str) -> None:
    runs = [[getattr(scores, score) for scores in row.runs] for row in probe.rows]
    means = [getattr(row.scores, score) for row in probe.rows]
    longest = max(map(max, runs))
    axes.set(xlim=(0, BEYOND * longest), ylim=(len(probe.rows) - 0.5, -0.5), yticks=[])
    axes.tick_params(labelsize=6, pad=2)
    if score == "mpjpe":
        axes.axvspan(means[0] - RESOLUTION_MM, means[0] + RESOLUTION_MM, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    axes.axvline(means[-1], color=TARGET, linewidth=0.6, linestyle=(0, (3, 2)), zorder=0, label="ceiling")
    for number, (row, mean, values) in enumerate(zip(probe.rows, means, runs, strict=True)):
        axes.barh(number, mean, BAR, color=colour_of(probe, row), alpha=0.55, linewidth=0, label=row.variant)
        axes.plot([min(values), max(values)], [number, number], color=TARGET, linewidth=0.8, label="seeds")
        place = max(values) + 0.02 * longest
        axes.text(place, number, f"{mean:.1f}", size=6.5, va="center")
