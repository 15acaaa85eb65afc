from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

import poseda_cli as poseda
from poseda_cli.cameras import Camera
from poseda_cli.comparison import compare, with_image_size
from poseda_cli.dataset import InputFile, Origin
from poseda_cli.errors import InputError, SkeletonError, UsageError
from poseda_cli.skeleton import COCO17, H36M16, SKELETONS
from tests import datasets
from tests.layouts import writers as w
from tests.layouts.test_all_layouts import WRITERS
from tests.paper import pinhole

QUANTITIES = ("scale", "root_x", "root_y", "aspect")


@pytest.fixture
def source():
    return datasets.source()


@pytest.fixture
def target():
    return datasets.target()


def quantities(points, sizes, screen="aspect"):
    """Scale, root x and y, aspect of (N, J, 2) pixels whose first joint is the pelvis, in images of `sizes`, (N, 2)."""
    sizes = np.asarray(sizes, float)
    half = sizes / 2 if screen == "axes" else sizes[:, :1] / 2
    wide, high = (np.ptp(np.asarray(points, float), axis=1) / half).T
    x, y = ((points[:, 0] - sizes / 2) / half).T
    return {"scale": (wide + high) / 2, "root_x": x, "root_y": y, "aspect": wide / high}


def scipys(first, second):
    """Wasserstein-1 and Kolmogorov-Smirnov distance."""
    with warnings.catch_warnings(action="ignore"):  # about the p-value, which nobody asked for
        ks = stats.ks_2samp(first, second, method="asymp").statistic
    return stats.wasserstein_distance(first, second), ks


def lens_table(dataset):
    lenses = [c.intrinsics for c in dataset.cameras]
    table = np.array([(i.fx, i.fy, i.cx, i.cy, i.width, i.height) for i in lenses])
    return table[dataset.camera]


def distances(comparison):
    return {name: [comparison["distributions"][name][of] for of in ("wasserstein", "ks")] for name in QUANTITIES}


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_projected_3d_and_2d_of_another_skeleton_against_scipy(source, target, screen):
    a, b = lens_table(source), lens_table(target)
    first = quantities(pinhole(source.poses_3d, a[:, :4]), a[:, 4:], screen)
    # All 17 joints of the one are joints of the other; the pelvis is number 14.
    second = quantities(np.roll(target.poses_2d, -14, axis=1), b[:, 4:], screen)
    found = compare(source, target, screen=screen)
    assert found["options"] == {"screen": screen, "image_size": None}
    for name in QUANTITIES:
        entry = found["distributions"][name]
        wasserstein, ks = scipys(first[name], second[name])
        assert entry["wasserstein"] == pytest.approx(wasserstein, abs=1e-6)
        assert entry["ks"] == pytest.approx(ks, abs=1e-9)
        for side, values in (("a", first[name]), ("b", second[name])):
            assert entry[side]["mean"] == pytest.approx(values.mean(), abs=1e-6)
            assert entry[side]["std"] == pytest.approx(values.std(), abs=1e-6)
            assert entry[side]["p05"] == pytest.approx(np.quantile(values, 0.05), abs=1e-5)
            assert sum(entry["histogram"][side]) == pytest.approx(len(values), abs=2)


def test_extents_are_of_the_joints_that_both_have(source, target):
    """Without Neck/Nose on one side the other is measured without it, too."""
    sixteen = source.to_skeleton(H36M16)
    points = target.poses_2d.copy()
    points[:, 16] = 0  # far outside of everybody
    found = compare(sixteen, replace(target, poses_2d=points))
    assert distances(found) == distances(compare(sixteen, target))
    assert found["b"]["measured"] == len(target)
    assert distances(compare(source, replace(target, poses_2d=points))) != distances(compare(source, target))


def test_depth_is_that_of_the_roots_where_there_is_3d(source, target):
    depth = compare(source, replace(target, poses_3d=None))["distributions"]["depth"]
    assert depth["a"]["mean"] == pytest.approx(source.poses_3d[:, 0, 2].mean(dtype=float), abs=1e-6)
    assert depth["a"]["max"] == source.poses_3d[:, 0, 2].max()
    assert depth["b"] == {}
    relative = compare(source, replace(target, absolute=False))["distributions"]["depth"]
    assert relative["b"] == {}


