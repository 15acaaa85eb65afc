"""`poseda convert` as a script sees it: exit codes, streams, files."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from poseda_cli.exports import EXPORTS
from poseda_cli.skeleton import H36M17_JOINTS
from tests.layouts import writers as w


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "converted"


def left_over(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_folder_into_one_layout(poseda, target_folder, out):
    result = poseda("convert", target_folder, "--to", "pstmo", "-o", out)
    assert result.stdout == f"{out}/data_test_3dhp.npz\n"
    assert left_over(out) == ["data_test_3dhp.npz", "summary.json"]
    assert left_over(out.parent) == ["converted"]
    for text in (
        "source: mpi_inf_3dhp_test_set (6 files), layout mpi-inf-3dhp-test: 240 poses in 6 sequences",
        "pstmo does not hold: cameras: it knows image sizes alone",
        f"240 poses in {out}",
    ):
        assert text in result.stderr
    assert "\x1b" not in result.stderr


def test_several_layouts_are_listed_file_by_file(poseda, source_file, out):
    layouts = ["poseda", "videopose3d", "mmpose", "plain"]
    arguments = [part for layout in layouts for part in ("--to", layout)]
    result = poseda("convert", source_file, *arguments, "-o", out, "--subjects", "S1", "--name", "gt")
    files = ["augmented.h5", "data_3d_h36m.npz", "data_2d_h36m_gt.npz", "mmpose_gt.npz", "cameras.pkl", "gt.npz"]
    assert result.stdout.splitlines() == [f"{out}/{file}" for file in files]
    assert left_over(out) == sorted([*files, "summary.json"])


def test_json_is_the_summary_with_seconds(poseda, target_folder, out):
    result = poseda("convert", target_folder, "--to", "plain", "-o", out, "--json", "-q")
    assert result.stderr == ""
    printed = json.loads(result.stdout)
    assert printed.pop("seconds") > 0
    assert printed == json.loads((out / "summary.json").read_text())
    assert list(printed) == ["schema", "version", "options", "source", "output"]
    assert printed["schema"] == "poseda.conversion/1"
    assert printed["source"]["layout"] == "mpi-inf-3dhp-test"
    # `poseda verify` is what looks at it.
    assert len(printed["output"].pop("summary_sha256")) == 64
    assert printed["output"] == {
        "files": ["poses.npz"],
        "poses": 240,
        "lost": ["plain does not hold: where the cameras stand"],
        "sizes": {"poses.npz": (out / "poses.npz").stat().st_size},
        "sha256": {"poses.npz": hashlib.sha256((out / "poses.npz").read_bytes()).hexdigest()},
    }


def test_quiet_says_nothing_but_the_files(poseda, target_folder, out):
    result = poseda("convert", target_folder, "--to", "plain", "-o", out, "-q")
    assert (result.stdout, result.stderr) == (f"{out}/poses.npz\n", "")


def test_nothing_that_tells_where_is_in_the_output(poseda, target_folder, out):
    for layout in ("poseda", "plain", "pstmo", "mmpose"):
        poseda("convert", target_folder, "--to", layout, "-o", out / layout)
        for path in (out / layout).iterdir():
            assert str(target_folder.parent).encode() not in path.read_bytes()
            assert str(out).encode() not in path.read_bytes()


def test_a_dry_run_writes_nothing(poseda, target_folder, out):
    result = poseda("convert", target_folder, "--to", "pstmo", "-o", out, "-n")
    assert f"would write 240 poses to {out}" in result.stderr
    assert "pstmo does not hold" in result.stderr
    assert result.stdout == ""
    result = poseda("convert", target_folder, "--to", "pstmo", "-o", out, "-n", "--json", "-q")
    assert json.loads(result.stdout)["output"] == {"files": [], "poses": 240}
    assert left_over(out.parent) == []


def test_a_dry_run_refuses_what_the_run_would(poseda, target_folder, out):
    result = poseda("convert", target_folder, "--to", "videopose3d", "-o", out, "-n", code=3)
    assert "error: --to videopose3d: its loader knows the subjects and cameras of Human3.6M only" in result.stderr


def test_selections(poseda, source_file, out):
    options = ["--subjects", "S1,S5", "--actions", "Walking", "--cameras", "55011271", "--stride", "3"]
    result = poseda("convert", source_file, "--to", "plain", "-o", out, "--json", *options)
    summary = json.loads(result.stdout)
    assert summary["options"] == {
        "subjects": ["S1", "S5"], "actions": ["Walking"], "cameras": ["55011271"], "stride": 3
    }  # fmt: skip
    with np.load(out / "poses.npz") as archive:
        assert len(archive["poses_3d"]) == summary["output"]["poses"]
        assert set(archive["subject"]) == {"S1", "S5"}
        assert set(archive["camera"]) == {"55011271"}
        assert {action.split(" ")[0] for action in archive["action"]} == {"Walking"}


def test_every_n_th_frame(poseda, source_file, tmp_path):
    for stride in (1, 3):
        poseda("convert", source_file, "--to", "plain", "-o", tmp_path / f"{stride}", "--stride", stride, "-q")
    with np.load(tmp_path / "1" / "poses.npz") as whole, np.load(tmp_path / "3" / "poses.npz") as part:
        for key in ("poses_3d", "poses_2d"):
            np.testing.assert_array_equal(part[key][:10], whole[key][:30:3])


def test_joints_can_be_chosen(poseda, target_folder, out):
    poseda("convert", target_folder, "--to", "plain", "-o", out / "a", "--skeleton", "h36m17", "-q")
    poseda("convert", target_folder, "--to", "plain", "-o", out / "b", "-q")
    order = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
    with np.load(out / "a" / "poses.npz") as ours, np.load(out / "b" / "poses.npz") as stored:
        assert ours["joints"].tolist() == w.H36M_JOINTS
        assert stored["joints"].tolist() == w.MPI_JOINTS
        np.testing.assert_array_equal(ours["poses_3d"], stored["poses_3d"][:, order])


def test_joints_that_are_not_there(poseda, source_file, out):
    result = poseda("convert", source_file, "--to", "plain", "-o", out, "--skeleton", "coco17", code=3)
    assert "error: h36m17 has no joint for" in result.stderr
    result = poseda("convert", source_file, "--to", "plain", "-o", out, "--skeleton", "h36m18", code=2)
    assert "--skeleton h36m18: poseda knows h36m17, h36m16" in result.stderr


def test_3d_and_2d_together(poseda, tmp_path, out):
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz")
    both = [tmp_path / "data_3d_h36m.npz", tmp_path / "data_2d_h36m_gt.npz"]
    result = poseda("convert", *both, "--to", "poseaug", "--name", "gt", "-o", out)
    assert result.stdout.splitlines() == [f"{out}/data_3d_h36m.npz", f"{out}/data_2d_h36m_gt.npz"]
    with np.load(out / "data_2d_h36m_gt.npz", allow_pickle=True) as archive:
        assert archive["positions_2d"].item()["S1"]["Sitting 2"][3].shape == (5, 16, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "pstmoo"], "--to pstmoo: poseda writes poseda, videopose3d, "),
        (["--to", "pstmoo"], "Did you mean pstmo?"),
        (["--to", "martinez"], "--to martinez: poseda writes poseda, videopose3d, "),
        (["--to", "videopose3d", "--to", "poseaug"], "--to videopose3d --to poseaug: their files have the same names"),
        (["--to", "plain", "--name", "a/b"], "--name 'a/b': letters, digits, _, - and . only"),
        (["--to", "plain", "--name", ""], "--name '': letters, digits"),
        (["--to", "plain", "--name", "x" * 101], "letters, digits, _, - and . only"),
        (["--to", "plain", "--layout", "videopose"], "No layout videopose; poseda knows"),
        (["--to", "plain", "--subjects", ""], "an option that selects by name was given without a name"),
        ([], "Missing option '--to'"),
        (["--to", "plain", "--stride", "0"], "Invalid value for '--stride'"),
    ],
)
def test_wrong_usage(poseda, target_folder, out, arguments, message):
    result = poseda("convert", target_folder, "-o", out, *arguments, code=2)
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""
    assert left_over(out.parent) == []


def test_usage_is_checked_before_anything_is_read(poseda, out):
    result = poseda("convert", "nowhere.npz", "--to", "nothing", "-o", out, code=2)
    assert "nowhere" not in result.stderr
    result = poseda("convert", "nowhere.npz", "--to", "plain", "-o", out, code=3)
    assert "nowhere.npz: no such file or folder" in result.stderr


@pytest.mark.parametrize("layout", ["videopose3d", "poseaug"])
def test_data_that_a_layout_cannot_hold(poseda, target_folder, out, layout):
    result = poseda("convert", target_folder, "--to", "plain", "--to", layout, "-o", out, code=3)
    assert f"error: --to {layout}: its loader knows" in result.stderr
    assert result.stderr.rstrip().endswith("Nothing was written.")
    assert result.stdout == ""
    assert left_over(out.parent) == []


def test_half_of_the_cameras(poseda, source_file, out):
    result = poseda("convert", source_file, "--to", "videopose3d", "--cameras", "54138969", "-o", out, code=3)
    assert "it needs all four cameras, S1 Walking 1 lacks 55011271, 58860488, 60457274" in result.stderr
    assert not out.exists()


def test_an_output_is_replaced_when_asked_for(poseda, target_folder, out):
    poseda("convert", target_folder, "--to", "pstmo", "--to", "plain", "-o", out)
    result = poseda("convert", target_folder, "--to", "plain", "-o", out, code=4)
    assert "exists already; --overwrite replaces it" in result.stderr
    assert left_over(out) == ["data_test_3dhp.npz", "poses.npz", "summary.json"]
    poseda("convert", target_folder, "--to", "plain", "-o", out, "--overwrite")
    assert left_over(out) == ["poses.npz", "summary.json"]
    assert left_over(out.parent) == ["converted"]


def test_an_output_with_something_else_in_it_is_never_replaced(poseda, target_folder, out):
    poseda("convert", target_folder, "--to", "plain", "-o", out)
    (out / "checkpoint.pt").write_text("two days of training")
    result = poseda("convert", target_folder, "--to", "plain", "-o", out, "--overwrite", code=4)
    assert "holds other files" in result.stderr
    assert (out / "checkpoint.pt").read_text() == "two days of training"


def test_the_output_may_not_be_an_input(poseda, target_folder, tmp_path):
    poseda("convert", target_folder, "--to", "plain", "-o", tmp_path / "a")
    result = poseda("convert", tmp_path / "a", "--to", "plain", "-o", tmp_path / "a", "--overwrite", code=4)
    assert "holds the input" in result.stderr


def test_an_alignment_is_converted_later(poseda, source_file, target_folder, tmp_path):
    """augmented.h5 today, another trainer tomorrow: the poses are the same."""
    options = ["--subjects", "S1", "--copies", "2"]
    poseda("align", source_file, "-t", target_folder, "-o", tmp_path / "aligned", *options, "--to", "poseda")
    poseda("align", source_file, "-t", target_folder, "-o", tmp_path / "direct", *options, "--to", "pstmo")
    poseda("convert", tmp_path / "aligned", "--to", "pstmo", "-o", tmp_path / "later")
    trees = [
        np.load(tmp_path / name / "data_train_3dhp.npz", allow_pickle=True)["data"].item()
        for name in ("direct", "later")
    ]
    assert list(trees[0]) == list(trees[1])
    for key, (views, _) in trees[0].items():
        assert list(views) == list(trees[1][key][0])
        for camera, fields in views.items():
            again = trees[1][key][0][camera]
            np.testing.assert_array_equal(again["data_3d"], fields["data_3d"])
            np.testing.assert_allclose(again["data_2d"], fields["data_2d"], rtol=0, atol=1e-3)


def test_the_same_input_gives_the_same_bytes(poseda, source_file, tmp_path):
    shutil.copytree(source_file.parent, tmp_path / "elsewhere")
    arguments = [part for layout in EXPORTS if layout != "poseaug" for part in ("--to", layout)]
    poseda("convert", source_file, *arguments, "-o", tmp_path / "one")
    poseda("convert", tmp_path / "elsewhere" / source_file.name, *arguments, "-o", tmp_path / "two")
    assert left_over(tmp_path / "one") == left_over(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_help_names_every_layout_that_is_written(poseda):
    text = " ".join(poseda("convert", "--help", COLUMNS="200").stdout.replace("│", " ").split())
    for layout in EXPORTS:
        assert layout in text
    assert "Example: poseda convert mpi_inf_3dhp_test_set --to pstmo -o converted" in text
    assert "convert" in poseda("--help").stdout


def test_the_example_of_the_help_works(poseda, target_folder, tmp_path):
    words = poseda("convert", "--help", COLUMNS="200").stdout.split("Example: poseda ")[1].splitlines()[0].split()
    (tmp_path / target_folder.name).symlink_to(target_folder)
    assert poseda(*words).stdout == "converted/data_test_3dhp.npz\n"


def test_projected_2d_is_announced(poseda, source_file, tmp_path):
    result = poseda("convert", source_file, "--to", "plain", "-o", tmp_path / "out")
    assert "no 2D here: where the layout has 2D, it is projected from the 3D" in result.stderr


def test_poses_that_are_not_finite_are_counted(poseda, tmp_path):
    poses = w.known_views()["S9"]["Walking 1"][0]
    poses[1:3, 5] = np.nan
    lens = {"intrinsics": [1000, 1000, 500, 500], "image_size": [1000, 1000]}
    np.savez(tmp_path / "x.npz", poses_2d=poses, joints=list(H36M17_JOINTS), **lens)
    result = poseda("convert", tmp_path / "x.npz", "--to", "plain", "-o", tmp_path / "out")
    assert "2 poses hold numbers that are not finite" in result.stderr
