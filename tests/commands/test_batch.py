"""`poseda batch`: what it runs and skips, what it prints, and that nothing disturbs the bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.commands.on_terminal import on_terminal
from tests.conftest import REPO, SAMPLE

JOBS = """
[defaults]
source = "data_3d_h36m.npz"
target = "mpi_inf_3dhp_test_set"
subjects = "S9"

[[job]]
name = "s{seed}"
seed = [0, 1]
out = "runs/{name}"

[[job]]
name = "both"
to = ["poseda", "videopose3d"]
compression = "fast"
copies = 2
out = "runs/both"
"""
NAMES = ["s0", "s1", "both"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO), "COLUMNS": "80"}


def prepared(folder):
    """Archives, and a file of jobs beside them."""
    for name in ("data_3d_h36m.npz", "mpi_inf_3dhp_test_set"):
        (folder / name).symlink_to(SAMPLE / name)
    (folder / "jobs.toml").write_text(JOBS)
    return folder


@pytest.fixture
def folder(tmp_path):
    return prepared(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The outputs of all jobs."""
    folder = tmp_path_factory.mktemp("finished")
    prepared(folder)
    subprocess.run(
        [sys.executable, "-m", "poseda_cli", "batch", "jobs.toml", "-q"], cwd=folder, env=ENVIRONMENT, check=True
    )
    return folder / "runs"


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def statuses(result):
    return {line["name"]: line["status"] for line in lines(result)}


def changed(folder, old, new):
    file = folder / "jobs.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.fixture
def alone(folder, poseda):
    """What `poseda align` writes for each of the jobs."""
    sides = ("data_3d_h36m.npz", "-t", "mpi_inf_3dhp_test_set", "--subjects", "S9", "-q")
    poseda("align", *sides, "-o", "alone/s0")
    poseda("align", *sides, "-o", "alone/s1", "--seed", 1)
    both = ("--to", "poseda", "--to", "videopose3d", "--compression", "fast", "--copies", 2)
    poseda("align", *sides, "-o", "alone/both", *both)
    return content(folder / "alone")


def test_jobs_write_what_align_writes_whether_one_after_another_or_at_once(folder, poseda, alone):
    result = poseda("batch", "jobs.toml")
    assert content(folder / "runs") == alone
    assert result.stdout.splitlines() == [
        "runs/s0/augmented.h5",
        "runs/s1/augmented.h5",
        "runs/both/augmented.h5",
        "runs/both/data_2d_h36m_gpa.npz",
        "runs/both/data_2d_h36m_gpa_2.npz",
    ]
    told = result.stderr.splitlines()
    assert [line.split()[:3] for line in told[:3]] == [
        ["1/3", "done", "s0"],
        ["2/3", "done", "s1"],
        ["3/3", "done", "both"],
    ]
    assert told[0].split("  ")[-1].startswith("480 poses, ")
    assert told[-1] == "3 done"
    shutil.rmtree(folder / "runs")
    again = poseda("batch", "jobs.toml", "--jobs", 2, "--json")
    assert content(folder / "runs") == alone
    assert sorted(line["name"] for line in lines(again)) == sorted(NAMES)


def test_sources_that_stay_in_their_files(folder, poseda):
    sides = ("-t", "mpi_inf_3dhp_test_set", "-q")
    poseda("align", "data_3d_h36m.npz", *sides, "-o", "first")
    poseda("align", "first", *sides, "-o", "alone", "--seed", 2)
    changed(folder, "data_3d_h36m.npz", "first")
    changed(folder, 'subjects = "S9"', "")
    changed(folder, "seed = [0, 1]", "seed = [1, 2]")
    found = statuses(poseda("batch", "jobs.toml", "--json", "--jobs", 2, "--only", "s*"))
    assert found == {"s1": "done", "s2": "done"}
    assert content(folder / "runs/s2") == content(folder / "alone")


def test_json_has_a_line_for_each_job(folder, poseda):
    changed(folder, "copies = 2", 'copies = 2\nactions = "Juggling"')
    result = poseda("batch", "jobs.toml", "--json", "-q", code=5)
    found = lines(result)
    assert [list(line) for line in found] == [["name", "status", "out", "poses", "seconds", "error"]] * 3
    assert [line["status"] for line in found] == ["done", "done", "failed"]
    assert [line["poses"] for line in found] == [480, 480, None]
    assert [line["out"] for line in found] == ["runs/s0", "runs/s1", "runs/both"]
    assert all(line["seconds"] > 0 for line in found)
    assert [line["error"] is None for line in found] == [True, True, False]
    assert "Juggling" in found[2]["error"]
    assert result.stderr == f"error: both: {found[2]['error']}\n"
    assert not (folder / "runs/both").exists()


