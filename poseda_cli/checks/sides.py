"""Left and right: are they the same in 2D as in 3D, and in legs as in arms?"""

from __future__ import annotations

import numpy as np

from poseda_cli.cameras import Floats
from poseda_cli.checks.sanity import in_single_precision
from poseda_cli.skeleton import Skeleton

# Poses of one sequence that are looked at.
SAMPLE = 200
LIMBS = {"legs": ("Knee", "Foot"), "arms": ("Shoulder", "Elbow", "Wrist")}
# Correlation of the offsets from left to right. Where sides agree it is near 1 before an exact annotation and
# positive before any detector, where they are exchanged the same below 0.
EXCHANGED = -0.5
# Hips and shoulders turn against each other, and detectors err: only what is clearly opposite counts.
OPPOSITE = -0.3
# Hips of this part of the trunk's length belong to somebody seen from the front or from behind.
FACING = 0.4
# Metres; who is farther away has a place in camera space.
NEAREST = 0.5
# Medians; what is farther off belongs to no body.
STRAY = 100.0


def exchanged_limbs(poses_3d: Floats, poses_2d: Floats, skeleton: Skeleton) -> list[str]:
    """The limbs whose left in the image is the body's right: 'legs', 'arms', both, or none of them.

    Parameters
    ----------
    poses_3d : (N, J, 3) camera space, absolute or about the root, any unit
    poses_2d : (N, J, 2) of the same poses
    skeleton : joint set of both
    """
    step = max(1, len(poses_3d) // SAMPLE)
    body, flat = (in_single_precision(poses[::step]).astype(np.float64) for poses in (poses_3d, poses_2d))
    solid = body[..., :2]
    with np.errstate(invalid="ignore"):  # infinities, which a correlation leaves out
        if np.nanmin(body[..., 2], initial=np.inf) > NEAREST:
            solid = solid / body[..., 2:]  # off the middle of the image, what is nearer lies elsewhere
        found = []
        for limb, joints in LIMBS.items():
            left, right = ([skeleton.position.get(side + joint, -1) for joint in joints] for side in "LR")
            offsets = solid[:, left] - solid[:, right], flat[:, left] - flat[:, right]
            if -1 not in left and correlation(*offsets) < EXCHANGED:
                found.append(limb)
    return found


def legs_against_arms(poses_2d: Floats, skeleton: Skeleton) -> bool:
    """Whether hips and shoulders of an image point opposite ways, as in an order that exchanges one of them.

    Parameters
    ----------
    poses_2d : (N, J, 2)
    """
    position = skeleton.position
    hips = poses_2d[:, position["RHip"]] - poses_2d[:, position["LHip"]]
    shoulders = poses_2d[:, position["RShoulder"]] - poses_2d[:, position["LShoulder"]]
    trunk = np.linalg.norm(poses_2d[:, position["Thorax"]] - poses_2d[:, position["Hip"]], axis=-1)
    narrowest = np.minimum(np.linalg.norm(hips, axis=-1), np.linalg.norm(shoulders, axis=-1))
    facing = narrowest > FACING * trunk  # in a profile the two may well point opposite ways
    return correlation(hips[facing], shoulders[facing]) < OPPOSITE


def correlation(first: Floats, second: Floats) -> float:
    """Of offsets, not about their means: 1 if all are in proportion, and if there is nothing to compare."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    # One stray joint would outweigh all others.
    ordinary = (np.abs(first) <= _most(first)) & (np.abs(second) <= _most(second))
    first, second = first[ordinary], second[ordinary]
    both = (first**2).sum() * (second**2).sum()
    return float((first * second).sum() / np.sqrt(both)) if both > 0 else 1.0


def _most(offsets: Floats) -> float:
    """What ordinary offsets do not exceed."""
    return STRAY * float(np.median(np.abs(offsets))) or np.inf if len(offsets) else np.inf
