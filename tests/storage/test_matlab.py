import io
import sys

import numpy as np
import pytest
import scipy.io

from poseda_cli.errors import ArchiveError, MissingExtraError, UnsafeArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.limits import Limits
from poseda_cli.storage.matlab import MatlabArchive

from .compare import assert_same


def cell(*rows):
    values = np.empty((len(rows), len(rows[0])), object)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            values[i, j] = value
    return values


POSES = np.linspace(-3, 900, 5 * 6).reshape(5, 6)
CONTENT = {
    "annot3": cell([POSES], [POSES[:2] / 3]),
    "frames": np.arange(5.0)[:, None],
    "small": np.arange(4, dtype=np.uint8).reshape(2, 2),
    "single": POSES.astype(np.float32),
    "cube": np.arange(24.0).reshape(2, 3, 4),
    "valid": np.array([[True, False, True]]),
    "title": "TS5",
    "annot": {"K": np.eye(3), "name": "S9", "parts": cell([np.ones((1, 2)), "x"])},
    "nothing": np.empty((0, 3)),
    "int64": np.array([[-(2**62), 2**62]]),
}


@pytest.fixture(params=[False, True], ids=["plain", "compressed"])
def saved(request, tmp_path):
    scipy.io.savemat(tmp_path / "annot.mat", CONTENT, do_compression=request.param)
    return tmp_path / "annot.mat"


def test_heads_are_those_that_were_saved(saved):
    members = open_archive(saved).members
    assert list(members) == list(CONTENT)
    for name, (shape, dtype) in members.items():
        value = CONTENT[name]
        if isinstance(value, np.ndarray):
            assert (shape, dtype) == (value.shape, value.dtype)
    assert members["annot"] == ((1, 1), np.dtype(object))
    assert members["title"][1].kind == "U"


def test_numbers_are_those_that_were_saved(saved):
    archive = open_archive(saved)
    for name in ("frames", "small", "single", "cube", "valid", "nothing", "int64"):
        assert_same(archive.array(name), CONTENT[name])
        assert archive.array(name).flags.c_contiguous
    assert archive.array("title").tolist() == ["TS5"]


def test_cells_are_lists_and_structs_dictionaries(saved):
    archive = open_archive(saved)
    (first,), (second,) = archive.tree("annot3")
    np.testing.assert_array_equal(first, POSES)
    np.testing.assert_array_equal(second, POSES[:2] / 3)
    assert archive.tree("annot3") is archive.tree("annot3")
    annot = archive.take_tree("annot")
    assert list(annot) == ["K", "name", "parts"]
    np.testing.assert_array_equal(annot["K"], np.eye(3))
    assert annot["name"].tolist() == ["S9"]
    [[ones, letter]] = annot["parts"]
    assert ones.shape == (1, 2) and letter.tolist() == ["x"]
    assert archive.tree("annot") is not annot


def test_cells_of_several_columns_are_rows_of_columns(tmp_path):
    values = cell(*[[np.full((1, 1), 10.0 * i + j) for j in range(3)] for i in range(2)])
    scipy.io.savemat(tmp_path / "c.mat", {"c": values})
    found = open_archive(tmp_path / "c.mat").tree("c")
    assert [[entry.item() for entry in row] for row in found] == [[0, 1, 2], [10, 11, 12]]


def test_asked_for_numbers_of_a_cell(saved):
    with pytest.raises(ArchiveError, match=r"^annot\.mat: annot3: a cell or struct, expected numbers"):
        open_archive(saved).array("annot3")


def big_endian():
    def tag(kind, size):
        return np.array([kind, size], ">u4").tobytes()

    body = tag(6, 8) + np.array([6, 0], ">u4").tobytes() + tag(5, 8) + np.array([2, 2], ">i4").tobytes()
    body += np.array([1 << 16 | 1], ">u4").tobytes() + b"x\0\0\0"
    body += tag(9, 32) + np.array([1, 2, 3, 4], ">f8").tobytes()
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + tag(14, len(body)) + body


