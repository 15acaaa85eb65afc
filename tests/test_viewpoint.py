from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.transform import Rotation

import poseda_cli as poseda
from poseda_cli import gpa
from poseda_cli.cameras import Camera, world_to_camera
from poseda_cli.global_position import joint_major
from poseda_cli.published import (
    h36m_cameras,
    h36m_subjects,
    mpi_inf_3dhp_test_cameras,
    mpi_inf_3dhp_train_cameras,
)
from poseda_cli.skeleton import H36M16, H36M17, H36M32, MPI_INF_3DHP17, joint_map
from poseda_cli.synthetic.motions import perform
from poseda_cli.viewpoint import (
    draw_tilts,
    draw_yaws,
    inverse,
    jitter_rotations,
    match_rotations,
    matrices,
    product,
    smallest_rotations,
    tilts_of,
    turned,
    turns_about,
    up_directions,
    up_of_tilt,
    yaws_of,
)
from tests.paper import box_size, pinhole
from tests.test_global_position import people

SINGLE = 1e-6
H36M = tuple(camera for subject in h36m_subjects() for camera in h36m_cameras(subject))
MPI = (*mpi_inf_3dhp_train_cameras().values(), mpi_inf_3dhp_test_cameras()["TS1"])


def directions(seed, count=50):
    vectors = np.random.default_rng(seed).normal(size=(3, count))
    return vectors / np.linalg.norm(vectors, axis=0)


def oracle(rotations):
    return Rotation.from_quat(np.asarray(rotations, float).T, scalar_first=True)


def degrees_between(first, second):
    cosine = (first * second).sum(0) / np.linalg.norm(first, axis=0) / np.linalg.norm(second, axis=0)
    return np.degrees(np.arccos(cosine.clip(-1, 1)))


def bodies(count=200):
    """Root-relative (17, 3, B) float32."""
    major = joint_major(people(count).astype(np.float32))
    return major - major[0]


# Up


@pytest.mark.parametrize(("cameras", "dataset", "up"), [(H36M, "h36m", (0, 0, 1)), (MPI, "mpi_inf_3dhp", (0, 1, 0))])
def test_up_is_where_a_point_one_metre_above_another_is_seen(cameras, dataset, up):
    expected = []
    for camera in cameras:
        low = np.array([0.3, -0.2, 0.1])
        points = np.array([low, low + up])
        below, above = world_to_camera(points, np.array(camera.rotation), np.array(camera.centre))
        expected.append(above - below)
    found = up_directions(cameras, dataset)
    np.testing.assert_allclose(found, expected, atol=SINGLE)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-12)


@pytest.mark.parametrize(("cameras", "dataset"), [(H36M, "h36m"), (MPI, "mpi_inf_3dhp")])
def test_walking_people_are_upright(cameras, dataset):
    world = perform("Walking", 300, (1,))[:, joint_map(H36M32, H36M17)]
    if dataset == "mpi_inf_3dhp":
        world = np.stack([world[..., 0], world[..., 2], -world[..., 1]], axis=-1)
    bodies = []
    for camera in cameras:
        seen = world_to_camera(world, np.array(camera.rotation), np.array(camera.centre))
        bodies.append((seen[:, 10] - (seen[:, 3] + seen[:, 6]) / 2).mean(0))
    assert degrees_between(up_directions(cameras, dataset).T, np.array(bodies).T).max() < 3


def test_people_of_the_sample_archive_are_upright(source_file):
    dataset = poseda.read(source_file).select(actions=["Walking"])
    seen = dataset.poses_3d.astype(float)
    bodies = (seen[:, 10] - (seen[:, 3] + seen[:, 6]) / 2).T
    ups = up_directions(dataset.cameras, "h36m")[dataset.camera].T
    assert np.percentile(degrees_between(ups, bodies), 90) < 10


def test_people_of_the_real_frames_are_upright(shared_data):
    dataset = poseda.read(shared_data / "mmpose" / "test_h36m_body3d.npz")
    seen = dataset.poses_3d.astype(float)
    bodies = (seen[:, 10] - (seen[:, 3] + seen[:, 6]) / 2).T
    off = degrees_between(up_directions(dataset.cameras, "h36m")[dataset.camera].T, bodies)
    # Three stand, one sits.
    assert np.sort(off)[:3].max() < 8


