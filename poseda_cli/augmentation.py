"""What is done to source poses about their roots before they are placed: another view of them, and other bodies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli import viewpoint
from poseda_cli.bones import HEIGHT, draw_bodies, scaled
from poseda_cli.cameras import Floats
from poseda_cli.dataset import PoseHeads
from poseda_cli.draws import Draws
from poseda_cli.errors import InputError, UsageError, listed
from poseda_cli.options import AlignOptions
from poseda_cli.skeleton import Skeleton
from poseda_cli.target import TargetPoses


class Changes(NamedTuple):
    """What is done to some poses.

    rotations : (4, B) unit quaternions, camera space, about the root; None where nothing is turned
    bodies : (10, B) factors of bone lengths, see `bones.draw_bodies`; None where bodies stay as they are
    """

    rotations: NDArray[np.float32] | None
    bodies: NDArray[np.float32] | None

    def of(self, rows: slice | NDArray[np.bool_] | NDArray[np.intp]) -> Changes:
        """Of some of the poses."""
        return Changes(*(None if values is None else values[:, rows] for values in self))

    def made(self, major: Floats, skeleton: Skeleton) -> Floats:
        """The poses with the changes made; their roots stay.

        Parameters
        ----------
        major : (J, 3, B) poses
        skeleton : theirs

        Returns
        -------
        (J, 3, B) a new array, or `major` itself if nothing is changed
        """
        if self.rotations is None and self.bodies is None:
            return major
        root = major[skeleton.root]
        with np.errstate(invalid="ignore", over="ignore"):  # of poses that are left out
            relative: Floats = major - root
            # In this order or the other: bones keep their directions.
            if self.bodies is not None:
                relative = scaled(relative, skeleton, self.bodies)
            if self.rotations is not None:
                relative = viewpoint.turned(relative, self.rotations)
            relative += root
        return relative

    def moved(self, roots: Floats) -> Floats:
        """Where roots are on their way through the turned world, in which taller people make longer steps; (3, B)."""
        with np.errstate(invalid="ignore", over="ignore"):
            if self.bodies is not None:
                roots = roots * self.bodies[HEIGHT]
            return roots if self.rotations is None else viewpoint.turned(roots[None], self.rotations)[0]


UNCHANGED = Changes(None, None)


class Augmentation:
    """The changes of all poses of a source.

    Parameters
    ----------
    source : the whole of it, in the skeleton of the output
    target : valid target poses
    options : of the run
    draws : of the run

    Raises
    ------
    InputError : with a view to be matched, cameras of either side of which nobody knows where up is
    UsageError : an up direction is given for target cameras, and all of them are known
    """

    def __init__(self, source: PoseHeads, target: TargetPoses, options: AlignOptions, draws: Draws) -> None:
        self._options, self._draws = options, draws
        self.turns, self.scales = options.view != "none", options.bones > 0
        self.ups = viewpoint.up_directions(source.cameras, source.origin.dataset)
        self.target_ups = _target_ups(target, options)
        self.skeleton = source.skeleton
        self._bodies = _bodies(source) if self.scales else np.empty(0, np.intp)
        if options.view == "match":
            _check_source(source, self.ups)
            _check_target(target, self.target_ups)

    @property
    def changes_anything(self) -> bool:
        """Whether poses are changed at all."""
        return self.turns or self.scales

    def changes(
        self,
        start: int,
        stop: int,
        copy: int,
        cameras: NDArray[np.uint16],
        target_cameras: NDArray[np.uint16],
        sequences: NDArray[np.intp],
    ) -> Changes:
        """What is done to rows of the source; each depends on itself, the seed and the copy alone.

        Parameters
        ----------
        start, stop : the rows
        copy : which copy
        cameras, target_cameras : (stop - start,) before which each pose stands, and before which its target does
        sequences : (stop - start,) which sequence of the source each is of
        """
        rotations = self._rotations(start, stop, copy, cameras, target_cameras) if self.turns else None
        return Changes(rotations, self.bodies(copy, sequences) if self.scales else None)

    def bodies(self, copy: int, sequences: NDArray[np.intp]) -> NDArray[np.float32]:
        """(10, n) of some sequences of the source; all cameras see the same body."""
        numbers = self._bodies[sequences]
        first, last = (int(numbers.min()), int(numbers.max()) + 1) if len(numbers) else (0, 0)
        return draw_bodies(first, last, self._options.bones, self._options.seed, copy)[:, numbers - first]

    def _rotations(
        self, start: int, stop: int, copy: int, cameras: NDArray[np.uint16], target_cameras: NDArray[np.uint16]
    ) -> NDArray[np.float32]:
        options = self._options
        ups = self.ups[cameras].T
        which = options.seed, copy
        yaws = self._draws.each(start, stop, lambda a, b: viewpoint.draw_yaws(a, b, options.yaw, *which))
        if options.view == "match":
            return viewpoint.match_rotations(ups, self.target_ups[target_cameras].T, yaws)
        tilts = self._draws.each(start, stop, lambda a, b: viewpoint.draw_tilts(a, b, options.jitter, *which))
        return viewpoint.jitter_rotations(ups, yaws, tilts)


def _target_ups(target: TargetPoses, options: AlignOptions) -> Floats:
    """(C, 3) up directions of target cameras: known ones, and the given one for the others."""
    dataset = target.dataset
    ups = viewpoint.up_directions(dataset.cameras, dataset.origin.dataset)
    given = options.given_up
    if given is None:
        return ups
    unknown = np.asarray(np.isnan(ups).any(1))
    if not unknown[np.unique(target.camera)].any():
        raise UsageError(
            f"--target-up, --target-tilt: where up is for the cameras of {dataset.title} is known from their published "
            "extrinsics; leave the option out."
        )
    ups[unknown] = given
    return ups


def _check_source(source: PoseHeads, ups: Floats) -> None:
    names = {sequence.camera for sequence in source.sequences}
    # A part of a data set has all of its cameras still; some layouts call what sequences say otherwise.
    named = names <= {camera.name for camera in source.cameras}
    if unknown := [
        camera.name
        for camera, up in zip(source.cameras, ups, strict=True)
        if np.isnan(up).any() and (camera.name in names or not named)
    ]:
        raise InputError(
            f"{source.title}: --view match needs to know where up is for the source's cameras, and neither the archive "
            f"nor the published tables say it of {listed(unknown, most=4)}. --view jitter needs nothing."
        )


def _check_target(target: TargetPoses, ups: Floats) -> None:
    used = np.unique(target.camera).tolist()
    if unknown := [target.dataset.cameras[row].name for row in used if np.isnan(ups[row]).any()]:
        raise InputError(
            f"{target.dataset.title}: --view match needs to know where up is for the target's cameras, and neither the "
            f"archive nor the published tables say it of {listed(unknown, most=4)}. Say it with --target-tilt DEG (how "
            "far the camera looks down) or --target-up X,Y,Z (camera space: x right, y down, z forward); leave these "
            "cameras out with --target-subjects or --target-cameras; or use --view jitter, which needs nothing."
        )


def _bodies(source: PoseHeads) -> NDArray[np.intp]:
    """(S,) which body each sequence has: one a subject and action, whatever the camera."""
    numbers: dict[tuple[str, str], int] = {}
    found = [numbers.setdefault((s.subject, s.action), len(numbers)) for s in source.sequences]
    return np.array(found, np.intp)
