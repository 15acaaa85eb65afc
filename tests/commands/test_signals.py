"""Ctrl-C, SIGTERM and SIGHUP: the run ends at once wherever it is, says so once, and leaves everything as it was."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import REPO, SAMPLE

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated", signal.SIGHUP: "hung up"}
SOURCE, TARGET = SAMPLE / "data_3d_h36m.npz", SAMPLE / "mpi_inf_3dhp_test_set"
ALIGN = ("align", SOURCE, "-t", TARGET, "-o", "out")
# What `align` goes through, and what it takes to go there.
STAGES = {
    "typer.core.<module>": (),
    "poseda_cli.commands.align.<module>": (),
    "numpy.<module>": (),
    "h5py.<module>": (),
    "poseda_cli.layouts.videopose3d.read": (),
    "poseda_cli.storage.files.input_file": (),
    "poseda_cli.layouts.mpi_inf_3dhp_test.read": (),
    "poseda_cli.pipeline.prepare": (),
    "poseda_cli.placement.place": (),
    "poseda_cli.exports.poseda.write": (),
    "poseda_cli.storage.deflate.segment": ("--compression", "small"),
    "poseda_cli.exports.videopose3d.write": ("--to", "videopose3d"),
    "poseda_cli.summary.summarize": (),
    "matplotlib.<module>": ("--plot",),
    "posix.fsync": (),
}
# Nobody waits longer; a machine with other work to do may take a little more.
SOON = 1.5


def started(places, number, folder, *arguments, **settings):
    command = [sys.executable, "-m", "tests.commands.stopped", places, str(int(number)), str(folder.parent / "stamp")]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    )


def ended(process, folder):
    """Exit code, stdout, stderr and the seconds from the signal to the end of a run."""
    printed, told = process.communicate(timeout=60)
    return process.returncode, printed, told, time.monotonic() - float((folder.parent / "stamp").read_text())


@pytest.fixture
def folder(tmp_path):
    """Where a run takes place; nothing else lies there."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def content(folder):
    """All files below a folder, and their bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def numbered(stages):
    """Each stage with one of the signals, in turn."""
    return [(stage, list(WORDS)[index % len(WORDS)]) for index, stage in enumerate(stages)]


@pytest.mark.parametrize(("stage", "number"), numbered(STAGES))
def test_every_stage(stage, number, folder):
    code, printed, told, seconds = ended(started(stage, number, folder, *ALIGN, *STAGES[stage]), folder)
    assert (code, printed, told.splitlines()[-1]) == (128 + number, "", WORDS[number])
    assert told.count(WORDS[number]) == 1
    assert "Traceback" not in told
    assert "Exception" not in told
    assert names(folder) == []
    assert seconds < SOON


@pytest.mark.parametrize("stage", ["poseda_cli.exports.poseda.write", "posix.fsync"])
def test_what_was_to_be_replaced_is_as_it_was(stage, folder, poseda):
    poseda(*ALIGN, cwd=folder)
    before = content(folder)
    code, _, _, _ = ended(started(stage, signal.SIGTERM, folder, *ALIGN, "--overwrite", "--seed", 1), folder)
    assert code == 143
    assert content(folder) == before


@pytest.mark.parametrize("place", ["fcntl.flock", "poseda_cli.storage.claim._let_go", "posix.unlink"])
def test_a_place_is_claimed_and_let_go_of_as_one_step(place, folder):
    """The run may end before its output is there, or after."""
    code, _, told, _ = ended(started(place, signal.SIGTERM, folder, *ALIGN), folder)
    assert (code, told.count("terminated")) in [(143, 1), (0, 0)]
    assert names(folder) in ([], ["out"])
    assert names(folder) == [] or names(folder / "out") == ["augmented.h5", "summary.json"]


@pytest.mark.parametrize("number", WORDS)
def test_a_second_signal_does_not_disturb_the_cleaning_up(number, folder):
    places = "poseda_cli.exports.poseda.write,shutil.rmtree,posix.rmdir"
    code, _, told, _ = ended(started(places, number, folder, *ALIGN), folder)
    assert (code, told.count(WORDS[number])) == (128 + number, 1)
    assert names(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_the_parent_ignores_stays_ignored(number, folder):
    """As `nohup`, and as shells start what runs in the background."""
    process = started(
        "poseda_cli.exports.poseda.write",
        number,
        folder,
        *ALIGN,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    code, printed, told, _ = ended(process, folder)
    assert (code, printed) == (0, "out/augmented.h5\n")
    assert WORDS[number] not in told


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", SOURCE, TARGET),
        ("compare", SOURCE, TARGET),
        ("convert", TARGET, "--to", "pstmo", "-o", "out"),
        ("align", SOURCE, "-t", TARGET, "-o", "out", "--to", "mmpose"),
        ("sample", "-o", "out"),
        ("layouts",),
    ],
    ids=lambda command: command[0],
)
def test_at_moments_that_nobody_chose(command, folder):
    """What comes once the output has its name leaves it there, whole."""
    arguments = [sys.executable, "-m", "poseda_cli", *map(str, command)]
    settings = {"cwd": folder, "env": {**os.environ, "PYTHONPATH": str(REPO)}, "stdout": subprocess.DEVNULL}
    began = time.monotonic()
    subprocess.run(arguments, stderr=subprocess.DEVNULL, check=True, **settings)
    lasts, whole = time.monotonic() - began, content(folder)
    shutil.rmtree(folder / "out", ignore_errors=True)
    moments = random.Random(command[0])
    for _ in range(2):
        process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, **settings)
        # Before our own first line nobody but Python can say anything.
        time.sleep(lasts * moments.uniform(0.3, 0.9))
        sent = time.monotonic()
        process.terminate()
        _, told = process.communicate(timeout=60)
        assert time.monotonic() - sent < SOON
        assert (process.returncode, told.count("terminated")) in [(143, 1), (0, 0)]
        assert "Traceback" not in told
        assert content(folder) in ({}, whole)
        shutil.rmtree(folder / "out", ignore_errors=True)


def test_libraries_that_make_another_error_of_it(tmp_path):
    """C code may put an ImportError in its place, or lose it."""
    script = (
        "import os, signal, time\n"
        "from poseda_cli.commands.console import run\n"
        "def lost():\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "    except BaseException: pass\n"
        "def exchanged():\n"
        "    try: lost(); time.sleep(20)\n"
        "    except BaseException: raise ImportError('numpy.core.multiarray failed to import') from None\n"
        "run(exchanged)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=15)
    assert (result.returncode, result.stderr) == (143, "terminated\n")


def test_threads_that_still_compute_are_not_waited_for():
    script = (
        "import os, signal, time\n"
        "from poseda_cli.blocks import Background\n"
        "from poseda_cli.commands.console import run\n"
        "def work():\n"
        "    with Background(1) as background:\n"
        "        background.run(lambda: time.sleep(20))\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "run(work)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=10)
    assert (result.returncode, result.stderr) == (130, "interrupted\n")


def test_the_entry_point_listens_before_it_imports():
    """So that a signal in the tenth of a second that imports take leaves no traceback."""
    import tomllib

    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"poseda": "poseda_cli.__main__:main"}
    script = "import sys, poseda_cli.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith("poseda_cli.")] == [
        "poseda_cli._version",
        "poseda_cli.signals",
        "poseda_cli.__main__",
    ]
    assert "typer" not in loaded
