"""Bars on a terminal: which stages there are, that each is counted to its end, and that nobody else sees them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from .on_terminal import REPO, on_terminal

# What is quick has no bar: here a bar waits for nothing, and is drawn at every step.
AT_ONCE = "from poseda_cli.commands import console; console.DELAY = -1"
DRIVER = f"{AT_ONCE}; from poseda_cli.commands.app import main; main()"
EAGER = {"TQDM_MININTERVAL": "0"}
BAR = re.compile(r"([\w ]+?): +(\d+)%\|[^|]*\| +(\S+)/(\S+) \[[^\]]*, +[\d.]+[kMG]? ?(poses|B)/s\]")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("progress") / "sample"
    subprocess.run([sys.executable, "-m", "poseda_cli", "sample", "-q", "-o", folder], check=True, cwd=REPO)
    return folder


def bars(*arguments):
    """(label, percent, done, total, unit) of each time that a bar was drawn with a rate."""
    written = on_terminal("-c", DRIVER, *arguments, columns=120, streams="2", **EAGER)
    return [(label, int(percent), *rest) for label, percent, *rest in BAR.findall(written)]


def stages(drawn):
    """Labels in order; checksums are shown where one has to wait for them, which depends on the machine."""
    labels = [label for label, *_ in drawn if label != "checksums"]
    return [label for label, before in zip(labels, [None, *labels], strict=False) if label != before]


def align(sample, out, *options):
    return ("align", sample / "data_3d_h36m.npz", "-t", sample / "mpi_inf_3dhp_test_set", "-o", out, *options)


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("poseda", ["aligning"]),
        ("videopose3d", ["projecting", "writing 2D", "writing"]),
        ("mmpose", ["writing", "naming", "arranging", "writing"]),
        ("pstmo", ["writing", "arranging", "writing"]),
        ("plain", ["writing"]),
    ],
)
def test_stages_of_align_in_their_order(form, wanted, sample, tmp_path):
    drawn = bars(*align(sample, tmp_path / "out", "--to", form))
    assert stages(drawn) == ["reading", "placing", *wanted, "summarising"]


def test_each_stage_is_counted_to_its_end(sample, tmp_path):
    drawn = bars(*align(sample, tmp_path / "out", "--to", "mmpose"))
    reached = {}
    for label, percent, done, total, unit in drawn:
        reached[label, total, unit] = percent, done
    reached = {stage: end for stage, end in reached.items() if stage[0] != "checksums"}
    assert {stage[0] for stage in reached} >= {"reading", "placing", "writing", "naming", "arranging"}
    assert [stage for stage, end in reached.items() if end != (100, stage[1])] == []
    # 3,360 poses, and the bytes of the file before anybody knows that they are so many.
    assert {unit for label, _, unit in reached if label == "reading"} == {"poses", "B"}
    assert ("placing", "3.36k", "poses") in reached


def test_inspect_and_sample_have_bars(sample, tmp_path):
    assert stages(bars("inspect", sample / "data_3d_h36m.npz")) == ["reading", "inspecting"]
    assert stages(bars("sample", "-o", tmp_path / "sample")) == ["inventing", "writing"]


def test_no_bar_where_stderr_is_no_terminal(sample, tmp_path):
    command = [sys.executable, "-c", DRIVER, *map(str, align(sample, tmp_path / "out"))]
    found = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert "source: data_3d_h36m.npz" in found.stderr
    assert "\r" not in found.stderr
    assert "%|" not in found.stderr


def test_no_bar_with_quiet(sample, tmp_path):
    command = align(sample, tmp_path / "out", "--quiet")
    assert on_terminal("-c", DRIVER, *command, streams="2", **EAGER) == ""


def test_what_is_quick_has_no_bar(sample):
    command = "-m", "poseda_cli", "inspect", sample / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
    assert on_terminal(*command, streams="2", **EAGER) == ""


def test_a_stage_takes_the_line_of_the_one_around_it():
    within = """
from poseda_cli.commands.console import Console
progress = Console().progress
with progress("around", 30, "B") as around:
    around(10)
    with progress("inside", 20) as inside:
        inside(5)
        around(10)
        inside(15)
    around(10)
"""
    written = on_terminal("-c", AT_ONCE + within, columns=120, streams="2", **EAGER)
    drawn = re.findall(r"(\w+): +\d+%\|[^|]*\| ([\d.]+)/", written)
    assert drawn == [("around", "10.0"), ("inside", "5.00"), ("inside", "20.0"), ("around", "30.0")]
    assert "\n" not in written
    assert "\x1b[A" not in written
