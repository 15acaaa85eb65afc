"""The 3DHP test file of PoseAug and PoseDA: data_extra/test_set/test_3dhp.npz.

`pose3d` (n, 16, 3) metres, relative to the root, from univ_annot3; `pose2d` (n, 16, 2) screen-normalised by the image
width (2048, or 1920 for TS5 and TS6). 16 joints (h36m16), MPI-INF-3DHP's neck and head_top as Thorax and Head. Neither
sequences nor cameras are named, so they are found out:

A file of 2,929 rows, or of 2,869 (those of the release of May 2019, whose TS6 is shorter), has the valid frames of TS1
to TS6 in this order. That is believed if the camera of each sequence fits.

Any other file is identified row by row. Before the right camera there is a place from which the root-relative pose
projects exactly onto its 2D; universal scaling only scales that place. It is three unknowns of a linear system, solved
for each of the published test cameras. TS1, TS3 and TS4 were seen by one camera, TS5 and TS6 by another, so that rows
are called TS1, TS2 or TS5 after the camera. If none of these fits, the four cameras of Human3.6M are tried, with and
without their distortion: exports of poseda may have those. Hips, spine, knees and feet take no part in the fit: the
first three are interpolated in the release, and one copy of TS6 has other knees and feet in univ_annot3.

2D joints at 0, 0 are masked, and come back as NaN. Joints of other cameras have to be read with the layout `plain`,
from pixels and intrinsics.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Floats, denormalise_points
from poseda_cli.checks.reprojection import AGREES
from poseda_cli.checks.sanity import LARGEST_NORMALISED, check_poses, sample
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras, mpi_inf_3dhp_test_cameras
from poseda_cli.reading.columns import Columns, grouped
from poseda_cli.skeleton import H36M16
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("poseaug-test", "mpi_inf_3dhp")
SHAPES = {"pose3d": 3, "pose2d": 2}
ACTION = "Seq1"
# Rows of TS1 to TS6: as papers count, and with the TS6 of the release of May 2019.
ORDERS = ((603, 540, 505, 553, 276, 452), (603, 540, 505, 553, 276, 392))
# One of those that share a camera.
DISTINCT = ("TS1", "TS2", "TS5")
EXACT = [H36M16.position[joint] for joint in (
    "Hip", "Thorax", "Head", "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist"
)]  # fmt: skip
# Metres: beyond rounding a root-relative root has no place.
AT_ORIGIN = 1e-4
# A camera that fits this many times better than any other is told apart by the row itself.
CLEARLY = 3.0
# Equations of two joints would fit any camera.
FEWEST_JOINTS = 5
# Pixels. Six digits a number leave 0.005 in the release; a camera that is a little another one leaves more.
EXACTLY = 0.1
NOISE = 0.01
STEPS = 12
BLOCK = 50_000


def refusal(archive: Archive) -> str | None:
    """None if this is PoseAug's test file, else why not."""
    missing = [name for name in SHAPES if name not in archive.members]
    if missing:
        return f"needs arrays {listed(SHAPES)}" if len(missing) == 2 else f"lacks {missing[0]}"
    for name, coordinates in SHAPES.items():
        shape, dtype = archive.members[name]
        if len(shape) != 3 or shape[1:] != (len(H36M16), coordinates) or dtype.kind != "f":
            return f"{name} is {dtype} {shape}, expected floats (n, {len(H36M16)}, {coordinates})"
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of a test file, before the cameras that took them.

    Raises
    ------
    ArchiveError : units, joint order, frame or normalisation are not those of the layout
    InputError : several files, no pose, or poses that no published camera took
    """
    if len(archives) > 1:
        raise InputError(f"{listed(a.name for a in archives)}: each is a whole test set. Name one of them.")
    archive = archives[0]
    poses, points = _checked(archive)
    with progress("reading", len(poses)) as advance:
        masked = (points == 0).all(-1)
        points = np.where(masked[..., None], np.nan, points)
        sequences, notes, dataset = _sequences(archive, poses, points)
        columns = Columns(len(poses), H36M16, has_3d=True, has_2d=True)
        order = []
        for subject, camera, rows in sequences:
            assert camera.intrinsics is not None
            size = np.array([camera.intrinsics.width, camera.intrinsics.height], np.float64)
            pixels = denormalise_points(points[rows], size)
            columns.add(subject, ACTION, camera, len(rows), poses_3d=poses[rows], poses_2d=pixels)
            order.append(rows)
            advance(len(rows))
    problems = []
    if masked.any():
        message = f"{masked.any(1).sum():,} poses have masked joints (2D at 0, 0); an alignment leaves them out"
        problems.append(Problem("masked-joints", "note", message))
    notes = ["metres, relative to the root, universal scale; normalised by the image width", *notes]
    stored = Stored(H36M16, "m", "root-relative", "aspect")
    return columns.dataset(
        replace(ORIGIN, dataset=dataset),
        stored,
        notes=notes,
        problems=problems,
        absolute=False,
        rows=np.concatenate(order),
    )


def _checked(archive: Archive) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two arrays, once their units, order and frame are known to be the layout's."""
    poses, points = (archive.array(name).astype(np.float64) for name in SHAPES)
    if len(poses) != len(points) or not len(poses):
        raise InputError(f"{archive.name}: {len(poses):,} rows of pose3d, {len(points):,} of pose2d.")
    check_poses(poses, H36M16, "m", archive.name, "pose3d")
    roots = np.abs(poses[:, H36M16.root]).max(1)
    roots = roots[~np.isnan(roots)]
    if len(roots) and np.median(roots) > AT_ORIGIN:
        raise ArchiveError(
            archive.name,
            f"roots lie {np.median(roots):.2f} m from the origin, expected poses relative to the root. With "
            "their places known, the layout `plain` is the one to use.",
            "pose3d",
            code="frame",
        )
    some = np.abs(sample(points))
    if len(some) and (reach := float(np.quantile(some, 0.99))) > LARGEST_NORMALISED:
        raise ArchiveError(
            archive.name,
            f"2D coordinates reach {reach:.4g}: they are in pixels, this layout has them normalised (2 x / w - 1). The "
            "layout `plain` takes pixels.",
            "pose2d",
            code="pixels",
        )
    return poses, points


