from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import poseda_cli as poseda
from poseda_cli.alignment import Alignment
from poseda_cli.dataset import join
from poseda_cli.layouts import find
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare

# Training poses of Human3.6M after camera expansion, and valid poses of MPI-INF-3DHP's test set.
SIZES = {"full": (1_559_752, 2_929), "small": (100_000, 600)}
JOINTS = 17
THREADS = 2


def plain_formula(source, target, camera):
    """The paper's formula as one would write it in NumPy, all rows at once."""
    box = target.max(1) - target.min(1)
    extent = source.max(1) - source.min(1)
    s = box.sum(1) / 2
    z = (camera[:, 0] * extent[:, 0] + camera[:, 1] * extent[:, 1]) / (2 * s)
    uv = (target[:, 0] - camera[:, 2:]) / camera[:, :2]
    root = np.stack([z * uv[:, 0], z * uv[:, 1], z], axis=1)
    return source - source[:, :1] + root[:, None]


def seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def ratio(function: Callable[[], object], baseline: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Medians of both times and of their pairwise ratio; taken in turns, so that drift hits both."""
    function(), baseline()
    pairs = [(seconds(function), seconds(baseline)) for _ in range(repeats)]
    times, bases = zip(*pairs, strict=True)
    return statistics.median(times), statistics.median(bases), statistics.median(a / b for a, b in pairs)


def peak_memory(command: list[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a child process, as the kernel counts them."""
    script = (
        "import resource, subprocess, sys, time\n"
        "began = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
    wall, peak = done.stdout.split()
    return float(wall), int(peak)


def bench_gpa(poses: int, repeats: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    source = rng.standard_normal((poses, JOINTS, 3), np.float32) * 0.4
    source[..., 2] += 5
    target = rng.standard_normal((poses, JOINTS, 2), np.float32) * 0.1
    camera = np.tile(np.array([[1.46, 1.47, 0.01, -0.02]], np.float32), (poses, 1))
    np.testing.assert_allclose(poseda.gpa(source, target, camera), plain_formula(source, target, camera), atol=1e-4)

    def weak() -> object:
        return poseda.gpa(source, target, camera, jobs=THREADS)

    def exact() -> object:
        return poseda.gpa(source, target, camera, depth="exact", jobs=THREADS)

    rows = [
        row("gpa --depth weak", "copy of the source array", ratio(weak, source.copy, repeats)),
        row("gpa --depth exact", "copy of the source array", ratio(exact, source.copy, repeats)),
    ]
    plain = ratio(lambda: plain_formula(source, target, camera), weak, max(2, repeats // 2))
    return [*rows, row("plain NumPy formula", "gpa --depth weak", plain)]


def bench_align(poses: int, targets: int, folder: Path) -> list[dict[str, Any]]:
    tool = [sys.executable, "-m", "poseda_cli"]
    sizes = ["--poses", str(poses), "--target-poses", str(targets)]
    subprocess.run([*tool, "sample", "-o", str(folder / "in"), *sizes], check=True, stdout=subprocess.DEVNULL)
    source, target = folder / "in" / "data_3d_h36m.npz", folder / "in" / "mpi_inf_3dhp_test_set"
    wall, peak = peak_memory(
        [*tool, "align", str(source), "-t", str(target), "-o", str(folder / "out"), "-q", "--jobs", str(THREADS)]
    )
    bytes_of_poses = poses * JOINTS * 3 * 4
    inspect_wall, inspect_peak = peak_memory([*tool, "inspect", str(source), "-q"])

    def plainly() -> object:
        return np.load(source, allow_pickle=True)["positions_3d"].item()

    load = ratio(lambda: poseda.read(source), plainly, repeats=5)
    known = ratio(lambda: find([source]), plainly, repeats=3)
    return [
        row("reading the source, in camera space", "np.load of the same file", load),
        row("recognising the source", "np.load of the same file", known),
        *bench_summary(source, target),
        memory_row(f"memory of align ({wall:.1f} s)", peak, bytes_of_poses),
        memory_row(f"memory of inspect ({inspect_wall:.1f} s)", inspect_peak, bytes_of_poses),
    ]


def bench_summary(source: Path, target: Path) -> list[dict[str, Any]]:
    """What a summary costs beside the alignment that it describes, both in memory."""
    sides = poseda.read(source), poseda.read(target)

    def alignment() -> Alignment:
        plan = prepare(*sides, AlignOptions(), jobs=THREADS)
        join(plan.chunks())
        return plan

    plan = alignment()
    cost = ratio(plan.summary, alignment, repeats=5)
    tracemalloc.start()
    plan.summary()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return [
        row("summary of an alignment", "the alignment, in memory", cost),
        memory_row("memory of the summary", peak, len(plan) * JOINTS * 2 * 4, "its 2D poses"),
    ]


def memory_row(what: str, peak: int, bytes_of_poses: int, baseline: str = "its 3D poses") -> dict[str, Any]:
    return {
        "what": what,
        "baseline": baseline,
        "value": peak / 2**20,
        "baseline_value": bytes_of_poses / 2**20,
        "ratio": peak / bytes_of_poses,
        "unit": "MiB",
    }


def row(what: str, baseline: str, measured: tuple[float, float, float]) -> dict[str, Any]:
    value, baseline_value, factor = measured
    return {
        "what": what,
        "baseline": baseline,
        "value": value,
        "baseline_value": baseline_value,
        "ratio": factor,
        "unit": "s",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    poses, targets = SIZES[options.size]
    rows = bench_gpa(poses, options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        rows += bench_align(poses, targets, Path(folder))
    table = Table("what", "baseline", "", "", "ratio", title=f"{poses:,} poses, {THREADS} threads")
    for entry in rows:
        values = [f"{entry[key]:.3g} {entry['unit']}" for key in ("value", "baseline_value")]
        table.add_row(entry["what"], entry["baseline"], *values, f"{entry['ratio']:.2f}")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps({"poses": poses, "threads": THREADS, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
