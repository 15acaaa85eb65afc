"""mmpose's, SPIN's and MotionBERT's archives, from the description of the formats alone."""

import pickle

import numpy as np

from . import writers as w

# Where SPIN puts the 17 joints of each data set in its 24.
SPIN_OF_H36M17 = [14, 2, 1, 0, 3, 4, 5, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
SPIN_OF_MPI17 = [18, 12, 8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 14, 16, 17]

# X_cam = R X + T, millimetres, of camera 0 as camera.calibration has it; here every camera stands there.
MPI_ROTATION = [
    [0.9650164, 0.00488022, 0.262144],
    [-0.004488356, -0.9993728, 0.0351275],
    [0.262151, -0.03507521, -0.9643893],
]
MPI_SHIFT = [-562.8666, 1398.138, 3852.623]
MPI_TRAIN_LENSES = {"0": w.CAMERA_0, "8": w.CAMERA_8}


def h36m_rows(world=None, stride=5):
    """(subject, action, camera), joints in space, pixels, frame numbers; in the order of mmpose's converter."""
    for subject, actions in (w.known_world() if world is None else world).items():
        for action, poses in actions.items():
            for camera in w.CAMERAS:
                seen = w.h36m_view(poses[:, w.H36M17_OF_32], subject, camera)
                numbers = 1 + stride * np.arange(len(poses))
                yield (subject, action, camera), seen, w.h36m_pixels(seen, camera), numbers


def mpi_train_rows(frames=6):
    """The same, in millimetres, of two sequences before two cameras each."""
    for index, (subject, action) in enumerate((("S1", "Seq1"), ("S4", "Seq2"))):
        for camera, lens in MPI_TRAIN_LENSES.items():
            seen = w.mpi_view(frames + index, seed=40 + 2 * index + int(camera))
            yield (subject, action, camera), seen, w.mpi_pixels(seen, lens), 1 + np.arange(len(seen))


def mpi_test_rows():
    """The same of three test sequences; every third frame is not valid and left out."""
    for index, (name, lens) in enumerate(w.MPI_LENSES.items()):
        seen = w.mpi_view(9 + index, seed=50 + index)
        valid = np.flatnonzero(w.alternating(len(seen)))
        yield (name, "Seq1", name), seen[valid], w.mpi_pixels(seen, lens)[valid], valid + 1


def flagged(values, flags=None):
    flags = np.ones(values.shape[:2]) if flags is None else flags
    return np.concatenate([values, flags[..., None]], axis=-1)


def write_npz(path, names, pixels, space, **more):
    low, high = pixels[..., :2].min(1), pixels[..., :2].max(1)
    arrays = {
        "imgname": np.array(names),
        "center": (low + high) / 2,
        "scale": 1.2 * (high - low).max(1) / 200,
        "part": pixels,
        "S": space,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: values for name, values in (arrays | more).items() if values is not None})
    return path


def dump(path, tree):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(tree, protocol=4))
    return path


def h36m_name(subject, action, camera, number, raw=str):
    base = f"{subject}_{raw(action).replace(' ', '_')}.{camera}"
    return f"{subject}/{base}/{base}_{number:06d}.jpg"


def write_h6(path, rows=None, name=h36m_name, **more):
    """h36m_train.npz."""
    rows = list(h36m_rows()) if rows is None else rows
    names = [name(*key, number) for key, _, _, numbers in rows for number in numbers]
    seen, pixels = (np.concatenate([row[i] for row in rows]) for i in (1, 2))
    return write_npz(path, names, flagged(pixels), flagged(seen), **more)


def h36m_cameras(**changes):
    """cameras.pkl: R camera to world, T the centre in metres."""
    table = {}
    for subject, places in w.H36M_PLACES.items():
        for index, (camera, (quaternion, centre)) in enumerate(places.items()):
            (fx, fy, cx, cy), k, p, (width, height) = w.H36M_LENSES[camera]
            table[subject, camera] = {
                "R": w.rotation_of(quaternion),
                "T": np.array(centre)[:, None] / 1000,
                "c": np.array([[cx], [cy]]),
                "f": np.array([[fx], [fy]]),
                "k": np.array(k)[:, None],
                "p": np.array(p)[:, None],
                "w": width,
                "h": height,
                "name": f"camera{index + 1}",
                "id": camera,
            } | changes
    return table


