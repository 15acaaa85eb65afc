"""The work of `poseda batch`: jobs in processes of their own, some at once, with what they share read before them."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from poseda_cli.commands.batch_board import Board, Ended, StageProgress, Status
from poseda_cli.commands.children import ERROR, RESULT, Children, Message, News, Send, told
from poseda_cli.commands.console import Console
from poseda_cli.commands.running import AlignRun
from poseda_cli.commands.shared_sides import Place, SharedSides
from poseda_cli.commands.sides import SideFiles, check_memory, read_side, read_side_lazily, select_side
from poseda_cli.errors import InputError, PosedaError
from poseda_cli.jobs import Job
from poseda_cli.progress import POSES
from poseda_cli.storage.claim import claimed

if TYPE_CHECKING:
    from poseda_cli.dataset import PoseDataset, PoseHeads

SIDES = ("source", "target")
SAID, STAGE = "said", "stage"


@dataclass
class Task:
    """A job on its way.

    Parameters
    ----------
    job, run : what it is
    places : of its sides
    why : what has changed since its output was written, where there is one
    began : when, by the monotonic clock; 0 if it has not
    answer : what its process said last
    """

    job: Job
    run: AlignRun
    places: tuple[Place, Place]
    why: str = ""
    began: float = 0.0
    answer: Message = field(default_factory=dict)

    def ended(self, status: Status, poses: int | None = None, error: str | None = None) -> Ended:
        """What has become of it."""
        seconds = round(time.monotonic() - self.began, 3) if self.began else 0.0
        return Ended(self.job.name, status, str(self.run.out), poses, seconds, error)


def run_tasks(tasks: Sequence[Task], board: Board, verbose: bool, at_once: int) -> None:
    """Run jobs, so many at once, which share the cores; one that fails is no reason to stop.

    Parameters
    ----------
    tasks : in the order in which they are begun
    board : told what becomes of them
    verbose : whether it is told details, too
    """
    from poseda_cli.blocks import cores

    threads = max(1, cores() // max(1, min(at_once, len(tasks))))
    for task in tasks:
        task.run = replace(task.run, jobs=task.run.jobs or threads)
    with Children() as children:
        work = _Work(tasks, board, verbose, children)
        try:
            work.run(at_once)
        except BaseException:
            children.end()
            work.clear_up()
            raise


class JobConsole(Console):
    """What is said and shown of one job among others.

    Parameters
    ----------
    say : takes a line; None where nobody wants details
    show : takes how far it is; None where nobody sees that
    """

    def __init__(self, say: Callable[[str], object] | None, show: Callable[[str], object] | None) -> None:
        super().__init__(quiet=say is None, verbose=say is not None)
        self._say, self._stages = say, StageProgress(show) if show else None

    def say(self, text: str) -> None:
        """A line about the job."""
        if self._say:
            self._say(text)

    @contextmanager
    def progress(self, label: str, total: int, unit: str = POSES) -> Iterator[Callable[[int], object]]:
        """How far the job is, in words."""
        if self._stages is None:
            yield lambda done: None
            return
        with self._stages(label, total, unit) as advance:
            yield advance


class _Work:
    def __init__(self, tasks: Sequence[Task], board: Board, verbose: bool, children: Children) -> None:
        self._board, self._verbose, self._children = board, verbose, children
        self._waiting = deque(tasks)
        self._running: dict[int, Task] = {}
        self._sides = SharedSides([task.places for task in tasks])
        above = {folder for task in tasks for folder in task.run.out.absolute().parents}
        self._missing = sorted((folder for folder in above if not folder.exists()), reverse=True)

    def run(self, at_once: int) -> None:
        """Run all that waits."""
        while self._waiting or self._running:
            while self._waiting and len(self._running) < at_once and self._begin(self._waiting[0]):
                self._waiting.popleft()
            if self._running:
                for news in self._children.news():
                    self._hear(news)

    def clear_up(self) -> None:
        """Remove what processes that were killed have left, and folders that were made for nothing."""
        for task in self._running.values():
            _clear_up(task)
        for folder in self._missing:
            with suppress(OSError):
                folder.rmdir()

    def _begin(self, task: Task) -> bool:
        """Start a job, or end it if that cannot be done; False if it has to wait for memory that others have."""
        console = self._console_of(task)
        task.began = time.monotonic()
        try:
            sides = [self._sides.find(name, place) for name, place in zip(SIDES, task.places, strict=True)]
            if not self._has_memory(task, console):
                return False
            data = self._sides.take(task.places, console.progress)
        except Exception as error:
            self._sides.forget(task.places)
            self._board.end(task.ended("failed", error=told(error)))
            return True
        watched, verbose = self._board.is_watched, self._verbose
        self._running[self._children.start(lambda send: _run(task.run, sides, data, send, verbose, watched))] = task
        self._sides.release()
        return True

    def _has_memory(self, task: Task, console: Console) -> bool:
        """Whether there is enough for a job's sides.

        Raises
        ------
        InputError : there is not, and nothing else runs that would give some back
        """
        if self._running and not self._sides.has_room_for(task.places):
            return False
        try:
            self._sides.check_memory(task.places, console)
        except InputError:
            if self._running:
                return False
            raise
        return True

    def _console_of(self, task: Task) -> JobConsole:
        name = task.job.name
        say = (lambda text: self._board.say(f"{name}: {text}")) if self._verbose else None
        show = (lambda text: self._board.stage(name, text)) if self._board.is_watched else None
        return JobConsole(say, show)

    def _hear(self, news: News) -> None:
        task = self._running[news.child]
        if news.message is None:
            del self._running[news.child]
            self._end(task, news.code)
        elif SAID in news.message:
            self._board.say(f"{task.job.name}: {news.message[SAID]}")
        elif STAGE in news.message:
            self._board.stage(task.job.name, news.message[STAGE])
        else:
            task.answer = news.message

    def _end(self, task: Task, code: int) -> None:
        if found := task.answer.get(RESULT):
            self._board.end(task.ended("done", found["poses"]), task.why, found["files"])
            return
        if not task.answer:
            _clear_up(task)
        self._board.end(task.ended("failed", error=task.answer.get(ERROR) or _ended_by(code)))


def _run(
    run: AlignRun, sides: Sequence[SideFiles], data: Sequence[Any], send: Send, verbose: bool, watched: bool
) -> Message:
    """The work of a job's process; of `data` those sides that are read already."""
    console = JobConsole(
        (lambda text: send({SAID: text})) if verbose else None, (lambda text: send({STAGE: text})) if watched else None
    )
    (source_files, target_files), (source, target) = sides, data
    check_memory(console, *(side for side, known in zip(sides, data, strict=True) if known is None))

    def read_source(whole: list[PoseDataset]) -> PoseHeads:
        if source is not None:
            whole += [] if run.lazily else [source]
            return select_side(console, "source", source, run.chosen)
        if run.lazily:
            return read_side_lazily(console, source_files, run.chosen)
        return read_side(console, source_files, run.chosen, whole)

    def read_target() -> PoseDataset:
        if target is not None:
            return select_side(console, "target", target, run.chosen_target)
        return read_side(console, target_files, run.chosen_target)

    files, summary = run.write(console, run.prepare(console, read_source, read_target))
    return {"poses": summary["output"]["poses"], "files": list(map(str, files))}


def _ended_by(code: int) -> str:
    """Why a process has ended that said nothing of what it did."""
    if code == -signal.SIGKILL:
        return "was killed, most likely because memory ran out; try fewer --jobs, or subjects and stride."
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}."
    return f"ended with exit code {code}."


def _clear_up(task: Task) -> None:
    with suppress(PosedaError, OSError), claimed(task.run.out):
        pass
