"""`poseda probe` as a script sees it: exit codes, streams, files."""

from __future__ import annotations

import inspect
import json
import re
import shutil

import pytest

import poseda_cli as api
from poseda_cli import probing
from poseda_cli.commands.probe import probe as command
from poseda_cli.commands.probe_table import best, is_no_guide, show_probe
from poseda_cli.lifter import FEATURES
from poseda_cli.options import AlignOptions
from poseda_cli.probing import Probe, Row, Scores
from tests.layouts import cases_2d

QUICK = ("--poses", 300, "--features", 20, "--seeds", 2)
KEYS = ("mpjpe", "pa_mpjpe", "pck", "auc")


@pytest.fixture
def probe(poseda, source_file, target_folder):
    def run(*arguments: object, **settings):
        return poseda("probe", source_file, "--target", target_folder, *QUICK, *arguments, **settings)

    return run


def cells(text: str) -> dict[str, list[float]]:
    """Numbers of each row of the table, by what it is about."""
    rows = text.split("\n\n")[0].splitlines()[2:]
    return {
        row.split()[0]: [float(n) for n in re.findall(r"[-+]?\d[\d,]*\.\d", row)]
        for row in rows
        if re.match(r"\w+ +\d", row)
    }


def test_the_table_and_the_json_are_the_same_run(probe):
    table, document = probe(), json.loads(probe("--json", "-q").stdout)
    assert "match is left out: where up is for the target's cameras is not known (TS2, TS5, TS6)" in table.stderr
    assert max(map(len, table.stdout.splitlines())) <= 80
    table.stdout.encode("ascii")
    assert "means of 2 seeds (greatest less least)" in table.stdout
    assert "no network" in table.stdout
    assert "5 mm" in table.stdout
    assert "understates gains" in table.stdout
    assert document.pop("seconds") > 0
    assert {key: document[key] for key in ("schema", "poses", "seeds")} == {
        "schema": "poseda.probe/1",
        "poses": 300,
        "seeds": 2,
    }
    rows = document["rows"]
    assert [row["variant"] for row in rows] == ["source", "weak", "exact", "jitter", "ceiling"]
    first = rows[0]["mpjpe"]
    for row, (name, found) in zip(rows, cells(table.stdout).items(), strict=True):
        expected = [value for key in KEYS for value in (row[key], row["spread"][key])]
        if row is not rows[0]:
            expected.insert(2, row["mpjpe"] - first)
        assert name == row["variant"]
        assert found == pytest.approx(expected, abs=0.061)


def test_the_json_is_what_python_gives(probe, source_file, target_folder):
    """Each option reaches the alignment that it is for."""
    arguments = "--variants exact+match,jitter:25,bones --yaw 40 --target-tilt 3 --bones 0.1 --seed 4 --screen axes"
    chosen = ("--subjects", "S1,S5", "--target-subjects", "TS2,TS3,TS5", "--stride", 2, "--skeleton", "h36m16")
    found = json.loads(probe(*arguments.split(), *chosen, "--jobs", 1, "--json", "-q").stdout)
    variants = {
        "exact+match": {"depth": "exact", "view": "match", "yaw": 40, "target_tilt": 3},
        "jitter:25": {"view": "jitter", "jitter": 25, "yaw": 40},
        "bones": {"bones": 0.1},
    }
    expected = api.probe(
        api.read(source_file).select(subjects=["S1", "S5"], stride=2),
        api.read(target_folder).select(subjects=["TS2", "TS3", "TS5"]),
        variants,
        options=AlignOptions(seed=4, screen="axes", skeleton="h36m16"),
        poses=300,
        features=20,
        seeds=2,
    ).as_json()
    del found["seconds"]
    assert found == expected


def test_without_variants_the_view_is_matched_where_it_can_be(probe):
    def variants(*arguments):
        result = probe(*arguments, "--seeds", 1, "--poses", 100)
        assert "(" not in result.stdout.split("\n\n")[0].replace("(mm)", "").replace("(%)", "")
        assert "a single seed" in result.stdout
        return re.findall(r"^(\w+) +\d", result.stdout, flags=re.MULTILINE), result.stderr

    for arguments in (("--target-subjects", "TS1,TS3"), ("--target-up", "0,-1,0")):
        names, told = variants(*arguments)
        assert names == ["source", "weak", "exact", "jitter", "match", "ceiling"]
        assert "left out" not in told


def test_a_view_that_cannot_be_matched_is_refused_where_it_was_asked_for(probe):
    result = probe("--variants", "match", code=3)
    assert "--target-tilt" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["bars.png", "bars.SVG", "bars.pdf"])
def test_bars(probe, tmp_path, name):
    arguments = ("--variants", "weak", "--plot", name, "--seeds", 1, "--poses", 100)
    assert f"figure: {name}\n" in probe(*arguments).stderr
    drawn = (tmp_path / name).read_bytes()
    assert drawn.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[name[-3:].lower()])
    if name == "bars.png":
        assert "exists already; --overwrite replaces it" in probe(*arguments, code=4).stderr
        probe(*arguments, "--overwrite")
        assert (tmp_path / name).read_bytes() == drawn


