import gc
import zipfile

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.limits import Limits
from poseda_cli.storage.npz import NpzArchive

from .compare import as_documented, assert_same

VALUES = np.arange(60 * 5 * 3, dtype=np.float32).reshape(60, 5, 3)
ARRAYS = {
    "poses": VALUES,
    "big endian": VALUES[:, 0, 0].astype(">i4"),
    "text": np.array([f"é{number}" for number in range(60)]),
    "bytes": np.array([b"a", b"bcd"] * 30),
    "bool": VALUES[:, :, 0] % 2 == 0,
    "no rows": VALUES[:0],
    "one column, in Fortran's order": np.asfortranarray(VALUES[:, 0, 0]),
}
# What is asked for: in order, an earlier row again, the same, some left out, beyond the end.
ASKED = [(0, 20), (20, 40), (10, 15), (15, 60), (0, 60), (59, 60), (3, 3), (0, 1), (30, 33), (50, 99), (70, 80)]


@pytest.fixture(params=[np.savez, np.savez_compressed], ids=["stored", "deflated"])
def save(request):
    return request.param


def opened(path, *limits):
    return NpzArchive(LocalFile(path, "poses.npz"), Limits(*limits))


@pytest.mark.parametrize("name", ARRAYS)
def test_rows_are_those_of_the_array(name, save, tmp_path):
    save(tmp_path / "poses.npz", **ARRAYS)
    archive = opened(tmp_path / "poses.npz")
    assert archive.has_rows(name)
    for start, stop in ASKED:
        assert_same(archive.rows(name, start, stop), as_documented(ARRAYS[name][start:stop]))


def test_members_are_read_in_turns(save, tmp_path):
    save(tmp_path / "poses.npz", **ARRAYS)
    archive = opened(tmp_path / "poses.npz")
    for _ in range(2):
        for start in range(0, 60, 7):
            for name, values in ARRAYS.items():
                assert_same(archive.rows(name, start, start + 7), as_documented(values[start : start + 7]))


def test_arrays_without_rows(save, tmp_path):
    save(tmp_path / "poses.npz", fortran=np.asfortranarray(VALUES), number=7.0)
    archive = opened(tmp_path / "poses.npz")
    for name in ("fortran", "number"):
        assert not archive.has_rows(name)
        with pytest.raises(ArchiveError, match=rf"^poses\.npz: {name}: its values do not lie row by row"):
            archive.rows(name, 0, 1)


def test_objects_have_no_rows(save, tmp_path):
    save(tmp_path / "poses.npz", tree=np.array([{"a": 1}]))
    with pytest.raises(ArchiveError, match=r"^poses\.npz: tree: an object array"):
        opened(tmp_path / "poses.npz").rows("tree", 0, 1)


def test_a_member_larger_than_what_is_read_at_once(save, tmp_path):
    save(tmp_path / "poses.npz", poses=VALUES)
    archive = opened(tmp_path / "poses.npz", 20 * 60)
    assert_same(archive.rows("poses", 5, 25), VALUES[5:25])
    with pytest.raises(UnsafeArchiveError, match=r"poses: claims 1,260 bytes; the limit is 1,200"):
        archive.rows("poses", 5, 26)
    with pytest.raises(UnsafeArchiveError, match=r"poses: \d,\d+ bytes when unpacked; the limit is 1,200"):
        archive.array("poses")


def content(path, member):
    """Where a member's bytes lie in the file; numpy.savez has an extra field of 20 bytes."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{member}.npy")
    start = entry.header_offset + 30 + len(entry.filename) + 20
    return start, start + entry.compress_size


def test_damage_is_noticed_when_the_end_has_been_read(tmp_path):
    values = np.arange(100_000.0)
    np.savez(tmp_path / "poses.npz", poses=values)
    data = bytearray((tmp_path / "poses.npz").read_bytes())
    _, end = content(tmp_path / "poses.npz", "poses")
    data[end - values.nbytes + 1] ^= 1  # of the first one
    (tmp_path / "poses.npz").write_bytes(data)
    archive = opened(tmp_path / "poses.npz")
    archive.rows("poses", 0, 50_000)
    with pytest.raises(DamagedArchiveError, match=r"^poses\.npz: poses: damaged .*fetch it again"):
        archive.rows("poses", 50_000, 100_000)


def test_no_flipped_bit_gives_other_values(save, tmp_path):
    whole, path = tmp_path / "whole.npz", tmp_path / "poses.npz"
    save(whole, poses=VALUES[:12])
    data = whole.read_bytes()
    for place in range(*content(whole, "poses")):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            archive = opened(path)
            found = [archive.rows("poses", start, start + 4) for start in range(0, 12, 4)]
        except ArchiveError:
            continue
        np.testing.assert_array_equal(np.concatenate(found), VALUES[:12])  # deflate can spell the same in two ways


def test_a_size_that_the_member_does_not_have(tmp_path):
    np.savez(tmp_path / "poses.npz", poses=VALUES)
    data = (tmp_path / "poses.npz").read_bytes()
    (tmp_path / "poses.npz").write_bytes(data.replace(b"(60, 5, 3)", b"(99, 5, 3)"))
    with pytest.raises(DamagedArchiveError, match=r"^poses\.npz: poses: damaged"):
        opened(tmp_path / "poses.npz").rows("poses", 0, 1)


def test_the_file_is_closed_with_the_archive(save, tmp_path):
    save(tmp_path / "poses.npz", poses=VALUES)
    archive = opened(tmp_path / "poses.npz")
    archive.rows("poses", 0, 10)
    kept = archive._kept._zip.fp
    del archive
    gc.collect()
    assert kept.closed
