import numpy as np
import pytest

from poseda_cli.cameras import Camera, Intrinsics
from poseda_cli.errors import ArchiveError
from poseda_cli.reading.view_cameras import check_camera_space, distance
from poseda_cli.skeleton import H36M17, MPI_INF_3DHP17
from tests.layouts import writers as w

LENS = Camera("web", Intrinsics(1000.0, 1010.0, 500.0, 400.0, 1000, 800))


def seen():
    """People before a camera, metres."""
    return w.h36m_view(w.motion(20)[:, w.H36M17_OF_32], "S1", "54138969")


def check(poses_3d, poses_2d, skeleton=H36M17):
    check_camera_space(poses_3d, poses_2d, skeleton, "x.npz", "S")


def test_camera_space_is_accepted():
    pixels = w.mpi_pixels(seen(), (1000, 1010, 500, 400))
    check(seen(), pixels)
    check(seen() - seen()[:, :1], pixels)
    check(seen(), None)
    check(w.mpi_view() / 1000, None, MPI_INF_3DHP17)


def test_a_narrow_person_mirrored():
    """Nearly all of its extent is along y, so that both axes together would correlate."""
    narrow = seen() * [0.2, 1, 1]
    pixels = w.mpi_pixels(narrow + np.array([0, 0, 20]), (1000, 1010, 500, 400))
    check(narrow, pixels)
    with pytest.raises(ArchiveError, match=r"correlate by -1\.00 along x and 1\.00 along y"):
        check(narrow * [-1, 1, 1], pixels)


@pytest.mark.parametrize("axes", [[0, 2, 1], [1, 0, 2], [2, 1, 0]])
@pytest.mark.parametrize("sign", [1, -1])
def test_other_axes(axes, sign):
    shape = seen() - seen()[:, :1]
    with pytest.raises(ArchiveError, match=r"^x\.npz: S: 3D and 2D correlate"):
        check(sign * shape[..., axes], w.mpi_pixels(seen(), (1000, 1010, 500, 400)))


@pytest.mark.parametrize("poses", [np.empty((0, 17, 3)), np.full((4, 17, 3), np.nan)])
def test_nothing_to_compare(poses):
    check(poses, None)
    check(poses, poses[..., :2])


def test_distance_is_a_median_of_the_joints_asked_for():
    pixels = w.mpi_pixels(seen(), (1000, 1010, 500, 400))
    pixels[:, 3] += [30, 40]
    pixels[0, 5] = np.nan
    assert distance(seen(), pixels, LENS, range(17)) == pytest.approx(0, abs=1e-9)
    assert distance(seen(), pixels, LENS, [3]) == pytest.approx(50)
    assert distance(seen(), pixels * np.nan, LENS, range(17)) == np.inf
    assert distance(seen(), pixels, Camera("web"), range(17)) == np.inf
