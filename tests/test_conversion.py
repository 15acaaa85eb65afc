from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli import conversion
from poseda_cli._version import VERSION
from poseda_cli.chunks import join
from poseda_cli.conversion import Conversion
from tests import datasets


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_are_the_data_set(chunk, monkeypatch):
    monkeypatch.setattr(conversion, "CHUNK", chunk)
    poses = datasets.target()
    source = Conversion(poses)
    rows = join(source.chunks())
    assert len(source) == len(poses) == len(rows.camera)
    np.testing.assert_array_equal(rows.poses_3d, poses.poses_3d)
    np.testing.assert_array_equal(rows.poses_2d, poses.poses_2d)
    np.testing.assert_array_equal(rows.source_index, poses.rows)
    assert (rows.target_index == -1).all()
    assert rows.camera.dtype == np.uint16
    assert [source.cameras[row] for row in rows.camera] == [poses.cameras[row] for row in poses.camera]


def test_columns_that_are_not_there_stay_away():
    source = Conversion(datasets.source())
    rows = join(source.chunks())
    assert (source.has_3d, source.has_2d, source.has_visible) == (True, False, False)
    assert rows.poses_2d is None
    assert rows.visible is None
    flat = Conversion(replace(datasets.target(), poses_3d=None, visible=np.ones((30, 17), bool)))
    assert (flat.has_3d, flat.has_2d, flat.has_visible) == (False, True, True)
    assert join(flat.chunks()).visible.all()


def test_rows_of_a_selection_are_those_as_read():
    poses = datasets.source().select(subjects=["S5"], stride=4)
    rows = join(Conversion(poses).chunks())
    assert rows.source_index.tolist() == poses.rows.tolist()
    assert rows.source_index[0] == 120


def test_cameras_are_those_that_are_used():
    poses = datasets.source().select(cameras=["right"])
    source = Conversion(poses)
    assert [camera.name for camera in source.cameras] == ["right"]
    assert set(join(source.chunks()).camera) == {0}
    assert len(poses.cameras) == 2


def test_provenance_and_summary_tell_what_was_converted():
    source = Conversion(datasets.source().select(subjects=["S5"], stride=4))
    options = {"subjects": ["S5"], "actions": [], "cameras": [], "stride": 4}
    assert source.provenance == {
        "version": VERSION,
        "options": options,
        "inputs": {"source": [{"name": "source.npz", "size": 1, "sha256": "aa"}]},
    }
    summary = source.summary(["a.npz"])
    assert (summary["schema"], summary["version"], summary["options"]) == ("poseda.conversion/1", VERSION, options)
    assert summary["output"] == {"files": ["a.npz"], "poses": 30}
    assert summary["source"]["subjects"] == ["S5"]


def test_a_conversion_is_no_alignment():
    source = Conversion(datasets.source())
    assert source.whole is None
    assert source.screen == "aspect"
    assert source.dataset == "h36m"
