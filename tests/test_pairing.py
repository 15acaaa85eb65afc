from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseda_cli.pairing import BATCH, _order, draw_targets


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 500), targets=st.integers(1, 90), seed=st.integers(0, 2**64 - 1), copy=st.integers(0, 9))
def test_targets_are_used_equally_often_in_every_block(rows, targets, seed, copy):
    drawn = draw_targets(0, rows, targets, seed, copy)
    assert drawn.shape == (rows,)
    for start in range(0, rows - targets + 1, targets):
        assert sorted(drawn[start : start + targets]) == list(range(targets))
    uses = np.bincount(drawn, minlength=targets)
    assert uses.max() - uses.min() <= 1


@settings(max_examples=100, deadline=None)
@given(data=st.data(), rows=st.integers(1, 500), targets=st.integers(1, 90), seed=st.integers(0, 2**32))
def test_any_range_of_rows_can_be_drawn_alone(data, rows, targets, seed):
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    whole = draw_targets(0, rows, targets, seed)
    np.testing.assert_array_equal(draw_targets(start, stop, targets, seed), whole[start:stop])


def test_batches_do_not_show():
    targets = BATCH // 16
    whole = draw_targets(0, 10 * targets + 5, targets, 3)
    np.testing.assert_array_equal(whole[7 * targets :], draw_targets(7 * targets, 10 * targets + 5, targets, 3))


def test_another_seed_copy_or_block_is_another_order():
    orders = [draw_targets(0, 100, 100, 0), draw_targets(0, 100, 100, 1), draw_targets(0, 100, 100, 0, copy=1),
              draw_targets(100, 200, 100, 0)]  # fmt: skip
    assert len({tuple(order) for order in orders}) == len(orders)


def test_the_draw_is_uniform():
    # Each target as the first of a block: 6,000 blocks of 6; chi-squared with 5 degrees of freedom.
    first = draw_targets(0, 36_000, 6, 11).reshape(-1, 6)[:, 0]
    counts = np.bincount(first, minlength=6)
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5  # 0.1 %


def test_the_draw_of_a_seed_is_the_same_in_every_version_of_numpy():
    # Philox's raw numbers, ranked: the stream is fixed by its definition, not by this test's machine.
    numbers = np.random.Philox(key=np.array([7, 2], np.uint64)).random_raw(8)[:5]
    expected = sorted(range(5), key=lambda i: int(numbers[i]))
    assert draw_targets(0, 5, 5, 7, 2).tolist() == expected


@pytest.mark.parametrize("targets", [1, 2])
def test_very_few_targets(targets):
    drawn = draw_targets(0, 100_001, targets, 0)
    assert set(drawn.tolist()) == set(range(targets))


def test_equal_numbers_keep_their_order():
    numbers = np.array([[3, 1, 3, 0, 1] * 40, list(range(200, 0, -1))], np.uint64)
    expected = [sorted(range(200), key=lambda index: (row[index], index)) for row in numbers.tolist()]
    assert _order(numbers).tolist() == expected
