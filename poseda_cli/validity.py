"""What becomes of poses that have no place in a picture."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from poseda_cli.dataset import PoseDataset
from poseda_cli.errors import InputError

Invalid = Literal["drop", "error"]


def check_valid(dataset: PoseDataset, valid: NDArray[np.bool_], side: str, invalid: Invalid) -> None:
    """Refuse a data set without a valid pose, or, if so asked, one with an invalid pose.

    Parameters
    ----------
    dataset : one side of an alignment
    valid : (N,) whether each pose is finite and has an extent
    side : 'source' or 'target', for the message
    invalid : 'error' refuses any invalid pose, 'drop' accepts them as long as one is valid

    Raises
    ------
    InputError : names the first invalid pose
    """
    reason = "numbers that are not finite, or no extent"
    if not valid.any():
        raise InputError(f"{dataset.title}: no {side} pose is valid; all {len(valid):,} have {reason}.")
    if invalid == "error" and not valid.all():
        first = dataset.place(int(np.flatnonzero(~valid)[0]))
        raise InputError(
            f"{dataset.title}: {(~valid).sum():,} {side} poses have {reason}; the first is {first}. "
            "--invalid drop leaves them out."
        )
