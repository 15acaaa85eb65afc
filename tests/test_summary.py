from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from poseda_cli.summary import (
    compare_distributions,
    describe,
    distances,
    fit,
    normalise_boxes,
    quantities,
)

values = st.lists(st.integers(-20, 20).map(float) | st.floats(-5, 5, width=32), min_size=1, max_size=80)


@settings(max_examples=150, deadline=None)
@given(first=values, second=values)
def test_distances_equal_scipys(first, second):
    a, b = np.sort(np.array(first, np.float32)), np.sort(np.array(second, np.float32))
    wasserstein, ks = distances(a, b)
    assert wasserstein == pytest.approx(stats.wasserstein_distance(a.astype(float), b.astype(float)), abs=1e-9)
    with warnings.catch_warnings(action="ignore"):  # about the p-value, which nobody asked for
        expected = stats.ks_2samp(a.astype(float), b.astype(float), method="asymp").statistic
    assert ks == pytest.approx(expected, abs=1e-12)


def test_distances_by_hand():
    # Half of the mass moves by 1, half by 3; at 1 all of the first and none of the second lies below.
    assert distances(np.array([0.0, 1.0]), np.array([1.0, 4.0])) == (2.0, 0.5)
    assert distances(np.array([0.0]), np.array([5.0])) == (5.0, 1.0)
    assert distances(np.array([]), np.array([5.0])) == (None, None)


@settings(max_examples=60, deadline=None)
@given(sample=values)
def test_description_equals_numpys(sample):
    ordered = np.sort(np.array(sample))
    found = describe(ordered)
    assert found["mean"] == pytest.approx(np.mean(sample), abs=1e-12)
    assert found["std"] == pytest.approx(np.std(sample), abs=1e-9)
    for name, q in {"min": 0, "p05": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "max": 100}.items():
        assert found[name] == pytest.approx(np.percentile(sample, q), abs=1e-12)
    assert describe(ordered[:0]) == {}


def test_quantities_by_hand():
    boxes = np.array([[0.4, 0.8, 0.1, -0.2], [0.2, 0.2, -0.3, 0.5]])
    found = quantities(boxes)
    np.testing.assert_allclose(found["scale"], [0.2, 0.6])
    np.testing.assert_allclose(found["root_x"], [-0.3, 0.1])
    np.testing.assert_allclose(found["root_y"], [-0.2, 0.5])
    np.testing.assert_allclose(found["aspect"], [0.5, 1.0])


def test_a_box_without_height_has_no_aspect():
    assert quantities(np.array([[0.4, 0.0, 0, 0], [0.4, 0.8, 0, 0]]))["aspect"].tolist() == [0.5]


def test_boxes_in_pixels_are_normalised_as_points_are():
    box = np.array([[192.0, 540.0, 1920.0, 540.0]])
    size = np.array([[1920.0, 1080.0]])
    np.testing.assert_allclose(normalise_boxes(box, size, "aspect"), [[0.2, 0.5625, 1.0, 0.0]])
    np.testing.assert_allclose(normalise_boxes(box, size, "axes"), [[0.2, 1.0, 1.0, 0.0]])


def test_before_and_after():
    rng = np.random.default_rng(0)
    source, target = rng.uniform(0.2, 0.4, (300, 4)), rng.uniform(0.5, 0.7, (100, 4))
    table = compare_distributions(source, target, np.repeat(target, 3, axis=0))
    for name in ("scale", "root_x", "root_y", "aspect"):
        assert table[name]["wasserstein"]["after"] == pytest.approx(0, abs=1e-12)
        assert table[name]["ks"]["after"] == pytest.approx(0, abs=1e-12)
        assert table[name]["target"] == pytest.approx(table[name]["aligned"])
    assert table["root_x"]["wasserstein"]["before"] == pytest.approx(0.3, abs=0.02)
    assert table["root_x"]["ks"]["before"] == 1


def test_without_a_source_distribution_there_is_no_before():
    table = compare_distributions(None, np.ones((3, 4)), np.ones((3, 4)))
    assert table["scale"]["source"] == {}
    assert table["scale"]["wasserstein"] == {"before": None, "after": 0.0}


def test_fit_by_hand():
    wanted = np.array([[0.2, 0.2, 0, 0], [0.2, 0.2, 0, 0], [0.2, 0.2, 0, 0]])
    aligned = wanted + np.array([[0.0, 0.0, 0, 0], [0.02, 0.02, 0, 0], [0.04, 0.04, 0.03, 0.04]])
    found = fit(aligned, wanted, np.array([True, False, False]))
    assert found["scale_relative_error"] == pytest.approx({"p50": 0.1, "p95": 0.19, "max": 0.2})
    assert found["root_error_max"] == pytest.approx(0.05)
    assert found["out_of_frame"] == pytest.approx(1 / 3)
