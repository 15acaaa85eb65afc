import pickle
import struct
import warnings
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.limits import Limits
from poseda_cli.storage.npz import NpzArchive

from .compare import as_documented, assert_same

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "npz_versions"
LIMIT = 1 << 20
TREE = {"S1": {"Walking 1": np.linspace(0, 1, 30, dtype=np.float32).reshape(2, 5, 3)}, "S5": {"Sitting": [1, "a"]}}
ZEROS = np.zeros(4)
HEAD = {"descr": "<f8", "fortran_order": False, "shape": (4,)}


def npy(shape, dtype="<f8", payload=b"", version=(1, 0), head=None):
    text = head or repr({"descr": dtype, "fortran_order": False, "shape": shape})
    text = text.encode() + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + payload


def pack(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of the duplicate names that a test wants
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def one(tmp_path, data):
    return NpzArchive(LocalFile(pack(tmp_path / "poses.npz", [("poses.npy", data)]), "poses.npz"), Limits(LIMIT))


def read_all(archive):
    return {
        name: archive.tree(name) if dtype.kind == "O" else archive.array(name)
        for name, (_, dtype) in archive.members.items()
    }


ARRAYS = {
    "float32": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(6, dtype=">i4").reshape(2, 3),
    "bool": np.array([True, False]),
    "unicode": np.array([["S1", "Séance"]]),
    "bytes": np.array([b"S1", b"S11"]),
    "no dimension": np.array(7),
    "no rows": np.empty((0, 17, 3), np.float32),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS)
def test_numeric_members_are_those_that_were_saved(values, save, tmp_path):
    save(tmp_path / "poses.npz", poses=values)
    archive = NpzArchive(LocalFile(tmp_path / "poses.npz", "poses.npz"), Limits(LIMIT))
    shape, _ = archive.members["poses"]
    assert shape == values.shape
    assert_same(archive.array("poses"), as_documented(values))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_object_members_are_those_that_were_saved(save, tmp_path):
    save(tmp_path / "poses.npz", positions_3d=TREE, numbers=ZEROS)
    archive = NpzArchive(LocalFile(tmp_path / "poses.npz", "poses.npz"), Limits(LIMIT))
    assert list(archive.members) == ["positions_3d", "numbers"]
    assert archive.attributes == {}
    assert_same(archive.tree("positions_3d"), TREE)


def test_trees_are_decoded_once(tmp_path):
    np.savez(tmp_path / "poses.npz", positions_3d=TREE)
    archive = NpzArchive(LocalFile(tmp_path / "poses.npz", "poses.npz"), Limits(LIMIT))
    assert archive.tree("positions_3d") is archive.tree("positions_3d")


def test_npy_version_2_is_read(tmp_path):
    assert_same(one(tmp_path, npy((4,), payload=ZEROS.tobytes(), version=(2, 0))).array("poses"), ZEROS)


@pytest.mark.parametrize("path", sorted(SHARED.rglob("*.npz")) or [None], ids=lambda path: path and path.parent.name)
def test_files_of_old_pythons(path):
    if path is None:
        pytest.skip(f"no {SHARED}")
    archive = open_archive(path)
    with np.load(path, allow_pickle=True, encoding="latin1") as expected:
        assert list(archive.members) == expected.files
        for name in expected.files:
            assert expected[name].dtype == object
            assert_same(archive.tree(name), as_documented(expected[name]))


def test_asked_for_the_other_kind(tmp_path):
    np.savez(tmp_path / "poses.npz", tree=TREE, numbers=ZEROS)
    archive = NpzArchive(LocalFile(tmp_path / "poses.npz", "poses.npz"), Limits(LIMIT))
    with pytest.raises(ArchiveError, match=r"^poses\.npz: tree: an object array"):
        archive.array("tree")
    with pytest.raises(ArchiveError, match=r"^poses\.npz: numbers: .*expected an object array"):
        archive.tree("numbers")


class Gadget:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path,)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_code_is_refused_and_never_runs(compression, tmp_path):
    marker = tmp_path / "marker"
    code = pickle.dumps(Gadget(marker), 4)
    pickle.loads(code)
    marker.rmdir()
    pack(tmp_path / "poses.npz", [("positions_3d.npy", npy((), "|O", code))], compression)
    archive = NpzArchive(LocalFile(tmp_path / "poses.npz", "evil.npz"), Limits(LIMIT))
    with pytest.raises(UnsafeArchiveError, match=r"^evil\.npz: positions_3d: refers to pathlib\.\S* at byte \d+\."):
        archive.tree("positions_3d")
    assert not marker.exists()


