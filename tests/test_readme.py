"""What the README says is what happens: every command, every block, every option."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from tests.commands.on_terminal import on_terminal
from tests.conftest import REPO, SAMPLE

README = (REPO / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's folder: the archives under the names of the README, and detections on a video."""
    shutil.copy(SAMPLE / "data_3d_h36m.npz", tmp_path)
    shutil.copytree(SAMPLE / "mpi_inf_3dhp_test_set", tmp_path / "mpi_inf_3dhp_test_set")
    with h5py.File(SAMPLE / "mpi_inf_3dhp_test_set" / "TS5" / "annot_data.mat") as file:
        people = file["annot2"][:, 0]
    (tmp_path / "detections.json").write_text(json.dumps(coco_results(people)))
    return tmp_path


# Of MPI-INF-3DHP's 17 joints those that stand for COCO's 17; `head` for nose, eyes and ears.
COCO_OF_3DHP = [16, 16, 16, 16, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]


def coco_results(people):
    return [
        {"image_id": index, "category_id": 1, "score": 0.9, "keypoints": keypoints(person[COCO_OF_3DHP])}
        for index, person in enumerate(people)
    ]


def keypoints(points):
    return [float(value) for x, y in points for value in (x, y, 1)]


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of the README with `poseda` being this checkout."""
    assert line.startswith("poseda ")
    line = f"{shlex.quote(sys.executable)} -m poseda_cli {line.removeprefix('poseda ')}"
    return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True, timeout=120)


def test_the_first_two_commands_are_those_of_the_makefile():
    # tests/test_quick_start.py runs them in an empty clone.
    assert commands()[:2] == ["make run", "make test"]


@pytest.mark.parametrize("line", commands()[2:])
def test_every_command_runs(home, line):
    result = shell(line, home)
    assert result.returncode == 0, result.stderr
    if " -o " not in line:
        assert result.stdout
        return
    out = home / line.split(" -o ")[1].split()[0]
    files = json.loads((out / "summary.json").read_text())["output"]["files"]
    assert files
    assert {path.name for path in out.iterdir()} == {*files, "summary.json"}
    if "> outdoor.json" in line:
        assert json.loads((home / "outdoor.json").read_text())["target"]["subjects"] == ["TS5", "TS6"]


def test_every_python_block_runs(home, monkeypatch):
    shell(commands()[2], home)
    monkeypatch.chdir(home)
    training, api = blocks("python")
    names: dict = {}
    exec(training, names)
    count = len(names["inputs"])
    assert names["inputs"].shape == (count, 17, 2)
    assert names["labels"].shape == (count, 17, 3)
    assert (names["labels"][:, 0] == 0).all()
    assert abs(names["inputs"]).max() < 2
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(api, {})
    assert "480 poses" in printed.getvalue()


def test_what_make_run_prints_is_what_the_readme_shows(home):
    arguments = ("align", "data_3d_h36m.npz", "--target", "mpi_inf_3dhp_test_set", "-o", "aligned_sample")
    # As a terminal of 80 columns shows it; colours are lost on paper.
    found = on_terminal("-m", "poseda_cli", *arguments, streams="2", cwd=home, NO_COLOR="1", PYTHONPATH=str(REPO))
    shown = blocks("text")[0]
    # Numbers may differ in their last digit from one machine to another.
    assert shape(found) == shape(shown)
    assert [float(n) for n in re.findall(r"-?\d+\.\d+", found)] == pytest.approx(
        [float(n) for n in re.findall(r"-?\d+\.\d+", shown)], abs=0.011
    )


def shape(text: str) -> str:
    """Without the digits, and the heights of bars."""
    return re.sub("[▁-█]", "█", re.sub(r"\d", "#", unpadded(text)))


def test_the_figure_is_there_and_small():
    (file,) = re.findall(r'<img src="([^"]+)"', README)
    image = (REPO / file).read_bytes()
    assert image.startswith(b"\x89PNG")
    assert len(image) < 250_000


def test_what_inspect_prints_is_what_the_readme_shows(home):
    found = shell("poseda inspect mpi_inf_3dhp_test_set", home).stdout
    shown = blocks("text")[1]
    assert shape(found) == shape(shown)
    assert [float(n) for n in re.findall(r"-?\d+\.\d+", found)] == pytest.approx(
        [float(n) for n in re.findall(r"-?\d+\.\d+", shown)], abs=0.011
    )


def unpadded(text: str) -> str:
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def test_the_options_of_the_readme_are_those_of_the_command(poseda):
    known = set(re.findall(r"--[a-z][a-z-]+", poseda("align", "--help").stdout))
    table = README.split("## Options that matter")[1].split("In scripts:")[0]
    named = {
        name
        for cell in re.findall(r"^\| (`-.*?) \|", table, flags=re.MULTILINE)
        for name in re.findall(r"--[a-z-]+", cell)
    }
    assert named <= known
    # Those that have a short form stand there under that; --pairing has one value so far.
    short = {"--help", "--out", "--dry-run", "--quiet", "--verbose"}
    assert known - set(re.findall(r"--[a-z][a-z-]+", README)) <= short | {"--pairing", "--target-layout"}


def test_every_layout_is_in_the_readme(poseda):
    for entry in json.loads(poseda("layouts", "--json").stdout):
        assert f"`{entry['name']}`" in README
