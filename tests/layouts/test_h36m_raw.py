import zipfile

import numpy as np
import pytest
import scipy.io

from poseda_cli.errors import ArchiveError, InputError, MissingExtraError, UnknownLayoutError
from poseda_cli.layouts import read

from . import cases_h36m
from . import writers as w
from . import writers_h36m as h

WORLD, MONO, UNIVERSAL, IMAGE = "D3_Positions", "D3_Positions_mono", "D3_Positions_mono_universal", "D2_Positions"
WALK = h.world_mm(6, "Walking", 1)
SEEN = h.view_mm(WALK, "S1", "54138969")
BOTH_WRITERS = pytest.mark.parametrize(
    ("write", "suffix"), [(h.write_cdf, ".cdf"), (h.write_cdf_mat, ".cdf.mat")], ids=["CDF", "MATLAB"]
)


def put(folder, kind, values, name="Walking.54138969", subject="S1"):
    return h.write_cdf(folder / subject / "MyPoseFeatures" / kind / f"{name}.cdf", values)


def walking(folder, kinds, subject="S1", action="Walking", frames=6):
    return h.release(folder, kinds, poses=[(subject, action, WALK[:frames])])


def codes(dataset):
    return {problem.code: problem for problem in dataset.origin.problems}


def notes(dataset):
    return " ".join(dataset.origin.notes)


@BOTH_WRITERS
def test_world_and_camera_files_give_the_same(write, suffix, tmp_path):
    for kind in (WORLD, MONO):
        h.release(tmp_path / kind, [kind], write, suffix)
    world, mono = read(tmp_path / WORLD), read(tmp_path / MONO)
    assert world.sequences == mono.sequences
    np.testing.assert_allclose(world.poses_3d, mono.poses_3d, atol=1e-5)


def test_zip_is_read_unopened(tmp_path):
    known = cases_h36m.h5([WORLD])(tmp_path / "files")
    with zipfile.ZipFile(tmp_path / "release.zip", "w") as archive:
        for path in sorted((tmp_path / "files").rglob("*.cdf")):
            archive.write(path, path.relative_to(tmp_path / "files"))
    found = read(tmp_path / "release.zip")
    np.testing.assert_allclose(found.poses_3d, known.poses_3d, atol=1e-5)


def test_2d_is_that_of_its_view(tmp_path):
    walking(tmp_path, [MONO, IMAGE])
    found = read(tmp_path)
    for sequence in found.sequences:
        expected = h.pixels(h.view_mm(WALK, "S1", sequence.camera), sequence.camera)[:, h.USED]
        rows = slice(sequence.start, sequence.start + sequence.length)
        np.testing.assert_allclose(found.poses_2d[rows], expected, atol=2e-3)
    assert f"{MONO}: millimetres, 32 joints; 3D projects" in notes(found)


def test_universal_beside_2d_is_told(tmp_path):
    walking(tmp_path, [UNIVERSAL, IMAGE])
    found = read(tmp_path)
    assert codes(found)["universal"].severity == "note"
    assert "do not project onto the images" in codes(found)["universal"].message


def test_universal_poses_in_the_folder_of_the_others(tmp_path):
    put(tmp_path, MONO, h.universal(SEEN))
    put(tmp_path, IMAGE, h.pixels(SEEN, "54138969"))
    with pytest.raises(ArchiveError, match=rf"{MONO}/Walking\.54138969\.cdf: Pose: projects .* beside .*{IMAGE}"):
        read(tmp_path)


def test_camera_poses_in_the_folder_of_universal_ones(tmp_path):
    put(tmp_path, UNIVERSAL, SEEN)
    put(tmp_path, IMAGE, h.pixels(SEEN, "54138969"))
    problem = codes(read(tmp_path))["universal"]
    assert problem.severity == "warning" and "was a folder renamed?" in problem.message


def test_without_2d_the_folder_is_believed_and_that_is_said(tmp_path):
    walking(tmp_path, [MONO])
    assert "taken from the folder's name" in notes(read(tmp_path))


@pytest.mark.parametrize("other", [MONO, WORLD])
def test_mixture_with_universal_is_refused(other, tmp_path):
    walking(tmp_path, [UNIVERSAL, other, IMAGE])
    with pytest.raises(
        InputError, match=rf"universal skeleton, .*name the folders of {UNIVERSAL}, or those of {other}"
    ):
        read(tmp_path)


def test_world_and_camera_files_of_one_sequence_are_read_once(tmp_path):
    walking(tmp_path, [WORLD, MONO])
    walking(tmp_path, [MONO], action="Eating", frames=3)
    found = read(tmp_path)
    assert {(s.action, s.length) for s in found.sequences} == {("Walking", 6), ("Eating", 3)}
    assert len(found.sequences) == 8
    assert "4 files of D3_Positions_mono left out" in codes(found)["same-poses"].message
    assert found.origin.stored.frame is None


@pytest.mark.parametrize("folder", [WORLD, MONO])
def test_kind_is_that_of_the_innermost_folder(folder, tmp_path):
    name = "Walking" if folder == WORLD else "Walking.54138969"
    put(tmp_path / IMAGE, folder, WALK if folder == WORLD else SEEN, name)
    assert read(tmp_path).poses_3d is not None


