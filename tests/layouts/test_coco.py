import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers_2d as d

POINTS = d.coco_people(6, 71)


def results(tmp_path, people, name="results.json"):
    return read(d.write_json(tmp_path / name, people))


def labelled(tmp_path, images, people, **options):
    return read(d.write_json(tmp_path / "labels.json", d.annotations(images, people, **options)))


def flagged(points, image, flags):
    entry = d.person(points, image)
    for joint, flag in flags.items():
        entry["keypoints"][3 * joint + 2] = flag
    return entry


def codes(found):
    return {problem.code: problem.message for problem in found.origin.problems}


def test_person_who_lacks_a_joint_is_invalid_and_counted(tmp_path):
    people = [d.person(POINTS[0], 1), flagged(POINTS[1], 2, {15: 0}), flagged(POINTS[2], 3, {1: 0})]
    found = results(tmp_path, people)
    place = found.skeleton.position
    assert np.isfinite(found.poses_2d[0]).all()
    assert np.isnan(found.poses_2d[1, place["LFoot"]]).all() and np.isfinite(found.poses_2d[1, place["LKnee"]]).all()
    assert np.isnan(found.poses_2d[2, place["Head"]]).all() and np.isfinite(found.poses_2d[2, place["Hip"]]).all()
    assert "2 of 3 people lack" in codes(found)["missing-joints"]
    assert "left_eye 1" in codes(found)["missing-joints"] and "left_ankle 1" in codes(found)["missing-joints"]
    expected = np.ones((3, 17), bool)
    expected[1, place["LFoot"]] = expected[2, place["Head"]] = False
    np.testing.assert_array_equal(found.visible, expected)


def test_missing_hip_takes_pelvis_and_spine_with_it(tmp_path):
    found = results(tmp_path, [flagged(POINTS[0], 1, {11: 0}), d.person(POINTS[1], 2)])
    gone = {joint for joint, index in found.skeleton.position.items() if np.isnan(found.poses_2d[0, index]).all()}
    assert gone == {"LHip", "Hip", "Spine"}


def test_ears_are_not_needed(tmp_path):
    found = results(tmp_path, [flagged(POINTS[0], 1, {3: 0, 4: 0})])
    assert np.isfinite(found.poses_2d).all()
    assert codes(found) == {}


