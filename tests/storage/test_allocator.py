from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from poseda_cli.storage.allocator import keep_memory
{}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    first, second = np.ones(1 << 18), np.ones(1 << 18)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    command = [sys.executable, "-c", FAULTS.format(call)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_arrays_take_the_place_of_those_before_them():
    # 100 arrays of 2 MB are 51,200 pages; four of them, and some change, are enough.
    assert faults("keep_memory()") < 5_000


def test_nothing_happens_where_there_is_no_such_thing(monkeypatch):
    import ctypes

    from poseda_cli.storage.allocator import keep_memory

    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    keep_memory()
