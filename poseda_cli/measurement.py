"""2D poses as their cameras see them, and the boxes around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats, Screen, distortion_table, image_sizes, project, screen_divisor
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.global_position import Joints, boxes_of_block, extremes_of_block, joint_major
from poseda_cli.progress import Progress, one_at_a_time, silent

# Columns of what is measured of a pose: width, height, root x, root y of its box, then these.
DEPTH, ERROR = 4, 5
# With a view of their own the last columns are yaw and tilt, degrees.
VIEW, YAW, TILT = 2, -2, -1


class ImageCameras:
    """What cameras make of poses.

    Parameters
    ----------
    heads : of the poses

    `sizes` is (C, 2), width and height of each camera's images in pixels, NaN where unknown; `known` is (C,), whether
    2D poses before a camera can be had, in images of known size.
    """

    def __init__(self, heads: PoseHeads) -> None:
        self.sizes = image_sizes(heads.cameras)
        self.intrinsics = heads.intrinsics.astype(np.float32)
        self.distortion = distortion_table(heads.cameras).astype(np.float32)
        self.known = ~np.isnan(self.sizes).any(1)
        if not heads.has_2d:
            self.known &= ~np.isnan(heads.intrinsics).any(1)
        self.without_place = not heads.has_2d and not heads.absolute

    @property
    def measurable(self) -> bool:
        """Whether 2D poses can be had before any camera."""
        return bool(self.known.any()) and not self.without_place


class ImagePoses:
    """The 2D poses of a data set: its own, or, where it has none, its 3D seen by its cameras.

    Parameters
    ----------
    dataset : any
    cameras : of the data set, if they were looked at already
    """

    def __init__(self, dataset: PoseDataset, cameras: ImageCameras | None = None) -> None:
        self.dataset = dataset
        self.cameras = cameras or ImageCameras(dataset)

    @property
    def sizes(self) -> Floats:
        """(C, 2) width and height of each camera's images in pixels, NaN where unknown."""
        return self.cameras.sizes

    @property
    def without_size(self) -> list[str]:
        """Cameras that have poses here, and whose image size is not known."""
        return self._lacking(self.sizes)

    @property
    def without_camera(self) -> list[str]:
        """Cameras that 3D poses would have to be projected with, and whose intrinsics are not known."""
        return [] if self.dataset.has_2d else self._lacking(self.dataset.intrinsics)

    @property
    def without_place(self) -> bool:
        """Whether there is 3D alone, and relative to its roots: nothing can be seen of it."""
        return self.cameras.without_place

    @property
    def measurable(self) -> bool:
        """Whether there may be 2D poses, in images of known size."""
        return self.cameras.measurable

    @property
    def known(self) -> bool:
        """Whether all poses have 2D, in images of known size."""
        return not (self.without_place or self.without_camera or self.without_size)

    def block(self, rows: slice | NDArray[np.intp], major: Floats | None = None) -> Floats:
        """(J, 2, B) float32 pixels of some poses; NaN behind the camera. `major`: their 3D, (J, 3, B), if at hand."""
        dataset = self.dataset
        if dataset.poses_2d is not None:
            return joint_major(dataset.poses_2d[rows])
        camera = dataset.camera[rows]
        three = joint_major(np.asarray(dataset.poses_3d)[rows]) if major is None else major
        return project_block(three, self.cameras.intrinsics[camera], self.cameras.distortion[camera])

    def block_sizes(self, rows: slice) -> Floats:
        """(B, 2) float32 widths and heights of the images of some poses."""
        return self.sizes[self.dataset.camera[rows]].astype(np.float32)

    def _lacking(self, table: Floats) -> list[str]:
        used = np.unique(self.dataset.camera).tolist()
        return [self.dataset.cameras[row].name for row in used if np.isnan(table[row]).any()]


def measure(
    poses: ImagePoses, joints: Joints, screen: Screen, jobs: int | None = None, progress: Progress = silent
) -> NDArray[np.float32]:
    """Boxes around the 2D poses of a data set.

    Parameters
    ----------
    poses : in images of known size
    joints : those that boxes are taken over
    screen : as in `cameras.normalise_points`
    jobs : threads
    progress : told how far it is

    Returns
    -------
    (N, 4) width, height, root x, root y, screen-normalised; NaN for a pose that is not finite, has no
    extent, or a joint behind the camera
    """
    boxes = np.empty((len(poses.dataset), 4), np.float32)
    with progress("measuring", len(boxes)) as advance:
        done = one_at_a_time(advance)

        def work(start: int, stop: int) -> None:
            boxes[start:stop] = measure_block(poses, slice(start, stop), joints, screen)
            done(stop - start)

        # Many short operations a block: threads get into each other's way in smaller ones.
        for_blocks(work, len(boxes), jobs, 2 * BLOCK)
    return boxes


def measure_block(
    poses: ImagePoses, rows: slice, joints: Joints, screen: Screen, major: Floats | None = None
) -> Floats:
    """As `measure`, some rows; `major` as in `ImagePoses.block`."""
    box = boxes_of_block(poses.block(rows, major), poses.dataset.skeleton.root, joints)
    with np.errstate(invalid="ignore"):  # infinities, filtered out below
        found = normalise_boxes(box.T, poses.block_sizes(rows), screen)
        found[~(np.isfinite(found).all(1) & (found[:, 0] + found[:, 1] > 0))] = np.nan
    return found


def corners(points: Floats, joints: Joints, jobs: int | None = None) -> tuple[Floats, Floats]:
    """Least and greatest coordinates of 2D poses (N, J, 2), each (N, 2); not finite where they are not."""
    low, high = np.empty((len(points), 2), points.dtype), np.empty((len(points), 2), points.dtype)

    def work(start: int, stop: int) -> None:
        block = extremes_of_block(joint_major(points[start:stop]), joints)
        low[start:stop], high[start:stop] = block[0].T, block[1].T

    for_blocks(work, len(points), jobs)
    return low, high


def errors_of_boxes(found: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """How far boxes are off those that they should meet.

    Parameters
    ----------
    found, wanted : (B, 4) width, height, root x, root y

    Returns
    -------
    (B,) |scale / wanted scale - 1| and (B,) distance of the roots, float32
    """
    w, h, x, y = found.T.astype(np.float64)
    to_w, to_h, to_x, to_y = wanted.T.astype(np.float64)
    scale, root = np.abs((w + h) / (to_w + to_h) - 1), np.hypot(x - to_x, y - to_y)
    return scale.astype(np.float32), root.astype(np.float32)


def depths_of(dataset: PoseDataset) -> NDArray[np.float32]:
    """(N,) depths of the roots in metres, a new array; none where it is not known how far they stood."""
    if dataset.poses_3d is None or not dataset.absolute:
        return np.empty(0, np.float32)
    return np.array(dataset.poses_3d[:, dataset.skeleton.root, 2])


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


def project_block(major: Floats, intrinsics: Floats, distortion: Floats | None = None) -> Floats:
    """Pixels (J, 2, B) of a block of poses (J, 3, B), see `global_position.joint_major`; NaN behind the camera."""
    points = major.transpose(0, 2, 1)
    with np.errstate(all="ignore"):
        image = project(points, intrinsics, distortion).transpose(0, 2, 1)
        behind = major[:, 2] <= 0
        if behind.any():
            image[np.repeat(behind[:, None], 2, axis=1)] = np.nan
    return image
