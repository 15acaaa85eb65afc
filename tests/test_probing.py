from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from poseda_cli.bones import LIMBS, scaled
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import InputFile, Origin, PoseDataset, Sequence
from poseda_cli.errors import InputError, SkeletonError, UsageError
from poseda_cli.options import AlignOptions
from poseda_cli.probing import VARIANTS, Probe, Row, Scores, probe
from poseda_cli.skeleton import H36M16, H36M17, MPI_INF_3DHP17
from poseda_cli.synthetic.motions import MOTIONS, perform
from tests import datasets
from tests.paper import pinhole

CAMERA = Camera("c", Intrinsics(1100.0, 1100.0, 500.0, 500.0, 1000, 1000))
JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
# By 40 degrees about the camera's x axis.
COS, SIN = np.cos(np.radians(40)), np.sin(np.radians(40))
TILT = np.array([[1, 0, 0], [0, COS, SIN], [0, -SIN, COS]])
FAST = {"poses": 1600, "seeds": 1, "features": 150}


def bodies(seeds, frames=100):
    """(N, 17, 3) synthetic people before a level camera, roots at the origin; a sequence for each seed and motion."""
    poses = np.concatenate([perform(m, frames, (seed, n))[:, JOINTS] for seed in seeds for n, m in enumerate(MOTIONS)])
    seen = np.stack([poses[..., 0], -poses[..., 2], poses[..., 1]], axis=-1)
    return seen - seen[:, :1]


def filmed(poses, places, name, frames=100):
    """Poses at places (N, 3), before one camera."""
    poses = (poses + places[:, None]).astype(np.float32)
    count = len(poses)
    return PoseDataset(
        skeleton=H36M17,
        camera=np.zeros(count, np.uint16),
        cameras=(CAMERA,),
        sequences=tuple(Sequence(name, f"A{start}", "c", start, frames) for start in range(0, count, frames)),
        poses_3d=poses,
        poses_2d=pinhole(poses, np.tile([1100.0, 1100, 500, 500], (count, 1))).astype(np.float32),
        origin=Origin("test", None, (InputFile(name, 1, name),)),
    )


def around(centre, count, seed=0):
    return np.random.default_rng(seed).uniform(-0.4, 0.4, (count, 3)) + centre


@pytest.fixture(scope="module")
def source():
    poses = bodies(range(10))
    return filmed(poses, around([-0.8, 0.3, 6], len(poses)), "source")


def mpjpes(found):
    return {row.variant: row.scores.mpjpe for row in found.rows}


def test_a_gap_of_place_and_size_is_seen_as_removed(source):
    people = bodies(range(20, 28))
    target = filmed(people, around([0.9, -0.2, 3.6], len(people), 1), "target")
    found = mpjpes(probe(source, target, **FAST))
    assert list(found) == ["source", "weak", "exact", "ceiling"]
    gap = found["source"] - found["ceiling"]
    assert gap > 50
    for variant in ("weak", "exact"):
        assert found[variant] < found["ceiling"] + 0.15 * gap


@pytest.mark.parametrize("kind", ["tilt", "bones"])
def test_a_gap_of_viewpoint_or_bones_is_not(source, kind):
    people = bodies(range(20, 28))
    if kind == "tilt":
        people = people @ TILT
    else:
        factors = np.ones((len(LIMBS) + 1, 1))
        factors[[list(LIMBS).index(limb) for limb in ("thighs", "shins")]] = 1.8
        people = scaled(people.transpose(1, 2, 0), H36M17, factors).transpose(2, 0, 1)
    target = filmed(people, around([-0.8, 0.3, 6], len(people), 1), "target")
    found = mpjpes(probe(source, target, **FAST))
    gap = found["source"] - found["ceiling"]
    assert gap > 50
    for variant in ("weak", "exact"):
        assert found[variant] > found["ceiling"] + 0.6 * gap


def test_without_a_gap_nothing_changes(source):
    people = bodies(range(20, 28))
    found = probe(source, filmed(people, around([-0.8, 0.3, 6], len(people), 1), "target"), **FAST)
    for row in found.rows[1:-1]:
        assert abs(found.change(row).mpjpe) < 15


@pytest.fixture(scope="module")
def target():
    people = bodies((30, 31))
    return filmed(people, around([0.9, -0.2, 3.6], len(people), 1), "target")


