from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import poseda_cli as poseda
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import Sequence
from poseda_cli.measurement import errors_of_boxes
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from poseda_cli.summary import MOST_OUTLIERS, Fit, Side, distributions, fit
from tests import datasets
from tests.paper import pinhole

QUANTITIES = ("scale", "root_x", "root_y", "aspect")
CUTS = {"min": 0, "p05": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95, "max": 100}
# Subject, action and camera of each sequence, and how long it is; groups lie in pieces.
TAKES = (
    ("S1", "Walking 1", "left", 40), ("S1", "Walking 1", "right", 25), ("S1", "Sitting Down 2", "left", 1),
    ("S5", "Walking", "left", 30), ("S5", "Walking", "right", 33), ("S5", "Sitting", "right", 50),
    ("S1", "Walking 2", "left", 60), ("S5", "Sitting Down", "left", 21),
)  # fmt: skip
BASES = {"Walking 1": "Walking", "Walking 2": "Walking", "Sitting Down 2": "Sitting Down"}


def sequences_of(takes=TAKES):
    starts = np.cumsum([0, *(length for *_, length in takes)]).tolist()
    return tuple(Sequence(*names, start, length) for (*names, length), start in zip(takes, starts, strict=False))


def random_boxes(rng, count, shift=0.0):
    return (rng.uniform((0.2, 0.3, -0.5, -0.5), (0.5, 0.9, 0.5, 0.5), (count, 4)) + shift).astype(np.float32)


def labels(sequences, kind):
    """The name of its group for every row."""
    names = [getattr(s, kind) for s in sequences]
    if kind == "action":
        names = [BASES.get(name, name) for name in names]
    return np.repeat(names, [s.length for s in sequences])


def values(boxes, quantity):
    """The finite ones, in double precision."""
    w, h, x, y = boxes.astype(float).T
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {"scale": (w + h) / 2, "root_x": x, "root_y": y, "aspect": w / h}[quantity]
    return found[np.isfinite(found)]


def check_description(found, sample, tolerance=1e-6):
    if not len(sample):
        assert found == {}
        return
    cuts = {name: np.percentile(sample, q) for name, q in CUTS.items()}
    assert found == pytest.approx({"mean": sample.mean(), "std": sample.std(), **cuts}, abs=tolerance)


def check_distances(found, source, aligned, target, tolerance=1e-6):
    for key, sample in (("before", source), ("after", aligned)):
        if not len(sample):
            assert found["wasserstein"][key] is None
            assert found["ks"][key] is None
            continue
        assert found["wasserstein"][key] == pytest.approx(stats.wasserstein_distance(sample, target), abs=tolerance)
        assert found["ks"][key] == pytest.approx(stats.ks_2samp(sample, target, method="asymp").statistic, abs=1e-9)


def check_sides(found, source, target, aligned):
    """All of `distributions`: boxes of each side, and the sequences of two of them."""
    before = source.measures if source else target[:0]
    for quantity in QUANTITIES:
        samples = [values(boxes, quantity) for boxes in (before, target, aligned.measures)]
        entry = found.distributions[quantity]
        for side, sample in zip(("source", "target", "aligned"), samples, strict=True):
            check_description(entry[side], sample)
        check_distances(entry, samples[0], samples[2], samples[1])
    assert list(found.groups) == ["subject", "action", "camera"]
    for kind, groups in found.groups.items():
        of_source = labels(source.sequences, kind) if source else np.array([])
        of_aligned = labels(aligned.sequences, kind)
        assert set(groups) == set(of_source) | set(of_aligned)
        assert sum(group["poses"] for group in groups.values()) == len(aligned.measures)
        for name, group in groups.items():
            assert group["poses"] == (of_aligned == name).sum()
            for quantity in QUANTITIES:
                samples = [
                    values(before[of_source == name], quantity) if source else np.array([]),
                    values(aligned.measures[of_aligned == name], quantity),
                ]
                assert set(group[quantity]) == {"source", "aligned", "wasserstein", "ks"}
                check_description(group[quantity]["source"], samples[0])
                check_description(group[quantity]["aligned"], samples[1])
                check_distances(group[quantity], *samples, values(target, quantity))


@pytest.fixture
def target_boxes(rng):
    return random_boxes(rng, 90, 0.05)


