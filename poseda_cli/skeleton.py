"""Joint sets by name, and the maps between them.

Index lists are derived from names. Each joint set states for its joints which joint of Human3.6M's
17 they stand for; two joint sets meet through those names and through nothing else.

MPI-INF-3DHP's `neck`, `head` and `head_top` stand for Thorax, Neck/Nose and Head. They are other
anatomical points than Human3.6M's; the field identifies them and corrects for nothing, and so do we.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

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

# The "all" joints of the raw training set; index list of the 17 "relevant" ones: mpii_get_joints.m.
MPI_INF_3DHP28 = Skeleton(
    name="3dhp28",
    joints=(
        "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top",
        "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe",
        "right_hip", "right_knee", "right_ankle", "right_foot", "right_toe",
    ),
    parents=(2, 0, 3, 4, -1, 1, 5, 6, 5, 8, 9, 10, 11, 5, 13, 14, 15, 16, 4, 18, 19, 20, 21, 4, 23, 24, 25, 26),
    left=(8, 9, 10, 11, 12, 18, 19, 20, 21, 22),
    right=(13, 14, 15, 16, 17, 23, 24, 25, 26, 27),
    meanings=(
        None, None, None, "Spine", "Hip", "Thorax", "Neck/Nose", "Head",
        None, "LShoulder", "LElbow", "LWrist", None, None, "RShoulder", "RElbow", "RWrist", None,
        "LHip", "LKnee", "LFoot", None, None, "RHip", "RKnee", "RFoot", None, None,
    ),
)  # fmt: skip

# SPIN's and its descendants' npz; of the 24 both data sets fill 17, the others are zero.
SPIN24 = Skeleton(
    name="spin24",
    joints=(
        "Right Ankle", "Right Knee", "Right Hip", "Left Hip", "Left Knee", "Left Ankle",
        "Right Wrist", "Right Elbow", "Right Shoulder", "Left Shoulder", "Left Elbow", "Left Wrist",
        "Neck (LSP)", "Top of Head (LSP)", "Pelvis (MPII)", "Thorax (MPII)", "Spine (H36M)", "Jaw (H36M)",
        "Head (H36M)", "Nose", "Left Eye", "Right Eye", "Left Ear", "Right Ear",
    ),
    parents=(1, 2, 14, 14, 3, 4, 7, 8, 12, 12, 9, 10, 16, 18, -1, 12, 14, 12, 17, 17, 19, 19, 20, 21),
    left=(5, 4, 3, 11, 10, 9, 20, 22),
    right=(0, 1, 2, 6, 7, 8, 21, 23),
    meanings=(
        "RFoot", "RKnee", "RHip", "LHip", "LKnee", "LFoot",
        "RWrist", "RElbow", "RShoulder", "LShoulder", "LElbow", "LWrist",
        "Thorax", None, "Hip", None, "Spine", "Neck/Nose", "Head", None, None, None, None, None,
    ),
)  # fmt: skip

# Stacked Hourglass detections, MPII's order; of Martinez' h36m.zip and VideoPose3D's sh_* files. That its
# "Spine" may be Neck/Nose is argued in una-dinosauria/3d-pose-baseline#185; the name is the authors'.
MPII16 = Skeleton(
    name="mpii16",
    joints=(
        "RFoot", "RKnee", "RHip", "LHip", "LKnee", "LFoot", "Hip", "Spine", "Thorax", "Head",
        "RWrist", "RElbow", "RShoulder", "LShoulder", "LElbow", "LWrist",
    ),
    parents=(1, 2, 6, 6, 3, 4, -1, 6, 7, 8, 11, 12, 8, 8, 13, 14),
    left=(3, 4, 5, 13, 14, 15),
    right=(2, 1, 0, 12, 11, 10),
    meanings=(
        "RFoot", "RKnee", "RHip", "LHip", "LKnee", "LFoot", "Hip", "Spine", "Thorax", "Head",
        "RWrist", "RElbow", "RShoulder", "LShoulder", "LElbow", "LWrist",
    ),
)  # fmt: skip

# Learnable triangulation's labels: MPII's order and Neck/Nose.
LEARNABLE17 = Skeleton(
    name="learnable17",
    joints=(*MPII16.joints, "Neck/Nose"),
    parents=(1, 2, 6, 6, 3, 4, -1, 6, 7, 16, 11, 12, 8, 8, 13, 14, 8),
    left=(3, 4, 5, 13, 14, 15),
    right=(2, 1, 0, 12, 11, 10),
    meanings=(*MPII16.joints, "Neck/Nose"),
)

# Pavlakos' c2f-vol, and SPIN's and HMR's scripts: the legs of h36m17 exchanged.
LEFT_FIRST17 = Skeleton(
    name="left-first17",
    joints=tuple(H36M17_JOINTS[i] for i in (0, 4, 5, 6, 1, 2, 3, *range(7, 17))),
    parents=H36M17.parents,
    left=(1, 2, 3, 11, 12, 13),
    right=(4, 5, 6, 14, 15, 16),
    meanings=tuple(H36M17_JOINTS[i] for i in (0, 4, 5, 6, 1, 2, 3, *range(7, 17))),
)

# AdaptPose's training files; inferred from the permutation that its reader applies.
ADAPTPOSE16 = Skeleton(
    name="adaptpose16",
    joints=tuple(H36M16.joints[i] for i in (0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 13, 14, 15, 10, 11, 12)),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14),
    left=(1, 2, 3, 13, 14, 15),
    right=(4, 5, 6, 10, 11, 12),
    meanings=tuple(H36M16.joints[i] for i in (0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 13, 14, 15, 10, 11, 12)),
)

# What most 2D detectors give. It has no pelvis, spine or head top: see `h36m17_from_coco`.
COCO17 = Skeleton(
    name="coco17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
        "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
        "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents=(-1, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    left=(1, 3, 5, 7, 9, 11, 13, 15),
    right=(2, 4, 6, 8, 10, 12, 14, 16),
    meanings=(
        None, None, None, None, None, "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist", "RWrist",
        "LHip", "RHip", "LKnee", "RKnee", "LFoot", "RFoot",
    ),
)  # fmt: skip

SKELETONS = {
    skeleton.name: skeleton
    for skeleton in (
        H36M17,
        H36M16,
        H36M32,
        MPI_INF_3DHP17,
        MPI_INF_3DHP28,
        SPIN24,
        MPII16,
        LEARNABLE17,
        LEFT_FIRST17,
        ADAPTPOSE16,
        COCO17,
    )
}


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


def h36m17_from_coco(points: NDArray[Any]) -> NDArray[np.float32]:
    """COCO's 17 keypoints as Human3.6M's 17 joints, by the midpoints that the field uses.

    Parameters
    ----------
    points : (N, 17, 2) image points in the order of coco17

    Returns
    -------
    (N, 17, 2) in the order of h36m17: Hip and Thorax are the middles of hips and shoulders, Spine that
    of Hip and Thorax, Neck/Nose the nose, Head the middle of the eyes; the limbs are COCO's own.

    Source: the conversion of MotionBERT (coco2h36m) for in-the-wild detections.
    """
    if points.dtype.kind != "f" or points.dtype.itemsize < 4:
        points = points.astype(np.float64)  # sums of small types overflow
    converted = np.empty((len(points), len(H36M17), 2), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 does not hold becomes infinite, and invalid
        for meaning, index in COCO17.position.items():
            converted[:, H36M17.position[meaning]] = points[:, index]
        names = {joint: points[:, index] for index, joint in enumerate(COCO17.joints)}
        hip = (names["left_hip"] + names["right_hip"]) / 2
        thorax = (names["left_shoulder"] + names["right_shoulder"]) / 2
        middles = {
            "Hip": hip,
            "Thorax": thorax,
            "Spine": (hip + thorax) / 2,
            "Neck/Nose": names["nose"],
            "Head": (names["left_eye"] + names["right_eye"]) / 2,
        }
        for meaning, values in middles.items():
            converted[:, H36M17.position[meaning]] = values
    return converted
