"""Archives of one row an image: its name, joints on it and in space; what mmpose's and SPIN's have in common.

`imgname` (N,) text; `S` (N, J, 4) metres and a flag; `part` (N, J, 3) pixels and a flag, not in all. Rows of one
subject, action and camera become a sequence, in the order of their frame numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Floats
from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.reprojection import AGREES, INEXACT, Found
from poseda_cli.checks.sanity import check_pixels, check_poses, in_single_precision
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import MPI_INF_3DHP_TRAIN_FRAMES, h36m_sequences
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.h36m_names import unlisted
from poseda_cli.reading.image_names import Named, View, in_time, read_names
from poseda_cli.reading.view_cameras import check_camera_space, distance, find_view_camera, published_cameras
from poseda_cli.skeleton import Skeleton, joint_map
from poseda_cli.storage.archive import Archive

NAMES, IN_IMAGE, IN_SPACE = "imgname", "part", "S"
# Metres. Roots nearer to the origin than this are the origin: nobody stands in a camera.
AT_ORIGIN = 0.001


class Orders(NamedTuple):
    """The joint sets of a view: as stored, and as read."""

    stored: Skeleton
    read: Skeleton


class _Part(NamedTuple):
    """A sequence: its rows in the archive, in time order, and in the columns."""

    view: View
    rows: NDArray[np.int64]
    place: slice


class _Match(NamedTuple):
    """The camera of a sequence, how far it misses the 2D, and how far the archive's own cameras do."""

    part: _Part
    found: Found
    error: float
    own_error: float | None


def lacking(archive: Archive, joints: int) -> str | None:
    """None if an archive has names, and `S` of so many joints; else what is off."""
    missing = [name for name in (NAMES, IN_SPACE) if name not in archive.members]
    if NAMES in missing:
        return f"needs members {NAMES} and {IN_SPACE}"
    shape, dtype = archive.members[NAMES]
    if dtype.kind not in "US" or len(shape) != 1:
        return f"{NAMES} is {dtype} {shape}, expected text of shape (N,)"
    if missing:
        return f"lacks {IN_SPACE}: it names images, but has no 3D poses on them"
    shape, dtype = archive.members[IN_SPACE]
    if shape[1:] != (joints, 4) or dtype.kind not in "fiu":
        return f"{IN_SPACE} is {dtype} {shape}, expected numbers of shape (N, {joints}, 4)"
    return None


def read_named_images(
    origin: Origin,
    archives: list[Archive],
    orders: Callable[[View], Orders],
    own: Callable[[View], Sequence[Camera]],
    progress: Progress,
) -> PoseDataset:
    """The poses of some archives.

    Parameters
    ----------
    origin : the layout
    archives : such as `lacking` accepts
    orders : joint sets of a view
    own : the archives' own cameras for a view; may be none

    Raises
    ------
    ArchiveError : names, shapes, units, joint order or frame are not those of the layout
    InputError : a sequence twice, or archives that do not go together
    """
    problems: list[Problem] = []
    tables = [read_names(archive.array(NAMES), archive.name, NAMES) for archive in archives]
    order, dataset = _alike(archives, tables, orders)
    has_2d = _has_2d(archives)
    tables = [_aligned(archive, table, problems) for archive, table in zip(archives, tables, strict=True)]
    count = sum(len(rows) for table in tables for rows in table.views.values())
    columns = Columns(count, order.read, has_3d=True, has_2d=has_2d, has_visible=True)
    parts: list[_Part] = []
    relative: list[bool] = []
    as_read: list[NDArray[np.int64]] = []
    offset = 0
    with progress("reading", count) as advance:
        for archive, table in zip(archives, tables, strict=True):
            three = _annotation(archive, IN_SPACE, len(order.stored), 4)
            check_poses(three[..., :3], order.stored, "m", archive.name, IN_SPACE)
            relative.append(_is_relative(three[:, order.stored.root, :3], archive))
            placed = _placed(table, three[..., :3], sum(map(len, as_read)), problems)
            _fill(columns, "poses_3d", placed, three, order)
            as_read += [part.rows + offset for part in placed]
            offset += len(three)
            del three  # in double precision as large as all columns together
            if has_2d:
                two = _annotation(archive, IN_IMAGE, len(order.stored), 3)
                check_pixels(two[..., :2], archive.name, IN_IMAGE)
                _fill(columns, "poses_2d", placed, two, order)
                del two
            _check_frame(columns, placed, archive)
            parts += placed
            advance(sum(len(part.rows) for part in placed))
    absolute = not _all_relative(archives, relative)
    matches = [_match(part, columns, own(part.view), absolute) for part in parts]
    _add(columns, matches)
    problems += _camera_problems(matches)
    if dataset == "h36m":
        problems += [*h36m_problems(columns.sequences), *unlisted(columns.sequences)]
    notes = [
        f"{len(order.stored)} joints, metres, {'camera space' if absolute else 'relative to the root'}",
        *_camera_notes(matches, has_2d),
    ]
    stored = Stored(order.stored, "m", "camera" if absolute else "root-relative", "pixels" if has_2d else None)
    return columns.dataset(
        replace(origin, dataset=dataset),
        stored,
        notes=notes,
        problems=problems,
        absolute=absolute,
        rows=np.concatenate(as_read),
    )


