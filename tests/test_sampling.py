from __future__ import annotations

import numpy as np
import pytest

from poseda_cli.sampling import sample
from tests.test_streamed import dataset_of, streamed_of

COLUMNS = ("poses_3d", "poses_2d", "visible", "camera", "rows")


@pytest.mark.parametrize("count", [1, 2, 7, 50, 99, 100])
def test_as_many_as_asked_for_each_once_and_in_order(count):
    dataset = dataset_of([60, 40])
    found = sample(dataset, count)
    # Each of the two sequences may have one less than its share.
    assert max(count - 2, 0) <= len(found) <= count
    assert (np.diff(found.rows) > 0).all()
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(found, name), getattr(dataset, name)[found.rows])


def test_all_if_there_are_no_more():
    dataset = dataset_of([5, 8])
    for count in (13, 14, 1000):
        found = sample(dataset, count, seed=3)
        np.testing.assert_array_equal(found.rows, np.arange(13))
        assert found.sequences == dataset.sequences


def test_poses_keep_the_sequence_that_they_are_of():
    dataset = dataset_of([300, 1, 50, 649])
    found = sample(dataset, 90)
    assert sum(sequence.length for sequence in found.sequences) == len(found) == 90
    names = {(s.start, s.start + s.length): s for s in dataset.sequences}
    for sequence in found.sequences:
        rows = found.rows[sequence.start : sequence.start + sequence.length]
        (whole,) = [s for (start, stop), s in names.items() if start <= rows[0] < stop]
        assert whole.start <= rows[-1] < whole.start + whole.length
        assert sequence._replace(start=0, length=0) == whole._replace(start=0, length=0)


def test_no_stretch_is_left_out():
    found = sample(dataset_of([4000, 6000]), 300)
    # 33 rows apart on the average, and after thinning never more than two steps.
    assert np.diff(found.rows).max() <= 2 * 34
    assert found.rows[0] < 34
    assert found.rows[-1] > 10_000 - 2 * 34


def test_short_sequences_are_met_as_often_as_they_are_long():
    lengths = [3, 12] * 200
    dataset = dataset_of(lengths)
    counts = np.zeros(len(lengths))
    for seed in range(20):
        rows = sample(dataset, 100, seed).rows
        counts += np.histogram(rows, np.cumsum([0, *lengths]))[0]
    short, long = counts[::2].sum(), counts[1::2].sum()
    assert short / long == pytest.approx(3 / 12, rel=0.15)


def test_a_seed_means_the_same_poses_and_another_seed_others():
    dataset = dataset_of([500, 700])
    one, again, other = (sample(dataset, 40, seed).rows for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_of_a_file_the_same_poses_are_read():
    dataset = dataset_of([500, 3, 700], shuffled=True)
    for count in (37, 2000):
        expected, found = sample(dataset, count, 5), sample(streamed_of(dataset), count, 5)
        assert found.sequences == expected.sequences
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
