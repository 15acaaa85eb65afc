import os

import pytest

from poseda_cli.storage.write_back import start_write_back


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 64)
    descriptor = os.open(path, os.O_RDWR)
    yield path, descriptor
    os.close(descriptor)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="a system without this advice")
def test_says_which_bytes(file, monkeypatch):
    _, descriptor = file
    said = []
    monkeypatch.setattr(os, "posix_fadvise", lambda *advice: said.append(advice))
    start_write_back(descriptor, 4096, 8192)
    assert said == [(descriptor, 4096, 8192, os.POSIX_FADV_DONTNEED)]


def test_the_bytes_stay_as_they_are(file):
    path, descriptor = file
    start_write_back(descriptor, 0, 16384)
    os.pwrite(descriptor, b"new", 100)
    start_write_back(descriptor, 0, 16384)
    wanted = bytearray(range(256)) * 64
    wanted[100:103] = b"new"
    assert path.read_bytes() == bytes(wanted)


def test_what_takes_no_advice_is_no_error():
    reading, writing = os.pipe()
    try:
        start_write_back(writing, 0, 1)
    finally:
        os.close(reading)
        os.close(writing)


def test_systems_without_it(file, monkeypatch):
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    start_write_back(file[1], 0, 16384)
