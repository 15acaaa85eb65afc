"""2D poses as their cameras see them, and the boxes around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats, Screen, distortion_table, image_sizes, project, screen_divisor
from poseda_cli.dataset import PoseDataset
from poseda_cli.global_position import Joints, boxes_of_block, joint_major


class ImagePoses:
    """The 2D poses of a data set: its own, or, where it has none, its 3D seen by its cameras.

    Parameters
    ----------
    dataset : any

    `sizes` is (C, 2), width and height of each camera's images in pixels, NaN where unknown.
    """

    def __init__(self, dataset: PoseDataset) -> None:
        self.dataset = dataset
        self.sizes = image_sizes(dataset.cameras)
        self._pixels = dataset.intrinsics.astype(np.float32)
        self._lens = distortion_table(dataset.cameras).astype(np.float32)

    @property
    def without_size(self) -> list[str]:
        """Cameras that have poses here, and whose image size is not known."""
        return self._lacking(self.sizes)

    @property
    def without_camera(self) -> list[str]:
        """Cameras that 3D poses would have to be projected with, and whose intrinsics are not known."""
        return [] if self.dataset.poses_2d is not None else self._lacking(self.dataset.intrinsics)

    @property
    def without_place(self) -> bool:
        """Whether there is 3D alone, and relative to its roots: nothing can be seen of it."""
        return self.dataset.poses_2d is None and not self.dataset.absolute

    @property
    def known(self) -> bool:
        """Whether there are 2D poses, in images of known size."""
        return not (self.without_place or self.without_camera or self.without_size)

    def block(self, rows: slice | NDArray[np.intp]) -> Floats:
        """(J, 2, B) float32 pixels of some poses; NaN behind the camera."""
        dataset = self.dataset
        if dataset.poses_2d is not None:
            return joint_major(dataset.poses_2d[rows])
        camera = dataset.camera[rows]
        return project_block(np.asarray(dataset.poses_3d)[rows], self._pixels[camera], self._lens[camera])

    def block_sizes(self, rows: slice) -> Floats:
        """(B, 2) float32 widths and heights of the images of some poses."""
        return self.sizes[self.dataset.camera[rows]].astype(np.float32)

    def _lacking(self, table: Floats) -> list[str]:
        used = np.unique(self.dataset.camera).tolist()
        return [self.dataset.cameras[row].name for row in used if np.isnan(table[row]).any()]


def measure(poses: ImagePoses, joints: Joints, screen: Screen, jobs: int | None = None) -> NDArray[np.float32]:
    """Boxes around the 2D poses of a data set.

    Parameters
    ----------
    poses : in images of known size
    joints : those that boxes are taken over
    screen : as in `cameras.normalise_points`
    jobs : threads

    Returns
    -------
    (N, 4) width, height, root x, root y, screen-normalised; NaN for a pose that is not finite, has no
    extent, or a joint behind the camera
    """
    dataset = poses.dataset
    boxes = np.empty((len(dataset), 4), np.float32)

    def work(start: int, stop: int) -> None:
        rows = slice(start, stop)
        box = boxes_of_block(poses.block(rows), dataset.skeleton.root, joints)
        with np.errstate(invalid="ignore"):  # infinities, filtered out below
            found = normalise_boxes(box.T, poses.block_sizes(rows), screen)
            found[~(np.isfinite(found).all(1) & (found[:, 0] + found[:, 1] > 0))] = np.nan
        boxes[rows] = found

    # Many short operations a block: threads get into each other's way in smaller ones.
    for_blocks(work, len(dataset), jobs, 2 * BLOCK)
    return boxes


def depths_of(dataset: PoseDataset, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
    """(n,) depths of the roots of some poses in metres, a new array; none where it is not known how far they stood."""
    if dataset.poses_3d is None or not dataset.absolute:
        return np.empty(0, np.float32)
    return np.array(dataset.poses_3d[rows, dataset.skeleton.root, 2])


def normalise_boxes(boxes: Floats, size: Floats, screen: Screen) -> Floats:
    """Boxes in pixels to normalised screen.

    Parameters
    ----------
    boxes : (N, 4) width, height, root x, root y in pixels, as `global_position.boxes` gives them
    size : (N, 2) width and height of each pose's image
    screen : as in `cameras.normalise_points`

    Returns
    -------
    (N, 4) of the dtype of `boxes`
    """
    divisor = screen_divisor(size, screen)
    scale, shift = (2 / divisor).astype(boxes.dtype), (size / divisor).astype(boxes.dtype)
    return np.concatenate([boxes[:, :2] * scale, boxes[:, 2:] * scale - shift], axis=1)


def project_block(poses: Floats, intrinsics: Floats, distortion: Floats | None = None) -> Floats:
    """Pixels (J, 2, B) of a block of poses (B, J, 3); NaN behind the camera."""
    major = joint_major(poses).transpose(0, 2, 1)
    with np.errstate(all="ignore"):
        image = project(major, intrinsics, distortion)
        image[major[..., 2] <= 0] = np.nan
    return image.transpose(0, 2, 1)
