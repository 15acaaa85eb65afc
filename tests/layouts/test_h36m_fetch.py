import h5py
import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, InputError, UnknownLayoutError, UnsafeArchiveError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_h36m as h
from .streams import assert_refused_alike, assert_streams_as_read, read_few_rows, read_lazily

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
    path = one(tmp_path, change(fetched()))
    with pytest.raises(ArchiveError, match=rf"annot\.h5: .*({said})"):
        read(path)
    assert_refused_alike(path)


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
    assert_refused_alike(tmp_path)


def test_known_defects_are_told(tmp_path):
    found = read(h.write_h10(tmp_path / "annot.h5", h.fetched(WALK, "S9", (5, 2))))
    assert "s9-damaged" in codes(found)


# Left in the files


@pytest.fixture(params=[65_536, 7])
def piece(request, monkeypatch):
    """How many rows are read at once; 7 end amid cameras."""
    read_few_rows(monkeypatch, request.param)
    return request.param


def long(frames, subject="S1", ids=(14, 2), **changes):
    """Many frames of a person that moves on: checks look at some of them."""
    away = np.linspace(0, 300, frames)[:, None, None] * [1, -1, 0]
    return h.fetched(np.resize(WALK, (frames, 32, 3)) + away, subject, ids, stride=1, **changes)


def with_rows(parts, rows):
    return {name: values if name.startswith("intrin") else values[rows] for name, values in parts.items()}


ORDERS = {
    "one camera after the other": lambda frames: np.arange(4 * frames),
    "the last camera first": lambda frames: np.roll(np.arange(4 * frames), frames),
    "in turns": lambda frames: np.arange(4 * frames).reshape(4, frames).T.ravel(),
    "at random": lambda frames: np.random.default_rng(5).permutation(4 * frames),
    "the first row last": lambda frames: np.roll(np.arange(4 * frames), -1),
    "backwards in time": lambda frames: np.arange(4 * frames).reshape(4, frames)[:, ::-1].ravel(),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_streamed_as_read_in_any_order_of_rows(order, piece, tmp_path):
    parts = with_rows(long(30), order(30))  # its row 119 is the first of a piece of 7
    one(tmp_path, parts)
    one(tmp_path, long(9, "S9", (5, 2)), "processed/S9/Eating-2")
    found = assert_streams_as_read(tmp_path)
    cameras = parts["camera"].tolist()
    expected = [
        row
        for camera in dict.fromkeys(cameras)
        for row in sorted(range(120), key=lambda row: parts["frame"][row])
        if cameras[row] == camera
    ]
    assert found.load(0, len(found)).rows.tolist() == [*expected, *range(120, 156)]


@pytest.mark.parametrize("frames", [199, 200, 399, 400, 999, 1000, 1999, 2000, 2345])
def test_streamed_as_read_however_many_poses_are_checked(frames, tmp_path, monkeypatch):
    read_few_rows(monkeypatch, 300)
    parts = long(frames, cameras=w.CAMERAS[:1])
    parts["pose/2d"][frames // 2 :: 5, 6] = 0  # a joint that is used, and one that is not
    parts["pose/2d"][frames // 3 :: 5, 4] = 0
    parts["pose/3d"][3, 8, 1] = np.nan
    found = assert_streams_as_read(one(tmp_path, parts))
    missing = len(range(frames // 2, frames, 5))
    assert f"{missing:,} 2D poses have joints at 0, 0" in found.origin.problems[-1].message


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i4", "<i2"])
def test_streamed_as_read_whatever_the_numbers_are(dtype, piece, tmp_path):
    parts = long(40)
    parts["pose/3d"] = parts["pose/3d"].round(2).astype(dtype)
    if dtype.endswith("4"):
        parts["camera"] = parts["camera"].astype("u4")
    if dtype[1] == "i":  # whole millimetres project half a pixel off
        parts["pose/2d"] = h.pixels(parts["pose/3d"][:40].astype(float), w.CAMERAS[0])
        parts["pose/3d"] = parts["pose/3d"][:40]
        parts |= {name: parts[name][:40] for name in ("camera", "frame", "subject", "action", "subaction")}
    assert_streams_as_read(one(tmp_path, parts))


@pytest.mark.parametrize("change", [lambda points: points + 3, lambda points: points / 1000], ids=["moved", "tiny"])
def test_the_same_poses_are_looked_at(change, piece, tmp_path):
    """Each tenth by most checks, each second by that of pixels."""
    parts = long(2100, cameras=w.CAMERAS[:1])
    parts["pose/2d"][::10] = change(parts["pose/2d"][::10])
    path = one(tmp_path, parts)
    assert_refused_alike(path)
    with pytest.raises(ArchiveError, match="px beside"):
        read_lazily(path)


def test_arms_exchanged_are_refused_alike(piece, tmp_path):
    """Most joints project as they should."""
    parts = long(500)
    joints = np.arange(32)
    joints[[17, 18, 19, 25, 26, 27]] = 25, 26, 27, 17, 18, 19
    path = one(tmp_path, parts | {"pose/2d": parts["pose/2d"][:, joints]})
    with pytest.raises(InputError, match="S1 Walking, camera 54138969: left and right of the arms are exchanged"):
        read_lazily(path)
    assert_refused_alike(path)


def test_a_number_that_comes_after_many(piece, tmp_path):
    parts = long(40)
    parts["subaction"][-1] = 1
    assert_refused_alike(one(tmp_path, parts))


def test_poses_that_are_damaged_are_refused_before_any_is_asked_for(tmp_path):
    path = one(tmp_path, long(400))
    with h5py.File(path, "r+") as file:
        values = file["pose/2d"][()]
        del file["pose/2d"]
        file.create_dataset("pose/2d", data=values, chunks=(100, 32, 2), compression="gzip", fletcher32=True)
        place = file["pose/2d"].id.get_chunk_info(15).byte_offset
    damaged = bytearray(path.read_bytes())
    damaged[place + 40] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(DamagedArchiveError, match="pose/2d: damaged HDF5"):
        read_lazily(path)


@pytest.mark.parametrize(("rows", "member"), [(2**40, "subject"), (2**23, "pose/3d")])
def test_absurd_sizes_are_refused(rows, member, tmp_path):
    path = tmp_path / "annot.h5"
    numbers = {"camera": 54138969, "frame": 1, "subject": 1, "action": 14, "subaction": 2}
    with h5py.File(path, "w") as file:
        for name, value in numbers.items():
            file.create_dataset(name, (rows,), "i4", chunks=(1 << 16,), fillvalue=value)
        for name, width in (("pose/3d", 3), ("pose/2d", 2)):
            file.create_dataset(name, (rows, 32, width), "f8", chunks=(64, 32, width))
    with pytest.raises(UnsafeArchiveError, match=f"{member}: claims"):
        read(path)
