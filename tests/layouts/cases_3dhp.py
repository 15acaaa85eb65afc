import numpy as np

from . import writers as w
from . import writers_3dhp as m

ALL = [str(camera) for camera in range(14)]
EIGHT = [str(camera) for camera in m.VNECT]


def known(layout, joints, sequences, three, two):
    columns = [None if parts is None else np.concatenate(parts) for parts in (three, two)]
    return w.Known(layout, "mpi_inf_3dhp", joints, sequences, *columns, m.lenses_of(sequences))


def d1(calibrated):
    def write(folder):
        sequences, three, two = [], [], []
        for subject, action, frames, dtype in (("S1", "Seq1", 4, np.float64), ("S8", "Seq2", 3, np.float32)):
            views = m.views_of(ALL, frames)
            m.write_d1(folder / subject / action / "annot.mat", views, dtype=dtype)
            if calibrated:
                # One of them as an editor leaves it, without trailing spaces.
                trailing = " " if subject == "S1" else ""
                m.write_calibration(folder / subject / action / "camera.calibration", trailing=trailing)
            sequences += [(subject, action, camera, frames) for camera in ALL]
            three += [seen / 1000 for seen, _ in views.values()]
            two += [pixels for _, pixels in views.values()]
        return known("mpi-inf-3dhp-train", w.MPI_JOINTS, sequences, three, two)

    return write


def d8(has_3d, has_2d):
    def write(folder):
        worlds, pixels, sequences, seen = {}, {}, [], []
        for index, (key, number, lens) in enumerate(
            (("S1_Seq1_0", 0, w.CAMERA_0), ("S1_Seq1_8", 8, w.CAMERA_8), ("TS1", 8, w.CAMERA_8))
        ):
            worlds[key] = m.ray3d_world(5 + index, 50 + index)
            seen.append(m.ray3d_seen(worlds[key], number))
            pixels[key] = w.mpi_pixels(seen[-1], lens)
            place = ("TS1", "Seq1", "TS1") if key == "TS1" else ("S1", "Seq1", key.split("_")[2])
            sequences.append((*place, 5 + index))
        m.write_d8(folder, worlds if has_3d else {}, pixels if has_2d else {})
        return known(
            "ray3d", w.H36M_JOINTS, sequences, seen if has_3d else None, list(pixels.values()) if has_2d else None
        )

    return write


def d9(folder):
    parts, sequences, three, two = {}, [], [], []
    for index, name in enumerate(("TS1", "TS2", "TS5")):
        seen = w.mpi_view(6, seed=60 + index)
        pixels = w.mpi_pixels(seen, m.TEST_LENSES[name])
        parts[name] = w.universal(seen), pixels, np.array([3, 4, 5, 9, 10, 11])
        sequences.append((name, "Seq1", name, 6))
        three.append(w.universal(seen) / 1000)
        two.append(pixels)
    m.write_d9(folder / "annotTest.h5", parts)
    return known("zhou", w.MPI_JOINTS, sequences, three, two)


def listed(layout, write_both, joints, order, cameras):
    """Two subjects' lists and a test sequence, 3D or 2D or both."""

    def make(has_3d, has_2d):
        def write(folder):
            three, two, sequences, every_3d, every_2d = {}, {}, [], [], []
            places = (("S1", "Seq1", cameras, 4), ("S2", "Seq2", cameras, 3), ("TS5", "Seq1", ["TS5"], 5))
            for index, (subject, action, names, frames) in enumerate(places):
                views = m.views_of(names, frames, seed=70 + 20 * index)
                three[subject, action] = [seen[:, order] / 1000 for seen, _ in views.values()]
                two[subject, action] = [pixels[:, order] for _, pixels in views.values()]
                sequences += [(subject, action, name, frames) for name in names]
                every_3d += three[subject, action]
                every_2d += two[subject, action]
            write_both(folder, three if has_3d else None, two if has_2d else None)
            return known(layout, joints, sequences, every_3d if has_3d else None, every_2d if has_2d else None)

        return write

    return make


def d12_train(has_3d, has_2d):
    def write(folder):
        three, two, sequences, every_3d, every_2d = {}, {}, [], [], []
        for subject, action, frames in (("S1", "Seq1", 4), ("S2", "Seq2", 3)):
            views = m.views_of(EIGHT, frames, seed=80 + frames)
            three[subject, action] = [seen[:, m.H36M16_OF_MPI17] for seen, _ in views.values()]
            two[subject, action] = {int(name): pixels[:, m.H36M16_OF_MPI17] for name, (_, pixels) in views.items()}
            sequences += [(subject, action, name, frames) for name in EIGHT]
            every_3d += [poses / 1000 for poses in three[subject, action]]
            every_2d += two[subject, action].values()
        m.write_d12_train(folder, three if has_3d else None, two if has_2d else None)
        return known(
            "adaptpose", m.H36M16_JOINTS, sequences, every_3d if has_3d else None, every_2d if has_2d else None
        )

    return write


def d12_test(folder):
    three, two, sequences = {}, {}, []
    for index, name in enumerate(("TS1", "TS5")):
        seen = w.mpi_view(5 + index, seed=90 + index)
        three[name] = seen[:, m.H36M16_OF_MPI17]
        two[name] = w.mpi_pixels(seen, m.TEST_LENSES[name])[:, m.H36M16_OF_MPI17]
        sequences.append((name, "Seq1", name, 5 + index))
    m.write_d12_test(folder, three, two)
    return known(
        "adaptpose", m.H36M16_JOINTS, sequences, [poses / 1000 for poses in three.values()], list(two.values())
    )


def d13(calibrated):
    def write(folder):
        views = m.views_of(ALL, 4)
        path = folder / "train" / "S1" / "Seq1" / "metadata.h5"
        joints = [m.all_joints(seen) for seen, _ in views.values()]
        m.write_d13(path, joints, {camera: [0, 2] for camera in m.VNECT})
        seen, valid = w.mpi_view(6, seed=99), [1, 2, 5]
        test = m.write_d13(folder / "test" / "S5" / "Seq1" / "metadata.h5", [seen], {0: valid})
        if calibrated:
            m.write_calibration(path.with_name("camera.calibration"))
            m.write_fake_calibration(test.with_name("camera.calibration"), w.TS5_CAMERA, (1920, 1080))
        sequences = [("TS5", "Seq1", "TS5", 3), *(("S1", "Seq1", camera, 4) for camera in ALL)]
        three = [seen[valid] / 1000, *(poses / 1000 for poses, _ in views.values())]
        return known("margipose", w.MPI_JOINTS, sequences, three, None)

    return write


D10 = listed("graphmlp", m.write_d10, w.H36M_JOINTS, m.H36M17_OF_MPI17, EIGHT)
D11 = listed("zemingxie", m.write_d11, w.MPI_JOINTS, list(range(17)), ALL)

CASES = {
    "D1": d1(True),
    "D1 without calibration": d1(False),
    "D8": d8(True, True),
    "D8 3D": d8(True, False),
    "D8 2D": d8(False, True),
    "D9": d9,
    "D10": D10(True, True),
    "D10 3D": D10(True, False),
    "D10 2D": D10(False, True),
    "D11": D11(True, True),
    "D11 3D": D11(True, False),
    "D11 2D": D11(False, True),
    "D12 train": d12_train(True, True),
    "D12 train 3D": d12_train(True, False),
    "D12 train 2D": d12_train(False, True),
    "D12 test": d12_test,
    "D13": d13(True),
    "D13 without calibration": d13(False),
}
