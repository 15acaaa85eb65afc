"""2D detections in anybody's videos, as VideoPose3D takes them for inference: data_2d_custom_<name>.npz.

Pickled members `positions_2d` = {video: {'custom': [one array (T, J, 2)]}} and `metadata`; pixels, one person a video
(a third column, confidence, is left out). prepare_data_2d_custom.py writes them from Detectron's output, with gaps
filled by interpolation; run.py reads them with `-d custom`.

`metadata["keypoints_symmetry"]` and `metadata["layout_name"]` tell the order of the joints: COCO's 17, the usual one,
which become h36m17 (pelvis, spine, thorax, neck and head are made of midpoints); h36m17; h36m16; or MPII's 16, which
become h36m16. The poses are tested for it. `metadata["video_metadata"]` = {video: {'w', 'h'}} has the image sizes.

Each video is a subject and a camera of its own name, with the action `custom`. Nobody knows the focal lengths of such
cameras: an alignment to these poses asks for --intrinsics.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import MOST_PIXELS, Camera
from poseda_cli.checks.sanity import check_inside, sample
from poseda_cli.dataset import Origin, PoseDataset, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading import detections
from poseda_cli.reading.columns import Columns
from poseda_cli.skeleton import Skeleton
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.pickles import ArrayHead

ORIGIN = Origin("videopose3d-custom")
POSES, METADATA = "positions_2d", "metadata"
ACTION = "custom"
LEAF = f"{POSES} must hold {{'{ACTION}': [one array (T, J, 2)]}} for each video"


def refusal(archive: Archive) -> str | None:
    """None if these are detections for VideoPose3D's inference, else why not."""
    if POSES not in archive.members or archive.members[POSES][1].kind != "O":
        return f"needs a pickled member {POSES}"
    tree = archive.outline(POSES)
    actions = list(tree.values()) if isinstance(tree, dict) else []
    if not actions or not all(isinstance(action, dict) and set(action) <= {ACTION} for action in actions):
        return f"needs the action '{ACTION}', and no other, for each video"
    first = actions[0].get(ACTION)
    if not (isinstance(first, list) and first and isinstance(first[0], ArrayHead) and len(first[0].shape) == 3):
        return LEAF
    return None if METADATA in archive.members else f"lacks a member {METADATA}, which tells the order of the joints"


class _Video(NamedTuple):
    """One video's detections, with the joints that are read."""

    name: str
    points: NDArray[Any]
    size: tuple[int, int] | None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The detections of all videos.

    Raises
    ------
    ArchiveError : shapes, joint order or pixels are not those of the layout
    InputError : a video in two archives, or archives of unlike joints
    """
    videos: dict[str, _Video] = {}
    orders: dict[Skeleton, str] = {}
    for archive in archives:
        tree = _checked(archive)
        stored = _order(archive, tree)
        orders.setdefault(stored, archive.name)
        for name, points in tree.items():
            if name in videos:
                raise InputError(f"{listed(a.name for a in archives)}: {name} is in more than one of them.")
            size = _size(archive, name, points)
            videos[name] = _Video(name, detections.as_read(points[..., :2], stored), size)
    skeletons = {detections.AS_READ.get(order, order) for order in orders}
    if len(skeletons) > 1:
        found = listed(f"{name} ({order.name})" for order, name in orders.items())
        raise InputError(f"{found} have unlike joints: they cannot be read as one data set. Run poseda for each.")
    total = sum(len(video.points) for video in videos.values())
    columns = Columns(total, skeletons.pop(), has_2d=True)
    with progress("reading", total) as advance:
        for name, video in videos.items():
            columns.add(name, ACTION, Camera(name, size=video.size), len(video.points), poses_2d=video.points)
            advance(len(video.points))
    sizes = listed((f"{name} {_size_text(video.size)}" for name, video in videos.items()), most=4)
    notes = [*filter(None, map(detections.note, orders)), f"cameras unknown; image sizes: {sizes}"]
    return columns.dataset(ORIGIN, Stored(next(iter(orders)), screen="pixels"), notes=notes)


def _checked(archive: Archive) -> dict[str, NDArray[Any]]:
    """The array of each video, once all are known to be numbers of the right shape."""
    found = {}
    for video, actions in archive.take_tree(POSES).items():
        member = f"{POSES}[{video!r}]"
        views = actions.get(ACTION) if isinstance(actions, dict) and set(actions) == {ACTION} else None
        if not isinstance(views, list) or len(views) != 1 or not isinstance(views[0], np.ndarray):
            raise ArchiveError(archive.name, f"expected {{'{ACTION}': [one array (T, J, 2)]}}", member)
        points = views[0]
        if points.ndim != 3 or points.shape[2] not in (2, 3) or points.dtype.kind not in "fiu":
            raise ArchiveError(archive.name, f"{points.dtype} {points.shape}, expected numbers (T, J, 2)", member)
        found[str(video)] = points
    return found


def _order(archive: Archive, videos: dict[str, NDArray[Any]]) -> Skeleton:
    counts = {points.shape[1] for points in videos.values()}
    if len(counts) != 1 or not counts <= {16, 17}:
        raise ArchiveError(archive.name, f"{listed(sorted(counts))} joints, expected 17 or 16 in every video", POSES)
    stored = detections.stated_joints(archive, counts.pop())
    if stored is None:
        raise ArchiveError(
            archive.name,
            "neither keypoints_symmetry nor a layout_name (coco, h36m, mpii) tells the order of the joints; "
            "VideoPose3D needs the first, too.",
            METADATA,
        )
    for name, points in videos.items():
        detections.check_detections(points[..., :2], stored, archive.name, f"{POSES}[{name!r}]")
    return stored


def _size(archive: Archive, video: str, points: NDArray[Any]) -> tuple[int, int] | None:
    """A video's image size, once the detections are known to lie in it."""
    metadata = archive.tree(METADATA)
    sizes = metadata.get("video_metadata") if isinstance(metadata, dict) else None
    size = sizes.get(video) if isinstance(sizes, dict) else None
    width, height = (size.get("w"), size.get("h")) if isinstance(size, dict) else (None, None)
    if not (isinstance(width, int | float) and isinstance(height, int | float)):
        return None
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        return None
    check_inside(sample(points[..., :2]), np.array([width, height]), archive.name, f"{POSES}[{video!r}]")
    return round(width), round(height)


def _size_text(size: tuple[int, int] | None) -> str:
    return "unknown" if size is None else f"{size[0]} x {size[1]}"
