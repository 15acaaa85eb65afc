"""Tables for people, by rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

ROWS = {
    "scale": "scale (w+h)/2",
    "root_x": "root x",
    "root_y": "root y",
    "aspect": "aspect w/h",
}


def distribution_table(summary: dict[str, Any]) -> Table:
    """Place and size in the image: source, aligned, target, and the distance to the target.

    Parameters
    ----------
    summary : as in summary.json
    """
    from rich.box import ASCII2, SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    plain = not Console(stderr=True).encoding.lower().startswith("utf")
    table = Table(box=ASCII2 if plain else SIMPLE_HEAD, pad_edge=False)
    table.add_column("2D, normalised", no_wrap=True)
    for side in ("source", "aligned", "target"):
        table.add_column(side, justify="right", no_wrap=True)
    table.add_column("distance", justify="right", no_wrap=True)
    for name, title in ROWS.items():
        entry = summary["distributions"][name]
        cells = [_moments(entry[side], plain) for side in ("source", "aligned", "target")]
        table.add_row(title, *cells, _change(**entry["wasserstein"], plain=plain))
    depth = summary["distributions"]["depth"]
    table.add_row("depth (m)", _moments(depth["source"], plain), _moments(depth["aligned"], plain))
    table.caption = "mean and deviation; Wasserstein-1 distance to the target, before and after"
    return table


def _change(before: float | None, after: float | None, plain: bool) -> str:
    if after is None:
        return "-"
    if before is None:
        return f"{after:.4f}"
    colour = "green" if after < before else "yellow"
    return f"{before:.4f} {'->' if plain else '→'} [{colour}]{after:.4f}[/]"


def _moments(entry: dict[str, float], plain: bool) -> str:
    return f"{entry['mean']:.2f} {'+-' if plain else '±'} {entry['std']:.2f}" if entry else "-"
