"""Does the data mean what its layout says? Units, joint order and frame, checked on the poses.

Readers call these before they convert anything; a contradiction is refused, never repaired in
silence. A thousand poses, spread evenly, are enough to tell.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from poseda_cli.cameras import Floats
from poseda_cli.errors import ArchiveError
from poseda_cli.skeleton import SKELETONS, Skeleton

SAMPLE = 1000
# Adult thighs measure 0.33 to 0.56 m in both data sets; children and scaled skeletons get room.
SHORTEST_THIGH, LONGEST_THIGH = 0.2, 0.8
# A normalised screen is 2 wide; a person measures hundreds of pixels.
LARGEST_NORMALISED = 2.0
METRES = {"m": 1.0, "mm": 0.001}
# The root of both data sets is the midpoint of the hips to storage precision.
MIDHIP_TOLERANCE = 0.1
# Hips are about half as far apart as the trunk is long.
HIPS_OF_TRUNK = 0.3


def sample(poses: Floats, most: int = SAMPLE) -> Floats:
    """About `most` of the poses, evenly spread; those with numbers that are not finite left out."""
    some = in_single_precision(poses[:: spread(len(poses), most)])
    return some[np.isfinite(some).all((1, 2))].astype(np.float64)


def in_single_precision(poses: Floats) -> Floats:
    """The poses in the precision that they are read in; what it does not hold is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(poses).astype(np.float32, copy=False)


