"""The target side of an alignment: places and sizes, and the cameras that saw them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from poseda_cli import global_position as gpa
from poseda_cli.cameras import Camera, Floats, Intrinsics, Screen, normalise_intrinsics
from poseda_cli.dataset import PoseDataset
from poseda_cli.errors import InputError, listed
from poseda_cli.measurement import DEPTH, corners, depths_of, normalise_boxes
from poseda_cli.skeleton import Skeleton, shared_joints
from poseda_cli.validity import Invalid, Validity, check_valid, valid_2d


class TargetPoses:
    """The target side as GPA needs it: boxes and cameras of its valid poses."""

    def __init__(
        self, dataset: PoseDataset, rows: NDArray[np.int64], boxes: Floats, screen: Screen, validity: Validity
    ) -> None:
        self.dataset = dataset
        self.validity = validity
        self.rows = rows  # of the data set, valid ones only
        self.boxes = boxes  # (M, 5) float32, screen-normalised; the fifth the depth of the root, NaN where not known
        self.camera = dataset.camera[rows]
        self.normalised = normalise_intrinsics(dataset.intrinsics, screen).astype(np.float32)

    @classmethod
    def of(cls, target: PoseDataset, output: Skeleton, screen: Screen, invalid: Invalid) -> TargetPoses:
        """The valid poses of a target data set.

        Parameters
        ----------
        target : with 2D poses
        output : joints of the output; boxes are taken over those that both have
        screen : normalisation
        invalid : what becomes of poses that are not finite, have no extent, or lie far outside the image

        Raises
        ------
        InputError : a camera without intrinsics, no valid pose, or an invalid one that may not be dropped
        """
        _check_cameras(target)
        joints, _ = shared_joints(target.skeleton, output)
        shared = gpa.joints_of(joints, len(target.skeleton))
        points = np.asarray(target.poses_2d)
        sizes = target.intrinsics[target.camera][:, 4:]
        low, high = corners(points, shared)
        valid, why = valid_2d(low, high, sizes)
        validity = Validity().and_of(valid, lambda rows: why[rows].tolist())
        check_valid(target, validity, "target", invalid)
        rows = np.flatnonzero(valid)
        root = points[rows, target.skeleton.position["Hip"]]
        pixels = np.concatenate([high[rows] - low[rows], root], axis=1)
        boxes = np.full((len(rows), DEPTH + 1), np.nan, np.float32)
        boxes[:, :DEPTH] = normalise_boxes(pixels, sizes[rows], screen)
        if len(depths := depths_of(target)):
            boxes[:, DEPTH] = depths[rows]
        return cls(target, rows, boxes, screen, validity)


def with_intrinsics(target: PoseDataset, intrinsics: Intrinsics) -> PoseDataset:
    """The target with all its cameras replaced by one that the user states; a note says which were known.

    Raises
    ------
    InputError : images of another size
    """
    size = (intrinsics.width, intrinsics.height)
    for camera in target.cameras:
        if camera.size is not None and camera.size != size:
            raise InputError(
                f"{target.title}: the images of camera {camera.name} are {camera.size[0]} x {camera.size[1]}, "
                f"--intrinsics says {size[0]} x {size[1]}. Give those of this camera, or choose with --target-cameras."
            )
    known = [camera.name for camera in target.cameras if camera.intrinsics is not None]
    note = (
        f"--intrinsics is used in place of the published camera of {listed(known)}"
        if known
        else ("--intrinsics is used for every target camera")
    )
    cameras = tuple(Camera(camera.name, intrinsics) for camera in target.cameras)
    return replace(target, cameras=cameras, origin=replace(target.origin, notes=(*target.origin.notes, note)))


def _check_cameras(target: PoseDataset) -> None:
    used = np.unique(target.camera)
    unknown = [target.cameras[row].name for row in used if np.isnan(target.intrinsics[row]).any()]
    if unknown:
        raise InputError(
            f"{target.title}: the camera of {listed(unknown)} is not known. Give it in pixels with "
            "--intrinsics FX,FY,CX,CY,WIDTH,HEIGHT."
        )
