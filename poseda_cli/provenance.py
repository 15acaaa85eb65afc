"""Where poses came from, as outputs record it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poseda_cli.dataset import PoseHeads
from poseda_cli.errors import listed


def inputs_of(dataset: PoseHeads) -> list[dict[str, Any]]:
    """The files that were read: name, size, sha256."""
    return [file._asdict() for file in dataset.origin.files]


def selection_text(selection: Mapping[str, Any]) -> str:
    """What was chosen of a data set, 'subjects S1, S5; stride 2'; empty for all of it."""
    names = [
        f"{kind} {listed(selection[kind], most=4)}" for kind in ("subjects", "actions", "cameras") if selection[kind]
    ]
    return "; ".join([*names, *([f"stride {selection['stride']}"] if selection["stride"] > 1 else [])])


def side_of(dataset: PoseHeads) -> dict[str, Any]:
    """The `source` or `target` of summary.json."""
    origin = dataset.origin
    return {
        "paths": [file.name for file in origin.files],
        "layout": origin.layout,
        "dataset": origin.dataset,
        "poses": len(dataset),
        "sequences": len(dataset.sequences),
        "subjects": list(dataset.subjects),
        "cameras": list(dataset.camera_names),
        "sha256": [file.sha256 for file in origin.files],
        "notes": list(origin.notes),
        "problems": [problem._asdict() for problem in origin.problems],
    }
