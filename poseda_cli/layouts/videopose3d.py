"""Human3.6M as VideoPose3D and its many descendants have it.

3D, `data_3d_h36m.npz`: one pickled member `positions_3d` = {subject: {action: (T, 32, 3) float32}},
metres, world space, z up, the 32 joints of the release. Each frame becomes one pose per camera, in
camera space, with the extrinsics of metadata.xml; 17 joints are kept (h36m17). Files of forks that
store those 17 joints are read too; VideoPose3D itself needs all 32.

2D, `data_2d_h36m_<detector>.npz`: pickled members `positions_2d` = {subject: {action: four arrays
(T, J, 2)}} and `metadata`; pixels, cameras in index order. 17 joints (h36m17) or, in SemGCN's and
PoseAug's files of the same name, 16 (h36m16).

Image sizes are 1000 x 1002 for cameras 54138969 and 60457274 and 1000 x 1000 for the others, as every
loader has them. (The videos of S4, S7 and S10 are 1002 high for all four.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, project, world_to_camera
from poseda_cli.dataset import Origin, PoseDataset
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.layouts.columns import Columns
from poseda_cli.layouts.sanity import SAMPLE, check_pixels, check_poses, midhip_error, sample
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras, h36m_subjects
from poseda_cli.skeleton import H36M16, H36M17, H36M32, Skeleton, joint_map
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("videopose3d", "h36m")
POSES_3D, POSES_2D = "positions_3d", "positions_2d"
CAMERAS = 4
BY_JOINTS = {32: H36M32, 17: H36M17, 16: H36M16}
# Median height of heads above feet, metres; sitting on the floor leaves 0.4, another up axis about 0.
UPRIGHT = 0.2
# Of the roots of a world-space file this part must be seen by the published cameras. All of a real
# file is; of one in camera space, or turned, hardly any.
SEEN = 0.5
# Hip distances that detected roots may lie off the middle of the hips, in the median.
MIDHIP_2D = 0.5


def refusal(archive: Archive) -> str | None:
    """None if this is a VideoPose3D archive, else why not."""
    kinds = [name for name in (POSES_3D, POSES_2D) if name in archive.members]
    if not kinds:
        return f"needs a member {POSES_3D} or {POSES_2D}"
    for name in kinds:
        tree = archive.tree(name) if archive.members[name][1].kind == "O" else None
        if not isinstance(tree, dict) or not all(isinstance(actions, dict) for actions in tree.values()):
            return f"{name} must be a dictionary of subjects and actions"
        values = [value for actions in tree.values() for value in actions.values()]
        if not values or not any(_is_leaf(name, value) for value in values):
            leaf = "an array" if name == POSES_3D else "four arrays, one a camera"
            return f"{name} must hold {leaf} for each subject ('S1') and action ('Walking 1')"
        if not any(subject in h36m_subjects() for subject in tree):
            return f"{name} must have subjects S1 to S11, it has {listed(tree, most=4)}"
    return None


def _is_leaf(name: str, value: Any) -> bool:
    if name == POSES_3D:
        return isinstance(value, np.ndarray) and value.ndim == 3 and value.shape[2] == 3
    return isinstance(value, list) and len(value) == CAMERAS and all(isinstance(v, np.ndarray) for v in value)


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of one VideoPose3D archive.

    Raises
    ------
    InputError : several archives at once, or both kinds
    ArchiveError : units, joint order or frame are not those of the layout; a subject without cameras
    """
    if len(archives) > 1:
        names = listed(archive.name for archive in archives)
        raise InputError(
            f"{names}: poseda reads one VideoPose3D archive a side so far. Name the 3D file as "
            "source, the 2D file as target."
        )
    archive = archives[0]
    if POSES_3D in archive.members:
        return _read_3d(archive, progress)
    return _read_2d(archive, progress)


def _read_3d(archive: Archive, progress: Progress) -> PoseDataset:
    # Copies of the dictionaries, not of the poses: two subjects may share one.
    tree = {subject: dict(actions) for subject, actions in archive.take_tree(POSES_3D).items()}
    names = [(s, a, f"{POSES_3D}[{s!r}][{a!r}]") for s, actions in tree.items() for a in actions]
    skeleton = _stored_skeleton(archive, tree, names)
    _check_world(archive, tree, skeleton)
    output = H36M16 if skeleton == H36M16 else H36M17
    joints = joint_map(skeleton, output)
    frames = sum(len(actions[action]) for actions in tree.values() for action in actions)
    columns = Columns(CAMERAS * frames)
    poses = np.empty((CAMERAS * frames, len(output), 3), np.float32)
    with progress("reading", CAMERAS * frames) as advance:
        for subject, action, _ in names:
            # Popped: its memory is free as soon as the sequence is in camera space.
            world = tree[subject].pop(action)[:, joints]
            # Axis by axis in memory, where arithmetic on one coordinate runs three times as fast.
            points = world.reshape(-1, 3).astype(np.float64, order="F")
            for camera in h36m_cameras(subject):
                seen = poses[columns.add(subject, action, camera, len(world))].reshape(-1, 3)
                seen[:] = world_to_camera(points, np.array(camera.rotation), np.array(camera.centre))
            advance(CAMERAS * len(world))
    note = f"{len(skeleton)} joints, metres, world space; seen by the {CAMERAS} published cameras of each subject"
    return columns.dataset(output, ORIGIN, notes=(note,), poses_3d=poses)


