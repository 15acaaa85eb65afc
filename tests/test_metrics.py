from __future__ import annotations

import numpy as np
import pytest
import scipy.spatial
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from poseda_cli.blocks import BLOCK
from poseda_cli.metrics import auc, joint_errors, mpjpe, n_mpjpe, pa_mpjpe, pck, procrustes

# Two poses of three joints, and what is predicted: joints off by 0, 50 and 130 mm; by 0, 0 and 72 mm.
TRUTH = np.array([[[0, 0, 0], [1, 0, 0], [0, 2, 0]], [[0, 0, 0], [0, 0, 3], [1, 1, 1]]], float)
OFF = np.array([[[0, 0, 0], [0, 0.03, 0.04], [0.05, 0, 0.12]], [[0, 0, 0], [0, 0, 0], [0, -0.072, 0]]])


def bodies(seed, count=30, joints=17):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-0.6, 0.6, (count, joints, 3))
    return truth + rng.normal(0, 0.1, truth.shape), truth


def test_errors_by_hand():
    np.testing.assert_allclose(joint_errors(TRUTH + OFF, TRUTH), [[0, 0.05, 0.13], [0, 0, 0.072]], atol=1e-12)
    assert mpjpe(TRUTH + OFF, TRUTH) == pytest.approx((0.05 + 0.13 + 0.072) / 6)


def test_the_root_is_put_at_the_origin_of_both():
    predicted = TRUTH + OFF + np.array([[[0.7, -0.2, 5]], [[0, 0, -1]]])
    assert mpjpe(predicted, TRUTH, root=0) == pytest.approx((0.05 + 0.13 + 0.072) / 6)
    # About joint 1 the first pose is off by 0.05, 0 and |(0.05, -0.03, 0.08)|; the second by 0.072 in joint 2 alone.
    assert mpjpe(predicted, TRUTH, root=1) == pytest.approx((0.05 + np.sqrt(0.0098) + 0.072) / 6)


def test_correct_keypoints_by_hand():
    assert pck(TRUTH + OFF, TRUTH) == 100
    assert pck(TRUTH + OFF, TRUTH, threshold=0.1) == pytest.approx(100 * 5 / 6)
    assert pck(TRUTH + OFF, TRUTH, threshold=0.06) == pytest.approx(100 * 4 / 6)
    assert pck(TRUTH + OFF, TRUTH, root=0) == 100


def test_an_error_equal_to_the_threshold_is_not_below_it():
    truth = np.zeros((1, 2, 3))
    predicted = np.array([[[0.25, 0, 0], [0, 0.125, 0]]])
    assert pck(predicted, truth, threshold=0.25) == 50
    assert pck(predicted, truth, threshold=0.125) == 0
    assert pck(truth, truth, threshold=0) == 0


def test_the_area_under_the_curve_by_hand():
    # Of the 31 thresholds 0, 5, ..., 150 mm these are above 0: 30; above 50: 20; above 72: 16; above 130: 4.
    expected = 100 * np.mean([30, 20, 4, 30, 30, 16]) / 31
    assert auc(TRUTH + OFF * (1 + 1e-9), TRUTH) == pytest.approx(expected)
    assert auc(TRUTH, TRUTH) == pytest.approx(100 * 30 / 31)
    assert auc(TRUTH + 0.1, TRUTH) == 0
    assert auc(TRUTH + 0.1, TRUTH, root=2) == pytest.approx(100 * 30 / 31)


def test_scale_is_that_of_least_squares():
    # (2, 0, 0), (0, 1, 0) for (1, 0, 0), (0, 1, 0): the scale is (2 + 1) / (4 + 1).
    truth = np.array([[[1, 0, 0], [0, 1, 0]]], float)
    predicted = np.array([[[2, 0, 0], [0, 1, 0]]], float)
    assert n_mpjpe(predicted, truth) == pytest.approx((0.2 + 0.4) / 2)
    assert n_mpjpe(3 * truth, truth) == pytest.approx(0, abs=1e-12)
    assert n_mpjpe(3 * truth + 7, truth + 1, root=0) == pytest.approx(0, abs=1e-12)
    # No scale helps a prediction without any.
    assert n_mpjpe(np.zeros((1, 2, 3)), truth) == pytest.approx(1)


def test_procrustes_is_scipys():
    predicted, truth = bodies(1)
    for found, one, other in zip(procrustes(predicted, truth), predicted, truth, strict=True):
        # SciPy's is of unit norm about the origin, as is the truth that it goes with.
        _, aligned, disparity = scipy.spatial.procrustes(other, one)
        centred = other - other.mean(0)
        size = np.linalg.norm(centred)
        np.testing.assert_allclose(found, aligned * size + other.mean(0), atol=1e-12)
        assert np.square(found - other).sum() == pytest.approx(disparity * size**2)


