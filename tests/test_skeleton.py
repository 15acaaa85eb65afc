from __future__ import annotations

import itertools

import numpy as np
import pytest

from poseda_cli.errors import SkeletonError
from poseda_cli.skeleton import (
    COCO17,
    H36M16,
    H36M17,
    H36M32,
    MPI_INF_3DHP17,
    MPI_INF_3DHP28,
    SKELETONS,
    Skeleton,
    h36m17_from_coco,
    joint_map,
    shared_joints,
)

# The field's index maps, as its loaders have them written down.
TO_H36M17 = {
    "h36m32": [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27],
    "3dhp17": [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4],
    "3dhp28": [4, 23, 24, 25, 18, 19, 20, 3, 5, 6, 7, 9, 10, 11, 14, 15, 16],
    "left-first17": [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
    "spin24": [14, 2, 1, 0, 3, 4, 5, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6],
    "learnable17": [6, 2, 1, 0, 3, 4, 5, 7, 8, 16, 9, 13, 14, 15, 12, 11, 10],
}
TO_H36M16 = {
    "h36m17": [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16],
    "3dhp17": [14, 8, 9, 10, 11, 12, 13, 15, 1, 0, 5, 6, 7, 2, 3, 4],
    "3dhp28": [4, 23, 24, 25, 18, 19, 20, 3, 5, 7, 9, 10, 11, 14, 15, 16],
    "spin24": [14, 2, 1, 0, 3, 4, 5, 16, 12, 18, 9, 10, 11, 8, 7, 6],
    "mpii16": [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10],
    "adaptpose16": [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 13, 14, 15, 10, 11, 12],
}
ROOTS = {"h36m32": 0, "3dhp17": 14, "3dhp28": 4, "spin24": 14, "mpii16": 6, "learnable17": 6, "left-first17": 0}
# The 17 "relevant" of MPI-INF-3DHP's 28 joints, mpii_get_joints.m, counted from 0.
RELEVANT = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]
# Which sides VideoPose3D's metadata pairs; in MPII's order it lists them without pairing one by one.
SIDES = {
    "h36m17": ([4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]),
    "h36m16": ([4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]),
    "3dhp17": ([5, 6, 7, 11, 12, 13], [2, 3, 4, 8, 9, 10]),
    "mpii16": ([3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]),
    "coco17": ([1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]),
}
# VideoPose3D removes these of the 32 joints.
REMOVED = [4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31]


@pytest.mark.parametrize(("source", "expected"), TO_H36M17.items())
def test_map_to_17_joints(source, expected):
    assert joint_map(SKELETONS[source], H36M17).tolist() == expected


@pytest.mark.parametrize(("source", "expected"), TO_H36M16.items())
def test_map_to_16_joints(source, expected):
    assert joint_map(SKELETONS[source], H36M16).tolist() == expected


def test_the_17_of_32_are_those_that_videopose3d_keeps():
    assert joint_map(H36M32, H36M17).tolist() == [joint for joint in range(32) if joint not in REMOVED]


def test_16_joints_lack_the_nose_and_say_so():
    with pytest.raises(SkeletonError, match="h36m16 has no joint for Neck/Nose of h36m17"):
        joint_map(H36M16, H36M17)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_structure(skeleton: Skeleton):
    count = len(skeleton)
    assert len(skeleton.parents) == len(skeleton.meanings) == len(set(skeleton.joints)) == count
    # COCO has no pelvis at all; wherever there is one, it is the root.
    assert skeleton.meanings[skeleton.root] == ("Hip" if "Hip" in skeleton.position else None)
    assert ("Hip" in skeleton.position) == (skeleton.name != "coco17")
    for joint in range(count):
        chain = list(
            itertools.accumulate(range(count), lambda j, _: skeleton.parents[j] if j >= 0 else -1, initial=joint)
        )
        assert chain[-1] == -1, f"{skeleton.joints[joint]} does not hang from the root"
    assert not set(skeleton.left) & set(skeleton.right)
    assert len(skeleton.left) == len(skeleton.right)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)
