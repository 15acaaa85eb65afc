"""One camera's share of a sequence, in 3D or in 2D; and what archives of 3D and of 2D have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Floats
from poseda_cli.dataset import Origin, Problem, Stored
from poseda_cli.errors import InputError, listed
from poseda_cli.skeleton import Skeleton


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
