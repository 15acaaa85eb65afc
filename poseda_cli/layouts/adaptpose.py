"""MPI-INF-3DHP as AdaptPose has it, 16 joints: `data_3dhp_gt_train.npz`, `..._train_3d.npz`, `..._test.npz`.

Training 2D, one pickled member `positions_2d` = {'S1': {'Seq1': {camera: (n, 16, 2)}}}, pixels.
Training 3D, one pickled member `positions_3d` = {'S1': {'Seq1': [one array (n, 16, 3) a camera]}},
millimetres, camera space. Test, pickled members `positions_2d` = {'TS1': (n, 16, 2)} and
`positions_3d` = {'TS1': (n, 16, 3)}, pixels and millimetres. The training files may be read alone or
together, and together with the test file if they have the same kinds of poses.

Test poses have the order of h36m16. Training 2D has the left leg before the right one and the right
arm before the left one (adaptpose16): nobody says so, but AdaptPose's reader puts it into the order of
h36m16 by that permutation. It does not permute the training 3D. Which of the two orders the 3D has is
decided by the poses, since knees bend one way only; and that of 2D beside 3D by the 3D. 2D alone is
taken to be what the reader takes it for. All are read into the order of h36m16.

AdaptPose's reader leaves out the first 100 rows of TS3 and TS4; the file has them and poseda keeps
them. The cameras of a list are those of its length (14: all; 8: those that the release calls vnect)
unless 2D says more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from poseda_cli.checks.mpi_inf_3dhp_space import SAMPLE
from poseda_cli.checks.sanity import sample
from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading.nested import (
    POSES_2D,
    POSES_3D,
    TEST_ACTION,
    canonical_action,
    first_array,
    first_leaf,
    kinds,
    leaves,
    listed_views,
    object_outline,
    view_of,
)
from poseda_cli.reading.paired import read_views
from poseda_cli.reading.views import Nesting, Take, View, pair
from poseda_cli.skeleton import ADAPTPOSE16, H36M16, Skeleton
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("adaptpose", "mpi_inf_3dhp")
LAYOUT = Nesting(ORIGIN, Stored(H36M16, "mm", "camera"), H36M16)
SIDES = ("R", "L")


def refusal(archive: Archive) -> str | None:
    """None if this is an archive of AdaptPose, else why not."""
    found = [name for name in (POSES_3D, POSES_2D) if name in archive.members]
    if not found:
        return f"needs a member {POSES_3D} or {POSES_2D}"
    for name in found:
        keys, leaf = first_leaf(object_outline(archive, name))
        subject, sequence, _ = (*keys, "", "", "")[:3]
        if len(found) == 2:
            fits = len(keys) == 1 and re.fullmatch(r"TS\d", subject) and not isinstance(leaf, list)
            structure = "one array for each of TS1 to TS6"
        else:
            depth, is_list = (2, True) if name == POSES_3D else (3, False)
            fits = (
                len(keys) == depth
                and re.fullmatch(r"S\d", subject)
                and re.fullmatch(r"(?i)(seq)?_?\d", sequence)
                and isinstance(leaf, list) == is_list
            )
            structure = f"a {'list' if is_list else 'dictionary'} of one array a camera for each subject and sequence"
        head = first_array(leaf)
        if not fits or head is None:
            return f"needs in {name} {structure}"
        if head.shape[1:] != (16, 3 if name == POSES_3D else 2):
            return f"{name} must hold arrays of 16 joints, it has {head.shape}"
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of AdaptPose's archives; see `nested.read_views`.

    Raises
    ------
    ArchiveError : a joint order that is none of AdaptPose's
    InputError : a test file together with only one kind of training poses
    """
    test = [archive for archive in archives if {POSES_3D, POSES_2D} <= set(archive.members)]
    solid, flat = kinds([archive for archive in archives if archive not in test])
    if test and bool(solid) != bool(flat):
        names = listed(archive.name for archive in (*solid, *flat))
        lacking = "2D" if solid else "3D"
        raise InputError(
            f"{names}: no {lacking}, which {test[0].name} has: they cannot be read as one data set. Name the training "
            f"file of {lacking}, too, or run poseda for each."
        )
    three = [view for archive in solid for view in listed_views(archive, POSES_3D, ADAPTPOSE16)]
    two = [view for archive in flat for view in _training_points(archive)]
    three, two, notes = _ordered(three, two)
    training = three or two
    test_3d = [view for archive in test for view in _test_views(archive, POSES_3D, 3)]
    test_2d = [view for archive in test for view in _test_views(archive, POSES_2D, 2)]
    _check_test(test_3d, test_2d)
    dataset = read_views(LAYOUT, three + test_3d, two + test_2d, progress, notes=notes)
    return _with_stored(dataset, {view.skeleton for view in (*training, *test_3d)})


