"""The published cameras of both data sets, from package data."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from poseda_cli.cameras import Camera, Distortion, Intrinsics


@cache
def _table(name: str) -> dict[str, Any]:
    text = files("poseda_cli.data").joinpath(f"{name}_cameras.json").read_text(encoding="utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def _intrinsics(row: dict[str, Any]) -> Intrinsics:
    return Intrinsics(*(row[key] for key in ("fx", "fy", "cx", "cy", "width", "height")))


@cache
def h36m_cameras(subject: str) -> tuple[Camera, ...]:
    """The four cameras of Human3.6M as they stood for one subject, in index order 0 to 3.

    Returns
    -------
    54138969, 55011271, 58860488, 60457274 (camera1..4, ca_01..04 elsewhere), or () for a subject
    that the release does not have. World: metres, z up.

    Source: metadata.xml of the release, all 11 subjects; VideoPose3D's table holds the same numbers
    in float32 for seven of them.
    """
    table = _table("h36m")
    if subject not in table["subjects"]:
        return ()
    return tuple(
        Camera(
            name=name,
            intrinsics=_intrinsics(row),
            distortion=Distortion(tuple(row["k"]), tuple(row["p"])),
            rotation=tuple(map(tuple, table["subjects"][subject][name]["rotation"])),
            centre=tuple(value / 1000 for value in table["subjects"][subject][name]["centre_mm"]),
        )
        for name, row in table["cameras"].items()
    )


def h36m_subjects() -> tuple[str, ...]:
    """The subjects whose cameras are published: S1 to S11."""
    return tuple(_table("h36m")["subjects"])


class H36mSequence(NamedTuple):
    """A sequence as metadata.xml has it: ids, length of the 3D, lengths of the videos (50 Hz) in camera order."""

    action: int
    subaction: int
    frames_3d: int
    video_frames: tuple[int, ...]


@cache
def h36m_sequences(subject: str) -> dict[str, H36mSequence]:
    """The sequences of one subject of Human3.6M by canonical name ('Directions 1'); {} for unknown subjects.

    Source: metadata.xml of the release. The number in a name is not the subaction's: mostly 'X 1' is
    subaction 1 and 'X' subaction 2, but SittingDown is the other way round for five subjects.
    """
    text = files("poseda_cli.data").joinpath("h36m_sequences.json").read_text(encoding="utf-8")
    rows = json.loads(text)["subjects"].get(subject, {})
    return {name: H36mSequence(row[0], row[1], row[2], tuple(row[3:])) for name, row in rows.items()}


# Annotated frames of MPI-INF-3DHP's training videos, by subject and sequence, as the release's own
# mpii_get_sequence_info counts them; some annot.mat go on behind them.
MPI_INF_3DHP_TRAIN_FRAMES = {
    ("S1", "Seq1"): 6416, ("S1", "Seq2"): 12430, ("S2", "Seq1"): 6502, ("S2", "Seq2"): 6081,
    ("S3", "Seq1"): 12488, ("S3", "Seq2"): 12283, ("S4", "Seq1"): 6171, ("S4", "Seq2"): 6675,
    ("S5", "Seq1"): 12820, ("S5", "Seq2"): 12312, ("S6", "Seq1"): 6188, ("S6", "Seq2"): 6145,
    ("S7", "Seq1"): 6239, ("S7", "Seq2"): 6320, ("S8", "Seq1"): 6468, ("S8", "Seq2"): 6054,
}  # fmt: skip


@cache
def mpi_inf_3dhp_train_cameras() -> dict[str, Camera]:
    """The 14 cameras of MPI-INF-3DHP's training set, by number as a string.

    Linear; world in metres, y up; the same for all subjects and sequences.

    Source: camera.calibration of the release, as mmpose, Ray3D and zemingxie carry it; cameras 3 and
    9 to 13 from the last two only, which agree.
    """
    return {name: _mpi_camera(name, row) for name, row in _table("mpi_inf_3dhp")["train"].items()}


@cache
def mpi_inf_3dhp_test_cameras() -> dict[str, Camera]:
    """The cameras of MPI-INF-3DHP's test sequences TS1 to TS6, by sequence.

    TS1, TS3 and TS4 were seen by training camera 8; TS2 by one of unknown extrinsics; TS5 and TS6 by
    a 1920 x 1080 outdoor camera. Linear; the 2D annotations are undistorted.

    Source: ts1-4cameras.calib and ts5-6cameras.calib of the release; TS2 fitted to the exactly
    annotated joints of a published frame (0.003 px median error, camera 8 would give 6.2 px).
    """
    return {name: _mpi_camera(name, row) for name, row in _table("mpi_inf_3dhp")["test"].items()}


def _mpi_camera(name: str, row: dict[str, Any]) -> Camera:
    if "rotation" not in row:
        return Camera(name, _intrinsics(row))
    centre = -np.array(row["rotation"]).T @ np.array(row["translation_mm"]) / 1000
    return Camera(
        name=name,
        intrinsics=_intrinsics(row),
        rotation=tuple(map(tuple, row["rotation"])),
        centre=tuple(centre.tolist()),
    )
