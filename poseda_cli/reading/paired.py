"""Views of MPI-INF-3DHP read into a data set: 3D and 2D paired, their cameras found, everything checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from poseda_cli.cameras import Camera, Floats
from poseda_cli.checks.mpi_inf_3dhp_space import TEST_SUBJECT, SpaceCheck, is_relative, published_cameras
from poseda_cli.checks.reprojection import PROJECTING, Findings, Found, find_camera
from poseda_cli.checks.sanity import METRES, check_pixels, check_poses, midhip_error, sample
from poseda_cli.checks.sides import legs_against_arms
from poseda_cli.dataset import PoseDataset, Problem
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.views import Nesting, Take, View, pair
from poseda_cli.skeleton import Skeleton, joint_map

# Hip distances that roots of 2D poses may lie off the middle of the hips, in the median.
MIDHIP_2D = 0.5


def read_views(
    layout: Nesting,
    three: list[View],
    two: list[View],
    progress: Progress,
    problems: Sequence[Problem] = (),
    notes: Sequence[str] = (),
) -> PoseDataset:
    """The poses of some views, 2D paired with 3D where there are both.

    Parameters
    ----------
    layout : how they are stored
    three, two : 3D and 2D; either may be empty
    progress : told how far reading is
    problems, notes : what the layout's module knows about them

    Raises
    ------
    ArchiveError : units, joint order or frame are not those of the layout; cameras that cannot be told
    InputError : nothing that both have, a sequence twice, or no pose at all
    """
    files = listed(dict.fromkeys(view.file for view in (*three, *two)))
    takes, lost = pair(three, two)
    count = sum(take.length for take in takes)
    if not count:
        raise InputError(f"{files}: no pose.")
    columns = Columns(count, layout.output, has_3d=bool(three), has_2d=bool(two))
    findings, space = Findings(), SpaceCheck(layout.output)
    named: set[tuple[str, str, str]] = set()
    with progress("reading", count) as advance:
        for take in takes:
            if not take.length:
                continue
            poses_3d = None if take.three is None else _restored(layout, take.three, take)
            poses_2d = None if take.two is None else _pixels(layout, take.two, take.length)
            found = _find(take, layout, poses_3d, poses_2d)
            camera = _called_as_published(take, found)
            _check_name(take, found, camera, named)
            if poses_3d is not None and found.kind not in PROJECTING:
                space.look(poses_3d, found.camera, take.view.file, take.view.member)
            findings.add(take.view.place, found, take.length)
            given = {"poses_3d": poses_3d, "poses_2d": poses_2d}
            given = {name: values for name, values in given.items() if values is not None}
            columns.add(take.view.subject, take.view.action, camera, take.length, **given)
            advance(take.length)
    space.conclude(files)
    relative = findings.relative(files) if three else False
    stored = layout.stored._replace(
        units=layout.stored.units if three else None,
        frame="root-relative" if relative else layout.stored.frame if three else None,
        screen="pixels" if two else None,
    )
    problems = [*problems, *lost, *findings.problems()]
    notes = [*_summary(layout, findings, three, two, relative), *notes, *findings.notes]
    return columns.dataset(layout.origin, stored, notes=notes, problems=problems, absolute=not relative)


def _restored(layout: Nesting, view: View, take: Take) -> Floats:
    units = layout.stored.units or "m"
    check_poses(view.poses, view.skeleton, units, view.file, view.member)
    poses = _in_order(view.poses[: take.length].astype(np.float64), view.skeleton, layout.output) * METRES[units]
    name = take.camera or ""
    return layout.restore(poses, view, published_cameras(view.subject).get(name, Camera(name)))


def _pixels(layout: Nesting, view: View, length: int) -> Floats:
    poses = view.poses[:length, :, :2]
    check_pixels(poses, view.file, view.member)
    some = sample(poses)
    error = midhip_error(some, view.skeleton) if len(some) else 0.0
    if len(some) and error <= MIDHIP_2D and legs_against_arms(some, view.skeleton):
        message = f"hips and shoulders point opposite ways: the joints are not in the order of {view.skeleton.name}."
        raise ArchiveError(view.file, message, view.member, code="joint-order")
    if error > MIDHIP_2D:
        raise ArchiveError(
            view.file,
            f"joint {view.skeleton.root} lies {error:.1f} hip distances off the middle of the hips: the joints are not "
            f"in the order of {view.skeleton.name}.",
            view.member,
            code="joint-order",
        )
    return _in_order(poses, view.skeleton, layout.output)


def _in_order(poses: Floats, skeleton: Skeleton, output: Skeleton) -> Floats:
    return poses if skeleton == output else poses.take(joint_map(skeleton, output), axis=1)


def _find(take: Take, layout: Nesting, poses_3d: Floats | None, poses_2d: Floats | None) -> Found:
    """The camera of a view: by reprojection where there is 3D and 2D, else by its name."""
    view, published = take.view, published_cameras(take.view.subject)
    name = take.camera or ""
    if poses_3d is None or poses_2d is None:
        at_origin = poses_3d is not None and is_relative(poses_3d, layout.output)
        camera = published.get(name, Camera(name))
        return Found(camera, "root-relative" if at_origin else "unchecked", name)
    found = find_camera(name, published, poses_3d, poses_2d, layout.output)
    if found.kind == "unknown" and layout.stored.frame == "world":
        raise ArchiveError(
            view.file,
            f"seen by the published camera {name} the poses do not project onto the 2D: another world, or frames that "
            "do not belong together.",
            view.member,
            code="frame",
        )
    return found


def _called_as_published(take: Take, found: Found) -> Camera:
    """The camera by the name of the published one that it is; a place in a list, or a key, is no name."""
    if found.kind in PROJECTING and not TEST_SUBJECT.fullmatch(take.view.subject):
        return replace(found.camera, name=found.published_as)
    return found.camera


def _check_name(take: Take, found: Found, camera: Camera, named: set[tuple[str, str, str]]) -> None:
    """A camera must have a name, and no other of the sequence's the same."""
    view = take.view
    if take.camera is None and found.kind not in PROJECTING:
        raise ArchiveError(
            view.file,
            f"which cameras the arrays of {view.subject} {view.action} belong to cannot be told: they are neither 14 "
            "(all) nor 8 (those of vnect). Name the 3D and the 2D file together, then their projection tells.",
            view.member,
            code="camera",
        )
    key = (view.subject, view.action, camera.name)
    if key in named:
        raise ArchiveError(
            view.file,
            f"{view.subject} {view.action}: 2D and 3D of two arrays agree with the published camera "
            f"{camera.name}; expected one array a camera.",
            view.member,
            code="camera",
        )
    named.add(key)


def _summary(layout: Nesting, findings: Findings, three: list[View], two: list[View], relative: bool) -> Iterator[str]:
    if three:
        units = {"m": "metres", "mm": "millimetres"}[layout.stored.units or "m"]
        space = "relative to the root" if relative else f"{layout.stored.frame} space"
        how = f"; 3D is {findings.summary} by reprojection" if two else ""
        yield f"{units}, {space}{how}"
    if not (three and two):
        other = "2D" if three else "3D"
        yield f"cameras are those of their names or places, unchecked: there is no {other} to compare with"