def test_a_second_run_skips_what_is_finished_and_does_the_rest(folder, poseda):
    poseda("batch", "jobs.toml", "--only", "s*")
    before = content(folder / "runs")
    assert sorted(before) == ["s0/augmented.h5", "s0/summary.json", "s1/augmented.h5", "s1/summary.json"]
    stamps = {name: (folder / "runs" / name).stat().st_mtime_ns for name in before}
    result = poseda("batch", "jobs.toml", "--json")
    assert statuses(result) == {"s0": "skipped", "s1": "skipped", "both": "done"}
    assert [line["poses"] for line in lines(result)] == [480, 480, 960]
    assert {name: (folder / "runs" / name).stat().st_mtime_ns for name in before} == stamps
    assert set(statuses(poseda("batch", "jobs.toml", "--json", "--jobs", 3)).values()) == {"skipped"}


@pytest.mark.parametrize(
    ("old", "new", "again", "why"),
    [
        ("seed = [0, 1]", 'seed = [0, 1]\ndepth = "exact"', ["s0", "s1"], "depth weak, now exact"),
        ("seed = [0, 1]", "seed = [0, 1]\ninclude_source = true", ["s0", "s1"], "include-source false, now true"),
        ("seed = [0, 1]", "seed = [0, 1]\nstride = 2", ["s0", "s1"], "stride 1, now 2"),
        ("copies = 2", "copies = 2\nseed = 5", ["both"], "seed 0, now 5"),
        ('compression = "fast"', "", ["both"], "compression fast, now none"),
        ('"videopose3d"]', '"poseaug"]\nskeleton = "h36m16"', ["both"], "skeleton h36m17, now h36m16"),
        ('"videopose3d"]', '"poseaug"]', ["both"], "other data files than those of poseda, poseaug"),
        ("copies = 2", 'copies = 2\ndetector = "x"', ["both"], "other data files than those of poseda, videopose3d"),
        ('target = "mpi_inf_3dhp_test_set"', 'target = "mpi_inf_3dhp_test_set/TS1"', NAMES, "other files as target"),
        ("copies = 2", "copies = 2\njobs = 1", [], ""),
        ("[defaults]", '[defaults]\nlayout = "videopose3d"\nmax_size = "3G"', [], ""),
    ],
)
def test_what_has_changed_is_done_again(folder, poseda, finished, old, new, again, why):
    shutil.copytree(finished, folder / "runs")
    changed(folder, old, new)
    planned = poseda("batch", "jobs.toml", "--dry-run").stdout
    assert planned.count("would skip") == 3 - len(again)
    assert planned.count(f"again: {why}") == len(again)
    assert "fail" not in planned


def test_changed_inputs_are_told_by_their_content(folder, poseda):
    poseda("batch", "jobs.toml", "-q", "--only", "s0")
    before = (folder / "runs/s0/augmented.h5").read_bytes()
    # Another copy of the same bytes is the same.
    source = folder / "data_3d_h36m.npz"
    copy = source.read_bytes()
    source.unlink()
    source.write_bytes(copy)
    assert statuses(poseda("batch", "jobs.toml", "--json", "--only", "s0")) == {"s0": "skipped"}
    poseda("sample", "-o", "other", "--poses", 1000)
    shutil.copy(folder / "other/data_3d_h36m.npz", source)
    result = poseda("batch", "jobs.toml", "--only", "s0")
    assert "(data_3d_h36m.npz has changed)" in result.stderr
    assert (folder / "runs/s0/augmented.h5").read_bytes() != before
    assert statuses(poseda("batch", "jobs.toml", "--json", "--only", "s0")) == {"s0": "skipped"}


