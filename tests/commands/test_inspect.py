"""`poseda inspect`: described whatever it is, as text and as JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from poseda_cli.layouts import LAYOUTS
from tests.layouts import writers as w

KEYS = {
    "path", "layout", "dataset", "has_3d", "has_2d", "subjects", "actions", "cameras", "sequences", "poses", "joints",
    "joint_names", "skeleton", "units", "frame", "screen", "invalid_poses", "invalid_examples", "figures", "problems",
}  # fmt: skip
MORE = {"paths", "notes", "read_as", "files"}


@pytest.fixture
def inspected(poseda):
    """The list of --json; stderr must be empty where nothing is wrong."""

    def run(*arguments, code=0):
        result = poseda("inspect", *arguments, "--json", code=code)
        assert (result.stderr == "") == (code == 0)
        entries = json.loads(result.stdout)
        for entry in entries:
            assert set(entry) - {"members"} == KEYS | MORE
            assert all(set(problem) == {"code", "severity", "message"} for problem in entry["problems"])
        return entries

    return run


def codes(entry, severity):
    return [problem["code"] for problem in entry["problems"] if problem["severity"] == severity]


# Sample data


def test_a_3d_archive(inspected, source_file):
    (entry,) = inspected(source_file)
    assert entry["path"] == str(source_file)
    assert entry["paths"] == [str(source_file)]
    assert (entry["layout"], entry["dataset"]) == ("videopose3d", "h36m")
    assert (entry["has_3d"], entry["has_2d"]) == (True, False)
    assert entry["subjects"] == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    assert "Walking 1" in entry["actions"]
    assert entry["cameras"] == ["54138969", "55011271", "58860488", "60457274"]
    assert (entry["sequences"], entry["poses"], entry["invalid_poses"]) == (112, 3360, 0)
    # As stored, not as read.
    assert (entry["joints"], entry["skeleton"], entry["read_as"]) == (32, "h36m32", "h36m17")
    assert entry["joint_names"][:3] == ["Hips", "RightUpLeg", "RightLeg"]
    assert (entry["units"], entry["frame"], entry["screen"]) == ("m", "world", None)
    # The sample's bodies: the median subject's thigh is 442 mm.
    assert entry["figures"]["bone_lengths_m"]["RHip-RKnee"] == pytest.approx(0.442, abs=1e-3)
    assert 1.4 < entry["figures"]["height"] < 1.8
    assert "reprojection_px" not in entry["figures"]
    assert codes(entry, "error") == codes(entry, "warning") == []
    assert entry["files"][0]["size"] == source_file.stat().st_size


def test_a_test_set(inspected, target_folder):
    (entry,) = inspected(target_folder)
    assert entry["path"] == str(target_folder)
    assert (entry["layout"], entry["dataset"], entry["poses"]) == ("mpi-inf-3dhp-test", "mpi_inf_3dhp", 240)
    assert (entry["joints"], entry["skeleton"], entry["read_as"]) == (17, "3dhp17", "3dhp17")
    assert (entry["units"], entry["frame"], entry["screen"]) == ("mm", "camera", "pixels")
    assert set(entry["figures"]["reprojection_px"]) == {"median", "p95", "max"}
    assert entry["figures"]["reprojection_px"]["max"] < 0.1
    assert entry["figures"]["root_midhip_m"] < 1e-4
    assert len(entry["files"]) == 6
    assert entry["problems"] == []


def test_figures_are_the_same_whichever_way_the_files_are_named(inspected, target_folder):
    folders = [target_folder / f"TS{number}" for number in range(1, 7)]
    (whole,), (parts,) = inspected(target_folder), inspected(*folders)
    assert parts["paths"] == [str(folder) for folder in folders]
    assert parts["figures"] == whole["figures"]


def test_text_is_for_people_and_fits_80_columns(poseda, source_file, target_folder):
    result = poseda("inspect", source_file, target_folder)
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    assert max(len(line) for line in lines if "/" not in line) <= 80
    flat = " ".join(result.stdout.split())
    for text in (
        "layout videopose3d, data set h36m",
        "poses 3,360 (3D) in 112 sequences; 0 invalid",
        "as stored 32 joints (h36m32); m, world space; read as h36m17",
        "LHip-LKnee 0.442 0.442 1.00",
        "as stored 17 joints (3dhp17); mm, camera space; 2D in pixels",
        "reprojection median 0.00",
        "problems none found",
    ):
        assert text in flat
    assert lines.count("") == 1  # between the two


def test_verbose_names_everything(poseda, target_folder):
    short, long = (poseda("inspect", target_folder, *option).stdout for option in ([], ["-v"]))
    assert "sha256" not in short
    assert long.count("sha256") == 6
    assert "joint names" in long
    assert "right_shoulder, right_elbow" in " ".join(long.split())


def test_results_on_stdout_and_the_rest_on_stderr(poseda, source_file, tmp_path):
    loud, quiet = (poseda("inspect", source_file, "nowhere", *option, code=3) for option in ([], ["-q"]))
    assert loud.stdout == quiet.stdout
    assert loud.stderr == "1 of 2 cannot be used as it is\n"
    assert quiet.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_where_nobody_watches_there_is_no_bar(source_file):
    script = (
        "import sys\n"
        "from poseda_cli.commands.app import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    arguments = [sys.executable, "-c", script, "inspect", source_file]
    modules = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60).stderr.split()
    assert "poseda_cli.inspection" in modules
    assert "tqdm" not in modules
    assert "pydantic" not in modules


def test_layout_that_is_demanded(inspected, poseda, source_file):
    assert inspected(source_file, "--layout", "videopose3d")[0]["layout"] == "videopose3d"
    (entry,) = inspected(source_file, "--layout", "pstmo", code=3)
    assert codes(entry, "error") == ["unknown-layout"]
    assert "not of layout pstmo" in entry["problems"][0]["message"]
    assert "Did you mean pstmo?" in poseda("inspect", source_file, "--layout", "psmto", code=2).stderr


def test_help_fits_80_columns(poseda):
    text = poseda("inspect", "--help").stdout
    assert "Example: poseda inspect" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "inspect" in poseda("--help").stdout
    assert "Missing argument" in poseda("inspect", code=2).stderr


# Wrong files


def damaged(path):
    whole = w.write_h1(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def flipped(path):
    whole = bytearray(w.write_h1(path).read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


def evil(path):
    class Gadget:
        def __reduce__(self):
            return os.mkdir, (str(path.parent / "marker"),)

    np.savez(path, positions_3d={"S1": {"Walking": Gadget()}})


def millimetres(path):
    world = {s: {a: poses * 1000 for a, poses in actions.items()} for s, actions in w.known_world().items()}
    w.write_h1(path, world)


def unknown(path):
    np.savez(path, mean=np.zeros((17, 3)), names=np.array(["a"]))


HEADS = {"positions_3d": {"shape": [], "dtype": "object"}}


@pytest.mark.parametrize(
    ("write", "code", "layout", "members"),
    [
        (lambda path: path.write_text("dear diary"), "foreign-file", None, None),
        (lambda path: path.touch(), "damaged", None, None),
        (lambda path: None, "missing", None, None),
        (lambda path: path.mkdir(), "unusable", None, None),
        (damaged, "damaged", None, None),
        (flipped, "damaged", None, HEADS),
        (evil, "unsafe", None, HEADS),
        (millimetres, "units", "videopose3d", HEADS),
        (
            unknown,
            "unknown-layout",
            None,
            {"mean": {"shape": [17, 3], "dtype": "float64"}, "names": {"shape": [1], "dtype": "<U1"}},
        ),
    ],
    ids=["text", "empty", "missing", "empty folder", "cut", "bit flipped", "code", "millimetres", "unknown"],
)
def test_wrong_files_are_described_and_the_others_too(inspected, source_file, tmp_path, write, code, layout, members):
    path = tmp_path / "data_3d_h36m.npz"
    write(path)
    before = sorted(tmp_path.iterdir())
    wrong, right = inspected(path, source_file.with_name("mpi_inf_3dhp_test_set"), code=3)
    assert (wrong["path"], wrong["layout"]) == (str(path), layout)
    assert codes(wrong, "error") == [code]
    assert "data_3d_h36m.npz" in wrong["problems"][0]["message"]
    assert wrong["members"] == ({} if members is None else {"data_3d_h36m.npz": members})
    assert wrong["poses"] is None
    assert wrong["figures"] == {}
    assert right["poses"] == 240
    assert sorted(tmp_path.iterdir()) == before


def test_a_wrong_file_in_words(poseda, tmp_path):
    unknown(tmp_path / "stats.npz")
    result = poseda("inspect", tmp_path / "stats.npz", code=3)
    flat = " ".join(result.stdout.split())
    assert "holds stats.npz: mean (17, 3) float64, names (1,) <U1" in flat
    assert "problems error unknown-layout: stats.npz: an archive of no layout" in flat


def test_suspicious_data_is_a_warning_and_no_error(inspected, target_folder, tmp_path):
    shutil.copytree(target_folder / "TS1", tmp_path / "TS1")
    with h5py.File(tmp_path / "TS1" / "annot_data.mat", "r+") as file:
        file["annot3"][3, 0, 5, 1] = np.nan
        file["annot2"][5] = 300
    (entry,) = inspected(tmp_path / "TS1")
    assert codes(entry, "warning") == ["not-finite", "no-extent"]
    assert entry["invalid_poses"] == 2
    assert (entry["figures"]["nan_values"], entry["figures"]["poses_without_extent"]) == (1, 1)


def test_an_error_of_the_figures_is_exit_code_3(inspected, tmp_path):
    w.write_poseda(tmp_path / "augmented.h5", poses_3d=np.full((5, 17, 3), np.nan, np.float32))
    (entry,) = inspected(tmp_path, code=3)
    assert entry["layout"] == "poseda"
    assert "no-valid-pose" in codes(entry, "error")
    assert entry["screen"] == "aspect"


# Folders


def test_two_layouts_in_one_folder(inspected, source_file, target_folder, tmp_path):
    shutil.copy(source_file, tmp_path)
    shutil.copytree(target_folder, tmp_path / "test set")
    entries = inspected(tmp_path)
    assert [entry["layout"] for entry in entries] == ["videopose3d", "mpi-inf-3dhp-test"]
    assert [entry["path"] for entry in entries] == [str(tmp_path / "data_3d_h36m.npz"), str(tmp_path / "test set")]
    assert [entry["poses"] for entry in entries] == [3360, 240]


def test_a_damaged_file_among_sound_ones(inspected, target_folder, tmp_path):
    shutil.copytree(target_folder, tmp_path / "set")
    (tmp_path / "set" / "TS4" / "annot_data.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(520))
    whole, broken = inspected(tmp_path / "set", code=3)
    assert whole["subjects"] == ["TS1", "TS2", "TS3", "TS5", "TS6"]
    assert broken["path"] == str(tmp_path / "set" / "TS4" / "annot_data.mat")
    assert codes(broken, "error") == ["damaged"]


def test_other_files_in_a_folder_are_named_in_a_note(inspected, source_file, tmp_path):
    shutil.copy(source_file, tmp_path)
    unknown(tmp_path / "stats.npz")
    (tmp_path / "notes.mat").write_text("dear diary")
    (entry,) = inspected(tmp_path)
    assert entry["path"] == str(tmp_path)
    (note,) = [note for note in entry["notes"] if "left out" in note]
    assert "stats.npz" in note
    assert "notes.mat" in note


def test_our_own_summary_is_no_other_file(poseda, inspected, source_file, target_folder, tmp_path):
    poseda("align", source_file, "-t", target_folder, "-o", "out", "-q")
    (entry,) = inspected(tmp_path / "out")
    assert entry["layout"] == "poseda"
    assert not [note for note in entry["notes"] if "left out" in note]
    assert poseda("inspect", "--headers", "out").stderr == ""


def test_archives_that_do_not_go_together(inspected, tmp_path):
    """Two detectors' 2D of the same sequences: each is a data set of its own."""
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz")
    views = w.known_views()
    views["S9"]["Walking 1"][0] = views["S9"]["Walking 1"][0] + np.float32(1)
    w.write_h2(tmp_path / "data_2d_h36m_cpn.npz", views)
    entries = inspected(tmp_path)
    assert [entry["path"] for entry in entries] == [
        str(tmp_path / f"data_2d_h36m_{name}.npz") for name in ("cpn", "gt")
    ]
    assert [entry["poses"] for entry in entries] == [64, 64]
    assert all("all hold positions_2d" in entry["notes"][-1] for entry in entries)


