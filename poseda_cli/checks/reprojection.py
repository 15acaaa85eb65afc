"""Which camera of MPI-INF-3DHP took these poses? 2D, 3D and the published cameras must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from poseda_cli.cameras import Camera, Floats, distortion_table, intrinsics_table, project
from poseda_cli.checks.sanity import SAMPLE
from poseda_cli.dataset import Problem
from poseda_cli.errors import InputError, listed
from poseda_cli.skeleton import MPI_INF_3DHP17, Skeleton

# Pixels. The right camera reprojects to 0.005 px, the wrong one of the same model to 6 px.
AGREES = 0.5
# Hips and spine are interpolated separately in 2D and in 3D in the release and miss by up to 3 px.
INEXACT = ("LHip", "RHip", "Spine")
# Nearer than 1 m to the camera nobody stands.
NEAREST = 1.0
# Metres that the root of a root-relative pose may be off the origin.
AT_ORIGIN = 1e-3
# Pixels within which detections lie around the projections of the poses that they were made of.
NEAR = 25.0
# Kinds of poses whose roots project onto the 2D, so that their camera and space are known; see `Found`.
PROJECTING = ("annot3", "univ_annot3", "near")


class Found(NamedTuple):
    """The camera of some poses, and how far 2D and 3D bear it out.

    camera : called as the archive calls it
    kind : what 3D there is: 'annot3' (projects onto the 2D), 'univ_annot3' (only the root does, the body
        is scaled about it), 'near' (projects to within some pixels of the 2D, which is detections),
        'root-relative' (nothing to project) or 'unknown' (agrees with no camera)
    published_as : the name of the published camera that agrees
    """

    camera: Camera
    kind: str
    published_as: str

    def note(self) -> str | None:
        """What the user should know about it, if anything."""
        if self.kind == "unknown":
            return "2D and 3D agree with no published camera"
        if self.kind == "near":
            return "2D lies around the projected 3D, as detections do; its camera is that of its name"
        if self.kind == "root-relative":
            return "root-relative 3D; its camera is taken from its name, unchecked"
        if self.published_as != self.camera.name:
            return f"2D and 3D agree with the published camera of {self.published_as}; it is used"
        return None


class Findings:
    """What reprojection found about the sequences of a data set, added up.

    `kinds` counts the poses of each kind, see `Found`.
    """

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self._places: dict[str, list[str]] = {}

    def add(self, place: str, found: Found, count: int) -> None:
        """Count a sequence of `count` poses; `place` names it in messages."""
        self.kinds[found.kind] += count
        if note := found.note():
            self._places.setdefault(note, []).append(place)

    @property
    def summary(self) -> str:
        """The kinds and how many poses are of each."""
        return ", ".join(f"{kind} ({count:,} poses)" for kind, count in self.kinds.items() if count)

    @property
    def notes(self) -> list[str]:
        """What the user should know about some sequences' cameras."""
        return [f"{listed(places, most=4)}: {note}" for note, places in self._places.items()]

    def relative(self, names: str) -> bool:
        """Whether the poses are relative to their roots.

        Raises
        ------
        InputError : some are and some are not (`names`: the archives, for the message)
        """
        relative = self.kinds["root-relative"]
        if relative and relative < self.kinds.total():
            raise InputError(
                f"{names}: 3D is relative to the root in {relative:,} of {self.kinds.total():,} poses only. "
                "Read the sequences apart."
            )
        return relative > 0

    def problems(self) -> list[Problem]:
        """What the kinds mean for whoever uses the poses."""
        problems = []
        if self.kinds["univ_annot3"]:
            message = (
                f"3D of {self.kinds['univ_annot3']:,} poses is univ_annot3, scaled about the pelvis to a standard "
                "height: it does not project onto the 2D, and its errors do not compare with those of annot3"
            )
            problems.append(Problem("univ-annot3", "note", message))
        if self.kinds["unknown"]:
            message = (
                f"2D and 3D of {self.kinds['unknown']:,} poses agree with no published camera: detections in place of "
                "the annotation, or files that do not belong together"
            )
            problems.append(Problem("camera-unknown", "warning", message))
        return problems


def find_camera(
    name: str,
    published: Mapping[str, Camera],
    poses_3d: Floats,
    poses_2d: Floats,
    skeleton: Skeleton = MPI_INF_3DHP17,
) -> Found:
    """The published camera that took some poses.

    Parameters
    ----------
    name : of the sequence or camera, as the archive calls it; its camera is tried first
    published : candidates by name
    poses_3d : (N, J, 3) metres, camera space or root-relative
    poses_2d : (N, J, 2) pixels
    skeleton : joint set of both

    Returns
    -------
    What was found; the camera has no intrinsics where no candidate agrees.
    """
    step = max(1, len(poses_3d) // SAMPLE)
    some_3d, some_2d = poses_3d[::step], poses_2d[::step]
    root = [skeleton.root]
    exact = [index for meaning, index in skeleton.position.items() if meaning not in INEXACT]
    if np.abs(some_3d[:, root]).max(initial=0) <= AT_ORIGIN:
        return Found(_called(name, published.get(name)), "root-relative", name)
    ordered = ([published[name]] if name in published else []) + list(published.values())
    for camera in ordered:
        if reprojection_error(some_3d[:, root], some_2d[:, root], camera) <= AGREES:
            fits = reprojection_error(some_3d[:, exact], some_2d[:, exact], camera) <= AGREES
            return Found(_called(name, camera), "annot3" if fits else "univ_annot3", camera.name)
    # The training cameras go by number and are the same throughout; those of the test set go by sequence.
    named = published[name] if name.isdecimal() and name in published else None
    if named is not None and reprojection_error(some_3d[:, exact], some_2d[:, exact], named) <= NEAR:
        return Found(_called(name, named), "near", name)
    return Found(Camera(name), "unknown", name)


def reprojection_error(poses_3d: Floats, poses_2d: Floats, camera: Camera) -> float:
    """Median distance, pixels, between 2D points and their 3D points as the camera images them; infinity for none."""
    lens, distortion = intrinsics_table((camera,))[0, :4], distortion_table((camera,))[0]
    with np.errstate(all="ignore"):
        image = project(np.asarray(poses_3d, np.float64), lens, distortion)
        error = np.linalg.norm(image - poses_2d, axis=-1)
    return float(np.median(error[np.isfinite(error)])) if np.isfinite(error).any() else np.inf


def _called(name: str, camera: Camera | None) -> Camera:
    if camera is None:
        return Camera(name)
    return Camera(name, camera.intrinsics, camera.distortion, camera.rotation, camera.centre)
