from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import pairwise

import pytest

from poseda_cli.commands.cells import distance_format, fixed_format, in_columns, moments_format, number_format
from poseda_cli.commands.console import Console
from poseda_cli.commands.tables import show_alignment, show_comparison
from tests.commands.on_terminal import on_terminal

SHOW = (
    "import json, sys\n"
    "from poseda_cli.commands.console import Console\n"
    "from poseda_cli.commands.tables import show_alignment, show_comparison\n"
    "shown = json.load(open(sys.argv[1]))\n"
    "show = show_comparison if 'a' in shown else show_alignment\n"
    "show(Console(verbose='-v' in sys.argv), shown)\n"
)
ESCAPE = "\x1b"


def moments(mean, std):
    return {"mean": mean, "std": std, "p05": mean - 1.6 * std, "p50": mean + 0.1 * std, "p95": mean + 1.7 * std}


def quantity(source, target, aligned, wasserstein, ks):
    """One entry of `distributions`; the sides by mean and deviation."""
    sides = {"source": source, "target": target, "aligned": aligned}
    counts = {"source": [4, 3, 2, 1] * 15, "target": [1, 2, 1, 0] * 15, "aligned": [10, 20, 10, 0] * 15}
    return {
        **{side: moments(*values) if values else {} for side, values in sides.items()},
        "wasserstein": dict(zip(("before", "after"), wasserstein, strict=True)),
        "ks": dict(zip(("before", "after"), ks, strict=True)),
        "histogram": {"start": -0.75, "stop": 0.5, **{side: counts[side] for side in sides if sides[side]}},
    }


def in_summary(**changed):
    """A summary of an alignment, as ordinary as they come."""
    scale = quantity((0.47246, 0.10243), (0.43026, 0.07484), (0.43924, 0.08087), (0.04435, 0.00932), (0.2315, 0.078))
    root_x = quantity((0.06303, 0.24964), (-0.15178, 0.23617), (-0.15178, 0.23617), (0.2167, 1.7e-8), (0.4363, 0.0042))
    root_y = quantity((-0.18569, 0.0934), (-0.02179, 0.12764), (-0.02179, 0.12764), (0.1639, 1.1e-8), (0.6949, 0.0083))
    aspect = quantity((0.37758, 0.1377), (0.33166, 0.08495), (0.38389, 0.14134), (0.05122, 0.05679), (0.2402, 0.247))
    distributions = {"scale": scale, "root_x": root_x, "root_y": root_y, "aspect": aspect}
    distributions["depth"] = {"source": moments(5.134, 0.7149), "aligned": moments(3.846, 1.0049)}
    groups = {
        "subject": {"S9": group(312188), "S11": group(1480)},
        "action": {"WalkTogether": group(99999)},
        "camera": {"54138969": group(1559752)},
    }
    return {"distributions": {**distributions, **changed}, "groups": groups, "outliers": []}


def group(poses):
    def entry(mean, wasserstein):
        return {"source": moments(mean, 0.1), "aligned": moments(-0.2, 0.1), "wasserstein": wasserstein}

    return {
        "poses": poses,
        "scale": entry(0.4996, {"before": 0.07291, "after": 0.00858}),
        "root_x": entry(0.0867, {"before": 0.23848, "after": 0.0}),
        "root_y": entry(-0.1867, {"before": 0.165, "after": 0.1796}),
    }


def in_comparison(**changed):
    distributions = in_summary()["distributions"]
    for name, entry in distributions.items():
        entry.update(a=entry["source"], b=entry.pop("target", entry["aligned"]))
        del entry["source"], entry["aligned"]
        if name != "depth":
            entry["wasserstein"], entry["ks"] = entry["wasserstein"]["before"], entry["ks"]["before"]
            counts = entry["histogram"]
            counts.update(a=counts.pop("source"), b=counts.pop("target"))
            del counts["aligned"]
    everything = {"subjects": [], "actions": [], "cameras": [], "stride": 1}
    sides = {
        "a": {"paths": ["data_3d_h36m.npz"], "measured": 3360, "options": everything},
        "b": {"paths": ["3dhp/TS1/annot_data.mat", "3dhp/TS2/annot_data.mat"], "measured": 240, "options": everything},
    }
    return {**sides, "distributions": {**distributions, **changed}}


OUTLIER = {"subject": "S9", "action": "SittingDown 1", "camera": "55011271", "quantity": "root_x"}


