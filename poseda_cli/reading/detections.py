"""2D detections in the joint orders of common detectors: whose they are, and as the joints that poseda aligns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.checks.sanity import check_pixels, midhip_error, sample
from poseda_cli.checks.sides import legs_against_arms
from poseda_cli.errors import ArchiveError, one_line, shortened
from poseda_cli.skeleton import COCO17, H36M16, H36M17, MPII16, Skeleton, h36m17_from_coco, joint_map
from poseda_cli.storage.archive import Archive

# By the layout_name of the metadata; the number of joints tells the two of Human3.6M apart.
BY_NAME = {"coco": (COCO17,), "h36m": (H36M17, H36M16), "mpii": (MPII16,)}
ORDERS = (H36M17, COCO17, H36M16, MPII16)
# What becomes of orders that the alignment has no use for.
AS_READ = {COCO17: H36M17, MPII16: H36M16}
# Hip distances that detected roots may lie off the middle of the hips, in the median.
MIDHIP_2D = 0.5
# Of a trunk. COCO's face taken for hips and legs would pass as a middle of hips, but not as legs.
SHORTEST_LEG = 0.4
# A face measures a third of the trunk; five joints that are no face measure more than this part of it.
LARGEST_FACE = 0.6
# Seen from the side twisted hips and shoulders may cross a little; exchanged ones, from ahead, by 0.3 squared trunks.
CROSSED = 0.05
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


def stated_joints(archive: Archive, count: int) -> Skeleton | None:
    """The joint order that the metadata of a VideoPose3D archive states; None if it states none.

    Parameters
    ----------
    archive : an npz that may have a member `metadata`
    count : joints of its arrays

    Raises
    ------
    ArchiveError : an order that nobody knows, or two statements that contradict each other
    """
    metadata = archive.tree("metadata") if "metadata" in archive.members else None
    if not isinstance(metadata, dict):
        return None
    named = BY_NAME.get(str(metadata.get("layout_name")).lower(), ())
    by_name = next((skeleton for skeleton in named if len(skeleton) == count), None)
    pairs = metadata.get("keypoints_symmetry")
    if pairs is None:
        return by_name
    by_symmetry = _by_symmetry(archive, pairs, count)
    if by_name not in (None, by_symmetry):
        raise ArchiveError(
            archive.name,
            f"layout_name is {metadata['layout_name']!r}, keypoints_symmetry is that of {by_symmetry.name}: the order "
            "of joints is not clear. Correct one of them.",
            "metadata",
            code="joint-order",
        )
    return by_symmetry


def _by_symmetry(archive: Archive, pairs: Any, count: int) -> Skeleton:
    """The file's own word on left and right, which tells detectors' joint orders apart."""
    try:
        found: Any = [sorted(int(joint) for joint in side) for side in pairs]
    except (TypeError, ValueError, OverflowError):
        found = shortened(one_line(str(pairs)))
    orders = [skeleton for skeleton in ORDERS if len(skeleton) == count]
    for skeleton in orders:
        if found == [sorted(skeleton.left), sorted(skeleton.right)]:
            return skeleton
    expected = " or ".join(f"{[sorted(s.left), sorted(s.right)]} ({s.name})" for s in orders)
    raise ArchiveError(
        archive.name,
        f"keypoints_symmetry is {found}, expected {expected}: the joints are in another order.",
        "metadata",
        code="joint-order",
    )


def as_read(points: NDArray[Any], stored: Skeleton) -> NDArray[Any]:
    """Detections with the joints that poseda aligns, those of `AS_READ`.

    Parameters
    ----------
    points : (N, J, 2) in the order of `stored`
    """
    if stored == COCO17:
        return h36m17_from_coco(points)
    return points[:, joint_map(stored, AS_READ[stored])] if stored in AS_READ else points


def note(stored: Skeleton) -> str | None:
    """What the user should know about a conversion, if there was one."""
    if stored == COCO17:
        return "2D in COCO's order of joints; pelvis, spine, thorax, neck and head are made of midpoints"
    if stored == MPII16:
        return "2D in MPII's order of joints, as Stacked Hourglass gives them"
    return None


def check_detections(points: Floats, stored: Skeleton, file: str, member: str) -> None:
    """Refuse detections that are no pixels, or whose joints are not in the order that is stated.

    Parameters
    ----------
    points : (N, J, 2) as stored
    stored : the stated order
    file, member : for the message

    Raises
    ------
    ArchiveError : normalised coordinates, or another joint order
    """
    check_pixels(points, file, member)
    some = sample(points)
    if not len(some):
        return
    if stored == COCO17:
        _check_face(some, file, member)
        return
    # Detections are no exact projections, so the tests are loose.
    found = None
    if (error := midhip_error(some, stored)) > MIDHIP_2D:
        found = f"joint {stored.root} lies {error:.1f} hip distances off the middle of the hips"
    elif legs_against_arms(some, stored):
        found = "hips and shoulders point opposite ways"
    elif (ratio := _leg_of_trunk(some, stored)) < SHORTEST_LEG:
        found = f"right legs measure {ratio:.0%} of the trunk"
    if found:
        raise ArchiveError(
            file,
            f"{found}: the joints are not in the order of {stored.name} (a COCO or MPII detector's file without its "
            "metadata?).",
            member,
            code="joint-order",
        )


def _leg_of_trunk(some: Floats, skeleton: Skeleton) -> float:
    """Median length of the right leg as a part of the trunk's: about 1.8 standing, seldom below 1."""
    hip, knee, foot = (some[:, skeleton.position[joint]] for joint in ("RHip", "RKnee", "RFoot"))
    leg = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(foot - knee, axis=-1)
    trunk = np.linalg.norm(some[:, skeleton.position["Thorax"]] - some[:, skeleton.root], axis=-1)
    return float(np.median(leg) / max(np.median(trunk), np.finfo(float).tiny))


def _check_face(some: Floats, file: str, member: str) -> None:
    """COCO has no pelvis to test; but its first five joints are a face, and sides must agree."""
    place = {joint: index for index, joint in enumerate(COCO17.joints)}
    face = some[:, [place[joint] for joint in FACE]]
    extent = np.ptp(face, axis=1).max(1)
    hips = some[:, place["left_hip"]] - some[:, place["right_hip"]]
    shoulders = some[:, place["left_shoulder"]] - some[:, place["right_shoulder"]]
    trunk = some[:, [place["left_shoulder"], place["right_shoulder"]]].mean(1)
    trunk = np.linalg.norm(trunk - some[:, [place["left_hip"], place["right_hip"]]].mean(1), axis=-1)
    crossed = np.median((hips * shoulders).sum(-1)) < -CROSSED * np.median(trunk) ** 2
    if crossed or np.median(extent) > LARGEST_FACE * np.median(trunk):
        raise ArchiveError(
            file,
            f"the joints are not in COCO's order: its first five would be a face {np.median(extent):.0f} pixels large "
            f"on a trunk of {np.median(trunk):.0f}, or left and right of hips and shoulders disagree.",
            member,
            code="joint-order",
        )
