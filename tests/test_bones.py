from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from poseda_cli.bones import FACTORS, LIMBS, draw_bodies, scaled
from poseda_cli.global_position import joint_major
from poseda_cli.skeleton import H36M16, H36M17, MPI_INF_3DHP17, joint_map
from tests.test_global_position import people

SKELETONS = [H36M17, H36M16, MPI_INF_3DHP17]
# Of h36m17, in words: each bone with its limb, from the hips outwards.
BONES = {
    ("Hip", "RHip"): "hips", ("Hip", "LHip"): "hips",
    ("RHip", "RKnee"): "thighs", ("LHip", "LKnee"): "thighs",
    ("RKnee", "RFoot"): "shins", ("LKnee", "LFoot"): "shins",
    ("Hip", "Spine"): "spine", ("Spine", "Thorax"): "spine",
    ("Thorax", "Neck/Nose"): "neck", ("Neck/Nose", "Head"): "head", ("Thorax", "Head"): "head",
    ("Thorax", "RShoulder"): "shoulders", ("Thorax", "LShoulder"): "shoulders",
    ("RShoulder", "RElbow"): "upper arms", ("LShoulder", "LElbow"): "upper arms",
    ("RElbow", "RWrist"): "forearms", ("LElbow", "LWrist"): "forearms",
}  # fmt: skip


def bodies(skeleton, count=100):
    """Root-relative (J, 3, B) float32."""
    major = joint_major(people(count).astype(np.float32)[:, joint_map(H36M17, skeleton)])
    return major - major[skeleton.root]


def bones(poses, skeleton):
    """Vector of each bone, (3, B), by the names of its ends."""
    names = skeleton.meanings
    return {
        (names[parent], names[joint]): poses[joint].astype(float) - poses[parent]
        for joint, parent in enumerate(skeleton.parents)
        if parent >= 0 and (names[parent], names[joint]) in BONES
    }


def lengths(vectors):
    return {ends: np.linalg.norm(vector, axis=0) for ends, vector in vectors.items()}


@pytest.mark.parametrize("skeleton", SKELETONS)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), deviation=st.floats(0, 0.4))
def test_bones_are_as_long_as_their_limb_and_the_body_say_and_point_where_they_did(skeleton, seed, deviation):
    poses, drawn = bodies(skeleton), draw_bodies(0, 100, deviation, seed)
    before = poses.copy()
    found = scaled(poses, skeleton, drawn)
    np.testing.assert_array_equal(poses, before)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[skeleton.root], 0)
    old, new = bones(poses, skeleton), bones(found, skeleton)
    # In 3dhp17 the head hangs between neck and head top, so that these two bones are others there.
    assert len(old) >= len(skeleton) - 3
    of = dict(zip(FACTORS, drawn.astype(float), strict=True))
    for ends, vector in old.items():
        np.testing.assert_allclose(new[ends], vector * of[BONES[ends]] * of["height"], atol=3e-6)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_left_and_right_change_alike(skeleton):
    poses = bodies(skeleton)
    changed = scaled(poses, skeleton, draw_bodies(0, 100, 0.2))
    old, new = lengths(bones(poses, skeleton)), lengths(bones(changed, skeleton))
    pairs = [ends for ends in old if ends[1].startswith("R")]
    assert len(pairs) == 6
    for parent, joint in pairs:
        left = parent.replace("R", "L", 1) if parent.startswith("R") else parent, joint.replace("R", "L", 1)
        factor, other = new[parent, joint] / old[parent, joint], new[left] / old[left]
        np.testing.assert_allclose(factor, other, rtol=1e-4)
        assert np.ptp(factor) > 0.1


@pytest.mark.parametrize("skeleton", SKELETONS)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), deviation=st.floats(0, 0.4))
def test_the_inverse_factors_give_the_source_back(skeleton, seed, deviation):
    poses, drawn = bodies(skeleton), draw_bodies(0, 100, deviation, seed)
    np.testing.assert_allclose(scaled(scaled(poses, skeleton, drawn), skeleton, 1 / drawn), poses, atol=3e-6)


def test_one_factor_moves_what_hangs_from_its_bone_and_nothing_else():
    poses = bodies(H36M17, 4)
    body = np.ones((10, 1))
    body[FACTORS.index("forearms")] = 2
    found = scaled(poses, H36M17, body)
    still = [joint for joint, name in enumerate(H36M17.joints) if not name.endswith("Wrist")]
    np.testing.assert_allclose(found[still], poses[still], atol=1e-6)
    np.testing.assert_allclose(found[16], poses[16] + (poses[16] - poses[15]), atol=1e-6)
    np.testing.assert_allclose(found[13], poses[13] + (poses[13] - poses[12]), atol=1e-6)


def test_height_alone_scales_the_pose():
    poses = bodies(MPI_INF_3DHP17)
    body = np.ones((10, 1))
    body[FACTORS.index("height")] = 1.25
    np.testing.assert_allclose(scaled(poses, MPI_INF_3DHP17, body), poses * 1.25, atol=1e-6)


def test_every_joint_but_the_root_ends_a_bone_of_one_limb():
    ends = [joint for joints in LIMBS.values() for joint in joints]
    assert sorted(ends) == sorted(name for name in H36M17.joints if name != "Hip")


def test_factors_are_log_normal_and_know_nothing_of_each_other():
    drawn = np.log(draw_bodies(0, 20_000, 0.1, 6).astype(float))
    assert drawn.shape == (10, 20_000)
    for row in drawn:
        assert stats.kstest(row, stats.norm(0, 0.1).cdf).pvalue > 1e-4
    correlation = np.corrcoef(drawn)[np.triu_indices(10, 1)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(20_000)


def test_a_sequences_body_does_not_depend_on_how_many_there_are():
    few, many = draw_bodies(0, 7, 0.1, 3, 2), draw_bodies(0, 500, 0.1, 3, 2)
    np.testing.assert_array_equal(few, many[:, :7])
    np.testing.assert_array_equal(draw_bodies(123, 321, 0.1, 3, 2), many[:, 123:321])
    assert not (draw_bodies(0, 7, 0.1, 3, 1) == few).any() and not (draw_bodies(0, 7, 0.1, 4, 2) == few).any()


def test_no_deviation_no_change():
    assert (draw_bodies(0, 50, 0.0) == 1).all()


def test_a_pose_that_is_not_finite_disturbs_no_other():
    poses = bodies(H36M17)
    broken = poses.copy()
    broken[5, 1, 3] = np.nan
    drawn = draw_bodies(0, 100, 0.1)
    found, clean = scaled(broken, H36M17, drawn), scaled(poses, H36M17, drawn)
    assert np.isnan(found[..., 3]).any()
    rest = np.arange(100) != 3
    np.testing.assert_array_equal(found[..., rest], clean[..., rest])
