"""MPI-INF-3DHP as zemingxie's port of VideoPose3D has it: `data_3d_mpi_inf_3dhp.npz`, `data_2d_mpi_inf_3dhp_gt.npz`.

3D, one pickled member `positions_3d` = {'S1': {'Seq1': [14 arrays (n, 17, 3) float32], 'Seq2': ...},
'TS1': {'Test': [one array]}}: metres, camera space, annot3, joints in the order of 3dhp17. Joint 0,
which is head_top and not the pelvis, is where it was filmed; joints 1 to 16 are relative to it. poseda
adds it back. 2D, pickled members `positions_2d` of the same nesting, (n, 17, 2) pixels, and
`metadata`. Read alone or together.

What to know about these files:

- `metadata["keypoints_symmetry"]` is that of Human3.6M's order and wrong for this one: flipping by it
  mixes the joints up. poseda does not use it.
- All rows of the annotation are there: of the test set those, too, that the release marks invalid,
  and of the training set rows behind the last frame of a video.
- The trainer's own camera table gives TS5 and TS6 the place of training camera 8, and its
  quaternions are (x, y, z, w) from world to camera. poseda uses the published cameras.

GraphMLP's files (`graphmlp`) have the same nesting in another order of joints. Only the poses tell
those two apart, so recognising one of them takes as long as reading it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from poseda_cli.cameras import Camera, Floats
from poseda_cli.checks.mpi_inf_3dhp_space import TEST_SUBJECT
from poseda_cli.checks.reprojection import NEAREST
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, one_line, shortened
from poseda_cli.layouts.graphmlp import listed_refusal
from poseda_cli.progress import Progress
from poseda_cli.reading.nested import POSES_2D, POSES_3D, kinds, listed_views, stored_order
from poseda_cli.reading.paired import read_views
from poseda_cli.reading.views import Nesting, View
from poseda_cli.skeleton import MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive

ORIGIN = Origin("zemingxie", "mpi_inf_3dhp")
OUTDOORS = ("TS5", "TS6")


def refusal(archive: Archive) -> str | None:
    """None if this is a 3D or 2D archive of zemingxie's, else why not."""
    if (reason := listed_refusal(archive)) is not None:
        return reason
    if stored_order(archive) != MPI_INF_3DHP17:
        return "its joints are not in the order of 3dhp17"
    return None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of zemingxie's archives, 3D, 2D or both; see `nested.read_views`.

    Raises
    ------
    ArchiveError : joints 1 to 16 are not relative to joint 0
    """
    solid, flat = kinds(archives)
    problems = [problem for archive in flat for problem in _symmetry_problems(archive)]
    three = [view for archive in solid for view in listed_views(archive, POSES_3D, MPI_INF_3DHP17)]
    two = [view for archive in flat for view in listed_views(archive, POSES_2D, MPI_INF_3DHP17)]
    problems += _test_problems({view.subject for view in (*three, *two)})
    return read_views(LAYOUT, three, two, progress, problems)


def _whole(poses: Floats, view: View, camera: Camera) -> Floats:
    """Poses of joint 0 and the others relative to it."""
    if float(np.median(np.abs(poses[:, MPI_INF_3DHP17.root, 2]))) > NEAREST:
        raise ArchiveError(
            view.file,
            "joints 1 to 16 are where they were filmed, this layout has them relative to joint 0 (head_top). Subtract "
            "joint 0 from them first.",
            view.member,
            code="frame",
        )
    poses[:, 1:] += poses[:, :1]
    return poses


LAYOUT = Nesting(ORIGIN, Stored(MPI_INF_3DHP17, "m", "camera"), MPI_INF_3DHP17, _whole)


def _symmetry_problems(archive: Archive) -> list[Problem]:
    metadata = archive.tree("metadata") if _has_metadata(archive) else None
    pairs = metadata.get("keypoints_symmetry") if isinstance(metadata, dict) else None
    if pairs is None or _sides(pairs) == [sorted(MPI_INF_3DHP17.left), sorted(MPI_INF_3DHP17.right)]:
        return []
    message = (
        f"{archive.name}: keypoints_symmetry is {_sides(pairs)}, which is wrong for joints in the order of 3dhp17 "
        f"({[sorted(MPI_INF_3DHP17.left), sorted(MPI_INF_3DHP17.right)]}); flipping by it mixes the joints up. poseda "
        "does not use it"
    )
    return [Problem("symmetry-metadata", "warning", message)]


def _has_metadata(archive: Archive) -> bool:
    return "metadata" in archive.members and archive.members["metadata"][1].kind == "O"


def _sides(pairs: Any) -> Any:
    try:
        return [sorted(int(joint) for joint in side) for side in pairs]
    except (TypeError, ValueError, OverflowError):
        return shortened(one_line(str(pairs)))


def _test_problems(subjects: set[str]) -> list[Problem]:
    problems = []
    if any(TEST_SUBJECT.fullmatch(subject) for subject in subjects):
        message = (
            "the test sequences hold every frame, those that the release marks invalid, too; results do not compare "
            "with those of the 2,929 valid ones"
        )
        problems.append(Problem("invalid-frames", "warning", message))
    if found := [subject for subject in OUTDOORS if subject in subjects]:
        message = (
            f"{' and '.join(found)}: the layout's own trainer takes training camera 8 for the outdoor camera; poseda "
            "uses the published one"
        )
        problems.append(Problem("outdoor-camera", "note", message))
    return problems
