"""How large an archive may be: by default, by the user's number, and that no number switches it off."""

from __future__ import annotations

import pickle
import re
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io
from numpy.lib import format as npy

import poseda_cli as poseda
from poseda_cli.errors import DamagedArchiveError, UnsafeArchiveError, UsageError
from poseda_cli.layouts import find
from poseda_cli.layouts.survey import survey
from poseda_cli.reading.pose_files import check_size
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile, zipped_files
from poseda_cli.storage.limits import Limits, limit_is, too_large
from poseda_cli.storage.npy import CONTENT

from ..layouts.test_all_layouts import WRITERS
from ..layouts.writers_h36m import write_cdf

VALUES = np.arange(51_000.0)
GIB = 1 << 30


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("1", 1),
        ("20000000000", 20_000_000_000),
        (20_000_000_000, 20_000_000_000),
        ("10K", 10 * 1024),
        ("500M", 500 * 1024 * 1024),
        ("16G", 17_179_869_184),
        ("16g", 17_179_869_184),
        ("16GiB", 17_179_869_184),
        ("16 GiB", 17_179_869_184),
        ("16GB", 16_000_000_000),
        ("1.5G", 1_610_612_736),
        ("0.1KB", 100),
        ("1T", 1_099_511_627_776),
        (" 2M ", 2_097_152),
        ("1024T", 1 << 50),
    ],
)
def test_sizes(size, count):
    limits = Limits.of(size)
    assert (limits.at_once, limits.text) == (count, count)


@pytest.mark.parametrize(
    "size",
    [
        *("", " ", "0", "0G", "-1", "-4G", "unlimited", "none", "inf", "nan", "1e9", "G", "4GG", "4X", "0x10", "4,5G"),
        *("1025T", "9" * 5000, "0.0001K", "\N{ARABIC-INDIC DIGIT FOUR}G", "4\N{KELVIN SIGN}", "4G\n5", "1_000", "+4G"),
        *(0, -1, 1.5, float("inf"), float("nan"), True, b"4G"),
    ],
)
def test_no_size_switches_the_limits_off(size):
    with pytest.raises(UsageError, match=r"expected a size in bytes, or in K, M, G or T, .* not switched off"):
        Limits.of(size)


def test_what_holds_if_nothing_is_asked_for():
    assert Limits.of(None) == Limits() == Limits(4 * GIB, 64 * GIB, GIB)


