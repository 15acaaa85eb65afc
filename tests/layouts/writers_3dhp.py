"""Archives of MPI-INF-3DHP as other people's code writes them; see `writers` for what is shared."""

import h5py
import numpy as np
import scipy.io

from . import writers as w

# fx, fy, cx, cy of the training cameras, all 2048 x 2048.
LENSES = [
    (1497.693, 1497.103, 1024.704, 1051.394),
    (1495.217, 1495.52, 1030.519, 1052.626),
    (1495.587, 1497.828, 983.8873, 987.5902),
    (1495.886, 1496.033, 1029.06, 1041.409),
    (1490.952, 1491.108, 987.6075, 1019.069),
    (1500.414, 1499.971, 1012.331, 998.5009),
    (1498.471, 1498.8, 999.7319, 1010.251),
    (1498.831, 1499.674, 987.2716, 976.8773),
    (1500.172, 1500.837, 1017.387, 1043.032),
    (1501.554, 1501.9, 1010.423, 1037.096),
    (1498.423, 1498.585, 1041.614, 997.0433),
    (1495.779, 1493.703, 1009.802, 999.9984),
    (1501.326, 1501.491, 1000.56, 1014.975),
    (1496.961, 1497.378, 1005.702, 1004.214),
]
TEST_LENSES = {**w.MPI_LENSES, "TS3": w.CAMERA_8, "TS4": w.CAMERA_8, "TS6": w.TS5_CAMERA}
VNECT = [0, 1, 2, 4, 5, 6, 7, 8]
# World to camera, millimetres.
PLACES = {
    0: (
        [[0.9650164, 0.00488022, 0.262144], [-0.004488356, -0.9993728, 0.0351275], [0.262151, -0.03507521, -0.9643893]],
        [-562.8666, 1398.138, 3852.623],
    ),
    1: (
        [[0.6050639, -0.02184232, 0.7958773], [-0.22647, -0.9630526, 0.1457429], [0.7632883, -0.2684261, -0.587655]],
        [-1429.856, 738.1779, 4897.966],
    ),
    2: (
        [
            [-0.3608179, -0.009492658, 0.932588],
            [-0.0585942, -0.9977421, -0.03282591],
            [0.9307939, -0.06648842, 0.359447],
        ],
        [57.25702, 1307.287, 2799.822],
    ),
    3: (
        [
            [-0.0721105, -0.04817664, 0.9962325],
            [-0.4393254, -0.8951841, -0.07508985],
            [0.895429, -0.443085, 0.04338695],
        ],
        [-284.8168, 807.9184, 3177.16],
    ),
    4: (
        [
            [0.3737275, 0.09688602, 0.9224646],
            [-0.009716132, -0.9940662, 0.1083427],
            [0.9274878, -0.04945343, -0.3705685],
        ],
        [-1563.911, 801.9608, 3517.316],
    ),
    5: (
        [
            [-0.3521056, 0.01328985, -0.9358659],
            [-0.04961938, -0.9987582, 0.004485628],
            [-0.9346441, 0.0480165, 0.3523278],
        ],
        [358.4134, 994.5658, 3439.832],
    ),
    6: (
        [
            [-0.9150326, -0.04843184, 0.4004618],
            [-0.1804886, -0.8386868, -0.5138369],
            [0.3607481, -0.5424563, 0.7586845],
        ],
        [569.4388, 528.871, 3687.369],
    ),
    7: (
        [
            [-0.9995936, 0.02847456, 0.001368653],
            [-0.02843213, -0.9992908, 0.0246889],
            [0.002070688, 0.02463995, 0.9996943],
        ],
        [1378.866, 1270.781, 2631.567],
    ),
    8: (
        [
            [0.000575281, 0.06160985, -0.9981001],
            [0.2082146, -0.9762325, -0.06013997],
            [-0.978083, -0.2077844, -0.01338968],
        ],
        [221.3543, 659.87, 3644.688],
    ),
    9: (
        [
            [0.04176839, 0.00780962, -0.9990969],
            [0.5555364, -0.831324, 0.01672664],
            [-0.8304425, -0.5557333, -0.03906159],
        ],
        [388.6217, 137.5452, 4216.635],
    ),
    10: (
        [
            [-0.8970265, 0.1361548, -0.4204822],
            [0.09417118, -0.8706428, -0.4828178],
            [-0.4318278, -0.4726976, 0.7681679],
        ],
        [1167.962, 617.6362, 4472.351],
    ),
    11: (
        [[0.9170455, 0.1972746, -0.3465695], [0.1720879, 0.5882171, 0.7901813], [0.3597408, -0.7842726, 0.5054733]],
        [134.8272, 251.5094, 4570.244],
    ),
    12: (
        [[-0.7926738, 0.1323657, 0.5951031], [-0.396246, 0.6299778, -0.66792], [-0.4633114, -0.7652499, -0.4469175]],
        [412.4695, 532.7588, 4887.095],
    ),
    13: (
        [[-0.8701088, -0.09522671, -0.4835728], [0.4120245, 0.3978655, -0.8197188], [0.270456, -0.9124883, -0.3069505]],
        [867.1278, 827.4572, 3985.159],
    ),
}
MPI17_OF_28 = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]
H36M17_OF_MPI17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
H36M16_OF_MPI17 = [14, 8, 9, 10, 11, 12, 13, 15, 1, 0, 5, 6, 7, 2, 3, 4]
# AdaptPose's training order: left leg, right leg, right arm, left arm.
ADAPT16_OF_H36M16 = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 13, 14, 15, 10, 11, 12]
H36M16_JOINTS = [joint for joint in w.H36M_JOINTS if joint != "Neck/Nose"]