def _stored_skeleton(archive: Archive, tree: Any, names: list[tuple[str, str, str]]) -> Skeleton:
    unknown = [subject for subject in tree if not h36m_cameras(subject)]
    if unknown:
        raise ArchiveError(
            archive.name,
            f"no published cameras for subject {listed(unknown)}; there are some for {listed(h36m_subjects())}.",
            POSES_3D,
        )
    counts = set()
    for subject, action, member in names:
        poses = tree[subject][action]
        if not isinstance(poses, np.ndarray) or poses.ndim != 3 or poses.shape[2] != 3 or poses.dtype.kind not in "fiu":
            found = f"{poses.dtype} {poses.shape}" if isinstance(poses, np.ndarray) else type(poses).__name__
            raise ArchiveError(archive.name, f"{found}, expected numbers of shape (T, 32, 3)", member)
        counts.add(poses.shape[1])
    if len(counts) != 1 or not counts <= set(BY_JOINTS):
        raise ArchiveError(
            archive.name,
            f"poses of {listed(sorted(counts))} joints, expected 32 (or 17, or 16) in every sequence",
            POSES_3D,
        )
    return BY_JOINTS[counts.pop()]


def _check_world(archive: Archive, tree: Any, skeleton: Skeleton) -> None:
    """Units and joint order; that people are upright along z, and the published cameras look at them."""
    upright: list[NDArray[np.float64]] = []
    seen, total = 0, 0
    for subject, actions in tree.items():
        arrays = [poses for poses in actions.values() if len(poses)]
        if not arrays:
            continue
        some = np.concatenate([sample(poses, SAMPLE // len(arrays)) for poses in arrays])
        check_poses(some, skeleton, "m", archive.name, f"{POSES_3D}[{subject!r}]")
        head, foot = skeleton.position["Head"], skeleton.position["RFoot"]
        upright.append(some[:, head, 2] - some[:, foot, 2])
        for camera in h36m_cameras(subject):
            seen += _seen(some[:, skeleton.root], camera)
            total += len(some)
    if total and (np.median(np.concatenate(upright)) < UPRIGHT or seen < SEEN * total):
        raise ArchiveError(
            archive.name,
            f"heads are {np.median(np.concatenate(upright)):.2f} m above feet along z and the published cameras see "
            f"{seen / total:.0%} of the people: the poses are not in the world space of Human3.6M (metres, z up), "
            "or the subjects are mixed up.",
            POSES_3D,
        )


def _seen(points: NDArray[np.float64], camera: Camera) -> int:
    assert camera.intrinsics is not None
    i = camera.intrinsics
    seen = world_to_camera(points, np.array(camera.rotation), np.array(camera.centre))
    ahead = seen[seen[:, 2] > 0]
    image = project(ahead, np.array([i.fx, i.fy, i.cx, i.cy]))
    return int(((image >= 0) & (image < [i.width, i.height])).all(1).sum())


def _read_2d(archive: Archive, progress: Progress) -> PoseDataset:
    tree = archive.take_tree(POSES_2D)
    skeleton = _check_2d(archive, tree)
    total = sum(len(view) for actions in tree.values() for views in actions.values() for view in views)
    columns = Columns(total)
    poses = np.empty((total, len(skeleton), 2), np.float32)
    with progress("reading", total) as advance:
        for subject, action, views in _views(tree):
            for camera, view in zip(h36m_cameras(subject), views, strict=True):
                poses[columns.add(subject, action, camera, len(view))] = view[..., :2]
            advance(sum(map(len, views)))
    return columns.dataset(skeleton, ORIGIN, poses_2d=poses)


def _views(tree: Any) -> Iterator[tuple[str, str, list[NDArray[Any]]]]:
    for subject, actions in tree.items():
        for action, views in actions.items():
            yield subject, action, views


def _check_2d(archive: Archive, tree: Any) -> Skeleton:
    counts = set()
    for subject, action, views in _views(tree):
        member = f"{POSES_2D}[{subject!r}][{action!r}]"
        if not h36m_cameras(subject):
            raise ArchiveError(archive.name, f"subject {subject} is none of Human3.6M's", member)
        if not _is_leaf(POSES_2D, views) or any(
            v.ndim != 3 or v.shape[2] < 2 or v.dtype.kind not in "fiu" for v in views
        ):
            raise ArchiveError(archive.name, "expected four arrays (T, J, 2), one a camera", member)
        counts |= {view.shape[1] for view in views}
    skeleton = BY_JOINTS.get(counts.pop()) if len(counts) == 1 else None
    if skeleton not in (H36M17, H36M16):
        raise ArchiveError(archive.name, "expected 17 or 16 joints in every sequence", POSES_2D)
    _check_symmetry(archive, skeleton)
    some = [sample(views[0][..., :2], most=100) for _, _, views in _views(tree)]
    # Detections are no exact projections, so the test is loose.
    check_pixels(np.concatenate(some), archive.name, POSES_2D)
    if len(np.concatenate(some)) and (error := midhip_error(np.concatenate(some), skeleton)) > MIDHIP_2D:
        raise ArchiveError(
            archive.name,
            f"joint 0 lies {error:.1f} hip distances off the middle of the hips: the joints "
            f"are not in the order of {skeleton.name} (a COCO or MPII detector's file?).",
            POSES_2D,
        )
    return skeleton


def _check_symmetry(archive: Archive, skeleton: Skeleton) -> None:
    """The file's own word on left and right, which tells detectors' joint orders apart."""
    metadata = archive.tree("metadata") if "metadata" in archive.members else None
    pairs = metadata.get("keypoints_symmetry") if isinstance(metadata, dict) else None
    if pairs is None:
        return
    expected = [list(skeleton.left), list(skeleton.right)]
    try:
        found = [sorted(int(joint) for joint in side) for side in pairs]
    except (TypeError, ValueError):
        found = pairs
    if found != expected:
        raise ArchiveError(
            archive.name,
            f"keypoints_symmetry is {found}, that of {skeleton.name} is {expected}: the joints are in another order.",
            "metadata",
        )