def test_people_without_keypoints_are_left_out_and_counted(tmp_path):
    empty = d.person(np.zeros((17, 2)), 2)
    empty["keypoints"] = [0] * 51
    people = [d.person(POINTS[0], 1), empty, {"image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9]}]
    people += [d.person(POINTS[1], 2) | {"category_id": 17}]
    found = labelled(tmp_path, [d.image(1, "a.jpg"), d.image(2, "b.jpg")], people)
    assert len(found) == 1
    assert codes(found)["no-keypoints"] == (
        "left out: 1 with all keypoints 0 and 2 of other categories, or without keypoints"
    )


def test_visibility_that_a_results_file_does_not_use(tmp_path):
    people = [d.person(POINTS[i], i) for i in range(2)]
    for entry in people:
        entry["keypoints"][2::3] = [0] * 17
    people[1]["keypoints"][:2] = [0, 0]
    found = results(tmp_path, people)
    assert np.isfinite(found.poses_2d[0]).all()
    assert np.isnan(found.poses_2d[1, found.skeleton.position["Neck/Nose"]]).all()


def test_rows_are_those_of_the_file(tmp_path):
    people = [d.person(POINTS[i], f"img_{i}.jpg") for i in (2, 0, 1)]
    found = results(tmp_path, people)
    np.testing.assert_allclose(found.poses_2d, d.as_h36m17(POINTS[:3]), atol=2e-3)
    assert found.rows.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("names", "sequences"),
    [
        (["cam1/1.jpg", "cam2/1.jpg", "cam1/2.jpg"], [("cam1", 2), ("cam2", 1)]),
        (["a\\x\\1.png", "a\\x\\2.png", "a\\y\\1.png"], [("a/x", 2), ("a/y", 1)]),
        (["walk_000001.jpg", "run_000001.jpg", "walk_000002.jpg"], [("walk", 2), ("run", 1)]),
        (["S1_Directions_1.54138969_000001.jpg"] * 3, [("S1_Directions_1.54138969", 3)]),
        (["000000000001.jpg", "000000000002.jpg", "000000000003.jpg"], [("labels", 3)]),
        (["x.jpg", "y.jpg", "z.jpg"], [("labels", 3)]),
    ],
    ids=["folders", "folders of Windows", "numbered names", "names of Human3.6M", "numbers", "names that tell nothing"],
)
def test_sequences_as_the_names_tell_them(names, sequences, tmp_path):
    images = [d.image(i, name) for i, name in enumerate(names)]
    found = labelled(tmp_path, images, [d.person(POINTS[i], i) for i in range(3)])
    assert [(s.subject, s.length) for s in found.sequences] == sequences


def test_images_of_several_sizes(tmp_path):
    images = [d.image(1, "a.jpg", 1920, 1080), d.image(2, "b.jpg", 1080, 1920)]
    found = labelled(tmp_path, images, [d.person(POINTS[0], 1), d.person(POINTS[1] - [400, 0], 2)])
    assert found.camera_names == ("1920x1080", "1080x1920")
    assert "2 sizes" in codes(found)["image-sizes"]


def test_results_with_the_images_of_an_annotations_file(tmp_path):
    images = [d.image(i, f"walk/{i}.jpg") for i in (1, 2)]
    d.write_json(tmp_path / "labels.json", d.annotations(images, [d.person(POINTS[5], 1)]))
    d.write_json(tmp_path / "results.json", [d.person(POINTS[i], i + 1, score=0.5 + i / 10) for i in range(2)])
    found = read(tmp_path)
    np.testing.assert_allclose(found.poses_2d, d.as_h36m17(POINTS[:2]), atol=2e-3)
    assert [s[:3] for s in found.sequences] == [("walk", "people", "1920x1080")]
    assert any("people of " in note and "results.json, images of" in note for note in found.origin.notes)
    assert any("scores 0.5 to 0.6" in note for note in found.origin.notes)


def test_annotations_files_may_count_their_images_alike(tmp_path):
    for name, first in (("one.json", 0), ("other.json", 3)):
        people = [d.person(POINTS[first + i], i) for i in range(2)]
        d.write_json(tmp_path / name, d.annotations([d.image(i, f"img_{i}.jpg") for i in range(2)], people))
    found = read(tmp_path)
    label = tmp_path.name
    assert [(s.subject, s.length) for s in found.sequences] == [(f"{label}/one/img", 2), (f"{label}/other/img", 2)]
    assert found.rows.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found.poses_2d, d.as_h36m17(POINTS[[0, 1, 3, 4]]), atol=2e-3)


def test_results_of_images_that_two_files_describe(tmp_path):
    for name in ("one.json", "other.json"):
        d.write_json(tmp_path / name, d.annotations([d.image(1, name)], [d.person(POINTS[0], 1)]))
    d.write_json(tmp_path / "results.json", [d.person(POINTS[0], 1)])
    with pytest.raises(InputError, match="images of the same id"):
        read(tmp_path)


