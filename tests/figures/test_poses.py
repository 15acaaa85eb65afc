from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from poseda_cli.figures.canvas import LEFT, MIDDLE, RIGHT
from poseda_cli.figures.leaders import name_places
from poseda_cli.figures.poses import figure_of_poses, plot_poses
from poseda_cli.pose_picture import PosePicture, PoseViews, picture_of_poses
from poseda_cli.skeleton import COCO17, H36M17, MPI_INF_3DHP17, SKELETONS, SPIN24
from tests.datasets import source, target

ALL = list(SKELETONS.values())
# What points of joints are like: a person, people folded up, and what no person is.
SHAPES = ["standing", "curled up", "lying", "in a column", "in a row", "in one place"]
SIZE = (1000.0, 1002.0)
# For a skeleton, in pixels: BODY and TALL without INSET on either side, at 200 dots to the inch.
ROOM = np.array([104 - 10, 146 - 10]) * 200 / 72


def points_of(shape, skeleton, seed=0):
    """(J, 2) metres."""
    points = np.random.default_rng(seed).uniform(-1, 1, (len(skeleton), 2))
    scales = {"standing": (0.3, 0.9), "curled up": (0.4, 0.4), "lying": (0.9, 0.1), "in a column": (0, 0.9)}
    return points * {**scales, "in a row": (0.9, 0), "in one place": (0, 0)}[shape]


def picture(skeleton, shapes=SHAPES[:3], *, three=True, image=True, projected=False, size=SIZE):
    """A picture of some shapes."""
    poses = []
    for number, shape in enumerate(shapes):
        front = points_of(shape, skeleton, number)
        turned = points_of(shape, skeleton, number + 10)
        pixels = 500 + 200 * points_of(shape, skeleton, number + 20)
        poses.append(
            PoseViews(f"pose {number}", *((front, turned) if three else (None, None)), pixels if image else None, size)
        )
    return PosePicture("file.npz", f"test, {skeleton.name}", skeleton, projected, tuple(poses))


@contextmanager
def drawn(shown):
    """The figure and its panels."""
    with figure_of_poses(shown) as figure:
        FigureCanvasAgg(figure)
        yield figure, figure.axes


def boxes(texts):
    renderer = texts[0].get_figure().canvas.get_renderer()
    return {text.get_text(): text.get_window_extent(renderer) for text in texts}


def names(axes, skeleton):
    return [text for text in axes.texts if text.get_text() in skeleton.joints]


def overlap(a, b):
    return min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0)


def collections(axes):
    """Leaders and bones; leaders are drawn behind."""
    lines = [artist for artist in axes.collections if isinstance(artist, LineCollection)]
    return sorted(lines, key=lambda artist: artist.get_zorder())


# The page


