import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_h36m as h

WALK = h.world_mm(9, "Walking", 1)


def fetched(**changes):
    return h.fetched(WALK, "S1", (14, 2), **changes)


def one(folder, parts=None, place="processed/S1/Walking-2"):
    return h.write_h10(folder / place / "annot.h5", fetched() if parts is None else parts)


def codes(dataset):
    return {problem.code for problem in dataset.origin.problems}


def test_four_cameras_follow_each_other(tmp_path):
    found = read(one(tmp_path))
    assert [(s.camera, s.start, s.length) for s in found.sequences] == [
        (camera, 5 * number, 5) for number, camera in enumerate(w.CAMERAS)
    ]
    for sequence in found.sequences:
        rows = slice(sequence.start, sequence.start + 5)
        expected = w.h36m_view(WALK[::2, h.USED] / 1000, "S1", sequence.camera)
        np.testing.assert_allclose(found.poses_3d[rows], expected, atol=1e-5)


def test_camera_column_is_believed_not_the_place(tmp_path):
    parts = fetched()
    turned = {name: np.roll(values, 5, axis=0) for name, values in parts.items() if not name.startswith("intrin")}
    found = read(one(tmp_path, parts | turned))
    assert [s.camera for s in found.sequences] == ["60457274", "54138969", "55011271", "58860488"]


def test_rows_out_of_order_are_put_into_the_order_of_time(tmp_path):
    parts = fetched()
    mixed = np.random.default_rng(3).permutation(20)
    found = read(one(tmp_path, parts | {n: v[mixed] for n, v in parts.items() if not n.startswith("intrin")}))
    for sequence in found.sequences:
        rows = slice(sequence.start, sequence.start + sequence.length)
        expected = w.h36m_view(WALK[::2, h.USED] / 1000, "S1", sequence.camera)
        np.testing.assert_allclose(found.poses_3d[rows], expected, atol=1e-5)
        # What `rows` says leads back to the file.
        place = found.rows[rows]
        assert parts["frame"][mixed][place].tolist() == [1, 3, 5, 7, 9]
        assert set(parts["camera"][mixed][place]) == {int(sequence.camera)}


def test_rows_count_through_all_files(tmp_path):
    one(tmp_path)
    one(tmp_path, h.fetched(WALK[:4], "S1", (14, 1)), "processed/S1/Walking-1")
    found = read(tmp_path)
    assert found.rows.tolist() == list(range(28))
    assert [s.length for s in found.sequences] == [2] * 4 + [5] * 4


def test_published_intrinsics_are_used_and_that_is_said(tmp_path):
    found = read(one(tmp_path))
    lens = found.cameras[0].intrinsics
    assert (lens.fx, lens.fy, lens.cx, lens.cy) == pytest.approx(w.H36M_LENSES["54138969"][0], abs=1e-3)
    assert any("published intrinsics used" in note for note in found.origin.notes)


def test_intrinsics_are_not_needed(tmp_path):
    changes = {f"{kind}/{camera}": None for kind in ("intrinsics", "intrinsics-univ") for camera in w.CAMERAS}
    assert len(read(one(tmp_path, fetched(**changes)))) == 20


@pytest.mark.parametrize(
    ("subject", "ids", "name"),
    [
        ("S1", (12, 1), "Photo 1"),
        ("S1", (16, 2), "WalkTogether"),
        ("S9", (10, 1), "SittingDown"),
        ("S9", (10, 2), "SittingDown 1"),
        ("S1", (4, 1), "Eating 2"),
        ("S1", (2, 2), "Directions"),
    ],
)
def test_names_differ_from_subactions(subject, ids, name, tmp_path):
    found = read(h.write_h10(tmp_path / "annot.h5", h.fetched(WALK, subject, ids)))
    assert {(s.subject, s.action) for s in found.sequences} == {(subject, name)}


def test_camera_that_is_not_there(tmp_path):
    # So it is with S11's Directions-2, one of whose videos is damaged.
    found = read(one(tmp_path, h.fetched(WALK, "S1", (14, 2), w.CAMERAS[1:])))
    assert [s.camera for s in found.sequences] == w.CAMERAS[1:]


