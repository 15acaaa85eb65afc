"""Cells of tables: numbers as short as they can be, in columns that are easily compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log10
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from rich.text import Text

# More decimals, or larger numbers, are written with an exponent.
MOST_DECIMALS = 4
LARGE = 1e6
# The hues of the figure, dark enough for a white ground and light enough for a black one.
ORANGE, GREEN, RED = "color(130)", "color(29)", "color(161)"
NOTHING = "-"
Entry = dict[str, Any]


class Side(NamedTuple):
    """A column of a table, or a row of histograms."""

    name: str
    title: str
    colour: str


def number_format(values: Iterable[float], digits: int = 3, finest: float = 0) -> str:
    """How to write numbers of one kind, so that they can be compared.

    Parameters
    ----------
    values : the numbers
    digits : of the largest of them
    finest : a number of which at least one digit shall be seen

    Returns
    -------
    A format, as in format(value, 'z.3f')
    """
    largest = max(map(abs, values), default=0.0)
    decimals = max(digits - 1 - _magnitude(largest), -_magnitude(finest or largest), 0)
    return f"z.{decimals}f" if decimals <= MOST_DECIMALS and largest < LARGE else f"z.{digits}g"


def moments_format(entries: Iterable[dict[str, float]]) -> str:
    """How to write means and deviations beside each other.

    Parameters
    ----------
    entries : each with mean and std; empty ones are passed over
    """
    present = [entry for entry in entries if entry]
    deviations = [entry["std"] for entry in present]
    finest = min((value for value in deviations if value > 0), default=0.0)
    return number_format([*deviations, *(entry["mean"] for entry in present)], finest=finest)


def fixed_format(values: Iterable[float | None], decimals: int) -> str:
    """How to write numbers of which the large ones matter: what is small beside them is near nothing.

    Parameters
    ----------
    values : the numbers; None are passed over
    decimals : at most so many
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if 0 < largest < 10**-decimals or largest >= LARGE:
        return "z.2g"
    return f"z.{min(max(3 - _magnitude(largest), 0), decimals)}f"


def distance_format(values: Iterable[float | None], entries: Iterable[Entry], decimals: int = MOST_DECIMALS) -> str:
    """How to write distances beside each other: no finer than what they are distances of.

    Parameters
    ----------
    values : the distances; None are passed over
    entries : quantities, as in summary.json
    decimals : at most so many
    """
    sides = (side for entry in entries for side in entry.values() if isinstance(side, dict))
    return fixed_format((*values, *(side["std"] for side in sides if "std" in side)), decimals)


def number(value: float | None, written: str) -> str:
    """A number in a format, or a dash."""
    return NOTHING if value is None else format(value, written)


def distances(
    rows: Sequence[Sequence[float | None]], formats: Sequence[str], between: str, judged: Sequence[bool] | None = None
) -> list[Text]:
    """A column of distances; of one before and one after, the latter green where smaller, red where larger.

    Parameters
    ----------
    rows : no, one or two distances each, None where one is not known
    formats : of each row
    between : what stands between before and after
    judged : whether a row has colours; all have, if not given
    """
    from rich.text import Text

    texts = [[number(value, written) for value in row] for row, written in zip(rows, formats, strict=True)]
    column = []
    in_colour = judged or [True] * len(rows)
    for cell, shown, values, wanted in zip(in_columns(texts, between), texts, rows, in_colour, strict=True):
        text = Text(cell)
        known = [value for value in values if value is not None]
        if wanted and len(known) == 2 and shown[0] != shown[1]:
            text.stylize(GREEN if known[1] < known[0] else RED, cell.index(between) + len(between))
        column.append(text)
    return column


def in_columns(rows: Sequence[Sequence[str]], between: str, rest: Literal["<", ">"] = "<") -> list[str]:
    """The parts of each row, padded to stand below each other; the first ones flush right.

    Parameters
    ----------
    rows : parts, fewer where a row has no more
    between : what stands between two parts
    rest : the other parts flush left or right
    """
    count = max(map(len, rows), default=0)
    widths = [max(len(row[place]) for row in rows if place < len(row)) for place in range(count)]
    whole = sum(widths) + len(between) * (count - 1)
    return [
        between.join(
            f"{part:{rest if place else '>'}{width}}"
            for place, (part, width) in enumerate(zip(row, widths, strict=False))
        ).ljust(whole)
        for row in rows
    ]


def _magnitude(value: float) -> int:
    """Decimal exponent; of zero that of one."""
    return floor(log10(value)) if value else 0