@pytest.fixture
def source_side(rng):
    sequences = sequences_of()
    boxes = random_boxes(rng, sum(s.length for s in sequences))
    boxes[[0, 41, 100, 259]] = np.nan  # dropped, or not seen
    boxes[66] = 0.3, 0.0, 0.1, 0.1  # no height
    boxes[65] = np.nan  # all of S1's Sitting Down 2
    return Side(boxes, sequences)


@pytest.fixture
def aligned_side(rng):
    """Two copies, the first without some rows."""
    short = [(*names, length - 1) for *names, length in TAKES if length > 1]
    sequences = sequences_of((*short, *TAKES))
    return Side(random_boxes(rng, sum(s.length for s in sequences), 0.03), sequences)


def test_distributions_and_groups_equal_plain_numpys(source_side, target_boxes, aligned_side):
    found = distributions(source_side, target_boxes, aligned_side)
    check_sides(found, source_side, target_boxes, aligned_side)
    assert list(found.groups["action"]) == ["Walking", "Sitting Down", "Sitting"]
    assert found.outliers == []


def test_histograms_are_those_of_the_three_sides(source_side, target_boxes, aligned_side):
    found = distributions(source_side, target_boxes, aligned_side)
    sides = {"source": source_side.measures, "target": target_boxes, "aligned": aligned_side.measures}
    for quantity in QUANTITIES:
        histogram = found.distributions[quantity]["histogram"]
        edges = np.linspace(histogram["start"], histogram["stop"], len(histogram["source"]) + 1)
        for side, boxes in sides.items():
            assert histogram[side] == np.histogram(values(boxes, quantity), edges)[0].tolist()


def test_without_a_source_there_is_no_before(target_boxes, aligned_side):
    found = distributions(None, target_boxes, aligned_side)
    check_sides(found, None, target_boxes, aligned_side)
    assert found.outliers == []
    assert found.distributions["scale"]["source"] == found.groups["camera"]["left"]["scale"]["source"] == {}
    assert "source" not in found.distributions["scale"]["histogram"]


def test_a_group_of_which_nothing_is_aligned_is_told(source_side, target_boxes, rng):
    rest = [take for take in TAKES if take[0] == "S5"]
    aligned = Side(random_boxes(rng, sum(take[-1] for take in rest)), sequences_of(rest))
    found = distributions(source_side, target_boxes, aligned)
    check_sides(found, source_side, target_boxes, aligned)
    assert found.groups["subject"]["S1"]["poses"] == 0


def test_boxes_and_their_order_are_left_alone(source_side, target_boxes, aligned_side):
    sides = source_side.measures, target_boxes, aligned_side.measures
    before = [boxes.copy() for boxes in sides]
    distributions(source_side, target_boxes, aligned_side)
    for boxes, wanted in zip(sides, before, strict=True):
        np.testing.assert_array_equal(boxes, wanted)


def test_poses_at_the_targets_places_have_no_distance(rng, target_boxes):
    target_boxes[:, 2] += 2
    source = Side(random_boxes(rng, 300), (Sequence("S1", "Eating", "left", 0, 300),))
    aligned = Side(np.tile(target_boxes, (3, 1)), (Sequence("S1", "Eating", "left", 0, 270),))
    found = distributions(source, target_boxes, aligned)
    for quantity in QUANTITIES:
        entry = found.distributions[quantity]
        assert entry["wasserstein"]["after"] == pytest.approx(0, abs=1e-12)
        assert entry["ks"]["after"] == pytest.approx(0, abs=1e-12)
    assert found.distributions["root_x"]["ks"]["before"] == 1
    difference = target_boxes[:, 2].mean(dtype=float) - source.measures[:, 2].mean(dtype=float)
    assert found.distributions["root_x"]["wasserstein"]["before"] == pytest.approx(difference, rel=1e-9)


def test_threads_do_not_change_a_bit(source_side, target_boxes, aligned_side):
    source_side.measures[41:60, 2] += 5
    texts = [json.dumps(distributions(source_side, target_boxes, aligned_side, jobs)) for jobs in (1, 2, 3, None)]
    assert len(set(texts)) == 1


def many_sequences(rng, count=200, length=20):
    """Sequences whose poses spread alike around the same middle."""
    boxes = random_boxes(rng, count * length)
    names = ((f"S{n % 7}", f"Eating {n}", "left") for n in range(count))
    return Side(boxes, tuple(Sequence(*name, n * length, length) for n, name in enumerate(names)))