def test_universal_poses_in_place_of_the_subjects_own(tmp_path):
    parts = fetched()
    with pytest.raises(ArchiveError, match=r"annot\.h5: pose/3d: camera 54138969 projects it .*pose/3d-univ\?"):
        read(one(tmp_path, parts | {"pose/3d": parts["pose/3d-univ"]}))


def shifted(parts):
    return parts | {"pose/2d": parts["pose/2d"] + 3}


def exchanged(parts):
    return parts | {"camera": np.repeat([int(c) for c in w.CAMERAS[::-1]], 5)}


WRONG = {
    "metres": (lambda p: p | {"pose/3d": p["pose/3d"] / 1000}, "in m, this layout has them in mm"),
    "world space": (lambda p: p | {"pose/3d": np.tile(WALK[::2], (4, 1, 1))}, "not in the camera's own space"),
    "other order": (lambda p: p | {"pose/3d": p["pose/3d"][:, ::-1]}, "not in the order"),
    "normalised": (lambda p: p | {"pose/2d": p["pose/2d"] / 1000 - 0.5}, "they are normalised"),
    "2D of elsewhere": (shifted, "px beside pose/2d"),
    "cameras exchanged": (exchanged, "px beside pose/2d|see 0%"),
    "unknown camera": (lambda p: p | {"camera": p["camera"] - 1}, "camera: camera 54138968, expected 54138969"),
    "camera numbers 0 to 3": (lambda p: p | {"camera": np.repeat(np.arange(4), 5)}, "camera: camera 0, expected"),
    "two subjects": (lambda p: p | {"subject": np.arange(20)}, r"subject: values \[0, 1, .*one sequence"),
    "action 1": (lambda p: p | {"action": np.full(20, 1)}, "no sequence of the release has these ids"),
    "subject 12": (lambda p: p | {"subject": np.full(20, 12)}, "no sequence of the release has these ids"),
    "another folder's": (lambda p: p | {"subject": np.full(20, 9)}, "folder of S1, and says to be of S9"),
    "no rows": (lambda p: {n: v[:0] for n, v in p.items()}, r"values \[\], expected one sequence"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(change, said, tmp_path):
    with pytest.raises(ArchiveError, match=rf"annot\.h5: .*({said})"):
        read(one(tmp_path, change(fetched())))


REFUSED = {
    "no 2D": ({"pose/2d": None}, "h36m-fetch: lacks data sets pose/2d"),
    "no frames": ({"frame": None}, "h36m-fetch: lacks data sets frame"),
    "17 joints": ({"pose/3d": np.zeros((20, 17, 3))}, r"pose/3d is float64 \(20, 17, 3\), expected"),
    "fewer rows": ({"camera": np.zeros(5, int)}, r"camera is int64 \(5,\), expected"),
    "ids that are no numbers": ({"action": np.zeros(20)}, "action is float64"),
    "two columns of frames": ({"frame": np.zeros((20, 2), int)}, "frame is int64|pose/3d is"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_data_sets_that_are_not_the_layout_s(changes, said, tmp_path):
    with pytest.raises(UnknownLayoutError, match=said):
        read(one(tmp_path, fetched(**changes)))


def test_files_from_before_subactions(tmp_path):
    with pytest.raises(UnknownLayoutError, match="h36m-fetch: lacks data sets pose/3d, subaction"):
        read(one(tmp_path, fetched(**{"pose/3d": None, "subaction": None})))


def test_same_sequence_twice(tmp_path):
    one(tmp_path)
    one(tmp_path, h.fetched(WALK[:4], "S1", (14, 2)), "copy/S1/Walking-2")
    with pytest.raises(InputError, match="are both S1 Walking"):
        read(tmp_path)


def test_known_defects_are_told(tmp_path):
    found = read(h.write_h10(tmp_path / "annot.h5", h.fetched(WALK, "S9", (5, 2))))
    assert "s9-damaged" in codes(found)
