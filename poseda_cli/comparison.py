"""The 2D distributions of two data sets, and how far they are from each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poseda_cli._version import VERSION
from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Screen
from poseda_cli.dataset import PoseDataset
from poseda_cli.distributions import QUANTITIES, describe, distances, histograms, sample_of, value_of
from poseda_cli.errors import InputError, SkeletonError, listed
from poseda_cli.measurement import ImagePoses, measure
from poseda_cli.provenance import side_of
from poseda_cli.skeleton import shared_joints

SCHEMA = "poseda.comparison/1"
SIDES = ("a", "b")


def compare(a: PoseDataset, b: PoseDataset, *, screen: Screen = "aspect", jobs: int | None = None) -> dict[str, Any]:
    """Distributions of scale, root position and aspect of two data sets, and their distances.

    Parameters
    ----------
    a, b : with 2D poses; or with 3D poses where they were filmed, which are then seen by their cameras
    screen : as in `cameras.normalise_points`
    jobs : threads; without influence on the result

    Returns
    -------
    What `poseda compare --json` prints: a, b: as `source` in summary.json, with the number of poses that
    were `measured`; distributions: quantity -> a, b: mean, std, quantiles; wasserstein, ks; histogram.
    And depth, of the roots, where there is 3D. Extents are taken over the joints that both have.

    Raises
    ------
    InputError : a data set that cannot be seen (3D relative to its roots, an unknown camera or image
        size), or none of its poses has a place and a size
    SkeletonError : a data set without a pelvis
    """
    joints = shared_joints(a.skeleton, b.skeleton)
    boxes = []
    for dataset, shared in zip((a, b), joints, strict=True):
        found = measure(image_poses(dataset), shared, screen, jobs)
        if not np.isfinite(found[:, 0]).any():
            raise InputError(f"{dataset.title}: none of its {len(found):,} poses is finite and has an extent.")
        boxes.append(found)
    distributions: dict[str, Any] = dict.fromkeys(QUANTITIES)

    def work(start: int, stop: int) -> None:
        for name in QUANTITIES[start:stop]:
            distributions[name] = _compared(*(sample_of(value_of(found, name)) for found in boxes))

    for_blocks(work, len(QUANTITIES), jobs, block=1)
    distributions["depth"] = {side: _depth(dataset) for side, dataset in zip(SIDES, (a, b), strict=True)}
    sides = [
        {**side_of(dataset), "measured": int(np.isfinite(found[:, 0]).sum()), "options": dict(dataset.origin.selection)}
        for dataset, found in zip((a, b), boxes, strict=True)
    ]
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "options": {"screen": screen},
        **dict(zip(SIDES, sides, strict=True)),
        "distributions": distributions,
    }


def image_poses(dataset: PoseDataset) -> ImagePoses:
    """The 2D poses of a data set that shall be compared.

    Raises
    ------
    InputError, SkeletonError : as in `compare`
    """
    if "Hip" not in dataset.skeleton.position:
        raise SkeletonError(f"{dataset.title}: {dataset.skeleton.name} has no pelvis, whose place is compared.")
    poses = ImagePoses(dataset)
    if poses.without_place:
        raise InputError(
            f"{dataset.title}: 3D poses relative to the root, and no 2D; where they stood in the image is not known."
        )
    if poses.without_camera:
        raise InputError(
            f"{dataset.title}: 3D poses without 2D, and the camera of {listed(poses.without_camera)} is not known; "
            "give the file with their 2D, too."
        )
    if poses.without_size:
        raise InputError(
            f"{dataset.title}: the image size of {listed(poses.without_size)} is not known. "
            "Give it in pixels with --image-size WIDTH,HEIGHT."
        )
    return poses


def with_image_size(dataset: PoseDataset, size: tuple[int, int]) -> PoseDataset:
    """The data set with an image size for those of its cameras whose own is not known."""
    cameras = [
        replace(camera, size=size) if camera.size is None and camera.intrinsics is None else camera
        for camera in dataset.cameras
    ]
    return replace(dataset, cameras=tuple(cameras))


def _compared(a: Any, b: Any) -> dict[str, Any]:
    wasserstein, ks = distances(a, b)
    sides = dict(zip(SIDES, (a, b), strict=True))
    return {
        **{side: describe(sample) for side, sample in sides.items()},
        "wasserstein": wasserstein,
        "ks": ks,
        "histogram": histograms(sides),
    }


def _depth(dataset: PoseDataset) -> dict[str, float]:
    if dataset.poses_3d is None or not dataset.absolute:
        return {}
    return describe(sample_of(dataset.poses_3d[:, dataset.skeleton.root, 2].copy()))
