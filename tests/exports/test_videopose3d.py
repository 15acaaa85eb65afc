from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.exports import export
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from tests.layouts import writers as w
from tests.layouts.test_all_layouts import WRITERS

from . import material, trainers


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sides")
    w.write_h1(folder / "data_3d_h36m.npz", material.world())
    material.write_target(folder / "test")
    return poseda.read(folder / "data_3d_h36m.npz"), poseda.read(folder / "test")


def views_of(path):
    tree = trainers.tree(path, "positions_2d")
    return np.concatenate([view for actions in tree.values() for four in actions.values() for view in four])


@pytest.mark.parametrize("chunk", [1, 5, 64, 1000])
def test_chunks_may_end_anywhere(chunk, sides, tmp_path):
    """Copies within a chunk, and chunks within a copy."""
    options = AlignOptions(copies=3, include_source=True, seed=2)
    plan = prepare(*sides, options, chunk=chunk)
    files = export(["videopose3d"], plan, tmp_path, "n")
    assert files == [f"data_2d_h36m_{name}.npz" for name in ("n", "n_2", "n_3", "n_source")]
    aligned = poseda.align(*sides, copies=3, include_source=True, seed=2)
    copies = np.concatenate([np.full(s.length, s.copy) for s in aligned.sequences])
    source = views_of(tmp_path / files[3])
    np.testing.assert_allclose(source, poseda_points(sides[0]), atol=2e-3)
    for copy, file in enumerate(files[:3]):
        changed = np.abs(views_of(tmp_path / file) - source).max((1, 2)) > 1e-3
        assert set(np.flatnonzero(changed)) == set(aligned.source_index[copies == copy])


def poseda_points(source):
    names = [source.cameras[row].name for row in source.camera]
    return np.stack([w.h36m_pixels(p.astype(float), n) for p, n in zip(source.poses_3d, names, strict=True)])


def test_sequences_that_are_not_in_the_order_of_cameras(sides, tmp_path):
    """Whatever the rows' order, the four views of a sequence are in the order of the loader's table."""
    source, _ = sides
    order = np.argsort([-s.start for s in source.sequences])
    rows = np.concatenate([np.arange(s.start, s.start + s.length) for s in (source.sequences[i] for i in order)])
    starts = np.cumsum([0, *(source.sequences[i].length for i in order)])
    turned = replace(
        source,
        camera=source.camera[rows],
        poses_3d=source.poses_3d[rows],
        rows=np.arange(len(rows)),
        sequences=tuple(source.sequences[i]._replace(start=int(s)) for i, s in zip(order, starts[:-1], strict=True)),
    )
    poseda.write(turned, tmp_path / "turned", "videopose3d")
    poseda.write(source, tmp_path / "straight", "videopose3d")
    first, second = (
        trainers.tree(tmp_path / name / "data_2d_h36m_poses.npz", "positions_2d") for name in ("turned", "straight")
    )
    assert {s: set(a) for s, a in first.items()} == {s: set(a) for s, a in second.items()}
    for subject, actions in second.items():
        for action, four in actions.items():
            for here, there in zip(first[subject][action], four, strict=True):
                np.testing.assert_array_equal(here, there)


def test_detections_of_the_rest_stay_as_they_are(sides, tmp_path):
    """Of 3D and 2D together, what is not aligned keeps the archive's 2D, not a projection."""
    source, target = sides
    rng = np.random.default_rng(3)
    detected = (poseda_points(source) + rng.normal(0, 4, (len(source), 17, 2))).astype(np.float32)
    source = replace(source, poses_2d=detected)
    plan = prepare(source.select(subjects=["S1"]), target, AlignOptions(), whole=source)
    export(["videopose3d"], plan, tmp_path, "n")
    found = views_of(tmp_path / "data_2d_h36m_n.npz")
    aligned = np.concatenate([c.source_index for c in plan.chunks()])
    left = np.setdiff1d(np.arange(len(source)), aligned)
    np.testing.assert_array_equal(found[left], detected[left])
    assert (np.abs(found[aligned] - detected[aligned]).max((1, 2)) > 1e-3).all()


def test_stand_ins_coincide_where_the_release_has_one_point(tmp_path):
    """Thorax, shoulders' roots, wrists and wrist ends, section 1.1; every joint that is removed is near its own."""
    folder = tmp_path / "in"
    folder.mkdir()
    WRITERS["H1"](folder)
    poseda.write(poseda.read(folder), tmp_path / "out", "videopose3d")
    for actions in trainers.tree(tmp_path / "out" / "data_3d_h36m.npz", "positions_3d").values():
        for poses in actions.values():
            assert poses.shape[1:] == (32, 3)
            for same in ((13, 16, 24), (19, 20), (27, 28), (22, 23), (30, 31)):
                for joint in same:
                    np.testing.assert_array_equal(poses[:, joint], poses[:, same[0]])
            np.testing.assert_array_equal(poses[:, 11], poses[:, 0])


def test_2d_that_needs_no_rescaling_changes_by_rounding_alone(tmp_path):
    views = w.known_views()
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz", views)
    poseda.write(poseda.read(tmp_path / "data_2d_h36m_gt.npz"), tmp_path / "out", "videopose3d", name="gt")
    again = trainers.tree(tmp_path / "out" / "data_2d_h36m_gt.npz", "positions_2d")
    assert {s: list(a) for s, a in again.items()} == {s: list(a) for s, a in views.items()}
    for subject, actions in views.items():
        for action, four in actions.items():
            for here, there in zip(again[subject][action], four, strict=True):
                np.testing.assert_allclose(here, there, rtol=0, atol=1.3e-4)


def test_a_source_that_is_no_file_of_videopose3d_brings_its_3d(sides, tmp_path):
    """The user's data_3d_h36m.npz need not have these frames, and run.py asserts that it has."""
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz", w.known_views(material.world()))
    w.write_h1(tmp_path / "data_3d_h36m.npz", material.world())
    both = poseda.read([tmp_path / "data_3d_h36m.npz", tmp_path / "data_2d_h36m_gt.npz"])
    plan = prepare(both, sides[1], AlignOptions())
    (tmp_path / "out").mkdir()
    assert export(["videopose3d"], plan, tmp_path / "out", "n") == ["data_3d_h36m.npz", "data_2d_h36m_n.npz"]
    world, views = (
        trainers.tree(tmp_path / "out" / file, member)
        for file, member in (("data_3d_h36m.npz", "positions_3d"), ("data_2d_h36m_n.npz", "positions_2d"))
    )
    for subject, actions in material.world().items():
        for action, poses in actions.items():
            found = world[subject][action]
            assert found.dtype == np.float32
            np.testing.assert_allclose(found[:, w.H36M17_OF_32], poses[:, w.H36M17_OF_32], atol=2e-6)
            assert [len(view) for view in views[subject][action]] == [len(poses)] * 4