def test_raw_names_become_canonical(tmp_path):
    put(tmp_path, WORLD, WALK, "TakingPhoto")
    put(tmp_path, WORLD, WALK[:4], "WalkingDog 1")
    assert read(tmp_path).actions == ("Photo", "WalkDog 1")


def test_all_files_are_skipped(tmp_path):
    put(tmp_path, WORLD, WALK, "Walking")
    put(tmp_path, WORLD, WALK[:3], "_ALL")
    put(tmp_path, WORLD, WALK[:4], "_ALL 1")
    found = read(tmp_path)
    assert found.actions == ("Walking",)
    assert "2 files _ALL skipped" in codes(found)["all-skipped"].message


def test_all_files_alone(tmp_path):
    with pytest.raises(InputError, match="none of the 15 actions"):
        read(put(tmp_path, WORLD, WALK, "_ALL"))


def test_longer_2d_is_cut_at_its_end(tmp_path):
    put(tmp_path, MONO, SEEN[:4])
    put(tmp_path, IMAGE, h.pixels(SEEN, "54138969"))
    found = read(tmp_path)
    np.testing.assert_allclose(found.poses_2d, h.pixels(SEEN[:4], "54138969")[:, h.USED], atol=2e-3)
    assert "S1 Walking: 2D and 3D differ in length" in codes(found)["frame-count"].message


def test_longer_3d_is_cut_at_its_end(tmp_path):
    put(tmp_path, MONO, SEEN)
    put(tmp_path, IMAGE, h.pixels(SEEN[:4], "54138969"))
    expected = w.h36m_view(WALK[:4, h.USED] / 1000, "S1", "54138969")
    np.testing.assert_allclose(read(tmp_path).poses_3d, expected, atol=1e-5)


def test_shorter_2d_cuts_the_3d_of_its_camera_alone(tmp_path):
    walking(tmp_path, [WORLD, IMAGE])
    second = h.pixels(h.view_mm(WALK, "S1", "55011271"), "55011271")
    put(tmp_path, IMAGE, second[:2], "Walking.55011271")
    found = read(tmp_path)
    assert [(s.camera, s.length) for s in found.sequences] == list(zip(w.CAMERAS, (6, 2, 6, 6), strict=True))
    np.testing.assert_allclose(found.poses_3d[6:8], w.h36m_view(WALK[:2, h.USED] / 1000, "S1", "55011271"), atol=1e-5)
    np.testing.assert_allclose(found.poses_2d[6:8], second[:2, h.USED], atol=2e-3)


@pytest.mark.parametrize("kind", [WORLD, MONO])
def test_views_of_one_alone_are_left_out(kind, tmp_path):
    walking(tmp_path, [kind, IMAGE])
    (tmp_path / "S1" / "MyPoseFeatures" / IMAGE / "Walking.55011271.cdf").unlink()
    walking(tmp_path, [IMAGE], action="Eating", frames=4)
    found = read(tmp_path)
    assert [s.camera for s in found.sequences] == ["54138969", "58860488", "60457274"]
    np.testing.assert_allclose(
        found.poses_2d[6:12], h.pixels(h.view_mm(WALK, "S1", "58860488"), "58860488")[:, h.USED], atol=2e-3
    )
    messages = [p.message for p in found.origin.problems if p.code == "sequences-differ"]
    assert messages == [
        "S1 Walking 55011271 left out: in 3D, not in D2_Positions",
        "S1 Eating 54138969, S1 Eating 55011271, S1 Eating 58860488, S1 Eating 60457274 left out: in D2_Positions, not "
        "in 3D",
    ]


def test_nothing_in_common(tmp_path):
    walking(tmp_path, [MONO])
    walking(tmp_path, [IMAGE], action="Eating", frames=4)
    with pytest.raises(InputError, match="no view in common"):
        read(tmp_path)


def test_another_cameras_poses(tmp_path):
    put(tmp_path, MONO, h.view_mm(WALK, "S1", "60457274"))
    put(tmp_path, IMAGE, h.pixels(SEEN, "54138969"))
    with pytest.raises(ArchiveError, match="projects .* px beside|see 0%"):
        read(tmp_path)


MISPLACED = {
    "camera space in the world's folder": (WORLD, "Walking", SEEN, "not in the world space"),
    "world in the camera's folder": (MONO, "Walking.54138969", WALK, "not in the camera's own space"),
    "root-relative": (MONO, "Walking.54138969", SEEN - SEEN[:, :1], "not in the camera's own space"),
    "y up": (MONO, "Walking.54138969", SEEN * np.float32([1, -1, 1]), "heads are -|not in the camera's own space"),
    "metres": (WORLD, "Walking", WALK / 1000, "in m, this layout has them in mm"),
    "other order": (WORLD, "Walking", WALK[:, ::-1], "not in the order of h36m17"),
    "2D in a folder of 3D": (MONO, "Walking.54138969", SEEN[..., :2], r"\(1, 6, 64\), expected .*\(1, T, 96\)"),
    "3D in the folder of 2D": (IMAGE, "Walking.54138969", SEEN, r"\(1, 6, 96\), expected .*\(1, T, 64\)"),
    "2D in another order": (
        IMAGE,
        "Walking.54138969",
        np.roll(h.pixels(SEEN, "54138969"), 5, axis=1),
        "not in the order of h36m17",
    ),
    "normalised": (IMAGE, "Walking.54138969", SEEN[..., :2] / 9000, "they are normalised"),
}


