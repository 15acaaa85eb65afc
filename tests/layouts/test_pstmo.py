import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w

MPI_AS_H36M = np.argsort(w.MPI17_OF_H36M17)


def fields(seed=0, frames=6, lens=w.TS5_CAMERA, **changes):
    seen = w.mpi_view(frames, seed=seed)
    return {"data_2d": w.mpi_pixels(seen, lens), "data_3d": seen, "valid": np.ones(frames)} | changes


def read_sequences(path, **sequences):
    np.savez(path, data=sequences)
    return read(path)


def notes(dataset):
    return " ".join(dataset.origin.notes)


@pytest.mark.parametrize("write", [w.write_d4_test, w.write_d4_train])
@pytest.mark.parametrize(("kind", "other"), [("annot3", "univ_annot3"), ("univ_annot3", "root-relative")])
def test_kinds_of_poses_are_told_apart(write, kind, other, tmp_path):
    known = write(tmp_path / "data.npz", kind)
    poses = sum(len(three) for three, _ in known.values())
    found = notes(read(tmp_path / "data.npz"))
    assert f" {kind} ({poses} poses)" in found
    assert other not in found


def test_mixed_kinds_are_counted(tmp_path):
    seen = w.mpi_view(6)
    pixels = w.mpi_pixels(seen, w.TS5_CAMERA)
    found = read_sequences(
        tmp_path / "data.npz",
        TS5={"data_2d": pixels, "data_3d": w.universal(seen)},
        TS6={"data_2d": pixels[:4], "data_3d": seen[:4]},
    )
    assert "univ_annot3 (6 poses)" in notes(found) and " annot3 (4 poses)" in notes(found)


def test_root_relative_poses_keep_the_camera_of_their_name(tmp_path):
    seen = w.mpi_view(6)
    pixels = w.mpi_pixels(seen, w.TS5_CAMERA)
    found = read_sequences(tmp_path / "data.npz", TS5={"data_2d": pixels, "data_3d": seen - seen[:, 14:15]})
    assert "root-relative (6 poses)" in notes(found)
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.TS5_CAMERA[0], abs=0.005)


@pytest.mark.parametrize("valid", [np.array([0, 1, 0, 1, 1, 0]), np.array([[0], [1], [0], [1], [1], [0]], bool)])
def test_valid_frames_only(valid, tmp_path):
    found = read_sequences(tmp_path / "data.npz", TS5=fields(valid=valid))
    np.testing.assert_allclose(found.poses_3d, w.mpi_view(6, seed=0)[[1, 3, 4]] / 1000, atol=1e-5)


def test_no_valid_frame(tmp_path):
    with pytest.raises(InputError, match="no frame is valid"):
        read_sequences(tmp_path / "data.npz", TS5=fields(valid=np.zeros(6)))


def test_unknown_camera_stays_unknown(tmp_path):
    found = read_sequences(tmp_path / "data.npz", TS5=fields(lens=(1200, 1200, 640, 360)))
    assert found.cameras[0].intrinsics is None
    assert "unknown (6 poses)" in notes(found)


def test_camera_is_found_under_another_name(tmp_path):
    found = read_sequences(tmp_path / "data.npz", TS1=fields())
    assert found.cameras[0].name == "TS1"
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.TS5_CAMERA[0], abs=0.005)


def test_orders_of_forks_are_refused(tmp_path):
    w.write_d4_test(tmp_path / "data.npz", order=MPI_AS_H36M)
    with pytest.raises(ArchiveError, match=r"data\['TS1'\]: .*They look like h36m17"):
        read(tmp_path / "data.npz")


WRONG = {
    "metres": ({"data_3d": w.mpi_view(6) / 1000}, "in m, this layout has them in mm"),
    "too few flags": ({"valid": np.ones(5)}, "5 valid flags for 6 frames"),
    "flags in lists of unlike lengths": ({"valid": [[1, 1], [1]]}, "valid flags"),
    "no frames": ({"data_2d": np.zeros(())}, r"data_2d is float64 \(\), expected numbers of shape \(0, 17, 2\)"),
    "flags of text": ({"valid": np.array(list("101010"))}, "valid flags"),
    "other lengths": ({"data_3d": w.mpi_view(5)}, "data_3d is .*expected numbers of shape"),
    "lists": ({"data_2d": [[1, 2]]}, "data_2d is list"),
    "28 joints": ({"data_3d": np.zeros((6, 28, 3))}, "data_3d is"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(changes, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^data\.npz: data\['TS5'\]: .*{said}"):
        read_sequences(tmp_path / "data.npz", TS5=fields(**changes))


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"S1": np.zeros(3)},
        {"S1Seq1": [{"0": fields()}, 25]},
        {"S1 Seq1": [{"0": np.zeros((1, 17, 2))}, 25]},
        {"S1 Seq1": [{}, 25]},
        {"S1 Seq1": []},
        {5: [{"0": fields()}, 25]},
        np.zeros(3),
    ],
    ids=["empty", "array", "no space", "no fields", "no camera", "no list", "number", "no objects"],
)
def test_members_that_are_not_the_layout_s(data, tmp_path):
    np.savez(tmp_path / "data.npz", data=data)
    with pytest.raises(UnknownLayoutError, match="pstmo: data must"):
        read(tmp_path / "data.npz")


