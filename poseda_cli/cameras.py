"""Cameras: intrinsics, extrinsics, projection, screen normalisation.

Camera space is x right, y down, z forward. Projection is linear unless a camera carries the
distortion of the Human3.6M release, which differs from OpenCV's (see `project`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Screen = Literal["aspect", "axes"]
# Larger images are none that somebody filmed.
MOST_PIXELS = 100_000
# Of any width: data is float32, cameras and means are float64.
Floats = NDArray[Any]


@dataclass(frozen=True)
class Intrinsics:
    """Focal lengths and principal point of a linear camera, and its image size; all in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


@dataclass(frozen=True)
class Distortion:
    """Radial k1, k2, k3 and tangential p1, p2 as metadata.xml of the Human3.6M release has them."""

    k: tuple[float, float, float]
    p: tuple[float, float]


@dataclass(frozen=True)
class Camera:
    """One view.

    Parameters
    ----------
    name : as the data set calls it ('54138969', 'TS5')
    intrinsics : None where neither the archive nor the published tables know them
    distortion : None for a linear camera
    rotation : (3, 3) world to camera, or None
    centre : (3,) camera position in the world, metres, or None
    size : width and height of its images, where they are known though the intrinsics are not
    """

    name: str
    intrinsics: Intrinsics | None = None
    distortion: Distortion | None = None
    rotation: tuple[tuple[float, ...], ...] | None = None
    centre: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None


def intrinsics_table(cameras: tuple[Camera, ...]) -> NDArray[np.float64]:
    """fx, fy, cx, cy, width, height of each camera.

    Returns
    -------
    (C, 6) float64, pixels; NaN where unknown
    """
    table = np.full((len(cameras), 6), np.nan)
    for row, camera in enumerate(cameras):
        if camera.intrinsics is not None:
            i = camera.intrinsics
            table[row] = i.fx, i.fy, i.cx, i.cy, i.width, i.height
    return table


def image_sizes(cameras: tuple[Camera, ...]) -> NDArray[np.float64]:
    """(C, 2) width and height of each camera's images, pixels; NaN where unknown."""
    sizes = intrinsics_table(cameras)[:, 4:]
    for row, camera in enumerate(cameras):
        if camera.size is not None:
            sizes[row] = camera.size
    return sizes


def world_to_camera(points: Floats, rotation: Floats, centre: Floats) -> Floats:
    """Points seen from a camera: R (X - C), in double precision.

    Parameters
    ----------
    points : (..., 3), world space
    rotation : (3, 3), world to camera
    centre : (3,), camera position in the world, in the unit of `points`

    Returns
    -------
    (..., 3) float64, camera space, same unit

    Source: the convention of Human3.6M's metadata.xml; VideoPose3D's common/camera.py computes the
    same with the inverse quaternion.
    """
    moved: Floats = np.asarray(points, np.float64) - np.asarray(centre, np.float64)
    # Not a matrix product: BLAS may round differently with another number of rows or threads.
    seen = np.empty_like(moved)
    with np.errstate(invalid="ignore"):  # infinities, of either sign
        for axis, r in enumerate(np.asarray(rotation, np.float64)):
            seen[..., axis] = moved[..., 0] * r[0] + moved[..., 1] * r[1] + moved[..., 2] * r[2]
    return seen


def distortion_table(cameras: tuple[Camera, ...]) -> NDArray[np.float64]:
    """k1, k2, k3, p1, p2 of each camera.

    Returns
    -------
    (C, 5) float64; 0 for a linear camera
    """
    table = np.zeros((len(cameras), 5))
    for row, camera in enumerate(cameras):
        if camera.distortion is not None:
            table[row] = *camera.distortion.k, *camera.distortion.p
    return table


def project(points: Floats, intrinsics: Floats, distortion: Floats | None = None) -> Floats:
    """Image points of a pose.

    Parameters
    ----------
    points : (..., 3), camera space; z > 0
    intrinsics : (..., 4) or (4,) fx, fy, cx, cy; broadcast against the leading axes of `points`
    distortion : (..., 5) or (5,) k1, k2, k3, p1, p2 of Human3.6M's model, or None for linear cameras

    Returns
    -------
    (..., 2) in the unit of `intrinsics` (pixels, or normalised screen)

    With distortion: x = X/Z, y = Y/Z, r2 = x^2 + y^2, t = 1 + k1 r2 + k2 r2^2 + k3 r2^3 + p1 y + p2 x;
    u = fx (x t + p2 r2) + cx, v = fy (y t + p1 r2) + cy. There is no factor 2 in the tangential term,
    unlike in OpenCV, whose model misses the release's own 2D by 0.055 px on average.

    Source: Ionescu et al. 2014, code of the Human3.6M release; on real frames it reproduces the
    released 2D to 4e-5 px.
    """
    x = points[..., 0] / points[..., 2]
    y = points[..., 1] / points[..., 2]
    if distortion is not None:
        x, y = _distort(x, y, distortion)
    # In the memory order of the points: where coordinates lie apart, each is one run through memory.
    image = np.empty_like(points[..., :2], x.dtype)
    fx, fy, cx, cy = _terms(intrinsics, 4)
    for coordinate, f, c, along in ((0, fx, cx, x), (1, fy, cy, y)):
        np.multiply(along, f, out=image[..., coordinate])
        image[..., coordinate] += c
    return image


