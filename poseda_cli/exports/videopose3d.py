"""Human3.6M for VideoPose3D and its descendants: data_2d_h36m_NAME.npz, and data_3d_h36m.npz where it is new.

Alignment leaves 3D relative to the root as it is, so a trainer keeps its data_3d_h36m.npz and takes the
new 2D with `-k NAME`. Pixels are such that the trainer's own normalisation, by its fixed image sizes,
gives our normalised 2D. Every subject, action and camera of the source is in the file: what was not
aligned, or dropped, has its own 2D. Of several copies each has its file: NAME, NAME_2, ...; with
--include-source NAME_source has the source's own 2D.

A conversion, and an alignment of another source than a data_3d_h36m.npz alone, or with --bones, writes world-space
3D of 32 joints as well. The 15 that all trainers remove, and no 17-joint
data has, repeat the nearest joint that is there.

Object members are pickles of protocol 3 with NumPy's old names, which NumPy 1.16 and later load.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.bones import scaled
from poseda_cli.cameras import Camera, world_to_camera
from poseda_cli.chunks import Chunk, ChunkSource
from poseda_cli.dataset import EVERYTHING, PoseDataset, PoseHeads, Sequence
from poseda_cli.errors import InputError, listed
from poseda_cli.exports.rows import gather, image_points, trainer_pixels
from poseda_cli.global_position import joint_major
from poseda_cli.placement import UNALIGNED
from poseda_cli.progress import Progress, silent
from poseda_cli.published import h36m_cameras
from poseda_cli.skeleton import H36M17, H36M32, Skeleton, joint_map
from poseda_cli.storage.deflate import Compression
from poseda_cli.storage.npz_writer import write_object_npz

SKELETON: Skeleton = H36M17
# Subjects whose extrinsics the loader has, and those among them that it expects to have 3D.
LOADED = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S11")
WITH_3D = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
FILE_3D = "data_3d_h36m.npz"
# Raw joints that no 17-joint data has -> the raw joint whose place they take. 16, 24 and 11 coincide with
# those in the release, and so do 20, 28 and the wrists' ends; toes and thumbs are only near.
STAND_INS = {
    4: 3, 5: 3, 9: 8, 10: 8, 11: 0, 16: 13, 20: 19, 21: 19, 22: 19, 23: 19,
    24: 13, 28: 27, 29: 27, 30: 27, 31: 27,
}  # fmt: skip
# Poses whose pixels are computed at once.
CHUNK = 65_536
# Metres by which the four cameras' views may disagree about the world.
AGREE = 0.001


def unwritable(source: ChunkSource) -> str | None:
    """None if VideoPose3D's files can hold the data, else why not."""
    return unwritable_as(source, SKELETON)


def losses(source: ChunkSource) -> list[str]:
    """What VideoPose3D's files do not hold of the data."""
    lost = []
    if source.has_visible:
        lost.append("which joints are visible")
    if source.whole is not None:
        lost.append("which target each pose was given, and its new depth")
    elif source.has_3d and len({(s.subject, s.action) for s in source.sequences}) < len(
        {(s.subject, s.action, s.length) for s in source.sequences}
    ):
        lost.append("frames at the end of sequences that not all four cameras have")
    return lost


def write(
    source: ChunkSource,
    folder: Path,
    name: str = "",
    progress: Progress = silent,
    compression: Compression = "none",
) -> list[str]:
    """Write data_2d_h36m_NAME.npz, and of a conversion data_3d_h36m.npz; see `exports`."""
    return write_as(source, folder, name, SKELETON, progress, compression)


