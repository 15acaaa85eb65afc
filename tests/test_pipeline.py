from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.dataset import InputFile
from poseda_cli.errors import InputError, SkeletonError, UsageError
from poseda_cli.options import AlignOptions
from poseda_cli.pipeline import prepare
from poseda_cli.skeleton import H36M16, H36M17
from tests import datasets
from tests.paper import align_poses, box_size, pinhole

# 3dhp17 index of each joint of h36m17, as the field's loaders have it.
TO_H36M17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]


@pytest.fixture
def source():
    return datasets.source()


@pytest.fixture
def target():
    return datasets.target()


def lens(camera, screen):
    """fx, fy, cx, cy of a camera, normalised by hand."""
    i = camera.intrinsics
    wide, high = (i.width, i.width) if screen == "aspect" else (i.width, i.height)
    shift = i.height / wide if screen == "aspect" else 1
    return [i.fx * 2 / wide, i.fy * 2 / high, i.cx * 2 / wide - 1, i.cy * 2 / high - shift]


def normalised(pixels, camera, screen):
    i = camera.intrinsics
    if screen == "aspect":
        return pixels / i.width * 2 - [1, i.height / i.width]
    return pixels / [i.width, i.height] * 2 - 1


@pytest.mark.parametrize("screen", ["aspect", "axes"])
def test_every_row_is_the_papers_formula_with_its_own_target_and_camera(source, target, screen):
    aligned = poseda.align(source, target, screen=screen, seed=5)
    wanted, cameras = [], []
    for row in aligned.target_index:
        camera = datasets.TARGET_CAMERAS[target.camera[row]]
        wanted.append(normalised(target.poses_2d[row][TO_H36M17], camera, screen))
        cameras.append(lens(camera, screen))
    expected = align_poses(source.poses_3d[aligned.source_index], wanted, cameras)
    np.testing.assert_allclose(aligned.poses_3d, expected, atol=2e-5)
    pixels = [[getattr(aligned.cameras[c].intrinsics, k) for k in ("fx", "fy", "cx", "cy")] for c in aligned.camera]
    np.testing.assert_allclose(aligned.poses_2d, pinhole(aligned.poses_3d, pixels), atol=2e-3)
    assert len(set(aligned.target_index.tolist())) == len(target)


def test_exact_depth_meets_the_targets_size_whatever_the_camera(source, target):
    aligned = poseda.align(source, target, depth="exact")
    found = box_size(aligned.poses_2d.astype(float))
    wanted = box_size(target.poses_2d[aligned.target_index].astype(float))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert aligned.summary["fit"]["scale_relative_error"]["max"] < 1e-4
    assert aligned.summary["distributions"]["scale"]["wasserstein"]["after"] < 1e-4


def test_roots_coincide_with_the_targets(source, target):
    aligned = poseda.align(source, target, seed=1)
    roots = target.poses_2d[aligned.target_index, 14]
    np.testing.assert_allclose(aligned.poses_2d[:, 0], roots, atol=5e-3)
    # 240 source poses over 30 targets: each is used 8 times, so that the distributions are the same.
    assert aligned.summary["fit"]["root_error_max"] < 1e-5
    for name in ("root_x", "root_y"):
        assert aligned.summary["distributions"][name]["wasserstein"]["after"] < 1e-5


def test_targets_are_used_equally_often(source, target):
    uses = np.bincount(poseda.align(source, target).target_index)
    assert set(uses.tolist()) == {8}


def test_indices_are_those_as_read(source, target):
    chosen = source.select(subjects=["S5"], stride=2)
    aims = target.select(subjects=["TS5"], stride=4)
    aligned = poseda.align(chosen, aims)
    body = aligned.poses_3d - aligned.poses_3d[:, :1]
    original = source.poses_3d[aligned.source_index]
    np.testing.assert_allclose(body, original - original[:, :1], atol=2e-6)
    assert set(aligned.target_index.tolist()) == set(range(15, 30, 4))
    assert {aligned.cameras[row].name for row in aligned.camera} == {"tele"}


def test_copies_follow_each_other_and_differ(source, target):
    aligned = poseda.align(source, target, copies=3)
    assert len(aligned) == 3 * len(source)
    np.testing.assert_array_equal(aligned.source_index, np.tile(np.arange(240), 3))
    draws = aligned.target_index.reshape(3, -1)
    assert not (draws[0] == draws[1]).all()
    assert [s.copy for s in aligned.sequences] == [0] * 12 + [1] * 12 + [2] * 12
    np.testing.assert_array_equal(draws[0], poseda.align(source, target).target_index)


