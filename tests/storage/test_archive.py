import hashlib

import numpy as np
import pytest
import scipy.io

from poseda_cli.errors import ArchiveError, DamagedArchiveError
from poseda_cli.storage.archive import input_file, open_archive

FOREIGN = {
    "web page": (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>", "web page"),
    "web page in small letters": (b"<!doctype html><html lang=en>", "web page"),
    "web page without doctype": (b"<html><body>Sign in</body></html>", "web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    "pickle": (b"\x80\x04}.", "bare pickle"),
    "gzip": (b"\x1f\x8b\x08\x00", "gzip"),
    "rar": (b"Rar!\x1a\x07\x00", "RAR"),
    "CDF": (b"\xcd\xf3\x00\x01\x00\x00\xff\xff", "CDF"),
    "text": (b"frame,x,y\n", "neither a zip"),
}


@pytest.mark.parametrize(("data", "said"), FOREIGN.values(), ids=FOREIGN)
def test_other_files_are_named_for_what_they_are(data, said, tmp_path):
    (tmp_path / "data_3d_h36m.npz").write_bytes(data)
    with pytest.raises(ArchiveError, match=f"^data_3d_h36m.npz: .*{said}"):
        open_archive(tmp_path / "data_3d_h36m.npz")


def test_single_array_is_named(tmp_path):
    np.save(tmp_path / "poses.npy", np.zeros(3))
    with pytest.raises(ArchiveError, match=r"single \.npy array"):
        open_archive(tmp_path / "poses.npy")


def test_old_matlab_file_is_named(tmp_path):
    scipy.io.savemat(tmp_path / "annot.mat", {"annot3": np.zeros(3)})
    with pytest.raises(ArchiveError, match="MATLAB v5"):
        open_archive(tmp_path / "annot.mat")


def test_empty_file(tmp_path):
    (tmp_path / "poses.npz").touch()
    with pytest.raises(DamagedArchiveError, match="empty"):
        open_archive(tmp_path / "poses.npz")


@pytest.mark.parametrize("name", ["missing.npz", "."])
def test_what_cannot_be_opened(name, tmp_path):
    with pytest.raises(ArchiveError, match="cannot be read: "):
        open_archive(tmp_path / name, "named.npz")


def test_checksum_and_size_are_those_of_the_file(tmp_path):
    np.savez(tmp_path / "poses.npz", poses=np.zeros(3))
    data = (tmp_path / "poses.npz").read_bytes()
    found = input_file(open_archive(tmp_path / "poses.npz", "there/poses.npz"))
    assert found == ("there/poses.npz", len(data), hashlib.sha256(data).hexdigest())