def deviations(boxes, median, quantity):
    sample = values(boxes, quantity)
    q25, q50, q75 = np.percentile(sample, [25, 50, 75])
    return abs(median - q50) / ((q75 - q25) / (stats.norm.ppf(0.75) - stats.norm.ppf(0.25)))


def test_a_sequence_far_away_is_an_outlier(rng, target_boxes):
    source = many_sequences(rng)
    source.measures[600:620, 2] += 4  # of sequence 30
    source.measures[1000:1020, 3] -= 2
    source.measures[1003] = np.nan
    # The output is spread otherwise, and is not what sequences are measured by.
    aligned = source._replace(measures=source.measures * [1, 1, 0.1, 9])
    found = distributions(source, target_boxes, aligned).outliers
    assert [(entry["action"], entry["quantity"]) for entry in found] == [
        ("Eating 30", "root_x"),
        ("Eating 50", "root_y"),
    ]
    medians = np.nanmedian(source.measures[600:620, 2]), np.nanmedian(source.measures[1000:1020, 3])
    for entry, median in zip(found, medians, strict=True):
        assert entry["median"] == pytest.approx(median)
        wanted = deviations(source.measures, median, entry["quantity"])
        assert entry["deviations"] == pytest.approx(wanted, rel=1e-3)  # 1.349 is rounded
    assert {**found[0], "median": 0, "deviations": 0} == {
        "subject": "S2", "action": "Eating 30", "camera": "left", "quantity": "root_x", "median": 0, "deviations": 0,
    }  # fmt: skip


@pytest.mark.parametrize(("off", "count"), [(3.9, 0), (4.1, 1)])
def test_an_outlier_is_more_than_four_deviations_off(rng, target_boxes, off, count):
    source = many_sequences(rng, length=21)
    q25, q50, q75 = np.percentile(source.measures[:, 3], [25, 50, 75])
    source.measures[210:231, 3] = q50 + off * (q75 - q25) / 1.349
    assert len(distributions(source, target_boxes, source).outliers) == count


def test_outliers_are_the_farthest_ones_farthest_first(rng, target_boxes):
    source = many_sequences(rng)
    far = rng.permutation(30)
    for number, step in enumerate(far):
        source.measures[number * 20 : (number + 1) * 20, 2] = 10 + step
    found = distributions(source, target_boxes, source).outliers
    assert [entry["median"] for entry in found] == list(range(39, 39 - MOST_OUTLIERS, -1))
    assert [entry["action"] for entry in found] == [f"Eating {far.tolist().index(29 - n)}" for n in range(20)]


def test_a_sequence_is_named_once_by_what_is_farthest(rng, target_boxes):
    source = many_sequences(rng)
    source.measures[40:60, 2] += 3
    source.measures[40:60, 3] += 5
    source.measures[80:100, :2] *= 6
    found = distributions(source, target_boxes, source).outliers
    assert {entry["action"]: entry["quantity"] for entry in found} == {"Eating 2": "root_y", "Eating 4": "scale"}
    assert len(found) == 2


def test_the_shape_of_a_body_makes_no_outlier(rng, target_boxes):
    source = many_sequences(rng)
    # Arms stretched out: as large as the others, and five times wider than high.
    source.measures[40:60, :2] = source.measures[40:60, :2].sum(1, keepdims=True) * np.array([5 / 6, 1 / 6], np.float32)
    assert distributions(source, target_boxes, source).outliers == []


def test_an_ordinary_set_has_no_outlier(rng, target_boxes):
    source = many_sequences(rng)
    assert distributions(source, target_boxes, source).outliers == []


def test_one_stray_pose_makes_no_outlier_of_its_sequence(rng, target_boxes):
    source = many_sequences(rng)
    source.measures[7, 2] = 1e4
    assert distributions(source, target_boxes, source).outliers == []


def test_a_sequence_of_which_nothing_is_seen_is_no_outlier(rng, target_boxes):
    source = many_sequences(rng)
    source.measures[40:60] = np.nan
    source.measures[60:80, 1] = 0  # scale, but no aspect
    source.measures[60:80, 0] = 0.9
    assert distributions(source, target_boxes, source).outliers == []
    nothing = Side(np.full_like(source.measures, np.nan), source.sequences)
    found = distributions(nothing, target_boxes, source)
    assert found.outliers == []
    assert found.distributions["scale"]["wasserstein"]["before"] is None