def piped(capsys, summary, **console):
    show_alignment(Console(**console), summary)
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def shown(tmp_path):
    """A summary or comparison on a terminal."""

    def show(value, *arguments, **how):
        file = tmp_path / "shown.json"
        file.write_text(json.dumps(value))
        return on_terminal("-c", SHOW, file, *arguments, **how)

    return show


def without_colour(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def cells(text, row):
    """What stands in a row, without colours and padding."""
    line = next(line for line in without_colour(text).split("\n") if line.startswith(row))
    return re.split(r"\s{2,}", line.strip())


def test_the_table_of_an_alignment(shown):
    text = shown(in_summary(), NO_COLOR="1")
    assert cells(text, "normalised 2D") == ["normalised 2D", "source", "target", "aligned", "Wasserstein-1"]
    assert cells(text, "scale")[1:] == ["0.472 ± 0.102", "0.430 ± 0.075", "0.439 ± 0.081", "0.0444 → 0.0093"]
    assert cells(text, "root x")[1:] == ["0.063 ± 0.250", "-0.152 ± 0.236", "-0.152 ± 0.236", "0.2167 → 0.0000"]
    assert cells(text, "root y")[1:] == ["-0.186 ± 0.093", "-0.022 ± 0.128", "-0.022 ± 0.128", "0.1639 → 0.0000"]
    assert cells(text, "aspect w/h")[1:] == ["0.378 ± 0.138", "0.332 ± 0.085", "0.384 ± 0.141", "0.0512 → 0.0568"]
    assert cells(text, "depth (m)")[1:] == ["5.13 ± 0.71", "3.85 ± 1.00"]
    assert "tilt" not in text


def test_poses_that_were_turned_have_a_tilt(shown):
    tilt = {"source": moments(12.651, 1.535), "target": moments(5.996, 5.996), "aligned": moments(5.996, 5.996)}
    text = shown(in_summary(tilt=tilt))
    assert "where that is known" in text
    assert cells(text, "tilt") == [
        "tilt (deg)",
        "12.7 ± 1.5",
        "6.0 ± 6.0",
        "6.0 ± 6.0",
    ]


def test_numbers_of_a_column_stand_below_each_other(shown):
    lines = shown(in_summary(), NO_COLOR="1").split("\n")
    for sign in ("±", "→"):
        places = [[match.start() for match in re.finditer(sign, line)] for line in lines[3:7]]
        assert len(places[0]) == (3 if sign == "±" else 1)
        assert all(above == below for above, below in pairwise(places))


def test_wider_terminals_show_more(shown):
    assert "KS" not in shown(in_summary(), columns=80)
    text = shown(in_summary(), columns=110)
    assert cells(text, "normalised 2D")[-1] == "KS"
    assert cells(text, "scale")[-2:] == ["0.0444 → 0.0093", "0.232 → 0.078"]
    assert "5, 50, 95 %" not in text
    text = shown(in_summary(), columns=200)
    assert cells(text, "normalised 2D").count("5, 50, 95 %") == 3
    # 0.47246 less 1.6, and with 0.1 and 1.7 deviations more.
    assert cells(text, "scale")[1:5] == ["0.472 ± 0.102", "0.309", "0.483", "0.647"]


@pytest.mark.parametrize("columns", [80, 110, 200])
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}])
def test_no_line_is_wider_than_the_terminal(shown, columns, environment):
    summary = {**in_summary(), "outliers": [{**OUTLIER, "median": 0.91, "deviations": 3.4}]}
    lines = without_colour(shown(summary, "-v", columns=columns, **environment)).split("\n")
    assert max(map(len, lines)) <= columns
    # The histograms of 60 bins take 20 cells each at 80 columns, and 60 each at 200.
    assert max(map(len, lines)) > columns - 20


def test_colours_tell_sides_and_better_from_worse(shown):
    worse = quantity((0.1, 0.2), (0.1, 0.2), (0.1, 0.2), (0.01, 0.0234), (0.1, 0.2))
    text = shown(in_summary(root_y=worse))
    for colour, part in ((130, "0.472 ± 0.102"), (29, "0.439 ± 0.081"), (29, "0.0093"), (161, "0.0234")):
        assert re.search(rf"\x1b\[38;5;{colour}m *{part}", text)
    assert re.search(r"\x1b\[0m *0.430 ± 0.075 ", text)  # in the terminal's own colour
    for colour, side in ((130, "source"), (29, "aligned")):
        assert f"{ESCAPE}[38;5;{colour}m{side}" in text


def test_the_shape_of_boxes_is_neither_better_nor_worse(shown):
    # GPA moves a pose as a whole: that its box is as wide for its height as before is no failure.
    assert re.search(r"0\.0512 → 0\.0568\n", shown(in_summary()))


