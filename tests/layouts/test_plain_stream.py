"""Named arrays that stay in their file: what is streamed is what is read, and nothing of it is kept."""

import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseda_cli.dataset import COLUMNS, PoseDataset, Span
from poseda_cli.errors import ArchiveError, DamagedArchiveError, InputError
from poseda_cli.layouts import in_pieces, plain, read_groups, read_groups_lazily
from poseda_cli.progress import silent
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.npz_rows import Column, write_npz_rows
from poseda_cli.streamed import StreamedDataset

from . import writers as w
from . import writers_2d as d
from .test_plain import LENS, POINTS, SEEN, WRONG

HEADS = ("skeleton", "cameras", "sequences", "origin", "absolute", "rows_as_read", "has_3d", "has_2d")
COCO = {"poses_2d": d.coco_people(6, 83), "joints": d.COCO_JOINTS}
TWO_LENSES = [d.PHONE] * 4 + [(1100.0, 1090.0, 960.0, 540.0)] * 2


def with_hole(points):
    points = points.copy()
    points[[1, 4], 5] = 0
    return points


VARIANTS = {
    "3D": {"poses_3d": SEEN},
    "2D": {"poses_2d": POINTS},
    "both, one lens": {"poses_3d": SEEN, "poses_2d": POINTS, **LENS},
    "both, of single precision": {"poses_3d": SEEN.astype("f4"), "poses_2d": POINTS.astype(">f4")},
    "2D that is off": {"poses_3d": SEEN, "poses_2d": POINTS - [200, 0], **LENS},
    "root-relative": {"poses_3d": SEEN - SEEN[:, :1], "poses_2d": POINTS},
    "joints at 0, 0": {"poses_2d": with_hole(POINTS)},
    "COCO": {**COCO, "visible": np.arange(102).reshape(6, 17) % 5 > 0},
    "COCO with joints at 0, 0": {**COCO, "poses_2d": with_hole(COCO["poses_2d"])},
    "other joints, another order": {
        "poses_2d": np.concatenate([POINTS[:, :1] + 500, POINTS[:, ::-1]], axis=1),
        "joints": ["tail", *w.H36M_JOINTS[::-1]],
        "visible": np.arange(108).reshape(6, 18) % 7,
    },
    "no numbers": {"poses_3d": np.full_like(SEEN, np.nan), "poses_2d": np.full_like(POINTS, np.nan), **LENS},
    "sequences": {
        "poses_2d": POINTS,
        "subject": [1, 1, 1, 2, 2, 2],
        "action": [b"a", b"a", b"b", b"b", b"b", b"c"],
        "camera": ["x"] * 5 + ["é"],
    },
    "one of each name": {"poses_2d": POINTS, "subject": "Ann", "action": ["walk"], "camera": b"phone"},
    "copies": {"poses_2d": POINTS, "copy": [0, 0, 0, 1, 1, 2]},
    "lenses without names": {"poses_2d": POINTS, "intrinsics": TWO_LENSES, "image_size": [(1920, 1080)] * 6},
    "image sizes without names": {"poses_2d": POINTS, "image_size": [(1920, 1080)] * 2 + [(1900, 1080)] * 4},
    "nothing": {"poses_3d": SEEN[:0], "poses_2d": POINTS[:0], "subject": np.empty(0, "U1")},
}  # fmt: skip


def write_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            values = np.asarray(values)
            file[name] = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values


WRITERS = {
    "stored": lambda path, arrays: np.savez(path, **arrays),
    "deflated": lambda path, arrays: np.savez_compressed(path, **arrays),
    "h5": write_h5,
}


@pytest.fixture(params=WRITERS)
def archive(request, tmp_path):
    """Writes arrays, and opens them anew whenever it is asked to."""

    def write(**arrays):
        path = tmp_path / ("poses.h5" if request.param == "h5" else "poses.npz")
        WRITERS[request.param](path, {"joints": w.H36M_JOINTS} | arrays)
        return lambda: open_archive(path)

    return write


@pytest.fixture(params=[2, 65_536], autouse=True)
def chunk(request, monkeypatch):
    monkeypatch.setattr("poseda_cli.reading.row_labels.CHUNK", request.param)
    return request.param


def both(opened):
    return plain.read([opened()], silent), plain.stream([opened()], silent)


def assert_same(found, expected):
    assert isinstance(found, PoseDataset)
    assert [getattr(found, name) for name in HEADS] == [getattr(expected, name) for name in HEADS]
    for name in COLUMNS:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), name


