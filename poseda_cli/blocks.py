"""Row-wise work on several threads, in blocks small enough to stay in cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# 4,096 poses of 17 joints are 0.8 MB: measured fastest on 2 MB of cache per core, flat from 2,048 to 8,192.
BLOCK = 4096


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_blocks(work: Callable[[int, int], object], count: int, jobs: int | None = None, block: int = BLOCK) -> None:
    """Call `work(start, stop)` for consecutive blocks of `count` rows, on `jobs` threads.

    Blocks must not depend on each other: a row's result is then the same for any number of threads.
    NumPy releases the interpreter lock inside its loops, which is where such work spends its time.
    """
    starts = range(0, count, block)
    jobs = min(jobs or cores(), len(starts))
    if jobs <= 1:
        for start in starts:
            work(start, min(start + block, count))
        return
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(lambda start: work(start, min(start + block, count)), starts):
            pass
