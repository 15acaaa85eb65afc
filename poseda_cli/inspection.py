"""What is in a data set, in figures, and whether it is sane; no files, no printing.

Counts, minima and maxima are of all poses. Medians and other quantiles are of at most `MOST_ROWS` poses,
evenly spread; the figure `sampled_rows` says of how many.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.blocks import for_blocks
from poseda_cli.cameras import Floats, distortion_table, project
from poseda_cli.dataset import PoseDataset, Problem
from poseda_cli.diagnosis import Agreement, bone_name, diagnose
from poseda_cli.global_position import joint_major
from poseda_cli.progress import Progress, one_at_a_time, silent
from poseda_cli.skeleton import Skeleton
from poseda_cli.validity import (
    FAR_OUTSIDE,
    LEAST_EXTENT,
    MOST_DISTANCE,
    MOST_EXAMPLES,
    MOST_EXTENT,
    MOST_OUTSIDE,
    NO_EXTENT,
    NOT_FINITE,
    TOO_LARGE,
)

MOST_ROWS = 200_000
SIDES = ("L", "R")
# A joint stands out where its reprojection error is this many times that of the median joint, and visible.
OUTLIER, OUTLIER_PX = 10.0, 0.1
BEHIND = "a joint behind the camera"
# What was projected with a camera lies this near to the projection, and detections do not.
EXACT_PX = 0.1

Model = Literal["linear", "distorted"]
Figures = dict[str, Any]


class Inspection(NamedTuple):
    """What an inspection found.

    invalid_poses : poses with numbers that are not finite, without extent, too large, far outside their images, or
        with a joint behind the camera
    invalid_examples : the first of them: subject, action, camera, frame (in its sequence, from 0), and why
    figures : metres, pixels and fractions by name; a figure that the data set has no data for is missing
    problems : the reader's own, and those that the figures show
    """

    invalid_poses: int
    invalid_examples: tuple[dict[str, Any], ...]
    figures: Figures
    problems: tuple[Problem, ...]


def inspect(dataset: PoseDataset, progress: Progress = silent, jobs: int | None = None) -> Inspection:
    """Figures of a data set, and what is suspicious about them.

    Parameters
    ----------
    dataset : as read
    progress : told how far it is
    jobs : threads; all cores if not given

    Returns
    -------
    What was found. The figures, where the data is there:

    - `sampled_rows`: poses that medians and quantiles are taken over
    - `nan_values`, `infinite_values`, `poses_not_finite`, `poses_without_extent`, `poses_behind_camera`; where
      there are any, `poses_too_large` and `poses_far_outside`
    - `bone_lengths_m`: medians by 'RHip-RKnee', joints as the data set calls them; `symmetry`: those of the
      left side by those of the right
    - `thigh`: mean of both sides' medians; `height`: ankle to head, the sum of the medians of shin, thigh
      (means of both sides), Hip-Spine, Spine-Thorax and Thorax-Head; metres
    - `root_midhip_m`: median distance of the root from the middle of the hips; `root_midhip_hips`: the same
      in distances between the hips, of the 2D where there is no 3D
    - `hips_along_shoulders`, `upright`: part of the poses whose hips and shoulders point the same way, and
      whose head is above the feet
    - `depth_m`: of the root, minimum, median and maximum
    - `outside_image`: parts and counts of joints and poses, of the 2D, or of the projected 3D without 2D
    - `visible_joints`: part of the joints that the archive calls visible
    - `reprojection_px`: distance between the 2D and the projected 3D, of all joints, with the camera model
      that fits better, named in `reprojection_model`; `reprojection_models_px`: of either model;
      `reprojection_root_px`: median of the root; `reprojection_outliers`: joints that stand out;
      `reprojection_worst`: where the maximum is
    """
    count = len(dataset)
    if not count:
        return Inspection(0, (), {"sampled_rows": 0}, (*dataset.origin.problems, *diagnose(dataset, {}, 0, [])))
    step = -(-count // MOST_ROWS)
    errors = _reprojection_errors(dataset, step, jobs)
    medians = {model: _joint_medians(column) for model, column in errors.items()}
    model = _fitting(medians) if medians else None
    rows = _Rows(dataset, model or "distorted")
    with progress("inspecting", count) as advance:
        done = one_at_a_time(advance)

        def work(start: int, stop: int) -> None:
            rows.fill(start, stop)
            done(stop - start)

        for_blocks(work, count, jobs)
    figures: Figures = {"sampled_rows": len(range(0, count, step)), **rows.figures()}
    if dataset.poses_3d is not None:
        figures |= _body_figures(dataset.poses_3d[::step], dataset.skeleton)
    figures |= _posture_figures(dataset, step)
    if dataset.visible is not None:
        figures["visible_joints"] = _number(dataset.visible.mean())
    off: list[Agreement] = []
    if model is not None:
        figures |= _reprojection_figures(dataset, errors, model, rows.worst)
        off = _by_sequence(dataset, errors[model], step)
    invalid = int((~rows.valid).sum())
    problems = (*dataset.origin.problems, *diagnose(dataset, figures, invalid, off))
    return Inspection(invalid, rows.examples(), figures, problems)


class _Rows:
    """What is said of every single pose, filled block by block.

    Parameters
    ----------
    dataset : the poses
    model : camera model of the projections
    """

    def __init__(self, dataset: PoseDataset, model: Model) -> None:
        count = len(dataset)
        self._dataset = dataset
        self._lenses = _Lenses(dataset)
        self._model = model
        self._has_depth = dataset.poses_3d is not None and dataset.absolute
        self._projects = self._has_depth and bool(np.isfinite(dataset.intrinsics[:, :4]).all(1).any())
        self.nan = np.zeros(count, np.uint16)
        self.infinite = np.zeros(count, np.uint16)
        self.finite = np.ones(count, bool)
        self.extended = np.ones(count, bool)
        self.human = np.ones(count, bool)  # not too large, and not too far away
        self.near = np.ones(count, bool)  # not far outside the image
        self.ahead = np.ones(count, bool)
        self.placed = np.zeros(count, np.uint8)  # joints whose place in an image of known size is known
        self.outside = np.zeros(count, np.uint8)  # of these
        self.worst = np.zeros(count, np.float32)  # largest distance of a joint from its projection

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(N,) whether a pose can be used."""
        return self.finite & self.extended & self.human & self.near & self.ahead

    def examples(self) -> tuple[dict[str, Any], ...]:
        """The first poses that cannot be used."""
        checks = {
            NOT_FINITE: self.finite,
            TOO_LARGE: self.human,
            FAR_OUTSIDE: self.near,
            NO_EXTENT: self.extended,
            BEHIND: self.ahead,
        }
        first = np.flatnonzero(~self.valid)[:MOST_EXAMPLES].tolist()
        return tuple(
            {**self._dataset.frame_of(row), "why": next(why for why, passed in checks.items() if not passed[row])}
            for row in first
        )

    def fill(self, start: int, stop: int) -> None:
        """What is said of some rows."""
        rows, dataset = slice(start, stop), self._dataset
        with np.errstate(all="ignore"):
            three = None if dataset.poses_3d is None else self._check(rows, dataset.poses_3d[rows])
            two = None if dataset.poses_2d is None else self._check(rows, dataset.poses_2d[rows])
            if three is not None and self._has_depth:
                self.ahead[rows] = ~(three[:, 2].min(0) <= 0)
            image = None
            if three is not None and self._projects:
                image = self._lenses.project(three, dataset.camera[rows], self._model)
            if two is not None and image is not None:
                self.worst[rows] = np.nan_to_num(_distance(two, image).astype(np.float32), posinf=0).max(0)
            points = image if two is None else two
            if points is not None:
                self._place(rows, points, dataset.intrinsics[dataset.camera[rows], 4:])

    def figures(self) -> Figures:
        """Sums over all poses."""
        figures: Figures = {
            "nan_values": int(self.nan.sum()),
            "infinite_values": int(self.infinite.sum()),
            "poses_not_finite": int((~self.finite).sum()),
            "poses_without_extent": int((~self.extended).sum()),
        }
        if self._has_depth:
            figures["poses_behind_camera"] = int((~self.ahead).sum())
        for key, passed in (("poses_too_large", self.human), ("poses_far_outside", self.near)):
            if not passed.all():
                figures[key] = int((~passed).sum())
        joints, poses = int(self.placed.sum()), int((self.placed > 0).sum())
        if joints:
            outside, touched = int(self.outside.sum()), int((self.outside > 0).sum())
            figures["outside_image"] = {
                "joints": _number(outside / joints),
                "poses": _number(touched / poses),
                "joint_count": outside,
                "pose_count": touched,
                "of": "projection" if self._dataset.poses_2d is None else "2d",
            }
        return figures

    def _check(self, rows: slice, poses: Floats) -> Floats:
        """Finite? Extended? Returns the block as (J, C, B)."""
        major = joint_major(poses)
        finite = np.isfinite(major).all((0, 1))
        if not finite.all():
            self.nan[rows] += np.isnan(major).sum((0, 1), dtype=np.uint16)
            self.infinite[rows] += np.isinf(major).sum((0, 1), dtype=np.uint16)
        extent = np.ptp(major, axis=0)
        self.finite[rows] &= finite
        self.extended[rows] &= ~finite | (extent[0] + extent[1] > LEAST_EXTENT)
        if len(extent) == 3:
            here = np.abs(major[0]) < MOST_DISTANCE
            self.human[rows] = ~finite | ((extent < MOST_EXTENT) & here).all(0)
        return major

    def _place(self, rows: slice, points: Floats, sizes: Floats) -> None:
        placed = np.isfinite(points).all(1) & np.isfinite(sizes).all(1)
        outside = placed & ((points < 0) | (points >= sizes.T)).any(1)
        self.placed[rows] = placed.sum(0)
        self.outside[rows] = outside.sum(0)
        # A projection may be anywhere: of 3D beside or close to its camera. It is no target.
        if self._dataset.poses_2d is not None and outside.any():
            far = (points < -MOST_OUTSIDE * sizes.T) | (points > (1 + MOST_OUTSIDE) * sizes.T)
            self.near[rows] = ~(placed & far.any(1)).any(0)


