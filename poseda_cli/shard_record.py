"""What is kept of a shard so that the summary of the whole run can be made of all of them.

A measure that every pose of the run has is with the shard that has the pose; what the run has once is with the first
shard.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.dataset import PoseDataset
from poseda_cli.placement import Placement
from poseda_cli.shards import Part, Piece, Shard
from poseda_cli.summary import Measures


@dataclass(frozen=True, eq=False)
class Cut:
    """How a run was cut: its source, and what a shard has of it."""

    source: PoseDataset
    part: Part
    pieces: Listed[Piece]


@dataclass(frozen=True, eq=False)
class Record:
    """What is stored of a shard.

    Parameters
    ----------
    about : of the run: its source and target as summaries have them; of the shard: which it is, what was dropped
    columns : measures by name, see `record_of`
    """

    about: dict[str, Any]
    columns: dict[str, NDArray[Any]]


def record_of(
    shard: Shard, cut: Cut, placement: Placement, measures: Measures, sides: dict[str, Any], target_invalid: int
) -> Record:
    """The record of a shard whose poses have all been through.

    Parameters
    ----------
    shard : which one
    cut : how the run was cut
    placement, measures : of the shard's rows
    sides : source and target of the run, as summaries have them
    target_invalid : target poses that are not valid

    Returns
    -------
    With n aligned poses, p source poses that the shard has as copy 0, S sequences, M valid target poses:

    boxes (n, 4), depth (n,), drawn (n,), out_of_frame (n,) : as in `Measures`
    numbers (S,) : which of the source's sequences each of the shard's is of
    source_boxes (p, 4), source_depth (p,) : as in `Measures`; empty where not known
    target_boxes (M, 4), target_depth (M,) : the same in the first shard; empty in others
    """
    rows = _first_copy(cut)
    boxes = measures.source.boxes[rows] if measures.source else measures.target[:0]
    first = slice(None) if shard.index == 1 else slice(0, 0)
    columns: dict[str, NDArray[Any]] = {
        "boxes": measures.aligned.boxes,
        "depth": measures.depth,
        "drawn": measures.drawn,
        "out_of_frame": measures.out_of_frame.view(np.uint8),
        "numbers": placement.numbers,
        "source_boxes": boxes,
        "source_depth": measures.source_depth[rows],
        "target_boxes": measures.target[first],
        "target_depth": measures.target_depth[first],
    }
    about = {
        "index": shard.index,
        "count": shard.count,
        **sides,
        "source_in_images": measures.source is not None,
        "sequences": cut.source.sequences if shard.index == 1 else [],
        "dropped": {
            "source_invalid": int((~placement.valid[rows]).sum()),
            "target_invalid": target_invalid,
            "behind_camera": placement.behind_camera,
        },
    }
    return Record(about, columns)


def _first_copy(cut: Cut) -> slice:
    """The rows of the part that the shard has as copy 0: each source pose is one of them in just one shard."""
    for copy, start, stop in cut.pieces:
        if copy == 0:
            first = cut.part.local(start)
            return slice(first, first + stop - start)
    return slice(0, 0)
