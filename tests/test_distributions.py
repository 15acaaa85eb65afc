from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from poseda_cli.distributions import BINS, BLOCK, describe, distances, histograms, sample_of, value_of

QUANTILES = {"min": 0, "p05": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "max": 100}

# Few whole numbers, so that ties abound, within and between samples.
tied = st.integers(-3, 3).map(float)
single = st.floats(-5, 5, width=32)
double = st.floats(-5, 5, allow_subnormal=False)
dtypes = st.sampled_from([np.float32, np.float64])
values = st.lists(tied, min_size=1, max_size=60) | st.lists(tied | single, min_size=1, max_size=60)


def ascending(numbers, dtype=np.float64):
    return np.sort(np.array(numbers, dtype))


def ks_statistic(first, second):
    with warnings.catch_warnings(action="ignore"):  # about the p-value, which nobody asked for
        return stats.ks_2samp(first.astype(float), second.astype(float), method="asymp").statistic


def check_distances(a, b):
    wasserstein, ks = distances(a, b)
    expected = stats.wasserstein_distance(a.astype(float), b.astype(float))
    assert wasserstein == pytest.approx(expected, rel=1e-12, abs=1e-13)
    assert ks == pytest.approx(ks_statistic(a, b), abs=1e-12)
    assert wasserstein >= 0
    assert 0 <= ks <= 1


@settings(max_examples=400, deadline=None)
@given(first=values, second=values, types=st.tuples(dtypes, dtypes))
def test_distances_equal_scipys(first, second, types):
    check_distances(ascending(first, types[0]), ascending(second, types[1]))


@settings(max_examples=200, deadline=None)
@given(first=st.lists(double, min_size=1, max_size=60), second=st.lists(double, min_size=1, max_size=60))
def test_distances_in_double_precision_equal_scipys(first, second):
    check_distances(ascending(first), ascending(second))


@settings(max_examples=100, deadline=None)
@given(few=st.lists(tied | single, min_size=1, max_size=3), seed=st.integers(0, 999), kinds=st.tuples(dtypes, dtypes))
def test_distances_of_very_unequal_samples_equal_scipys(few, seed, kinds):
    rng = np.random.default_rng(seed)
    many = np.where(rng.random(500) < 0.5, rng.integers(-3, 4, 500), rng.normal(size=500))
    check_distances(ascending(few, kinds[0]), ascending(many, kinds[1]))
    check_distances(ascending(many, kinds[1]), ascending(few, kinds[0]))


@settings(max_examples=200, deadline=None)
@given(first=values, second=values)
def test_distances_are_symmetric(first, second):
    a, b = ascending(first), ascending(second)
    forth, back = distances(a, b), distances(b, a)
    assert forth == pytest.approx(back, rel=1e-12, abs=1e-13)


@settings(max_examples=200, deadline=None)
@given(sample=values, times=st.integers(1, 5), dtype=dtypes)
def test_a_sample_has_no_distance_to_itself_however_often_repeated(sample, times, dtype):
    a = ascending(sample, dtype)
    for b in (a, a.copy()):
        assert distances(a, b) == (0, 0)
    repeated = np.repeat(a, times)
    assert distances(a, repeated) == pytest.approx((0, 0), abs=1e-12)
    assert distances(repeated, a) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize(
    ("first", "second", "wasserstein", "ks"),
    [
        # Half of the mass moves by 1, half by 3; at 1 all of the first and half of the second lies below.
        ([0, 1], [1, 4], 2, 0.5),
        ([0], [5], 5, 1),
        ([0], [-5, 5], 5, 0.5),
        # Quarters of the mass: 0 -> 0, 0 -> 0, 4 -> 0, 4 -> 8.
        ([0, 4], [0, 0, 0, 8], 2, 0.25),
        # Two thirds of the mass move by 2, one by 1.
        ([1, 1, 2], [3], 5 / 3, 1),
        ([7], [7], 0, 0),
        # F and G change places between the second's values: 1/4 (1 + 1 + 1 + 1) and never more than a quarter.
        ([1, 2, 4, 5], [0, 3, 3, 6], 1, 0.25),
    ],
)
def test_distances_by_hand(first, second, wasserstein, ks):
    assert distances(ascending(first), ascending(second)) == pytest.approx((wasserstein, ks), abs=1e-15)
    assert distances(ascending(second), ascending(first)) == pytest.approx((wasserstein, ks), abs=1e-15)


def test_there_is_no_distance_to_nothing():
    nothing, something = np.array([]), np.array([5.0])
    assert distances(nothing, something) == (None, None)
    assert distances(something, nothing) == (None, None)
    assert distances(nothing, nothing) == (None, None)


def test_distances_are_numbers_that_json_knows():
    assert [type(value) for value in distances(np.zeros(2, np.float32), np.ones(3, np.float32))] == [float, float]


