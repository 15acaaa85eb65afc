"""The 2D distributions of two data sets, and how far they are from each other."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any, get_args

import numpy as np

from poseda_cli._version import VERSION
from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import MOST_PIXELS, Floats, Screen
from poseda_cli.dataset import PoseDataset
from poseda_cli.distributions import QUANTITIES, ROUNDING, describe, distances, histograms, sample_of, value_of
from poseda_cli.errors import InputError, SkeletonError, UsageError, listed
from poseda_cli.global_position import Joints
from poseda_cli.measurement import ImagePoses, depths_of, measure
from poseda_cli.progress import Progress, one_at_a_time, silent
from poseda_cli.provenance import side_of
from poseda_cli.skeleton import shared_joints

SCHEMA = "poseda.comparison/1"
SIDES = ("a", "b")


def compare(
    a: PoseDataset,
    b: PoseDataset,
    *,
    screen: Screen = "aspect",
    image_size: tuple[int, int] | None = None,
    jobs: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Distributions of scale, root position and aspect of two data sets, and their distances.

    Parameters
    ----------
    a, b : with 2D poses; or with 3D poses where they were filmed, which are then seen by their cameras
    screen : as in `cameras.normalise_points`
    image_size : width and height in pixels of those images whose own size is not known
    jobs : threads; without influence on the result
    progress : told how far it is

    Returns
    -------
    What `poseda compare --json` prints: a, b: as `source` in summary.json, with what was measured ('2d', or
    the 'projection' of 3D), how many poses could be, and the options that chose them; distributions:
    quantity -> a, b: mean, std, quantiles; wasserstein, ks; histogram. And the same of the depth of the roots,
    where there is 3D. Extents are taken over the joints that both have.

    Raises
    ------
    InputError : a data set that cannot be seen (3D relative to its roots, an unknown camera or image
        size), or none of its poses has a place and a size
    SkeletonError : a data set without a pelvis
    UsageError : a normalisation that there is not, an image without width or height
    """
    if screen not in get_args(Screen):
        raise UsageError(f"screen is {screen!r}, expected {listed(get_args(Screen))}.")
    if image_size is not None:
        a, b = with_image_size(a, image_size), with_image_size(b, image_size)
    joints = shared_joints(a.skeleton, b.skeleton)
    seen = image_poses(a), image_poses(b)
    boxes = [_measured(poses, shared, screen, jobs, progress) for poses, shared in zip(seen, joints, strict=True)]
    distributions: dict[str, Any] = dict.fromkeys(QUANTITIES)

    with progress("comparing", len(QUANTITIES) + 1, "quantities") as advance:
        done = one_at_a_time(advance)

        def work(start: int, stop: int) -> None:
            for name in QUANTITIES[start:stop]:
                distributions[name] = _compared(*(sample_of(value_of(found, name)) for found in boxes))
                done(1)

        for_blocks(work, len(QUANTITIES), jobs, block=1)
        distributions["depth"] = _compared(*(sample_of(depths_of(dataset)) for dataset in (a, b)))
        done(1)
    sides = [_side(dataset, found) for dataset, found in zip((a, b), boxes, strict=True)]
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "options": {"screen": screen, "image_size": image_size and list(image_size)},
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
            f"{dataset.title}: 3D poses without 2D, and the intrinsics of camera {_names(poses.without_camera)} are "
            "not known; name an archive that has their 2D."
        )
    if poses.without_size:
        raise InputError(
            f"{dataset.title}: the image size of camera {_names(poses.without_size)} is not known. "
            "Give it in pixels with --image-size WIDTH,HEIGHT."
        )
    return poses


def with_image_size(dataset: PoseDataset, size: tuple[int, int]) -> PoseDataset:
    """The data set with an image size for those of its cameras whose own is not known; a note says which.

    Raises
    ------
    UsageError : a size that no image has
    """
    try:
        width, height = map(operator.index, size)
    except (TypeError, ValueError):
        raise UsageError(f"image size {size!r}: expected two whole numbers, width and height in pixels.") from None
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        raise UsageError(f"image size {width},{height}: expected width and height in pixels, 1 to {MOST_PIXELS:,}.")
    lacking = ImagePoses(dataset).without_size
    if not lacking:
        return dataset
    cameras = [
        replace(camera, size=size) if camera.size is None and camera.intrinsics is None else camera
        for camera in dataset.cameras
    ]
    note = f"images of camera {_names(lacking)} are taken to be {width} x {height}, as --image-size says"
    origin = replace(dataset.origin, notes=(*dataset.origin.notes, note))
    return replace(dataset, cameras=tuple(cameras), origin=origin)


def _measured(poses: ImagePoses, joints: Joints, screen: Screen, jobs: int | None, progress: Progress) -> Floats:
    boxes = measure(poses, joints, screen, jobs, progress)
    if not np.isfinite(boxes[:, 0]).any():
        raise InputError(
            f"{poses.dataset.title}: none of its {len(boxes):,} poses is finite, before the camera, and of any extent."
        )
    return boxes


def _names(cameras: list[str]) -> str:
    """Each once: the same camera may have filmed several subjects."""
    return listed(dict.fromkeys(cameras))


def _side(dataset: PoseDataset, boxes: Floats) -> dict[str, Any]:
    return {
        **side_of(dataset),
        "of": "projection" if dataset.poses_2d is None else "2d",
        "measured": int(np.isfinite(boxes[:, 0]).sum()),
        "options": dict(dataset.origin.selection),
    }


def _compared(a: Floats, b: Floats) -> dict[str, Any]:
    wasserstein, ks = distances(a, b, ROUNDING)
    sides = dict(zip(SIDES, (a, b), strict=True))
    return {
        **{side: describe(sample) for side, sample in sides.items()},
        "wasserstein": wasserstein,
        "ks": ks,
        "histogram": histograms(sides),
    }
