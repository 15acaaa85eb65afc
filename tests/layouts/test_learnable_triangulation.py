import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_h36m as h

WALK = h.world_mm(6, "Walking", 1)
ONE = [("S1", "Walking", WALK)]


def write(folder, tree=None, name="human36m-multiview-labels-GTbboxes.npy"):
    return h.write_npy(folder / name, h.labels(ONE) if tree is None else tree)


def codes(dataset):
    return {problem.code: problem for problem in dataset.origin.problems}


def test_joint_order_as_its_authors_take_it_from_the_32(tmp_path):
    found = read(write(tmp_path))
    seen = w.h36m_view(WALK / 1000, "S1", "54138969")
    for name, raw in (("Hip", 0), ("RFoot", 3), ("LHip", 6), ("Neck/Nose", 14), ("Head", 15), ("RWrist", 27)):
        np.testing.assert_allclose(found.poses_3d[:6, w.H36M_JOINTS.index(name)], seen[:, raw], atol=1e-5)


def test_missing_views_are_not_there(tmp_path):
    # The second camera did not record row 2, the fourth nothing of it.
    gaps = [(0, 1, 2), *((0, 3, row) for row in range(6))]
    found = read(write(tmp_path, h.labels(ONE, missing=gaps)))
    assert [(s.camera, s.length) for s in found.sequences] == [("54138969", 6), ("55011271", 5), ("58860488", 6)]
    expected = w.h36m_view(WALK[[0, 1, 3, 4, 5]][:, h.USED] / 1000, "S1", "55011271")
    np.testing.assert_allclose(found.poses_3d[6:11], expected, atol=1e-5)
    assert "7 of 24 views are missing" in codes(found)["views-missing"].message


def test_box_at_the_edge_is_no_missing_view(tmp_path):
    tree = h.labels(ONE)
    tree["table"]["bbox_by_camera_tlbr"][:, 0] = [0, 0, 900, 900]
    assert len(read(write(tmp_path, tree))) == 24


def test_no_view_at_all(tmp_path):
    tree = h.labels(ONE)
    tree["table"]["bbox_by_camera_tlbr"] = 0
    with pytest.raises(InputError, match="no view of any moment"):
        read(write(tmp_path, tree))


def test_rows_out_of_order_are_put_into_the_order_of_time(tmp_path):
    tree = h.labels(h.worlds())
    expected = {}
    for subject, action, world in h.worlds():
        expected[subject, action] = w.h36m_view(world[:, h.USED] / 1000, subject, "58860488")
    tree["table"] = tree["table"][np.random.default_rng(1).permutation(16)]
    found = read(write(tmp_path, tree))
    assert len(found.sequences) == 12
    for sequence in found.sequences:
        if sequence.camera == "58860488":
            rows = slice(sequence.start, sequence.start + sequence.length)
            np.testing.assert_allclose(found.poses_3d[rows], expected[sequence[:2]], atol=1e-5)


def test_cameras_go_by_their_names(tmp_path):
    tree = h.labels(ONE, missing=[(0, 0, 1)])
    tree["camera_names"] = tree["camera_names"][::-1]
    tree["cameras"] = tree["cameras"][:, ::-1].copy()
    found = read(write(tmp_path, tree))
    assert [(s.camera, s.length) for s in found.sequences] == list(zip(w.CAMERAS[::-1], (5, 6, 6, 6), strict=True))
    np.testing.assert_allclose(found.poses_3d[5:11], w.h36m_view(WALK[:, h.USED] / 1000, "S1", "58860488"), atol=1e-5)
    assert "cameras-differ" not in codes(found)


@pytest.mark.parametrize(
    ("subject", "label", "name"),
    [
        ("S1", "TakingPhoto-1", "Photo 1"),
        ("S1", "WalkingDog-2", "WalkDog"),
        ("S1", "WalkingTogether-1", "WalkTogether 1"),
        ("S1", "Eating-1", "Eating 2"),
        ("S9", "SittingDown-1", "SittingDown"),
        ("S9", "SittingDown-2", "SittingDown 1"),
        ("S9", "Discussion-2", "Discussion 2"),
    ],
)
def test_names_differ_from_subactions(subject, label, name, tmp_path):
    tree = h.labels([(subject, "Walking", WALK)])
    tree["action_names"][0] = label
    found = read(write(tmp_path, tree))
    assert {(s.subject, s.action) for s in found.sequences} == {(subject, name)}


def centre_for_t(rows):
    for j, camera in enumerate(w.CAMERAS):
        rows[0, j]["t"] = np.array(w.H36M_PLACES["S1"][camera][1])[:, None]


def opencv_order(rows):
    rows["dist"] = rows["dist"][..., [0, 1, 4, 2, 3]]


