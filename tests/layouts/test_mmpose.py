import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_npz as n

S1 = {"S1": {"Sitting 2": w.motion(5, "Sitting", 5)}}


def rows(change_3d=None, change_2d=None, world=None):
    """Of one subject before four cameras, with 3D or 2D changed."""
    return [
        (key, change_3d(seen) if change_3d else seen, change_2d(pixels) if change_2d else pixels, numbers)
        for key, seen, pixels, numbers in n.h36m_rows(S1 if world is None else world)
    ]


def problems(dataset):
    return {problem.code: problem.message for problem in dataset.origin.problems}


def notes(dataset):
    return " ".join(dataset.origin.notes)


def linear(poses, lens):
    return w.mpi_pixels(poses, (lens.fx, lens.fy, lens.cx, lens.cy))


# ------------------------------------------------------------------ real frames


def test_real_h36m_frames_reproject_to_the_figure_of_the_release(shared_data):
    file = shared_data / "mmpose" / "test_h36m_body3d.npz"
    found = read(file)
    assert [sequence[:3] for sequence in found.sequences] == [
        ("S1", "Directions 1", "54138969"),
        ("S5", "SittingDown", "54138969"),
        ("S7", "Greeting", "55011271"),
        ("S8", "WalkDog 1", "55011271"),
    ]
    assert found.origin.dataset == "h36m"
    for pose, pixels, sequence in zip(found.poses_3d, found.poses_2d, found.sequences, strict=True):
        _, k, p, size = w.H36M_LENSES[sequence.camera]
        camera = found.cameras[found.camera[sequence.start]]
        assert (camera.intrinsics.width, camera.intrinsics.height) == size
        assert (camera.distortion.k, camera.distortion.p) == (pytest.approx(k), pytest.approx(p))
        np.testing.assert_allclose(w.h36m_pixels(pose.astype(float), sequence.camera), pixels, atol=5e-4)
    with np.load(file) as stored:
        np.testing.assert_allclose(found.poses_3d, stored["S"][..., :3], atol=1e-6)
    assert "4 of 4 sequences" in notes(found)


# FORMATS.md, section 5: mean, median and largest distance in pixels.
REAL = [("S4", "0", 0.250, 0.0045, 2.14), ("S8", "8", 0.285, 0.0040, 2.11)]


@pytest.mark.parametrize(("subject", "camera", "mean", "median", "most"), REAL)
def test_real_3dhp_frames_reproject_to_the_published_figures(subject, camera, mean, median, most, shared_data):
    found = read(shared_data / "mmpose" / "test_3dhp_train.npz").select(subjects=[subject])
    assert found.camera_names == (camera,)
    error = np.linalg.norm(
        linear(found.poses_3d.astype(float), found.cameras[found.camera[0]].intrinsics) - found.poses_2d, axis=-1
    )
    assert error.mean() == pytest.approx(mean, abs=0.001)
    assert np.median(error) == pytest.approx(median, abs=0.0003)
    assert error.max() == pytest.approx(most, abs=0.01)


def test_real_camera_file_has_the_wrong_height(shared_data):
    found = read(shared_data / "mmpose" / "test_3dhp_train.npz")
    assert {(c.intrinsics.width, c.intrinsics.height) for c in found.cameras} == {(2048, 2048)}
    assert "cameras_train.pkl: a height below 2048 for S4_Seq2_Cam0, S8_Seq1_Cam8" in problems(found)["camera-height"]


def test_real_folder_of_both_data_sets_must_be_read_apart(shared_data):
    with pytest.raises(InputError, match=r"3dhp17.*h36m17.*Read them apart"):
        read(shared_data / "mmpose")


# ------------------------------------------------------------------ names and rows


def test_raw_names_of_s1_become_the_usual_ones(tmp_path):
    world = {"S1": {"TakingPhoto": w.motion(3), "WalkingDog 1": w.motion(4)}}
    n.write_h6(tmp_path / "h36m_train.npz", list(n.h36m_rows(world)))
    found = read(tmp_path)
    assert found.actions == ("Photo", "WalkDog 1") and problems(found) == {}


