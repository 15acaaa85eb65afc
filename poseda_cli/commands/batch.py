"""`poseda batch`: many alignments from one file, and what of them is left to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poseda_cli.commands.batch_board import Board, Ended, line_of
from poseda_cli.commands.batch_work import Task, run_tasks
from poseda_cli.commands.console import FAILED_JOBS, Console
from poseda_cli.commands.job_keys import job_keys, run_of
from poseda_cli.commands.selection import RUN, Quiet, Verbose
from poseda_cli.commands.shared_sides import SharedSides, places_of
from poseda_cli.errors import OutputError, PosedaError, UsageError, listed
from poseda_cli.jobs import Job, check_inputs, read_jobs
from poseda_cli.suggestions import did_you_mean

if TYPE_CHECKING:
    from poseda_cli.finished import Wanted


def batch(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="JOBS.toml",
            readable=False,
            help="[defaults] and [[job]] tables; paths in it are seen from its folder.",
            show_default=False,
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="NAME", help="Only this job, or those like 'h36m-*'; repeatable."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Jobs at once; they share the cores.", rich_help_panel=RUN)
    ] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Check, and list what is to be done.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON on stdout as each job ends.", rich_help_panel=RUN)
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run many alignments, and only what of them is left to do.

    A job has a name, source, target, out, and options of align as keys (include_source = true). A list where one value
    is expected makes a job of each; {seed} in name and out takes the value. Jobs that are finished are skipped; where
    inputs or options have changed, the output is replaced. A failed job does not stop the others (exit code 5).

    Example: poseda batch jobs.toml --jobs 2 --only 'seed*'
    """
    from poseda_cli.storage.allocator import keep_memory
    from poseda_cli.storage.checksums import remember

    keep_memory()
    remember()
    console = Console(quiet, verbose)
    keys = job_keys()
    everything = read_jobs(file, keys)
    chosen = _chosen(file, everything, only)
    tasks = _checked(file, chosen)
    check_inputs(file, chosen, keys)
    sides = SharedSides()
    if dry_run:
        planned = [_plan(task, sides) for task in tasks]
        for task, ended in zip(tasks, planned, strict=True):
            console.result(line_of(ended) if as_json else _planned(task, ended))
    else:
        with Board(console, len(tasks), as_json) as board:
            run_tasks(_unfinished(board, tasks, sides), board, verbose, at_once=jobs)
            board.finish()
        planned = board.ended
    if any(ended.status == "failed" for ended in planned):
        raise typer.Exit(FAILED_JOBS)


def _chosen(file: Path, jobs: list[Job], only: list[str] | None) -> list[Job]:
    """The jobs whose names were asked for.

    Raises
    ------
    UsageError : none has that name
    """
    chosen: set[str] = set()
    names = [job.name for job in jobs]
    for pattern in only or names:
        found = {pattern} & set(names) or {name for name in names if fnmatchcase(name, pattern)}
        if not found:
            hint = did_you_mean(pattern, names)
            raise UsageError(f"--only {pattern}: no job of {file} has that name; it has {listed(names)}.{hint}")
        chosen |= found
    return [job for job in jobs if job.name in chosen]


def _checked(file: Path, jobs: Sequence[Job]) -> list[Task]:
    """What the jobs are, once it is known that all of them can be meant.

    Raises
    ------
    UsageError : a job has options that mean nothing, or contradict each other
    """
    tasks = []
    for job in jobs:
        run = run_of(job)
        try:
            run.check()
            tasks.append(Task(job, run, places_of(run)))
        except UsageError as error:
            raise UsageError(f"{file}: {job.where}, job {job.name}: {error}") from error
    return tasks


def _plan(task: Task, sides: SharedSides) -> Ended:
    """What is to be done about a job: it is 'skipped' if finished, 'failed' if it cannot be done, else 'pending'."""
    from poseda_cli.finished import out_of_date, summary_of

    try:
        if not os.path.lexists(task.run.out):
            task.run.check_place()
            return task.ended("pending")
        summary = summary_of(task.run.out)
        task.why = out_of_date(task.run.out, _wanted(task, sides)) or ""
        if not task.why:
            return task.ended("skipped", summary["output"]["poses"])
        if not task.run.overwrite:
            raise OutputError(f"{task.run.out}: finished, but {task.why}; overwrite = true replaces it.")
        task.run.check_place()
    except PosedaError as error:
        return task.ended("failed", error=str(error))
    return task.ended("pending")


def _wanted(task: Task, sides: SharedSides) -> Wanted:
    from poseda_cli.dataset import EVERYTHING
    from poseda_cli.finished import Wanted

    run = task.run
    source, target = (sides.find(*side) for side in zip(("source", "target"), task.places, strict=True))
    found = {side.name: side for side in (source, target)}
    chosen = {source.name: run.chosen, target.name: run.chosen_target}
    return Wanted(
        options=run.options,
        selections={name: dict(zip(EVERYTHING, selection, strict=True)) for name, selection in chosen.items()},
        layouts={source.name: run.layout, target.name: run.target_layout},
        exports=run.exports,
        name=run.name,
        compression=run.compression,
        figure=run.figure,
        names={name: sides.names(side) for name, side in found.items()},
        hashed=lambda name: sides.hashed(found[name]),
    )


def _unfinished(board: Board, tasks: Sequence[Task], sides: SharedSides) -> list[Task]:
    """The jobs that are left to do; the others are over."""
    left = []
    for task in tasks:
        board.stage(task.job.name, "checking")
        planned = _plan(task, sides)
        if planned.status == "pending":
            board.stage(task.job.name, "")
            left.append(task)
        else:
            board.end(planned)
    return left


def _planned(task: Task, ended: Ended) -> str:
    """A line of `--dry-run`."""
    if ended.status == "failed":
        return f"would fail  {ended.name}: {ended.error}"
    if ended.status == "skipped":
        return f"would skip  {ended.name}, finished in {ended.out}"
    return f"would run   {ended.name}, to {ended.out}{f' again: {task.why}' if task.why else ''}"