def test_3d_and_2d_that_go_together(inspected, tmp_path):
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz")
    (entry,) = inspected(tmp_path / "data_3d_h36m.npz", tmp_path / "data_2d_h36m_gt.npz")
    assert (entry["has_3d"], entry["has_2d"], entry["poses"]) == (True, True, 64)
    assert (entry["frame"], entry["screen"]) == ("world", "pixels")
    assert entry["figures"]["reprojection_model"] == "distorted"
    assert entry["figures"]["reprojection_px"]["max"] < 1e-2


# Real files


def test_real_test_sequence(inspected, shared_data):
    (entry,) = inspected(shared_data / "mpi_inf_3dhp_test_set")
    figures = entry["figures"]
    assert entry["poses"] == 276
    assert entry["problems"] == []
    # FORMATS.md, section 5: mean 0.298 px, 2.99 at most, 0.002 for all but hips and spine.
    assert figures["reprojection_models_px"]["linear"]["mean"] == pytest.approx(0.298, abs=0.001)
    assert figures["reprojection_px"]["max"] == pytest.approx(2.99, abs=0.005)
    assert figures["reprojection_px"]["median"] < 0.005
    assert figures["reprojection_outliers"] == ["right_hip", "left_hip", "spine"]
    assert figures["root_midhip_m"] < 1e-6
    assert figures["outside_image"]["joint_count"] == 0