def test_sequences_that_the_release_does_not_have(tmp_path):
    n.write_h6(tmp_path / "h36m_train.npz", list(n.h36m_rows({"S1": {"Juggling 1": w.motion(3)}})))
    assert "S1 Juggling 1" in problems(read(tmp_path))["unknown-sequence"]


def test_s11_directions_is_read_and_named(tmp_path):
    renamed = [(("S11", "Directions", key[2]), *rest) for key, *rest in rows()]
    n.write_h6(tmp_path / "h36m_test.npz", renamed)
    assert "mmpose's have it" in problems(read(tmp_path))["s11-directions"]


def test_shuffled_rows_are_put_in_order(tmp_path, rng):
    n.write_h6(tmp_path / "plain.npz", rows())
    with np.load(tmp_path / "plain.npz") as archive:
        order = rng.permutation(len(archive["S"]))
        (tmp_path / "shuffled").mkdir()
        np.savez(tmp_path / "shuffled" / "h36m.npz", **{name: archive[name][order] for name in archive.files})
    plain, found = read(tmp_path / "plain.npz"), read(tmp_path / "shuffled" / "h36m.npz")
    expected = {
        sequence[:3]: plain.poses_3d[sequence.start : sequence.start + sequence.length] for sequence in plain.sequences
    }
    for sequence in found.sequences:
        place = slice(sequence.start, sequence.start + sequence.length)
        np.testing.assert_array_equal(found.poses_3d[place], expected[sequence[:3]])
        np.testing.assert_array_equal(order[found.rows[place]], plain.rows[_place(plain, sequence)])
    assert "sorted by frame number" in problems(found)["frame-order"]


def _place(dataset, sequence):
    start = next(other.start for other in dataset.sequences if other[:3] == sequence[:3])
    return slice(start, start + sequence.length)


def test_the_same_frame_twice_is_named(tmp_path):
    twice = [(key, seen, pixels, np.array([1, 6, 6, 11, 16])) for key, seen, pixels, _ in rows()]
    n.write_h6(tmp_path / "h36m.npz", twice)
    assert "S1 Sitting 2 camera 54138969" in problems(read(tmp_path))["frames-repeated"]


def test_fps10_and_fps50_are_the_same_sequences(tmp_path):
    n.write_h6(tmp_path / "fps10" / "h36m_train.npz", rows())
    n.write_h6(tmp_path / "fps50" / "h36m_train.npz", rows(world={"S1": {"Sitting 2": w.motion(9, "Sitting", 5)}}))
    with pytest.raises(InputError, match="S1 Sitting 2 54138969.* is in more than one of them"):
        read(tmp_path)


def test_train_and_test_together(tmp_path):
    world = w.known_world()
    for subject in ("S1", "S9"):
        n.write_h6(tmp_path / f"{subject}.npz", list(n.h36m_rows({subject: world[subject]})))
    n.dump(tmp_path / "cameras.pkl", n.h36m_cameras())
    found = read(tmp_path)
    assert [file.name for file in found.origin.files] == [
        f"{tmp_path.name}/{f}" for f in ("S1.npz", "S9.npz", "cameras.pkl")
    ]
    assert found.subjects == ("S1", "S9")
    np.testing.assert_array_equal(found.rows, np.arange(len(found)))


def test_names_of_images_are_unknown(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(), name=lambda *key: f"{key[-1]}.jpg")
    with pytest.raises(ArchiveError, match=r"^h36m\.npz: imgname: row 0 is '1\.jpg', which names no subject"):
        read(tmp_path / "h36m.npz")


