"""Other bodies in the same poses: bones longer or shorter, joint angles as they are.

A body is a column of factors: one for each limb, left and right alike, and a last one for all of it. A person's bones
do not change from frame to frame, nor from camera to camera: a body is drawn for each subject, action and copy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.random_streams import Stream, normal
from poseda_cli.skeleton import Skeleton

# Of each limb the joints that its bones end at, by the names of Human3.6M's 17. Where there is no Neck/Nose, as in
# h36m16, the head's bone is that from the thorax.
LIMBS: dict[str, tuple[str, ...]] = {
    "hips": ("RHip", "LHip"),
    "thighs": ("RKnee", "LKnee"),
    "shins": ("RFoot", "LFoot"),
    "spine": ("Spine", "Thorax"),
    "neck": ("Neck/Nose",),
    "head": ("Head",),
    "shoulders": ("RShoulder", "LShoulder"),
    "upper arms": ("RElbow", "LElbow"),
    "forearms": ("RWrist", "LWrist"),
}
HEIGHT = len(LIMBS)
FACTORS = (*LIMBS, "height")
_LIMB_OF = {joint: row for row, joints in enumerate(LIMBS.values()) for joint in joints}


def draw_bodies(start: int, stop: int, deviation: float, seed: int = 0, copy: int = 0) -> NDArray[np.float32]:
    """Bodies start to stop of a source.

    Parameters
    ----------
    start, stop : numbers of bodies
    deviation : standard deviation of each factor's logarithm; its median is 1
    seed, copy : which draw; not negative

    Returns
    -------
    (10, stop - start) factors in the order of FACTORS; each depends on its own number, seed and copy alone
    """
    numbers = normal(Stream.BONES, start * len(FACTORS), stop * len(FACTORS), seed, copy)
    return np.exp(deviation * numbers).astype(np.float32).reshape(stop - start, len(FACTORS)).T


def scaled(relative: Floats, skeleton: Skeleton, bodies: Floats) -> Floats:
    """Poses as other bodies strike them: each bone keeps its direction.

    Parameters
    ----------
    relative : (J, 3, B) with the root at the origin
    skeleton : theirs; each joint stands for one of Human3.6M's 17
    bodies : (10, B) or (10, 1) factors, see `draw_bodies`

    Returns
    -------
    (J, 3, B) a new array of the dtype of `relative`, root at the origin; the same with `1 / bodies` undoes it
    """
    factors = (bodies[:HEIGHT] * bodies[HEIGHT]).astype(relative.dtype, copy=False)
    result = np.empty_like(relative)
    result[skeleton.root] = relative[skeleton.root]
    for joint in _outwards(skeleton):
        parent, meaning = skeleton.parents[joint], skeleton.meanings[joint]
        assert meaning is not None
        np.subtract(relative[joint], relative[parent], out=result[joint])
        result[joint] *= factors[_LIMB_OF[meaning]]
        result[joint] += result[parent]
    return result


def _outwards(skeleton: Skeleton) -> list[int]:
    """The joints but the root, each behind its parent."""
    order = [skeleton.root]
    for joint in order:
        order += [child for child, parent in enumerate(skeleton.parents) if parent == joint]
    return order[1:]
