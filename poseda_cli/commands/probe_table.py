"""What `poseda probe` shows: a table, and what can be read from it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from poseda_cli.commands.cells import GREEN, RED, in_columns
from poseda_cli.commands.terminal import Terminal, terminal_of
from poseda_cli.errors import listed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from poseda_cli.commands.console import Console
    from poseda_cli.probing import Probe, Row

# Scores and what stands above them.
TITLES = {"mpjpe": "MPJPE (mm)", "pa_mpjpe": "PA-MPJPE (mm)", "pck": "PCK (%)", "auc": "AUC (%)"}
ABOUT = (
    "The lifter is no network. It puts alignments in a network's order where they",
    "differ by more than {limit:g} mm of MPJPE, is no guide below that (~), and",
    "understates gains.",
)


def show_probe(console: Console, probe: Probe) -> None:
    """Rows and how to read them, on stdout."""
    terminal = terminal_of(sys.stdout)
    tables = [_table(terminal, probe, with_poses=True), _table(terminal, probe, with_poses=False)]
    table = next(filter(terminal.fits, tables), tables[-1])
    console.result(terminal.render(table, *_below(probe)))


def best(probe: Probe) -> list[Row]:
    """The alignments between which the table is no guide: the best, and those that are hardly worse; best first."""
    from poseda_cli.probing import RESOLUTION_MM

    aligned = sorted(probe.rows[1:-1], key=lambda row: row.scores.mpjpe)
    return [row for row in aligned if row.scores.mpjpe - aligned[0].scores.mpjpe < RESOLUTION_MM]


def is_no_guide(probe: Probe, row: Row) -> bool:
    """Whether the source does as well, as far as can be told."""
    from poseda_cli.probing import RESOLUTION_MM

    return abs(probe.change(row).mpjpe) < RESOLUTION_MM


def _table(terminal: Terminal, probe: Probe, with_poses: bool) -> Table:
    table = terminal.new_table()
    columns: list[Sequence[RenderableType]] = [[row.variant for row in probe.rows]]
    table.add_column("fitted to")
    if with_poses:
        table.add_column("poses", justify="right")
        columns.append([f"{row.poses:,}" for row in probe.rows])
    for name, title in TITLES.items():
        table.add_column(title, justify="center")
        values = [(getattr(row.scores, name), getattr(row.spread, name)) for row in probe.rows]
        texts = [[f"{value:.1f}", f"({spread:.1f})"][: min(probe.seeds, 2)] for value, spread in values]
        columns.append(in_columns(texts, " ", rest=">"))
        if name == "mpjpe":
            table.add_column("change", justify="right")
            columns.append(list(_changes(probe)))
    for cells in zip(*columns, strict=True):
        table.add_row(*cells)
    return table


def _changes(probe: Probe) -> Iterator[RenderableType]:
    from rich.text import Text

    yield ""
    for row in probe.rows[1:]:
        change = probe.change(row).mpjpe
        if is_no_guide(probe, row):
            yield f"~ {change:+.1f}"
        else:
            yield Text(f"{change:+.1f}", style=GREEN if change < 0 else RED)


def _below(probe: Probe) -> Iterator[str]:
    from poseda_cli.probing import RESOLUTION_MM

    yield f"{_runs(probe.seeds)}; change of MPJPE; scored on {probe.scored:,} poses"
    rows = best(probe)
    if rows and probe.change(rows[0]).mpjpe > -RESOLUTION_MM:
        yield f"no alignment is {RESOLUTION_MM:g} mm better than the source"
    elif rows:
        names = listed((row.variant for row in rows), most=40)
        many = f", less than {RESOLUTION_MM:g} mm apart" if len(rows) > 1 else ""
        yield f"best alignment{'s' if many else ''}{many}: {names}"
    yield ""
    yield from (line.format(limit=RESOLUTION_MM) for line in ABOUT)


def _runs(seeds: int) -> str:
    return f"means of {seeds} seeds (greatest less least)" if seeds > 1 else "a single seed"
