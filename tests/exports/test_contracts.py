"""What trainers' loaders make of our files is what we computed: augmented.h5 of the same run, or the archive."""

from __future__ import annotations

import numpy as np
import pytest

from tests.layouts import writers as w

from . import material, trainers
from .material import Augmented

# Normalised coordinates that went through pixels in single precision, and through the loader's own.
FLOAT32 = {"rtol": 5e-7, "atol": 5e-7}
# Of the source's own 2D: computed in single precision from single-precision poses.
PROJECTED = {"rtol": 0, "atol": 4e-6}
METRES = {"rtol": 0, "atol": 5e-6}
MILLIMETRES = {"rtol": 0, "atol": 5e-3}
NOT_NECK_NOSE = [joint for joint in range(17) if joint != 9]

ALL_BUT_POSEAUG = ("poseda", "videopose3d", "mmpose", "pstmo", "poseaug-test", "plain")
RUNS = {
    "weak": ("--subjects", "S1"),
    "copies and source": ("--subjects", "S1", "--copies", "2", "--include-source", "--seed", "5"),
    "axes": ("--subjects", "S1", "--screen", "axes", "--depth", "exact"),
    "parts": ("--actions", "Walking", "--cameras", "54138969,60457274", "--target-cameras", "TS5"),
}


def to(*names):
    return [part for name in names for part in ("--to", name)]


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    world = material.world()
    w.write_h1(folder / "data_3d_h36m.npz", world)
    material.write_target(folder / "test")
    return folder, world


@pytest.fixture(scope="module", params=RUNS.values(), ids=RUNS)
def run(request, archives):
    """One alignment in all forms but poseaug."""
    folder, world = archives
    out = folder / "_".join(request.param).replace("--", "")
    if not out.exists():
        arguments = ["data_3d_h36m.npz", "-t", "test", "-o", out, *to(*ALL_BUT_POSEAUG), *request.param]
        material.poseda("align", *arguments, cwd=folder)
    return out, world


@pytest.fixture(scope="module", params=["h36m16", "h36m17"])
def poseaug_run(request, archives):
    folder, world = archives
    out = folder / request.param
    if not out.exists():
        options = ["--skeleton", request.param, "--subjects", "S1", "--copies", "2", *to("poseaug", "poseda")]
        material.poseda("align", "data_3d_h36m.npz", "-t", "test", "-o", out, *options, cwd=folder)
    return out, world


def check_h36m_files(folder, world, loader, joints):
    """Every row of augmented.h5 in the loader's views, and the source's own 2D in the rows that are not in it."""
    augmented = Augmented(folder)
    source_file = folder.parent / "data_3d_h36m.npz"
    own, bodies = material.own_points(world)[:, joints], material.seen(world)[:, joints]
    of_row = [key[:3] for key in material.keys(world)]
    files = {-1: "data_2d_h36m_gpa_source.npz", 0: "data_2d_h36m_gpa.npz", 1: "data_2d_h36m_gpa_2.npz"}
    copies = np.unique(augmented.copy).tolist()
    assert {path.name for path in folder.glob("data_2d_*")} == {files[copy] for copy in copies}
    for copy in copies:
        loaded = loader(source_file, folder / files[copy])
        assert list(loaded) == list(dict.fromkeys(of_row))
        three, two = (np.concatenate(column) for column in zip(*loaded.values(), strict=True))
        assert three.dtype == two.dtype == np.float32
        three[:, 1:] -= np.where(loader is trainers.poseaug, three[:, :1], 0)
        rows = augmented.source[augmented.copy == copy]
        left = np.setdiff1d(np.arange(len(own)), rows) if copy >= 0 else slice(None)
        np.testing.assert_allclose(two[left], own[left], **PROJECTED)
        if copy < 0:
            continue
        poses, points = (column[augmented.copy == copy] for column in (augmented.poses_3d, augmented.poses_2d))
        if points.shape[1] > len(joints):
            poses, points = poses[:, joints], points[:, joints]
        assert 0 < len(rows) < len(own)
        np.testing.assert_allclose(two[rows], points, **FLOAT32)
        np.testing.assert_allclose(three[rows, 1:], poses[:, 1:] - poses[:, :1], **METRES)
        np.testing.assert_allclose(three[:, 0], bodies[:, 0], **METRES)


