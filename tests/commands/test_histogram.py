from __future__ import annotations

import pytest

from poseda_cli.commands.cells import Side
from poseda_cli.commands.histogram import ASCII, BLOCKS, bars, histogram_rows, merged
from poseda_cli.commands.terminal import Terminal

SIDES = (Side("source", "source", ""), Side("target", "target", ""))


def drawn(terminal, histograms, label=6):
    return [terminal.render(row).split("\n") for row in histogram_rows(terminal, histograms, SIDES, label)]


def test_neighbouring_bins_are_counted_together():
    assert merged([1, 2, 3, 4, 5, 6], 3) == [3, 7, 11]
    assert merged([1, 2, 3, 4, 5, 6], 6) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("cells", [60, 30, 20, 15, 12])
def test_no_pose_is_lost_by_merging(cells, rng):
    counts = rng.integers(0, 1000, 60).tolist()
    found = merged(counts, cells)
    assert len(found) == cells
    assert sum(found) == sum(counts)


def test_bars_of_one_line_have_eight_heights():
    # Eighths of the highest bar.
    assert bars({"a": [8, 1, 2, 3, 4, 5, 6, 7, 0]}, 9, 1, BLOCKS) == {"a": ["█▁▂▃▄▅▆▇ "]}


def test_bars_of_two_lines_go_on_in_the_upper_one():
    # Of 16 sixteenths: 16 fill both lines, 12 half of the upper one, 8 only the lower one, 4 half of it.
    assert bars({"a": [16, 12, 8, 4, 0]}, 5, 2, BLOCKS) == {"a": ["█▄   ", "███▄ "]}
    assert bars({"a": [6, 5, 4, 3, 2, 1, 0]}, 7, 2, ASCII) == {"a": ["|:.    ", "||||:. "]}


def test_samples_of_any_size_are_drawn_to_one_measure():
    # Parts 1/2, 1/4, 1/4 and 1/4, 1/4, 1/2: as high as each other, whatever the number of poses.
    sides = {"few": [4, 2, 2], "many": [2000, 2000, 4000]}
    assert bars(sides, 3, 1, BLOCKS) == {"few": ["█▄▄"], "many": ["▄▄█"]}
    # 1 of 4 in each cell beside 4 of 4 in one: a fourth as high.
    assert bars({"flat": [1, 1, 1, 1], "spike": [0, 4, 0, 0]}, 4, 1, BLOCKS) == {"flat": ["▂▂▂▂"], "spike": [" █  "]}


def test_a_single_pose_among_many_is_seen():
    assert bars({"a": [1_000_000, 0, 1]}, 3, 1, BLOCKS) == {"a": ["█ ▁"]}
    assert bars({"a": [1_000_000, 0, 1]}, 3, 2, ASCII) == {"a": ["|  ", "| ."]}


def test_nothing_to_draw():
    assert bars({}, 20, 2, BLOCKS) == {}
    assert bars({"a": [0, 0]}, 2, 1, BLOCKS) == {"a": ["  "]}
    assert drawn(Terminal(), {"scale": {}, "root x": {}}) == []


def test_titles_bars_and_the_ends_of_the_range():
    histogram = {"start": -0.5, "stop": 12.25, "source": [2] * 6 + [1] * 6, "target": [0] * 6 + [3] * 6}
    # Of the source 1/9 and 1/18 of the poses in a bin, of the target 1/6: 16/16, 10.7/16 and 5.3/16.
    assert drawn(Terminal(unicode=True), {"root x": histogram}) == [
        [
            "           root x",
            "        ▃▃▃▃▃▃",
            "source  ██████▅▅▅▅▅▅",
            "              ██████",
            "target        ██████",
            "        -0.5    12.2",
        ]
    ]


@pytest.mark.parametrize(
    ("width", "cells", "rows"),
    # A label of 6, and behind it and each histogram a gap of 2: 8 + 3 * 20 + 2 * 2 = 72 at least for 20 cells each.
    [
        (200, 60, 1),
        (196, 60, 1),
        (101, 20, 1),
        (102, 30, 1),
        (80, 20, 1),
        (72, 20, 1),
        (71, 15, 1),
        (48, 12, 1),
        (47, 30, 3),
    ],
)
def test_as_wide_as_there_is_room(width, cells, rows):
    # Evenly filled, all bars are full, and as many as there are cells.
    histogram = {"start": 0.0, "stop": 1.0, "source": [1] * 60, "target": [1] * 60}
    found = drawn(Terminal(width), dict.fromkeys(("scale", "root x", "root y"), histogram))
    assert len(found) == rows
    for lines in found:
        assert lines[2] == "source  " + "  ".join(["|" * cells] * (3 // rows))
        assert max(map(len, lines)) <= width


def test_a_terminal_too_narrow_for_anything_still_gets_whole_histograms():
    histogram = {"start": 0.0, "stop": 1.0, "source": [1] * 60, "target": [1] * 60}
    assert drawn(Terminal(10), {"scale": histogram})[0][2] == "source  " + "|" * 12


def test_a_side_without_values():
    whole = {"start": 0.0, "stop": 1.0, "source": [1] * 12, "target": [1] * 12}
    target = {"start": 0.0, "stop": 1.0, "target": [1] * 12}
    # Without 2D anywhere there is no line for the side at all ...
    (lines,) = drawn(Terminal(), {"scale": target})
    assert [line[:6].strip() for line in lines] == ["", "", "target", ""]
    # ... and where it has other quantities, an empty place.
    (lines,) = drawn(Terminal(), {"scale": whole, "root x": target})
    assert lines[2] == "source  " + "|" * 12
    assert lines[4] == "target  " + "|" * 12 + "  " + "|" * 12


def test_ends_of_a_range_of_any_size_fit_below_their_histogram():
    for start, stop, ends in [(-1234567.8, 2.5e7, ("-1.23e+06", "2.5e+07")), (1.25e-7, 2e-5, ("1.25e-07", "2e-05"))]:
        histogram = {"start": start, "stop": stop, "source": [1] * 60}
        (lines,) = drawn(Terminal(80), {"scale": histogram})
        assert tuple(lines[-1].split()) == ends
        assert len(lines[-1]) == len(lines[-2])
