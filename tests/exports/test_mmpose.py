from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import PoseDataset, Sequence
from poseda_cli.exports import export
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from poseda_cli.skeleton import H36M17
from tests import datasets
from tests.layouts.test_all_layouts import WRITERS
from tests.test_global_position import people

from . import trainers


def write(dataset, folder):
    poseda.write(dataset, folder / "out", "mmpose", name="own")
    with np.load(folder / "out" / "mmpose_own.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    return arrays, pickle.loads((folder / "out" / "cameras.pkl").read_bytes())


def views(names, lenses):
    """A data set of one sequence of three frames for each (subject, action, camera)."""
    count = 3 * len(names)
    return PoseDataset(
        skeleton=H36M17,
        camera=np.repeat(np.arange(len(names)), 3).astype(np.uint16),
        cameras=tuple(Camera(name[2], lens) for name, lens in zip(names, lenses, strict=True)),
        sequences=tuple(Sequence(*name, 3 * index, 3) for index, name in enumerate(names)),
        poses_3d=np.resize(people(400), (count, 17, 3)).astype(np.float32),
    )


WIDE, TELE = Intrinsics(900.0, 901.0, 640.0, 360.0, 1280, 720), Intrinsics(2000.0, 2001.0, 950.0, 540.0, 1920, 1080)


def test_arrays_are_plain_and_in_single_precision(tmp_path):
    arrays, _ = write(datasets.source(), tmp_path)
    rows = len(datasets.source())
    found = {name: (values.shape, values.dtype.str) for name, values in arrays.items() if name != "imgname"}
    assert found == {
        "center": ((rows, 2), "<f4"),
        "scale": ((rows,), "<f4"),
        "part": ((rows, 17, 3), "<f4"),
        "S": ((rows, 17, 4), "<f4"),
    }
    assert arrays["imgname"].dtype.kind == "U"
    assert arrays["imgname"][0] == "S1_Walking_1.left_000001.jpg"
    assert arrays["imgname"][19] == "S1_Walking_1.left_000020.jpg"
    assert arrays["imgname"][20] == "S1_Walking_1.right_000001.jpg"


def test_boxes_are_mmposes(tmp_path):
    """The middle of the joints' box; 1.2 times its larger side in units of 200 pixels."""
    arrays, _ = write(datasets.source(), tmp_path)
    for part, center, scale in zip(arrays["part"], arrays["center"], arrays["scale"], strict=True):
        x, y = part[:, 0], part[:, 1]
        assert center == pytest.approx([(x.min() + x.max()) / 2, (y.min() + y.max()) / 2], rel=1e-6)
        assert scale == pytest.approx(1.2 * max(np.ptp(x), np.ptp(y)) / 200, rel=1e-5)


def test_visibility_goes_where_it_belongs(tmp_path, rng):
    dataset = datasets.source()
    visible = rng.random((len(dataset), 17)) < 0.5
    arrays, _ = write(replace(dataset, visible=visible), tmp_path)
    np.testing.assert_array_equal(arrays["part"][..., 2], visible)
    np.testing.assert_array_equal(arrays["S"][..., 3], visible)
    arrays, _ = write(dataset, tmp_path / "all")
    assert (arrays["part"][..., 2] == 1).all()


def test_a_camera_file_for_the_codec(tmp_path):
    _, cameras = write(datasets.source(), tmp_path)
    assert set(cameras) == {(s, c) for s in ("S1", "S5") for c in ("left", "right")}
    entry = cameras["S5", "right"]
    assert (entry["w"], entry["h"], entry["name"]) == (1000, 1000, "right")
    np.testing.assert_array_equal(entry["f"], [[1200.0], [1190.0]])
    np.testing.assert_array_equal(entry["c"], [[480.0], [505.0]])
    assert not {"R", "T", "k", "p"} & set(entry)


def test_names_with_the_loaders_separators_in_them(tmp_path):
    """Each part must come back whole: the loader splits at the first of _, . and _."""
    names = [("P_1", "run.fast 2", "cam_a"), ("a/b", "x/y", "c.d")]
    arrays, cameras = write(views(names, [WIDE, TELE]), tmp_path)
    loaded = trainers.mmpose(tmp_path / "out" / "mmpose_own.npz", tmp_path / "out" / "cameras.pkl")
    assert set(loaded) == {("P-1", "run-fast_2", "cam-a"), ("a-b", "x-y", "c.d")}
    assert set(cameras) == {("P-1", "cam-a"), ("a-b", "c.d")}
    assert len(set(arrays["imgname"])) == len(arrays["imgname"])


def test_unlike_cameras_of_one_name_are_told_apart(tmp_path):
    """Two people's phones: aligned poses of one subject may have either."""
    target = views([("A", "walk", "phone"), ("B", "walk", "phone")], [WIDE, TELE])
    points = np.empty((len(target), 17, 2), np.float32)
    points[:] = np.random.default_rng(2).uniform(200, 600, points.shape)
    plan = prepare(datasets.source(), replace(target, poses_2d=points), AlignOptions())
    export(["mmpose"], plan, tmp_path, "own")
    loaded = trainers.mmpose(tmp_path / "mmpose_own.npz", tmp_path / "cameras.pkl")
    assert {camera for *_, camera in loaded} == {"phone", "phone-2"}
    for _, three, two, lens in loaded.values():
        reprojected = three[..., :2] / three[..., 2:] * lens["f"][:, 0] + lens["c"][:, 0]
        np.testing.assert_allclose(two, reprojected, rtol=2e-5, atol=2e-5)


def test_one_camera_that_stood_in_two_places_has_one_name(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    WRITERS["H1"](folder)
    _, cameras = write(poseda.read(folder), tmp_path)
    assert {camera for _, camera in cameras} == {"54138969", "55011271", "58860488", "60457274"}
    assert not np.allclose(cameras["S1", "54138969"]["T"], cameras["S9", "54138969"]["T"])


def test_copies_and_unaligned_poses_are_videos_of_their_own(tmp_path):
    plan = prepare(datasets.source(), datasets.target(), AlignOptions(copies=2, include_source=True))
    export(["mmpose"], plan, tmp_path, "own")
    loaded = trainers.mmpose(tmp_path / "mmpose_own.npz", tmp_path / "cameras.pkl")
    of_one = {
        (action, camera) for subject, action, camera in loaded if action.startswith("Walking_1") and subject == "S1"
    }
    assert of_one == {
        ("Walking_1_source", "left"),
        ("Walking_1_source", "right"),
        *((f"Walking_1_{c}{copy}", t) for c in ("left", "right") for copy in ("", "_copy2") for t in ("wide", "tele")),
    }
