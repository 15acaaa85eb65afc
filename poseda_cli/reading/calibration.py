"""`camera.calibration`: the cameras of a sequence of MPI-INF-3DHP, as text.

A first line that says what it is, then for each camera lines `name 0`, `size 2048 2048`, `intrinsic`
and `extrinsic` with 16 numbers each (4 x 4, row by row; world to camera, millimetres), and some that do
not matter here. Read by splitting at white space: files that an editor has stripped of their trailing
spaces are the same to us. margipose writes such files for the test set, "Fake Camera Calibration",
with intrinsics that it has estimated and no place of the camera.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.errors import ArchiveError, DamagedArchiveError
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npy import CONTENT

BASE = "camera.calibration"
HEADS = ("Skeletool Camera Calibration", "Fake Camera Calibration")
LENGTHS = {"size": 2, "intrinsic": 16, "extrinsic": 16}
# The published tables have the seven digits of the file.
SAME_PIXELS, SAME_METRES, SAME_ROTATION = 0.01, 1e-4, 1e-5
ORTHONORMAL = 1e-3


def is_calibration(archive: Archive) -> bool:
    """Whether an archive is a camera.calibration."""
    if CONTENT not in archive.members or archive.members[CONTENT][1].kind != "O":
        return False
    text = archive.outline(CONTENT)
    return isinstance(text, str) and text.startswith(HEADS)


def read_calibration(archive: Archive) -> dict[str, Camera]:
    """The cameras of a camera.calibration by name; metres, linear.

    Raises
    ------
    ArchiveError : numbers that no camera has
    DamagedArchiveError : lines or numbers that are missing
    """
    blocks: dict[str, dict[str, list[str]]] = {}
    block: dict[str, list[str]] = {}
    for line in str(archive.tree(CONTENT)).splitlines()[1:]:
        key, *values = line.split() or [""]
        if key == "name":
            block = blocks.setdefault(" ".join(values), {})
        elif key in LENGTHS:
            block[key] = values
    if not blocks:
        raise DamagedArchiveError(archive.name, "no camera in it; fetch it again.")
    return {name: _camera(archive, name, block) for name, block in blocks.items()}


def beside(archive: Archive, calibrations: Mapping[object, dict[str, Camera]]) -> dict[str, Camera]:
    """The cameras of the camera.calibration in an archive's folder; none if it was not read.

    Parameters
    ----------
    calibrations : what was read, by the identity of its file
    """
    file = archive.file.beside(BASE)
    return calibrations.get(file.identity, {}) if file is not None else {}


def differences(found: Mapping[str, Camera], published: Mapping[str, Camera]) -> list[str]:
    """The names of cameras that are not the published ones of these names."""
    return [name for name, camera in found.items() if name in published and not _alike(camera, published[name])]


def _alike(camera: Camera, other: Camera) -> bool:
    assert camera.intrinsics is not None and other.intrinsics is not None
    mine, theirs = (tuple(vars(c.intrinsics).values()) for c in (camera, other))
    if not np.allclose(mine, theirs, rtol=0, atol=SAME_PIXELS):
        return False
    if camera.rotation is None or other.rotation is None or camera.centre is None or other.centre is None:
        return True
    turned = np.allclose(camera.rotation, other.rotation, rtol=0, atol=SAME_ROTATION)
    return turned and np.allclose(camera.centre, other.centre, rtol=0, atol=SAME_METRES)


def _camera(archive: Archive, name: str, block: dict[str, list[str]]) -> Camera:
    size, inner, outer = (_numbers(archive, name, key, block) for key in LENGTHS)
    lens = Intrinsics(inner[0], inner[5], inner[2], inner[6], round(size[0]), round(size[1]))
    if min(lens.fx, lens.fy) <= 0 or not (0 < lens.cx < lens.width and 0 < lens.cy < lens.height):
        raise ArchiveError(
            archive.name,
            f"focal lengths {lens.fx:g}, {lens.fy:g} and principal point {lens.cx:g}, {lens.cy:g} in an image of "
            f"{lens.width} x {lens.height}: no camera has these. Fetch the file again.",
            f"camera {name}",
        )
    matrix = np.reshape(outer, (4, 4))
    rotation, translation = matrix[:3, :3], matrix[:3, 3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > ORTHONORMAL or np.linalg.det(rotation) < 0:
        raise ArchiveError(archive.name, "the extrinsic matrix holds no rotation. Fetch it again.", f"camera {name}")
    if np.array_equal(matrix, np.eye(4)):
        # margipose's stand-in for a place that it does not know.
        return Camera(name, lens)
    centre = -rotation.T @ translation / 1000
    return Camera(name, lens, rotation=tuple(map(tuple, rotation.tolist())), centre=tuple(centre.tolist()))


def _numbers(archive: Archive, name: str, key: str, block: dict[str, list[str]]) -> list[float]:
    values = block.get(key, [])
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = []
    if len(numbers) != LENGTHS[key] or not np.isfinite(numbers).all():
        raise DamagedArchiveError(
            archive.name,
            f"{key} has {len(values)} values, expected {LENGTHS[key]} numbers; fetch it again.",
            f"camera {name}",
        )
    return numbers
