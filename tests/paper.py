"""The paper's formula, written out for one pose at a time in double precision.

Everything here is derived from the equations of PoseDA (ICCV 2023), section 3.1, and from the pinhole
model; nothing is imported from the package.
"""

from __future__ import annotations

import numpy as np


def align_pose(pose, target, fx, fy, cx, cy, root=0):
    width = max(p[0] for p in target) - min(p[0] for p in target)
    height = max(p[1] for p in target) - min(p[1] for p in target)
    s = (width + height) / 2
    dx = max(p[0] for p in pose) - min(p[0] for p in pose)
    dy = max(p[1] for p in pose) - min(p[1] for p in pose)
    z = (fx * dx + fy * dy) / (2 * s)
    u = (target[root][0] - cx) / fx
    v = (target[root][1] - cy) / fy
    new_root = np.array([z * u, z * v, z])
    return np.array([np.asarray(joint) - np.asarray(pose[root]) + new_root for joint in pose])


def align_poses(poses, targets, cameras, root=0):
    triples = zip(np.asarray(poses, float), np.asarray(targets, float), np.asarray(cameras, float), strict=True)
    return np.array([align_pose(pose, target, *camera, root=root) for pose, target, camera in triples])


def pinhole(poses, cameras):
    """(N, J, 2) images of (N, J, 3) poses, by cameras (N, 4) fx, fy, cx, cy."""
    images = []
    for pose, (fx, fy, cx, cy) in zip(np.asarray(poses, float), np.asarray(cameras, float), strict=True):
        images.append([[fx * x / z + cx, fy * y / z + cy] for x, y, z in pose])
    return np.array(images)


def box_size(image):
    """Width + height of each image's box."""
    return np.ptp(image[..., 0], axis=1) + np.ptp(image[..., 1], axis=1)
