"""`poseda compare` as a script sees it: exit codes, streams, files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import stats

from poseda_cli.commands.compare import parse_image_size
from poseda_cli.errors import UsageError
from tests.layouts import cases_2d, cases_npz
from tests.layouts import writers as w

QUANTITIES = ("scale", "root_x", "root_y", "aspect")


@pytest.fixture
def compare(poseda):
    """Both sides' distances and the document, from --json."""

    def run(*arguments: object) -> dict:
        return json.loads(poseda("compare", *arguments, "--json").stdout)

    return run


@pytest.fixture
def sizeless(tmp_path: Path) -> Path:
    """Results of a detector, which say nothing of the images."""
    cases_2d.coco_results(tmp_path)
    return tmp_path / "results.json"


def wasserstein(document: dict) -> dict[str, float]:
    return {name: document["distributions"][name]["wasserstein"] for name in QUANTITIES}


def test_the_table_goes_to_stdout_and_what_was_read_to_stderr(poseda, source_file, target_folder):
    result = poseda("compare", source_file, target_folder)
    for text in ("scale", "root x", "root y", "aspect", "A", "B"):
        assert text in result.stdout
    for text in (
        "A: data_3d_h36m.npz, layout videopose3d: 3,360 poses in 112 sequences",
        "B: mpi_inf_3dhp_test_set (6 files), layout mpi-inf-3dhp-test: 240 poses in 6 sequences",
        "A: no 2D; its 3D is compared, as its cameras see it",
    ):
        assert text in result.stderr
    assert "B: no 2D" not in result.stderr
    assert "left out" not in result.stderr
    assert "\x1b" not in result.stdout + result.stderr
    quiet = poseda("compare", source_file, target_folder, "-q")
    assert (quiet.stdout, quiet.stderr) == (result.stdout, "")


def test_verbose_names_files_and_cameras(poseda, target_folder):
    result = poseda("compare", target_folder, target_folder, "-v")
    assert "actions Seq1; cameras TS1, TS2, TS3, TS4, TS5, TS6" in result.stderr
    assert "TS1/annot_data.mat: " in result.stderr


def test_json(poseda, compare, source_file, target_folder, tmp_path):
    result = poseda("compare", source_file, target_folder, "--json", "-q")
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document.pop("seconds") > 0
    assert list(document) == ["schema", "version", "options", "a", "b", "distributions"]
    assert (document["schema"], document["options"]) == (
        "poseda.comparison/1",
        {"screen": "aspect", "image_size": None},
    )
    assert [document[side]["layout"] for side in "ab"] == ["videopose3d", "mpi-inf-3dhp-test"]
    assert [document[side]["of"] for side in "ab"] == ["projection", "2d"]
    assert document["b"]["paths"][0] == "mpi_inf_3dhp_test_set/TS1/annot_data.mat"
    assert str(target_folder.parent) not in result.stdout
    one = compare(source_file, target_folder, "--jobs", 1)
    assert one.pop("seconds") > 0
    assert one == document


def test_before_and_after_an_alignment(poseda, compare, source_file, target_folder, tmp_path):
    out = tmp_path / "out"
    poseda("align", source_file, "-t", target_folder, "-o", out, "-q")
    summary = json.loads((out / "summary.json").read_text())["distributions"]
    before, after = compare(source_file, target_folder), compare(out, target_folder)
    assert after["a"]["layout"] == "poseda"
    for name in QUANTITIES:
        assert before["distributions"][name]["wasserstein"] == pytest.approx(
            summary[name]["wasserstein"]["before"], abs=1e-6
        )
        assert before["distributions"][name]["ks"] == pytest.approx(summary[name]["ks"]["before"], abs=1e-6)
        assert after["distributions"][name]["wasserstein"] == pytest.approx(
            summary[name]["wasserstein"]["after"], abs=1e-6
        )
    assert wasserstein(after)["root_x"] < wasserstein(before)["root_x"] / 100


def test_an_archive_with_itself(compare, target_folder):
    assert wasserstein(compare(target_folder, target_folder)) == {
        name: pytest.approx(0, abs=1e-15) for name in QUANTITIES
    }


def test_parts_of_one_archive(compare, target_folder, tmp_path):
    chosen = ["--subjects", "TS1,TS2", "--stride", 2, "--other-subjects", "TS5,TS6", "--other-cameras", "TS5"]
    chosen += ["--other-actions", "Seq1", "--other-stride", "3"]
    document = compare(target_folder, target_folder, *chosen)
    assert document["a"]["options"] == {"subjects": ["TS1", "TS2"], "actions": [], "cameras": [], "stride": 2}
    assert document["b"]["options"] == {
        "subjects": ["TS5", "TS6"],
        "actions": ["Seq1"],
        "cameras": ["TS5"],
        "stride": 3,
    }
    assert (document["a"]["subjects"], document["b"]["subjects"]) == (["TS1", "TS2"], ["TS5"])
    assert (document["a"]["poses"], document["b"]["poses"]) == (40, 14)
    # Read once or twice, it is the same.
    (tmp_path / "copy").symlink_to(target_folder)
    assert compare(target_folder, tmp_path / "copy", *chosen)["distributions"] == document["distributions"]


