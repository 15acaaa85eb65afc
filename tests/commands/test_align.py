from __future__ import annotations

import filecmp
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.paper import align_poses, pinhole

# Three of the 32 joints' columns, and 3dhp17 in the order of h36m17, as the field's loaders have them.
H36M17_OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
H36M17_OF_3DHP = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "aligned"


def columns(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def left_over(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_main_job(poseda, source_file, target_folder, out):
    result = poseda("align", source_file, "--target", target_folder, "-o", out)
    assert result.stdout == f"{out}/augmented.h5\n"
    assert left_over(out) == ["augmented.h5", "summary.json"]
    assert left_over(out.parent) == ["aligned"]
    for text in ("source: data_3d_h36m.npz, layout videopose3d: 3,360 poses", "scale (w+h)/2", "none dropped"):
        assert text in result.stderr
    assert all(len(line) <= 80 for line in result.stderr.splitlines() if "─" in line or "±" in line)
    assert "\x1b" not in result.stderr


def test_the_file_is_what_the_interface_says(poseda, source_file, target_folder, out):
    poseda("align", source_file, "-t", target_folder, "-o", out, "--seed", 3)
    with h5py.File(out / "augmented.h5") as file:
        shapes = {name: (item.shape, item.dtype.str) for name, item in file.items() if not item.dtype.names}
        assert shapes == {
            "poses_3d": ((3360, 17, 3), "<f4"),
            "poses_2d": ((3360, 17, 2), "<f4"),
            "camera": ((3360,), "<u2"),
            "source_index": ((3360,), "<i8"),
            "target_index": ((3360,), "<i8"),
        }
        assert file["cameras"].dtype.names[:7] == ("name", "width", "height", "fx", "fy", "cx", "cy")
        assert file["sequences"].dtype.names == ("subject", "action", "camera", "copy", "start", "length")
        attributes = dict(file.attrs)
        assert [attributes[name] for name in ("schema", "layout", "units", "screen", "root")] == [
            1, "poseda", "m", "aspect", 0
        ]  # fmt: skip
        assert attributes["joint_names"][9] == "Neck/Nose"
        provenance = json.loads(attributes["provenance"])
        first = file["sequences"][0]
        assert (first["subject"], first["action"], first["camera"], first["length"]) == (
            b"S1", b"Walking 1", b"54138969", 30
        )  # fmt: skip
    assert provenance["seed"] == 3
    assert provenance["inputs"]["source"][0]["name"] == "data_3d_h36m.npz"
    assert provenance["inputs"]["source"][0]["size"] == source_file.stat().st_size


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_every_pose_is_the_papers_formula_on_the_raw_files(poseda, source_file, target_folder, out, screen):
    """The whole way again in plain NumPy: archive, camera space, joint order, normalisation, formula."""
    poseda("align", source_file, "--target", target_folder, "-o", out, "--screen", screen)
    found = columns(out / "augmented.h5")
    world = np.load(source_file, allow_pickle=True)["positions_3d"].item()
    published = json.loads(poseda("cameras", "--json").stdout)["cameras"]
    rigs = {(c["subject"], c["name"]): c for c in published if c["dataset"] == "h36m"}
    source = []
    for subject, actions in world.items():
        for poses in actions.values():
            for name in ("54138969", "55011271", "58860488", "60457274"):
                camera = rigs[subject, name]
                source.append((poses[:, H36M17_OF_32] - camera["centre"]) @ np.transpose(camera["rotation"]))
    source = np.concatenate(source)[found["source_index"]]
    image, lenses, sizes = [], [], []
    for index in range(1, 7):
        with h5py.File(target_folder / f"TS{index}" / "annot_data.mat") as file:
            valid = file["valid_frame"][:, 0] == 1
            image.append(file["annot2"][:, 0][valid][:, H36M17_OF_3DHP])
        width, height = (2048, 2048) if index < 5 else (1920, 1080)
        lens = next(c["intrinsics"] for c in published if c["name"] == f"TS{index}")
        halves = (width / 2, width / 2 if screen == "aspect" else height / 2)
        sizes += [[*halves, width / 2, height / 2]] * valid.sum()
        lenses += [[lens["fx"], lens["fy"], lens["cx"], lens["cy"]]] * valid.sum()
    row = found["target_index"]
    image, sizes, lenses = np.concatenate(image)[row], np.array(sizes)[row], np.array(lenses)[row]
    scale, middle = sizes[:, :2], sizes[:, 2:]
    target = (image - middle[:, None]) / scale[:, None]
    cameras = np.concatenate([lenses[:, :2] / scale, (lenses[:, 2:] - middle) / scale], axis=1)
    expected = align_poses(source, target, cameras)
    np.testing.assert_allclose(found["poses_3d"], expected, atol=5e-5)
    np.testing.assert_allclose(found["poses_2d"], pinhole(found["poses_3d"], cameras), atol=2e-6)
    assert set(np.bincount(row)) == {14}


def test_the_bytes_depend_on_nothing_but_inputs_options_and_seed(poseda, source_file, target_folder, tmp_path):
    for name, jobs in (("one", 1), ("two", 2), ("again", 2)):
        poseda("align", source_file, "--target", target_folder, "-o", tmp_path / name, "--jobs", jobs, "--copies", 2)
    moved = tmp_path / "elsewhere"
    shutil.copytree(source_file.parent, moved)
    poseda("align", "elsewhere/data_3d_h36m.npz", "-t", moved / "mpi_inf_3dhp_test_set", "-o", "three", "--copies", 2)
    for other in ("two", "again", "three"):
        for file in ("augmented.h5", "summary.json"):
            assert filecmp.cmp(tmp_path / "one" / file, tmp_path / other / file, shallow=False)
    poseda("align", source_file, "-t", target_folder, "-o", tmp_path / "seed", "--seed", 1, "--copies", 2)
    assert not filecmp.cmp(tmp_path / "one" / "augmented.h5", tmp_path / "seed" / "augmented.h5", shallow=False)


def test_json_is_the_summary_with_seconds(poseda, source_file, target_folder, out):
    result = poseda("align", source_file, "--target", target_folder, "-o", out, "--json", "-q")
    printed = json.loads(result.stdout)
    assert result.stderr == ""
    assert printed.pop("seconds") > 0
    assert printed == json.loads((out / "summary.json").read_text())
    assert set(printed) == {
        "schema",
        "version",
        "seed",
        "options",
        "source",
        "target",
        "output",
        "distributions",
        "groups",
        "outliers",
        "fit",
    }


def test_nothing_that_tells_where_or_when_is_in_the_output(poseda, source_file, target_folder, out, tmp_path):
    poseda("align", source_file, "--target", target_folder, "-o", out)
    with h5py.File(out / "augmented.h5") as file:
        texts = [(out / "summary.json").read_text(), file.attrs["provenance"]]
    for secret in (str(tmp_path), str(source_file.parent), os.uname().nodename, time.strftime("%Y-%m-%d")):
        assert not any(secret in text for text in texts)
    assert str(tmp_path).encode() not in (out / "augmented.h5").read_bytes()


@pytest.mark.parametrize(
    ("options", "poses", "subjects"),
    [
        (["--subjects", "S1,S5"], 960, {"S1", "S5"}),
        (["--subjects", "S9", "--subjects", "S11", "--stride", "10"], 96, {"S9", "S11"}),
        (["--actions", "Walking", "--cameras", "54138969,60457274"], 420, {"S1", "S5", "S6", "S7", "S8", "S9", "S11"}),
        (["--subjects", "S1", "--copies", "2", "--include-source"], 1440, {"S1"}),
        (["--subjects", "S6", "--target-subjects", "TS5", "--target-stride", "3"], 480, {"S6"}),
        (["--subjects", "S6", "--target-cameras", "TS2", "--depth", "exact"], 480, {"S6"}),
        (["--subjects", "S7", "--skeleton", "h36m16", "--invalid", "error", "--pairing", "random"], 480, {"S7"}),
    ],
)
def test_selections_and_options(poseda, source_file, target_folder, out, options, poses, subjects):
    result = poseda("align", source_file, "--target", target_folder, "-o", out, "--json", "-q", *options)
    summary = json.loads(result.stdout)
    assert summary["output"]["poses"] == poses
    found = columns(out / "augmented.h5")
    assert {s.decode() for s in found["sequences"]["subject"]} == subjects
    assert len(found["poses_3d"]) == poses


def test_intrinsics_replace_the_targets_camera(poseda, source_file, target_folder, out):
    result = poseda(
        "align", source_file, "-t", target_folder / "TS5", "-o", out, "--intrinsics", "1400,1300,900,500,1920,1080"
    )
    assert "in place of the published camera of TS5" in result.stderr
    cameras = columns(out / "augmented.h5")["cameras"]
    assert [cameras[0][key] for key in ("width", "height", "fx", "fy", "cx", "cy")] == [
        1920,
        1080,
        1400,
        1300,
        900,
        500,
    ]


@pytest.mark.parametrize(
    "given",
    [
        "1,2,3",
        "a,b,c,d,e,f",
        "1400,1300,900,500,0,1080",
        "1.4,1.3,0,0,2,2",
        "nan,1,1,1,1,1",
        "1500,1500,1e300,9,9,9",
        "1500,1500,1,1,1e20,9",
    ],
)
def test_intrinsics_that_are_none(poseda, source_file, target_folder, out, given):
    result = poseda("align", source_file, "-t", target_folder, "-o", out, "--intrinsics", given, code=2)
    assert f"--intrinsics {given}" in result.stderr
    assert not out.exists()


def test_a_dry_run_writes_nothing(poseda, source_file, target_folder, out):
    result = poseda("align", source_file, "--target", target_folder, "-o", out, "-n")
    assert "would write 3,360 poses" in result.stderr
    assert result.stdout == ""
    plan = json.loads(poseda("align", source_file, "-t", target_folder, "-o", out, "-n", "--json").stdout)
    assert plan["output"]["poses"] == 3360
    assert left_over(out.parent) == []


def test_real_test_set_as_target(poseda, source_file, shared_data, out):
    folder = shared_data / "mpi_inf_3dhp_test_set"
    summary = json.loads(poseda("align", source_file, "-t", folder, "-o", out, "--subjects", "S1,S5", "--json").stdout)
    assert summary["target"]["poses"] == 276
    after = {name: summary["distributions"][name]["wasserstein"]["after"] for name in ("scale", "root_x", "root_y")}
    assert after["scale"] < 0.02
    assert after["root_x"] < 0.02
    assert after["root_y"] < 0.02
    with h5py.File(folder / "TS5" / "annot_data.mat") as file:
        image = file["annot2"][:, 0][file["valid_frame"][:, 0] == 1]
    found = columns(out / "augmented.h5")
    roots = image[found["target_index"], 14] / 960 - [1, 1080 / 1920]
    np.testing.assert_allclose(found["poses_2d"][:, 0], roots, atol=1e-5)


def test_an_output_is_an_input_again(poseda, source_file, target_folder, tmp_path):
    poseda("align", source_file, "--target", target_folder, "-o", tmp_path / "first", "--subjects", "S1")
    poseda(
        "align", tmp_path / "first", "--target", target_folder / "TS5", "-o", tmp_path / "second", "--depth", "exact"
    )
    first, second = columns(tmp_path / "first" / "augmented.h5"), columns(tmp_path / "second" / "augmented.h5")
    bodies = [poses["poses_3d"] - poses["poses_3d"][:, :1] for poses in (first, second)]
    np.testing.assert_allclose(bodies[0], bodies[1], atol=3e-6)
    # As a target: the places and sizes of the first run.
    poseda("align", source_file, "--target", tmp_path / "second", "-o", tmp_path / "third", "--subjects", "S5")
    third = columns(tmp_path / "third" / "augmented.h5")
    np.testing.assert_allclose(third["poses_2d"][:, 0], second["poses_2d"][third["target_index"], 0], atol=1e-5)


def test_nothing_is_overwritten_unasked(poseda, source_file, target_folder, out):
    poseda("align", source_file, "--target", target_folder, "-o", out)
    before = (out / "augmented.h5").read_bytes()
    result = poseda("align", source_file, "--target", target_folder, "-o", out, "--seed", 1, code=4)
    assert "exists already; --overwrite replaces it" in result.stderr
    assert (out / "augmented.h5").read_bytes() == before
    poseda("align", source_file, "--target", target_folder, "-o", out, "--seed", 1, "--overwrite")
    assert (out / "augmented.h5").read_bytes() != before
    assert left_over(out.parent) == ["aligned"]


def test_a_folder_of_somebody_else_is_never_replaced(poseda, source_file, target_folder, out):
    out.mkdir()
    (out / "thesis.tex").write_text("years")
    result = poseda("align", source_file, "--target", target_folder, "-o", out, "--overwrite", code=4)
    assert "not written by poseda" in result.stderr
    assert left_over(out) == ["thesis.tex"]


def test_an_output_with_something_else_in_it_is_never_replaced(poseda, source_file, target_folder, out):
    poseda("align", source_file, "--target", target_folder, "-o", out, "--subjects", "S1")
    (out / "checkpoint.pt").write_text("two days of training")
    result = poseda("align", source_file, "--target", target_folder, "-o", out, "--overwrite", code=4)
    assert "holds other files" in result.stderr
    assert (out / "checkpoint.pt").read_text() == "two days of training"


def test_a_summary_of_somebody_else_makes_no_output(poseda, source_file, target_folder, out):
    out.mkdir()
    (out / "summary.json").write_text("{}")
    poseda("align", source_file, "--target", target_folder, "-o", out, "--overwrite", code=4)
    assert (out / "summary.json").read_text() == "{}"


def test_the_output_may_not_be_an_input(poseda, source_file, target_folder, tmp_path):
    poseda("align", source_file, "--target", target_folder, "-o", tmp_path / "a", "--subjects", "S1")
    result = poseda("align", tmp_path / "a", "-t", target_folder, "-o", tmp_path / "a", "--overwrite", code=4)
    assert "holds the input" in result.stderr


@pytest.mark.parametrize("place", ["a file/out", "x" * 300])
def test_places_where_nothing_can_be_written(poseda, source_file, target_folder, tmp_path, place):
    (tmp_path / "a file").write_text("")
    result = poseda("align", source_file, "--target", target_folder, "-o", place, code=4)
    assert result.stderr.count("error:") == 1
    assert left_over(tmp_path) == ["a file"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_callback_that_swallows_exceptions_still_ends_the_run(number):
    script = (
        "import os, time, weakref\n"
        "from poseda_cli.commands.console import run\n"
        "class Thing: pass\n"
        "def work():\n"
        "    thing = Thing()\n"
        f"    reference = weakref.ref(thing, lambda _: (os.kill(os.getpid(), {int(number)}), time.sleep(0.01)))\n"
        "    del thing\n"
        "    for _ in range(1000): time.sleep(0.01)\n"
        "run(work)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=9)
    assert result.returncode == 128 + number
    assert "ignored" not in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_leaves_nothing_behind(source_file, target_folder, out, number):
    slow = (
        "import time\n"
        "from poseda_cli.exports import poseda\n"
        "def write(source, folder, *_):\n"
        "    (folder / 'augmented.h5').write_bytes(b'half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(60)\n"
        "poseda.write = write\n"
        "from poseda_cli.commands.app import main\n"
        "main()\n"
    )
    arguments = ["align", str(source_file), "--target", str(target_folder), "-o", str(out)]
    process = subprocess.Popen([sys.executable, "-c", slow, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert b"Traceback" not in errors
    assert left_over(out.parent) == []


def test_a_closed_pipe_is_no_error(source_file, target_folder, out):
    command = f"{sys.executable} -m poseda_cli cameras --json | head -n 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "{\n", "")


@pytest.mark.parametrize("stream", ["1", "2"])
def test_closed_streams_are_no_error(source_file, target_folder, out, stream):
    command = f"{sys.executable} -m poseda_cli align '{source_file}' -t '{target_folder}' -o '{out}' --json {stream}>&-"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.returncode == 0
    assert (out / "summary.json").is_file()
    if stream == "2":
        assert json.loads(result.stdout)["output"]["poses"] == 3360


def test_a_full_disk_behind_stdout_is_said(source_file, target_folder, out):
    arguments = [sys.executable, "-m", "poseda_cli", "cameras", "--json"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 4
    assert result.stderr == "error: standard output: no space left on device.\n"


def test_on_a_terminal_there_is_colour_unless_forbidden(source_file, target_folder, tmp_path):
    def on_terminal(name, **environment):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "poseda_cli", "align", source_file, "-t", target_folder, "-o", tmp_path / name],
            stderr=slave,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment},
        )
        os.close(slave)
        text = b""
        try:
            while piece := os.read(master, 65536):
                text += piece
        except OSError:  # how Linux says that the terminal was closed
            pass
        assert process.wait() == 0
        return text

    assert b"\x1b[" in on_terminal("colour")
    assert b"\x1b" not in on_terminal("plain", NO_COLOR="1")


def test_plain_ascii_where_the_terminal_knows_no_other(poseda, source_file, target_folder, out):
    result = poseda("align", source_file, "-t", target_folder, "-o", out, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.stderr.isascii()
    assert "scale (w+h)/2" in result.stderr