def test_big_endian(tmp_path):
    (tmp_path / "x.mat").write_bytes(big_endian())
    assert_same(open_archive(tmp_path / "x.mat").array("x"), np.array([[1.0, 3.0], [2.0, 4.0]]))
    assert_same(scipy.io.loadmat(io.BytesIO(big_endian()))["x"].astype(float), np.array([[1.0, 3.0], [2.0, 4.0]]))


def test_doubles_that_matlab_stores_in_fewer_bytes(tmp_path):
    def tag(kind, size):
        return np.array([kind, size], "<u4").tobytes()

    body = tag(6, 8) + np.array([6, 0], "<u4").tobytes() + tag(5, 8) + np.array([3, 1], "<i4").tobytes()
    body += tag(1, 6) + b"frames\0\0" + tag(2, 3) + bytes([7, 8, 255]) + bytes(5)
    data = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + tag(14, len(body)) + body
    (tmp_path / "x.mat").write_bytes(data)
    archive = open_archive(tmp_path / "x.mat")
    assert archive.members == {"frames": ((3, 1), np.dtype("f8"))}
    assert_same(archive.array("frames"), np.array([[7.0], [8.0], [255.0]]))


def test_file_larger_than_allowed(saved):
    with pytest.raises(UnsafeArchiveError, match="limit is 100"):
        MatlabArchive(LocalFile(saved, "annot.mat"), Limits(100))


def read_all(path):
    archive = open_archive(path)
    return {n: archive.tree(n) if dtype.kind == "O" else archive.array(n) for n, (_, dtype) in archive.members.items()}


def test_every_truncation_is_noticed(saved, tmp_path):
    data = saved.read_bytes()
    starts = {128}
    place = 128
    while place < len(data):
        place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
        starts.add(place)  # a file that ends between two variables is a whole one with fewer
    for length in set(range(len(data))) - starts:
        (tmp_path / "cut.mat").write_bytes(data[:length])
        with pytest.raises(ArchiveError, match=r"^cut\.mat: "):
            read_all(tmp_path / "cut.mat")


def test_deep_cells_are_refused(tmp_path):
    value = np.ones((1, 1))
    for _ in range(40):
        value = cell([value])
    scipy.io.savemat(tmp_path / "deep.mat", {"c": value})
    with pytest.raises(ArchiveError, match="levels deep"):
        open_archive(tmp_path / "deep.mat").tree("c")


def test_without_scipy_the_extra_is_named(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"^annot\.mat: a MATLAB v5 file; .* pip install 'poseda\[mat\]'"):
        open_archive(saved)


def test_decoded_are_the_bytes_of_all_variables_compressed_or_not(tmp_path):
    for compressed in (False, True):
        scipy.io.savemat(tmp_path / "annot.mat", CONTENT, do_compression=compressed)
        if not compressed:
            # Without the file's head, and the tag of each variable.
            expected = (tmp_path / "annot.mat").stat().st_size - 128 - 8 * len(CONTENT)
        assert open_archive(tmp_path / "annot.mat").decoded == expected


def test_decoded_of_a_variable_that_does_not_inflate_is_not_known(tmp_path):
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    (tmp_path / "x.mat").write_bytes(head + np.array([15, 16], "<u4").tobytes() + bytes(16))
    archive = open_archive(tmp_path / "x.mat")
    assert archive.decoded == 0
    with pytest.raises(ArchiveError, match=r"^x\.mat: damaged MATLAB file"):
        archive.members  # noqa: B018


def test_complex_numbers_are_refused(tmp_path):
    scipy.io.savemat(tmp_path / "annot.mat", {"frames": np.array([1 + 2j, 3])})
    with pytest.raises(ArchiveError, match=r"annot\.mat: frames: complex numbers, expected real ones"):
        open_archive(tmp_path / "annot.mat").array("frames")