def unwritable_as(source: ChunkSource, skeleton: Skeleton) -> str | None:
    """None if the files can hold the data with the joints of `skeleton`, else why not."""
    data = source if source.whole is None else source.whole
    if source.provenance["options"]["stride"] != 1 and source.whole is not None:
        return "its 2D has every frame of the 3D; leave out --stride"
    if source.turned:
        return (
            "it has one 3D pose for all four cameras, and --view turns it for each of them; --to plain, mmpose or "
            "pstmo hold that"
        )
    options = source.provenance["options"]
    if source.bodies is not None and (options["copies"] > 1 or options["include_source"]):
        return "it has one 3D file, with --bones each copy has bones of its own; leave out --copies, --include-source"
    if source.dataset is None:
        return "its loader knows Human3.6M only, and the data does not say that it is; convert the original archive"
    if source.dataset != "h36m":
        return "its loader knows the subjects and cameras of Human3.6M only"
    strange = sorted({s.subject for s in data.sequences} - set(WITH_3D if source.has_3d else LOADED))
    if strange:
        return f"its loader has no cameras of subject {listed(strange)}; leave it out with --subjects"
    if any(joint not in source.skeleton.position for joint in skeleton.meanings if joint):
        return f"it has {len(skeleton)} joints, the data {len(source.skeleton)}"
    if _writes_3d(source) and len(source.skeleton) < len(H36M17):
        return "its 3D file has all of Human3.6M's joints, the data has no Neck/Nose"
    if _writes_3d(source) and not (source if source.whole is None else source.whole).absolute:
        return "its 3D is in world space, the data's is relative to the root"
    if source.whole is not None and not source.whole.has_2d and not source.whole.absolute:
        return "what is not aligned keeps its own 2D; the source's 3D is relative to the root and cannot be projected"
    return _incomplete(data.sequences, data is source.whole)


def _writes_3d(source: ChunkSource) -> bool:
    return source.has_3d and (source.whole is None or source.bodies is not None or not _has_own_file(source.whole))


def _incomplete(sequences: tuple[Sequence, ...], aligned: bool) -> str | None:
    """The loader wants all four cameras of every sequence, each once."""
    views = Counter((s.subject, s.action, s.camera) for s in sequences)
    if any(count > 1 for count in views.values()):
        return "its sequences are whole; the data has one in parts"
    for subject, action in dict.fromkeys((s.subject, s.action) for s in sequences):
        wanted = [camera.name for camera in h36m_cameras(subject)]
        missing = [camera for camera in wanted if (subject, action, camera) not in views]
        if missing:
            hint = "" if aligned else "; convert all cameras"
            return f"it needs all four cameras, {subject} {action} lacks {listed(missing)}{hint}"
    return None


def write_as(
    source: ChunkSource, folder: Path, name: str, skeleton: Skeleton, progress: Progress, compression: Compression
) -> list[str]:
    """As `write`, with the joints of `skeleton` in 2D."""
    if source.whole is None:
        return _write_conversion(source, folder, name, skeleton, progress, compression)
    whole = source.whole.load(0, len(source.whole))
    if source.bodies is not None:
        whole = _with_bodies(whole, source.sequences, source.bodies)
    files, sequences = [], whole.sequences
    if _writes_3d(source):
        files.append(FILE_3D)
        sequences = _write_3d(folder, sequences, whole.skeleton, np.asarray(whole.poses_3d), progress, compression)
    for copy, points in _aligned_copies(source, whole, progress):
        suffix = "_source" if copy == UNALIGNED else f"_{copy + 1}" if copy else ""
        files.append(f"data_2d_h36m_{name}{suffix}.npz")
        _write_2d(folder / files[-1], sequences, points, source.skeleton, skeleton, progress, compression)
    return sorted(files, key=lambda file: file.endswith("_source.npz"))


def _with_bodies(whole: PoseDataset, aligned: tuple[Sequence, ...], bodies: NDArray[np.float32]) -> PoseDataset:
    """The source with the bones of its aligned sequences; all cameras see the same body, so there is one world."""
    factors = {(s.subject, s.action): body for s, body in zip(aligned, bodies, strict=True)}
    poses, skeleton = np.array(whole.poses_3d), whole.skeleton
    for subject, action, _, start, length, _ in whole.sequences:
        if (body := factors.get((subject, action))) is None:
            continue
        major = joint_major(poses[start : start + length])
        root = major[skeleton.root]
        with np.errstate(invalid="ignore"):  # infinities
            changed = scaled(major - root, skeleton, body[:, None]) + root
        poses[start : start + length] = changed.transpose(2, 0, 1)
    return replace(whole, poses_3d=poses)


