"""Cases shared out to worker processes; those that crash or hang are replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from multiprocessing.connection import wait
from pathlib import Path
from typing import NamedTuple

from tests.fuzzing.worker import CRASH, FINDING, Case, Outcome, Reader, serve

PATIENCE = 20.0
# C code that reads the bytes itself: where it crashes or hangs on those that are damaged is counted on its own.
LIBRARIES = ("/scipy/io/", "/h5py/")


class Finding(NamedTuple):
    """A case that came to no good end."""

    layout: str
    seed: int
    outcome: Outcome


class Table:
    """What came of the cases of each layout."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.findings: list[Finding] = []

    def add(self, layout: str, seed: int, outcome: Outcome) -> None:
        """Count a case."""
        self.counts.setdefault(layout, Counter())[outcome.kind] += 1
        if outcome.kind in (FINDING, CRASH):
            self.findings.append(Finding(layout, seed, outcome))


class Worker:
    """A process, and the case that it is at."""

    def __init__(self, case: Case, reader: Reader) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._scratch = tempfile.TemporaryDirectory()
        self._last_words = Path(self._scratch.name, "last words")
        arguments = (theirs, case, reader, self._last_words)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.pipe.recv()
        self.job: tuple[str, int] | None = None
        self.since = 0.0

    def give(self, layout: str, seed: int) -> None:
        """Let it run a case."""
        self.job, self.since = (layout, seed), time.monotonic()
        self.pipe.send(self.job)

    def end(self) -> tuple[int, str]:
        """Make an end of it; its exit code, negative if a signal killed it, and where it was then."""
        self._process.join(0.5)
        if self._process.exitcode is None:
            os.kill(self._process.pid or 0, signal.SIGABRT)
            self._process.join(2)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
        self.pipe.close()
        words = self._last_words.read_text() if self._last_words.exists() else ""
        self._scratch.cleanup()
        return self._process.exitcode or 0, words


def in_turn(layouts: Iterable[str], first: int, cases: int | None = None) -> Iterator[tuple[str, int]]:
    """A case of each layout, then the next one of each."""
    layouts = list(layouts)
    for seed in count(first) if cases is None else range(first, first + cases):
        yield from ((layout, seed) for layout in layouts)


def run(
    jobs: Iterator[tuple[str, int]],
    case: Case,
    reader: Reader,
    *,
    processes: int = 1,
    seconds: float | None = None,
    patience: float = PATIENCE,
) -> Table:
    """Run cases until there are none left, or time is up.

    Parameters
    ----------
    jobs : layout and seed of each
    case, reader : what a job stands for, and what is done with it; functions of a module
    processes : workers
    seconds : how long
    patience : seconds for one case
    """
    table = Table()
    workers = [Worker(case, reader) for _ in range(processes)]
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        while True:
            for worker in workers:
                if worker.job is None and (deadline is None or time.monotonic() < deadline):
                    job = next(jobs, None)
                    if job is not None:
                        worker.give(*job)
            busy = [worker for worker in workers if worker.job is not None]
            if not busy:
                return table
            ready = wait([worker.pipe for worker in busy], timeout=0.2)
            for worker in busy:
                assert worker.job is not None
                outcome = _outcome(worker, worker.pipe in ready, patience)
                if outcome is None:
                    continue
                table.add(*worker.job, outcome)
                worker.job = None
            workers = [worker if not worker.pipe.closed else Worker(case, reader) for worker in workers]
    finally:
        for worker in workers:
            if not worker.pipe.closed:
                worker.pipe.close()
            worker.end()


def _outcome(worker: Worker, answered: bool, patience: float) -> Outcome | None:
    """What came of a worker's case; None if it is still at it."""
    assert worker.job is not None
    if answered:
        try:
            return worker.pipe.recv()
        except EOFError:
            return died(*worker.end())
    if time.monotonic() - worker.since > patience:
        _, words = worker.end()
        return Outcome(blamed(words), f"no answer within {patience:g} seconds\n{words}")
    return None


def died(code: int, words: str) -> Outcome:
    """What to say of a process that ended by itself: by whose code, if a signal killed it.

    Parameters
    ----------
    code : its exit code
    words : what `faulthandler` wrote, the innermost call of the thread that failed first
    """
    if code >= 0:
        return Outcome(FINDING, f"the process died: exit code {code}")
    return Outcome(blamed(words), f"the process died: {signal.Signals(-code).name}\n{words}")


def blamed(words: str) -> str:
    """Whether a process ended in a library's code, or in ours."""
    _, _, current = words.partition("Current thread")
    innermost = next((line for line in current.splitlines() if "File" in line), "")
    return CRASH if any(library in innermost for library in LIBRARIES) else FINDING
