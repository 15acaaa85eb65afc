"""Are poses of MPI-INF-3DHP in camera space, as far as they tell without 2D? The published cameras must see them."""

from __future__ import annotations

import re

import numpy as np

from poseda_cli.cameras import Camera, Floats, project
from poseda_cli.checks.reprojection import AT_ORIGIN, NEAREST
from poseda_cli.checks.sanity import sample
from poseda_cli.errors import ArchiveError
from poseda_cli.published import mpi_inf_3dhp_test_cameras, mpi_inf_3dhp_train_cameras
from poseda_cli.skeleton import Skeleton

TEST_SUBJECT = re.compile(r"TS[1-6]")
# Median height of heads above feet, metres; sitting on the floor leaves 0.4, another up axis about 0.
UPRIGHT = 0.2
# Of the roots this part must be seen by the cameras: of real sequences all are, of others hardly any.
SEEN = 0.5
# Cosine between the world's up and the image's. The ceiling cameras show people upside down.
LEVEL = 0.8
# Poses of one sequence that are looked at.
SAMPLE = 200


def published_cameras(subject: str) -> dict[str, Camera]:
    """The published cameras that can have seen a subject, by name."""
    return mpi_inf_3dhp_test_cameras() if TEST_SUBJECT.fullmatch(subject) else mpi_inf_3dhp_train_cameras()


def is_relative(poses: Floats, skeleton: Skeleton) -> bool:
    """Whether every root is the origin.

    Parameters
    ----------
    poses : (n, J, 3) metres
    """
    some = sample(poses, SAMPLE)
    return bool(len(some)) and float(np.abs(some[:, skeleton.root]).max()) <= AT_ORIGIN


class SpaceCheck:
    """Are poses in camera space, as far as they tell without 2D? Sequences first, then all of them together.

    Parameters
    ----------
    skeleton : joint set of the poses
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._rises: list[Floats] = []

    def look(self, poses: Floats, camera: Camera, file: str, member: str) -> None:
        """Check one sequence.

        Parameters
        ----------
        poses : (n, J, 3) metres, camera space or root-relative
        camera : that is said to have seen it
        file, member : for the message

        Raises
        ------
        ArchiveError : nobody where the camera looks
        """
        some = sample(poses, SAMPLE)
        if not len(some):
            return
        root = some[:, self._skeleton.root]
        if not is_relative(poses, self._skeleton):
            self._check_seen(root, camera, file, member)
        if camera.rotation is None or camera.rotation[1][1] < -LEVEL:
            position = self._skeleton.position
            self._rises.append(some[:, position["RFoot"], 1] - some[:, position["Head"], 1])

    def conclude(self, file: str) -> None:
        """Check all sequences together: somebody may lie on the floor for all of one.

        Raises
        ------
        ArchiveError : people are not upright
        """
        height = float(np.median(np.concatenate(self._rises))) if self._rises else np.inf
        if height < UPRIGHT:
            raise ArchiveError(
                file,
                f"heads are {height:.2f} m above feet along -y: the axes are not those of camera space (x right, y "
                "down, z forward).",
                code="frame",
            )

    def _check_seen(self, root: Floats, camera: Camera, file: str, member: str) -> None:
        seen = root[:, 2] > NEAREST
        if camera.intrinsics is not None and seen.any():
            i = camera.intrinsics
            image = project(root[seen], np.array([i.fx, i.fy, i.cx, i.cy]))
            seen[seen] = ((image >= 0) & (image < [i.width, i.height])).all(1)
        if seen.mean() < SEEN:
            raise ArchiveError(
                file,
                f"the camera {camera.name} sees {seen.mean():.0%} of the people: the poses are not in its space (x "
                "right, y down, z forward), nor are their roots the origin.",
                member,
                code="frame",
            )
