"""A body of bones, and where its joints are when they bend.

Body space: x to the person's right, y ahead, z up; metres. At rest the person stands with hanging
arms. Turning about x by a positive angle swings a hanging limb forward.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from poseda_cli.cameras import Floats
from poseda_cli.skeleton import H36M32

# Offset of each joint from its parent. Lengths as the Human3.6M skeleton has them to a centimetre:
# hips 0.13, thigh 0.44, shin 0.45, back 0.23 + 0.26, neck 0.12, head 0.115, shoulder 0.15, arm 0.28 +
# 0.25. Joints that coincide there (13 = 16 = 24, 19 = 20, 22 = 23, ...) coincide here.
OFFSETS: dict[str, tuple[float, float, float]] = {
    "RightUpLeg": (0.132, 0, 0),
    "RightLeg": (0, 0, -0.442),
    "RightFoot": (0, -0.01, -0.454),
    "RightToeBase": (0, 0.15, -0.06),
    "RightToeSite": (0, 0.07, 0),
    "Spine": (0, 0, 0.0001),
    "Spine1": (0, -0.02, 0.233),
    "Neck": (0, 0.01, 0.257),
    "Head": (0, 0.06, 0.105),
    "HeadSite": (0, -0.02, 0.113),
    "RightShoulder": (0, 0.01, 0.257),
    "RightArm": (0.15, -0.01, -0.02),
    "RightForeArm": (0, 0, -0.279),
    "RightHand": (0, 0, -0.252),
    "RightHandThumb": (0, 0, 0),
    "RightThumbSite": (-0.05, 0.06, -0.06),
    "R_Wrist_End": (0, 0, -0.1),
    "RightWristSite": (0, 0, 0),
}
ANKLE_HEIGHT = 0.08


def _offset(joint: str) -> tuple[float, float, float]:
    if joint == "Hips":
        return 0, 0, 0
    if joint.startswith(("Left", "L_")):
        x, y, z = OFFSETS[joint.replace("Left", "Right", 1).replace("L_", "R_", 1)]
        return -x, y, z
    return OFFSETS[joint]


REST = np.array([_offset(joint) for joint in H36M32.joints])


def turn(axis: int, angle: Floats) -> Floats:
    """Rotations about one axis.

    Parameters
    ----------
    axis : 0, 1, 2 for x, y, z
    angle : (T,) radians, right-handed

    Returns
    -------
    (T, 3, 3)
    """
    rotation = np.zeros((len(angle), 3, 3))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation[:, axis, axis] = 1
    rotation[:, first, first] = rotation[:, second, second] = np.cos(angle)
    rotation[:, second, first] = np.sin(angle)
    rotation[:, first, second] = -np.sin(angle)
    return rotation


def joint_positions(bends: Mapping[str, Floats], heading: Floats, height: float) -> Floats:
    """Where the joints are, relative to the pelvis.

    Parameters
    ----------
    bends : joint -> (T, 3) radians about x, y and z (applied z, then x, then y), of what hangs from it
    heading : (T,) radians about z of the whole body
    height : factor on all bones

    Returns
    -------
    (T, 32, 3) metres, z up, joints of h36m32, pelvis at the origin
    """
    frames = len(heading)
    turned = np.empty((len(H36M32), frames, 3, 3))
    places = np.zeros((frames, len(H36M32), 3))
    for joint, name in enumerate(H36M32.joints):
        parent = H36M32.parents[joint]
        base = turn(2, heading) if parent < 0 else turned[parent]
        if parent >= 0:
            places[:, joint] = places[:, parent] + base @ (REST[joint] * height)
        angles = bends.get(name)
        if angles is None:
            turned[joint] = base
        else:
            turned[joint] = base @ turn(1, angles[:, 1]) @ turn(0, angles[:, 0]) @ turn(2, angles[:, 2])
    return places
