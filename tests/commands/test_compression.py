"""`--compression` of `poseda align` and `poseda convert`, and `poseda.write(compression=...)`."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import poseda_cli
from poseda_cli.errors import UsageError
from tests import datasets

BOTH = ("--to", "poseda", "--to", "plain")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A folder written without compression."""
    folder = tmp_path_factory.mktemp("reference") / "out"
    aligned = poseda_cli.align(datasets.source(), datasets.target(), copies=2, seed=4)
    poseda_cli.write(aligned, folder)
    return aligned, folder


def columns(folder: Path) -> dict[str, bytes]:
    with h5py.File(folder / "augmented.h5") as file:
        return {name: item[()].tobytes() for name, item in file.items()}


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def test_align(poseda, source_file, target_folder, tmp_path):
    command = ("align", source_file, "-t", target_folder, *BOTH, "-q")
    poseda(*command, "-o", tmp_path / "default")
    poseda(*command, "-o", tmp_path / "none", "--compression", "none")
    for file in ("augmented.h5", "gpa.npz", "summary.json"):
        assert (tmp_path / "none" / file).read_bytes() == (tmp_path / "default" / file).read_bytes()
    poseda(*command, "-o", tmp_path / "small", "--compression", "small")
    assert columns(tmp_path / "small") == columns(tmp_path / "none")
    plain, packed = (arrays(tmp_path / name / "gpa.npz") for name in ("none", "small"))
    assert list(packed) == list(plain)
    for name, values in plain.items():
        np.testing.assert_array_equal(packed[name], values)
    for file in ("augmented.h5", "gpa.npz"):
        assert (tmp_path / "small" / file).stat().st_size < 0.85 * (tmp_path / "none" / file).stat().st_size


def test_convert_says_so_in_its_summary(poseda, target_folder, tmp_path):
    command = ("convert", target_folder, *BOTH, "--compression", "fast", "--json", "-q")
    printed = json.loads(poseda(*command, "-o", tmp_path / "fast").stdout)
    assert printed["output"]["compression"] == "fast"
    assert json.loads((tmp_path / "fast" / "summary.json").read_text())["output"]["compression"] == "fast"
    assert "compression" not in printed["options"]
    poseda(*command[:-4], "-o", tmp_path / "none")
    assert "compression" not in json.loads((tmp_path / "none" / "summary.json").read_text())["output"]
    assert columns(tmp_path / "fast") == columns(tmp_path / "none")


def test_a_compression_that_does_not_exist(poseda, target_folder, tmp_path):
    result = poseda("convert", target_folder, "--to", "plain", "-o", tmp_path / "o", "--compression", "gzip", code=2)
    assert "'none', 'fast', 'small'" in result.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("compression", ["fast", "small"])
def test_hdf5_inflates_chunks_by_filters_that_it_always_has(compression, reference, tmp_path):
    aligned, plain = reference
    poseda_cli.write(aligned, tmp_path / "out", compression=compression)
    assert columns(tmp_path / "out") == columns(plain)
    with h5py.File(tmp_path / "out" / "augmented.h5") as file, h5py.File(plain / "augmented.h5") as other:
        assert {name: dict(item.attrs) for name, item in file.items()} == {name: {} for name in file}
        assert file.attrs["provenance"] == other.attrs["provenance"]
        for name in ("poses_3d", "poses_2d", "camera", "source_index", "target_index"):
            assert (file[name].compression, file[name].shuffle, file[name].fletcher32) == ("gzip", True, False)
            assert file[name].maxshape == file[name].shape == other[name].shape
            assert other[name].chunks is None


def test_chunks_are_of_whole_rows_and_fit_into_hdf5s_memory(monkeypatch, reference, tmp_path):
    aligned, plain = reference
    height = 100
    monkeypatch.setattr("poseda_cli.exports.poseda.CHUNK", 17 * 3 * 4 * height)
    poseda_cli.write(aligned, tmp_path / "out", compression="fast")
    assert columns(tmp_path / "out") == columns(plain)
    with h5py.File(tmp_path / "out" / "augmented.h5") as file:
        assert file["poses_3d"].chunks == (height, 17, 3)
        assert file["poses_2d"].chunks == (height, 17, 2)
        assert file["camera"].chunks == (height,)
        assert file["poses_3d"].id.get_num_chunks() == 5  # 480 poses
        np.testing.assert_array_equal(file["poses_3d"][95:205], aligned.poses_3d[95:205])


def test_poseda_reads_what_is_compressed(reference, tmp_path):
    aligned, plain = reference
    poseda_cli.write(aligned, tmp_path / "out", compression="small")
    ours, other = poseda_cli.read(tmp_path / "out"), poseda_cli.read(plain)
    np.testing.assert_array_equal(ours.poses_3d, other.poses_3d)
    np.testing.assert_array_equal(ours.poses_2d, other.poses_2d)
    assert ours.sequences == other.sequences


def test_python_refuses_names_that_it_does_not_know(tmp_path):
    with pytest.raises(UsageError, match="compression 'gzip': none, fast or small"):
        poseda_cli.write(datasets.source(), tmp_path / "out", "plain", compression="gzip")
    assert not (tmp_path / "out").exists()


def test_an_output_that_says_compression_may_be_overwritten(reference, tmp_path):
    aligned, plain = reference
    poseda_cli.write(aligned, tmp_path / "out", compression="fast")
    poseda_cli.write(aligned, tmp_path / "out", overwrite=True)
    assert columns(tmp_path / "out") == columns(plain)
