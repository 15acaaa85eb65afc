import subprocess
import sys

import numpy as np
import pytest

from poseda_cli.exports import EXPORTS
from poseda_cli.layouts import LAYOUTS, find
from poseda_cli.memory import (
    PEAKS,
    PEAKS_OF_3D,
    PROGRAM,
    ROWS,
    ROWS_WITH_3D,
    WORK,
    Contents,
    Peak,
    of_reading,
    of_writing,
)

from .layouts import writers as w
from .layouts import writers_2d as d

MB = 1_000_000


def test_every_layout_has_a_peak():
    assert set(PEAKS) == set(LAYOUTS)
    assert set(PEAKS_OF_3D) <= set(LAYOUTS)
    assert set(ROWS_WITH_3D) <= set(ROWS) <= set(EXPORTS)


def test_all_files_count(monkeypatch):
    monkeypatch.setitem(PEAKS, "spin", Peak(2))
    monkeypatch.setitem(PEAKS, "mmpose", Peak(0.5))
    archives = [Contents("spin", 100 * MB), Contents("spin", 30 * MB), Contents("mmpose", 40 * MB)]
    assert of_reading(archives) - PROGRAM == (2 * 130 + 20) * MB


def test_of_files_read_one_after_another_the_largest_counts_more(monkeypatch):
    monkeypatch.setitem(PEAKS, "margipose", Peak(0.5, 2))
    sizes = [100, 30, 70]
    assert of_reading(Contents("margipose", size * MB) for size in sizes) - PROGRAM == (0.5 * 200 + 2 * 100) * MB


def test_3d_counts_more_where_it_stands_before_four_cameras(monkeypatch):
    monkeypatch.setitem(PEAKS, "videopose3d", Peak(2))
    monkeypatch.setitem(PEAKS_OF_3D, "videopose3d", Peak(4))
    archives = [Contents("videopose3d", 100 * MB, has_3d=True), Contents("videopose3d", 10 * MB)]
    assert of_reading(archives) - PROGRAM == (4 * 100 + 2 * 10) * MB
    # There is one figure for layouts that have cameras of their own.
    assert of_reading([Contents("spin", 100, has_3d=True)]) == of_reading([Contents("spin", 100)])


def test_exports_are_written_one_after_another(monkeypatch):
    monkeypatch.setitem(ROWS, "mmpose", 1000)
    monkeypatch.setitem(ROWS, "pstmo", 700)
    assert of_writing({"pstmo": 2000}, with_3d=False) - WORK == 1_400_000
    assert of_writing({"pstmo": 2000, "mmpose": 2000, "plain": 2000}, with_3d=True) - WORK == 2_000_000


def test_a_3d_file_takes_more(monkeypatch):
    monkeypatch.setitem(ROWS, "poseaug", 500)
    monkeypatch.setitem(ROWS_WITH_3D, "poseaug", 900)
    assert of_writing({"poseaug": 1000}, with_3d=False) - WORK == 500_000
    assert of_writing({"poseaug": 1000}, with_3d=True) - WORK == 900_000


def test_what_is_written_in_pieces_takes_the_same_for_any_number():
    assert of_writing({"poseda": 10**9}, with_3d=True) == of_writing({}, with_3d=False) == WORK


def long(poses, frames):
    return np.tile(poses, (frames // len(poses), 1, 1))


def human36m(folder):
    # 77 MB, which become 4 x 200,000 poses before cameras.
    actions = {f"Walking {seed}": long(w.motion(100, seed=seed), 25_000) for seed in range(8)}
    w.write_h1(folder / "data_3d_h36m.npz", {"S1": actions})
    return True


def test_set(folder):
    # 100 MB of float64.
    for name, frames in (("TS1", 40_000), ("TS2", 20_000)):
        w.write_d3(folder / name / "annot_data.mat", long(w.mpi_view(100), frames), w.MPI_LENSES[name])
    return False


test_set.__test__ = False


def detections(folder):
    # 27 MB of detections, 68 bytes of text a joint.
    people = d.coco_people(100, 44)
    d.write_json(folder / "results.json", [d.person(people[i % 100], i + 1, score=0.9) for i in range(35_000)])
    return False


PEAK_OF_READING = """
import sys
from poseda_cli.layouts import read
read(sys.argv[1])
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a process took at its peak")
@pytest.mark.parametrize("write", [human36m, test_set, detections])
def test_real_peaks_are_a_little_below(write, tmp_path):
    has_3d = write(tmp_path)
    ((layout, archives),) = find([tmp_path])[0].items()
    expected = of_reading(Contents(layout, archive.decoded, has_3d) for archive in archives)
    command = [sys.executable, "-c", PEAK_OF_READING, str(tmp_path)]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    # The interpreter alone is 50 MB: without it there would be little to be seen.
    assert expected - PROGRAM > 50 * MB
    assert expected / 3 < peak < expected
