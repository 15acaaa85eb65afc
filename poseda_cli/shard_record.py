"""What is kept of a shard so that the summary of the whole run can be made of all of them.

A measure that every pose of the run has is with the shard that has the pose; what the run has once is with the first
shard.
"""

from __future__ import annotations

from collections.abc import Sequence as Listed
from dataclasses import dataclass
from typing import Any

from poseda_cli.dataset import PoseHeads
from poseda_cli.dropped import Dropped
from poseda_cli.placement import Placement
from poseda_cli.shards import Part, Piece, Shard
from poseda_cli.summary import Measures
from poseda_cli.tables import RowsOf, Table


@dataclass(frozen=True, eq=False)
class Cut:
    """How a run was cut: its source, and what a shard has of it."""

    source: PoseHeads
    part: Part
    pieces: Listed[Piece]


@dataclass(frozen=True, eq=False)
class Record:
    """What is stored of a shard.

    Parameters
    ----------
    about : of the run: its source and target as summaries have them; of the shard: which it is, what was dropped
    tables : measures by name, see `record_of`
    """

    about: dict[str, Any]
    tables: dict[str, Table]


def record_of(
    shard: Shard, cut: Cut, placement: Placement, measures: Measures, sides: dict[str, Any], dropped: Dropped
) -> Record:
    """The record of a shard whose poses have all been through.

    Parameters
    ----------
    shard : which one
    cut : how the run was cut
    placement, measures : of the shard's rows
    sides : source and target of the run, as summaries have them
    dropped : what of the run's poses was; of the source's those that the shard has as copy 0

    Returns
    -------
    With n aligned poses, p source poses that the shard has as copy 0, S sequences, M valid target poses:

    aligned (n, 6), source (p, 5) : as in `Measures`
    numbers (S,) : which of the source's sequences each of the shard's is of
    target (M, 5) : as in `Measures` in the first shard; empty in others
    """
    first = shard.index == 1
    rows = _first_copy(cut)
    tables: dict[str, Table] = {
        "aligned": measures.aligned.measures,
        "numbers": placement.numbers,
        "source": RowsOf(placement.source, rows.start, rows.stop),
        "target": measures.target if first else measures.target[:0],
    }
    about = {
        "index": shard.index,
        "count": shard.count,
        **sides,
        "in_images": measures.in_images,
        "fit": measures.fit,
        "sequences": cut.source.sequences if first else [],
        **dropped.entries,
    }
    return Record(about, tables)


def _first_copy(cut: Cut) -> range:
    """The rows of the part that the shard has as copy 0; each source pose is one of them in just one shard."""
    for piece in cut.pieces:
        if piece.copy == 0:
            first = cut.part.local(piece.start)
            return range(first, first + piece.length)
    return range(0)