@pytest.mark.parametrize("mirror", [1, -1])
def test_a_mirror_image_is_rotated_but_not_mirrored(mirror):
    predicted, truth = bodies(2)
    predicted = predicted * [mirror, 1, 1]
    for found, one, other in zip(procrustes(predicted, truth), predicted, truth, strict=True):
        body, wanted = one - one.mean(0), other - other.mean(0)
        turned = Rotation.align_vectors(wanted, body)[0].apply(body)
        scale = (turned * wanted).sum() / np.square(body).sum()
        np.testing.assert_allclose(found, scale * turned + other.mean(0), atol=1e-9)
    assert (pa_mpjpe(predicted, truth) > 0.2) == (mirror < 0)


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(0.01, 100), joints=st.integers(4, 20))
def test_any_rotation_scale_and_place_is_undone(seed, scale, joints):
    _, truth = bodies(seed, 5, joints)
    turns = Rotation.random(5, rng=np.random.default_rng(seed)).as_matrix()
    predicted = scale * truth @ turns + np.random.default_rng(seed).normal(0, 5, (5, 1, 3))
    np.testing.assert_allclose(procrustes(predicted, truth), truth, atol=1e-9)


def test_flat_poses_and_lines_are_aligned_too():
    _, truth = bodies(3)
    turn = Rotation.from_rotvec([0.4, -1.1, 2.0]).as_matrix()
    for flattened in (truth * [1, 1, 0], truth * [1, 0, 0]):
        np.testing.assert_allclose(procrustes(flattened @ turn * 1.7 + 3, flattened), flattened, atol=1e-12)


def test_poses_at_one_point_come_to_the_centre_of_the_truth():
    _, truth = bodies(4)
    centre = truth.mean(1, keepdims=True)
    point = np.full_like(truth, 0.3)
    np.testing.assert_allclose(procrustes(point, truth), np.broadcast_to(centre, truth.shape), atol=1e-12)
    assert pa_mpjpe(point, truth) == pytest.approx(np.linalg.norm(truth - centre, axis=2).mean())
    assert pa_mpjpe(truth, point) == pytest.approx(0, abs=1e-12)


def test_each_pose_is_on_its_own_in_every_block():
    predicted, truth = bodies(5, 2 * BLOCK + 3, 4)
    whole = procrustes(predicted, truth)
    for row in (0, BLOCK - 1, BLOCK, 2 * BLOCK + 2):
        np.testing.assert_allclose(whole[[row]], procrustes(predicted[[row]], truth[[row]]), atol=1e-12)


def test_single_precision_is_measured_in_double():
    predicted, truth = (poses.astype(np.float32) for poses in bodies(6))
    assert joint_errors(predicted, truth).dtype == procrustes(predicted, truth).dtype == np.float64
    assert mpjpe(predicted, truth) == mpjpe(predicted.astype(float), truth.astype(float))


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_pose_that_is_not_finite_spoils_means_and_counts_as_wrong(odd):
    predicted, truth = bodies(7, 4)
    good = procrustes(predicted, truth)
    predicted[2, 5, 1] = odd
    found = procrustes(predicted, truth)
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(found[[0, 1, 3]], good[[0, 1, 3]])
    assert np.isnan(pa_mpjpe(predicted, truth))
    assert not np.isfinite(mpjpe(predicted, truth))
    assert not np.isfinite(n_mpjpe(predicted, truth, root=0))
    assert pck(predicted, truth, threshold=10) == pytest.approx(100 * (4 * 17 - 1) / (4 * 17))


@pytest.mark.parametrize("measure", [mpjpe, pa_mpjpe, n_mpjpe, pck, auc, joint_errors, procrustes])
def test_shapes_that_do_not_fit_are_refused(measure):
    with pytest.raises(ValueError, match=r"\(5, 17, 3\) and \(5, 16, 3\), expected \(N, J, 3\)"):
        measure(np.zeros((5, 17, 3)), np.zeros((5, 16, 3)))
    with pytest.raises(ValueError, match=r"expected \(N, J, 3\)"):
        measure(np.zeros((17, 3)), np.zeros((17, 3)))
    with pytest.raises(ValueError, match="no pose"):
        measure(np.zeros((0, 17, 3)), np.zeros((0, 17, 3)))
