import numpy as np

from . import writers as w
from . import writers_2d as d
from .writers import Known

SIZES = {"TS5": (1920, 1080), "TS6": (1920, 1080)}
TEST_LENSES = {
    "TS1": w.CAMERA_8, "TS2": w.TS2_CAMERA, "TS3": w.CAMERA_8, "TS4": w.CAMERA_8, "TS5": w.TS5_CAMERA,
    "TS6": w.TS5_CAMERA,
}  # fmt: skip
H36M16_JOINTS = [joint for joint in w.H36M_JOINTS if joint != "Neck/Nose"]


def custom(folder):
    videos = d.custom_videos()
    d.write_custom(folder / "data_2d_custom_phone.npz", videos)
    sequences = [(name, "custom", name, len(points)) for name, points in videos.items()]
    points = np.concatenate([d.as_h36m17(points.astype(np.float32)) for points in videos.values()])
    return Known("videopose3d-custom", None, w.H36M_JOINTS, sequences, None, points, dict.fromkeys(videos))


def coco_annotations(folder):
    """Two folders of images, listed out of order; two people in one of them."""
    first, second, wide = d.coco_people(3, 41), d.coco_people(3, 42), d.coco_people(2, 43) / 2
    images = [d.image(i, f"walk/img_{n}.jpg") for i, n in ((7, 10), (3, 2), (5, 9))]
    images += [d.image(i, f"run/{n:04}.jpg", 960, 540) for i, n in ((11, 1), (12, 2))]
    people = [d.person(first[2], 7), d.person(first[0], 3), d.person(first[1], 5)]
    people += [d.person(wide[0], 11), d.person(wide[1], 12), d.person(second[0], 3)]
    d.write_json(folder / "person_keypoints_own.json", d.annotations(images, people))
    sequences = [("walk", "people", "1920x1080", 4), ("run", "people", "960x540", 2)]
    points = d.as_h36m17(np.stack([first[0], second[0], first[1], first[2], wide[0], wide[1]]))
    lenses = {"1920x1080": None, "960x540": None}
    return Known("coco", None, w.H36M_JOINTS, sequences, None, points, lenses)


def coco_results(folder):
    points = d.coco_people(4, 44)
    people = [d.person(points[i], i + 1, score=0.9) for i in (2, 0, 3, 1)]
    d.write_json(folder / "results.json", people)
    sequences = [("results", "people", "results", 4)]
    return Known("coco", None, w.H36M_JOINTS, sequences, None, d.as_h36m17(points), {"results": None})


def plain_npz(folder):
    seen = w.mpi_view(6, seed=51) / 1000
    points = w.mpi_pixels(seen, w.TS5_CAMERA)
    order = np.random.default_rng(0).permutation(17)
    np.savez(
        folder / "poses.npz",
        poses_3d=seen[:, order],
        poses_2d=points[:, order],
        joints=[w.MPI_JOINTS[joint] for joint in order],
        intrinsics=w.TS5_CAMERA,
        image_size=(1920, 1080),
        subject="P7",
        action=["walk", "run", "walk", "walk", "run", "run"],
        camera="phone",
    )
    rows = [0, 2, 3, 1, 4, 5]
    sequences = [("P7", "walk", "phone", 3), ("P7", "run", "phone", 3)]
    lenses = {"phone": (*w.TS5_CAMERA, 1920, 1080)}
    return Known("plain", None, w.MPI_JOINTS, sequences, seen[rows], points[rows], lenses)


def plain_h5(folder):
    seen = w.mpi_view(5, seed=52)[:, d.H36M17_OF_MPI] / 1000
    lenses = np.array([d.PHONE] * 3 + [w.TS5_CAMERA] * 2)
    points = np.concatenate([w.mpi_pixels(seen[:3], d.PHONE), w.mpi_pixels(seen[3:], w.TS5_CAMERA)])
    d.write_h5(
        folder / "poses.h5",
        poses_3d=seen.astype(">f8"),
        poses_2d=points,
        joints=[joint.encode() for joint in w.H36M_JOINTS],
        intrinsics=lenses,
        image_size=[[1920, 1080]] * 5,
        visible=np.ones((5, 17), np.uint8),
        subject=np.array([b"A", b"A", b"A", b"B", b"B"]),
    )
    sequences = [("A", "action", "camera 1", 3), ("B", "action", "camera 2", 2)]
    cameras = {"camera 1": (*d.PHONE, 1920, 1080), "camera 2": (*w.TS5_CAMERA, 1920, 1080)}
    return Known("plain", None, w.H36M_JOINTS, sequences, seen, points, cameras)


def plain_relative(folder):
    seen = w.mpi_view(4, seed=53) / 1000
    poses = (seen - seen[:, 14:15])[:, d.H36M16_OF_MPI]
    np.savez(folder / "bodies.npz", poses_3d=poses, joints=H36M16_JOINTS)
    sequences = [("bodies", "action", "camera", 4)]
    return Known("plain", None, H36M16_JOINTS, sequences, poses, None, {"camera": None}, absolute=False)


def poseaug(folder, names=("TS1", "TS2", "TS5"), lengths=(9, 7, 8)):
    parts = [w.mpi_view(length, seed=60 + index) for index, length in enumerate(lengths)]
    sizes = [SIZES.get(name, (2048, 2048)) for name in names]
    arrays = d.poseaug(parts, [TEST_LENSES[name] for name in names], sizes)
    np.savez(folder / "test_3dhp.npz", **arrays)
    sequences = [(name, "Seq1", name, length) for name, length in zip(names, lengths, strict=True)]
    points = [
        w.mpi_pixels(seen, TEST_LENSES[name])[:, d.H36M16_OF_MPI] for seen, name in zip(parts, names, strict=True)
    ]
    lenses = {name: (*TEST_LENSES[name], *size) for name, size in zip(names, sizes, strict=True)}
    poses = arrays["pose3d"]
    two = np.concatenate(points)
    return Known("poseaug-test", "mpi_inf_3dhp", H36M16_JOINTS, sequences, poses, two, lenses, absolute=False)


def poseaug_whole(folder):
    return poseaug(folder, tuple(TEST_LENSES), (603, 540, 505, 553, 276, 452))


CASES = {
    "H2 custom": custom,
    "COCO annotations": coco_annotations,
    "COCO results": coco_results,
    "plain npz": plain_npz,
    "plain h5": plain_h5,
    "plain, root-relative": plain_relative,
    "D6": poseaug,
    "D6, whole": poseaug_whole,
}
