"""Archives of Human3.6M as other people's code writes them: one function a kind of file.

Shared motion, cameras and projections are those of `writers`.
"""

import h5py
import numpy as np
import scipy.io
from cdflib.cdfwrite import CDF

from . import writers as w

MPII_OF_H36M17 = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]
LEARNABLE_OF_32 = [3, 2, 1, 6, 7, 8, 0, 12, 13, 15, 27, 26, 25, 17, 18, 19, 14]
USED = w.H36M17_OF_32


def world_mm(frames=6, action="Walking", seed=1):
    """(T, 32, 3) float32 millimetres, world, z up."""
    return (w.motion(frames, action, seed) * 1000).astype(np.float32)


def view_mm(world, subject, camera):
    """Camera space of 32 joints, millimetres."""
    return (w.h36m_view(world / 1000, subject, camera) * 1000).astype(np.float32)


def pixels(seen_mm, camera):
    return w.h36m_pixels(seen_mm.astype(np.float64) / 1000, camera)


def universal(seen, scale=1.08):
    """The body scaled about its root."""
    return seen[:, :1] + (seen - seen[:, :1]) / scale


# Subject, VideoPose3D's name, poses; in the order in which files of these names lie in folders.
def worlds():
    return [
        ("S1", "Photo 1", world_mm(5, "Directions", 31)),
        ("S1", "Walking", world_mm(7, "Walking", 32)),
        ("S9", "SittingDown", world_mm(4, "Sitting", 33)),
    ]


def views(poses=None, cameras=w.CAMERAS, joints=USED):
    """Sequences and metres in camera space, by subject, action, camera."""
    poses = worlds() if poses is None else poses
    names = [(s, a, c, len(p)) for s, a, p in poses for c in cameras]
    seen = [w.h36m_view(p[:, joints] / 1000, s, c) for s, _, p in poses for c in cameras]
    return names, np.concatenate(seen)


def lenses():
    return {name: (*lens, *size) for name, (lens, _, _, size) in w.H36M_LENSES.items()}


# Martinez: h36m.zip