def test_a_distance_that_is_the_same_as_shown_is_neither_better_nor_worse(shown):
    entry = quantity((0.5, 0.1), (0.5, 0.1), (0.5, 0.1), (1e-9, 2e-9), (0.1, 0.1))
    assert "0.0000 → 0.0000\n" in shown(in_summary(scale=entry))


@pytest.mark.parametrize("columns", [80, 200])
def test_no_escape_codes_with_no_color(shown, columns):
    for text in (shown(in_summary(), "-v", columns=columns, NO_COLOR="1"), shown(in_comparison(), NO_COLOR="1")):
        assert ESCAPE not in text
        assert "█" in text


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}, {"TERM": "linux"}])
def test_plain_ascii_where_the_terminal_can_do_no_better(shown, environment):
    for value in (in_summary(), in_comparison()):
        text = shown(value, "-v", **environment)
        assert text.isascii()
        assert (ESCAPE in text) == (environment.get("TERM") != "dumb")
        assert "0.472 +-0.102" in text
        assert "|" in text


def test_what_is_piped_is_plain_ascii(capsys, monkeypatch):
    summary = in_summary()
    for columns in ("80", "60", "200", ""):
        monkeypatch.setenv("COLUMNS", columns)
        text = piped(capsys, summary, verbose=True)
        assert text.isascii()
        assert ESCAPE not in text
        assert not any(line.endswith(" ") for line in text.split("\n"))
    assert cells(text, "scale")[1:] == ["0.472 +-0.102", "0.430 +-0.075", "0.439 +-0.081", "0.0444 -> 0.0093"]
    assert max(map(len, text.split("\n"))) <= 80


def test_stderr_counts_where_only_stdout_is_piped(shown):
    assert shown(in_summary(), streams="2", NO_COLOR="1", columns=200).count("█") > 10


def test_quiet_shows_nothing(capsys):
    assert piped(capsys, in_summary(), quiet=True) == ""


@pytest.mark.parametrize("columns", [20, 40, 60, 79])
def test_narrow_terminals_lose_nothing(shown, columns):
    text = without_colour(shown(in_summary(), "-v", columns=columns))
    assert "…" not in text
    for part in ("0.472 ± 0.102", "-0.152 ± 0.236", "0.0444 → 0.0093", "1,559,752", "0.073→0.009", "WalkTogether"):
        assert part in text
    for title in ("scale", "root x", "root y"):
        assert re.search(rf"^ .*{title}", text, re.MULTILINE)
    # The ends of each histogram.
    assert text.count("-0.750 ") == text.count(" 0.500") == 3


def test_numbers_of_any_size_are_whole(shown):
    # In the order of magnitude of pixels, of nothing, and of nonsense.
    large = quantity((1234.56, 1000.1), (512.3, 99.5), (512.3, 99.5), (812.4, 1.25), (1.0, 0.0))
    tiny = quantity((1.234e-5, 2e-6), (1e-5, 1e-6), (1e-5, 1e-6), (2.3e-6, 1e-8), (1.0, 0.0))
    absurd = quantity((-1.5e30, 2e30), (0.0, 0.0), (0.0, 0.0), (1.5e30, 0.0), (1.0, 0.0))
    text = shown(in_summary(scale=large, root_x=tiny, root_y=absurd), NO_COLOR="1")
    assert cells(text, "scale")[1:] == ["1235 ± 1000", "512 ± 100", "512 ± 100", "812 → 1"]
    assert cells(text, "root x")[1:] == ["1.23e-05 ± 2e-06", "1e-05 ± 1e-06", "1e-05 ± 1e-06", "2.3e-06 → 1e-08"]
    assert cells(text, "root y")[1:] == ["-1.5e+30 ± 2e+30", "0 ± 0", "0 ± 0", "1.5e+30 → 0"]
    assert "…" not in text


def test_a_source_without_2d(shown):
    def without(entry):
        return {
            **entry,
            "source": {},
            "wasserstein": {"before": None, "after": 0.0093},
            "ks": {"before": None, "after": 0.078},
            "histogram": {name: counts for name, counts in entry["histogram"].items() if name != "source"},
        }

    summary = in_summary()
    for name, entry in summary["distributions"].items():
        summary["distributions"][name] = {**entry, "source": {}} if name == "depth" else without(entry)
    for groups in summary["groups"].values():
        for entry in groups.values():
            for name in ("scale", "root_x", "root_y"):
                entry[name] = {**entry[name], "source": {}, "wasserstein": {"before": None, "after": 0.0042}}
    text = shown(summary, "-v", NO_COLOR="1")
    assert cells(text, "scale")[1:5] == ["-", "0.430 ± 0.075", "0.439 ± 0.081", "- → 0.0093"]
    assert cells(text, "depth (m)")[1:] == ["-", "3.85 ± 1.00"]
    assert cells(text, "S9") == ["S9", "312,188", "- → 0.0042", "- → 0.0042", "- → 0.0042"]
    assert not re.search("^source", text, re.MULTILINE)


