"""Bad data gives a right result or a right message: never a warning (pytest makes errors of them) or a wrong number."""

from __future__ import annotations

import filecmp
import json
import pickle
from dataclasses import replace
from functools import cache

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.comparison import compare
from poseda_cli.conversion import Conversion
from poseda_cli.errors import InputError, PosedaError
from poseda_cli.exports import EXPORTS, check_writable, export
from poseda_cli.inspection import inspect
from poseda_cli.merging import merge
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from tests import datasets
from tests.conftest import SAMPLE
from tests.layouts import writers as w
from tests.layouts.test_all_layouts import WRITERS
from tests.paper import box_size, pinhole


@pytest.fixture
def source():
    return datasets.source()


@pytest.fixture
def target():
    return datasets.target()


def spoiled(dataset, column, row, value, joint=slice(None)):
    poses = getattr(dataset, column).copy()
    poses[row, joint] = value
    return replace(dataset, **{column: poses})


def with_a_hand_behind(dataset, row):
    """The left hand would come to lie behind any camera."""
    poses = dataset.poses_3d.copy()
    poses[row, 13, 2] -= 40
    return replace(dataset, poses_3d=poses)


def boxes_in(aligned, target):
    """Width + height of each aligned pose, and of the target pose it was given, pixels."""
    return box_size(aligned.poses_2d.astype(float)), box_size(target.poses_2d[aligned.target_index].astype(float))


def place(subject, action, camera, frame):
    return {"subject": subject, "action": action, "camera": camera, "frame": frame}


# One bad pose among good ones: the row is left out, the others are those of a run without it.

