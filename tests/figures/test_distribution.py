from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.image import imread
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Text

import poseda_cli as poseda
from poseda_cli.comparison import compare
from poseda_cli.figures.canvas import DOTS_PER_INCH, FAINT, LEFT, MIDDLE, RIGHT, STYLE, new_figure
from poseda_cli.figures.densities import distance_text, numbers
from poseda_cli.figures.distribution import draw_distribution, height, plot_distribution
from poseda_cli.figures.page import WIDTH
from poseda_cli.picture import Example, Frame, Picture, Pose, picture_of_alignment, picture_of_comparison
from poseda_cli.skeleton import H36M16, H36M17, MPI_INF_3DHP17
from tests import datasets

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml version", "pdf": b"%PDF-1."}
SIDES = ("source", "aligned", "target")
QUANTITIES = ("scale", "root_x", "root_y")
# Counts in bins of width 0.5 from -1 to 1, and what they are as densities: of 10, 5 and 8 poses.
COUNTS = {"source": [1, 4, 3, 2], "aligned": [0, 2, 2, 1], "target": [0, 6, 2, 0]}
DENSITIES = {"source": [0.2, 0.8, 0.6, 0.4], "aligned": [0, 0.8, 0.8, 0.4], "target": [0, 1.5, 0.5, 0]}
MOMENTS = {"source": (0.444, 0.081), "aligned": (-0.126, 0.25), "target": (-0.127, 0.2)}
LONG = "of_a_cascaded_pyramid_network_fine_tuned_on_human36m_with_ground_truth_boxes"


def distribution(*, sides=SIDES, wasserstein):
    moments = {side: dict(zip(("mean", "std"), MOMENTS[side], strict=True)) for side in sides}
    counts = {side: COUNTS[side] for side in sides}
    return {
        **moments,
        "wasserstein": wasserstein,
        "histogram": {"start": -1.0, "stop": 1.0, **counts, "outside": dict.fromkeys(counts, 0)},
    }


def pose(size, skeleton=H36M17, seed=0):
    """Somebody in the middle of an image."""
    spread = np.random.default_rng(seed).uniform(0.3, 0.7, (len(skeleton), 2))
    return Pose((spread * size).astype(np.float32), size, skeleton)


def heat(peak):
    """A cell in the upper left quarter of the screen, and one at its lower right corner."""
    parts = np.zeros((96, 96))
    parts[10, 20], parts[95, 95] = peak, peak / 4
    return parts


def alignment():
    square, wide = (1000.0, 1000.0), (1920.0, 1080.0)
    before = Frame("source", pose(square))
    after = Frame("aligned", pose(wide, seed=1), pose(wide, MPI_INF_3DHP17, seed=2))
    return Picture(
        sides={side: side for side in SIDES},
        captions={side: side for side in SIDES},
        reference="target",
        before_reference=("aligned",),
        distributions={name: distribution(wasserstein={"before": 0.1234, "after": 0.0062}) for name in QUANTITIES},
        heat={"source": heat(0.02), "aligned": heat(0.08), "target": heat(0.04)},
        aspects={"source": (1.0, 1.002), "aligned": (0.5625, 1.0), "target": (0.5625, 1.0)},
        examples=tuple(Example(f"S1 Walking → TS{number} Seq1", (before, after)) for number in range(1, 5)),
        screen="aspect",
    )


def comparison(a="A: one.npz", b="B: other.npz", frame="S1 Walking"):
    """Of what an alignment calls source and target."""
    renamed = {"a": "source", "b": "target"}
    found = distribution(sides=("source", "target"), wasserstein=0.1234)
    found |= {side: found.pop(name) for side, name in renamed.items()}
    found["histogram"] |= {side: found["histogram"].pop(name) for side, name in renamed.items()}
    found["histogram"]["outside"] = dict.fromkeys(renamed, 0)
    frames = tuple(Frame(frame, pose((1000.0, 1000.0), H36M16, seed)) for seed in range(4))
    return Picture(
        sides={"a": "A", "b": "B"},
        captions={"a": a, "b": b},
        reference="b",
        before_reference=("a",),
        distributions=dict.fromkeys(QUANTITIES, found),
        heat={"a": heat(0.02), "b": heat(0.04)},
        aspects={"a": (1.0,), "b": (0.5625,)},
        examples=(Example(a, frames), Example(b, frames)),
        screen="aspect",
    )


