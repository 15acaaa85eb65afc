"""What is suspicious about the figures of a data set, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from poseda_cli.dataset import PoseDataset, Problem, Severity
from poseda_cli.errors import listed
from poseda_cli.skeleton import Skeleton
from poseda_cli.validity import MOST_OUTSIDE, TOO_LARGE, WORDS

Figures = dict[str, Any]

# Metres, ankle to head. Adults of both data sets measure 1.5 to 1.8; children and scaled bodies get room.
HEIGHT = (0.9, 2.3)
# One unit in metres, for bodies whose size is no human's in metres; the last is metres divided twice.
UNITS = {"millimetres": 0.001, "centimetres": 0.01, "inches": 0.0254, "thousands of metres": 1000.0}
# Metres, by the Human3.6M-17 joints at both ends, sides left out.
THIGH = ("Hip", "Knee")
BONES: dict[tuple[str, ...], tuple[float, float]] = {
    THIGH: (0.2, 0.8),
    ("Knee", "Foot"): (0.2, 0.7),
    ("Shoulder", "Elbow"): (0.12, 0.5),
    ("Elbow", "Wrist"): (0.1, 0.45),
}
# Left by right. In MPI-INF-3DHP hips are interpolated, so that thighs are as unlike as 326 and 485 mm.
SYMMETRIC, SYMMETRIC_THIGHS = 1.25, 2.0
# Distances between the hips. The root of both data sets is the middle of the hips; detectors miss it a bit.
MIDHIP_3D, MIDHIP_2D = 0.1, 0.5
# Parts of all poses.
SAME_SIDE, UPRIGHT, MOSTLY_INSIDE = 0.5, 0.1, 0.75
# Metres that people are away from a camera.
NEAR, FAR = 0.5, 30.0
# Pixels: what projects onto its 2D agrees to 0.01, hips and spine of MPI-INF-3DHP to 3; detectors to 10.
AGREES, DETECTED = 0.5, 20.0
MOST_NAMED = 3


class Agreement(NamedTuple):
    """A sequence, and how far its 2D lies from its projected 3D: medians of all joints and of the root, pixels."""

    sequence: str
    body: float
    root: float


def diagnose(
    dataset: PoseDataset, figures: Figures, invalid: int, agreements: Sequence[Agreement]
) -> Iterator[Problem]:
    """Problems that the figures show, besides those that the reader reported.

    Parameters
    ----------
    dataset : what the figures are of
    figures : as `inspection.inspect` gives them
    invalid : number of poses that cannot be used
    agreements : of each sequence that can be reprojected
    """
    if not len(dataset):
        yield Problem("no-poses", "error", "there is no pose in it")
        return
    yield from _invalid(figures, invalid, len(dataset))
    yield from _size(dataset.skeleton, figures)
    yield from _asymmetry(dataset, figures)
    yield from _order(dataset, figures)
    yield from _place(dataset, figures)
    yield from _reprojection(figures, agreements)


def _invalid(figures: Figures, invalid: int, count: int) -> Iterator[Problem]:
    kinds = {
        "not-finite": ("poses_not_finite", "numbers that are not finite"),
        "no-extent": ("poses_without_extent", "all joints at one place"),
        "too-large": ("poses_too_large", WORDS[TOO_LARGE]),
        "far-outside": ("poses_far_outside", f"joints more than {MOST_OUTSIDE:.0f} image sizes outside the image"),
        "behind-camera": ("poses_behind_camera", "a joint behind the camera"),
    }
    for code, (key, what) in kinds.items():
        if figures.get(key):
            yield Problem(code, "warning", f"{_count(figures[key], count)} with {what}")
    if invalid == count:
        yield Problem("no-valid-pose", "error", "no pose is valid")


def bone_name(skeleton: Skeleton, child: int) -> str:
    """The bone that ends in a joint, by the names of both its ends."""
    return f"{skeleton.joints[skeleton.parents[child]]}-{skeleton.joints[child]}"


def _segments(skeleton: Skeleton) -> dict[str, tuple[str, ...]]:
    """Bones by name, and the Human3.6M-17 joints at both ends, sides left out."""
    ends = {
        bone_name(skeleton, child): (skeleton.meanings[parent], skeleton.meanings[child])
        for child, parent in enumerate(skeleton.parents)
        if parent >= 0
    }
    return {name: tuple((end or "").lstrip("LR") for end in both) for name, both in ends.items()}


def _size(skeleton: Skeleton, figures: Figures) -> Iterator[Problem]:
    height = figures.get("height")
    if height and not _within(height, HEIGHT):
        unit = next((unit for unit, metres in UNITS.items() if _within(height * metres, HEIGHT)), None)
        if unit:
            message = f"bodies are {height:.4g} high from ankle to head: that is human in {unit}, not in metres"
            yield Problem("units", "error", message)
            return
        yield Problem("height", "warning", f"bodies are {height:.4g} m high from ankle to head, which is not human")
    segments = _segments(skeleton)
    odd = [
        f"{name} {length:.3g} m"
        for name, length in figures.get("bone_lengths_m", {}).items()
        if length is not None and (limits := BONES.get(segments[name])) and not _within(length, limits)
    ]
    if odd:
        message = f"no human lengths: {listed(odd, most=4)}. Wrong units, another joint order, or scaled bodies"
        yield Problem("bone-lengths", "warning", message)


def _asymmetry(dataset: PoseDataset, figures: Figures) -> Iterator[Problem]:
    segments, odd = _segments(dataset.skeleton), {}
    for name, ratio in figures.get("symmetry", {}).items():
        interpolated = dataset.origin.dataset == "mpi_inf_3dhp" and segments[name] == THIGH
        limit = SYMMETRIC_THIGHS if interpolated else SYMMETRIC
        if ratio is not None and not 1 / limit <= ratio <= limit:
            odd[name] = f"{name} {ratio:.2f}"
    if odd:
        thighs = all(segments[name] == THIGH for name in odd)
        hint = ". Those of MPI-INF-3DHP are, whose hips are interpolated" if thighs else ""
        message = f"left and right are of unlike length, left by right: {listed(odd.values(), most=4)}{hint}"
        yield Problem("asymmetric", "warning", message)


def _order(dataset: PoseDataset, figures: Figures) -> Iterator[Problem]:
    """Joint order and axes, as far as root, sides, head and feet betray them."""
    flat = dataset.poses_3d is None
    off, name = figures.get("root_midhip_hips"), dataset.skeleton.joints[dataset.skeleton.root]
    if off is not None and off > (MIDHIP_2D if flat else MIDHIP_3D):
        severity: Severity = "warning" if flat or off <= MIDHIP_2D else "error"
        message = f"{name} lies {off:.2g} hip distances off the middle of the hips, expected 0: another joint order?"
        yield Problem("root-off-hips", severity, message)
    along = figures.get("hips_along_shoulders")
    if along is not None and along < SAME_SIDE:
        message = (
            f"hips and shoulders point opposite ways in {1 - along:.0%} of the poses: left and right of the legs or of "
            "the arms are exchanged"
        )
        yield Problem("sides-swapped", "warning" if flat else "error", message)
    upright = figures.get("upright")
    if upright is not None and upright < UPRIGHT:
        message = f"the head is below the feet in {1 - upright:.0%} of the poses: is y up? It should point down"
        yield Problem("upside-down", "warning", message)


def _place(dataset: PoseDataset, figures: Figures) -> Iterator[Problem]:
    depth = figures.get("depth_m")
    if depth and not NEAR <= depth["median"] <= FAR:
        message = f"people are {depth['median']:.4g} m before the camera, in the median: wrong units, or another frame"
        yield Problem("depth", "warning", message)
    outside = figures.get("outside_image")
    if outside and outside["joint_count"]:
        of = "projected joints" if outside["of"] == "projection" else "joints"
        message = (
            f"{outside['joint_count']:,} {of} ({_percent(outside['joints'])}) of {outside['pose_count']:,} poses "
            "lie outside the image"
        )
        severe = outside["joints"] > 1 - MOSTLY_INSIDE
        hint = ": is its size right, and are these pixels of the full image?" if severe else ""
        yield Problem("outside-image", "warning" if severe else "note", message + hint)
    # As a source, 3D needs no camera.
    unknown = dict.fromkeys(
        sequence.camera
        for sequence in dataset.sequences
        if dataset.poses_2d is not None and dataset.cameras[dataset.camera[sequence.start]].intrinsics is None
    )
    if unknown:
        message = f"intrinsics not known for camera {listed(unknown, most=6)}; as a target it takes --intrinsics"
        yield Problem("camera-unknown", "note", message)


def _reprojection(figures: Figures, agreements: Sequence[Agreement]) -> Iterator[Problem]:
    if "reprojection_px" not in figures:
        return
    models, model = figures["reprojection_models_px"], figures["reprojection_model"]
    pixels = {name: f"{models[name]['median']:.3g} px" for name in models}
    far = sorted((a for a in agreements if a.body > AGREES), key=lambda a: -a.body)
    other = next((name for name in models if name != model), None)
    if not far:
        if other == "distorted" and models[other]["median"] > AGREES:
            message = (
                f"2D is the linear projection of the 3D ({pixels['linear']}), without the lens distortion of its "
                f"cameras ({pixels['distorted']})"
            )
            yield Problem("linear-2d", "note", message)
        return
    where = (
        "in all sequences"
        if len(far) == len(agreements)
        else f"in {len(far):,} of {len(agreements):,} sequences ({listed((a.sequence for a in far), most=MOST_NAMED)})"
    )
    middle = far[len(far) // 2].body
    fit = f"the {model} camera" + (f", which fits better than the {other} one" if other else "")
    start = f"3D misses the 2D by {middle:.3g} px in the median {where}, with {fit}"
    if all(a.root <= AGREES for a in far):
        message = f"{start}; roots agree: bodies of another size (a universal skeleton?), or other joints"
        yield Problem("reprojection", "note", message)
    elif middle <= DETECTED:
        yield Problem("reprojection", "note", f"{start}: as 2D detections do, or an estimated camera")
    else:
        message = f"{start}: another camera, other frames, or 2D that is not in pixels of the full image"
        yield Problem("reprojection", "warning", message)


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _percent(part: float) -> str:
    return f"{100 * part:.2g} %"


def _count(number: int, count: int) -> str:
    return f"{number:,} of {count:,} poses"
