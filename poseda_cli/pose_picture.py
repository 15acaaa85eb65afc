"""What a figure of a few poses shows, as data: `figures` draws it, and nothing is drawn here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.dataset import PoseDataset
from poseda_cli.measurement import ImagePoses
from poseda_cli.skeleton import Skeleton
from poseda_cli.spread import spread_whole

POSES = 3
# Far enough to part what lies behind each other, not so far that one side hides the other.
TURN_DEG = 60.0


class PoseViews(NamedTuple):
    """A pose from several sides. Axes are x right, y down; a joint that has no place is NaN.

    title : which pose it is
    front : (J, 2) metres from the root, as the camera looks at it, orthographic; None without 3D
    turned : (J, 2) the same, the body turned about the vertical; None without 3D
    image : (J, 2) pixels; None where nothing is known of its image
    size : width and height of the image, pixels; None where unknown
    """

    title: str
    front: Floats | None
    turned: Floats | None
    image: Floats | None
    size: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class PosePicture:
    """Some poses of a data set.

    Parameters
    ----------
    title : its files
    subtitle : its layout and joints
    skeleton : what the joints are
    projected : whether the archive has no 2D, and `image` is its 3D as the cameras see it
    poses : from different parts of the data set, in its order
    """

    title: str
    subtitle: str
    skeleton: Skeleton
    projected: bool
    poses: tuple[PoseViews, ...]


def picture_of_poses(dataset: PoseDataset) -> PosePicture:
    """Some poses of a data set, evenly spread over it.

    Of each part a pose with all its joints is taken, if there is one; a part in which no pose has an extent
    is left out, so that there may be fewer poses, or none.
    """
    images, most = ImagePoses(dataset), len(dataset.skeleton)
    rows = spread_whole(len(dataset), POSES, lambda rows: _missing(dataset, rows), most)
    return PosePicture(
        title=dataset.title,
        subtitle=_subtitle(dataset),
        skeleton=dataset.skeleton,
        projected=dataset.poses_2d is None,
        poses=tuple(_views(images, row) for row in rows),
    )


def _subtitle(dataset: PoseDataset) -> str:
    skeleton, stored = dataset.skeleton, dataset.origin.stored
    text = f"{dataset.origin.layout}, {len(skeleton)} joints ({skeleton.name})"
    if stored and stored.skeleton != skeleton:
        text += f", of {len(stored.skeleton)} stored ({stored.skeleton.name})"
    return text


def _missing(dataset: PoseDataset, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """(B,) how many joints have no place in 3D or 2D; one more than there are, where nothing has an extent."""
    columns = [column[rows] for column in (dataset.poses_3d, dataset.poses_2d) if column is not None]
    placed = [_placed(points, dataset.absolute) for points in columns]
    missing = np.logical_or.reduce([np.isnan(points[..., 0]) for points in placed]).sum(1)
    seen = np.logical_or.reduce([_extends(points) for points in placed])
    return np.where(seen, missing, len(dataset.skeleton) + 1)


def _placed(points: Floats, absolute: bool) -> Floats:
    """(..., J, D) float64, NaN in every coordinate of a joint that has no place.

    Zeros stand for joints that were not found or not annotated: in images, whose corner no joint lies in, and
    in camera space, where they are the camera itself. Relative to the root they are the root.
    """
    points = points.astype(np.float64)
    gone = ~np.isfinite(points).all(-1)
    if absolute or points.shape[-1] == 2:
        gone |= (points == 0).all(-1)
    points[gone] = np.nan
    return points


def _extends(points: Floats) -> NDArray[np.bool_]:
    """(...,) whether two joints (..., J, D) at least have places that differ."""
    least = np.where(np.isnan(points), np.inf, points).min(-2)
    most = np.where(np.isnan(points), -np.inf, points).max(-2)
    return (most > least).any(-1)


def _views(images: ImagePoses, row: int) -> PoseViews:
    dataset, front, turned = images.dataset, None, None
    if dataset.poses_3d is not None:
        pose = _placed(dataset.poses_3d[row], dataset.absolute)
        pose -= _centre(pose, dataset.skeleton.root)
        front, turned = pose[:, :2], _turn(pose)[:, :2]
    image = None if images.without_place else _placed(images.block(slice(row, row + 1))[..., 0], dataset.absolute)
    if image is not None and dataset.poses_2d is None and np.isnan(image).all():  # no camera to see it with
        image = None
    width, height = images.sizes[dataset.camera[row]].tolist()
    size = (width, height) if np.isfinite([width, height]).all() else None
    return PoseViews(dataset.place(row), front, turned, image, size)


def _centre(pose: Floats, root: int) -> Floats:
    """The root, or, where that has no place, the middle of the other joints."""
    if np.isfinite(pose[root]).all() or np.isnan(pose).all():
        return pose[root].copy()
    return np.nanmean(pose, axis=0)


def _turn(pose: Floats) -> Floats:
    """A pose (J, 3) turned about the vertical: what looked at the camera looks to the right of the picture."""
    angle = np.deg2rad(TURN_DEG)
    x, y, z = pose.T
    return np.stack([x * np.cos(angle) - z * np.sin(angle), y, x * np.sin(angle) + z * np.cos(angle)], axis=-1)
