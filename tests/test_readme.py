"""What the README says is what happens: every command, every block, every option."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

import poseda_cli
from poseda_cli.commands.align import align
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
    (tmp_path / "jobs.toml").write_text(blocks("toml")[0])
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
    # Threads of the linear algebra library wait for each other by spinning, on a busy machine for minutes.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-c", line], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_the_first_two_commands_are_those_of_the_makefile():
    # tests/test_quick_start.py runs them in an empty clone.
    assert commands()[:2] == ["make run", "make test"]


@pytest.mark.parametrize("line", commands()[2:])
def test_every_command_runs(home, line):
    result = shell(line, home)
    assert result.returncode == 0, result.stderr
    if line.startswith("poseda probe "):
        # Checked here, since it takes seconds.
        assert_same_numbers(result.stdout, blocks("text")[2], within=0.11)
    if " -o " not in line:
        assert result.stdout
        return
    out = home / line.split(" -o ")[1].split()[0]
    files = json.loads((out / "summary.json").read_text())["output"]["files"]
    assert files
    assert {path.name for path in out.iterdir()} == {*files, "summary.json"}
    if "> outdoor.json" in line:
        assert json.loads((home / "outdoor.json").read_text())["target"]["subjects"] == ["TS5", "TS6"]


def test_the_jobs_of_the_readme_are_skipped_once_they_are_done(home):
    lines = [line for line in commands() if line.startswith("poseda batch ")]
    planned, first, rest = (shell(line, home) for line in lines)
    assert planned.stdout.count("would run ") == 5
    # As they end, which of two at once is by chance.
    assert sorted(first.stdout.splitlines()) == ["runs/weak-seed0/augmented.h5", "runs/weak-seed1/augmented.h5"]
    found = [json.loads(line) for line in rest.stdout.splitlines()]
    assert {job["name"]: job["status"] for job in found} == {
        "weak-seed0": "skipped",
        "weak-seed1": "skipped",
        "exact-seed0": "done",
        "exact-seed1": "done",
        "outdoor": "done",
    }


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
    assert_same_numbers(found, shown)


def assert_same_numbers(found: str, shown: str, within: float = 0.011) -> None:
    """Numbers may differ in their last digit from one machine to another."""
    assert shape(found) == shape(shown)
    assert [float(n) for n in re.findall(r"-?\d+\.\d+", found)] == pytest.approx(
        [float(n) for n in re.findall(r"-?\d+\.\d+", shown)], abs=within
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
    assert_same_numbers(found, shown)


def rows_of_options() -> list[list[str]]:
    table = README.split("| `poseda align` with |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def test_what_options_do_is_what_the_readme_says():
    """Of the numbers of the table all but those of `probe`, which are in its own table."""
    source, target = poseda_cli.read(SAMPLE / "data_3d_h36m.npz"), poseda_cli.read(SAMPLE / "mpi_inf_3dhp_test_set")
    rows = rows_of_options()
    probed = dict(re.findall(r"^(\w+) +[\d,]+ +([\d.]+) ", blocks("text")[2], flags=re.MULTILINE))
    names = ("source", "weak", "exact", "match", "jitter", "bones", "sequence", None)
    assert [row[-1] for row in rows] == [probed.get(name, "") for name in names]
    for what, *distances, tilt, _ in rows[1:]:
        words = what.strip("`").removeprefix("(defaults)").split()
        names = [word.removeprefix("--").replace("-", "_") for word in words[::2]]
        options = dict(zip(names, (int(w) if w.isdigit() else w for w in words[1::2]), strict=True))
        if "bones" in options:
            options["bones"] = float(options["bones"])
        found = poseda_cli.align(source, target, **options).summary["distributions"]
        for name, shown in zip(("scale", "root_x", "root_y"), distances, strict=True):
            assert found[name]["wasserstein"]["after"] == pytest.approx(float(shown), abs=1.1e-4)
            before = float(rows[0][("scale", "root_x", "root_y").index(name) + 1])
            assert found[name]["wasserstein"]["before"] == pytest.approx(before, abs=1.1e-4)
        if "view" in options:
            assert moments(tilt) == pytest.approx([found["tilt"]["aligned"][key] for key in ("mean", "std")], abs=0.11)
            of_source = [found["tilt"]["source"][key] for key in ("mean", "std")]
            assert moments(rows[0][4]) == pytest.approx(of_source, abs=0.11)
        else:
            assert tilt == "as it was"


def moments(cell: str) -> list[float]:
    return [float(number) for number in cell.split(" ± ")]


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
    # Those that have a short form stand there under that.
    short = {"--help", "--out", "--dry-run", "--quiet", "--verbose"}
    assert known - set(re.findall(r"--[a-z][a-z-]+", README)) <= short | {"--target-layout"}


def test_the_defaults_of_the_readme_are_those_of_the_command():
    defaults = {
        f"--{name.replace('_', '-')}": parameter.default
        for name, parameter in inspect.signature(align).parameters.items()
        if isinstance(parameter.default, str | int | float) and not isinstance(parameter.default, bool)
    }
    # Both are 1, every frame, which the table has in the word for all of them.
    del defaults["--stride"], defaults["--target-stride"]
    table = README.split("## Options that matter")[1].split("In scripts:")[0]
    rows = re.findall(r"^\| (`-.*?`) \| .* \| (.*?) \|$", table, flags=re.MULTILINE)
    for name, default in defaults.items():
        (shown,) = (cell for options, cell in rows if name in re.findall(r"--[a-z-]+", options))
        # A decimal without decimals is written as people write it.
        assert str(default).removesuffix(".0") in shown.replace("`", "").split(", "), name


def test_every_layout_is_in_the_readme(poseda):
    for entry in json.loads(poseda("layouts", "--json").stdout)["layouts"]:
        assert f"`{entry['name']}`" in README