def test_videopose3d(run):
    check_h36m_files(*run, trainers.videopose3d, list(range(17)))


def test_poseaug(poseaug_run):
    check_h36m_files(*poseaug_run, trainers.poseaug, NOT_NECK_NOSE)


def test_poses_are_dropped_for_every_reason_that_these_tests_are_about(archives):
    folder, world = archives
    out = folder / "dropped"
    material.poseda("align", "data_3d_h36m.npz", "-t", "test", "-o", out, "--subjects", "S1", cwd=folder)
    rows = [row for row, key in enumerate(material.keys(world)) if key[0] == "S1"]
    nobody = [row for row in rows if material.keys(world)[row][:2] + material.keys(world)[row][3:] == material.NOBODY]
    dropped = set(rows) - set(Augmented(out).source)
    assert len(nobody) == 4
    assert set(nobody) < dropped


def test_each_copys_file_has_poses_of_its_own(archives, poseaug_run):
    out, _ = poseaug_run
    first, second = (trainers.detections(out / f"data_2d_h36m_gpa{n}.npz", {"S1", "S9"}) for n in ("", "_2"))
    assert first.keys() == second.keys()
    assert all(
        np.array_equal(a, b) == (key[0] == "S9") for key in first for a, b in zip(first[key], second[key], strict=True)
    )


def test_views_are_floating_arrays_that_a_loader_may_write_to(run):
    out, _ = run
    for actions in trainers.tree(out / "data_2d_h36m_gpa.npz", "positions_2d").values():
        for views in actions.values():
            assert [(v.dtype, v.flags.writeable, v.shape[1:]) for v in views] == [(np.float32, True, (17, 2))] * 4


def test_metadata(run):
    out, _ = run
    assert trainers.tree(out / "data_2d_h36m_gpa.npz", "metadata") == {
        "layout_name": "h36m",
        "num_joints": 17,
        "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
    }


def test_metadata_of_16_joints(poseaug_run):
    out, _ = poseaug_run
    assert trainers.tree(out / "data_2d_h36m_gpa.npz", "metadata") == {
        "layout_name": "h36m",
        "num_joints": 16,
        "keypoints_symmetry": [[4, 5, 6, 10, 11, 12], [1, 2, 3, 13, 14, 15]],
    }


def test_pstmo(run):
    out, _ = run
    augmented = Augmented(out)
    loaded = trainers.pstmo_train(out / "data_train_3dhp.npz")
    assert not (out / "data_test_3dhp.npz").exists()
    found = set()
    for (subject, action, camera), copy, rows in augmented.sequences():
        suffix = {-1: "_source", 0: ""}.get(copy, f"_copy{copy + 1}")
        key = (subject, action.replace(" ", "_") + suffix, camera)
        three, two = loaded[key]
        poses = augmented.poses_3d[rows][:, w.MPI17_OF_H36M17] * 1000
        bodies = poses - poses[:, 14:15]
        bodies[:, 14] = poses[:, 14]
        np.testing.assert_allclose(three, bodies, **MILLIMETRES)
        np.testing.assert_allclose(two, augmented.poses_2d[rows][:, w.MPI17_OF_H36M17], **FLOAT32)
        found.add(key)
    assert found == set(loaded)


def test_poseaug_test_set(run):
    out, _ = run
    augmented = Augmented(out)
    three, two = trainers.poseaug_test(out / "test_3dhp.npz")
    poses, points = augmented.poses_3d[:, NOT_NECK_NOSE], augmented.poses_2d[:, NOT_NECK_NOSE]
    assert three.dtype == two.dtype == np.float32
    np.testing.assert_allclose(two, points, **FLOAT32)
    np.testing.assert_allclose(three, poses - poses[:, :1], **METRES)
    assert (three[:, 0] == 0).all()