def size_of(camera):
    return (1920, 1080) if camera in ("TS5", "TS6") else (2048, 2048)


def lens_of(camera):
    return TEST_LENSES[camera] if camera.startswith("TS") else LENSES[int(camera)]


def lenses_of(sequences):
    return {camera: (*lens_of(camera), *size_of(camera)) for _, _, camera, _ in sequences}


def all_joints(seen):
    """(T, 28, 3) of (T, 17, 3): the joints that the 17 lack are put beside them."""
    joints = np.empty((len(seen), 28, 3))
    joints[:, MPI17_OF_28] = seen
    spine, neck = joints[:, 3], joints[:, 5]
    for index, part in ((2, 0.3), (0, 0.5), (1, 0.8)):
        joints[:, index] = spine + part * (neck - spine)
    for index, parent in ((8, 9), (13, 14), (12, 11), (17, 16), (21, 20), (22, 20), (26, 25), (27, 25)):
        joints[:, index] = joints[:, parent] + [20, 10, -30]
    return joints


def views_of(names, frames=5, kind="annot3", seed=30):
    """{camera: (millimetres (T, 17, 3), pixels (T, 17, 2))} of one sequence, each camera another motion."""
    views = {}
    for index, name in enumerate(names):
        seen = w.mpi_view(frames, seed=seed + index)
        views[name] = (w.universal(seen) if kind == "univ_annot3" else seen, w.mpi_pixels(seen, lens_of(name)))
    return views


