"""Parts of the source that differ from the rest: by subject, action and camera, and single sequences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from poseda_cli.commands.cells import Entry, distance_format, distances, fixed_format, in_columns, number, number_format

if TYPE_CHECKING:
    from rich.table import Table

    from poseda_cli.commands.terminal import Terminal

SHOWN = {"scale": "scale", "root_x": "root x", "root_y": "root y"}
NAMES = {**SHOWN, "aspect": "aspect"}
MOST_OUTLIERS = 5
MOST_ROWS = 40


def group_table(terminal: Terminal, kind: str, groups: Entry) -> Table:
    """How many poses each group has, the source's means, and its distances to the target.

    Parameters
    ----------
    kind : 'subject', 'action' or 'camera'
    groups : name -> as in summary.json
    """
    roomy = _table(terminal, kind, groups, terminal.arrow, decimals=4)
    return roomy if terminal.fits(roomy) else _table(terminal, kind, groups, terminal.arrow.strip(), decimals=3)


def _table(terminal: Terminal, kind: str, groups: Entry, between: str, decimals: int) -> Table:
    from rich.text import Text

    table = terminal.new_table()
    most, groups = len(groups) - MOST_ROWS, dict(islice(groups.items(), MOST_ROWS))
    table.add_column(f"\n{kind}")
    table.add_column("\nposes", justify="right")
    columns: list[list[Any]] = [[Text(name) for name in groups], [f"{entry['poses']:,}" for entry in groups.values()]]
    if any(entry["scale"]["source"] for entry in groups.values()):
        head, *means = _means(groups)
        table.add_column(f"source's means\n{head}", justify="center")
        columns.append(means)
    for place, (quantity, title) in enumerate(SHOWN.items()):
        entries = [entry[quantity] for entry in groups.values()]
        pairs = [tuple(entry["wasserstein"].values()) for entry in entries]
        written = distance_format(chain(*pairs), entries, decimals)
        table.add_column(f"{'' if place else 'Wasserstein-1'}\n{title}", justify="center")
        columns.append(distances(pairs, [written] * len(pairs), between))
    for row in zip(*columns, strict=True):
        table.add_row(*row)
    if most > 0:
        table.add_row(f"... {most} more in summary.json")
    return table


def _means(groups: Entry) -> list[str]:
    """The source's mean scale and place, and the head of that column first."""
    columns = [[entry[quantity]["source"].get("mean") for entry in groups.values()] for quantity in SHOWN]
    formats = [fixed_format(column, decimals=2) for column in columns]
    rows = [
        [number(mean, written) for mean, written in zip(row, formats, strict=True)]
        for row in zip(*columns, strict=True)
    ]
    return in_columns([["size", "x", "y"], *rows], " ", rest=">")


def outlier_lines(outliers: list[Entry]) -> Iterator[str]:
    """Sequences that lie far from the others, a line each.

    Parameters
    ----------
    outliers : as in summary.json, farthest first; at least one
    """
    yield "source sequences far from the others (medians; deviations by the quartiles):"
    for entry in outliers[:MOST_OUTLIERS]:
        where = f"{entry['subject']} {entry['action']}, camera {entry['camera']}"
        value = format(entry["median"], number_format([entry["median"]], digits=2))
        yield f"  {where}: {NAMES[entry['quantity']]} {value}, {entry['deviations']:.1f} deviations off"
    if len(outliers) > MOST_OUTLIERS:
        yield f"  ... {len(outliers) - MOST_OUTLIERS} more in summary.json"