@pytest.mark.parametrize(("sizes", "offset"), [((300, 200), 1e6), ((1, 400), -1e6), ((500, 500), 1e4)])
def test_a_large_offset_costs_no_more_than_its_own_rounding(rng, sizes, offset):
    # Multiples of 1/16: exact at any of these offsets, in single precision too.
    plain = [np.sort(rng.integers(-200, 200, size)) / 16 for size in sizes]
    shifted = [(sample + offset).astype(np.float32) for sample in plain]
    expected = stats.wasserstein_distance(*plain)
    assert distances(*shifted)[0] == pytest.approx(expected, abs=1e-9)
    assert distances(*(sample + offset for sample in plain))[0] == pytest.approx(expected, abs=1e-9)
    assert distances(*shifted)[1] == pytest.approx(ks_statistic(*plain), abs=1e-12)


@pytest.mark.parametrize("offset", [0, 1e6])
def test_many_values_have_no_distance_to_themselves(rng, offset):
    sample = np.sort(offset + rng.normal(size=300_000))
    assert distances(sample, sample.copy()) == (0, 0)


def test_one_value_far_away_counts_with_its_weight():
    near, far = np.zeros(1000, np.float32), np.concatenate([np.zeros(999), [1e6]]).astype(np.float32)
    assert distances(near, far) == pytest.approx((1e3, 1e-3), rel=1e-12)