@pytest.mark.parametrize("arrays", VARIANTS.values(), ids=VARIANTS)
def test_what_is_streamed_is_what_is_read(arrays, archive):
    read, streamed = both(archive(**arrays))
    assert isinstance(streamed, StreamedDataset)
    assert [getattr(streamed, name) for name in HEADS] == [getattr(read, name) for name in HEADS]
    assert_same(streamed.load(0, len(read)), read)
    for start, stop in ((1, 5), (3, 4), (4, 6), (0, 1)) if len(read) else ((0, 0),):
        assert_same(streamed.load(start, stop), read.load(start, stop))
    spans = [Span(number, 0, sequence.length, 2) for number, sequence in enumerate(read.sequences)]
    assert_same(streamed.take(spans).load(0, len(read.take(spans))), read.take(spans))


@pytest.mark.parametrize("arrays", VARIANTS.values(), ids=VARIANTS)
def test_columns_are_those_that_were_written(arrays, archive):
    streamed = plain.stream([archive(**arrays)()], silent)
    joints = list(arrays.get("joints", w.H36M_JOINTS))
    if joints == d.COCO_JOINTS:
        return  # test_plain.py knows what becomes of them
    found = streamed.load(0, len(streamed))
    chosen = [joints.index(joint) for joint in w.H36M_JOINTS]
    if "poses_3d" in arrays:
        np.testing.assert_array_equal(found.poses_3d, np.float32(arrays["poses_3d"])[:, chosen])
    if "poses_2d" in arrays:
        expected = np.float32(arrays["poses_2d"])[:, chosen]
        expected[(expected == 0).all(-1)] = np.nan
        np.testing.assert_array_equal(found.poses_2d, expected)
    if "visible" in arrays:
        np.testing.assert_array_equal(found.visible, arrays["visible"][:, chosen] > 0)


def refused(read):
    with pytest.raises((ArchiveError, InputError)) as caught:
        read()
    return type(caught.value), str(caught.value), getattr(caught.value, "code", None)


@pytest.mark.parametrize("arrays", [arrays for arrays, _ in WRONG.values()], ids=WRONG)
def test_what_is_refused_in_memory_is_refused_in_pieces(arrays, archive):
    opened = archive(**arrays)
    assert refused(lambda: plain.stream([opened()], silent)) == refused(lambda: plain.read([opened()], silent))


def test_sides_that_are_exchanged_in_the_second_sequence(archive):
    legs = [0, 4, 5, 6, 1, 2, 3, *range(7, 17)]
    body = (w.mpi_view(900, seed=84) / 1000)[:, d.H36M17_OF_MPI]
    flat = w.mpi_pixels(body, d.PHONE)
    flat[700:] = flat[700:, legs]
    opened = archive(poses_3d=body, poses_2d=flat, action=["right"] * 700 + ["wrong"] * 200)
    kind, message, _ = refused(lambda: plain.stream([opened()], silent))
    assert kind is InputError
    assert message.startswith("poses wrong, camera camera: left and right of the legs are exchanged")
    assert (kind, message, None) == refused(lambda: plain.read([opened()], silent))


def test_many_sequences_of_many_lengths(archive):
    body = (w.mpi_view(1300, seed=85) / 1000)[:, d.H36M17_OF_MPI]
    action = np.repeat(np.arange(5), [1, 450, 3, 399, 447])
    arrays = {"poses_3d": body, "poses_2d": w.mpi_pixels(body, d.PHONE), "action": action, **LENS}
    read, streamed = both(archive(**arrays))
    assert [sequence[1:5] for sequence in streamed.sequences] == [
        ("0", "camera", 0, 1),
        ("1", "camera", 1, 450),
        ("2", "camera", 451, 3),
        ("3", "camera", 454, 399),
        ("4", "camera", 853, 447),
    ]
    assert_same(streamed.load(450, 900), read.load(450, 900))


def read_lazily(*archives):
    """The data set, and of which archives it was told that they are read as a whole."""
    told = []
    found = read_groups_lazily({"plain": list(archives)}, whole=told.append)
    return found, [archive.name for groups in told for archive in groups["plain"]]


def test_rows_of_a_sequence_that_lie_apart_are_read_as_a_whole(archive):
    opened = archive(poses_2d=POINTS, subject=[1, 2, 1, 2, 1, 2])
    assert plain.stream([opened()], silent) is None
    found, told = read_lazily(opened())
    assert told == [opened().name]
    assert_same(found, read_groups({"plain": [opened()]}))
    assert found.rows.tolist() == [0, 2, 4, 1, 3, 5]


def test_one_such_file_and_all_are_read_as_a_whole(archive, tmp_path):
    opened = archive(poses_2d=POINTS)
    np.savez(tmp_path / "other.npz", poses_2d=POINTS[:3], joints=w.H36M_JOINTS, subject=[1, 2, 1])
    other = lambda: open_archive(tmp_path / "other.npz")  # noqa: E731
    found, told = read_lazily(opened(), other())
    assert told == [opened().name, "other.npz"]
    assert_same(found, read_groups({"plain": [opened(), other()]}))