def test_outputs_that_are_not_as_they_were_written(folder, poseda, finished):
    shutil.copytree(finished, folder / "runs")
    (folder / "runs/s0/augmented.h5").unlink()
    (folder / "runs/s1/notes.txt").write_text("mine")
    whole = (folder / "runs/both/augmented.h5").read_bytes()
    (folder / "runs/both/augmented.h5").write_bytes(whole[:-1])
    result = poseda("batch", "jobs.toml", "--json", code=5)
    assert statuses(result) == {"s0": "failed", "s1": "failed", "both": "done"}
    assert all("is no output of poseda align, or holds other files" in line["error"] for line in lines(result)[:2])
    assert (folder / "runs/s1/notes.txt").read_text() == "mine"
    assert (folder / "runs/both/augmented.h5").read_bytes() == whole


def test_overwrite_false_refuses_to_replace(folder, poseda):
    poseda("batch", "jobs.toml", "-q", "--only", "s0")
    before = content(folder / "runs")
    changed(folder, "[defaults]", "[defaults]\noverwrite = false\nstride = 2")
    (line,) = lines(poseda("batch", "jobs.toml", "--json", "--only", "s0", code=5))
    assert line["error"] == "runs/s0: finished, but stride 1, now 2; overwrite = true replaces it."
    assert content(folder / "runs") == before


def test_only(folder, poseda):
    assert list(statuses(poseda("batch", "jobs.toml", "--dry-run", "--json", "--only", "both"))) == ["both"]
    asked = ("--only", "both", "--only", "s[1-9]")
    assert list(statuses(poseda("batch", "jobs.toml", "--dry-run", "--json", *asked))) == ["s1", "both"]
    told = poseda("batch", "jobs.toml", "--only", "booth", code=2).stderr
    assert told == "error: --only booth: no job of jobs.toml has that name; it has s0, s1, both. Did you mean both?\n"


def test_dry_run_writes_nothing(folder, poseda):
    (folder / "runs").mkdir()
    (folder / "runs/s1").mkdir()
    result = poseda("batch", "jobs.toml", "-n", code=5)
    assert result.stdout.splitlines() == [
        "would run   s0, to runs/s0",
        "would fail  s1: runs/s1: exists and is no output of poseda align, or holds other files; it is never replaced. "
        "Choose another place.",
        "would run   both, to runs/both",
    ]
    assert content(folder / "runs") == {}
    assert [line["status"] for line in lines(poseda("batch", "jobs.toml", "-n", "--json", code=5))] == [
        "pending",
        "failed",
        "pending",
    ]


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("copies", "copeis", 2, "jobs.toml: [[job]] 2 (both): no key copeis. Did you mean copies?"),
        ("copies = 2", 'to = ["posedo"]', 2, "jobs.toml: no TOML: "),
        ('"poseda", ', '"posedo", ', 2, "jobs.toml: [[job]] 2 (both), job both: --to posedo: poseda writes "),
        ("seed = [0, 1]", "seed = [0, 0]", 2, "two jobs have the name s0"),
        ("runs/both", "runs/s1", 2, "[[job]] 1 (s{seed}) and [[job]] 2 (both): two jobs write to runs/s1"),
        ("data_3d_h36m.npz", "data_3d.npz", 3, "jobs.toml: data_3d.npz: no such file or folder (job s0, s1, both)."),
        ("copies = 2", 'shard = "1/2"', 2, "shards are written as poseda alone"),
        ("copies = 2", 'plot_format = "svg"', 2, "--plot-format says what --plot draws"),
        ("copies = 2", 'layout = "videopose"', 2, "No layout videopose; "),
        ("copies = 2", 'intrinsics = "1,2"', 2, "expected six numbers"),
    ],
)
def test_nothing_runs_before_everything_is_right(folder, poseda, old, new, code, message):
    changed(folder, old, new)
    result = poseda("batch", "jobs.toml", code=code)
    assert message in result.stderr
    assert result.stdout == ""
    assert not (folder / "runs").exists()


def test_paths_are_seen_from_the_folder_of_the_file(folder, poseda, tmp_path):
    (folder / "elsewhere").mkdir()
    result = poseda("batch", "../jobs.toml", "--only", "s0", cwd=folder / "elsewhere")
    assert result.stdout == "../runs/s0/augmented.h5\n"
    assert (folder / "runs/s0/augmented.h5").exists()
    assert (
        poseda("batch", "nothing.toml", code=3).stderr
        == "error: nothing.toml: cannot be read: no such file or directory.\n"
    )


def started(*arguments, folder, module="poseda_cli"):
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(there):
    """Wait until a file is there, or a quarter of a minute."""
    for _ in range(15_000):
        if there.exists():
            return
        time.sleep(0.001)
    raise AssertionError(f"{there} never came")


