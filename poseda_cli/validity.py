"""What becomes of poses that have no place in a picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.dataset import PoseHeads
from poseda_cli.errors import InputError

Invalid = Literal["drop", "error"]


class Validity(NamedTuple):
    """How many of some poses are finite and have an extent.

    total : of the poses
    invalid : of those that are not
    first : row of the first of these; None if there is none
    """

    total: int = 0
    invalid: int = 0
    first: int | None = None

    def and_of(self, valid: NDArray[np.bool_]) -> Validity:
        """Of these and the poses that follow."""
        wrong = np.flatnonzero(~valid)
        first = self.total + int(wrong[0]) if self.first is None and len(wrong) else self.first
        return Validity(self.total + len(valid), self.invalid + len(wrong), first)


def check_valid(dataset: PoseHeads, found: Validity, side: str, invalid: Invalid) -> None:
    """Refuse a data set without a valid pose, or, if so asked, one with an invalid pose.

    Parameters
    ----------
    dataset : one side of an alignment
    found : of its poses
    side : 'source' or 'target', for the message
    invalid : 'error' refuses any invalid pose, 'drop' accepts them as long as one is valid

    Raises
    ------
    InputError : names the first invalid pose
    """
    reason = "numbers that are not finite, or no extent"
    if found.invalid == found.total:
        raise InputError(f"{dataset.title}: no {side} pose is valid; all {found.total:,} have {reason}.")
    if invalid == "error" and found.first is not None:
        raise InputError(
            f"{dataset.title}: {found.invalid:,} {side} poses have {reason}; the first is "
            f"{dataset.place(found.first)}. --invalid drop leaves them out."
        )