@pytest.mark.skipif("mmpose" not in LAYOUTS, reason="the reader is not there yet")
def test_real_archives_of_mmpose(inspected, shared_data):
    entries = {entry["dataset"]: entry for entry in inspected(shared_data / "mmpose")}
    h36m, mpi = entries["h36m"], entries["mpi_inf_3dhp"]
    # FORMATS.md, sections 2 and 5.
    assert h36m["figures"]["reprojection_model"] == "distorted"
    assert h36m["figures"]["reprojection_models_px"]["distorted"]["mean"] == pytest.approx(1.5e-5, abs=3e-6)
    assert h36m["figures"]["reprojection_models_px"]["linear"]["mean"] == pytest.approx(0.821, abs=0.001)
    assert h36m["figures"]["reprojection_models_px"]["linear"]["max"] == pytest.approx(3.376, abs=0.001)
    assert mpi["figures"]["reprojection_px"]["max"] == pytest.approx(2.14, abs=0.005)
    # The converter that cut the 8 off 2048.
    assert any("204" in problem["message"] for problem in mpi["problems"])
    assert "camera-height" in codes(mpi, "note")
    assert not any(problem["code"] == "camera-height" for problem in h36m["problems"])


def test_of_very_many_data_sets_a_line_each(poseda, tmp_path):
    files = []
    for number in range(25):
        files.append(tmp_path / f"{number:02d}.npz")
        np.savez(files[-1], something=np.zeros(3))
    lines = poseda("inspect", *files, code=3).stdout.splitlines()
    assert [line.split(":")[0] for line in lines[-5:]] == [str(file) for file in files[20:]]
    assert lines[-1].endswith("unknown layout, 0 poses, unknown-layout")