def test_json_lines_come_as_jobs_end(folder):
    changed(folder, "copies = 2", "plot = true")
    process = started("batch", "jobs.toml", "--json", "-q", folder=folder)
    first = json.loads(process.stdout.readline())
    still_running = process.poll() is None and not (folder / "runs/both").exists()
    rest, _ = process.communicate(timeout=60)
    assert (first["name"], still_running) == ("s0", True)
    assert [json.loads(line)["name"] for line in rest.splitlines()] == ["s1", "both"]


def test_killed_in_the_middle_and_resumed_it_ends_with_the_same_bytes(folder, poseda):
    changed(folder, "copies = 2", "plot = true")
    changed(folder, "[defaults]", "[defaults]\ncopies = 2")
    poseda("batch", "jobs.toml", "-q")
    undisturbed = content(folder / "runs")
    shutil.rmtree(folder / "runs")
    process = started("batch", "jobs.toml", "--jobs", 2, folder=folder)
    until(folder / "runs/.both.poseda-tmp")
    process.kill()
    process.communicate(timeout=60)
    assert not (folder / "runs/both").exists()
    poseda("batch", "jobs.toml", "--jobs", 2)
    assert content(folder / "runs") == undisturbed


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_stopped_it_keeps_what_is_finished_and_leaves_nothing_half_written(folder, number, word):
    changed(folder, "copies = 2", "plot = true")
    process = started("batch", "jobs.toml", "--jobs", 2, folder=folder)
    until(folder / "runs/.both.poseda-tmp")
    sent = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told.splitlines()[-1]) == (128 + number, word)
    assert time.monotonic() - sent < 1.5
    assert "Traceback" not in told
    left = sorted(path.name for path in (folder / "runs").iterdir()) if (folder / "runs").exists() else []
    assert set(left) <= {"s0", "s1"}
    assert "s0" in left or "s1" in left


def test_a_job_whose_process_is_killed_fails_alone(folder, poseda):
    stopped = ("posix.fsync", int(signal.SIGKILL), folder / "stamp")
    process = started(*stopped, "batch", "jobs.toml", "--only", "s0", folder=folder, module="tests.commands.stopped")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 5
    assert "failed   s0  was killed, most likely because memory ran out" in told
    assert list((folder / "runs").iterdir()) == []
    assert statuses(poseda("batch", "jobs.toml", "--json")) == dict.fromkeys(NAMES, "done")


def test_a_fault_of_ours_fails_one_job_and_leaves_its_details(folder, tmp_path):
    script = (
        "import poseda_cli.pipeline as pipeline\n"
        "prepare = pipeline.prepare\n"
        "def faulty(source, target, options, **more):\n"
        "    if options.seed: raise ZeroDivisionError('of course')\n"
        "    return prepare(source, target, options, **more)\n"
        "pipeline.prepare = faulty\n"
        "from poseda_cli.commands.app import main\nmain()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "batch", "jobs.toml", "--json"],
        cwd=folder,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 5
    assert statuses(result) == {"s0": "done", "s1": "failed", "both": "done"}
    assert "fault of ours" in lines(result)[1]["error"]
    (details,) = tmp_path.glob("poseda-fault-*.txt")
    assert "ZeroDivisionError: of course" in details.read_text()


def test_verbose_names_the_job_in_every_line(folder, poseda):
    told = poseda("batch", "jobs.toml", "--only", "s0", "-v").stderr.splitlines()
    assert any(line.startswith("s0: source: data_3d_h36m.npz, layout videopose3d: 480 poses") for line in told)
    assert [line for line in told if not line.startswith("s0: ")] == [told[-1]]
    assert told[-1].startswith("1/1 done     s0  480 poses, ")


def test_on_a_terminal_a_bar_counts_the_jobs(folder):
    text = on_terminal("-m", "poseda_cli", "batch", "jobs.toml", cwd=folder, streams="2", PYTHONPATH=str(REPO))
    assert "jobs:   0%" in text
    assert "| 2/3 " in text
    shown = [line.rsplit("\r", 1)[-1].strip() for line in text.replace("\x1b[A", "").splitlines()]
    assert [line.split()[1:3] for line in shown if line[1:2] == "/"] == [["done", name] for name in NAMES]
