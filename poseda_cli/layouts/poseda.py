"""augmented.h5, what `poseda align` writes: HDF5, schema 1.

`poses_3d` (N, J, 3) float32, metres, camera space (x right, y down, z forward), at the aligned
position; `poses_2d` (N, J, 2) float32, linear projection with the pose's camera, screen-normalised;
`camera` (N,) uint16, row of `cameras` (name, width, height, fx, fy, cx, cy in pixels, distortion k and
p, NaN and 0 where not known); `source_index`, `target_index` (N,) int64, rows of source and target as read,
-1 for none; `sequences` (subject, action, camera, copy, start, length), consecutive rows in the
source's order, copy -1 for poses that were not aligned; with --view also `rotation` (N, 4) float32, the unit
quaternion (w, x, y, z), camera space, that each pose was turned by about its root.

Root attributes: schema, layout, joint_names, parents, root, units, screen, skeleton, provenance (JSON:
version, options, seed, inputs). The group `shard` of a shard's file is there for `poseda merge`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple, cast, get_args

import numpy as np

from poseda_cli import streamed
from poseda_cli.cameras import (
    Camera,
    Distortion,
    Intrinsics,
    Screen,
    denormalise_points,
    image_sizes,
)
from poseda_cli.checks.sanity import in_single_precision
from poseda_cli.dataset import Origin, PoseDataset, PoseHeads, Sequence, Stored, concatenate
from poseda_cli.errors import ArchiveError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading.row_labels import check_numbers
from poseda_cli.skeleton import SKELETONS, Skeleton
from poseda_cli.storage.archive import Archive, RowArchive
from poseda_cli.streamed import PoseRows, StreamedDataset

ORIGIN = Origin("poseda")
FILE = "augmented.h5"
SCHEMA = 1
NEEDED = ("poses_3d", "poses_2d", "camera", "cameras", "sequences")
FIELDS = {
    "cameras": ("name", "width", "height", "fx", "fy", "cx", "cy", "k", "p"),
    "sequences": ("subject", "action", "camera", "copy", "start", "length"),
}
TEXTS, WHOLE = {"name", "subject", "action", "camera"}, {"width", "height", "copy", "start", "length"}
INTRINSICS = ("fx", "fy", "cx", "cy", "width", "height")


def refusal(archive: Archive) -> str | None:
    """None if this is an augmented.h5, else why not."""
    if _text(archive.attributes.get("layout")) != "poseda":
        return "needs the attribute layout = 'poseda'"
    missing = [name for name in NEEDED if name not in archive.members]
    return f"lacks data sets {', '.join(missing)}" if missing else None


def read(archives: list[RowArchive], progress: Progress) -> PoseDataset:
    """The poses of an augmented.h5.

    Raises
    ------
    ArchiveError : another schema, an unknown skeleton, columns of unlike length
    """
    datasets = []
    with progress("reading", sum(math.prod(archive.members["camera"][0]) for archive in archives)) as advance:
        for archive in archives:
            stored = _stream_one(archive)
            datasets.append(stored.load(0, len(stored)))
            advance(len(datasets[-1]))
    return concatenate(datasets)


def stream(archives: list[RowArchive], progress: Progress) -> PoseHeads:
    """As `read`, with the poses left in their files."""
    return streamed.concatenate([_stream_one(archive) for archive in archives])


class Heads(NamedTuple):
    """All of an augmented.h5 but its rows."""

    skeleton: Skeleton
    screen: Screen
    cameras: tuple[Camera, ...]
    sequences: tuple[Sequence, ...]


def read_heads(archive: Archive) -> Heads:
    """What the rows of an augmented.h5 are of.

    Raises
    ------
    ArchiveError : as `read`
    """
    schema = archive.attributes.get("schema")
    if schema is None or np.ndim(schema) or schema != SCHEMA:
        raise ArchiveError(archive.name, f"schema {schema}; this poseda reads schema {SCHEMA}. Update poseda.")
    skeleton = _skeleton(archive)
    screen = _screen(archive)
    _check_columns(archive)
    cameras = tuple(_camera(row) for row in archive.array("cameras"))
    return Heads(skeleton, screen, cameras, _sequences(archive, archive.members["camera"][0][0]))


def _stream_one(archive: RowArchive) -> StreamedDataset:
    skeleton, screen, cameras, sequences = read_heads(archive)
    count = archive.members["camera"][0][0]
    expected = {"poses_3d": (count, len(skeleton), 3), "poses_2d": (count, len(skeleton), 2)}
    for name, shape in expected.items():
        check_numbers(archive, name, shape)
    sizes = image_sizes(cameras)

    def rows_between(start: int, stop: int) -> PoseRows:
        camera = archive.rows("camera", start, stop)
        if len(camera) and not 0 <= int(camera.min()) <= int(camera.max()) < len(cameras):
            found = f"points to cameras {camera.min()} to {camera.max()} of {len(cameras)}"
            raise ArchiveError(archive.name, found, "camera")
        points = in_single_precision(archive.rows("poses_2d", start, stop))
        return PoseRows(
            camera=camera.astype(np.uint16, copy=False),
            rows=np.arange(start, stop),
            poses_3d=in_single_precision(archive.rows("poses_3d", start, stop)),
            poses_2d=denormalise_points(points, sizes[camera], screen),
        )

    return StreamedDataset.of(
        skeleton,
        cameras,
        sequences,
        rows_between,
        columns=("poses_3d", "poses_2d"),
        origin=replace(ORIGIN, stored=Stored(skeleton, "m", "camera", screen)),
    )


def _check_columns(archive: Archive) -> None:
    for name, fields in FIELDS.items():
        shape, dtype = archive.members[name]
        if len(shape) != 1 or not set(fields) <= set(dtype.names or ()):
            raise ArchiveError(archive.name, f"{dtype} {shape}, expected rows of {listed(fields)}", name)
        wrong = [f"{field} {dtype[field]}" for field in fields if not _fits(field, dtype[field])]
        if wrong:
            raise ArchiveError(archive.name, f"fields of other types than expected: {listed(wrong)}", name)
    shape, dtype = archive.members["camera"]
    if len(shape) != 1 or dtype.kind not in "iu":
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected (N,) whole numbers", "camera")


def _fits(field: str, dtype: np.dtype[Any]) -> bool:
    """Whether a field of a compound holds what its name says: text, a whole number, or real numbers."""
    if field in TEXTS:
        return dtype.kind in "SO"
    kinds = "iu" if field in WHOLE else "f"
    return dtype.base.kind in kinds and dtype.shape == ({"k": (3,), "p": (2,)}.get(field, ()))


def _skeleton(archive: Archive) -> Skeleton:
    joints = tuple(_text(name) for name in np.atleast_1d(archive.attributes.get("joint_names", ())))
    for skeleton in SKELETONS.values():
        if skeleton.joints == joints:
            return skeleton
    raise ArchiveError(archive.name, f"joints {', '.join(joints)} are of no skeleton that poseda knows.", "joint_names")


def _screen(archive: Archive) -> Screen:
    found = _text(archive.attributes.get("screen"))
    for screen in get_args(Screen):
        if found == screen:
            return cast(Screen, screen)
    raise ArchiveError(archive.name, f"screen is {found!r}, expected {listed(get_args(Screen))}.")


def _camera(row: Any) -> Camera:
    known = not np.isnan(row["fx"])
    distorted = not np.isnan(row["k"]).any()
    size = (int(row["width"]), int(row["height"]))
    return Camera(
        name=_text(row["name"]),
        intrinsics=Intrinsics(*(row[key].item() for key in INTRINSICS)) if known else None,
        size=size if not known and all(size) else None,
        distortion=Distortion(tuple(row["k"].tolist()), tuple(row["p"].tolist())) if distorted else None,
    )


def _sequences(archive: Archive, rows: int) -> tuple[Sequence, ...]:
    sequences = tuple(
        Sequence(
            subject=_text(row["subject"]),
            action=_text(row["action"]),
            camera=_text(row["camera"]),
            start=int(row["start"]),
            length=int(row["length"]),
            copy=int(row["copy"]),
        )
        for row in archive.array("sequences")
    )
    if any(sequence.length < 0 for sequence in sequences):
        raise ArchiveError(archive.name, "a sequence of less than no rows", "sequences")
    starts = np.cumsum([0, *(sequence.length for sequence in sequences)]).tolist()
    if starts[-1] != rows or [sequence.start for sequence in sequences] != starts[:-1]:
        raise ArchiveError(archive.name, f"sequences do not follow each other over {rows} rows", "sequences")
    return tuple(sequence for sequence in sequences if sequence.length)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