def test_actions_and_cameras_of_the_first(compare, source_file, target_folder):
    chosen = ["--actions", "Walking", "--cameras", "55011271"]
    document = compare(source_file, target_folder, *chosen)
    assert document["a"]["options"] == {"subjects": [], "actions": ["Walking"], "cameras": ["55011271"], "stride": 1}
    assert document["a"]["cameras"] == ["55011271"]
    assert document["b"]["options"] == {"subjects": [], "actions": [], "cameras": [], "stride": 1}


def test_layouts_may_be_named(poseda, compare, source_file, target_folder):
    document = compare(source_file, target_folder, "--layout", "videopose3d", "--other-layout", "mpi-inf-3dhp-test")
    assert [document[side]["layout"] for side in "ab"] == ["videopose3d", "mpi-inf-3dhp-test"]
    result = poseda("compare", source_file, target_folder, "--other-layout", "pstmo", code=3)
    assert "not of layout pstmo" in result.stderr
    result = poseda("compare", source_file, target_folder, "--other-layout", "psmto", code=2)
    assert "No layout psmto" in result.stderr
    assert "Did you mean pstmo?" in result.stderr


def boxes(folder: Path, per_axis: bool) -> np.ndarray:
    """Scale of the valid poses of a raw test set, all joints taken."""
    found = []
    for file in sorted(folder.glob("TS*/annot_data.mat")):
        wide, high = (1920, 1080) if file.parent.name in ("TS5", "TS6") else (2048, 2048)
        with h5py.File(file) as archive:
            valid = archive["valid_frame"][()].reshape(-1) == 1
            points = archive["annot2"][()].reshape(-1, 17, 2)[valid]
        found.append((np.ptp(points, axis=1) * 2 / [wide, high if per_axis else wide]).sum(1) / 2)
    return np.concatenate(found)


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_the_distance_is_scipys_of_the_files_own_numbers(compare, target_folder, tmp_path, screen):
    """TS1 and TS2 against TS5 and TS6, whose images have another shape."""
    for side, names in (("a", ("TS1", "TS2")), ("b", ("TS5", "TS6"))):
        for name in names:
            shutil.copytree(target_folder / name, tmp_path / side / name)
    document = compare(tmp_path / "a", tmp_path / "b", "--screen", screen)
    first, second = (boxes(tmp_path / side, screen == "axes") for side in "ab")
    found = document["distributions"]["scale"]
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(first, second), abs=1e-6)
    assert found["ks"] == pytest.approx(stats.ks_2samp(first, second).statistic, abs=1e-9)
    assert document["options"]["screen"] == screen


def test_an_image_size_where_none_is_known(poseda, compare, sizeless, target_folder):
    result = poseda("compare", sizeless, target_folder, code=3)
    assert result.stdout == ""
    assert result.stderr.endswith(
        "error: results.json: the image size of camera results is not known. "
        "Give it in pixels with --image-size WIDTH,HEIGHT.\n"
    )
    result = poseda("compare", sizeless, target_folder, "--image-size", "1920,1080", "--json")
    assert "A: images of camera results are taken to be 1920 x 1080, as --image-size says" in result.stderr
    assert "B: images" not in result.stderr
    document = json.loads(result.stdout)
    assert document["options"]["image_size"] == [1920, 1080]
    people = [person["keypoints"] for person in json.loads(sizeless.read_text())]
    points = np.array(people).reshape(-1, 17, 3)[..., :2]
    # The pelvis of COCO's people is the middle of their hips.
    roots = points[:, [11, 12]].mean(1) / 960 - [1, 1080 / 1920]
    distributions = document["distributions"]
    assert [distributions[name]["a"]["mean"] for name in ("root_x", "root_y")] == pytest.approx(roots.mean(0), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1920", "--image-size 1920: expected two whole numbers, WIDTH,HEIGHT in pixels."),
        ("1920,1080,3", "--image-size 1920,1080,3: expected two whole numbers"),
        ("1920x1080", "--image-size 1920x1080: expected two whole numbers"),
        ("1920,1080.5", "--image-size 1920,1080.5: expected two whole numbers"),
        ("", "--image-size : expected two whole numbers"),
        ("0,1080", "--image-size 0,1080: expected 1 to 100,000 pixels each."),
        ("1920,100001", "--image-size 1920,100001: expected 1 to 100,000 pixels each."),
    ],
)
def test_wrong_image_sizes(text, message):
    with pytest.raises(UsageError) as refused:
        parse_image_size(text)
    assert str(refused.value).startswith(message)


def test_an_image_size_that_is_not_needed_is_refused(poseda, target_folder):
    result = poseda("compare", target_folder, "none", "--image-size", "640", code=2)
    assert "error: --image-size 640: expected two whole numbers" in result.stderr
    result = poseda("compare", target_folder, target_folder, "--image-size", "640,480", code=2)
    assert "error: --image-size is not needed: the sizes of all images of A and B are known. Leave it out." in (
        result.stderr
    )


