from pathlib import Path

import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, InputError, UnknownLayoutError, UnsafeArchiveError
from poseda_cli.layouts import read

from . import writers as w
from .streams import assert_refused_alike, assert_streams_as_read, read_few_rows, read_lazily

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
    assert_refused_alike(tmp_path)


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
    assert_refused_alike(tmp_path)


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
    assert_refused_alike(tmp_path)


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


# Left in the files


@pytest.fixture(params=[65_536, 7])
def piece(request, monkeypatch):
    """How many rows are read at once."""
    read_few_rows(monkeypatch, request.param)
    return request.param


def moving(frames):
    """A person that moves on: checks look at some of the frames."""
    return np.resize(w.mpi_view(9), (frames, 17, 3)) + np.linspace(0, 300, frames)[:, None, None] * [1, -1, 1]


def every(step, frames, first=0):
    valid = np.zeros(frames)
    valid[first::step] = 1
    return valid


VALID = {
    "all": np.ones(101),
    "none before the 40th": every(1, 101, 40),
    "each third": every(3, 101, 2),
    "hardly any": every(40, 101, 5),
    "one": every(101, 101, 50),
    "at random": np.random.default_rng(4).integers(0, 2, 101),
}


@pytest.mark.parametrize("valid", VALID.values(), ids=VALID)
def test_streamed_as_read_whichever_frames_are_valid(valid, piece, tmp_path):
    ts5(tmp_path / "TS1" / "annot_data.mat", seen=w.mpi_view(9), lens=w.MPI_LENSES["TS1"])
    ts5(tmp_path / "TS5" / "annot_data.mat", seen=moving(101), valid=valid)
    ts5(tmp_path / "TS3" / "annot_data.mat", seen=w.mpi_view(5), valid=np.zeros(5))
    assert_streams_as_read(tmp_path)


@pytest.mark.parametrize("count", [199, 200, 399, 400, 999, 1000, 1999, 2000, 2345])
def test_streamed_as_read_however_many_poses_are_checked(count, tmp_path, monkeypatch):
    read_few_rows(monkeypatch, 300)
    seen, valid = moving(2 * count), every(2, 2 * count)
    pixels = w.mpi_pixels(seen, w.TS5_CAMERA)
    pixels[count::5, 6] = 0
    seen[2, 8, 1] = np.nan
    found = assert_streams_as_read(ts5(tmp_path / "TS5" / "annot_data.mat", seen=seen, valid=valid, pixels=pixels))
    missing = int(valid[count::5].sum())
    assert f"{missing:,} 2D poses have joints at 0, 0" in found.origin.problems[-1].message
    assert f"{count:,} of {2 * count:,} frames valid" in found.origin.notes[0]


SPECIAL = {
    "the scaled poses": lambda seen: {"seen": w.universal(seen), "pixels": w.mpi_pixels(seen, w.TS5_CAMERA)},
    "an unknown camera": lambda seen: {"lens": (1200, 1200, 640, 360)},
    "about the root": lambda seen: {"seen": seen - seen[:, [14]], "pixels": w.mpi_pixels(seen, w.TS5_CAMERA)},
    "single precision": lambda seen: {"seen": seen.astype("<f4")},
    "the other byte order": lambda seen: {"seen": seen.astype(">f8")},
    "whole millimetres": lambda seen: {"seen": seen.round().astype("<i2"), "lens": w.TS5_CAMERA},
    "the short TS6": lambda seen: {"seen": moving(784), "lens": w.MPI_LENSES.get("TS6", w.TS5_CAMERA)},
}


@pytest.mark.parametrize("changes", SPECIAL.values(), ids=SPECIAL)
def test_streamed_as_read_whatever_is_found_out(changes, piece, tmp_path):
    ts5(tmp_path / "TS6" / "annot_data.mat", **{"seen": moving(50), **changes(moving(50))})
    assert_streams_as_read(tmp_path)


@pytest.mark.parametrize("shape", [(40,), (1, 40), (40, 1), (40, 1, 1)], ids=str)
def test_streamed_as_read_however_valid_frames_lie(shape, piece, tmp_path):
    path = ts5(tmp_path / "TS5" / "annot_data.mat", seen=moving(40))
    with h5py.File(path, "r+") as file:
        valid = file["valid_frame"][()].reshape(shape)
        del file["valid_frame"]
        file["valid_frame"] = valid
    assert len(assert_streams_as_read(path)) == 27


def test_frames_without_an_axis_for_the_camera(piece, tmp_path):
    path = ts5(tmp_path / "TS5" / "annot_data.mat", seen=moving(40))
    with h5py.File(path, "r+") as file:
        for name in ("annot2", "annot3"):
            values = file[name][:, 0]
            del file[name]
            file[name] = values
    assert_streams_as_read(path)


def test_exchanged_sides_are_refused_alike(piece, tmp_path):
    """Of the arms alone, so that most joints project as they should."""
    seen, joints = moving(500), np.arange(17)
    joints[[2, 3, 4, 5, 6, 7]] = 5, 6, 7, 2, 3, 4
    pixels = w.mpi_pixels(seen, w.TS5_CAMERA)[:, joints]
    path = ts5(tmp_path / "TS5" / "annot_data.mat", seen=seen, pixels=pixels)
    with pytest.raises(InputError, match="left and right of the arms are exchanged"):
        read_lazily(path)
    assert_refused_alike(path)


def test_poses_that_are_damaged_are_refused_before_any_is_asked_for(tmp_path):
    path = ts5(tmp_path / "TS5" / "annot_data.mat", seen=moving(400))
    with h5py.File(path, "r+") as file:
        values = file["annot3"][()]
        del file["annot3"]
        file.create_dataset("annot3", data=values, chunks=(100, 1, 17, 3), fletcher32=True)
        info = file["annot3"].id.get_chunk_info(2)
    damaged = bytearray(path.read_bytes())
    damaged[512 + info.byte_offset + 40] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(DamagedArchiveError, match="annot3: damaged HDF5"):
        read_lazily(path)
    assert_refused_alike(path)


@pytest.mark.parametrize(("rows", "member"), [(2**40, "valid_frame"), (2**24, "annot3")])
def test_absurd_sizes_are_refused(rows, member, tmp_path):
    with h5py.File(tmp_path / "annot_data.mat", "w") as file:
        file.create_dataset("valid_frame", (rows, 1), "u1", chunks=(1 << 16, 1), fillvalue=1)
        for name, width in (("annot3", 3), ("annot2", 2)):
            file.create_dataset(name, (rows, 1, 17, width), "f8", chunks=(64, 1, 17, width))
    with pytest.raises(UnsafeArchiveError, match=f"{member}: claims"):
        read(tmp_path)


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
