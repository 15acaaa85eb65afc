"""Where the time of `poseda align` goes, in percent of its wall time.

    python -m tests.benchmarks.profiling [--size full|small|tiny] [--repeats 3]

The command runs as it always does, in a process of its own, with a clock around some of its functions. The clock
belongs to the main thread, which waits for the others: what they do meanwhile is part of what it waits in. A stage
does not count the time of the stages within it. Stages in which several threads work on different things at once are
split as their work is.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.inputs import SIZES, make_inputs
from tests.benchmarks.measure import command, in_turns

START, LEFT = "start-up and imports", "everything else, and the clock"
# In the order of the run. Functions that others have imported by name are replaced where they are called.
STAGES = {
    "poseda_cli.layouts:find": "recognising",
    "poseda_cli.layouts:read_groups_lazily": "reading: checksums not yet done",
    "zipfile:ZipExtFile.read": "reading the source: inflating",
    "poseda_cli.storage.npz:NpzArchive.tree": "reading the source: unpickling",
    "poseda_cli.layouts.videopose3d:read": "reading the source: camera space, checks",
    "poseda_cli.layouts.mpi_inf_3dhp_test:read": "reading the target",
    "poseda_cli.pipeline:prepare": "placing",
    "poseda_cli.output:write_output": "aligning",
    "os:fsync": "fsync",
    "poseda_cli.alignment:Alignment.summary": "the summary",
}
# What the threads do in some of these stages.
WORK = {
    "placing": {
        "placing: depths": ("poseda_cli.global_position:depths_of_block",),
        "placing: where the source is in its images": ("poseda_cli.placement:measure_block",),
        "placing: drawing targets": ("poseda_cli.draws:Draws.targets",),
    },
    "aligning": {
        "aligning: moving and projecting": (
            "poseda_cli.global_position:root_position",
            "poseda_cli.global_position:move_root",
            "poseda_cli.alignment:project_block",
        ),
        "aligning: measuring the projections": (
            "poseda_cli.alignment:Alignment._measure",
            "poseda_cli.alignment:normalise_boxes",
        ),
        "aligning: normalising the projections": ("poseda_cli.exports.poseda:normalise_points",),
        "aligning: writing": ("h5py:Dataset.__setitem__",),
    },
}
PLACES = [*STAGES, *(place for kinds in WORK.values() for places in kinds.values() for place in places)]
IMPORTS = ", ".join(["poseda_cli.commands.app", *dict.fromkeys(place.partition(":")[0] for place in PLACES)])


class Clock:
    """Seconds of the main thread by stage, and of all threads by the kind of their work."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.worked: dict[str, float] = defaultdict(float)
        self._stages = [LEFT]
        self._since = time.perf_counter()
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What the main thread does here belongs to this stage."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._settle()
        self._stages.append(name)
        try:
            yield
        finally:
            self._settle()
            self._stages.pop()

    def _settle(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stages[-1]] += now - self._since
        self._since = now

    @contextmanager
    def work(self, kind: str) -> Iterator[None]:
        """What any thread does here counts as `kind`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.worked[kind] += time.perf_counter() - began

    def by_stage(self) -> dict[str, float]:
        """Seconds by stage; of stages in `WORK` by the kind of work."""
        self._settle()
        found = dict(self.seconds)
        for stage, kinds in WORK.items():
            wall, working = found.pop(stage, 0.0), sum(self.worked[kind] for kind in kinds)
            for kind in kinds:
                found[kind] = wall * self.worked[kind] / working if working else 0.0
        return found


def watch(clock: Clock) -> None:
    """Put the clock around the functions of STAGES and WORK."""
    for place, stage in STAGES.items():
        _watch(place, functools.partial(clock.stage, stage))
    for kinds in WORK.values():
        for kind, places in kinds.items():
            for place in places:
                _watch(place, functools.partial(clock.work, kind))


def _watch(place: str, context: Callable[[], Any]) -> None:
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, name, _timed(getattr(owner, name), context))


def _timed(call: Callable[..., Any], context: Callable[[], Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def timed(*arguments: Any, **named: Any) -> Any:
        with context():
            return call(*arguments, **named)

    return timed


def watched(arguments: Sequence[str], found: Path) -> None:
    """Run `poseda` here with the clock, and leave the seconds by stage in a file."""
    from poseda_cli.commands.app import main

    clock = Clock()
    watch(clock)
    sys.argv = ["poseda", *arguments]
    try:
        main()
    finally:
        found.write_text(json.dumps(clock.by_stage()))


def profile(source: Path, target: Path, folder: Path, repeats: int) -> tuple[float, dict[str, float]]:
    """Wall seconds of `poseda align`, and its seconds by stage in runs with the clock; medians over the runs."""
    found, out = folder / "stages.json", folder / "aligned"
    align = ("align", source, "-t", target, "-o", out, "-q")
    runs: list[dict[str, float]] = []

    def collect() -> None:
        shutil.rmtree(out)
        runs.append(json.loads(found.read_text()))

    things = {
        "whole": command("-m", "poseda_cli", *align, after=lambda: shutil.rmtree(out)),
        "watched": command("-m", "tests.benchmarks.profiling", "--watch", found, *align, after=collect),
        "start": command("-c", f"import {IMPORTS}"),
    }
    costs = in_turns(things, repeats)
    whole, start = (statistics.median(cost.seconds for cost in costs[name]) for name in ("whole", "start"))
    for run, cost in zip(runs, costs["watched"], strict=True):
        run[START] = start
        run[LEFT] = cost.seconds - sum(seconds for stage, seconds in run.items() if stage != LEFT)
    names = [name for stage in STAGES.values() for name in WORK.get(stage, (stage,))]
    return whole, {name: statistics.median(run.get(name, 0.0) for run in runs) for name in (START, *names, LEFT)}


def table(stages: dict[str, float], title: str) -> Table:
    """Stages in the order of the run, in percent of their sum."""
    shown = Table("stage", title=title)
    for heading in ("s", "%"):
        shown.add_column(heading, justify="right")
    for name, seconds in stages.items():
        shown.add_row(name, f"{seconds:.2f}", f"{100 * seconds / sum(stages.values()):.1f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profiling")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    poses, targets = SIZES[options.size]
    with tempfile.TemporaryDirectory(prefix="poseda-bench.") as name:
        source, target = make_inputs(Path(name) / "inputs", poses, targets)
        whole, stages = profile(source, target, Path(name), options.repeats)
    title = f"{poses:,} poses: {whole:.2f} s, {sum(stages.values()):.2f} s with the clock"
    Console(width=100).print(table(stages, title))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watched(sys.argv[3:], Path(sys.argv[2]))
    else:
        main()