def test_a_figure_never_takes_the_place_of_an_input(poseda, source_file, target_folder, tmp_path):
    shutil.copy(source_file, tmp_path / "source.png")
    arguments = ("probe", "source.png", "-t", target_folder, "--plot", "source.png", "--overwrite")
    assert "is the input" in poseda(*arguments, code=4).stderr
    assert (tmp_path / "source.png").read_bytes() == source_file.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--variants", "weka"), "--variants weka: no such alignment; "),
        (("--variants", "weka"), "Did you mean weak?"),
        (("--variants", "weak+exact"), "two of its parts say depth"),
        (("--variants", "jitter:100"), "expected 0 to 90 degrees"),
        (("--variants", "bones:0.9"), "expected a standard deviation from 0 to 0.5"),
        (("--variants", " "), "given without a name"),
        (("--variants", "weak", "--target-tilt", "3"), "they are for match alone; add it to --variants"),
        (("--target-tilt", "3", "--target-up", "0,-1,0"), "they say the same"),
        (("--target-up", "up"), "expected three numbers"),
        (("--poses", "99"), "greater than or equal to 100"),
        (("--seeds", "0"), "--seeds"),
        (("--plot", "bars.gif"), "expected a file that ends in .png, .svg, .pdf"),
        (("--target-layout", "pstm"), "Did you mean pstmo?"),
        (("--intrinsics", "1,2"), "expected six numbers"),
    ],
)
def test_wrong_usage_is_found_before_any_file_is_looked_at(poseda, arguments, message):
    result = poseda("probe", "nothing.npz", "--target", "nothing", *arguments, code=2)
    assert message in result.stderr
    assert result.stdout == ""


def test_a_target_without_3d_is_refused(poseda, source_file, tmp_path):
    cases_2d.coco_results(tmp_path)
    result = poseda(
        *("probe", source_file, "-t", "results.json", *QUICK, "--intrinsics", "1500,1500,960,540,1920,1080"), code=3
    )
    assert result.stderr.splitlines()[-1] == (
        "error: results.json: 2D poses only; the target of a probe needs 3D poses to score a lifter on."
    )


def test_defaults_are_those_of_python():
    of_command = {name: parameter.default for name, parameter in inspect.signature(command).parameters.items()}
    of_python = {name: parameter.default for name, parameter in inspect.signature(api.probe).parameters.items()}
    for name in ("poses", "seeds", "features"):
        assert of_command[name] == of_python[name]
    assert of_command["features"] == FEATURES
    for name in ("yaw", "seed", "screen", "skeleton"):
        assert of_command[name] == getattr(AlignOptions(), name)
    assert probing.VARIANTS["bones"] == {"bones": of_command["bones"]}


class Heard:
    def __init__(self):
        self.text = ""

    def result(self, text):
        self.text += text


def table(*mpjpes: float) -> Probe:
    names = ("source", *"abcdefgh"[: len(mpjpes) - 2], "ceiling")
    rows = tuple(Row(name, 10, (Scores(mpjpe, 50, 90, 60),) * 2) for name, mpjpe in zip(names, mpjpes, strict=True))
    return Probe(rows, 10, 2, 5)


def test_what_differs_by_less_than_5_mm_is_marked():
    found = table(100, 90, 95.1, 80, 84.9, 85, 70)
    assert [is_no_guide(found, row) for row in found.rows] == [True, False, True, False, False, False, False]
    assert [row.variant for row in best(found)] == ["c", "d"]
    heard = Heard()
    show_probe(heard, found)
    changes = dict(re.findall(r"^(\w+) .*\) +(~? ?[-+]\d+\.\d)", heard.text, flags=re.MULTILINE))
    assert changes == {"a": "-10.0", "b": "~ -4.9", "c": "-20.0", "d": "-15.1", "e": "-15.0", "ceiling": "-30.0"}
    assert "best alignments, less than 5 mm apart: c, d\n" in heard.text


def test_one_that_is_better_than_all_others_is_named_alone():
    heard = Heard()
    show_probe(heard, table(100, 90, 80, 70))
    assert "best alignment: b\n" in heard.text


def test_where_none_is_clearly_better_than_the_source_none_is_the_best():
    heard = Heard()
    show_probe(heard, table(100, 96, 95.1, 70))
    assert "no alignment is 5 mm better than the source\n" in heard.text
    assert "best" not in heard.text


def test_a_source_of_which_up_is_not_known_is_not_matched(poseda, source_file, target_folder):
    """Even if it is said of the target."""
    poseda("convert", source_file, "--to", "plain", "-o", "as_target", "--subjects", "S1", "-q")
    arguments = ("--seeds", 1, "--target-tilt", 10)
    result = poseda("probe", target_folder, "-t", "as_target", *QUICK, *arguments)
    assert "match is left out: where up is for the source's cameras is not known (TS2, TS5, TS6)\n" in result.stderr
    assert re.findall(r"^(\w+) +\d", result.stdout, flags=re.MULTILINE) == [
        *("source", "weak", "exact", "jitter", "ceiling")
    ]


def test_a_narrow_terminal_does_without_the_number_of_poses(monkeypatch):
    def shown(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        heard = Heard()
        show_probe(heard, table(100, 90, 80, 70))
        return heard.text.split("\n")[0]

    assert "poses" in shown(80)
    assert "poses" not in shown(70)
    assert len(shown(70)) <= 70


def test_nothing_is_written_but_what_plot_names(probe, tmp_path):
    probe("--variants", "weak", "--seeds", 1, "--poses", 100)
    assert list(tmp_path.iterdir()) == []
