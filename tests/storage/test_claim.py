from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading

import pytest

from poseda_cli.errors import OutputError
from poseda_cli.storage.claim import check_unclaimed, claimed

HOLD = (
    "import sys, pathlib; from poseda_cli.storage.claim import claimed\n"
    "with claimed(pathlib.Path(sys.argv[1])) as claim:\n"
    "    claim.temporary.mkdir(); print('held', flush=True); input()"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that has claimed `out`, and lives."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "out")], stdin=-1, stdout=-1, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_left_of_a_claim(tmp_path):
    with claimed(tmp_path / "out") as claim:
        assert names(tmp_path) == [".out.poseda-lock"]
        claim.temporary.mkdir()
        (claim.temporary / "half").touch()
        assert claim.temporary.parent == tmp_path
    assert names(tmp_path) == []


def test_a_live_run_keeps_its_place_and_is_named(holder, tmp_path):
    said = rf"out: another run of poseda is writing there \(process {holder.pid} on {os.uname().nodename}\)"
    with pytest.raises(OutputError, match=said):
        check_unclaimed(tmp_path / "out")
    with pytest.raises(OutputError, match=said), claimed(tmp_path / "out"):
        pytest.fail("claimed twice")
    assert names(tmp_path) == [".out.poseda-lock", ".out.poseda-tmp"]
    check_unclaimed(tmp_path / "other")


def test_what_a_killed_run_left_is_cleared_away(holder, tmp_path):
    holder.kill()
    holder.wait()
    assert names(tmp_path) == [".out.poseda-lock", ".out.poseda-tmp"]
    check_unclaimed(tmp_path / "out")
    with claimed(tmp_path / "out") as claim:
        assert not claim.temporary.exists()
    assert names(tmp_path) == []


def test_an_old_output_that_was_put_aside_comes_back(tmp_path):
    (tmp_path / ".out.poseda-old").mkdir()
    (tmp_path / ".out.poseda-old" / "mark").touch()
    with claimed(tmp_path / "out"):
        assert names(tmp_path / "out") == ["mark"]
    assert names(tmp_path) == ["out"]


def test_an_old_output_whose_place_is_taken_goes(tmp_path):
    for name in (".out.poseda-old", "out"):
        (tmp_path / name).mkdir()
    with claimed(tmp_path / "out"):
        assert names(tmp_path) == [".out.poseda-lock", "out"]


def test_what_cannot_be_removed_is_named(tmp_path):
    (tmp_path / ".out.poseda-tmp").write_text("a file")
    with pytest.raises(OutputError, match=r"\.out\.poseda-tmp: .*remove it"), claimed(tmp_path / "out"):
        pytest.fail("the block was entered")
    assert names(tmp_path) == [".out.poseda-tmp"]


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".out.poseda-lock").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic links"), claimed(tmp_path / "out"):
        pytest.fail("the block was entered")
    assert (tmp_path / "precious").read_text() == "mine"


def test_long_names_that_begin_alike_are_different_places(tmp_path):
    one, other = ("n" * 240 + letter for letter in "ab")
    with claimed(tmp_path / one) as first, claimed(tmp_path / other) as second:
        assert first.temporary != second.temporary
        first.temporary.mkdir()
        second.temporary.mkdir()


def test_of_many_threads_that_only_look_none_is_refused(tmp_path):
    refused = []

    def look():
        try:
            for _ in range(200):
                check_unclaimed(tmp_path / "out")
        except OutputError as error:
            refused.append(error)

    (tmp_path / ".out.poseda-lock").touch()
    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_each_run_has_a_folder_of_its_own(number, tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    check_unclaimed(tmp_path / "out")
    with claimed(tmp_path / "out") as one, claimed(tmp_path / "out") as other:
        one.temporary.mkdir()
        other.temporary.mkdir()
        assert one.temporary.parent.parent == tmp_path
    assert names(tmp_path) == []


def test_other_refusals_of_the_disk_are_told(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="Input/output error"), claimed(tmp_path / "out"):
        pytest.fail("the block was entered")