def test_up_is_unknown_without_extrinsics_or_without_a_known_world():
    test = mpi_inf_3dhp_test_cameras()
    known = ~np.isnan(up_directions(tuple(test.values()), "mpi_inf_3dhp")).any(1)
    assert dict(zip(test, known.tolist(), strict=True)) == {
        "TS1": True, "TS2": False, "TS3": True, "TS4": True, "TS5": False, "TS6": False,
    }  # fmt: skip
    assert np.isnan(up_directions(H36M, None)).all()
    assert np.isnan(up_directions((Camera("own"),), "h36m")).all()


@given(tilt=st.floats(-90, 90), roll=st.floats(-180, 180))
def test_tilt_and_up_of_a_camera(tilt, roll):
    # A camera with the body of its world is level; it is turned down about its x axis, and rolled about where it looks.
    camera = Rotation.from_euler("x", tilt, degrees=True)
    up = camera.apply([0, -1, 0])
    np.testing.assert_allclose(up_of_tilt(tilt), up, atol=1e-12)
    rolled = Rotation.from_euler("z", roll, degrees=True).apply(up)
    # Near the pole an angle has half the digits of its cosine.
    np.testing.assert_allclose(tilts_of(3 * rolled[:, None]), [tilt], atol=1e-5)


def test_tilts_of_the_published_cameras():
    # Human3.6M's hang above head height and look down a little; 11 to 13 of MPI-INF-3DHP hang from the ceiling.
    assert ((found := tilts_of(up_directions(H36M, "h36m").T)) > 8).all() and (found < 20).all()
    by_name = dict(zip([camera.name for camera in MPI], tilts_of(up_directions(MPI, "mpi_inf_3dhp").T), strict=True))
    assert min(by_name[name] for name in ("11", "12", "13")) > 45
    assert abs(by_name["7"] + 1.41) < 0.01  # looks up: arcsin of 0.02464


# Rotations


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), length=st.floats(1e-3, 1e3))
def test_turns_products_inverses_and_matrices_are_those_of_scipy(seed, length):
    axes, others = directions(seed), directions(seed + 1)
    angles = np.random.default_rng(seed).uniform(-360, 360, 50)
    turns, others = turns_about(axes * length, angles), turns_about(others, angles[::-1])
    expected = Rotation.from_rotvec((axes * np.radians(angles)).T)
    np.testing.assert_allclose(matrices(turns).transpose(2, 0, 1), expected.as_matrix(), atol=1e-12)
    both = oracle(others) * expected  # SciPy, too, applies the right one first
    np.testing.assert_allclose(matrices(product(others, turns)).transpose(2, 0, 1), both.as_matrix(), atol=1e-12)
    nothing = product(inverse(turns), turns)
    np.testing.assert_allclose(nothing, np.array([[1.0], [0], [0], [0]]).repeat(50, axis=1), atol=1e-12)


@given(seed=st.integers(0, 2**32))
def test_the_smallest_rotation_reaches_its_goal_by_the_angle_between(seed):
    first, second = directions(seed), directions(seed + 1)
    found = smallest_rotations(2 * first, second)
    np.testing.assert_allclose(oracle(found).apply(first.T).T, second, atol=1e-12)
    np.testing.assert_allclose(np.degrees(oracle(found).magnitude()), degrees_between(first, second), atol=1e-6)


@given(seed=st.integers(0, 2**32), exponent=st.floats(-18, -1))
def test_opposite_and_almost_opposite_directions(seed, exponent):
    first, aside = directions(seed), directions(seed + 1)
    second = -first + aside * 10**exponent
    second /= np.linalg.norm(second, axis=0)
    found = smallest_rotations(first, second)
    np.testing.assert_allclose((found**2).sum(0), 1, atol=1e-7)
    np.testing.assert_allclose(oracle(found).apply(first.T).T, second, atol=2e-7)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_half_turn_from_an_axis_to_its_opposite(axis):
    first = np.eye(3)[:, [axis]]
    found = smallest_rotations(first, -first)
    np.testing.assert_array_equal(found[:, 0], [0, 0, 1, 0] if axis == 0 else [0, 1, 0, 0])


