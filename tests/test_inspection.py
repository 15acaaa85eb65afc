"""Figures against hand computation on a body whose lengths are written down; every problem, and its absence."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from poseda_cli import inspection
from poseda_cli.blocks import BLOCK
from poseda_cli.cameras import Camera, Distortion, Intrinsics
from poseda_cli.dataset import Origin, PoseDataset, Problem, Sequence
from poseda_cli.inspection import inspect
from poseda_cli.skeleton import H36M16, H36M17, MPI_INF_3DHP17
from tests.layouts import writers as w
from tests.paper import pinhole

# Metres, relative to the pelvis; x right, y down: upright, with the right side at smaller x. Thighs 0.45,
# shins 0.4, upper arms 0.3, forearms 0.25, spine 0.2 + 0.3, head 0.25 above the thorax; hips 0.2 apart.
BODY = {
    "Hip": (0, 0, 0), "RHip": (-0.1, 0, 0), "RKnee": (-0.1, 0.45, 0), "RFoot": (-0.1, 0.85, 0),
    "LHip": (0.1, 0, 0), "LKnee": (0.1, 0.45, 0), "LFoot": (0.1, 0.85, 0),
    "Spine": (0, -0.2, 0), "Thorax": (0, -0.5, 0), "Neck/Nose": (0, -0.6, 0), "Head": (0, -0.75, 0),
    "LShoulder": (0.15, -0.5, 0), "LElbow": (0.15, -0.2, 0), "LWrist": (0.15, 0.05, 0),
    "RShoulder": (-0.15, -0.5, 0), "RElbow": (-0.15, -0.2, 0), "RWrist": (-0.15, 0.05, 0),
}  # fmt: skip
HEIGHT = 0.4 + 0.45 + 0.2 + 0.3 + 0.25
LENS = (1000.0, 1100.0, 510.0, 490.0)
CAMERA = Camera("one", Intrinsics(*LENS, 1000, 1000))
DEPTHS = (3.0, 4.0, 5.0, 6.0)


def body(**changes):
    """(17, 3) the body, some joints elsewhere; `/` of a name is left out."""
    joints = {**BODY, **{("Neck/Nose" if name == "NeckNose" else name): place for name, place in changes.items()}}
    return np.array([joints[name] for name in H36M17.joints], float)


def data(pose=None, depths=DEPTHS, camera=CAMERA, dataset=None, pixels=None, **columns):
    """One pose at several depths before a camera, in one sequence; 2D is its linear projection."""
    pose = body() if pose is None else pose
    poses = pose + np.array([(0.1, 0.05, depth) for depth in depths]).reshape(-1, 1, 3)
    count = len(poses)
    pixels = pinhole(poses, [LENS] * count) if pixels is None else pixels
    given = {"poses_3d": poses.astype(np.float32), "poses_2d": np.asarray(pixels, np.float32), **columns}
    return PoseDataset(
        skeleton=H36M17,
        camera=np.zeros(count, np.uint16),
        cameras=(camera,),
        sequences=(Sequence("S1", "Walking 1", camera.name, 0, count),) if count else (),
        origin=Origin("test", dataset),
        **given,
    )


def found(dataset):
    """Codes and severities of the problems."""
    return {problem.code: problem.severity for problem in inspect(dataset).problems}


def message(dataset, code):
    (text,) = [problem.message for problem in inspect(dataset).problems if problem.code == code]
    return text


# Figures


def test_a_sound_data_set_has_no_problem():
    assert inspect(data()).problems == ()
    assert inspect(data()).invalid_poses == 0


def test_bone_lengths_by_hand():
    lengths = inspect(data()).figures["bone_lengths_m"]
    expected = {
        "Hip-RHip": 0.1, "RHip-RKnee": 0.45, "RKnee-RFoot": 0.4, "Hip-LHip": 0.1, "LHip-LKnee": 0.45,
        "LKnee-LFoot": 0.4, "Hip-Spine": 0.2, "Spine-Thorax": 0.3, "Thorax-Neck/Nose": 0.1,
        "Neck/Nose-Head": 0.15, "Thorax-LShoulder": 0.15, "LShoulder-LElbow": 0.3, "LElbow-LWrist": 0.25,
        "Thorax-RShoulder": 0.15, "RShoulder-RElbow": 0.3, "RElbow-RWrist": 0.25,
    }  # fmt: skip
    assert lengths == pytest.approx(expected, abs=1e-6)


def test_bone_lengths_are_medians():
    poses = np.stack([body(RKnee=(-0.1, length, 0)) for length in (0.30, 0.42, 0.99)])
    figures = inspect(data(depths=(4, 4, 4), poses_3d=poses.astype(np.float32), poses_2d=None)).figures
    assert figures["bone_lengths_m"]["RHip-RKnee"] == pytest.approx(0.42, abs=1e-6)


def test_height_and_thigh_are_sums_and_means_of_both_sides():
    figures = inspect(data(body(LKnee=(0.1, 0.55, 0)))).figures
    assert inspect(data()).figures["height"] == pytest.approx(HEIGHT, abs=1e-6)
    assert figures["thigh"] == pytest.approx((0.45 + 0.55) / 2, abs=1e-6)
    assert figures["height"] == pytest.approx(HEIGHT + 0.05 - 0.05, abs=1e-6)


def test_symmetry_is_left_by_right():
    symmetry = inspect(data(body(LFoot=(0.1, 0.95, 0)))).figures["symmetry"]
    assert symmetry["LKnee-LFoot"] == pytest.approx(0.5 / 0.4, abs=1e-5)
    assert set(symmetry) == {
        "Hip-LHip", "LHip-LKnee", "LKnee-LFoot", "Thorax-LShoulder", "LShoulder-LElbow", "LElbow-LWrist"
    }  # fmt: skip
    assert symmetry["LHip-LKnee"] == 1


@pytest.mark.parametrize("skeleton", [MPI_INF_3DHP17, H36M16], ids=lambda s: s.name)
def test_figures_do_not_depend_on_the_order_of_joints(skeleton):
    expected, figures = inspect(data()).figures, inspect(data().to_skeleton(skeleton)).figures
    for name in ("height", "thigh", "root_midhip_m", "depth_m", "hips_along_shoulders", "upright"):
        assert figures[name] == pytest.approx(expected[name], abs=1e-6)
    assert inspect(data().to_skeleton(skeleton)).problems == ()


def test_bones_are_called_by_the_names_of_the_skeleton():
    figures = inspect(data().to_skeleton(MPI_INF_3DHP17)).figures
    assert figures["bone_lengths_m"]["right_hip-right_knee"] == pytest.approx(0.45, abs=1e-6)


def test_distance_of_the_root_from_the_middle_of_the_hips():
    figures = inspect(data(body(Hip=(0.003, -0.004, 0)))).figures
    assert figures["root_midhip_m"] == pytest.approx(0.005, abs=1e-6)
    assert figures["root_midhip_hips"] == pytest.approx(0.005 / 0.2, abs=1e-5)


def test_distance_of_the_root_in_2d_is_in_hip_distances():
    pixels = np.full((1, 17, 2), 500.0)
    pixels[0, [0, 1, 4]] = (500, 560), (400, 500), (600, 500)
    figures = inspect(data(depths=(4,), poses_3d=None, pixels=pixels)).figures
    assert figures["root_midhip_hips"] == pytest.approx(0.3)
    assert "root_midhip_m" not in figures
    assert "bone_lengths_m" not in figures


def test_depth_is_that_of_the_root():
    depth = inspect(data(body() + np.array([0, 0, 0.25]))).figures["depth_m"]
    assert depth == pytest.approx({"min": 3.25, "median": 4.75, "max": 6.25})
    assert "depth_m" not in inspect(data(absolute=False)).figures


def test_counts_of_numbers_that_are_not_finite():
    broken = data()
    broken.poses_3d[0, 3, 1:] = np.nan
    broken.poses_3d[2, 5, 0] = np.inf
    broken.poses_2d[2, 5] = np.nan
    result = inspect(broken)
    assert result.figures["nan_values"] == 4
    assert result.figures["infinite_values"] == 1
    assert result.figures["poses_not_finite"] == 2
    assert result.invalid_poses == 2


def test_an_invalid_pose_counts_once():
    broken = data(depths=(3, 4, 5, 6, 7))
    broken.poses_3d[0] = np.nan
    broken.poses_2d[1] = 400
    broken.poses_3d[2, 3, 2] = -1
    broken.poses_2d[0] = 300
    result = inspect(broken)
    assert result.figures["poses_not_finite"] == 1
    assert result.figures["poses_without_extent"] == 2
    assert result.figures["poses_behind_camera"] == 1
    assert result.invalid_poses == 3


def test_a_root_relative_pose_is_not_behind_the_camera():
    result = inspect(data(poses_3d=body(RKnee=(-0.1, 0.3, -0.3))[None].repeat(4, 0), absolute=False, poses_2d=None))
    assert "poses_behind_camera" not in result.figures
    assert result.invalid_poses == 0


def test_joints_outside_the_image_are_counted_one_by_one():
    pixels = np.full((5, 17, 2), 500.0)
    pixels[..., 0] += np.arange(17)
    pixels[0, 0], pixels[0, 1], pixels[2, 5] = (-0.5, 500), (500, 1000), (1e5, -1e5)
    pixels[3, 0], pixels[3, 1] = (0, 0), (999.5, 999.5)
    outside = inspect(data(depths=(3, 4, 5, 6, 7), pixels=pixels)).figures["outside_image"]
    assert outside == {
        "joints": pytest.approx(3 / 85), "poses": 0.4, "joint_count": 3, "pose_count": 2, "of": "2d"
    }  # fmt: skip


def test_without_2d_the_projected_joints_are_counted():
    # At 0.5 m the feet project to 490 + 1100 * 0.9 / 0.5 and the head to 490 - 1100 * 0.7 / 0.5.
    outside = inspect(data(depths=(0.5, 5.0), poses_2d=None)).figures["outside_image"]
    pixels = pinhole(body()[None] + [0.1, 0.05, 0.5], [LENS])[0]
    count = int(((pixels < 0) | (pixels >= 1000)).any(-1).sum())
    assert 3 <= count < 17
    assert (outside["joint_count"], outside["pose_count"], outside["of"]) == (count, 1, "projection")


def test_nothing_is_outside_an_image_of_unknown_size():
    assert "outside_image" not in inspect(data(camera=Camera("web"))).figures


def test_reprojection_of_2d_that_is_off_by_3_4_5():
    shifted = data()
    shifted.poses_2d[...] += (3, 4)
    figures = inspect(shifted).figures
    assert figures["reprojection_px"] == pytest.approx({"median": 5, "p95": 5, "max": 5}, abs=1e-3)
    assert figures["reprojection_root_px"] == pytest.approx(5, abs=1e-3)
    assert figures["reprojection_model"] == "linear"
    assert set(figures["reprojection_models_px"]) == {"linear"}
    assert figures["reprojection_outliers"] == []


def test_quantiles_of_the_reprojection():
    shifted = data(depths=np.linspace(3, 6, 100))
    errors = np.arange(1700).reshape(100, 17)
    shifted.poses_2d[..., 0] += errors
    figures = inspect(shifted).figures
    assert figures["reprojection_px"]["median"] == pytest.approx(np.median(errors), abs=1e-2)
    assert figures["reprojection_px"]["p95"] == pytest.approx(np.quantile(errors, 0.95), abs=1e-2)
    assert figures["reprojection_px"]["max"] == pytest.approx(1699, abs=1e-2)
    assert figures["reprojection_models_px"]["linear"]["mean"] == pytest.approx(errors.mean(), abs=1e-2)
    assert figures["reprojection_worst"] == "RWrist, S1 Walking 1, camera one, row 99 as read"


def lens_of(name):
    """A camera of Human3.6M, from the tests' own table."""
    numbers, k, p, size = w.H36M_LENSES[name]
    return Camera(name, Intrinsics(*numbers, *size), Distortion(k, p))


