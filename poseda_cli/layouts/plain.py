"""Named arrays in an npz or h5: the way in for poses that come in no other layout.

| array | shape | |
|---|---|---|
| `poses_3d` | (N, J, 3) | metres, camera space: x right, y down, z forward; or every root at 0, 0, 0 |
| `poses_2d` | (N, J, 2) | pixels of the full image |
| `joints` | (J,) | names |
| `intrinsics` | (4,) or (N, 4) | fx, fy, cx, cy in pixels; needs `image_size` |
| `image_size` | (2,) or (N, 2) | width, height in pixels |
| `visible` | (N, J) | 0 or 1 |
| `subject`, `action`, `camera` | one, or (N,) | names |
| `copy` | (N,) | numbers; keeps several versions of one sequence apart, as exports of `poseda` have them |

At least one of `poses_3d` and `poses_2d`, and `joints`, must be there. Names of joints are those that `poseda skeletons
NAME` lists, or those of h36m17 for what they stand for ("Hip", "RKnee", "Neck/Nose", ...), in any order; joints beyond
those of the joint set are left out. 2D in COCO's 17 keypoints becomes h36m17 by midpoints. NaN marks what is missing.

Rows of one subject, action, camera and copy are a sequence, in the order in which they stand. Without `camera`, each
set of intrinsics and image size is a camera of its own.

An npz of 2D detections in somebody's video:

    import numpy as np
    np.savez(
        "detections.npz",
        poses_2d=points,                                     # (N, 17, 2) pixels
        joints=["Hip", "RHip", "RKnee", "RFoot", "LHip", "LKnee", "LFoot", "Spine", "Thorax", "Neck/Nose", "Head",
                "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist"],
        intrinsics=[1400.0, 1400.0, 960.0, 540.0],           # fx, fy, cx, cy
        image_size=[1920, 1080],
        action="Dancing",
    )

    poseda inspect detections.npz
    poseda align data_3d_h36m.npz --target detections.npz -o aligned
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import MOST_PIXELS, Camera, Floats, Intrinsics, project
from poseda_cli.checks.sanity import SAMPLE, check_inside, check_pixels, check_poses, sample
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored, concatenate
from poseda_cli.errors import ArchiveError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading import detections
from poseda_cli.reading.columns import Columns, grouped
from poseda_cli.reading.view_cameras import check_camera_space
from poseda_cli.skeleton import COCO17, H36M16, SKELETONS, Skeleton
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("plain")
POSES = {"poses_3d": 3, "poses_2d": 2}
LABELS = ("subject", "action", "camera")
# A root nearer to the origin than this, metres, is the origin; a camera is never that near.
AT_ORIGIN = 1e-3
# Median height of heads below feet, metres, that shows an axis that points up; people on the floor have about 0.
UPSIDE_DOWN = 0.2
# Detections miss by a few pixels in a thousand; more than this part of the width is another camera.
PROJECTS = 0.05
# Pixels: no lens of a camera has so short a focal length, and any normalised one has.
SHORTEST_FOCAL = 10.0
MOST_CAMERAS = 1 << 16


def refusal(archive: Archive) -> str | None:
    """None if these are named arrays of poses, else why not."""
    if not any(name in archive.members for name in POSES):
        return f"needs an array {' or '.join(POSES)}"
    if "layout" in archive.attributes:
        return f"needs an h5 without the attribute layout, this has {archive.attributes['layout']!r}"
    return None if "joints" in archive.members else "lacks joints, the names of the joints"


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of named arrays.

    Raises
    ------
    ArchiveError : arrays of other shapes, units, frames or joints than the layout's
    InputError : archives that do not go together
    """
    datasets = []
    with progress("reading", sum(_rows(archive) for archive in archives)) as advance:
        for archive in archives:
            datasets.append(_read_one(archive))
            advance(len(datasets[-1]))
    return concatenate(datasets)