def test_every_skeleton_with_a_pelvis_has_it_as_its_root():
    for skeleton in SKELETONS.values():
        assert "Hip" not in skeleton.position or skeleton.root == skeleton.position["Hip"]


@pytest.mark.parametrize("side", [datasets.source, datasets.target])
def test_a_data_set_is_at_no_distance_from_itself(side):
    found = compare(side(), side())
    for name in QUANTITIES:
        wasserstein, ks = distances(found)[name]
        assert wasserstein == pytest.approx(0, abs=1e-15)
        assert ks == 0
        assert found["distributions"][name]["a"] == found["distributions"][name]["b"]


def test_either_side_may_come_first(source, target):
    there, back = compare(source, target), compare(target, source)
    assert distances(there) == {name: pytest.approx(pair, abs=1e-12) for name, pair in distances(back).items()}
    for name in QUANTITIES:
        assert there["distributions"][name]["a"] == back["distributions"][name]["b"]
    assert (there["a"], there["b"]) == (back["b"], back["a"])


@pytest.mark.parametrize(
    "options",
    [{}, {"screen": "axes"}, {"depth": "exact", "copies": 2}, {"skeleton": "h36m16"}],
    ids=["default", "axes", "exact, two copies", "16 joints"],
)
def test_distances_are_those_of_the_alignments_summary(source, target, options, tmp_path):
    """`before` from source to target, `after` from the output as it is read back to the target."""
    aligned = poseda.align(source, target, seed=3, **options)
    poseda.write(aligned, tmp_path / "out")
    output = poseda.read(tmp_path / "out")
    assert output.origin.layout == "poseda"
    screen = options.get("screen", "aspect")
    joints = SKELETONS[options.get("skeleton", "h36m17")]
    before = compare(source.to_skeleton(joints), target, screen=screen)["distributions"]
    after = compare(output, target, screen=screen)["distributions"]
    directly = compare(aligned, target, screen=screen)["distributions"]
    expected = aligned.summary["distributions"]
    for name in QUANTITIES:
        for of in ("wasserstein", "ks"):
            assert before[name][of] == pytest.approx(expected[name][of]["before"], abs=1e-6)
            assert directly[name][of] == pytest.approx(expected[name][of]["after"], abs=1e-6)
        assert after[name]["wasserstein"] == pytest.approx(expected[name]["wasserstein"]["after"], abs=1e-6)
        # Roots coincide with the target's: rounding to pixels and back decides which of two comes first.
        if not name.startswith("root"):
            assert after[name]["ks"] == pytest.approx(expected[name]["ks"]["after"], abs=1e-6)
        assert before[name]["a"] == pytest.approx(expected[name]["source"], abs=1e-6)
        assert after[name]["a"] == pytest.approx(expected[name]["aligned"], abs=1e-6)
    assert after["depth"]["a"] == pytest.approx(expected["depth"]["aligned"], abs=1e-5)


# Of each kind one: Human3.6M with 17 and 16 joints, several image sizes, relative 3D beside 2D, 3D alone, no data set.
LAYOUTS = ("H2", "H4 detections", "H9", "D1", "D3", "D6", "D12 test", "H1", "D11 3D", "COCO annotations", "plain npz")
MPI_JOINTS = [w.H36M_JOINTS[joint] for joint in w.MPI17_OF_H36M17]


def known_points(known):
    """(N, J, 2) pixels by the name of their joints, and (N, 2) sizes, of what a writer of tests says it wrote."""
    rows = [(camera, length) for _, _, camera, length in known.sequences]
    lenses = {camera: lens or (0, 0, 0, 0, *map(int, camera.split("x"))) for camera, lens in known.lenses.items()}
    table = np.repeat([lenses[camera] for camera, _ in rows], [length for _, length in rows], axis=0)
    points = known.poses_2d if known.poses_2d is not None else distorted(known, table, rows)
    joints = MPI_JOINTS if known.joints == w.MPI_JOINTS else known.joints
    return dict(zip(joints, points.transpose(1, 0, 2), strict=True)), table[:, 4:]


