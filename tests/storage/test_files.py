import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError
from poseda_cli.layouts import read
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile, ZippedFile, as_path, input_file, zip_entries, zipped_files
from poseda_cli.storage.limits import Limits

MEMBERS = {
    "h36m/cameras.h5": b"cameras",
    "h36m/S1/MyPoses/3D_positions/Walking 1.h5": b"walking",
    "h36m/read.me": b"me",
}


def pack(path, members=MEMBERS, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def member(path, name):
    return next(file for file in zipped_files(path, path.name) if file.member == name)


def test_zip_stands_for_the_files_in_it(tmp_path):
    path = pack(tmp_path / "h36m.zip", MEMBERS | {"h36m/empty/": b""})
    files = zipped_files(path, "h36m.zip")
    assert [file.member for file in files] == sorted(MEMBERS)
    walking = member(path, "h36m/S1/MyPoses/3D_positions/Walking 1.h5")
    assert walking.name == "h36m.zip/h36m/S1/MyPoses/3D_positions/Walking 1.h5"
    assert walking.folders == ("h36m", "S1", "MyPoses", "3D_positions")
    assert walking.base == "Walking 1.h5"
    assert walking.on_disk == path
    assert walking.open().read() == b"walking"


def test_npz_is_no_folder(tmp_path):
    np.savez(tmp_path / "poses.npz", a=np.zeros(3), b=np.zeros(3))
    assert zipped_files(tmp_path / "poses.npz", "poses.npz") == []


@pytest.mark.parametrize("opened", ["on disk", "in a zip"])
def test_files_beside_each_other(opened, tmp_path):
    path = pack(tmp_path / "h36m.zip")
    if opened == "on disk":
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path)
        walking = LocalFile(
            tmp_path / "h36m/S1/MyPoses/3D_positions/Walking 1.h5", "x/h36m/S1/MyPoses/3D_positions/W.h5"
        )
        name = "x/h36m/cameras.h5"
    else:
        walking = member(path, "h36m/S1/MyPoses/3D_positions/Walking 1.h5")
        name = "h36m.zip/h36m/cameras.h5"
    cameras = walking.beside("../../../cameras.h5")
    assert cameras.name == name
    with cameras.open() as stream:
        assert stream.read() == b"cameras"
    assert walking.beside("cameras.h5") is None
    assert walking.beside("../../../S1") is None


def test_nothing_lies_beside_a_file_outside_of_its_zip(tmp_path):
    path = pack(tmp_path / "h36m.zip")
    (tmp_path / "secret.h5").write_bytes(b"secret")
    assert member(path, "h36m/cameras.h5").beside("../../secret.h5") is None
    assert member(path, "h36m/cameras.h5").beside("../secret.h5") is None


def test_identity_is_that_of_the_bytes(tmp_path):
    path = pack(tmp_path / "h36m.zip")
    (tmp_path / "link.zip").symlink_to(path)
    first, second = member(path, "h36m/cameras.h5"), member(tmp_path / "link.zip", "h36m/cameras.h5")
    assert first.identity == second.identity != member(path, "h36m/read.me").identity
    assert LocalFile(path, "a").identity == LocalFile(tmp_path / "link.zip", "b").identity


@pytest.mark.parametrize("name", ["../evil.h5", "h36m/../../evil.h5", "/etc/evil.h5", "h36m/.."])
def test_members_outside_of_the_zip_are_refused(name, tmp_path):
    path = pack(tmp_path / "h36m.zip", MEMBERS | {name: b"evil"})
    with pytest.raises(UnsafeArchiveError, match=r"^h36m\.zip: members outside of it"):
        zipped_files(path, "h36m.zip")


def test_encrypted_zip(tmp_path):
    path = pack(tmp_path / "h36m.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"^h36m\.zip: encrypted; unpack it"):
        zipped_files(path, "h36m.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_methods(compression, tmp_path):
    with pytest.raises(ArchiveError, match="compressed by a method"):
        zipped_files(pack(tmp_path / "h36m.zip", compression=compression), "h36m.zip")


def test_sizes_are_limited(tmp_path):
    path = pack(tmp_path / "h36m.zip", {"a.h5": bytes(1000), "b.h5": bytes(1000)})
    assert len(zipped_files(path, "h36m.zip", Limits(whole=2000))) == 2
    with pytest.raises(UnsafeArchiveError, match=r"^h36m\.zip: 2,000 bytes when unpacked; the limit is 1,999"):
        zipped_files(path, "h36m.zip", Limits(whole=1999))


def test_single_members_are_limited(tmp_path):
    path = pack(tmp_path / "h36m.zip", {"a.h5": bytes(1000)})
    (file,) = zipped_files(path, "h36m.zip", Limits(999))
    with pytest.raises(UnsafeArchiveError, match=r"^h36m\.zip/a\.h5: 1,000 bytes when unpacked; the limit is 999"):
        file.open()


def test_member_that_is_larger_than_the_directory_says(tmp_path):
    path = pack(tmp_path / "h36m.zip", {"a.h5": bytes(1000)})
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match=r"^h36m\.zip/a\.h5: damaged"):
        member(path, "a.h5").open()


def test_altered_member(tmp_path):
    path = pack(tmp_path / "h36m.zip", {"a.h5": bytes(range(200))}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match=r"^h36m\.zip/a\.h5: damaged .*fetch the zip again"):
        member(path, "a.h5").open()


def test_members_of_one_name(tmp_path):
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "h36m.zip", "w") as archive:
        archive.writestr("a.h5", b"1")
        archive.writestr("a.h5", b"2")
    with pytest.raises(UnsafeArchiveError, match="same name"):
        zipped_files(tmp_path / "h36m.zip", "h36m.zip")


