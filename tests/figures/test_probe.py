from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from poseda_cli.figures.canvas import ALIGNED, DOTS_PER_INCH, SOURCE, TARGET, new_figure
from poseda_cli.figures.page import WIDTH
from poseda_cli.figures.probe import draw_probe, height, plot_probe
from poseda_cli.probing import Probe, Row, Scores

# Of two seeds each: MPJPE, and PA-MPJPE, in millimetres.
ERRORS = {
    "source": ((108, 112), (60, 64)),
    "weak": ((90, 93), (55, 55)),
    "match+bones:0.1+sequence": ((70, 78), (40, 47)),
    "ceiling": ((71, 73), (42, 43)),
}
MEANS = {"mpjpe": [110, 91.5, 74, 72], "pa_mpjpe": [62, 55, 43.5, 42.5]}


def probe(seeds=2):
    rows = [
        Row(name, 100, tuple(Scores(a, b, 90, 60) for a, b in list(zip(*found, strict=True))[:seeds]))
        for name, found in ERRORS.items()
    ]
    return Probe(tuple(rows), 100, seeds, 1234)


def drawn(found):
    with new_figure(WIDTH, height(found)) as figure:
        draw_probe(figure, found)
        figure.draw_without_rendering()
    return figure


def panel(figure, name):
    (axes,) = (axes for axes in figure.axes if axes.get_label() == name)
    return axes


def bars(axes):
    return [patch for container in axes.containers for patch in container.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("score", MEANS)
def test_bars_are_means_from_zero_and_whiskers_reach_from_least_to_greatest(score):
    axes = panel(drawn(probe()), score)
    found = bars(axes)
    assert [bar.get_x() for bar in found] == [0] * 4
    assert [bar.get_width() for bar in found] == MEANS[score]
    assert [to_hex(bar.get_facecolor()) for bar in found] == [
        colour.lower() for colour in (SOURCE, ALIGNED, ALIGNED, TARGET)
    ]
    column = list(MEANS).index(score)
    whiskers = [line.get_xydata().tolist() for line in axes.lines if line.get_label() == "seeds"]
    expected = [[[seeds[0], n], [seeds[1], n]] for n, seeds in enumerate(pair[column] for pair in ERRORS.values())]
    assert whiskers == expected
    # From top to bottom, on an axis that points down.
    assert axes.yaxis_inverted()
    assert [text.get_text() for text in axes.texts] == [f"{mean:.1f}" for mean in MEANS[score]]
    (line,) = (line for line in axes.lines if line.get_label() == "ceiling")
    assert list(line.get_xdata()) == [MEANS[score][-1]] * 2


def test_the_band_that_is_no_guide_is_about_the_source_alone():
    figure = drawn(probe())
    bands = {axes.get_label(): [patch for patch in axes.patches if patch not in bars(axes)] for axes in figure.axes}
    (band,) = bands["mpjpe"]
    assert (band.get_x(), band.get_x() + band.get_width()) == (105, 115)
    assert bands["pa_mpjpe"] == []


def test_what_stands_beside_the_bars():
    figure = drawn(probe())
    texts = [text.get_text() for text in figure.texts]
    assert "Error of a lifter on 1,234 target poses, by what it was fitted to" in texts
    assert [name for name in texts if name in ERRORS] == ["source", "weak", "ceiling"]
    (long,) = (name for name in texts if "…" in name)
    assert long.startswith("match+")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "source ± 5 mm: no guide",
        "least to greatest of 2 seeds",
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == ["MPJPE (mm)", "PA-MPJPE (mm)"]


def test_a_single_seed_has_no_whiskers_to_speak_of():
    (legend,) = drawn(probe(seeds=1)).legends
    assert [text.get_text() for text in legend.get_texts()] == ["source ± 5 mm: no guide"]


def test_all_texts_are_inside_and_meet_neither_each_other_nor_whiskers():
    figure = drawn(probe())
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    boxes += [axes.xaxis.get_tightbbox() for axes in figure.axes]
    wide, high = figure.canvas.get_width_height()
    for number, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= wide
        assert box.y1 <= high
        assert not any(box.overlaps(other) for other in boxes[:number])
    for axes in figure.axes:
        for text, line in zip(axes.texts, (line for line in axes.lines if line.get_label() == "seeds"), strict=True):
            end = axes.transData.transform(line.get_xydata()[-1])[0]
            assert text.get_window_extent().x0 > end


def test_a_file_of_the_size_of_the_figure(tmp_path):
    stages = []

    class Stage:
        def __init__(self, label, total, unit):
            stages.append((label, total, unit))

        def __enter__(self):
            return stages.append

        def __exit__(self, *error):
            pass

    plot_probe(probe(), tmp_path / "bars.png", Stage)
    shape = imread(tmp_path / "bars.png").shape
    assert shape[1] == round(WIDTH * DOTS_PER_INCH)
    assert shape[0] == pytest.approx(height(probe()) * DOTS_PER_INCH, abs=1)
    assert stages == [("drawing", 2, "parts"), 1, 1]
    one_more = Probe((*probe().rows, probe().rows[1]), 100, 2, 1234)
    assert height(one_more) - height(probe()) == pytest.approx(0.2)
