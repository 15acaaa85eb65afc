import json
import re
from dataclasses import replace

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.errors import ArchiveError, UnknownLayoutError
from poseda_cli.exports.poseda import write
from poseda_cli.layouts import read

from . import writers as w
from .streams import read_lazily


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sides")
    w.write_h1(folder / "data_3d_h36m.npz")
    for name in ("TS2", "TS5"):
        w.write_d3(folder / "set" / name / "annot_data.mat", w.mpi_view(6, seed=int(name[2])), w.MPI_LENSES[name])
    return read(folder / "data_3d_h36m.npz"), read(folder / "set")


@pytest.mark.parametrize("screen", ["aspect", "axes"])
@pytest.mark.parametrize("more", [{}, {"skeleton": "h36m16"}, {"copies": 2, "include_source": True}], ids=str)
def test_what_is_written_is_read(screen, more, sides, tmp_path):
    aligned = poseda.align(*sides, screen=screen, seed=3, **more)
    assert write(aligned, tmp_path) == ["augmented.h5"]
    found = read(tmp_path)
    assert found.skeleton == aligned.skeleton
    assert found.sequences == aligned.sequences
    assert [camera.name for camera in found.cameras] == [camera.name for camera in aligned.cameras]
    assert [camera.intrinsics for camera in found.cameras] == [camera.intrinsics for camera in aligned.cameras]
    assert [camera.distortion for camera in found.cameras] == [camera.distortion for camera in aligned.cameras]
    np.testing.assert_array_equal(found.camera, aligned.camera)
    np.testing.assert_array_equal(found.poses_3d, aligned.poses_3d)
    np.testing.assert_allclose(found.poses_2d, aligned.poses_2d, atol=2e-3)


@pytest.fixture
def written(sides, tmp_path):
    aligned = poseda.align(*sides, seed=3, copies=2, include_source=True)
    write(aligned, tmp_path)
    with h5py.File(tmp_path / "augmented.h5") as file:
        yield aligned, file


def test_attributes_are_those_documented(written):
    _, file = written
    documented = "schema layout joint_names parents root units screen skeleton provenance"
    assert set(file.attrs) == set(documented.split())
    assert (file.attrs["schema"], file.attrs["layout"], file.attrs["units"]) == (1, "poseda", "m")
    assert (file.attrs["skeleton"], file.attrs["screen"], file.attrs["root"]) == ("h36m17", "aspect", 0)
    assert list(file.attrs["joint_names"]) == w.H36M_JOINTS
    assert file.attrs["parents"].tolist() == [-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15]
    provenance = json.loads(file.attrs["provenance"])
    assert provenance["seed"] == 3
    assert [side["name"] for side in provenance["inputs"]["source"]] == ["data_3d_h36m.npz"]
    assert set(provenance) == {"version", "options", "seed", "inputs"}


def test_columns_are_those_documented(written):
    aligned, file = written
    rows = len(aligned)
    assert {name: (data.shape, data.dtype.str) for name, data in file.items() if not data.dtype.names} == {
        "poses_3d": ((rows, 17, 3), "<f4"),
        "poses_2d": ((rows, 17, 2), "<f4"),
        "camera": ((rows,), "<u2"),
        "source_index": ((rows,), "<i8"),
        "target_index": ((rows,), "<i8"),
    }
    assert file["sequences"].dtype.names == ("subject", "action", "camera", "copy", "start", "length")
    assert set(file["cameras"].dtype.names) == {"name", "width", "height", "fx", "fy", "cx", "cy", "k", "p"}


def test_2d_is_the_linear_projection_on_the_normalised_screen(written):
    _, file = written
    poses, cameras = file["poses_3d"][:].astype(float), file["cameras"][:][file["camera"][:]]
    u = (cameras["fx"][:, None] * poses[..., 0] / poses[..., 2] + cameras["cx"][:, None]) * 2
    v = (cameras["fy"][:, None] * poses[..., 1] / poses[..., 2] + cameras["cy"][:, None]) * 2
    width, height = cameras["width"][:, None], cameras["height"][:, None]
    np.testing.assert_allclose(file["poses_2d"][..., 0], u / width - 1, atol=1e-5)
    np.testing.assert_allclose(file["poses_2d"][..., 1], v / width - height / width, atol=1e-5)


def test_unaligned_poses_are_marked(written):
    aligned, file = written
    copies = np.repeat(file["sequences"]["copy"], file["sequences"]["length"])
    assert set(copies) == {-1, 0, 1}
    np.testing.assert_array_equal(file["target_index"][:] == -1, copies == -1)
    assert np.isnan(file["cameras"]["k"]).any(1).tolist() == [camera.distortion is None for camera in aligned.cameras]


