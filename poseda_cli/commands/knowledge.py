"""`poseda layouts`, `cameras`, `skeletons`: what the tool knows."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poseda_cli.commands.console import Console
from poseda_cli.errors import UsageError, listed
from poseda_cli.suggestions import did_you_mean

if TYPE_CHECKING:
    from poseda_cli.cameras import Camera

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def layouts(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One layout, in full.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the archive layouts that poseda knows, or describe one.

    Example: poseda layouts pstmo
    """
    from poseda_cli.exports import EXPORTS
    from poseda_cli.layouts import LAYOUTS, layout_module

    console = Console()
    both = {**EXPORTS, **LAYOUTS}
    names = list(dict.fromkeys((*LAYOUTS, *EXPORTS)))
    entries: list[dict[str, Any]] = [
        {"name": n, "summary": both[n], "reads": n in LAYOUTS, "writes": n in EXPORTS} for n in names
    ]
    if name is None:
        if as_json:
            console.result_json({"schema": "poseda.layouts/1", "layouts": entries})
        else:
            marks = {True: "yes", False: "-"}
            rows = [(e["name"], marks[e["reads"]], marks[e["writes"]], e["summary"]) for e in entries]
            _print_table(("layout", "read", "written", "what it is"), rows)
        return
    if name not in both:
        layout_module(name)  # says which there are
    text = _description(name)
    if as_json:
        entry = {**next(e for e in entries if e["name"] == name), "description": text}
        console.result_json({"schema": "poseda.layouts/1", "layouts": [entry]})
    else:
        console.result(text)


def _description(name: str) -> str:
    from poseda_cli.exports import EXPORTS, export_module
    from poseda_cli.layouts import LAYOUTS, layout_module

    parts = [_docstring(layout_module(name))] if name in LAYOUTS else []
    if name in EXPORTS:
        parts.append(f"Written with --to {name}:\n{_docstring(export_module(name))}")
    return "\n\n".join(parts)


def _docstring(module: ModuleType) -> str:
    """What a module says of itself, in its source where Python has left it out (-OO)."""
    if module.__doc__:
        return inspect.cleandoc(module.__doc__)
    import ast

    return ast.get_docstring(ast.parse(inspect.getsource(module))) or ""


def cameras(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A subject (S9), camera (54138969) or test sequence (TS5).", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the published cameras of both data sets.

    Example: poseda cameras S9 --json
    """
    rows = _camera_rows()
    if name is not None:
        rows = [row for row in rows if name in (row["subject"], row["name"])]
        if not rows:
            known = dict.fromkeys(key for row in _camera_rows() for key in (row["subject"], row["name"]) if key)
            near = did_you_mean(name, known)
            raise UsageError(f"No camera or subject {name}; there are {listed(known, most=40)}.{near}")
    if as_json:
        Console().result_json({"schema": "poseda.cameras/1", "cameras": rows})
        return
    head = ("data set", "subject", "camera", "width", "height", "fx", "fy", "cx", "cy", "centre (m)")
    _print_table(head, [_camera_cells(row) for row in rows])


def skeletons(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One joint set.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """List the joint sets that poseda knows, or the joints of one.

    Example: poseda skeletons 3dhp17
    """
    from poseda_cli.skeleton import SKELETONS

    if name is not None and name not in SKELETONS:
        raise UsageError(f"No skeleton {name}; poseda knows {listed(SKELETONS)}.{did_you_mean(name, SKELETONS)}")
    chosen = [SKELETONS[name]] if name else list(SKELETONS.values())
    if as_json:
        skeletons = [asdict(skeleton) for skeleton in chosen]
        Console().result_json({"schema": "poseda.skeletons/1", "skeletons": skeletons})
    elif name is None:
        _print_table(("skeleton", "joints", "root"), [(s.name, str(len(s)), str(s.root)) for s in chosen])
    else:
        skeleton = chosen[0]
        rows = [
            (str(i), joint, str(skeleton.parents[i]), skeleton.meanings[i] or "")
            for i, joint in enumerate(skeleton.joints)
        ]
        _print_table(("index", "joint", "parent", "joint of h36m17"), rows)


def _camera_rows() -> list[dict[str, Any]]:
    from poseda_cli.published import (
        h36m_cameras,
        h36m_subjects,
        mpi_inf_3dhp_test_cameras,
        mpi_inf_3dhp_train_cameras,
    )

    h36m = [_camera_row("h36m", subject, c) for subject in h36m_subjects() for c in h36m_cameras(subject)]
    train = [_camera_row("mpi_inf_3dhp", None, camera) for camera in mpi_inf_3dhp_train_cameras().values()]
    test = [_camera_row("mpi_inf_3dhp", name, camera) for name, camera in mpi_inf_3dhp_test_cameras().items()]
    return [*h36m, *train, *test]


def _camera_row(dataset: str, subject: str | None, camera: Camera) -> dict[str, Any]:
    return {"dataset": dataset, "subject": subject, **asdict(camera)}


def _camera_cells(row: dict[str, Any]) -> tuple[str, ...]:
    lens = row["intrinsics"]
    numbers = [str(lens[key]) for key in ("width", "height")] + [f"{lens[key]:.2f}" for key in ("fx", "fy", "cx", "cy")]
    centre = "unknown" if row["centre"] is None else " ".join(f"{value:.2f}" for value in row["centre"])
    return row["dataset"], row["subject"] or "", row["name"], *numbers, centre


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on stdout: columns padded with spaces, so that `awk` and `grep` can use it."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        Console().result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