def without_source():
    """An alignment whose source was never seen."""
    whole, seen = alignment(), ("aligned", "target")
    found = {**distribution(sides=seen, wasserstein={"before": None, "after": 0.0062}), "source": {}}
    return replace(
        whole,
        distributions=dict.fromkeys(QUANTITIES, found),
        heat={side: whole.heat[side] for side in seen},
        aspects={side: whole.aspects[side] for side in seen},
        examples=tuple(Example(example.title, example.frames[1:]) for example in whole.examples),
    )


def wide():
    """All images 16:9, and those of the examples upright."""
    whole = alignment()
    example = Example("upright", (Frame("S1 Walking", pose((720.0, 1280.0))), Frame("S1", pose((1000.0, 1000.0)))))
    return replace(whole, aspects=dict.fromkeys(SIDES, (0.5625,)), examples=(example,) * 4)


PICTURES = {
    "alignment": alignment,
    "comparison": comparison,
    "long names": lambda: comparison(f"A: detections_{LONG}.npz", f"B: archive_{LONG} (1,234 files)", LONG),
    "without source": without_source,
    "wide": wide,
    "no examples": lambda: replace(alignment(), examples=()),
}


def drawn(picture):
    """Axes by what they show."""
    with new_figure(WIDTH, height(picture)) as figure:
        draw_distribution(figure, picture)
    found = {axes.get_label(): axes for axes in figure.axes}
    assert len(found) == len(figure.axes)
    return found


@pytest.fixture
def written(monkeypatch):
    """Texts and their places, as they are drawn."""
    found, draw = [], Text.draw

    def note(text, renderer):
        draw(text, renderer)
        if text.get_visible() and text.get_text():
            found.append((text.get_text(), text.get_window_extent(renderer), text.get_size()))

    monkeypatch.setattr(Text, "draw", note)
    return found


def texts(axes):
    return sorted(text.get_text() for text in axes.texts)


def labelled(axes, label):
    """The artist with a label, of which there is one."""
    found = [artist for artist in axes.get_children() if artist.get_label() == label]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_densities_are_the_counts(side, quantity):
    outline = labelled(drawn(alignment())[f"{quantity} of {side}"], side)
    values, edges, _ = outline.get_data()
    assert edges == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert values == pytest.approx(DENSITIES[side])
    assert (values * np.diff(edges)).sum() == pytest.approx(1)


@pytest.mark.parametrize("side", SIDES)
def test_mean_and_deviation_are_drawn_and_written(side):
    mean, std = MOMENTS[side]
    axes = drawn(alignment())[f"root_x of {side}"]
    assert labelled(axes, "mean").get_xdata() == pytest.approx([mean])
    assert labelled(axes, "deviation").get_xdata() == pytest.approx([mean - std, mean + std])
    written = {"source": "0.44 ± 0.08", "aligned": "\N{MINUS SIGN}0.13 ± 0.25", "target": "\N{MINUS SIGN}0.13 ± 0.20"}
    assert written[side] in texts(axes)
    # Above the highest bar of the column, below the panel's end.
    bars = max(map(max, DENSITIES.values()))
    assert bars < labelled(axes, "mean").get_ydata()[0] < axes.get_ylim()[1]


def test_distances_are_written_where_they_belong():
    found = {label: texts(axes) for label, axes in drawn(alignment()).items()}
    assert found["scale of source"] == ["0.44 ± 0.08", "W₁ 0.123"]
    assert found["scale of aligned"] == ["W₁ 0.006", "\N{MINUS SIGN}0.13 ± 0.25"]
    assert found["scale of target"] == ["\N{MINUS SIGN}0.13 ± 0.20"]
    found = {label: texts(axes) for label, axes in drawn(comparison()).items()}
    assert found["scale of a"] == ["0.44 ± 0.08", "W₁ 0.123"]
    assert found["scale of b"] == ["\N{MINUS SIGN}0.13 ± 0.20"]


@pytest.mark.parametrize(
    ("picture", "before", "reference"), [(alignment, {"aligned"}, "target"), (comparison, {"a"}, "target")]
)
def test_the_reference_stands_behind_those_before_it(picture, before, reference):
    panels = {label: axes for label, axes in drawn(picture()).items() if label.startswith(QUANTITIES)}
    assert len(panels) == 3 * len(picture().sides)
    for label, axes in panels.items():
        behind = labelled(axes, "reference")
        assert (behind is not None) == (label.split(" of ")[1] in before)
        steps = [child for child in axes.get_children() if isinstance(child, StepPatch)]
        assert len(steps) == 2 + (behind is not None)
        if behind is not None:
            assert behind.get_data().values == pytest.approx(DENSITIES[reference])
            assert to_rgba(behind.get_facecolor())[:3] == to_rgba(FAINT)[:3]
            assert steps[0] is behind


