import pickle

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.limits import Limits
from poseda_cli.storage.npy import CONTENT, SingleArchive
from poseda_cli.storage.pickles import ArrayHead

from .compare import as_documented, assert_same
from .test_npz import ARRAYS, HEADER_LIES, OBJECT_LIES, TREE, Gadget, npy

LIMIT = 1 << 20


def single(tmp_path, data, name="poses.npy"):
    (tmp_path / name).write_bytes(data)
    return SingleArchive(LocalFile(tmp_path / name, name), Limits(LIMIT))


@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS)
def test_numbers_are_those_that_were_saved(values, tmp_path):
    np.save(tmp_path / "poses.npy", values)
    archive = open_archive(tmp_path / "poses.npy")
    assert archive.members[CONTENT][0] == values.shape
    assert_same(archive.array(CONTENT), as_documented(values))


def test_object_array_is_the_tree_in_it(tmp_path):
    np.save(tmp_path / "poses.npy", np.array(TREE, object), allow_pickle=True)
    archive = open_archive(tmp_path / "poses.npy")
    assert archive.members == {CONTENT: ((), np.dtype(object))}
    assert archive.outline(CONTENT) == {"S1": {"Walking 1": ArrayHead((2, 5, 3), np.dtype(np.float32))}, "S5": {
        "Sitting": [1, "a"]}}  # fmt: skip
    assert_same(archive.tree(CONTENT), TREE)
    assert archive.tree(CONTENT) is archive.tree(CONTENT)
    assert_same(archive.take_tree(CONTENT), TREE)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_bare_pickle(protocol, tmp_path):
    (tmp_path / "cameras.pkl").write_bytes(pickle.dumps({("S1", "54138969"): TREE["S1"]}, protocol))
    archive = open_archive(tmp_path / "cameras.pkl")
    assert archive.members == {CONTENT: ((), np.dtype(object))}
    assert list(archive.outline(CONTENT)) == [("S1", "54138969")]
    assert_same(archive.tree(CONTENT), {("S1", "54138969"): TREE["S1"]})
    with pytest.raises(ArchiveError):
        archive.array(CONTENT)


@pytest.mark.parametrize("data", HEADER_LIES.values(), ids=HEADER_LIES)
def test_headers_that_lie(data, tmp_path):
    with pytest.raises((UnsafeArchiveError, DamagedArchiveError), match=r"^poses\.npy: "):
        archive = single(tmp_path, data)
        archive.tree(CONTENT) if archive.members[CONTENT][1].kind == "O" else archive.array(CONTENT)


@pytest.mark.parametrize("payload", OBJECT_LIES.values(), ids=OBJECT_LIES)
@pytest.mark.parametrize("bare", [False, True])
def test_objects_that_lie(payload, bare, tmp_path):
    with pytest.raises((UnsafeArchiveError, DamagedArchiveError), match=r"^poses\.npy: "):
        single(tmp_path, payload if bare else npy((), "|O", payload)).tree(CONTENT)


@pytest.mark.parametrize("bare", [False, True])
def test_code_is_refused_and_never_runs(bare, tmp_path):
    marker = tmp_path / "marker"
    code = pickle.dumps(Gadget(marker), 4)
    archive = single(tmp_path, code if bare else npy((), "|O", code))
    for look in (archive.outline, archive.tree):
        with pytest.raises(UnsafeArchiveError, match=r"^poses\.npy: refers to pathlib\.\S* at byte \d+"):
            look(CONTENT)
    assert not marker.exists()


@pytest.mark.parametrize("kind", ["numbers", "objects", "pickle"])
def test_every_truncation_is_noticed(kind, tmp_path):
    if kind == "pickle":
        (tmp_path / "whole").write_bytes(pickle.dumps(TREE, 4))
    else:
        with (tmp_path / "whole").open("wb") as stream:
            np.save(stream, np.arange(20.0) if kind == "numbers" else np.array(TREE, object))
    data = (tmp_path / "whole").read_bytes()
    for length in range(len(data)):
        (tmp_path / "cut.npy").write_bytes(data[:length])
        with pytest.raises(ArchiveError, match=r"^cut\.npy: "):
            archive = open_archive(tmp_path / "cut.npy")
            archive.tree(CONTENT) if archive.members[CONTENT][1].kind == "O" else archive.array(CONTENT)


def test_asked_for_the_other_kind(tmp_path):
    np.save(tmp_path / "numbers.npy", np.zeros(3))
    archive = open_archive(tmp_path / "numbers.npy")
    for look in (archive.tree, archive.outline):
        with pytest.raises(ArchiveError, match=r"^numbers\.npy: content: .*expected an object array"):
            look(CONTENT)


def test_decoded_are_the_bytes_of_the_file(tmp_path):
    np.save(tmp_path / "poses.npy", np.zeros((5, 17, 3)))
    assert open_archive(tmp_path / "poses.npy").decoded == 128 + 5 * 17 * 3 * 8


def beyond_unicode(kind):
    values = np.full(3, "S1", "<U2")
    values.view(np.uint32)[3] = 0x110000  # Python has no such character, and crashes on it
    return values.byteswap().view(">U2") if kind == "big-endian" else values


@pytest.mark.parametrize("kind", ["native", "big-endian"])
def test_characters_that_do_not_exist(kind, tmp_path):
    with (tmp_path / "names.npy").open("wb") as stream:
        np.lib.format.write_array(stream, beyond_unicode(kind))
    with pytest.raises(DamagedArchiveError, match=r"^names\.npy: content: text with characters that do not exist"):
        open_archive(tmp_path / "names.npy").array(CONTENT)


@pytest.mark.parametrize("kind", ["native", "big-endian"])
def test_characters_that_do_not_exist_in_a_pickle(kind, tmp_path):
    (tmp_path / "names.pkl").write_bytes(pickle.dumps({"names": beyond_unicode(kind)}))
    with pytest.raises(DamagedArchiveError, match=r"^names\.pkl: .*characters that do not exist"):
        open_archive(tmp_path / "names.pkl").tree(CONTENT)


def test_characters_that_do_not_exist_in_a_structure(tmp_path):
    table = np.zeros(3, [("name", "U2"), ("row", "i4")])
    table["name"] = beyond_unicode("native")
    (tmp_path / "table.pkl").write_bytes(pickle.dumps({"table": table}))
    with pytest.raises(DamagedArchiveError, match=r"^table\.pkl: .*characters that do not exist"):
        open_archive(tmp_path / "table.pkl").tree(CONTENT)
