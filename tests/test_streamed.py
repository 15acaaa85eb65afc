"""Poses that stay in their files are those that would be in memory, whatever is asked of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poseda_cli import streamed
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import Origin, PoseDataset, Sequence, Span, concatenate
from poseda_cli.errors import InputError, OutputError, SkeletonError
from poseda_cli.skeleton import H36M16, H36M17
from poseda_cli.storage import scratch
from poseda_cli.storage.scratch import Scratch, ScratchTable
from poseda_cli.streamed import PoseRows, StreamedDataset
from poseda_cli.tables import JoinedTable, RowsOf
from tests.layouts.streams import HEADS, assert_same_rows

CAMERAS = tuple(Camera(name, Intrinsics(1100.0, 1100.0, 500.0, 500.0, 1000, 1000)) for name in ("left", "right"))
POSES = ("poses_3d", "poses_2d", "visible")


def dataset_of(lengths, columns=POSES, seed=0, shuffled=False, skeleton=H36M17):
    """Sequences of some lengths; each number is another one."""
    rng, count = np.random.default_rng(seed), sum(lengths)
    starts = np.cumsum([0, *lengths]).tolist()
    made = {
        "poses_3d": rng.normal(size=(count, len(skeleton), 3)).astype(np.float32),
        "poses_2d": rng.normal(size=(count, len(skeleton), 2)).astype(np.float32),
        "visible": rng.random((count, len(skeleton))) < 0.5,
    }
    return PoseDataset(
        skeleton=skeleton,
        camera=np.repeat(rng.integers(0, 2, len(lengths)), lengths).astype(np.uint16),
        cameras=CAMERAS,
        sequences=tuple(
            Sequence(f"S{seed}", f"Walking {number % 3}", "left", starts[number], length)
            for number, length in enumerate(lengths)
        ),
        rows=rng.permutation(count) if shuffled else np.arange(count),
        origin=Origin("test"),
        **{name: made[name] for name in columns},
    )


def streamed_of(dataset, asked=None):
    """The same, read when it is asked for; `asked` is told what was."""

    def read(start, stop):
        if asked is not None:
            asked.append((start, stop))
        rows = slice(start, stop)
        poses = {name: None if (column := getattr(dataset, name)) is None else column[rows] for name in POSES}
        return PoseRows(dataset.camera[rows], dataset.rows[rows], **poses)

    columns = tuple(name for name in POSES if getattr(dataset, name) is not None)
    heads = dataset.skeleton, dataset.cameras, dataset.sequences
    return StreamedDataset.of(*heads, read, columns, dataset.origin, dataset.absolute)


def heads(dataset):
    return {name: getattr(dataset, name) for name in HEADS if name != "rows_as_read"}


LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=6)


@st.composite
def datasets(draw):
    columns = draw(st.sampled_from([("poses_3d",), ("poses_2d",), POSES[:2], POSES]))
    return dataset_of(draw(LENGTHS), columns, draw(st.integers(0, 9)), draw(st.booleans()))


@st.composite
def spans_of(draw, dataset):
    """Spans of any sequences in any order, some of them empty, some twice."""
    numbers = draw(st.lists(st.integers(0, len(dataset.sequences) - 1), max_size=5))
    spans = []
    for number in numbers:
        start = draw(st.integers(0, dataset.sequences[number].length - 1))
        stop = draw(st.integers(start + 1, dataset.sequences[number].length))
        spans.append(Span(number, start, stop, draw(st.integers(1, 5))))
    return spans


@st.composite
def ranges_of(draw, dataset):
    stop = draw(st.integers(0, len(dataset)))
    return draw(st.integers(0, stop)), stop


@given(st.data())
def test_what_is_loaded_is_what_would_be_in_memory(data):
    whole = data.draw(datasets())
    lazy = streamed_of(whole)
    assert {name: getattr(lazy, name) for name in HEADS} == {name: getattr(whole, name) for name in HEADS}
    for _ in range(data.draw(st.integers(0, 2))):
        spans = data.draw(spans_of(whole))
        if not spans:
            break
        whole, lazy = whole.take(spans), lazy.take(spans)
    if data.draw(st.booleans()):
        whole, lazy = whole.to_skeleton(H36M16), lazy.to_skeleton(H36M16)
    assert heads(lazy) == heads(whole)
    assert len(lazy) == len(whole)
    start, stop = data.draw(ranges_of(whole))
    assert_same_rows(lazy.load(start, stop), whole.load(start, stop))
    assert_same_rows(lazy.load(0, len(lazy)), whole)


@given(st.data())
def test_what_is_selected_is_what_would_be_in_memory(data):
    whole = data.draw(datasets())
    names = data.draw(st.lists(st.sampled_from(sorted(whole.actions)), unique=True))
    stride = data.draw(st.integers(1, 7))
    lazy = streamed_of(whole).select(actions=names, stride=stride)
    whole = whole.select(actions=names, stride=stride)
    assert heads(lazy) == heads(whole)
    start, stop = data.draw(ranges_of(whole))
    assert_same_rows(lazy.load(start, stop), whole.load(start, stop))


@given(st.data())
def test_joined_parts_are_what_joining_them_in_memory_gives(data):
    columns = data.draw(st.sampled_from([("poses_3d",), POSES[:2]]))
    parts, mixed = [], []
    for seed in range(data.draw(st.integers(1, 4))):
        visible = ("visible",) if data.draw(st.booleans()) else ()
        part = dataset_of(data.draw(LENGTHS), (*columns, *visible), seed, data.draw(st.booleans()))
        parts.append(part)
        mixed.append(streamed_of(part) if data.draw(st.booleans()) else part)
    whole, lazy = concatenate(parts), streamed.concatenate(mixed)
    assert {name: getattr(lazy, name) for name in HEADS} == {name: getattr(whole, name) for name in HEADS}
    start, stop = data.draw(ranges_of(whole))
    assert_same_rows(lazy.load(start, stop), whole.load(start, stop))
    spans = data.draw(spans_of(whole))
    if spans:
        assert_same_rows(lazy.take(spans).load(0, sum(s.length for s in spans)), whole.take(spans))


def test_unlike_parts_are_refused_as_in_memory():
    left, right = dataset_of([3]), dataset_of([2], ("poses_3d",), seed=1)
    with pytest.raises(InputError) as expected:
        concatenate([left, right])
    with pytest.raises(InputError) as found:
        streamed.concatenate([streamed_of(left), streamed_of(right)])
    assert str(found.value) == str(expected.value)


def test_a_joint_that_is_not_there_is_missed_before_anything_is_read():
    asked = []
    with pytest.raises(SkeletonError):
        streamed_of(dataset_of([4], skeleton=H36M16), asked).to_skeleton(H36M17)
    assert asked == []


def test_no_more_is_read_than_is_asked_for(monkeypatch):
    monkeypatch.setattr(streamed, "SPARSEST", 1)
    asked = []
    lazy = streamed_of(dataset_of([10, 10, 10, 10]), asked)
    chosen = lazy.take([Span(0, 0, 10), Span(1, 0, 10), Span(3, 2, 10, 3)])
    assert asked == []
    chosen.load(5, 15)
    assert asked == [(5, 15)]  # sequences that follow each other are read at once
    asked.clear()
    chosen.load(15, 23)
    assert asked == [(15, 20), (32, 39)]


def test_few_rows_in_between_are_read_along():
    asked = []
    lazy = streamed_of(dataset_of([2] * 100), asked)
    chosen = lazy.take([Span(number, 0, 2, 2) for number in range(0, 100, 3)])
    chosen.load(0, 34)
    assert asked == [(0, 199)]
    asked.clear()
    # 49 rows lie between the first and the second: more than 16 for each row wanted.
    lazy.take([Span(0, 0, 1), Span(25, 0, 1), Span(26, 0, 1)]).load(0, 3)
    assert asked == [(0, 1), (50, 53)]


@pytest.mark.parametrize("stride", [2, 7, 100])
def test_what_is_thinned_out_is_never_in_memory_at_once(stride, monkeypatch):
    monkeypatch.setattr(streamed, "MOST_ROWS", 20)
    asked = []
    whole = dataset_of([500])
    lazy = streamed_of(whole, asked).select(stride=stride)
    assert_same_rows(lazy.load(0, len(lazy)), whole.select(stride=stride))
    assert max(stop - start for start, stop in asked) <= 20


def test_a_pose_is_named_as_in_memory():
    whole = dataset_of([4, 5], shuffled=True)
    assert streamed_of(whole).select(stride=2).place(3) == whole.select(stride=2).place(3)


def test_a_data_set_introduces_itself():
    text = "<StreamedDataset test: 9 poses (3D, h36m17), 2 sequences, 1 subjects, 1 cameras>"
    assert repr(streamed_of(dataset_of([4, 5], ("poses_3d",)))) == text


def test_rows_as_read_may_be_more_than_there_are_poses():
    first, second = dataset_of([4], ("poses_3d",)), dataset_of([3], ("poses_3d",), seed=1)
    lazy = streamed_of(first)
    thinned = StreamedDataset.of(H36M17, CAMERAS, first.sequences, lazy.read, ("poses_3d",), first.origin, True, 50)
    joined = streamed.concatenate([thinned, second])
    assert joined.load(0, 7).rows.tolist() == [0, 1, 2, 3, 50, 51, 52]
    assert joined.rows_as_read == 53


# Tables


def slices_of(count):
    """From a row to another one behind it, also beyond the end and counted from there."""
    bounds = st.one_of(st.none(), st.integers(-count - 3, count + 3))
    steps = st.one_of(st.none(), st.integers(1, count + 3))
    return st.builds(slice, bounds, bounds, steps)


@given(st.data(), st.lists(st.integers(0, 7), min_size=1, max_size=6))
def test_joined_tables_are_sliced_as_an_array(data, lengths):
    whole = np.random.default_rng(1).normal(size=(sum(lengths), 2)).astype(np.float32)
    table = JoinedTable(np.split(whole, np.cumsum(lengths)[:-1]))
    assert len(table) == len(whole)
    rows = data.draw(slices_of(len(whole)))
    np.testing.assert_array_equal(table[rows], whole[rows])


@given(st.data(), st.integers(0, 20))
def test_rows_of_a_table_are_sliced_as_an_array(data, count):
    whole = np.random.default_rng(1).normal(size=(count, 2)).astype(np.float32)
    stop = data.draw(st.integers(0, count))
    start = data.draw(st.integers(0, stop))
    table, expected = RowsOf(JoinedTable([whole[:3], whole[3:]]), start, stop), whole[start:stop]
    assert len(table) == len(expected)
    rows = data.draw(slices_of(len(expected)))
    np.testing.assert_array_equal(table[rows], expected[rows])


@given(st.data(), st.sampled_from([(0,), (9,), (9, 5), (0, 5), (17, 2, 3)]))
def test_a_table_in_a_file_is_an_array(tmp_path_factory, data, shape):
    table = ScratchTable(shape, tmp_path_factory.getbasetemp())
    expected = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    table[0 : shape[0]] = expected
    for _ in range(3):
        stop = data.draw(st.integers(0, shape[0]))
        start = data.draw(st.integers(0, stop))
        values = data.draw(st.floats(-9, 9, width=32)) + np.zeros((stop - start, *shape[1:]))
        table[start:stop] = expected[start:stop] = values
        rows = data.draw(slices_of(shape[0]))
        found = table[rows]
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected[rows])


def test_turned_values_are_written_as_they_are(tmp_path):
    table, values = ScratchTable((4, 3), tmp_path), np.arange(12.0).reshape(3, 4).T
    table[0:4] = values
    np.testing.assert_array_equal(table[0:4], values)


def test_nothing_of_a_table_in_a_file_is_left_behind(tmp_path):
    table = ScratchTable((4, 3), tmp_path)
    table[0:4] = np.ones((4, 3))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [1, 100_000])
def test_a_full_disk_is_told_of(rows, tmp_path, monkeypatch):
    """Large tables fail as they are written, small ones at the latest as they are read."""
    monkeypatch.setattr(scratch.tempfile, "TemporaryFile", lambda **_: Path("/dev/full").open("w+b"))  # noqa: SIM115
    table = ScratchTable((rows, 5), tmp_path)
    with pytest.raises(OutputError, match=rf"^{tmp_path}: no room for interim results: no space left on device"):
        table[0:rows] = np.ones((rows, 5))
        table[0:rows]


def test_a_folder_that_takes_no_file_is_told_of(tmp_path):
    with pytest.raises(OutputError, match="gone: no room for interim results: no such file or directory"):
        ScratchTable((2, 5), tmp_path / "gone")


def test_small_tables_stay_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "LARGE", 80)
    room = Scratch(tmp_path / "a" / "b").room
    assert isinstance(room((19,)), np.ndarray)
    assert isinstance(room((20,)), ScratchTable)
    assert isinstance(room((4, 5)), ScratchTable)


def test_files_lie_beside_what_will_be_written(tmp_path, monkeypatch):
    """In the first folder above it that is there."""
    places = []
    monkeypatch.setattr(scratch, "LARGE", 0)
    monkeypatch.setattr(scratch, "ScratchTable", lambda shape, folder: places.append(folder))
    Scratch(tmp_path / "a" / "b").room((2,))
    (tmp_path / "a").mkdir()
    Scratch(tmp_path / "a" / "b").room((2,))
    assert places == [tmp_path, tmp_path / "a"]
