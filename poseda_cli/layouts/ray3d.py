"""MPI-INF-3DHP as Ray3D has it: `data_3d_3dhp.npz` and `data_2d_3dhp_gt.npz`.

3D, one pickled member `positions_3d` = {'S1_Seq1_0': {'Action': (n, 17, 3)}, ..., 'TS1': {'Action':
...}}: one entry a subject, sequence and camera (0 to 13), and test sequences TS1, TS3 and TS4. Metres,
annot3 taken from camera space into the world of camera.calibration, which is then turned so that z
points up: (x, y, z) of the release is (x, -z, y) here. Joints in the order of h36m17, root 0. poseda
takes the poses back into the space of the camera that they are named after, by the published
extrinsics; training camera 8 for the test sequences. TS2's are not published, so Ray3D has no TS2.

2D, pickled members `positions_2d` = {the same keys: {'Action': [{'file_name': [...], 'positions_2d':
(n, 17, 2)}]}}, pixels, and `metadata`. Mind that the list holds a dictionary, not an array. It may be
read beside the 3D or alone.

Frames with a joint outside of the image or without an image file are left out of both files, so that
rows are consecutive, but not all frames are. GraphMLP's `data_3d_3dhp.npz` has the same name and other
content (`graphmlp`).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from poseda_cli.cameras import Camera, Floats, world_to_camera
from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.errors import ArchiveError
from poseda_cli.progress import Progress
from poseda_cli.reading.nested import (
    POSES_2D,
    POSES_3D,
    TEST_ACTION,
    first_array,
    first_leaf,
    kinds,
    leaves,
    object_outline,
    view_of,
)
from poseda_cli.reading.paired import read_views
from poseda_cli.reading.views import Nesting, View
from poseda_cli.skeleton import H36M17
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("ray3d", "mpi_inf_3dhp")
ACTION = "Action"
KEY = re.compile(r"(S\d)_(Seq\d)_(\d+)|(TS\d)")


def refusal(archive: Archive) -> str | None:
    """None if this is a 3D or 2D archive of Ray3D, else why not."""
    found = [name for name in (POSES_3D, POSES_2D) if name in archive.members]
    if len(found) != 1:
        return f"needs a member {POSES_3D} or {POSES_2D}" + (", not both" if found else "")
    tree = object_outline(archive, found[0])
    keys, leaf = first_leaf(tree)
    if len(keys) < 2 or not KEY.fullmatch(keys[0]) or keys[1] != ACTION:
        return f"needs in {found[0]} a key 'S1_Seq1_0', and under it 'Action'"
    if found == [POSES_3D]:
        head = first_array(leaf) if not isinstance(leaf, list) else None
        good = head is not None and head.shape[1:] == (17, 3)
        return None if good else f"{POSES_3D} must hold arrays (n, 17, 3)"
    if not isinstance(leaf, list) or (leaf and not isinstance(leaf[0], dict)):
        return f"{POSES_2D} must hold lists of one dictionary with file_name and positions_2d"
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of Ray3D's archives, 3D, 2D or both; see `nested.read_views`.

    Raises
    ------
    ArchiveError : the poses are not in the world that Ray3D has them in
    """
    solid, flat = kinds(archives)
    three = [view for archive in solid for view in _views(archive, POSES_3D)]
    two = [view for archive in flat for view in _views(archive, POSES_2D)]
    notes = ["world space with z up, taken into the space of the camera in each name"] if three else []
    return read_views(LAYOUT, three, two, progress, notes=notes)


def _views(archive: Archive, member: str) -> list[View]:
    views = []
    for (key, action), name, value in leaves(archive, member, 2):
        if not (found := KEY.fullmatch(key)) or action != ACTION:
            raise ArchiveError(archive.name, "expected 'S1_Seq1_0' or 'TS1', and under it 'Action'", name)
        subject, sequence, camera, test = found.groups()
        place = (test, TEST_ACTION, test) if test else (subject, sequence, camera)
        poses = value if member == POSES_3D else _points(archive, name, value)
        views.append(view_of(archive, name, place, H36M17, 3 if member == POSES_3D else 2, poses))
    return views


def _points(archive: Archive, name: str, value: Any) -> Any:
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict) or POSES_2D not in value[0]:
        raise ArchiveError(archive.name, f"expected a list of one dictionary with {POSES_2D}", name)
    return value[0][POSES_2D]


def _seen(poses: Floats, view: View, camera: Camera) -> Floats:
    """Poses of the turned world in the space of a published camera."""
    if camera.rotation is None or camera.centre is None:
        raise ArchiveError(
            view.file,
            f"no published extrinsics for {camera.name}: there is no way from this layout's world to its camera.",
            view.member,
            code="camera",
        )
    released = np.stack([poses[..., 0], poses[..., 2], -poses[..., 1]], axis=-1)
    return world_to_camera(released, np.array(camera.rotation), np.array(camera.centre))


LAYOUT = Nesting(ORIGIN, Stored(H36M17, "m", "world"), H36M17, _seen)