@pytest.mark.parametrize("missing", ["data_2d", "data_3d"])
def test_view_that_lacks_a_field(missing, tmp_path):
    views = fields(lens=w.CAMERA_0)
    del views[missing]
    with pytest.raises(ArchiveError, match=r"data\['S1 Seq1'\]\[0\]\['0'\]: lacks data_2d or data_3d"):
        read_sequences(tmp_path / "data.npz", **{"S1 Seq1": [{"0": views}, 25]})


@pytest.mark.parametrize(("kind", "codes"), [("annot3", []), ("univ_annot3", ["univ-annot3"])])
def test_universal_poses_are_a_known_problem(kind, codes, tmp_path):
    w.write_d4_test(tmp_path / "data.npz", kind)
    assert [problem.code for problem in read(tmp_path / "data.npz").origin.problems] == codes


def test_same_sequence_in_two_archives(tmp_path):
    for name in ("one.npz", "other.npz"):
        np.savez(tmp_path / name, data={"TS5": fields(seed=len(name))})
    with pytest.raises(InputError, match="TS5 Seq1 TS5 is in more than one"):
        read(tmp_path)


def test_train_and_test_archive_together(tmp_path):
    w.write_d4_train(tmp_path / "data_train_3dhp.npz")
    w.write_d4_test(tmp_path / "data_test_3dhp.npz")
    assert read(tmp_path).subjects == ("TS1", "TS2", "TS5", "S1", "S8")


def test_cameras_may_share_their_poses(tmp_path):
    same = fields(lens=w.CAMERA_0)
    np.savez(tmp_path / "data.npz", data={"S1 Seq1": [{"0": same}, 25], "S1 Seq2": [{"0": same}, 25]})
    found = read(tmp_path / "data.npz")
    np.testing.assert_array_equal(found.poses_3d[:6], found.poses_3d[6:])


@pytest.mark.parametrize("up", ["y", "z"])
def test_world_space_is_refused(up, tmp_path):
    """Roots near the origin of the world are no root-relative poses."""
    seen = w.mpi_view(12)
    lens = w.MPI_LENSES["TS1"]
    standing = seen - [0, 1200, 4000]
    world = (
        standing * [1, -1, -1] if up == "y" else np.stack([standing[..., 0], standing[..., 2], -standing[..., 1]], -1)
    )
    data = {"TS1": {"data_2d": w.mpi_pixels(seen, lens), "data_3d": world, "valid": np.ones(12)}}
    np.savez(tmp_path / "data_test_3dhp.npz", data=data)
    with pytest.raises(ArchiveError, match="not in camera space"):
        read(tmp_path / "data_test_3dhp.npz")


def test_a_confidence_beside_the_pixels(tmp_path):
    seen = w.mpi_view(8)
    pixels = w.mpi_pixels(seen, w.MPI_LENSES["TS1"])
    flagged = np.concatenate([pixels, np.ones((8, 17, 1))], -1)
    np.savez(tmp_path / "x.npz", data={"TS1": {"data_2d": flagged, "data_3d": seen, "valid": np.ones(8)}})
    np.testing.assert_allclose(read(tmp_path / "x.npz").poses_2d, pixels, atol=2e-3)


def test_detections_have_the_camera_of_their_number(tmp_path):
    seen = w.mpi_view(60)
    pixels = w.mpi_pixels(seen, w.CAMERA_0) + np.random.default_rng(0).normal(0, 6, (60, 17, 2))
    np.savez(tmp_path / "x.npz", data={"S1 Seq1": [{"0": {"data_2d": pixels, "data_3d": seen}}, 25]})
    found = read(tmp_path / "x.npz")
    assert found.cameras[0].intrinsics.fx == pytest.approx(w.CAMERA_0[0], abs=0.005)
    assert any("as detections do" in note for note in found.origin.notes)