def aside(pixels):
    """Poses before a camera of Human3.6M and far off its axis, where distortion is largest."""
    poses = body() + np.array([(0.9, 0.1, depth) for depth in DEPTHS])[:, None]
    lens = w.H36M_LENSES["54138969"][0]
    image = w.h36m_pixels(poses, "54138969") if pixels == "distorted" else w.mpi_pixels(poses, lens)
    return data(camera=lens_of("54138969"), poses_3d=poses.astype(np.float32), pixels=image)


@pytest.mark.parametrize(("model", "other"), [("distorted", "linear"), ("linear", "distorted")])
def test_the_camera_model_that_fits_is_named(model, other):
    figures = inspect(aside(model)).figures
    assert figures["reprojection_model"] == model
    assert figures["reprojection_px"]["max"] < 1e-3
    poses = aside(model).poses_3d.astype(float)
    lens = w.H36M_LENSES["54138969"][0]
    apart = np.linalg.norm(w.h36m_pixels(poses, "54138969") - w.mpi_pixels(poses, lens), axis=-1)
    assert figures["reprojection_models_px"][other]["median"] == pytest.approx(np.median(apart), abs=1e-3)
    assert figures["reprojection_models_px"][other]["max"] == pytest.approx(apart.max(), abs=1e-3)


