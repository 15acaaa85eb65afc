"""How much room outputs take on a disk, at least."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from poseda_cli.storage.deflate import Compression

FLOAT = 4
# Poses take more than this part of their bytes, however they are compressed: their last bits are noise.
PACKED = 4


class Width(NamedTuple):
    """Of a row: how many numbers it has for each joint, and how many bytes besides."""

    numbers: int
    others: int = 0


# Names, which differ in length, not counted. VideoPose3D's files have 2D alone where the trainers keep their 3D.
WIDTHS = {
    "poseda": Width(5, 18),
    "plain": Width(5, 24),
    "poseaug-test": Width(5),
    "pstmo": Width(5),
    "mmpose": Width(7, 12),
    "videopose3d": Width(2),
    "poseaug": Width(2),
}


def of_output(exports: Iterable[str], rows: int, joints: int, compression: Compression) -> int:
    """Bytes that an output takes at least.

    Parameters
    ----------
    exports : in which forms
    rows, joints : of the poses
    compression : of the files
    """
    widths = [WIDTHS[name] for name in dict.fromkeys(exports)]
    size = rows * sum(FLOAT * width.numbers * joints + width.others for width in widths)
    return size if compression == "none" else size // PACKED
