"""`--to` and `--name` of `poseda align`."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseda_cli.exports import EXPORTS


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "aligned"


def left_over(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def views(path: Path) -> dict[tuple[str, str, int], np.ndarray]:
    tree = np.load(path, allow_pickle=True)["positions_2d"].item()
    return {
        (s, a, c): view for s, actions in tree.items() for a, four in actions.items() for c, view in enumerate(four)
    }


FILES = {
    "poseda": ["augmented.h5"],
    "videopose3d": ["data_2d_h36m_gpa.npz"],
    "poseaug": ["data_2d_h36m_gpa.npz"],
    "mmpose": ["mmpose_gpa.npz", "cameras.pkl"],
    "pstmo": ["data_train_3dhp.npz"],
    "poseaug-test": ["test_3dhp.npz"],
    "plain": ["gpa.npz"],
}


@pytest.mark.parametrize("layout", EXPORTS)
def test_each_layout(poseda, source_file, target_folder, out, layout):
    result = poseda("align", source_file, "-t", target_folder, "-o", out, "--to", layout, "--stride", 1)
    assert result.stdout.splitlines() == [f"{out}/{file}" for file in FILES[layout]]
    assert left_over(out) == sorted([*FILES[layout], "summary.json"])
    assert left_over(out.parent) == ["aligned"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["output"]["files"] == FILES[layout]
    for lost in summary["output"]["lost"]:
        assert lost in result.stderr
        assert lost.startswith(f"{layout} does not hold: ")


def test_several_layouts_and_a_name(poseda, source_file, target_folder, out):
    options = ["--to", "poseda", "--to", "videopose3d", "--to", "plain", "--name", "gpa_s0.v2", "--copies", "2"]
    result = poseda("align", source_file, "-t", target_folder, "-o", out, *options, "--include-source", "-q")
    files = ["augmented.h5", *(f"data_2d_h36m_gpa_s0.v2{suffix}.npz" for suffix in ("", "_2", "_source"))]
    assert result.stdout.splitlines() == [f"{out}/{file}" for file in [*files, "gpa_s0.v2.npz"]]
    assert result.stderr == ""


@pytest.mark.parametrize("option", [["--layout", "videopose3d"], ["--target-layout", "mpi-inf-3dhp-test"]])
def test_a_name_is_not_that_of_the_layout(poseda, source_file, target_folder, out, option):
    poseda("align", source_file, "-t", target_folder, "-o", out, "--to", "plain", "--name", "mine", *option)
    assert left_over(out) == ["mine.npz", "summary.json"]


def test_augmented_h5_does_not_depend_on_what_is_written_beside(poseda, source_file, target_folder, tmp_path):
    align = ["align", source_file, "-t", target_folder, "--subjects", "S1,S5", "--seed", 9]
    poseda(*align, "-o", tmp_path / "alone")
    poseda(*align, "-o", tmp_path / "among", "--to", "videopose3d", "--to", "pstmo", "--to", "poseda")
    name = "augmented.h5"
    assert (tmp_path / "alone" / name).read_bytes() == (tmp_path / "among" / name).read_bytes()


def test_what_was_not_asked_for_keeps_its_own_2d(poseda, source_file, target_folder, out):
    """Subjects, actions and cameras alike; the file has every view of the source."""
    world = np.load(source_file, allow_pickle=True)["positions_3d"].item()
    expected = {(s, a, c): len(p) for s, actions in world.items() for a, p in actions.items() for c in range(4)}
    chosen = ["--subjects", "S1", "--actions", "Walking", "--cameras", "58860488"]
    poseda("align", source_file, "-t", target_folder, "-o", out, "--to", "videopose3d", *chosen)
    poseda("convert", source_file, "--to", "videopose3d", "-o", out.parent / "own")
    found, own = views(out / "data_2d_h36m_gpa.npz"), views(out.parent / "own" / "data_2d_h36m_poses.npz")
    assert {key: len(view) for key, view in found.items()} == expected
    changed = {key for key in found if np.abs(found[key] - own[key]).max() > 1e-3}
    assert changed == {(s, a, c) for s, a, c in expected if s == "S1" and a.startswith("Walking") and c == 2}


def test_json_lists_files_and_losses(poseda, source_file, target_folder, out):
    options = ["--to", "videopose3d", "--to", "mmpose", "--subjects", "S1"]
    result = poseda("align", source_file, "-t", target_folder, "-o", out, *options, "--json", "-q")
    summary = json.loads(result.stdout)
    assert summary["output"]["files"] == ["data_2d_h36m_gpa.npz", "mmpose_gpa.npz", "cameras.pkl"]
    assert [lost.split(" ")[0] for lost in summary["output"]["lost"]] == ["videopose3d", "mmpose"]
    assert summary["output"]["poses"] == 480


def test_a_dry_run_checks_the_layouts(poseda, source_file, target_folder, out):
    align = ["align", source_file, "-t", target_folder, "-o", out, "-n"]
    assert "would write" in poseda(*align, "--to", "pstmo", "--to", "mmpose").stderr
    result = poseda(*align, "--to", "videopose3d", "--stride", "2", code=3)
    assert "--to videopose3d: its 2D has every frame of the 3D; leave out --stride" in result.stderr
    assert left_over(out.parent) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "videopose3d", "--stride", "2"], "leave out --stride. Nothing was written."),
        (["--to", "poseaug", "--stride", "2"], "leave out --stride. Nothing was written."),
        (["--to", "videopose3d", "--skeleton", "h36m16"], "it has 17 joints, the data 16. Nothing was written."),
        (["--to", "mmpose", "--skeleton", "h36m16"], "it has 17 joints, the data 16 (no Neck/Nose)"),
        (["--to", "poseda", "--to", "pstmo", "--skeleton", "h36m16"], "--to pstmo: it has 17 joints, the data 16"),
    ],
)
def test_data_that_a_layout_cannot_hold(poseda, source_file, target_folder, out, options, message):
    result = poseda("align", source_file, "-t", target_folder, "-o", out, *options, code=3)
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert result.stdout == ""
    assert left_over(out.parent) == []


def test_a_source_that_is_not_human36m(poseda, source_file, target_folder, tmp_path, out):
    poseda("convert", source_file, "--to", "plain", "-o", tmp_path / "flat", "--subjects", "S5", "-q")
    result = poseda("align", target_folder, "-t", tmp_path / "flat", "-o", out, "--to", "videopose3d", code=3)
    assert "its loader knows the subjects and cameras of Human3.6M only" in result.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "videopos3d"], "--to videopos3d: poseda writes poseda, videopose3d, poseaug, mmpose, pstmo,"),
        (["--to", "videopos3d"], "Did you mean videopose3d?"),
        (["--to", "poseda", "--to", "h36m-raw"], "--to h36m-raw: poseda writes"),
        (["--to", "videopose3d", "--to", "poseaug"], "their files have the same names. Run poseda for each."),
        (["--name", "runs/gpa", "--to", "plain"], "--name 'runs/gpa': letters, digits, _, - and . only"),
        (["--name", "..\\gpa"], "letters, digits, _, - and . only"),
    ],
)
def test_wrong_usage(poseda, target_folder, out, options, message):
    """Noticed before anything is read: the source does not even exist."""
    result = poseda("align", "nowhere.npz", "-t", target_folder, "-o", out, *options, code=2)
    assert message in " ".join(result.stderr.split())
    assert "nowhere" not in result.stderr
    assert left_over(out.parent) == []


def test_an_output_of_several_layouts_is_replaced_as_one(poseda, source_file, target_folder, out):
    align = ["align", source_file, "-t", target_folder, "-o", out, "--subjects", "S1"]
    poseda(*align, "--to", "mmpose", "--to", "pstmo")
    poseda(*align, "--to", "poseda", code=4)
    poseda(*align, "--to", "poseda", "--overwrite")
    assert left_over(out) == ["augmented.h5", "summary.json"]


def test_files_of_a_name_are_the_only_difference_that_a_name_makes(poseda, source_file, target_folder, tmp_path):
    align = ["align", source_file, "-t", target_folder, "--subjects", "S1", "--to", "videopose3d"]
    for name in ("a", "b"):
        poseda(*align, "-o", tmp_path / name, "--name", name)
    first, second = (tmp_path / name / f"data_2d_h36m_{name}.npz" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_the_trainers_normalisation_gives_our_points(poseda, source_file, target_folder, out, screen):
    """The one promise of --to videopose3d, on the sample data."""
    options = ["--to", "poseda", "--to", "videopose3d", "--screen", screen]
    poseda("align", source_file, "-t", target_folder, "-o", out, *options, "--subjects", "S9,S11")
    found = views(out / "data_2d_h36m_gpa.npz")
    size = np.array([[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]])
    flat = np.concatenate([view / size[c, 0] * 2 - size[c] / size[c, 0] for (_, _, c), view in found.items()])
    with h5py.File(out / "augmented.h5") as file:
        np.testing.assert_allclose(flat[file["source_index"][()]], file["poses_2d"][()], rtol=5e-7, atol=5e-7)


def test_help_names_every_layout_that_is_written(poseda):
    text = " ".join(poseda("align", "--help", COLUMNS="200").stdout.replace("│", " ").split())
    assert "--to LAYOUT" in text
    assert "--name NAME" in text
    for layout in EXPORTS:
        assert layout in text
