"""Names of images that say which subject, action and camera they show, and which frame.

    S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg   Human3.6M: mmpose
    images/S9_Directions_1.54138969_000001.jpg                        Human3.6M: SPIN, with or without the folder
    S1_Seq1_Cam0_000001.jpg, TS1_000001.jpg                           MPI-INF-3DHP: mmpose
    S1/Seq1/imageFrames/video_0/frame_000001.jpg                      MPI-INF-3DHP: SPIN, training
    mpi_inf_3dhp_test_set/TS3/imageSequence/img_000751.jpg            MPI-INF-3DHP: SPIN, test
    S1_Seq1.0_000001.jpg, TS1_Seq1.TS1_000001.jpg                     any data in the form that mmpose's class for
                                                                      Human3.6M can split: what poseda writes

Frames are counted from 1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Floats
from poseda_cli.errors import ArchiveError
from poseda_cli.published import h36m_subjects
from poseda_cli.reading.h36m_names import CAMERAS, canonical

# Names that are Python objects at once; all of a data set would take more memory than its poses.
BLOCK = 1 << 16
LONGEST_NUMBER = 9
TEST_ACTION = "Seq1"

# Of a name without its frame number. The first is tried on the last part of a path, the others on the whole.
SPLIT_BY_DOT = re.compile(r"([^_/.]+)_([^./]+)\.([^_./]+)")
OF_3DHP = (
    re.compile(r"(?:.*/)?(?P<subject>S\d+)_(?P<action>Seq\d+)_Cam(?P<camera>\d+)"),
    re.compile(r"(?:.*/)?(?P<subject>TS\d+)"),
    re.compile(r"(?:.*/)?(?P<subject>S\d+)/(?P<action>Seq\d+)/imageFrames/video_(?P<camera>\d+)/frame"),
    re.compile(r"(?:.*/)?(?P<subject>TS\d+)/imageSequence/img"),
)
EXAMPLES = "S1_Directions_1.54138969_000001.jpg, S1_Seq1_Cam0_000001.jpg, S1/Seq1/imageFrames/video_0/frame_000001.jpg"


class View(NamedTuple):
    """What a name shows.

    Parameters
    ----------
    subject, action, camera : as poseda calls them
    dataset : 'h36m', 'mpi_inf_3dhp', or None where the parts are those of neither
    by_dot : whether it has the form of Human3.6M's names, SUBJECT_ACTION.CAMERA_FRAME
    """

    subject: str
    action: str
    camera: str
    dataset: str | None
    by_dot: bool

    def __str__(self) -> str:
        return f"{self.subject} {self.action} camera {self.camera}"


class Named(NamedTuple):
    """The rows of each view in the order in which they are stored, and the frame number of each row."""

    views: dict[View, NDArray[np.int64]]
    frames: NDArray[np.int64]


def parse(stem: str) -> View | None:
    """The view that a name without frame number and suffix shows; None if it has none of the known forms."""
    stem = stem.replace("\\", "/")
    if match := SPLIT_BY_DOT.fullmatch(stem.rpartition("/")[2]):
        return _by_dot(*match.groups())
    for pattern in OF_3DHP:
        if match := pattern.fullmatch(stem):
            parts = match.groupdict()
            subject = parts["subject"]
            return View(subject, parts.get("action", TEST_ACTION), parts.get("camera", subject), "mpi_inf_3dhp", False)
    return None


def _by_dot(subject: str, action: str, camera: str) -> View:
    name = canonical(action)
    if subject in h36m_subjects() and camera in CAMERAS and re.fullmatch(r"[A-Za-z]+( \d)?", name):
        return View(subject, name, camera, "h36m", True)
    is_3dhp = re.fullmatch(r"S\d+_Seq\d+_\d+|(TS\d+)_Seq1_\1", f"{subject}_{action}_{camera}")
    return View(subject, action.replace("_", " "), camera, "mpi_inf_3dhp" if is_3dhp else None, True)


def read_names(names: NDArray[np.str_ | np.bytes_], file: str, member: str) -> Named:
    """Views and frame numbers of many names.

    Parameters
    ----------
    names : (N,) text
    file, member : for the message

    Raises
    ------
    ArchiveError : a name of an unknown form
    """
    frames, groups = np.empty(len(names), np.int64), np.empty(len(names), np.int32)
    stems: dict[str, int] = {}
    for start in range(0, len(names), BLOCK):
        for row, name in enumerate(_texts(names[start : start + BLOCK]), start):
            stem, _, tail = name.rpartition("_")
            number = tail.partition(".")[0]
            if not (number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER):
                raise _unknown(name, row, file, member)
            frames[row] = int(number)
            groups[row] = stems.setdefault(stem, len(stems))
    firsts: dict[View, list[NDArray[np.int64]]] = {}
    for stem, rows in zip(stems, _rows_of_groups(groups, len(stems)), strict=True):
        view = parse(stem)
        if view is None:
            raise _unknown(str(names[rows[0]]), int(rows[0]), file, member)
        firsts.setdefault(view, []).append(rows)
    # One view may have two spellings: a name with and without its folder.
    views = {view: rows[0] if len(rows) == 1 else np.sort(np.concatenate(rows)) for view, rows in firsts.items()}
    return Named(views, frames)


def _texts(names: NDArray[np.str_ | np.bytes_]) -> list[str]:
    return [name.decode("latin-1") for name in names.tolist()] if names.dtype.kind == "S" else names.tolist()


def _rows_of_groups(groups: NDArray[np.int32], count: int) -> list[NDArray[np.int64]]:
    ends = np.cumsum(np.bincount(groups, minlength=count))[:-1]
    return np.split(np.argsort(groups, kind="stable"), ends) if count else []


def _unknown(name: str, row: int, file: str, member: str) -> ArchiveError:
    message = f"row {row} is {name!r}, which names no subject, camera and frame in a known way ({EXAMPLES}, ...)."
    return ArchiveError(file, message, member, code="names")


def in_time(rows: NDArray[np.int64], frames: NDArray[np.int64], poses: Floats) -> NDArray[np.int64]:
    """The rows of one view in the order of their frame numbers, unless the motion contradicts it.

    SPIN's script lists images in whatever order the file system gives, and pairs them with poses that are in
    order: then the numbers are wrong and not the rows.

    Parameters
    ----------
    rows : of one view, as stored
    frames : (N,) number of each row
    poses : (N, J, any), of all rows
    """
    numbers = frames[rows]
    if (numbers[1:] >= numbers[:-1]).all():
        return rows
    ordered = rows[np.argsort(numbers, kind="stable")]
    return ordered if _path(poses[ordered]) <= _path(poses[rows]) else rows


def _path(poses: Floats) -> float:
    """How far joints travel in all from row to row."""
    return float(np.nansum(np.abs(np.diff(poses, axis=0))))
