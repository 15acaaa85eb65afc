"""Human3.6M as learnable triangulation labels it: human36m-multiview-labels-GTbboxes.npy, MRCNN and SSD alike.

One pickled dictionary in an .npy:

- `subject_names` ('S1' ...), `camera_names` ('54138969' ...), `action_names` ('Directions-1', the release's
  action and subaction; 'TakingPhoto-1' of S1 is 'Photo 1' here, 'SittingDown-1' of S9 'SittingDown').
- `cameras` (subjects, cameras), a structured array: R (3, 3) world to camera, t (3, 1) = -R C millimetres,
  K (3, 3), dist (5,) = k1, k2, p1, p2, k3. The numbers are the release's; poseda uses its own table, and a
  problem says where the two differ.
- `table` (n,), a structured array of one row a moment: subject_idx, action_idx, frame_idx (from 0),
  keypoints (17, 3) millimetres in world space, z up, in the order learnable17 (MPII's, and Neck/Nose at the
  end), bbox_by_camera_tlbr (cameras, 4).

Each moment becomes one pose a camera, in camera space (h36m17). A box of four zeros means that the camera
did not record it; there is then no such pose. Boxes are not read further. Not every frame is there.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Distortion, Intrinsics
from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.checks.h36m_space import SpaceCheck, camera_problems
from poseda_cli.checks.sanity import METRES
from poseda_cli.dataset import Origin, PoseDataset, Problem, Stored
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.published import h36m_cameras
from poseda_cli.reading.columns import Columns
from poseda_cli.reading.expansion import expand
from poseda_cli.reading.h36m_names import by_subaction, only_once
from poseda_cli.skeleton import H36M17, LEARNABLE17, joint_map
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npy import CONTENT

ORIGIN = Origin("learnable-triangulation", "h36m")
NAMES = ("subject_names", "camera_names", "action_names")
NEEDED = (*NAMES, "table")
JOINTS, BOXES = "keypoints", "bbox_by_camera_tlbr"
INDICES = ("subject_idx", "action_idx", "frame_idx")
CAMERA_SHAPES = {"R": (3, 3), "t": (3, 1), "K": (3, 3), "dist": (5,)}
ACTION = re.compile(r"(\w+)-(\d)")


def refusal(archive: Archive) -> str | None:
    """None if this is an .npy of multi-view labels, else why not."""
    needs = f"needs one dictionary of {', '.join(NEEDED)}"
    if list(archive.members) != [CONTENT] or archive.members[CONTENT][1].kind != "O":
        return needs
    tree = archive.outline(CONTENT)
    if not isinstance(tree, dict) or not set(NEEDED) & set(tree):
        return needs
    # The table may begin behind what the outline shows.
    missing = [name for name in NAMES if name not in tree]
    return f"lacks {', '.join(missing)}" if missing else None


class _Labels(NamedTuple):
    """What one archive holds, once it is known to be whole."""

    archive: Archive
    subjects: list[str]
    cameras: list[str]
    actions: list[str]
    table: NDArray[Any]
    stored: NDArray[Any] | None

    def sequences(self) -> dict[tuple[str, str], NDArray[np.int64]]:
        """The rows of each sequence in the order of time, sequences in order of appearance."""
        code = self.table["subject_idx"].astype(np.int64) * len(self.actions) + self.table["action_idx"]
        _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
        order = np.lexsort((self.table["frame_idx"], first[inverse]))
        starts = np.flatnonzero(np.diff(first[inverse][order], prepend=-1))
        found = {}
        for rows in np.split(order, starts[1:]) if len(order) else []:
            row = self.table[rows[0]]
            subject, label = self.subjects[row["subject_idx"]], self.actions[row["action_idx"]]
            found[subject, self._action(subject, label)] = rows
        return found

    def _action(self, subject: str, label: str) -> str:
        match = ACTION.fullmatch(label)
        name = by_subaction(subject, match[1], int(match[2])) if match else None
        if name is None:
            raise ArchiveError(
                self.archive.name,
                f"{label}: the release has no such action and subaction of {subject}; expected 'Directions-1' or the "
                "like.",
                "action_names",
            )
        return name


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of some archives of labels.

    Raises
    ------
    ArchiveError : parts missing or of other shapes, units, joint order or frame other than the layout's
    InputError : a sequence in two archives, or no view at all
    """
    labels = [_labels(archive) for archive in archives]
    sequences = [(part, key, rows) for part in labels for key, rows in part.sequences().items()]
    only_once((" ".join(key) for _, key, _ in sequences), [part.archive for part, _, _ in sequences])
    present = [(part.table[BOXES] != 0).any(2) for part in labels]
    count = sum(int(boxes.sum()) for boxes in present)
    moments = sum(boxes.size for boxes in present)
    if not count:
        raise InputError(f"{listed(archive.name for archive in archives)}: no view of any moment is there.")
    columns = Columns(count, H36M17, has_3d=True)
    joints = joint_map(LEARNABLE17, H36M17)
    check = SpaceCheck(LEARNABLE17, "mm", "world")
    with progress("reading", count) as advance:
        for part, (subject, action), rows in sequences:
            world, boxes = part.table[JOINTS][rows], (part.table[BOXES][rows] != 0).any(2)
            cameras = {camera.name: camera for camera in h36m_cameras(subject)}
            check.look(world, list(cameras.values()), part.archive.name, f"table[{subject!r}, {action!r}]")
            for view, name in zip(boxes.T, part.cameras, strict=True):
                expand(columns, subject, action, world[view], [cameras[name]], joints=joints, metres=METRES["mm"])
            advance(int(boxes.sum()))
    check.conclude(archives[0].name)
    problems = _missing(count, moments)
    for part in labels:
        problems += camera_problems(_cameras(part), part.archive.name)
    problems += h36m_problems(columns.sequences)
    notes = ["millimetres, world space, learnable17; seen by the published cameras of each subject"]
    return columns.dataset(ORIGIN, Stored(LEARNABLE17, "mm", "world"), notes=notes, problems=problems)