# Poses


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32), spread=st.sampled_from([0, 30, 360]))
def test_the_up_direction_of_the_target_is_reached(seed, spread):
    ups, wanted = directions(seed, 200), directions(seed + 1, 200)
    rotations = match_rotations(ups, wanted, draw_yaws(0, 200, spread, seed))
    assert rotations.dtype == np.float32
    square = matrices(rotations).transpose(2, 0, 1)
    np.testing.assert_allclose(square @ square.transpose(0, 2, 1), np.eye(3)[None].repeat(200, 0), atol=SINGLE)
    # As poses are turned: a joint that stands for up ends where up is to be.
    ends = turned(ups[None].astype(np.float32), rotations)[0]
    np.testing.assert_allclose(ends, wanted, atol=SINGLE)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_poses_are_turned_as_scipy_turns_them_and_back(seed):
    poses = bodies()
    rotations = match_rotations(directions(seed, 200), directions(seed + 1, 200), draw_yaws(0, 200, 360, seed))
    before = poses.copy()
    found = turned(poses, rotations)
    np.testing.assert_array_equal(poses, before)
    assert found.dtype == np.float32
    expected = np.array([oracle(rotations).apply(joint.T).T for joint in poses.astype(float)])
    np.testing.assert_allclose(found, expected, atol=SINGLE)
    np.testing.assert_array_equal(found[0], 0)
    np.testing.assert_allclose(turned(found, inverse(rotations)), poses, atol=2e-6)


def test_yaw_comes_first_and_about_the_sources_own_up():
    # A camera that looks down by 30 degrees, a target's that is level; a body turned by 90 degrees between them.
    up, wanted = up_of_tilt(30)[:, None], np.array([[0.0], [-1.0], [0.0]])
    expected = Rotation.from_euler("x", -30, degrees=True) * Rotation.from_rotvec(90 * up[:, 0], degrees=True)
    found = oracle(match_rotations(up, wanted, np.array([90.0])))
    np.testing.assert_allclose(found.as_matrix(), expected.as_matrix()[None], atol=SINGLE)


def test_without_yaw_equal_up_directions_keep_the_pose():
    ups = directions(4, 200)
    np.testing.assert_allclose(turned(bodies(), match_rotations(ups, ups, np.zeros(200))), bodies(), atol=SINGLE)


def test_an_unknown_up_direction_gives_no_rotation():
    ups = directions(4, 3)
    unknown = ups.copy()
    unknown[:, 1] = np.nan
    for found in (match_rotations(unknown, ups, np.zeros(3)), match_rotations(ups, unknown, np.zeros(3))):
        assert np.isnan(found).any(0).tolist() == [False, True, False]


def test_jitter_tilts_a_level_camera_by_the_angle_drawn():
    yaws, tilts = draw_yaws(0, 300, 360), draw_tilts(0, 300, 15)
    unknown = np.full((3, 300), np.nan)
    level = np.array([[0.0], [-1.0], [0.0]]).repeat(300, axis=1)
    found = jitter_rotations(unknown, yaws, tilts)
    np.testing.assert_allclose(tilts_of(oracle(found).apply(level.T).T), tilts, atol=1e-4)
    known = jitter_rotations(level, yaws, tilts)
    np.testing.assert_array_equal(found, known)


def test_jitter_turns_about_the_known_up_first():
    up = directions(8, 1)
    expected = Rotation.from_euler("x", -12, degrees=True) * Rotation.from_rotvec(70 * up[:, 0], degrees=True)
    found = oracle(jitter_rotations(up, np.array([70.0]), np.array([-12.0])))
    np.testing.assert_allclose(found.as_matrix(), expected.as_matrix()[None], atol=SINGLE)


@pytest.mark.parametrize("depth", ["weak", "exact"])
def test_turned_poses_take_their_targets_place_and_size(depth):
    poses = bodies()
    rng = np.random.default_rng(3)
    target = rng.uniform(-0.15, 0.15, (200, 17, 2)) + rng.uniform(-0.4, 0.4, (200, 1, 2))
    camera = np.concatenate([rng.uniform(1.4, 2.4, (200, 2)), rng.uniform(-0.1, 0.1, (200, 2))], axis=1)
    rotations = match_rotations(directions(1, 200), directions(2, 200), draw_yaws(0, 200, 360))
    moved = gpa(turned(poses, rotations).transpose(2, 0, 1), target, camera, depth=depth)
    solved = np.isfinite(moved).all((1, 2)) & (moved[..., 2] > 0).all(1)
    assert solved.mean() > 0.9
    image = pinhole(moved[solved], camera[solved])
    np.testing.assert_allclose(image[:, 0], target[solved, 0], atol=1e-5)
    if depth == "exact":
        np.testing.assert_allclose(box_size(image) / box_size(target[solved]), 1, atol=1e-4)


# Yaw


