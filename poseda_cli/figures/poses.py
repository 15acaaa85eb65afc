"""The figure of `poseda inspect`: a few poses from several sides, with the names of their joints.

Coordinates of a panel are those of its pose, metres or pixels with y down, at one scale along both axes.
Lengths of the page are in points, 72 to the inch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poseda_cli.cameras import Floats
from poseda_cli.errors import listed
from poseda_cli.figures.canvas import LEFT, RIGHT, STYLE, axes_at, new_figure, save, shortened, text_at
from poseda_cli.figures.leaders import name_places
from poseda_cli.figures.skeletons import draw_skeleton, side_colour
from poseda_cli.pose_picture import TURN_DEG, PosePicture
from poseda_cli.skeleton import Skeleton

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INCH = 72.0
TITLE, TEXT, SMALL, NAME = 9.0, 7.0, 6.2, 5.6  # sizes of type
LEADING = 7.6  # from one joint's name to the next
MARGIN, BETWEEN = 10.0, 14.0  # around the page, between panels
HEAD, ROW_HEAD = 44.0, 30.0  # above the rows, above the panels of each
BODY, TALL = 104.0, 146.0  # room for a skeleton
FOOT = 21.0  # below it, for the scale and for what is missing
GAP = 12.0  # between it and the names
NARROWEST = 260.0  # page that the heading fits on
INSET = 5.0  # of a skeleton in its room
BONE = 1.3
GREY, PALE, INSIDE = "#666666", "#B4B4B4", "#F3F3F3"


class _Column(NamedTuple):
    """Panels that show the same of each pose.

    views : of each pose (J, 2) points
    measure : 'm' or 'px'
    width, body : of the panel, and of the room for a skeleton in it
    named : whether the names of the joints stand on both sides
    """

    title: str
    views: tuple[Floats | None, ...]
    measure: str
    width: float
    body: float
    named: bool


class _Panel(NamedTuple):
    """The place of a pose in its panel: what lies at the middle of the room for it, and the length of a point."""

    centre: Floats
    unit: float
    width: float
    tall: float

    def page(self, points: Floats) -> Floats:
        """Coordinates of the pose (..., 2) as points of the page, from the panel's top left."""
        return (points - self.centre) / self.unit + [self.width / 2, self.tall / 2]

    def own(self, points: Floats) -> Floats:
        """The reverse of `page`."""
        return (points - [self.width / 2, self.tall / 2]) * self.unit + self.centre


