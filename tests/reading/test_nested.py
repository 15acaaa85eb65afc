"""What GraphMLP's, zemingxie's, Ray3D's and AdaptPose's readers share, on GraphMLP's files."""

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError
from poseda_cli.layouts import read
from tests.layouts import writers as w
from tests.layouts import writers_3dhp as m

EIGHT = [str(camera) for camera in m.VNECT]
ORDER = m.H36M17_OF_MPI17


def sequence(names, frames=5, kind="annot3", seed=30):
    """Metres and pixels of one sequence, one array a camera, joints of h36m17."""
    views = m.views_of(names, frames, kind, seed)
    return [seen[:, ORDER] / 1000 for seen, _ in views.values()], [pixels[:, ORDER] for _, pixels in views.values()]


def read_both(folder, three, two):
    m.write_d10(folder, three, two)
    return read(folder)


def codes(dataset):
    return [(problem.code, problem.severity) for problem in dataset.origin.problems]


def notes(dataset):
    return " ".join(dataset.origin.notes)


def test_3d_and_2d_are_read_as_one_whichever_is_named_first(tmp_path):
    three, two = sequence(["TS5"])
    m.write_d10(tmp_path, {("TS5", "Seq1"): three}, {("TS5", "Seq1"): two})
    found = read([tmp_path / "data_2d_3dhp.npz", tmp_path / "data_3d_3dhp.npz"])
    np.testing.assert_allclose(found.poses_3d, three[0], atol=1e-5)
    np.testing.assert_allclose(found.poses_2d, two[0], atol=2e-3)


@pytest.mark.parametrize(("kind", "expected"), [("annot3", []), ("univ_annot3", [("univ-annot3", "note")])])
def test_universal_poses_are_told_by_reprojection(kind, expected, tmp_path):
    three, two = sequence(EIGHT, kind=kind)
    found = read_both(tmp_path, {("S1", "Seq1"): three}, {("S1", "Seq1"): two})
    assert codes(found) == expected
    assert f" {kind} (40 poses) by reprojection" in notes(found)
    assert found.camera_names == tuple(EIGHT)


def test_cameras_in_another_order_are_found_by_reprojection(tmp_path):
    turned = EIGHT[3:] + EIGHT[:3]
    three, two = sequence(turned)
    found = read_both(tmp_path, {("S1", "Seq1"): three}, {("S1", "Seq1"): two})
    assert found.camera_names == tuple(turned)
    np.testing.assert_allclose(found.poses_3d, np.concatenate(three), atol=1e-5)
    assert [c.intrinsics.fx for c in found.cameras] == pytest.approx([m.lens_of(name)[0] for name in turned])
    assert "S1 Seq1 camera 0: 2D and 3D agree with the published camera of 4; it is used" in notes(found)


def test_cameras_of_a_list_of_another_length_are_found_by_reprojection(tmp_path):
    three, two = sequence(["9", "3", "13"])
    found = read_both(tmp_path, {("S1", "Seq1"): three}, {("S1", "Seq1"): two})
    assert found.camera_names == ("9", "3", "13")


@pytest.mark.parametrize("kind", ["3D", "2D"])
def test_cameras_of_a_list_of_another_length_are_refused_without_projection(kind, tmp_path):
    three, two = sequence(["9", "3", "13"])
    chosen = {"3D": ({("S1", "Seq1"): three}, None), "2D": (None, {("S1", "Seq1"): two})}[kind]
    with pytest.raises(ArchiveError, match=r"which cameras the arrays of S1 Seq1 belong to .*2D file together") as told:
        read_both(tmp_path, *chosen)
    assert told.value.code == "camera"


def test_two_arrays_of_one_camera(tmp_path):
    three, two = ([views[0], *views] for views in sequence(["9", "13"]))
    with pytest.raises(ArchiveError, match=r"\[1\]: S1 Seq1: 2D and 3D of two arrays agree with .*camera 9"):
        read_both(tmp_path, {("S1", "Seq1"): three}, {("S1", "Seq1"): two})


def test_fourteen_and_eight_cameras_meet_by_name(tmp_path):
    three, two = sequence([str(camera) for camera in range(14)])
    some = [two[camera] for camera in m.VNECT]
    found = read_both(tmp_path, {("S1", "Seq1"): three}, {("S1", "Seq1"): some})
    assert found.camera_names == tuple(EIGHT)
    np.testing.assert_allclose(found.poses_3d, np.concatenate([three[camera] for camera in m.VNECT]), atol=1e-5)
    assert codes(found) == [("sequences-differ", "warning")]
    assert "S1 Seq1 camera 3" in found.origin.problems[0].message