def test_columns_have_one_axis():
    picture = alignment()
    other = distribution(wasserstein={"before": 0.1, "after": 0.1})
    other["histogram"] |= {"start": 3.0, "stop": 7.0}
    axes = drawn(replace(picture, distributions={**picture.distributions, "root_y": other}))
    for quantity, low, high in [("scale", -1, 1), ("root_x", -1, 1), ("root_y", 3, 7)]:
        column = [axes[f"{quantity} of {side}"] for side in SIDES]
        assert len({(*panel.get_xlim(), *panel.get_ylim()) for panel in column}) == 1
        assert len({(panel.get_position().x0, panel.get_position().x1) for panel in column}) == 1
        start, stop = column[0].get_xlim()
        assert low - 0.1 * (high - low) < start < low
        assert high < stop < high + 0.1 * (high - low)
        assert column[0].get_ylim()[0] == 0
        # Only the lowest panel says what the axis is.
        assert [panel.get_xlabel() for panel in column[:2]] == ["", ""]
    assert [axes[f"{quantity} of target"].get_xlabel() for quantity in QUANTITIES] == [
        "scale (w + h) / 2",
        "root x",
        "root y",
    ]


@pytest.mark.parametrize(
    ("mean", "std", "text"),
    [
        (0.4449, 0.081, "0.44 ± 0.08"),
        (-0.0004, 0.05, "0.00 ± 0.05"),
        (-1.5, 12.0, "\N{MINUS SIGN}1.50 ± 12.00"),
        (0.5, 0.003, "0.500 ± 0.003"),
        (0.5, 1e-9, "0.5000 ± 0.0000"),
        (0.5, 0.0, "0.50 ± 0.00"),
    ],
)
def test_numbers(mean, std, text):
    assert numbers(mean, std) == text


@pytest.mark.parametrize(
    ("distance", "text"), [(0.1234, "0.123"), (0.0006, "0.001"), (0.0004, "< 0.001"), (0.0, "< 0.001"), (2.5, "2.500")]
)
def test_distance_text(distance, text):
    assert distance_text(distance) == text


def test_a_side_that_was_not_seen_says_so():
    axes = drawn(without_source())
    for label in [*(f"{quantity} of source" for quantity in QUANTITIES), "heat of source"]:
        assert texts(axes[label]) == ["no 2D"]
        assert not axes[label].patches
        assert not axes[label].lines
        assert not axes[label].images
    assert texts(axes["scale of aligned"]) == ["W₁ 0.006", "\N{MINUS SIGN}0.13 ± 0.25"]
    assert axes["scale of source"].get_xlim() == axes["scale of target"].get_xlim()


def test_a_value_that_all_poses_share():
    found = distribution(wasserstein={"before": 0.0, "after": 0.0})
    found |= {side: {"mean": 0.5, "std": 0.0} for side in SIDES}
    found["histogram"] = {
        "start": 0.49,
        "stop": 0.51,
        **{side: [0, 7] for side in SIDES},
        "outside": dict.fromkeys(SIDES, 0),
    }
    axes = drawn(replace(alignment(), distributions=dict.fromkeys(QUANTITIES, found)))
    values, edges, _ = labelled(axes["scale of source"], "source").get_data()
    assert (values * np.diff(edges)).sum() == pytest.approx(1)
    assert texts(axes["scale of source"]) == ["0.50 ± 0.00", "W₁ < 0.001"]


def bones(axes):
    return [child for child in axes.get_children() if isinstance(child, LineCollection)]


def test_examples_show_poses_in_their_images():
    axes = drawn(alignment())
    frames = {label: found for label, found in axes.items() if label.startswith("frame")}
    assert len(frames) == 8
    for label, found in frames.items():
        before = label.startswith("frame 0")
        width, high = (1000, 1000) if before else (1920, 1080)
        assert (found.get_xlim(), found.get_ylim()) == ((0, width), (high, 0))
        box = found.get_window_extent()
        assert box.height / box.width == pytest.approx(high / width, rel=1e-6)
        assert [len(lines.get_segments()) for lines in bones(found)] == ([16] if before else [16, 16])
        # All stand on one line.
        assert box.y0 == pytest.approx(next(iter(frames.values())).get_window_extent().y0)


