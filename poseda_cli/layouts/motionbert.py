"""Human3.6M's detections as MotionBERT and MotionAGFormer have them: one pickle of both splits.

`h36m_sh_conf_cam_source_final.pkl` (Stacked Hourglass) and `h36m_cpn_cam_source.pkl` (CPN), a dictionary of 'train' and
'test', each with `joint_2d` (N, 17, 2 or more) pixels of the full image in the order of h36m17, `source` (N,) like
's_09_act_05_subact_02_ca_01' (subject, action and subaction by their numbers in the release, camera 1 to 4), and
`camera_name` (N,) '54138969' .... Rows of one source become a sequence, in the order in which they are stored.

Only this 2D is read. The 3D is `joint3d_image` (N, 17, 3): x and y are pixels of the projection, z a depth from the
pelvis in pixels, too, by a scale that is another for each pose. The test split has with it `2.5d_factor` (N,) and
`joints_2.5d_image` (N, 17, 3), the same times that factor, which is fitted so that the whole comes near to
millimetres. But x and y stay a projection: how far each person was from the camera is in neither, so metres in camera
space cannot be had without a guess. Human3.6M's 3D in metres is in the layouts videopose3d, martinez and mmpose.

`confidence` (N, 17) is the detector's, and not read. MotionBERT's evaluation leaves out three sequences of S9, whose
ground truth is damaged; they are read, and named among the problems.

Not read: the clips that MotionBERT cuts from these pickles (MB3D_f243s81/.../00000000.pkl), which are normalised and
say no longer what they show; the lists of frames of H36M-Toolbox and LCN (h36m_train.pkl, h36m_validation.pkl,
h36m_test.pkl), and LCN's detections without names (h36m_sh_dt_ft.pkl).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera
from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.sanity import check_pixels, midhip_error, sample
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.h36m_names import CAMERAS, by_ids
from poseda_cli.skeleton import H36M17
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npy import CONTENT

ORIGIN = Origin("motionbert", "h36m")
SPLITS = ("train", "test")
IN_IMAGE, SOURCE, CAMERA = "joint_2d", "source", "camera_name"
SOURCES = re.compile(r"s_(\d+)_act_(\d+)_subact_(\d+)_ca_(\d+)")
# Hip distances that detected roots may lie off the middle of the hips, in the median.
MIDHIP_2D = 0.5
CLIP = {"data_input", "data_label"}
DETECTIONS_OF_LCN = {"joint3d_image", "confidence"}
FRAME_OF_TOOLBOX = {"joints_3d", "joints_3d_camera", "joint_3d_image", "joint_3d_camera", "videoid", "video_id"}


class _Part(NamedTuple):
    """A sequence: its rows in a split."""

    subject: str
    action: str
    camera: Camera
    rows: NDArray[np.int64]


def refusal(archive: Archive) -> str | None:
    """None if this is a pickle of MotionBERT's, else why not."""
    if CONTENT not in archive.members or archive.members[CONTENT][1].kind != "O":
        return "needs a pickle of the splits train and test"
    outline = archive.outline(CONTENT)
    if isinstance(outline, list) and outline and isinstance(outline[0], dict) and set(outline[0]) & FRAME_OF_TOOLBOX:
        return (
            "is a list of frames as H36M-Toolbox and LCN pickle it, which poseda does not read: give Human3.6M as "
            "videopose3d, martinez or mmpose have it"
        )
    if isinstance(outline, dict) and set(outline) & CLIP:
        return (
            "is one clip of those that MotionBERT cuts (data_input, data_label): normalised, without subject and "
            "camera. Give the pickle that it was cut from, h36m_sh_conf_cam_source_final.pkl"
        )
    fields = _first_split(outline)
    if fields is None:
        return "needs a dictionary of the splits train and test"
    if set(fields) <= {"joint3d_image", "confidence", CAMERA, "action"}:
        # The outline ends with the first large array: whether it is the first of many, only the whole can tell.
        fields = _first_split(archive.tree(CONTENT)) or {}
    if IN_IMAGE in fields or SOURCE in fields:
        return None
    if set(fields) == DETECTIONS_OF_LCN:
        return f"is LCN's pickle of detections, which has no {SOURCE}: nothing says whom a row shows, and which camera"
    return f"lacks {IN_IMAGE} and {SOURCE}"


