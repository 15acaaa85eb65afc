"""What memory a run is expected to take at its peak: by the layouts of what it reads, and by what it writes.

All figures were measured, as the peak of a small process of its own (ru_maxrss, VmHWM), with what the tests' writers
make of each layout in 80 and in 240 MB, and with 1,559,752 synthetic poses of `poseda sample`. Expectations are rather
high than low: by up to a third, where files of one layout differ that much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

# The interpreter, NumPy, h5py, and what is small whatever is read.
PROGRAM = 70_000_000
# Rows in work and on their way to the file, on two cores, whatever is written.
WORK = 100_000_000


class Contents(NamedTuple):
    """One archive: its layout, its bytes once decoded, and whether it has 3D poses that are `PEAKS_OF_3D`."""

    layout: str
    decoded: int
    has_3d: bool = False


class Peak(NamedTuple):
    """Bytes that reading takes: for each decoded byte of all files, and for each of the largest one.

    Files that are read one after another are in memory one at a time, besides the poses of them all.
    """

    every: float
    largest: float = 0


PEAKS = {
    "poseda": Peak(1.9),
    "videopose3d": Peak(2.15),
    "martinez": Peak(1.3),
    "h36m-raw": Peak(1.25),
    "h36m-fetch": Peak(0.27, 0.6),
    "evoskeleton": Peak(1.35),
    "learnable-triangulation": Peak(5.0),
    "mmpose": Peak(0.97),
    "spin": Peak(1.02),
    "motionbert": Peak(1.1),
    # Between files of float32, which take a tenth more, and of float64.
    "mpi-inf-3dhp-train": Peak(0.36, 0.5),
    "mpi-inf-3dhp-test": Peak(0.75, 0.25),
    "pstmo": Peak(1.5),
    "ray3d": Peak(1.8),
    "zhou": Peak(1.9),
    "graphmlp": Peak(1.7),
    "zemingxie": Peak(2.2),
    "adaptpose": Peak(1.85),
    "margipose": Peak(0.31, 1.1),
    "poseaug-test": Peak(2.05),
    "videopose3d-custom": Peak(3.15),
    "coco": Peak(5.0),
    "plain": Peak(6.1),
}
# Of archives with 3D, where it differs: in world space, each pose is there before four cameras.
PEAKS_OF_3D = {
    "videopose3d": Peak(3.7),
    "martinez": Peak(2.45),
    "h36m-raw": Peak(2.35),
    "evoskeleton": Peak(3.25),
    "ray3d": Peak(3.45),
    "plain": Peak(3.2),
}
# Bytes a row of exports that have all rows in memory before they write.
ROWS = {"videopose3d": 550, "poseaug": 550, "mmpose": 1380, "pstmo": 1080}
# Of those of them that write a 3D file besides.
ROWS_WITH_3D = {"videopose3d": 850, "poseaug": 850}


def of_reading(archives: Iterable[Contents]) -> int:
    """The peak of a process that reads some archives as a whole, bytes.

    Parameters
    ----------
    archives : of all sides
    """
    groups: dict[Peak, list[int]] = {}
    for archive in archives:
        peaks = PEAKS | PEAKS_OF_3D if archive.has_3d else PEAKS
        groups.setdefault(peaks[archive.layout], []).append(archive.decoded)
    return PROGRAM + round(sum(peak.every * sum(sizes) + peak.largest * max(sizes) for peak, sizes in groups.items()))


def of_writing(rows: Mapping[str, int], with_3d: bool) -> int:
    """What writing takes on top of what is in memory by then, bytes.

    Parameters
    ----------
    rows : export -> how many poses it holds; they are written one after another
    with_3d : whether a 3D file for the trainers is written, too; see `exports.videopose3d`
    """
    per_row = ROWS | ROWS_WITH_3D if with_3d else ROWS
    return WORK + max((per_row.get(name, 0) * count for name, count in rows.items()), default=0)