Sequences = list[tuple[str, Camera, NDArray[np.int64]]]


def _sequences(archive: Archive, poses: Floats, points: Floats) -> tuple[Sequences, list[str], str]:
    """Subject, camera and rows of each sequence; what was found out; which data set the cameras are of."""
    published = mpi_inf_3dhp_test_cameras()
    fits = _Fits([published[name] for name in DISTINCT], poses, points)
    if (found := _documented(fits, len(poses))) is not None:
        return found, ["rows in the documented order TS1 to TS6; the published camera of each fits"], "mpi_inf_3dhp"
    if not fits.lost.any():
        note = "rows named by the camera that fits: TS1 stands for TS1, TS3 and TS4, TS5 for TS5 and TS6"
        return [(camera.name, camera, rows) for camera, rows in fits.chosen()], [note], "mpi_inf_3dhp"
    for lens in (False, True):
        others = _Fits([_unplaced(camera, lens) for camera in h36m_cameras("S1")], poses, points)
        if not others.lost.any():
            note = "rows named by the camera of Human3.6M that fits; subjects unknown"
            return [("unknown", camera, rows) for camera, rows in others.chosen()], [note], "h36m"
    lost = np.flatnonzero(fits.lost)
    raise InputError(
        f"{archive.name}: no published camera took {len(lost):,} of {len(poses):,} poses (row {lost[0]:,} first): "
        "nowhere before the cameras of MPI-INF-3DHP's test set, or of Human3.6M, does pose3d project onto pose2d. "
        "Write pixels and intrinsics in the layout `plain` instead (`poseda layouts plain`)."
    )


def _unplaced(camera: Camera, lens: bool) -> Camera:
    """A camera of Human3.6M wherever it stood."""
    return Camera(camera.name, camera.intrinsics, camera.distortion if lens else None)


def _documented(fits: _Fits, count: int) -> Sequences | None:
    """TS1 to TS6 by the numbers of their valid frames, if the file has as many and their cameras fit."""
    lengths = next((lengths for lengths in ORDERS if sum(lengths) == count), None)
    if lengths is None:
        return None
    found = []
    stops = list(accumulate(lengths))
    for (name, camera), start, stop in zip(mpi_inf_3dhp_test_cameras().items(), [0, *stops], stops, strict=False):
        rows = np.arange(start, stop)
        if not fits.agrees(camera, rows):
            return None
        found.append((name, camera, rows))
    return found


