"""Archives as other people's code writes them, from the description of the formats alone.

Nothing of the package but the synthetic motion is used here, so that a mistake in its tables or
readers cannot cancel against itself.
"""

from typing import NamedTuple

import h5py
import numpy as np

from poseda_cli.synthetic.motions import perform


class Known(NamedTuple):
    """What reading an archive must give.

    sequences (subject, action, camera, length) in order; poses_3d metres in camera space, or None;
    poses_2d pixels, or None; lenses camera name -> fx, fy, cx, cy, width, height, or None if unknown.
    """

    layout: str
    dataset: str | None
    joints: list[str]
    sequences: list[tuple[str, str, str, int]]
    poses_3d: np.ndarray | None
    poses_2d: np.ndarray | None
    lenses: dict[str, tuple[float, ...] | None]
    absolute: bool = True


# Raw joints that stand for the 17 of Human3.6M, and for MPI-INF-3DHP's 17, in the order of each.
H36M17_OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
MPI17_OF_H36M17 = [10, 8, 14, 15, 16, 11, 12, 13, 1, 2, 3, 4, 5, 6, 0, 7, 9]
H36M16_OF_17 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16]
LEFT_HIP_FIRST = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]

# fx, fy, cx, cy; k1, k2, k3; p1, p2; width, height.
H36M_LENSES = {
    "54138969": (
        (1145.04940458804, 1143.78109572365, 512.541504956548, 515.4514869776),
        (-0.207098910824901, 0.247775183068982, -0.00307515035078854),
        (-0.00142447157470321, -0.000975698859470499),
        (1000, 1002),
    ),
    "55011271": (
        (1149.67569986785, 1147.59161666764, 508.848621645943, 508.064917088557),
        (-0.194213629607385, 0.240408539138292, 0.00681997559022603),
        (-0.0027408943961907, -0.001619026613787),
        (1000, 1000),
    ),
    "58860488": (
        (1149.14071676148, 1148.7989685676, 519.815837182153, 501.402658888552),
        (-0.208338188251856, 0.255488007488945, -0.00246049749891915),
        (-0.000759999321030303, 0.00148438698385668),
        (1000, 1000),
    ),
    "60457274": (
        (1145.51133842318, 1144.77392807652, 514.968197319863, 501.882018537695),
        (-0.198384093827848, 0.218323676298049, -0.00894780704152122),
        (-0.00181336200488089, -0.000587205583421232),
        (1000, 1002),
    ),
}

# Quaternion (w, x, y, z) from camera to world, and camera centre in millimetres.
H36M_PLACES = {
    "S1": {
        "54138969": (
            [0.1407056450843811, -0.1500701755285263, -0.755240797996521, 0.6223280429840088],
            [1841.1070556640625, 4955.28466796875, 1563.4454345703125],
        ),
        "55011271": (
            [0.6157187819480896, -0.764836311340332, -0.14833825826644897, 0.11794740706682205],
            [1761.278564453125, -5078.0068359375, 1606.2650146484375],
        ),
        "58860488": (
            [0.14651472866535187, -0.14647851884365082, 0.7653023600578308, -0.6094175577163696],
            [-1846.7777099609375, 5215.04638671875, 1491.972412109375],
        ),
        "60457274": (
            [0.5834008455276489, -0.7853162288665771, 0.14548823237419128, -0.14749594032764435],
            [-1794.7896728515625, -3722.698974609375, 1574.8927001953125],
        ),
    },
    "S9": {
        "54138969": (
            [0.15540587902069092, -0.15548215806484222, -0.7532095313072205, 0.6199594736099243],
            [2044.45849609375, 4935.1171875, 1481.2275390625],
        ),
        "55011271": (
            [0.618784487247467, -0.7634735107421875, -0.14132238924503326, 0.11933968216180801],
            [1990.959716796875, -5123.810546875, 1568.8048095703125],
        ),
        "58860488": (
            [0.13357827067375183, -0.1367100477218628, 0.7689454555511475, -0.6100738644599915],
            [-1670.9921875, 5211.98583984375, 1528.387939453125],
        ),
        "60457274": (
            [0.5879399180412292, -0.7823407053947449, 0.1427614390850067, -0.14794869720935822],
            [-1696.04345703125, -3827.099853515625, 1591.4127197265625],
        ),
    },
}
CAMERAS = list(H36M_LENSES)

