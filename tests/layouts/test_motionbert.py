import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_npz as n

NAME = "h36m_sh_conf_cam_source_final.pkl"


def problems(dataset):
    return {problem.code: problem.message for problem in dataset.origin.problems}


def changed(tmp_path, split, **fields):
    """The pickle with some fields of one split replaced, or taken out where they are None."""

    def change(tree):
        tree[split] |= fields
        for name in [name for name, value in fields.items() if value is None]:
            del tree[split][name]

    return n.write_h9(tmp_path / NAME, change)


def test_3d_is_not_read_and_why(tmp_path):
    found = read(n.write_h9(tmp_path / NAME))
    assert found.poses_3d is None
    assert found.origin.stored[1:] == (None, None, "pixels")
    assert "how far from the camera people are" in problems(found)["3d-not-read"]


def test_2d_is_the_detections_not_the_projection(tmp_path):
    path = changed(tmp_path, "test", joint3d_image=np.full((44, 17, 3), 7.0))
    assert read(path).poses_2d.min() > 50


# Names of the release's damaged sequences by action and subaction; the number in a name is not the subaction's.
DAMAGED = {
    "s_09_act_05_subact_02_ca_01": "Greeting",
    "s_09_act_10_subact_02_ca_01": "SittingDown 1",
    "s_09_act_13_subact_01_ca_01": "Waiting 1",
}


@pytest.mark.parametrize(("source", "action"), DAMAGED.items(), ids=DAMAGED)
def test_sequences_that_the_evaluation_leaves_out(source, action, tmp_path):
    def change(tree):
        del tree["train"]
        tree["test"]["source"] = [source] * 44
        del tree["test"]["camera_name"]

    found = read(n.write_h9(tmp_path / NAME, change))
    assert [sequence[:3] for sequence in found.sequences] == [("S9", action, "54138969")]
    assert f"S9 {action}: the ground truth has an offset" in problems(found)["s9-damaged"]


@pytest.mark.parametrize("kept", ["train", "test"])
def test_one_split_alone(kept, tmp_path):
    def change(tree):
        del tree[{"train": "test", "test": "train"}[kept]]

    assert read(n.write_h9(tmp_path / NAME, change)).subjects == ({"train": "S1", "test": "S9"}[kept],)


def test_rows_of_a_source_that_lie_apart(tmp_path):
    path = n.write_h9(tmp_path / NAME)
    plain = read(path)
    order = np.arange(20).reshape(4, 5).T.reshape(-1)  # the four cameras in turn

    def change(tree):
        train = tree["train"]
        for name in ("joint_2d", "camera_name"):
            train[name] = train[name][order]
        train["source"] = [train["source"][row] for row in order]

    found = read(n.write_h9(path, change))
    assert found.sequences == plain.sequences
    np.testing.assert_array_equal(found.poses_2d, plain.poses_2d)
    np.testing.assert_array_equal(found.rows[:10], [0, 4, 8, 12, 16, 1, 5, 9, 13, 17])
    np.testing.assert_array_equal(found.rows[20:], np.arange(20, 64))


def test_a_third_column_and_a_confidence_of_another_shape(tmp_path):
    plain = read(n.write_h9(tmp_path / "plain.pkl"))
    pixels = n.flagged(np.concatenate([row[2] for row in n.h36m_rows() if row[0][0] == "S1"]))
    path = changed(tmp_path, "train", joint_2d=pixels, confidence=np.ones((20, 17, 1)))
    np.testing.assert_array_equal(read(path).poses_2d, plain.poses_2d)


def test_names_in_lists_and_in_arrays(tmp_path):
    plain = read(n.write_h9(tmp_path / "plain.pkl"))

    def change(tree):
        for split in tree.values():
            split["camera_name"], split["source"] = list(split["camera_name"]), np.array(split["source"], "S")

    assert read(n.write_h9(tmp_path / NAME, change)).sequences == plain.sequences


WRONG = {
    "another camera": ({"camera_name": np.array(["55011271"] * 20)}, "camera_name.*55011271 in rows of s_01_.*_ca_01"),
    "too few sources": ({"source": ["s_01_act_09_subact_02_ca_01"] * 19}, r"source.*expected text of shape \(20,\)"),
    "numbers for sources": ({"source": list(range(20))}, "source.*expected text"),
    "no sequence": ({"source": ["s_01_act_09_subact_03_ca_01"] * 20}, "is no sequence of Human3.6M"),
    "no camera": ({"source": ["s_01_act_09_subact_02_ca_05"] * 20}, "is no sequence of Human3.6M"),
    "no subject": ({"source": ["s_12_act_09_subact_02_ca_01"] * 20}, "is no sequence of Human3.6M"),
    "other names": ({"source": ["TS1"] * 20}, "'TS1' is no sequence of Human3.6M; expected names like 's_09_act_05"),
    "in both splits": (
        {"source": ["s_09_act_14_subact_01_ca_01"] * 20, "camera_name": None},
        "S9 Walking 1 54138969 is in both splits",
    ),
    "16 joints": ({"joint_2d": np.ones((20, 16, 2))}, r"joint_2d.*float64 \(20, 16, 2\), expected numbers"),
    "a list": ({"joint_2d": [[1, 2]]}, "joint_2d.*expected numbers"),
    "normalised": ({"joint_2d": np.full((20, 17, 2), 0.4)}, "joint_2d.*normalised"),
    "no source": ({"source": None}, r"content\['train'\]: lacks source"),
}


