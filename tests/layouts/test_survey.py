"""What is read together, what apart, and what becomes of files that cannot be read."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest

from poseda_cli.layouts import survey as survey_module
from poseda_cli.layouts.survey import survey

from . import writers as w

NAMES = ("TS1", "TS2", "TS5")


def ts(folder, name, seed=0, joints=slice(None)):
    """A test sequence; `joints` in another order cannot be read, which its headers do not show."""
    seen, lens = w.mpi_view(4, seed=seed), w.MPI_LENSES.get(name, w.CAMERA_8)
    pixels = w.mpi_pixels(seen, lens)
    return w.write_d3(folder / name / "annot_data.mat", seen[:, joints], lens, np.ones(4), pixels)


def outline(found):
    """Path and subjects of each data set, or the error's code."""
    return [(one.paths[0], list(one.dataset.subjects) if one.dataset else one.error.code) for one in found]


@pytest.fixture
def three(tmp_path):
    for seed, name in enumerate(NAMES):
        ts(tmp_path, name, seed)
    return tmp_path


def test_one_data_set_of_all_that_goes_together(three):
    assert outline(survey([three])) == [(str(three), [*NAMES])]


def test_what_cannot_be_read_is_taken_out_of_what_can(three):
    ts(three, "TS2", joints=slice(None, None, -1))
    first, second = survey([three])
    assert first.dataset.subjects == ("TS1", "TS5")
    assert first.paths == (str(three / "TS1" / "annot_data.mat"), str(three / "TS5" / "annot_data.mat"))
    assert (second.paths, second.error.code) == ((str(three / "TS2" / "annot_data.mat"),), "joint-order")
    assert (second.layout, next(iter(second.archives[0].members))) == ("mpi-inf-3dhp-test", "activity_annotation")


def test_with_many_that_cannot_be_read_each_is_on_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(survey_module, "MOST_TAKEN_OUT", 1)
    for seed, name in enumerate(("TS1", "TS2", "TS5", "TS6")):
        ts(tmp_path, name, seed, slice(None, None, -1) if name in ("TS2", "TS5") else slice(None))
    found = dict(outline(survey([tmp_path])))
    assert {path.split("/")[-2]: what for path, what in found.items()} == {
        "TS1": ["TS1"], "TS2": "joint-order", "TS5": "joint-order", "TS6": ["TS6"]
    }  # fmt: skip


def test_copies_are_read_on_their_own_and_say_why(tmp_path):
    path = ts(tmp_path, "TS5")
    (tmp_path / "copy").mkdir()
    shutil.copy(path, tmp_path / "copy" / "TS6.mat")
    found = list(survey([tmp_path]))
    assert [len(one.dataset) for one in found] == [4, 4]
    assert all("are the same file" in one.dataset.origin.notes[-1] for one in found)


def test_what_is_given_twice_is_read_once(three):
    (found,) = survey([three, three / "TS1", three / "TS5" / ".." / "TS5"])
    assert len(found.dataset) == 12
    assert any("given more than once: TS1/annot_data.mat" in note for note in found.dataset.origin.notes)
    assert len(list(survey([three, three]))) == 1


def test_the_order_is_that_of_the_paths(three):
    w.write_h1(three / "data_3d_h36m.npz")
    paths = [three / "TS5", three / "nowhere", three / "data_3d_h36m.npz", three / "TS1"]
    assert [found.paths for found in survey(paths)] == [
        (str(three / "TS5"), str(three / "TS1")), (str(three / "nowhere"),), (str(three / "data_3d_h36m.npz"),)
    ]  # fmt: skip


def test_zips_stand_for_folders(three, tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in NAMES:
            archive.write(three / name / "annot_data.mat", f"set/{name}/annot_data.mat")
        archive.write(w.write_h1(tmp_path / "data_3d_h36m.npz"), "3d/data_3d_h36m.npz")
    assert outline(survey([tmp_path / "set.zip"])) == [
        (f"{tmp_path}/set.zip/3d/data_3d_h36m.npz", ["S9", "S1"]),
        (f"{tmp_path}/set.zip/set", [*NAMES]),
    ]


def test_files_of_no_layout_are_described_where_there_is_nothing_else(tmp_path):
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / name, mean=np.zeros(3))
    assert outline(survey([tmp_path])) == [(str(tmp_path / name), "unknown-layout") for name in ("a.npz", "b.npz")]
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    (found,) = survey([tmp_path])
    assert found.paths == (str(tmp_path),)
    assert any("left out" in note and "a.npz" in note and "b.npz" in note for note in found.dataset.origin.notes)


def test_camera_files_belong_to_what_they_lie_beside(shared_data, tmp_path):
    for name in ("cameras_train.pkl", "test_3dhp_train.npz"):
        shutil.copy(shared_data / "mmpose" / name, tmp_path)
    (found,) = survey([tmp_path / "test_3dhp_train.npz"])
    assert {file.name for file in found.dataset.origin.files} == {"cameras_train.pkl", "test_3dhp_train.npz"}
    assert any("lies beside it" in note for note in found.dataset.origin.notes)
    # A folder of two data sets with the cameras of both: no data set of cameras only.
    assert sorted(one.dataset.origin.dataset for one in survey([shared_data / "mmpose"])) == ["h36m", "mpi_inf_3dhp"]
    (alone,) = survey([tmp_path / "cameras_train.pkl"])
    assert alone.dataset is None and "no poses" in str(alone.error)


def test_damaged_camera_files_are_said_and_the_poses_read(shared_data, tmp_path):
    shutil.copy(shared_data / "mmpose" / "test_h36m_body3d.npz", tmp_path)
    (tmp_path / "cameras.pkl").touch()
    assert outline(survey([tmp_path / "test_h36m_body3d.npz"])) == [
        (str(tmp_path / "cameras.pkl"), "damaged"),
        (str(tmp_path / "test_h36m_body3d.npz"), ["S1", "S5", "S7", "S8"]),
    ]