HEADER_LIES = {
    "a tebi-element": npy((2**40,), payload=bytes(16)),
    "product wraps to 0": npy((2**62, 4), payload=b""),
    "one element too many": npy((5,), payload=ZEROS.tobytes()),
    "one element too few": npy((3,), payload=ZEROS.tobytes()),
    "data behind the array": npy((4,), payload=ZEROS.tobytes() + b"x"),
    "negative": npy((-1, -4), payload=ZEROS.tobytes()),
    "empty, of a size beyond any index": npy((0, 2**62, 4)),
    "empty, of a size beyond 64 bits": npy((0, 2**70)),
    "text of no width": npy((2**62,), "<U0"),
    "size of eight thousand digits": npy((), head=repr(HEAD).replace("4", "0x" + "f" * 8000)),
    "structured": npy((1,), [("x", "<f8")], bytes(8)),
    "subarray": npy((1,), ("<f8", (2,)), bytes(16)),
    "datetime": npy((1,), "<M8[D]", bytes(8)),
    "complex": npy((1,), "<c16", bytes(16)),
    "void": npy((1,), "|V8", bytes(8)),
    "version 3.0": npy((4,), payload=ZEROS.tobytes(), version=(3, 0)),
    "header of 40 kB": npy((), payload=ZEROS.tobytes(), head=repr(HEAD).ljust(40_000)),
    "header of another thing": npy((4,), head="__import__('os').system('true')"),
    "header cut": b"\x93NUMPY\x01\x00\x76\x00{'descr'",
    "no npy at all": b"PK or not",
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("data", HEADER_LIES.values(), ids=HEADER_LIES)
def test_headers_that_lie(data, tmp_path):
    with pytest.raises((UnsafeArchiveError, DamagedArchiveError), match=r"^poses\.npz: poses: "):
        archive = one(tmp_path, data)
        assert archive.members
        archive.array("poses")


OBJECT_LIES = {
    "data after STOP": pickle.dumps(TREE, 4) + b"x",
    "no STOP": pickle.dumps(TREE, 4)[:-1],
    "nothing": b"",
    "dtype with raw pointers": b"\x80\x03cnumpy\ndtype\nX\x02\x00\x00\x00V8\x89\x88\x87R.",
    "bytes": b"\x80\x03cbuiltins\nbytearray\nC\x01x\x85R.",
}


@pytest.mark.parametrize("payload", OBJECT_LIES.values(), ids=OBJECT_LIES)
def test_object_members_that_lie(payload, tmp_path):
    with pytest.raises((UnsafeArchiveError, DamagedArchiveError), match=r"^poses\.npz: poses: "):
        one(tmp_path, npy((), "|O", payload)).tree("poses")


def test_zip_bomb_is_refused_from_its_directory(tmp_path):
    bomb = [(f"{name}.npy", npy((LIMIT,), "|u1", bytes(LIMIT))) for name in "ab"]
    path = pack(tmp_path / "bomb.npz", bomb, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10_000
    archive = NpzArchive(LocalFile(path, "bomb.npz"), Limits(LIMIT))
    for read in (archive.array, archive.tree):
        with pytest.raises(UnsafeArchiveError, match=rf"^bomb\.npz: a: 1,\d+,\d+ bytes when unpacked; .* {LIMIT:,} \("):
            read("a")
    with pytest.raises(UnsafeArchiveError, match=rf"^bomb\.npz: 2,\d+,\d+ bytes when unpacked; .* {2 * LIMIT:,} \("):
        NpzArchive(LocalFile(path, "bomb.npz"), Limits(LIMIT, 2 * LIMIT))


def test_directory_that_understates_a_size(tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", npy((4,), payload=ZEROS.tobytes()))])
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, entry + 24)[0]
    struct.pack_into("<II", data, entry + 20, size - 8, size - 8)
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT)).array("poses")


def flag(path, bit, at):
    """Set a general purpose flag in the local header (at 6) or in the directory (at 8)."""
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04" if at == 6 else b"PK\x01\x02") + at + bit // 8] |= 1 << bit % 8
    path.write_bytes(data)


GOOD = npy((4,), payload=ZEROS.tobytes())


def test_duplicate_members(tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", GOOD), ("poses.npy", GOOD)])
    with pytest.raises(UnsafeArchiveError, match="same name"):
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT))


def test_encrypted(tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", GOOD)])
    flag(path, 0, at=8)
    with pytest.raises(ArchiveError, match="encrypted"):
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_npz_does_not_use(compression, tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", GOOD)], compression)
    with pytest.raises(ArchiveError, match="method"):
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT))


@pytest.mark.parametrize("names", [["poses.npy", "readme.txt"], ["h36m/S1.h5"], ["folder/"], []])
def test_zip_that_is_no_npz(names, tmp_path):
    path = pack(tmp_path / "poses.npz", [(name, b"") for name in names])
    with pytest.raises(ForeignFileError, match="no npz" if names else "an empty zip") as caught:
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT))
    for name in names:
        assert name in str(caught.value)