def small(source, target, *variants, **named):
    return probe(source, target, variants or ("weak",), **{"poses": 400, "seeds": 2, "features": 50, **named})


def test_alignments_do_not_know_the_targets_3d(source, target):
    """What only the ceiling learns from, and depths, changes the ceiling alone."""
    expected = small(source, target, "weak", "exact", "jitter")
    poses = target.poses_3d.copy()
    first = np.arange(len(poses)) % 100 < 50
    poses[first] = poses[first][:, ::-1] + [0, 0, 3]
    found = small(source, replace(target, poses_3d=poses), "weak", "exact", "jitter")
    assert found.rows[:-1] == expected.rows[:-1]
    assert abs(found.rows[-1].scores.mpjpe - expected.rows[-1].scores.mpjpe) > 50


def test_only_second_halves_are_scored(source, target):
    assert small(source, target).scored == 400
    poses = target.poses_3d.copy()
    second = np.arange(len(poses)) % 100 >= 50
    roots = poses[:, :1].copy()
    poses[second] = (poses - roots)[second] * 2 + roots[second]
    found, expected = small(source, replace(target, poses_3d=poses)), small(source, target)
    assert found.rows[0].scores.mpjpe > expected.rows[0].scores.mpjpe + 100


def test_the_same_arguments_give_the_same_figures_whatever_the_threads(source, target):
    assert small(source, target, jobs=1).as_json() == small(source, target, jobs=3).as_json()


def test_seeds_are_runs_of_their_own_and_a_run_is_the_same_alone(source, target):
    both = small(source, target)
    for number, seed in enumerate((0, 1)):
        alone = small(source, target, seeds=1, options=AlignOptions(seed=seed))
        assert [row.runs[0] for row in alone.rows] == [row.runs[number] for row in both.rows]
    assert all(row.spread.mpjpe > 0 for row in both.rows)


def test_variants_do_not_influence_each_other(source, target):
    one, other = small(source, target, "bones"), small(source, target, "exact", "bones")
    assert one.rows[1] == other.rows[2]
    assert [row.variant for row in other.rows] == ["source", "exact", "bones", "ceiling"]


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "match"])
def test_every_variant_has_a_row(source, target, variant):
    row = small(source, target, variant, seeds=1).rows[1]
    assert row.variant == variant
    assert 0 < row.poses <= 400
    assert 0 < row.scores.pa_mpjpe < row.scores.mpjpe


def test_a_viewpoint_that_is_matched_is_seen_as_removed(source):
    people = bodies(range(20, 28))
    target = filmed(people @ TILT, around([-0.8, 0.3, 6], len(people), 1), "target")
    level = replace(source, cameras=(replace(CAMERA, rotation=((1, 0, 0), (0, 0, -1), (0, 1, 0))),))
    level = replace(level, origin=replace(level.origin, dataset="h36m"))
    variants = {"weak": {}, "turned": {"view": "match", "target_up": tuple([0, -1, 0] @ TILT)}}
    found = mpjpes(probe(level, target, variants, **FAST))
    assert found["turned"] < found["ceiling"] + 0.3 * (found["weak"] - found["ceiling"])


def test_options_of_a_name_of_ones_own(source, target):
    found = small(source, target, seeds=1, options=AlignOptions(depth="exact"))
    named = probe(source, target, {"near": {"depth": "exact"}}, poses=400, seeds=1, features=50)
    exact = small(source, target, "exact", seeds=1)
    assert named.rows[1].runs == exact.rows[1].runs
    # A variant's own options win.
    assert found.rows[1].runs != exact.rows[1].runs


def test_joints_meet_by_name_whatever_their_order(source, target):
    reordered = target.to_skeleton(MPI_INF_3DHP17)
    assert small(source, reordered) == small(source, target)


def test_joints_that_only_one_side_has_do_not_count(source, target):
    fewer = small(source, target.to_skeleton(H36M16))
    assert fewer == small(source, target.to_skeleton(H36M16), options=AlignOptions(skeleton="h36m16"))
    assert fewer != small(source, target)


def test_a_source_of_16_joints_needs_an_output_of_16(target):
    source = datasets.source().to_skeleton(H36M16)
    with pytest.raises(SkeletonError, match="--skeleton h36m16 needs no Neck/Nose"):
        small(source, target)
    assert small(source, target, seeds=1, poses=200, options=AlignOptions(skeleton="h36m16")).rows[0].poses == 200


