"""Detections, and archives of other people's 2D, from the description of the formats alone."""

import json

import h5py
import numpy as np

from . import writers as w

# A camera that nobody published: fx, fy, cx, cy of 1920 x 1080.
PHONE = (1200.0, 1180.0, 960.0, 540.0)
COCO_JOINTS = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
]  # fmt: skip
COCO_SYMMETRY = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]
# Of 3dhp17; the face is drawn about its `head`.
BODY_OF_MPI = [5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
FACE = np.array([[0, 0], [6, -7], [-6, -7], [12, -4], [-12, -4]])
H36M17_OF_MPI = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
H36M16_OF_MPI = [14, 8, 9, 10, 11, 12, 13, 15, 1, 0, 5, 6, 7, 2, 3, 4]


def coco_people(frames, seed, lens=PHONE):
    """(T, 17, 2) pixels of a walking person, in COCO's order."""
    seen = w.mpi_pixels(w.mpi_view(frames, seed=seed), lens)
    return np.concatenate([seen[:, [16]] + FACE, seen[:, BODY_OF_MPI]], axis=1)


def as_h36m17(coco):
    """COCO's points as Human3.6M's joints, joint by joint."""
    hip = (coco[:, 11] + coco[:, 12]) / 2
    thorax = (coco[:, 5] + coco[:, 6]) / 2
    joints = [
        hip, coco[:, 12], coco[:, 14], coco[:, 16], coco[:, 11], coco[:, 13], coco[:, 15],
        (hip + thorax) / 2, thorax, coco[:, 0], (coco[:, 1] + coco[:, 2]) / 2,
        coco[:, 5], coco[:, 7], coco[:, 9], coco[:, 6], coco[:, 8], coco[:, 10],
    ]  # fmt: skip
    return np.stack(joints, axis=1)


def custom_videos():
    return {"street.mp4": coco_people(5, 31), "S1": coco_people(3, 32), "café.mov": coco_people(4, 33)}


def write_custom(path, videos=None, **metadata):
    """data_2d_custom_NAME.npz, as prepare_data_2d_custom.py writes it; metadata set to None is left out."""
    videos = custom_videos() if videos is None else videos
    stated = {
        "layout_name": "coco",
        "num_joints": 17,
        "keypoints_symmetry": COCO_SYMMETRY,
        "video_metadata": {name: {"w": 1920, "h": 1080, "fps": 25.0} for name in videos},
    } | metadata
    positions = {name: {"custom": [points.astype(np.float32)]} for name, points in videos.items()}
    stated = {key: value for key, value in stated.items() if value is not None}
    np.savez_compressed(path, positions_2d=positions, metadata=stated)
    return path


def person(points, image, **more):
    """One entry of a COCO file."""
    keypoints = np.concatenate([points, np.full((17, 1), 2)], axis=1).reshape(-1)
    return {"image_id": image, "category_id": 1, "keypoints": [float(value) for value in keypoints], **more}


def write_json(path, tree):
    path.write_text(json.dumps(tree))
    return path


def image(identity, name, width=1920, height=1080):
    return {"id": identity, "file_name": name, "width": width, "height": height}


PERSON = {"id": 1, "name": "person", "supercategory": "person", "keypoints": COCO_JOINTS, "skeleton": [[16, 14]]}


def annotations(images, people, categories=(PERSON,)):
    return {"info": {}, "licenses": [], "images": images, "annotations": people, "categories": list(categories)}


def poseaug(parts, lenses, sizes):
    """pose3d (n, 16, 3) and pose2d (n, 16, 2) of camera-space parts in 3dhp17, millimetres."""
    poses, points = [], []
    for seen, lens, size in zip(parts, lenses, sizes, strict=True):
        scaled = w.universal(seen)
        poses.append((scaled - scaled[:, 14:15])[:, H36M16_OF_MPI] / 1000)
        pixels = w.mpi_pixels(seen, lens)[:, H36M16_OF_MPI]
        points.append((2 * pixels - np.array(size)) / size[0])
    return {"pose3d": np.concatenate(poses), "pose2d": np.concatenate(points)}


def write_h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path
