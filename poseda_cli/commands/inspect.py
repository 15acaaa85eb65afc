"""`poseda inspect`: what is in an archive, and is it sane."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poseda_cli.commands.console import INPUT, Console
from poseda_cli.commands.selection import max_size_option
from poseda_cli.errors import ArchiveError, UsageError, listed

if TYPE_CHECKING:
    from poseda_cli.dataset import PoseDataset, Problem
    from poseda_cli.layouts.survey import Surveyed
    from poseda_cli.pose_picture import PosePicture
    from poseda_cli.progress import Progress
    from poseda_cli.storage.limits import Limits

WORST_FIRST = ("error", "warning", "note")

# Data sets described on many lines each; of the others a line, unless --verbose.
MOST_IN_FULL = 20
# Figures drawn: half a second and a file each.
MOST_FIGURES = 20


def inspect(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH", readable=False, help="Archives, folders or zips.", show_default=False),
    ],
    layout: Annotated[
        str | None, typer.Option(metavar="NAME", help="Their layout; else recognised by content.")
    ] = None,
    max_size: Annotated[str | None, max_size_option()] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also draw a few poses with the names of their joints: PNG, SVG or PDF by suffix (extra `plot`). Of "
            "several data sets FILE, FILE-2 and so on.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the FILE of --plot.")] = False,
    headers: Annotated[
        bool,
        typer.Option(
            "--headers", help="Only what headers tell of each file: layout, size, shapes. No pose is read or checked."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="A list on stdout, one object a data set (--headers: a file).")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Name every action, joint and file, with checksums.")
    ] = False,
) -> None:
    """Say what is in an archive, and whether it is sane: units, joints, cameras, bones, reprojection.

    Example: poseda inspect data_3d_h36m.npz mpi_inf_3dhp_test_set
    """
    from poseda_cli.commands.description import describe
    from poseda_cli.commands.memory import check_reading
    from poseda_cli.layouts import layout_module
    from poseda_cli.layouts.survey import survey
    from poseda_cli.storage.limits import Limits

    console = Console(quiet, verbose)
    limits = Limits.of(max_size)
    if layout is not None:
        layout_module(layout)
    if headers:
        if plot is not None:
            raise UsageError("--plot draws poses, and --headers reads none: leave one of them out.")
        _print_headers(paths, layout, limits, as_json, console)
        return
    figures = None if plot is None else _Figures(plot, overwrite, paths)
    entries: list[dict[str, Any]] = []
    for found in survey(paths, layout, console.progress, lambda groups: check_reading(console, [groups]), limits):
        drawn = {} if figures is None else {"figure": figures.add(found)}
        entry = _entry(found, console.progress) | drawn
        del found  # its memory, before the next one is read
        if not as_json:
            in_full = verbose or len(entries) < MOST_IN_FULL
            console.result(("\n" if entries else "") + describe(entry, verbose) if in_full else _in_short(entry))
        entries.append(entry)
        if figures is None and not console.listening:
            break
    if figures is not None:
        figures.write(console)
    if as_json:
        console.result_json(entries)
    wrong = sum(any(problem["severity"] == "error" for problem in entry["problems"]) for entry in entries)
    _conclude(wrong, len(entries), console)


def _print_headers(paths: Sequence[Path], layout: str | None, limits: Limits, as_json: bool, console: Console) -> None:
    from poseda_cli.commands.description import describe_headers
    from poseda_cli.commands.headers import survey_headers

    entries, left_out = survey_headers(paths, layout, limits)
    if as_json:
        console.result_json(entries)
    else:
        console.result("\n\n".join(describe_headers(entry, console.verbose) for entry in entries))
    if left_out:
        console.say(f"left out, as no archive of poses: {listed(left_out, most=999 if console.verbose else 5)}")
    _conclude(sum(entry["layout"] is None for entry in entries), len(entries), console)


def _conclude(wrong: int, count: int, console: Console) -> None:
    """Leave with the exit code of wrong input if anything is."""
    if wrong:
        console.say(f"{wrong} of {count} cannot be used as {'it is' if wrong == 1 else 'they are'}")
        raise typer.Exit(INPUT)


class _Figures:
    """The figures of --plot: collected while data sets are read, written when each is known to have its place.

    Parameters
    ----------
    file : of the first data set that has a figure
    overwrite : whether files may be replaced
    inputs : what is read

    Raises
    ------
    UsageError, OutputError : a figure cannot be made, or not there
    """

    def __init__(self, file: Path, overwrite: bool, inputs: Sequence[Path]) -> None:
        from poseda_cli.figures.canvas import check_plot
        from poseda_cli.storage.folder import check_free_file

        check_plot(file)
        check_free_file(file, overwrite, inputs)
        self._file, self._overwrite, self._inputs = file, overwrite, inputs
        self._pictures: dict[Path, PosePicture] = {}
        self._without: dict[str, list[str]] = {}

    def add(self, found: Surveyed) -> str | None:
        """Take what is to be drawn of a data set; where that will be, or None if it has no figure."""
        from poseda_cli.pose_picture import picture_of_poses
        from poseda_cli.storage.files import printable
        from poseda_cli.storage.folder import check_free_file

        number = len(self._pictures) + 1
        picture = None if found.dataset is None or number > MOST_FIGURES else picture_of_poses(found.dataset)
        if picture is None or not picture.poses:
            self._without.setdefault(_why_not(found.dataset, picture), []).append(found.paths[0])
            return None
        file = self._file if number == 1 else self._file.with_stem(f"{self._file.stem}-{number}")
        check_free_file(file, self._overwrite, self._inputs)
        self._pictures[file] = picture
        return printable(str(file))

    def write(self, console: Console) -> None:
        """Draw them, and say so; say of which data sets there is none."""
        from poseda_cli.figures.poses import plot_poses
        from poseda_cli.storage.folder import new_file

        for file, picture in self._pictures.items():
            with new_file(file, self._overwrite, self._inputs) as temporary:
                plot_poses(picture, temporary)
            console.say(f"figure: {file}")
        for reason, paths in self._without.items():
            console.say(f"no figure of {listed(paths)}: {reason}")


def _why_not(dataset: PoseDataset | None, picture: PosePicture | None) -> str:
    """Why a data set has no figure."""
    if dataset is None:
        return "cannot be read"
    return f"--plot draws {MOST_FIGURES} at most" if picture is None else "no pose has an extent"


def _in_short(entry: dict[str, Any]) -> str:
    """One line, for one of very many data sets."""
    codes = ", ".join(dict.fromkeys(problem["code"] for problem in entry["problems"])) or "no problem"
    return f"{entry['path']}: {entry['layout'] or 'unknown layout'}, {entry['poses'] or 0:,} poses, {codes}"


def _entry(found: Surveyed, progress: Progress) -> dict[str, Any]:
    """One object of `--json`."""
    where = {"path": found.paths[0], "paths": list(found.paths), "layout": found.layout}
    if found.dataset is not None:
        return {**where, **_of_dataset(found.dataset, progress)}
    return {**where, **_of_failure(found)}


def _of_dataset(dataset: PoseDataset, progress: Progress) -> dict[str, Any]:
    from poseda_cli.inspection import inspect as examine

    inspection, origin, stored = examine(dataset, progress), dataset.origin, dataset.origin.stored
    return {
        "dataset": origin.dataset,
        "has_3d": dataset.poses_3d is not None,
        "has_2d": dataset.poses_2d is not None,
        "subjects": list(dataset.subjects),
        "actions": list(dataset.actions),
        "cameras": list(dataset.camera_names),
        "sequences": len(dataset.sequences),
        "poses": len(dataset),
        "joints": len(stored.skeleton) if stored else None,
        "joint_names": list(stored.skeleton.joints) if stored else [],
        "skeleton": stored.skeleton.name if stored else None,
        "read_as": dataset.skeleton.name,
        "units": stored.units if stored else None,
        "frame": stored.frame if stored else None,
        "screen": stored.screen if stored else None,
        "invalid_poses": inspection.invalid_poses,
        "invalid_examples": list(inspection.invalid_examples),
        "figures": inspection.figures,
        "notes": list(origin.notes),
        "problems": _problems(inspection.problems),
        "files": [file._asdict() for file in origin.files],
    }


def _of_failure(found: Surveyed) -> dict[str, Any]:
    """The keys of a data set as far as they are known, and the members of what could be opened."""
    from poseda_cli.commands.headers import members_of
    from poseda_cli.dataset import Problem
    from poseda_cli.layouts import layout_module

    unknown = ("has_3d", "has_2d", "sequences", "poses", "joints", "skeleton", "read_as", "units", "frame", "screen")
    code = found.error.code if isinstance(found.error, ArchiveError) else "inconsistent"
    return {
        "dataset": layout_module(found.layout).ORIGIN.dataset if found.layout else None,
        **dict.fromkeys(unknown),
        **{key: [] for key in ("subjects", "actions", "cameras", "joint_names", "notes", "files")},
        "invalid_poses": None,
        "invalid_examples": [],
        "figures": {},
        "problems": _problems([Problem(code, "error", str(found.error))]),
        "members": {archive.name: members_of(archive) for archive in found.archives},
    }


def _problems(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [problem._asdict() for problem in sorted(problems, key=lambda p: WORST_FIRST.index(p.severity))]
