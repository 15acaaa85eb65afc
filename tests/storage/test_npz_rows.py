from __future__ import annotations

import tracemalloc
import zipfile

import numpy as np
import pytest

from poseda_cli.storage.npz_rows import Column, write_npz_rows
from poseda_cli.storage.npz_writer import write_npz

COMPRESSIONS = ("none", "fast", "small")
ROWS = 30_000


@pytest.fixture(scope="module")
def arrays():
    """More than a block of each kind; what is not of rows lies between what is."""
    rng = np.random.default_rng(6)
    return {
        "poses_3d": rng.normal(size=(ROWS, 17, 3)).astype(np.float32),
        "joints": np.array(["Hip", "RHip", "Séance"]),
        "intrinsics": rng.normal(1100, 50, size=(ROWS, 4)).astype(np.float32),
        "visible": rng.random((ROWS, 17)) < 0.5,
        "action": np.array(["Walking 1", "Sit", "Greeting"])[np.arange(ROWS) * 3 // ROWS],
        "source_index": np.arange(ROWS),
    }


def columns_of(arrays, uncertain=()):
    return {name: Column(a.shape, a.dtype, name not in uncertain) for name, a in arrays.items()}


def parts_of(arrays, height):
    yield {"joints": arrays["joints"]}
    for start in range(0, ROWS, height):
        yield {name: values[start : start + height] for name, values in arrays.items() if name != "joints"}


def savez(path, arrays):
    np.savez(path, **arrays)
    return path.read_bytes()


@pytest.mark.parametrize("height", [1_111, 20_000, ROWS])
def test_the_bytes_are_those_of_savez_wherever_parts_end(height, arrays, tmp_path):
    write_npz_rows(tmp_path / "ours.npz", columns_of(arrays), parts_of(arrays, height))
    assert (tmp_path / "ours.npz").read_bytes() == savez(tmp_path / "numpy.npz", arrays)


@pytest.mark.parametrize("compression", ["fast", "small"])
@pytest.mark.parametrize("height", [1_111, 20_000])
def test_deflated_bytes_are_those_of_whole_arrays(height, compression, arrays, tmp_path):
    write_npz_rows(tmp_path / "parts.npz", columns_of(arrays), parts_of(arrays, height), compression)
    write_npz(tmp_path / "whole.npz", arrays, compression)
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    with np.load(tmp_path / "parts.npz") as found:
        assert found.files == list(arrays)
        for name, values in arrays.items():
            np.testing.assert_array_equal(found[name], values)


def test_arrays_may_take_turns(arrays, tmp_path):
    def parts():
        yield {"source_index": arrays["source_index"], "joints": arrays["joints"]}
        for name in ("action", "intrinsics", "poses_3d", "visible"):
            yield {name: arrays[name][:7]}
        for name in ("poses_3d", "visible", "intrinsics", "action"):
            yield {name: arrays[name][7:]}

    write_npz_rows(tmp_path / "ours.npz", columns_of(arrays), parts())
    assert (tmp_path / "ours.npz").read_bytes() == savez(tmp_path / "numpy.npz", arrays)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_an_uncertain_array_that_is_there_after_all(compression, arrays, tmp_path):
    columns = columns_of(arrays, uncertain=("intrinsics", "visible"))
    write_npz_rows(tmp_path / "ours.npz", columns, parts_of(arrays, 7_000), compression)
    write_npz_rows(tmp_path / "certain.npz", columns_of(arrays), parts_of(arrays, 7_000), compression)
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "certain.npz").read_bytes()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("gone", ["poses_3d", "intrinsics", "source_index"])
@pytest.mark.parametrize("missing", [[0], [2], [4], [1, 3]])
def test_an_array_that_a_part_does_not_have_is_left_out(missing, gone, compression, arrays, tmp_path):
    def parts():
        joints, *others = parts_of(arrays, 6_000)
        yield joints
        for number, part in enumerate(others):
            yield {**part, gone: None} if number in missing else part

    rest = {name: values for name, values in arrays.items() if name != gone}
    write_npz_rows(tmp_path / "ours.npz", columns_of(arrays, [gone]), parts(), compression)
    write_npz(tmp_path / "rest.npz", rest, compression)
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "rest.npz").read_bytes()


