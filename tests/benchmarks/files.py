"""Reading and writing, in one process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

import poseda_cli as poseda
from poseda_cli.layouts import find
from tests.benchmarks.measure import call, in_turns
from tests.benchmarks.rows import Row, time_row


def bench_files(source: Path, target: Path, folder: Path, repeats: int) -> list[Row]:
    """Recognising and reading the source, writing the alignment."""
    return [*_bench_reading(source, repeats), *_bench_writing(source, target, folder, repeats)]


def _bench_reading(source: Path, repeats: int) -> list[Row]:
    def plainly() -> object:
        with np.load(source, allow_pickle=True) as archive:
            return archive["positions_3d"].item()

    ways = {
        "read": call(lambda: poseda.read(source)),
        "recognise": call(lambda: find([source])),
        "load": call(plainly),
    }
    costs = in_turns(ways, repeats)
    load = "np.load(allow_pickle=True) of it"
    return [
        time_row("reading the source, into camera space", load, costs["read"], costs["load"], "<= 1.5"),
        time_row("recognising the source", load, costs["recognise"], costs["load"]),
    ]


def _bench_writing(source: Path, target: Path, folder: Path, repeats: int) -> list[Row]:
    """Both end when the bytes are on disk (fsync), which `poseda` always waits for."""
    aligned = poseda.align(poseda.read(source), poseda.read(target))
    out, copy = folder / "written", folder / "copy.h5"
    poseda.write(aligned, out)
    content = (out / "augmented.h5").read_bytes()
    shutil.rmtree(out)

    def raw_copy() -> None:
        with copy.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    ways = {
        "write": call(lambda: poseda.write(aligned, out), after=lambda: shutil.rmtree(out)),
        "copy": call(raw_copy, after=copy.unlink),
    }
    costs = in_turns(ways, repeats)
    baseline = "its bytes from memory to a file, fsync too"
    return [time_row("writing augmented.h5, with fsync", baseline, costs["write"], costs["copy"])]
