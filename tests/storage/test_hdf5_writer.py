from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys

import h5py
import numpy as np
import pytest

from poseda_cli.storage import hdf5_writer as module
from poseda_cli.storage.hdf5_writer import DiskFile, hdf5_writer

VALUES = np.arange(30_000, dtype=np.float32).reshape(100, 100, 3)


def write(path, **settings):
    with hdf5_writer(path) as (file, disk):
        file.attrs["name"] = "value"
        column = file.create_dataset("values", VALUES.shape, VALUES.dtype, **settings)
        for start in range(0, 100, 7):
            column[start : start + 7] = VALUES[start : start + 7]
            disk.check()


@pytest.mark.parametrize("settings", [{}, {"chunks": (10, 100, 3), "compression": "gzip", "shuffle": True}])
def test_h5py_reads_what_was_written(settings, tmp_path):
    write(tmp_path / "a.h5", **settings)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["name"] == "value"
        np.testing.assert_array_equal(file["values"], VALUES)


def test_the_same_bytes_each_time(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_file_is_added_to(tmp_path):
    write(tmp_path / "a.h5")
    with hdf5_writer(tmp_path / "a.h5", "r+") as (file, _):
        file["more"] = VALUES + 1
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["values"], VALUES)
        np.testing.assert_array_equal(file["more"], VALUES + 1)


def test_a_file_that_is_not_there_is_not_added_to(tmp_path):
    with pytest.raises(FileNotFoundError), hdf5_writer(tmp_path / "a.h5", "r+"):
        pytest.fail("the block was entered")


@pytest.mark.parametrize("settings", ["", "chunks=(10, 100, 3), compression='gzip', "])
@pytest.mark.parametrize("size", [0, 100, 3000, 50_000])
def test_a_disk_that_refuses_is_an_error_and_no_crash(settings, size, tmp_path):
    """In a process of its own: HDF5 2.0 itself crashes at the end of one whose file it could not close."""
    code = (
        "import numpy as np, pathlib, sys\n"
        "from poseda_cli.storage.hdf5_writer import hdf5_writer\n"
        "try:\n"
        "    with hdf5_writer(pathlib.Path(sys.argv[1])) as (file, disk):\n"
        "        file.attrs['name'] = 'value'\n"
        f"        column = file.create_dataset('values', (100, 100, 3), 'f8', {settings})\n"
        "        column[:] = np.random.default_rng(0).random((100, 100, 3))\n"
        "except OSError as error:\n"
        "    print(error.errno)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.h5")],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert (result.stdout, result.stderr, result.returncode) == (f"{errno.EFBIG}\n", "", 0)


def test_short_writes_are_gone_on_with(tmp_path, monkeypatch):
    pwrite = os.pwrite
    monkeypatch.setattr(module.os, "pwrite", lambda file, data, place: pwrite(file, data[: 1 + len(data) // 3], place))
    write(tmp_path / "a.h5")
    monkeypatch.undo()
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["values"], VALUES)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_what_comes_up_while_hdf5_writes_is_raised_once_it_is_out_of_the_way(kind, tmp_path, monkeypatch):
    def interrupted(file, data, place):
        raise kind(5, "said")

    with pytest.raises(kind, match="said"), hdf5_writer(tmp_path / "a.h5") as (file, disk):
        column = file.create_dataset("values", VALUES.shape, VALUES.dtype)
        monkeypatch.setattr(module.os, "pwrite", interrupted)
        column[:] = VALUES
        monkeypatch.undo()
        disk.check()
        pytest.fail("nothing was said")


def test_an_error_of_the_block_is_not_replaced(tmp_path):
    with pytest.raises(ZeroDivisionError), hdf5_writer(tmp_path / "a.h5") as (file, _):
        file["values"] = VALUES
        raise ZeroDivisionError


def test_bytes_land_where_they_should(tmp_path):
    file = DiskFile(tmp_path / "a", new=True)
    assert file.write(b"abcdef") == 6
    assert file.seek(2) == 2
    assert file.write(b"XY") == 2
    assert (file.tell(), file.seek(-1, os.SEEK_END), file.seek(-1, os.SEEK_CUR)) == (4, 5, 4)
    buffer = bytearray(4)
    assert file.readinto(buffer) == 2
    assert bytes(buffer) == b"ef\0\0"
    assert file.truncate(8) == 8
    file.close()
    file.close()
    file.check()
    assert (tmp_path / "a").read_bytes() == b"abXYef\0\0"
