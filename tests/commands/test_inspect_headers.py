"""`poseda inspect --headers`: what files are, without a look at what they hold."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from itertools import pairwise

import h5py
import numpy as np
import pytest

from tests.layouts import writers as w

KEYS = {"path", "layout", "error", "container", "bytes", "members"}


@pytest.fixture
def headers(poseda):
    """The list of --json; stderr is empty where nothing is wrong."""

    def run(*arguments, code=0):
        result = poseda("inspect", "--headers", "--json", *arguments, code=code)
        assert (result.stderr == "") == (code == 0)
        entries = json.loads(result.stdout)
        assert all(set(entry) == KEYS for entry in entries)
        assert all((entry["layout"] is None) == (entry["error"] is not None) for entry in entries)
        return entries

    return run


def test_an_npz_of_objects_names_the_first_array(headers, source_file):
    (subject, actions), *_ = np.load(source_file, allow_pickle=True)["positions_3d"].item().items()
    (action, poses), *_ = actions.items()
    first = {"keys": [subject, action], "shape": list(poses.shape), "dtype": str(poses.dtype)}
    assert headers(source_file) == [
        {
            "path": str(source_file),
            "layout": "videopose3d",
            "error": None,
            "container": "npz",
            "bytes": source_file.stat().st_size,
            "members": {"positions_3d": {"shape": [], "dtype": "object", "first": first}},
        }
    ]


def test_each_file_of_a_folder_is_described(headers, target_folder):
    entries = headers(target_folder)
    assert [entry["path"] for entry in entries] == [
        str(target_folder / f"TS{n}" / "annot_data.mat") for n in range(1, 7)
    ]
    for number, entry in enumerate(entries, 1):
        path = target_folder / f"TS{number}" / "annot_data.mat"
        with h5py.File(path) as file:
            expected = {name: {"shape": list(d.shape), "dtype": str(d.dtype)} for name, d in file.items()}
        assert entry["members"] == expected
        assert (entry["layout"], entry["container"]) == ("mpi-inf-3dhp-test", "MATLAB v7.3")
        assert entry["bytes"] == path.stat().st_size


def test_of_2d_the_first_array_is_in_a_list(headers, tmp_path):
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz")
    views = w.known_views()
    subject = next(iter(views))
    action = next(iter(views[subject]))
    (entry,) = headers(tmp_path)
    first = entry["members"]["positions_2d"]["first"]
    assert first["keys"] == [subject, action, 0]
    assert first["shape"] == list(views[subject][action][0].shape)
    # Its first value is a text or a number.
    assert entry["members"]["metadata"]["first"] is None


def test_an_object_beside_the_poses_that_is_no_data_does_no_harm(headers, tmp_path):
    arrays = {"poses_2d": np.zeros((1, 1, 2)), "joints": np.array(["Hip"])}
    np.savez(tmp_path / "a.npz", **arrays, path=np.array(tmp_path, object))
    (entry,) = headers("a.npz")
    assert entry["layout"] == "plain"
    assert entry["members"]["path"] == {"shape": [], "dtype": "object", "first": None}


def write_npy(path):
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


@pytest.mark.parametrize(
    ("write", "container"),
    [
        (write_npy, "npy"),
        (lambda path: path.write_bytes(pickle.dumps([1])), "pickle"),
        (lambda path: path.write_text('{"a": 1}'), "JSON"),
        (lambda path: h5py.File(path, "w").close(), "HDF5"),
        (lambda path: path.write_bytes(b"PK\x03\x04 cut"), "zip"),
        (lambda path: path.write_text("dear diary"), None),
    ],
)
def test_the_container_is_known_of_files_without_a_layout_too(headers, tmp_path, write, container):
    write(tmp_path / "file")
    (entry,) = headers(tmp_path / "file", code=3)
    assert (entry["layout"], entry["container"]) == (None, container)
    assert entry["bytes"] == (tmp_path / "file").stat().st_size


def test_no_pose_is_read(headers, poseda, source_file, tmp_path):
    """What is damaged behind the first array only shows where poses are read."""
    copy = tmp_path / source_file.name
    content = bytearray(source_file.read_bytes())
    content[len(content) * 3 // 4] ^= 1
    copy.write_bytes(content)
    poseda("inspect", copy, code=3)
    (expected,), (found,) = headers(source_file), headers(copy)
    assert found == {**expected, "path": str(copy)}


def test_a_file_of_terabytes_costs_nothing(headers, tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("poses_2d", (1 << 34, 17, 2), "f4", chunks=(1, 17, 2))
        file["joints"] = np.array([b"Hip"])
    (entry,) = headers(tmp_path / "huge.h5")
    assert entry["layout"] == "plain"
    assert entry["members"]["poses_2d"] == {"shape": [1 << 34, 17, 2], "dtype": "float32"}


@pytest.mark.parametrize("name", ["source_file", "target_folder"])
def test_nothing_is_hashed_and_little_imported(request, name):
    script = (
        "import hashlib, sys\n"
        "hashlib.sha256 = None\n"
        "from poseda_cli.commands.app import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    arguments = ["inspect", "--headers", str(request.getfixturevalue(name))]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    assert "numpy" in modules
    assert ("h5py" in modules) == (name == "target_folder")
    for heavy in ("pydantic", "rich", "tqdm", "scipy", "matplotlib", "concurrent.futures", "poseda_cli.inspection"):
        assert heavy not in modules


# What is of no layout


def test_a_named_file_of_no_layout_is_described_and_wrong(headers, source_file, tmp_path):
    np.savez(tmp_path / "stats.npz", mean=np.zeros((17, 3)))
    right, wrong, missing = headers(source_file, tmp_path / "stats.npz", tmp_path / "nowhere.npz", code=3)
    assert right["layout"] == "videopose3d"
    assert wrong["error"]["code"] == "unknown-layout"
    assert wrong["error"]["message"].startswith("stats.npz: an archive of no layout")
    assert wrong["members"] == {"mean": {"shape": [17, 3], "dtype": "float64"}}
    assert missing["error"]["code"] == "missing"
    assert (missing["container"], missing["bytes"], missing["members"]) == (None, None, {})


def test_other_files_in_a_folder_are_left_out(poseda, source_file, tmp_path):
    shutil.copy(source_file, tmp_path)
    np.savez(tmp_path / "stats.npz", mean=np.zeros(3))
    result = poseda("inspect", "--headers", "--json", tmp_path)
    assert [entry["layout"] for entry in json.loads(result.stdout)] == ["videopose3d"]
    assert result.stderr == f"left out, as no archive of poses: {tmp_path.name}/stats.npz\n"
    assert poseda("inspect", "--headers", tmp_path, "-q").stderr == ""


def test_a_damaged_file_in_a_folder_is_wrong(headers, target_folder, tmp_path):
    shutil.copytree(target_folder, tmp_path / "set")
    (tmp_path / "set" / "TS4" / "annot_data.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(520))
    entries = headers(tmp_path / "set", code=3)
    assert [entry["layout"] for entry in entries] == [*["mpi-inf-3dhp-test"] * 3, None, *["mpi-inf-3dhp-test"] * 2]
    assert entries[3]["error"]["code"] == "damaged"


def test_the_layout_demanded_is_the_one_compared_with(headers, poseda, source_file):
    assert headers(source_file, "--layout", "videopose3d")[0]["layout"] == "videopose3d"
    (entry,) = headers(source_file, "--layout", "pstmo", code=3)
    assert "not of layout pstmo" in entry["error"]["message"]
    assert "Did you mean pstmo?" in poseda("inspect", source_file, "--headers", "--layout", "psmto", code=2).stderr


def test_a_file_given_twice_is_described_once(headers, source_file):
    assert len(headers(source_file, source_file, source_file.parent / "." / source_file.name)) == 1
    assert len(headers(source_file.parent, source_file)) == 7


def test_files_in_a_zip(poseda, source_file, tmp_path):
    np.savez(tmp_path / "stats.npz", mean=np.zeros(3))
    with zipfile.ZipFile(tmp_path / "archives.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(source_file, "h36m/data_3d_h36m.npz")
        archive.write(tmp_path / "stats.npz", "stats.npz")
    result = poseda("inspect", "--headers", "--json", "archives.zip")
    (entry,) = json.loads(result.stdout)
    assert entry["path"] == "archives.zip/h36m/data_3d_h36m.npz"
    assert entry["bytes"] == source_file.stat().st_size
    assert result.stderr == "left out, as no archive of poses: archives.zip/stats.npz\n"


def test_a_figure_needs_poses(poseda, source_file, tmp_path):
    result = poseda("inspect", source_file, "--headers", "--plot", "a.png", code=2)
    assert "error: --plot draws poses, and --headers reads none" in result.stderr
    assert list(tmp_path.iterdir()) == []


# In words


def test_text_is_for_people_and_fits_80_columns(poseda, target_folder, tmp_path):
    shutil.copytree(target_folder / "TS1", tmp_path / "TS1")
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    result = poseda("inspect", "--headers", "data_3d_h36m.npz", "TS1", "nowhere", code=3)
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [lines[0], *(after for before, after in pairwise(lines) if not before)] == [
        "data_3d_h36m.npz",
        "TS1",
        "nowhere",
    ]
    assert "  layout        videopose3d" in lines
    assert f"  file          npz, {(tmp_path / 'data_3d_h36m.npz').stat().st_size:,} bytes" in lines
    assert "  holds         activity_annotation  (60, 1)         float64" in lines
    assert "                annot2               (60, 1, 17, 2)  float64" in lines
    assert "  problems      error   missing: nowhere: no such file or folder." in lines
    assert result.stderr == "1 of 3 cannot be used as it is\n"


def test_of_very_many_members_some_are_named(poseda, tmp_path):
    arrays = {f"more_{number:02d}": np.zeros(number) for number in range(50)}
    np.savez(tmp_path / "many.npz", poses_2d=np.zeros((1, 1, 2)), joints=np.array(["Hip"]), **arrays)
    short, long = (poseda("inspect", "--headers", "many.npz", *option).stdout for option in ([], ["-v"]))
    assert "... (12 more; -v names them)" in short
    assert short.count("more_") == 38
    assert long.count("more_") == 50
