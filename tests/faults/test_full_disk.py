"""Disks that take no more, wherever in a run that happens."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.faults.places import ALIGN, INPUTS, align, state

EXPORTS = ("poseda", "plain", "videopose3d", "poseaug", "mmpose", "pstmo", "poseaug-test")
KILO = 1024


def run(*arguments: object, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "poseda_cli", *map(str, arguments)]
    return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120, preexec_fn=before)


def limit_files(size: int) -> None:
    """No file of this process may be larger; a quota says the same in other words."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def check_refused(result: subprocess.CompletedProcess[str], out: Path, why: str) -> None:
    """One line, exit code 4, and nothing that was not there before."""
    assert result.stderr == f"error: {out}: not written, {why}. Nothing was left behind.\n"
    assert (result.returncode, result.stdout) == (4, "")


@pytest.mark.parametrize("export", EXPORTS)
@pytest.mark.parametrize("compression", ["none", "small"])
def test_a_file_that_may_not_grow_on(export, compression, tmp_path):
    result = run(
        *("align", *INPUTS, "-q", "-o", tmp_path / "out", "--to", export, "--compression", compression),
        before=partial(limit_files, 50 * KILO),
    )
    check_refused(result, tmp_path / "out", "file too large")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, 3, 40, 150, 190])
def test_at_any_size_with_an_old_output_in_place(size, tmp_path):
    """From the lock to the last poses of 170 kB, and behind: the summary fits in, then."""
    old = align(tmp_path / "out", "--seed", 1)
    result = run(*ALIGN, "-o", tmp_path / "out", "--overwrite", before=partial(limit_files, size * KILO))
    if result.returncode == 0:
        assert size == 190
        assert state(tmp_path / "out") == align(tmp_path / "new")
    else:
        check_refused(result, tmp_path / "out", "file too large")
        assert state(tmp_path / "out") == old
        assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_figures_shards_merging_and_samples(tmp_path):
    small = partial(limit_files, 20 * KILO)
    for arguments in (
        ("align", *INPUTS, "-q", "--shard", "1/2"),
        ("convert", INPUTS[0], "-q", "--to", "poseda"),
        ("sample",),
    ):
        check_refused(run(*arguments, "-o", tmp_path / "out", before=small), tmp_path / "out", "file too large")
    shards = [tmp_path / "1", tmp_path / "2"]
    for number, shard in enumerate(shards, 1):
        align(shard, "--shard", f"{number}/2")
    result = run("merge", *shards, "-q", "-o", tmp_path / "out", before=small)
    check_refused(result, tmp_path / "out", "file too large")
    assert sorted(tmp_path.iterdir()) == shards


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root mounts a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_too_small_a_disk_is_refused_before_any_work(tiny_disk):
    result = run("align", *INPUTS, "-q", "-o", tiny_disk / "out")
    needed = 3360 * (17 * 5 * 4 + 18)
    assert f"{tiny_disk}/out: no space left: at least {needed:,} bytes are needed" in result.stderr
    assert f"are free in {tiny_disk}. Make room" in result.stderr
    assert (result.returncode, result.stdout) == (4, "")
    assert list(tiny_disk.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "free"), [(["--compression", "fast"], 424), (["--to", "mmpose", "--subjects", "S1"], 300)]
)
def test_a_disk_that_fills_up_meanwhile(options, free, tiny_disk):
    """What is sure to be needed fits in; what is needed does not."""
    (tiny_disk / "others").write_bytes(bytes((1024 - free) * KILO))
    result = run("align", *INPUTS, "-q", "-o", tiny_disk / "out", *options)
    check_refused(result, tiny_disk / "out", "no space left on device")
    assert [path.name for path in tiny_disk.iterdir()] == ["others"]


def test_a_disk_that_others_fill(tiny_disk):
    filling = tiny_disk / "others"
    filling.write_bytes(bytes(900 * KILO))
    result = run(*ALIGN, "-o", tiny_disk / "out")
    assert result.returncode == 4
    assert "no space left" in result.stderr
    assert list(tiny_disk.iterdir()) == [filling]


def test_no_room_for_a_single_byte(tiny_disk):
    (tiny_disk / "others").write_bytes(bytes(1024 * KILO))
    result = run(*ALIGN, "-o", tiny_disk / "out", "--compression", "small")
    assert (result.returncode, len(result.stderr.splitlines())) == (4, 1)
    assert [path.name for path in tiny_disk.iterdir()] == ["others"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
def test_a_disk_that_is_only_read(tiny_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    result = run(*ALIGN, "-o", tiny_disk / "out")
    assert (result.returncode, result.stderr) == (
        4,
        f"error: {tiny_disk}/out: nothing can be written in {tiny_disk}; choose another place.\n",
    )
