from __future__ import annotations

import itertools

import pytest

from poseda_cli.errors import SkeletonError
from poseda_cli.skeleton import H36M16, H36M17, H36M32, MPI_INF_3DHP17, SKELETONS, Skeleton, joint_map, shared_joints

# The field's index maps, as its loaders have them written down.
TO_H36M17 = {
    "h36m32": [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27],
    "3dhp17": [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4],
}
TO_H36M16 = {
    "h36m17": [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16],
    "3dhp17": [14, 8, 9, 10, 11, 12, 13, 15, 1, 0, 5, 6, 7, 2, 3, 4],
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


def test_two_joint_sets_meet_through_names():
    first, second = shared_joints(H36M16, MPI_INF_3DHP17)
    names = [H36M16.meanings[joint] for joint in first]
    assert names == [MPI_INF_3DHP17.meanings[joint] for joint in second]
    assert sorted(names) == sorted(H36M16.joints)