def mpi_train_cameras(**changes):
    """cameras_train.pkl as the converter first wrote it: R world to camera, a height without its last digit."""
    table = {}
    for (subject, action, camera), *_ in mpi_train_rows():
        fx, fy, cx, cy = MPI_TRAIN_LENSES[camera]
        table[f"{subject}_{action}_Cam{camera}"] = {
            "R": np.array(MPI_ROTATION),
            "T": np.array(MPI_SHIFT)[:, None] / 1000,
            "c": np.array([[cx], [cy]]),
            "f": np.array([[fx], [fy]]),
            "w": 2048.0,
            "h": 204.0,
            "name": f"train_cam_{camera}",
        } | changes
    return table


def mpi_test_cameras():
    """cameras_test.pkl: fitted lenses, some hundredths of a pixel off, no place."""
    table = {}
    for index, (name, (fx, fy, cx, cy)) in enumerate(w.MPI_LENSES.items(), 1):
        width, height = (1920, 1080) if name == "TS5" else (2048, 2048)
        lens = {"c": np.array([[cx + 0.05], [cy]]), "f": np.array([[fx], [fy + 0.1]])}
        table[name] = lens | {"w": width, "h": height, "name": f"test_cam_{index}"}
    return table


def mpi_name(subject, action, camera, number):
    return f"{subject}_{number:06d}.jpg" if subject == camera else f"{subject}_{action}_Cam{camera}_{number:06d}.jpg"


def write_d7(path, rows, name=mpi_name, **more):
    """mpi_inf_3dhp_train.npz or ..._test_valid.npz; the flag says whether a joint lies within 2048 x 2048."""
    rows = list(rows)
    names = [name(*key, number) for key, _, _, numbers in rows for number in numbers]
    seen, pixels = (np.concatenate([row[i] for row in rows]) for i in (1, 2))
    inside = ((pixels >= 0) & (pixels < 2048)).all(-1).astype(float)
    return write_npz(path, names, flagged(pixels, inside), flagged(seen / 1000, inside), **more)


def spin_24(values, joints):
    """Joints of SPIN: what is not annotated is 0, its flag too."""
    spread = np.zeros((len(values), 24, values.shape[-1] + 1))
    spread[:, joints] = flagged(values)
    return spread


def spin_name(subject, action, camera, number):
    if subject.startswith("TS"):
        return f"mpi_inf_3dhp_test_set/{subject}/imageSequence/img_{number:06d}.jpg"
    if action.startswith("Seq"):
        return f"{subject}/{action}/imageFrames/video_{camera}/frame_{number:06d}.jpg"
    return f"images/{subject}_{action.replace(' ', '_')}.{camera}_{number:06d}.jpg"


def write_spin(path, rows, joints, relative=True, metres=1.0, with_2d=True, **more):
    """Any of SPIN's: `joints` are the places of the rows' 17 in the 24, the root among them is 14."""
    rows = list(rows)
    names = [spin_name(*key, number) for key, _, _, numbers in rows for number in numbers]
    seen, pixels = (np.concatenate([row[i] for row in rows]) for i in (1, 2))
    root = joints.index(14)
    space = (seen - seen[:, [root]] if relative else seen) * metres
    parts = spin_24(pixels, joints)
    return write_npz(path, names, parts, spin_24(space, joints), **({} if with_2d else {"part": None}) | more)


# Action and subaction of the known world's sequences in the release.
SOURCES = {("S9", "Walking 1"): (14, 1), ("S9", "Directions"): (2, 2), ("S1", "Sitting 2"): (9, 2)}


def write_h9(path, change=None):
    """h36m_sh_conf_cam_source_final.pkl: S1 to train, S9 to test."""
    splits = {"train": ("S1",), "test": ("S9",)}
    tree = {}
    for split, subjects in splits.items():
        rows = [row for row in h36m_rows() if row[0][0] in subjects]
        pixels = np.concatenate([row[2] for row in rows])
        image = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
        sources, cameras, actions = [], [], []
        for (subject, action, camera), seen, _, _ in rows:
            ids = int(subject[1:]), *SOURCES[subject, action], w.CAMERAS.index(camera) + 1
            sources += ["s_{:02d}_act_{:02d}_subact_{:02d}_ca_{:02d}".format(*ids)] * len(seen)
            cameras += [camera] * len(seen)
            actions += [action.split(" ")[0]] * len(seen)
        tree[split] = {
            "joint_2d": pixels.astype(np.float32),
            "confidence": np.full(pixels.shape[:2], 0.9, np.float32),
            "joint3d_image": image,
        }
        if split == "test":
            tree[split] |= {"joints_2.5d_image": image * 4.5, "2.5d_factor": np.full(len(image), 4.5)}
        tree[split] |= {"camera_name": np.array(cameras), "action": actions, "source": sources}
    if change is not None:
        change(tree)
    return dump(path, tree)
