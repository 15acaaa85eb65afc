"""Some poses in their image frames, in one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poseda_cli.figures import canvas
from poseda_cli.figures.canvas import FAINT, axes_at, shortened, text_at
from poseda_cli.figures.page import LEFT, RIGHT, WIDTH, draw_header
from poseda_cli.figures.skeletons import draw_skeleton

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from poseda_cli.picture import Frame, Picture

# Inches: between examples, between frames of one, of titles.
APART, GAP = 0.16, 0.05
TITLE, FRAME_TITLE = 0.17, 0.14
WIDEST = 1.6
# A frame is at most so much higher than the row's frames are wide.
HIGHEST = 1.4


class Examples:
    """The examples of a picture, beneath a line that says what they show."""

    def __init__(self, picture: Picture) -> None:
        self._examples = [example for example in picture.examples if example.frames]
        frames = [frame for example in self._examples for frame in example.frames]
        self._reference = picture.sides[picture.reference]
        self._behind = any(frame.behind for frame in frames)
        gaps = (len(self._examples) - 1) * APART + (len(frames) - len(self._examples)) * GAP
        self._width = min((WIDTH - LEFT - RIGHT - gaps) / max(len(frames), 1), WIDEST)
        highest = max((height / width for width, height in (frame.pose.size for frame in frames)), default=0.0)
        self._height = self._width * min(highest, HIGHEST)

    @property
    def height(self) -> float:
        """In inches, without the header; 0 if there is nothing to show."""
        return TITLE + self._height + FRAME_TITLE if self._examples else 0.0

    def draw(self, figure: Figure, letter: str, top: float) -> None:
        """Draw all, from so many inches below the figure's upper edge."""
        from matplotlib.lines import Line2D

        lines = [("left", canvas.LEFT), ("right", canvas.RIGHT)]
        if self._behind:
            lines.append((f"{shortened(self._reference, 1.6, size=6.5)} pose", FAINT))
        handles = [Line2D([], [], color=colour, linewidth=1.4, label=name) for name, colour in lines]
        draw_header(figure, letter, top, "Example poses in their images", handles)
        left = LEFT
        for number, example in enumerate(self._examples):
            width = len(example.frames) * (self._width + GAP) - GAP
            text_at(figure, left, top + TITLE - 0.05, shortened(example.title, width + APART / 2, size=6.5), size=6.5)
            for place, frame in enumerate(example.frames):
                label = f"frame {place} of example {number}"
                self._draw_frame(figure, left + place * (self._width + GAP), top + TITLE, frame, label)
            left += width + APART

    def _draw_frame(self, figure: Figure, left: float, top: float, frame: Frame, label: str) -> None:
        """All frames of the row stand on one line, each as large as it can be."""
        width, height = frame.pose.size
        scale = min(self._width / width, self._height / height)
        inset = (self._width - scale * width) / 2
        left += inset
        axes = axes_at(figure, left, top + self._height - scale * height, scale * width, scale * height, label=label)
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=canvas.TARGET, linewidth=0.5)
        if frame.behind is not None:
            draw_skeleton(axes, frame.behind.points, frame.behind.skeleton, width=1.6, faint=True)
        draw_skeleton(axes, frame.pose.points, frame.pose.skeleton, width=0.9)
        title = shortened(frame.title, self._width - inset, size=6)
        text_at(figure, left, top + self._height + FRAME_TITLE - 0.04, title, size=6, color=canvas.TARGET)
