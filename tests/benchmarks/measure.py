"""Costs of calls and of commands, taken in turns."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

# The kernel counts the memory of a process before it becomes another program, too: children are started by a
# small process, not by the benchmark with its arrays.
LAUNCHER = """
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
unit = 1 if sys.platform == "darwin" else 1024
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
"""


class Cost(NamedTuple):
    """Wall seconds, and peak resident bytes where they were counted."""

    seconds: float
    peak: int = 0


Costs = Sequence[Cost]
Thing = Callable[[], Cost]


def in_turns(things: Mapping[str, Thing], repeats: int) -> dict[str, list[Cost]]:
    """What each thing costs, over and over; in turns, so that drift of the machine hits all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in things}
    for _ in range(repeats):
        for name, thing in things.items():
            costs[name].append(thing())
    return costs


def call(function: Callable[[], object], after: Callable[[], object] | None = None) -> Thing:
    """A call to be timed, and what to do after it that is not; called once beforehand."""

    def timed() -> Cost:
        began = time.perf_counter()
        function()
        cost = Cost(time.perf_counter() - began)
        if after is not None:
            after()
        return cost

    timed()
    return timed


def command(*arguments: object, after: Callable[[], object] | None = None) -> Thing:
    """A process of this Python to be timed from its start to its end, and its memory counted from outside."""

    def run() -> Cost:
        child = [sys.executable, *map(str, arguments)]
        done = subprocess.run([sys.executable, "-c", LAUNCHER, *child], check=True, stdout=subprocess.PIPE, text=True)
        seconds, peak = done.stdout.split()
        if after is not None:
            after()
        return Cost(float(seconds), int(peak))

    return run