def write_calibration(path, names=range(14), trailing=" ", head="Skeletool Camera Calibration File V1.0", **changes):
    """camera.calibration: matrix lines end in a space, size lines do not."""
    lines = [head]
    for name in names:
        fx, fy, cx, cy = changes.get("lenses", LENSES)[name]
        rotation, translation = changes.get("places", PLACES)[name]
        outer = [[*row, shift] for row, shift in zip(rotation, translation, strict=True)]
        numbers = {
            "intrinsic": [fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0, 0, 0, 0, 1],
            "extrinsic": [value for row in [*outer, [0, 0, 0, 1]] for value in row],
        }
        lines += [
            f"name          {name}",
            "  sensor      10 10",
            f"  size        {changes.get('size', '2048 2048')}",
            "  animated    0",
            *(f"  {key}   {' '.join(map(str, values))}{trailing}" for key, values in numbers.items()),
            "  radial      0",
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def write_d1(path, views, numbers=None, dtype=np.float64, **changes):
    """annot.mat: cells of (F, 84) and (F, 56)."""
    count = len(views)
    frames = len(next(iter(views.values()))[0])
    cells = {name: np.empty((count, 1), object) for name in ("annot2", "annot3", "univ_annot3")}
    for index, (name, (seen, _)) in enumerate(views.items()):
        joints = all_joints(seen)
        root = joints[:, 4:5]
        cells["annot2"][index, 0] = w.mpi_pixels(joints, lens_of(name)).reshape(frames, -1).astype(dtype)
        cells["annot3"][index, 0] = joints.reshape(frames, -1).astype(dtype)
        cells["univ_annot3"][index, 0] = (root + (joints - root) / w.UNIVERSAL).reshape(frames, -1).astype(dtype)
    numbers = [int(name) for name in views] if numbers is None else numbers
    contents = {**cells, "cameras": np.array([numbers], np.uint8), "frames": np.arange(frames)[:, None], **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {name: value for name, value in contents.items() if value is not None})
    return path


def write_d9(path, parts, **changes):
    """annotTest.h5 of {'TS1': (millimetres, pixels, frame numbers from 1)}."""
    columns = {
        "TSId": np.concatenate([np.full(len(frames), int(name[2:])) for name, (*_, frames) in parts.items()]),
        "data_id": np.concatenate([frames for *_, frames in parts.values()]),
        "univ_annot3": np.concatenate([three for three, *_ in parts.values()]),
        "annot_2d": np.concatenate([two for _, two, _ in parts.values()]),
    }
    rows = len(columns["TSId"])
    columns |= {"id": np.arange(rows), "valid_frame": np.ones(rows), "activity_annotation": np.ones(rows)}
    columns["bbox"] = np.zeros((rows, 4))
    columns |= changes
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            if values is not None:
                file[name] = values
    return path


def ray3d_world(frames, seed):
    """(T, 17, 3) metres in Ray3D's world, z up, joints of Human3.6M; people stand where the cameras look."""
    return w.motion(frames, "Walking", seed).astype(np.float64)[:, w.H36M17_OF_32]


def ray3d_seen(world, number):
    """Metres before a training camera, of Ray3D's world: undo the turn (x, -z, y), then R X + t."""
    rotation, translation = (np.array(part) for part in PLACES[number])
    released = world[..., [0, 2, 1]] * [1, 1, -1]
    return released @ rotation.T + translation / 1000


def write_d8(folder, worlds, pixels=None):
    """data_3d_3dhp.npz and data_2d_3dhp_gt.npz of {'S1_Seq1_0': (T, 17, 3)}; either may be empty."""
    if worlds:
        np.savez(folder / "data_3d_3dhp.npz", positions_3d={key: {"Action": poses} for key, poses in worlds.items()})
    if pixels:
        points = {
            key: {"Action": [{"file_name": [f"img_{i + 1:06d}.jpg" for i in range(len(poses))], "positions_2d": poses}]}
            for key, poses in pixels.items()
        }
        metadata = {"layout": "3dhp", "num_joints": 17, "keypoints_symmetry": w.H36M_SYMMETRY}
        np.savez(folder / "data_2d_3dhp_gt.npz", metadata=metadata, positions_2d=points)


def nest(views, test_key="Seq1"):
    """{(subject, action): [arrays]} as {subject: {action: [arrays]}}."""
    tree = {}
    for (subject, action), arrays in views.items():
        tree.setdefault(subject, {})[test_key if subject.startswith("TS") else action] = arrays
    return tree


def write_d10(folder, three=None, two=None):
    """data_3d_3dhp.npz and data_2d_3dhp.npz of {(subject, action): [metres]} and pixels, joints of h36m17."""
    if three is not None:
        np.savez_compressed(folder / "data_3d_3dhp.npz", positions_3d=nest(three))
    if two is not None:
        np.savez_compressed(folder / "data_2d_3dhp.npz", positions_2d=nest(two))


def relative_to_head_top(poses):
    """What zemingxie's script does: joint 0 stays, the others are seen from it."""
    poses = poses.copy()
    poses[:, 1:] -= poses[:, :1]
    return poses.astype(np.float32)


def write_d11(folder, three=None, two=None, symmetry=w.H36M_SYMMETRY):
    """data_3d_mpi_inf_3dhp.npz and data_2d_mpi_inf_3dhp_gt.npz of metres and pixels, joints of 3dhp17."""
    if three is not None:
        stored = {key: [relative_to_head_top(poses) for poses in arrays] for key, arrays in three.items()}
        np.savez_compressed(folder / "data_3d_mpi_inf_3dhp.npz", positions_3d=nest(stored, "Test"))
    if two is not None:
        points = {key: [poses.astype(np.float32) for poses in arrays] for key, arrays in two.items()}
        metadata = {"num_joints": 17, "keypoints_symmetry": symmetry}
        np.savez_compressed(
            folder / "data_2d_mpi_inf_3dhp_gt.npz", positions_2d=nest(points, "Test"), metadata=metadata
        )


def write_d12_train(folder, three=None, two=None, order=ADAPT16_OF_H36M16, points_order=ADAPT16_OF_H36M16):
    """Training files of {(subject, action): [millimetres]} and {(subject, action): {camera: pixels}}, of h36m16."""
    if three is not None:
        stored = {key: [poses[:, order] for poses in arrays] for key, arrays in three.items()}
        np.savez(folder / "data_3dhp_gt_train_3d.npz", positions_3d=nest(stored))
    if two is not None:
        points = {
            key: {camera: poses[:, points_order] for camera, poses in views.items()} for key, views in two.items()
        }
        np.savez(folder / "data_3dhp_gt_train.npz", positions_2d=nest(points))


def write_d12_test(folder, three, two):
    """data_3dhp_gt_test.npz of {'TS1': millimetres} and pixels, of h36m16."""
    np.savez(folder / "data_3dhp_gt_test.npz", positions_2d=two, positions_3d=three)


def write_d13(path, joints, interesting, scale=w.UNIVERSAL):
    """metadata.h5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("joints3d", data=np.asarray(joints, np.float64))
        file.create_dataset("scale", data=np.array([scale]))
        for camera, rows in interesting.items():
            file.create_dataset(f"interesting_frames/camera{camera}", data=np.asarray(rows, np.int64))
    return path


def write_fake_calibration(path, lens, size):
    """camera.calibration as margipose makes it up for a test sequence."""
    fx, fy, cx, cy = lens
    path.write_text(
        "Fake Camera Calibration File\n"
        "name          0\n"
        f"  size        {size[0]} {size[1]}\n"
        f"  intrinsic   {fx:0.3f} 0 {cx:0.3f} 0 0 {fy:0.3f} {cy:0.3f} 0 0 0 1 0 0 0 0 1\n"
        "  extrinsic   1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1\n"
    )
    return path