def _with_stored(dataset: PoseDataset, skeletons: set[Skeleton]) -> PoseDataset:
    """The data set, with what its files have in common about how they store poses."""
    before = dataset.origin.stored
    assert before is not None
    stored = before._replace(skeleton=skeletons.pop()) if len(skeletons) == 1 else None
    return replace(dataset, origin=replace(dataset.origin, stored=stored))


def _training_points(archive: Archive) -> list[View]:
    return [
        view_of(
            archive,
            name,
            (subject, canonical_action(archive, subject, sequence, name), camera),
            ADAPTPOSE16,
            2,
            poses,
        )
        for (subject, sequence, camera), name, poses in leaves(archive, POSES_2D, 3)
    ]


def _test_views(archive: Archive, member: str, coordinates: int) -> list[View]:
    return [
        view_of(archive, name, (subject, TEST_ACTION, subject), H36M16, coordinates, poses)
        for (subject,), name, poses in leaves(archive, member, 1)
    ]


def _ordered(three: list[View], two: list[View]) -> tuple[list[View], list[View], list[str]]:
    """Training views with the joint order that their poses have, and what was found out."""
    notes = []
    order = ADAPTPOSE16
    if three:
        order = ADAPTPOSE16 if _turns_right(three, ADAPTPOSE16) else H36M16
        three = [view._replace(skeleton=order) for view in three]
        notes.append(f"3D joints in the order of {order.name}, by the way that the knees bend")
    if two and three:
        same = _agree(three, two)
        order = order if same else H36M16 if order == ADAPTPOSE16 else ADAPTPOSE16
        two = [view._replace(skeleton=order) for view in two]
        notes.append(f"2D joints in the order of {order.name}, by the sides of the 3D")
    elif two:
        notes.append(f"2D joints taken for {order.name}, as AdaptPose's reader takes them; 2D alone cannot tell")
    return three, two, notes


def _check_test(three: list[View], two: list[View]) -> None:
    if three and not _turns_right(three, H36M16):
        raise ArchiveError(
            three[0].file,
            "knees bend backwards: left and right are exchanged, the joints are not in the order of h36m16.",
            POSES_3D,
            code="joint-order",
        )
    if three and two and not _agree(three, two):
        raise ArchiveError(
            two[0].file,
            "left and right of 2D are those of 3D exchanged: the joints are not in the order of h36m16.",
            POSES_2D,
            code="joint-order",
        )


def _turns_right(views: Sequence[View], skeleton: Skeleton) -> bool:
    """Whether left is left: up x forward points there, and forward is where the knees go."""
    position = skeleton.position
    total = 0.0
    for view in views:
        some = sample(view.poses, SAMPLE)
        up = some[:, position["Thorax"]] - some[:, position["Hip"]]
        left = some[:, position["LHip"]] - some[:, position["RHip"]]
        bend = np.zeros_like(up)
        for side in SIDES:
            hip, knee, foot = (some[:, position[side + joint]] for joint in ("Hip", "Knee", "Foot"))
            bend += knee - (hip + foot) / 2
        total += float((np.cross(up, bend) * left).sum())
    return total > 0


def _agree(three: list[View], two: list[View]) -> bool:
    """Whether hips and shoulders go the same way across the image in 3D and 2D."""
    takes, _ = pair(three, two)
    return sum(map(_agreement, takes)) >= 0


def _agreement(take: Take) -> float:
    assert take.three is not None and take.two is not None
    step = max(1, take.length // SAMPLE)
    solid, flat = (view.poses[: take.length : step].astype(np.float64) for view in (take.three, take.two))
    finite = np.isfinite(solid).all((1, 2)) & np.isfinite(flat).all((1, 2))
    position = take.three.skeleton.position
    total = 0.0
    for joint in ("Hip", "Shoulder"):
        # Along x and y a person's sides look alike in space and in the image.
        across = [
            poses[finite, position[f"R{joint}"], :2] - poses[finite, position[f"L{joint}"], :2]
            for poses in (solid, flat)
        ]
        total += float((across[0] * across[1]).sum())
    return total
