"""Whether an output that is there is what an alignment would write again: by its summary, without reading poses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from poseda_cli._version import VERSION
from poseda_cli.dataset import InputFile
from poseda_cli.errors import OutputError, listed, shortened
from poseda_cli.options import AlignOptions
from poseda_cli.output import SUMMARY, exports_entry, is_output
from poseda_cli.summary import SCHEMA

SIDES = ("source", "target")


class Wanted(NamedTuple):
    """What an output should be of.

    Parameters
    ----------
    options, selections : of the run; by side what is selected, as `Origin.selection` has it
    layouts : by side the layout that was demanded, None if it is to be recognised
    exports, name, compression, figure : how it is written, see `output.write_output`
    names : by side, what the input files are called
    hashed : their checksums, asked for once all else agrees
    """

    options: AlignOptions
    selections: Mapping[str, Mapping[str, Any]]
    layouts: Mapping[str, str | None]
    exports: Sequence[str]
    name: str
    compression: str
    figure: str | None
    names: Mapping[str, Sequence[str]]
    hashed: Callable[[str], Sequence[InputFile]]


def out_of_date(folder: Path, wanted: Wanted) -> str | None:
    """None if an output is what is wanted, else what differs.

    Raises
    ------
    OutputError : what is there is no output of an alignment
    """
    found = summary_of(folder)
    return next(chain(_of_files(folder, found["output"]), _differences(found, wanted)), None)


def summary_of(folder: Path) -> dict[str, Any]:
    """The summary of an output of an alignment that is there, whole.

    Raises
    ------
    OutputError : what is there is something else
    """
    found = None
    if is_output(folder) and not folder.is_symlink():
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    if found is None or found["schema"] != SCHEMA:
        raise OutputError(
            f"{folder}: exists and is no output of poseda align, or holds other files; it is never replaced. Choose "
            "another place."
        )
    return found


def _of_files(folder: Path, output: Mapping[str, Any]) -> Iterator[str]:
    for name, size in output.get("sizes", {}).items():
        now = (folder / name).stat().st_size
        if now != size:
            yield f"{name} had {size:,} bytes, now {now:,}"


def _differences(found: Mapping[str, Any], wanted: Wanted) -> Iterator[str]:
    if found.get("version") != VERSION:
        yield f"poseda {shortened(str(found.get('version')), 20)} wrote it, this is {VERSION}"
    if found.get("seed") != wanted.options.seed:
        yield f"seed {found.get('seed')}, now {wanted.options.seed}"
    selected = {
        **wanted.selections["source"],
        **{f"target_{key}": value for key, value in wanted.selections["target"].items()},
    }
    yield from _of_options(found.get("options"), _as_json({**selected, **wanted.options.recorded}))
    output, entry = found["output"], exports_entry(wanted.exports, wanted.name)
    if any(output.get(key) != entry.get(key) for key in ("exports", "name")):
        yield f"other data files than those of {listed(wanted.exports)}"
    if output.get("compression", "none") != wanted.compression:
        yield f"compression {output.get('compression', 'none')}, now {wanted.compression}"
    if output.get("figures", []) != ([wanted.figure] if wanted.figure else []):
        yield "another figure"
    for side in SIDES:
        yield from _of_side(side, found.get(side), wanted)


def _of_options(found: Any, now: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(found, dict):
        yield "other options"
        return
    for key in {**found, **now}:
        if found.get(key) != now.get(key):
            yield f"{key.replace('_', '-')} {_said(found.get(key))}, now {_said(now.get(key))}"


def _of_side(side: str, found: Any, wanted: Wanted) -> Iterator[str]:
    names = list(wanted.names[side])
    if not isinstance(found, dict) or found.get("paths") != names:
        yield f"other files as {side}"
        return
    layout = wanted.layouts[side]
    if layout is not None and found.get("layout") != layout:
        yield f"layout of the {side} {found.get('layout')}, now {layout}"
    sums = found.get("sha256")
    hashed = wanted.hashed(side)
    if sums != [file.sha256 for file in hashed]:
        recorded = sums if isinstance(sums, list) and len(sums) == len(hashed) else [None] * len(hashed)
        changed = [file.name for file, was in zip(hashed, recorded, strict=True) if file.sha256 != was]
        yield f"{listed(changed, most=2)} has changed"


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _said(value: Any) -> str:
    return shortened(listed(value, most=4) if isinstance(value, list) else str(value).lower(), 60)