@pytest.mark.parametrize(("more", "severity"), [("2D", "note"), ("3D", "warning")])
def test_the_longer_is_cut_at_the_end(more, severity, tmp_path):
    three, two = sequence(["TS5"], frames=6)
    short_3d, short_2d = (three[0][:4], two[0]) if more == "2D" else (three[0], two[0][:4])
    found = read_both(tmp_path, {("TS5", "Seq1"): [short_3d]}, {("TS5", "Seq1"): [short_2d]})
    np.testing.assert_allclose(found.poses_3d, three[0][:4], atol=1e-5)
    np.testing.assert_allclose(found.poses_2d, two[0][:4], atol=2e-3)
    assert codes(found) == [("frame-count", severity)]


def test_sequences_of_one_file_only_are_left_out_and_named(tmp_path):
    three, two = sequence(["TS5"])
    found = read_both(
        tmp_path,
        {("TS5", "Seq1"): three, ("TS6", "Seq1"): three},
        {("TS5", "Seq1"): two, ("TS1", "Seq1"): sequence(["TS1"])[1]},
    )
    assert found.subjects == ("TS5",)
    assert codes(found) == [("sequences-differ", "warning")]
    assert "TS6 Seq1" in found.origin.problems[0].message and "TS1 Seq1" in found.origin.problems[0].message


def test_nothing_in_common(tmp_path):
    three, two = sequence(["TS5"])
    with pytest.raises(InputError, match="data_3d_3dhp.npz and .*data_2d_3dhp.npz have no sequence in common"):
        read_both(tmp_path, {("TS5", "Seq1"): three}, {("TS6", "Seq1"): two})


def test_files_that_do_not_belong_together(tmp_path):
    seen, pixels = sequence(["TS5"])
    found = read_both(tmp_path, {("TS5", "Seq1"): seen}, {("TS5", "Seq1"): [view + 60 for view in pixels]})
    assert codes(found) == [("camera-unknown", "warning")]
    assert found.cameras[0].intrinsics is None


def test_frames_that_do_not_belong_together(tmp_path):
    three, two = {("TS5", "Seq1"): sequence(["TS5"])[0]}, {("TS5", "Seq1"): sequence(["TS5"], seed=77)[1]}
    with pytest.raises(InputError, match="left and right of the legs are exchanged .* or other frames"):
        read_both(tmp_path, three, two)


def test_2d_alone_says_that_its_cameras_are_unchecked(tmp_path):
    found = read_both(tmp_path, None, {("TS5", "Seq1"): sequence(["TS5"])[1]})
    assert found.poses_3d is None
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.TS5_CAMERA[0], abs=0.005)
    assert "unchecked: there is no 3D to compare with" in notes(found)


def test_3d_alone_says_that_its_cameras_are_unchecked(tmp_path):
    found = read_both(tmp_path, {("TS5", "Seq1"): sequence(["TS5"])[0]}, None)
    assert found.poses_2d is None
    assert "unchecked: there is no 2D to compare with" in notes(found)


@pytest.mark.parametrize("paired", [False, True])
def test_root_relative_poses(paired, tmp_path):
    three, two = sequence(["TS5"])
    relative = three[0] - three[0][:, :1]
    found = read_both(tmp_path, {("TS5", "Seq1"): [relative]}, {("TS5", "Seq1"): two} if paired else None)
    assert not found.absolute
    assert found.origin.stored.frame == "root-relative"
    np.testing.assert_allclose(found.poses_3d, relative, atol=1e-5)


def test_some_sequences_relative_and_some_not(tmp_path):
    three, _ = sequence(["TS5"])
    with pytest.raises(InputError, match="relative to the root in 5 of 10 poses only"):
        read_both(tmp_path, {("TS5", "Seq1"): three, ("TS6", "Seq1"): [three[0] - three[0][:, :1]]}, None)


OTHER_FRAMES = {
    "world, y up": lambda p: p * [1, -1, 1],
    "world, z up": lambda p: np.stack([p[..., 0], p[..., 2] - 4, 1.2 - p[..., 1]], axis=-1),
    "behind the camera": lambda p: p - [0, 0, 8],
    "out of the image": lambda p: p - [6, 0, 0],
}


@pytest.mark.parametrize("move", OTHER_FRAMES.values(), ids=OTHER_FRAMES)
def test_3d_in_another_frame_is_refused(move, tmp_path):
    three, _ = sequence(["TS5"])
    with pytest.raises(ArchiveError) as told:
        read_both(tmp_path, {("TS5", "Seq1"): [move(three[0])]}, None)
    assert told.value.code == "frame"


