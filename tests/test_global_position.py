from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseda_cli import gpa
from poseda_cli.blocks import BLOCK
from poseda_cli.synthetic.motions import MOTIONS, perform
from tests.paper import align_poses, box_size, pinhole

FLOAT32 = 1e-5


def problem(seed, count=50, joints=17, length=1.0, f=(1.4, 2.4)):
    """People-sized random clouds 3 to 6 units away, targets well inside the picture, unequal cameras."""
    rng = np.random.default_rng(seed)
    source = rng.uniform(-0.6, 0.6, (count, joints, 3)) + rng.uniform((-1, -1, 3), (1, 1, 6), (count, 1, 3))
    target = rng.uniform(-0.25, 0.25, (count, joints, 2)) + rng.uniform(-0.6, 0.6, (count, 1, 2))
    camera = np.concatenate([rng.uniform(*f, (count, 2)), rng.uniform(-0.1, 0.1, (count, 2))], axis=1)
    return source * length, target, camera


def people(count=400):
    """Upright, sitting and reaching bodies in camera space, root at index 0, 17 joints."""
    joints = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    bodies = np.concatenate([perform(action, count // 4, (1,))[:, joints] for action in MOTIONS])
    return np.stack([bodies[..., 0], -bodies[..., 2], bodies[..., 1] + 5], axis=-1)


def test_a_case_computed_by_hand():
    # A cross of extents 2 and 4, seen with f = 1 and 3, c = 0.5 and 0, to fill a box of 0.4 by 0.2.
    source = np.array([[[9, 9, 9], [8, 9, 9], [10, 9, 9], [9, 7, 9], [9, 11, 9]]], float)
    target = np.array([[[0.7, -0.3], [0.5, -0.3], [0.9, -0.3], [0.7, -0.4], [0.7, -0.2]]])
    # s = 0.3, z = (1 * 2 + 3 * 4) / 0.6, u = 0.2, v = -0.1
    z = 14 / 0.6
    arms = np.array([[0, 0, 0], [-1, 0, 0], [1, 0, 0], [0, -2, 0], [0, 2, 0]])
    expected = np.array([0.2 * z, -0.1 * z, z]) + arms
    np.testing.assert_allclose(gpa(source, target, np.array([1, 3, 0.5, 0])), expected[None], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("root", [0, 14])
def test_equals_the_formula_of_the_paper_pose_by_pose(dtype, root):
    source, target, camera = problem(1)
    found = gpa(source.astype(dtype), target.astype(dtype), camera.astype(dtype), root=root)
    assert found.dtype == dtype
    tolerance = FLOAT32 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(found, align_poses(source, target, camera, root), atol=tolerance * 20)


def test_pixels_and_normalised_screen_of_equal_scale_give_the_same_poses():
    source, target, camera = problem(2)
    half, centre = 512.0, np.array([512.0, 400.0])
    pixels = target * half + centre
    in_pixels = np.concatenate([camera[:, :2] * half, camera[:, 2:] * half + centre], axis=1)
    np.testing.assert_allclose(gpa(source, pixels, in_pixels), gpa(source, target, camera), atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    joints=st.integers(2, 40),
    length=st.floats(1e-2, 1e3),
    depth=st.sampled_from(["weak", "exact"]),
)
def test_root_lands_on_the_targets_root_and_the_body_stays_as_it_is(seed, count, joints, length, depth):
    source, target, camera = problem(seed, count, joints, length)
    moved = gpa(source.astype(np.float32), target.astype(np.float32), camera.astype(np.float32), depth=depth)
    solved = np.isfinite(moved).all((1, 2))
    # Only a pose whose root is its nearest joint can be too small for its target wherever it stands.
    assert (solved | ((depth == "exact") & (source[:, 0, 2] <= source[..., 2].min(1)))).all()
    source, target, camera, moved = source[solved], target[solved], camera[solved], moved[solved]
    roots = pinhole(moved[:, :1], camera).reshape(-1, 2)
    np.testing.assert_allclose(roots, target[:, 0], atol=1e-5)
    rounding = 3e-7 * (abs(moved).max(initial=0) + abs(source).max(initial=0))
    np.testing.assert_allclose(moved - moved[:, :1], source - source[:, :1], atol=rounding, rtol=0)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.floats(1e-3, 1e3), depth=st.sampled_from(["weak", "exact"]))
def test_scaling_all_lengths_scales_positions_and_leaves_the_image_alone(seed, factor, depth):
    source, target, camera = problem(seed, 10)
    moved, scaled = gpa(source, target, camera, depth=depth), gpa(source * factor, target, camera, depth=depth)
    # Exact depth stops at a tolerance, and may stop a step apart.
    tolerance = 1e-9 if depth == "weak" else 3e-5
    np.testing.assert_allclose(scaled / factor, moved, rtol=tolerance, atol=tolerance * abs(moved).max())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 60), depth=st.sampled_from(["weak", "exact"]))
def test_a_row_does_not_depend_on_the_rows_beside_it(seed, count, depth):
    source, target, camera = (part.astype(np.float32) for part in problem(seed, count))
    together = gpa(source, target, camera, depth=depth)
    row = seed % count
    alone = gpa(source[row : row + 1], target[row : row + 1], camera[row : row + 1], depth=depth)
    np.testing.assert_array_equal(alone[0], together[row])


@pytest.mark.parametrize("depth", ["weak", "exact"])
def test_same_bits_on_any_number_of_threads(depth):
    source, target, camera = (part.astype(np.float32) for part in problem(3, 2 * BLOCK + 17, 5))
    one, two = (gpa(source, target, camera, depth=depth, jobs=jobs) for jobs in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_exact_depth_gives_the_projected_box_the_targets_size():
    poses = people()
    _, target, camera = problem(4, len(poses), 17)
    target = target * 0.8 + 0.2 * target[:, :1]
    moved = gpa(poses.astype(np.float32), target.astype(np.float32), camera.astype(np.float32), depth="exact")
    error = abs(box_size(pinhole(moved, camera)) / box_size(target) - 1)
    assert np.median(error) < 1e-3
    assert np.quantile(error, 0.99) < 2e-3


def test_exact_depth_of_a_pose_that_fills_the_picture():
    # The weak depth would put joints behind the camera here; the exact one cannot.
    rng = np.random.default_rng(5)
    source = rng.uniform(-1, 1, (200, 17, 3))
    target = rng.uniform(-2, 2, (200, 17, 2))
    camera = np.array([1.0, 1.2, 0, 0])
    assert (gpa(source, target, camera)[..., 2] <= 0).any()
    moved = gpa(source, target, camera, depth="exact")
    assert (moved[..., 2] > 0).all()
    found = box_size(pinhole(moved, np.tile(camera, (200, 1))))
    np.testing.assert_allclose(found, box_size(target), rtol=1e-4)


def test_a_target_larger_than_the_pose_can_look_has_no_exact_depth():
    # The other joint is 1 behind the root and 0.1 beside it: at most 0.1 wide in the picture, with f = 1.
    source = np.array([[[0, 0, 5], [0.1, 0, 6]]] * 2, float)
    target = np.array([[[0, 0], [0.2, 0]], [[0, 0], [0.05, 0]]], float)
    moved = gpa(source, target, np.array([1, 1, 0, 0]), depth="exact")
    assert np.isnan(moved[0]).all()
    np.testing.assert_allclose(moved[1], [[0, 0, 1], [0.1, 0, 2]], atol=1e-4)


def test_flat_bodies_have_the_same_depth_either_way():
    # Without extent along z the weak-perspective model is the pinhole model.
    source, target, camera = problem(6)
    source[..., 2] = 4
    weak, exact = (gpa(source, target, camera, depth=depth) for depth in ("weak", "exact"))
    np.testing.assert_allclose(exact, weak, rtol=2e-5)


@pytest.mark.parametrize("depth", ["weak", "exact"])
def test_rows_without_an_answer_are_nan_and_harm_no_other(depth):
    source, target, camera = problem(7, 6)
    expected = gpa(source, target, camera, depth=depth)
    source[0, 3, 1] = np.nan
    source[1] = source[1, :1]
    source[2, 5, 2] = np.inf
    target[3] = target[3, :1]
    target[4, 0, 0] = np.nan
    found = gpa(source, target, camera, depth=depth)
    assert np.isnan(found[:5]).any((1, 2)).all()
    np.testing.assert_array_equal(found[5], expected[5])


def test_no_argument_is_changed():
    arguments = problem(8)
    before = [part.copy() for part in arguments]
    gpa(*arguments)
    for part, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_integers_lists_and_views_are_accepted():
    source, target, camera = problem(9, 4)
    millimetres = np.round(source * 1000).astype(np.int64)
    expected = align_poses(millimetres, target, camera)
    np.testing.assert_allclose(gpa(millimetres, target.tolist(), camera.tolist()), expected, atol=1e-8)
    np.testing.assert_array_equal(gpa(np.asfortranarray(source)[::2], target[::2], camera[::2]),
                                  gpa(source, target, camera)[::2])  # fmt: skip


@pytest.mark.parametrize(
    ("source", "target", "camera", "depth", "message"),
    [
        ((5, 17), (5, 17, 2), (4,), "weak", r"source_3d has shape \(5, 17\)"),
        ((5, 17, 2), (5, 17, 2), (4,), "weak", r"source_3d has shape \(5, 17, 2\), expected \(N, J, 3\)"),
        ((5, 17, 3), (5, 16, 2), (4,), "weak", r"target_2d has shape \(5, 16, 2\), expected \(5, 17, 2\)"),
        ((5, 17, 3), (5, 17, 2), (4, 4), "weak", r"intrinsics have shape \(4, 4\), expected \(4,\) or \(5, 4\)"),
        ((5, 17, 3), (5, 17, 2), (4,), "strong", "depth 'strong' does not exist"),
    ],
)
def test_shapes_that_do_not_fit_are_named(source, target, camera, depth, message):
    with pytest.raises(ValueError, match=message):
        gpa(np.ones(source), np.ones(target), np.ones(camera), depth=depth)


def test_the_docstring_names_every_quirk_of_the_published_function():
    text = " ".join(gpa.__doc__.split())
    for quirk in (
        "cx, cy, fx, fy",
        "focal lengths of the first row",
        "cameras with them",
        "in place",
        "as many targets",
    ):
        assert quirk in text
