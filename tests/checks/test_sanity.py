import numpy as np
import pytest

from poseda_cli.checks.sanity import Inside, check_inside, check_poses, midhip_error, sample
from poseda_cli.errors import ArchiveError
from poseda_cli.skeleton import H36M16, H36M17, H36M32, MPI_INF_3DHP17
from tests.layouts import writers as w

RAW = w.motion(20).astype(np.float64)
H36M = RAW[:, w.H36M17_OF_32]
ORDERS = {"32": (RAW, H36M32), "17": (H36M, H36M17), "16": (H36M[:, w.H36M16_OF_17], H36M16)}
ORDERS["3dhp"] = H36M[:, w.MPI17_OF_H36M17], MPI_INF_3DHP17


@pytest.mark.parametrize(("poses", "skeleton"), ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize(("units", "factor"), [("m", 1), ("mm", 1000)])
def test_right_order_and_units_pass(poses, skeleton, units, factor):
    check_poses(poses * factor, skeleton, units, "poses.npz", "S1")


@pytest.mark.parametrize(
    ("units", "factor", "said"),
    [
        ("m", 1000, "in mm, this layout has them in m. Multiply them by 0.001"),
        ("mm", 1, "in m, this layout has them in mm. Multiply them by 1000"),
        ("m", 100, "human neither"),
        ("mm", 25.4, "human neither"),
    ],
)
def test_other_units_are_named(units, factor, said):
    with pytest.raises(ArchiveError, match=rf"^poses\.npz: S1: thighs measure .*{said}"):
        check_poses(H36M * factor, H36M17, units, "poses.npz", "S1")


@pytest.mark.parametrize(
    ("poses", "skeleton", "said"),
    [
        (ORDERS["3dhp"][0], H36M17, "They look like 3dhp17"),
        (H36M, MPI_INF_3DHP17, "They look like h36m17"),
        (H36M[:, ::-1], H36M17, "Another joint order"),
        (np.zeros((5, 17, 3)), H36M17, "Another joint order"),
    ],
    ids=["3dhp as h36m", "h36m as 3dhp", "reversed", "all zero"],
)
def test_other_orders_are_named(poses, skeleton, said):
    with pytest.raises(ArchiveError, match=f"not in the order of {skeleton.name}.*{said}"):
        check_poses(poses, skeleton, "m", "poses.npz", "S1")


@pytest.mark.parametrize("poses", [H36M[:0], np.full((4, 17, 3), np.nan)], ids=["none", "none finite"])
def test_nothing_to_look_at_passes(poses):
    check_poses(poses, H36M17, "mm", "poses.npz", "S1")


def test_few_bad_poses_do_not_matter():
    poses = H36M.copy()
    poses[:3] = 0
    poses[3] = np.nan
    check_poses(poses, H36M17, "m", "poses.npz", "S1")


@pytest.mark.parametrize("dimensions", [2, 3])
def test_midhip_error_is_a_fraction_of_the_hips_distance(dimensions):
    poses = np.zeros((3, 17, dimensions))
    poses[:, 1, 0], poses[:, 4, 0] = -0.1, 0.1
    assert midhip_error(poses, H36M17) == 0
    poses[:, 0, 1] = 0.05
    assert midhip_error(poses, H36M17) == pytest.approx(0.25)
    poses[:2, 0, 1] = 0.2  # the median of three
    assert midhip_error(poses, H36M17) == pytest.approx(1)


def test_sample_is_spread_evenly_and_finite():
    poses = np.arange(5000.0)[:, None, None].repeat(3, axis=2).astype(np.float32)
    poses[10] = np.inf
    some = sample(poses)
    assert some.dtype == np.float64
    assert some[:, 0, 0].tolist() == [value for value in range(0, 5000, 5) if value != 10]
    assert len(sample(poses, most=0)) == 1
    assert len(sample(poses[20:23], most=100)) == 3


def outside(rng, count):
    """Points of which two thirds are outside of their images, some of no place at all."""
    sizes = np.array([[640, 480], [1920, 1080], [1000, 1002.5]])[rng.integers(3, size=count)]
    points = rng.uniform(0, 1, (count, 17, 2)) * sizes[:, None]
    points[rng.random((count, 17)) < 2 / 3] += 5000
    points[rng.random((count, 17)) < 0.1, 1] = np.nan
    return points, sizes


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_points_outside_are_counted_alike_in_parts(rng, count):
    points, sizes = outside(rng, count)
    known = np.isfinite(points).all(-1)
    width, height = np.median(np.repeat(sizes[:, None], 17, axis=1)[known], axis=0)
    share = (points[known] > 4999).all(-1).mean()
    message = rf"^f: m: {share:.0%} of the 2D points lie outside of their images \({width:g} x {height:g}\)"
    parts = Inside()
    for start in range(0, count, 4):
        parts.add(points[start : start + 4], sizes[start : start + 4])
    with pytest.raises(ArchiveError, match=message):
        parts.check("f", "m")
    with pytest.raises(ArchiveError, match=message):
        check_inside(points, sizes, "f", "m")


def test_points_inside_pass_whatever_has_no_numbers():
    points = np.full((5, 17, 2), np.nan)
    check_inside(points, np.array([640, 480]), "f", "m")
    points[:, :9] = 100
    check_inside(points, np.array([640, 480]), "f", "m")
    check_inside(points[:0], np.empty((0, 2)), "f", "m")
