import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from poseda_cli.commands import memory
from poseda_cli.commands.console import Console
from poseda_cli.commands.memory import check_reading, check_writing
from poseda_cli.errors import InputError
from poseda_cli.layouts import find
from poseda_cli.memory import PEAKS, PEAKS_OF_3D, PROGRAM, ROWS, WORK, Peak

from ..layouts import writers as w
from ..layouts import writers_h36m as h

MB = 1_000_000
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much there is")


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many bytes left, on which this process has so many."""

    def set_up(left, taken=0):
        monkeypatch.setattr(memory, "available", lambda: left)
        monkeypatch.setattr(memory, "resident", lambda: taken)

    return set_up


def groups(path):
    return find([path])[0]


def pickled(folder, frames=10_000):
    """3.84 MB of poses, 32 joints of float32, in one pickle."""
    poses = np.tile(w.motion(100), (frames // 100, 1, 1))
    return w.write_h1(folder / "data_3d_h36m.npz", {"S1": {"Walking": poses}})


def of_peak(monkeypatch, factor):
    monkeypatch.setitem(PEAKS_OF_3D, "videopose3d", Peak(factor))


def written(rows, whole=None, layout="videopose3d", has_3d=True):
    """What `check_writing` asks of an alignment, or of a conversion if `whole` is None."""

    class Whole(SimpleNamespace):
        def __len__(self):
            return whole

    class Source(SimpleNamespace):
        def __len__(self):
            return rows

    origin = SimpleNamespace(layout=layout)
    return Source(whole=None if whole is None else Whole(origin=origin), has_3d=has_3d, bodies=None)


def test_little_is_not_said(sample_side, machine, capsys):
    machine(None)
    check_reading(Console(), [sample_side])
    assert capsys.readouterr().err == ""


@pytest.fixture
def sample_side(source_file):
    return groups(source_file)


def test_little_is_said_if_asked_for(sample_side, machine, capsys):
    machine(None)
    check_reading(Console(verbose=True), [sample_side])
    said = "memory: about 71 MB (data_3d_h36m.npz is one pickled object and is read as a whole)\n"
    assert capsys.readouterr().err == said


def test_much_is_said(tmp_path, machine, monkeypatch, capsys):
    # 3.84 MB and some names, 500 times, and the program.
    of_peak(monkeypatch, 500)
    machine(None)
    check_reading(Console(), [groups(pickled(tmp_path))])
    said = "memory: about 2.0 GB (data_3d_h36m.npz is one pickled object and is read as a whole)\n"
    assert capsys.readouterr().err == said


def test_nothing_read_as_a_whole_takes_nothing(machine, capsys):
    machine(0)
    check_reading(Console(verbose=True), [])
    check_reading(Console(verbose=True), [{}])
    assert capsys.readouterr().err == ""


def test_both_sides_count(sample_side, target_folder, machine, monkeypatch, capsys):
    # The program, 0.33 MB, and 6 files of 66,240 bytes.
    of_peak(monkeypatch, 10)
    monkeypatch.setitem(PEAKS, "mpi-inf-3dhp-test", Peak(100))
    machine(None)
    check_reading(Console(verbose=True), [sample_side, groups(target_folder)])
    said = capsys.readouterr().err
    assert said.startswith("memory: about 113 MB (data_3d_h36m.npz, mpi_inf_3dhp_test_set/TS1/annot_data.mat, ")
    assert said.endswith("... (4 more) are read as a whole)\n")


def test_too_little_is_refused(tmp_path, machine, monkeypatch):
    of_peak(monkeypatch, 500)
    machine(900 * MB)
    with pytest.raises(InputError) as caught:
        check_reading(Console(), [groups(pickled(tmp_path))], in_pieces=True)
    assert str(caught.value) == (
        "data_3d_h36m.npz is one pickled object and is read as a whole, which takes about 2.0 GB of memory; there is "
        "900 MB. Close other programs, or use a machine with more memory; there it can be converted once into "
        "poseda's own layout, which is read in pieces (poseda convert PATH --to poseda -o DIR)."
    )


def test_what_would_not_help_is_not_advised(tmp_path, machine, monkeypatch):
    of_peak(monkeypatch, 500)
    machine(900 * MB)
    with pytest.raises(InputError, match=r"with more memory\.$"):
        check_reading(Console(), [groups(pickled(tmp_path))])


def test_what_recognising_has_read_already_is_not_needed_again(sample_side, machine):
    # A little more than the program is needed.
    machine(left=20 * MB, taken=PROGRAM)
    check_reading(Console(), [sample_side])
    machine(left=20 * MB, taken=0)
    with pytest.raises(InputError, match="there is 20 MB"):
        check_reading(Console(), [sample_side])


def test_h36m_in_world_space_counts_as_such(tmp_path):
    worlds = h.worlds()
    h.release(tmp_path / "raw", ["D3_Positions", "D3_Positions_mono", "D2_Positions"], poses=worlds[:1])
    h.write_npy(tmp_path / "threeDPose_train.npy", h.evo_3d())
    h.write_npy(tmp_path / "twoDPose_HRN_train.npy", h.evo_2d())
    h.write_npy(tmp_path / "cameras.npy", h.evo_cameras())
    h.write_h4(tmp_path / "martinez" / "3D_positions" / "Walking.h5", worlds[1][2])
    w.write_h2(tmp_path / "data_2d_h36m_gt.npz")
    paths = [*tmp_path.glob("*.np?"), *tmp_path.glob("*/**/*.cdf"), *tmp_path.glob("martinez/**/*.h5")]
    in_3d = {
        archive.file.on_disk.relative_to(tmp_path).as_posix()
        for path in paths
        for layout, archives in groups(path).items()
        for archive in archives
        if archive.file.on_disk == path and memory.contents(layout, archive).has_3d
    }
    assert in_3d == {
        "raw/S1/MyPoseFeatures/D3_Positions/TakingPhoto 1.cdf",
        "threeDPose_train.npy",
        "martinez/3D_positions/Walking.h5",
    }


def test_exports_in_pieces_take_nothing(machine, capsys):
    machine(0)
    check_writing(Console(verbose=True), ["poseda", "plain"], written(10**9))
    assert capsys.readouterr().err == ""


def test_exports_that_gather_say_so(machine, monkeypatch, capsys):
    monkeypatch.setitem(ROWS, "mmpose", 1000)
    machine(None)
    check_writing(Console(), ["poseda", "mmpose"], written(2_000_000))
    said = "memory: about 2.1 GB more (--to mmpose: all poses are in memory before they are written)\n"
    assert capsys.readouterr().err == said
    assert WORK == 100 * MB


def test_exports_that_do_not_fit_are_refused(machine, monkeypatch):
    monkeypatch.setitem(ROWS, "mmpose", 1000)
    machine(1_300 * MB)
    check_writing(Console(), ["mmpose"], written(1_199_000))
    with pytest.raises(InputError) as caught:
        check_writing(Console(), ["mmpose"], written(2_000_000))
    assert str(caught.value) == (
        "--to mmpose: all 2,000,000 poses are in memory before they are written, which takes about 2.1 GB more; there "
        "is 1.3 GB. Close other programs, write --to poseda, which takes little, and poseda convert that on a machine "
        "with more memory; or choose fewer poses (--subjects, --stride)."
    )


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        # Trainers keep their own 3D file; each copy has its 2D file, one after another.
        (written(4_000_000, whole=2_000_000), 500),
        (written(1_000_000, whole=2_000_000, layout="h36m-raw"), 900),
        (written(2_000_000), 900),
        (written(2_000_000, has_3d=False), 500),
    ],
)
def test_videopose3ds_files_have_the_whole_source(machine, monkeypatch, source, needed):
    monkeypatch.setitem(memory.ROWS, "videopose3d", 500)
    monkeypatch.setitem(sys.modules["poseda_cli.memory"].ROWS_WITH_3D, "videopose3d", 900)
    enough = WORK + 2_000_000 * needed
    machine(enough)
    check_writing(Console(), ["videopose3d"], source)
    machine(enough - 1)
    with pytest.raises(InputError, match="all 2,000,000 poses"):
        check_writing(Console(), ["videopose3d"], source)


CHECK = """
import sys
from pathlib import Path
from poseda_cli.commands.console import Console, run
from poseda_cli.commands.memory import check_reading
from poseda_cli.layouts import find
run(lambda: check_reading(Console(), [find([Path(sys.argv[1])])[0]]))
"""


def limited(gigabytes, *command):
    """A command under `ulimit -v`."""
    # One thread of BLAS: each has its own addresses.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "COLUMNS": "80"}
    script = f'ulimit -v {round(gigabytes * 1e9) >> 10} && exec "$@"'
    return subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, *map(str, command)], capture_output=True, text=True, env=environment
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """400,000 frames: 154 MB, not compressed, which take more than three times as much."""
    path = tmp_path_factory.mktemp("large") / "data_3d_h36m.npz"
    poses = np.tile(w.motion(100), (4000, 1, 1))
    np.savez(path, positions_3d={"S1": {"Walking": poses}})
    return path


@LINUX
def test_refused_under_a_real_limit(large):
    result = limited(0.45, "-c", CHECK, large)
    assert result.returncode == 3
    assert result.stdout == ""
    assert "error: data_3d_h36m.npz is one pickled object and is read as a whole, which takes" in result.stderr
    assert "Traceback" not in result.stderr
    assert limited(2, "-c", CHECK, large).returncode == 0


@LINUX
@pytest.mark.parametrize(
    "command",
    [
        ("align", "FILE", "--target", "TARGET", "-o", "out"),
        ("convert", "FILE", "--to", "poseda", "-o", "out"),
        ("inspect", "FILE"),
        ("compare", "FILE", "TARGET"),
    ],
    ids=lambda command: command[0],
)
def test_commands_refuse_before_they_read(command, large, tmp_path, target_folder):
    places = {"FILE": large, "TARGET": target_folder, "out": tmp_path / "out"}
    result = limited(0.45, "-m", "poseda_cli", *(places.get(part, part) for part in command))
    assert result.returncode == 3
    said = " ".join((result.stderr + result.stdout).split())
    assert "data_3d_h36m.npz is one pickled object and is read as a whole, which takes" in said
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
