"""Rows of the table, as text and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from tests.benchmarks.measure import Costs


@dataclass(frozen=True)
class Row:
    """Something beside its baseline.

    Parameters
    ----------
    what, baseline : names
    values, baseline_values : one a repeat, those of a repeat belong together; none if it was left out
    unit : of both
    wanted : what the ratio should be, if it was agreed
    left_out : why there are no values
    """

    what: str
    baseline: str
    values: Sequence[float] = ()
    baseline_values: Sequence[float] = ()
    unit: str = "s"
    wanted: str = ""
    left_out: str = ""

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.values, self.baseline_values, strict=True)]

    def cells(self) -> list[str]:
        if self.left_out:
            return [self.what, self.baseline, "", "", "left out", "", self.wanted]
        ratios = self.ratios
        sides = [f"{statistics.median(side):,.3g} {self.unit}" for side in (self.values, self.baseline_values)]
        spread = f"{min(ratios):.3g} to {max(ratios):.3g}"
        return [self.what, self.baseline, *sides, f"{statistics.median(ratios):.3g}", spread, self.wanted]

    def as_json(self) -> dict[str, Any]:
        ratio = statistics.median(self.ratios) if self.values else None
        return {**asdict(self), "ratio": ratio, "ratios": self.ratios}


def time_row(what: str, baseline: str, costs: Costs, baseline_costs: Costs, wanted: str = "") -> Row:
    """Wall time."""
    return Row(what, baseline, [c.seconds for c in costs], [c.seconds for c in baseline_costs], "s", wanted)


def memory_row(what: str, baseline: str, peaks: Sequence[int], size: int) -> Row:
    """Peak memory relative to some bytes."""
    return Row(what, baseline, [peak / 2**20 for peak in peaks], [size / 2**20] * len(peaks), "MiB")


def table(rows: Sequence[Row], title: str) -> Table:
    """All rows: medians over the repeats, and how far the ratios of single repeats spread."""
    shown = Table("what", "baseline", title=title)
    for heading in ("", "baseline", "ratio", "spread", "wanted"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.caption = "; ".join(f"{row.what}: {row.left_out}" for row in rows if row.left_out) or None
    for row in rows:
        shown.add_row(*row.cells())
    return shown
