import numpy as np
import pytest

from poseda_cli.errors import ArchiveError
from poseda_cli.layouts import read, recognise
from poseda_cli.storage.archive import open_archive

from . import writers as w
from . import writers_3dhp as m

WORLD = m.ray3d_world(6, 3)
SEEN = m.ray3d_seen(WORLD, 0)
PIXELS = w.mpi_pixels(SEEN, w.CAMERA_0)


def read_one(folder, world=WORLD, pixels=PIXELS, key="S1_Seq1_0"):
    m.write_d8(folder, {} if world is None else {key: world}, {} if pixels is None else {key: pixels})
    return read(folder)


def test_the_world_has_z_up_and_is_taken_into_camera_space(tmp_path):
    heads_above_feet = WORLD[:, 10, 2] - WORLD[:, 3, 2]
    assert heads_above_feet.min() > 1
    found = read_one(tmp_path)
    np.testing.assert_allclose(found.poses_3d, SEEN, atol=1e-5)
    assert found.origin.stored.frame == "world"


def test_the_release_s_own_world_is_refused(tmp_path):
    released = WORLD[..., [0, 2, 1]] * [1, 1, -1]
    for pixels in (None, PIXELS):
        with pytest.raises(ArchiveError) as told:
            read_one(tmp_path, released, pixels)
        assert told.value.code == "frame"


@pytest.mark.parametrize("move", [[5, 0, 0], [0, 6, 0]], ids=["aside", "behind"])
def test_poses_that_the_named_camera_does_not_see_are_refused(move, tmp_path):
    with pytest.raises(ArchiveError, match="the camera 0 sees 0% of the people"):
        read_one(tmp_path, WORLD - np.array(move) * [1, 1, 1], None)


def test_2d_of_other_frames_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match=r"published camera 0 the poses do not project onto the 2D") as told:
        read_one(tmp_path, WORLD, PIXELS[::-1] + np.array([60, 0]))
    assert told.value.code == "frame"


def test_detections_have_the_camera_of_their_name(tmp_path):
    found = read_one(tmp_path, WORLD, PIXELS + np.random.default_rng(1).normal(0, 5, PIXELS.shape))
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.CAMERA_0[0], abs=0.005)
    assert any("detections" in note for note in found.origin.notes)


def test_2d_of_another_camera_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="do not project"):
        read_one(tmp_path, WORLD, w.mpi_pixels(m.ray3d_seen(WORLD, 8), w.CAMERA_8))


@pytest.mark.parametrize("has_3d", [True, False])
def test_lists_hold_a_dictionary(has_3d, tmp_path):
    found = read_one(tmp_path, WORLD if has_3d else None)
    np.testing.assert_allclose(found.poses_2d, PIXELS, atol=2e-3)
    assert (found.poses_3d is not None) == has_3d


WRONG_POINTS = {
    "an array in the list": lambda p: [p],
    "two dictionaries": lambda p: [{"positions_2d": p}] * 2,
    "no positions": lambda p: [{"file_name": ["img_000001.jpg"]}],
    "an array": lambda p: p,
    "nothing": lambda p: [],
}


@pytest.mark.parametrize("make", WRONG_POINTS.values(), ids=WRONG_POINTS)
def test_lists_that_hold_something_else(make, tmp_path):
    good = [{"file_name": ["img_000001.jpg"] * 6, "positions_2d": PIXELS}]
    points = {"S1_Seq1_0": {"Action": good}, "S1_Seq1_8": {"Action": make(PIXELS)}}
    np.savez(tmp_path / "data.npz", positions_2d=points, metadata={})
    with pytest.raises(ArchiveError, match=r"\['S1_Seq1_8'\]\['Action'\]: expected a list of one dictionary"):
        read(tmp_path)


@pytest.mark.parametrize("key", ["S1_Seq1", "S1 Seq1 0", "walking"])
def test_keys_of_another_form(key, tmp_path):
    m.write_d8(tmp_path, {"S1_Seq1_0": WORLD, key: WORLD})
    with pytest.raises(ArchiveError, match=f"positions_3d\\['{key}'\\].*expected 'S1_Seq1_0' or 'TS1'"):
        read(tmp_path)


@pytest.mark.parametrize("key", ["TS2", "S1_Seq1_14"])
def test_cameras_without_published_place(key, tmp_path):
    m.write_d8(tmp_path, {key: WORLD})
    with pytest.raises(ArchiveError, match=f"no published extrinsics for {key.split('_')[-1]}"):
        read(tmp_path)


def test_2d_alone_of_ts2_is_read(tmp_path):
    found = read_one(tmp_path, None, w.mpi_pixels(SEEN, w.TS2_CAMERA), "TS2")
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.TS2_CAMERA[0], abs=0.005)


def test_test_sequences_are_seen_by_training_camera_8(tmp_path):
    seen = m.ray3d_seen(WORLD, 8)
    for key in ("TS1", "TS3", "TS4"):
        found = read_one(tmp_path, WORLD, w.mpi_pixels(seen, w.CAMERA_8), key)
        np.testing.assert_allclose(found.poses_3d, seen, atol=1e-5)
        assert (found.subjects, found.camera_names) == ((key,), (key,))


@pytest.mark.parametrize("frames", [2, 3000])
def test_recognised_with_little_and_much_in_it(frames, tmp_path):
    world = m.ray3d_world(frames, 5)
    m.write_d8(tmp_path, {"S1_Seq1_0": world}, {"S1_Seq1_0": w.mpi_pixels(m.ray3d_seen(world, 0), w.CAMERA_0)})
    for path in tmp_path.iterdir():
        assert recognise(open_archive(path)) == "ray3d"