def test_the_model_of_bodies_of_another_size_is_told_by_their_roots():
    scaled = aside("distorted")
    root = scaled.poses_3d[:, :1]
    scaled = replace(scaled, poses_3d=root + (scaled.poses_3d - root) / np.float32(1.05))
    assert inspect(scaled).figures["reprojection_model"] == "distorted"
    assert inspect(scaled).figures["reprojection_root_px"] < 1e-3


def test_joints_that_miss_alone_are_named():
    shifted = data()
    shifted.poses_2d[:, [1, 4, 7]] += 1
    figures = inspect(shifted).figures
    assert figures["reprojection_outliers"] == ["RHip", "LHip", "Spine"]
    assert figures["reprojection_px"]["median"] < 1e-3
    shifted = data()
    shifted.poses_2d[:, 1] += 0.05
    assert inspect(shifted).figures["reprojection_outliers"] == []


@pytest.mark.parametrize("lacking", [{"poses_2d": None}, {"poses_3d": None}, {"absolute": False}])
def test_no_reprojection_where_3d_2d_and_camera_do_not_meet(lacking):
    assert not any(name.startswith("reprojection") for name in inspect(data(**lacking)).figures)
    assert not any(name.startswith("reprojection") for name in inspect(data(camera=Camera("web"))).figures)


