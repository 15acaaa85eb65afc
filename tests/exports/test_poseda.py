"""How augmented.h5 is written; what is in it is in tests/layouts/test_poseda.py."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from poseda_cli.conversion import Conversion
from poseda_cli.exports.poseda import DTYPES, write
from tests import datasets
from tests.paper import pinhole


@pytest.fixture
def dataset():
    """6,000 rows: more than a block."""
    return datasets.source(frames=500)


@pytest.fixture
def conversion(dataset, monkeypatch):
    """In chunks that end within blocks."""
    monkeypatch.setattr("poseda_cli.conversion.CHUNK", 4567)
    return Conversion(dataset)


@pytest.mark.parametrize("compression", ["none", "fast"])
def test_each_row_is_normalised_by_its_own_image(compression, dataset, conversion, tmp_path):
    write(conversion, tmp_path, compression=compression)
    lenses = np.array([[1100.0, 1150, 510, 490], [1200, 1190, 480, 505]])
    half = np.array([[500.0, 501], [500, 500]])
    pixels = pinhole(dataset.poses_3d, lenses[dataset.camera])
    with h5py.File(tmp_path / "augmented.h5") as file:
        np.testing.assert_allclose(file["poses_2d"][()], (pixels - half[dataset.camera][:, None]) / 500, atol=2e-6)
        np.testing.assert_array_equal(file["poses_3d"][()], dataset.poses_3d)
        np.testing.assert_array_equal(file["camera"][()], dataset.camera)
        np.testing.assert_array_equal(file["source_index"][()], np.arange(6000))


def test_progress_is_told_of_every_row_on_the_thread_that_asked(conversion, tmp_path):
    told = []

    @contextmanager
    def progress(label, total):
        yield lambda rows: told.append((rows, threading.current_thread()))

    write(conversion, tmp_path, progress=progress)
    assert told == [(4567, threading.main_thread()), (1433, threading.main_thread())]


def test_what_is_on_its_way_to_the_disk_is_every_column(conversion, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("poseda_cli.exports.poseda.start_write_back", lambda _, *place: said.append(place))
    write(conversion, tmp_path)
    data = (tmp_path / "augmented.h5").read_bytes()
    with h5py.File(tmp_path / "augmented.h5") as file:
        for number, name in enumerate(DTYPES):
            places = said[number :: len(DTYPES)]
            assert b"".join(data[start : start + length] for start, length in places) == file[name][()].tobytes()


def test_no_rows(tmp_path):
    write(Conversion(datasets.source(frames=0)), tmp_path)
    with h5py.File(tmp_path / "augmented.h5") as file:
        assert {name: file[name].shape for name in DTYPES} == {
            "poses_3d": (0, 17, 3),
            "poses_2d": (0, 17, 2),
            "camera": (0,),
            "source_index": (0,),
            "target_index": (0,),
        }


@pytest.mark.parametrize("kilobytes", [100, 1000])
def test_a_disk_that_takes_no_more(kilobytes, source_file, target_folder, tmp_path):
    """Amid the poses, and near the end of 1.2 MB."""
    align = f"{sys.executable} -B -m poseda_cli align '{source_file}' -t '{target_folder}' -o '{tmp_path}/out' -q"
    command = ["bash", "-c", f"ulimit -f {kilobytes} && {align}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 4
    assert result.stderr == f"error: {tmp_path}/out: not written, file too large. Nothing was left behind.\n"
    assert list(tmp_path.iterdir()) == []
