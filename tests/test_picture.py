from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.comparison import compare
from poseda_cli.options import AlignOptions
from poseda_cli.picture import EXAMPLES, picture_of_alignment, picture_of_comparison
from poseda_cli.pipeline import prepare
from poseda_cli.skeleton import H36M16, H36M17, MPI_INF_3DHP17
from tests import datasets
from tests.paper import pinhole
from tests.test_heat import parts

# Where a pixel may be one cell further in single precision than in double.
ON_A_BORDER = 3


@pytest.fixture
def source():
    return datasets.source()


@pytest.fixture
def target():
    return datasets.target()


def seen(dataset):
    """Pixels of its 3D in its cameras, in double precision."""
    cameras = [dataset.cameras[row].intrinsics for row in dataset.camera]
    return pinhole(dataset.poses_3d, [[c.fx, c.fy, c.cx, c.cy] for c in cameras])


def sizes(cameras, rows):
    return np.array([[cameras[row].intrinsics.width, cameras[row].intrinsics.height] for row in rows])


def spoil(dataset, column, rows):
    poses = getattr(dataset, column).copy()
    poses[rows] = np.nan
    return replace(dataset, **{column: poses})


def check_heat(found, points, size, screen):
    """Up to some joints that lie between two cells."""
    # The tallest image, 1000 x 1002, takes one more row of cells at the top and at the bottom.
    expected = parts(points, size, screen, rows=96 if screen == "axes" else 98)
    joints = points.shape[0] * points.shape[1]
    assert np.abs(found - expected).sum() * joints <= 2 * ON_A_BORDER
    assert found.sum() > 0.5


def picture(source, target, **options):
    aligned = poseda.align(source, target, **options)
    return aligned, picture_of_alignment(aligned, aligned.summary)


@pytest.mark.parametrize("screen", ["aspect", "axes"])
@pytest.mark.parametrize("options", [{}, {"include_source": True}, {"copies": 3, "include_source": True}])
def test_heat_is_that_of_the_poses(source, target, screen, options):
    aligned, found = picture(source, target, screen=screen, **options)
    moved = aligned.target_index >= 0
    check_heat(found.heat["aligned"], aligned.poses_2d[moved], sizes(aligned.cameras, aligned.camera[moved]), screen)
    check_heat(found.heat["source"], seen(source), sizes(source.cameras, source.camera), screen)
    check_heat(found.heat["target"], target.poses_2d, sizes(target.cameras, target.camera), screen)
    assert set(found.heat) == {"source", "aligned", "target"}


def test_heat_of_poses_that_are_not_all_seen(source, target):
    source = spoil(replace(source, poses_2d=seen(source).astype(np.float32)), "poses_2d", slice(0, 60))
    target = spoil(target, "poses_2d", [3, 29])
    _, found = picture(source, target)
    # A quarter of the source's joints, two of thirty target poses.
    assert found.heat["source"].sum() == pytest.approx(0.75)
    assert found.heat["target"].sum() == pytest.approx(28 / 30)
    assert found.heat["aligned"].sum() == 1
    check_heat(found.heat["source"], source.poses_2d, sizes(source.cameras, source.camera), "aspect")