def test_examples_tell_left_from_right_and_the_target_is_faint():
    behind, front = bones(drawn(alignment())["frame 1 of example 2"])
    expected = [{"L": LEFT, "R": RIGHT}.get(name[0], MIDDLE) for name in H36M17.joints[1:]]
    assert np.allclose(front.get_colors(), [to_rgba(colour) for colour in expected])
    assert np.allclose(behind.get_colors(), to_rgba(FAINT))
    assert behind.get_zorder() < front.get_zorder()
    known = pose((1920.0, 1080.0), MPI_INF_3DHP17, seed=2).points
    assert np.allclose(behind.get_segments(), [known[[p, j]] for j, p in enumerate(MPI_INF_3DHP17.parents) if p >= 0])


def test_examples_of_a_comparison():
    frames = {label: axes for label, axes in drawn(comparison()).items() if label.startswith("frame")}
    assert len(frames) == 8
    # Of 16 joints.
    assert {tuple(len(lines.get_segments()) for lines in bones(axes)) for axes in frames.values()} == {(15,)}


def test_a_data_set_of_which_no_pose_can_be_shown(written):
    """None of its poses is finite: the other's are shown, larger, and no title stands over nothing."""
    both = comparison()
    picture = replace(both, examples=(both.examples[0], Example("nothing to see", ())))
    with new_figure(WIDTH, height(picture)) as figure:
        draw_distribution(figure, picture)
        figure.draw_without_rendering()
    frames = [axes for axes in figure.axes if axes.get_label().startswith("frame")]
    assert len(frames) == 4
    assert "nothing to see" not in [text for text, *_ in written]
    assert frames[0].get_window_extent().width > 1.9 * drawn(both)["frame 0 of example 0"].get_window_extent().width


def test_upright_images_are_no_higher_than_there_is_room():
    axes = drawn(wide())
    upright, square = axes["frame 0 of example 0"].get_window_extent(), axes["frame 1 of example 0"].get_window_extent()
    assert upright.height / upright.width == pytest.approx(1280 / 720)
    assert upright.height == pytest.approx(1.4 * square.width)
    assert upright.x1 < square.x0


def test_heat_maps_have_one_scale_and_lie_on_the_screen():
    picture = alignment()
    axes = drawn(picture)
    for side in SIDES:
        (image,) = axes[f"heat of {side}"].images
        assert np.array_equal(image.get_array(), picture.heat[side])
        # Rows from top to bottom, and y down.
        assert image.get_extent() == [-1, 1, 1, -1]
        assert (image.origin, axes[f"heat of {side}"].yaxis_inverted()) == ("upper", True)
        assert (image.norm.vmin, image.norm.vmax) == (0, 0.08)
    # An empty cell is paper; the fuller a cell, the darker.
    grey = image.cmap(image.norm([0.0, 1e-5, 0.001, 0.01, 0.08]))[:, :3] @ [0.299, 0.587, 0.114]
    assert grey[0] == pytest.approx(1)
    assert grey[1] > 0.98
    assert (np.diff(grey) < 0).all()


def test_cells_are_where_the_joints_are(tmp_path):
    """By the pixels, in the middle of the full cell and of those that are mirrored."""
    plot_distribution(alignment(), tmp_path / "figure.png")
    image = imread(tmp_path / "figure.png")[..., :3]
    axes = drawn(alignment())["heat of aligned"]
    row, column = 10.5 / 48 - 1, 20.5 / 48 - 1
    x, y = axes.transData.transform([(column, row), (column, -row), (-column, row)]).astype(int).T
    full, *empty = image[len(image) - 1 - y, x]
    assert full.max() < 0.1
    assert np.array(empty).min() == 1


@pytest.mark.parametrize(
    ("aspects", "screen", "borders", "end"),
    [
        ((0.5625, 1.0), "aspect", [0.56, 1.0], 1.0),
        ((1.0, 1.002), "aspect", [1.0], 1.0),
        ((0.5625,), "aspect", [0.56], 0.5625),
        ((0.5625, 0.75), "axes", [1.0], 1.0),
        ((1.778,), "aspect", [1.78], 1.0),
        ((0.5, 0.6, 0.7, 0.8, 0.9), "aspect", [0.5, 0.9], 0.9),
    ],
)
def test_borders_of_images(aspects, screen, borders, end):
    """And the maps end at the larger one, or where they have been counted to."""
    axes = drawn(replace(alignment(), aspects=dict.fromkeys(SIDES, aspects), screen=screen))["heat of aligned"]
    rectangles = [child for child in axes.patches if isinstance(child, Rectangle)]
    assert [box.get_y() + box.get_height() for box in rectangles] == pytest.approx(borders)
    assert [box.get_y() for box in rectangles] == pytest.approx([-border for border in borders])
    assert {(box.get_x(), box.get_width()) for box in rectangles} == {(-1, 2)}
    assert axes.get_ylim() == pytest.approx((end + 0.01, -end - 0.01))
    box = axes.get_window_extent()
    assert box.height / box.width == pytest.approx((end + 0.01) / 1.01)


