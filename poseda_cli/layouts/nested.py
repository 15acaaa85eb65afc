"""Archives of MPI-INF-3DHP that nest one array a camera in subjects and sequences, 3D and 2D in files of their own.

What several layouts share: walking such trees, naming cameras that a list only counts, pairing 2D
with 3D, and finding out whether poses are where their layout says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Floats, project
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.layouts.columns import Columns
from poseda_cli.layouts.reprojection import NEAREST, Findings, Found, find_camera
from poseda_cli.layouts.sanity import METRES, check_pixels, check_poses, midhip_error, sample
from poseda_cli.progress import Progress
from poseda_cli.published import mpi_inf_3dhp_test_cameras, mpi_inf_3dhp_train_cameras
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17, Skeleton, joint_map
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.pickles import ArrayHead

POSES_3D, POSES_2D = "positions_3d", "positions_2d"
TRAIN_SUBJECT, TEST_SUBJECT = re.compile(r"S[1-8]"), re.compile(r"TS[1-6]")
# The test set has one sequence a subject; the field files it under this name.
TEST_ACTION = "Seq1"
# The cameras that the release calls vnect, at chest height or a little above; most copies have these eight.
VNECT = ("0", "1", "2", "4", "5", "6", "7", "8")
# Hip distances that roots of 2D poses may lie off the middle of the hips, in the median.
MIDHIP_2D = 0.5
# Median height of heads above feet, metres; sitting on the floor leaves 0.4, another up axis about 0.
UPRIGHT = 0.2
# Of the roots this part must be seen by the cameras: of real sequences all are, of others hardly any.
SEEN = 0.5
# Cosine between the world's up and the image's. The ceiling cameras show people upside down.
LEVEL = 0.8
# Metres that a root may be off the origin, and be there.
AT_ORIGIN = 1e-3
# Poses of one sequence that are looked at.
SAMPLE = 200
# Kinds of poses whose roots project onto the 2D, so that their camera and frame are known; see `Found`.
PROJECTING = ("annot3", "univ_annot3")


class View(NamedTuple):
    """One camera's share of a sequence, as stored.

    file, member : where it is, for messages
    camera : its name, or None if the archive does not tell
    skeleton : joint set that the layout prescribes
    poses : (n, J, 2 or 3)
    """

    file: str
    member: str
    subject: str
    action: str
    camera: str | None
    skeleton: Skeleton
    poses: NDArray[Any]

    @property
    def place(self) -> str:
        """The sequence and the camera, for messages."""
        where = f"camera {self.camera}" if self.camera is not None else f"({self.member})"
        return f"{self.subject} {self.action} {where}"


def _as_is(poses: Floats, view: View, camera: Camera) -> Floats:
    return poses


@dataclass(frozen=True)
class Nesting:
    """How a layout has its poses.

    Parameters
    ----------
    origin : layout and data set
    stored : joint set, units and frame ('camera' or 'world') of 3D, as prescribed
    output : joint set to read into
    restore : camera-space metres of metres as stored: (poses, view, the published camera of the view's name)
    """

    origin: Origin
    stored: Stored
    output: Skeleton
    restore: Callable[[Floats, View, Camera], Floats] = _as_is


class Take(NamedTuple):
    """A view of 3D, of 2D or of both, and how many frames to take from their start."""

    three: View | None
    two: View | None
    length: int

    @property
    def view(self) -> View:
        """The 3D, or the 2D where there is no 3D."""
        view = self.three or self.two
        assert view is not None
        return view

    @property
    def camera(self) -> str | None:
        """The camera's name; the 2D's word counts where the 3D only has a position in a list."""
        return next((v.camera for v in (self.two, self.three) if v is not None and v.camera is not None), None)


# Walking trees.


def first_leaf(tree: Any) -> tuple[tuple[str, ...], Any]:
    """The keys that lead to the first value that is no dictionary, and that value; see `Archive.outline`."""
    keys: list[str] = []
    while isinstance(tree, dict) and tree:
        key = next(iter(tree))
        keys.append(str(key))
        tree = tree[key]
    return tuple(keys), tree


def first_array(leaf: Any) -> ArrayHead | None:
    """The head of a leaf that is an array of poses, or of the first one in a list of them."""
    if isinstance(leaf, list) and leaf:
        leaf = leaf[0]
    return leaf if isinstance(leaf, ArrayHead) and len(leaf.shape) == 3 else None


def object_outline(archive: Archive, member: str) -> Any:
    """The outline of an object member, None for an array of numbers."""
    return archive.outline(member) if archive.members[member][1].kind == "O" else None


def leaves(archive: Archive, member: str, depth: int) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every value of a tree of dictionaries, `depth` keys deep: the keys, its name for messages, the value.

    Raises
    ------
    ArchiveError : something else than a dictionary on the way
    """
    yield from _leaves(archive, member, archive.take_tree(member), (), depth)


def _leaves(
    archive: Archive, member: str, tree: Any, keys: tuple[str, ...], depth: int
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    if len(keys) == depth:
        yield keys, member, tree
        return
    if not isinstance(tree, dict):
        raise ArchiveError(archive.name, f"{type(tree).__name__}, expected a dictionary", member)
    for key, value in tree.items():
        yield from _leaves(archive, f"{member}[{key!r}]", value, (*keys, str(key)), depth)


def view_of(
    archive: Archive,
    member: str,
    place: tuple[str, str, str | None],
    skeleton: Skeleton,
    coordinates: int,
    poses: Any,
) -> View:
    """One array of a tree as a view.

    Parameters
    ----------
    archive, member : where it is
    place : subject, action and camera
    skeleton : joint set that the layout prescribes
    coordinates : 2 or 3
    poses : what is there

    Raises
    ------
    ArchiveError : no numbers of shape (n, J, coordinates); 2D may have confidence as a third coordinate
    """
    subject, action, camera = place
    if not TRAIN_SUBJECT.fullmatch(subject) and not TEST_SUBJECT.fullmatch(subject):
        raise ArchiveError(archive.name, f"subject {subject} is none of MPI-INF-3DHP's (S1 to S8, TS1 to TS6).", member)
    expected = f"(n, {len(skeleton)}, {coordinates})"
    if not isinstance(poses, np.ndarray) or poses.dtype.kind not in "fiu":
        found = f"an array of {poses.dtype}" if isinstance(poses, np.ndarray) else type(poses).__name__
        raise ArchiveError(archive.name, f"{found}, expected numbers of shape {expected}", member)
    if not poses.size:
        # What numpy.array([]) makes of a sequence without a frame.
        poses = np.empty((0, len(skeleton), coordinates), np.float32)
    allowed = (2, 3) if coordinates == 2 else (3,)
    if poses.ndim != 3 or poses.shape[1] != len(skeleton) or poses.shape[2] not in allowed:
        raise ArchiveError(archive.name, f"{poses.dtype} {poses.shape}, expected numbers of shape {expected}", member)
    return View(archive.name, member, subject, action, camera, skeleton, poses)


def listed_views(archive: Archive, member: str, skeleton: Skeleton) -> list[View]:
    """The views of {subject: {sequence: [one array a camera]}}.

    Raises
    ------
    ArchiveError : another structure or other shapes
    """
    views = []
    coordinates = 3 if member == POSES_3D else 2
    for (subject, sequence), name, value in leaves(archive, member, 2):
        if not isinstance(value, list) or not value:
            raise ArchiveError(archive.name, f"{type(value).__name__}, expected a list of one array a camera", name)
        action = canonical_action(archive, subject, sequence, name)
        cameras = camera_names(subject, len(value))
        if TEST_SUBJECT.fullmatch(subject) and len(value) != 1:
            raise ArchiveError(archive.name, f"{len(value)} arrays; one camera saw the test set.", name)
        for index, (camera, poses) in enumerate(zip(cameras, value, strict=True)):
            place = (subject, action, camera)
            views.append(view_of(archive, f"{name}[{index}]", place, skeleton, coordinates, poses))
    return views


def canonical_action(archive: Archive, subject: str, sequence: str, member: str) -> str:
    """'Seq1' or 'Seq2' of what a sequence is called ('Test' of the test set).

    Raises
    ------
    ArchiveError : no name of a sequence
    """
    if TEST_SUBJECT.fullmatch(subject) and sequence == "Test":
        return TEST_ACTION
    if not (found := re.fullmatch(r"(?i)(?:seq)?_?([12])", sequence)):
        raise ArchiveError(archive.name, f"sequence {sequence!r}, expected Seq1 or Seq2", member)
    return f"Seq{found[1]}"


def camera_names(subject: str, count: int) -> Sequence[str | None]:
    """The cameras of a list that only counts them: all 14, the eight of vnect, the test set's one; or None each."""
    if TEST_SUBJECT.fullmatch(subject) and count == 1:
        return [subject]
    every = tuple(mpi_inf_3dhp_train_cameras())
    known: dict[int, Sequence[str]] = {len(every): every, len(VNECT): VNECT}
    return known.get(count, [None] * count)


def published_cameras(subject: str) -> dict[str, Camera]:
    """The published cameras that can have seen a subject, by name."""
    return mpi_inf_3dhp_test_cameras() if TEST_SUBJECT.fullmatch(subject) else mpi_inf_3dhp_train_cameras()


def stored_order(archive: Archive) -> Skeleton | None:
    """The order of the 17 joints in {subject: {sequence: [arrays]}}, told by where the pelvis lies; None if in none.

    Two layouts differ in this alone, so it takes the values: the whole tree is decoded, and kept for `read`.
    """
    member = POSES_3D if POSES_3D in archive.members else POSES_2D
    for subject in _values(archive.tree(member)):
        for sequence in _values(subject):
            for poses in _values(sequence):
                if isinstance(poses, np.ndarray) and poses.ndim == 3 and poses.shape[1] == 17 and len(poses):
                    some = sample(poses, SAMPLE)
                    errors = {s: midhip_error(some, s) for s in (H36M17, MPI_INF_3DHP17)} if len(some) else {}
                    best = min(errors, key=lambda skeleton: errors[skeleton], default=None)
                    return best if best is not None and errors[best] <= MIDHIP_2D else None
    return None


def _values(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) else []


# Pairing.


def kinds(archives: Sequence[Archive]) -> tuple[list[Archive], list[Archive]]:
    """The archives of 3D, and those of 2D; one that has both is in both."""
    return [a for a in archives if POSES_3D in a.members], [a for a in archives if POSES_2D in a.members]


def pair(three: list[View], two: list[View]) -> tuple[list[Take], list[Problem]]:
    """What 3D and 2D both have, cut to the shorter of the two, and what that loses.

    Parameters
    ----------
    three, two : views of 3D and of 2D; if there are none of one kind, all of the other

    Raises
    ------
    InputError : a sequence twice, or none in both
    """
    for views in (three, two):
        _check_distinct(views)
    if not two:
        return [Take(view, None, len(view.poses)) for view in three], []
    if not three:
        return [Take(None, view, len(view.poses)) for view in two], []
    takes, left_out = [], []
    points = _by_sequence(two)
    for sequence, views in _by_sequence(three).items():
        pairs, lone = _pair_cameras(views, points.pop(sequence, []))
        takes += [Take(a, b, min(len(a.poses), len(b.poses))) for a, b in pairs]
        left_out += lone
    left_out += [view for views in points.values() for view in views]
    if not takes:
        names = " and ".join(listed(dict.fromkeys(view.file for view in views)) for views in (three, two))
        raise InputError(f"{names} have no sequence in common.")
    return takes, [*_length_problems(takes), *_left_out_problems(left_out)]


def _check_distinct(views: list[View]) -> None:
    counts = Counter(view[2:5] for view in views if view.camera is not None)
    if twice := [key for key, count in counts.items() if count > 1]:
        files = listed(dict.fromkeys(view.file for view in views))
        raise InputError(f"{files}: {' '.join(map(str, twice[0]))} is in them more than once. Name each sequence once.")


def _by_sequence(views: list[View]) -> dict[tuple[str, str], list[View]]:
    found: dict[tuple[str, str], list[View]] = {}
    for view in views:
        found.setdefault((view.subject, view.action), []).append(view)
    return found


def _pair_cameras(three: list[View], two: list[View]) -> tuple[list[tuple[View, View]], list[View]]:
    """Views of one sequence by the cameras' names, or by their order where it has equally many; and the rest.

    Whether they belong together is for the projection to say.
    """
    names = {view.camera: view for view in two if view.camera is not None}
    if len(three) == len(two) and {view.camera for view in three} != set(names):
        return list(zip(three, two, strict=True)), []
    pairs = [(view, names.pop(view.camera)) for view in three if view.camera in names]
    paired = {id(view) for pair in pairs for view in pair}
    return pairs, [view for view in (*three, *two) if id(view) not in paired]


def _length_problems(takes: list[Take]) -> list[Problem]:
    longer, shorter = [], []
    for three, two, _ in takes:
        assert three is not None and two is not None
        if len(two.poses) > len(three.poses):
            longer.append(three.place)
        elif len(two.poses) < len(three.poses):
            shorter.append(three.place)
    problems = []
    if longer:
        message = f"more 2D than 3D frames in {listed(longer, most=4)}; 2D cut at the end"
        problems.append(Problem("frame-count", "note", message))
    if shorter:
        message = f"fewer 2D than 3D frames in {listed(shorter, most=4)}; 3D cut at the end"
        problems.append(Problem("frame-count", "warning", message))
    return problems


def _left_out_problems(views: list[View]) -> list[Problem]:
    if not views:
        return []
    files = listed(dict.fromkeys(view.file for view in views))
    message = f"{listed((view.place for view in views), most=4)} left out: in {files} only"
    return [Problem("sequences-differ", "warning", message)]


# Reading.


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


def is_relative(poses: Floats, skeleton: Skeleton) -> bool:
    """Whether every root is the origin.

    Parameters
    ----------
    poses : (n, J, 3) metres
    """
    some = sample(poses, SAMPLE)
    return bool(len(some)) and float(np.abs(some[:, skeleton.root]).max()) <= AT_ORIGIN


class SpaceCheck:
    """Are poses in camera space, as far as they tell without 2D? Sequences first, then all of them together.

    Parameters
    ----------
    skeleton : joint set of the poses
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._rises: list[Floats] = []

    def look(self, poses: Floats, camera: Camera, file: str, member: str) -> None:
        """Check one sequence.

        Parameters
        ----------
        poses : (n, J, 3) metres, camera space or root-relative
        camera : that is said to have seen it
        file, member : for the message

        Raises
        ------
        ArchiveError : nobody where the camera looks
        """
        some = sample(poses, SAMPLE)
        if not len(some):
            return
        root = some[:, self._skeleton.root]
        if not is_relative(poses, self._skeleton):
            self._check_seen(root, camera, file, member)
        if camera.rotation is None or camera.rotation[1][1] < -LEVEL:
            position = self._skeleton.position
            self._rises.append(some[:, position["RFoot"], 1] - some[:, position["Head"], 1])

    def conclude(self, file: str) -> None:
        """Check all sequences together: somebody may lie on the floor for all of one.

        Raises
        ------
        ArchiveError : people are not upright
        """
        height = float(np.median(np.concatenate(self._rises))) if self._rises else np.inf
        if height < UPRIGHT:
            raise ArchiveError(
                file,
                f"heads are {height:.2f} m above feet along -y: the axes are not those of camera space (x right, y "
                "down, z forward).",
                code="frame",
            )

    def _check_seen(self, root: Floats, camera: Camera, file: str, member: str) -> None:
        seen = root[:, 2] > NEAREST
        if camera.intrinsics is not None and seen.any():
            i = camera.intrinsics
            image = project(root[seen], np.array([i.fx, i.fy, i.cx, i.cy]))
            seen[seen] = ((image >= 0) & (image < [i.width, i.height])).all(1)
        if seen.mean() < SEEN:
            raise ArchiveError(
                file,
                f"the camera {camera.name} sees {seen.mean():.0%} of the people: the poses are not in its space (x "
                "right, y down, z forward), nor are their roots the origin.",
                member,
                code="frame",
            )