def _read_one(archive: Archive) -> PoseDataset:
    names = [str(name) for name in _texts(archive, "joints").reshape(-1)]
    rows = _rows(archive)
    poses = {name: _poses(archive, name, rows, len(names)) for name in POSES if name in archive.members}
    stored = _joint_set(archive, names)
    chosen = _positions(stored, names)
    poses = {name: values[:, chosen] for name, values in poses.items()}
    visible = _numbers(archive, "visible", (rows, len(names)))
    notes = []
    absolute = True
    if "poses_3d" in poses:
        absolute = _check_3d(poses["poses_3d"], poses.get("poses_2d"), stored, archive.name)
        notes.append(f"metres, {'camera space' if absolute else 'relative to the root'}")
    if len(chosen) < len(names):
        notes.append(f"left out: {listed(name for index, name in enumerate(names) if index not in set(chosen))}")
    if "poses_2d" in poses:
        _check_2d(poses["poses_2d"], stored, archive.name)
        notes += filter(None, [detections.note(stored)])
    skeleton = detections.AS_READ[COCO17] if stored == COCO17 else stored
    order, sequences, cameras, lenses = _sequences(archive, rows)
    problems = _check_lenses(archive, poses, lenses, absolute)
    columns = Columns(rows, skeleton, "poses_3d" in poses, "poses_2d" in poses, visible is not None)
    for (subject, action, camera), place in sequences:
        filled: dict[str, Any] = {name: values[place] for name, values in poses.items()}
        if visible is not None:
            filled["visible"] = visible[place][:, chosen] != 0
        if stored == COCO17:
            filled = {name: _of_coco(name, values) for name, values in filled.items()}
        columns.add(subject, action, cameras[subject, camera], len(place), **filled)
    frame = ("camera" if absolute else "root-relative") if "poses_3d" in poses else None
    how = Stored(stored, "m" if frame else None, frame, "pixels" if "poses_2d" in poses else None)
    return columns.dataset(ORIGIN, how, notes=notes, problems=problems, absolute=absolute, rows=order)


def _rows(archive: Archive) -> int:
    name = next(name for name in POSES if name in archive.members)
    shape = archive.members[name][0]
    return shape[0] if shape else 0


def _poses(archive: Archive, name: str, rows: int, joints: int) -> NDArray[Any]:
    values = _numbers(archive, name, (rows, joints, POSES[name]))
    assert values is not None
    return values


def _numbers(archive: Archive, name: str, *shapes: tuple[int, ...]) -> NDArray[Any] | None:
    """An array of one of some shapes; None if there is none."""
    if name not in archive.members:
        return None
    shape, dtype = archive.members[name]
    if shape not in shapes or dtype.kind not in "fiub":
        expected = " or ".join(map(str, shapes))
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected numbers of shape {expected}", name)
    return archive.array(name)


def _texts(archive: Archive, name: str) -> NDArray[Any]:
    """Names as an array of text; HDF5 has them as bytes, numbers become text."""
    values = np.asarray(archive.array(name))
    if values.dtype.kind in "SO":
        try:
            texts = [t.decode("utf-8") if isinstance(t, bytes) else str(t) for t in values.reshape(-1).tolist()]
        except UnicodeDecodeError as error:
            raise ArchiveError(archive.name, f"text that is not UTF-8 ({error})", name) from error
        return np.array(texts, dtype=str).reshape(values.shape)
    if values.dtype.kind not in "Uiu":
        raise ArchiveError(archive.name, f"an array of {values.dtype}, expected names", name)
    return values.astype(str)


def _joint_set(archive: Archive, names: list[str]) -> Skeleton:
    """The largest joint set all of whose joints are there."""
    if len(set(names)) < len(names):
        twice = listed(dict.fromkeys(name for name in names if names.count(name) > 1))
        raise ArchiveError(archive.name, f"{twice} more than once", "joints", code="joint-order")
    fitting = [s for s in SKELETONS.values() if set(s.joints) <= set(names)]
    if not fitting:
        lacking = [name for name in H36M16.joints if name not in names]
        raise ArchiveError(
            archive.name,
            f"{listed(names, most=6)}: the joints of no joint set. h36m17 would take {listed(lacking, most=6)} more; "
            "`poseda skeletons` lists all sets and names.",
            "joints",
            code="joint-order",
        )
    return max(fitting, key=len)


def _positions(skeleton: Skeleton, names: list[str]) -> list[int]:
    return [names.index(joint) for joint in skeleton.joints]