def test_the_source_can_come_along_unaligned(source, target):
    aligned = poseda.align(source, target, include_source=True)
    assert (aligned.target_index[:240] == -1).all()
    np.testing.assert_array_equal(aligned.poses_3d[:240], source.poses_3d)
    lenses = [aligned.cameras[row] for row in aligned.camera[:240]]
    assert lenses == [source.cameras[row] for row in source.camera]
    pixels = [[getattr(c.intrinsics, k) for k in ("fx", "fy", "cx", "cy")] for c in lenses]
    np.testing.assert_allclose(aligned.poses_2d[:240], pinhole(source.poses_3d, pixels), atol=2e-3)
    assert [s.copy for s in aligned.sequences] == [-1] * 12 + [0] * 12
    alone = poseda.align(source, target)
    np.testing.assert_array_equal(aligned.poses_3d[240:], alone.poses_3d)
    assert aligned.summary["distributions"] == alone.summary["distributions"]


@pytest.mark.parametrize("depth", ["weak", "exact"])
def test_neither_chunks_nor_threads_change_a_bit(source, target, depth):
    options = AlignOptions(depth=depth, copies=2, include_source=True)
    reference = None
    for jobs, chunk in ((1, 65_536), (2, 65_536), (2, 7), (1, 241)):
        plan = prepare(source, target, options, jobs=jobs, chunk=chunk)
        columns = [
            parts[0] if parts[0] is None else np.concatenate(parts).tobytes()
            for parts in zip(*plan.chunks(), strict=True)
        ]
        result = (columns, plan.summary())
        reference = reference or result
        assert result == reference


def test_another_seed_is_another_draw(source, target):
    first, second = (poseda.align(source, target, seed=seed) for seed in (0, 1))
    assert (first.target_index != second.target_index).any()


def test_16_joints(source, target):
    aligned = poseda.align(source, target, skeleton="h36m16")
    assert aligned.skeleton == H36M16
    assert aligned.poses_3d.shape[1:] == (16, 3)
    kept = [joint for joint in range(17) if joint != 9]
    aims = target.poses_2d[aligned.target_index][:, TO_H36M17][:, kept]
    cameras = [lens(datasets.TARGET_CAMERAS[target.camera[row]], "aspect") for row in aligned.target_index]
    wanted = [normalised(a, datasets.TARGET_CAMERAS[target.camera[r]], "aspect")
              for a, r in zip(aims, aligned.target_index, strict=True)]  # fmt: skip
    expected = align_poses(source.poses_3d[aligned.source_index][:, kept], wanted, cameras)
    np.testing.assert_allclose(aligned.poses_3d, expected, atol=2e-5)


def test_boxes_are_taken_over_the_joints_that_both_have(source, target):
    # A target without Neck/Nose; the source's nose juts out and must not count.
    kept = [joint for joint in range(17) if joint != 9]
    aims = replace(target.to_skeleton(H36M17).to_skeleton(H36M16))
    jutting = source.poses_3d.copy()
    jutting[:, 9, 0] += 3
    aligned = poseda.align(replace(source, poses_3d=jutting), aims, depth="exact")
    found = box_size(aligned.poses_2d[:, kept].astype(float))
    np.testing.assert_allclose(found, box_size(aims.poses_2d[aligned.target_index].astype(float)), rtol=1e-4)


def spoiled(dataset, column, rows, values):
    poses = getattr(dataset, column).copy()
    for row, value in zip(rows, values, strict=True):
        poses[row] = value
    return replace(dataset, **{column: poses})


def test_invalid_poses_are_dropped_and_counted_by_reason(source, target):
    bad_source = spoiled(source, "poses_3d", [3, 100, 101], [np.nan, 1.0, np.inf])
    bad_target = spoiled(target, "poses_2d", [0, 29], [np.nan, 5.0])
    aligned = poseda.align(bad_source, bad_target)
    assert aligned.summary["output"]["dropped"] == {"source_invalid": 3, "target_invalid": 2, "behind_camera": 0}
    assert len(aligned) == 237
    assert not {3, 100, 101} & set(aligned.source_index.tolist())
    assert not {0, 29} & set(aligned.target_index.tolist())
    assert np.isfinite(aligned.poses_3d).all()
    assert np.isfinite(aligned.poses_2d).all()
    assert [s.length for s in aligned.sequences] == [19, 20, 20, 20, 20, 18, 20, 20, 20, 20, 20, 20]


