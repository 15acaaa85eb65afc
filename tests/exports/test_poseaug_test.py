"""test_3dhp.npz: the same whatever chunks the rows come in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.exports import export
from tests import datasets

from .in_chunks import InChunks

NOT_NECK_NOSE = [joint for joint in range(17) if joint != 9]


def projected():
    """The source with 2D, off from where its cameras see its 3D."""
    source = datasets.source()
    points = np.random.default_rng(8).normal(500, 100, (len(source), 17, 2)).astype(np.float32)
    return replace(source, poses_2d=points)


@pytest.mark.parametrize("screen", ["aspect", "axes"])
@pytest.mark.parametrize("height", [1, 7, 64, 1_000])
def test_every_row(height, screen, tmp_path):
    poses = projected()
    source = InChunks(poses, height, screen=screen)
    assert export(["poseaug-test"], source, tmp_path, "own") == ["test_3dhp.npz"]
    assert source.asked == 1
    with np.load(tmp_path / "test_3dhp.npz") as found:
        assert found.files == ["pose3d", "pose2d"]
        assert found["pose3d"].dtype == found["pose2d"].dtype == np.float32
        expected = (poses.poses_3d - poses.poses_3d[:, :1])[:, NOT_NECK_NOSE]
        np.testing.assert_array_equal(found["pose3d"], expected)
        wide, high = np.array([[1000.0, 1002.0], [1000.0, 1000.0]])[poses.camera].T[..., None]
        x, y = np.moveaxis(poses.poses_2d[:, NOT_NECK_NOSE].astype(float), -1, 0)
        y = 2 * y / high - 1 if screen == "axes" else (2 * y - high) / wide
        np.testing.assert_allclose(found["pose2d"], np.stack([2 * x / wide - 1, y], -1), atol=1e-6)


@pytest.mark.parametrize("compression", ["none", "fast", "small"])
def test_chunks_leave_no_trace_in_the_bytes(compression, tmp_path):
    for height in (7, 1_000):
        (tmp_path / f"{height}").mkdir()
        source = InChunks(datasets.source(), height)
        export(["poseaug-test"], source, tmp_path / f"{height}", "own", compression=compression)
    parts, whole = (tmp_path / f"{height}" / "test_3dhp.npz" for height in (7, 1_000))
    assert parts.read_bytes() == whole.read_bytes()