def _alike(archives: list[Archive], tables: list[Named], orders: Callable[[View], Orders]) -> tuple[Orders, str | None]:
    """The joint sets and the data set that all views share; each view is in one archive only."""
    names = listed(archive.name for archive in archives)
    views = [view for table in tables for view in table.views]
    if not views:
        raise InputError(f"{names}: no row in it.")
    keys = Counter((view.subject, view.action, view.camera) for view in views)
    twice = [" ".join(key) for key, times in keys.items() if times > 1]
    if twice:
        raise InputError(f"{names}: {listed(twice, most=4)} is in more than one of them. Name one of them.")
    found = {orders(view): view for view in views}
    if len(found) > 1:
        examples = listed(f"{view} in {order.stored.name}" for order, view in found.items())
        raise InputError(f"{names}: images of several data sets, whose joints differ: {examples}. Read them apart.")
    datasets = {view.dataset for view in views}
    return next(iter(found)), datasets.pop() if len(datasets) == 1 else None


def _has_2d(archives: list[Archive]) -> bool:
    without = [archive.name for archive in archives if IN_IMAGE not in archive.members]
    if without and len(without) < len(archives):
        raise InputError(f"{listed(without)}: no {IN_IMAGE}, which the others have. Read them apart.")
    return not without


def _annotation(archive: Archive, name: str, joints: int, width: int) -> NDArray[Any]:
    shape, dtype = archive.members[name]
    expected = (archive.members[IN_SPACE][0][0], joints, width)
    if shape != expected or dtype.kind not in "fiu":
        raise ArchiveError(archive.name, f"{dtype} {shape}, expected numbers of shape {expected}", name)
    return archive.array(name)