def test_visible_joints():
    visible = np.ones((4, 17), bool)
    visible[0, :9] = False
    assert inspect(data(visible=visible)).figures["visible_joints"] == pytest.approx(59 / 68)
    assert "visible_joints" not in inspect(data()).figures


def test_of_many_poses_medians_are_of_some_and_counts_of_all(monkeypatch):
    monkeypatch.setattr(inspection, "MOST_ROWS", 10)
    many = data(depths=np.linspace(3, 6, 95))
    many.poses_2d[:, 3] += 7
    many.poses_2d[93, 3] += 90  # rows 0, 10, ... 90 are in the sample
    many.poses_3d[91, 4, 0] = np.nan
    many.poses_3d[92], many.poses_2d[92] = (0, 0, 4), (510, 490)
    result = inspect(many)
    assert result.figures["sampled_rows"] == 10
    assert result.figures["nan_values"] == 1
    assert result.invalid_poses == 2
    assert result.figures["depth_m"]["max"] == pytest.approx(6)
    assert result.figures["reprojection_px"]["max"] == pytest.approx(97 * 2**0.5, abs=1e-2)
    assert "row 93" in result.figures["reprojection_worst"]
    assert result.figures["height"] == pytest.approx(HEIGHT, abs=1e-6)
    assert result.figures["reprojection_outliers"] == ["RFoot"]