def _first_split(tree: Any) -> dict[str, Any] | None:
    """The first of the splits, if there is nothing but splits."""
    if not isinstance(tree, dict) or not tree or not set(tree) <= set(SPLITS):
        return None
    first = next(iter(tree.values()))
    return first if isinstance(first, dict) and first else None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The 2D poses of a pickle of MotionBERT's.

    Raises
    ------
    InputError : several archives, or nothing in it
    ArchiveError : shapes, sources, cameras, pixels or joint order are not those of the layout
    """
    if len(archives) > 1:
        names = listed(archive.name for archive in archives)
        raise InputError(f"{names}: detections of the same images by several detectors. Name one of them.")
    (archive,) = archives
    tree = archive.take_tree(CONTENT)
    splits = {name: _needed(archive, tree, name) for name in SPLITS if name in tree}
    del tree  # the 3D, which is larger than what is read
    parts = {name: _parts(archive, name, fields) for name, fields in splits.items()}
    count = sum(len(part.rows) for found in parts.values() for part in found)
    if not count:
        raise InputError(f"{archive.name}: no pose in it.")
    _check_distinct(archive, [part for found in parts.values() for part in found])
    columns = Columns(count, H36M17, has_2d=True)
    as_read, offset = [], 0
    with progress("reading", count) as advance:
        for name, found in parts.items():
            points = splits[name].pop(IN_IMAGE)
            _check_points(archive, name, points)
            for part in found:
                place = points[part.rows, :, :2]
                columns.add(part.subject, part.action, part.camera, len(part.rows), poses_2d=place)
                as_read.append(part.rows + offset)
                advance(len(part.rows))
            offset += len(points)
    return columns.dataset(
        ORIGIN,
        Stored(H36M17, screen="pixels"),
        notes=[f"detections in pixels; splits {listed(splits)}"],
        problems=[_not_read(), *h36m_problems(columns.sequences)],
        rows=np.concatenate(as_read),
    )


def _not_read() -> Problem:
    message = (
        "3D is not read: joint3d_image is a projection in pixels with a depth in pixels, and nothing in the archive "
        "says how far from the camera people are. Human3.6M's archives of other layouts have metres"
    )
    return Problem("3d-not-read", "note", message)


def _needed(archive: Archive, tree: dict[str, Any], split: str) -> dict[str, NDArray[Any]]:
    """The fields of a split that are read, as arrays of the right shapes."""
    fields = tree[split]
    missing = [name for name in (IN_IMAGE, SOURCE) if not isinstance(fields, dict) or name not in fields]
    if missing:
        raise ArchiveError(archive.name, f"lacks {listed(missing)}", f"{CONTENT}[{split!r}]")
    found = {name: _array(fields[name]) for name in (IN_IMAGE, SOURCE, CAMERA) if name in fields}
    count = len(found[IN_IMAGE]) if found[IN_IMAGE].ndim else 0
    for name, array in found.items():
        if name == IN_IMAGE:
            fits = (
                array.ndim == 3 and array.shape[1] == len(H36M17) and array.shape[2] >= 2 and array.dtype.kind in "fiu"
            )
            expected = f"numbers of shape (N, {len(H36M17)}, 2 or more)"
        else:
            fits, expected = array.shape == (count,) and array.dtype.kind == "U", f"text of shape ({count},)"
        if not fits:
            member = f"{CONTENT}[{split!r}][{name!r}]"
            raise ArchiveError(archive.name, f"{array.dtype} {array.shape}, expected {expected}", member)
    return found


def _array(values: Any) -> NDArray[Any]:
    """An array as it is, or a list of texts as one."""
    if isinstance(values, np.ndarray):
        return values.astype(str) if values.dtype.kind == "S" else values
    if isinstance(values, list) and values and all(isinstance(value, str) for value in values):
        return np.array(values)
    return np.empty((0,), np.str_) if values == [] else np.array(None)


def _parts(archive: Archive, split: str, fields: dict[str, NDArray[Any]]) -> list[_Part]:
    """The rows of each source, in order of appearance; they usually follow each other."""
    sources = fields.pop(SOURCE)
    names, first, groups = np.unique(sources, return_index=True, return_inverse=True)
    rows = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups, minlength=len(names)))[:-1])
    cameras = fields.pop(CAMERA, None)
    parts = []
    for index in np.argsort(first):
        subject, action, camera = _named(archive, split, str(names[index]))
        if cameras is not None and (other := np.setdiff1d(cameras[rows[index]], [camera.name])).size:
            member = f"{CONTENT}[{split!r}][{CAMERA!r}]"
            raise ArchiveError(archive.name, f"{other[0]} in rows of {names[index]}, which is {camera.name}", member)
        parts.append(_Part(subject, action, camera, rows[index]))
    return parts


def _named(archive: Archive, split: str, source: str) -> tuple[str, str, Camera]:
    match = SOURCES.fullmatch(source)
    if match:
        number, action, subaction, camera = map(int, match.groups())
        subject = f"S{number}"
        name = by_ids(subject, action, subaction)
        if name is not None and 1 <= camera <= len(CAMERAS):
            return subject, name, h36m_cameras(subject)[camera - 1]
    raise ArchiveError(
        archive.name,
        f"{source!r} is no sequence of Human3.6M; expected names like 's_09_act_05_subact_02_ca_01'.",
        f"{CONTENT}[{split!r}][{SOURCE!r}]",
        code="names",
    )


def _check_distinct(archive: Archive, parts: list[_Part]) -> None:
    seen = set()
    for part in parts:
        key = part.subject, part.action, part.camera.name
        if key in seen:
            raise ArchiveError(archive.name, f"{' '.join(key)} is in both splits", CONTENT)
        seen.add(key)


def _check_points(archive: Archive, split: str, points: NDArray[Any]) -> None:
    member = f"{CONTENT}[{split!r}][{IN_IMAGE!r}]"
    check_pixels(points[..., :2], archive.name, member)
    some = sample(points[..., :2])
    error = midhip_error(some, H36M17) if len(some) else 0.0
    if error > MIDHIP_2D:
        message = f"joint 0 lies {error:.1f} hip distances off the middle of the hips: not in the order of h36m17."
        raise ArchiveError(archive.name, message, member, code="joint-order")