def distorted(known, table, rows):
    """3D as its cameras see it: those of Human3.6M with their distortion."""
    if known.dataset != "h36m":
        return pinhole(known.poses_3d, table[:, :4])
    parts = np.split(known.poses_3d, np.cumsum([length for _, length in rows])[:-1])
    return np.concatenate([w.h36m_pixels(part, camera) for part, (camera, _) in zip(parts, rows, strict=True)])


@pytest.mark.parametrize(("a", "b"), list(pairwise((*LAYOUTS, LAYOUTS[0]))))
def test_pairs_of_layouts_against_scipy(a, b, tmp_path):
    known = []
    for name, side in ((a, "a"), (b, "b")):
        (tmp_path / side).mkdir()
        known.append(known_points(WRITERS[name](tmp_path / side)))
    shared = ["Hip", *(joint for joint in known[0][0] if joint in known[1][0] and joint != "Hip")]
    assert len(shared) >= 16
    first, second = (quantities(np.stack([points[j] for j in shared], 1), sizes) for points, sizes in known)
    found = compare(poseda.read(tmp_path / "a"), poseda.read(tmp_path / "b"))
    for name in QUANTITIES:
        entry = found["distributions"][name]
        assert entry["wasserstein"] == pytest.approx(scipys(first[name], second[name])[0], abs=2e-5)
        assert [entry[side]["mean"] for side in "ab"] == pytest.approx(
            [first[name].mean(), second[name].mean()], abs=2e-5
        )
    assert [found[side]["measured"] for side in "ab"] == [len(first["scale"]), len(second["scale"])]


def test_the_document_says_what_was_compared_and_can_be_json(source, target):
    chosen = source.select(subjects=["S5"], cameras=["right"], stride=2)
    found = compare(chosen, target)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["schema", "version", "options", "a", "b", "distributions"]
    assert found["schema"] == "poseda.comparison/1"
    a, b = found["a"], found["b"]
    assert a["options"] == {"subjects": ["S5"], "actions": [], "cameras": ["right"], "stride": 2}
    assert (a["paths"], a["sha256"], a["layout"], a["dataset"]) == (["source.npz"], ["aa"], "test", "h36m")
    assert (a["of"], a["poses"], a["measured"]) == ("projection", 30, 30)
    assert (b["of"], b["poses"], b["measured"]) == ("2d", 30, 30)
    assert set(found["distributions"]) == {*QUANTITIES, "depth"}


def test_poses_without_a_box_are_left_out(source, target):
    points = target.poses_2d.copy()
    points[3, 2] = np.nan
    points[9] = points[9, 0]
    found = compare(source, replace(target, poses_2d=points))
    kept = np.delete(np.arange(len(target)), [3, 9])
    expected = quantities(np.roll(points[kept], -14, axis=1), lens_table(target)[kept, 4:])
    assert (found["b"]["poses"], found["b"]["measured"]) == (30, 28)
    for name in QUANTITIES:
        assert found["distributions"][name]["b"]["mean"] == pytest.approx(expected[name].mean(), abs=1e-6)


def test_boxes_without_height_have_no_aspect_and_no_distance_of_it(source, target):
    points = target.poses_2d.copy()
    points[..., 1] = 500
    found = compare(source, replace(target, poses_2d=points))["distributions"]
    assert found["aspect"]["b"] == {}
    assert (found["aspect"]["wasserstein"], found["aspect"]["ks"]) == (None, None)
    assert found["scale"]["wasserstein"] > 0


def without_sizes(target):
    return replace(target, cameras=tuple(Camera(camera.name) for camera in target.cameras))