def test_threads_change_nothing():
    many = data(depths=np.linspace(3, 6, 10_000))
    many.poses_2d[7777] += 5
    many.poses_3d[9000, 3] = np.nan
    assert inspect(many, jobs=1) == inspect(many, jobs=3)


def test_the_data_set_is_left_alone():
    some = data()
    before = some.poses_3d.copy(), some.poses_2d.copy()
    inspect(some)
    np.testing.assert_array_equal(some.poses_3d, before[0])
    np.testing.assert_array_equal(some.poses_2d, before[1])


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_progress_counts_every_pose_block_by_block(jobs):
    said = []

    @contextmanager
    def progress(label, total):
        said.append((label, total))
        yield said.append

    inspect(data(depths=np.linspace(3, 6, 2 * BLOCK + 5)), progress, jobs)
    assert said[0] == ("inspecting", 2 * BLOCK + 5)
    assert sorted(said[1:]) == [5, BLOCK, BLOCK]


# Problems


def test_the_readers_problems_come_first():
    known = Problem("s9-damaged", "note", "known")
    some = data()
    some.poses_3d[0, 0] = np.nan
    result = inspect(replace(some, origin=Origin("test", "h36m", problems=(known,))))
    assert [problem.code for problem in result.problems] == ["s9-damaged", "not-finite"]


def test_no_pose_at_all():
    assert found(data(depths=(), pixels=np.empty((0, 17, 2)))) == {"no-poses": "error"}


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.0])
def test_no_valid_pose(value):
    broken = data()
    broken.poses_3d[...] = value
    broken.poses_2d[...] = value
    result = inspect(broken)
    assert result.invalid_poses == 4
    assert found(broken)["no-valid-pose"] == "error"
    json.dumps([result.figures, result.problems], allow_nan=False)


@pytest.mark.parametrize(
    ("code", "change", "said"),
    [
        ("not-finite", (slice(0, 1), 3, np.nan), "1 of 4 poses with numbers that are not finite"),
        ("no-extent", (slice(1, 3), slice(None), 4.0), "2 of 4 poses with all joints at one place"),
        ("behind-camera", (3, 5, -0.1), "1 of 4 poses with a joint behind the camera"),
    ],
)
def test_some_invalid_poses(code, change, said):
    broken = data(poses_2d=None)
    rows, joints, value = change
    broken.poses_3d[rows, joints] = value
    assert found(broken)[code] == "warning"
    assert message(broken, code) == said
    assert "no-valid-pose" not in found(broken)


@pytest.mark.parametrize(
    ("factor", "unit"), [(1000, "millimetres"), (100, "centimetres"), (39.37, "inches"), (0.001, "thousands of metres")]
)
def test_bodies_in_another_unit(factor, unit):
    other = data(body() * factor, depths=(4 * factor, 5 * factor), poses_2d=None)
    assert found(other)["units"] == "error"
    assert f"human in {unit}, not in metres" in message(other, "units")
    assert not {"bone-lengths", "height"} & set(found(other))


def test_bodies_of_no_human_size():
    assert found(data(body() * 1.7, depths=(7, 8), poses_2d=None)) == {"height": "warning", "bone-lengths": "warning"}


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.35])
def test_children_and_giants_are_human(factor):
    assert not {"units", "height", "bone-lengths"} & set(found(data(body() * factor)))


