"""NAME.npz: the same whatever chunks the rows come in, and as much as is known of them."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.cameras import Camera, Distortion
from poseda_cli.dataset import PoseDataset, Sequence
from poseda_cli.exports import export
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from poseda_cli.skeleton import H36M17
from tests import datasets
from tests.paper import pinhole

from .in_chunks import InChunks

HEIGHTS = (1, 7, 64, 1_000)


def written(source, folder, compression="none"):
    folder.mkdir()
    (file,) = export(["plain"], source, folder, "own", compression=compression)
    assert [path.name for path in folder.iterdir()] == [file] == ["own.npz"]
    with np.load(folder / file) as archive:
        return {name: archive[name] for name in archive.files}


def blind(dataset, row, **known):
    """The data set, with one camera of which the lens is not known."""
    cameras = list(dataset.cameras)
    cameras[row] = Camera(cameras[row].name, **known)
    return replace(dataset, cameras=tuple(cameras))


def aligned(source, target, height=64, **options):
    return prepare(source, target, AlignOptions(**options), chunk=height)


@pytest.mark.parametrize("height", HEIGHTS)
def test_every_array_row_by_row(height, tmp_path):
    """Sequences of unlike length, an empty one among them, two cameras in one of them."""
    lengths = (3, 0, 5, 1, 11)
    heads = [("S1", "Walking"), ("S5", "Nothing"), ("S11", "Sitting Down 1"), ("S1", "Eating"), ("S5", "Walking")]
    starts = np.cumsum([0, *lengths])
    rng = np.random.default_rng(3)
    camera = (np.arange(20) % 3 == 0).astype(np.uint16)
    poses = PoseDataset(
        skeleton=H36M17,
        camera=camera,
        cameras=datasets.SOURCE_CAMERAS,
        sequences=tuple(
            Sequence(*head, "left", int(start), length, copy)
            for copy, (head, start, length) in enumerate(zip(heads, starts, lengths, strict=False))
        ),
        poses_3d=rng.normal([0, 0, 5], 0.3, (20, 17, 3)).astype(np.float32),
        poses_2d=rng.normal(500, 100, (20, 17, 2)).astype(np.float32),
        visible=rng.random((20, 17)) < 0.5,
    )
    source = InChunks(poses, height)
    found = written(source, tmp_path / "out")
    assert source.asked == 1
    expected = {
        "poses_3d": poses.poses_3d,
        "poses_2d": poses.poses_2d,
        "joints": np.array(H36M17.joints),
        "intrinsics": np.float32([[1100, 1150, 510, 490], [1200, 1190, 480, 505]])[camera],
        "image_size": np.int32([[1000, 1002], [1000, 1000]])[camera],
        "visible": poses.visible,
        "subject": np.array(["S1"] * 3 + ["S11"] * 5 + ["S1"] + ["S5"] * 11),
        "action": np.array(["Walking"] * 3 + ["Sitting Down 1"] * 5 + ["Eating"] + ["Walking"] * 11),
        "camera": np.array(["right" if row % 3 == 0 else "left" for row in range(20)]),
        "copy": np.array([0] * 3 + [2] * 5 + [3] + [4] * 11),
    }
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("compression", ["none", "fast", "small"])
def test_chunks_leave_no_trace_in_the_bytes(compression, tmp_path):
    source, target = datasets.source(), datasets.target()
    for height in HEIGHTS:
        moved = aligned(source, target, height, copies=2, include_source=True)
        written(moved, tmp_path / f"aligned {height}", compression)
        written(InChunks(source, height), tmp_path / f"converted {height}", compression)
    for kind in ("aligned", "converted"):
        first, *others = ((tmp_path / f"{kind} {height}" / "own.npz").read_bytes() for height in HEIGHTS)
        assert all(other == first for other in others)


@pytest.mark.parametrize("height", HEIGHTS)
def test_2d_that_the_data_has_not_is_projected_linearly(height, tmp_path):
    """The file has no place for distortion."""
    source, bent = datasets.source(), Distortion((-0.2, 0.2, -0.01), (-0.001, 0.002))
    source = replace(source, cameras=tuple(replace(camera, distortion=bent) for camera in source.cameras))
    found = written(InChunks(source, height), tmp_path / "out")
    lenses = np.array([[1100.0, 1150.0, 510.0, 490.0], [1200.0, 1190.0, 480.0, 505.0]])[source.camera]
    np.testing.assert_allclose(found["poses_2d"], pinhole(source.poses_3d, lenses), atol=2e-3)


def test_poses_of_one_kind_alone(tmp_path):
    source = datasets.source()
    relative = replace(source, poses_3d=source.poses_3d - source.poses_3d[:, :1], absolute=False)
    assert "poses_2d" not in written(InChunks(relative, 64), tmp_path / "3d")
    flat = replace(datasets.target(), poses_3d=None)
    assert "poses_3d" not in written(InChunks(flat, 64), tmp_path / "2d")


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("height", HEIGHTS)
def test_a_camera_that_is_not_known_takes_its_array_along(row, height, tmp_path):
    source = datasets.source()
    sized = written(InChunks(blind(source, row, size=(640, 480)), height), tmp_path / "sized")
    assert "intrinsics" not in sized
    assert set(map(tuple, sized["image_size"][source.camera == row].tolist())) == {(640, 480)}
    nothing = written(InChunks(blind(source, row), height), tmp_path / "nothing")
    assert not {"intrinsics", "image_size"} & set(nothing)
    assert nothing["camera"].tolist() == [("left", "right")[camera] for camera in source.camera]


@pytest.mark.parametrize("compression", ["none", "fast"])
def test_a_camera_that_no_row_has_need_not_be_known(compression, tmp_path):
    """The target has a third camera; the file is as if it had not."""
    source, target = datasets.source(), datasets.target()
    more = replace(target, cameras=(*target.cameras, Camera("none")))
    written(aligned(source, target), tmp_path / "two", compression)
    found = written(aligned(source, more), tmp_path / "three", compression)
    assert {"intrinsics", "image_size"} < set(found)
    assert (tmp_path / "three" / "own.npz").read_bytes() == (tmp_path / "two" / "own.npz").read_bytes()


@pytest.mark.parametrize("height", HEIGHTS)
def test_a_source_camera_is_asked_for_where_source_poses_come_along(height, tmp_path):
    source, target = blind(datasets.source(), 1), datasets.target()
    assert "intrinsics" in written(aligned(source, target, height), tmp_path / "aligned")
    both = written(aligned(source, target, height, include_source=True), tmp_path / "both")
    assert "intrinsics" not in both
    assert set(both["camera"]) == {"left", "right", "wide", "tele"}


def test_no_camera_is_known(tmp_path):
    found = written(InChunks(blind(blind(datasets.source(), 0), 1), 64), tmp_path / "out")
    assert not {"intrinsics", "image_size"} & set(found)
    assert len(found["camera"]) == len(found["action"]) == 240


class Repeated(InChunks):
    """The rows of a data set so many times over, as one sequence; the chunks are made as they are asked for."""

    def __init__(self, poses, times):
        self._rows = len(poses) * times
        super().__init__(poses, len(poses), sequences=(Sequence("S1", "Walking", "left", 0, self._rows),))

    def __len__(self):
        return self._rows

    def chunks(self):
        for _ in range(self._rows // len(self._conversion)):
            yield from super().chunks()


@pytest.mark.parametrize("compression", ["none", "fast"])
def test_memory_does_not_grow_with_the_rows(compression, tmp_path):
    """Of 6,000 rows at a time; 450 bytes a row, which is 54 MB and 216 MB of all of them."""
    poses, peaks = datasets.source(frames=500), []
    for times in (20, 80):
        (tmp_path / f"{times}").mkdir()
        tracemalloc.start()
        try:
            export(["plain"], Repeated(poses, times), tmp_path / f"{times}", "own", compression=compression)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    sizes = [(tmp_path / f"{times}" / "own.npz").stat().st_size for times in (20, 80)]
    assert sizes[1] > 3.9 * sizes[0]
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 24 << 20