def test_fit_by_hand():
    wanted = np.array([[0.2, 0.2, 0, 0], [0.1, 0.3, 0.5, 0.5], [0.2, 0.2, 0, 0]], np.float32)
    # Size right, place too; 10 % larger, place right; 20 % smaller, 0.05 beside it.
    aligned = np.array([[0.3, 0.1, 0, 0], [0.14, 0.3, 0.5, 0.5], [0.16, 0.16, 0.03, -0.04]], np.float32)
    errors, off = errors_of_boxes(aligned, wanted)
    assert errors.tolist() == pytest.approx([0, 0.1, 0.2], abs=1e-6)
    assert off.tolist() == pytest.approx([0, 0, 0.05], abs=1e-6)
    found = fit(measured(aligned, errors), Fit(0.2, 0.04, 0).and_of(Fit(0.1, 0.05, 1)))
    assert found["scale_relative_error"] == pytest.approx({"p50": 0.1, "p95": 0.19, "max": 0.2}, rel=1e-5)
    assert found["root_error_max"] == 0.05
    assert found["out_of_frame"] == pytest.approx(1 / 3)
    assert fit(measured(aligned, errors)[:0], Fit()) == {}


def measured(boxes, errors):
    return np.column_stack([boxes, np.ones(len(boxes)), errors]).astype(np.float32)


