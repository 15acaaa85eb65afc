"""What trainers' loaders do with a file, in plain NumPy, from the description of the loaders alone.

Each looks at what its original looks at, fails where that fails, and gives back what the network would be
fed. Nothing of the package is used.
"""

from __future__ import annotations

import pickle

import numpy as np

from tests.layouts.writers import CAMERAS, H36M_LENSES, H36M_PLACES, rotation_of

STATIC_JOINTS = [4, 5, 9, 10, 11, 16, 20, 21, 22, 23, 24, 28, 29, 30, 31]
NECK_NOSE = 14
MPI_LEFT, MPI_RIGHT = [5, 6, 7, 11, 12, 13], [2, 3, 4, 8, 9, 10]


def tree(path, member):
    with np.load(path, allow_pickle=True) as archive:
        assert archive[member].shape == ()
        return archive[member].item()


def normalised(points, width, height):
    """What every trainer calls normalize_screen_coordinates."""
    assert points.shape[-1] == 2
    return points / width * 2 - [1, height / width]


def to_camera(world, subject, index):
    """Single precision throughout, as the trainers' table and quaternions are."""
    quaternion, centre = H36M_PLACES[subject][CAMERAS[index]]
    rotation = rotation_of(np.float32(quaternion)).astype(np.float32)
    return (world - np.float32(centre) / np.float32(1000)) @ rotation


def world_poses(path, removed):
    """{(subject, action): [four views (T, J, 3)]}, of all 32 joints those not removed."""
    views = {}
    for subject, actions in tree(path, "positions_3d").items():
        assert subject in H36M_PLACES
        for action, world in actions.items():
            assert world.dtype == np.float32  # the network's loss wants single precision
            assert world.flags.writeable
            kept = np.delete(world, removed, axis=1)
            assert np.take(world, removed, axis=1).shape[1] == len(removed)
            views[subject, action] = [to_camera(kept, subject, index) for index in range(4)]
    return views


def detections(path, subjects):
    """{(subject, action): [four (T, J, 2)]}, normalised in place by the fixed image sizes."""
    views = {}
    for subject, actions in tree(path, "positions_2d").items():
        assert subject in subjects
        for action, four in actions.items():
            for index, points in enumerate(four):
                *_, (width, height) = H36M_LENSES[CAMERAS[index]]
                points[..., :2] = normalised(points[..., :2], width, height)
            views[subject, action] = four
    return views


def videopose3d(path_3d, path_2d):
    """{(subject, action, camera): (3D, 2D)}; 3D relative to its root, which keeps its place."""
    positions = world_poses(path_3d, STATIC_JOINTS)
    left, right = tree(path_2d, "metadata")["keypoints_symmetry"]
    assert (list(left), list(right)) == ([4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16])
    points = detections(path_2d, H36M_PLACES)
    loaded = {}
    for (subject, action), views in positions.items():
        assert (subject, action) in points, f"{action} of {subject} is missing from the 2D"
        assert len(points[subject, action]) == len(views) == 4
        for camera, view, found in zip(CAMERAS, views, points[subject, action], strict=True):
            assert len(found) >= len(view)
            view[:, 1:] -= view[:, :1]
            loaded[subject, action, camera] = view, found[: len(view)]
    # A test or training subject's actions are looked up in the 3D.
    assert {key for key in points if key[0] in {s for s, _ in positions}} == set(positions)
    return loaded


def poseaug(path_3d, path_2d):
    """As videopose3d, for 16 joints; nothing is cut to length, and the metadata not looked at."""
    positions = world_poses(path_3d, [*STATIC_JOINTS, NECK_NOSE])
    points = detections(path_2d, H36M_PLACES)
    loaded = {}
    for (subject, action), views in positions.items():
        assert len(points[subject, action]) == 4
        for camera, view, found in zip(CAMERAS, views, points[subject, action], strict=True):
            assert len(found) == len(view)
            assert found.shape[1:] == (16, 2)
            loaded[subject, action, camera] = view, found
    return loaded


def poseaug_test(path):
    """pose2d as it is; pose3d."""
    with np.load(path) as archive:
        assert set(archive.files) == {"pose3d", "pose2d"}
        three, two = archive["pose3d"], archive["pose2d"]
    assert three.shape == (len(two), 16, 3)
    assert two.shape == (len(two), 16, 2)
    return three, two


def _pstmo_fields(fields, width, height):
    three, two = fields["data_3d"], fields["data_2d"]
    assert three.shape == (*two.shape[:2], 3)
    assert three.dtype.kind == two.dtype.kind == "f"
    three[:, :14] -= three[:, 14:15]
    three[:, 15:] -= three[:, 14:15]
    two[..., :2] = normalised(two[..., :2], width, height)
    assert two[:, MPI_LEFT + MPI_RIGHT].shape[1] == 12
    return three, two


def pstmo_train(path):
    """{(subject, sequence, camera): (3D mm, relative but for joint 14; 2D)}."""
    loaded = {}
    for key, value in tree(path, "data").items():
        subject, sequence = key.split(" ")
        for camera, fields in value[0].items():
            assert isinstance(camera, str)
            int(camera)
            loaded[subject, sequence, camera] = _pstmo_fields(fields, 2048, 2048)
    return loaded


def pstmo_test(path):
    """{sequence: (3D mm, 2D)} of the valid frames."""
    loaded = {}
    for key, fields in tree(path, "data").items():
        size = (1920, 1080) if key in ("TS5", "TS6") else (2048, 2048)
        valid = fields["valid"]
        assert valid.shape == (len(fields["data_2d"]),)
        three, two = _pstmo_fields(fields, *size)
        loaded[key] = three[valid == 1], two[valid == 1]
    return loaded


def mmpose(path, camera_file):
    """{(subject, action, camera): (rows, 3D, 2D, camera)}, as Human36mDataset and its lifting codec have them."""
    with np.load(path) as archive:  # without allow_pickle, as mmpose does
        columns = {name: archive[name] for name in archive.files}
    with camera_file.open("rb") as stream:
        cameras = pickle.load(stream)  # our own file
    rows: dict = {}
    for row, name in enumerate(columns["imgname"]):
        subject, rest = name.rsplit("/", 1)[-1].split("_", 1)
        action, rest = rest.split(".", 1)
        camera, _ = rest.split("_", 1)
        rows.setdefault((subject, action, camera), []).append(row)
    loaded = {}
    for (subject, action, camera), of_video in rows.items():
        part, body = columns["part"][of_video].astype(np.float32), columns["S"][of_video].astype(np.float32)
        assert part[..., 2].shape == body[..., 3].shape
        assert columns["center"][of_video].reshape(len(of_video), 2).shape == (len(of_video), 2)
        assert columns["scale"].astype(np.float32)[of_video].shape == (len(of_video),)
        assert (part[..., :2].max((1, 2)) > 0).all()  # others are filtered out
        lens = cameras[subject, camera]
        half = np.array([0.5 * lens["w"], 0.5 * lens["h"]])
        lens = {**lens, "f": lens["f"] / half[0], "c": (lens["c"] - half[:, None]) / half[0]}
        assert lens["f"].shape == lens["c"].shape == (2, 1)
        loaded[subject, action, camera] = of_video, body[..., :3], (part[..., :2] - half) / half[0], lens
    return loaded
