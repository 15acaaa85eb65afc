from __future__ import annotations

import threading
import time
import zlib
from itertools import pairwise

import h5py
import numpy as np
import pytest

from poseda_cli.errors import UsageError
from poseda_cli.storage.deflate import END, check_compression, in_order, segment, shuffled


def noise(rng, size):
    return rng.bytes(size)


def motion(rng, rows, dtype="f4"):
    return (np.cumsum(rng.normal(size=(rows, 17, 3)), axis=0) / 10 + 4).astype(dtype)


CONTENT = {
    "nothing": lambda rng: b"",
    "one byte": lambda rng: b"x",
    "noise": lambda rng: noise(rng, 300_000),
    "repetitions": lambda rng: b"S1 Walking 1 54138969 " * 20_000,
    "few letters, no repetitions": lambda rng: rng.choice(np.frombuffer(b"ab", "u1"), 200_000).tobytes(),
    "floats": lambda rng: motion(rng, 2_000).tobytes(),
    "noise in the middle of zeros": lambda rng: bytes(200_000) + noise(rng, 20_000) + bytes(200_000),
    "zeros in the middle of noise": lambda rng: noise(rng, 200_000) + bytes(20_000) + noise(rng, 200_000),
}


@pytest.mark.parametrize("level", [1, 6])
@pytest.mark.parametrize("content", CONTENT)
def test_zlib_inflates_a_segment(content, level, rng):
    data = CONTENT[content](rng)
    packed = segment(data, level) + END
    inflate = zlib.decompressobj(-15)
    assert inflate.decompress(packed) == data
    assert inflate.eof
    assert not inflate.unused_data
    assert len(packed) < len(data) + 100


def test_segments_follow_each_other_in_one_stream(rng):
    parts = [make(rng) for make in CONTENT.values()]
    stream = b"".join(segment(part, level) for part, level in zip(parts, [1, 6] * 4, strict=True)) + END
    assert zlib.decompress(stream, wbits=-15) == b"".join(parts)


def test_levels_differ_where_repetitions_are(rng):
    words = b"".join(rng.choice([b"Walking", b"Sitting Down", b"S11", b"Greeting 1", b"54138969"], 50_000))
    assert len(segment(words, 6)) < len(segment(words, 1)) < len(words) / 2
    floats = motion(rng, 5_000).tobytes()
    assert segment(floats, 6) == segment(floats, 1)


@pytest.mark.parametrize("dtype", ["<f4", "<u2", "<i8", "<f8", "u1"])
def test_hdf5_undoes_what_is_shuffled(dtype, rng, tmp_path):
    """Its own filters, and each of the bytes where HDF5 itself would have put it."""
    values = motion(rng, 500).astype(dtype)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        kind = {"chunks": values.shape, "shuffle": True, "compression": "gzip"}
        ours = file.create_dataset("ours", values.shape, dtype, **kind)
        ours.id.write_direct_chunk((0, 0, 0), shuffled(values, 1))
        file.create_dataset("theirs", data=values, **kind)
    with h5py.File(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(file["ours"][()], values)
        raw = [zlib.decompress(file[name].id.read_direct_chunk((0, 0, 0))[1]) for name in ("ours", "theirs")]
    assert raw[0] == raw[1]


def test_shuffled_floats_are_small(rng):
    values = motion(rng, 4_000)
    assert len(shuffled(values, 6)) <= len(shuffled(values, 1)) < 0.85 * values.nbytes


def test_results_come_in_order_and_few_wait(monkeypatch):
    monkeypatch.setattr("poseda_cli.storage.deflate.cores", lambda: 3)
    given, taken, ahead = 0, 0, []

    def tasks():
        nonlocal given
        for number in range(60):
            given += 1
            ahead.append(given - taken)
            yield number

    def work(number):
        time.sleep(0.002 * (number % 3))
        return number, threading.current_thread().name

    found = []
    for result in in_order(work, tasks()):
        taken += 1
        found.append(result)
    assert all(b[0] == a[0] + 1 for a, b in pairwise(found))
    assert len(found) == 60
    assert 1 < len({name for _, name in found}) <= 3
    assert max(ahead) <= 8


def test_a_failing_task_is_not_swallowed():
    def work(number):
        if number == 5:
            raise ValueError("five")
        return number

    results = in_order(work, range(50))
    with pytest.raises(ValueError, match="five"):
        list(results)


def test_names_of_compressions():
    for name in ("none", "fast", "small"):
        check_compression(name)
    with pytest.raises(UsageError, match="compression 'gzip': none, fast or small"):
        check_compression("gzip")
