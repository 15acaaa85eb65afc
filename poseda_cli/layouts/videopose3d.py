"""Human3.6M as VideoPose3D and its many descendants have it.

3D, `data_3d_h36m.npz`: one pickled member `positions_3d` = {subject: {action: (T, 32, 3) float32}},
metres, world space, z up, the 32 joints of the release. Each frame becomes one pose per camera, in
camera space, with the extrinsics of metadata.xml; 17 joints are kept (h36m17). Files of forks that
store those 17 joints are read too; VideoPose3D itself needs all 32.

2D, `data_2d_h36m_<detector>.npz`: pickled members `positions_2d` = {subject: {action: four arrays
(T, J, 2)}} and `metadata`; pixels, cameras in index order. 17 joints (h36m17), or 16 (h36m16) in
SemGCN's and PoseAug's files of the same name. `metadata["keypoints_symmetry"]` tells COCO's order
(detectron_pt_coco) and MPII's (sh_pt_mpii, sh_ft_h36m) from those; both are converted.

Together, 3D gives the poses and 2D the detections: frames are aligned at the start of each sequence,
and what one has more than the other is cut at its end.

Image sizes are 1000 x 1002 for cameras 54138969 and 60457274 and 1000 x 1000 for the others, as every
loader has them. (The videos of S4, S7 and S10 are 1002 high for all four.)
"""

from __future__ import annotations

import math
import re
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import Background
from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.h36m_space import SpaceCheck, reprojection
from poseda_cli.checks.reprojection import NEAR
from poseda_cli.checks.sanity import sample
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras, h36m_subjects
from poseda_cli.reading import detections
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.expansion import expand
from poseda_cli.skeleton import H36M16, H36M17, H36M32, Skeleton, joint_map
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npz import NpzArchive
from poseda_cli.storage.pickles import ArrayHead

ORIGIN = Origin("videopose3d", "h36m")
POSES_3D, POSES_2D = "positions_3d", "positions_2d"
CAMERAS = 4
BY_JOINTS = {32: H36M32, 17: H36M17, 16: H36M16}
# Numbers for which memory is made ready on the word of a header: a GiB.
MOST_ROOM = 1 << 28
# Subjects that published detections have and the 3D has not.
UNLABELLED = ("S2", "S3", "S4")


def refusal(archive: Archive) -> str | None:
    """None if this is a VideoPose3D archive, else why not."""
    kinds = [name for name in (POSES_3D, POSES_2D) if name in archive.members]
    if not kinds:
        return f"needs a member {POSES_3D} or {POSES_2D}"
    for name in kinds:
        tree = archive.outline(name) if archive.members[name][1].kind == "O" else None
        if not isinstance(tree, dict) or not all(isinstance(actions, dict) for actions in tree.values()):
            return f"{name} must be a dictionary of subjects and actions"
        values = [value for actions in tree.values() for value in actions.values()]
        if not values or not _is_head(name, values[0]):
            leaf = "an array" if name == POSES_3D else "four arrays, one a camera"
            return f"{name} must hold {leaf} for each subject ('S1') and action ('Walking 1')"
        if not any(subject in h36m_subjects() for subject in tree):
            return f"{name} must have subjects S1 to S11, it has {listed(tree, most=4)}"
        if any(re.fullmatch(r"Seq\d|Test", str(action)) for actions in tree.values() for action in actions):
            return f"{name} has the sequences of MPI-INF-3DHP"
        if any(action == "custom" for actions in tree.values() for action in actions):
            return f"{name} has videos of the user's own (the action 'custom')"
    return None


def _is_head(name: str, value: Any) -> bool:
    """Whether the outline's first value is an array of poses, or a list that begins with one."""
    if name == POSES_2D:
        value = value[0] if isinstance(value, list) and value else None
    coordinates = (3,) if name == POSES_3D else (2, 3)
    return isinstance(value, ArrayHead) and len(value.shape) == 3 and value.shape[2] in coordinates


