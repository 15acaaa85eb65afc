from __future__ import annotations

import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.npz import NpzArchive
from poseda_cli.storage.npz_writer import write_npz, write_object_npz

from .compare import assert_same

COMPRESSED = ("fast", "small")


@pytest.fixture
def arrays(rng):
    """More than a block of floats and of text, nothing, no dimension, other orders and byte orders."""
    return {
        "poses_3d": rng.normal(size=(8_000, 17, 3)).astype(np.float32),
        "action": np.array(["Walking 1", "Séance"] * 30_000),
        "empty": np.empty((0, 17, 2), np.float32),
        "single": np.array([7]),
        "turned": np.arange(24.0).reshape(2, 3, 4).T,
        "foreign": np.arange(5, dtype=">i4"),
        "flags": rng.random(1_000_000) < 0.5,
    }


def trees(arrays):
    return {
        "positions_3d": {"S1": {"Walking": arrays["poses_3d"], "Sitting": arrays["poses_3d"][:1]}, "S5": {}},
        "metadata": {"num_joints": 17, "keypoints_symmetry": [[4, 5], [1, 2]]},
    }


def test_without_compression_the_bytes_are_those_of_savez(arrays, tmp_path):
    write_npz(tmp_path / "ours.npz", arrays)
    plain = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    np.savez(tmp_path / "numpy.npz", **plain)
    assert (tmp_path / "ours.npz").read_bytes() == (tmp_path / "numpy.npz").read_bytes()


@pytest.mark.parametrize("compression", COMPRESSED)
def test_numpy_and_our_reader_give_compressed_arrays_back(compression, arrays, tmp_path):
    path = tmp_path / "poses.npz"
    write_npz(path, arrays, compression)
    ours = NpzArchive(LocalFile(path, "poses.npz"))
    with np.load(path) as found:
        assert found.files == list(arrays)
        for name, values in arrays.items():
            assert found[name].dtype == values.dtype
            np.testing.assert_array_equal(found[name], values)
            np.testing.assert_array_equal(ours.array(name), values)


@pytest.mark.parametrize("compression", COMPRESSED)
def test_numpy_and_our_reader_give_compressed_trees_back(compression, arrays, tmp_path):
    path = tmp_path / "poses.npz"
    write_object_npz(path, trees(arrays), compression=compression)
    ours = NpzArchive(LocalFile(path, "poses.npz"))
    with np.load(path, allow_pickle=True) as found:
        for name, tree in trees(arrays).items():
            assert_same(found[name].item(), tree)
            assert_same(ours.tree(name), tree)


@pytest.mark.parametrize("compression", COMPRESSED)
def test_members_are_deflated_and_their_heads_agree_with_the_directory(compression, arrays, tmp_path):
    """Readers of streams go by the heads, zipfile goes by the directory."""
    path = tmp_path / "poses.npz"
    write_npz(path, arrays, compression)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        place = 0
        for entry in archive.infolist():
            assert entry.header_offset == place
            assert entry.compress_type == zipfile.ZIP_DEFLATED
            head = data[place:][:30]
            assert head[8:10] == b"\x08\x00"
            assert int.from_bytes(head[14:18], "little") == entry.CRC
            # Sizes are in the zip64 field, as numpy.savez has them, too.
            name, extra = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
            sizes = data[place + 30 + name :][4:20]
            assert int.from_bytes(sizes[:8], "little") == entry.file_size
            assert int.from_bytes(sizes[8:], "little") == entry.compress_size
            place += 30 + name + extra + entry.compress_size
    assert len(data) < sum(values.nbytes for values in arrays.values()) * 0.6


@pytest.mark.parametrize("compression", COMPRESSED)
def test_same_content_same_bytes_on_any_number_of_cores(compression, arrays, tmp_path, monkeypatch):
    for threads in (1, 5):
        monkeypatch.setattr("poseda_cli.storage.deflate.cores", lambda threads=threads: threads)
        write_npz(tmp_path / f"{threads}.npz", arrays, compression)
        write_object_npz(tmp_path / f"{threads} tree.npz", trees(arrays), compression=compression)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "5.npz").read_bytes()
    assert (tmp_path / "1 tree.npz").read_bytes() == (tmp_path / "5 tree.npz").read_bytes()


@pytest.mark.parametrize("compression", ["none", *COMPRESSED])
def test_writing_is_told_of_in_bytes_of_the_arrays(compression, tmp_path):
    """A large array in several steps; names and heads count nothing."""
    arrays = {"large": np.zeros((3, 1 << 20)), "small": np.zeros(7, np.uint8)}
    for write in (write_npz, write_object_npz):
        told = []

        @contextmanager
        def progress(label, total, unit, told=told):
            told.append((label, total, unit))
            yield told.append

        write(tmp_path / "told.npz", arrays, compression=compression, progress=progress)
        write(tmp_path / "silent.npz", arrays, compression=compression)
        assert told[0] == ("writing", 3 * 8 * (1 << 20) + 7, "B")
        assert sum(told[1:]) == 3 * 8 * (1 << 20) + 7
        assert sum(step > 0 for step in told[1:]) > 4
        assert (tmp_path / "told.npz").read_bytes() == (tmp_path / "silent.npz").read_bytes()