def test_mmpose(run):
    """The loader divides by the width; where we divide by the height, too, its y has another unit."""
    out, _ = run
    augmented = Augmented(out)
    loaded = trainers.mmpose(out / "mmpose_gpa.npz", out / "cameras.pkl")
    videos = {}
    for (subject, action, camera), copy, rows in augmented.sequences():
        for row in range(rows.start, rows.stop):
            video = (subject, action.replace(" ", "_"), camera, copy, augmented.cameras[row])
            videos.setdefault(video, []).append(row)
    assert sorted(map(tuple, videos.values())) == sorted(tuple(rows) for rows, *_ in loaded.values())
    for (subject, action, camera), (rows, three, two, lens) in loaded.items():
        assert {(s, a.split("_")[0], c) for s, a, _, _, c in videos if s == subject} >= {
            (subject, action.split("_")[0], camera)
        }
        assert (np.diff(augmented.source[rows]) > 0).all()
        np.testing.assert_array_equal(three, augmented.poses_3d[rows])
        ratio = lens["h"] / lens["w"] if augmented.screen == "axes" else 1
        np.testing.assert_allclose(two, augmented.poses_2d[rows] * [1, ratio], **FLOAT32)
        reprojected = three[..., :2] / three[..., 2:] * lens["f"][:, 0] + lens["c"][:, 0]
        np.testing.assert_allclose(two, reprojected, rtol=5e-6, atol=5e-6)


