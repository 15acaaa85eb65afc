"""What all figures have in common: how they are made, and how they become files."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseda_cli.errors import UsageError, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DOTS_PER_INCH = 200

# Of Okabe and Ito's palette, which people with any colour vision tell apart; its blue made darker and its
# vermilion lighter, so that left and right differ where they are printed grey, too.
SOURCE, ALIGNED, TARGET = "#E69F00", "#009E73", "#4D4D4D"
LEFT, RIGHT, MIDDLE = "#005A96", "#E2562F", "#333333"
FAINT = "#B8B8B8"

STYLE: dict[str, Any] = {
    "font.size": 7,
    # DejaVu Sans comes with matplotlib: the same everywhere. An SVG names others for those who lack it.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "text.parse_math": False,  # names of data sets may hold a $
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "poseda",
    "pdf.fonttype": 42,
}
# What files say of their making; no clock, and no version that would change their bytes needlessly.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "poseda"},
    "svg": {"Creator": "poseda", "Date": None},
    "pdf": {"Creator": "poseda", "Producer": None, "CreationDate": None},
}


def check_plot(file: Path | None = None) -> None:
    """Refuse a figure that cannot be made, before any work is done for it.

    Parameters
    ----------
    file : where it shall be written; its suffix names the format

    Raises
    ------
    UsageError : matplotlib is not installed or does not start, or no such format
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--plot takes matplotlib: pip install 'poseda[plot]'.")
    # It would speak of its settings and caches, also to those who asked for quiet.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        importlib.import_module("matplotlib")
    except (ImportError, ValueError) as error:  # a broken installation, or a wrong MPLBACKEND
        raise UsageError(f"--plot takes matplotlib, which does not start: {error}") from error
    if file is not None and file.suffix.lower().lstrip(".") not in FORMATS:
        raise UsageError(f"--plot {file}: expected a file that ends in {listed(f'.{name}' for name in FORMATS)}.")


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in our style; width and height in inches.

    What is drawn and saved within the `with` block has the style; the user's own settings have no part in it.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(STYLE, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name in a script that the font lacks
        yield Figure(figsize=(width, height), dpi=DOTS_PER_INCH)


def save(figure: Figure, file: Path) -> None:
    """Write a figure; PNG, SVG or PDF by its suffix."""
    kind = file.suffix.lower().lstrip(".")
    figure.savefig(file, format=kind, metadata=METADATA[kind])


def axes_at(figure: Figure, left: float, top: float, width: float, height: float, *, label: str = "") -> Axes:
    """New axes, placed in inches from the figure's upper left corner.

    Parameters
    ----------
    label : what they show; `Axes.get_label` and the id of their group in an SVG
    """
    whole_width, whole_height = figure.get_size_inches()
    corner = left / whole_width, 1 - (top + height) / whole_height
    axes = figure.add_axes((*corner, width / whole_width, height / whole_height), label=label)
    axes.set_gid(label.replace(" ", "-") or None)
    return axes


def text_at(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:
    """Write text; its place in inches from the figure's upper left corner."""
    whole_width, whole_height = figure.get_size_inches()
    figure.text(left / whole_width, 1 - top / whole_height, text, **style)


def shortened(text: str, width: float, **font: Any) -> str:
    """A name as it fits into so many inches: of one that is too long the middle is left out.

    Parameters
    ----------
    text : to be written; what cannot be printed is replaced
    width : inches
    font : as of `matplotlib.font_manager.FontProperties`; size in points
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    whole = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    properties = FontProperties(**font)

    def points(text: str) -> float:
        return text_to_path.get_text_width_height_descent(text, properties, ismath=False)[0]

    def kept(count: int) -> str:
        return f"{whole[: count - count // 2]}…{whole[len(whole) - count // 2 :]}"

    if points(whole) <= 72 * width:
        return whole
    # The first that is too wide is one too many.
    return kept(max(bisect_right(range(len(whole)), 72 * width, key=lambda count: points(kept(count))) - 1, 0))