@pytest.mark.parametrize(
    ("kinds", "titles"),
    [
        ({}, ["3D as the camera sees it", "3D, turned by 60°", "2D"]),
        ({"projected": True}, ["3D as the camera sees it", "3D, turned by 60°", "2D, projected: no 2D in the archive"]),
        ({"three": False}, ["2D"]),
        ({"image": False}, ["3D as the camera sees it", "3D, turned by 60°"]),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_row_for_each_pose_and_a_column_for_each_view(kinds, titles, count):
    with drawn(picture(H36M17, SHAPES[:count], **kinds)) as (figure, panels):
        assert len(panels) == count * len(titles)
        texts = [text.get_text() for text in figure.texts]
        for title in titles:
            assert texts.count(title) == count
        assert [text for text in texts if text.startswith("pose ")] == [f"pose {number}" for number in range(count)]
        tops = [round(axes.get_position().y1, 6) for axes in panels]
        assert tops == sorted(tops, reverse=True)
        assert len(set(tops)) == count


def test_titles_and_which_side_is_which():
    with drawn(picture_of_poses(target())) as (figure, _):
        by_text = {text.get_text(): to_hex(text.get_color()) for text in figure.texts}
    assert {"target.mat", "test, 17 joints (3dhp17)", "TS1 Seq1, camera wide, row 5 as read"} <= set(by_text)
    assert (by_text["left"], by_text["right"]) == (LEFT.lower(), RIGHT.lower())
    assert "of the person; the image is shaded" in by_text


def check_page(figure):
    """Nothing is cut off, and no titles meet."""
    renderer = figure.canvas.get_renderer()
    for text in (*figure.texts, *(text for axes in figure.axes for text in axes.texts)):
        box = text.get_window_extent(renderer)
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.bbox.width and box.y1 <= figure.bbox.height
    found = [text.get_window_extent(renderer) for text in figure.texts]
    assert not any(overlap(a, b) for a, b in itertools.combinations(found, 2))


@pytest.mark.parametrize("kinds", [{"three": False}, {"image": False}], ids=["2D", "3D"])
def test_long_titles_are_cut_to_the_page(kinds):
    long = "S1 " + "a very long name of an action " * 4
    shown = picture(H36M17, SHAPES[:1], **kinds)
    with drawn(replace(shown, title=long, subtitle=long, poses=(shown.poses[0]._replace(title=long),))) as (figure, _):
        check_page(figure)
        assert sum("\N{HORIZONTAL ELLIPSIS}" in text.get_text() for text in figure.texts) == 3


def test_names_that_the_type_lacks_or_that_are_no_text(tmp_path):
    shown = picture(H36M17)
    poses = tuple(pose._replace(title="数据 $x_1$ \n\x07 🙂") for pose in shown.poses)
    plot_poses(replace(shown, title="很长.npz", poses=poses), tmp_path / "figure.png")


# The names of joints


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_every_joint_is_named_and_no_names_meet(skeleton):
    with drawn(picture(skeleton, SHAPES)) as (figure, panels):
        check_page(figure)
        for row in range(len(SHAPES)):
            front, turned, image = panels[3 * row : 3 * row + 3]
            assert not names(turned, skeleton)
            for axes in (front, image):
                assert sorted(text.get_text() for text in names(axes, skeleton)) == sorted(skeleton.joints)
                # With the scale below them.
                found = boxes(axes.texts)
                assert len(found) == len(skeleton) + 1
                assert not any(overlap(a, b) for a, b in itertools.combinations(found.values(), 2))


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_names_stand_beside_the_skeleton_in_their_colours(skeleton):
    shown = picture(skeleton, ["standing"])
    with drawn(shown) as (_, (front, *_)):
        joints = front.transData.transform(shown.poses[0].front)
        sides = {"left": 0, "right": 0}
        for text in names(front, skeleton):
            box = boxes([text])[text.get_text()]
            side = "left" if box.x1 < joints[:, 0].min() else "right"
            sides[side] += 1
            assert side == "left" or box.x0 > joints[:, 0].max()
            joint = skeleton.joints.index(text.get_text())
            expected = LEFT if joint in skeleton.left else RIGHT if joint in skeleton.right else MIDDLE
            assert to_hex(text.get_color()) == expected.lower()
        assert abs(sides["left"] - sides["right"]) <= 1


@pytest.mark.parametrize("skeleton", ALL, ids=lambda skeleton: skeleton.name)
def test_leaders_lead_from_a_joint_to_its_name(skeleton):
    shown = picture(skeleton, ["standing"])
    with drawn(shown) as (_, (front, *_)):
        found = boxes(front.texts)
        leaders = collections(front)[0].get_segments()
        assert len(leaders) == len(skeleton)
        for begin, end in leaders:
            joint = int(np.abs(shown.poses[0].front - begin).sum(1).argmin())
            assert shown.poses[0].front[joint] == pytest.approx(begin, abs=1e-9)
            x, y = front.transData.transform(end)
            box = found[skeleton.joints[joint]]
            assert box.y0 < y < box.y1
            assert min(abs(box.x0 - x), abs(box.x1 - x)) < 8  # pixels; 200 to the inch


# What is drawn


def test_bones_are_at_their_places_in_their_colours():
    shown = picture_of_poses(target())
    pose = shown.poses[0]
    with drawn(shown) as (_, panels):
        for axes, points in zip(panels[:3], (pose.front, pose.turned, pose.image), strict=True):
            bones = collections(axes)[-1]
            children = [joint for joint in range(17) if MPI_INF_3DHP17.parents[joint] >= 0]
            expected = [points[[MPI_INF_3DHP17.parents[joint], joint]] for joint in children]
            assert np.allclose(np.array(bones.get_segments()), expected)
            sides = {"l": LEFT, "r": RIGHT}
            colours = [sides.get(MPI_INF_3DHP17.joints[joint][0], MIDDLE).lower() for joint in children]
            assert [to_hex(colour) for colour in bones.get_colors()] == colours


def test_one_scale_along_both_axes_and_for_both_views_of_a_body_and_y_down():
    with drawn(picture_of_poses(source())) as (_, panels):
        lengths = []
        for axes in panels:
            (x0, y0), (x1, y1), (x2, y2) = axes.transData.transform([(0, 0), (1, 0), (0, 1)])
            assert x1 - x0 == pytest.approx(y0 - y2)
            assert x1 - x0 > 0
            assert (y1, x2) == pytest.approx((y0, x0))
            lengths.append(x1 - x0)
        for row in range(3):
            assert lengths[3 * row] == pytest.approx(lengths[3 * row + 1])


@pytest.mark.parametrize("views", [("lying", "in a column"), ("in a column", "lying")])
def test_every_joint_has_room_whichever_view_is_the_wider(views):
    front, turned = (points_of(shape, H36M17) for shape in views)
    shown = picture(H36M17, ["standing"])
    with drawn(replace(shown, poses=(shown.poses[0]._replace(front=front, turned=turned),))) as (_, panels):
        for axes, points in zip(panels, (front, turned, shown.poses[0].image), strict=True):
            places, panel = axes.transData.transform(points), axes.get_window_extent()
            assert (np.ptp(places, axis=0) <= ROOM * 1.000001).all()
            assert (places > [panel.x0, panel.y0]).all()
            assert (places < [panel.x1, panel.y1]).all()


@pytest.mark.parametrize("shape", ["standing", "in a column", "in a row"])
@pytest.mark.parametrize("factor", [1e-20, 1.0, 37.0])
def test_a_skeleton_fills_its_room_and_the_scale_is_as_long_as_it_says(shape, factor):
    points = factor * points_of(shape, H36M17)
    shown = picture(H36M17, [shape], image=False)
    with drawn(replace(shown, poses=(shown.poses[0]._replace(front=points, turned=points),))) as (_, (front, _)):
        bottom, top = sorted(front.transData.transform(points)[:, 1][[points[:, 1].argmax(), points[:, 1].argmin()]])
        extent = np.ptp(front.transData.transform(points), axis=0)
        room = front.get_window_extent()
        assert room.y0 < bottom <= top < room.y1
        assert (extent / ROOM).max() == pytest.approx(1, rel=1e-6)
        (bar,) = front.lines
        (text,) = [text.get_text() for text in front.texts if text.get_text().endswith(" m")]
        assert np.ptp(bar.get_xdata()) == pytest.approx(float(text.removesuffix(" m")), rel=1e-5)
        assert text.removesuffix(" m").lstrip("0.")[0] in "125"


def test_the_image_is_shaded():
    with drawn(picture(H36M17)) as (_, panels):
        for number, axes in enumerate(panels):
            found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
            assert len(found) == (number % 3 == 2)
            for patch in found:
                assert (*patch.get_xy(), patch.get_width(), patch.get_height()) == (0, 0, *SIZE)
    with drawn(picture(H36M17, size=None)) as (figure, panels):
        assert not any(axes.patches for axes in panels)
        assert not any("shaded" in text.get_text() for text in figure.texts)


def test_a_wrong_order_shows_in_the_names():
    """The order of h36m17 taken for that of 3dhp17: what is called the right elbow is a foot, and the knee a nose."""
    right = target()
    order = [MPI_INF_3DHP17.position[name] for name in H36M17.joints]
    wrong = replace(right, poses_3d=right.poses_3d[:, order], poses_2d=right.poses_2d[:, order])
    assert (H36M17.joints[3], H36M17.joints[9]) == ("RFoot", "Neck/Nose")
    for dataset, below in ((right, False), (wrong, True)):
        with drawn(picture_of_poses(dataset)) as (_, panels):
            for axes in (panels[0], panels[2]):
                found = boxes(names(axes, MPI_INF_3DHP17))
                assert (found["right_elbow"].y0 < found["right_knee"].y0) == below


def test_joints_without_a_place_are_left_out_and_named_below():
    shown = picture(SPIN24, ["standing"])
    points = shown.poses[0].front.copy()
    points[[13, 15, 19]] = np.nan
    with drawn(replace(shown, poses=(shown.poses[0]._replace(front=points),))) as (_, (front, _, image)):
        assert len(names(front, SPIN24)) == 21
        assert len(names(image, SPIN24)) == 24
        assert "without Top of Head (LSP), Thorax (MPII), Nose" in [text.get_text() for text in front.texts]
        found = boxes(front.texts)
        assert not any(overlap(a, b) for a, b in itertools.combinations(found.values(), 2))
        assert np.isfinite([front.get_xlim(), front.get_ylim()]).all()


def test_views_that_show_nothing_say_so():
    shown = picture(H36M17, ["standing", "standing"])
    gone = np.full((17, 2), np.nan)
    poses = (shown.poses[0]._replace(front=gone, turned=gone), shown.poses[1]._replace(image=None))
    with drawn(replace(shown, poses=poses)) as (_, panels):
        alone = [[text.get_text() for text in axes.texts] for axes in panels if len(axes.texts) == 1]
    assert ["no joint has a place"] in alone
    assert ["not seen by a known camera"] in alone


# Where names go


@pytest.mark.parametrize("seed", range(8))
def test_leaders_never_cross_and_names_keep_apart(seed):
    """Judged by solving for where two lines meet."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(40, 60, 32), rng.normal(75, 15, 32).clip(0, 150)])
    ends = name_places(points, (30.0, 70.0), 4.0, 146.0, 7.6)
    assert set(ends[:, 0]) == {30.0, 70.0}
    assert points[ends[:, 0] == 30, 0].max() <= points[ends[:, 0] == 70, 0].min()
    for x in (30.0, 70.0):
        heights = np.sort(ends[ends[:, 0] == x, 1])
        assert len(heights) == 16
        assert np.diff(heights).min() >= 7.6 - 1e-9
        assert heights[0] >= 4 - 1e-9 and heights[-1] <= 146 + 1e-9
        mine = np.flatnonzero(ends[:, 0] == x)
        for a, b in itertools.combinations(mine, 2):
            directions = np.column_stack([ends[a] - points[a], points[b] - ends[b]])
            along = np.linalg.solve(directions, points[b] - points[a])
            assert not ((along > 1e-9) & (along < 1 - 1e-9)).all()


def test_names_go_where_their_points_are_if_they_may():
    """By hand: far apart at their own heights; two that meet about their middle; none beyond the bounds."""
    points = np.array([[0.0, 10.0], [0.0, 50.0], [0.0, 52.0], [0.0, 99.0], [5.0, 0.0], [5.0, 40.0], [5.0, 80.0]])
    ends = name_places(points, (-1.0, 6.0), 5.0, 95.0, 10.0)
    assert ends.tolist() == [[-1, 10], [-1, 46], [-1, 56], [-1, 95], [6, 5], [6, 40], [6, 80]]


def test_names_of_one_point_and_of_none():
    assert name_places(np.array([[1.0, 2.0]]), (0.0, 3.0), 0.0, 9.0, 1.0).tolist() == [[0.0, 2.0]]
    assert name_places(np.empty((0, 2)), (0.0, 3.0), 0.0, 9.0, 1.0).shape == (0, 2)


# Files


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_picture_gives_the_same_bytes(kind, tmp_path):
    files = [tmp_path / f"{number}.{kind}" for number in range(2)]
    for file in files:
        plot_poses(picture_of_poses(target()), file)
    first, second = (file.read_bytes() for file in files)
    assert first == second
    assert len(first) > 10_000


def test_a_picture_of_the_size_stated(tmp_path):
    shown = picture(COCO17)
    plot_poses(shown, tmp_path / "figure.png")
    with drawn(shown) as (figure, _):
        width, height = figure.get_size_inches()
    pixels = imread(tmp_path / "figure.png")
    assert pixels.shape[:2] == (int(height * 200), int(width * 200))
    assert 6 < width < 9 and 7 < height < 10
    assert 0.01 < (pixels[..., :3].min(-1) < 0.8).mean() < 0.2


def test_text_stays_text_in_svg(tmp_path):
    plot_poses(picture_of_poses(target()), tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert text.count(">right_shoulder</text>") == 6
    assert "nan" not in text.replace("sans", "").lower()