def test_poses_that_cannot_be_measured_are_counted(poseda, tmp_path, target_folder):
    points = w.mpi_pixels(w.mpi_view(10), w.TS5_CAMERA)
    points[2, 3] = np.nan
    points[4] = 5
    lens = {"intrinsics": w.TS5_CAMERA, "image_size": (1920, 1080)}
    np.savez(tmp_path / "own.npz", poses_2d=points, joints=w.MPI_JOINTS, **lens)
    result = poseda("compare", tmp_path / "own.npz", target_folder, "--json")
    assert "A: 2 of 10 poses are left out: not finite, without extent, or with a joint behind the camera" in (
        result.stderr
    )
    document = json.loads(result.stdout)
    assert (document["a"]["poses"], document["a"]["measured"]) == (10, 8)


def test_3d_alone_that_has_no_place_or_camera(poseda, tmp_path, target_folder):
    cases_npz.h7_valid(tmp_path)
    result = poseda("compare", target_folder, tmp_path / "h36m_valid_protocol1.npz", code=3)
    assert "error: h36m_valid_protocol1.npz: 3D poses relative to the root, and no 2D" in result.stderr
    np.savez(tmp_path / "own.npz", poses_3d=w.mpi_view(10) / 1000, joints=w.MPI_JOINTS)
    result = poseda("compare", tmp_path / "own.npz", target_folder, code=3)
    assert "error: own.npz: 3D poses without 2D, and the intrinsics of camera camera are not known" in result.stderr


def test_wrong_input_has_one_message(poseda, tmp_path, target_folder):
    (tmp_path / "b.npz").write_bytes(b"dear diary")
    for arguments, code, message in (
        ([tmp_path / "none", target_folder], 3, "none: no such file or folder"),
        ([target_folder, tmp_path / "b.npz"], 3, "b.npz: not an archive that poseda reads"),
        ([target_folder, target_folder, "--other-subjects", "S1"], 3, "no subject S1 in the data; it has TS1"),
        ([target_folder, target_folder, "--other-cameras", ","], 2, "selects by name was given without a name"),
        ([target_folder], 2, "Missing argument 'B'"),
        ([target_folder, target_folder, target_folder], 2, "unexpected extra argument"),
    ):
        result = poseda("compare", *arguments, code=code)
        assert message in " ".join(result.stderr.replace("│", " ").split())
        assert result.stdout == ""


def test_plot_writes_a_figure_and_replaces_one_only_when_asked(poseda, target_folder, tmp_path):
    result = poseda("compare", target_folder, target_folder, "--other-subjects", "TS5", "--plot", "figure.png")
    assert "figure: figure.png\n" in result.stderr
    assert "scale" in result.stdout
    drawn = (tmp_path / "figure.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")
    again = ["compare", target_folder, target_folder, "--plot", "figure.png"]
    result = poseda(*again, code=4)
    assert result.stderr == "error: figure.png: exists already; --overwrite replaces it.\n"
    assert (tmp_path / "figure.png").read_bytes() == drawn
    assert poseda(*again, "--overwrite", "-q").stderr == ""
    assert (tmp_path / "figure.png").read_bytes() != drawn
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure.png"]


def test_a_figure_that_cannot_be_is_refused_before_anything_is_read(poseda, target_folder, tmp_path):
    inside = shutil.copytree(target_folder / "TS1", tmp_path / "TS1")
    for name, code, message in (
        ("figure.jpg", 2, "--plot figure.jpg: expected a file that ends in .png, .svg, .pdf."),
        ("nowhere/figure.png", 4, "nowhere/figure.png: its folder does not exist"),
        (".", 2, "expected a file that ends in"),
    ):
        result = poseda("compare", inside, tmp_path / "missing", "--plot", name, code=code)
        assert message in result.stderr
        assert "A: " not in result.stderr
        assert result.stdout == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["TS1", "annot_data.mat"]


def test_without_matplotlib_the_message_names_the_extra(target_folder, tmp_path):
    script = "import sys; sys.modules['matplotlib'] = None\nfrom poseda_cli.commands.app import main\nmain()"
    arguments = ["compare", target_folder, target_folder, "--plot", tmp_path / "figure.png"]
    command = [sys.executable, "-c", script, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: --plot takes matplotlib: pip install 'poseda[plot]'.\n"
    assert subprocess.run(command[:-2], capture_output=True, timeout=60).returncode == 0


def test_outputs_that_hold_unaligned_poses_say_so(poseda, source_file, target_folder, tmp_path):
    poseda("align", source_file, "-t", target_folder, "-o", tmp_path / "both", "--subjects", "S1", "--include-source")
    result = poseda("compare", tmp_path / "both", target_folder)
    assert "A: 480 of its 960 poses are unaligned ones (--include-source)" in result.stderr