def test_plain_arrays(run):
    out, _ = run
    augmented = Augmented(out)
    with np.load(out / "gpa.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.testing.assert_array_equal(arrays["poses_3d"], augmented.poses_3d)
    np.testing.assert_array_equal(arrays["source_index"], augmented.source)
    np.testing.assert_array_equal(arrays["target_index"], augmented.target)
    np.testing.assert_array_equal(arrays["copy"], augmented.copy)
    assert arrays["camera"].tolist() == augmented.cameras
    assert arrays["joints"].tolist() == w.H36M_JOINTS
    heads = [head for head, _, rows in augmented.sequences() for _ in range(rows.start, rows.stop)]
    assert list(zip(arrays["subject"], arrays["action"], strict=True)) == [head[:2] for head in heads]
    size = arrays["image_size"][:, None]
    divisor = size if augmented.screen == "axes" else size[..., :1]
    np.testing.assert_allclose((2 * arrays["poses_2d"] - size) / divisor, augmented.poses_2d, **FLOAT32)
    f, c = arrays["intrinsics"][:, None, :2], arrays["intrinsics"][:, None, 2:]
    linear = arrays["poses_3d"][..., :2] / arrays["poses_3d"][..., 2:] * f + c
    aligned = augmented.copy >= 0
    np.testing.assert_allclose(arrays["poses_2d"][aligned], linear[aligned], rtol=1e-6, atol=2e-3)


def converted(folder, *arguments):
    material.poseda("convert", *arguments, "-o", "out", cwd=folder)
    return folder / "out"


def h36m_known(world):
    """{(subject, action, camera): (3D metres, 2D pixels)}, from the release's own projection."""
    known = {}
    for subject, actions in world.items():
        for action, poses in actions.items():
            for camera in w.CAMERAS:
                view = w.h36m_view(poses[:, w.H36M17_OF_32], subject, camera)
                known[subject, action, camera] = view, w.h36m_pixels(view, camera)
    return known


def detected(world, lengths):
    """2D that is nobody's projection, of four unlike lengths."""
    rng = np.random.default_rng(9)
    return {
        subject: {
            action: [
                np.concatenate([view[:length], view[: max(0, length - len(view))]])
                + rng.normal(0, 3, (length, len(w.H36M_JOINTS), 2)).astype(np.float32)
                for view, length in zip(views, np.array(lengths) + len(views[0]), strict=True)
            ]
            for action, views in actions.items()
        }
        for subject, actions in w.known_views(world).items()
    }


def check_h36m_conversion(loaded, known, joints, relative):
    assert list(loaded) == list(known)
    for key, (three, two) in loaded.items():
        *_, (width, height) = w.H36M_LENSES[key[2]]
        poses, points = (column[: len(three), joints] for column in known[key])
        bodies = poses - poses[:, :1]
        bodies[:, 0] = poses[:, 0]
        np.testing.assert_allclose(three, bodies if relative else poses, **METRES)
        np.testing.assert_allclose(two, points / width * 2 - [1, height / width], **PROJECTED)


@pytest.mark.parametrize("layout", ["videopose3d", "poseaug"])
def test_converted_h1_for_h36m_trainers(layout, tmp_path):
    world = w.known_world()
    w.write_h1(tmp_path / "data_3d_h36m.npz", world)
    out = converted(tmp_path, "data_3d_h36m.npz", *to(layout), "--name", "gt")
    loader, joints = LOADERS[layout]
    loaded = loader(out / "data_3d_h36m.npz", out / "data_2d_h36m_gt.npz")
    check_h36m_conversion(loaded, h36m_known(world), joints, layout == "videopose3d")
    again = trainers.tree(out / "data_3d_h36m.npz", "positions_3d")
    for subject, actions in world.items():
        for action, poses in actions.items():
            difference = np.abs(again[subject][action] - poses).max((0, 2))
            assert difference[w.H36M17_OF_32].max() < 1e-6
            assert difference.max() < 0.25  # toes and thumbs


LOADERS = {
    "videopose3d": (trainers.videopose3d, list(range(17))),
    "poseaug": (trainers.poseaug, NOT_NECK_NOSE),
}


@pytest.mark.parametrize("layout", LOADERS)
@pytest.mark.parametrize("lengths", [(0, 0, 0, 0), (3, 5, 2, 0), (0, -1, 4, -2)], ids=["alike", "longer", "shorter"])
def test_converted_h1_and_h2_for_h36m_trainers(layout, lengths, tmp_path):
    world = {"S9": {"Walking 1": w.motion(9, "Walking", 3)}, "S1": {"Sitting 2": w.motion(7, "Sitting", 5)}}
    w.write_h1(tmp_path / "data_3d_h36m.npz", world)
    views = detected(world, lengths)
    w.write_h2(tmp_path / "data_2d_h36m_cpn.npz", views)
    out = converted(tmp_path, "data_3d_h36m.npz", "data_2d_h36m_cpn.npz", *to(layout), "--name", "cpn")
    loader, joints = LOADERS[layout]
    loaded = loader(out / "data_3d_h36m.npz", out / "data_2d_h36m_cpn.npz")
    known = {
        key: (three, views[key[0]][key[1]][w.CAMERAS.index(key[2])]) for key, (three, _) in h36m_known(world).items()
    }
    check_h36m_conversion(loaded, known, joints, layout == "videopose3d")
    for (subject, action, _), (three, _) in loaded.items():
        assert len(three) == len(world[subject][action]) + min(0, *lengths)


def test_converted_h1_for_mmpose_and_pstmo(tmp_path):
    world = w.known_world()
    w.write_h1(tmp_path / "data_3d_h36m.npz", world)
    out = converted(tmp_path, "data_3d_h36m.npz", *to("mmpose", "pstmo", "poseaug-test"))
    known = h36m_known(world)
    mmpose = trainers.mmpose(out / "mmpose_poses.npz", out / "cameras.pkl")
    pstmo = trainers.pstmo_train(out / "data_train_3dhp.npz")
    three_16, two_16 = trainers.poseaug_test(out / "test_3dhp.npz")
    assert set(mmpose) == set(pstmo) == {(s, a.replace(" ", "_"), c) for s, a, c in known}
    start = 0
    for (subject, action, camera), (poses, pixels) in known.items():
        lens, k, p, (width, height) = w.H36M_LENSES[camera]
        points = pixels / width * 2 - [1, height / width]
        rows, three, two, entry = mmpose[subject, action.replace(" ", "_"), camera]
        assert rows == list(range(start, start + len(poses)))
        np.testing.assert_allclose(three, poses, **METRES)
        np.testing.assert_allclose(two, points, **PROJECTED)
        quaternion, centre = w.H36M_PLACES[subject][camera]
        np.testing.assert_allclose(entry["R"], w.rotation_of(quaternion), atol=2e-7)
        np.testing.assert_allclose(entry["T"][:, 0], np.array(centre) / 1000, atol=1e-6)
        np.testing.assert_allclose(entry["k"][:, 0], k)
        np.testing.assert_allclose(entry["p"][:, 0], p)
        np.testing.assert_allclose(entry["f"][:, 0] * width / 2, lens[:2])
        three, two = pstmo[subject, action.replace(" ", "_"), camera]
        np.testing.assert_allclose(two, points[:, w.MPI17_OF_H36M17], **PROJECTED)
        np.testing.assert_allclose(three[:, 14], poses[:, 0] * 1000, **MILLIMETRES)
        rows = slice(start, start + len(poses))
        np.testing.assert_allclose(two_16[rows], points[:, NOT_NECK_NOSE], **PROJECTED)
        np.testing.assert_allclose(three_16[rows], (poses - poses[:, :1])[:, NOT_NECK_NOSE], **METRES)
        start += len(poses)


def write_test_set(folder):
    """{sequence: (3D mm, 2D pixels)} of the valid frames of a raw test set."""
    known = {}
    for index, name in enumerate(("TS1", "TS2", "TS5")):
        poses = w.mpi_view(8 + index, seed=index)
        valid = w.alternating(len(poses)) == 1
        w.write_d3(folder / name / "annot_data.mat", poses, w.MPI_LENSES[name], valid)
        known[name] = poses[valid], w.mpi_pixels(poses, w.MPI_LENSES[name])[valid]
    return known


TEST_SETS = {
    "D3": write_test_set,
    "D4": lambda folder: w.write_d4_test(folder / "data_test_3dhp.npz", "annot3"),
    "D4 universal": lambda folder: w.write_d4_test(folder / "data_test_3dhp.npz"),
}


@pytest.mark.parametrize("write", TEST_SETS.values(), ids=TEST_SETS)
def test_converted_test_sets(write, tmp_path):
    (tmp_path / "in").mkdir()
    known = write(tmp_path / "in")
    out = converted(tmp_path, "in", *to("pstmo", "poseaug-test", "mmpose"))
    assert not (out / "data_train_3dhp.npz").exists()
    pstmo = trainers.pstmo_test(out / "data_test_3dhp.npz")
    mmpose = trainers.mmpose(out / "mmpose_poses.npz", out / "cameras.pkl")
    three_16, two_16 = trainers.poseaug_test(out / "test_3dhp.npz")
    assert list(pstmo) == list(known) == [subject for subject, *_ in mmpose]
    order = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]  # h36m17 of 3dhp17, section 1.2
    order_16 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 0, 5, 6, 7, 2, 3, 4]
    start = 0
    for name, (poses, pixels) in known.items():
        width, height = (1920, 1080) if name == "TS5" else (2048, 2048)
        points = pixels / width * 2 - [1, height / width]
        bodies = poses - poses[:, 14:15]
        bodies[:, 14] = poses[:, 14]
        np.testing.assert_allclose(pstmo[name][0], bodies, **MILLIMETRES)
        np.testing.assert_allclose(pstmo[name][1], points, **FLOAT32)
        _, three, two, _ = mmpose[name, "Seq1", name]
        np.testing.assert_allclose(three, poses[:, order] / 1000, **METRES)
        np.testing.assert_allclose(two, points[:, order], **FLOAT32)
        rows = slice(start, start + len(poses))
        np.testing.assert_allclose(two_16[rows], points[:, order_16], **FLOAT32)
        np.testing.assert_allclose(three_16[rows], (poses - poses[:, 14:15])[:, order_16] / 1000, **METRES)
        start += len(poses)


@pytest.mark.parametrize("kind", ["annot3", "univ_annot3"])
def test_converted_training_set(kind, tmp_path):
    known = w.write_d4_train(tmp_path / "data_train_3dhp.npz", kind)
    out = converted(tmp_path, "data_train_3dhp.npz", *to("pstmo", "mmpose"))
    assert not (out / "data_test_3dhp.npz").exists()
    pstmo = trainers.pstmo_train(out / "data_train_3dhp.npz")
    mmpose = trainers.mmpose(out / "mmpose_poses.npz", out / "cameras.pkl")
    assert list(pstmo) == list(mmpose) == list(known)
    for key, (poses, pixels) in known.items():
        bodies = poses - poses[:, 14:15]
        bodies[:, 14] = poses[:, 14]
        np.testing.assert_allclose(pstmo[key][0], bodies, **MILLIMETRES)
        np.testing.assert_allclose(pstmo[key][1], pixels / 1024 - 1, **FLOAT32)
        order = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
        np.testing.assert_allclose(mmpose[key][1], poses[:, order] / 1000, **METRES)
        np.testing.assert_allclose(mmpose[key][2], (pixels / 1024 - 1)[:, order], **FLOAT32)