# Linear: fx, fy, cx, cy.
CAMERA_0 = (1497.693, 1497.103, 1024.704, 1051.394)
CAMERA_8 = (1500.172, 1500.837, 1017.387, 1043.032)
TS2_CAMERA = (1504.04, 1501.57, 1015.26, 1038.70)
TS5_CAMERA = (1683.983, 1672.594, 939.858, 560.141)
MPI_LENSES = {"TS1": CAMERA_8, "TS2": TS2_CAMERA, "TS5": TS5_CAMERA}

UNIVERSAL = 1.0467203


def motion(frames=12, action="Walking", seed=1):
    """(T, 32, 3) metres, world, z up."""
    return perform(action, frames, (seed,)).astype(np.float32)


def rotation_of(quaternion):
    """Camera to world."""
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def h36m_view(world, subject, camera):
    """Metres in camera space of metres in the world."""
    quaternion, centre = H36M_PLACES[subject][camera]
    return (world.astype(np.float64) - np.array(centre) / 1000) @ rotation_of(quaternion)


def h36m_pixels(seen, camera):
    (fx, fy, cx, cy), (k1, k2, k3), (p1, p2), _ = H36M_LENSES[camera]
    x, y = seen[..., 0] / seen[..., 2], seen[..., 1] / seen[..., 2]
    r2 = x**2 + y**2
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * y + p2 * x
    return np.stack([fx * (x * factor + p2 * r2) + cx, fy * (y * factor + p1 * r2) + cy], axis=-1)


def mpi_view(frames=12, action="Walking", seed=2):
    """(T, 17, 3) millimetres before a camera 4 m away, x right, y down, z forward; joints of 3dhp17."""
    joints = motion(frames, action, seed).astype(np.float64)[:, H36M17_OF_32][:, MPI17_OF_H36M17]
    return np.stack([joints[..., 0], 1.2 - joints[..., 2], 4.0 + joints[..., 1]], axis=-1) * 1000


def mpi_pixels(seen, lens):
    fx, fy, cx, cy = lens
    return np.stack([fx * seen[..., 0] / seen[..., 2] + cx, fy * seen[..., 1] / seen[..., 2] + cy], axis=-1)


def universal(seen, scale=UNIVERSAL):
    """Scaled about the pelvis."""
    root = seen[:, 14:15]
    return root + (seen - root) / scale


def known_world():
    """Two subjects, unlike lengths, actions in an order that is not the alphabet's."""
    return {
        "S9": {"Walking 1": motion(7, "Walking", 3), "Directions": motion(4, "Directions", 4)},
        "S1": {"Sitting 2": motion(5, "Sitting", 5)},
    }


def write_h1(path, world=None):
    """data_3d_h36m.npz."""
    np.savez_compressed(path, positions_3d=known_world() if world is None else world)
    return path


def known_views(world=None, joints=H36M17_OF_32):
    world = known_world() if world is None else world
    return {
        subject: {
            action: [h36m_pixels(h36m_view(poses[:, joints], subject, c), c).astype(np.float32) for c in CAMERAS]
            for action, poses in actions.items()
        }
        for subject, actions in world.items()
    }


H36M_SYMMETRY = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]


def write_h2(path, views=None, symmetry=H36M_SYMMETRY, joints=17, **more):
    """data_2d_h36m_gt.npz; numpy integers in the metadata, as the gt file has them."""
    metadata = {
        "layout_name": "h36m",
        "num_joints": joints,
        "keypoints_symmetry": [[np.int64(joint) for joint in side] for side in symmetry],
    }
    np.savez_compressed(path, positions_2d=known_views() if views is None else views, metadata=metadata, **more)
    return path


def alternating(frames):
    """Which frames are valid: all but every third."""
    return (np.arange(frames) % 3 != 1).astype(np.float64)