def test_same_data_set_same_bytes(sides, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        write(poseda.align(*sides, seed=3), tmp_path / name)
    assert (tmp_path / "a" / "augmented.h5").read_bytes() == (tmp_path / "b" / "augmented.h5").read_bytes()


def test_names_of_any_alphabet(sides, tmp_path):
    aligned = poseda.align(*sides)
    sequences = tuple(sequence._replace(action="Séance 歩く") for sequence in aligned.sequences)
    write(replace(aligned, sequences=sequences), tmp_path)
    assert read(tmp_path).actions == ("Séance 歩く",)


REFUSED = {
    "several schemas": ({"schema": [1, 1]}, r"schema \[1 1\]; this poseda reads schema 1"),
    "newer schema": ({"schema": 2}, "schema 2; this poseda reads schema 1"),
    "unknown joints": ({"joint_names": ["nose", "tail"]}, "joints nose, tail are of no skeleton"),
    "unknown screen": ({"screen": "wide"}, "screen is 'wide', expected aspect, axes"),
    "rows missing in 3D": ({"poses_3d": np.zeros((4, 17, 3), "f4")}, r"poses_3d: float32 \(4, 17, 3\)"),
    "joints missing in 2D": ({"poses_2d": np.zeros((5, 16, 2), "f4")}, r"poses_2d: float32 \(5, 16, 2\)"),
    "camera that does not exist": ({"camera": np.array([0, 0, 0, 1, 2], "u2")}, "points to cameras 0 to 2 of 2"),
    "camera before the first": ({"camera": np.array([0, 0, 0, 1, -1])}, "camera"),
    "camera without rows": ({"camera": np.uint16(0)}, "camera"),
    "cameras that are numbers": ({"cameras": np.zeros((2, 6))}, "cameras"),
    "sequences that are numbers": ({"sequences": np.zeros((2, 6))}, "sequences"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_content_that_contradicts_the_layout(changes, said, tmp_path):
    w.write_poseda(tmp_path / "augmented.h5", **changes)
    with pytest.raises(ArchiveError, match=rf"^augmented\.h5: .*{said}"):
        read(tmp_path / "augmented.h5")


@pytest.mark.parametrize("gap", ["start", "length"])
def test_sequences_that_do_not_cover_the_rows(gap, tmp_path):
    w.write_poseda(tmp_path / "augmented.h5")
    with h5py.File(tmp_path / "augmented.h5", "r+") as file:
        rows = file["sequences"][:]
        rows[gap][1] += 1
        file["sequences"][:] = rows
    with pytest.raises(ArchiveError, match="sequences: sequences do not follow each other over 5 rows"):
        read(tmp_path / "augmented.h5")


@pytest.mark.parametrize("missing", ["poses_3d", "poses_2d", "camera", "cameras", "sequences"])
def test_data_set_that_is_missing(missing, tmp_path):
    w.write_poseda(tmp_path / "augmented.h5", **{missing: None})
    with pytest.raises(UnknownLayoutError, match=f"poseda: lacks data sets {missing}"):
        read(tmp_path / "augmented.h5")


def with_lengths(path, lengths):
    """Give a file other sequences, which follow each other."""
    with h5py.File(path, "r+") as file:
        rows = np.zeros(len(lengths), file["sequences"].dtype)
        rows["action"] = [f"Walking {number}".encode() for number in range(len(lengths))]
        rows["subject"], rows["camera"], rows["length"] = b"S1", b"54138969", lengths
        rows["start"] = np.cumsum(lengths) - lengths
        del file["sequences"]
        file["sequences"] = rows


def test_sequences_without_rows_are_left_out(sides, tmp_path):
    write(poseda.align(*sides), tmp_path)
    count = len(read(tmp_path))
    with_lengths(tmp_path / "augmented.h5", [5, 0, count - 5])
    found = read(tmp_path)
    assert [(sequence.action, sequence.length) for sequence in found.sequences] == [
        ("Walking 0", 5), ("Walking 2", count - 5)
    ]  # fmt: skip
    aligned = poseda.align(found.select(stride=3), sides[1])
    assert sum(sequence.length for sequence in aligned.sequences) == len(aligned) == 2 + -(-(count - 5) // 3)


def test_sequences_of_less_than_no_rows_are_refused(sides, tmp_path):
    write(poseda.align(*sides), tmp_path)
    with_lengths(tmp_path / "augmented.h5", [8, -3, len(read(tmp_path)) - 5])
    with pytest.raises(ArchiveError, match="sequences: a sequence of less than no rows"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("table", "field", "kind", "said"),
    [
        ("cameras", "fx", "c16", "fx complex128"),
        ("cameras", "fx", "S5", "fx |S5"),
        ("cameras", "width", "f8", "width float64"),
        ("cameras", "k", "f8", "k float64"),
        ("cameras", "name", "i4", "name int32"),
        ("sequences", "length", "f4", "length float32"),
        ("sequences", "camera", "f8", "camera float64"),
    ],
)
def test_tables_whose_fields_are_of_other_types(table, field, kind, said, tmp_path):
    w.write_poseda(tmp_path / "augmented.h5")
    with h5py.File(tmp_path / "augmented.h5", "r+") as file:
        stored = file[table][()]
        changed = np.zeros(len(stored), [(n, kind if n == field else stored.dtype[n]) for n in stored.dtype.names])
        for name in set(stored.dtype.names) - {field}:
            changed[name] = stored[name]
        del file[table]
        file[table] = changed
    with pytest.raises(ArchiveError, match=rf"{table}: fields of other types than expected: {re.escape(said)}"):
        read(tmp_path / "augmented.h5")


@pytest.mark.parametrize("lazily", [False, True])
def test_points_that_pixels_cannot_hold_are_infinite(lazily, tmp_path):
    _, pixels = w.write_poseda(tmp_path / "augmented.h5")
    with h5py.File(tmp_path / "augmented.h5", "r+") as file:
        file["poses_2d"][1, 4, 0] = 3e38  # times half of 1920
    found = read_lazily(tmp_path / "augmented.h5") if lazily else read(tmp_path / "augmented.h5")
    points = found.load(0, 3).poses_2d
    assert np.isposinf(points[1, 4, 0]) and np.isfinite(points).sum() == points.size - 1
    np.testing.assert_allclose(points[2], pixels[2], atol=2e-3)
