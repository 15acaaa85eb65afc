from itertools import pairwise

import numpy as np

from . import writers as w
from . import writers_h36m as h
from .writers import Known

H36M16_JOINTS = [joint for joint in w.H36M_JOINTS if joint != "Neck/Nose"]


def known(layout, poses=None, poses_2d=False, joints=w.H36M_JOINTS, kept=None):
    """What the sequences of `writers_h36m` must give before all four cameras."""
    sequences, seen = h.views(poses, joints=h.USED if kept is None else kept)
    images = None
    if poses_2d:
        starts = np.cumsum([0, *(length for *_, length in sequences)])
        parts = [seen[a:b] for a, b in pairwise(starts)]
        images = np.concatenate([w.h36m_pixels(p, c) for p, (_, _, c, _) in zip(parts, sequences, strict=True)])
    return Known(layout, "h36m", joints, sequences, seen, images, h.lenses())


def h4(folder):
    h.write_h4_folder(folder / "h36m")
    return known("martinez")


def h4_detections(folder):
    order = h.MPII_OF_H36M17
    for subject, action, world in h.worlds():
        for camera in w.CAMERAS:
            points = w.h36m_pixels(w.h36m_view(world[:, h.USED] / 1000, subject, camera), camera)[:, order]
            name = f"{action.replace(' ', '_')}.{camera}.h5"
            h.write_h4_detections(folder / "h36m" / subject / "StackedHourglass" / name, points)
    found = known("martinez", poses_2d=True, joints=H36M16_JOINTS, kept=[j for j in h.USED if j != 14])
    return found._replace(poses_3d=None)


def h5(kinds, write=h.write_cdf, suffix=".cdf", between=("MyPoseFeatures", "")):
    def write_files(folder):
        h.release(folder, kinds, write, suffix, between=between)
        image = "D2_Positions" in kinds
        found = known("h36m-raw", poses_2d=image)
        return found if any(kind.startswith("D3") for kind in kinds) else found._replace(poses_3d=None)

    return write_files


def h5_universal(folder):
    h.release(folder, ["D3_Positions_mono_universal", "D2_Positions"])
    found = known("h36m-raw", poses_2d=True)
    return found._replace(poses_3d=found.poses_3d[:, :1] + (found.poses_3d - found.poses_3d[:, :1]) / 1.08)


def h10(folder):
    ids = {"Photo 1": (12, 1), "Walking": (14, 2), "SittingDown": (10, 1)}
    names = {"Photo 1": "TakingPhoto-1", "Walking": "Walking-2", "SittingDown": "SittingDown-1"}
    for subject, action, world in h.worlds():
        parts = h.fetched(world, subject, ids[action])
        h.write_h10(folder / "processed" / subject / names[action] / "annot.h5", parts)
    # Folders come by their names.
    order = ["TakingPhoto-1", "Walking-2", "SittingDown-1"]
    assert order == [names[action] for _, action, _ in h.worlds()]
    return known("h36m-fetch", [(s, a, p[::2]) for s, a, p in h.worlds()], poses_2d=True)


def h11(folder):
    h.write_npy(folder / "threeDPose_train.npy", h.evo_3d())
    h.write_npy(folder / "cameras.npy", h.evo_cameras())
    return known("evoskeleton")


def h11_detections(nose):
    def write(folder):
        h.write_npy(folder / "twoDPose_HRN_train.npy", h.evo_2d(nose=nose))
        found = known("evoskeleton", poses_2d=True)
        if not nose:
            kept = [joint for joint in h.USED if joint != 14]
            found = known("evoskeleton", poses_2d=True, joints=H36M16_JOINTS, kept=kept)
        return found._replace(poses_3d=None)

    return write


def h11_both(folder):
    h.write_npy(folder / "threeDPose_test.npy", h.evo_3d())
    h.write_npy(folder / "twoDPose_HRN_test.npy", h.evo_2d())
    h.write_npy(folder / "cameras.npy", h.evo_cameras())
    kept = [joint for joint in h.USED if joint != 14]
    return known("evoskeleton", poses_2d=True, joints=H36M16_JOINTS, kept=kept)


def h12(folder):
    h.write_npy(folder / "human36m-multiview-labels-GTbboxes.npy", h.labels())
    return known("learnable-triangulation")


CASES = {
    "H4": h4,
    "H4 detections": h4_detections,
    "H5 world": h5(["D3_Positions"]),
    "H5 world, MATLAB": h5(["D3_Positions"], h.write_cdf_mat, ".cdf.mat"),
    "H5 camera": h5(["D3_Positions_mono"], between=("", "Poses_")),
    "H5 camera and 2D": h5(["D3_Positions_mono", "D2_Positions"]),
    "H5 world and 2D": h5(["D3_Positions", "D2_Positions"]),
    "H5 2D": h5(["D2_Positions"]),
    "H5 universal and 2D": h5_universal,
    "H10": h10,
    "H11": h11,
    "H11 2D": h11_detections(nose=False),
    "H11 2D with nose": h11_detections(nose=True),
    "H11 3D and 2D": h11_both,
    "H12": h12,
}