def test_fit_of_many_is_that_of_all_whatever_the_threads(rng):
    target = random_boxes(rng, 1000)
    drawn = rng.integers(0, 1000, 100_000)
    aligned = target[drawn] * rng.normal(1, 0.05, (100_000, 1)).astype(np.float32)
    outside = rng.random(100_000) < 0.2
    errors, off = errors_of_boxes(aligned, target[drawn])
    worst = Fit(float(errors.max()), float(off.max()), int(outside.sum()))
    found = [fit(measured(aligned, errors), worst, jobs) for jobs in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    wide, there = aligned.astype(float), target[drawn].astype(float)
    error = abs((wide[:, 0] + wide[:, 1]) / (there[:, 0] + there[:, 1]) - 1)
    expected = dict(zip(("p50", "p95", "max"), np.quantile(error, [0.5, 0.95, 1]), strict=True))
    assert found[0]["scale_relative_error"] == pytest.approx(expected, abs=1e-6)
    assert found[0]["root_error_max"] == pytest.approx(np.linalg.norm((wide - there)[:, 2:], axis=1).max(), abs=1e-6)
    assert found[0]["out_of_frame"] == outside.mean()


# Of whole alignments.


@pytest.fixture
def source():
    return datasets.source()


@pytest.fixture
def target():
    return datasets.target()


def seen(poses_3d, cameras, which):
    """Pixels of 3D poses in some cameras."""
    lenses = np.array([[getattr(c.intrinsics, key) for key in ("fx", "fy", "cx", "cy")] for c in cameras])
    return pinhole(poses_3d, lenses[which])


def boxes_in(image, cameras, which, root=0):
    """(N, 4) normalised by the width, in double precision."""
    size = np.array([[c.intrinsics.width, c.intrinsics.height] for c in cameras], float)[which]
    points = (2 * image - size[:, None]) / size[:, None, :1]
    return np.concatenate([np.ptp(points, axis=1), points[:, root]], axis=1)


def spoil(dataset, column, rows):
    poses = getattr(dataset, column).copy()
    poses[rows] = np.nan
    return replace(dataset, **{column: poses})


BAD_SOURCE, BAD_TARGET = [0, 41, 42, 239], [3, 29]


@pytest.mark.parametrize(
    "options", [{}, {"copies": 2}, {"include_source": True}, {"copies": 2, "include_source": True}]
)
def test_the_groups_of_an_alignment_are_those_of_its_poses(source, target, options):
    source, target = spoil(source, "poses_3d", BAD_SOURCE), spoil(target, "poses_2d", BAD_TARGET)
    aligned = poseda.align(source, target, **options)
    summary = aligned.summary
    before = boxes_in(seen(source.poses_3d, source.cameras, source.camera), source.cameras, source.camera)
    assert np.isnan(before[BAD_SOURCE]).all()
    moved = aligned.target_index >= 0
    assert moved.sum() == 236 * options.get("copies", 1)
    after = boxes_in(aligned.poses_2d[moved].astype(float), aligned.cameras, aligned.camera[moved])
    there = boxes_in(target.poses_2d.astype(float), target.cameras, target.camera, root=14)
    for kind in ("subject", "action", "camera"):
        # By the origin of each pose, not by the sequences of the output.
        of_source = labels(source.sequences, kind)
        of_aligned = of_source[aligned.source_index[moved]]
        groups = summary["groups"][kind]
        assert set(groups) == set(of_source)
        for name, group in groups.items():
            assert group["poses"] == (of_aligned == name).sum()
            for quantity in QUANTITIES:
                samples = [values(b, quantity) for b in (before[of_source == name], after[of_aligned == name], there)]
                check_description(group[quantity]["source"], samples[0], 1e-5)
                check_description(group[quantity]["aligned"], samples[1], 1e-5)
                found = group[quantity]["wasserstein"]
                assert found["before"] == pytest.approx(stats.wasserstein_distance(samples[0], samples[2]), abs=1e-5)
                assert found["after"] == pytest.approx(stats.wasserstein_distance(samples[1], samples[2]), abs=1e-5)
        assert sum(group["poses"] for group in groups.values()) == moved.sum()


def test_a_sequence_filmed_beside_the_others_stands_out(source, target):
    # 20 of 240 poses, 3 m to the right at 5 m: f / c is 1200 / 500.
    poses = source.poses_3d.copy()
    poses[60:80, :, 0] += 3
    found = poseda.align(replace(source, poses_3d=poses), target).summary["outliers"]
    assert [(e["subject"], e["action"], e["camera"], e["quantity"]) for e in found[:1]] == [
        ("S1", "Walking", "right", "root_x")
    ]
    assert found[0]["median"] == pytest.approx(3 / 5 * 1200 / 500, abs=0.5)


def test_chunks_and_threads_do_not_change_a_bit_of_the_summary(source, target):
    texts = set()
    for jobs, chunk in ((1, 65_536), (2, 7), (3, 100)):
        plan = prepare(source, target, AlignOptions(copies=2, include_source=True), jobs=jobs, chunk=chunk)
        for _ in plan.chunks():
            pass
        texts.add(json.dumps(plan.summary()))
    assert len(texts) == 1


def in_centre(source):
    """3D relative to the root, as many archives have it: its place in the image is not known."""
    return replace(source, poses_3d=source.poses_3d - source.poses_3d[:, :1], absolute=False)


def with_2d(source):
    image = seen(source.poses_3d, source.cameras, source.camera)
    return replace(source, poses_2d=image.astype(np.float32))


def without_size(source):
    return replace(with_2d(source), cameras=(Camera("left"), Camera("right")))


PHONE = Intrinsics(1300.0, 1250.0, 900.0, 500.0, 1920, 1080)


# Name: source, target, options, whether the source's places in the image and in space are known.
RUNS = {
    "plain": (datasets.source, datasets.target, {}, True, True),
    "exact": (datasets.source, datasets.target, {"depth": "exact"}, True, True),
    "axes": (datasets.source, datasets.target, {"screen": "axes"}, True, True),
    "copies": (datasets.source, datasets.target, {"copies": 2, "seed": 5}, True, True),
    "with source": (datasets.source, datasets.target, {"include_source": True, "copies": 2}, True, True),
    "16 joints": (datasets.source, datasets.target, {"skeleton": "h36m16"}, True, True),
    "root-relative": (lambda: in_centre(datasets.source()), datasets.target, {}, False, False),
    "root-relative, 2D": (lambda: in_centre(with_2d(datasets.source())), datasets.target, {}, True, False),
    "own 2D": (lambda: with_2d(datasets.source()), datasets.target, {}, True, True),
    "2D in unknown images": (lambda: without_size(datasets.source()), datasets.target, {}, False, True),
    "invalid rows": (
        lambda: spoil(datasets.source(), "poses_3d", BAD_SOURCE),
        lambda: spoil(datasets.target(), "poses_2d", BAD_TARGET), {"invalid": "drop"}, True, True,
    ),
    "own 2D of nothing": (
        lambda: spoil(with_2d(datasets.source()), "poses_2d", slice(None)), datasets.target, {}, False, True,
    ),
    "a camera that is given": (datasets.source, datasets.target, {"intrinsics": PHONE}, True, True),
    "one pose": (
        lambda: datasets.source(frames=1).select(subjects=["S1"], actions=["Sitting"], cameras=["left"]),
        lambda: datasets.target(frames=1).select(subjects=["TS5"]), {}, True, True,
    ),
    "parts": (
        lambda: datasets.source().select(subjects=["S5"], actions=["Walking"], cameras=["left"], stride=3),
        lambda: datasets.target().select(cameras=["tele"], stride=2), {}, True, True,
    ),
}  # fmt: skip


def is_number(value):
    return type(value) is float and math.isfinite(value)


def check_numbers(found, keys):
    assert set(found) == set(keys)
    assert all(map(is_number, found.values()))


def check_entry(entry, sides, before):
    assert set(entry) >= {*sides, "wasserstein", "ks"}
    for side, known in sides.items():
        check_numbers(entry[side], ("mean", "std", *CUTS) if known else ())
        if known:
            cuts = [entry[side][name] for name in CUTS]
            assert cuts == sorted(cuts)
    for distance in ("wasserstein", "ks"):
        check_numbers({"after": entry[distance]["after"]}, ["after"])
        assert is_number(entry[distance]["before"]) if before else entry[distance]["before"] is None
        assert set(entry[distance]) == {"before", "after"}
    assert 0 <= entry["ks"]["after"] <= 1


@pytest.mark.parametrize("run", RUNS)
def test_the_summary_has_all_that_scripts_rely_on(run):
    """Key by key as the interface has it."""
    make_source, make_target, options, is_seen, has_place = RUNS[run]
    source, target = make_source(), make_target()
    aligned = poseda.align(source, target, **options)
    summary = aligned.summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert {"schema", "version", "seed", "options", "source", "target", "output", "distributions", "fit"} <= set(
        summary
    )
    assert summary["schema"] == "poseda.summary/1"
    assert summary["version"] == poseda.__version__
    assert summary["seed"] == options.get("seed", 0)
    for side, dataset in (("source", source), ("target", target)):
        entry = summary[side]
        assert {"paths", "layout", "poses", "sequences", "sha256"} <= set(entry)
        assert entry["poses"] == len(dataset)
        assert entry["sequences"] == len(dataset.sequences)
        assert len(entry["paths"]) == len(entry["sha256"]) == 1
    for name in ("depth", "screen", "copies", "include_source", "skeleton"):
        default = {"depth": "weak", "screen": "aspect", "copies": 1, "include_source": False, "skeleton": "h36m17"}[
            name
        ]
        assert summary["options"][name] == options.get(name, default)
    assert summary["output"].keys() == {"files", "poses", "dropped", "dropped_why", "dropped_examples"}
    assert summary["output"]["poses"] == len(aligned)
    bad = run == "invalid rows"
    dropped = {"source_invalid": 4 * bad, "target_invalid": 2 * bad, "behind_camera": 0}
    assert summary["output"]["dropped"] == dropped

    assert list(summary["distributions"]) == [*QUANTITIES, "depth"]
    sides = {"source": is_seen, "target": True, "aligned": True}
    for quantity in QUANTITIES:
        entry = summary["distributions"][quantity]
        check_entry(entry, sides, is_seen)
        histogram = entry["histogram"]
        assert is_number(histogram["start"])
        assert is_number(histogram["stop"])
        counted = {side for side, known in sides.items() if known}
        assert set(histogram) == {"start", "stop", *counted, "outside"}
        assert set(histogram["outside"]) == set(counted)
        assert {len(histogram[side]) for side in counted} == {60}
    depth = summary["distributions"]["depth"]
    assert set(depth) == {"source", "target", "aligned"}
    check_numbers(depth["source"], ("mean", "std", *CUTS) if has_place else ())
    check_numbers(depth["aligned"], ("mean", "std", *CUTS))
    assert depth["aligned"]["min"] > 0

    assert set(summary["groups"]) == {"subject", "action", "camera"}
    moved = int((aligned.target_index >= 0).sum())
    for groups in summary["groups"].values():
        assert sum(group["poses"] for group in groups.values()) == moved
        for group in groups.values():
            assert set(group) == {"poses", *QUANTITIES}
            for quantity in QUANTITIES:
                check_entry(group[quantity], {"source": is_seen, "aligned": True}, is_seen)
    for entry in summary["outliers"]:
        assert set(entry) == {"subject", "action", "camera", "quantity", "median", "deviations"}

    assert set(summary["fit"]) == {"scale_relative_error", "root_error_max", "out_of_frame"}
    check_numbers(summary["fit"]["scale_relative_error"], ("p50", "p95", "max"))
    check_numbers({name: summary["fit"][name] for name in ("root_error_max", "out_of_frame")},
                  ("root_error_max", "out_of_frame"))  # fmt: skip
    assert summary["fit"]["root_error_max"] < 1e-5
    assert 0 <= summary["fit"]["out_of_frame"] <= 1


def test_own_2d_is_the_source_whatever_its_3d(source, target):
    # Seen 100 px further to the right than its cameras would have it.
    image = seen(source.poses_3d, source.cameras, source.camera) + np.array([100, 0])
    found = poseda.align(replace(source, poses_2d=image.astype(np.float32)), target).summary["distributions"]
    expected = boxes_in(image, source.cameras, source.camera)
    for quantity in QUANTITIES:
        check_description(found[quantity]["source"], values(expected, quantity), 1e-5)
    plain = poseda.align(source, target).summary["distributions"]
    moved = found["root_x"]["source"]["mean"] - plain["root_x"]["source"]["mean"]
    assert moved == pytest.approx(2 * 100 / 1000, abs=1e-5)
    assert found["scale"]["aligned"] == plain["scale"]["aligned"]


def test_own_2d_of_poses_that_were_dropped_does_not_count(source, target):
    whole = with_2d(source)
    bad = [3, 44, 239]
    found = poseda.align(spoil(whole, "poses_3d", bad), target).summary
    kept = boxes_in(np.delete(whole.poses_2d.astype(float), bad, axis=0), source.cameras, np.delete(source.camera, bad))
    for quantity in QUANTITIES:
        check_description(found["distributions"][quantity]["source"], values(kept, quantity), 1e-5)


def test_depth_is_the_roots(source, target):
    spoiled = spoil(source, "poses_3d", BAD_SOURCE)
    aligned = poseda.align(spoiled, target, include_source=True)
    depth = aligned.summary["distributions"]["depth"]
    check_description(depth["source"], np.delete(source.poses_3d[:, 0, 2].astype(float), BAD_SOURCE))
    moved = aligned.target_index >= 0
    check_description(depth["aligned"], aligned.poses_3d[moved, 0, 2].astype(float), 1e-5)


def test_of_very_many_names_those_with_most_poses_have_a_group(rng):
    lengths = [3] * 150 + [5] * 100
    starts = np.cumsum([0, *lengths])
    sequences = tuple(
        Sequence("S1", "Walking", f"camera {number}", int(start), length)
        for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
    )
    side = Side(rng.uniform(0.1, 0.5, (int(starts[-1]), 4)).astype(np.float32), sequences)
    found = distributions(side, side.measures[:40], side).groups["camera"]
    assert len(found) == 200
    assert {f"camera {number}" for number in range(150, 250)} <= set(found)
    assert list(found) == sorted(found, key=lambda name: int(name.split()[1]))


def test_of_very_many_poses_every_third_is_looked_at(source_side, target_boxes, aligned_side, monkeypatch):
    monkeypatch.setattr("poseda_cli.summary.MOST_POSES", 100)
    found = distributions(source_side, target_boxes, aligned_side)
    sides = {"source": source_side, "aligned": aligned_side}
    steps = {"source": 3, "aligned": 6}  # of 260 and 513
    for side, (measures, sequences) in sides.items():
        step, names = steps[side], labels(sequences, "camera")
        for quantity in QUANTITIES:
            check_description(found.distributions[quantity][side], values(measures[::step], quantity))
            for camera in ("left", "right"):
                rows = measures[::step][names[::step] == camera]
                check_description(found.groups["camera"][camera][quantity][side], values(rows, quantity))
    assert sum(group["poses"] for group in found.groups["camera"].values()) == len(aligned_side.measures)


def test_the_summary_says_how_many_were_looked_at(source, target, monkeypatch):
    assert "sampled" not in poseda.align(source, target).summary
    monkeypatch.setattr("poseda_cli.summary.MOST_POSES", 100)
    found = poseda.align(source, target, copies=2).summary
    assert found["sampled"] == {"source": 3, "aligned": 5}
    assert found["output"]["poses"] == 480
