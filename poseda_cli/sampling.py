"""Some poses of many, spread over all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from poseda_cli.dataset import COLUMNS, PoseDataset, PoseHeads, Span
from poseda_cli.random_streams import Stream, uniform


def sample(source: PoseHeads, count: int, seed: int = 0) -> PoseDataset:
    """Poses at even distances in time, in memory; no others are kept, and of a long file few others are read.

    Parameters
    ----------
    source : any
    count : how many, at least 1; all if there are no more. Where sequences are short it may be a few less
    seed : at which frame each sequence begins

    Returns
    -------
    The same sequences, in their order, without those of which no pose was taken
    """
    stride = max(1, len(source) // count)
    begins = (uniform(Stream.SAMPLE, 0, len(source.sequences), seed) * stride).astype(int).tolist()
    spans = [
        Span(number, begin, sequence.length, stride)
        for number, (sequence, begin) in enumerate(zip(source.sequences, begins, strict=True))
        if begin < sequence.length
    ]
    taken = source.take(spans)
    return _thinned(taken.load(0, len(taken)), count)


def _thinned(dataset: PoseDataset, count: int) -> PoseDataset:
    """At most so many poses, evenly."""
    if len(dataset) <= count:
        return dataset
    rows = np.arange(count) * len(dataset) // count
    bounds = np.searchsorted(rows, [0, *(sequence.start + sequence.length for sequence in dataset.sequences)])
    sequences = [
        sequence._replace(start=start, length=stop - start)
        for sequence, start, stop in zip(dataset.sequences, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        if stop > start
    ]
    columns: dict[str, Any] = {name: getattr(dataset, name) for name in COLUMNS}
    thinned: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
    return replace(dataset, sequences=tuple(sequences), **thinned)