BAD_SOURCE = {
    "NaN": (slice(None), np.nan, "not finite"),
    "one NaN": (3, [np.nan, 0, 4], "not finite"),
    "infinite": (5, np.inf, "not finite"),
    "both infinities": (slice(2, 4), [[np.inf] * 3, [-np.inf] * 3], "not finite"),
    "at one place": (slice(None), [0.1, 0.2, 4], "no extent"),
    "at one place but for rounding": (2, None, "no extent"),
    "too large for products": (3, [1e30, 0, 4], "too large"),
    "a joint a kilometre away": (3, [0, 0, 1000], "too large"),
}
OPTIONS = [{}, {"depth": "exact", "copies": 2}, {"include_source": True, "skeleton": "h36m16"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("joint", "value", "why"), BAD_SOURCE.values(), ids=BAD_SOURCE)
def test_a_bad_source_pose(source, target, joint, value, why, options):
    row = 67
    if value is None:
        poses = source.poses_3d.copy()
        poses[row] = poses[row, 0]
        poses[row, joint, 0] += 5e-7
        bad = replace(source, poses_3d=poses)
    else:
        bad = spoiled(source, "poses_3d", row, value, joint)
    clean, found = poseda.align(source, target, **options), poseda.align(bad, target, **options)
    kept = clean.source_index != row
    for column in ("poses_3d", "poses_2d", "source_index", "target_index", "camera"):
        np.testing.assert_array_equal(getattr(found, column), getattr(clean, column)[kept])
    output = found.summary["output"]
    assert output["dropped"] == {"source_invalid": 1, "target_invalid": 0, "behind_camera": 0}
    assert output["dropped_why"] == {"source_invalid": {why: 1}, "target_invalid": {}}
    # Row 67 is frame 7 of the fourth sequence of 20: S1, the second action, the second camera.
    example = {**place("S1", "Walking", "right", 7), "why": why}
    assert output["dropped_examples"] == {"source_invalid": [example], "target_invalid": [], "behind_camera": []}
    examined = inspect(bad)
    assert (examined.invalid_poses, examined.invalid_examples) == (1, (example,))
    with pytest.raises(InputError, match="1 source poses have .* row 67 as read"):
        poseda.align(bad, target, invalid="error", **options)


BAD_TARGET = {
    "NaN": (slice(None), np.nan, "not finite"),
    "one infinite": (3, np.inf, "not finite"),
    "at one place": (slice(None), 500.0, "no extent"),
    "almost at one place": (slice(None), np.linspace(0, 1e-6, 34).reshape(17, 2), "no extent"),
    "too large for products": (3, 3e38, "far outside the image"),
    "a joint a million pixels away": (4, [1e6, 500], "far outside the image"),
    "fifty times the image": (slice(None), np.linspace(-5e4, 5e4, 34).reshape(17, 2), "far outside the image"),
}


@pytest.mark.parametrize("options", [{"depth": "exact"}, {"depth": "exact", "copies": 2}], ids=str)
@pytest.mark.parametrize(("joint", "value", "why"), BAD_TARGET.values(), ids=BAD_TARGET)
def test_a_bad_target_pose(source, target, joint, value, why, options):
    bad = spoiled(target, "poses_2d", 19, value, joint)
    found = poseda.align(source, bad, **options)
    output = found.summary["output"]
    copies = options.get("copies", 1)
    assert len(found) + output["dropped"]["behind_camera"] == 240 * copies
    assert output["dropped_why"]["target_invalid"] == {why: 1}
    assert output["dropped_examples"]["target_invalid"] == [{**place("TS5", "Seq1", "tele", 4), "why": why}]
    used = np.bincount(found.target_index, minlength=30)
    assert used[19] == 0
    # 240 rows before 29 targets: each is drawn eight or nine times a copy.
    assert (used[np.arange(30) != 19] <= 9 * copies).all()
    np.testing.assert_allclose(*boxes_in(found, target), rtol=1e-4)
    with pytest.raises(InputError, match="1 target poses have .* row 19 as read"):
        poseda.align(source, bad, invalid="error")


@pytest.mark.parametrize(("sizes", "dropped"), [(7.9, 0), (8.1, 1)])
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("axis", [0, 1])
def test_how_far_outside_the_image_a_target_may_reach(source, target, axis, side, sizes, dropped):
    size = (1920, 1080)[axis]
    poses = target.poses_2d.copy()
    poses[20, 2, axis] = -sizes * size if side < 0 else (1 + sizes) * size
    bad = replace(target, poses_2d=poses)
    assert poseda.align(source, bad).summary["output"]["dropped"]["target_invalid"] == dropped
    examined = inspect(bad)
    assert examined.invalid_poses == dropped
    assert examined.figures.get("poses_far_outside", 0) == dropped
    assert ("far-outside" in {problem.code for problem in examined.problems}) == bool(dropped)


def test_published_targets_are_all_used(shared_data):
    for path in (SAMPLE / "mpi_inf_3dhp_test_set", shared_data / "mpi_inf_3dhp_test_set"):
        source = poseda.read(SAMPLE / "data_3d_h36m.npz").select(subjects=["S1"], stride=10)
        output = poseda.align(source, poseda.read(path)).summary["output"]
        assert output["dropped"]["target_invalid"] == 0


@pytest.mark.parametrize("column", ["poses_3d", "poses_2d"])
def test_nothing_is_valid(source, target, column):
    sides = {"poses_3d": source, "poses_2d": target}
    for joint, value, _ in (BAD_SOURCE if column == "poses_3d" else BAD_TARGET).values():
        if value is None:
            continue
        sides[column] = spoiled(sides[column], column, slice(None), value, joint)
        with pytest.raises(InputError, match="pose is valid; all"):
            poseda.align(sides["poses_3d"], sides["poses_2d"])


def test_a_target_of_one_pose(source, target):
    only = target.take([target.spans_between(20, 21)[0]])
    found = poseda.align(source, only, depth="exact")
    assert len(found) == 240
    assert set(found.target_index.tolist()) == {20}
    np.testing.assert_allclose(found.poses_2d[:, 0], np.tile(target.poses_2d[20, 14], (240, 1)), atol=5e-3)
    np.testing.assert_allclose(*boxes_in(found, target), rtol=1e-4)


def test_a_joint_at_or_behind_the_camera(source, target):
    found = poseda.align(with_a_hand_behind(source, 45), target, copies=2).summary["output"]
    assert found["dropped"] == {"source_invalid": 0, "target_invalid": 0, "behind_camera": 2}
    rows = poseda.align(source, target, copies=2).target_index[[45, 285]].tolist()
    where = [place("TS1", "Seq1", "wide", row) if row < 15 else place("TS5", "Seq1", "tele", row - 15) for row in rows]
    assert found["dropped_examples"]["behind_camera"] == [
        {**place("S1", "Walking", "left", 5), "copy": copy, "target": where[copy]} for copy in (0, 1)
    ]


@pytest.mark.parametrize("depth", [0.0, -0.5])
def test_an_unaligned_pose_behind_its_own_camera(source, target, depth):
    poses = source.poses_3d.copy()
    poses[45, :, 2] += depth - poses[45, 3, 2]
    found = poseda.align(replace(source, poses_3d=poses), target, include_source=True)
    # Where it stood is nothing to its alignment.
    assert (len(found), found.summary["output"]["dropped"]["behind_camera"]) == (479, 1)
    assert (found.source_index == 45).sum() == 1
    assert np.isfinite(found.poses_2d).all()
    example = {**place("S1", "Walking", "left", 5), "copy": -1}
    assert found.summary["output"]["dropped_examples"]["behind_camera"] == [example]


# Counts and examples are the same however a run is cut.


def bad_sides():
    """Something of every kind, in several sequences."""
    source, target = datasets.source(), datasets.target()
    for row, value in ((3, np.nan), (4, 1.0), (44, 1e30), (110, np.inf), (111, np.inf), (112, 2.0), (201, np.nan)):
        source = spoiled(source, "poses_3d", row, value, slice(None) if value != 1e30 else (2, 0))
    for row in (7, 60, 100, 130, 180, 239):
        source = with_a_hand_behind(source, row)
    return source, spoiled(spoiled(target, "poses_2d", 2, np.nan), "poses_2d", 28, 1e7, 5)


def test_of_many_the_first_five_are_named():
    output = poseda.align(*bad_sides()).summary["output"]
    assert output["dropped"] == {"source_invalid": 7, "target_invalid": 2, "behind_camera": 6}
    assert output["dropped_why"] == {
        "source_invalid": {"no extent": 2, "not finite": 4, "too large": 1},
        "target_invalid": {"far outside the image": 1, "not finite": 1},
    }
    examples = output["dropped_examples"]
    assert [(e["action"], e["camera"], e["frame"], e["why"]) for e in examples["source_invalid"]] == [
        ("Walking 1", "left", 3, "not finite"),
        ("Walking 1", "left", 4, "no extent"),
        ("Walking", "left", 4, "too large"),
        ("Sitting", "right", 10, "not finite"),
        ("Sitting", "right", 11, "not finite"),
    ]
    assert [e["frame"] for e in examples["behind_camera"]] == [7, 0, 0, 10, 0]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("chunk", "jobs"), [(1, 1), (7, 2), (100, 1)])
