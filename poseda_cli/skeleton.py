"""Joint sets by name, and the maps between them.

Index lists are derived from names. Each joint set states for its joints which joint of Human3.6M's
17 they stand for; two joint sets meet through those names and through nothing else.

MPI-INF-3DHP's `neck`, `head` and `head_top` stand for Thorax, Neck/Nose and Head. They are other
anatomical points than Human3.6M's; the field identifies them and corrects for nothing, and so do we.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from poseda_cli.errors import SkeletonError, listed


@dataclass(frozen=True)
class Skeleton:
    """A joint set.

    Parameters
    ----------
    name : as the command line calls it
    joints : its own joint names, in storage order
    parents : index of each joint's parent, -1 for the root
    left, right : indices of paired joints, in the same order
    meanings : for each joint the Human3.6M-17 joint that it stands for, or None
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    meanings: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the pelvis."""
        return self.parents.index(-1)

    @cached_property
    def position(self) -> dict[str, int]:
        """Index of each joint by the Human3.6M-17 name that it stands for."""
        return {meaning: index for index, meaning in enumerate(self.meanings) if meaning is not None}


H36M17_JOINTS = (
    "Hip", "RHip", "RKnee", "RFoot", "LHip", "LKnee", "LFoot", "Spine", "Thorax", "Neck/Nose", "Head",
    "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist",
)  # fmt: skip

H36M17 = Skeleton(
    name="h36m17",
    joints=H36M17_JOINTS,
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    left=(4, 5, 6, 11, 12, 13),
    right=(1, 2, 3, 14, 15, 16),
    meanings=H36M17_JOINTS,
)

# SemGCN, PoseAug and PoseDA's tables leave out Neck/Nose (raw joint 14), and hang the head from the thorax.
H36M16 = Skeleton(
    name="h36m16",
    joints=tuple(joint for joint in H36M17_JOINTS if joint != "Neck/Nose"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14),
    left=(4, 5, 6, 10, 11, 12),
    right=(1, 2, 3, 13, 14, 15),
    meanings=tuple(joint for joint in H36M17_JOINTS if joint != "Neck/Nose"),
)

# BVH names of the release's metadata.xml. Mind the shift: BVH "Neck" is everybody's Thorax.
H36M32 = Skeleton(
    name="h36m32",
    joints=(
        "Hips", "RightUpLeg", "RightLeg", "RightFoot", "RightToeBase", "RightToeSite",
        "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftToeBase", "LeftToeSite",
        "Spine", "Spine1", "Neck", "Head", "HeadSite",
        "LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftHandThumb", "LeftThumbSite",
        "L_Wrist_End", "LeftWristSite",
        "RightShoulder", "RightArm", "RightForeArm", "RightHand", "RightHandThumb", "RightThumbSite",
        "R_Wrist_End", "RightWristSite",
    ),
    parents=(
        -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14,
        12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30,
    ),
    left=(6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23),
    right=(1, 2, 3, 4, 5, 24, 25, 26, 27, 28, 29, 30, 31),
    meanings=(
        "Hip", "RHip", "RKnee", "RFoot", None, None, "LHip", "LKnee", "LFoot", None, None,
        None, "Spine", "Thorax", "Neck/Nose", "Head",
        None, "LShoulder", "LElbow", "LWrist", None, None, None, None,
        None, "RShoulder", "RElbow", "RWrist", None, None, None, None,
    ),
)  # fmt: skip

MPI_INF_3DHP17 = Skeleton(
    name="3dhp17",
    joints=(
        "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist",
        "left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle",
        "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
    ),
    parents=(1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1),
    left=(5, 6, 7, 11, 12, 13),
    right=(2, 3, 4, 8, 9, 10),
    meanings=(
        "Head", "Thorax", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist",
        "RHip", "RKnee", "RFoot", "LHip", "LKnee", "LFoot", "Hip", "Spine", "Neck/Nose",
    ),
)  # fmt: skip

SKELETONS = {skeleton.name: skeleton for skeleton in (H36M17, H36M16, H36M32, MPI_INF_3DHP17)}


def joint_map(source: Skeleton, target: Skeleton) -> NDArray[np.intp]:
    """Indices into `source` that give the joints of `target`, in its order.

    Returns
    -------
    (len(target),) indices

    Raises
    ------
    SkeletonError : `source` lacks a joint of `target`
    """
    missing = [joint for joint in target.meanings if joint is not None and joint not in source.position]
    if missing or None in target.meanings:
        raise SkeletonError(
            f"{source.name} has no joint for {listed(missing)} of {target.name}; "
            f"it has {listed(source.joints, most=32)}."
        )
    return np.array([source.position[joint] for joint in target.meanings if joint is not None])


def shared_joints(first: Skeleton, second: Skeleton) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices in each of two joint sets of the joints that both have, paired.

    Returns
    -------
    two (K,) index arrays, in the order of `first`
    """
    names = [name for name in first.position if name in second.position]
    return (
        np.array([first.position[name] for name in names], np.intp),
        np.array([second.position[name] for name in names], np.intp),
    )