@contextmanager
def figure_of_poses(picture: PosePicture) -> Iterator[Figure]:
    """A row for each pose: 3D as the camera sees it, 3D turned, and 2D, as far as there are.

    To be saved within the `with` block. Axes come row by row, from left to right.
    """
    columns = _columns(picture)
    tall = max(TALL, LEADING * ((len(picture.skeleton) + 1) // 2))
    width = 2 * MARGIN + sum(column.width for column in columns) + BETWEEN * (len(columns) - 1)
    pitch = ROW_HEAD + tall + FOOT + MARGIN
    with new_figure(width / INCH, (HEAD + len(picture.poses) * pitch) / INCH) as figure:
        _draw_head(figure, picture)
        for row, pose in enumerate(picture.poses):
            top, left = HEAD + row * pitch, MARGIN
            _draw_row_head(figure, top, pose.title)
            units = _units(columns, row, tall)
            for column in columns:
                _write(figure, left + column.width / 2, top + 19, column.title, size=SMALL, ha="center", color=GREY)
                left_top, size = (left / INCH, (top + ROW_HEAD) / INCH), (column.width / INCH, (tall + FOOT) / INCH)
                axes = axes_at(figure, *left_top, *size, label=f"{column.title}, pose {row + 1}")
                axes.set_axis_off()
                _draw_panel(axes, column, row, tall, units[column.measure], picture)
                left += column.width + BETWEEN
        yield figure


def plot_poses(picture: PosePicture, file: Path) -> None:
    """Draw some poses to a file; PNG, SVG or PDF by its suffix."""
    with figure_of_poses(picture) as figure:
        save(figure, file)


# The page


def _columns(picture: PosePicture) -> list[_Column]:
    beside = 2 * (max(_width(name, size=NAME) for name in picture.skeleton.joints) + GAP)
    fronts = tuple(pose.front for pose in picture.poses)
    turned = tuple(pose.turned for pose in picture.poses)
    images = tuple(pose.image for pose in picture.poses)
    columns = []
    if any(view is not None for view in fronts):
        columns.append(_Column("3D as the camera sees it", fronts, "m", BODY + beside, BODY, True))
        columns.append(_Column(f"3D, turned by {TURN_DEG:.0f}°", turned, "m", BODY, BODY, False))
    if any(view is not None for view in images):
        title = "2D, projected: no 2D in the archive" if picture.projected else "2D"
        body = BODY if columns else max(BODY, NARROWEST - beside - 2 * MARGIN)
        columns.append(_Column(title, images, "px", body + beside, body, True))
    return columns


def _draw_head(figure: Figure, picture: PosePicture) -> None:
    _write(figure, MARGIN, 9, picture.title, size=TITLE, weight="bold")
    _write(figure, MARGIN, 22, picture.subtitle, size=TEXT, color=GREY)
    shaded = any(pose.image is not None and pose.size is not None for pose in picture.poses)
    about = "of the person; the image is shaded" if shaded else "of the person"
    left = MARGIN
    for text, colour, weight in (("left", LEFT, "bold"), ("right", RIGHT, "bold"), (about, GREY, "normal")):
        _write(figure, left, 33, text, size=TEXT, color=colour, weight=weight)
        left += _width(text, size=TEXT, weight=weight) + 4


def _draw_row_head(figure: Figure, top: float, title: str) -> None:
    """A thin line across the page, and which pose comes below it."""
    from matplotlib.lines import Line2D

    across, down = figure.get_size_inches() * INCH
    x, y = [MARGIN / across, 1 - MARGIN / across], [1 - top / down] * 2
    figure.add_artist(Line2D(x, y, color=PALE, linewidth=0.5))
    _write(figure, MARGIN, top + 5, title, size=TEXT)


def _write(figure: Figure, left: float, top: float, text: str, *, size: float, **style: Any) -> None:
    """A line of text by the top of its letters, cut where the page would end."""
    room = figure.get_figwidth() - 2 * MARGIN / INCH
    font = {"size": size, "weight": style.get("weight", "normal")}
    text_at(figure, left / INCH, top / INCH, shortened(text, room, **font), va="top", size=size, **style)


def _width(text: str, **font: Any) -> float:
    """Of a line in our type."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    properties = FontProperties(family=STYLE["font.sans-serif"][:1], **font)
    return text_to_path.get_text_width_height_descent(text, properties, ismath=False)[0]


# A panel


def _units(columns: list[_Column], row: int, tall: float) -> dict[str, float]:
    """By measure, metres or pixels to a point of the page; both views of a pose in 3D have one scale."""
    units = dict.fromkeys((column.measure for column in columns), 0.0)
    for column in columns:
        points = column.views[row]
        if points is not None and not np.isnan(points).all():
            extent = np.nanmax(points, axis=0) - np.nanmin(points, axis=0)
            fitting = float((extent / [column.body - 2 * INSET, tall - 2 * INSET]).max())
            units[column.measure] = max(units[column.measure], fitting)
    return units


def _draw_panel(axes: Axes, column: _Column, row: int, tall: float, unit: float, picture: PosePicture) -> None:
    """Draw one view of one pose."""
    points, size = column.views[row], picture.poses[row].size
    if points is None or np.isnan(points).all():
        text = "not seen by a known camera" if points is None else "no joint has a place"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=SMALL, color=GREY)
        return
    panel = _Panel(_middle(points), unit or 1.0, column.width, tall)  # all joints may be in one place
    corners = panel.own(np.array([[0.0, 0.0], [column.width, tall + FOOT]]))
    axes.set(xlim=corners[:, 0], ylim=corners[::-1, 1])
    if column.measure == "px" and size is not None:
        _draw_image(axes, size)
    draw_skeleton(axes, points, picture.skeleton, width=BONE)
    _draw_scale(axes, panel, column)
    if column.named:
        _draw_names(axes, panel, points, picture.skeleton)
        _say_missing(axes, panel, points, picture.skeleton)


def _middle(points: Floats) -> Floats:
    return (np.nanmax(points, axis=0) + np.nanmin(points, axis=0)) / 2


def _draw_image(axes: Axes, size: tuple[float, float]) -> None:
    """The image's area, as far as it is in view."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((0, 0), *size, facecolor=INSIDE, linewidth=0, zorder=0))


def _draw_names(axes: Axes, panel: _Panel, points: Floats, skeleton: Skeleton) -> None:
    from matplotlib.collections import LineCollection

    joints = np.flatnonzero(np.isfinite(points).all(1))
    places = panel.page(points[joints])
    columns = (places[:, 0].min() - GAP, places[:, 0].max() + GAP)
    ends = name_places(places, columns, LEADING / 2, panel.tall - LEADING / 2, LEADING)
    lines = panel.own(np.stack([places, ends], axis=1))
    axes.add_collection(LineCollection(list(lines), colors=PALE, linewidths=0.4, zorder=1))
    for joint, (x, y) in zip(joints.tolist(), ends, strict=True):
        on_left = x == columns[0]
        across, down = panel.own(np.array([x - 1.5 if on_left else x + 1.5, y]))
        axes.text(
            across,
            down,
            skeleton.joints[joint],
            ha="right" if on_left else "left",
            va="center_baseline",
            fontsize=NAME,
            color=side_colour(skeleton, joint),
        )


def _draw_scale(axes: Axes, panel: _Panel, column: _Column) -> None:
    """A bar of a round length below the skeleton."""
    most = column.body * 0.5 * panel.unit
    power = 10.0 ** np.floor(np.log10(most))
    length = max(step * power for step in (0.5, 1, 2, 5) if step * power <= most)
    middle, half = panel.width / 2, length / panel.unit / 2
    bar, label = [[middle - half, panel.tall + 5], [middle + half, panel.tall + 5]], [middle, panel.tall + 6.5]
    axes.plot(*panel.own(np.array(bar)).T, color=GREY, linewidth=0.8, solid_capstyle="butt")
    x, y = panel.own(np.array(label))
    axes.text(x, y, f"{length:g} {column.measure}", ha="center", va="top", fontsize=NAME, color=GREY)


def _say_missing(axes: Axes, panel: _Panel, points: Floats, skeleton: Skeleton) -> None:
    missing = [skeleton.joints[joint] for joint in np.flatnonzero(np.isnan(points).any(1))]
    if missing:
        text = shortened(f"without {listed(missing, most=3)}", 0.95 * panel.width / INCH, size=NAME)
        x, y = panel.own(np.array([panel.width / 2, panel.tall + FOOT]))
        axes.text(x, y, text, ha="center", va="bottom", fontsize=NAME, color=GREY)