def test_bytes_for_names(tmp_path):
    n.write_h6(tmp_path / "text.npz", rows())
    with np.load(tmp_path / "text.npz") as archive:
        names = archive["imgname"].astype("S")
    n.write_h6(tmp_path / "bytes.npz", rows(), imgname=names)
    assert read(tmp_path / "bytes.npz").sequences == read(tmp_path / "text.npz").sequences


def cut_names(path, kept):
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["imgname"] = arrays["imgname"][kept]
    np.savez(path, **arrays)


def test_imgname_shorter_than_s_where_a_video_ends_early(tmp_path):
    # 1447 frames of Greeting are 3 in steps of 500, 1612 of Waiting 1 are 4; the second video of Greeting lacks one.
    world = {"S9": {"Greeting": w.motion(3), "Waiting 1": w.motion(4, "Sitting")}}
    n.write_h6(tmp_path / "h36m_test.npz", list(n.h36m_rows(world, stride=500)))
    whole = read(tmp_path / "h36m_test.npz")
    missing = 5
    cut_names(tmp_path / "h36m_test.npz", np.arange(len(whole)) != missing)
    found = read(tmp_path / "h36m_test.npz")
    assert [sequence.length for sequence in found.sequences] == [3, 2, 3, 3, 4, 4, 4, 4]
    np.testing.assert_array_equal(found.poses_3d, np.delete(whole.poses_3d, missing, axis=0))
    np.testing.assert_array_equal(found.poses_2d, np.delete(whole.poses_2d, missing, axis=0))
    np.testing.assert_array_equal(found.rows, np.delete(np.arange(28), missing))
    assert "the videos of S9 Greeting camera 55011271 end early" in problems(found)["names-short"]


def test_imgname_shorter_than_s_in_3dhp(tmp_path):
    # 6416 frames of S1 Seq1 are 7 in steps of 1000.
    many = [
        (key, seen, pixels, 1 + 1000 * np.arange(7)) for key, seen, pixels, _ in n.mpi_train_rows(7) if key[0] == "S1"
    ]
    n.write_d7(tmp_path / "mpi_inf_3dhp_train.npz", many)
    whole = read(tmp_path / "mpi_inf_3dhp_train.npz")
    cut_names(tmp_path / "mpi_inf_3dhp_train.npz", [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 13])
    found = read(tmp_path / "mpi_inf_3dhp_train.npz")
    np.testing.assert_array_equal(found.poses_3d, np.delete(whole.poses_3d, [5, 6], axis=0))
    assert "S1 Seq1 camera 0" in problems(found)["names-short"]


def test_imgname_shorter_than_s_of_sequences_of_other_lengths(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    cut_names(tmp_path / "h36m.npz", slice(19))
    with pytest.raises(
        ArchiveError, match="imgname: 19 names for 20 rows of S: .*video ends early.*Convert the data set"
    ):
        read(tmp_path / "h36m.npz")


def test_imgname_longer_than_s(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(), imgname=np.array([f"TS1_{i:06d}.jpg" for i in range(30)]))
    with pytest.raises(ArchiveError, match="30 names for 20 rows"):
        read(tmp_path / "h36m.npz")


# ------------------------------------------------------------------ what it is not


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"imgname": np.array(["a"] * 20, object)}, "imgname is object"),
        ({"S": None}, "lacks S"),
        ({"S": np.zeros((20, 17, 3))}, r"S is float64 \(20, 17, 3\), expected numbers of shape \(N, 17, 4\)"),
        ({"S": np.zeros((20, 49, 4))}, r"S is float64 \(20, 49, 4\)"),
    ],
    ids=["objects", "no S", "no flag", "49 joints"],
)
def test_members_that_are_not_mmpose_s(changes, said, tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(), **changes)
    with pytest.raises(UnknownLayoutError, match=f"mmpose: {said}"):
        read(tmp_path / "h36m.npz")


def world_again(seen):
    return np.stack([seen[..., 0], seen[..., 2], 1.5 - seen[..., 1]], axis=-1)