class _Fits:
    """How well each of some cameras explains each row.

    errors (C, n) : how far the best place before a camera leaves projections off the 2D, pixels; NaN for rows
        with too few joints to tell
    lost (n,) : rows that can be told to be of none of the cameras
    """

    def __init__(self, cameras: list[Camera], poses: Floats, points: Floats) -> None:
        self.cameras = cameras
        self.errors = np.array([_errors(camera, poses, points) for camera in cameras])
        self._known = ~np.isnan(self.errors).any(0)
        best = self.errors.min(0)
        self.lost = self._known & (best > AGREES)
        if not self._known.any() or np.median(best[self._known]) > EXACTLY:
            self.lost = np.ones(len(best), bool)

    def agrees(self, camera: Camera, rows: NDArray[np.int64]) -> bool:
        """Whether a camera of the same intrinsics as `camera` is the best of all for some rows."""
        own = next(i for i, other in enumerate(self.cameras) if other.intrinsics == camera.intrinsics)
        known = rows[self._known[rows]]
        errors = np.median(self.errors[:, known], axis=1) if len(known) else np.full(len(self.cameras), np.inf)
        return bool(errors[own] <= EXACTLY and errors[own] == errors.min())

    def chosen(self) -> list[tuple[Camera, NDArray[np.int64]]]:
        """The rows of each camera; those that fit several, or tell nothing, go with the row before."""
        which = self.errors.argmin(0)
        if len(self.cameras) > 1:
            first, second = np.sort(self.errors, axis=0)[:2]
            clear = np.flatnonzero(self._known & (second > CLEARLY * np.maximum(first, NOISE)))
            if len(clear):
                before = clear[np.maximum(np.searchsorted(clear, np.arange(len(which)), side="right") - 1, 0)]
                fitting = np.take_along_axis(self.errors, which[before][None], axis=0)[0] <= AGREES
                which = np.where(fitting | ~self._known, which[before], which)
        return [(self.cameras[index], rows) for index, rows in grouped(which.tolist()).items()]


def _errors(camera: Camera, poses: Floats, points: Floats) -> NDArray[np.float64]:
    """(n,) root mean square of what is left when each root-relative pose stands where it projects best.

    From u = fx (X + x) / (Z + z) + cx follows (u - cx) / fx (Z + z) = X + x, which is linear in the place X, Y,
    Z, and so for v; its least squares are solved in closed form.
    """
    errors = np.full(len(poses), np.inf)
    for start in range(0, len(poses), BLOCK):
        rows = slice(start, start + BLOCK)
        errors[rows] = _block_errors(camera, poses[rows][:, EXACT], points[rows][:, EXACT])
    return errors


def _block_errors(camera: Camera, poses: Floats, points: Floats) -> NDArray[np.float64]:
    rays, focal = _rays(camera, points)
    there = np.isfinite(rays.sum(-1) + poses.sum(-1))
    count = there.sum(1)
    rays = np.where(there[..., None], rays, 0)
    poses = np.where(there[..., None], poses, 0)
    depths = poses[..., 2:]
    with np.errstate(all="ignore"):
        mean_ray = rays.sum(1, keepdims=True) / count[:, None, None]
        offsets = rays * depths - poses[..., :2]
        mean_offset = offsets.sum(1, keepdims=True) / count[:, None, None]
        off_ray = np.where(there[..., None], rays - mean_ray, 0)
        off = np.where(there[..., None], offsets - mean_offset, 0)
        depth = -(off_ray * off).sum((1, 2)) / (off_ray**2).sum((1, 2))
        place = mean_offset + depth[:, None, None] * mean_ray
        seen = (poses[..., :2] + place) / (depths + depth[:, None, None])
        squares = np.where(there, (((seen - rays) * focal) ** 2).sum(-1), 0).sum(1)
        errors = np.sqrt(squares / count)
    behind = np.any(depths[..., 0] + depth[:, None] <= 0, axis=1)
    errors = np.where(behind | ~np.isfinite(errors), np.inf, errors)
    return np.where(count >= FEWEST_JOINTS, errors, np.nan)


def _rays(camera: Camera, points: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normalised image points as X/Z, Y/Z of what they show, and the focal lengths."""
    assert camera.intrinsics is not None
    i = camera.intrinsics
    focal = np.array([i.fx, i.fy])
    bent = (denormalise_points(points, np.array([i.width, i.height], np.float64)) - [i.cx, i.cy]) / focal
    if camera.distortion is None:
        return bent, focal
    (k1, k2, k3), (p1, p2) = camera.distortion.k, camera.distortion.p
    rays = bent
    for _ in range(STEPS):  # the lens bends little: what is left shrinks about tenfold each time
        x, y = rays[..., 0], rays[..., 1]
        r2 = x * x + y * y
        factor = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)) + p1 * y + p2 * x
        rays = (bent - np.stack([p2 * r2, p1 * r2], axis=-1)) / factor[..., None]
    return rays, focal
