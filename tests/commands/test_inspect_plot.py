"""`poseda inspect --plot`: skeletons with the names of their joints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tests.layouts import writers as w

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}


def names_in(path):
    return sorted(file.name for file in path.iterdir())


def test_a_figure_and_the_same_words(poseda, target_folder, tmp_path):
    plain = poseda("inspect", target_folder)
    for kind, magic in MAGIC.items():
        result = poseda("inspect", target_folder, "--plot", f"skeletons.{kind}")
        assert result.stdout == plain.stdout
        assert result.stderr == f"figure: skeletons.{kind}\n"
        assert (tmp_path / f"skeletons.{kind}").read_bytes().startswith(magic)
    assert names_in(tmp_path) == ["skeletons.pdf", "skeletons.png", "skeletons.svg"]
    text = (tmp_path / "skeletons.svg").read_text()
    for words in ("mpi_inf_3dhp_test_set (6 files)", "TS4 Seq1, camera TS4, row 120 as read", "right_shoulder"):
        assert f">{words}</text>" in text


def test_each_run_writes_the_same_bytes(poseda, source_file, tmp_path):
    written = []
    for seed in ("1", "2"):
        poseda("inspect", source_file, "--plot", "figure.svg", "--overwrite", "-q", PYTHONHASHSEED=seed)
        written.append((tmp_path / "figure.svg").read_bytes())
    assert written[0] == written[1]
    assert b">2D, projected: no 2D in the archive</text>" in written[0]


def test_the_user_s_own_style_has_no_part_in_it(poseda, target_folder, tmp_path):
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: black\nbackend: TkAgg\nfont.size: 40\n")
    poseda("inspect", target_folder, "--plot", "styled.png")
    (tmp_path / "matplotlibrc").unlink()
    poseda("inspect", target_folder, "--plot", "plain.png", MPLBACKEND="module://no.such.display")
    assert (tmp_path / "styled.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_json_says_where_the_figure_is(poseda, target_folder, tmp_path):
    plain = json.loads(poseda("inspect", target_folder, "--json").stdout)
    assert "figure" not in plain[0]
    result = poseda("inspect", target_folder, tmp_path / "nowhere.npz", "--json", "--plot", "a.png", "-q", code=3)
    drawn, missing = json.loads(result.stdout)
    assert result.stderr == ""
    assert drawn == {**plain[0], "figure": "a.png"}
    assert missing["figure"] is None
    assert (tmp_path / "a.png").is_file()


def test_a_figure_for_each_data_set_and_none_for_what_cannot_be_read(poseda, source_file, target_folder, tmp_path):
    np.savez(tmp_path / "stats.npz", mean=np.zeros((17, 3)))
    paths = ("stats.npz", target_folder, "nowhere.npz", source_file)
    result = poseda("inspect", *paths, "--plot", "some.figure.svg", code=3)
    assert result.stdout == poseda("inspect", *paths, code=3).stdout
    assert result.stderr.splitlines() == [
        "figure: some.figure.svg",
        "figure: some.figure-2.svg",
        "no figure of stats.npz, nowhere.npz: cannot be read",
        "2 of 4 cannot be used as they are",
    ]
    assert names_in(tmp_path) == ["some.figure-2.svg", "some.figure.svg", "stats.npz"]
    assert ">right_shoulder</text>" in (tmp_path / "some.figure.svg").read_text()
    assert ">RShoulder</text>" in (tmp_path / "some.figure-2.svg").read_text()


def test_no_figure_of_poses_without_an_extent(poseda, tmp_path):
    w.write_poseda(tmp_path / "augmented.h5", poses_3d=np.full((5, 17, 3), np.nan, np.float32))
    result = poseda("inspect", "augmented.h5", "--plot", "a.png", code=3)
    # Its 2D is sound, and drawn.
    assert "figure: a.png" in result.stderr
    nothing = {"poses_3d": np.full((5, 17, 3), np.nan, np.float32), "poses_2d": np.zeros((5, 17, 2), np.float32)}
    w.write_poseda(tmp_path / "augmented.h5", **nothing)
    result = poseda("inspect", "augmented.h5", "--plot", "b.png", code=3)
    assert "no figure of augmented.h5: no pose has an extent\n" in result.stderr
    assert names_in(tmp_path) == ["a.png", "augmented.h5"]


def test_not_more_than_twenty(poseda, tmp_path):
    """By a stand-in for the drawing, which takes half a second each."""
    (tmp_path / "run.py").write_text(
        "import poseda_cli.figures.poses as poses\n"
        "poses.plot_poses = lambda picture, file: file.write_text(picture.title)\n"
        "from poseda_cli.commands.app import main\n"
        "main()\n"
    )
    views = w.known_views()
    files = []
    for number in range(22):
        views["S9"]["Walking 1"][0] = views["S9"]["Walking 1"][0] + np.float32(1)
        files.append(w.write_h2(tmp_path / f"data_2d_h36m_{number:02d}.npz", views).name)
    result = subprocess.run(
        [sys.executable, "run.py", "inspect", *files, "--plot", "a.png"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stderr.splitlines()
    assert lines[:2] == ["figure: a.png", "figure: a-2.png"]
    assert lines[19:] == ["figure: a-20.png", f"no figure of {files[20]}, {files[21]}: --plot draws 20 at most"]
    assert len(list(tmp_path.glob("*.png"))) == 20


# What is refused


def test_what_exists_is_replaced_only_with_overwrite(poseda, target_folder, tmp_path):
    (tmp_path / "a.png").write_text("mine")
    result = poseda("inspect", target_folder, "--plot", "a.png", code=4)
    assert (result.stdout, result.stderr) == ("", "error: a.png: exists already; --overwrite replaces it.\n")
    assert (tmp_path / "a.png").read_text() == "mine"
    poseda("inspect", target_folder, "--plot", "a.png", "--overwrite")
    assert (tmp_path / "a.png").read_bytes().startswith(MAGIC["png"])


def test_nothing_is_written_unless_all_figures_have_a_place(poseda, source_file, target_folder, tmp_path):
    (tmp_path / "a-2.png").write_text("mine")
    result = poseda("inspect", source_file, target_folder, "--plot", "a.png", code=4)
    assert "error: a-2.png: exists already; --overwrite replaces it.\n" in result.stderr
    assert names_in(tmp_path) == ["a-2.png"]
    # Of one data set there is no second figure.
    poseda("inspect", source_file, "--plot", "a.png")
    assert (tmp_path / "a-2.png").read_text() == "mine"


@pytest.mark.parametrize("name", ["a.jpg", "a", "png"])
def test_another_format_is_wrong_usage(poseda, target_folder, tmp_path, name):
    result = poseda("inspect", target_folder, "--plot", name, code=2)
    assert result.stdout == ""
    assert f"--plot {name}: expected a file that ends in .png, .svg, .pdf." in result.stderr
    assert names_in(tmp_path) == []


def test_the_folder_one_is_in_can_be_looked_at(poseda, target_folder, tmp_path):
    shutil.copytree(target_folder / "TS1", tmp_path / "TS1")
    for _ in range(2):  # the figure of the first time is in the way of nothing
        poseda("inspect", ".", "--plot", "a.png", "--overwrite")
    assert names_in(tmp_path) == ["TS1", "a.png"]


def test_a_folder_that_is_not_there(poseda, target_folder, tmp_path):
    result = poseda("inspect", target_folder, "--plot", "nowhere/a.png", code=4)
    # Before anything is read.
    assert result.stdout == ""
    assert "error: nowhere/a.png: its folder does not exist" in result.stderr
    assert names_in(tmp_path) == []


def test_without_matplotlib_nothing_else_suffers(poseda, target_folder, tmp_path):
    """A package of that name that cannot be found: what the extra is for."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'matplotlib' else find(name, *more)\n"
    )
    environment = {"PYTHONPATH": str(tmp_path)}
    result = poseda("inspect", target_folder, "--plot", "a.png", code=2, **environment)
    assert "--plot takes matplotlib: pip install 'poseda[plot]'." in result.stderr
    assert poseda("inspect", target_folder, **environment).stdout.count("none found") == 1


def test_help_says_what_is_drawn(poseda):
    text = poseda("inspect", "--help").stdout
    flat = " ".join(text.replace("│", " ").split())
    assert "Also draw a few poses with the names of their joints: PNG, SVG or PDF by suffix" in flat
    assert "Replace the FILE of --plot." in flat


def test_the_figure_is_drawn_though_nobody_reads_to_the_end(target_folder, tmp_path):
    line = (
        f'"{sys.executable}" -m poseda_cli inspect "{target_folder}/TS1" "{target_folder}/TS2" --plot a.png | head -1'
    )
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert (tmp_path / "a.png").is_file()
