"""Does alignment help a lifter? Tried out with one that is fitted in a second.

`lifter.fit` takes the place of the network: on the source as it is, on the source as each alignment makes it, and on
half of the target, which shows how far one could come. All are scored on the other half of the target. Alignments see
the target's 2D alone, all of it, as those of `align` do; its 3D is for scoring, and for the ceiling.

What it is good for was measured beside a network (1,024 features, 20,000 poses): it put every pair of variants in the
network's order that differ by more than 5 mm, was no guide below that, and understates what is gained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from poseda_cli.cameras import Floats, image_sizes
from poseda_cli.chunks import join
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.errors import InputError, SkeletonError, UsageError, listed
from poseda_cli.lifter import FEATURES, fit
from poseda_cli.metrics import auc, mpjpe, pa_mpjpe, pck
from poseda_cli.options import AlignOptions
from poseda_cli.pairs import Pairs, halves, pairs_as_filmed
from poseda_cli.pipeline import prepare
from poseda_cli.progress import Progress, silent
from poseda_cli.sampling import sample
from poseda_cli.skeleton import SKELETONS, shared_joints
from poseda_cli.suggestions import did_you_mean
from poseda_cli.target import with_intrinsics

SCHEMA = "poseda.probe/1"
POSES, SEEDS = 20_000, 3
# Differences below this, in millimetres of MPJPE, are no guide.
RESOLUTION_MM = 5.0
SOURCE, CEILING = "source", "ceiling"
# What each alignment has other than the options that all share.
VARIANTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "weak": {"depth": "weak"},
        "exact": {"depth": "exact"},
        "match": {"view": "match"},
        "jitter": {"view": "jitter"},
        "bones": {"bones": 0.05},
        "sequence": {"pairing": "sequence"},
    }
)
DEFAULT_VARIANTS = ("weak", "exact")
# Options that decide on what is scored.
SHARED = ("skeleton", "screen", "intrinsics")
LEAST_POSES = 100
# Digits that are the same whatever the number of threads of the linear algebra library.
DIGITS = 2


class Scores(NamedTuple):
    """Millimetres and percent; see `metrics`."""

    mpjpe: float
    pa_mpjpe: float
    pck: float
    auc: float


@dataclass(frozen=True)
class Row:
    """What one training set makes of the target.

    Parameters
    ----------
    variant : 'source', the name of an alignment, or 'ceiling'
    poses : that the lifter was fitted to, with the first seed
    runs : of each seed
    """

    variant: str
    poses: int
    runs: tuple[Scores, ...]

    @property
    def scores(self) -> Scores:
        """Means over the seeds."""
        return Scores(*np.mean(self.runs, axis=0).tolist())

    @property
    def spread(self) -> Scores:
        """Greatest less least of the seeds; 0 with a single one."""
        return Scores(*np.ptp(np.array(self.runs), axis=0).tolist())


@dataclass(frozen=True)
class Probe:
    """The table.

    Parameters
    ----------
    rows : 'source' first, then the alignments as they were asked for, 'ceiling' last
    poses : of the source that were asked for
    seeds : how many
    scored : poses of the target that all rows are scored on
    """

    rows: tuple[Row, ...]
    poses: int
    seeds: int
    scored: int

    def change(self, row: Row) -> Scores:
        """Of a row, against the source as it is."""
        return Scores(*np.subtract(row.scores, self.rows[0].scores).tolist())

    def as_json(self) -> dict[str, Any]:
        """What `poseda probe --json` prints; millimetres and percent."""
        rows = [
            {
                "variant": row.variant,
                **_rounded(row.scores),
                "spread": _rounded(row.spread),
                "change": _rounded(self.change(row)),
                "poses": row.poses,
            }
            for row in self.rows
        ]
        return {"schema": SCHEMA, "rows": rows, "poses": self.poses, "seeds": self.seeds, "scored": self.scored}


def probe(
    source: PoseHeads,
    target: PoseDataset,
    variants: Sequence[str] | Mapping[str, Mapping[str, Any]] = DEFAULT_VARIANTS,
    *,
    options: AlignOptions | None = None,
    poses: int = POSES,
    seeds: int = SEEDS,
    features: int = FEATURES,
    jobs: int | None = None,
    progress: Progress = silent,
) -> Probe:
    """How well a lifter does on the target that was fitted to the source, unaligned and aligned.

    Parameters
    ----------
    source : with 3D poses where they were filmed, before known cameras, or with 2D of its own; may stay in its file
    target : with 2D poses, and with 3D poses, which no alignment sees
    variants : alignments, names from `VARIANTS`; or name -> the options of each, by their names in `AlignOptions`
    options : of all alignments, where a variant does not say otherwise; its seed is that of the first run
    poses : of the source that are used, at even distances; more than there are means all
    seeds : runs, each with other poses, pairs and random features; those of a run are the same for all variants
    features : of the lifter
    jobs : threads of the alignments; without influence on the result
    progress : told how many lifters have been fitted

    Returns
    -------
    Means and spread over the runs. The ceiling is fitted to the first half of each target sequence, and everything is
    scored on the second halves. Halves of the list of sequences would be no ceiling, as each may be of another camera
    and activity: fitted to three of the six sequences of the synthetic test set the lifter is off by more than 200 mm
    on the others, against 56 mm when fitted to the source.

    Raises
    ------
    InputError : a side lacks the poses it needs, a camera or image size is not known, no pose is valid; or as `align`
    SkeletonError : joints that cannot be had from the source
    UsageError : a variant that there is not, numbers out of range; or as `align`
    """
    options = options or AlignOptions()
    _check_numbers(poses, seeds, features)
    alignments = _alignments(variants, options)
    if options.intrinsics is not None:
        target = with_intrinsics(target, options.intrinsics)
    _check_target(target)
    material = _Material(_in_skeleton(source, options), target, options, poses, jobs)
    names = (SOURCE, *alignments, CEILING)
    runs: dict[str, list[Scores]] = {name: [] for name in names}
    counts: dict[str, int] = {}
    with progress("probing", len(names) * seeds, "lifters") as advance:
        for seed in range(options.seed, options.seed + seeds):
            for name, pairs in material.of(seed, alignments):
                lifter = fit(pairs.points, pairs.poses, seed, features)
                runs[name].append(_scores(lifter.predict(material.testing.points), material.testing.poses))
                counts.setdefault(name, len(pairs.points))
                advance(1)
    rows = tuple(Row(name, counts[name], tuple(runs[name])) for name in names)
    return Probe(rows, poses, seeds, len(material.testing.points))


class _Material:
    """What lifters are fitted to, and scored on."""

    def __init__(
        self, source: PoseHeads, target: PoseDataset, options: AlignOptions, poses: int, jobs: int | None
    ) -> None:
        self._source, self._screen, self._poses, self._jobs = source, options.screen, poses, jobs
        # Alignments must not know the labels.
        self._unlabelled = replace(target, poses_3d=None)
        self._joints, of_target = shared_joints(source.skeleton, target.skeleton)
        learning, testing = halves(target, of_target, options.screen)
        self._learning, self.testing = learning.thinned(poses), testing.thinned(poses)

    def of(self, seed: int, alignments: Mapping[str, AlignOptions]) -> Iterator[tuple[str, Pairs]]:
        """All training sets of a run, by name."""
        source = sample(self._source, self._poses, seed)
        yield SOURCE, pairs_as_filmed(source, self._joints, self._screen)
        for name, options in alignments.items():
            yield name, self._aligned(source, replace(options, seed=seed))
        yield CEILING, self._learning

    def _aligned(self, source: PoseDataset, options: AlignOptions) -> Pairs:
        plan = prepare(source, self._unlabelled, options, jobs=self._jobs)
        rows = join(plan.chunks())
        sizes = image_sizes(plan.cameras)[rows.camera]
        points, poses = np.asarray(rows.poses_2d), np.asarray(rows.poses_3d)
        return Pairs.of(points, sizes, poses, self._joints, source.skeleton.root, self._screen)


def _scores(predicted: Floats, truth: Floats) -> Scores:
    return Scores(
        mpjpe=1000 * mpjpe(predicted, truth),
        pa_mpjpe=1000 * pa_mpjpe(predicted, truth),
        pck=pck(predicted, truth),
        auc=auc(predicted, truth),
    )


def _alignments(
    variants: Sequence[str] | Mapping[str, Mapping[str, Any]], options: AlignOptions
) -> dict[str, AlignOptions]:
    if not isinstance(variants, Mapping):
        unknown = [name for name in variants if name not in VARIANTS]
        if unknown:
            hint = did_you_mean(unknown[0], list(VARIANTS))
            raise UsageError(f"no variant {listed(unknown)}; there are {listed(VARIANTS, most=40)}.{hint}")
        variants = {name: VARIANTS[name] for name in variants}
    taken = [name for name in variants if name in (SOURCE, CEILING)]
    if taken:
        raise UsageError(f"{listed(taken)} is in every table, and no name for an alignment.")
    found = {name: replace(options, **changes) for name, changes in variants.items()}
    for name, one in found.items():
        if one.include_source or one.shard or one.copies != 1:
            raise UsageError(f"{name}: probe aligns each pose once; leave out include_source, copies and shard.")
        if any(getattr(one, shared) != getattr(options, shared) for shared in SHARED):
            raise UsageError(f"{name}: {listed(SHARED)} are the same for all variants.")
    return found


def _check_numbers(poses: int, seeds: int, features: int) -> None:
    for name, value, least in (("poses", poses, LEAST_POSES), ("seeds", seeds, 1), ("features", features, 1)):
        if value < least:
            raise UsageError(f"{name} is {value}, expected at least {least}.")


def _in_skeleton(source: PoseHeads, options: AlignOptions) -> PoseHeads:
    if not source.has_3d:
        raise InputError(f"{source.title}: 2D poses only; the source needs 3D poses (data_3d_h36m.npz).")
    try:
        return source.to_skeleton(SKELETONS[options.skeleton])
    except SkeletonError as error:
        raise SkeletonError(f"{source.title}: {error} --skeleton h36m16 needs no Neck/Nose.") from error


def _check_target(target: PoseDataset) -> None:
    if not target.has_2d:
        raise InputError(f"{target.title}: 3D poses only; the target needs 2D poses.")
    if not target.has_3d:
        raise InputError(f"{target.title}: 2D poses only; the target of a probe needs 3D poses to score a lifter on.")
    if "Hip" not in target.skeleton.position:
        raise SkeletonError(f"{target.title}: {target.skeleton.name} has no pelvis to align.")


def _rounded(scores: Scores) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in scores._asdict().items()}