def other_lens(rows):
    rows["K"][0, 2, 0, 0] += 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (centre_for_t, "S1 54138969 (centre), S1 55011271 (centre)"),
        (opencv_order, "S1 54138969 (distortion)"),
        (other_lens, "S1 58860488 (focal length): other"),
    ],
    ids=["centre in place of -R C", "k3 before p1", "other lens"],
)
def test_cameras_that_differ_from_the_published_ones(change, said, tmp_path):
    tree = h.labels(ONE)
    published = read(write(tmp_path, tree)).poses_3d
    change(tree["cameras"])
    found = read(write(tmp_path, tree))
    assert said in codes(found)["cameras-differ"].message
    np.testing.assert_array_equal(found.poses_3d, published)


def test_cameras_in_float32_are_the_published_ones(tmp_path):
    found = read(write(tmp_path, h.labels(h.worlds())))
    assert "cameras-differ" not in codes(found)


def test_cameras_missing_changes_nothing(tmp_path):
    found = read(write(tmp_path, h.labels(ONE, cameras=None)))
    assert len(found) == 24


def test_long_tables(tmp_path):
    long = h.world_mm(2000, "Walking", 2)
    found = read(write(tmp_path, h.labels([("S1", "Walking", long)])))
    assert len(found) == 8000
    np.testing.assert_allclose(found.poses_3d[:2000], w.h36m_view(long[:, h.USED] / 1000, "S1", "54138969"), atol=1e-5)


def table(change):
    tree = h.labels(ONE)
    tree["table"]["keypoints"] = change(tree["table"]["keypoints"])
    return tree


def beyond(name):
    tree = h.labels(ONE)
    tree["table"][name] = 7
    return tree


def negative(name):
    tree = h.labels(ONE)
    tree["table"][name] = -1
    return tree


def seen(keypoints):
    return np.float32(w.h36m_view(keypoints / 1000, "S1", "54138969") * 1000)


WRONG = {
    "metres": (table(lambda p: p / 1000), "in m, this layout has them in mm"),
    "camera space": (table(seen), "not in the world space"),
    "Human3.6M's order": (table(lambda p: p[:, np.argsort(h.LEARNABLE_OF_32)]), "look like h36m17"),
    "subject beyond the names": (beyond("subject_idx"), "values beyond the 2 names"),
    "action beyond the names": (negative("action_idx"), "values beyond the 4 names"),
    "no table": (h.labels(ONE, table=None), "table: NoneType, expected an array"),
    "one row": (
        h.labels(ONE, table=np.array(h.labels(ONE)["table"][0])),
        r"table: .* \(\), expected an array",
    ),
    "plain table": (h.labels(ONE, table=np.zeros((6, 51))), r"table: float64 \(6, 51\), expected an array"),
    "16 joints": (
        h.labels(ONE, table=np.zeros(6, [*h.TABLE_DTYPE[:3], ("keypoints", "f4", (16, 3)), h.TABLE_DTYPE[4]])),
        "expected an array",
    ),
    "indices that are no whole numbers": (
        h.labels(ONE, table=np.zeros(6, [("subject_idx", "f4"), *h.TABLE_DTYPE[1:]])),
        "whole numbers",
    ),
    "unknown subject": (h.labels(ONE, subject_names=["S1", "S12"]), "subject_names: S1, S12: expected names"),
    "camera twice": (h.labels(ONE, camera_names=["54138969"] * 4), "camera_names: .*each once"),
    "names that are numbers": (h.labels(ONE, action_names=[1, 2, 3, 4]), "action_names: expected a list of names"),
    "unknown action": (h.labels(ONE, action_names=["Swimming-1"] * 4), "action_names: Swimming-1: the release has no"),
    "action without number": (h.labels(ONE, action_names=["Walking"] * 4), "action_names: Walking: the release has no"),
    "cameras of one subject": (h.labels(ONE, cameras=np.zeros((1, 4), h.CAMERA_DTYPE)), "cameras: expected an array"),
    "plain cameras": (h.labels(ONE, cameras=np.zeros((2, 4))), "cameras: expected an array"),
}


@pytest.mark.parametrize(("tree", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(tree, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"GTbboxes\.npy: .*{said}"):
        read(write(tmp_path, tree))


def test_dictionary_that_lacks_names(tmp_path):
    with pytest.raises(UnknownLayoutError, match="learnable-triangulation: lacks camera_names"):
        read(write(tmp_path, h.labels(ONE, camera_names=None)))


def test_same_sequence_in_two_archives(tmp_path):
    write(tmp_path)
    write(tmp_path, h.labels([("S1", "Walking", WALK[:4])]), "human36m-multiview-labels-SSDbboxes.npy")
    with pytest.raises(InputError, match="are both S1 Walking"):
        read(tmp_path)


def test_known_defects_are_told(tmp_path):
    found = read(write(tmp_path, h.labels([("S9", "Walking", WALK)], action_names=["Greeting-2", "b", "c", "d"])))
    assert "s9-damaged" in codes(found)