def write_h4(path, poses, name="3D_positions"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[name] = poses.reshape(len(poses), 96).T
    return path


def write_h4_detections(path, points):
    """(T, 16, 2) in MPII's order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["poses"] = points.astype(np.float32)
    return path


def write_h4_cameras(path, subjects=("S1", "S9"), change=lambda group: None):
    with h5py.File(path, "w") as file:
        for subject in subjects:
            for number, name in enumerate(w.CAMERAS, 1):
                group = file.create_group(f"subject{subject[1:]}/camera{number}")
                (fx, fy, cx, cy), k, p, _ = w.H36M_LENSES[name]
                quaternion, centre = w.H36M_PLACES[subject][name]
                # h5py in Python reads what MATLAB wrote with axes reversed: world to camera, transposed.
                group["R"] = w.rotation_of(quaternion / np.linalg.norm(quaternion))
                group["T"] = np.array(centre)[:, None]
                group["f"], group["c"] = np.array([[fx], [fy]]), np.array([[cx], [cy]])
                group["k"], group["p"] = np.array(k)[:, None], np.array(p)[:, None]
                group["Name"] = np.array([[ord(letter)] for letter in name], np.float64)
                change(group)
    return path


def write_h4_folder(folder, poses=None):
    """The folder h36m: 3D and cameras."""
    for subject, action, world in worlds() if poses is None else poses:
        write_h4(folder / subject / "MyPoses" / "3D_positions" / f"{action}.h5", world)
    write_h4_cameras(folder / "cameras.h5")
    return folder


# The release


def write_cdf(path, values):
    """A CDF of one variable Pose (1, T, width), as the release has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = values.reshape(1, len(values), -1).astype(np.float32)
    file = CDF(str(path), cdf_spec={"Encoding": 6, "Majority": "row_major"}, delete=True)
    specification = {
        "Variable": "Pose",
        "Data_Type": 44,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Dim_Sizes": list(flat.shape[1:]),
        "Var_Type": "zVariable",
    }
    file.write_var(specification, var_data=flat)
    file.close()
    return path


def write_cdf_mat(path, values):
    """What convert_cdf_to_mat.m saves: a cell of one matrix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = np.empty((1, 1), object)
    cell[0, 0] = values.reshape(len(values), -1).astype(np.float32)
    scipy.io.savemat(path, {"data": cell}, appendmat=False)
    return path


RAW_NAMES = {"Photo 1": "TakingPhoto 1"}


def release(folder, kinds, write=write_cdf, suffix=".cdf", poses=None, between=("MyPoseFeatures", ""), scale=1.08):
    """Folders S*/MyPoseFeatures/<kind>/ of some kinds."""
    parent, prefix = between
    for subject, action, world in worlds() if poses is None else poses:
        name = RAW_NAMES.get(action, action) if subject == "S1" else action
        for kind in kinds:
            place = folder / subject / parent / f"{prefix}{kind}"
            if kind == "D3_Positions":
                write(place / f"{name}{suffix}", world)
                continue
            for camera in w.CAMERAS:
                seen = view_mm(world, subject, camera)
                values = {
                    "D3_Positions_mono": seen,
                    "D3_Positions_mono_universal": universal(seen, scale),
                    "D2_Positions": pixels(seen, camera),
                }[kind]
                write(place / f"{name}.{camera}{suffix}", values)
    return folder


# h36m-fetch

ACTION_IDS = {"Photo": 12, "Walking": 14, "SittingDown": 10}


def fetched(world, subject, ids, cameras=w.CAMERAS, stride=2, **changes):
    """The data sets of an annot.h5 of every `stride`-th frame."""
    frames = np.arange(0, len(world), stride)
    seen = {camera: view_mm(world, subject, camera) for camera in cameras}
    parts = {
        "pose/2d": np.concatenate([pixels(seen[c], c)[frames] for c in cameras]),
        "pose/3d": np.concatenate([seen[c][frames] for c in cameras]),
        "pose/3d-univ": np.concatenate([universal(seen[c])[frames] for c in cameras]),
        "camera": np.repeat([int(c) for c in cameras], len(frames)),
        "frame": np.tile(frames + 1, len(cameras)),
    }
    for name, number in zip(("subject", "action", "subaction"), (int(subject[1:]), *ids), strict=True):
        parts[name] = np.full(len(frames) * len(cameras), number)
    for camera in cameras:
        (fx, fy, cx, cy), *_ = w.H36M_LENSES[camera]
        # A linear camera's fit to distorted points, in h36m-fetch's own order.
        parts[f"intrinsics/{camera}"] = np.array([fx * 0.994, cx + 1.5, fy * 0.994, cy - 0.5])
        parts[f"intrinsics-univ/{camera}"] = np.array([fx * 1.07, cx + 3, fy * 1.07, cy - 4])
    return {name: values for name, values in (parts | changes).items() if values is not None}


def write_h10(path, parts):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            file[name] = values
    return path


# EvoSkeleton


def write_npy(path, value):
    np.save(path, value, allow_pickle=True)
    return path


def evo_3d(poses=None):
    return {
        (int(subject[1:]), action.split(" ")[0], f"{action}.h5"): world.reshape(len(world), 96)
        for subject, action, world in (worlds() if poses is None else poses)
    }


def evo_2d(poses=None, nose=False, cameras=w.CAMERAS, noise=0.0):
    """HRNet's detections: of 32 joints those that it knows, the others 0."""
    rng = np.random.default_rng(0)
    known = [joint for joint in USED if nose or joint != 14]
    found = {}
    for subject, action, world in worlds() if poses is None else poses:
        for camera in cameras:
            points = np.zeros((len(world), 32, 2))
            points[:, known] = pixels(view_mm(world, subject, camera), camera)[:, known]
            points[:, known] += rng.normal(0, noise, (len(world), len(known), 2)) if noise else 0
            key = int(subject[1:]), action.split(" ")[0], f"{action}.{camera}.h5-sh"
            found[key] = points.reshape(len(world), 64)
    return found


def evo_cameras(subjects=("S1", "S9"), change=lambda parts: parts):
    found = {}
    for subject in subjects:
        for number, name in enumerate(w.CAMERAS, 1):
            (fx, fy, cx, cy), k, p, _ = w.H36M_LENSES[name]
            quaternion, centre = w.H36M_PLACES[subject][name]
            rotation = w.rotation_of(quaternion / np.linalg.norm(quaternion)).T
            column = [np.array(values)[:, None] for values in (centre, (fx, fy), (cx, cy), k, p)]
            found[int(subject[1:]), number] = change((rotation, *column, name))
    return found


# Learnable triangulation

CAMERA_DTYPE = [("R", "f4", (3, 3)), ("t", "f4", (3, 1)), ("K", "f4", (3, 3)), ("dist", "f4", 5)]
TABLE_DTYPE = [
    ("subject_idx", "i1"),
    ("action_idx", "i1"),
    ("frame_idx", "i2"),
    ("keypoints", "f4", (17, 3)),
    ("bbox_by_camera_tlbr", "i2", (4, 4)),
]
LABELS = {"Photo 1": "TakingPhoto-1", "Walking": "Walking-2", "SittingDown": "SittingDown-1"}


def labels(poses=None, missing=(), stride=1, **changes):
    """The dictionary of an .npy of labels; `missing` are (sequence number, camera number, row)."""
    poses = worlds() if poses is None else poses
    subjects, actions = ["S1", "S9"], ["Walking-2", "SittingDown-1", "TakingPhoto-1", "Eating-1"]
    segments = []
    for number, (subject, action, world) in enumerate(poses):
        frames = np.arange(0, len(world), stride)
        segment = np.empty(len(frames), TABLE_DTYPE)
        segment["subject_idx"] = subjects.index(subject)
        segment["action_idx"] = actions.index(LABELS[action])
        segment["frame_idx"] = frames
        segment["keypoints"] = world[frames][:, LEARNABLE_OF_32]
        segment["bbox_by_camera_tlbr"] = [100, 200, 500, 600]
        for sequence, camera, row in missing:
            if sequence == number:
                segment["bbox_by_camera_tlbr"][row, camera] = 0
        segments.append(segment)
    cameras = np.zeros((2, 4), CAMERA_DTYPE)
    for i, subject in enumerate(subjects):
        for j, name in enumerate(w.CAMERAS):
            (fx, fy, cx, cy), (k1, k2, k3), (p1, p2), _ = w.H36M_LENSES[name]
            quaternion, centre = w.H36M_PLACES[subject][name]
            rotation = w.rotation_of(quaternion / np.linalg.norm(quaternion)).T
            cameras[i, j]["R"], cameras[i, j]["t"] = rotation, -(rotation @ centre)[:, None]
            cameras[i, j]["K"] = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
            cameras[i, j]["dist"] = k1, k2, p1, p2, k3
    names = {"subject_names": subjects, "camera_names": list(w.CAMERAS), "action_names": actions}
    found = names | {"cameras": cameras, "table": np.concatenate(segments)} | changes
    return {name: value for name, value in found.items() if value is not None}
