"""mmpose's annotation archives, of Human3.6M and of MPI-INF-3DHP: one row an image, 17 joints.

Plain arrays: `imgname` (N,), `part` (N, 17, 3) pixels of the full image and a flag, `S` (N, 17, 4) metres, in camera
space and where they were filmed, and a flag; `center` and `scale` of a box, which are not read. mmpose's converters
write them, its body3d configurations read them, MixSTE's authors point to them.

    fps50/h36m_train.npz, ..._test.npz            S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg
    mpi_inf_3dhp_train.npz                        S1_Seq1_Cam0_000001.jpg
    mpi_inf_3dhp_test_valid.npz, ..._test_all.npz TS1_000001.jpg

Folders before such names do not matter. Joints are in the order of h36m17, and of MPI-INF-3DHP in that of 3dhp17,
with annot3. Names of any other data in the form of Human3.6M's (`S1_Seq1.0_000001.jpg`), as `poseda align --to mmpose`
writes them for mmpose's Human36mDataset, stand for the order of h36m17. Human3.6M's `part` is a distorted projection
of `S`, MPI-INF-3DHP's a linear one.

Cameras lie beside the archives or one folder up, and are read where they are found:

    cameras.pkl                          ('S1', '54138969') -> R camera to world, T centre, metres, f, c, k, p, w, h
    cameras_train.pkl, cameras_test.pkl  'S1_Seq1_Cam0', 'TS1' -> R world to camera, T with x = R X + T, f, c, w, h

R and T mean opposite things in the two under the same names. Each camera is tried on the data: the published one of
the sequence's name, then the file's, must project `S` onto `part`. The published ones come first because those of
`cameras_test.pkl` were fitted to all joints, of which hips and spine are not annotated exactly.

Some copies of cameras_train.pkl have a height of 204: a converter cut the last digit off; 2048 is meant. `imgname` may
be shorter than `S` and `part`, where a video ended early for the converter: names are then given back to their rows by
the published lengths of the sequences, or the archive is refused. mmpose keeps S11 Directions, which VideoPose3D drops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.cameras import Camera, Distortion, Intrinsics
from poseda_cli.dataset import Origin, PoseDataset, Problem
from poseda_cli.errors import ArchiveError, InputError, listed
from poseda_cli.progress import Progress
from poseda_cli.reading.image_names import View
from poseda_cli.reading.named_images import NAMES, Orders, lacking, read_named_images
from poseda_cli.reading.view_cameras import published_cameras
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17
from poseda_cli.storage.archive import Archive
from poseda_cli.storage.npy import CONTENT

ORIGIN = Origin("mmpose")
BESIDE = tuple(f"{up}{name}.pkl" for name in ("cameras", "cameras_train", "cameras_test") for up in ("", "../"))
# What each camera of these files has, in whichever order.
LENS = {"f", "c", "w", "h"}
PLACE = {"R", "T"}
# Of MPI-INF-3DHP's training videos, which are square.
SIDE = 2048


def refusal(archive: Archive) -> str | None:
    """None if this is an archive of mmpose's, or its camera file; else why not."""
    if CONTENT not in archive.members:
        return lacking(archive, len(H36M17))
    outline = archive.outline(CONTENT) if archive.members[CONTENT][1].kind == "O" else None
    if not isinstance(outline, dict) or not outline:
        return "needs annotations, or a dictionary of cameras"
    key, entry = next(iter(outline.items()))
    if not _is_key(key):
        return "needs cameras by ('S1', '54138969'), 'S1_Seq1_Cam0' or 'TS1'"
    if not isinstance(entry, dict) or not entry or not set(entry) <= LENS | PLACE | {"k", "p", "name", "id"}:
        return f"the camera {key!r} must be a dictionary of f, c, w, h, R and T"
    return None


def _is_key(key: Any) -> bool:
    if isinstance(key, tuple):
        return len(key) == 2 and all(isinstance(part, str) for part in key)
    return isinstance(key, str) and re.fullmatch(r"S\d+_Seq\d+_Cam\d+|TS\d+", key) is not None


def read(archives: list[Archive], progress: Progress) -> PoseDataset:
    """The poses of mmpose's archives.

    Raises
    ------
    ArchiveError, InputError : as `named_images.read_named_images`; a camera file of another form, or alone
    """
    annotations = [archive for archive in archives if NAMES in archive.members]
    if not annotations:
        names = listed(archive.name for archive in archives)
        raise InputError(f"{names}: cameras and no poses. Name the archive that they belong to, too.")
    files = [_CameraFile(archive) for archive in archives if NAMES not in archive.members]

    def own(view: View) -> list[Camera]:
        return [camera for file in files if (camera := file.camera(view)) is not None]

    dataset = read_named_images(ORIGIN, annotations, _orders, own, progress)
    problems = (*dataset.origin.problems, *(problem for file in files for problem in file.problems()))
    return replace(dataset, origin=replace(dataset.origin, problems=problems))


