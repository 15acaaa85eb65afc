from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.errors import OutputError
from poseda_cli.options import AlignOptions
from poseda_cli.output import write_output
from poseda_cli.pipeline import prepare
from tests import datasets


def test_python_and_command_line_write_the_same_bytes(tmp_path):
    source, target = datasets.source(), datasets.target()
    aligned = poseda.align(source, target, copies=2, include_source=True, seed=4)
    poseda.write(aligned, tmp_path / "memory")
    plan = prepare(source, target, AlignOptions(copies=2, include_source=True, seed=4), chunk=33)
    files, summary = write_output(plan, plan.summary, tmp_path / "chunks")
    assert files == [tmp_path / "chunks" / "augmented.h5"]
    for name in ("augmented.h5", "summary.json"):
        assert (tmp_path / "memory" / name).read_bytes() == (tmp_path / "chunks" / name).read_bytes()
    assert json.loads((tmp_path / "chunks" / "summary.json").read_text()) == summary


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_what_is_written_is_read_again(tmp_path, screen):
    aligned = poseda.align(datasets.source(), datasets.target(), screen=screen, include_source=True)
    poseda.write(aligned, tmp_path / "out")
    again = poseda.read(tmp_path / "out")
    np.testing.assert_array_equal(again.poses_3d, aligned.poses_3d)
    np.testing.assert_allclose(again.poses_2d, aligned.poses_2d, atol=1e-3)
    assert again.sequences == aligned.sequences
    assert [again.cameras[row].intrinsics for row in again.camera] == [
        aligned.cameras[row].intrinsics for row in aligned.camera
    ]
    assert again.skeleton == aligned.skeleton
    with h5py.File(tmp_path / "out" / "augmented.h5") as file:
        np.testing.assert_array_equal(file["source_index"][()], aligned.source_index)
        np.testing.assert_array_equal(file["target_index"][()], aligned.target_index)


def test_a_failing_chunk_leaves_nothing(tmp_path):
    plan = prepare(datasets.source(), datasets.target(), AlignOptions(), chunk=50)
    good = plan.chunks()

    def chunks():
        yield next(good)
        raise OSError(28, "No space left on device")

    plan.chunks = chunks
    with pytest.raises(OutputError, match="not written, no space left on device. Nothing was left behind"):
        write_output(plan, plan.summary, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_writing_twice_needs_overwrite(tmp_path):
    aligned = poseda.align(datasets.source(), datasets.target())
    poseda.write(aligned, tmp_path / "out")
    with pytest.raises(OutputError, match="exists already"):
        poseda.write(aligned, tmp_path / "out")
    poseda.write(aligned, tmp_path / "out", overwrite=True)