class _Lenses:
    """The cameras of a data set as tables."""

    def __init__(self, dataset: PoseDataset) -> None:
        self._intrinsics = dataset.intrinsics[:, :4]
        self._distortion = distortion_table(dataset.cameras)

    def project(self, major: Floats, camera: NDArray[Any], model: Model) -> Floats:
        """(J, 3, B) poses into pixels, (J, 2, B); NaN behind the camera, and where it is not known."""
        points = np.moveaxis(major.astype(np.float64), 1, -1)
        distortion = self._distortion[camera] if model == "distorted" else None
        image = project(points, self._intrinsics[camera], distortion)
        image[points[..., 2] <= 0] = np.nan
        return np.moveaxis(image, -1, 1)


def _distance(first: Floats, second: Floats) -> Floats:
    """(J, B) distances of (J, 2, B) points."""
    return np.hypot(first[:, 0] - second[:, 0], first[:, 1] - second[:, 1])


def _reprojection_errors(dataset: PoseDataset, step: int, jobs: int | None) -> dict[Model, NDArray[np.float32]]:
    """(R, J) pixels for each camera model, of every `step`-th pose; none where 2D, 3D and camera do not meet."""
    if dataset.poses_3d is None or dataset.poses_2d is None or not dataset.absolute:
        return {}
    three, two, camera = dataset.poses_3d[::step], dataset.poses_2d[::step], dataset.camera[::step]
    models: list[Model] = ["linear"]
    if any(view.distortion is not None for view in dataset.cameras):
        models.append("distorted")
    errors = {model: np.empty(two.shape[:2], np.float32) for model in models}
    lenses = _Lenses(dataset)

    def work(start: int, stop: int) -> None:
        poses, found = joint_major(three[start:stop]), joint_major(two[start:stop])
        with np.errstate(all="ignore"):
            for model, column in errors.items():
                image = lenses.project(poses, camera[start:stop], model)
                column[start:stop] = _distance(found, image).T

    for_blocks(work, len(three), jobs)
    return errors if any(np.isfinite(column).any() for column in errors.values()) else {}