def test_an_image_size_is_taken_where_none_is_known(source, target):
    half_known = replace(target, cameras=(Camera("wide"), target.cameras[1]))
    found = compare(source, half_known, image_size=(1024, 768))
    sizes = np.where(target.camera[:, None] == 0, [1024, 768], [1920, 1080])
    expected = quantities(np.roll(target.poses_2d, -14, axis=1), sizes)
    for name in QUANTITIES:
        assert found["distributions"][name]["b"]["mean"] == pytest.approx(expected[name].mean(), abs=1e-6)
    assert found["options"]["image_size"] == [1024, 768]
    assert found["b"]["notes"] == ["images of camera wide are taken to be 1024 x 768, as --image-size says"]
    assert found["a"]["notes"] == ["metres"]


def test_a_data_set_whose_image_sizes_are_known_stays_as_it_is(target):
    assert with_image_size(target, (640, 480)) is target
    sized = with_image_size(without_sizes(target), (640, 480))
    assert with_image_size(sized, (1, 1)) is sized
    assert {camera.size for camera in sized.cameras} == {(640, 480)}


@pytest.mark.parametrize("size", [(0, 480), (640, -1), (100_001, 480)])
def test_an_image_has_a_size(source, target, size):
    with pytest.raises(UsageError, match=f"image size {size[0]},{size[1]}: expected width and height in pixels"):
        compare(source, without_sizes(target), image_size=size)


def test_a_normalisation_that_there_is_not(source, target):
    with pytest.raises(UsageError, match="screen is 'wide', expected aspect, axes"):
        compare(source, target, screen="wide")


def test_what_cannot_be_seen_is_refused(source, target):
    cameras = (source.cameras[0], Camera("right"))
    no_box = replace(target, poses_2d=np.full_like(target.poses_2d, 3))
    behind = replace(source, poses_3d=source.poses_3d * np.float32([1, 1, -1]))
    coco = replace(target, skeleton=COCO17)
    for wrong, error, message in (
        (replace(source, absolute=False), InputError, "npz: 3D poses relative to the root, and no 2D"),
        (
            replace(source, cameras=cameras),
            InputError,
            "3D poses without 2D, and the intrinsics of camera right are not known",
        ),
        (without_sizes(target), InputError, "mat: the image size of camera wide, tele .* --image-size WIDTH,HEIGHT"),
        (no_box, InputError, "target.mat: none of its 30 poses is finite, before the camera, and of any extent"),
        (behind, InputError, "source.npz: none of its 240 poses is finite, before the camera"),
        (coco, SkeletonError, "target.mat: coco17 has no pelvis"),
    ):
        for sides in ((wrong, target), (source, wrong)):
            with pytest.raises(error, match=message):
                compare(*sides)


def test_a_camera_of_several_subjects_is_named_once(source, target):
    cameras = (Camera("54138969"), Camera("54138969"))
    with pytest.raises(InputError, match="image size of camera 54138969 is not known"):
        compare(source, replace(target, cameras=cameras))


def test_threads_have_no_influence(source, target):
    assert compare(source, target, jobs=1) == compare(source, target, jobs=3)


def test_files_are_named_without_the_place_they_lie_in(tmp_path, target):
    w.write_d3(tmp_path / "deep" / "TS1" / "annot_data.mat", w.mpi_view(6), w.CAMERA_8)
    found = compare(poseda.read(tmp_path / "deep"), target)
    assert found["a"]["paths"] == ["deep/TS1/annot_data.mat"]
    assert str(tmp_path) not in json.dumps(found)


def test_origin_of_what_is_in_memory():
    alone = replace(datasets.target(), origin=Origin("test", files=(InputFile("x", 1, "cc"),)))
    assert poseda.compare(alone, alone)["a"]["paths"] == ["x"]


def test_progress_counts_every_pose_and_every_quantity(source, target):
    said = {}

    @contextmanager
    def progress(label, total, unit="poses"):
        steps = said.setdefault((label, total, unit), [])
        yield steps.append

    compare(source, target, progress=progress, jobs=2)
    assert {stage: sum(steps) for stage, steps in said.items()} == {
        ("measuring", len(source), "poses"): len(source),
        ("measuring", len(target), "poses"): len(target),
        ("comparing", 5, "quantities"): 5,
    }