def _terms(table: Floats, count: int) -> Floats:
    """The first columns of a table, each in one piece: NumPy is slow on numbers that lie apart."""
    return np.ascontiguousarray(np.moveaxis(table, -1, 0)[:count])


def _distort(x: Floats, y: Floats, distortion: Floats) -> tuple[Floats, Floats]:
    k1, k2, k3, p1, p2 = _terms(distortion, 5)
    # In place wherever it can be: on whole data sets most of the time goes into new memory.
    r2, factor, term = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    np.multiply(x, x, out=r2)
    r2 += np.multiply(y, y, out=term)
    np.multiply(r2, k3, out=factor)
    for coefficient in (k2, k1):
        factor += coefficient
        factor *= r2
    factor += 1
    factor += np.multiply(y, p1, out=term)
    factor += np.multiply(x, p2, out=term)
    x *= factor
    x += np.multiply(r2, p2, out=term)
    y *= factor
    y += np.multiply(r2, p1, out=term)
    return x, y


def normalise_points(points: Floats, size: Floats, screen: Screen = "aspect") -> Floats:
    """Pixels to normalised screen.

    Parameters
    ----------
    points : (..., J, 2) pixels of the full image, origin top left
    size : (..., 2) or (2,) width and height of the image
    screen : 'aspect' divides both axes by half the width, as every lifting trainer does: x in
        [-1, 1], y in [-h/w, h/w]. 'axes' divides each axis by half its own size, as the README of
        PoseDA has it: both in [-1, 1].

    Returns
    -------
    (..., J, 2) of the dtype of `points`
    """
    scale, shift = _screen_terms(size, screen, points.dtype)
    flat = points.reshape(*points.shape[:-2], 2 * points.shape[-2])
    return (flat * _each_joint(scale, points) - _each_joint(shift, points)).reshape(points.shape)


def denormalise_points(points: Floats, size: Floats, screen: Screen = "aspect") -> Floats:
    """Normalised screen to pixels: the inverse of `normalise_points`."""
    scale, shift = _screen_terms(size, screen, points.dtype)
    flat = points.reshape(*points.shape[:-2], 2 * points.shape[-2])
    return ((flat + _each_joint(shift, points)) / _each_joint(scale, points)).reshape(points.shape)


def normalise_intrinsics(intrinsics: Floats, screen: Screen = "aspect") -> Floats:
    """Intrinsics in the unit of the normalised screen.

    Parameters
    ----------
    intrinsics : (..., 6) fx, fy, cx, cy, width, height in pixels
    screen : as in `normalise_points`

    Returns
    -------
    (..., 4) fx, fy, cx, cy such that projecting with them gives normalised points.

    PoseDA's README scales the principal point by 2/w and forgets the shift by -1 (or -h/w); for a
    centred camera it must come out near 0, and here it does.
    """
    scale, shift = _screen_terms(intrinsics[..., 4:6], screen, intrinsics.dtype)
    return np.concatenate([intrinsics[..., 0:2] * scale, intrinsics[..., 2:4] * scale - shift], axis=-1)


def _each_joint(terms: Floats, points: Floats) -> Floats:
    """(..., 2) terms once for each joint: (..., 2 J). Long rows are what NumPy is fast at."""
    return np.tile(terms, points.shape[-2])


def screen_divisor(size: Floats, screen: Screen) -> Floats:
    """What each axis is divided by: (..., 2) from (..., 2) widths and heights."""
    return size if screen == "axes" else size[..., :1].repeat(2, axis=-1)


def _screen_terms(size: Floats, screen: Screen, dtype: Any) -> tuple[Floats, Floats]:
    divisor = screen_divisor(size, screen)
    floating = np.result_type(dtype, np.float32)
    return (2 / divisor).astype(floating), (size / divisor).astype(floating)