def _joint_medians(errors: Floats) -> Floats:
    return np.array([_median(column) for column in errors.T])


def _fitting(medians: dict[Model, Floats]) -> Model:
    """The camera model under which a joint is exact, else that which fits the joints better.

    Bodies that were scaled about the root miss under any model, but their roots do not.
    """

    def misfit(model: Model) -> tuple[float, float]:
        best = float(np.nanmin(medians[model]))
        return best if best <= EXACT_PX else np.inf, _median(medians[model])

    return min(medians, key=misfit)


def _reprojection_figures(
    dataset: PoseDataset, errors: dict[Model, NDArray[np.float32]], model: Model, worst: NDArray[np.float32]
) -> Figures:
    joints = _joint_medians(errors[model])
    outliers = joints > max(OUTLIER * _median(joints), OUTLIER_PX)
    models = {name: _spread(column) for name, column in errors.items()}
    row = int(worst.argmax())
    models[model]["max"] = _number(worst[row])
    return {
        "reprojection_px": {key: models[model][key] for key in ("median", "p95", "max")},
        "reprojection_model": model,
        "reprojection_models_px": models,
        "reprojection_root_px": _number(joints[dataset.skeleton.root]),
        "reprojection_outliers": [dataset.skeleton.joints[joint] for joint in np.flatnonzero(outliers)],
        "reprojection_worst": _worst_place(dataset, row, model),
    }


