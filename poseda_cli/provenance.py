"""Where poses came from, as outputs record it."""

from __future__ import annotations

from typing import Any

from poseda_cli.dataset import PoseDataset


def inputs_of(dataset: PoseDataset) -> list[dict[str, Any]]:
    """The files that were read: name, size, sha256."""
    return [file._asdict() for file in dataset.origin.files]


def side_of(dataset: PoseDataset) -> dict[str, Any]:
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