def test_chunks_and_threads_change_nothing(options, chunk, jobs):
    source, target = bad_sides()
    whole = poseda.align(source, target, **options)
    plan = prepare(source, target, AlignOptions(**options), chunk=chunk, jobs=jobs)
    list(plan.chunks())
    assert json.dumps(plan.summary()) == json.dumps(whole.summary)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("count", [2, 11])
def test_merged_shards_are_the_run(options, count, tmp_path):
    source, target = bad_sides()
    poseda.write(poseda.align(source, target, **options), tmp_path / "whole")
    shards = [tmp_path / str(index) for index in range(1, count + 1)]
    for index, folder in enumerate(shards, 1):
        poseda.write(poseda.align(source, target, shard=(index, count), **options), folder)
    merge(shards, tmp_path / "merged")
    files = ["augmented.h5", "summary.json"]
    assert filecmp.cmpfiles(tmp_path / "whole", tmp_path / "merged", files, shallow=False)[0] == files


def test_frames_are_those_of_the_sequence_as_read(source, target):
    bad = spoiled(source, "poses_3d", [66, 68], np.nan)
    (example,) = poseda.align(bad.select(cameras=["right"], stride=3), target).summary["output"]["dropped_examples"][
        "source_invalid"
    ]
    assert example == {**place("S1", "Walking", "right", 6), "why": "not finite"}


