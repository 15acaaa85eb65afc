"""MPI-INF-3DHP as P-STMO and its descendants have it: one pickled member `data`.

`data_test_3dhp.npz`: {'TS1': {'data_2d': (N, 17, 2), 'data_3d': (N, 17, 3), 'valid': (N,)}}; only
valid frames are read. `data_train_3dhp.npz`: {'S1 Seq1': [{camera '0': {'data_2d', 'data_3d'}}, fps]}.
Pixels; millimetres; camera space; the order of 3dhp17, root 14.

P-STMO fills `data_3d` from univ_annot3 (scaled about the pelvis to a standard height), D3DP and
PoSynDA in their `_ori` files from annot3. The layout cannot tell; projecting onto the 2D can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.reprojection import PROJECTING, Findings, Found, find_camera
from poseda_cli.checks.sanity import check_pixels, check_poses
from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import mpi_inf_3dhp_test_cameras, mpi_inf_3dhp_train_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.view_cameras import check_camera_space
from poseda_cli.skeleton import MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("pstmo", "mpi_inf_3dhp")
MEMBER = "data"
TEST_ACTION = "Seq1"
METRES_PER_UNIT = 0.001
# What every loader of these files divides by.
TRAIN_SIZE = (2048, 2048)
TEST_SIZES = {"TS5": (1920, 1080), "TS6": (1920, 1080)}
REQUIRED = f"{MEMBER} must hold data_2d and data_3d for 'TS1' or for 'S1 Seq1' and each camera"


class _View(NamedTuple):
    """One camera's share of a sequence, as stored."""

    subject: str
    action: str
    camera: str
    member: str
    fields: dict[str, Any]


def refusal(archive: Archive) -> str | None:
    """None if this is a P-STMO archive, else why not."""
    if MEMBER not in archive.members:
        return f"needs a member {MEMBER}"
    outline = archive.outline(MEMBER) if archive.members[MEMBER][1].kind == "O" else None
    if not isinstance(outline, dict) or not outline:
        return f"{MEMBER} must be a dictionary of sequences"
    try:
        first = next(_views(outline), None)
    except (AttributeError, IndexError, TypeError, ValueError):
        first = None
    if first is None or next(iter(first.fields), None) not in ("data_2d", "data_3d", "valid"):
        return REQUIRED
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of P-STMO archives.

    Raises
    ------
    ArchiveError : shapes, units or joint order are not those of the layout
    InputError : a sequence in two archives, or no valid frame
    """
    views = [(archive, view) for archive in archives for view in _views_of(archive)]
    twice = [key for key, n in Counter((v.subject, v.action, v.camera) for _, v in views).items() if n > 1]
    if twice:
        raise InputError(f"{listed(a.name for a in archives)}: {' '.join(twice[0])} is in more than one of them.")
    chosen = [_chosen(archive, view) for archive, view in views]
    counts = [int(rows.sum()) for rows in chosen]
    if not sum(counts):
        raise InputError(f"{listed(a.name for a in archives)}: no frame is valid.")
    columns = Columns(sum(counts), MPI_INF_3DHP17, has_3d=True, has_2d=True)
    findings = Findings()
    with progress("reading", sum(counts)) as advance:
        for (archive, view), rows, count in zip(views, chosen, counts, strict=True):
            # Popped: float64 arrays of 1.05 million poses need not outlive their copy.
            three, two = view.fields.pop("data_3d")[rows], view.fields.pop("data_2d")[rows]
            check_poses(three, MPI_INF_3DHP17, "mm", archive.name, view.member)
            three = three * METRES_PER_UNIT
            published = mpi_inf_3dhp_train_cameras() if view.subject[0] == "S" else mpi_inf_3dhp_test_cameras()
            check_pixels(two, archive.name, view.member)
            found = Found(Camera(view.camera), "annot3", view.camera)
            if count:
                found = find_camera(view.camera, published, three, two)
                if found.kind not in PROJECTING:
                    check_camera_space(three, two, MPI_INF_3DHP17, archive.name, view.member)
            if found.camera.intrinsics is None:
                found = found._replace(camera=replace(found.camera, size=TEST_SIZES.get(view.subject, TRAIN_SIZE)))
            findings.add(f"{view.subject} {view.action} camera {view.camera}", found, count)
            columns.add(view.subject, view.action, found.camera, count, poses_3d=three, poses_2d=two)
            advance(count)
    relative = findings.relative(listed(archive.name for archive in archives))
    notes = (f"millimetres, camera space; 3D is {findings.summary} by reprojection", *findings.notes)
    stored = Stored(MPI_INF_3DHP17, "mm", "root-relative" if relative else "camera", "pixels")
    return columns.dataset(ORIGIN, stored, notes=notes, problems=findings.problems(), absolute=not relative)


def _views_of(archive: Archive) -> Iterator[_View]:
    tree = archive.take_tree(MEMBER)
    try:
        views = list(_views(tree))
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ArchiveError(archive.name, f"{REQUIRED} ({error})", MEMBER) from error
    for view in views:
        if not {"data_2d", "data_3d"} <= set(view.fields):
            raise ArchiveError(archive.name, "lacks data_2d or data_3d", view.member)
    yield from views


def _views(tree: Any) -> Iterator[_View]:
    # Fields are copied, not their arrays: two sequences may share a dictionary.
    for key, value in tree.items():
        if not isinstance(key, str) or not key:
            raise ValueError("a sequence without a name")
        if isinstance(value, dict):
            yield _View(key, TEST_ACTION, key, f"{MEMBER}[{key!r}]", dict(value))
            continue
        subject, action = key.split(" ")
        for camera, fields in value[0].items():
            yield _View(subject, action, str(camera), f"{MEMBER}[{key!r}][0][{camera!r}]", dict(fields))


def _chosen(archive: Archive, view: _View) -> NDArray[np.bool_]:
    """Which frames of a view to read, once its arrays are known to have the right shapes."""
    two, three = view.fields["data_2d"], view.fields["data_3d"]
    frames = len(two) if isinstance(two, np.ndarray) and two.ndim else 0
    for name, array, coordinates in (("data_2d", two, 2), ("data_3d", three, 3)):
        expected = (frames, len(MPI_INF_3DHP17), coordinates)
        if isinstance(array, np.ndarray) and name == "data_2d" and array.shape[2:] == (3,):  # and a confidence
            array = view.fields[name] = array[..., :2]
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        if not isinstance(array, np.ndarray) or array.shape != expected or array.dtype.kind not in "fiu":
            raise ArchiveError(archive.name, f"{name} is {found}, expected numbers of shape {expected}", view.member)
    try:
        valid = np.asarray(view.fields.get("valid", np.ones(frames))).reshape(-1)
    except ValueError:  # lists of unlike lengths
        valid = np.array(None)
    if valid.shape != (frames,) or valid.dtype.kind not in "fiub":
        raise ArchiveError(archive.name, f"{valid.size} valid flags for {frames} frames", view.member)
    return valid.astype(bool)
