import hashlib

import numpy as np
import pytest
import scipy.io

from poseda_cli.errors import ArchiveError, DamagedArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile, input_file

FOREIGN = {
    "web page": (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>", "web page"),
    "web page in small letters": (b"<!doctype html><html lang=en>", "web page"),
    "web page without doctype": (b"<html><body>Sign in</body></html>", "web page"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
    "gzip": (b"\x1f\x8b\x08\x00", "gzip"),
    "rar": (b"Rar!\x1a\x07\x00", "RAR"),
    "text": (b"frame,x,y\n", "no zip"),
}


@pytest.mark.parametrize(("data", "said"), FOREIGN.values(), ids=FOREIGN)
def test_other_files_are_named_for_what_they_are(data, said, tmp_path):
    (tmp_path / "data_3d_h36m.npz").write_bytes(data)
    with pytest.raises(ArchiveError, match=f"^data_3d_h36m.npz: .*{said}"):
        open_archive(tmp_path / "data_3d_h36m.npz")


def test_single_array_is_an_archive_of_one_member(tmp_path):
    np.save(tmp_path / "poses.npy", np.arange(6.0).reshape(2, 3))
    archive = open_archive(tmp_path / "poses.npy")
    assert archive.members == {"content": ((2, 3), np.dtype(float))}
    assert archive.array("content").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_matlab_variables_and_cells(tmp_path):
    cell = np.empty((2, 1), object)
    cell[0, 0], cell[1, 0] = np.eye(2), np.zeros((1, 3))
    scipy.io.savemat(tmp_path / "annot.mat", {"annot3": cell, "frames": np.arange(3)[:, None]})
    archive = open_archive(tmp_path / "annot.mat")
    assert archive.members["frames"][0] == (3, 1)
    assert archive.members["annot3"] == ((2, 1), np.dtype(object))
    assert archive.array("frames").reshape(-1).tolist() == [0, 1, 2]
    (first,), (second,) = archive.tree("annot3")
    assert first.tolist() == [[1, 0], [0, 1]]
    assert second.shape == (1, 3)


def test_empty_file(tmp_path):
    (tmp_path / "poses.npz").touch()
    with pytest.raises(DamagedArchiveError, match="empty"):
        open_archive(tmp_path / "poses.npz")


@pytest.mark.parametrize("name", ["missing.npz", "."])
def test_what_cannot_be_opened(name, tmp_path):
    with pytest.raises(ArchiveError, match="cannot be read: "):
        open_archive(LocalFile(tmp_path / name, "named.npz"))


def test_checksum_and_size_are_those_of_the_file(tmp_path):
    np.savez(tmp_path / "poses.npz", poses=np.zeros(3))
    data = (tmp_path / "poses.npz").read_bytes()
    found = input_file(LocalFile(tmp_path / "poses.npz", "there/poses.npz"))
    assert found == ("there/poses.npz", len(data), hashlib.sha256(data).hexdigest())