def test_a_whole_archive_goes_up_with_what_is_read_at_once_and_never_down():
    assert [Limits.of(size).whole // GIB for size in ("10K", "4G", "5G", "16G")] == [64, 64, 80, 256]


def test_a_refusal_names_the_limit_and_what_raises_it():
    assert too_large(5_000_000_000, 4 * GIB) == (
        "5,000,000,000 bytes; the limit is 4,294,967,296 (--max-size raises it)."
    )


def test_a_count_of_thousands_of_digits_is_not_spelled_out():
    assert too_large(10**9000, 1, "bytes when unpacked").startswith(f"more than {2**64:,} bytes when unpacked; ")


def saved_npz(path):
    np.savez_compressed(path, poses=VALUES)


def saved_object_npz(path):
    np.savez_compressed(path, poses=np.array({"poses": VALUES}, object))


def saved_npy(path):
    np.save(path, VALUES)


def saved_object_npy(path):
    np.save(path, np.array({"poses": VALUES}, object))


def saved_pickle(path):
    path.write_bytes(pickle.dumps({"poses": VALUES}))


def saved_h5(path):
    with h5py.File(path, "w") as file:
        file["poses"] = VALUES


def saved_mat(path):
    scipy.io.savemat(path, {"poses": VALUES[None]}, do_compression=True)


def saved_cell(path):
    cell = np.empty((1, 1), object)
    cell[0, 0] = VALUES[None]
    scipy.io.savemat(path, {"poses": cell}, do_compression=True)


def saved_mat_73(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["poses"] = VALUES
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def saved_cdf(path):
    write_cdf(path, VALUES.reshape(-1, 51))


def saved_json(path):
    path.write_text(f"[{', '.join(map(str, VALUES))}]")


# Suffix, member, how to read it, and how many bytes that is, as far as a head does not tell.
CONTAINERS = {
    "npz": (saved_npz, ".npz", "poses", "array", 408_000 + 128),
    "npz of objects": (saved_object_npz, ".npz", "poses", "tree", None),
    "npy": (saved_npy, ".npy", CONTENT, "array", 408_000),
    "npy of objects": (saved_object_npy, ".npy", CONTENT, "tree", None),
    "pickle": (saved_pickle, ".pkl", CONTENT, "tree", None),
    "HDF5": (saved_h5, ".h5", "poses", "array", 408_000),
    "MATLAB v5": (saved_mat, ".mat", "poses", "array", 408_000),
    "MATLAB v5, a cell": (saved_cell, ".mat", "poses", "tree", None),
    "MATLAB v7.3": (saved_mat_73, ".mat", "poses", "array", 408_000),
    "CDF": (saved_cdf, ".cdf", "Pose", "array", 204_000),
    "JSON": (saved_json, ".json", CONTENT, "tree", None),
}


def read_with(path, limits, name, how):
    return getattr(open_archive(path, limits), how)(name)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_keeps_to_the_limit_and_says_what_raises_it(container, tmp_path):
    save, suffix, name, how, count = CONTAINERS[container]
    path = tmp_path / f"poses{suffix}"
    save(path)
    # As text a value takes five to seven bytes and a comma, else eight, beside a head.
    low, high = (200_000, 500_000) if count is None else (count - 1, count)
    with pytest.raises(
        UnsafeArchiveError, match=rf"^poses\{suffix}: .*; the limit is {low:,} \(--max-size raises it\)\.$"
    ):
        read_with(path, Limits.of(low), name, how)
    assert np.size(np.asarray(read_with(path, Limits.of(high), name, how), object)) > 0


def test_members_of_a_zip_that_stands_for_a_folder(tmp_path):
    saved_h5(tmp_path / "poses.h5")
    size = (tmp_path / "poses.h5").stat().st_size
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(tmp_path / "poses.h5", "TS1/poses.h5")
        file.writestr("TS1/camera.h5", b"small")
    message = rf"^data\.zip/TS1/poses\.h5: {size:,} bytes when unpacked; {re.escape(limit_is(size - 1))}"
    for limits in (Limits(size - 1), Limits.of(size - 1)):
        camera, poses = zipped_files(tmp_path / "data.zip", "data.zip", limits)
        with pytest.raises(UnsafeArchiveError, match=message):
            poses.open()
        with pytest.raises(UnsafeArchiveError, match=message):
            camera.beside("poses.h5").open()
    _, poses = zipped_files(tmp_path / "data.zip", "data.zip", Limits.of(size))
    np.testing.assert_array_equal(open_archive(poses, Limits.of(size)).array("poses"), VALUES)


# What claims 5 GiB and holds next to nothing: what is said of it once it may be that large.

CLAIM = 5 * GIB
HEAD = f"5,368,709,120 bytes; the limit is {4 * GIB:,} (--max-size raises it)."


def npy_head(count):
    from io import BytesIO

    stream = BytesIO()
    npy.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (count,)})
    return stream.getvalue()