def standing(heading, camera):
    """(J, 3, B) bodies that face `heading` degrees in a world of z up, 0 along -y, as one camera sees them."""
    at = H36M17.position
    body = np.random.default_rng(0).normal(scale=0.05, size=(17, 3))
    for joint, x in (("RHip", -0.13), ("LHip", 0.13), ("RShoulder", -0.2), ("LShoulder", 0.2)):
        body[at[joint]] = x, 0, 1
    world = np.stack([Rotation.from_euler("z", angle, degrees=True).apply(body) for angle in heading])
    return joint_major(world_to_camera(world, camera.as_matrix(), np.zeros(3)))


@settings(deadline=None)
@given(heading=st.floats(-180, 180), tilt=st.floats(-80, 80), roll=st.floats(-180, 180))
def test_yaw_is_the_heading_in_the_horizontal_plane(heading, tilt, roll):
    # A camera that looks along y, with world x to its right; then tilted, then rolled.
    level = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    camera = Rotation.from_euler("z", roll, degrees=True) * Rotation.from_euler("x", tilt, degrees=True) * level
    found = yaws_of(standing([heading], camera), H36M17, camera.apply([0, 0, 1])[:, None])
    off = (found[0] - heading + 180) % 360 - 180
    assert abs(off) < 1e-6


@pytest.mark.parametrize("skeleton", [H36M17, H36M16, MPI_INF_3DHP17])
def test_yaw_of_all_skeletons(skeleton):
    level = np.array([[0.0], [-1.0], [0.0]])
    body = np.zeros((len(skeleton), 3, 4))
    # Right sides at the image's left, upper, and right; the second one has no heading, the third shows its back. The
    # right side of the last is away from the camera: it faces the left edge.
    for joint in ("RHip", "RShoulder"):
        body[skeleton.position[joint]] = [[-1, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(np.abs(yaws_of(body, skeleton, level)), [0, np.nan, 180, 90], atol=1e-12)
    assert yaws_of(body, skeleton, level)[3] == pytest.approx(-90)


def test_yaw_of_what_has_none():
    level = np.array([[0.0], [-1.0], [0.0]])
    poses = bodies(200)[..., :3].copy()
    poses[1, 0, 0], poses[11, 2, 1] = np.nan, np.inf
    assert np.isnan(yaws_of(poses, H36M17, level)).tolist() == [True, True, False]
    assert np.isnan(yaws_of(poses, H36M17, np.array([[0.0], [0.0], [-1.0]]))).all()


def test_turning_about_up_turns_the_yaw_by_as_much():
    poses, ups = bodies(), directions(5, 200)
    angles = draw_yaws(0, 200, 360)
    found = yaws_of(turned(poses, turns_about(ups, angles)), H36M17, ups) - yaws_of(poses, H36M17, ups)
    np.testing.assert_allclose((found - angles + 180) % 360 - 180, 0, atol=0.05)


# Draws


@pytest.mark.parametrize("spread", [360, 90])
def test_yaws_are_uniform(spread):
    drawn = draw_yaws(0, 40_000, spread, 2)
    assert -spread / 2 <= drawn.min() and drawn.max() < spread / 2
    assert stats.kstest(drawn, stats.uniform(-spread / 2, spread).cdf).pvalue > 1e-3


def test_headings_after_a_full_yaw_are_uniform():
    # Also of bodies that all face the camera before.
    poses = bodies(200)[..., :1].repeat(20_000, axis=2)
    ups = up_of_tilt(12)[:, None].repeat(20_000, axis=1)
    rotations = match_rotations(ups, up_of_tilt(-5)[:, None].repeat(20_000, axis=1), draw_yaws(0, 20_000, 360))
    found = yaws_of(turned(poses, rotations), H36M17, up_of_tilt(-5)[:, None])
    assert stats.kstest(found, stats.uniform(-180, 360).cdf).pvalue > 1e-3


def test_tilts_are_normal():
    assert stats.kstest(draw_tilts(0, 40_000, 15, 2), stats.norm(0, 15).cdf).pvalue > 1e-3


@settings(deadline=None, max_examples=40)
@given(cut=st.integers(0, 400), seed=st.integers(0, 2**64 - 1), copy=st.integers(0, 99))
def test_rotations_do_not_depend_on_chunks(cut, seed, copy):
    ups, wanted = directions(1, 400), directions(2, 400)

    def both(start, stop):
        yaws, tilts = draw_yaws(start, stop, 360, seed, copy), draw_tilts(start, stop, 15, seed, copy)
        rows = slice(start, stop)
        return match_rotations(ups[:, rows], wanted[:, rows], yaws), jitter_rotations(ups[:, rows], yaws, tilts)

    for whole, *parts in zip(both(0, 400), both(0, cut), both(cut, 400), strict=True):
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
