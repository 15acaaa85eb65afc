"""What `poseda align` and `poseda compare` show of distributions: a table, and histograms below it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from poseda_cli.commands.cells import (
    GREEN,
    NOTHING,
    ORANGE,
    Entry,
    Side,
    distance_format,
    distances,
    in_columns,
    moments_format,
)
from poseda_cli.commands.groups import group_table, outlier_lines
from poseda_cli.commands.histogram import histogram_rows
from poseda_cli.commands.terminal import Terminal, terminal_of
from poseda_cli.errors import listed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from poseda_cli.commands.console import Console

QUANTITIES = {
    "scale": "scale (w+h)/2",
    "root_x": "root x",
    "root_y": "root y",
    "aspect": "aspect w/h",
    "depth": "depth (m)",
    "tilt": "tilt (deg)",
}
DRAWN = {"scale": "scale", "root_x": "root x", "root_y": "root y"}
LABEL = max(map(len, QUANTITIES.values()))


class View(NamedTuple):
    """What is shown beside each other.

    Parameters
    ----------
    sides : from left to right
    distance : what the distances are of
    extras : columns that the table has besides, most of them first; the first that fit are shown
    """

    sides: tuple[Side, ...]
    distance: str
    extras: tuple[tuple[str, ...], ...]


ALIGNMENT = View(
    (Side("source", "source", ORANGE), Side("target", "target", ""), Side("aligned", "aligned", GREEN)),
    "distance to the target before and after",
    (("quantiles", "ks"), ("ks",), ()),
)
COMPARISON = View(
    (Side("a", "A", GREEN), Side("b", "B", "")),
    "distance of A and B",
    (("quantiles", "ks"), ("ks",)),
)


def show_alignment(console: Console, summary: Entry) -> None:
    """Source, target and aligned poses, on stderr between empty lines; with -v also by subject, action and camera.

    Parameters
    ----------
    summary : as in summary.json
    """
    terminal = terminal_of(sys.stderr)
    parts = ["", *_distributions(terminal, summary["distributions"], ALIGNMENT)]
    if console.verbose:
        for kind, groups in summary["groups"].items():
            parts += ["", group_table(terminal, kind, groups)]
    if summary["outliers"]:
        parts += ["", "\n".join(outlier_lines(summary["outliers"]))]
    console.say(terminal.render(*parts, ""))


def show_comparison(console: Console, comparison: Entry) -> None:
    """Two data sets, on stdout.

    Parameters
    ----------
    comparison : as `poseda compare --json` prints
    """
    terminal = terminal_of(sys.stdout)
    parts: list[RenderableType] = [_legend(side, comparison[side.name]) for side in COMPARISON.sides]
    parts += ["", *_distributions(terminal, comparison["distributions"], COMPARISON)]
    console.result(terminal.render(*parts))


def _legend(side: Side, entry: Entry) -> Text:
    """Which data set it is, and which part of it."""
    from rich.text import Text

    from poseda_cli.provenance import selection_text

    chosen = selection_text(entry["options"])
    name = listed(entry["paths"], most=1) + (f" ({chosen})" if chosen else "")
    return Text.assemble((side.title, side.colour), f"  {name}: {entry['measured']:,} poses measured")


def _distributions(terminal: Terminal, distributions: Entry, view: View) -> Iterator[RenderableType]:
    """The widest table that fits, what its numbers are, and the histograms."""
    tables = {extras: _table(terminal, distributions, view.sides, extras) for extras in view.extras}
    extras = next((extras for extras in view.extras if terminal.fits(tables[extras])), view.extras[-1])
    yield tables[extras]
    yield f"mean and deviation; {view.distance}" + ("; KS: Kolmogorov-Smirnov" if "ks" in extras else "")
    if "tilt" in distributions:
        yield "tilt: how far cameras look down at poses, where that is known"
    drawn = {title: distributions[name]["histogram"] for name, title in DRAWN.items()}
    for row in histogram_rows(terminal, drawn, view.sides, LABEL):
        yield ""
        yield row


def _table(terminal: Terminal, distributions: Entry, sides: tuple[Side, ...], extras: Sequence[str]) -> Table:
    # Only poses that were turned have a tilt.
    present = [name for name in QUANTITIES if name in distributions]
    names = [name for name in present if any(distributions[name].get(side.name) for side in sides)]
    entries = [distributions[name] for name in names]
    formats = [moments_format(entry.get(side.name, {}) for side in sides) for entry in entries]
    table = terminal.new_table()
    table.add_column("normalised 2D", min_width=LABEL)
    columns: list[Sequence[str | Text]] = [[QUANTITIES[name] for name in names]]
    for side in sides:
        of_side = [entry.get(side.name) for entry in entries]
        table.add_column(side.title, justify="center", style=side.colour)
        columns.append(in_columns(_values(of_side, ("mean", "std"), formats), terminal.plus_minus))
        if "quantiles" in extras:
            table.add_column("5, 50, 95 %", justify="center", style=side.colour)
            columns.append(in_columns(_values(of_side, ("p05", "p50", "p95"), formats), "  ", rest=">"))
    steps = [_steps(entry.get("wasserstein")) for entry in entries]
    formats = [distance_format(row, [entry]) for row, entry in zip(steps, entries, strict=True)]
    table.add_column("Wasserstein-1", justify="center")
    # GPA leaves the shape of a pose as it is: no success and no failure.
    judged = [name != "aspect" for name in names]
    columns.append(distances(steps, formats, terminal.arrow, judged))
    if "ks" in extras:
        steps = [_steps(entry.get("ks")) for entry in entries]
        table.add_column("KS", justify="center")
        columns.append(distances(steps, ["z.3f"] * len(steps), terminal.arrow, judged))
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    return table


def _values(entries: Sequence[Entry | None], keys: Sequence[str], formats: Sequence[str]) -> list[list[str]]:
    """Numbers of one side, row by row; None where a quantity has no such side, {} where the side has no values."""
    return [
        [format(entry[key], written) for key in keys] if entry else ["" if entry is None else NOTHING]
        for entry, written in zip(entries, formats, strict=True)
    ]


def _steps(distance: dict[str, float | None] | float | None) -> tuple[float | None, ...]:
    """Before and after an alignment, or of two data sets, or of a quantity without distance."""
    if isinstance(distance, dict):
        return distance["before"], distance["after"]
    return () if distance is None else (distance,)
