"""Are poses of Human3.6M in the space that their layout says? The published cameras must see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from poseda_cli.cameras import Camera, Floats, project, world_to_camera
from poseda_cli.checks.reprojection import AT_ORIGIN, reprojection_error
from poseda_cli.checks.sanity import METRES, check_poses, midhip_error, sample
from poseda_cli.dataset import Problem
from poseda_cli.errors import ArchiveError, listed
from poseda_cli.published import h36m_cameras
from poseda_cli.skeleton import Skeleton

# Poses of one sequence that are looked at.
SAMPLE = 200
# Median height of heads above feet, metres; sitting on the floor leaves 0.4, another up axis about 0.
UPRIGHT = 0.2
# Of the roots this part must be seen by the cameras: of real sequences all are, of others hardly any.
SEEN = 0.5
# Pixels. The release's own 2D is met to 4e-5, with linear cameras to 0.8, by another pose not at all.
PROJECTS = 0.25
# Hip distances that detected roots may lie off the middle of the hips, in the median.
MIDHIP_2D = 0.5
# What float32 and other people's arithmetic may change about a camera.
SAME = {"rotation": 1e-5, "centre": 1e-4, "focal length": 0.01, "principal point": 0.01, "distortion": 1e-5}


SPACES = {
    "world": "the world space of Human3.6M (z up)",
    "camera": "the camera's own space (x right, y down, z forward)",
}


class SpaceCheck:
    """One space and unit for all sequences of a data set.

    Parameters
    ----------
    skeleton : joint set that the layout prescribes
    units : 'm' or 'mm', what the layout prescribes
    space : 'world' (z up, around the place that the four cameras look at) or 'camera' (x right, y down, z forward)
    """

    def __init__(self, skeleton: Skeleton, units: str, space: Literal["world", "camera"]) -> None:
        self._skeleton, self._units, self._space = skeleton, units, space
        self._rises: list[Floats] = []

    def look(self, poses: Floats, cameras: Sequence[Camera], file: str, member: str) -> None:
        """Check one sequence.

        Parameters
        ----------
        poses : (T, J, 3) as stored
        cameras : those that saw it; one, whose space it is in, if that is not the world
        file, member : for the message

        Raises
        ------
        ArchiveError : other units or joint order, or nobody where the cameras look
        """
        found = sample(poses, SAMPLE)
        if not len(found):
            return
        check_poses(found, self._skeleton, self._units, file, member)
        some = found * METRES[self._units]
        root = some[:, self._skeleton.root]
        if np.abs(root).max() <= AT_ORIGIN:
            raise ArchiveError(
                file,
                f"all roots are at the origin: the poses are relative to the root, not in {SPACES[self._space]}.",
                member,
                code="frame",
            )
        world = self._space == "world"
        seen = np.mean([_seen(_in_camera(root, camera) if world else root, camera) for camera in cameras])
        if seen < SEEN:
            raise ArchiveError(
                file,
                f"published cameras ({listed(camera.name for camera in cameras)}) see {seen:.0%} of "
                f"the people: the poses are not in {SPACES[self._space]}; or they are another subject's or camera's.",
                member,
                code="frame",
            )
        # Heads above feet, along z up or y down; above both of them, since one may be far ahead.
        position = self._skeleton.position
        rise = some[:, position["Head"]] - (some[:, position["RFoot"]] + some[:, position["LFoot"]]) / 2
        self._rises.append(rise[:, 2] if world else -rise[:, 1])

    def conclude(self, file: str) -> None:
        """Check all sequences together: somebody may lie on the floor for all of one.

        Raises
        ------
        ArchiveError : people are not upright; `file` is to blame
        """
        height = float(np.median(np.concatenate(self._rises))) if self._rises else np.inf
        if height < UPRIGHT:
            axis = "z" if self._space == "world" else "-y"
            raise ArchiveError(
                file,
                f"heads are {height:.2f} m above feet along {axis}: the poses are not in {SPACES[self._space]}.",
                code="frame",
            )


def reprojection(poses_3d: Floats, poses_2d: Floats, camera: Camera) -> float:
    """Median distance, pixels, between 2D points and their 3D points as the camera images them.

    Parameters
    ----------
    poses_3d : (T, J, 3) metres, camera space
    poses_2d : (T, J, 2) pixels, of the same frames
    camera : with intrinsics and distortion

    Returns
    -------
    NaN if no frame is finite
    """
    step = max(1, len(poses_3d) // SAMPLE)
    error = reprojection_error(poses_3d[::step], poses_2d[::step], camera)
    return error if np.isfinite(error) else np.nan


def check_detections(poses: Floats, skeleton: Skeleton, file: str, member: str, tolerance: float = MIDHIP_2D) -> None:
    """Refuse 2D poses in another joint order, as far as the pelvis tells.

    Parameters
    ----------
    poses : (T, J, 2)
    skeleton : joint set that the layout prescribes
    file, member : for the message
    tolerance : hip distances that the root may lie off the middle of the hips, in the median
    """
    some = sample(poses, SAMPLE)
    error = midhip_error(some, skeleton) if len(some) else 0
    if error > tolerance:
        raise ArchiveError(
            file,
            f"joint {skeleton.root} lies {error:.2f} hip distances off the middle of the hips: the joints are not in "
            f"the order of {skeleton.name}.",
            member,
            code="joint-order",
        )


def camera_problems(stored: Mapping[tuple[str, str], Camera], file: str) -> list[Problem]:
    """A warning about an archive's cameras that are not the published ones, which are used.

    Parameters
    ----------
    stored : subject and camera name -> camera as the archive has it
    file : what it is called
    """
    differing = []
    for (subject, name), camera in stored.items():
        published = {known.name: known for known in h36m_cameras(subject)}.get(name)
        parts = ["name"] if published is None else _differences(camera, published)
        if parts:
            differing.append(f"{subject} {name} ({listed(parts)})")
    if not differing:
        return []
    message = (
        f"{file}: {listed(differing, most=4)}: other numbers than the release's metadata.xml, which poseda uses; were "
        "the cameras altered?"
    )
    return [Problem("cameras-differ", "warning", message)]


def _differences(camera: Camera, published: Camera) -> list[str]:
    ours, theirs = _numbers(camera), _numbers(published)
    return [
        name
        for name, tolerance in SAME.items()
        # not (a <= b) rather than a > b, so that NaN differs
        if not np.abs(np.subtract(ours[name], theirs[name])).max() <= tolerance
    ]


def _numbers(camera: Camera) -> dict[str, Floats]:
    assert camera.intrinsics is not None and camera.distortion is not None
    i, d = camera.intrinsics, camera.distortion
    return {
        "rotation": np.array(camera.rotation),
        "centre": np.array(camera.centre),
        "focal length": np.array([i.fx, i.fy]),
        "principal point": np.array([i.cx, i.cy]),
        "distortion": np.array([*d.k, *d.p]),
    }


def _in_camera(points: Floats, camera: Camera) -> Floats:
    return world_to_camera(points, np.array(camera.rotation), np.array(camera.centre))


def _seen(points: Floats, camera: Camera) -> float:
    """The part of some points in camera space, metres, that is in the image."""
    assert camera.intrinsics is not None
    i = camera.intrinsics
    ahead = points[points[:, 2] > 0]
    image = project(ahead, np.array([i.fx, i.fy, i.cx, i.cy]))
    return float(((image >= 0) & (image < [i.width, i.height])).all(1).sum()) / len(points)