@pytest.mark.parametrize(("bit", "at"), [(0, 6), (5, 6), (5, 8), (6, 6), (6, 8)], ids=str)
def test_patched_and_strongly_encrypted_members(bit, at, tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", GOOD)])
    flag(path, bit, at)
    assert_right_or_refused(path, {"poses": ZEROS})


def test_name_that_is_not_the_text_it_claims_to_be(tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", GOOD)])
    data = bytearray(path.read_bytes())
    data[30] = 0xFF  # the first letter of the name in the local header, which flag 11 declares UTF-8
    path.write_bytes(data)
    flag(path, 11, at=6)
    with pytest.raises(DamagedArchiveError):
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT)).array("poses")


def test_directory_that_points_before_the_file(tmp_path):
    path = pack(tmp_path / "poses.npz", [("poses.npy", GOOD)])
    data = bytearray(path.read_bytes())
    end = data.index(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 16, struct.unpack_from("<I", data, end + 16)[0] + 1)
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        NpzArchive(LocalFile(path, "poses.npz"), Limits(LIMIT)).array("poses")


@pytest.fixture(scope="module", params=[np.savez, np.savez_compressed], ids=["stored", "deflated"])
def small(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "poses.npz"
    request.param(path, positions_3d=TREE, numbers=np.arange(5.0))
    return path.read_bytes(), {"positions_3d": TREE, "numbers": np.arange(5.0)}


def assert_right_or_refused(path, expected):
    """Damage is noticed, or it hit bytes without meaning; it never gives other poses."""
    try:
        found = read_all(open_archive(path))
    except ArchiveError:
        return False
    assert_same(found, expected)
    return True


def test_every_truncation_is_noticed(small, tmp_path):
    data, expected = small
    for length in range(0, len(data), 7):
        (tmp_path / "poses.npz").write_bytes(data[:length])
        assert not assert_right_or_refused(tmp_path / "poses.npz", expected)


def stored_bytes(data):
    """Where the members are that lie there as they are; deflate can spell the same bytes in two ways."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
            start = entry.header_offset + 30 + name + extra
            if entry.compress_type == zipfile.ZIP_STORED:
                yield from range(start, start + entry.file_size)


def test_every_flipped_bit_is_noticed_or_harmless(small, tmp_path):
    data, expected = small
    inside = set(stored_bytes(data))
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 1 << place % 8
        (tmp_path / "poses.npz").write_bytes(damaged)
        harmless = assert_right_or_refused(tmp_path / "poses.npz", expected)
        assert not (harmless and place in inside), place


def test_directory_that_hides_a_member(small, tmp_path):
    data = bytearray(small[0])
    # A comment of 64 bytes, where there is none, swallows what follows the first entry.
    data[data.index(b"PK\x01\x02") + 32] ^= 64
    (tmp_path / "poses.npz").write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        open_archive(tmp_path / "poses.npz")


def test_zip_of_a_version_that_does_not_exist(small, tmp_path):
    data = bytearray(small[0])
    data[data.index(b"PK\x01\x02") + 6] = 109
    (tmp_path / "poses.npz").write_bytes(data)
    with pytest.raises(DamagedArchiveError):
        open_archive(tmp_path / "poses.npz")


def test_damage_is_called_damage_whatever_it_broke(tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(path, positions_3d=TREE)
    data = bytearray(path.read_bytes())
    data[data.index(b"multiarray")] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match=r"^poses\.npz: positions_3d: damaged"):
        open_archive(path).tree("positions_3d")


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    cut=st.floats(0, 1),
    keep=st.floats(0, 1),
    inserted=st.binary(max_size=12),
)
def test_mutated_archives_give_the_right_data_or_our_errors(small, tmp_path, changes, cut, keep, inserted):
    data, expected = small
    mutated = bytearray(data)
    for place, byte in changes:
        mutated[int(place * len(data))] = byte
    cut, keep = int(cut * len(data)), int(keep * len(data))
    (tmp_path / "poses.npz").write_bytes(bytes(mutated[:cut]) + inserted + bytes(mutated[min(cut, keep) :]))
    assert_right_or_refused(tmp_path / "poses.npz", expected)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_decoded_are_the_bytes_of_all_members_with_their_headers(save, tmp_path):
    save(tmp_path / "poses.npz", poses=np.zeros((5, 17, 3)), camera=np.zeros(5, np.uint16))
    # NumPy pads headers to 128 bytes.
    assert open_archive(tmp_path / "poses.npz").decoded == 128 + 5 * 17 * 3 * 8 + 128 + 5 * 2
