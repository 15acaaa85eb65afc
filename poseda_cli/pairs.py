"""Pairs of 2D and 3D poses, as a lifter learns from them and is scored on."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats, Screen, normalise_points
from poseda_cli.dataset import PoseDataset, Span
from poseda_cli.errors import InputError, listed
from poseda_cli.measurement import ImagePoses

LEAST = 2


class Pairs(NamedTuple):
    """Finite poses, float32; the joints of both are the same.

    points : (N, J, 2) normalised screen
    poses : (N, J, 3) metres, camera space, relative to the root
    """

    points: Floats
    poses: Floats

    @classmethod
    def of(
        cls, points: Floats, sizes: Floats, poses: Floats, joints: NDArray[np.intp], root: int, screen: Screen
    ) -> Self:
        """What is finite of some poses.

        Parameters
        ----------
        points, sizes : (N, K, 2) pixels, (N, 2) widths and heights of their images
        poses : (N, K, 3) metres, camera space
        joints : (J,) those that count
        root : of the K joints
        screen : as in `cameras.normalise_points`
        """
        with np.errstate(invalid="ignore"):
            seen = normalise_points(points[:, joints], sizes, screen)
            relative = poses[:, joints] - poses[:, [root]]
        finite = np.isfinite(seen).all((1, 2)) & np.isfinite(relative).all((1, 2))
        return cls(seen[finite], relative[finite])

    def thinned(self, count: int) -> Pairs:
        """At most so many, evenly."""
        rows = np.arange(min(count, len(self.points))) * len(self.points) // max(min(count, len(self.points)), 1)
        return Pairs(self.points[rows], self.poses[rows])


def pairs_as_filmed(dataset: PoseDataset, joints: NDArray[np.intp], screen: Screen) -> Pairs:
    """The 3D poses of a data set, with its 2D; or, where it has none, as its cameras see them.

    Raises
    ------
    InputError : it is not known how the poses look, or none is finite and before the camera
    """
    seen = ImagePoses(dataset)
    if seen.without_place:
        raise InputError(
            f"{dataset.title}: 3D relative to the root, and no 2D; how its poses look unaligned is not known. "
            "Name an archive that has their 2D, or where they stood."
        )
    for lacking, what in ((seen.without_camera, "intrinsics"), (seen.without_size, "image size")):
        if lacking:
            raise InputError(f"{dataset.title}: {what} of camera {listed(dict.fromkeys(lacking))} not known.")
    points = seen.block(slice(0, len(dataset))).transpose(2, 0, 1)
    sizes, poses = seen.block_sizes(slice(0, len(dataset))), np.asarray(dataset.poses_3d)
    pairs = Pairs.of(points, sizes, poses, joints, dataset.skeleton.root, screen)
    if len(pairs.points) < LEAST:
        raise InputError(f"{dataset.title}: of {len(dataset):,} poses less than two are finite and before the camera.")
    return pairs


def halves(dataset: PoseDataset, joints: NDArray[np.intp], screen: Screen) -> tuple[Pairs, Pairs]:
    """The first half of each sequence, and the second.

    Raises
    ------
    InputError : as `pairs_as_filmed`
    """
    spans: tuple[list[Span], list[Span]] = ([], [])
    extra = 0
    for number, sequence in enumerate(dataset.sequences):
        # The odd frame goes to either side in turn: sequences may be single frames.
        middle = (sequence.length + extra) // 2
        extra = (sequence.length + extra) % 2
        spans[0].append(Span(number, 0, middle))
        spans[1].append(Span(number, middle, sequence.length))
    first, second = (
        pairs_as_filmed(dataset.take([span for span in half if span.length]), joints, screen) for half in spans
    )
    return first, second
