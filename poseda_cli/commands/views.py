"""`--view` and `--target-up` as the user typed them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, cast, get_args

from poseda_cli.errors import UsageError

if TYPE_CHECKING:
    from poseda_cli.options import View


def parse_view(text: str) -> tuple[View, float]:
    """What 'match' or 'jitter:20' asks for, and by how many degrees.

    Raises
    ------
    UsageError : no such view, or no number of degrees
    """
    from poseda_cli.options import JITTER
    from poseda_cli.options import View as Views

    name, colon, degrees = text.partition(":")
    if name not in get_args(Views) or (colon and name != "jitter"):
        raise UsageError(f"--view {text}: expected none, match, jitter or jitter:DEG.")
    try:
        jitter = float(degrees) if colon else JITTER
    except ValueError:
        raise UsageError(f"--view {text}: expected a number of degrees, as in jitter:15.") from None
    return cast("View", name), jitter


def parse_direction(text: str) -> tuple[float, float, float]:
    """The direction that 'X,Y,Z' is.

    Raises
    ------
    UsageError : not three numbers
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        x = y = z = float("nan")
    if not isfinite(x + y + z):
        raise UsageError(f"--target-up {text}: expected three numbers, X,Y,Z, as in 0,-1,0 for a level camera.")
    return x, y, z