def test_ceiling_cameras_may_show_people_upside_down(tmp_path):
    three, _ = sequence([str(camera) for camera in range(14)])
    for camera in (11, 12, 13):
        three[camera] = three[camera] * [1, -1, 1]
    found = read_both(tmp_path, {("S1", "Seq1"): three}, None)
    assert len(found) == 70


@pytest.mark.parametrize(
    ("two", "code"),
    [
        (lambda p: p / 1024 - 1, "normalised"),
        (lambda p: p[:, [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]], "joint-order"),
    ],
    ids=["normalised", "another order"],
)
def test_2d_that_is_not_what_the_layout_says(two, code, tmp_path):
    three, pixels = sequence(["TS5"])
    with pytest.raises(ArchiveError, match=r"positions_2d\['TS5'\]\['Seq1'\]\[0\]") as told:
        read_both(tmp_path, {("TS5", "Seq1"): three}, {("TS5", "Seq1"): [two(pixels[0])]})
    assert told.value.code == code


def test_2d_with_confidence(tmp_path):
    three, two = sequence(["TS5"])
    scored = np.concatenate([two[0], np.full((5, 17, 1), 0.9)], axis=-1)
    found = read_both(tmp_path, {("TS5", "Seq1"): three}, {("TS5", "Seq1"): [scored]})
    np.testing.assert_allclose(found.poses_2d, two[0], atol=2e-3)


WRONG = {
    "metres in mm": (lambda p: [p * 1000], "in mm, this layout has them in m"),
    "text": (lambda p: [p.astype("S8")], r"an array of \|S8"),
    "two coordinates": (lambda p: [p[..., :2]], "expected numbers of shape"),
    "16 joints": (lambda p: [p[:, :16]], "expected numbers of shape"),
    "two cameras": (lambda p: [p, p], "2 arrays; one camera saw the test set"),
    "no camera": (lambda p: [], "expected a list of one array a camera"),
    "no list": (lambda p: p, "expected a list of one array a camera"),
    "a list of lists": (lambda p: [p.tolist()], "list, expected numbers"),
}


@pytest.mark.parametrize(("make", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(make, said, tmp_path):
    three, _ = sequence(["TS5"])
    tree = {("TS5", "Seq1"): three, ("TS6", "Seq1"): make(three[0])}
    with pytest.raises(ArchiveError, match=rf"positions_3d\['TS6'\]\['Seq1'\].*{said}"):
        read_both(tmp_path, tree, None)


@pytest.mark.parametrize(
    ("key", "said"),
    [(("S9", "Seq1"), "subject S9 is none of"), (("S1", "Seq3"), "sequence 'Seq3', expected Seq1 or Seq2")],
)
def test_names_that_there_are_not(key, said, tmp_path):
    three, _ = sequence(EIGHT)
    with pytest.raises(ArchiveError, match=said):
        read_both(tmp_path, {("S1", "Seq1"): three, key: three}, None)


def test_a_subject_without_sequences_is_refused(tmp_path):
    three, _ = sequence(["TS5"])
    np.savez(tmp_path / "data.npz", positions_3d={"TS5": {"Seq1": three}, "TS6": three})
    with pytest.raises(ArchiveError, match=r"positions_3d\['TS6'\]: list, expected a dictionary"):
        read(tmp_path)


def test_empty_sequences_are_left_out(tmp_path):
    three, _ = sequence(["TS5"])
    found = read_both(tmp_path, {("TS5", "Seq1"): three, ("TS6", "Seq1"): [np.array([])]}, None)
    assert found.subjects == ("TS5",)


def test_no_pose_at_all(tmp_path):
    with pytest.raises(InputError, match="no pose"):
        read_both(tmp_path, {("TS6", "Seq1"): [np.empty((0, 17, 3))]}, None)


def test_one_sequence_in_two_files(tmp_path):
    three, _ = sequence(["TS5"])
    for name, length in (("one.npz", 5), ("two.npz", 4)):
        np.savez(tmp_path / name, positions_3d={"TS5": {"Seq1": [three[0][:length]]}})
    with pytest.raises(InputError, match="TS5 Seq1 TS5 is in them more than once"):
        read(tmp_path)


def test_sequences_in_several_files(tmp_path):
    for name in ("TS5", "TS6"):
        np.savez(tmp_path / f"{name}.npz", positions_3d={name: {"Seq1": sequence([name])[0]}})
    assert read(tmp_path).subjects == ("TS5", "TS6")


def test_invalid_numbers_stay_and_do_not_hide_the_camera(tmp_path):
    three, two = sequence(["TS5"], frames=9)
    three[0][4] = np.nan
    found = read_both(tmp_path, {("TS5", "Seq1"): three}, {("TS5", "Seq1"): two})
    assert np.isnan(found.poses_3d[4]).all()
    assert codes(found) == []
