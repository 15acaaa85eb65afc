from __future__ import annotations

import numpy as np
import pytest

from poseda_cli.heat import CELLS, HeatMap

SIZES = np.array([[1920, 1080], [1000, 1002], [640, 480], [720, 1280]], np.float32)
EDGES = np.linspace(-1, 1, CELLS + 1)


def normalised(points, sizes, screen):
    """(N, J, 2) pixels to the screen: by hand, in double precision."""
    points, sizes = np.asarray(points, float), np.asarray(sizes, float)[:, None]
    if screen == "axes":
        return 2 * points / sizes - 1
    wide, high = sizes[..., :1], sizes[..., 1:]
    return np.concatenate([2 * points[..., :1] / wide - 1, (2 * points[..., 1:] - high) / wide], axis=-1)


def parts(points, sizes, screen, rows=CELLS):
    """By numpy.histogram2d: rows are y from the top, in cells as high as they are wide."""
    down = np.linspace(-rows / CELLS, rows / CELLS, rows + 1)
    x, y = normalised(points, sizes, screen).reshape(-1, 2).T
    known = np.isfinite(x) & np.isfinite(y)
    return np.histogram2d(y[known], x[known], [down, EDGES])[0] / len(x)


def heat_of(points, sizes, screen, jobs=1):
    heat = HeatMap(screen)
    heat.add(block(points, sizes), len(points), jobs)
    return heat


def block(points, sizes):
    return lambda rows: (np.moveaxis(points[rows], 0, -1), sizes[rows])


def scene(rng, count, screen, joints=5):
    """Joints all over images of several sizes and around them, none on the border of two cells."""
    sizes = SIZES[rng.integers(0, len(SIZES), count)]
    cell = rng.integers(-10, CELLS + 10, (count, joints, 2))
    place = (cell + rng.uniform(0.05, 0.95, cell.shape)) / CELLS * 2 - 1
    half = sizes[:, None] / 2
    points = (place + 1) * half if screen == "axes" else place * half[..., :1] + half
    return points.astype(np.float32), sizes


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_equals_numpys_histogram_of_normalised_points(rng, screen):
    points, sizes = scene(rng, 3000, screen)
    found = heat_of(points, sizes, screen).parts
    assert found.shape == (CELLS, CELLS)
    np.testing.assert_allclose(found, parts(points, sizes, screen), atol=1e-15)
    # 96 of 116 cells along either axis are on the screen.
    assert found.sum() == pytest.approx((96 / 116) ** 2, abs=0.02)


def test_a_tall_image_is_seen_as_a_whole(rng):
    size = np.full((200, 2), [720, 1280], np.float32)
    points = (rng.uniform(0.01, 0.99, (200, 5, 2)) * [720, 1280]).astype(np.float32)
    heat = HeatMap("aspect", reach=1280 / 720)
    heat.add(block(points, size), 200)
    assert heat.parts.shape == (172, CELLS)  # 2 * ceil(48 * 1.778)
    assert heat.parts.sum() == pytest.approx(1)
    np.testing.assert_allclose(heat.parts, parts(points, size, "aspect", rows=172), atol=1e-15)


def test_rows_go_down_and_columns_to_the_right():
    points = np.array([[[1919.0, 1.0]]], np.float32)
    size = SIZES[:1]
    assert np.argwhere(heat_of(points, size, "axes").parts).tolist() == [[0, 95]]
    # y = 2 / 1920 - 1080 / 1920 = -0.5615, of [-1, 1] in 96 cells the 22nd.
    assert np.argwhere(heat_of(points, size, "aspect").parts).tolist() == [[21, 95]]


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_the_middle_of_any_image_is_the_middle_of_the_map(screen):
    points = (SIZES / 2 + 0.5)[:, None]
    found = heat_of(points, SIZES, screen).parts
    assert found[CELLS // 2, CELLS // 2] == 1


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_what_is_outside_or_not_finite_counts_among_all(screen):
    inside = [960, 540]
    others = [[-0.1, 540], [1920, 540], [960, 1e9], [-1e30, 540], [np.nan, 540], [960, np.nan], [np.inf, -np.inf]]
    points = np.array([[inside, *others]], np.float32)
    found = heat_of(points, SIZES[:1], screen).parts
    assert found.sum() == found[CELLS // 2, CELLS // 2] == 1 / 8


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_several_data_sets_add_up(rng, screen):
    first, second = scene(rng, 30, screen), scene(rng, 70, screen)
    heat = HeatMap(screen)
    heat.add(block(*first), 30)
    heat.add(block(*second), 0)
    heat.add(block(*second), 70)
    together = [np.concatenate(pair) for pair in zip(first, second, strict=True)]
    np.testing.assert_allclose(heat.parts, parts(*together, screen), atol=1e-15)


def test_a_map_of_nothing_is_empty():
    assert HeatMap("aspect").parts.tolist() == np.zeros((CELLS, CELLS)).tolist()


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_threads_do_not_change_a_bit(rng, screen):
    points, sizes = scene(rng, 40_000, screen, joints=3)
    points[rng.random(40_000) < 0.01] = np.nan
    found = [heat_of(points, sizes, screen, jobs).parts for jobs in (1, 2, 3, 7)]
    assert {heat.tobytes() for heat in found} == {found[0].tobytes()}
    np.testing.assert_allclose(found[0], parts(points, sizes, screen), atol=1e-15)
    assert found[0].sum() <= 1


def test_the_input_is_left_alone(rng):
    points, sizes = scene(rng, 50, "aspect")
    before = points.copy(), sizes.copy()
    heat_of(points, sizes, "aspect")
    np.testing.assert_array_equal(points, before[0])
    np.testing.assert_array_equal(sizes, before[1])