def test_left_and_right_are_pairs(skeleton: Skeleton):
    mirrored = dict(zip(skeleton.left, skeleton.right, strict=True)) | dict(
        zip(skeleton.right, skeleton.left, strict=True)
    )
    for left, right in zip(skeleton.left, skeleton.right, strict=True):
        assert mirrored.get(skeleton.parents[left], skeleton.parents[left]) == skeleton.parents[right]
        meanings = skeleton.meanings[left], skeleton.meanings[right]
        assert meanings == (None, None) or (meanings[0][0], meanings[1][0], meanings[0][1:]) == (
            "L",
            "R",
            meanings[1][1:],
        )


def test_parents_as_published():
    assert H36M17.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
    assert H36M16.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14)
    assert MPI_INF_3DHP17.parents == (1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1)


@pytest.mark.parametrize(("name", "root"), ROOTS.items())
def test_roots(name, root):
    assert SKELETONS[name].root == root


@pytest.mark.parametrize(("name", "sides"), SIDES.items())
def test_sides(name, sides):
    assert (sorted(SKELETONS[name].left), sorted(SKELETONS[name].right)) == sides


def test_relevant_joints_of_3dhp():
    names = [MPI_INF_3DHP28.joints[joint] for joint in RELEVANT]
    assert names == list(MPI_INF_3DHP17.joints)
    assert joint_map(MPI_INF_3DHP28, MPI_INF_3DHP17).tolist() == RELEVANT


@pytest.mark.parametrize("name", ["mpii16", "adaptpose16"])
def test_sets_without_a_nose(name):
    with pytest.raises(SkeletonError, match="no joint for Neck/Nose"):
        joint_map(SKELETONS[name], H36M17)


def test_coco_has_no_pelvis_to_map():
    with pytest.raises(SkeletonError, match="coco17 has no joint for Hip, Spine, Thorax"):
        joint_map(COCO17, H36M16)


def test_coco_as_human36m_computed_by_hand():
    # nose, eyes, ears; shoulders, elbows, wrists; hips, knees, ankles: left before right.
    points = np.array([
        (100, 40), (104, 36), (97, 34), (110, 38), (92, 38),
        (120, 80), (84, 84), (130, 110), (74, 114), (135, 140), (70, 144),
        (112, 150), (90, 152), (114, 200), (88, 202), (116, 250), (86, 253),
    ], np.float64)  # fmt: skip
    expected = {
        "Hip": (101, 151), "RHip": (90, 152), "RKnee": (88, 202), "RFoot": (86, 253),
        "LHip": (112, 150), "LKnee": (114, 200), "LFoot": (116, 250),
        "Spine": (101.5, 116.5), "Thorax": (102, 82), "Neck/Nose": (100, 40), "Head": (100.5, 35),
        "LShoulder": (120, 80), "LElbow": (130, 110), "LWrist": (135, 140),
        "RShoulder": (84, 84), "RElbow": (74, 114), "RWrist": (70, 144),
    }  # fmt: skip
    found = h36m17_from_coco(np.stack([points, points + 1000]))
    assert (found.dtype, found.shape) == (np.float32, (2, 17, 2))
    for row, shift in ((0, 0), (1, 1000)):
        for joint, (x, y) in expected.items():
            assert found[row, H36M17.joints.index(joint)].tolist() == [x + shift, y + shift], joint


def test_coco_of_nobody():
    assert h36m17_from_coco(np.empty((0, 17, 2))).shape == (0, 17, 2)


def test_two_joint_sets_meet_through_names():
    first, second = shared_joints(H36M16, MPI_INF_3DHP17)
    names = [H36M16.meanings[joint] for joint in first]
    assert names == [MPI_INF_3DHP17.meanings[joint] for joint in second]
    assert sorted(names) == sorted(H36M16.joints)
