from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.exports import export
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from tests import datasets
from tests.layouts import writers as w

from . import trainers


def written(dataset, folder):
    poseda.write(dataset, folder / "out", "pstmo")
    return folder / "out"


def with_names(dataset, names):
    sequences = [
        s._replace(**dict(zip(("subject", "action", "camera"), n, strict=True)))
        for s, n in zip(dataset.sequences, names, strict=True)
    ]
    return replace(dataset, sequences=tuple(sequences))


def test_arrays_are_what_the_loader_computes_with(tmp_path):
    out = written(datasets.source(), tmp_path)
    data = trainers.tree(out / "data_train_3dhp.npz", "data")
    assert list(data) == [f"{s} {a}" for s in ("S1", "S5") for a in ("Walking_1", "Walking", "Sitting")]
    for views, fps in data.values():
        assert fps == 50  # of Human3.6M
        assert list(views) == ["0", "1"]
        for fields in views.values():
            assert {name: (v.shape, v.dtype, v.flags.writeable) for name, v in fields.items()} == {
                "data_2d": ((20, 17, 2), np.float32, True),
                "data_3d": ((20, 17, 3), np.float32, True),
            }


def test_training_and_test_subjects_go_to_files_of_their_own(tmp_path):
    dataset = datasets.target()
    mixed = with_names(dataset, [("TS6", "Seq1", "TS6"), ("S3", "Seq2", "4")])
    out = written(mixed, tmp_path)
    ((three, two),) = trainers.pstmo_test(out / "data_test_3dhp.npz").values()
    first = slice(0, 15)
    # The file of TS6 is of 1920 x 1080, its camera here of 2048 x 2048.
    np.testing.assert_allclose(two, dataset.poses_2d[first] / 1024 - 1, atol=5e-7)
    roots = dataset.poses_3d[first, 14] * 1000
    np.testing.assert_allclose(three[:, 14], roots, rtol=1e-6)
    assert set(trainers.pstmo_train(out / "data_train_3dhp.npz")) == {("S3", "Seq2", "4")}


def test_only_the_file_that_has_poses_is_written(tmp_path):
    test = with_names(datasets.target(), [("TS1", "Seq1", "TS1"), ("TS5", "Seq1", "TS5")])
    assert sorted(p.name for p in written(test, tmp_path).iterdir()) == ["data_test_3dhp.npz", "summary.json"]


def test_aligned_test_subjects_are_training_data(tmp_path):
    """Their file has one sequence a subject, and no copies."""
    source = with_names(
        datasets.source(("Seq1",)), [("TS1", "Seq1", c) for c in ("0", "1")] + [("S5", "Seq1", "a")] * 2
    )
    plan = prepare(source, datasets.target(), AlignOptions(copies=2, include_source=True))
    assert export(["pstmo"], plan, tmp_path, "") == ["data_train_3dhp.npz"]
    assert {key[:2] for key in trainers.pstmo_train(tmp_path / "data_train_3dhp.npz")} == {
        (s, a) for s in ("TS1", "S5") for a in ("Seq1_source", "Seq1", "Seq1_copy2")
    }


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (("7", "54138969"), ["7", "54138969"]),
        (("left", "right"), ["0", "1"]),
        (("1", "left"), ["1", "0"]),
        (("left", "0"), ["0", "1"]),
        (("3", "3"), ["3", "0"]),
    ],
    ids=["numbers", "words", "number first", "word first", "in parts"],
)
def test_cameras_are_numbers_and_none_is_lost(names, numbers, tmp_path):
    dataset = with_names(datasets.target(), [("S1", "Seq1", name) for name in names])
    loaded = trainers.pstmo_train(written(dataset, tmp_path) / "data_train_3dhp.npz")
    assert [camera for *_, camera in loaded] == numbers
    roots = np.concatenate([three[:, 14] for three, _ in loaded.values()])
    np.testing.assert_allclose(roots, dataset.poses_3d[:, 14] * 1000, rtol=1e-6)


def test_names_with_spaces_leave_the_one_space_of_a_key(tmp_path):
    dataset = with_names(datasets.target(), [("P 1", "run a lot", "0"), ("P 1", "rest", "0")])
    loaded = trainers.pstmo_train(written(dataset, tmp_path) / "data_train_3dhp.npz")
    assert list(loaded) == [("P_1", "run_a_lot", "0"), ("P_1", "rest", "0")]


def test_3d_relative_to_the_root_stays_so(tmp_path):
    known = w.write_d4_train(tmp_path / "data_train_3dhp.npz", "annot3")
    dataset = poseda.read(tmp_path / "data_train_3dhp.npz")
    bodies = dataset.poses_3d - dataset.poses_3d[:, 14:15]
    out = written(replace(dataset, poses_3d=bodies, absolute=False), tmp_path)
    for key, (three, two) in trainers.pstmo_train(out / "data_train_3dhp.npz").items():
        assert (three[:, 14] == 0).all()
        expected = known[key][0] - known[key][0][:, 14:15]
        np.testing.assert_allclose(three, expected, atol=5e-3)
        np.testing.assert_allclose(two, known[key][1] / 1024 - 1, atol=5e-7)
