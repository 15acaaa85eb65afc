"""Makes the inputs, runs everything, prints one table."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from poseda_cli.blocks import cores
from tests.benchmarks.commands import bench_commands
from tests.benchmarks.files import bench_files
from tests.benchmarks.in_memory import JOINTS, bench_gpa, bench_summary
from tests.benchmarks.inputs import SIZES, make_inputs
from tests.benchmarks.lifting import bench_lifter
from tests.benchmarks.rows import table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--folder", type=Path, help="make the temporary folder in this one; the disk is part of it")
    options = parser.parse_args(arguments)
    poses, targets = SIZES[options.size]
    rows = bench_gpa(poses, options.repeats) + bench_lifter(poses, options.repeats)
    with tempfile.TemporaryDirectory(prefix="poseda-bench.", dir=options.folder) as name:
        folder = Path(name)
        source, target = make_inputs(folder / "inputs", poses, targets)
        rows += bench_files(source, target, folder, options.repeats)
        rows += bench_summary(source, target, options.repeats)
        rows += bench_commands(source, target, folder, poses * JOINTS * 3 * 4, options.repeats)
    title = f"{poses:,} poses, {cores()} cores, medians over repeats; ratios of single repeats spread from .. to"
    Console(width=170).print(table(rows, title))
    if options.json:
        found = {"poses": poses, "targets": targets, "cores": cores(), "rows": [row.as_json() for row in rows]}
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
