"""Files of a few parts, read in several orders; what is told is their size in all of them."""

from __future__ import annotations

import numpy as np
import pytest

from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.npz import NpzArchive
from poseda_cli.storage.watch import PART, watched

SIZE = 3 * PART + 10


@pytest.fixture
def file(tmp_path):
    (tmp_path / "large").write_bytes(bytes(range(256)) * (SIZE // 256) + bytes(SIZE % 256))
    return LocalFile(tmp_path / "large", "large")


def test_reading_is_told_of_part_by_part(file):
    told = []
    with watched(told.append, SIZE), file.open() as stream:
        read = b"".join(iter(lambda: stream.read(1000), b""))
    assert read == file.on_disk.read_bytes()
    assert told == [PART, PART, PART, 10]


def test_the_end_of_a_zip_is_read_first_and_moves_nothing_ahead(file):
    told = []
    with watched(told.append, SIZE), file.open() as stream:
        stream.seek(-5, 2)
        stream.read()
        assert sum(told) <= 10
        stream.seek(0)
        stream.read(1)
    assert sum(told) == SIZE


def test_what_is_read_again_is_not_told_of_again(file):
    told = []
    with watched(told.append, SIZE):
        for _ in range(3):
            with file.open() as stream:
                stream.read(2 * PART)
        assert sum(told) == 2 * PART
    assert told[-1] == PART + 10


def test_what_stays_open_is_silent_after_the_block(file):
    told = []
    with watched(told.append, SIZE):
        stream = file.open()
        stream.read(1)
    assert told == [PART, SIZE - PART]
    with stream:
        assert len(stream.read(SIZE)) == SIZE - 1
    assert sum(told) == SIZE


def test_nothing_is_made_up_after_an_error(file):
    told = []
    with pytest.raises(ZeroDivisionError), watched(told.append, SIZE):
        raise ZeroDivisionError
    assert told == []


def test_a_packed_array_is_told_of_while_it_is_unpacked(tmp_path):
    values = np.random.default_rng(0).random(PART // 2)  # which does not get smaller by packing
    np.savez_compressed(tmp_path / "poses.npz", poses=values)
    size, told = (tmp_path / "poses.npz").stat().st_size, []
    with watched(told.append, size):
        np.testing.assert_array_equal(NpzArchive(LocalFile(tmp_path / "poses.npz", "p")).array("poses"), values)
        assert len(told) > 2
        assert sum(told) == size


def test_a_missing_file_is_the_same_error(tmp_path):
    def message():
        with pytest.raises(Exception, match="no such file") as error:
            LocalFile(tmp_path / "missing", "named").open()
        return type(error.value), str(error.value)

    outside = message()
    with watched(lambda done: None, 0):
        assert message() == outside