def claiming_zip(path, size=CLAIM, member="poses.npy"):
    """Deflate packs zeros into a thousandth; these are no deflated ones, and hardly on the disk."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(member, npy_head(CLAIM))
        file.filelist[0].file_size, file.filelist[0].compress_size = size, size // 1000
        file.start_dir += size // 1000


def sparse(path, head, size=CLAIM):
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


CLAIMS = {
    "npz": (claiming_zip, "poses", "array", "promises 5,368,709,120 bytes"),
    "npy": (lambda path: path.write_bytes(npy_head(CLAIM)), CONTENT, "array", "promises 5,368,709,120 .* holds 0"),
    "pickle": (lambda path: sparse(path, b"\x80\x04}."), CONTENT, "tree", "data behind the end"),
    "MATLAB v5": (lambda path: sparse(path, b"MATLAB 5.0".ljust(128)), "poses", "array", "do not add up"),
}


@pytest.mark.parametrize("container", CLAIMS)
def test_more_than_four_gib_take_a_raised_limit(container, tmp_path):
    write, name, how, further = CLAIMS[container]
    path = tmp_path / "poses"
    write(path)
    with pytest.raises(UnsafeArchiveError, match=r"5,368,709,120 bytes.*; the limit is 4,294,967,296 \(--max-size"):
        read_with(path, Limits(), name, how)
    with pytest.raises((DamagedArchiveError, UnsafeArchiveError), match=further):
        read_with(path, Limits.of("8G"), name, how)


def test_hdf5_of_more_than_four_gib(tmp_path):
    with h5py.File(tmp_path / "poses.h5", "w") as file:
        file.create_dataset("poses", (CLAIM,), "u1", chunks=(1 << 20,), fill_time="never")
    with pytest.raises(UnsafeArchiveError) as refused:
        open_archive(tmp_path / "poses.h5").array("poses")
    assert str(refused.value) == f"poses.h5: poses: claims {HEAD}"
    with pytest.raises(UnsafeArchiveError, match=r"--max-size raises it"):
        check_size(open_archive(tmp_path / "poses.h5"), "poses")
    archive = open_archive(tmp_path / "poses.h5", Limits.of("5G"))
    check_size(archive, "poses")
    assert archive.array("poses").shape == (CLAIM,)  # which the system has not given any memory yet


def test_text_of_more_than_a_gib(tmp_path):
    sparse(tmp_path / "results.json", b"[", GIB + 1)
    with pytest.raises(UnsafeArchiveError, match=r"^results\.json: 1,073,741,825 bytes of text; the limit is 1,073,7"):
        open_archive(tmp_path / "results.json").tree(CONTENT)


def test_an_archive_of_more_than_64_gib(tmp_path):
    claiming_zip(tmp_path / "poses.npz", size=70 * GIB)
    for limits, most in ((Limits(), 64 * GIB), (Limits.of("4.25G"), 68 * GIB)):
        with pytest.raises(UnsafeArchiveError, match=rf"{70 * GIB:,} bytes when unpacked; .* {most:,} \("):
            open_archive(tmp_path / "poses.npz", limits)
    archive = open_archive(tmp_path / "poses.npz", Limits.of("5G"))
    with pytest.raises(UnsafeArchiveError, match=rf"poses: {70 * GIB:,} bytes .* {5 * GIB:,} \("):
        archive.array("poses")


class Shared:
    """Pickled as an array of the other byte order on bytes that others share."""

    def __init__(self, payload, dtype):
        self.payload, self.dtype = payload, dtype

    def __reduce__(self):
        array = np.ndarray((len(self.payload) // 8,), self.dtype, self.payload)
        function, arguments, state = array.__reduce__()
        return function, arguments, (*state[:-1], self.payload)


def test_values_that_are_packed_once_and_decoded_often(tmp_path):
    payload = VALUES.tobytes()
    often = [Shared(payload, dtype) for dtype in (">f8", ">i8", ">u8")]
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps(often))
    np.savez(tmp_path / "poses.npz", poses=np.array(often, object))
    for name, member in (("poses.npz", "poses"), ("poses.pkl", CONTENT)):
        assert (tmp_path / name).stat().st_size < 2 * len(payload)
        with pytest.raises(UnsafeArchiveError) as refused:
            open_archive(tmp_path / name, Limits.of(3 * len(payload) - 1)).tree(member)
        assert f"more bytes than allowed; {limit_is(3 * len(payload) - 1)}" in str(refused.value)
        assert len(open_archive(tmp_path / name, Limits.of(10 * len(payload))).tree(member)) == 3


# Layouts


@pytest.fixture(params=WRITERS.values(), ids=WRITERS)
def case(request, tmp_path):
    return tmp_path, request.param(tmp_path)


def test_limits_reach_the_files_of_every_layout(case):
    folder, known = case
    with pytest.raises(UnsafeArchiveError, match=r"; the limit is 100 \(--max-size raises it\)\.$"):
        poseda.read(folder, max_size=100)
    assert {found.error.code for found in survey([folder], limits=Limits.of(100)) if found.error} == {"unsafe"}
    groups, _ = find([folder], limits=Limits.of("5G"))
    assert {archive.limits.whole for archives in groups.values() for archive in archives} == {80 * GIB}
    assert poseda.read(folder, max_size="5G").origin.layout == known.layout


def test_a_size_that_is_none_is_told_before_anything_is_opened(tmp_path):
    with pytest.raises(UsageError, match="--max-size unlimited: expected"):
        poseda.read(tmp_path / "missing.npz", max_size="unlimited")


def test_files_of_the_disk_have_the_limits_of_the_archive(tmp_path):
    saved_h5(tmp_path / "poses.h5")
    file = LocalFile(tmp_path / "poses.h5", "poses.h5")
    assert open_archive(file, Limits.of("1M")).limits == Limits.of("1M")