def test_one_bone_of_no_human_length():
    odd = data(body(LWrist=(0.15, 0.4, 0), RWrist=(-0.15, 0.4, 0)))
    assert found(odd) == {"bone-lengths": "warning"}
    assert "LElbow-LWrist 0.6 m, RElbow-RWrist 0.6 m" in message(odd, "bone-lengths")


def test_sides_of_unlike_length():
    odd = data(body(LFoot=(0.1, 0.99, 0)))
    assert found(odd) == {"asymmetric": "warning"}
    assert "left by right: LKnee-LFoot 1.35" in message(odd, "asymmetric")
    assert found(data(body(LFoot=(0.1, 0.94, 0)))) == {}


# One published frame of MPI-INF-3DHP: 326 mm on the left, 485 on the right.
UNLIKE_THIGHS = body(LKnee=(0.1, 0.326, 0), LFoot=(0.1, 0.726, 0), RKnee=(-0.1, 0.485, 0), RFoot=(-0.1, 0.885, 0))


@pytest.mark.parametrize(("dataset", "said"), [("mpi_inf_3dhp", False), ("h36m", True), (None, True)])
def test_thighs_of_mpi_inf_3dhp_may_be_unlike(dataset, said):
    assert ("asymmetric" in found(data(UNLIKE_THIGHS, dataset=dataset))) == said
    renamed = data(UNLIKE_THIGHS, dataset=dataset).to_skeleton(MPI_INF_3DHP17)
    assert ("asymmetric" in found(renamed)) == said
    if said:
        assert "Those of MPI-INF-3DHP are" in message(renamed, "asymmetric")


def test_other_bones_of_mpi_inf_3dhp_may_not():
    assert "asymmetric" in found(data(body(LFoot=(0.1, 0.99, 0)), dataset="mpi_inf_3dhp"))
    # Nor may thighs be of any length: 0.21 by 0.45.
    assert "asymmetric" in found(data(body(LKnee=(0.1, 0.21, 0), LFoot=(0.1, 0.61, 0)), dataset="mpi_inf_3dhp"))


@pytest.mark.parametrize(("off", "severity"), [(0.015, None), (0.04, "warning"), (0.12, "error")])
def test_a_root_that_is_not_between_the_hips(off, severity):
    odd = data(body(Hip=(0, -off, 0)))
    assert found(odd).get("root-off-hips") == severity
    if severity:
        assert message(odd, "root-off-hips").startswith(f"Hip lies {off / 0.2:.2g} hip distances off")


def test_a_detected_root_may_be_somewhat_off():
    for off, severity in ((0.08, None), (0.12, "warning")):
        flat = replace(data(body(Hip=(0, -off, 0))), poses_3d=None)
        assert found(flat).get("root-off-hips") == severity


LEGS_SWAPPED = [0, 4, 5, 6, 1, 2, 3, *range(7, 17)]
BOTH_SWAPPED = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]


def test_legs_and_arms_of_opposite_sides():
    assert found(data(body()[LEGS_SWAPPED])) == {"sides-swapped": "error"}
    assert found(replace(data(body()[LEGS_SWAPPED]), poses_3d=None)) == {"sides-swapped": "warning"}
    assert "in 100% of the poses" in message(data(body()[LEGS_SWAPPED]), "sides-swapped")
    # A whole mirror image looks like any other body.
    assert found(data(body()[BOTH_SWAPPED])) == {}


def test_y_that_points_up():
    assert found(data(body() * [1, -1, 1])) == {"upside-down": "warning"}
    assert found(replace(data(body() * [1, -1, 1]), poses_3d=None)) == {"upside-down": "warning"}
    assert "in 100% of the poses" in message(data(body() * [1, -1, 1]), "upside-down")


def test_people_may_stand_on_their_hands_for_a_while():
    poses = np.stack([body() * [1, 1 if row < 2 else -1, 1] + [0, 0, 4] for row in range(10)])
    some = data(depths=range(3, 13), poses_3d=poses.astype(np.float32), poses_2d=None)
    assert inspect(some).figures["upright"] == pytest.approx(0.2)
    assert found(some) == {}


