from pathlib import Path

import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "mpi_inf_3dhp_test_set" / "TS5" / "annot_data.mat"
EXACT = [joint for joint in range(17) if joint not in (8, 11, 15)]  # all but the hips and the spine


def ts5(path, **changes):
    return w.write_d3(path, **{"seen": w.mpi_view(6), "lens": w.TS5_CAMERA, **changes})


def known_lens(dataset):
    return tuple(vars(dataset.cameras[0].intrinsics).values())[:4]


@pytest.mark.parametrize("given", ["file", "its folder", "the folder above", "a relative path"])
def test_file_and_folders(given, tmp_path, monkeypatch):
    path = ts5(tmp_path / "TS5" / "annot_data.mat")
    monkeypatch.chdir(path.parent)
    ways = {"file": path, "its folder": path.parent, "the folder above": tmp_path, "a relative path": "annot_data.mat"}
    found = read(ways[given])
    assert found.subjects == found.camera_names == ("TS5",)
    assert known_lens(found) == pytest.approx(w.TS5_CAMERA, abs=0.005)


def test_valid_frames_only(tmp_path):
    seen, valid = w.mpi_view(9), np.array([0, 1, 1, 0, 1, 0, 0, 0, 1])
    found = read(ts5(tmp_path / "TS5" / "annot_data.mat", seen=seen, valid=valid))
    np.testing.assert_allclose(found.poses_3d, seen[[1, 2, 4, 8]] / 1000, atol=1e-5)
    np.testing.assert_allclose(found.poses_2d, w.mpi_pixels(seen, w.TS5_CAMERA)[[1, 2, 4, 8]], atol=2e-3)
    assert any("4 of 9 frames valid" in note for note in found.origin.notes)


def test_no_valid_frame(tmp_path):
    with pytest.raises(InputError, match="no frame is valid"):
        read(ts5(tmp_path / "TS5" / "annot_data.mat", valid=np.zeros(6)))


def test_one_sequence_without_a_valid_frame(tmp_path):
    ts5(tmp_path / "TS5" / "annot_data.mat")
    ts5(tmp_path / "TS6" / "annot_data.mat", seen=w.mpi_view(5), valid=np.zeros(5))
    assert read(tmp_path).subjects == ("TS5",)


def test_annot3_is_read_whatever_the_universal_poses_are(tmp_path):
    found = read(ts5(tmp_path / "TS5" / "annot_data.mat", scale=2))
    np.testing.assert_allclose(found.poses_3d, (w.mpi_view(6) / 1000)[w.alternating(6) == 1], atol=1e-5)


@pytest.mark.parametrize("name", ["garden", "TS1", "ts5"])
def test_camera_is_found_by_reprojection_under_any_name(name, tmp_path):
    found = read(ts5(tmp_path / name / "annot_data.mat").parent)
    assert known_lens(found) == pytest.approx(w.TS5_CAMERA, abs=0.005)
    if name == "ts5":
        assert found.subjects == ("TS5",)
    else:
        assert found.subjects == (name,)
        assert any("TS5" in note and name in note for note in found.origin.notes)


def test_unknown_camera_stays_unknown(tmp_path):
    found = read(ts5(tmp_path / "TS5" / "annot_data.mat", lens=(1200, 1200, 640, 360)))
    assert found.cameras[0].name == "TS5"
    assert found.cameras[0].intrinsics is None
    assert any("no published camera" in note for note in found.origin.notes)
    assert len(found) == 4


def test_same_sequence_twice(tmp_path):
    for index, place in enumerate(("one", "other")):
        ts5(tmp_path / place / "TS5" / "annot_data.mat", seen=w.mpi_view(6, seed=index))
    with pytest.raises(InputError, match="both TS5"):
        read(tmp_path)


WRONG = {
    "metres": ({"seen": w.mpi_view(6) / 1000, "pixels": w.mpi_pixels(w.mpi_view(6), w.TS5_CAMERA)}, "in m, .*in mm"),
    "H36M order": ({"seen": w.mpi_view(6)[:, np.argsort(w.MPI17_OF_H36M17)]}, "They look like h36m17"),
    "one frame less": ({"valid": np.ones(5)}, "expected numbers of shape"),
    "16 joints": ({"seen": w.mpi_view(6)[:, :16]}, "expected numbers of shape"),
    "text": ({"pixels": np.zeros((6, 17, 2), "S4")}, "annot2: .*expected numbers"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(changes, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^annot_data\.mat: .*{said}"):
        read(ts5(tmp_path / "TS5" / "annot_data.mat", **changes))


@pytest.mark.parametrize("missing", ["annot2", "annot3", "valid_frame"])
def test_data_set_that_is_missing(missing, tmp_path):
    path = ts5(tmp_path / "TS5" / "annot_data.mat")
    with h5py.File(path, "r+") as file:
        del file[missing]
    with pytest.raises(UnknownLayoutError, match=f"mpi-inf-3dhp-test: lacks data sets {missing}$"):
        read(path)


@pytest.mark.parametrize("name", ["annot2", "annot3", "valid_frame"])
def test_data_set_without_values(name, tmp_path):
    path = ts5(tmp_path / "TS5" / "annot_data.mat")
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = h5py.Empty("f8")
    with pytest.raises(ArchiveError, match=r"annot_data\.mat"):
        read(path)


@pytest.mark.skipif(not REAL.exists(), reason=f"no {REAL}")
def test_real_sequence():
    found = read(REAL)
    with h5py.File(REAL) as file:
        valid = file["valid_frame"][:, 0] == 1
        poses, pixels = file["annot3"][:, 0][valid], file["annot2"][:, 0][valid]
    assert (len(valid), len(found), found.subjects) == (320, 276, ("TS5",))
    np.testing.assert_allclose(found.poses_3d, poses / 1000, atol=1e-5)
    np.testing.assert_allclose(found.poses_2d, pixels, atol=2e-3)
    error = np.linalg.norm(w.mpi_pixels(found.poses_3d, known_lens(found)) - found.poses_2d, axis=-1)
    assert np.median(error[:, EXACT]) < 0.01