def test_means_spread_and_change_by_hand():
    source = Row("source", 10, (Scores(60, 40, 90, 50), Scores(64, 42, 91, 53)))
    weak = Row("weak", 9, (Scores(50, 39, 95, 60), Scores(51, 43, 95, 57)))
    found = Probe((source, weak), 10, 2, 7)
    assert source.scores == Scores(62, 41, 90.5, 51.5)
    assert source.spread == Scores(4, 2, 1, 3)
    assert found.change(weak) == Scores(-11.5, 0, 4.5, 7)
    assert found.as_json() == {
        "schema": "poseda.probe/1",
        "rows": [
            {
                "variant": "source",
                "mpjpe": 62.0,
                "pa_mpjpe": 41.0,
                "pck": 90.5,
                "auc": 51.5,
                "spread": {"mpjpe": 4.0, "pa_mpjpe": 2.0, "pck": 1.0, "auc": 3.0},
                "change": {"mpjpe": 0.0, "pa_mpjpe": 0.0, "pck": 0.0, "auc": 0.0},
                "poses": 10,
            },
            {
                "variant": "weak",
                "mpjpe": 50.5,
                "pa_mpjpe": 41.0,
                "pck": 95.0,
                "auc": 58.5,
                "spread": {"mpjpe": 1.0, "pa_mpjpe": 4.0, "pck": 0.0, "auc": 3.0},
                "change": {"mpjpe": -11.5, "pa_mpjpe": 0.0, "pck": 4.5, "auc": 7.0},
                "poses": 9,
            },
        ],
        "poses": 10,
        "seeds": 2,
        "scored": 7,
    }


def test_figures_are_millimetres_and_percent(source, target):
    for row in small(source, target).rows:
        assert 5 < row.scores.pa_mpjpe < row.scores.mpjpe < 2000
        assert 0 <= row.scores.auc < row.scores.pck <= 100


@pytest.mark.parametrize(
    ("variants", "named", "message"),
    [
        (("weka",), {}, r"no variant weka; there are weak, exact, .*\. Did you mean weak\?"),
        ({"source": {}}, {}, "source is in every table"),
        ({"two": {"copies": 2}}, {}, "two: probe aligns each pose once"),
        ({"flat": {"screen": "axes"}}, {}, "flat: skeleton, screen, intrinsics are the same for all variants"),
        (("weak",), {"poses": 99}, "poses is 99, expected at least 100"),
        (("weak",), {"seeds": 0}, "seeds is 0, expected at least 1"),
        (("weak",), {"features": 0}, "features is 0, expected at least 1"),
    ],
)
def test_wrong_usage_is_told_of(source, target, variants, named, message):
    with pytest.raises(UsageError, match=message):
        probe(source, target, variants, **named)


def test_sides_that_lack_what_they_need_are_refused(source, target):
    with pytest.raises(InputError, match="source: 2D poses only; the source needs 3D"):
        small(replace(source, poses_3d=None), target)
    with pytest.raises(InputError, match="target: 2D poses only; the target of a probe needs 3D poses to score"):
        small(source, replace(target, poses_3d=None))
    with pytest.raises(InputError, match="target: 3D poses only; the target needs 2D"):
        small(source, replace(target, poses_2d=None))
    with pytest.raises(InputError, match="3D relative to the root, and no 2D"):
        small(replace(source, poses_2d=None, absolute=False), target)
    with pytest.raises(InputError, match="is both source and target"):
        small(source, source)


def test_a_source_relative_to_its_roots_will_do_with_2d(source, target):
    assert small(source, target) == small(replace(source, absolute=False), target)


def test_a_stated_camera_replaces_those_of_the_target(source, target):
    unknown = replace(target, cameras=(Camera("c"),))
    found = small(source, unknown, options=AlignOptions(intrinsics=CAMERA.intrinsics))
    assert found == small(source, target)


def test_progress_counts_lifters(source, target):
    counted = []

    class Stage:
        def __init__(self, label, total, unit):
            counted.append((label, total, unit))

        def __enter__(self):
            return counted.append

        def __exit__(self, *error):
            pass

    small(source, target, progress=Stage)
    assert counted == [("probing", 6, "lifters"), *[1] * 6]