def write_d3(path, seen, lens, valid=None, pixels=None, scale=UNIVERSAL):
    """annot_data.mat: HDF5 behind 512 bytes of MATLAB, 320-frame style."""
    pixels = mpi_pixels(seen, lens) if pixels is None else pixels
    valid = alternating(len(seen)) if valid is None else valid
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("annot2", data=pixels[:, None], compression="gzip")
        file.create_dataset("annot3", data=seen[:, None], compression="gzip")
        file.create_dataset("univ_annot3", data=universal(seen, scale)[:, None], compression="gzip")
        file["valid_frame"] = np.asarray(valid, np.float64)[:, None]
        file["activity_annotation"] = np.ones((len(seen), 1))
    with path.open("r+b") as stream:
        head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan 01 00:00:00 2018 HDF5 schema 1.00 ."
        stream.write(head.ljust(124) + b"\x00\x02IM")
    return path


def write_d4_test(path, kind="univ_annot3", sequences=("TS1", "TS2", "TS5"), order=None):
    """data_test_3dhp.npz: what was seen comes back, by sequence."""
    data, known = {}, {}
    for index, name in enumerate(sequences):
        seen = mpi_view(9 + index, seed=10 + index)
        pixels = mpi_pixels(seen, MPI_LENSES[name])
        three = universal(seen) if kind == "univ_annot3" else seen
        valid = alternating(len(seen))
        known[name] = three[valid == 1], pixels[valid == 1]
        joints = slice(None) if order is None else order
        data[name] = {"data_2d": pixels[:, joints], "data_3d": three[:, joints], "valid": valid}
    np.savez_compressed(path, data=data)
    return known


def write_d4_train(path, kind="univ_annot3"):
    """data_train_3dhp.npz: two sequences before cameras 0 and 8."""
    data, known = {}, {}
    for index, name in enumerate(("S1 Seq1", "S8 Seq2")):
        views = {}
        for camera, lens in (("0", CAMERA_0), ("8", CAMERA_8)):
            seen = mpi_view(6 + index, seed=20 + 2 * index + (camera == "8"))
            three = universal(seen) if kind == "univ_annot3" else seen
            views[camera] = {"data_2d": mpi_pixels(seen, lens), "data_3d": three}
            known[(*name.split(" "), camera)] = three, views[camera]["data_2d"]
        data[name] = [views, 25 + 25 * index]
    np.savez_compressed(path, data=data)
    return known


H36M_JOINTS = [
    "Hip", "RHip", "RKnee", "RFoot", "LHip", "LKnee", "LFoot", "Spine", "Thorax", "Neck/Nose", "Head",
    "LShoulder", "LElbow", "LWrist", "RShoulder", "RElbow", "RWrist",
]  # fmt: skip
MPI_JOINTS = [
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine", "head",
]  # fmt: skip


def write_poseda(path, **changes):
    """augmented.h5, from its documentation: one sequence before a known camera, one before an unknown."""
    poses = mpi_view(5)[:, [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]] / 1000
    pixels = mpi_pixels(poses, TS5_CAMERA)
    cameras = [
        (b"TS5", 1920, 1080, *TS5_CAMERA, [np.nan] * 3, [np.nan] * 2),
        (b"web", 0, 0, *[np.nan] * 4, [np.nan] * 3, [np.nan] * 2),
    ]
    numbers = [("width", "i4"), ("height", "i4"), *((name, "f8") for name in ("fx", "fy", "cx", "cy"))]
    text = h5py.string_dtype("utf-8", 12)
    contents = {
        "poses_3d": poses.astype(np.float32),
        "poses_2d": ((pixels * 2 - [1920, 1080]) / 1920).astype(np.float32),
        "camera": np.array([0, 0, 0, 1, 1], np.uint16),
        "cameras": np.array(cameras, [("name", text), *numbers, ("k", "f8", 3), ("p", "f8", 2)]),
        "source_index": np.arange(5),
        "target_index": np.array([4, 3, 2, -1, -1]),
        "sequences": np.array(
            [(b"S1", b"Walking 1", b"TS5", 0, 0, 3), (b"S1", "Séance".encode(), b"web", -1, 3, 2)],
            [("subject", text), ("action", text), ("camera", text), ("copy", "i4"), ("start", "i8"), ("length", "i8")],
        ),
    }
    attributes = {"schema": 1, "layout": "poseda", "joint_names": H36M_JOINTS, "units": "m", "screen": "aspect"}
    with h5py.File(path, "w") as file:
        for name, values in contents.items():
            if changes.get(name, values) is not None:
                file[name] = changes.get(name, values)
        for name, value in attributes.items():
            file.attrs[name] = changes.get(name, value)
    return poses, pixels