def test_empty_zip(tmp_path):
    with pytest.raises(ForeignFileError, match="an empty zip"), (pack(tmp_path / "e.zip", {})).open("rb") as stream:
        zip_entries(stream, "e.zip", Limits(whole=100))


@pytest.mark.parametrize("damage", ["cut", "no zip"])
def test_zip_that_is_none(damage, tmp_path):
    path = pack(tmp_path / "h36m.zip")
    path.write_bytes(path.read_bytes()[:-30] if damage == "cut" else b"PK\x03\x04 or not")
    with pytest.raises(DamagedArchiveError, match=r"^h36m\.zip: no readable zip"):
        zipped_files(path, "h36m.zip")


def test_zipped_file_as_path_lasts_as_long_as_it_is_used(tmp_path):
    file = member(pack(tmp_path / "h36m.zip"), "h36m/cameras.h5")
    with as_path(file) as path:
        assert path.read_bytes() == b"cameras"
        assert path.name.endswith("-cameras.h5")
    assert not path.exists()
    with as_path(LocalFile(tmp_path / "h36m.zip", "z")) as same:
        assert same == tmp_path / "h36m.zip"


def test_provenance_names_the_zip(tmp_path):
    path = pack(tmp_path / "h36m.zip")
    zipped = input_file(member(path, "h36m/cameras.h5"))
    assert zipped == input_file(LocalFile(path, "h36m.zip"))


def test_missing_file(tmp_path):
    with pytest.raises(ArchiveError, match=r"^named\.npz: cannot be read: no such file"):
        LocalFile(tmp_path / "missing", "named.npz").open()


@pytest.mark.parametrize("kind", ["npz", "h5", "npy", "mat"])
def test_every_container_is_read_from_within_a_zip(kind, tmp_path):
    import scipy.io

    values = np.linspace(0, 1, 12).reshape(3, 4)
    inner = tmp_path / f"poses.{kind}"
    if kind == "npz":
        np.savez_compressed(inner, poses=values)
    elif kind == "npy":
        np.save(inner, values)
    elif kind == "mat":
        scipy.io.savemat(inner, {"poses": values})
    else:
        with h5py.File(inner, "w") as file:
            file["poses"] = values
    path = pack(tmp_path / "all.zip", {f"deep/er/{inner.name}": inner.read_bytes(), "readme.txt": b"-"})
    archive = open_archive(ZippedFile(path, f"deep/er/{inner.name}", "all.zip"))
    assert archive.name == f"all.zip/deep/er/{inner.name}"
    np.testing.assert_array_equal(archive.array("content" if kind == "npy" else "poses"), values)


def test_zip_without_archives(tmp_path):
    pack(tmp_path / "videos.zip", {"a/video.mp4": b"-", "a/notes.txt": b"-"})
    with pytest.raises(ForeignFileError, match=r"^videos\.zip: a zip, but no npz, and no archive .*a/notes\.txt"):
        read(tmp_path / "videos.zip")


def test_read_of_a_zip_equals_that_of_its_folder(tmp_path):
    from ..layouts import writers as w

    (tmp_path / "data").mkdir()
    for name in ("TS1", "TS5"):
        w.write_d3(tmp_path / "data" / name / "annot_data.mat", w.mpi_view(5, seed=len(name)), w.MPI_LENSES[name])
    files = {str(p.relative_to(tmp_path)): p.read_bytes() for p in sorted(Path(tmp_path / "data").rglob("*.mat"))}
    zipped, folder = read(pack(tmp_path / "test_set.zip", files)), read(tmp_path / "data")
    np.testing.assert_array_equal(zipped.poses_3d, folder.poses_3d)
    assert zipped.sequences == folder.sequences
    assert [file.name for file in zipped.origin.files] == ["test_set.zip"]


def test_size_is_that_of_the_unpacked_bytes(tmp_path):
    (tmp_path / "people.json").write_bytes(b"[" + b" " * 998 + b"]")
    with zipfile.ZipFile(tmp_path / "h36m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "people.json", "S1/people.json")
    (zipped,) = zipped_files(tmp_path / "h36m.zip", "h36m.zip")
    assert LocalFile(tmp_path / "people.json", "people.json").size == zipped.size == 1000
