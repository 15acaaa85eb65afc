"""mmpose 1.x, class Human36mDataset: mmpose_NAME.npz and cameras.pkl.

Plain arrays, float32: imgname, center, scale, part (N, 17, 3) pixels and visibility, S (N, 17, 4) metres in
camera space and visibility; joints of h36m17. Names are `SUBJECT_ACTION.CAMERA_FRAME.jpg`, from which the
loader takes subject, action and camera. cameras.pkl has what `camera_param_file` needs, by (subject, camera):
f, c, w, h, k, p, name, id, and R (camera to world) and T (centre, metres) where they are known and mean something:
aligned poses have left the world.

An aligned pose has the camera of its target: of a source sequence each target camera gets the rows that it
was drawn for, and the source's camera goes into the action, as the copy does (`Walking_1_54138969_copy2`;
`_source` for poses that were not aligned).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Camera
from poseda_cli.chunks import Chunk, ChunkSource
from poseda_cli.dataset import Sequence
from poseda_cli.exports.rows import copy_suffix, gather, lacks_kinds, unknown_cameras
from poseda_cli.progress import Progress, one_at_a_time, silent
from poseda_cli.skeleton import H36M17, joint_map
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_writer import write_npz
from poseda_cli.storage.pickle_writer import bare_pickle

CAMERA_FILE = "cameras.pkl"
# What the field's preprocessing does: 1.2 times the larger side of the box, in units of 200 pixels.
PADDING, UNIT = 1.2, 200


def unwritable(source: ChunkSource) -> str | None:
    """None if mmpose's files can hold the data, else why not."""
    if reason := lacks_kinds(source):
        return reason
    if "Neck/Nose" not in source.skeleton.position:
        return "it has 17 joints, the data 16 (no Neck/Nose)"
    if unknown := unknown_cameras(source):
        return f"its camera file has focal lengths and image sizes, those of {', '.join(unknown)} are not known"
    return None


def losses(source: ChunkSource) -> list[str]:
    """What mmpose's files do not hold of the data."""
    lost = [] if source.absolute else ["where people stand (3D is relative to the root)"]
    if source.whole is not None:
        lost.append("which target each pose was given")
    if source.screen == "axes":
        lost.append("the normalisation per axis (mmpose divides both axes by the width)")
    return lost


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write mmpose_NAME.npz and cameras.pkl; see `exports`."""
    rows = gather(source, progress)
    arrays = {"imgname": _image_names(source, rows, progress), **_poses(source, rows, progress)}
    file = f"mmpose_{name}.npz"
    write_npz(folder / file, arrays, compression, progress)
    (folder / CAMERA_FILE).write_bytes(b"".join(bare_pickle(_camera_table(source, rows))))
    return [file, CAMERA_FILE]


def _poses(source: ChunkSource, rows: Chunk, progress: Progress) -> dict[str, NDArray[np.float32]]:
    """The arrays of numbers."""
    count, joints = len(rows.camera), joint_map(source.skeleton, H36M17)
    all_3d, all_2d = np.asarray(rows.poses_3d), np.asarray(rows.poses_2d)
    center, scale = np.empty((count, 2), np.float32), np.empty(count, np.float32)
    part, s = np.empty((count, len(joints), 3), np.float32), np.empty((count, len(joints), 4), np.float32)
    with progress("arranging", count) as advance:
        done = one_at_a_time(advance)

        def work(start: int, stop: int) -> None:
            block = slice(start, stop)
            points = all_2d[block][:, joints]
            low, high = points.min(1), points.max(1)
            with np.errstate(over="ignore", invalid="ignore"):  # of poses that are not finite the box is not, either
                center[block], scale[block] = (low + high) / 2, PADDING / UNIT * (high - low).max(1)
            part[block, :, :2], s[block, :, :3] = points, all_3d[block][:, joints]
            part[block, :, 2] = s[block, :, 3] = 1 if rows.visible is None else rows.visible[block][:, joints]
            done(stop - start)

        for_blocks(work, count, block=4 * BLOCK)
    return {"center": center, "scale": scale, "part": part, "S": s}


def _image_names(source: ChunkSource, rows: Chunk, progress: Progress) -> NDArray[np.str_]:
    names = [np.array([], np.str_)]
    cameras_called = _camera_names(source.cameras)
    with progress("naming", len(source)) as advance:
        for sequence in source.sequences:
            cameras = rows.camera[sequence.start : sequence.start + sequence.length]
            moved = any(source.cameras[camera].name != sequence.camera for camera in np.unique(cameras).tolist())
            prefix = f"{_plain(sequence.subject, '_')}_{_plain(_action(sequence, moved), '.')}"
            labels = [f"{prefix}.{camera}" for camera in cameras_called]
            found = [f"{labels[camera]}_{frame:06d}.jpg" for frame, camera in enumerate(cameras.tolist(), 1)]
            names.append(np.array(found))
            advance(sequence.length)
    return np.concatenate(names)


def _action(sequence: Sequence, moved: bool) -> str:
    """The name that keeps its rows together, and apart from those of other cameras and copies."""
    action = sequence.action.replace(" ", "_")
    if moved:
        action += f"_{sequence.camera}"
    return action + copy_suffix(sequence)


def _plain(name: str, separator: str) -> str:
    """A part of a name without what separates the parts; the loader splits at the first of each."""
    return name.replace(separator, "-").replace("/", "-")


def _camera_table(source: ChunkSource, rows: Chunk) -> dict[tuple[str, str], dict[str, Any]]:
    table, names = {}, _camera_names(source.cameras)
    for sequence in source.sequences:
        used = np.unique(rows.camera[sequence.start : sequence.start + sequence.length])
        for index in used.tolist():
            table[_plain(sequence.subject, "_"), names[index]] = _camera(source.cameras[index], source.whole is None)
    return table


def _camera_names(cameras: tuple[Camera, ...]) -> list[str]:
    """The cameras' names; cameras of one name with other lenses, as two subjects may have them, are numbered."""
    lenses: dict[str, list[object]] = {}
    names = []
    for camera in cameras:
        name, lens = _plain(camera.name, "_"), (camera.intrinsics, camera.distortion)
        known = lenses.setdefault(name, [])
        if lens not in known:
            known.append(lens)
        names.append(f"{name}-{known.index(lens) + 1}" if lens != known[0] else name)
    return names


def _camera(camera: Camera, placed: bool) -> dict[str, Any]:
    lens = camera.intrinsics
    assert lens is not None
    entry: dict[str, Any] = {
        "f": np.array([[lens.fx], [lens.fy]]),
        "c": np.array([[lens.cx], [lens.cy]]),
        "w": lens.width,
        "h": lens.height,
        "name": camera.name,
        "id": camera.name,
    }
    # Aligned 2D is linear, and has left the world.
    if placed and camera.distortion is not None:
        entry["k"] = np.array(camera.distortion.k)[:, None]
        entry["p"] = np.array(camera.distortion.p)[:, None]
    if placed and camera.rotation is not None:
        entry["R"], entry["T"] = np.array(camera.rotation).T, np.array(camera.centre)[:, None]
    return entry