@pytest.mark.parametrize("sizes", [(1_000_000, 300_000), (250_000, 1_000_000)])
def test_a_million_values_without_binning(rng, sizes):
    a, b = (np.sort(rng.normal(part / 1000, 1 + part / 1000, n).astype(np.float32)) for part, n in enumerate(sizes))
    wasserstein, ks = distances(a, b)
    assert wasserstein == pytest.approx(stats.wasserstein_distance(a.astype(float), b.astype(float)), rel=1e-9)
    assert ks == pytest.approx(ks_statistic(a, b), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 7, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_description_equals_numpys(rng, dtype, count):
    # The mean is far from 0 in terms of the deviation: sums in single precision would show.
    sample = np.sort(rng.normal(30, 0.2, count).astype(dtype))
    found, exact = describe(sample), sample.astype(float)
    assert list(found) == ["mean", "std", *QUANTILES]
    assert found["mean"] == pytest.approx(np.mean(exact), rel=1e-13)
    assert found["std"] == pytest.approx(np.std(exact), rel=1e-10, abs=1e-14)
    for name, q in QUANTILES.items():
        assert found[name] == pytest.approx(np.percentile(exact, q), rel=1e-14)
    assert {type(value) for value in found.values()} == {float}


@settings(max_examples=100, deadline=None)
@given(sample=values, dtype=dtypes)
def test_description_of_ties_equals_numpys(sample, dtype):
    ordered = ascending(sample, dtype)
    found, exact = describe(ordered), ordered.astype(float)
    assert found["mean"] == pytest.approx(exact.mean(), abs=1e-13)
    assert found["std"] == pytest.approx(exact.std(), abs=1e-13)
    for name, q in QUANTILES.items():
        assert found[name] == pytest.approx(np.percentile(exact, q), abs=1e-13)


def test_description_by_hand():
    found = describe(np.array([1.0, 2.0, 3.0, 6.0]))
    assert found == pytest.approx(
        {"mean": 3, "std": 3.5**0.5, "min": 1, "p05": 1.15, "p25": 1.75, "p50": 2.5, "p75": 3.75, "p95": 5.55, "max": 6}
    )


def test_nothing_has_no_description():
    assert describe(np.array([], np.float32)) == {}


def test_a_sample_is_what_is_finite_in_order():
    found = sample_of(np.array([3, np.nan, -1, np.inf, 2, -np.inf, np.nan, 2], np.float32))
    assert found.tolist() == [-1, 2, 2, 3]
    assert found.dtype == np.float32
    assert sample_of(np.array([2.0, 1.0])).tolist() == [1, 2]
    for alone in (np.nan, np.inf, -np.inf):
        assert sample_of(np.array([5.0, alone, 4.0])).tolist() == [4, 5]
        assert sample_of(np.array([alone, alone])).tolist() == []
    assert sample_of(np.array([])).tolist() == []


def test_values_by_hand():
    boxes = np.array([[0.4, 0.8, 0.1, -0.2], [0.2, 0.2, -0.3, 0.5]], np.float32)
    expected = {"scale": [0.6, 0.2], "root_x": [0.1, -0.3], "root_y": [-0.2, 0.5], "aspect": [0.5, 1.0]}
    before = boxes.copy()
    for quantity, wanted in expected.items():
        found = value_of(boxes, quantity)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
        found[:] = 9  # samples are sorted in place: the boxes must not be
    np.testing.assert_array_equal(boxes, before)


def test_a_box_without_height_has_a_scale_and_no_aspect():
    boxes = np.array([[0.4, 0.0, 0.1, 0.2], [0.0, 0.0, 0.1, 0.2], [0.4, 0.8, 0.1, 0.2], [np.nan] * 4])
    assert sample_of(value_of(boxes, "aspect")).tolist() == [0.5]
    assert sample_of(value_of(boxes, "scale")).tolist() == pytest.approx([0, 0.2, 0.6])


def counted(sample, found, bins=BINS):
    edges = np.linspace(found["start"], found["stop"], bins + 1)
    return np.histogram(sample.astype(float), edges)[0].tolist()


@settings(max_examples=100, deadline=None)
@given(first=values, second=values, types=st.tuples(dtypes, dtypes))
def test_histograms_count_all_but_what_is_far_from_the_rest(first, second, types):
    samples = {"a": ascending(first, types[0]), "b": ascending(second, types[1])}
    found = histograms(samples)
    assert list(found) == ["start", "stop", "a", "b", "outside"]
    assert found["start"] < found["stop"]
    for name, sample in samples.items():
        assert found[name] == counted(sample, found)
        inside = int(((sample >= found["start"]) & (sample < found["stop"])).sum())
        assert sum(found[name]) == inside
        assert found["outside"][name] == len(sample) - inside
        low, high = np.quantile(sample.astype(float), [0.05, 0.95])
        reach = 0.75 * (high - low) - 1e-5
        assert ((sample < low - reach) | (sample > high + reach)).sum() >= found["outside"][name]


def test_histograms_have_one_range_no_wider_than_both_need(rng):
    a, b = np.sort(rng.uniform(0, 1, 5000).astype(np.float32)), np.sort(rng.uniform(3, 4, 3000))
    found = histograms({"a": a, "b": b})
    width = (found["stop"] - found["start"]) / BINS
    assert found["start"] == pytest.approx(0, abs=width)
    assert found["stop"] == pytest.approx(4, abs=width)
    assert [found[name] for name in ("a", "b")] == [counted(a, found), counted(b, found)]
    assert (sum(found["a"]), sum(found["b"])) == (5000, 3000)
    assert found["outside"] == {"a": 0, "b": 0}
    assert sum(found["a"][BINS // 2 :]) == 0
    assert sum(found["b"][: BINS // 2]) == 0
    assert {type(count) for count in found["a"]} == {int}


def test_histograms_in_other_bins(rng):
    sample = np.sort(rng.normal(size=1000))
    found = histograms({"one": sample}, bins=7)
    assert len(found["one"]) == 7
    assert found["one"] == counted(sample, found, 7)


@pytest.mark.parametrize("value", [0.0, 0.3, -1e4, 1e-12])
def test_histograms_of_a_constant_have_a_width(value):
    found = histograms({"a": np.full(10, value, np.float32), "b": np.full(3, value, np.float32)})
    assert found["start"] < np.float32(value) < found["stop"]
    assert sum(found["a"]) == max(found["a"]) == 10
    assert found["a"].index(10) == found["b"].index(3)


def test_histograms_leave_out_empty_sides():
    found = histograms({"source": np.array([]), "target": np.array([1.0, 2.0])})
    assert "source" not in found
    assert sum(found["target"]) == 2
    assert histograms({"source": np.array([]), "target": np.array([])}) == {}


@pytest.mark.parametrize("count", [240, 1000, 5000])
@pytest.mark.parametrize("stray", [1e3, -1e6])
def test_a_stray_value_does_not_flatten_the_others(rng, count, stray):
    sample = np.sort(np.append(rng.uniform(0, 1, count - 1), [stray]))
    found = histograms({"one": sample})
    assert -0.1 < found["start"] < found["stop"] < 1.1
    assert np.count_nonzero(found["one"]) > 0.9 * BINS
    assert sum(found["one"]) >= 0.99 * count


def test_rounding_around_a_frequent_value_is_no_difference_to_ks(rng):
    still = np.full(1, 0.3125, np.float32)
    projected = np.sort(still[0] + rng.uniform(-5e-8, 5e-8, 1000)).astype(np.float32)
    assert distances(projected, still)[1] > 0.2
    assert distances(projected, still, rounding=1e-6)[1] == 0
    # A real step is seen as before: half of the values lie 0.1 above.
    moved = np.sort(np.concatenate([projected[:500], projected[500:] + np.float32(0.1)]))
    assert distances(moved, still, rounding=1e-6)[1] == 0.5
    assert distances(still, moved, rounding=1e-6)[1] == 0.5


def test_distances_of_more_values_than_are_summed_at_once(rng, monkeypatch):
    import poseda_cli.distributions as module

    first, second = np.sort(rng.normal(0, 1, 5000)).round(2), np.sort(rng.normal(0.3, 2, 70)).round(1)
    expected = stats.wasserstein_distance(first, second)
    for length in (1, 7, 100, 4999, 5000, 5001):
        monkeypatch.setattr(module, "LONG_BLOCK", length)
        assert distances(first, second)[0] == pytest.approx(expected, rel=1e-12)