def _missing(count: int, moments: int) -> list[Problem]:
    if count == moments:
        return []
    message = f"{moments - count:,} of {moments:,} views are missing (their box is 0) and were left out"
    return [Problem("views-missing", "note", message)]


def _labels(archive: Archive) -> _Labels:
    tree = archive.take_tree(CONTENT)
    lists = [tree[name] for name in NAMES]
    for name, values in zip(NAMES, lists, strict=True):
        if not isinstance(values, (list, tuple)) or not all(isinstance(value, str) for value in values):
            raise ArchiveError(archive.name, "expected a list of names", name)
    subjects, cameras, actions = map(list, lists)
    for name, values, known in (
        ("subject_names", subjects, [s for s in subjects if h36m_cameras(s)]),
        ("camera_names", cameras, [camera.name for camera in h36m_cameras("S1")]),
    ):
        if not set(values) <= set(known) or len(set(values)) != len(values):
            raise ArchiveError(archive.name, f"{listed(values)}: expected names of Human3.6M, each once", name)
    table = _table(archive, tree.get("table"), len(cameras))
    for name, values in (("subject_idx", subjects), ("action_idx", actions)):
        if len(table) and not (table[name].min() >= 0 and table[name].max() < len(values)):
            raise ArchiveError(archive.name, f"values beyond the {len(values)} names", f"table[{name!r}]")
    stored = tree.get("cameras")
    if stored is not None and not _fits(stored, (len(subjects), len(cameras)), CAMERA_SHAPES):
        expected = ", ".join(f"{name} {shape}" for name, shape in CAMERA_SHAPES.items())
        raise ArchiveError(archive.name, f"expected an array (subjects, cameras) of {expected}", "cameras")
    return _Labels(archive, subjects, cameras, actions, table, stored)


def _table(archive: Archive, table: Any, cameras: int) -> NDArray[Any]:
    shapes: dict[str, tuple[int, ...]] = {**dict.fromkeys(INDICES, ()), JOINTS: (17, 3), BOXES: (cameras, 4)}
    if isinstance(table, np.ndarray) and table.ndim and _fits(table, table.shape[:1], shapes):
        if any(table.dtype[name].kind not in "iu" for name in INDICES):
            raise ArchiveError(archive.name, "indices must be whole numbers", "table")
        return table
    found = f"{table.dtype} {table.shape}" if isinstance(table, np.ndarray) else type(table).__name__
    expected = ", ".join(f"{name} {shape or ''}".strip() for name, shape in shapes.items())
    raise ArchiveError(archive.name, f"{found}, expected an array (n,) of {expected}", "table", code="shape")


def _fits(values: Any, shape: tuple[int, ...], fields: dict[str, tuple[int, ...]]) -> bool:
    """Whether this is a structured array of numbers with these fields."""
    if not isinstance(values, np.ndarray) or values.shape != shape or not values.dtype.names:
        return False
    return set(fields) <= set(values.dtype.names) and all(
        values.dtype[name].shape == form and values.dtype[name].base.kind in "fiu" for name, form in fields.items()
    )


def _cameras(labels: _Labels) -> dict[tuple[str, str], Camera]:
    """The cameras that an archive has."""
    if labels.stored is None:
        return {}
    return {
        (subject, name): _camera(name, row)
        for subject, rows in zip(labels.subjects, labels.stored, strict=True)
        for name, row in zip(labels.cameras, rows, strict=True)
    }


def _camera(name: str, row: Any) -> Camera:
    R, t, K = (row[part].astype(np.float64) for part in ("R", "t", "K"))
    k1, k2, p1, p2, k3 = row["dist"].tolist()
    centre = -(R.T @ t).reshape(-1) * METRES["mm"]
    return Camera(
        name,
        Intrinsics(K[0, 0], K[1, 1], K[0, 2], K[1, 2], 0, 0),
        Distortion((k1, k2, k3), (p1, p2)),
        tuple(map(tuple, R.tolist())),
        tuple(centre.tolist()),
    )
