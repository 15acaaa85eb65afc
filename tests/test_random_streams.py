from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from poseda_cli.random_streams import Stream, normal, uniform

LIKELY = 1e-3


@settings(max_examples=80, deadline=None)
@given(
    draw=st.sampled_from([uniform, normal]),
    cuts=st.lists(st.integers(0, 300), min_size=2, max_size=5),
    seed=st.integers(0, 2**64 - 1),
    copy=st.integers(0, 2**48 - 1),
)
def test_any_range_can_be_had_alone(draw, cuts, seed, copy):
    cuts = sorted(cuts)
    whole = draw(Stream.YAW, 0, 300, seed, copy)
    parts = [draw(Stream.YAW, a, b, seed, copy) for a, b in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(parts), whole[cuts[0] : cuts[-1]])


def test_the_numbers_are_the_upper_bits_of_philox():
    # The definition of Philox fixes them, on any machine.
    raw = np.random.Philox(key=np.array([9, (1 << 48) + 2], np.uint64)).random_raw(7)
    assert uniform(Stream.YAW, 0, 7, 9, 2).tolist() == [(int(number) >> 11) / 2**53 for number in raw]


def test_distributions():
    assert stats.kstest(uniform(Stream.YAW, 0, 50_000), "uniform").pvalue > LIKELY
    assert stats.kstest(normal(Stream.TILT, 0, 50_000), "norm").pvalue > LIKELY
    numbers = normal(Stream.TILT, 0, 50_000)
    assert stats.pearsonr(numbers[:-1], numbers[1:]).pvalue > LIKELY


@pytest.mark.parametrize("draw", [uniform, normal])
def test_streams_seeds_and_copies_know_nothing_of_each_other(draw):
    keys = [(stream, seed, copy) for stream in Stream for seed in (0, 1) for copy in (0, 1)]
    drawn = [draw(stream, 0, 20_000, seed, copy) for stream, seed, copy in keys]
    table = np.corrcoef(drawn)[np.triu_indices(len(keys), 1)]
    # Of 66 correlations, each of standard deviation 1 / sqrt(20,000).
    assert np.abs(table).max() < 4.5 / np.sqrt(20_000)


def test_the_order_of_the_pairing_is_none_of_these_streams():
    pairing = np.random.Philox(key=np.array([5, 0], np.uint64)).random_raw(20_000) / 2.0**64
    for stream in Stream:
        assert abs(np.corrcoef(pairing, uniform(stream, 0, 20_000, 5))[0, 1]) < 4.5 / np.sqrt(20_000)
