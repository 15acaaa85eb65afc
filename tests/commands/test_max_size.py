"""`--max-size`: what a user says of how much may be read at once, in every command that reads."""

from __future__ import annotations

import re
import shutil
import zipfile

import numpy as np
import pytest

from tests.conftest import SAMPLE

from ..layouts import cases_h36m, writers_2d, writers_npz
from ..layouts import writers_3dhp as m
from ..layouts import writers_h36m as h

HINT = r"; the limit is 1,024 \(--max-size raises it\)"


def sample_3d(folder):
    return SAMPLE / "data_3d_h36m.npz"


def sample_test_set(folder):
    return SAMPLE / "mpi_inf_3dhp_test_set"


def zipped(folder):
    return shutil.make_archive(str(folder / "test_set"), "zip", SAMPLE / "mpi_inf_3dhp_test_set")


def plain(folder):
    np.savez(folder / "poses.npz", poses_2d=writers_2d.coco_people(40, 1), joints=np.array(writers_2d.COCO_JOINTS))
    return folder / "poses.npz"


def labels(folder):
    h.write_npy(folder / "human36m-multiview-labels-GTbboxes.npy", h.labels())
    return folder


def pickled(folder):
    return writers_npz.write_h9(folder / "h36m_sh_conf_cam_source_final.pkl")


def martinez(folder):
    return h.write_h4_folder(folder)


def annotations(folder):
    m.write_d1(folder / "S1" / "Seq1" / "annot.mat", m.views_of(("0", "4")))
    m.write_calibration(folder / "S1" / "Seq1" / "camera.calibration")
    return folder


def release(folder):
    cases_h36m.h5(["D3_Positions_mono"])(folder)
    return folder


def results(folder):
    people = [writers_2d.person(points, 1, score=0.9) for points in writers_2d.coco_people(8, 1)]
    return writers_2d.write_json(folder / "results.json", people)


ARCHIVES = (sample_3d, plain, labels, pickled, martinez, annotations, sample_test_set, release, results, zipped)


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.__name__)
def test_every_container(poseda, archive, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    path = archive(folder)
    refused = poseda("inspect", path, "--max-size", "1K", "-q", "--json", code=3)
    assert re.search(HINT, refused.stdout)
    assert '"unsafe"' in refused.stdout
    poseda("inspect", path, "--max-size", "4G", "-q", "--json")


COMMANDS = {
    "align": ("align", sample_3d, "-t", sample_test_set, "-o", "out"),
    "convert": ("convert", sample_test_set, "--to", "plain", "-o", "out"),
    "inspect": ("inspect", sample_3d),
    "inspect --headers": ("inspect", "--headers", sample_3d),
    "compare": ("compare", sample_3d, sample_test_set),
}


def line(command, *more):
    return [part(None) if callable(part) else part for part in COMMANDS[command]] + list(more)


@pytest.mark.parametrize("command", ["align", "convert", "inspect", "compare"])
def test_every_command_keeps_to_it(poseda, command, tmp_path):
    refused = poseda(*line(command, "--max-size", "10K"), code=3)
    text = " ".join((refused.stdout + refused.stderr).split())
    assert re.search(r"[\d,]+ bytes( when unpacked)?; the limit is 10,240 \(--max-size raises it\)", text)
    assert not (tmp_path / "out").exists()
    assert "--max-size" not in poseda(*line(command, "--max-size", "4G")).stderr


def test_headers_need_no_more_than_they_are(poseda):
    assert poseda(*line("inspect --headers", "--max-size", "1K", "-q")).stdout


def test_merge(poseda, source_file, target_folder):
    poseda("align", source_file, "-t", target_folder, "-o", "one", "--shard", "1/1", "--subjects", "S1", "-q")
    refused = poseda("merge", "one", "-o", "out", "--max-size", "10K", code=3)
    assert re.search(r"the limit is 10,240 \(--max-size raises it\)", refused.stderr)
    poseda("merge", "one", "-o", "out", "--max-size", "4G")


@pytest.mark.parametrize("size", ["0", "-1", "unlimited", "inf", "nan", "", "1025T"])
def test_it_is_never_switched_off(poseda, size):
    refused = poseda("inspect", "missing.npz", "--max-size", size, code=2)
    assert "expected a size in bytes, or in K, M, G or T" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_usage_is_told_before_anything_is_read(poseda, command, tmp_path):
    refused = poseda(*line(command, "--max-size", "none"), code=2)
    assert "--max-size none: expected" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_merge_tells_wrong_usage(poseda):
    assert "--max-size 0: expected" in poseda("merge", "missing", "-o", "out", "--max-size", "0", code=2).stderr


def test_a_file_of_more_than_four_gib(poseda, tmp_path):
    with (tmp_path / "annot.mat").open("wb") as file:
        file.write(b"MATLAB 5.0 MAT-file".ljust(126) + b"IM")
        file.truncate(5 << 30)
    command = ("convert", "annot.mat", "--to", "plain", "-o", "out")
    assert poseda(*command, code=3).stderr == (
        "error: annot.mat: 5,368,709,120 bytes; the limit is 4,294,967,296 (--max-size raises it).\n"
    )
    assert "its elements do not add up" in poseda(*command, "--max-size", "5G", code=3).stderr


def test_a_zip_of_more_than_four_gib(poseda, tmp_path):
    size = 5 << 30
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("TS1/annot_data.mat", b"")
        # As many packed bytes as such a file could have; hardly any of them are on the disk.
        file.filelist[0].file_size, file.filelist[0].compress_size = size, size // 1000
        file.start_dir += size // 1000
    command = ("convert", "data.zip", "--to", "plain", "-o", "out")
    assert (
        "5,368,709,120 bytes when unpacked; the limit is 4,294,967,296 (--max-size" in poseda(*command, code=3).stderr
    )
    assert "damaged" in poseda(*command, "--max-size", "8G", code=3).stderr