def mixed(seen):
    seen = seen.copy()
    seen[::2] -= seen[::2, :1]
    return seen


WRONG = {
    "millimetres": ({"change_3d": lambda p: p * 1000}, "S: thighs measure .* in mm, this layout has them in m"),
    "3DHP's order": ({"change_3d": lambda p: p[:, w.MPI17_OF_H36M17]}, "S: .*order of h36m17.*They look like 3dhp17"),
    "left hip first": ({"change_3d": lambda p: p[:, w.LEFT_HIP_FIRST]}, "S: .*left leg first"),
    "normalised": ({"change_2d": lambda p: p / 500 - 1}, "part: .*normalised"),
    "world space": ({"change_3d": world_again}, "S: 3D and 2D correlate by .* not in camera space"),
    "mirrored": ({"change_3d": lambda p: p * [-1, 1, 1]}, "S: 3D and 2D correlate by -.* not in camera space"),
    "behind": ({"change_3d": lambda p: -p}, "S: roots lie at a depth of -.* not in camera space"),
    "partly relative": ({"change_3d": mixed}, "S: the root is the origin in 12 of 20 poses only"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(changes, said, tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(**changes))
    with pytest.raises(ArchiveError, match=rf"^h36m\.npz: {said}"):
        read(tmp_path / "h36m.npz")


def test_world_space_without_2d(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(world_again), part=None)
    with pytest.raises(ArchiveError, match="heads are off feet by .* not in camera space"):
        read(tmp_path / "h36m.npz")


@pytest.mark.parametrize("part", [np.zeros((20, 17, 2)), np.zeros((19, 17, 3)), np.full((20, 17, 3), "1")])
def test_part_of_another_shape(part, tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(), part=part)
    with pytest.raises(ArchiveError, match=r"part: .*expected numbers of shape \(20, 17, 3\)"):
        read(tmp_path / "h36m.npz")


def test_no_part(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(), part=None)
    found = read(tmp_path / "h36m.npz")
    assert found.poses_2d is None and found.origin.stored.screen is None
    assert "no 2D: cameras are those of the names, unchecked" in notes(found)
    assert found.cameras[0].intrinsics.fx == pytest.approx(1145.049, abs=0.001)


def test_no_rows(tmp_path):
    empty = {"imgname": np.empty(0, "U5"), "S": np.empty((0, 17, 4)), "part": np.empty((0, 17, 3))}
    np.savez(tmp_path / "h36m.npz", **empty)
    with pytest.raises(InputError, match="no row in it"):
        read(tmp_path / "h36m.npz")


def test_root_relative_poses(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(lambda p: p - p[:, :1]))
    found = read(tmp_path / "h36m.npz")
    assert not found.absolute and found.origin.stored.frame == "root-relative"
    assert (found.poses_3d[:, 0] == 0).all()
    assert "unchecked" in notes(found)


def test_a_root_outside_the_image_is_still_the_root(tmp_path):
    """In relative poses it is 0, as what is not annotated is in SPIN's archives."""
    flags = np.ones((20, 17))
    flags[3, 0] = 0
    relative = np.concatenate([row[1] - row[1][:, :1] for row in rows()])
    n.write_h6(tmp_path / "h36m.npz", rows(), S=n.flagged(relative, flags), part=None)
    found = read(tmp_path / "h36m.npz")
    assert np.isfinite(found.poses_3d).all() and not found.visible[3, 0]


def test_flags_say_what_is_visible(tmp_path):
    flags = np.ones((20, 17))
    flags[3, 16] = flags[7, 2] = 0
    pixels = np.concatenate([row[2] for row in rows()])
    n.write_h6(tmp_path / "h36m.npz", rows(), part=n.flagged(pixels, flags))
    found = read(tmp_path / "h36m.npz")
    np.testing.assert_array_equal(found.visible, flags == 1)
    np.testing.assert_allclose(found.poses_2d, pixels, atol=2e-3)


# ------------------------------------------------------------------ cameras


def file_camera(tmp_path, table, name="cameras.pkl"):
    n.dump(tmp_path / name, table)


def half(entry):
    return entry | {"f": entry["f"] / 2, "c": entry["c"] / 2, "w": entry["w"] // 2, "h": entry["h"] // 2}


def test_cameras_of_the_file_where_images_were_resized_h36m(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(change_2d=lambda p: p / 2))
    file_camera(tmp_path, {key: half(entry) for key, entry in n.h36m_cameras().items()})
    found = read(tmp_path / "h36m.npz")
    camera = found.cameras[1]
    quaternion, centre = w.H36M_PLACES["S1"]["55011271"]
    assert (camera.intrinsics.fx, camera.intrinsics.width, camera.intrinsics.height) == (
        pytest.approx(1149.6757 / 2, abs=1e-3),
        500,
        500,
    )
    np.testing.assert_allclose(camera.rotation, w.rotation_of(quaternion).T, atol=1e-6)
    np.testing.assert_allclose(camera.centre, np.array(centre) / 1000, atol=1e-6)
    assert "4 of 4 sequences" in notes(found)


def test_cameras_of_the_file_where_images_were_resized_3dhp(tmp_path):
    """R and T mean the opposite of what they mean in Human3.6M's file."""
    smaller = [(key, seen, pixels / 2, numbers) for key, seen, pixels, numbers in n.mpi_train_rows()]
    n.write_d7(tmp_path / "mpi.npz", smaller)
    table = {key: half(entry | {"h": 2048, "w": 2048}) for key, entry in n.mpi_train_cameras().items()}
    file_camera(tmp_path, table, "cameras_train.pkl")
    camera = read(tmp_path / "mpi.npz").cameras[0]
    point = np.array([0.3, 1.1, -0.4])
    expected = np.array(n.MPI_ROTATION) @ point + np.array(n.MPI_SHIFT) / 1000
    np.testing.assert_allclose(np.array(camera.rotation) @ (point - np.array(camera.centre)), expected, atol=1e-5)
    assert (camera.intrinsics.width, camera.intrinsics.height) == (1024, 1024)


def turned(entry):
    """The same place by the other convention."""
    return entry | {"R": entry["R"].T, "T": -entry["R"].T @ entry["T"]}


@pytest.mark.parametrize("data", ["h36m", "3dhp"])
def test_a_file_by_the_other_convention_is_noticed(data, tmp_path):
    if data == "h36m":
        n.write_h6(tmp_path / "data.npz", rows(change_2d=lambda p: p / 2))
        table = {key: half(turned(entry)) for key, entry in n.h36m_cameras().items()}
        quaternion, centre = w.H36M_PLACES["S1"]["54138969"]
        rotation, centre = w.rotation_of(quaternion).T, np.array(centre) / 1000
    else:
        n.write_d7(tmp_path / "data.npz", [(k, s, p / 2, f) for k, s, p, f in n.mpi_train_rows() if k[2] == "0"])
        table = {key: half(turned(entry)) for key, entry in n.mpi_train_cameras().items()}
        rotation = np.array(n.MPI_ROTATION)
        centre = -rotation.T @ np.array(n.MPI_SHIFT) / 1000
    file_camera(tmp_path, table)
    found = read(tmp_path / "data.npz")
    np.testing.assert_allclose(found.cameras[0].rotation, rotation, atol=1e-5)
    np.testing.assert_allclose(found.cameras[0].centre, centre, atol=1e-5)
    assert "R and T of" in problems(found)["camera-convention"]


def test_right_conventions_raise_no_problem(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    file_camera(tmp_path, n.h36m_cameras())
    assert problems(read(tmp_path / "h36m.npz")) == {}


@pytest.mark.parametrize("height", [204.0, 2048])
def test_height_204(height, tmp_path):
    n.write_d7(tmp_path / "mpi.npz", n.mpi_train_rows())
    file_camera(tmp_path, n.mpi_train_cameras(h=height), "cameras_train.pkl")
    found = read(tmp_path / "mpi.npz")
    assert {camera.intrinsics.height for camera in found.cameras} == {2048}
    assert ("camera-height" in problems(found)) == (height == 204)


@pytest.mark.parametrize("lens", [0.9, 1])
def test_height_204_of_a_lens_that_only_the_file_has(lens, tmp_path):
    n.write_d7(tmp_path / "mpi.npz", [(k, s, p * lens, f) for k, s, p, f in n.mpi_train_rows()])
    table = {k: e | {"f": e["f"] * lens, "c": e["c"] * lens} for k, e in n.mpi_train_cameras().items()}
    file_camera(tmp_path, table, "cameras_train.pkl")
    camera = read(tmp_path / "mpi.npz").cameras[0]
    assert camera.intrinsics.fx == pytest.approx(1497.693 * lens, abs=1e-3)
    assert (camera.intrinsics.width, camera.intrinsics.height) == (2048, 2048)


def test_fitted_test_cameras_give_way_to_the_published(tmp_path):
    n.write_d7(tmp_path / "mpi.npz", n.mpi_test_rows())
    file_camera(tmp_path, n.mpi_test_cameras(), "cameras_test.pkl")
    found = read(tmp_path / "mpi.npz")
    assert [camera.intrinsics.cx for camera in found.cameras] == pytest.approx([1017.387, 1015.26, 939.858], abs=0.005)


@pytest.mark.parametrize("table", [None, {("S5", "54138969"): n.h36m_cameras()["S1", "54138969"]}], ids=["no", "other"])
def test_without_the_camera_file(table, tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    if table:
        file_camera(tmp_path, table)
    found = read(tmp_path / "h36m.npz")
    assert [camera.name for camera in found.cameras] == w.CAMERAS
    assert found.cameras[0].distortion.p == pytest.approx(w.H36M_LENSES["54138969"][2])
    assert found.cameras[0].centre == pytest.approx((1.8411, 4.9553, 1.5634), abs=1e-3)


def test_a_file_that_has_no_more_than_lenses(tmp_path):
    """The published cameras agree as well, and their places are known."""
    n.write_h6(tmp_path / "h36m.npz", rows())
    lenses = {key: {k: v for k, v in entry.items() if k not in "RT"} for key, entry in n.h36m_cameras().items()}
    file_camera(tmp_path, lenses)
    assert None not in {camera.centre for camera in read(tmp_path / "h36m.npz").cameras}


def test_root_relative_poses_have_the_cameras_of_the_file(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(lambda p: p - p[:, :1], lambda p: p / 2))
    file_camera(tmp_path, {key: half(entry) for key, entry in n.h36m_cameras().items()})
    assert {camera.intrinsics.width for camera in read(tmp_path / "h36m.npz").cameras} == {500}


def test_a_camera_file_that_is_off(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    file_camera(tmp_path, n.h36m_cameras(f=np.array([[1200.0], [1200.0]])))
    found = read(tmp_path / "h36m.npz")
    assert found.cameras[0].intrinsics.fx == pytest.approx(1145.049, abs=0.001)
    assert "S1 Sitting 2 camera 54138969" in problems(found)["camera-file"]


def test_no_camera_agrees(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(change_2d=lambda p: p / 2))
    found = read(tmp_path / "h36m.npz")
    assert {camera.intrinsics for camera in found.cameras} == {None}
    assert "agree with no camera" in problems(found)["camera-unknown"]


def test_one_sequence_that_is_off_leaves_the_camera_to_the_others(tmp_path):
    world = {"S1": {"Sitting 1": w.motion(4), "Sitting 2": w.motion(5, "Sitting", 5)}}
    several = [
        (key, seen, pixels / 2 if key[1] == "Sitting 1" else pixels, numbers)
        for key, seen, pixels, numbers in n.h36m_rows(world)
    ]
    n.write_h6(tmp_path / "h36m.npz", several)
    found = read(tmp_path / "h36m.npz")
    assert len(found.cameras) == 4 and None not in {camera.intrinsics for camera in found.cameras}
    assert "S1 Sitting 1 camera 54138969" in problems(found)["camera-unknown"]


def test_detections_keep_the_camera_of_the_name(tmp_path, rng):
    n.write_h6(tmp_path / "h36m.npz", rows(change_2d=lambda p: p + rng.normal(0, 6, p.shape)))
    found = read(tmp_path / "h36m.npz")
    assert found.cameras[0].intrinsics.fx == pytest.approx(1145.049, abs=0.001)
    assert "20 poses is no projection of the 3D but near to it" in problems(found)["detections"]


def test_part_of_h36m_is_distorted_unless_somebody_undid_it(tmp_path):
    """Persons at the side, where distortion moves them by pixels."""
    aside = rows(lambda p: p + np.array([1.2, 0, 0]))
    straight = [(k, s, w.mpi_pixels(s, w.H36M_LENSES[k[2]][0]), f) for k, s, _, f in aside]
    distorted = [(k, s, w.h36m_pixels(s, k[2]), f) for k, s, _, f in aside]
    n.write_h6(tmp_path / "straight.npz", straight)
    n.write_h6(tmp_path / "distorted.npz", distorted)
    found = read(tmp_path / "straight.npz")
    assert {camera.distortion for camera in found.cameras} == {None}
    assert "20 poses is undistorted" in notes(found)
    found = read(tmp_path / "distorted.npz")
    assert found.cameras[0].distortion is not None and "undistorted" not in notes(found)


def test_poses_of_universal_size(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows(lambda p: p[:, :1] + (p - p[:, :1]) / 1.2))
    found = read(tmp_path / "h36m.npz")
    assert "3D of 20 poses is scaled about the pelvis" in problems(found)["univ-annot3"]
    assert found.cameras[0].intrinsics is not None


def test_camera_of_3dhp_under_another_name(tmp_path):
    """TS1 was filmed by the lens of training camera 8; here its images are called TS2's."""
    renamed = [(("TS2", "Seq1", "TS2"), *rest) for key, *rest in n.mpi_test_rows() if key[0] == "TS1"]
    n.write_d7(tmp_path / "mpi.npz", renamed)
    found = read(tmp_path / "mpi.npz")
    assert found.cameras[0].name == "TS2"
    assert found.cameras[0].intrinsics.cx == pytest.approx(1017.387, abs=0.005)
    assert "TS2 Seq1 camera TS2: 2D and 3D agree with the published camera of TS1" in notes(found)


BROKEN = {
    "no f": ({"f": None}, "f must be 2 numbers"),
    "c of three": ({"c": np.zeros(3)}, "c must be 2 numbers"),
    "R of text": ({"R": "up"}, "R must be 9 numbers"),
    "w unknown": ({"w": np.nan}, "w must be 1 numbers"),
}


@pytest.mark.parametrize(("changes", "said"), BROKEN.values(), ids=BROKEN)
def test_cameras_without_their_numbers(changes, said, tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    table = n.h36m_cameras()
    table["S1", "54138969"] |= changes
    file_camera(tmp_path, table)
    with pytest.raises(ArchiveError, match=rf"^cameras\.pkl: content\[\('S1', '54138969'\)\]: {said}"):
        read(tmp_path / "h36m.npz")


def test_cameras_of_other_types(tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    table = {("S5", "54138969"): n.h36m_cameras()["S1", "54138969"], ("S1", "54138969"): [1, 2]}
    file_camera(tmp_path, table)
    with pytest.raises(ArchiveError, match="list, expected a dictionary of f, c, w and h"):
        read(tmp_path / "h36m.npz")


def test_cameras_alone(tmp_path):
    file_camera(tmp_path, n.h36m_cameras())
    with pytest.raises(InputError, match=r"cameras\.pkl: cameras and no poses"):
        read(tmp_path / "cameras.pkl")


def test_cameras_are_found_one_folder_up(tmp_path):
    n.write_h6(tmp_path / "fps10" / "h36m.npz", rows(change_2d=lambda p: p / 2))
    file_camera(tmp_path, {key: half(entry) for key, entry in n.h36m_cameras().items()})
    found = read(tmp_path / "fps10" / "h36m.npz")
    assert found.cameras[0].intrinsics.width == 500
    assert {file.name.rpartition("/")[2] for file in found.origin.files} == {"h36m.npz", "cameras.pkl"}


@pytest.mark.parametrize(
    "tree",
    [{"mean": np.zeros((17, 3)), "std": np.ones((17, 3))}, {(1, 1): (np.eye(3), np.zeros(3))}, [1], {}, {"S1": 3}],
    ids=["statistics", "tuples", "list", "empty", "number"],
)
def test_other_pickles_beside_it_are_no_cameras(tree, tmp_path):
    n.write_h6(tmp_path / "h36m.npz", rows())
    n.dump(tmp_path / "cameras.pkl", tree)
    assert [file.name for file in read(tmp_path / "h36m.npz").origin.files] == ["h36m.npz"]


# ------------------------------------------------------------------ what poseda writes


def test_3dhp_under_names_that_human36mdataset_can_split(tmp_path):
    order = np.argsort(w.MPI17_OF_H36M17)
    renamed = [(key, seen[:, order] / 1000, pixels[:, order], f) for key, seen, pixels, f in n.mpi_train_rows()]
    test = [(key, seen[:, order] / 1000, pixels[:, order], f) for key, seen, pixels, f in n.mpi_test_rows()]
    n.write_h6(tmp_path / "mmpose_gpa.npz", [*renamed, *test], lambda s, a, c, f: f"{s}_{a}.{c}_{f:06d}.jpg")
    train_cameras = {
        (key.split("_")[0], key.split("Cam")[1]): turned(entry | {"h": 2048})
        for key, entry in n.mpi_train_cameras().items()
    }
    file_camera(tmp_path, train_cameras | {(key, key): entry for key, entry in n.mpi_test_cameras().items()})
    found = read(tmp_path / "mmpose_gpa.npz")
    assert list(found.skeleton.joints) == w.H36M_JOINTS
    assert found.origin.dataset == "mpi_inf_3dhp"
    assert [s[:3] for s in found.sequences] == [key for key, *_ in (*n.mpi_train_rows(), *n.mpi_test_rows())]
    np.testing.assert_allclose(found.poses_3d, np.concatenate([row[1] for row in (*renamed, *test)]), atol=1e-5)
    assert problems(found) == {}


def test_poses_before_cameras_that_no_table_has(tmp_path):
    lens = (800.0, 810.0, 640.0, 360.0)
    key = ("S1", "Walking_1_54138969", "web")
    seen = w.h36m_view(w.motion(6)[:, w.H36M17_OF_32], "S1", "54138969")
    one = [(key, seen, w.mpi_pixels(seen, lens), 1 + np.arange(6))]
    n.write_h6(tmp_path / "mmpose_gpa.npz", one, lambda s, a, c, f: f"{s}_{a}.{c}_{f:06d}.jpg")
    entry = {"f": np.array([[800.0], [810.0]]), "c": np.array([[640.0], [360.0]]), "w": 1280, "h": 720}
    file_camera(tmp_path, {("S1", "web"): entry | {"name": "web", "id": "web"}})
    found = read(tmp_path / "mmpose_gpa.npz")
    assert found.origin.dataset is None
    assert [sequence[:3] for sequence in found.sequences] == [("S1", "Walking 1 54138969", "web")]
    assert tuple(vars(found.cameras[0].intrinsics).values()) == (*lens, 1280, 720)