@pytest.mark.parametrize("compression", ["fast", "small"])
def test_same_bytes_on_any_number_of_cores(compression, arrays, tmp_path, monkeypatch):
    for threads in (1, 5):
        monkeypatch.setattr("poseda_cli.storage.deflate.cores", lambda threads=threads: threads)
        path = tmp_path / f"{threads}.npz"
        write_npz_rows(path, columns_of(arrays, ["visible"]), parts_of(arrays, 5_000), compression)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "5.npz").read_bytes()


def test_parts_become_what_their_column_is(tmp_path):
    columns = {"text": Column((2,), "<U7"), "number": Column((2, 3), np.float32)}
    turned = np.arange(6.0).reshape(3, 2).T
    write_npz_rows(tmp_path / "ours.npz", columns, [{"text": np.array(["a", "bc"]), "number": turned}])
    expected = {"text": np.array(["a", "bc"], "<U7"), "number": np.array([[0, 2, 4], [1, 3, 5]], np.float32)}
    assert (tmp_path / "ours.npz").read_bytes() == savez(tmp_path / "numpy.npz", expected)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_no_rows(compression, tmp_path):
    columns = {"poses_3d": Column((0, 17, 3), np.float32), "size": Column((0, 2), np.int32, certain=False)}
    write_npz_rows(tmp_path / "ours.npz", columns, [], compression)
    with np.load(tmp_path / "ours.npz") as found:
        assert {name: (found[name].shape, found[name].dtype.str) for name in found.files} == {
            "poses_3d": ((0, 17, 3), "<f4"),
            "size": ((0, 2), "<i4"),
        }


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("rows", [ROWS - 1, ROWS + 1])
def test_rows_that_were_not_announced(rows, compression, arrays, tmp_path):
    columns = columns_of(arrays)
    columns["visible"] = Column((rows, 17), np.bool_)
    # 17 bytes a row, and 128 bytes of head, as numpy.save has it.
    with pytest.raises(ValueError, match=f"visible: 510,128 bytes came, {rows * 17 + 128:,} were announced"):
        write_npz_rows(tmp_path / "ours.npz", columns, parts_of(arrays, 7_000), compression)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_nothing_lies_beside_the_file(compression, arrays, tmp_path):
    """Neither while it is written, nor if that fails."""
    seen = []

    def parts():
        for part in parts_of(arrays, 7_000):
            yield part
            seen.append([path.name for path in tmp_path.iterdir()])
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        write_npz_rows(tmp_path / "ours.npz", columns_of(arrays, ["poses_3d"]), parts(), compression)
    assert seen == [["ours.npz"]] * 6
    assert [path.name for path in tmp_path.iterdir()] == ["ours.npz"]


@pytest.mark.parametrize("compression", ["none", "fast"])
def test_memory_holds_a_few_parts(compression, tmp_path):
    """64 parts of a megabyte, deflated in blocks of another; a file of all of them is 128 MB."""
    part = np.random.default_rng(1).normal(size=(1 << 17, 2)).astype(np.float32)
    rows = 64 * len(part)
    columns = {"first": Column((rows, 2), np.float32), "second": Column((rows, 2), np.float32, certain=False)}
    tracemalloc.start()
    try:
        write_npz_rows(
            tmp_path / "ours.npz", columns, ({"first": part, "second": part} for _ in range(64)), compression
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20
    with zipfile.ZipFile(tmp_path / "ours.npz") as archive:
        assert archive.testzip() is None
        assert [entry.file_size for entry in archive.infolist()] == [(64 << 20) + 128] * 2