def test_arrays_in_the_order_of_fortran_are_read_as_a_whole(tmp_path):
    np.savez(tmp_path / "poses.npz", poses_2d=np.asfortranarray(POINTS), joints=w.H36M_JOINTS)
    archive = open_archive(tmp_path / "poses.npz")
    assert not plain.is_streamed(archive)
    assert not in_pieces("plain", [archive])
    found, told = read_lazily(archive)
    assert told == []  # which headers told before
    assert_same(found, read_groups({"plain": [open_archive(tmp_path / "poses.npz")]}))


def test_several_files_are_one_data_set(archive, tmp_path):
    opened = archive(poses_2d=POINTS)
    np.savez(tmp_path / "other.npz", poses_2d=POINTS[:3], joints=w.H36M_JOINTS, subject=[1, 1, 2])
    other = lambda: open_archive(tmp_path / "other.npz")  # noqa: E731
    found, told = read_lazily(opened(), other())
    assert isinstance(found, StreamedDataset)
    assert told == []
    assert_same(found.load(2, 9), read_groups({"plain": [opened(), other()]}).load(2, 9))


def test_no_file_stays_open(tmp_path):
    for number in range(40):
        np.savez(tmp_path / f"{number}.npz", poses_2d=POINTS + number, joints=w.H36M_JOINTS)
    archives = [open_archive(tmp_path / f"{number}.npz") for number in range(40)]
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else None
    found, _ = read_lazily(*archives)
    found.load(0, len(found))
    if before is not None:
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("member", ["poses_2d", "visible", "action", "joints"])
def test_a_damaged_member_is_refused_before_its_poses_are_used(save, member, tmp_path):
    path = tmp_path / "poses.npz"
    arrays = {"poses_2d": POINTS, "joints": w.H36M_JOINTS, "visible": np.ones((6, 17)), "action": ["a"] * 6}
    save(path, **arrays)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{member}.npy")
    # Its last byte but three: an array's values, or what is deflated of them.
    data[entry.header_offset + 30 + len(entry.filename) + 20 + entry.compress_size - 4] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match=rf"^poses\.npz: {member}: damaged"):
        plain.stream([open_archive(path)], silent)


def test_a_file_cut_off(tmp_path):
    np.savez(tmp_path / "whole.npz", poses_2d=POINTS, joints=w.H36M_JOINTS)
    data = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "poses.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(DamagedArchiveError):
        plain.stream([open_archive(tmp_path / "poses.npz")], silent)


COUNT = 1_500_000
WALK = """
import sys
from pathlib import Path
from poseda_cli.layouts import plain
from poseda_cli.progress import silent
from poseda_cli.storage.archive import open_archive
dataset = plain.stream([open_archive(Path(sys.argv[1]))], silent)
starts = range(0, len(dataset), 65536)
poses = sum(len(dataset.load(start, min(start + 65536, len(dataset))).poses_3d) for start in starts)
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(poses, peak)
"""


def write_many(path, compression="none"):
    """1.5 million poses of one person, again and again."""
    body = np.tile((w.mpi_view(500, seed=86) / 1000)[:, d.H36M17_OF_MPI].astype("f4"), (50, 1, 1))
    columns = {
        "poses_3d": Column((COUNT, 17, 3), np.float32),
        "action": Column((COUNT,), "U8"),
        "joints": Column((17,), np.array(w.H36M_JOINTS).dtype),
    }
    parts = (
        {"poses_3d": body, "action": np.full(len(body), f"a{number}", "U8")} for number in range(COUNT // len(body))
    )
    write_npz_rows(path, columns, [{"joints": np.array(w.H36M_JOINTS)}, *parts], compression)


@pytest.mark.parametrize("compression", ["none", "fast"])
def test_memory_does_not_grow_with_the_file(compression, tmp_path, chunk):
    if chunk != 65_536:
        pytest.skip("another process knows of no other chunks")
    if not Path("/proc/self/status").exists():
        pytest.skip("says what a process took of its own; maxrss may be that of the process that began it")
    write_many(tmp_path / "poses.npz", compression)
    run = [sys.executable, "-c", WALK, str(tmp_path / "poses.npz")]
    poses, peak = map(int, subprocess.run(run, capture_output=True, check=True, text=True).stdout.split())
    assert poses == COUNT
    assert peak * 1024 < COUNT * 17 * 12 * 0.6  # the poses are 306 MB; much of the rest is Python and NumPy