def test_on_the_terminal(poseda, tmp_path):
    """From a file, streamed, in the words of a person."""
    seen = w.mpi_view(30, seed=3) / 1000
    write_plain(tmp_path / "source.h5", seen, None, action=["walk"] * 20 + ["run"] * 10)
    with h5py.File(tmp_path / "source.h5", "r+") as file:
        file["poses_3d"][25] = np.nan
        file["poses_3d"][27] = file["poses_3d"][27, 0]
    points = w.mpi_pixels(seen, w.TS5_CAMERA)
    points[4, 2] = 1e6
    write_plain(tmp_path / "target.npz", None, points, intrinsics=w.TS5_CAMERA, image_size=(1920, 1080))
    result = poseda("align", "source.h5", "-t", "target.npz", "-o", "out", "--skeleton", "h36m16")
    lines = result.stderr.splitlines()
    start = lines.index("28 poses in out; dropped: 2 source invalid, 1 target invalid")
    assert lines[start + 1].startswith("  source invalid: 1 no extent, 1 not finite: ")
    assert lines[start + 1].endswith(" run, camera camera, frame 5 (not finite), ...")
    assert lines[start + 2].endswith(", frame 4 (far outside the image)")
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["output"]
    assert found["dropped_why"]["target_invalid"] == {"far outside the image": 1}
    told = poseda("inspect", "target.npz").stdout
    assert "29 valid" not in told
    assert "1 invalid" in told
    assert "first invalid: " in told
    assert "far-outside: 1 of 30 poses" in told


# Numbers of other types and orders