def _aligned(archive: Archive, table: Named, problems: list[Problem]) -> Named:
    """The rows of `S` that the names belong to: the same, unless there are fewer names.

    mmpose's converters name the images that a video has, and annotate those that the release promises: where a
    video ends early, all names behind it are those of earlier rows.
    """
    count = archive.members[IN_SPACE][0][0]
    names = len(table.frames)
    if names == count:
        return table
    if names > count:
        raise ArchiveError(archive.name, f"{names:,} names for {count:,} rows of {IN_SPACE}", NAMES)
    stride = int(np.gcd.reduce(table.frames - 1)) or 1
    promised = {view: -(-(_frames(view) or 0) // stride) for view in table.views}
    known = table.frames.min(initial=1) > 0 and all(
        table.frames[rows].max() <= promised[view] * stride for view, rows in table.views.items()
    )
    in_a_row = all(rows[-1] - rows[0] + 1 == len(rows) for rows in table.views.values())
    if not known or not in_a_row or sum(promised.values()) != count:
        raise ArchiveError(
            archive.name,
            f"{names:,} names for {count:,} rows of {IN_SPACE}: mmpose's converters name no images where a video "
            "ends early, and then later names are those of other rows. The lengths of the published sequences "
            f"({sum(promised.values()):,} rows) do not tell which. Convert the data set again, from whole videos.",
            NAMES,
            code="names",
        )
    starts = np.cumsum([0, *promised.values()])
    rows = [
        start + (table.frames[rows] - 1) // stride for start, rows in zip(starts, table.views.values(), strict=False)
    ]
    frames = np.zeros(count, np.int64)
    for where, named in zip(rows, table.views.values(), strict=True):
        frames[where] = table.frames[named]
    short = [str(view) for view, named in table.views.items() if len(named) < promised[view]]
    message = (
        f"{names:,} names for {count:,} rows of {IN_SPACE}: the videos of {listed(short, most=4)} end early. Names "
        "were given back to their rows by the published lengths; rows without a name are left out"
    )
    problems.append(Problem("names-short", "warning", message))
    return Named(dict(zip(table.views, rows, strict=True)), frames)


def _frames(view: View) -> int | None:
    """How many frames of a view are annotated in the release."""
    if view.dataset == "h36m":
        sequence = h36m_sequences(view.subject).get(view.action)
        return sequence and sequence.frames_3d
    return MPI_INF_3DHP_TRAIN_FRAMES.get((view.subject, view.action))


def _is_relative(roots: Floats, archive: Archive) -> bool:
    """Whether roots are the origin; they must be in all rows or in none, and people before the camera."""
    known = roots[np.isfinite(roots).all(1)]
    at_origin = (np.abs(known) < AT_ORIGIN).all(1)
    if at_origin.all():
        return bool(len(known))
    if at_origin.any():
        raise ArchiveError(
            archive.name,
            f"the root is the origin in {int(at_origin.sum()):,} of {len(known):,} poses only: some are relative to it "
            "and some are not. Take them apart.",
            IN_SPACE,
            code="frame",
        )
    if np.median(known[:, 2]) <= 0:
        message = f"roots lie at a depth of {np.median(known[:, 2]):.2f} m, behind the camera: not in camera space."
        raise ArchiveError(archive.name, message, IN_SPACE, code="frame")
    return False


def _all_relative(archives: list[Archive], relative: list[bool]) -> bool:
    if any(relative) != all(relative):
        names = [archive.name for archive, is_relative in zip(archives, relative, strict=True) if is_relative]
        raise InputError(
            f"{listed(names)}: 3D is relative to the root here, and where it was filmed in the others. Read them apart."
        )
    return all(relative)


def _placed(table: Named, poses: Floats, start: int, problems: list[Problem]) -> list[_Part]:
    """The sequences of a table in time order, one after the other in the columns."""
    placed, sorted_, wrong, repeated = [], [], [], []
    for view, rows in table.views.items():
        ordered = in_time(rows, table.frames, poses)
        steps = np.diff(table.frames[ordered])
        if (steps < 0).any():
            wrong.append(str(view))
        elif not np.array_equal(ordered, rows):
            sorted_.append(str(view))
        if (steps == 0).any():
            repeated.append(str(view))
        placed.append(_Part(view, ordered, slice(start, start + len(rows))))
        start += len(rows)
    if sorted_:
        problems.append(Problem("frame-order", "note", f"{listed(sorted_, most=4)}: rows sorted by frame number"))
    if wrong:
        message = (
            f"{listed(wrong, most=4)}: frame numbers are not in order, but poses move more smoothly as stored than "
            "sorted: the names are those of other images, as SPIN's script gives them on some file systems. Order kept"
        )
        problems.append(Problem("frame-order", "warning", message))
    if repeated:
        problems.append(Problem("frames-repeated", "warning", f"{listed(repeated, most=4)}: the same frame twice"))
    return placed


def _fill(columns: Columns, name: str, parts: Iterable[_Part], values: NDArray[Any], order: Orders) -> None:
    """Copy one array's coordinates, and whether joints are visible (what comes last has the say)."""
    column, visible = getattr(columns, name), columns.visible
    assert visible is not None
    joints = joint_map(order.stored, order.read)
    others = np.arange(len(joints)) != order.read.root
    for _, rows, place in parts:
        in_a_row = rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all()
        block = (values[rows[0] : rows[-1] + 1] if in_a_row else values[rows])[:, joints]
        column[place] = in_single_precision(block[..., :-1])
        visible[place] = block[..., -1] > 0
        # SPIN's way to say that a joint is not annotated. (A root that is 0 is that of a relative pose.)
        column[place][~visible[place] & (block[..., :-1] == 0).all(-1) & others] = np.nan


def _check_frame(columns: Columns, parts: list[_Part], archive: Archive) -> None:
    if not parts:
        return
    rows = slice(parts[0].place.start, parts[-1].place.stop)
    three, two = columns.poses_3d, columns.poses_2d
    assert three is not None
    check_camera_space(three[rows], None if two is None else two[rows], columns.skeleton, archive.name, IN_SPACE)


def _match(part: _Part, columns: Columns, own: Sequence[Camera], absolute: bool) -> _Match:
    assert columns.poses_3d is not None
    three = columns.poses_3d[part.place]
    two = None if columns.poses_2d is None else columns.poses_2d[part.place]
    found = find_view_camera(part.view, own, three, two, columns.skeleton, absolute)
    if two is None or not absolute:
        return _Match(part, found, np.nan, None)
    exact = [index for meaning, index in columns.skeleton.position.items() if meaning not in INEXACT]
    errors = [distance(three, two, camera, exact) for camera in (found.camera, *own)]
    return _Match(part, found, errors[0], min(errors[1:], default=None))


def _add(columns: Columns, matches: list[_Match]) -> None:
    # A camera is one view a subject: a sequence whose 2D is off must not take it from the others.
    cameras: dict[tuple[str, str], Camera] = {}
    for (view, _, _), found, _, _ in matches:
        known = cameras.setdefault((view.subject, view.camera), found.camera)
        if known.intrinsics is None:
            cameras[view.subject, view.camera] = found.camera
    for (view, rows, _), _, _, _ in matches:
        columns.add(view.subject, view.action, cameras[view.subject, view.camera], len(rows))


def _camera_notes(matches: list[_Match], has_2d: bool) -> list[str]:
    agreeing = [match for match in matches if match.found.kind == "annot3"]
    notes = []
    if agreeing:
        notes.append(
            f"3D projects onto the 2D in {len(agreeing):,} of {len(matches):,} sequences, to "
            f"{max(match.error for match in agreeing):.2g} px in the median of the worst"
        )
    elif matches and matches[0].found.kind in ("root-relative", "unchecked"):
        why = "root-relative 3D" if has_2d else "no 2D"
        notes.append(f"{why}: cameras are those of the names, unchecked")
    linear = [match for match in agreeing if _is_undistorted(match)]
    if linear:
        notes.append(f"2D of {_poses(linear):,} poses is undistorted; so are their cameras here")
    others = [match for match in matches if match.found.published_as != match.part.view.camera]
    notes += [f"{match.part.view}: {match.found.note()}" for match in others[:4]]
    return notes


def _is_undistorted(match: _Match) -> bool:
    published = published_cameras(match.part.view).get(match.part.view.camera)
    return published is not None and published.distortion is not None and match.found.camera.distortion is None


def _camera_problems(matches: list[_Match]) -> list[Problem]:
    by_kind: dict[str, list[_Match]] = {}
    for match in matches:
        by_kind.setdefault(match.found.kind, []).append(match)
    problems = []
    if scaled := by_kind.get("univ_annot3"):
        message = (
            f"3D of {_poses(scaled):,} poses is scaled about the pelvis to a standard height (universal): it does not "
            "project onto the 2D, and its errors do not compare with those of the true size"
        )
        problems.append(Problem("univ-annot3", "note", message))
    if near := by_kind.get("near"):
        message = (
            f"2D of {_poses(near):,} poses is no projection of the 3D but near to it, as detections are: off by "
            f"{max(match.error for match in near):.1f} px in the median of the worst sequence"
        )
        problems.append(Problem("detections", "note", message))
    if unknown := by_kind.get("unknown"):
        message = (
            f"{_views(unknown)}: 2D and 3D agree with no camera that these names may mean; nothing is known of "
            "their cameras' lenses"
        )
        problems.append(Problem("camera-unknown", "warning", message))
    off = [m for m in matches if m.error <= AGREES and m.own_error is not None and m.own_error > AGREES]
    if off:
        message = (
            f"{_views(off)}: the cameras in the archive's camera file miss the 2D by "
            f"{max(m.own_error or 0 for m in off):.1f} px; the published ones agree and are used"
        )
        problems.append(Problem("camera-file", "warning", message))
    return problems


def _poses(matches: list[_Match]) -> int:
    return sum(len(match.part.rows) for match in matches)


def _views(matches: list[_Match]) -> str:
    return listed((match.part.view for match in matches), most=4)
