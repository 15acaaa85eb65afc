"""Which camera took the poses of a named view? Its name proposes one, 2D and 3D must bear it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poseda_cli.cameras import Camera, Floats
from poseda_cli.checks.reprojection import AGREES, INEXACT, NEAR, Found, reprojection_error
from poseda_cli.checks.sanity import SAMPLE, in_single_precision
from poseda_cli.checks.sides import correlation
from poseda_cli.errors import ArchiveError
from poseda_cli.published import h36m_cameras, mpi_inf_3dhp_test_cameras, mpi_inf_3dhp_train_cameras
from poseda_cli.reading.image_names import View
from poseda_cli.skeleton import Skeleton

# Correlation of 3D and 2D about the root, of x and y together and of each. Of real frames, taken one by one, none
# has less than 0.92; by the axes of another space x or y falls to about 0.
LEAST_CORRELATION, LEAST_OF_AXIS = 0.8, 0.3


def published_cameras(view: View) -> dict[str, Camera]:
    """The published cameras that may have taken a view, by name."""
    if view.dataset == "h36m":
        return {camera.name: camera for camera in h36m_cameras(view.subject)}
    if view.dataset == "mpi_inf_3dhp":
        return mpi_inf_3dhp_test_cameras() if view.subject.startswith("TS") else mpi_inf_3dhp_train_cameras()
    return {}


def find_view_camera(
    view: View,
    own: Sequence[Camera],
    poses_3d: Floats,
    poses_2d: Floats | None,
    skeleton: Skeleton,
    absolute: bool,
) -> Found:
    """The camera of a view, and how far the data bear it out.

    Parameters
    ----------
    view : proposes the published camera of its name
    own : the archive's cameras for it, if it has some
    poses_3d : (N, J, 3) metres, camera space, or about the root if not `absolute`
    poses_2d : (N, J, 2) pixels, or None
    skeleton : joint set of both

    Returns
    -------
    As `reprojection.find_camera`; further kinds are 'unchecked' (no 2D) and 'near' (the 2D is no projection of
    the 3D, but detections before the camera of that name may be).
    """
    published = published_cameras(view)
    named = [published[view.camera]] if view.camera in published else []
    if poses_2d is None or not absolute:
        camera = next(iter((*own, *named)), Camera(view.camera))
        return Found(camera, "unchecked" if absolute else "root-relative", view.camera)
    candidates = [*named, *own]
    if view.dataset == "mpi_inf_3dhp":  # copies exist that call a camera by another's name; Human3.6M's are too alike
        candidates += [camera for name, camera in published.items() if name != view.camera]
    candidates += [replace(camera, distortion=None) for camera in named if camera.distortion is not None]
    exact = [index for meaning, index in skeleton.position.items() if meaning not in INEXACT]
    for joints, kind in ((exact, "annot3"), ([skeleton.root], "univ_annot3")):
        # To a thousandth of a pixel: between cameras that are the same, the first is meant.
        errors = [round(distance(poses_3d, poses_2d, camera, joints), 3) for camera in candidates]
        if errors and min(errors) <= AGREES:
            camera = candidates[errors.index(min(errors))]
            return Found(replace(camera, name=view.camera), kind, camera.name)
    # The camera that these names state is beyond doubt; MPI-INF-3DHP's TS2 shows that not all are.
    if named and view.dataset == "h36m" and distance(poses_3d, poses_2d, named[0], exact) <= NEAR:
        return Found(named[0], "near", view.camera)
    return Found(Camera(view.camera), "unknown", view.camera)


def distance(poses_3d: Floats, poses_2d: Floats, camera: Camera, joints: Sequence[int]) -> float:
    """Median distance, pixels, between 2D points and the projections of their 3D points, of some joints.

    Returns
    -------
    Of about a thousand poses, evenly spread; infinity where nothing can be compared.
    """
    if camera.intrinsics is None:
        return np.inf
    step = max(1, len(poses_3d) // SAMPLE)
    return reprojection_error(poses_3d[::step][:, joints], poses_2d[::step][:, joints], camera)


def check_camera_space(poses_3d: Floats, poses_2d: Floats | None, skeleton: Skeleton, file: str, member: str) -> None:
    """Refuse 3D poses whose axes are not those of camera space: x right and y down, as in the image.

    Parameters
    ----------
    poses_3d : (N, J, 3) metres, absolute or about the root
    poses_2d : (N, J, 2) pixels; without them, that people are upright along y has to do
    skeleton : joint set of both
    file, member : for the message

    Raises
    ------
    ArchiveError : world space, or another camera's
    """
    step = max(1, len(poses_3d) // SAMPLE)
    shape = _about_root(poses_3d[::step], skeleton)
    if poses_2d is None:
        position = skeleton.position
        some = shape[np.isfinite(shape).all((1, 2))]
        up = np.median(some[:, position["Head"]] - some[:, position["RFoot"]], axis=0) if len(some) else np.zeros(3)
        fits, found = bool(abs(up[2]) <= -up[1]) or not up.any(), f"heads are off feet by {np.round(up, 2).tolist()} m"
    else:
        image = _about_root(poses_2d[::step], skeleton)
        known = np.isfinite(shape).all((1, 2)) & np.isfinite(image).all((1, 2))
        both, x, y = (correlation(shape[known][..., axis], image[known][..., axis]) for axis in (slice(2), 0, 1))
        fits = both >= LEAST_CORRELATION and min(x, y) >= LEAST_OF_AXIS
        found = f"3D and 2D correlate by {x:.2f} along x and {y:.2f} along y"
    if not fits:
        message = f"{found}: the poses are not in camera space (x right, y down, z forward) of the images' cameras."
        raise ArchiveError(file, message, member, code="frame")


def _about_root(poses: Floats, skeleton: Skeleton) -> Floats:
    found = in_single_precision(poses).astype(np.float64)
    with np.errstate(invalid="ignore"):  # infinities, which are left out
        return found - found[:, [skeleton.root]]
