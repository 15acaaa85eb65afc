"""Files that change while they are read."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError
from poseda_cli.storage.archive import open_archive


def write(path, values):
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["values"] = values
    else:
        np.savez(path, values=values)


@pytest.fixture(params=["a.h5", "a.npz"])
def path(request, tmp_path):
    write(tmp_path / request.param, np.arange(10))
    return tmp_path / request.param


def replaced(path):
    other = path.with_name(f"new{path.suffix}")
    write(other, np.arange(10) + 1)
    other.replace(path)


def written_to(path):
    os.utime(path, ns=(0, 1))


@pytest.mark.parametrize("change", [replaced, written_to, lambda path: path.unlink()], ids=["other", "touched", "gone"])
def test_rows_of_a_file_that_changes_are_refused(path, change):
    archive = open_archive(path)
    assert archive.rows("values", 2, 4).tolist() == [2, 3]
    change(path)
    with pytest.raises(ArchiveError, match=rf"^{path.name}: was changed while it was read"):
        archive.rows("values", 4, 6)