def _has_own_file(whole: PoseHeads) -> bool:
    """Whether the source is a data_3d_h36m.npz and nothing else, to which the new 2D belongs as it is."""
    origin = whole.origin
    return origin.layout == "videopose3d" and len(origin.files) == 1 and origin.selection == EVERYTHING


def _write_conversion(
    source: ChunkSource, folder: Path, name: str, skeleton: Skeleton, progress: Progress, compression: Compression
) -> list[str]:
    rows = gather(source, progress)
    sequences, files = source.sequences, []
    if rows.poses_3d is not None:
        files.append(FILE_3D)
        sequences = _write_3d(folder, sequences, source.skeleton, rows.poses_3d, progress, compression)
    if rows.poses_2d is not None:
        files.append(f"data_2d_h36m_{name}.npz")
        points = _fitted_rows(rows, source, progress)
        _write_2d(folder / files[-1], sequences, points, source.skeleton, skeleton, progress, compression)
    return files


def _fitted_rows(rows: Chunk, source: ChunkSource, progress: Progress) -> NDArray[np.float32]:
    """(N, J, 2) pixels as the trainer takes them."""
    found, sizes = np.asarray(rows.poses_2d), _sizes(source.cameras)
    points = np.empty(found.shape, np.float32)
    with progress("projecting", len(points)) as advance:
        for start in range(0, len(points), CHUNK):
            part = slice(start, min(start + CHUNK, len(points)))
            columns: list[Any] = [None if column is None else column[part] for column in rows]
            chunk = Chunk(*columns)
            points[part] = trainer_pixels(found[part], chunk, source, sizes[chunk.camera])
            advance(part.stop - part.start)
    return points


def _write_3d(
    folder: Path,
    sequences: tuple[Sequence, ...],
    stored: Skeleton,
    poses: NDArray[np.float32],
    progress: Progress,
    compression: Compression,
) -> tuple[Sequence, ...]:
    """Write the 3D file; the sequences as long as they are in it, since PoseAug takes no 2D that is longer."""
    with progress("arranging", len(poses)) as advance:
        world = _world(sequences, stored, poses, advance)
    write_object_npz(folder / FILE_3D, {"positions_3d": world}, compression=compression, progress=progress)
    return tuple(s._replace(length=len(world[s.subject][s.action])) for s in sequences)


def _sizes(cameras: tuple[Camera, ...]) -> NDArray[np.float64]:
    """(C, 2) width and height that the loader assumes for each camera, by its name."""
    lenses = {camera.name: camera.intrinsics for camera in h36m_cameras("S1")}
    return np.array([(lens.width, lens.height) if (lens := lenses.get(c.name)) else (0, 0) for c in cameras], float)