@pytest.mark.parametrize(("depth", "said"), [(0.3, True), (0.6, False), (25, False), (40, True)])
def test_people_nearer_or_farther_than_people_are(depth, said):
    assert ("depth" in found(data(depths=(depth,), poses_2d=None))) == said


@pytest.mark.parametrize(("count", "severity"), [(1, "note"), (5, "warning")])
def test_joints_outside_the_image(count, severity):
    odd = replace(data(), poses_3d=None)
    odd.poses_2d[:, 11 : 11 + count] += 1000
    assert found(odd)["outside-image"] == severity
    assert f"{4 * count} joints ({100 * count / 17:.2g} %) of 4 poses" in message(odd, "outside-image")
    assert ("is its size right" in message(odd, "outside-image")) == (severity == "warning")


def test_a_camera_without_intrinsics():
    assert found(data(camera=Camera("web"))) == {"camera-unknown": "note"}
    assert "--intrinsics" in message(data(camera=Camera("web")), "camera-unknown")
    assert found(data(camera=Camera("web"), poses_2d=None)) == {}


@pytest.mark.parametrize(
    ("shift", "severity", "said"),
    [(0.1, None, ""), (15, "note", "as 2D detections do"), (30, "warning", "another camera")],
)
def test_2d_that_lies_elsewhere(shift, severity, said):
    odd = data()
    odd.poses_2d[..., 0] += shift
    assert found(odd).get("reprojection") == severity
    if severity:
        text = message(odd, "reprojection")
        assert f"misses the 2D by {shift:.3g} px in the median in all sequences, with the linear camera" in text
        assert said in text


def test_3d_of_another_size():
    odd = data()
    root = odd.poses_3d[:, :1]
    odd = replace(odd, poses_3d=root + (odd.poses_3d - root) / np.float32(1.3))
    assert found(odd) == {"reprojection": "note"}
    assert "roots agree: bodies of another size" in message(odd, "reprojection")


def test_one_sequence_of_another_camera():
    """Roots agree over all, but not in the sequence that is off."""
    names = ("Walking 1", "Sitting", "Eating")
    sequences = tuple(Sequence("S1", name, "one", 4 * row, 4) for row, name in enumerate(names))
    odd = replace(data(depths=np.linspace(3, 6, 12)), sequences=sequences)
    odd.poses_2d[4:8] += 200
    assert found(odd)["reprojection"] == "warning"
    assert "in 1 of 3 sequences (S1 Sitting (camera one))" in message(odd, "reprojection")


def test_the_model_that_fits_better_is_said():
    odd = aside("distorted")
    odd.poses_2d[...] += 0.6
    assert "with the distorted camera, which fits better than the linear one" in message(odd, "reprojection")


def test_2d_without_the_distortion_of_its_camera():
    assert found(aside("linear")) == {"linear-2d": "note"}
    assert found(aside("distorted")) == {}


def test_figures_of_poses_with_gaps_are_those_of_the_others():
    gaps = data()
    gaps.poses_3d[0] = np.nan
    gaps.poses_2d[1, 3] = np.nan
    figures = inspect(gaps).figures
    assert figures["height"] == pytest.approx(HEIGHT, abs=1e-6)
    assert figures["depth_m"]["min"] == pytest.approx(4)
    assert figures["reprojection_px"]["max"] < 1e-3
    json.dumps(figures, allow_nan=False)


def test_distances_that_single_precision_does_not_hold_are_no_maximum():
    pixels = pinhole(data().poses_3d.astype(float), [LENS] * 4)
    pixels[1, 3] = 3e38  # 4.2e38 from its place, which float32 does not hold
    pixels[2, 5] += (3, 4)
    figures = inspect(data(pixels=pixels)).figures
    assert figures["reprojection_px"]["max"] == pytest.approx(5, abs=1e-3)
    assert figures["reprojection_worst"] == "LKnee, S1 Walking 1, camera one, row 2 as read"