@pytest.mark.parametrize(("kind", "name", "values", "said"), MISPLACED.values(), ids=MISPLACED)
def test_numbers_that_contradict_the_folder(kind, name, values, said, tmp_path):
    put(tmp_path, kind, values, name)
    with pytest.raises(ArchiveError, match=rf"Walking.*\.cdf: (Pose: )?.*({said})"):
        read(tmp_path)


PLACES = {
    "no kind": ("S1/Walking.cdf", "lies in no folder D3_Positions"),
    "unknown kind": ("S1/D3_Angles/Walking.cdf", "lies in no folder D3_Positions"),
    "no subject": ("D3_Positions/Walking.cdf", "lies in no folder S1 to S11"),
    "world with a camera": ("S1/D3_Positions/Walking.54138969.cdf", "camera 54138969, which does not go with D3_Pos"),
    "view without camera": ("S1/D3_Positions_mono/Walking.cdf", "no camera, which does not go with D3_Positions_mono"),
    "unknown camera": ("S1/D3_Positions_mono/Walking.12345678.cdf", "named after camera 12345678"),
}


@pytest.mark.parametrize(("place", "said"), PLACES.values(), ids=PLACES)
def test_places_that_do_not_tell_what_a_file_is(place, said, tmp_path):
    with pytest.raises(ArchiveError, match=said):
        read(h.write_cdf(tmp_path / place, WALK))


def test_same_sequence_as_cdf_and_as_matlab(tmp_path):
    walking(tmp_path, [WORLD])
    h.release(tmp_path, [WORLD], h.write_cdf_mat, ".cdf.mat", [("S1", "Walking", WALK)])
    with pytest.raises(InputError, match=r"Walking\.cdf and .*Walking\.cdf\.mat are both S1 Walking \(D3_Positions\)"):
        read(tmp_path)


def test_matlab_cell_as_cdf_has_it(tmp_path):
    path = h.write_cdf_mat(tmp_path / "S1" / WORLD / "Walking.cdf.mat", WALK)
    cell = np.empty((1, 1), object)
    cell[0, 0] = WALK.reshape(1, 6, 96)
    scipy.io.savemat(path, {"data": cell}, appendmat=False)
    np.testing.assert_allclose(
        read(tmp_path).poses_3d[:6], w.h36m_view(WALK[:, h.USED] / 1000, "S1", "54138969"), atol=1e-5
    )


@pytest.mark.parametrize("element", ["text", np.zeros((2, 6, 96)), np.zeros((96, 6)), np.zeros((6, 32, 3))])
def test_matlab_cell_of_something_else(element, tmp_path):
    path = h.write_cdf_mat(tmp_path / "S1" / WORLD / "Walking.cdf.mat", WALK)
    cell = np.empty((1, 1), object)
    cell[0, 0] = element
    scipy.io.savemat(path, {"data": cell}, appendmat=False)
    with pytest.raises(ArchiveError, match=r"data: .*expected numbers of shape \(1, T, 96\)"):
        read(tmp_path)


def test_matlab_files_that_are_not_the_layout_s(tmp_path):
    scipy.io.savemat(tmp_path / "Walking.cdf.mat", {"data": np.zeros((6, 96))}, appendmat=False)
    with pytest.raises(UnknownLayoutError, match="h36m-raw: data must be a cell of one array"):
        read(tmp_path / "Walking.cdf.mat")


def test_cdf_that_is_not_the_layout_s(tmp_path):
    with pytest.raises(UnknownLayoutError, match=r"h36m-raw: Pose must be numbers of shape \(1, T, 96\)"):
        read(h.write_cdf(tmp_path / "S1" / WORLD / "Walking.cdf", WALK[:, :17]))


def test_without_cdflib_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cdflib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'poseda\[cdf\]'"):
        read(put(tmp_path, WORLD, WALK, "Walking"))


def test_known_defects_are_told(tmp_path):
    put(tmp_path, WORLD, WALK, "Greeting", "S9")
    put(tmp_path, WORLD, WALK[:4], "Walking", "S7")
    put(tmp_path, WORLD, WALK[:3], "Juggling", "S7")
    assert {"s9-damaged", "image-height", "unknown-sequence"} <= set(codes(read(tmp_path)))


def test_frames_that_are_not_finite_are_read(tmp_path):
    values = SEEN.copy()
    values[2] = np.nan
    put(tmp_path, MONO, values)
    put(tmp_path, IMAGE, h.pixels(SEEN, "54138969"))
    assert np.isnan(read(tmp_path).poses_3d).all((1, 2)).tolist() == [False, False, True, False, False, False]
