from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.dataset import Origin, concatenate, with_printable_names
from poseda_cli.errors import InputError
from poseda_cli.skeleton import H36M16, H36M17, MPI_INF_3DHP17
from tests import datasets


@pytest.fixture
def poses():
    return datasets.source()


def keys(dataset):
    return [(s.subject, s.action, s.camera) for s in dataset.sequences]


def test_everything_is_selected_by_default(poses):
    assert keys(poses.select()) == keys(poses)
    assert poses.select().poses_3d is poses.poses_3d


def test_an_action_without_number_means_all_its_takes(poses):
    assert {action for _, action, _ in keys(poses.select(actions=["Walking"]))} == {"Walking", "Walking 1"}
    assert {action for _, action, _ in keys(poses.select(actions=["Walking 1"]))} == {"Walking 1"}


def test_selection_takes_the_right_rows_and_remembers_them(poses):
    chosen = poses.select(subjects=["S5"], actions=["Sitting"], cameras=["right"], stride=3)
    assert keys(chosen) == [("S5", "Sitting", "right")]
    start = next(s.start for s in poses.sequences if (s.subject, s.action, s.camera) == ("S5", "Sitting", "right"))
    expected = np.arange(start, start + 20, 3)
    np.testing.assert_array_equal(chosen.rows, expected)
    np.testing.assert_array_equal(chosen.poses_3d, poses.poses_3d[expected])
    assert (chosen.camera == 1).all()
    assert chosen.sequences[0].length == 7
    assert chosen.origin.selection == {
        "subjects": ["S5"], "actions": ["Sitting"], "cameras": ["right"], "stride": 3
    }  # fmt: skip


def test_selections_of_selections_still_count_rows_as_read(poses):
    again = poses.select(subjects=["S5"]).select(stride=5).select(cameras=["right"])
    np.testing.assert_array_equal(poses.poses_3d[again.rows], again.poses_3d)


def test_whole_subjects_are_a_view(poses):
    assert np.shares_memory(poses.select(subjects=["S5"]).poses_3d, poses.poses_3d)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"subjects": ["S2"]}, "no subject S2 in the data; it has S1, S5."),
        ({"actions": ["Walk"]}, "no action Walk in the data; it has Walking, Sitting."),
        ({"cameras": ["54138969"]}, "no camera 54138969 in the data; it has left, right."),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(poses, selection, message):
    with pytest.raises(InputError, match=message):
        poses.select(**selection)


def test_joints_are_mapped_by_name(poses):
    target = datasets.target()
    mapped = target.to_skeleton(H36M17)
    for name in ("Head", "LWrist", "RFoot", "Thorax"):
        own = MPI_INF_3DHP17.meanings.index(name)
        np.testing.assert_array_equal(mapped.poses_2d[:, H36M17.joints.index(name)], target.poses_2d[:, own])
    assert mapped.poses_3d.flags["C_CONTIGUOUS"]
    assert poses.to_skeleton(H36M16).poses_3d.shape[1] == 16


def test_a_row_can_be_named(poses):
    assert poses.place(0) == "S1 Walking 1, camera left, row 0 as read"
    assert poses.place(20 * 7 + 4) == "S5 Walking 1, camera right, row 144 as read"


def test_several_data_sets_become_one(poses):
    one, two = poses.select(subjects=["S1"]), poses.select(subjects=["S5"])
    joined = concatenate([one, two])
    np.testing.assert_array_equal(joined.poses_3d, poses.poses_3d)
    assert keys(joined) == keys(poses)
    lenses = [joined.cameras[row] for row in joined.camera]
    assert lenses == [poses.cameras[row] for row in poses.camera]
    assert [s.start for s in joined.sequences] == [s.start for s in poses.sequences]


def test_the_same_sequence_twice_is_refused(poses):
    with pytest.raises(InputError, match="S1 Walking 1 .camera left. is both in source.npz and in source.npz"):
        concatenate([poses, replace(poses)])


def test_unlike_data_sets_are_refused(poses):
    with pytest.raises(InputError, match="joints of h36m17, target.mat of 3dhp17"):
        concatenate([poses, datasets.target()])
    flat = replace(datasets.target().to_skeleton(H36M17), poses_3d=None)
    with pytest.raises(InputError, match="target.mat has 2D poses, source.npz has none|source.npz has 3D poses"):
        concatenate([poses, flat])


def test_columns_must_fit(poses):
    with pytest.raises(InputError, match=r"poses_3d has shape \(9, 17, 3\), expected \(240, 17, 3\)"):
        replace(poses, poses_3d=poses.poses_3d[:9])
    with pytest.raises(InputError, match="Sequences cover 220 rows"):
        replace(poses, sequences=poses.sequences[1:])


def test_a_data_set_introduces_itself(poses):
    text = repr(replace(poses, origin=Origin("videopose3d")))
    assert text == "<PoseDataset videopose3d: 240 poses (3D, h36m17), 12 sequences, 2 subjects, 2 cameras>"


def test_rows_as_read_go_on_counting_in_the_next_data_set(poses):
    shuffled = replace(poses, rows=np.arange(len(poses))[::-1].copy(), origin=Origin("memory"))
    joined = concatenate([shuffled, replace(poses, origin=Origin("memory"))])
    assert joined.rows[: len(poses)].tolist() == list(range(len(poses)))[::-1]
    assert joined.rows[len(poses) :].tolist() == list(range(len(poses), 2 * len(poses)))


def test_joints_count_as_visible_where_nothing_is_said(poses):
    hidden = replace(poses, visible=np.zeros(poses.poses_3d.shape[:2], bool), origin=Origin("memory"))
    joined = concatenate([replace(poses, origin=Origin("memory")), hidden])
    assert joined.visible[: len(poses)].all()
    assert not joined.visible[len(poses) :].any()


def test_names_that_no_terminal_can_hold_are_escaped():
    named = datasets.source(actions=("red\x1b[31m\n", "lone \ud800", "schön 歩く"))
    found = with_printable_names(named)
    assert found.actions == ("red\\x1b[31m\\n", "lone \\ud800", "schön 歩く")
    assert with_printable_names(found) is found
    assert [s[3:] for s in found.sequences] == [s[3:] for s in named.sequences]


def test_no_more_cameras_than_a_column_can_point_to(poses):
    many = replace(poses, cameras=poses.cameras * 20_000)
    concatenate([many, replace(poses, origin=Origin("other"))])
    with pytest.raises(InputError, match=r"80,000 cameras together; the limit is 65,536"):
        concatenate([many, replace(many, origin=Origin("other"))])