def _of_coco(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if name == "visible":
        return detections.as_read(np.repeat(values[..., None].astype(np.float32), 2, axis=-1), COCO17)[..., 0] == 1
    return detections.as_read(values, COCO17)


def _check_3d(poses: Floats, points: Floats | None, skeleton: Skeleton, file: str) -> bool:
    """Whether the poses have a place; refuses what is neither that nor relative to the root."""
    if "Hip" not in skeleton.position:
        raise ArchiveError(
            file, f"3D poses without a pelvis ({skeleton.name}); add a joint Hip.", "joints", code="joint-order"
        )
    check_poses(poses, skeleton, "m", file, "poses_3d")
    some = sample(poses)
    head, foot = skeleton.position["Head"], skeleton.position["RFoot"]
    if points is not None:  # which tells a camera at the ceiling, that shows people upside down, from another space
        check_camera_space(poses, points, skeleton, file, "poses_3d")
    elif len(some) and (drop := float(np.median(some[:, head, 1] - some[:, foot, 1]))) > UPSIDE_DOWN:
        message = f"heads are {drop:.2f} m below feet: not in camera space (y down, z forward)."
        raise ArchiveError(file, message, "poses_3d", code="frame")
    roots = poses[:, skeleton.root].astype(np.float64)
    roots = roots[np.isfinite(roots).all(1)]
    if not len(roots):
        return True
    at_origin = np.abs(roots).max(1) < AT_ORIGIN
    ahead = roots[:, 2] > 0
    if at_origin.all():
        return False
    if at_origin.any():
        found = f"{at_origin.sum():,} of {len(roots):,} roots are at the origin, the others are not; split the file."
        raise ArchiveError(file, found, "poses_3d", code="frame")
    if not ahead.all():
        raise ArchiveError(
            file,
            f"{(~ahead).sum():,} of {len(roots):,} roots are behind the camera (z <= 0): the poses are not in camera "
            "space. Apply each camera's rotation and position first.",
            "poses_3d",
            code="frame",
        )
    return True


def _check_2d(points: Floats, skeleton: Skeleton, file: str) -> None:
    if "Hip" in skeleton.position or skeleton == COCO17:
        detections.check_detections(points, skeleton, file, "poses_2d")
    else:
        check_pixels(points, file, "poses_2d")


Keys = tuple[str, str, str]


def _sequences(
    archive: Archive, rows: int
) -> tuple[NDArray[np.int64], list[tuple[Keys, NDArray[np.int64]]], dict[tuple[str, str], Camera], NDArray[Any]]:
    """Rows in the order of the result; rows of each sequence; cameras by subject and name; each row's lens."""
    labels = {name: _label(archive, name, rows) for name in LABELS}
    lenses = _lenses(archive, rows)
    if "camera" not in archive.members:
        labels["camera"] = _camera_names(lenses)
    copies = _numbers(archive, "copy", (rows,))
    columns = [labels[name].tolist() for name in LABELS]
    by_key = grouped(zip(*columns, copies.tolist() if copies is not None else [0] * rows, strict=True))
    sequences = [((subject, action, camera), place) for (subject, action, camera, _), place in by_key.items()]
    cameras: dict[tuple[str, str], Camera] = {}
    for (subject, _, camera), place in sequences:
        lens = lenses[place]
        found = _camera(camera, lens[0])
        known = cameras.setdefault((subject, camera), found)
        if not ((lens == lens[0]) | np.isnan(lens)).all() or known != found:
            raise ArchiveError(
                archive.name,
                f"camera {camera} of subject {subject} has several intrinsics or image sizes; give each its name in "
                "`camera`, or leave that out.",
                "intrinsics",
                code="camera",
            )
    if len(cameras) > MOST_CAMERAS:
        raise ArchiveError(archive.name, f"{len(cameras):,} cameras; the limit is {MOST_CAMERAS:,}.", "intrinsics")
    order = np.concatenate([place for _, place in sequences]) if sequences else np.empty(0, np.int64)
    return order, sequences, cameras, lenses


def _label(archive: Archive, name: str, rows: int) -> NDArray[Any]:
    if name not in archive.members:
        return np.full(rows, name if name != "subject" else archive.file.base.partition(".")[0])
    values = _texts(archive, name)
    if values.size == 1 and values.shape != (rows,):
        return np.full(rows, values.reshape(-1)[0])
    if values.shape != (rows,):
        raise ArchiveError(archive.name, f"{values.shape} names for {rows:,} poses, expected one, or ({rows},)", name)
    return values


def _lenses(archive: Archive, rows: int) -> NDArray[np.float64]:
    """(N, 6) fx, fy, cx, cy, width, height; NaN where the archive does not say."""
    found = np.full((rows, 6), np.nan)
    intrinsics = _numbers(archive, "intrinsics", (4,), (rows, 4))
    sizes = _numbers(archive, "image_size", (2,), (rows, 2))
    if sizes is not None:
        found[:, 4:] = sizes
        if not ((found[:, 4:] >= 1) & (found[:, 4:] <= MOST_PIXELS)).all():
            message = f"sizes below one pixel, or above {MOST_PIXELS:,}"
            raise ArchiveError(archive.name, message, "image_size", code="image-size")
    if intrinsics is None:
        return found
    if sizes is None:
        message = "intrinsics without image_size (width, height in pixels): normalising takes both"
        raise ArchiveError(archive.name, message, "intrinsics", code="camera")
    found[:, :4] = intrinsics
    fx, fy, cx, cy, width, height = found.T
    right = (np.minimum(fx, fy) >= SHORTEST_FOCAL) & (np.maximum(fx, fy) < 2 * np.minimum(fx, fy))
    # h36m-fetch has fx, cx, fy, cy: two numbers that are nearly one, but in the wrong places.
    right &= (np.abs(fx - cx) > 0.05 * fx) | (np.abs(fx - fy) < 0.1 * fx)
    right &= (cx >= 0) & (cx <= width) & (cy >= 0) & (cy <= height)
    if not right.all():
        row = found[int(np.flatnonzero(~right)[0])]
        raise ArchiveError(
            archive.name,
            f"{listed(f'{value:g}' for value in row[:4])} in an image of {row[4]:g} x {row[5]:g}: expected fx, fy, "
            "cx, cy in pixels, in this order.",
            "intrinsics",
            code="camera",
        )
    return found


def _camera_names(lenses: NDArray[np.float64]) -> NDArray[Any]:
    kinds, which = np.unique(np.nan_to_num(lenses), axis=0, return_inverse=True)
    if len(kinds) <= 1:
        return np.full(len(lenses), "camera")
    return np.array([f"camera {number + 1}" for number in range(len(kinds))])[which.reshape(-1)]


def _camera(name: str, lens: NDArray[np.float64]) -> Camera:
    fx, fy, cx, cy, width, height = lens.tolist()
    if np.isnan(lens).any():
        return Camera(name, size=None if np.isnan(width) else (round(width), round(height)))
    return Camera(name, Intrinsics(fx, fy, cx, cy, round(width), round(height)))


def _check_lenses(
    archive: Archive, poses: dict[str, NDArray[Any]], lenses: NDArray[np.float64], absolute: bool
) -> list[Problem]:
    """2D inside of the images, and where 3D projects to it."""
    points, bodies = poses.get("poses_2d"), poses.get("poses_3d")
    if points is None or np.isnan(lenses[:, 4]).any():
        return []
    check_inside(points, lenses[:, 4:], archive.name, "poses_2d")
    if bodies is None or not absolute or np.isnan(lenses).any():
        return []
    some = slice(None, None, max(1, len(points) // SAMPLE))
    with np.errstate(all="ignore"):
        image = project(bodies[some].astype(np.float64), lenses[some, None, :4])
    errors = np.linalg.norm(image - points[some], axis=-1) / lenses[some, None, 4]
    errors = errors[np.isfinite(errors)]
    if not len(errors) or np.median(errors) <= PROJECTS:
        return []
    message = (
        f"2D lies {np.median(errors):.0%} of the image's width off where the intrinsics project the 3D (median): "
        "another camera, another order of joints, or detections of somebody else"
    )
    return [Problem("reprojection", "warning", message)]