def _is_leaf(value: Any) -> bool:
    return isinstance(value, list) and len(value) == CAMERAS and all(isinstance(v, np.ndarray) for v in value)


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of a VideoPose3D 3D archive, 2D archive, or one of each.

    Of 3D and 2D together, both start at the same frame of each sequence, and the longer one is cut at
    its end; sequences that only one of them has are left out. Problems say so.

    Raises
    ------
    InputError : several archives of one kind, or nothing that both have
    ArchiveError : units, joint order or frame are not those of the layout; a subject without cameras
    """
    kinds = {kind: [a for a in archives if kind in a.members] for kind in (POSES_3D, POSES_2D)}
    for kind, found in kinds.items():
        if len(found) > 1:
            names = listed(archive.name for archive in found)
            raise InputError(f"{names} all hold {kind}. Name one of them.")
    views = _Views(kinds[POSES_2D][0]) if kinds[POSES_2D] else None
    if not kinds[POSES_3D]:
        assert views is not None
        return _read_2d(views, progress)
    return _read_3d(kinds[POSES_3D][0], views, progress)


def _read_3d(archive: Archive, views: _Views | None, progress: Progress) -> PoseDataset:
    room = np.empty(_room(archive), np.float32)
    with Background(1) as early:
        # Touching new memory takes the system a while; it may do so while the archive is being decoded.
        early.run(partial(room.fill, 0))
        # Copies of the dictionaries, not of the poses: two subjects may share one.
        tree = {subject: dict(actions) for subject, actions in archive.take_tree(POSES_3D).items()}
    names = [(s, a, f"{POSES_3D}[{s!r}][{a!r}]") for s, actions in tree.items() for a in actions]
    skeleton = _stored_skeleton(archive, tree, names)
    _check_world(archive, tree, skeleton)
    output = H36M16 if H36M16 in (skeleton, views and views.skeleton) else H36M17
    notes = [f"{len(skeleton)} joints, metres, world space; seen by the {CAMERAS} published cameras of each subject"]
    problems: list[Problem] = []
    takes = [_Take(s, a, [len(tree[s][a])] * CAMERAS) for s, a, _ in names]
    if views is not None:
        takes, problems = pair(takes, views, archive.name)
        notes += views.notes
    count = sum(sum(take.lengths) for take in takes)
    columns = Columns(count, output, has_3d=True, has_2d=views is not None, room=room)
    joints = joint_map(skeleton, output)
    with progress("reading", count) as advance, Background() as background:
        for subject, action, lengths in takes:
            # Popped: its memory is free as soon as the sequence is in camera space.
            world = tree[subject].pop(action)
            seen = expand(
                columns,
                subject,
                action,
                world,
                h36m_cameras(subject),
                joints=joints,
                lengths=lengths,
                background=background,
            )
            for index, rows in enumerate(seen):
                if views is not None and columns.poses_2d is not None:
                    columns.poses_2d[rows] = views.poses(subject, action, index, output)[: rows.stop - rows.start]
                    columns.settle_2d(rows)
            advance(sum(lengths))
    stored = Stored(skeleton, "m", "world", "pixels" if views else None)
    problems += [*_misses(columns), *h36m_problems(columns.sequences)]
    return columns.dataset(ORIGIN, stored, notes=notes, problems=problems)


def _room(archive: Archive) -> int:
    """How many numbers the poses will take at most, by the archive's headers; 0 if that is a lot, or not stated."""
    heads = [head for actions in archive.outline(POSES_3D).values() for head in actions.values()]
    head = heads[0] if heads else None
    if not isinstance(archive, NpzArchive) or not isinstance(head, ArrayHead):
        return 0
    frames = archive.size(POSES_3D) // max(1, math.prod(head.shape[1:]) * head.dtype.itemsize)
    numbers = frames * CAMERAS * len(H36M17) * 3
    return numbers if numbers <= MOST_ROOM else 0


def _misses(columns: Columns) -> list[Problem]:
    """A warning about 2D that lies far from the projected 3D: other frames, another subject or camera."""
    far = []
    for subject, action, name, start, length, _ in columns.sequences:
        if columns.poses_3d is None or columns.poses_2d is None:
            return []
        camera = next(camera for camera in h36m_cameras(subject) if camera.name == name)
        rows = slice(start, start + length)
        error = reprojection(columns.poses_3d[rows], columns.poses_2d[rows], camera)
        if error > NEAR:
            far.append(f"{subject} {action} {name} ({error:.0f} px)")
    if not far:
        return []
    message = (
        f"2D lies far from the projected 3D in {len(far):,} of {len(columns.sequences):,} sequences: "
        f"{listed(far, most=4)}. Are they of the same subject, camera and frames?"
    )
    return [Problem("reprojection", "warning", message)]


class _Take(NamedTuple):
    """A sequence of all cameras, and how many frames of it there are in each."""

    subject: str
    action: str
    lengths: list[int]