def test_invalid_poses_do_not_change_the_draw_of_the_others(source, target):
    clean = poseda.align(source, target)
    aligned = poseda.align(spoiled(source, "poses_3d", [3], [np.nan]), target)
    kept = np.delete(np.arange(240), 3)
    np.testing.assert_array_equal(aligned.target_index, clean.target_index[kept])


def test_a_joint_behind_the_camera_is_dropped(source, target):
    # A target so large that its weak depth is nearer than the body is deep.
    huge = replace(target, poses_2d=target.poses_2d * 8)
    aligned = poseda.align(source, huge)
    dropped = aligned.summary["output"]["dropped"]["behind_camera"]
    assert dropped > 0
    assert len(aligned) == 240 - dropped
    assert (aligned.poses_3d[..., 2] > 0).all()


@pytest.mark.parametrize(
    ("side", "rows", "value", "message"),
    [
        ("source", [24], np.nan, "source.npz: 1 source poses have numbers that are not finite; "
         "the first is S1 Walking 1, camera right, row 24 as read"),
        ("target", [16], 0.0, "target.mat: 1 target poses have no extent; .* TS5 Seq1, camera tele, row 16 as read"),
    ],
)  # fmt: skip
def test_invalid_poses_can_be_an_error(source, target, side, rows, value, message):
    if side == "source":
        source = spoiled(source, "poses_3d", rows, [value])
    else:
        target = spoiled(target, "poses_2d", rows, [value])
    with pytest.raises(InputError, match=message):
        poseda.align(source, target, invalid="error")


def test_poses_behind_the_camera_can_be_an_error(source, target):
    with pytest.raises(InputError, match="a joint behind the camera"):
        poseda.align(source, replace(target, poses_2d=target.poses_2d * 8), invalid="error")


def test_nothing_valid_is_an_error(source, target):
    with pytest.raises(InputError, match="source.npz: no source pose is valid; all 240"):
        poseda.align(replace(source, poses_3d=source.poses_3d * np.nan), target)
    with pytest.raises(InputError, match="target.mat: no target pose is valid; all 30"):
        poseda.align(source, replace(target, poses_2d=target.poses_2d * 0))


def test_sides_need_what_they_are_for(source, target):
    flat = replace(target, poses_3d=None, origin=replace(target.origin, files=(InputFile("flat.npz", 1, "cc"),)))
    with pytest.raises(InputError, match="flat.npz: 2D poses only; the source needs 3D"):
        poseda.align(flat, target)
    with pytest.raises(InputError, match="other.npz: 3D poses only; the target needs 2D poses"):
        poseda.align(source, replace(source, origin=replace(source.origin, files=(InputFile("other.npz", 1, "dd"),))))


def test_exchanged_sides_are_noticed(source, target):
    with pytest.raises(InputError, match="Source and target look exchanged"):
        poseda.align(target, source)


def test_one_file_on_both_sides_is_noticed(target):
    with pytest.raises(InputError, match="target.mat is both source and target"):
        poseda.align(target, target)


def test_an_unknown_target_camera_needs_intrinsics(source, target):
    unknown = replace(target, cameras=(Camera("phone"), target.cameras[1]))
    with pytest.raises(InputError, match="target.mat: the camera of phone is not known.*--intrinsics"):
        poseda.align(source, unknown)
    # Not used, not needed.
    assert len(poseda.align(source, unknown.select(subjects=["TS5"]))) == 240
    given = Intrinsics(1300.0, 1250.0, 900.0, 500.0, 1920, 1080)
    aligned = poseda.align(source, unknown, intrinsics=given)
    assert {camera.intrinsics for camera in aligned.cameras} == {given}
    row = [[given.fx, given.fy, given.cx, given.cy]] * len(aligned)
    np.testing.assert_allclose(aligned.poses_2d, pinhole(aligned.poses_3d, row), atol=2e-3)
    np.testing.assert_allclose(aligned.poses_2d[:, 0], target.poses_2d[aligned.target_index, 14], atol=5e-3)
    assert any("--intrinsics" in note for note in aligned.summary["target"]["notes"])


@pytest.mark.parametrize(
    "options", [{"copies": 0}, {"seed": -1}, {"depth": "deep"}, {"skeleton": "coco"}, {"screen": "both"}]
)
def test_options_out_of_range(source, target, options):
    with pytest.raises(UsageError):
        poseda.align(source, target, **options)


def test_17_joints_cannot_be_made_of_16(source, target):
    with pytest.raises(SkeletonError, match="source.npz: .*no joint for Neck/Nose.*--skeleton h36m16"):
        poseda.align(source.to_skeleton(H36M16), target)


