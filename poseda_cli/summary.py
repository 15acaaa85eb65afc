"""What an alignment did: the distributions of its three sides, group by group, and how well poses met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from poseda_cli import dataset
from poseda_cli.blocks import BLOCK, for_blocks
from poseda_cli.cameras import Floats
from poseda_cli.distributions import QUANTITIES, ROUNDING, describe, distances, histograms, sample_of, value_of
from poseda_cli.measurement import DEPTH, ERROR, TILT, YAW
from poseda_cli.progress import Progress, silent
from poseda_cli.tables import Table

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

# Exact up to here; of more poses every second, third, ... one is looked at, so that memory does not grow with them.
MOST_POSES = 10_000_000

# Of poses with a view of their own what is described besides, by its column; see `viewpoint.views_of`.
VIEWS = {"yaw": YAW, "tilt": TILT}

Rows = list[slice]
# First row and entry of a sequence that stands out.
Far = tuple[int, dict[str, Any]]


class Side(NamedTuple):
    """What was measured of poses, row by row, and what the rows are of.

    measures : (N, 4 or more) width, height, root x, root y of the boxes, screen-normalised, and what `Measures` says;
    NaN where there is none
    """

    measures: Table
    sequences: tuple[dataset.Sequence, ...]


class Heads(NamedTuple):
    """The keys of summary.json that nothing is measured for: what ran on what, and what came of it."""

    version: str
    seed: int
    options: dict[str, Any]
    source: dict[str, Any]
    target: dict[str, Any]
    output: dict[str, Any]


class Fit(NamedTuple):
    """How well poses meet their targets: what can be added up.

    scale_error, root_error : the largest relative error of a box's scale, the largest distance of roots
    out_of_frame : poses of which some joint lies outside the image
    """

    scale_error: float = 0.0
    root_error: float = 0.0
    out_of_frame: int = 0

    def and_of(self, other: Fit) -> Fit:
        """Of these and other poses."""
        worst = max(self.scale_error, other.scale_error), max(self.root_error, other.root_error)
        return Fit(*worst, self.out_of_frame + other.out_of_frame)


class Measures(NamedTuple):
    """What the numbers of a summary are of; P source poses, M valid target poses, N aligned poses.

    source : (P, 5), the fifth the depth of the root in metres; NaN for a pose that is not valid, or where not known
    in_images : whether it is known where source poses were in their images
    target : (M, 5), as those of the source
    aligned : (N, 6), the sixth how far the scale is off the target's, relatively
    fit : of the aligned poses
    """

    source: Side
    in_images: bool
    target: Floats
    aligned: Side
    fit: Fit

    @property
    def turned(self) -> bool:
        """Whether poses have a view of their own: each table has two columns more, yaw and tilt in degrees."""
        return int(self.aligned.measures[0:0].shape[1]) > ERROR + 1


class Distributions(NamedTuple):
    """The keys of summary.json that speak of distributions."""

    distributions: dict[str, Any]
    groups: dict[str, dict[str, Any]]
    outliers: list[dict[str, Any]]


def summarize(heads: Heads, measures: Measures, jobs: int | None = None, progress: Progress = silent) -> dict[str, Any]:
    """What summary.json holds, its keys in order.

    Parameters
    ----------
    heads : what was not measured
    measures : of all poses
    jobs : threads; without influence on the result
    progress : told how far it is
    """
    source = measures.source if measures.in_images else None
    found = distributions(source, measures.target, measures.aligned, jobs, progress)
    tables = {"source": measures.source.measures, "target": measures.target, "aligned": measures.aligned.measures}
    depth = {side: describe(sample_of(_column(table, DEPTH, jobs))) for side, table in tables.items()}
    views = _views(tables, jobs) if measures.turned else {}
    sampled = {side: step for side, table in tables.items() if (step := _step(table)) > 1}
    return {
        "schema": SCHEMA,
        **heads._asdict(),
        "distributions": {**found.distributions, "depth": depth, **views},
        "groups": found.groups,
        "outliers": found.outliers,
        "fit": fit(measures.aligned.measures, measures.fit, jobs),
        **({"sampled": sampled} if sampled else {}),
    }


def _views(tables: Mapping[str, Table], jobs: int | None) -> dict[str, Any]:
    """Yaw and tilt of each side, and of how many poses they are known."""
    found: dict[str, Any] = {}
    for name, column in VIEWS.items():
        samples = {side: sample_of(_column(table, column, jobs)) for side, table in tables.items()}
        found[name] = {side: {"poses": len(sample), **describe(sample)} for side, sample in samples.items()}
    return found


def distributions(
    source: Side | None, target: Floats, output: Side, jobs: int | None = None, progress: Progress = silent
) -> Distributions:
    """Distributions of place and size, and their distances to the target, of all poses and by group.

    Of a side with more than `MOST_POSES` poses they are those of every second, third, ... one.

    Parameters
    ----------
    source, output : their boxes, the output's aligned rows; source None where it has no 2D
    target : (M, 4 or more) its boxes
    jobs : threads; without influence on the result
    progress : told how far it is

    Returns
    -------
    distributions : quantity -> source, target, aligned: mean, std, quantiles; wasserstein, ks: before
    (source to target) and after (aligned to target); histogram: counts for drawing
    groups : subject, action, camera -> name -> poses, and quantity -> the same without the target's own; of
    more than `MOST_GROUPS` names those with most poses
    outliers : sequences of the source whose median scale or place lies more than `FAR` deviations (by the
    quartiles) from that of all poses, each with the quantity that is farthest, farthest first
    """
    before = source or Side(target[:0], ())
    parts = list(_grouped(before.sequences, output.sequences))
    groups: dict[str, dict[str, Any]] = {}
    for part in parts:
        groups.setdefault(part.kind, {})[part.name] = {"poses": part.poses}
    whole: dict[str, Any] = {}
    far: list[Far] = []
    count = len(output.measures)
    with progress("summarising", count) as advance:
        for number, quantity in enumerate(QUANTITIES):  # one after the other: in memory is one number a pose
            values = [_values(side.measures, quantity, jobs) for side in (before, output)]
            wanted = sample_of(value_of(target, quantity))
            rows = [(_thinned(part.source, before), _thinned(part.output, output)) for part in parts]
            for part, entry in zip(parts, _of_groups(values, rows, wanted, jobs), strict=True):
                groups[part.kind][part.name][quantity] = entry
            medians = _medians(before, values[0]) if quantity in WATCHED else []
            samples = _sorted(values, jobs)
            whole[quantity] = _compared(samples[0], samples[1], wanted, with_target=True)
            if quantity in WATCHED:
                far += _far_sequences(before, medians, quantity, whole[quantity]["source"])
            advance(count * (number + 1) // len(QUANTITIES) - count * number // len(QUANTITIES))
    return Distributions(whole, groups, _outliers(far))


def _of_groups(
    values: Sequence[Floats], groups: Sequence[tuple[Rows, Rows]], target: Floats, jobs: int | None
) -> list[dict[str, Any]]:
    """One quantity of groups of source and output."""
    found: list[dict[str, Any]] = [{}] * len(groups)

    def work(start: int, stop: int) -> None:
        for number in range(start, stop):
            source, output = (_sample(side, rows) for side, rows in zip(values, groups[number], strict=True))
            found[number] = _compared(source, output, target, with_target=False)

    for_blocks(work, len(groups), jobs, block=1)
    return found


def _sorted(values: list[Floats], jobs: int | None) -> list[Floats]:
    """The samples that all values are, in their place."""

    def work(start: int, stop: int) -> None:
        values[start:stop] = map(sample_of, values[start:stop])

    for_blocks(work, len(values), jobs, block=1)
    return values


def _sample(values: Floats, rows: Rows) -> Floats:
    pieces = [values[part] for part in rows]
    return sample_of(pieces[0].copy() if len(pieces) == 1 else np.concatenate([values[:0], *pieces]))


def _step(table: Table) -> int:
    """Of how many rows one is looked at."""
    return max(1, -(-len(table) // MOST_POSES))


def _thinned(rows: Rows, side: Side) -> Rows:
    """Rows of a side among those that are looked at."""
    step = _step(side.measures)
    return [slice(-(-part.start // step), -(-part.stop // step)) for part in rows]


def _values(table: Table, quantity: str, jobs: int | None) -> Floats:
    return _gathered(table, lambda rows: value_of(rows, quantity), jobs)


def _column(table: Table, number: int, jobs: int | None) -> Floats:
    return _gathered(table, lambda rows: rows[:, number], jobs)


def _gathered(table: Table, number_of: Callable[[Floats], Floats], jobs: int | None) -> Floats:
    """A number of each row that is looked at."""
    step = _step(table)
    values = np.empty(-(-len(table) // step), number_of(table[0:0]).dtype)

    def work(start: int, stop: int) -> None:
        values[start:stop] = number_of(table[start * step : (stop - 1) * step + 1 : step])

    for_blocks(work, len(values), jobs, 8 * BLOCK)
    return values


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


class _Part(NamedTuple):
    """A group: what it is called, its rows in source and output, and how many the latter are."""

    kind: str
    name: str
    source: Rows
    output: Rows
    poses: int


def _grouped(source: Sequence[dataset.Sequence], aligned: Sequence[dataset.Sequence]) -> Iterator[_Part]:
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
                yield _Part(kind, name, *found, counts[name])


def _outliers(far: list[Far]) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for start, entry in sorted(far, key=lambda pair: -pair[1]["deviations"]):
        found.setdefault(start, entry)
    return list(found.values())[:MOST_OUTLIERS]


def _medians(side: Side, values: Floats) -> list[float]:
    """Of each sequence; NaN where there is nothing finite."""
    medians = []
    for sequence in side.sequences:
        (rows,) = _thinned([slice(sequence.start, sequence.start + sequence.length)], side)
        sample = sample_of(values[rows].copy())
        medians.append(float(_middle(sample)) if len(sample) else np.nan)
    return medians


def _middle(sample: Floats) -> np.floating[Any]:
    """As numpy.median, of a sample in order; there may be very many."""
    low, high = sample[(len(sample) - 1) // 2], sample[len(sample) // 2]
    middle: np.floating[Any] = (low + high) / 2
    return middle


def _far_sequences(side: Side, medians: list[float], quantity: str, of_all: dict[str, float]) -> Iterator[Far]:
    """The sequences that stand out."""
    if not of_all:
        return
    deviation = (of_all["p75"] - of_all["p25"]) / QUARTILES or of_all["std"] or np.inf
    for sequence, median in zip(side.sequences, medians, strict=True):
        off = abs(median - of_all["p50"]) / deviation
        if off > FAR:
            where = {key: getattr(sequence, key) for key in GROUPS}
            yield sequence.start, {**where, "quantity": quantity, "median": median, "deviations": off}


def fit(aligned: Table, found: Fit, jobs: int | None = None) -> dict[str, Any]:
    """How well aligned poses meet the target poses that they were drawn to.

    Parameters
    ----------
    aligned : (N, 6) as in `Measures`
    found : what was added up of them
    jobs : threads

    Returns
    -------
    scale_relative_error : p50, p95, max of |scale / target scale - 1|; root_error_max : largest
    distance of the roots; out_of_frame : fraction of poses. Empty where no pose is aligned
    """
    if not len(aligned):
        return {}
    errors = _column(aligned, ERROR, jobs)
    # Of a clip one frame meets its target; of others no error is known.
    errors = errors[np.isfinite(errors)] if np.isnan(errors.max()) else errors
    p50, p95 = np.quantile(errors, [0.5, 0.95])
    return {
        "scale_relative_error": {"p50": float(p50), "p95": float(p95), "max": found.scale_error},
        "root_error_max": found.root_error,
        "out_of_frame": found.out_of_frame / len(aligned),
    }
