"""Trees of MPI-INF-3DHP: subjects, sequences and one array a camera; how layouts walk them and name what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from poseda_cli.checks.mpi_inf_3dhp_space import SAMPLE, TEST_SUBJECT
from poseda_cli.checks.sanity import midhip_error, sample
from poseda_cli.errors import ArchiveError
from poseda_cli.published import mpi_inf_3dhp_train_cameras
from poseda_cli.reading.paired import MIDHIP_2D
from poseda_cli.reading.views import View
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17, Skeleton
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.pickles import ArrayHead

POSES_3D, POSES_2D = "positions_3d", "positions_2d"
TRAIN_SUBJECT = re.compile(r"S[1-8]")
# The test set has one sequence a subject; the field files it under this name.
TEST_ACTION = "Seq1"
# The cameras that the release calls vnect, at chest height or a little above; most copies have these eight.
VNECT = ("0", "1", "2", "4", "5", "6", "7", "8")


def first_leaf(tree: Any) -> tuple[tuple[str, ...], Any]:
    """The keys that lead to the first value that is no dictionary, and that value; see `Archive.outline`."""
    keys: list[str] = []
    while isinstance(tree, dict) and tree:
        key = next(iter(tree))
        keys.append(str(key))
        tree = tree[key]
    return tuple(keys), tree


def first_array(leaf: Any) -> ArrayHead | None:
    """The head of a leaf that is an array of poses, or of the first one in a list of them."""
    if isinstance(leaf, list) and leaf:
        leaf = leaf[0]
    return leaf if isinstance(leaf, ArrayHead) and len(leaf.shape) == 3 else None


def object_outline(archive: Archive, member: str) -> Any:
    """The outline of an object member, None for an array of numbers."""
    return archive.outline(member) if archive.members[member][1].kind == "O" else None


def leaves(archive: Archive, member: str, depth: int) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every value of a tree of dictionaries, `depth` keys deep: the keys, its name for messages, the value.

    Raises
    ------
    ArchiveError : something else than a dictionary on the way
    """
    yield from _leaves(archive, member, archive.take_tree(member), (), depth)


def _leaves(
    archive: Archive, member: str, tree: Any, keys: tuple[str, ...], depth: int
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    if len(keys) == depth:
        yield keys, member, tree
        return
    if not isinstance(tree, dict):
        raise ArchiveError(archive.name, f"{type(tree).__name__}, expected a dictionary", member)
    for key, value in tree.items():
        yield from _leaves(archive, f"{member}[{key!r}]", value, (*keys, str(key)), depth)


def view_of(
    archive: Archive,
    member: str,
    place: tuple[str, str, str | None],
    skeleton: Skeleton,
    coordinates: int,
    poses: Any,
) -> View:
    """One array of a tree as a view.

    Parameters
    ----------
    archive, member : where it is
    place : subject, action and camera
    skeleton : joint set that the layout prescribes
    coordinates : 2 or 3
    poses : what is there

    Raises
    ------
    ArchiveError : no numbers of shape (n, J, coordinates); 2D may have confidence as a third coordinate
    """
    subject, action, camera = place
    if not TRAIN_SUBJECT.fullmatch(subject) and not TEST_SUBJECT.fullmatch(subject):
        raise ArchiveError(archive.name, f"subject {subject} is none of MPI-INF-3DHP's (S1 to S8, TS1 to TS6).", member)
    expected = f"(n, {len(skeleton)}, {coordinates})"
    if not isinstance(poses, np.ndarray) or poses.dtype.kind not in "fiu":
        found = f"an array of {poses.dtype}" if isinstance(poses, np.ndarray) else type(poses).__name__
        raise ArchiveError(archive.name, f"{found}, expected numbers of shape {expected}", member)
    if not poses.size:
        # What numpy.array([]) makes of a sequence without a frame.
        poses = np.empty((0, len(skeleton), coordinates), np.float32)
    allowed = (2, 3) if coordinates == 2 else (3,)
    if poses.ndim != 3 or poses.shape[1] != len(skeleton) or poses.shape[2] not in allowed:
        raise ArchiveError(archive.name, f"{poses.dtype} {poses.shape}, expected numbers of shape {expected}", member)
    return View(archive.name, member, subject, action, camera, skeleton, poses)


def listed_views(archive: Archive, member: str, skeleton: Skeleton) -> list[View]:
    """The views of {subject: {sequence: [one array a camera]}}.

    Raises
    ------
    ArchiveError : another structure or other shapes
    """
    views = []
    coordinates = 3 if member == POSES_3D else 2
    for (subject, sequence), name, value in leaves(archive, member, 2):
        if not isinstance(value, list) or not value:
            raise ArchiveError(archive.name, f"{type(value).__name__}, expected a list of one array a camera", name)
        action = canonical_action(archive, subject, sequence, name)
        cameras = camera_names(subject, len(value))
        if TEST_SUBJECT.fullmatch(subject) and len(value) != 1:
            raise ArchiveError(archive.name, f"{len(value)} arrays; one camera saw the test set.", name)
        for index, (camera, poses) in enumerate(zip(cameras, value, strict=True)):
            place = (subject, action, camera)
            views.append(view_of(archive, f"{name}[{index}]", place, skeleton, coordinates, poses))
    return views


def canonical_action(archive: Archive, subject: str, sequence: str, member: str) -> str:
    """'Seq1' or 'Seq2' of what a sequence is called ('Test' of the test set).

    Raises
    ------
    ArchiveError : no name of a sequence
    """
    if TEST_SUBJECT.fullmatch(subject) and sequence == "Test":
        return TEST_ACTION
    if not (found := re.fullmatch(r"(?i)(?:seq)?_?([12])", sequence)):
        raise ArchiveError(archive.name, f"sequence {sequence!r}, expected Seq1 or Seq2", member)
    return f"Seq{found[1]}"


def camera_names(subject: str, count: int) -> Sequence[str | None]:
    """The cameras of a list that only counts them: all 14, the eight of vnect, the test set's one; or None each."""
    if TEST_SUBJECT.fullmatch(subject) and count == 1:
        return [subject]
    every = tuple(mpi_inf_3dhp_train_cameras())
    known: dict[int, Sequence[str]] = {len(every): every, len(VNECT): VNECT}
    return known.get(count, [None] * count)


def stored_order(archive: Archive) -> Skeleton | None:
    """The order of the 17 joints in {subject: {sequence: [arrays]}}, told by where the pelvis lies; None if in none.

    Two layouts differ in this alone, so it takes the values: the whole tree is decoded, and kept for `read`.
    """
    member = POSES_3D if POSES_3D in archive.members else POSES_2D
    for subject in _values(archive.tree(member)):
        for sequence in _values(subject):
            for poses in _values(sequence):
                numbers = isinstance(poses, np.ndarray) and poses.dtype.kind in "fiu"
                if numbers and poses.ndim == 3 and poses.shape[1] == 17 and len(poses):
                    some = sample(poses, SAMPLE)
                    errors = {s: midhip_error(some, s) for s in (H36M17, MPI_INF_3DHP17)} if len(some) else {}
                    best = min(errors, key=lambda skeleton: errors[skeleton], default=None)
                    return best if best is not None and errors[best] <= MIDHIP_2D else None
    return None


def _values(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) else []


def kinds(archives: Sequence[Archive]) -> tuple[list[Archive], list[Archive]]:
    """The archives of 3D, and those of 2D; one that has both is in both."""
    return [a for a in archives if POSES_3D in a.members], [a for a in archives if POSES_2D in a.members]