def spread(count: int, most: int = SAMPLE) -> int:
    """Every how many of `count` poses are about `most` of them."""
    return max(1, count // max(most, 1))


def check_poses(poses: Floats, skeleton: Skeleton, units: str, file: str, member: str) -> None:
    """Refuse 3D poses whose units or joint order are not what the layout says.

    Parameters
    ----------
    poses : (N, J, 3) as stored, any frame
    skeleton : joint set that the layout prescribes
    units : 'm' or 'mm', what the layout prescribes
    file, member : for the message

    Raises
    ------
    ArchiveError : other units, another joint order, or no human bodies at all
    """
    some = sample(poses)
    if not len(some):
        return
    _check_order(some, skeleton, file, member)
    position = skeleton.position
    thigh = float(np.median(np.linalg.norm(some[:, position["RHip"]] - some[:, position["RKnee"]], axis=-1)))
    for unit, metres in METRES.items():
        if SHORTEST_THIGH < thigh * metres < LONGEST_THIGH:
            if unit == units:
                return
            raise ArchiveError(
                file,
                f"thighs measure {thigh:.4g}: the poses are in {unit}, this layout has them in "
                f"{units}. Multiply them by {METRES[unit] / METRES[units]:g} first.",
                member,
                code="units",
            )
    raise ArchiveError(
        file,
        f"thighs measure {thigh:.4g}, which is human neither in m (0.33 to 0.56) nor in mm: "
        "wrong units, wrong joint order, or no poses.",
        member,
        code="units",
    )


def check_pixels(poses: Floats, file: str, member: str) -> None:
    """Refuse 2D poses that are normalised already, or empty, where the layout has pixels.

    Parameters
    ----------
    poses : (N, J, 2) as stored
    file, member : for the message

    Raises
    ------
    ArchiveError : hardly a coordinate exceeds what a normalised screen has
    """
    some = sample(poses)
    if len(some) and (reach := float(np.quantile(np.abs(some), 0.99))) <= LARGEST_NORMALISED:
        raise ArchiveError(
            file,
            f"2D coordinates reach {reach:.2g}: they are normalised or empty, this layout has them in pixels of the "
            "full image. Undo the normalisation first.",
            member,
            code="normalised",
        )


def check_inside(points: Floats, sizes: Floats, file: str, member: str) -> None:
    """Refuse image points that mostly lie outside of their images.

    Parameters
    ----------
    points : (N, J, 2) pixels
    sizes : (2,) or (N, 2) widths and heights
    file, member : for the message

    Raises
    ------
    ArchiveError : more than half of the points that are finite are outside
    """
    inside = Inside()
    inside.add(points, sizes)
    inside.check(file, member)


class Inside:
    """How many image points lie inside of their images, of poses that come in parts."""

    def __init__(self) -> None:
        self._inside = self._known = 0
        # Of each size, how many points there are: widths, heights.
        self._sizes: tuple[Counter[float], Counter[float]] = (Counter(), Counter())

    def add(self, points: Floats, sizes: Floats) -> None:
        """Count some more; parameters as those of `check_inside`."""
        known = np.isfinite(points).all(-1)
        limits = np.asarray(sizes).reshape(-1, 1, 2)
        inside = ((points >= 0) & (points <= limits)).all(-1)
        self._inside += int((inside & known).sum())
        counts = known.sum(1)
        self._known += int(counts.sum())
        for axis, found in enumerate(self._sizes):
            widths, which = np.unique(limits[:, 0, axis], return_inverse=True)
            of_each = np.bincount(np.broadcast_to(which.reshape(-1), counts.shape), counts, len(widths))
            found.update(dict(zip(widths.tolist(), of_each.astype(int).tolist(), strict=True)))

    def check(self, file: str, member: str) -> None:
        """Refuse what was counted; as `check_inside`."""
        if self._inside >= 0.5 * self._known:
            return
        width, height = map(_median, self._sizes)
        raise ArchiveError(
            file,
            f"{1 - self._inside / self._known:.0%} of the 2D points lie outside of their images ({width:g} x "
            f"{height:g}): they are no pixels of the full image, or the image size is another.",
            member,
            code="image-size",
        )


def _median(counts: Counter[float]) -> float:
    """Of values that are there so many times."""
    values = sorted(value for value, count in counts.items() if count)
    ends = np.cumsum([counts[value] for value in values])
    middle = [values[int(np.searchsorted(ends, place, "right"))] for place in ((ends[-1] - 1) // 2, ends[-1] // 2)]
    return sum(middle) / 2


def _check_order(some: Floats, skeleton: Skeleton, file: str, member: str) -> None:
    error = midhip_error(some, skeleton)
    if error <= MIDHIP_TOLERANCE:
        _check_sides(some, skeleton, file, member)
        return
    alike = (s for s in SKELETONS.values() if len(s) == len(skeleton) and s != skeleton)
    others = [s for s in alike if "Hip" in s.position]
    fits = [s.name for s in others if midhip_error(some, s) <= MIDHIP_TOLERANCE]
    hint = (
        f"They look like {fits[0]}: put them into the order of {skeleton.name} first."
        if fits
        else ("Another joint order, or damaged data.")
    )
    raise ArchiveError(
        file,
        f"the joints are not in the order of {skeleton.name}: joint {skeleton.root} lies "
        f"{error:.0%} of the hips' distance off their middle, expected 0. {hint}",
        member,
        code="joint-order",
    )


def _check_sides(some: Floats, skeleton: Skeleton, file: str, member: str) -> None:
    """Hips and shoulders of one side belong to that side; orders that swap only the legs do not."""
    position = skeleton.position
    hips = some[:, position["RHip"]] - some[:, position["LHip"]]
    shoulders = some[:, position["RShoulder"]] - some[:, position["LShoulder"]]
    if np.median((hips * shoulders).sum(-1)) <= 0:
        raise ArchiveError(
            file,
            f"hips and shoulders point opposite ways: left and right of the legs or of the arms are not those of "
            f"{skeleton.name}. Is it an order that has the left leg first?",
            member,
            code="joint-order",
        )


def midhip_error(poses: Floats, skeleton: Skeleton) -> float:
    """Median distance of the root from the middle of the hips, as a fraction of the hips' distance.

    Parameters
    ----------
    poses : (N, J, 2 or 3), any unit and frame; in an image hips count as at least 0.3 trunks apart, since
        they meet in a profile

    Returns
    -------
    Of the poses that have an extent; infinity if none has.
    """
    position = skeleton.position
    left, right = poses[:, position["LHip"]], poses[:, position["RHip"]]
    apart = np.linalg.norm(left - right, axis=-1)
    if "Thorax" in position and poses.shape[2] == 2:
        trunk = np.linalg.norm(poses[:, position["Thorax"]] - poses[:, position["Hip"]], axis=-1)
        apart = np.maximum(apart, HIPS_OF_TRUNK * trunk)
    off = np.linalg.norm(poses[:, position["Hip"]] - (left + right) / 2, axis=-1)
    known = (apart > 0) | (off > 0)
    if not known.any():
        return np.inf
    with np.errstate(divide="ignore"):
        return float(np.median(off[known] / apart[known]))