def _orders(view: View) -> Orders:
    skeleton = H36M17 if view.by_dot else MPI_INF_3DHP17
    return Orders(skeleton, skeleton)


class _CameraFile:
    """The cameras of one file, by view; each is checked when it is asked for.

    Raises
    ------
    ArchiveError : no dictionary
    """

    def __init__(self, archive: Archive) -> None:
        self._name = archive.name
        self._cameras = archive.take_tree(CONTENT)
        self._cut: list[str] = []
        self._turned: list[str] = []
        if not isinstance(self._cameras, dict):
            raise ArchiveError(
                archive.name, f"{type(self._cameras).__name__}, expected a dictionary of cameras", CONTENT
            )

    def camera(self, view: View) -> Camera | None:
        """The camera of a view, or None if the file has none.

        Raises
        ------
        ArchiveError : numbers missing or of other shapes
        """
        keys = (view.subject, view.camera), f"{view.subject}_{view.action}_Cam{view.camera}", view.subject
        key = next((key for key in keys if key in self._cameras), None)
        if key is None:
            return None
        entry, member = self._cameras[key], f"{CONTENT}[{key!r}]"
        if not isinstance(entry, dict):
            raise ArchiveError(self._name, f"{type(entry).__name__}, expected a dictionary of f, c, w and h", member)
        (fx, fy), (cx, cy) = self._numbers(entry, "f", 2, member), self._numbers(entry, "c", 2, member)
        width, height = (round(float(self._numbers(entry, name, 1, member)[0])) for name in ("w", "h"))
        if view.dataset == "mpi_inf_3dhp" and not view.subject.startswith("TS") and height < width == SIDE:
            height = SIDE
            self._cut.append(str(key))
        distortion = None
        if "k" in entry and "p" in entry:
            k, p = self._numbers(entry, "k", 3, member), self._numbers(entry, "p", 2, member)
            distortion = Distortion((k[0], k[1], k[2]), (p[0], p[1]))
        camera = Camera(view.camera, Intrinsics(fx, fy, cx, cy, width, height), distortion)
        if not set(entry) >= PLACE:
            return camera
        rotation = np.array(self._numbers(entry, "R", 9, member)).reshape(3, 3)
        shift = np.array(self._numbers(entry, "T", 3, member))
        return self._standing(camera, rotation, shift, view, isinstance(key, tuple))

    def _standing(
        self, camera: Camera, rotation: NDArray[np.float64], shift: NDArray[np.float64], view: View, to_world: bool
    ) -> Camera:
        """The camera where it stands, by the convention of the file's kind; the published place has the last word."""
        published = published_cameras(view).get(view.camera)
        ways = [_place(rotation, shift, to_world), _place(rotation, shift, not to_world)]
        if published is not None and published.rotation is not None and _is_at(*ways[1], published):
            self._turned.append(str(view))
            ways.reverse()
        turned, centre = ways[0]
        return replace(camera, rotation=tuple(map(tuple, turned.tolist())), centre=tuple(centre.tolist()))

    def problems(self) -> list[Problem]:
        """What is wrong with the cameras that were asked for."""
        problems = []
        if self._cut:
            message = (
                f"{self._name}: a height below 2048 for {listed(self._cut, most=4)}; read as 2048 (a digit was cut off)"
            )
            problems.append(Problem("camera-height", "note", message))
        if self._turned:
            message = (
                f"{self._name}: R and T of {listed(self._turned, most=4)} mean the opposite of what they mean in files "
                "of this kind; read so that the cameras stand where the published ones do"
            )
            problems.append(Problem("camera-convention", "warning", message))
        return problems

    def _numbers(self, entry: Mapping[str, Any], name: str, count: int, member: str) -> list[float]:
        try:
            values = np.asarray(entry[name], np.float64).reshape(-1)
        except (KeyError, TypeError, ValueError):
            values = np.empty(0)
        if len(values) != count or not np.isfinite(values).all():
            raise ArchiveError(self._name, f"{name} must be {count} numbers", member)
        return values.tolist()


def _place(
    rotation: NDArray[np.float64], shift: NDArray[np.float64], to_world: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World to camera, and the camera's centre."""
    return (rotation.T, shift) if to_world else (rotation, -rotation.T @ shift)


def _is_at(rotation: NDArray[np.float64], centre: NDArray[np.float64], camera: Camera) -> bool:
    return np.allclose(rotation, np.array(camera.rotation), atol=1e-2) and np.allclose(
        centre, np.array(camera.centre), atol=0.1
    )
