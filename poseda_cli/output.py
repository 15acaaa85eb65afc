"""Aligned poses to an output folder: data files and summary, whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from poseda_cli.dataset import ChunkSource
from poseda_cli.errors import UsageError
from poseda_cli.layouts import layout_module
from poseda_cli.pipeline import AlignedDataset
from poseda_cli.progress import Progress, silent
from poseda_cli.storage.folder import new_folder
from poseda_cli.summary import SCHEMA

SUMMARY = "summary.json"


class Summarised(ChunkSource, Protocol):
    """Something to write that can sum itself up afterwards."""

    def summary(self, files: Any = ()) -> dict[str, Any]:
        """What summary.json holds."""


def write_alignment(
    source: Summarised,
    folder: Path,
    *,
    overwrite: bool = False,
    inputs: Iterable[Path] = (),
    progress: Progress = silent,
) -> tuple[list[Path], dict[str, Any]]:
    """Write an alignment, chunk by chunk, into a folder that appears when all is done.

    Parameters
    ----------
    source : the alignment
    folder : where to
    overwrite : replace a folder that poseda wrote
    inputs : files being read, which the output may not contain
    progress : told how far it is

    Returns
    -------
    The data files written, and the summary.

    Raises
    ------
    OutputError : the place is taken, or the disk refuses; nothing is left behind
    """
    with new_folder(folder, overwrite, is_output, inputs) as temporary:
        files = layout_module("poseda").write(source, temporary, progress)
        summary = source.summary(files)
        write_summary(summary, temporary)
    return [folder / name for name in files], summary


def write(
    dataset: AlignedDataset, out: str | os.PathLike[str], layout: str = "poseda", overwrite: bool = False
) -> None:
    """Write an aligned data set as an output folder.

    Parameters
    ----------
    dataset : what `align` returned
    out : the folder
    layout : of the data files; 'poseda' so far
    overwrite : replace a folder that poseda wrote

    Raises
    ------
    OutputError : the place is taken, or the disk refuses; nothing is left behind
    UsageError : no such layout, or a data set that `align` did not return
    """
    if not isinstance(dataset, AlignedDataset):
        raise UsageError("write takes what align returned; other data sets cannot be written so far.")
    with new_folder(Path(out), overwrite, is_output) as temporary:
        files = layout_module(layout).write(dataset, temporary)
        write_summary({**dataset.summary, "output": {**dataset.summary["output"], "files": files}}, temporary)


def is_output(folder: Path) -> bool:
    """Whether a folder is an output of `poseda align` and holds nothing else: --overwrite may replace it."""
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        files = {SUMMARY, *summary["output"]["files"]} if summary["schema"] == SCHEMA else set()
        return files == {entry.name for entry in folder.iterdir()}
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_summary(summary: dict[str, Any], folder: Path) -> None:
    """Write summary.json: UTF-8, indented, keys in the order of the interface."""
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")