@pytest.mark.parametrize(("fields", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(fields, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^{NAME}: .*{said}"):
        read(changed(tmp_path, "train", **fields))


def test_detections_in_another_order_of_joints(tmp_path):
    def change(tree):
        for split in tree.values():
            split["joint_2d"] = split["joint_2d"][:, ::-1]

    with pytest.raises(ArchiveError, match="hip distances off the middle of the hips: not in the order of h36m17"):
        read(n.write_h9(tmp_path / NAME, change))


def test_no_rows(tmp_path):
    def change(tree):
        del tree["test"]
        tree["train"] = {"joint_2d": np.empty((0, 17, 2)), "source": [], "camera_name": []}

    with pytest.raises(InputError, match="no pose in it"):
        read(n.write_h9(tmp_path / NAME, change))


def test_two_detectors(tmp_path):
    n.write_h9(tmp_path / NAME)
    n.write_h9(tmp_path / "h36m_cpn_cam_source.pkl", lambda tree: tree["test"]["joint_2d"].__iadd__(1))
    with pytest.raises(InputError, match="several detectors. Name one of them"):
        read(tmp_path)


# ------------------------------------------------------------------ pickles of others


def reordered(first):
    def change(tree):
        for split, fields in tree.items():
            tree[split] = {first: fields[first], **fields}

    return change


@pytest.mark.parametrize("first", ["joint3d_image", "confidence", "camera_name", "source"])
def test_fields_in_another_order(first, tmp_path, monkeypatch):
    """Large arrays end what is looked at: the field that tells may lie behind."""
    monkeypatch.setattr("poseda_cli.storage.pickles.PEEK", 200)
    n.write_h9(tmp_path / NAME, reordered(first))
    assert read(tmp_path / NAME).origin.layout == "motionbert"


FRAMES = {
    "H36M-Toolbox": {"joints_3d_camera": np.zeros((17, 3)), "image": "s_01_act_02_subact_01_ca_01_000001.jpg"},
    "LCN": {"videoid": 0, "cameraid": 1, "joint_3d_image": np.zeros((17, 3)), "root_depth": 4000.0},
}
OTHERS = {
    **{name: ([frame] * 3, "a list of frames as H36M-Toolbox and LCN pickle it") for name, frame in FRAMES.items()},
    "clip": (
        {"data_input": np.zeros((243, 17, 3)), "data_label": np.zeros((243, 17, 3))},
        "one clip of those that MotionBERT cuts .*Give the pickle that it was cut from",
    ),
    "LCN's detections": (
        {
            split: {"joint3d_image": np.zeros((9, 17, 3)), "confidence": np.ones((9, 17, 1))}
            for split in ("train", "test")
        },
        "LCN's pickle of detections, which has no source",
    ),
    "something": ({"train": {"images": np.zeros((9, 8, 8))}}, "lacks joint_2d and source"),
}


@pytest.mark.parametrize(("tree", "said"), OTHERS.values(), ids=OTHERS)
def test_pickles_of_others_are_called_by_their_names(tree, said, tmp_path):
    n.dump(tmp_path / "h36m_train.pkl", tree)
    with pytest.raises(UnknownLayoutError, match=f"motionbert: .*{said}"):
        read(tmp_path / "h36m_train.pkl")


@pytest.mark.parametrize("tree", [{}, [], 3, {"train": 3}, {"train": {}}, {"train": {"joint_2d": 1}, "validate": {}}])
def test_nothing_like_it_is_not_mentioned(tree, tmp_path):
    n.dump(tmp_path / "x.pkl", tree)
    with pytest.raises(UnknownLayoutError) as refused:
        read(tmp_path / "x.pkl")
    assert "motionbert" not in str(refused.value)


def test_it_is_a_target(tmp_path):
    """What it is for: its 2D has cameras, without which nothing can be aligned to it."""
    found = read(n.write_h9(tmp_path / NAME))
    assert {camera.name: camera.intrinsics.fx for camera in found.cameras} == pytest.approx(
        {name: lens[0] for name, (lens, *_) in w.H36M_LENSES.items()}
    )
