import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, UnknownLayoutError
from poseda_cli.layouts import read, recognise
from poseda_cli.storage.archive import open_archive

from . import writers as w
from . import writers_3dhp as m


def test_both_files_called_data_3d_3dhp_are_told_apart(tmp_path):
    for name in ("graphmlp", "ray3d"):
        (tmp_path / name).mkdir()
    m.write_d10(tmp_path / "graphmlp", {("S1", "Seq1"): [w.mpi_view(5)[:, m.H36M17_OF_MPI17] / 1000] * 8})
    m.write_d8(tmp_path / "ray3d", {"S1_Seq1_0": m.ray3d_world(5, 1)})
    for name in ("graphmlp", "ray3d"):
        assert recognise(open_archive(tmp_path / name / "data_3d_3dhp.npz")) == name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("frames", [4, 900])
def test_recognised_with_little_and_much_in_it(dtype, frames, tmp_path):
    # Outlines end after 64 KiB: of 900 frames the first array's values are not among them.
    poses = (w.mpi_view(frames)[:, m.H36M17_OF_MPI17] / 1000).astype(dtype)
    m.write_d10(tmp_path, {("S1", "Seq1"): [poses] * 8}, {("S1", "Seq1"): [w.mpi_pixels(poses, w.CAMERA_0)] * 8})
    for path in tmp_path.iterdir():
        assert recognise(open_archive(path)) == "graphmlp"


@pytest.mark.parametrize("order", [w.LEFT_HIP_FIRST, list(range(16, -1, -1))], ids=["left leg first", "reversed"])
def test_another_joint_order_is_refused(order, tmp_path):
    poses = w.mpi_view(5)[:, m.H36M17_OF_MPI17][:, order] / 1000
    m.write_d10(tmp_path, {("TS5", "Seq1"): [poses]})
    with pytest.raises(ArchiveError) as told:
        read(tmp_path)
    assert told.value.code == "joint-order"


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"TS5": {"Seq1": [np.zeros((4, 16, 3))]}}, r"graphmlp: positions_3d must hold arrays \(n, 17, 3\)"),
        ({"TS5": {"Walking": [np.zeros((4, 17, 3))]}}, "no layout that poseda knows"),
        ({"TS5": {}}, "no layout that poseda knows"),
        ({}, "no layout that poseda knows"),
    ],
    ids=["16 joints", "another action", "no sequence", "empty"],
)
def test_members_that_are_not_the_layout_s(tree, said, tmp_path):
    np.savez(tmp_path / "data.npz", positions_3d=tree)
    with pytest.raises(UnknownLayoutError, match=said):
        read(tmp_path / "data.npz")