def test_no_joint_in_any_image():
    empty = {side: np.zeros((96, 96)) for side in SIDES}
    (image,) = drawn(replace(alignment(), heat=empty))["heat of source"].images
    assert (image.norm(0.0), image.norm.vmax) == (0, 1)


@pytest.mark.parametrize("name", PICTURES)
def test_texts_are_for_print(written, name):
    """On the page, not over each other, and of 6 to 8 points but for the parts' letters."""
    picture = PICTURES[name]()
    with new_figure(WIDTH, height(picture)) as figure:
        draw_distribution(figure, picture)
        figure.draw_without_rendering()
    assert len(written) > 30
    for text, box, size in written:
        assert 6 <= size <= 8 or text in "abc"
        assert (figure.bbox.x0 <= box.x0) and (box.x1 <= figure.bbox.x1), text
        assert (figure.bbox.y0 <= box.y0) and (box.y1 <= figure.bbox.y1), text
    for (one, box, _), (other, another, _) in combinations(written, 2):
        assert not box.overlaps(another), (one, other)


@pytest.mark.parametrize("name", PICTURES)
def test_image(tmp_path, name):
    picture = PICTURES[name]()
    plot_distribution(picture, tmp_path / "figure.png")
    image = imread(tmp_path / "figure.png")
    assert image.shape[:2] == (int(height(picture) * DOTS_PER_INCH), WIDTH * DOTS_PER_INCH)
    # Ink on white paper, and all of it in letters, lines and bars.
    ink = (image[..., :3].min(-1) < 0.9).mean()
    assert 0.01 < ink < 0.3
    assert (image[[0, -1], :, :3] == 1).all()
    assert (tmp_path / "figure.png").stat().st_size < 300_000


SCRIPT = """
import sys
from pathlib import Path
from poseda_cli.figures.distribution import plot_distribution
from tests.figures.test_distribution import alignment
for file in sys.argv[1:]:
    plot_distribution(alignment(), Path(file))
assert "matplotlib.pyplot" not in sys.modules
"""


def test_equal_bytes_wherever_it_is_drawn(tmp_path):
    """With a style of one's own, another hash seed and no display."""
    files = {(name, kind): tmp_path / f"{name}.{kind}" for name in ("one", "two", "elsewhere") for kind in MAGIC}
    for kind in MAGIC:
        plot_distribution(alignment(), files["one", kind])
        plot_distribution(alignment(), files["two", kind])
    (tmp_path / "matplotlibrc").write_text("font.size: 20\nsavefig.bbox: tight\nsvg.fonttype: path\naxes.grid: True\n")
    environment = {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": "TkAgg", "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    subprocess.run(
        [sys.executable, "-c", SCRIPT, *(str(files["elsewhere", kind]) for kind in MAGIC)],
        cwd=Path(__file__).parents[2],
        env={key: value for key, value in os.environ.items() if key != "DISPLAY"} | environment,
        check=True,
        timeout=60,
    )
    for kind, magic in MAGIC.items():
        first, *others = (files[name, kind].read_bytes() for name in ("one", "two", "elsewhere"))
        assert first.startswith(magic)
        assert others == [first, first], kind
        assert len(first) < 300_000


def test_heat_maps_are_images_in_an_svg(tmp_path):
    """One for each side and one for the scale; and text is text."""
    plot_distribution(alignment(), tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert text.count("<image") == 4
    assert "S1 Walking → TS4 Seq1</text>" in text
    assert STYLE["svg.fonttype"] == "none"


def test_alignment_and_comparison_of_data_sets(tmp_path):
    aligned = poseda.align(datasets.source(), datasets.target())
    axes = drawn(picture_of_alignment(aligned, aligned.summary))
    found = aligned.summary["distributions"]["root_x"]
    for side in SIDES:
        panel = axes[f"root_x of {side}"]
        assert labelled(panel, "mean").get_xdata() == pytest.approx([found[side]["mean"]])
        values, edges, _ = labelled(panel, side).get_data()
        assert (edges[0], edges[-1]) == pytest.approx((found["histogram"]["start"], found["histogram"]["stop"]))
        expected = np.array(found["histogram"][side]) / sum(found["histogram"][side])
        assert values * np.diff(edges) == pytest.approx(expected)
    assert sum(label.startswith("frame") for label in axes) == 8

    both = datasets.source(), datasets.target()
    plot_distribution(picture_of_comparison(*both, compare(*both)), tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(MAGIC["pdf"])
