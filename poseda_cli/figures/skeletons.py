"""Skeletons, left and right told apart by colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poseda_cli.figures.canvas import FAINT, LEFT, MIDDLE, RIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from poseda_cli.cameras import Floats
    from poseda_cli.skeleton import Skeleton


def side_colour(skeleton: Skeleton, joint: int) -> str:
    """What a joint, and the bone to its parent, is drawn in."""
    return LEFT if joint in skeleton.left else RIGHT if joint in skeleton.right else MIDDLE


def draw_skeleton(axes: Axes, points: Floats, skeleton: Skeleton, *, width: float = 1.2, faint: bool = False) -> None:
    """Bones as lines, joints as dots at their ends.

    Parameters
    ----------
    axes : to draw into
    points : (J, 2) in its coordinates
    skeleton : what the joints are
    width : of the lines, in points
    faint : all in one light colour, behind everything else
    """
    from matplotlib.collections import LineCollection

    bones = [(parent, joint) for joint, parent in enumerate(skeleton.parents) if parent >= 0]
    colours = [FAINT if faint else side_colour(skeleton, joint) for _, joint in bones]
    lines = [points[[parent, joint]] for parent, joint in bones]
    behind = 1.0 if faint else 2.0
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=width, capstyle="round", zorder=behind))
    dots = [FAINT if faint else side_colour(skeleton, joint) for joint in range(len(skeleton))]
    axes.scatter(points[:, 0], points[:, 1], s=width**2 * 2.5, c=dots, linewidths=0, zorder=behind + 0.1)