def test_groups_only_when_asked_for(capsys):
    assert "S11" not in piped(capsys, in_summary())
    text = piped(capsys, in_summary(), verbose=True)
    assert [line.split()[0] for line in text.split("\n") if re.match("subject|action|camera", line)] == [
        "subject",
        "action",
        "camera",
    ]
    # Means of scale, x and y, and distances before and after; 0.0867 rounds to 0.09.
    assert re.split(r"\s{2,}", next(line for line in text.split("\n") if line.startswith("S11"))) == [
        "S11",
        "1,480",
        "0.50 0.09 -0.19",
        "0.073->0.009",
        "0.238->0.000",
        "0.165->0.180",
    ]


def test_groups_have_four_decimals_where_there_is_room(shown):
    assert cells(shown(in_summary(), "-v", columns=110), "S11")[3:] == [
        "0.0729 → 0.0086",
        "0.2385 → 0.0000",
        "0.1650 → 0.1796",
    ]


def test_names_of_groups_are_no_markup(capsys):
    summary = in_summary()
    summary["groups"]["action"] = {"[bold]Sitting[/bold] :warning:": group(10)}
    assert "[bold]Sitting[/bold] :warning:  " in piped(capsys, summary, verbose=True)


def test_outliers_are_named(capsys):
    near = {**OUTLIER, "median": 0.9103, "deviations": 3.42}
    far = {**near, "subject": "S1", "quantity": "scale", "median": 12.34, "deviations": 40.06}
    lines = piped(capsys, {**in_summary(), "outliers": [far, near]}).rstrip("\n").split("\n")
    assert lines[-3:] == [
        "source sequences far from the others (medians; deviations by the quartiles):",
        "  S1 SittingDown 1, camera 55011271: scale 12, 40.1 deviations off",
        "  S9 SittingDown 1, camera 55011271: root x 0.91, 3.4 deviations off",
    ]
    text = piped(capsys, {**in_summary(), "outliers": [far] + [near] * 7})
    assert text.count("deviations off") == 5
    assert text.endswith("  ... 3 more in summary.json\n\n")
    assert "sequences" not in piped(capsys, in_summary())


def test_the_table_of_a_comparison_is_the_result(capsys):
    show_comparison(Console(quiet=True), in_comparison())
    out, err = capsys.readouterr()
    assert err == ""
    assert out.isascii()
    assert out.split("\n")[:2] == [
        "A  data_3d_h36m.npz: 3,360 poses measured",
        "B  3dhp/TS1/annot_data.mat, ... (1 more): 240 poses measured",
    ]
    assert cells(out, "normalised 2D") == ["normalised 2D", "A", "B", "Wasserstein-1", "KS"]
    assert cells(out, "scale") == ["scale (w+h)/2", "0.472 +-0.102", "0.430 +-0.075", "0.0444", "0.232"]
    assert cells(out, "depth (m)") == ["depth (m)", "5.13 +-0.71", "3.85 +-1.00"]
    assert re.search(r"^A  +[|:. ]+$", out, re.MULTILINE)
    assert max(map(len, out.split("\n"))) == 79


def test_a_comparison_without_3d_and_on_a_narrow_terminal(shown):
    text = shown(in_comparison(depth={"a": {}, "b": {}}), columns=40)
    assert "depth" not in text
    assert cells(text, "root x")[-2:] == ["0.2167", "0.436"]


def test_a_comparison_says_which_part_of_a_data_set_it_is(capsys):
    comparison = in_comparison()
    chosen = {"subjects": ["S1", "S5"], "actions": [], "cameras": ["54138969"], "stride": 5}
    comparison["a"]["options"] = chosen
    show_comparison(Console(), comparison)
    line = "A  data_3d_h36m.npz (subjects S1, S5; cameras 54138969; stride 5): 3,360 poses measured\n"
    assert capsys.readouterr().out.startswith(line)


