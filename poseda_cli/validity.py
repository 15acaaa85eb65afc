"""What becomes of poses that have no place in a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.dataset import PoseHeads
from poseda_cli.errors import InputError

Invalid = Literal["drop", "error"]

# A box of less width + height has no extent: all joints are at one place, up to rounding. Metres in 3D, pixels in 2D.
LEAST_EXTENT = 1e-3
# Metres. Larger is nobody; and products of such numbers would leave single precision.
MOST_EXTENT = 100.0
# Metres from the camera, or from wherever places are counted: farther out single precision has no millimetres.
MOST_DISTANCE = 10_000.0
# Image sizes. Eight heads make a body: even where the head alone fills the picture, no joint is farther outside.
MOST_OUTSIDE = 8.0
# Of each reason.
MOST_EXAMPLES = 5

# Why a pose is invalid, as outputs say it; and in the words of a message.
NOT_FINITE, NO_EXTENT, TOO_LARGE, FAR_OUTSIDE = "not finite", "no extent", "too large", "far outside the image"
WORDS = {
    NOT_FINITE: "numbers that are not finite",
    NO_EXTENT: "no extent",
    TOO_LARGE: f"an extent above {MOST_EXTENT:.0f} m or a place beyond {MOST_DISTANCE / 1000:.0f} km",
    FAR_OUTSIDE: f"joints more than {MOST_OUTSIDE:.0f} image sizes outside the image",
}
NONE: Mapping[str, int] = MappingProxyType({})


class Example(NamedTuple):
    """An invalid pose: its row, and what is wrong with it."""

    row: int
    why: str


class Validity(NamedTuple):
    """Which of some poses are invalid, and why.

    total : of the poses
    why : reason -> how many are invalid for it
    examples : the first of them
    """

    total: int = 0
    why: Mapping[str, int] = NONE
    examples: tuple[Example, ...] = ()

    @property
    def invalid(self) -> int:
        """How many are."""
        return sum(self.why.values())

    def and_of(self, valid: NDArray[np.bool_], reasons: Callable[[NDArray[np.intp]], list[str]]) -> Validity:
        """Of these and the poses that follow; `reasons` of some of them, asked for only if there are any."""
        wrong = np.flatnonzero(~valid)
        if not len(wrong):
            return self._replace(total=self.total + len(valid))
        found = reasons(wrong)
        new = zip(wrong[:MOST_EXAMPLES].tolist(), found[:MOST_EXAMPLES], strict=True)
        examples = (*self.examples, *(Example(self.total + row, why) for row, why in new))[:MOST_EXAMPLES]
        return Validity(self.total + len(valid), dict(Counter(self.why) + Counter(found)), examples)


def reasons_3d(poses: Floats) -> list[str]:
    """Why each of some 3D poses that are invalid is so; (n, J, 3) metres."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(poses).all((1, 2))
        large = ((np.ptp(poses, axis=1) >= MOST_EXTENT) | (np.abs(poses[:, 0]) >= MOST_DISTANCE)).any(1)
    kinds = np.select([~finite, large], [NOT_FINITE, TOO_LARGE], NO_EXTENT)
    return [str(kind) for kind in kinds]


def valid_2d(low: Floats, high: Floats, sizes: Floats) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Which 2D poses have a place and an extent, and why others have not.

    Parameters
    ----------
    low, high : (N, 2) corners of the boxes around them, pixels; not finite where a joint is not
    sizes : (N, 2) widths and heights of their images

    Returns
    -------
    (N,) whether a pose is valid, and (N,) the reason, for invalid ones
    """
    with np.errstate(all="ignore"):
        finite = np.isfinite(low).all(1) & np.isfinite(high).all(1)
        extended = (high - low).sum(1) > LEAST_EXTENT
        # Where an image's size is not known nothing is outside of it.
        far = ((low < -MOST_OUTSIDE * sizes) | (high > (1 + MOST_OUTSIDE) * sizes)).any(1)
    why = np.select([~finite, far, ~extended], [NOT_FINITE, FAR_OUTSIDE, NO_EXTENT], "")
    return finite & extended & ~far, why


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
    reason = " or ".join(WORDS[why] for why in WORDS if why in found.why)
    if found.invalid == found.total:
        if not found.total:
            raise InputError(f"{dataset.title}: holds no {side} pose.")
        raise InputError(f"{dataset.title}: no {side} pose is valid; all {found.total:,} have {reason}.")
    if invalid == "error" and found.examples:
        raise InputError(
            f"{dataset.title}: {found.invalid:,} {side} poses have {reason}; the first is "
            f"{dataset.place(found.examples[0].row)}. --invalid drop leaves them out."
        )
