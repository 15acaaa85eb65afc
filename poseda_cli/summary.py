"""What an alignment did: the distributions of its three sides, group by group, and how well poses met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli import dataset
from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats
from poseda_cli.distributions import QUANTITIES, ROUNDING, describe, distances, histograms, sample_of, value_of

SCHEMA = "poseda.summary/1"
# What `groups` are made by, and the name of a sequence's group.
GROUPS: dict[str, Callable[[dataset.Sequence], str]] = {
    "subject": lambda sequence: sequence.subject,
    "action": lambda sequence: dataset.base_action(sequence.action),
    "camera": lambda sequence: sequence.camera,
}
# A sequence stands out whose median of one of these lies this many deviations from that of all. The shape of
# the box is no matter of place and size: arms stretched out are no outlier.
WATCHED = ("scale", "root_x", "root_y")
FAR = 4.0
MOST_OUTLIERS = 20
# Of more names of one kind those with most poses have a group: a file may call every frame a camera of its own.
MOST_GROUPS = 200
# Of a normal distribution: quartile distance by deviation.
QUARTILES = 1.349

Rows = list[slice]


class Side(NamedTuple):
    """Boxes, (N, 4) screen-normalised, row by row; NaN where there is none. And what the rows are of."""

    boxes: Floats
    sequences: tuple[dataset.Sequence, ...]


class Heads(NamedTuple):
    """The keys of summary.json that nothing is measured for: what ran on what, and what came of it."""

    version: str
    seed: int
    options: dict[str, Any]
    source: dict[str, Any]
    target: dict[str, Any]
    output: dict[str, Any]


class Measures(NamedTuple):
    """What the numbers of a summary are of; P source poses, M valid target poses, N aligned poses.

    source : its boxes, NaN for a pose that is not valid; None where its 2D is not known
    source_depth : (P,) metres, of the roots; NaN for a pose that is not valid; empty where not known
    target : (M, 4) boxes
    target_depth : (M,) or empty
    aligned : the boxes of the aligned poses
    depth : (N,) metres, of the roots
    drawn : (N,) row of the target that each pose was drawn to
    out_of_frame : (N,) whether some joint lies outside the image
    """

    source: Side | None
    source_depth: Floats
    target: Floats
    target_depth: Floats
    aligned: Side
    depth: Floats
    drawn: NDArray[np.int64]
    out_of_frame: NDArray[np.bool_]


class Distributions(NamedTuple):
    """The keys of summary.json that speak of distributions."""

    distributions: dict[str, Any]
    groups: dict[str, dict[str, Any]]
    outliers: list[dict[str, Any]]


def summarize(heads: Heads, measures: Measures, jobs: int | None = None) -> dict[str, Any]:
    """What summary.json holds, its keys in order.

    Parameters
    ----------
    heads : what was not measured
    measures : of all poses
    jobs : threads; without influence on the result
    """
    found = distributions(measures.source, measures.target, measures.aligned, jobs)
    depths = {"source": measures.source_depth, "target": measures.target_depth, "aligned": measures.depth}
    depth = {side: describe(sample_of(values.copy())) for side, values in depths.items()}
    return {
        "schema": SCHEMA,
        **heads._asdict(),
        "distributions": {**found.distributions, "depth": depth},
        "groups": found.groups,
        "outliers": found.outliers,
        "fit": fit(measures.aligned.boxes, measures.target, measures.drawn, measures.out_of_frame, jobs),
    }


def distributions(source: Side | None, target: Floats, output: Side, jobs: int | None = None) -> Distributions:
    """Distributions of place and size, and their distances to the target, of all poses and by group.

    Parameters
    ----------
    source, output : their boxes, the output's aligned rows; source None where it has no 2D
    target : (M, 4) its boxes
    jobs : threads; without influence on the result

    Returns
    -------
    distributions : quantity -> source, target, aligned: mean, std, quantiles; wasserstein, ks: before
    (source to target) and after (aligned to target); histogram: counts for drawing
    groups : subject, action, camera -> name -> poses, and quantity -> the same without the target's own; of
    more than `MOST_GROUPS` names those with most poses
    outliers : sequences of the source whose median scale or place lies more than `FAR` deviations (by the
    quartiles) from that of all poses, each with the quantity that is farthest, farthest first
    """
    wanted = {name: sample_of(value_of(target, name)) for name in QUANTITIES}
    before = source or Side(target[:0], ())
    whole: dict[str, Any] = dict.fromkeys(QUANTITIES)
    groups: dict[str, dict[str, Any]] = {}
    tasks: list[tuple[dict[str, Any], str, tuple[Rows, Rows]]] = []
    everything = [slice(0, None)]
    tasks += [(whole, name, (everything, everything)) for name in QUANTITIES]
    for kind, group, rows, count in _grouped(before.sequences, output.sequences):
        entry: dict[str, Any] = {"poses": count, **dict.fromkeys(QUANTITIES)}
        groups.setdefault(kind, {})[group] = entry
        tasks += [(entry, name, rows) for name in QUANTITIES]

    def work(start: int, stop: int) -> None:
        for entry, name, rows in tasks[start:stop]:
            samples = [_sample(side.boxes, part, name) for side, part in zip((before, output), rows, strict=True)]
            entry[name] = _compared(samples[0], samples[1], wanted[name], with_target=entry is whole)

    for_blocks(work, len(tasks), jobs, block=1)
    return Distributions(whole, groups, _outliers(source, whole) if source else [])


def _sample(boxes: Floats, rows: Rows, quantity: str) -> Floats:
    values = [value_of(boxes[part], quantity) for part in rows]
    return sample_of(values[0] if len(values) == 1 else np.concatenate([boxes[:0, 0], *values]))


def _compared(source: Floats, aligned: Floats, target: Floats, with_target: bool) -> dict[str, Any]:
    """One quantity, all three samples ascending."""
    w_before, ks_before = distances(source, target, ROUNDING)
    w_after, ks_after = distances(aligned, target, ROUNDING)
    sides = {"source": source, **({"target": target} if with_target else {}), "aligned": aligned}
    return {
        **{side: describe(sample) for side, sample in sides.items()},
        "wasserstein": {"before": w_before, "after": w_after},
        "ks": {"before": ks_before, "after": ks_after},
        **({"histogram": histograms(sides)} if with_target else {}),
    }


def _grouped(
    source: Sequence[dataset.Sequence], aligned: Sequence[dataset.Sequence]
) -> Iterator[tuple[str, str, tuple[Rows, Rows], int]]:
    """Each kind and name of a group, its rows in source and output, and how many the latter are."""
    for kind, name_of in GROUPS.items():
        rows: dict[str, tuple[Rows, Rows]] = {}
        for number, sequences in enumerate((source, aligned)):
            for sequence in sequences:
                pieces = rows.setdefault(name_of(sequence), ([], []))[number]
                # Of sequences that follow each other one piece: no copy is needed to have it.
                start = pieces.pop().start if pieces and pieces[-1].stop == sequence.start else sequence.start
                pieces.append(slice(start, sequence.start + sequence.length))
        counts = {name: sum(part.stop - part.start for part in found[1]) for name, found in rows.items()}
        largest = set(sorted(counts, key=counts.__getitem__, reverse=True)[:MOST_GROUPS])
        for name, found in rows.items():
            if name in largest:
                yield kind, name, found, counts[name]


def _outliers(side: Side, whole: dict[str, Any]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    far = chain(*(_far_sequences(side, name, whole[name]["source"]) for name in WATCHED))
    for start, entry in sorted(far, key=lambda pair: -pair[1]["deviations"]):
        found.setdefault(start, entry)
    return list(found.values())[:MOST_OUTLIERS]


def _far_sequences(side: Side, quantity: str, of_all: dict[str, float]) -> Iterator[tuple[int, dict[str, Any]]]:
    """First row and entry of each sequence that stands out."""
    if not of_all:
        return
    deviation = (of_all["p75"] - of_all["p25"]) / QUARTILES or of_all["std"] or np.inf
    for sequence in side.sequences:
        values = value_of(side.boxes[sequence.start : sequence.start + sequence.length], quantity)
        values = values[np.isfinite(values)]
        median = float(np.median(values)) if len(values) else of_all["p50"]
        off = abs(median - of_all["p50"]) / deviation
        if off > FAR:
            where = {key: getattr(sequence, key) for key in GROUPS}
            yield sequence.start, {**where, "quantity": quantity, "median": median, "deviations": off}


def fit(
    aligned: Floats,
    target: Floats,
    drawn: NDArray[np.int64],
    out_of_frame: NDArray[np.bool_],
    jobs: int | None = None,
) -> dict[str, Any]:
    """How well aligned poses meet the target poses that they were drawn to.

    Parameters
    ----------
    aligned : (N, 4) boxes
    target : (M, 4) boxes
    drawn : (N,) row of the target that each pose was drawn to
    out_of_frame : (N,) whether some joint lies outside the image
    jobs : threads

    Returns
    -------
    scale_relative_error : p50, p95, max of |scale / target scale - 1|; root_error_max : largest
    distance of the roots; out_of_frame : fraction of poses. Empty where no pose is aligned
    """
    if not len(aligned):
        return {}
    error, off = np.empty(len(aligned), np.float32), np.empty(len(aligned), np.float32)

    def work(start: int, stop: int) -> None:
        found = aligned[start:stop].T.astype(np.float64)
        wanted = target[drawn[start:stop]].T.astype(np.float64)
        error[start:stop] = np.abs((found[0] + found[1]) / (wanted[0] + wanted[1]) - 1)
        off[start:stop] = np.hypot(found[2] - wanted[2], found[3] - wanted[3])

    for_blocks(work, len(aligned), jobs, 8 * BLOCK)
    p50, p95, largest = np.quantile(error, [0.5, 0.95, 1.0])
    return {
        "scale_relative_error": {"p50": float(p50), "p95": float(p95), "max": float(largest)},
        "root_error_max": float(off.max()),
        "out_of_frame": float(out_of_frame.mean()),
    }
