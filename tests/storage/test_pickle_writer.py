import io
import pickletools
import zipfile

import numpy as np
import pytest

from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.npz import NpzArchive
from poseda_cli.storage.npz_writer import write_object_npz
from poseda_cli.storage.pickle_writer import payload, pickled
from poseda_cli.storage.pickles import read_pickle

from .compare import assert_same

GRID = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
TREES = {
    "positions": {"S1": {"Walking 1": GRID, "Séance": GRID[:0]}, "S5": {}},
    "views": {"S1": {"Walking": [GRID, GRID[:1], np.empty((0, 17, 2))]}},
    "metadata": {"num_joints": 17, "keypoints_symmetry": [[4, 5], [1, 2]], "name": "h36m", "nested": (1, ("a",))},
    "integers": [0, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 10**30],
    "other atoms": [None, True, False, 0.1, -0.0, float("inf"), float("nan"), ""],
    "kinds": [GRID.astype(kind) for kind in ("f8", "f2", "i8", "i1", "u2", "bool")],
    "long text": "x" * 70_000,
    "empty containers": [{}, [], ()],
    "a number alone": 5,
}  # fmt: skip


def dumped(tree):
    return b"".join(pickled(tree))


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_numpy_and_our_reader_give_the_tree_back(tree, tmp_path):
    path = tmp_path / "poses.npz"
    write_object_npz(path, {"data": tree})
    with np.load(path, allow_pickle=True) as archive:
        assert archive["data"].shape == ()
        assert_same(archive["data"].item(), tree)
    assert_same(NpzArchive(LocalFile(path, "poses.npz")).tree("data"), tree)


@pytest.mark.parametrize(
    "values",
    [
        np.asfortranarray(GRID),
        GRID.transpose(1, 2, 0),
        GRID[:, ::-2],
        GRID.astype(">f4"),
        np.array(3.5),
        GRID[0, 0, :2],
    ],
    ids=["fortran", "turned", "strided", "big endian", "no dimension", "view"],
)
def test_arrays_come_back_by_value_however_they_lie_in_memory(values, tmp_path):
    write_object_npz(tmp_path / "poses.npz", {"data": [values]})
    with np.load(tmp_path / "poses.npz", allow_pickle=True) as archive:
        found = archive["data"].item()[0]
    assert found.shape == values.shape
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(read_pickle(io.BytesIO(dumped([values])))[0], values)


def test_names_and_protocol_that_every_numpy_knows():
    opcodes = [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(dumped(TREES["views"]))]
    assert opcodes[0] == ("PROTO", 3)
    named = {argument for name, argument in opcodes if name == "GLOBAL"}
    assert named == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
    assert "STACK_GLOBAL" not in dict(opcodes)


def test_pickle_is_one_that_python_finds_sound():
    pickletools.dis(dumped(TREES["positions"]), io.StringIO())


def test_same_tree_same_bytes(tmp_path, monkeypatch):
    write_object_npz(tmp_path / "one.npz", {"data": TREES["positions"]})
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    copied = {
        subject: {a: poses.copy() for a, poses in actions.items()} for subject, actions in TREES["positions"].items()
    }
    write_object_npz(tmp_path / "other.npz", {"data": copied})
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_members_carry_the_stamp_of_savez(tmp_path):
    write_object_npz(tmp_path / "ours.npz", {"positions_2d": {}, "metadata": {}})
    np.savez(tmp_path / "numpy.npz", positions_2d={}, metadata={})
    with zipfile.ZipFile(tmp_path / "ours.npz") as ours, zipfile.ZipFile(tmp_path / "numpy.npz") as expected:
        assert ours.testzip() is None
        assert [(e.filename, e.date_time) for e in ours.infolist()] == [
            (e.filename, e.date_time) for e in expected.infolist()
        ]


@pytest.mark.parametrize(
    "value",
    [{1, 2}, b"raw", 1j, np.float32(1), np.array([None]), np.array(["S1"]), np.array([1j]), object()],
    ids=lambda value: type(value).__name__,
)
def test_other_content_is_refused(value):
    with pytest.raises(TypeError, match="cannot be written into a pickle"):
        dumped({"S1": value})


def test_payload_is_the_bytes_of_all_arrays():
    tree = {"S1": {"Walking 1": [np.zeros((4, 2), np.float32), (np.zeros(3, np.int16), "text")]}, "n": 5, "none": None}
    assert payload(tree) == 4 * 2 * 4 + 3 * 2
    assert payload({}) == 0