def _aligned_copies(
    source: ChunkSource, whole: PoseDataset, progress: Progress
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Each copy's 2D for the rows of `whole`, in pixels as the trainer takes them."""
    own = _own_points(whole, progress)
    place = np.empty(int(whole.rows.max()) + 1, np.int64)
    place[whole.rows] = np.arange(len(whole))
    copies = np.repeat([s.copy for s in source.sequences], [s.length for s in source.sequences])
    current, points, start = int(copies[0]), own.copy(), 0
    with progress("writing 2D", len(source)) as advance:
        for chunk in source.chunks():
            stop = start + len(chunk.camera)
            rows = place[chunk.source_index]
            for copy in np.unique(copies[start:stop]).tolist():
                if copy != current:
                    yield current, points
                    current, points = copy, own.copy()
                if copy != UNALIGNED:
                    of_copy = copies[start:stop] == copy
                    points[rows[of_copy]] = _fitted(chunk, source, whole, rows)[of_copy]
            advance(stop - start)
            start = stop
    yield current, points


def _fitted(chunk: Chunk, source: ChunkSource, whole: PoseDataset, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    size = _sizes(whole.cameras)[whole.camera[rows]]
    fitted: NDArray[np.float32] = trainer_pixels(np.asarray(chunk.poses_2d), chunk, source, size).astype(np.float32)
    return fitted


def _own_points(whole: PoseDataset, progress: Progress) -> NDArray[np.float32]:
    """(N, J, 2) pixels of the source in its own cameras: as read, or projected with the lens."""
    if whole.poses_2d is not None:
        return whole.poses_2d
    poses = np.asarray(whole.poses_3d)
    points = np.empty((*poses.shape[:2], 2), np.float32)
    with progress("projecting", len(poses)) as advance:
        for start in range(0, len(poses), CHUNK):
            rows = slice(start, min(start + CHUNK, len(poses)))
            chunk = Chunk(poses[rows], None, whole.camera[rows], whole.rows[rows], whole.rows[rows])
            points[rows] = image_points(chunk, whole.cameras, lens=True)
            advance(rows.stop - rows.start)
    return points


def _write_2d(
    path: Path,
    sequences: tuple[Sequence, ...],
    points: NDArray[np.float32],
    stored: Skeleton,
    skeleton: Skeleton,
    progress: Progress,
    compression: Compression,
) -> None:
    joints = joint_map(stored, skeleton)
    views: dict[str, dict[str, list[Any]]] = {}
    for sequence in sequences:
        index = [camera.name for camera in h36m_cameras(sequence.subject)].index(sequence.camera)
        actions = views.setdefault(sequence.subject, {})
        rows = slice(sequence.start, sequence.start + sequence.length)
        actions.setdefault(sequence.action, [None] * 4)[index] = points[rows][:, joints]
    metadata = {
        "layout_name": "h36m",
        "num_joints": len(skeleton),
        "keypoints_symmetry": [list(skeleton.left), list(skeleton.right)],
    }
    trees = {"positions_2d": views, "metadata": metadata}
    write_object_npz(path, trees, compression=compression, progress=progress)


def _world(
    sequences: tuple[Sequence, ...],
    stored: Skeleton,
    poses: NDArray[np.float32],
    advance: Callable[[int], object],
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """{subject: {action: (T, 32, 3)}} metres in world space, once the four views are known to agree."""
    used = joint_map(H36M32, H36M17)
    stand_ins = np.array([STAND_INS.get(joint, joint) for joint in range(len(H36M32))])
    world: dict[str, dict[str, NDArray[np.float32]]] = {}
    for sequence in sequences:
        cameras = {camera.name: camera for camera in h36m_cameras(sequence.subject)}
        camera = cameras[sequence.camera]
        rotation, centre = np.array(camera.rotation), np.array(camera.centre)
        seen = poses[sequence.start : sequence.start + sequence.length][:, joint_map(stored, H36M17)]
        # The way back from a camera is the way into another.
        points = world_to_camera(seen, rotation.T, -rotation @ centre)
        advance(sequence.length)
        actions = world.setdefault(sequence.subject, {})
        if sequence.action not in actions:
            full = np.zeros((len(points), len(H36M32), 3), np.float32)
            full[:, used] = points
            actions[sequence.action] = full[:, stand_ins]
            continue
        known = actions[sequence.action]
        if len(known) != len(points):
            actions[sequence.action] = known = known[: min(len(known), len(points))]
        with np.errstate(invalid="ignore"):  # infinities
            off = np.abs(known[:, used] - points[: len(known)])
        # A pose that is not finite must not hide the others.
        gap = off[np.isfinite(off)].max(initial=0)
        if gap > AGREE:
            raise InputError(
                f"{sequence.subject} {sequence.action}: camera {sequence.camera} sees the person {gap:.3f} m off where "
                "the first camera does; the poses are not one motion in world space (universal skeletons?)."
            )
    return world
