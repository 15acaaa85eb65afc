"""Global Position Alignment: arrays in, arrays out.

Source: Chai et al., "Global Adaptation Meets Local Generalization: Unsupervised Domain Adaptation
for 3D Human Pose Estimation", ICCV 2023, section 3.1.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Floats

Depth = Literal["weak", "exact"]
Joints = NDArray[np.intp] | slice

# Exact depth: a pose is settled once its box is this close to the target's, relatively. Three or four
# steps do for ordinary poses; a body part almost in the lens can take more.
SIZE_TOLERANCE = 1e-5
MOST_STEPS = 40


def gpa(
    source_3d: Floats,
    target_2d: Floats,
    intrinsics: Floats,
    *,
    root: int = 0,
    depth: Depth = "weak",
    jobs: int | None = None,
) -> Floats:
    """Source poses, moved so that their projections have the targets' places and sizes.

    Row i of each argument belongs together. With w, h the extents of the target's 2D box, dx, dy
    those of the source's 3D box, and (u, v) = (target root - c) / f::

        s = (w + h) / 2
        z = (fx dx + fy dy) / (2 s)
        root' = (z u, z v, z);  pose' = pose - root + root'

    Parameters
    ----------
    source_3d : (N, J, 3) any length unit, camera space (x right, y down, z forward), anywhere
    target_2d : (N, J, 2) in the unit of `intrinsics`: pixels, or normalised screen
    intrinsics : (N, 4) or (4,) fx, fy, cx, cy of each target's own camera
    root : index of the pelvis in both
    depth : 'weak', the paper's weak-perspective z above; or 'exact', the z at which the box of the
        perspective projection has the target's width + height
    jobs : threads; all cores if not given

    Returns
    -------
    (N, J, 3) of the dtype of `source_3d` (float32 or float64), in its unit and in camera space. A row
    without an answer is NaN: values that are not finite, a box without extent, or with 'exact' a target
    larger than the pose can look. With 'weak' a joint may come to lie behind the camera; the caller
    checks.

    Raises
    ------
    ValueError : shapes that do not fit together, or a `depth` that does not exist

    Notes
    -----
    The formula is that of the function the paper's authors published. Its quirks are not:

    - Its docstring orders a camera as cx, cy, fx, fy; its code reads fx, fy, cx, cy. We take the latter.
    - It uses the focal lengths of the first row for every row. We use each row's own.
    - It permutes the targets, but not their cameras with them. Here nothing is permuted: pair first.
    - It overwrites `target_2d` in place, so that a second call is wrong. We change no argument.
    - It needs as many targets as sources, hence the same subset of both. Pairing is `draw_targets`' work.
    """
    source_3d = _floating(source_3d)
    target_2d = _floating(target_2d)
    _check_shapes(source_3d, target_2d, intrinsics, depth)
    count, joints = source_3d.shape[:2]
    camera = np.broadcast_to(np.asarray(intrinsics, source_3d.dtype), (count, 4))
    moved = np.empty((count, joints, 3), source_3d.dtype)

    def work(start: int, stop: int) -> None:
        rows = slice(start, stop)
        box = boxes_of_block(joint_major(target_2d[rows]), root, slice(None)).T.astype(source_3d.dtype, copy=False)
        z, nearest = depths(source_3d[rows], box, camera[rows], root, depth=depth)
        if depth == "exact":
            z = np.where(nearest > 0, z, np.nan)
        move_root(source_3d[rows], root, root_position(z, box, camera[rows]), out=moved[rows])

    for_blocks(work, count, jobs)
    return moved


def boxes(points: Floats, root: int, joints: Joints = slice(None), jobs: int | None = None) -> Floats:
    """Box and root of 2D poses, or of 3D poses seen along z.

    Parameters
    ----------
    points : (N, J, 2) or (N, J, 3)
    root : index of the pelvis
    joints : those that the box is taken over; all if not given
    jobs : threads

    Returns
    -------
    (N, 4) width, height, root x, root y, in the unit and of the dtype of `points`; not finite where
    `points` are not
    """
    points = _floating(points)
    result = np.empty((len(points), 4), points.dtype)

    def work(start: int, stop: int) -> None:
        result[start:stop] = boxes_of_block(joint_major(points[start:stop]), root, joints).T

    for_blocks(work, len(points), jobs)
    return result


def joints_of(indices: NDArray[np.intp], skeleton_size: int) -> Joints:
    """Joints that boxes are taken over, without copies where they are all: their order does not matter."""
    return slice(None) if len(indices) == skeleton_size else indices


def joint_major(poses: Floats) -> Floats:
    """(B, J, C) poses as a contiguous (J, C, B) array.

    NumPy reduces slowly over a short middle axis; over the leading axis it runs at memory speed.
    """
    count, joints, coordinates = poses.shape
    flat = poses.reshape(count, joints * coordinates)
    return np.ascontiguousarray(flat.T).reshape(joints, coordinates, count)


def boxes_of_block(major: Floats, root: int, joints: Joints) -> Floats:
    """As `boxes`, from a (J, C, B) block; returns (4, B)."""
    low, high = extremes_of_block(major[:, :2], joints)
    with np.errstate(invalid="ignore"):  # infinities, which callers filter out
        return np.concatenate([high - low, major[root, :2]])


def extremes_of_block(major: Floats, joints: Joints = slice(None)) -> tuple[Floats, Floats]:
    """The least and the greatest of each coordinate of a (J, C, B) block, (C, B) each."""
    chosen = major[joints]
    return chosen.min(0), chosen.max(0)


def depths(
    source_3d: Floats,
    box: Floats,
    intrinsics: Floats,
    root: int,
    joints: Joints = slice(None),
    depth: Depth = "weak",
) -> tuple[Floats, Floats]:
    """The root's new depth for each pose, and how near the nearest joint then comes.

    Parameters
    ----------
    source_3d : (N, J, 3) camera space
    box : (N, 4) the targets' `boxes`, in the unit of `intrinsics`
    intrinsics : (N, 4) fx, fy, cx, cy
    root, joints : as in `boxes`
    depth : as in `gpa`

    Returns
    -------
    z : (N,) in the unit of `source_3d`; NaN where the pose is not finite or has no extent
    nearest : (N,) depth of the nearest joint after the move; not above 0 where that would be behind the
        camera, or, with 'exact', would have to be for the pose to look as large as its target

    One block at a time: callers split large arrays with `for_blocks`.
    """
    return depths_of_block(joint_major(source_3d), box, intrinsics, root, joints, depth)


def depths_of_block(
    major: Floats,
    box: Floats,
    intrinsics: Floats,
    root: int,
    joints: Joints = slice(None),
    depth: Depth = "weak",
    least: float = 0.0,
    most: float = np.inf,
    farthest_out: float = np.inf,
) -> tuple[Floats, Floats]:
    """As `depths`, from a (J, 3, B) block.

    Bodies of an extent up to `least`, or of `most` on, or whose first joint lies `farthest_out` from the origin along
    an axis, are taken for none.
    """
    with np.errstate(all="ignore"):
        nearest, farthest = major.min(0), major.max(0)
        extent = farthest - nearest
        # One number that is not finite makes the extent so: such a pose has no place.
        finite = ((extent < most) & (np.abs(major[0]) < farthest_out)).all(0)
        if not isinstance(joints, slice):
            extent = major[joints].max(0) - major[joints].min(0)
        z = (intrinsics[:, 0] * extent[0] + intrinsics[:, 1] * extent[1]) / (box[:, 0] + box[:, 1])
        valid = finite & np.isfinite(z) & (z > 0) & (extent[0] + extent[1] > least)
        if depth == "exact":
            z = _exact_depth(major, box, intrinsics, root, joints, start=z)
        z = np.where(valid, z, np.nan)
        return z, z + (nearest[2] - major[root, 2])


def _exact_depth(major: Floats, box: Floats, intrinsics: Floats, root: int, joints: Joints, start: Floats) -> Floats:
    """Depth at which the projected box has the target's width + height.

    With the root at (z u, z v, z), joint j projects to f (u + a_j / (Z_j + z)) + c, where
    a_j = X_j - u Z_j relative to the root. The box shrinks strictly as z grows beyond every -Z_j, so
    there is at most one solution; 1 / size is almost linear in z, so secant steps on it converge in
    three or four. A step that leaves the bracket is replaced by a bisection. Settled poses are frozen,
    which makes a pose's result independent of its block. Without a solution (the root itself is the
    nearest joint, and even there the box is too small) the result is the bracket's lower end.
    """
    wanted = box[:, 0] + box[:, 1]
    relative = major[joints] - major[root]
    u = (box[:, 2] - intrinsics[:, 2]) / intrinsics[:, 0]
    v = (box[:, 3] - intrinsics[:, 3]) / intrinsics[:, 1]
    ahead = relative[:, 2]
    across, down = relative[:, 0] - u * ahead, relative[:, 1] - v * ahead

    def size(z: Floats) -> Floats:
        scale = 1 / (ahead + z)
        x, y = across * scale, down * scale
        return intrinsics[:, 0] * (x.max(0) - x.min(0)) + intrinsics[:, 1] * (y.max(0) - y.min(0))

    low = -ahead.min(0)
    high = np.full_like(low, np.inf)
    z = np.maximum(start, low * 1.1)
    before_z, before_inverse = np.zeros_like(z), np.zeros_like(z)
    for _ in range(MOST_STEPS):
        found = size(z)
        # Rows without an answer count as settled: NaN fails the comparison.
        moving = np.abs(found / wanted - 1) > SIZE_TOLERANCE
        if not moving.any():
            break
        low = np.where(found > wanted, z, low)
        high = np.where(found > wanted, high, z)
        inverse = 1 / found
        step = z + (1 / wanted - inverse) * (z - before_z) / (inverse - before_inverse)
        bisection = np.where(np.isfinite(high), (low + high) / 2, 2 * z)
        step = np.where((step > low) & (step < high), step, bisection)
        before_z, before_inverse = z, inverse
        z = np.where(moving, step, z)
    else:
        z = np.where(moving, -ahead.min(0), z)
    return z


def root_position(z: Floats, box: Floats, intrinsics: Floats) -> Floats:
    """Where a root at depth z must stand to project onto the target's root: (z u, z v, z).

    Returns
    -------
    (N, 3) in the unit of `z`, camera space
    """
    position = np.empty((len(z), 3), z.dtype)
    position[:, 0] = z * ((box[:, 2] - intrinsics[:, 2]) / intrinsics[:, 0])
    position[:, 1] = z * ((box[:, 3] - intrinsics[:, 3]) / intrinsics[:, 1])
    position[:, 2] = z
    return position


def move_root(poses: Floats, root: int, position: Floats, out: Floats) -> None:
    """Write into `out` the poses, each shifted as a whole so that its root stands at `position`.

    Adding the shift through a product with a row of unit matrices beats an axis-inserting add three
    times over; the products are by 0 and 1, hence exact.
    """
    count, joints = poses.shape[:2]
    shift = position - poses[:, root]
    spread = shift @ np.tile(np.eye(3, dtype=poses.dtype), joints)
    np.add(poses.reshape(count, joints * 3), spread, out=out.reshape(count, joints * 3))


def _floating(values: Any) -> Floats:
    values = np.asarray(values)
    single = values.dtype.kind == "f" and values.dtype.itemsize <= 4
    floats: Floats = values.astype(np.float32 if single else np.float64, copy=False)
    return floats


def _check_shapes(source_3d: Floats, target_2d: Floats, intrinsics: Any, depth: str) -> None:
    count, joints = source_3d.shape[:2] if source_3d.ndim == 3 else (0, 0)
    if source_3d.ndim != 3 or source_3d.shape[2] != 3:
        raise ValueError(f"source_3d has shape {source_3d.shape}, expected (N, J, 3)")
    if target_2d.shape != (count, joints, 2):
        raise ValueError(
            f"target_2d has shape {target_2d.shape}, expected {(count, joints, 2)}: "
            "a target for each source pose, with the same joints"
        )
    if np.shape(intrinsics) not in ((4,), (count, 4)):
        raise ValueError(f"intrinsics have shape {np.shape(intrinsics)}, expected (4,) or {(count, 4)}")
    if depth not in ("weak", "exact"):
        raise ValueError(f"depth {depth!r} does not exist, expected 'weak' or 'exact'")
