"""Checksums against hashlib's, and what is told while one waits for them."""

from __future__ import annotations

import hashlib
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from poseda_cli.progress import silent
from poseda_cli.storage.checksums import InputFiles
from poseda_cli.storage.files import LocalFile


@pytest.fixture
def files(tmp_path):
    for name, size in (("a", 1_000_000), ("b", 10), ("empty", 0)):
        (tmp_path / name).write_bytes(b"x" * size)
    return [LocalFile(tmp_path / name, name) for name in ("a", "b", "empty")]


class Later:
    """An executor that does the work when it is told to."""

    def submit(self, work):
        self.future = Future()
        self.work = lambda: self.future.set_result(work())
        return self.future


def test_names_sizes_and_checksums(files):
    with ThreadPoolExecutor(1) as beside:
        found = InputFiles(files, beside).by_place(silent)
    assert list(found) == [file.on_disk for file in files]
    for file in files:
        data = file.on_disk.read_bytes()
        assert found[file.on_disk] == (file.name, len(data), hashlib.sha256(data).hexdigest())


def test_waiting_is_told_of_in_bytes_and_to_the_end(files):
    later, told = Later(), []

    @contextmanager
    def progress(label, total, unit):
        told.append((label, total, unit))
        later.work()
        yield told.append

    InputFiles(files, later).by_place(progress)
    assert told[0] == ("checksums", 1_000_010, "B")
    assert sum(told[1:]) == 1_000_010


def test_who_need_not_wait_sees_nothing(files):
    later = Later()
    found = InputFiles(files, later)
    later.work()
    assert len(found.by_place(None)) == 3


def test_an_error_comes_where_it_is_waited_for(tmp_path):
    with ThreadPoolExecutor(1) as beside:
        found = InputFiles([LocalFile(tmp_path / "missing", "missing")], beside)
        with pytest.raises(FileNotFoundError):
            found.by_place(silent)


def test_nobody_waits_for_what_is_no_longer_wanted(files):
    later = Later()
    with InputFiles(files, later):
        pass
    with pytest.raises(CancelledError):
        later.work()
