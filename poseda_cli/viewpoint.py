"""Orientation before position: source poses turned to be seen as a target camera sees people.

A pose is turned about its root, first by a yaw about its own up direction, then by a tilt. Vectors are (3, B),
rotations unit quaternions (4, B) in the order w, x, y, z; both in camera space (x right, y down, z forward). Angles are
in degrees, right-handed: seen from where the axis points, counter-clockwise is positive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Floats
from poseda_cli.random_streams import Stream, normal, uniform
from poseda_cli.skeleton import Skeleton

# Up in the world that the extrinsics of a data set speak of.
WORLD_UP = {"h36m": (0.0, 0.0, 1.0), "mpi_inf_3dhp": (0.0, 1.0, 0.0)}
# Test cameras of MPI-INF-3DHP whose published extrinsics nobody has verified.
UNVERIFIED = ("TS5", "TS6")
# Up for a level camera: what is taken where nothing is known.
LEVEL_UP = (0.0, -1.0, 0.0)
ACROSS = np.array([[1.0], [0.0], [0.0]])
# Sum of two unit vectors below which they are taken for opposite: their cross product is rounding alone.
OPPOSITE = 1e-7


def up_directions(cameras: tuple[Camera, ...], dataset: str | None) -> NDArray[np.float64]:
    """Where up is for each camera.

    Parameters
    ----------
    cameras : with their extrinsics, as far as these are known
    dataset : 'h36m' (world z up), 'mpi_inf_3dhp' (world y up), or None, of whose world nothing is known

    Returns
    -------
    (C, 3) unit vectors, camera space; NaN where unknown
    """
    ups = np.full((len(cameras), 3), np.nan)
    if dataset not in WORLD_UP:
        return ups
    for row, camera in enumerate(cameras):
        unverified = dataset == "mpi_inf_3dhp" and camera.name in UNVERIFIED
        if camera.rotation is not None and not unverified:
            up = np.array(camera.rotation) @ WORLD_UP[dataset]
            ups[row] = up / np.linalg.norm(up)
    return ups


def up_of_tilt(tilt: float) -> NDArray[np.float64]:
    """(3,) up direction for a camera that looks down by `tilt` degrees (up, if negative) with its x axis level."""
    angle = np.radians(tilt)
    return np.array([0.0, -np.cos(angle), -np.sin(angle)])


def tilts_of(ups: Floats) -> Floats:
    """How far cameras look down: the angle of their optical axis to the horizontal, whatever their roll.

    Parameters
    ----------
    ups : (3, B) up directions, of any length

    Returns
    -------
    (B,) degrees in [-90, 90]; negative for a camera that looks up, NaN where `ups` are
    """
    x, y, z = ups
    tilts: Floats = np.degrees(np.arctan2(-z, np.hypot(x, y)))
    return tilts


def yaws_of(major: Floats, skeleton: Skeleton, ups: Floats) -> Floats:
    """Where bodies are headed, as the camera sees them.

    A body's right is the sum of its lines from left to right hip and shoulder; its front is up x right. The yaw is the
    angle about up, in the horizontal plane, from the opposite of where the camera looks to the front.

    Parameters
    ----------
    major : (J, 3, B) poses, anywhere
    skeleton : theirs; has hips and shoulders
    ups : (3, B) or (3, 1) their up directions, unit vectors

    Returns
    -------
    (B,) degrees in [-180, 180]: 0 faces the camera, 90 the right edge of its image; NaN for a pose that is not finite,
    whose hips and shoulders are upright, or whose camera looks straight down or up
    """
    joint = skeleton.position
    with np.errstate(invalid="ignore", over="ignore"):
        right = major[joint["RHip"]] - major[joint["LHip"]] + major[joint["RShoulder"]] - major[joint["LShoulder"]]
        x, y, z = right
        up_x, up_y, up_z = ups
        # Of the horizontal right, its parts towards the camera and along the right of whoever faces it.
        towards = (x * up_x + y * up_y + z * up_z) * up_z - z
        along = x * up_y - y * up_x
        yaws: Floats = np.degrees(np.arctan2(towards, along))
    return np.where((towards == 0) & (along == 0), np.nan, yaws)


def views_of(major: Floats, skeleton: Skeleton, ups: Floats) -> Floats:
    """(2, B) `yaws_of` poses (J, 3, B), and `tilts_of` their cameras, by the up directions (3, B)."""
    return np.stack([yaws_of(major, skeleton, ups), tilts_of(ups)])


def draw_yaws(start: int, stop: int, spread: float, seed: int = 0, copy: int = 0) -> Floats:
    """Yaws of source rows (or clips) start to stop: uniform in [-spread / 2, spread / 2), degrees.

    Each depends on its own row, seed and copy alone.
    """
    return (uniform(Stream.YAW, start, stop, seed, copy) - 0.5) * spread


def draw_tilts(start: int, stop: int, deviation: float, seed: int = 0, copy: int = 0) -> Floats:
    """Tilt noise of source rows (or clips) start to stop: normal, of mean 0, degrees; as `draw_yaws`."""
    return normal(Stream.TILT, start, stop, seed, copy) * deviation


def match_rotations(ups: Floats, target_ups: Floats, yaws: Floats) -> NDArray[np.float32]:
    """What turns poses by a yaw, and their up direction onto that of their target's camera.

    Parameters
    ----------
    ups : (3, B) up directions of the poses
    target_ups : (3, B) up directions to reach
    yaws : (B,) degrees, about `ups`

    Returns
    -------
    (4, B) the yaw, followed by the smallest rotation; NaN where an up direction is unknown
    """
    turns = product(smallest_rotations(ups, target_ups), turns_about(ups, yaws))
    return turns.astype(np.float32)


def jitter_rotations(ups: Floats, yaws: Floats, tilts: Floats) -> NDArray[np.float32]:
    """What turns poses by a yaw about up, then by a tilt about the camera's x axis.

    Parameters
    ----------
    ups : (3, B) up directions of the poses; where unknown (NaN), that of a level camera is taken, -y
    yaws : (B,) degrees
    tilts : (B,) degrees; positive as if the camera looked further down

    Returns
    -------
    (4, B)
    """
    known = np.where(np.isnan(ups), np.array(LEVEL_UP)[:, None], ups)
    return product(turns_about(ACROSS, tilts), turns_about(known, yaws)).astype(np.float32)


def turns_about(axes: Floats, angles: Floats) -> Floats:
    """(4, B) rotations by angles (B,), degrees, about axes (3, B) or (3, 1) of any length."""
    half = np.radians(angles) / 2
    x, y, z = unit(axes) * np.sin(half)
    return np.stack([np.cos(half), x, y, z])


def smallest_rotations(first: Floats, second: Floats) -> Floats:
    """(4, B) the smallest rotations that bring directions onto others.

    Opposite directions have no smallest rotation: there it is a half turn about the axis that is nearest to x.

    Parameters
    ----------
    first, second : (3, B) or (3, 1), of any length
    """
    first, second = np.broadcast_arrays(unit(first), unit(second))
    # |first + second| is twice the cosine of half the angle; unlike 1 + cosine it keeps its digits near a half turn.
    twice = _length(first + second)
    opposite = twice < OPPOSITE
    with np.errstate(divide="ignore", invalid="ignore"):
        axes = _cross(first, second) / twice
    turns = np.concatenate([twice[None] / 2, axes])
    if opposite.any():
        turns[0, opposite], turns[1:, opposite] = 0, _perpendicular(first[:, opposite])
    return turns


def _perpendicular(directions: Floats) -> Floats:
    """Unit vectors at right angles to unit vectors: x without what lies along them; y for x itself."""
    along_x = np.abs(directions[0]) > 1 - OPPOSITE
    start = np.where(along_x, np.array([[0.0], [1.0], [0.0]]), ACROSS)
    return unit(start - (start * directions).sum(0) * directions)


def product(second: Floats, first: Floats) -> Floats:
    """(4, B) rotations: those of `first`, followed by those of `second`."""
    a, b, c, d = second
    w, x, y, z = first
    return np.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ]
    )


def inverse(rotations: Floats) -> Floats:
    """(4, B) what undoes rotations."""
    return np.concatenate([rotations[:1], -rotations[1:]])


def matrices(rotations: Floats) -> Floats:
    """(3, 3, B) rotation matrices of (4, B) unit quaternions: [i, j] is what input j gives to output i."""
    w, x, y, z = rotations
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row) for row in rows])


def turned(relative: Floats, rotations: Floats) -> Floats:
    """Poses turned about their roots.

    Parameters
    ----------
    relative : (J, 3, B) with the root at the origin (in general: points, turned about the origin)
    rotations : (4, B)

    Returns
    -------
    (J, 3, B) a new array of the dtype of `relative`; `turned(..., inverse(rotations))` undoes it
    """
    x, y, z = relative[:, 0], relative[:, 1], relative[:, 2]
    result, term = np.empty_like(relative), np.empty_like(x)
    for axis, (of_x, of_y, of_z) in enumerate(matrices(rotations.astype(relative.dtype, copy=False))):
        along = result[:, axis]
        np.multiply(x, of_x, out=along)
        along += np.multiply(y, of_y, out=term)
        along += np.multiply(z, of_z, out=term)
    return result


def unit(vectors: Floats) -> Floats:
    """(3, B) vectors in float64, at length 1; NaN for one without length."""
    vectors = np.asarray(vectors, np.float64)
    with np.errstate(invalid="ignore"):
        shortened: Floats = vectors / _length(vectors)
    return shortened


def _length(vectors: Floats) -> Floats:
    length: Floats = np.sqrt((vectors * vectors).sum(0))
    return length


def _cross(first: Floats, second: Floats) -> Floats:
    (a, b, c), (x, y, z) = first, second
    return np.stack([b * z - c * y, c * x - a * z, a * y - b * x])