IMAGE = [d.image(1, "a.jpg")]
WRONG = {
    "18 keypoints": (
        lambda p: [p | {"keypoints": p["keypoints"] + [1, 2, 3]}],
        "keypoints are 54 numbers, expected 51",
    ),
    "text": (lambda p: [p | {"keypoints": ["a"] * 51}], "no numbers"),
    "lists": (lambda p: [p | {"keypoints": [[1, 2, 3]] * 51}], "no numbers"),
    "huge number": (lambda p: [p | {"keypoints": [10**400] * 51}], "no numbers"),
    "no list": (lambda p: [p | {"keypoints": "none"}], "keypoints are str"),
    "person without image": (lambda p: [p, {"keypoints": p["keypoints"]}], "expected an object with an image_id"),
    "normalised": (lambda p: [d.person(POINTS[0] / 1920, 1)], "normalised or empty"),
    "other order": (lambda p: [d.person(d.as_h36m17(POINTS)[0], 1)], "not in COCO's order"),
    "unknown image": (lambda p: [p | {"image_id": 99}], "image 99, which is not among the 1 images"),
    "outside": (lambda p: [d.person(POINTS[0] + 1500, 1)], r"outside of their images \(1920 x 1080\)"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG)
def test_what_contradicts_the_layout(change, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"^labels\.json: .*{said}"):
        labelled(tmp_path, IMAGE, change(d.person(POINTS[0], 1)))


def test_keypoints_of_other_names(tmp_path):
    other = d.PERSON | {"keypoints": ["Pelvis", "R_Hip", *d.COCO_JOINTS[2:]]}
    with pytest.raises(ArchiveError, match="keypoints Pelvis, R_Hip, .*expected COCO's 17 .*layout `plain`"):
        labelled(tmp_path, IMAGE, [d.person(POINTS[0], 1)], categories=[other])


def test_categories_that_name_no_keypoints(tmp_path):
    assert len(labelled(tmp_path, IMAGE, [d.person(POINTS[0], 1)], categories=[{"id": 1, "name": "person"}])) == 1


def test_two_images_of_one_id(tmp_path):
    with pytest.raises(ArchiveError, match="two images have the id 1"):
        labelled(tmp_path, IMAGE * 2, [d.person(POINTS[0], 1)])


def test_nobody(tmp_path):
    entry = d.person(POINTS[0], 1) | {"keypoints": [0] * 51}
    with pytest.raises(InputError, match="nobody in it has keypoints"):
        results(tmp_path, [entry])


@pytest.mark.parametrize(
    "tree",
    [
        [],
        {},
        [1, 2],
        {"images": [], "annotations": []},
        {"images": [], "annotations": {}},
        {"54138969": {"R": [[1]]}},
        3,
    ],
    ids=str,
)
def test_other_json_is_no_keypoint_file(tree, tmp_path):
    with pytest.raises(ArchiveError, match=r"^results\.json: ") as caught:
        results(tmp_path, tree)
    assert "coco" not in str(caught.value)


def test_boxes_without_keypoints(tmp_path):
    with pytest.raises(UnknownLayoutError, match="coco: lacks keypoints"):
        results(tmp_path, [{"image_id": 1, "bbox": [1, 2, 3, 4]}])


def test_json_that_ends_early(tmp_path):
    path = d.write_json(tmp_path / "results.json", [d.person(POINTS[0], 1)])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DamagedArchiveError, match=r"^results\.json: no valid JSON .*fetch it again"):
        read(path)


@pytest.mark.parametrize("identity", [[1], {"id": 1}, None, 1.5])
def test_categories_may_have_any_id(identity, tmp_path):
    category = {"id": identity, "name": "person", "keypoints": d.COCO_JOINTS}
    people = [d.person(POINTS[0], 1) | {"category_id": identity}, d.person(POINTS[1], 1)]
    found = labelled(tmp_path, [d.image(1, "a.jpg")], people, categories=[category])
    np.testing.assert_allclose(found.poses_2d, d.as_h36m17(POINTS[:1]), atol=2e-3)


def test_categories_without_a_list_of_keypoints_say_nothing(tmp_path):
    category = {"id": 1, "name": "person", "keypoints": True}
    assert len(labelled(tmp_path, [d.image(1, "a.jpg")], [d.person(POINTS[0], 1)], categories=[category])) == 1


def test_numbers_that_no_float_holds(tmp_path):
    people = [d.person(POINTS[0], 1, score=10**400), d.person(POINTS[1], 1, score=0.5)]
    found = labelled(tmp_path, [d.image(1, "a.jpg", 10**400, 10**400)], people)
    assert any("scores 0.5 to 0.5" in note for note in found.origin.notes)
    assert found.cameras[0].intrinsics is None and found.cameras[0].name == "labels"


def test_sizes_that_are_no_numbers_are_not_known(tmp_path):
    found = labelled(tmp_path, [d.image(1, "a.jpg", True, True)], [d.person(POINTS[0], 1)])
    assert [camera.name for camera in found.cameras] == ["labels"]
