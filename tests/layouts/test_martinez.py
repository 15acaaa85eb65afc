import re
import zipfile

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import cases_h36m
from . import writers as w
from . import writers_h36m as h

SEQUENCE = ("S1", "Walking", h.world_mm(6, "Walking", 1))


def one(folder, change=lambda poses: poses, subject="S1", action="Walking"):
    path = folder / subject / "MyPoses" / "3D_positions" / f"{action}.h5"
    return h.write_h4(path, change(SEQUENCE[2]))


def detections(folder, points=None, name="Walking.54138969.h5", subject="S1"):
    if points is None:
        points = h.pixels(h.view_mm(SEQUENCE[2], subject, "54138969"), "54138969")[:, h.USED][:, h.MPII_OF_H36M17]
    return h.write_h4_detections(folder / subject / "StackedHourglass" / name, points)


def codes(dataset):
    return {problem.code: problem for problem in dataset.origin.problems}


def zipped(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.h5")):
            archive.write(file, "h36m" / file.relative_to(folder))
    return path


def test_zip_is_read_unopened(tmp_path):
    known = cases_h36m.h4(tmp_path)
    found = read(zipped(tmp_path / "h36m", tmp_path / "h36m.zip"))
    assert [(s.subject, s.action, s.camera, s.length) for s in found.sequences] == known.sequences
    np.testing.assert_allclose(found.poses_3d, known.poses_3d, atol=1e-5)
    assert [file.name for file in found.origin.files] == ["h36m.zip"]
    assert "cameras-differ" not in codes(found)


def test_damaged_member_of_the_zip_is_named(tmp_path):
    h.write_h4_folder(tmp_path / "h36m")
    path = tmp_path / "h36m" / "S1" / "MyPoses" / "3D_positions" / "Walking.h5"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(DamagedArchiveError, match=r"h36m\.zip/h36m/S1/MyPoses/3D_positions/Walking\.h5"):
        read(zipped(tmp_path / "h36m", tmp_path / "h36m.zip"))


def test_row_3j_plus_d_is_coordinate_d_of_joint_j(tmp_path):
    # The head of frame 4, through S1's first camera; joint 15 is rows 45, 46, 47.
    path = one(tmp_path)
    with h.h5py.File(path) as file:
        head = file["3D_positions"][45:48, 4] / 1000
    found = read(tmp_path)
    expected = w.h36m_view(head, "S1", "54138969")
    np.testing.assert_allclose(found.poses_3d[4, w.H36M_JOINTS.index("Head")], expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
def test_numbers_of_any_width(dtype, tmp_path):
    one(tmp_path, lambda poses: poses.astype(dtype))
    expected = w.h36m_view(SEQUENCE[2][:, h.USED] / 1000, "S1", "54138969")
    np.testing.assert_allclose(read(tmp_path).poses_3d[:6], expected, atol=1e-5)


def test_subject_is_the_innermost_folder_of_that_name(tmp_path):
    one(tmp_path / "S9" / "copies", subject="S1")
    assert read(tmp_path).subjects == ("S1",)


def test_cameras_lie_beside(tmp_path):
    path = one(tmp_path / "h36m")
    h.write_h4_cameras(tmp_path / "h36m" / "cameras.h5")
    found = read(path)
    assert any("cameras.h5 lies beside" in note for note in found.origin.notes)
    assert "cameras-differ" not in codes(found)


def test_cameras_missing_changes_nothing(tmp_path):
    path = one(tmp_path / "h36m")
    without = read(path)
    h.write_h4_cameras(tmp_path / "h36m" / "cameras.h5")
    np.testing.assert_array_equal(without.poses_3d, read(path).poses_3d)


def moved(group):
    if group.name == "/subject1/camera2":
        group["T"][0] += 10


def untransposed(group):
    group["R"][...] = group["R"][...].T


def swapped(group):
    group["p"][...] = group["p"][...][::-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (moved, r"S1 55011271 \(centre\): other numbers"),
        (untransposed, r"S1 54138969 \(rotation\), .*S1 60457274 \(rotation\)"),
        (swapped, r"S1 54138969 \(distortion\)"),
    ],
    ids=["moved by 10 mm", "not transposed", "p1 and p2 swapped"],
)
def test_cameras_that_differ_from_the_published_ones(change, said, tmp_path):
    one(tmp_path / "h36m")
    published = read(tmp_path).poses_3d
    h.write_h4_cameras(tmp_path / "h36m" / "cameras.h5", change=change)
    found = read(tmp_path)
    problem = codes(found)["cameras-differ"]
    assert problem.severity == "warning"
    assert re.search(said, problem.message)
    np.testing.assert_array_equal(found.poses_3d, published)


def test_cameras_of_subjects_without_poses_do_not_matter(tmp_path):
    one(tmp_path, subject="S9")
    h.write_h4_cameras(tmp_path / "cameras.h5", change=moved)
    assert "cameras-differ" not in codes(read(tmp_path))


def without_focal_length(group):
    del group["f"]


def of_other_shape(group):
    del group["c"]
    group["c"] = np.zeros(3)


@pytest.mark.parametrize(("change", "member"), [(without_focal_length, "f"), (of_other_shape, "c")])
def test_damaged_cameras(change, member, tmp_path):
    one(tmp_path)
    h.write_h4_cameras(tmp_path / "cameras.h5", change=change)
    with pytest.raises(ArchiveError, match=rf"cameras\.h5: subject1/camera1/{member}: .*expected 2 numbers"):
        read(tmp_path)


def test_cameras_alone(tmp_path):
    with pytest.raises(InputError, match="cameras, and no poses"):
        read(h.write_h4_cameras(tmp_path / "cameras.h5"))


def test_detections_are_left_out_beside_3d(tmp_path):
    one(tmp_path)
    detections(tmp_path)
    found = read(tmp_path)
    assert found.poses_2d is None and len(found) == 24
    assert "1 files of 2D detections left out" in codes(found)["detections-left-out"].message


def test_detections_keep_their_camera_and_order(tmp_path):
    detections(tmp_path)
    found = read(tmp_path)
    assert [sequence[:3] for sequence in found.sequences] == [("S1", "Walking", "54138969")]
    seen = h.pixels(h.view_mm(SEQUENCE[2], "S1", "54138969"), "54138969")
    for name, raw in (("Hip", 0), ("RFoot", 3), ("LFoot", 8), ("Head", 15), ("LWrist", 19), ("RWrist", 27)):
        np.testing.assert_allclose(found.poses_2d[:, found.skeleton.position[name]], seen[:, raw], atol=2e-3)


def test_underscore_in_names_of_detections(tmp_path):
    detections(tmp_path, name="SittingDown_1.60457274.h5")
    (sequence,) = read(tmp_path).sequences
    assert (sequence.action, sequence.camera) == ("SittingDown 1", "60457274")


@pytest.mark.parametrize(
    ("name", "said"),
    [("Walking.h5", "its name has no camera"), ("Walking.12345678.h5", "named after camera 12345678")],
)
def test_detections_without_a_camera_of_human36m(name, said, tmp_path):
    detections(tmp_path, name=name)
    with pytest.raises(ArchiveError, match=said):
        read(tmp_path)


def test_detections_in_another_order(tmp_path):
    seen = h.pixels(h.view_mm(SEQUENCE[2], "S1", "54138969"), "54138969")
    detections(tmp_path, seen[:, [j for j in h.USED if j != 14]])
    with pytest.raises(ArchiveError, match="not in the order of mpii16"):
        read(tmp_path)


def test_normalised_detections(tmp_path):
    detections(tmp_path, np.random.default_rng(0).uniform(-1, 1, (6, 16, 2)))
    with pytest.raises(ArchiveError, match="they are normalised"):
        read(tmp_path)


def test_file_outside_of_a_subjects_folder(tmp_path):
    path = h.write_h4(tmp_path / "poses" / "Walking.h5", SEQUENCE[2])
    with pytest.raises(ArchiveError, match=r"Walking\.h5: lies in no folder S1 to S11"):
        read(path)


def test_same_sequence_twice(tmp_path):
    one(tmp_path)
    one(tmp_path / "copy", lambda poses: poses[:4])
    with pytest.raises(InputError, match=r"are both S1 Walking"):
        read(tmp_path)


def turned(poses):
    return np.stack([poses[..., 0], poses[..., 2], -poses[..., 1]], axis=-1)


WRONG = {
    "metres": (lambda poses: poses / 1000, "in m, this layout has them in mm"),
    "camera space": (lambda poses: h.view_mm(poses, "S1", "54138969"), "not in the world space"),
    "y up": (turned, "not in the world space|axes"),
    "elsewhere": (lambda poses: poses + np.float32(20_000), "see 0% of the people"),
    "other order": (lambda poses: np.roll(poses, 1, axis=1), "not in the order of h36m32"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG)
def test_poses_that_are_not_what_the_layout_says(change, said, tmp_path):
    one(tmp_path, change)
    with pytest.raises(ArchiveError, match=rf"Walking\.h5: (3D_positions: )?.*({said})"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("3D_positions", np.zeros((6, 96))),
        ("3D_positions", np.full((96, 6), "a", "S1")),
        ("poses", np.zeros((6, 17, 2))),
        ("poses", np.zeros(16)),
    ],
)
def test_data_sets_of_other_shapes(name, values, tmp_path):
    with h.h5py.File(tmp_path / "Walking.h5", "w") as file:
        file[name] = values
    with pytest.raises(UnknownLayoutError, match=f"martinez: {name} must be numbers of shape"):
        read(tmp_path / "Walking.h5")


def test_names_that_the_release_does_not_have(tmp_path):
    one(tmp_path, action="Swimming")
    found = read(tmp_path)
    assert found.actions == ("Swimming",)
    assert "S1 Swimming: the release has no sequence" in codes(found)["unknown-sequence"].message


def test_known_defects_are_told(tmp_path):
    one(tmp_path, subject="S9", action="Waiting 1")
    one(tmp_path, lambda poses: poses[:5], subject="S11", action="Directions")
    assert {"s9-damaged", "s11-directions"} <= set(codes(read(tmp_path)))


def test_sequence_without_frames_is_left_out(tmp_path):
    one(tmp_path)
    one(tmp_path, lambda poses: poses[:0], action="Eating")
    assert read(tmp_path).actions == ("Walking",)


def test_frames_that_are_not_finite_are_read(tmp_path):
    def change(poses):
        poses = poses.copy()
        poses[2] = np.nan
        return poses

    one(tmp_path, change)
    assert np.isnan(read(tmp_path).poses_3d).all((1, 2)).sum() == 4


def test_stored_as_described(tmp_path):
    one(tmp_path)
    stored = read(tmp_path).origin.stored
    assert (stored.skeleton.name, stored.units, stored.frame, stored.screen) == ("h36m32", "mm", "world", None)