def _worst_place(dataset: PoseDataset, row: int, model: Model) -> str:
    """Which joint of a pose lies farthest from its projection, in words."""
    assert dataset.poses_3d is not None and dataset.poses_2d is not None
    rows = slice(row, row + 1)
    with np.errstate(all="ignore"):
        image = _Lenses(dataset).project(joint_major(dataset.poses_3d[rows]), dataset.camera[rows], model)
        distances = _distance(joint_major(dataset.poses_2d[rows]), image).astype(np.float32)
    joint = int(np.nan_to_num(distances, posinf=0).argmax())
    return f"{dataset.skeleton.joints[joint]}, {dataset.place(row)}"


def _by_sequence(dataset: PoseDataset, errors: NDArray[np.float32], step: int) -> list[Agreement]:
    """How far the 2D of each sequence lies from its 3D."""
    found = []
    for sequence in dataset.sequences:
        rows = slice(-(-sequence.start // step), -(-(sequence.start + sequence.length) // step))
        body, root = _median(errors[rows]), _median(errors[rows, dataset.skeleton.root])
        if np.isfinite(body):
            name = f"{sequence.subject} {sequence.action} (camera {sequence.camera})"
            found.append(Agreement(name, body, root))
    return found


def _body_figures(poses: Floats, skeleton: Skeleton) -> Figures:
    """Lengths of bones, and what follows from them."""
    lengths = {child: _length(poses, parent, child) for child, parent in enumerate(skeleton.parents) if parent >= 0}
    names = {child: bone_name(skeleton, child) for child in lengths}
    pairs = [pair for pair in zip(skeleton.left, skeleton.right, strict=True) if set(pair) <= set(lengths)]
    figures: Figures = {
        "bone_lengths_m": {names[child]: _number(length) for child, length in lengths.items()},
        "symmetry": {
            names[left]: _number(lengths[left] / lengths[right]) if lengths[right] else None for left, right in pairs
        },
    }
    position = skeleton.position
    between = {
        (first, second): _length(poses, position[first], position[second])
        for first, second in _segments()
        if first in position and second in position
    }
    if len(between) == len(_segments()):
        sides = [between[f"{side}Hip", f"{side}Knee"] for side in SIDES]
        shins = [between[f"{side}Knee", f"{side}Foot"] for side in SIDES]
        trunk = [between["Hip", "Spine"], between["Spine", "Thorax"], between["Thorax", "Head"]]
        figures["thigh"] = _number(np.mean(sides))
        figures["height"] = _number(np.mean(sides) + np.mean(shins) + sum(trunk))
    if {"Hip", "LHip", "RHip"} <= set(position):
        figures["root_midhip_m"] = _number(_median(_midhip(poses, skeleton)[0]))
    return figures


def _segments() -> list[tuple[str, str]]:
    """What a height is made of."""
    legs = [(f"{side}{a}", f"{side}{b}") for side in SIDES for a, b in (("Hip", "Knee"), ("Knee", "Foot"))]
    return [*legs, ("Hip", "Spine"), ("Spine", "Thorax"), ("Thorax", "Head")]


def _posture_figures(dataset: PoseDataset, step: int) -> Figures:
    """Where root, hips, shoulders, head and feet are to each other, in 3D or else in 2D; and how far away."""
    whole = dataset.poses_2d if dataset.poses_3d is None else dataset.poses_3d
    position, figures = dataset.skeleton.position, Figures()
    if whole is None or not {"Hip", "LHip", "RHip", "LShoulder", "RShoulder"} <= set(position):
        return figures
    poses = whole[::step]
    with np.errstate(all="ignore"):
        off, apart = _midhip(poses, dataset.skeleton)
        figures["root_midhip_hips"] = _number(_median(off / apart))
        hips = poses[:, position["RHip"]] - poses[:, position["LHip"]]
        shoulders = poses[:, position["RShoulder"]] - poses[:, position["LShoulder"]]
        figures["hips_along_shoulders"] = _positive((hips * shoulders).sum(-1))
        if {"Head", "LFoot", "RFoot"} <= set(position):
            feet = (poses[:, position["LFoot"], 1] + poses[:, position["RFoot"], 1]) / 2
            figures["upright"] = _positive(feet - poses[:, position["Head"], 1])
    if dataset.poses_3d is not None and dataset.absolute:
        depth = dataset.poses_3d[:, dataset.skeleton.root, 2]
        depth = depth[np.isfinite(depth)]
        if len(depth):
            least, middle, most = depth.min(), _median(depth[::step]), depth.max()
            figures["depth_m"] = {"min": _number(least), "median": _number(middle), "max": _number(most)}
    return figures


def _midhip(poses: Floats, skeleton: Skeleton) -> tuple[Floats, Floats]:
    """(N,) distance of the root from the middle of the hips, and that between the hips."""
    left, right = poses[:, skeleton.position["LHip"]], poses[:, skeleton.position["RHip"]]
    with np.errstate(all="ignore"):
        off = np.linalg.norm(poses[:, skeleton.position["Hip"]] - (left + right) / 2, axis=-1)
        return off, np.linalg.norm(left - right, axis=-1)


def _length(poses: Floats, first: int, second: int) -> float:
    with np.errstate(all="ignore"):
        return _median(np.linalg.norm(poses[:, first] - poses[:, second], axis=-1))


def _positive(values: Floats) -> float | None:
    """Which part of the finite values is above 0."""
    finite = values[np.isfinite(values)]
    return _number((finite > 0).mean()) if len(finite) else None


def _spread(values: Floats) -> dict[str, float | None]:
    finite = values[np.isfinite(values)].astype(np.float64)
    if not len(finite):
        return dict.fromkeys(("mean", "median", "p95", "max"))
    middle, high = np.quantile(finite, [0.5, 0.95])
    figures = {"mean": finite.mean(), "median": middle, "p95": high, "max": finite.max()}
    return {name: _number(value) for name, value in figures.items()}


def _median(values: Floats) -> float:
    """Of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else np.nan


def _number(value: Any) -> float | None:
    """For JSON, which has no NaN; float32 has no more digits than these."""
    return float(f"{value:.7g}") if np.isfinite(value) else None
