from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgba

from poseda_cli.figures.canvas import FAINT, LEFT, MIDDLE, RIGHT, axes_at, new_figure, save
from poseda_cli.figures.skeletons import draw_skeleton, side_colour
from poseda_cli.skeleton import H36M16, H36M17, H36M32, MPI_INF_3DHP17, MPI_INF_3DHP28

SKELETONS = [H36M16, H36M17, H36M32, MPI_INF_3DHP17, MPI_INF_3DHP28]


def drawn(points, skeleton, **style):
    """Ends, colours and dots of what was drawn, and the two artists."""
    with new_figure(2.0, 2.0) as figure:
        axes = axes_at(figure, 0.0, 0.0, 2.0, 2.0)
        draw_skeleton(axes, points, skeleton, **style)
    lines, dots = axes.collections
    assert isinstance(lines, LineCollection)
    assert isinstance(dots, PathCollection)
    return lines, dots


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda skeleton: skeleton.name)
def test_bones_join_joints_and_their_parents(skeleton, rng):
    points = rng.uniform(0, 1000, (len(skeleton), 2))
    lines, dots = drawn(points, skeleton)
    expected = {(skeleton.parents[joint], joint) for joint in range(len(skeleton)) if skeleton.parents[joint] >= 0}
    ends = [np.abs(points[:, None] - segment).sum(-1).argmin(0) for segment in lines.get_segments()]
    assert {tuple(map(int, pair)) for pair in ends} == expected
    assert len(ends) == len(skeleton) - 1
    assert np.allclose(dots.get_offsets(), points)


def test_left_and_right_are_told_apart(rng):
    """By the names of Human3.6M's joints."""
    lines, dots = drawn(rng.uniform(0, 1000, (17, 2)), H36M17)
    colours = [{"L": LEFT, "R": RIGHT}.get(name[0], MIDDLE) for name in H36M17.joints]
    assert len({LEFT, RIGHT, MIDDLE}) == 3
    assert [side_colour(H36M17, joint) for joint in range(17)] == colours
    assert np.allclose(dots.get_facecolors(), [to_rgba(colour) for colour in colours])
    # The root has no parent; all other bones are in the order of their joints.
    assert np.allclose(lines.get_colors(), [to_rgba(colour) for colour in colours[1:]])


def test_left_and_right_differ_in_grey():
    """Luma of ITU-R BT.601, which a grey image is made by; of 255."""
    left, right, middle, faint = (
        255 * float(np.dot(to_rgba(colour)[:3], [0.299, 0.587, 0.114])) for colour in (LEFT, RIGHT, MIDDLE, FAINT)
    )
    assert right - left > 50
    assert faint - right > 30
    assert right - middle > 50


def test_a_faint_skeleton_is_of_one_colour_and_behind_others(rng):
    points = rng.uniform(0, 1000, (17, 2))
    front, back = drawn(points, H36M17), drawn(points, H36M17, faint=True)
    assert np.allclose(back[0].get_colors(), to_rgba(FAINT))
    assert np.allclose(back[1].get_facecolors(), to_rgba(FAINT))
    assert max(artist.get_zorder() for artist in back) < min(artist.get_zorder() for artist in front)


def test_missing_joints_are_left_out(tmp_path, rng):
    points = rng.uniform(0, 1000, (17, 2))
    points[[3, 10]] = np.nan
    with new_figure(2.0, 2.0) as figure:
        axes = axes_at(figure, 0.0, 0.0, 2.0, 2.0)
        draw_skeleton(axes, points, H36M17)
        save(figure, tmp_path / "figure.svg")
    assert "nan" not in (tmp_path / "figure.svg").read_text().lower()
