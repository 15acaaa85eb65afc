"""Histograms of characters: bars of two lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from poseda_cli.commands.cells import Entry, Side, number_format

if TYPE_CHECKING:
    from rich.table import Table

    from poseda_cli.commands.terminal import Terminal

# From nothing to a full cell.
BLOCKS, ASCII = " ▁▂▃▄▅▆▇█", " .:|"
LINES = 2
GAP = 2
# With fewer characters a histogram has a row of its own.
FEWEST_CELLS = 12


def histogram_rows(
    terminal: Terminal, histograms: Mapping[str, Entry], sides: Sequence[Side], label: int
) -> Iterator[Table]:
    """Histograms beside each other where there is room, else below each other.

    Parameters
    ----------
    histograms : title -> start, stop, and counts by side, as in summary.json; empty ones are passed over
    sides : from top to bottom
    label : columns for their titles
    """
    found = {title: histogram for title, histogram in histograms.items() if histogram}
    bins = next((len(found[title][side.name]) for title in found for side in sides if side.name in found[title]), 0)
    beside = _cells(terminal.width - label, len(found), bins)
    cells = beside or _cells(terminal.width - label, 1, bins) or FEWEST_CELLS
    for titles in [list(found)] if beside else [[title] for title in found]:
        yield _row(terminal, {title: found[title] for title in titles}, sides, label, cells)


def _cells(width: int, count: int, bins: int) -> int:
    """Characters for each of `count` histograms beside each other, a divisor of `bins`; 0 where there are too few."""
    room = width // max(count, 1) - GAP
    return max((cells for cells in range(FEWEST_CELLS, bins + 1) if bins % cells == 0 and cells <= room), default=0)


def _row(terminal: Terminal, histograms: Mapping[str, Entry], sides: Sequence[Side], label: int, cells: int) -> Table:
    """Titles, the bars of each side, and the ends of the range."""
    from rich.table import Table
    from rich.text import Text

    glyphs = BLOCKS if terminal.unicode else ASCII
    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(min_width=label)
    grid.add_row("", *(title.center(cells) for title in histograms))
    drawn = []
    for histogram in histograms.values():
        counts = {side.name: histogram[side.name] for side in sides if side.name in histogram}
        drawn.append(bars(counts, cells, LINES, glyphs))
    for side in sides:
        if any(side.name in lines for lines in drawn):
            texts = ["\n" * (LINES - 1) + side.title, *("\n".join(lines.get(side.name, "")) for lines in drawn)]
            grid.add_row(*(Text(text, side.colour) for text in texts))
    grid.add_row("", *(_ends(histogram, cells) for histogram in histograms.values()))
    return grid


def _ends(histogram: Entry, cells: int) -> str:
    ends = histogram["start"], histogram["stop"]
    start, stop = (format(end, number_format(ends)) for end in ends)
    return start + stop.rjust(cells - len(start))


def merged(counts: Sequence[int], cells: int) -> list[int]:
    """Counts of neighbouring bins together.

    Parameters
    ----------
    counts : of bins of one width
    cells : how many shall remain, a divisor of the number of bins
    """
    each = len(counts) // cells
    return [sum(counts[start : start + each]) for start in range(0, len(counts), each)]


def bars(sides: Mapping[str, Sequence[int]], cells: int, lines: int, glyphs: str) -> dict[str, list[str]]:
    """Several samples' histograms in common bins, each as lines of text, top line first.

    Parameters
    ----------
    sides : name -> counts
    cells : characters a line, a divisor of the number of bins
    lines : of text in each histogram
    glyphs : characters from an empty to a full one

    The bars show the part of its sample that a bin holds, and the longest of all sides is as high as the
    lines are: samples of any size can be compared. What is not empty is seen.
    """
    parts = {name: _parts(merged(counts, cells)) for name, counts in sides.items()}
    highest = max(map(max, parts.values()), default=0) or 1
    full = len(glyphs) - 1
    drawn = {}
    for name, part in parts.items():
        heights = [max(round(value / highest * full * lines), int(value > 0)) for value in part]
        drawn[name] = [
            "".join(glyphs[min(max(height - full * below, 0), full)] for height in heights)
            for below in reversed(range(lines))
        ]
    return drawn


def _parts(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]