def walk(tree, change):
    if isinstance(tree, dict):
        return {key: walk(value, change) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(walk(value, change) for value in tree)
    if isinstance(tree, np.ndarray) and tree.dtype == object:
        found = np.empty(tree.shape, object)
        for index in np.ndindex(tree.shape):
            found[index] = walk(tree[index], change)
        return found
    poses = isinstance(tree, np.ndarray) and tree.dtype.kind in "fiu" and tree.ndim > 1 and tree.size >= 34
    return change(tree) if poses else tree


def rewrite(path, change):
    """Change all arrays of poses in a file."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=True) as archive:
            members = {name: archive[name] for name in archive.files}
        np.savez(path, **{name: walk(values, change) for name, values in members.items()})
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(walk(pickle.loads(path.read_bytes()), change)))
    elif path.suffix == ".json":
        tree = json.loads(path.read_text())
        people = tree["annotations"] if isinstance(tree, dict) else tree
        for person in people:
            points = np.array(person["keypoints"]).reshape(-1, 3)
            points[:, :2] = change(points[:, :2])
            person["keypoints"] = points.reshape(-1).tolist()
        path.write_text(json.dumps(tree))
    elif h5py.is_hdf5(path):
        with h5py.File(path, "r+") as file:
            names: list[str] = []
            file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            for name in names:
                values = file[name][()]
                changed = walk(values, change)
                if changed is not values:
                    del file[name]
                    file[name] = changed


def rewrite_all(folder, change):
    for path in sorted(folder.rglob("*.*")):
        rewrite(path, change)


# Millimetres and pixels: whole numbers are people.
WHOLE = ["D3", "D4 test, annot3", "D4 train, annot3", "H4 3D", "H2", "D10 2D", "COCO results"]
FRACTIONS = ["H1", "H10", "D6", "plain npz", "plain h5", "poseda"]


@pytest.mark.parametrize("name", [name for name in WHOLE if name in WRITERS])
def test_whole_numbers_of_any_type(name, tmp_path):
    (tmp_path / "x").mkdir()
    WRITERS[name](tmp_path / "x")
    rewrite_all(tmp_path / "x", lambda values: np.rint(values).astype(np.float32))
    expected = poseda.read(tmp_path / "x")
    for dtype in ("<i2", ">i2", "<i4", ">i8", "<f8", ">f4", ">f8", "longdouble"):
        rewrite_all(tmp_path / "x", lambda values, dtype=dtype: values.astype(dtype))
        assert_same(poseda.read(tmp_path / "x"), expected)


@pytest.mark.parametrize("name", [name for name in FRACTIONS if name in WRITERS])
def test_fractions_of_any_type_and_order(name, tmp_path):
    (tmp_path / "x").mkdir()
    WRITERS[name](tmp_path / "x")
    rewrite_all(tmp_path / "x", lambda values: values.astype(np.float32))
    expected = poseda.read(tmp_path / "x")
    for change in (np.asfortranarray, lambda values: values.astype(">f8"), lambda values: values.astype(">f4")):
        rewrite_all(tmp_path / "x", change)
        assert_same(poseda.read(tmp_path / "x"), expected)


def assert_same(found, expected):
    assert found.sequences == expected.sequences
    for column in ("poses_3d", "poses_2d", "camera", "rows"):
        values = getattr(expected, column)
        if values is None:
            assert getattr(found, column) is None
        else:
            assert getattr(found, column).dtype == values.dtype
            # Units are changed in the precision of the file: it may be one unit in the last place.
            np.testing.assert_allclose(getattr(found, column), values, rtol=2e-7, atol=5e-7)


# Every kind of badness in every kind of file: an error of ours, or outputs that hold what they should.


def put(value, one=False, kind=np.float64):
    def change(values):
        values = values.astype(values.dtype if values.dtype.kind == "f" else kind)
        if one:
            values.reshape(-1)[values.size // 2] = value
        else:
            values[len(values) // 2] = value
        return values

    return change


KINDS = {
    "NaN frame": put(np.nan),
    "infinite frame": put(np.inf),
    "minus infinity": put(-np.inf, one=True),
    "zeros": put(0.0),
    "denormals": put(1e-40),
    "1e30": put(1e30, one=True),
    "1e300": lambda values: put(1e300, one=True)(values.astype(np.float64)),
    "a million": put(1e6, one=True),
    "all NaN": lambda values: np.full(values.shape, np.nan),
    "all infinite": lambda values: np.full(values.shape, np.inf),
    "all zero": np.zeros_like,
    "mirrored": lambda values: -values,
    "half precision": lambda values: np.clip(values, -6e4, 6e4).astype("f2"),
    "huge integers": lambda values: np.where(
        np.arange(values.size).reshape(values.shape) == 40, 2**62, values.astype(int)
    ),
    "bool": lambda values: values > 0,
    "complex": lambda values: values.astype(complex),
    "text": lambda values: values.astype("S10"),
    "no frames": lambda values: values[:0],
    "one frame": lambda values: values[:1],
    "flat": lambda values: values.reshape(-1),
}
FILES = ["H1", "H2", "H7", "H10", "D3", "D4 train, annot3", "D6", "D8", "plain npz", "plain h5", "poseda",
         "COCO results", "H9", "H2 custom"]  # fmt: skip


@cache
def sample_sides():
    source = poseda.read(SAMPLE / "data_3d_h36m.npz").select(subjects=["S1"], actions=["Walking"], stride=10)
    return source, poseda.read(SAMPLE / "mpi_inf_3dhp_test_set").select(stride=8)


@pytest.mark.parametrize("name", [name for name in FILES if name in WRITERS])
def test_a_right_result_or_a_right_message(name, tmp_path):
    outcomes = {}
    for number, (kind, change) in enumerate(KINDS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        WRITERS[name](folder)
        try:
            with np.errstate(all="ignore"):
                rewrite_all(folder, change)
        except (TypeError, ValueError, np.exceptions.ComplexWarning):  # what the container cannot hold
            continue
        outcomes[kind] = tried(folder)
    # The matrix looks at something: some kinds are read, and some refused.
    assert {"read", "refused"} <= {str(outcome) for outcome in outcomes.values()}


def tried(folder):
    try:
        found = poseda.read(folder)
    except PosedaError as error:
        assert str(error).strip()
        return "refused"
    examined = inspect(found)
    json.dumps(examined._asdict(), allow_nan=False)
    assert min(examined.invalid_poses, 5) == len(examined.invalid_examples)
    source, target = sample_sides()
    attempt(lambda: json.dumps(compare(found, target), allow_nan=False))
    for sides in ((found, target), (source, found)):
        attempt(lambda sides=sides: check_aligned(*sides))
    for form in EXPORTS:
        attempt(lambda form=form: written(found, form, folder))
    return "read"


def attempt(work):
    try:
        work()
    except PosedaError as error:
        assert str(error).strip()


def check_aligned(source, target):
    found = poseda.align(source, target, depth="exact", copies=2)
    dropped = found.summary["output"]["dropped"]
    assert len(found) == 2 * len(source) - 2 * dropped["source_invalid"] - dropped["behind_camera"]
    assert (found.poses_3d[..., 2] > 0).all()
    assert (found.poses_3d[:, 0, 2] < 200).all()
    fields = [[getattr(found.cameras[c].intrinsics, k) for k in ("fx", "fy", "cx", "cy")] for c in found.camera]
    np.testing.assert_allclose(found.poses_2d, pinhole(found.poses_3d.astype(float), fields), atol=0.05, rtol=1e-4)
    json.dumps(found.summary, allow_nan=False)
    for reason, examples in found.summary["output"]["dropped_examples"].items():
        assert len(examples) == min(dropped[reason], 5)


def written(found, form, folder):
    conversion = Conversion(found)
    check_writable([form], conversion)
    (folder / f"as {form}").mkdir()
    export([form], conversion, folder / f"as {form}", "gpa")


# Names, and many or empty sequences


def write_plain(path, poses, points, **more):
    arrays = {"joints": w.MPI_JOINTS, **more}
    if poses is not None:
        arrays["poses_3d"] = poses
    if points is not None:
        arrays["poses_2d"] = points
    if path.suffix == ".npz":
        np.savez(path, **arrays)
        return
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            texts = np.asarray(values).dtype.kind == "U"
            file[name] = np.array(values, object) if texts and np.ndim(values) else values


NAMES = [
    "x" * 300,
    "new\nline",
    "tab\there",
    "\u202eright to left",
    "شخص",
    "e\u0301t\u00e9",
    "\u00e9te\u0301",
    "\u00e9t\u00e9",
    "👩‍🚀 dance",
    "../../etc/passwd",
    "a/b\\c",
    "7",
]


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_names_of_any_kind(suffix, target, tmp_path):
    seen = w.mpi_view(2 * len(NAMES), seed=5) / 1000
    names = np.repeat(NAMES, 2)
    write_plain(tmp_path / f"x{suffix}", seen, None, subject=names, action=names, camera=names)
    source = poseda.read(tmp_path / f"x{suffix}")
    assert [sequence.length for sequence in source.sequences] == [2] * len(NAMES)
    assert len({sequence.subject for sequence in source.sequences}) == len(NAMES)
    assert all(sequence.action.isprintable() for sequence in source.sequences)
    aligned = poseda.align(source, target, skeleton="h36m16")
    poseda.write(aligned, tmp_path / "out")
    again = poseda.read(tmp_path / "out")
    assert [s.subject for s in again.sequences] == [s.subject for s in source.sequences]
    assert again.sequences[0].subject == "x" * 300
    poseda.write(source, tmp_path / "plain", layout="plain")
    back = poseda.read(tmp_path / "plain")
    assert [s.action for s in back.sequences] == [s.action for s in source.sequences]
    assert len(inspect(source).invalid_examples) == 0


@pytest.mark.parametrize("subject", [7, "", b"S7", np.array([7] * 6), np.array([b"S7"] * 6)], ids=repr)
def test_names_of_other_types(subject, tmp_path):
    write_plain(tmp_path / "x.npz", w.mpi_view(6, seed=5) / 1000, None, subject=subject)
    try:
        found = poseda.read(tmp_path / "x.npz")
    except PosedaError as error:
        assert "subject" in str(error)
        return
    assert len(found.sequences) == 1
    assert isinstance(found.sequences[0].subject, str)


def test_thousands_of_tiny_sequences(target, tmp_path):
    lengths = np.resize([1, 2, 3], 10_000)
    count = int(lengths.sum())
    poses = np.resize(w.mpi_view(500, seed=6) / 1000, (count, 17, 3)).astype(np.float32)
    poses[-1] = np.nan
    write_plain(tmp_path / "x.npz", poses, None, action=np.repeat([f"a{n}" for n in range(10_000)], lengths))
    source = poseda.read(tmp_path / "x.npz")
    assert [sequence.length for sequence in source.sequences] == lengths.tolist()
    found = poseda.align(source, target, skeleton="h36m16")
    poseda.write(found, tmp_path / "out")
    assert len(found) == count - 1
    # The last sequence has but the one pose that is dropped.
    assert len(poseda.read(tmp_path / "out").sequences) == 9_999
    example = found.summary["output"]["dropped_examples"]["source_invalid"][0]
    assert (example["action"], example["frame"]) == ("a9999", 0)


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_no_pose_at_all(suffix, target, tmp_path):
    write_plain(tmp_path / f"x{suffix}", np.empty((0, 17, 3)), np.empty((0, 17, 2)))
    found = poseda.read(tmp_path / f"x{suffix}")
    assert len(found) == inspect(found).invalid_poses == 0
    for sides in ((found, target), (datasets.source(), found)):
        with pytest.raises(InputError, match="holds no|is not known"):
            poseda.align(*sides, skeleton="h36m16")
    for form in EXPORTS:
        attempt(lambda form=form: written(found, form, tmp_path))


def test_a_sequence_without_frames_among_others(tmp_path):
    world = w.known_world()
    subject = next(iter(world))
    world[subject]["Nothing"] = np.empty((0, 32, 3), np.float32)
    w.write_h1(tmp_path / "data_3d_h36m.npz", world)
    found = poseda.read(tmp_path / "data_3d_h36m.npz")
    assert "Nothing" not in found.actions
    assert len(found) == 4 * sum(len(poses) for actions in world.values() for poses in actions.values())


def test_ragged_lists_are_refused(tmp_path):
    ragged = np.empty(3, object)
    ragged[:] = [np.zeros((17, 3)), np.zeros((16, 3)), [1, 2]]
    np.savez(tmp_path / "x.npz", poses_3d=ragged, joints=w.MPI_JOINTS)
    with pytest.raises(PosedaError, match="poses_3d"):
        poseda.read(tmp_path / "x.npz")


@pytest.mark.parametrize(("away", "why"), [(9_000, {}), (11_000, {"too large": 5}), (9.2e15, {"too large": 5})])
def test_a_pose_too_far_away_for_single_precision_is_none(away, why):
    """Its shift to the target would cancel all its joints; at 9 km they still have a millimetre."""
    source, target = datasets.source(), datasets.target()
    poses = np.array(source.poses_3d)
    poses[:5, :, 2] += np.float32(away)
    aligned = poseda.align(replace(source, poses_3d=poses), target)
    assert aligned.summary["output"]["dropped_why"]["source_invalid"] == why
    assert np.isfinite(aligned.poses_2d).all()
    error = aligned.summary["fit"]["scale_relative_error"]
    assert error["p95"] < 0.2