def test_a_pipe_that_goes_away_is_no_error(tmp_path):
    file = tmp_path / "shown.json"
    file.write_text(json.dumps(in_comparison()))
    command = [sys.executable, "-c", SHOW, file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("values", "finest", "written"),
    [
        ([0.472, 0.102], 0.075, ["0.472", "0.102"]),
        ([0.472, 0.102], 0.0005, ["0.4720", "0.1020"]),
        ([0.5, 0.1], 1e-9, ["0.5", "0.1"]),
        ([12.345, 0.1], 0, ["12.3", "0.1"]),
        ([123456.7, -5.0], 0, ["123457", "-5"]),
        ([1234567.8], 0, ["1.23e+06"]),
        ([-0.0001, 0.5], 0, ["0.000", "0.500"]),
        ([0.0, 0.0], 0, ["0.00", "0.00"]),
        ([], 0, []),
    ],
)
def test_digits_of_numbers(values, finest, written):
    assert [format(value, number_format(values, finest=finest)) for value in values] == written


def test_digits_of_means_are_those_of_the_deviations():
    assert moments_format([moments(0.5, 0.1), {}, moments(0.4, 0.0007)]) == "z.4f"
    # A target of one pose has no deviation.
    assert moments_format([moments(0.5, 0.1), moments(0.4, 0.0)]) == "z.3f"
    assert moments_format([{}, {}]) == "z.2f"


def test_digits_of_distances():
    def written(values, deviation):
        form = distance_format(values, [{"source": {"std": deviation}, "target": {}, "ks": {"after": 0.5}}])
        return [format(value, form) for value in values if value is not None]

    assert written((0.2167, 1.7e-8), 0.2) == ["0.2167", "0.0000"]
    # Beside a deviation of 0.2 a distance of 1e-8 is none.
    assert written((None, 1.7e-8), 0.2) == ["0.0000"]
    assert written((2e-5, 1e-6), 1e-5) == ["2e-05", "1e-06"]
    assert written((21.5, 0.25), 30.0) == ["21.50", "0.25"]
    assert [format(value, fixed_format((0.0867, -0.19), 2)) for value in (0.0867, -0.19)] == ["0.09", "-0.19"]


def test_parts_of_cells_stand_below_each_other():
    rows = [["1", "22"], [], ["-3", "4"], ["-"]]
    assert in_columns(rows, "|") == [" 1|22", "     ", "-3|4 ", " -   "]
    assert in_columns(rows, "|", rest=">") == [" 1|22", "     ", "-3| 4", " -   "]
    assert in_columns([], "|") == []
    assert in_columns([[], []], "|") == ["", ""]


@pytest.mark.parametrize(("columns", "cells_each"), [(80, 20), (200, 60)])
def test_what_align_and_compare_show_of_the_sample_data(source_file, target_folder, tmp_path, columns, cells_each):
    align = ("-m", "poseda_cli", "align", source_file, "-t", target_folder, "-o", "out", "-v")
    text = on_terminal(*align, streams="2", columns=columns, cwd=tmp_path)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    shown = without_colour(text[text.index("normalised 2D") :])
    assert ESCAPE in text
    assert max(map(len, shown.split("\n"))) <= columns
    for name, row in (("scale", "scale"), ("root_x", "root x"), ("root_y", "root y"), ("aspect", "aspect w/h")):
        entry = summary["distributions"][name]
        sides = [f"{entry[side]['mean']:.3f} ± {entry[side]['std']:.3f}" for side in ("source", "target", "aligned")]
        distance = f"{entry['wasserstein']['before']:.4f} → {entry['wasserstein']['after']:.4f}"
        assert [cell for cell in cells(shown, row) if "±" in cell] == sides
        assert distance in cells(shown, row)
    for groups in summary["groups"].values():
        for name, entry in groups.items():
            assert cells(shown, name)[:2] == [name, f"{entry['poses']:,}"]
    # The aligned roots are those of the target, so their histograms are the same.
    lines = shown.split("\n")
    target, aligned = (
        next(i for i, line in enumerate(lines) if line.startswith(side)) for side in ("target", "aligned")
    )
    roots = slice(13 + 2 + cells_each + 2, None)
    for above in (0, 1):
        assert lines[target - above][roots].rstrip() == lines[aligned - above][roots].rstrip() != ""
    assert len(lines[aligned + 1]) == 13 + 3 * (2 + cells_each)

    text = on_terminal("-m", "poseda_cli", "compare", source_file, target_folder, streams="1", columns=columns)
    assert max(map(len, without_colour(text).split("\n"))) <= columns
    scale = summary["distributions"]["scale"]
    assert cells(text, "scale")[-2:] == [f"{scale['wasserstein']['before']:.4f}", f"{scale['ks']['before']:.3f}"]
