"""What `poseda batch` shows: a line for each job as it ends, a bar over all of them, a table at the end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from poseda_cli.commands.console import Console, tell
from poseda_cli.errors import shortened
from poseda_cli.progress import POSES

Status = Literal["done", "skipped", "failed", "pending"]
# Columns of the table besides names and errors, and what it shows of an error at least; the line of the job has all.
OTHERS, LEAST = 30, 40
# Seconds between two looks of the bar at one job.
OFTEN = 0.1


class Ended(NamedTuple):
    """What has become of a job; as JSON it is a line of `--json`."""

    name: str
    status: Status
    out: str
    poses: int | None = None
    seconds: float = 0.0
    error: str | None = None


def line_of(ended: Ended) -> str:
    """As one line of JSON."""
    return json.dumps(ended._asdict(), ensure_ascii=False)


class Board:
    """Lines, bar and table of a batch.

    Parameters
    ----------
    console : stderr and stdout
    count : how many jobs there are
    as_json : a line of JSON for each job on stdout, in place of the files it wrote
    """

    def __init__(self, console: Console, count: int, as_json: bool) -> None:
        self._console, self._count, self._as_json = console, count, as_json
        self._stages: dict[str, str] = {}
        self._bar: Any = None
        self.ended: list[Ended] = []

    def __enter__(self) -> Board:
        if not self._console.quiet and sys.stderr.isatty():
            from tqdm import tqdm

            # Its thread would be there while processes are copied.
            tqdm.monitor_interval = 0
            self._bar = tqdm(total=self._count, desc="jobs", unit=" jobs", leave=False, dynamic_ncols=True, position=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def is_watched(self) -> bool:
        """Whether anybody sees how far jobs are."""
        return self._bar is not None

    def say(self, text: str) -> None:
        """A line about a job that is not over."""
        with self._above_the_bar():
            self._console.say(text)

    def stage(self, job: str, text: str) -> None:
        """How far a job is; '' while nothing is done about it."""
        self._stages.pop(job, None)
        if text:
            self._stages[job] = text
        self._show_stages()

    def end(self, ended: Ended, note: str = "", files: Sequence[str | Path] = ()) -> None:
        """A job is over.

        Parameters
        ----------
        ended : what has become of it
        note : what there is to say besides
        files : that it wrote
        """
        self.ended.append(ended)
        self._stages.pop(ended.name, None)
        with self._above_the_bar():
            self._tell(ended, note)
            if self._as_json:
                self._console.result(line_of(ended))
            elif files:
                self._console.result("\n".join(map(str, files)))
        if self._bar is not None:
            self._bar.update(1)
            self._show_stages()

    def finish(self) -> None:
        """The table, and how many jobs there were of each kind."""
        if self._console.quiet or len(self.ended) < 2:
            return
        from poseda_cli.commands.terminal import terminal_of

        terminal = terminal_of(sys.stderr)
        table = terminal.new_table()
        table.add_column("job")
        table.add_column("status")
        table.add_column("poses", justify="right")
        table.add_column("seconds", justify="right")
        table.add_column("output, or what was wrong")
        room = max(LEAST, terminal.width - OTHERS - max(len(job.name) for job in self.ended))
        colours = {"failed": "red", "done": "green"}
        for job in self.ended:
            poses = "" if job.poses is None else f"{job.poses:,}"
            what = shortened((job.error or job.out).splitlines()[0], room)
            table.add_row(job.name, job.status, poses, f"{job.seconds:.1f}", what, style=colours.get(job.status, ""))
        counts = {status: sum(job.status == status for job in self.ended) for status in ("done", "skipped", "failed")}
        self._console.say(terminal.render("", table, ""))
        self._console.say(", ".join(f"{count:,} {status}" for status, count in counts.items() if count))

    def _tell(self, ended: Ended, note: str) -> None:
        number = f"{len(self.ended):{len(str(self._count))}}/{self._count}"
        what = ended.error or f"{ended.poses or 0:,} poses, {ended.seconds:.1f} s"
        if ended.status == "skipped":
            what = f"{ended.poses or 0:,} poses, finished before"
        line = f"{number} {ended.status:<7}  {ended.name}  {what}{f' ({note})' if note else ''}"
        if ended.status == "failed" and self._console.quiet:
            tell(f"error: {ended.name}: {ended.error}")
        self._console.say(line)

    @contextmanager
    def _above_the_bar(self) -> Iterator[None]:
        if self._bar is None:
            yield
            return
        self._bar.clear()
        try:
            yield
        finally:
            self._bar.refresh()

    def _show_stages(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str("; ".join(f"{job}: {text}" for job, text in self._stages.items()))


class StageProgress:
    """Progress that says in words how far a job is, now and then; see `progress.Progress`.

    Parameters
    ----------
    show : told that
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show
        self._last = 0.0

    @contextmanager
    def __call__(self, label: str, total: int, unit: str = POSES) -> Iterator[Callable[[int], object]]:
        """A stage of work."""
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            now = time.monotonic()
            if now - self._last >= OFTEN:
                self._last = now
                self._show(f"{label} {100 * done // max(total, 1)} %")

        advance(0)
        yield advance
