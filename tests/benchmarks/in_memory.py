"""The algorithm alone, and the summary: no files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

import poseda_cli as poseda
from poseda_cli.alignment import Alignment
from poseda_cli.chunks import join
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from tests.benchmarks.measure import call, in_turns
from tests.benchmarks.rows import Row, memory_row, time_row
from tests.benchmarks.torch_formula import paper_in_torch
from tests.benchmarks.users_script import plain_formula

JOINTS = 17
TOLERANCE = 1e-4


def bench_gpa(poses: int, repeats: int) -> list[Row]:
    """`gpa` beside a copy, and slower ways to the same result."""
    source, target, camera = some_poses(poses)
    expected = poseda.gpa(source, target, camera)
    np.testing.assert_allclose(plain_formula(source, target, camera), expected, atol=TOLERANCE)
    in_torch = paper_in_torch(source, target, camera)
    ways = {
        "copy": call(source.copy),
        "weak": call(lambda: poseda.gpa(source, target, camera)),
        "exact": call(lambda: poseda.gpa(source, target, camera, depth="exact")),
        "plain": call(lambda: plain_formula(source, target, camera)),
    }
    if in_torch is not None:
        np.testing.assert_allclose(np.asarray(in_torch()), expected, atol=TOLERANCE)
        ways["torch"] = call(in_torch)
    costs = in_turns(ways, repeats)
    paper = ("the paper's function in torch", "gpa --depth weak")
    return [
        time_row("gpa --depth weak", "a copy of the source array", costs["weak"], costs["copy"], "<= 4.5"),
        time_row("gpa --depth exact", "a copy of the source array", costs["exact"], costs["copy"]),
        time_row("the formula in plain NumPy", "gpa --depth weak", costs["plain"], costs["weak"]),
        Row(*paper, left_out="torch is not installed")
        if in_torch is None
        else time_row(*paper, costs["torch"], costs["weak"]),
    ]


def some_poses(count: int):
    """Source, target and cameras as `gpa` takes them, in single precision."""
    rng = np.random.default_rng(0)
    source = rng.standard_normal((count, JOINTS, 3), np.float32) * 0.4
    source[..., 2] += 5
    target = rng.standard_normal((count, JOINTS, 2), np.float32) * 0.1
    return source, target, np.tile(np.array([[1.46, 1.47, 0.01, -0.02]], np.float32), (count, 1))


def bench_summary(source: Path, target: Path, repeats: int) -> list[Row]:
    """What a summary costs beside the alignment that it describes."""
    sides = poseda.read(source), poseda.read(target)

    def alignment() -> Alignment:
        plan = prepare(*sides, AlignOptions())
        join(plan.chunks())
        return plan

    plan = alignment()
    costs = in_turns({"summary": call(plan.summary), "alignment": call(alignment)}, repeats)
    tracemalloc.start()
    plan.summary()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [
        time_row("the summary", "the alignment, both in memory", costs["summary"], costs["alignment"], "<= 1"),
        memory_row("memory of the summary", "its 2D poses", [peak], len(plan) * JOINTS * 2 * 4),
    ]
