"""Does a layout that leaves poses in their files give what it gives when it reads them all?"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from poseda_cli.dataset import COLUMNS, PoseDataset, PoseHeads, Span
from poseda_cli.errors import InputError
from poseda_cli.layouts import find, read, read_groups_lazily
from poseda_cli.streamed import StreamedDataset

READERS = ("streamed", "reading.pose_files", "layouts.mpi_inf_3dhp_test")
HEADS = ("skeleton", "cameras", "sequences", "origin", "absolute", "has_3d", "has_2d", "rows_as_read")


def read_few_rows(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let files be read so many rows at a time."""
    # All of them first: who imports a number that is replaced keeps what replaced it.
    modules = [import_module(f"poseda_cli.{name}") for name in READERS]
    for module in modules:
        monkeypatch.setattr(module, "MOST_ROWS", rows)


def read_lazily(path: Path) -> PoseHeads:
    """As `poseda align` reads its source."""
    return read_groups_lazily(*find([path]))


def assert_same_rows(found: PoseDataset, expected: PoseDataset) -> None:
    """Columns bit by bit."""
    assert found.sequences == expected.sequences
    for name in COLUMNS:
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert (ours is None) == (theirs is None), name
        if theirs is not None:
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), name
            np.testing.assert_array_equal(ours, theirs, err_msg=name)


def assert_streams_as_read(path: Path) -> PoseHeads:
    """Heads, all rows, odd ranges of them, and strided selections; the streamed data set."""
    whole, streamed = read(path), read_lazily(path)
    assert isinstance(streamed, StreamedDataset)
    assert {name: getattr(streamed, name) for name in HEADS} == {name: getattr(whole, name) for name in HEADS}
    count = len(whole)
    for start, stop in ((0, count), (0, 0), (count, count), (count // 3, count // 2), (count - 1, count)):
        assert_same_rows(streamed.load(start, stop), whole.load(start, stop))
    spans = [Span(number, s.length // 4, s.length, 3) for number, s in enumerate(whole.sequences) if number % 2 == 0]
    some, theirs = streamed.take(spans), whole.take(spans)
    assert_same_rows(some.load(0, len(some)), theirs)
    assert_same_rows(some.load(1, len(some) - 1), theirs.load(1, len(some) - 1))
    return streamed


def assert_refused_alike(path: Path) -> None:
    """The same error with the same message, before any pose is asked for."""
    errors = []
    for way in (read, read_lazily):
        with pytest.raises(InputError) as caught:
            way(path)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]
