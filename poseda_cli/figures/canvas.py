"""What all figures have in common: how they are made, and how they become files."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poseda_cli.errors import UsageError, listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DOTS_PER_INCH = 200

# Of Okabe and Ito's palette, which people with any colour vision tell apart.
SOURCE, ALIGNED, TARGET = "#E69F00", "#009E73", "#4D4D4D"
LEFT, RIGHT, MIDDLE = "#0072B2", "#D55E00", "#333333"
FAINT = "#B8B8B8"

STYLE: dict[str, Any] = {
    "font.size": 7,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
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
    UsageError : matplotlib is not installed, or no such format
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("--plot takes matplotlib: pip install 'poseda[plot]'.")
    if file is not None and file.suffix.lower().lstrip(".") not in FORMATS:
        raise UsageError(f"--plot {file}: expected a file that ends in {listed(f'.{name}' for name in FORMATS)}.")


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure in our style; width and height in inches.

    What is drawn and saved within the `with` block has the style; the user's own settings have no part in it.
    """
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context(STYLE, after_reset=True):
        yield Figure(figsize=(width, height), dpi=DOTS_PER_INCH)


def save(figure: Figure, file: Path) -> None:
    """Write a figure; PNG, SVG or PDF by its suffix."""
    kind = file.suffix.lower().lstrip(".")
    figure.savefig(file, format=kind, metadata=METADATA[kind])
