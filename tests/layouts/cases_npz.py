import numpy as np

from . import writers as w
from . import writers_npz as n
from .writers import Known

H36M_LENSES = {name: (*lens, *size) for name, (lens, _, _, size) in w.H36M_LENSES.items()}
MPI_LENSES = {
    **{name: (*lens, 2048, 2048) for name, lens in n.MPI_TRAIN_LENSES.items()},
    "TS1": (*w.CAMERA_8, 2048, 2048),
    "TS2": (*w.TS2_CAMERA, 2048, 2048),
    "TS5": (*w.TS5_CAMERA, 1920, 1080),
}


def known(layout, rows, metres=1.0, relative_to=None, has_3d=True, has_2d=True):
    rows = list(rows)
    is_mpi = rows[0][0][0].startswith("TS") or rows[0][0][1].startswith("Seq")
    lenses = MPI_LENSES if is_mpi else H36M_LENSES
    three, two = (np.concatenate([row[i] for row in rows]) for i in (1, 2))
    if relative_to is not None:
        three = three - three[:, [relative_to]]
    return Known(
        layout,
        "mpi_inf_3dhp" if is_mpi else "h36m",
        w.MPI_JOINTS if is_mpi else w.H36M_JOINTS,
        [(*key, len(seen)) for key, seen, _, _ in rows],
        three * metres if has_3d else None,
        two if has_2d else None,
        {camera: lenses[camera] for (_, _, camera), *_ in rows},
        relative_to is None,
    )


def h6(folder):
    n.write_h6(folder / "annotation_body3d" / "fps10" / "h36m_train.npz")
    n.dump(folder / "annotation_body3d" / "cameras.pkl", n.h36m_cameras())
    return known("mmpose", n.h36m_rows())


def d7_train(folder):
    n.write_d7(folder / "mpi_inf_3dhp_train.npz", n.mpi_train_rows())
    n.dump(folder / "cameras_train.pkl", n.mpi_train_cameras())
    return known("mmpose", n.mpi_train_rows(), 0.001)


def d7_test(folder):
    n.write_d7(folder / "mpi_inf_3dhp_test_valid.npz", n.mpi_test_rows())
    n.dump(folder / "cameras_test.pkl", n.mpi_test_cameras())
    return known("mmpose", n.mpi_test_rows(), 0.001)


def h7(folder):
    n.write_spin(folder / "h36m_train.npz", n.h36m_rows(), n.SPIN_OF_H36M17)
    return known("spin", n.h36m_rows(), relative_to=0)


def h7_absolute(folder):
    n.write_spin(folder / "h36m_train.npz", n.h36m_rows(), n.SPIN_OF_H36M17, relative=False)
    return known("spin", n.h36m_rows())


def h7_valid(folder):
    n.write_spin(folder / "h36m_valid_protocol1.npz", n.h36m_rows(), n.SPIN_OF_H36M17, with_2d=False)
    return known("spin", n.h36m_rows(), relative_to=0, has_2d=False)


def d5_train(folder):
    n.write_spin(folder / "mpi_inf_3dhp_train.npz", n.mpi_train_rows(), n.SPIN_OF_MPI17, metres=0.001)
    return known("spin", n.mpi_train_rows(), 0.001, relative_to=14)


def d5_valid(folder):
    n.write_spin(folder / "mpi_inf_3dhp_valid.npz", n.mpi_test_rows(), n.SPIN_OF_MPI17, metres=0.001)
    return known("spin", n.mpi_test_rows(), 0.001, relative_to=14)


def h9(folder):
    n.write_h9(folder / "h36m_sh_conf_cam_source_final.pkl")
    rows = sorted(n.h36m_rows(), key=lambda row: row[0][0] != "S1")  # train before test
    return known("motionbert", rows, has_3d=False)


CASES = {
    "H6": h6,
    "D7 train": d7_train,
    "D7 test": d7_test,
    "H7": h7,
    "H7, absolute": h7_absolute,
    "H7 without 2D": h7_valid,
    "D5 train": d5_train,
    "D5 valid": d5_valid,
    "H9": h9,
}
