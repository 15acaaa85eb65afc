from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseda_cli.spread import spread, spread_whole


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [(8, 4, [1, 3, 5, 7]), (100, 4, [12, 37, 62, 87]), (3, 4, [0, 1, 2]), (1, 4, [0]), (0, 4, []), (5, 1, [2])],
)
def test_spread_by_hand(count, wanted, expected):
    assert spread(count, wanted) == expected


@given(count=st.integers(0, 20) | st.integers(0, 10**7), wanted=st.integers(1, 12))
def test_spread_is_a_row_of_each_part(count, wanted):
    found = spread(count, wanted)
    pieces = min(count, wanted)
    assert len(found) == pieces
    for piece, row in enumerate(found):
        assert piece * count // pieces <= row < -(-(piece + 1) * count // pieces)


def lacking(counts):
    return lambda rows: np.array(counts)[rows]


@pytest.mark.parametrize(
    ("counts", "most", "expected"),
    [
        ([0] * 8, 0, [1, 3, 5, 7]),
        ([0, 9, 0, 0, 0, 0, 0, 0], 0, [2, 3, 5, 7]),  # the next one is whole
        ([9, 9, 9, 9, 9, 9, 9, 0], 0, [7]),
        ([0, 9, 9, 9, 9, 9, 9, 9], 0, [0]),  # the last part goes round to the first rows
        ([9] * 8, 0, []),
        ([9, 5, 4, 9, 9, 9, 9, 9], 5, [2]),  # the least of what may be lacking
        ([], 0, []),
    ],
)
def test_of_each_part_the_row_that_lacks_least(counts, most, expected):
    assert list(spread_whole(len(counts), 4, lacking(counts), most)) == expected


def test_far_away_rows_are_found_block_by_block():
    counts = np.ones(50_000, int)
    counts[20_000] = 0
    assert list(spread_whole(50_000, 1, lacking(counts))) == [20_000]
    counts[49_999] = 0
    assert list(spread_whole(50_000, 1, lacking(counts))) == [49_999]