def pair(takes: list[_Take], views: _Views, name: str) -> tuple[list[_Take], list[Problem]]:
    """The sequences that 3D and 2D both have, cut to the shorter of the two, and what that loses."""
    known = dict.fromkeys((take.subject, take.action) for take in takes)
    missing = [f"{s} {a}" for s, a in known if (s, a) not in views.lengths]
    extra = [f"{s} {a}" for s, a in views.lengths if (s, a) not in known]
    both, short, cut = [], [], 0
    for subject, action, lengths in takes:
        found = views.lengths.get((subject, action))
        if found is None:
            continue
        both.append(_Take(subject, action, [min(pair) for pair in zip(lengths, found, strict=True)]))
        cut += sum(max(0, two - three) for three, two in zip(lengths, found, strict=True))
        if any(two < three for three, two in zip(lengths, found, strict=True)):
            short.append(f"{subject} {action}")
    if not both:
        raise InputError(f"{name} and {views.archive.name} have no sequence in common.")
    problems = []
    if cut:
        message = f"{views.archive.name} has {cut:,} frames more than the 3D; cut at the end of each sequence"
        problems.append(Problem("frame-count", "note", message))
    if short:
        message = f"fewer 2D than 3D frames in {listed(short, most=4)}; 3D cut at the end. VideoPose3D refuses this"
        problems.append(Problem("frame-count", "warning", message))
    for names, has, lacks in ((missing, name, views.archive.name), (extra, views.archive.name, name)):
        if names:
            # The published detections lack S11 Directions, whose video is damaged, and have S2 to S4.
            usual = all(n == "S11 Directions" or n.split(" ")[0] in UNLABELLED for n in names)
            message = f"{listed(names, most=4)} left out: in {has}, not in {lacks}"
            problems.append(Problem("sequences-differ", "note" if usual else "warning", message))
    return both, problems


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
    space = SpaceCheck(skeleton, "m", "world")
    for subject, actions in tree.items():
        for action, poses in actions.items():
            space.look(poses, h36m_cameras(subject), archive.name, f"{POSES_3D}[{subject!r}][{action!r}]")
    space.conclude(archive.name)


class _Views:
    """A 2D archive: its sequences, four arrays each, in an order of joints that was found out.

    Raises
    ------
    ArchiveError : shapes, joint order or pixels are not those of the layout
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._tree = archive.take_tree(POSES_2D)
        self.stored = self._joints()
        self.skeleton = detections.AS_READ.get(self.stored, self.stored)
        self._check_numbers()
        self.lengths = {
            (subject, action): [len(view) for view in views]
            for subject, actions in self._tree.items()
            for action, views in actions.items()
        }
        self.notes = [text for text in [detections.note(self.stored)] if text]

    def poses(self, subject: str, action: str, camera: int, output: Skeleton | None = None) -> NDArray[Any]:
        """One camera's detections, (T, J, 2) pixels, with the joints of `output`."""
        points = detections.as_read(self._tree[subject][action][camera][..., :2], self.stored)
        if output is None or output == self.skeleton:
            return points
        return points[:, joint_map(self.skeleton, output)]

    def _joints(self) -> Skeleton:
        counts = set()
        for subject, actions in self._tree.items():
            for action, views in actions.items():
                member = f"{POSES_2D}[{subject!r}][{action!r}]"
                if not h36m_cameras(subject):
                    raise ArchiveError(self.archive.name, f"subject {subject} is none of Human3.6M's", member)
                if not _is_leaf(views) or any(
                    v.ndim != 3 or v.shape[2] < 2 or v.dtype.kind not in "fiu" for v in views
                ):
                    raise ArchiveError(self.archive.name, "expected four arrays (T, J, 2), one a camera", member)
                counts |= {view.shape[1] for view in views}
        if len(counts) != 1 or not counts <= {16, 17}:
            raise ArchiveError(self.archive.name, "expected 17 or 16 joints in every sequence", POSES_2D)
        count = counts.pop()
        return detections.stated_joints(self.archive, count) or (H36M17 if count == 17 else H36M16)

    def _check_numbers(self) -> None:
        for index in range(CAMERAS):
            some = [sample(v[index][..., :2], most=100) for actions in self._tree.values() for v in actions.values()]
            detections.check_detections(np.concatenate(some), self.stored, self.archive.name, POSES_2D)


def _read_2d(views: _Views, progress: Progress) -> PoseDataset:
    total = sum(map(sum, views.lengths.values()))
    columns = Columns(total, views.skeleton, has_2d=True)
    with progress("reading", total) as advance:
        for (subject, action), lengths in views.lengths.items():
            for index, (camera, length) in enumerate(zip(h36m_cameras(subject), lengths, strict=True)):
                columns.add(subject, action, camera, length, poses_2d=views.poses(subject, action, index))
            advance(sum(lengths))
    problems = h36m_problems(columns.sequences)
    return columns.dataset(ORIGIN, Stored(views.stored, screen="pixels"), notes=views.notes, problems=problems)