def test_the_summary_describes_the_run(source, target):
    summary = poseda.align(source.select(stride=2), target, seed=9, copies=2).summary
    assert summary["schema"] == "poseda.summary/1"
    assert summary["seed"] == 9
    assert summary["options"]["copies"] == 2
    assert summary["options"]["stride"] == 2
    assert summary["source"]["paths"] == ["source.npz"]
    assert summary["source"]["sha256"] == ["aa"]
    assert summary["source"]["poses"] == 120
    assert summary["target"]["sequences"] == 2
    assert summary["output"]["poses"] == 240


def test_the_summarys_distributions_are_those_of_the_poses(source, target):
    aligned = poseda.align(source, target)
    sizes = np.array([[c.intrinsics.width, c.intrinsics.height] for c in aligned.cameras])[aligned.camera]
    image = aligned.poses_2d / sizes[:, None, :1] * 2 - (sizes / sizes[:, :1])[:, None]
    found = aligned.summary["distributions"]
    assert found["scale"]["aligned"]["mean"] == pytest.approx(box_size(image).mean() / 2, abs=1e-5)
    assert found["root_y"]["aligned"]["p95"] == pytest.approx(np.quantile(image[:, 0, 1], 0.95), abs=1e-5)
    pixels = [[getattr(source.cameras[c].intrinsics, k) for k in ("fx", "fy", "cx", "cy")] for c in source.camera]
    own = pinhole(source.poses_3d, pixels) / 1000 * 2
    assert found["scale"]["source"]["mean"] == pytest.approx(box_size(own).mean() / 2, abs=1e-5)
    assert found["depth"]["source"]["max"] == pytest.approx(source.poses_3d[:, 0, 2].max())
    outside = ((aligned.poses_2d < 0) | (aligned.poses_2d >= sizes[:, None])).any((1, 2))
    assert aligned.summary["fit"]["out_of_frame"] == pytest.approx(outside.mean())


def test_inputs_are_not_changed(source, target):
    before = source.poses_3d.copy(), target.poses_2d.copy()
    poseda.align(source, target, include_source=True, copies=2)
    np.testing.assert_array_equal(source.poses_3d, before[0])
    np.testing.assert_array_equal(target.poses_2d, before[1])


def test_a_part_of_an_aligned_data_set_is_a_plain_one(source, target, tmp_path):
    aligned = poseda.align(source, target)
    part = aligned.select(subjects=["S5"], stride=2)
    assert type(part) is poseda.PoseDataset
    np.testing.assert_array_equal(part.poses_3d, aligned.poses_3d[part.rows])
    assert aligned.to_skeleton(H36M16).poses_3d.shape[1] == 16
    poseda.write(part, tmp_path / "out")
    np.testing.assert_array_equal(poseda.read(tmp_path / "out").poses_3d, part.poses_3d)


def test_the_recorded_selection_is_the_same_however_it_was_made(source, target):
    once = poseda.align(source.select(subjects=["S5"], stride=6), target).provenance
    twice = poseda.align(source.select(subjects=["S5"]).select(stride=2).select(stride=3), target.select()).provenance
    assert once == twice
    assert once["options"]["subjects"] == ["S5"]
    assert once["options"]["stride"] == 6


def test_intrinsics_of_images_of_another_size_are_refused(source, target):
    unknown = replace(target, cameras=tuple(Camera(camera.name, size=(640, 480)) for camera in target.cameras))
    with pytest.raises(InputError, match=r"are 640 x 480, --intrinsics says 1920 x 1080"):
        poseda.align(source, unknown, intrinsics=Intrinsics(1500, 1500, 960, 540, 1920, 1080))
    aligned = poseda.align(source, unknown, intrinsics=Intrinsics(500, 500, 320, 240, 640, 480))
    assert len(aligned) == len(source)


def test_no_more_cameras_than_the_output_can_point_to(source, target):
    many = replace(source, cameras=source.cameras * 32_768)
    poseda.align(many, target)
    with pytest.raises(InputError, match=r"65,538 cameras together; the limit is 65,536"):
        poseda.align(many, target, include_source=True)


def test_many_copies_are_one_after_the_other_what_they_are_alone(source, target):
    every = poseda.align(source, target, copies=19)
    for copy in (0, 7, 8, 18):
        rows = slice(copy * len(source), (copy + 1) * len(source))
        alone = poseda.align(source, target, copies=copy + 1)
        np.testing.assert_array_equal(every.poses_3d[rows], alone.poses_3d[-len(source) :])
        np.testing.assert_array_equal(every.target_index[rows], alone.target_index[-len(source) :])
