import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.limits import Limits

LIMIT = 1 << 20
SECRET = np.arange(4.0)


def external_link(file, outside):
    file["poses"] = h5py.ExternalLink(outside, "secret")


def soft_link(file, outside):
    file["poses"] = h5py.SoftLink("/real")


def external_storage(file, outside):
    file.create_dataset("poses", (4,), "f8", external=[(outside, 0, 32)])


def virtual(file, outside):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource(outside, "secret", (4,))
    file.create_virtual_dataset("poses", layout)


def absurd(file, outside):
    file.create_dataset("poses", (2**40,), "f8", chunks=(1024,))


def over_the_limit(file, outside):
    file.create_dataset("poses", (LIMIT // 8 + 1,), "f8", chunks=(1024,))


@pytest.mark.parametrize("outside", ["present", "missing"])
@pytest.mark.parametrize("trap", [external_link, soft_link, external_storage, virtual, absurd, over_the_limit])
def test_what_leads_outside_or_claims_too_much_is_refused(trap, outside, tmp_path):
    other = tmp_path / "other.h5"
    if outside == "present":
        with h5py.File(other, "w") as file:
            file["secret"] = SECRET
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["real"] = SECRET
        trap(file, str(other))
    archive = Hdf5Archive(LocalFile(tmp_path / "poses.h5", "poses.h5"), Limits(LIMIT))
    with pytest.raises(UnsafeArchiveError, match=r"^poses\.h5: poses: "):
        archive.array("poses")
    np.testing.assert_array_equal(archive.array("real"), SECRET)


@pytest.mark.parametrize("link", [external_link, soft_link])
def test_links_are_no_members(link, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = SECRET
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["real"] = SECRET
        link(file, str(tmp_path / "other.h5"))
    assert list(Hdf5Archive(LocalFile(tmp_path / "poses.h5", "poses.h5"), Limits(LIMIT)).members) == ["real"]


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">i2", "u1"])
def test_values_are_native(dtype, tmp_path):
    values = np.arange(6).astype(dtype).reshape(2, 3)
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["poses"] = values
        file.create_group("folder")["inner"] = values
        file.attrs["schema"] = 1
    archive = Hdf5Archive(LocalFile(tmp_path / "poses.h5", "poses.h5"), Limits(LIMIT))
    assert archive.members == {name: ((2, 3), np.dtype(dtype)) for name in ("folder/inner", "poses")}
    assert archive.attributes == {"schema": 1}
    for name in archive.members:
        assert archive.array(name).dtype.isnative
        np.testing.assert_array_equal(archive.array(name), values)


def test_no_objects(tmp_path):
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["poses"] = SECRET
    with pytest.raises(ArchiveError, match="no pickled objects"):
        Hdf5Archive(LocalFile(tmp_path / "poses.h5", "poses.h5"), Limits(LIMIT)).tree("poses")


def test_data_set_without_values(tmp_path):
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file["poses"] = h5py.Empty("f8")
    archive = Hdf5Archive(LocalFile(tmp_path / "poses.h5", "poses.h5"), Limits(LIMIT))
    with pytest.raises(ArchiveError, match=r"^poses\.h5: poses: "):
        archive.array("poses")


def test_type_that_numpy_does_not_have(tmp_path):
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        kind = h5py.h5t.create(h5py.h5t.OPAQUE, 8)
        h5py.h5d.create(file.id, b"odd", kind, h5py.h5s.create_simple((1,)))
        file["poses"] = SECRET
    np.testing.assert_array_equal(
        Hdf5Archive(LocalFile(tmp_path / "poses.h5", "poses.h5"), Limits(LIMIT)).array("poses"), SECRET
    )


def test_every_truncation_is_noticed(tmp_path):
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    with h5py.File(whole, "w") as file:
        file.create_dataset("poses", data=np.arange(4096.0), chunks=(512,), compression="gzip")
    data = whole.read_bytes()
    for length in range(8, len(data) - 1, 97):
        cut.write_bytes(data[:length])
        with pytest.raises(DamagedArchiveError, match=r"^cut\.h5: "):
            open_archive(cut).array("poses")


def test_altered_values_are_noticed(tmp_path):
    path = tmp_path / "poses.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("poses", data=np.arange(512.0), chunks=(512,), compression="gzip", fletcher32=True)
        offset = file["poses"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[offset + 40] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match="fetch it again"):
        open_archive(path).array("poses")


def matlab(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["valid_frame"] = SECRET[:, None]
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path.read_bytes()


def test_matlab_file_is_read_behind_its_head(tmp_path):
    path = tmp_path / "annot_data.mat"
    matlab(path)
    np.testing.assert_array_equal(open_archive(path).array("valid_frame"), SECRET[:, None])


@pytest.mark.parametrize("length", [128, 512, 519, 520, 600, 1000])
def test_matlab_file_that_was_cut(length, tmp_path):
    path = tmp_path / "annot_data.mat"
    path.write_bytes(matlab(path)[:length])
    with pytest.raises(DamagedArchiveError, match=r"^annot_data\.mat: .*fetch it again"):
        open_archive(path)


def test_decoded_are_the_bytes_of_all_data_sets(tmp_path):
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file.create_dataset("poses", data=np.zeros((500, 17, 3), np.float32), compression="gzip")
        file["intrinsics/54138969"] = np.zeros(4)
    assert open_archive(tmp_path / "poses.h5").decoded == 500 * 17 * 3 * 4 + 4 * 8