def check_examples(found, aligned, source, target, to_skeleton=None):
    """Each example is a row of the alignment, with its own source and target as they were read."""
    moved = np.flatnonzero(aligned.target_index >= 0)
    wanted = moved[[len(moved) * eighth // 8 for eighth in (1, 3, 5, 7)]]
    assert len(found.examples) == len(wanted) == EXAMPLES
    image, joints = seen(source), to_skeleton or slice(None)
    for example, row in zip(found.examples, wanted.tolist(), strict=True):
        before, behind = int(aligned.source_index[row]), int(aligned.target_index[row])
        first, second = (data.sequence_of(index) for data, index in ((source, before), (target, behind)))
        assert example.title == f"{first.subject} {first.action} → {second.subject} {second.action}"
        assert [frame.title for frame in example.frames] == ["source", "aligned"]
        own, moved_frame = example.frames
        assert own.behind is None
        np.testing.assert_allclose(own.pose.points, image[before][joints], atol=2e-3)
        assert own.pose.size == tuple(sizes(source.cameras, [source.camera[before]])[0])
        assert own.pose.skeleton == moved_frame.pose.skeleton == aligned.skeleton
        np.testing.assert_array_equal(moved_frame.pose.points, aligned.poses_2d[row])
        assert moved_frame.pose.size == tuple(sizes(aligned.cameras, [aligned.camera[row]])[0])
        np.testing.assert_array_equal(moved_frame.behind.points, target.poses_2d[behind])
        assert moved_frame.behind.size == moved_frame.pose.size
        assert moved_frame.behind.skeleton == MPI_INF_3DHP17


@pytest.mark.parametrize("options", [{}, {"copies": 3}, {"include_source": True}, {"depth": "exact", "screen": "axes"}])
def test_examples_are_rows_with_their_own_source_and_target(source, target, options):
    aligned, found = picture(source, target, **options)
    check_examples(found, aligned, source, target)


@pytest.mark.parametrize("options", [{}, {"include_source": True, "copies": 2}])
def test_examples_of_parts_without_invalid_poses(source, target, options):
    """Indices are of rows as read, of which a selection has left some, and of these some were dropped."""
    whole = spoil(source, "poses_3d", [0, 2, 30, 32, 128, 129, 200]), spoil(target, "poses_2d", [1, 16])
    chosen = whole[0].select(cameras=["right"], stride=2), whole[1].select(subjects=["TS5"], stride=3)
    aligned, found = picture(*chosen, **options)
    assert aligned.summary["output"]["dropped"]["source_invalid"] > 0
    check_examples(found, aligned, *whole)


def test_examples_of_16_joints(source, target):
    aligned, found = picture(source, target, skeleton="h36m16")
    check_examples(found, aligned, source, target, [joint for joint in range(17) if joint != 9])
    assert found.examples[0].frames[0].pose.skeleton == H36M16


def test_examples_show_the_sources_own_2d(source, target):
    own = (seen(source) + np.array([50, -20])).astype(np.float32)
    aligned, found = picture(replace(source, poses_2d=own), target)
    for example, row in zip(found.examples, (30, 90, 150, 210), strict=True):
        np.testing.assert_array_equal(example.frames[0].pose.points, own[aligned.source_index[row]])


@pytest.mark.parametrize("kind", ["root-relative", "2D in unknown images"])
def test_a_source_that_cannot_be_seen_has_no_frame_and_no_heat(source, target, kind):
    if kind == "root-relative":
        source = replace(source, poses_3d=source.poses_3d - source.poses_3d[:, :1], absolute=False)
    else:
        cameras = tuple(replace(camera, intrinsics=None) for camera in source.cameras)
        source = replace(source, poses_2d=seen(source).astype(np.float32), cameras=cameras)
    aligned, found = picture(source, target)
    assert [[frame.title for frame in example.frames] for example in found.examples] == [["aligned"]] * EXAMPLES
    assert set(found.heat) == set(found.aspects) == {"aligned", "target"}
    assert found.examples[1].title.startswith("S1 Sitting → TS")
    np.testing.assert_array_equal(found.examples[0].frames[0].pose.points, aligned.poses_2d[30])


def test_a_single_pose_is_a_single_example(target):
    alone = datasets.source(frames=1).select(subjects=["S5"], actions=["Sitting"], cameras=["right"])
    aligned, found = picture(alone, target)
    assert len(found.examples) == len(aligned) == 1
    np.testing.assert_array_equal(found.examples[0].frames[1].pose.points, aligned.poses_2d[0])


def test_what_else_the_figure_of_an_alignment_shows(source, target):
    aligned, found = picture(source, target, screen="axes")
    assert list(found.sides) == ["source", "aligned", "target"]
    assert found.reference == "target"
    assert found.before_reference == ("aligned",)
    assert found.screen == "axes"
    for quantity in ("scale", "root_x", "root_y"):
        assert found.distributions[quantity] == aligned.summary["distributions"][quantity]
    assert found.aspects["source"] == pytest.approx((1, 1.002), abs=1e-3)
    assert found.aspects["target"] == found.aspects["aligned"] == pytest.approx((1080 / 1920, 1), abs=1e-3)


def test_aspects_are_those_of_cameras_in_use(source, target):
    _, found = picture(source.select(cameras=["right"]), target.select(cameras=["tele"]))
    assert found.aspects == {
        "source": (1.0,), "target": pytest.approx((0.5625,), abs=1e-3), "aligned": pytest.approx((0.5625,), abs=1e-3),
    }  # fmt: skip


def flat(found):
    """All of a picture in a form that can be compared to the bit."""
    shown = {field.name: getattr(found, field.name) for field in fields(found)}
    shown["heat"] = {side: heat.tobytes() for side, heat in found.heat.items()}
    poses = [pose for example in found.examples for frame in example.frames for pose in (frame.pose, frame.behind)]
    shown["examples"] = [
        [(example.title, [frame.title for frame in example.frames]) for example in found.examples],
        [pose and (pose.points.tobytes(), pose.size, pose.skeleton) for pose in poses],
    ]
    return shown


@pytest.mark.parametrize("options", [{}, {"include_source": True, "copies": 2}])
def test_neither_chunks_nor_threads_change_a_bit(source, target, options):
    source = spoil(source, "poses_3d", [0, 100, 239]).select(stride=3)
    _, found = picture(source, target, **options)
    for jobs, chunk in ((1, 7), (2, 7), (3, 1), (2, 65_536)):
        plan = prepare(source, target, AlignOptions(**options), jobs=jobs, chunk=chunk)
        for _ in plan.chunks():
            pass
        assert flat(picture_of_alignment(plan, plan.summary(), jobs)) == flat(found)


# Of two data sets.


def comparison(a, b, **options):
    found = compare(a, b, **options)
    return found, picture_of_comparison(a, b, found)


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_the_figure_of_a_comparison(source, target, screen):
    found, shown = comparison(source, target, screen=screen)
    assert shown.sides == {"a": "A", "b": "B"}
    assert shown.captions == {"a": "A: source.npz", "b": "B: target.mat"}
    assert (shown.reference, shown.before_reference, shown.screen) == ("b", ("a",), screen)
    assert shown.distributions == found["distributions"]
    check_heat(shown.heat["a"], seen(source), sizes(source.cameras, source.camera), screen)
    check_heat(shown.heat["b"], target.poses_2d, sizes(target.cameras, target.camera), screen)
    assert shown.aspects["b"] == pytest.approx((0.5625, 1), abs=1e-3)


def test_examples_of_a_comparison_are_poses_of_either_side(source, target):
    _, shown = comparison(source, target.select(stride=2))
    assert [example.title for example in shown.examples] == ["A: source.npz", "B: target.mat, stride 2"]
    # The middles of four quarters of 240, and of 16, which are every second row of 15 and 15.
    image = seen(source)
    for frame, row in zip(shown.examples[0].frames, (30, 90, 150, 210), strict=True):
        sequence = source.sequence_of(row)
        assert frame.title == f"{sequence.subject} {sequence.action}"
        np.testing.assert_allclose(frame.pose.points, image[row], atol=2e-3)
        assert frame.pose.size == tuple(sizes(source.cameras, [source.camera[row]])[0])
        assert frame.pose.skeleton == H36M17
        assert frame.behind is None
    for frame, row in zip(shown.examples[1].frames, (4, 12, 19, 27), strict=True):
        np.testing.assert_array_equal(frame.pose.points, target.poses_2d[row])
        assert frame.title == ("TS1 Seq1" if row < 15 else "TS5 Seq1")


def rows_shown(example, dataset):
    """Which rows of the data set the frames show."""
    same = [(dataset.poses_2d == frame.pose.points).all((1, 2)) for frame in example.frames]
    return [int(np.flatnonzero(rows)[0]) for rows in same]


def test_a_pose_that_cannot_be_seen_gives_way_to_the_next(source, target):
    bad = spoil(target, "poses_2d", [3, 4, 11, 18])
    bad.poses_2d[26, 5, 0] = np.inf
    _, shown = comparison(source, bad)
    assert rows_shown(shown.examples[1], bad) == [5, 12, 19, 27]


@pytest.mark.parametrize("rows", [[1, 2], [1, 2, 3, 4], [5, 6]])
def test_no_pose_is_shown_twice(source, target, rows):
    few = target.select(stride=4)  # 8 rows
    bad = spoil(few, "poses_2d", rows)
    _, shown = comparison(source, bad)
    found = rows_shown(shown.examples[1], bad)
    assert found == sorted(set(found))
    assert len(found) >= 2


@pytest.mark.parametrize("side", ["source", "target"])
def test_examples_of_archives_whose_rows_were_sorted_by_their_reader(source, target, side):
    """A plain file may have its sequences interleaved: `rows` are then in no order."""
    sides = {"source": source, "target": target}
    shuffled = np.random.default_rng(1).permutation(len(sides[side]))
    sides[side] = replace(sides[side], rows=shuffled)
    aligned = poseda.align(**sides)
    shown = picture_of_alignment(aligned, aligned.summary).examples
    row = [(2 * part + 1) * len(aligned) // 8 for part in range(4)]
    image = seen(source)
    for example, at in zip(shown, row, strict=True):
        before, after = example.frames
        of = {
            name: np.flatnonzero(sides[name].rows == index[at])[0]
            for name, index in (("source", aligned.source_index), ("target", aligned.target_index))
        }
        np.testing.assert_allclose(before.pose.points, image[of["source"]], rtol=1e-4)
        np.testing.assert_array_equal(after.behind.points, target.poses_2d[of["target"]])
