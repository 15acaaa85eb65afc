from __future__ import annotations

import numpy as np
import pytest

from poseda_cli.cameras import intrinsics_table
from poseda_cli.published import (
    h36m_cameras,
    h36m_subjects,
    mpi_inf_3dhp_test_cameras,
    mpi_inf_3dhp_train_cameras,
)

# VideoPose3D's table (float32, printed in full): quaternion w x y z of camera to world, centre in mm.
VIDEOPOSE3D = {
    ("S1", "54138969"): (
        [0.1407056450843811, -0.1500701755285263, -0.755240797996521, 0.6223280429840088],
        [1841.1070556640625, 4955.28466796875, 1563.4454345703125],
    ),
    ("S5", "55011271"): (
        [0.6159758567810059, -0.7626792192459106, -0.15728192031383514, 0.1189815029501915],
        [2031.7008056640625, -5167.93310546875, 1612.923095703125],
    ),
    ("S6", "60457274"): (
        [0.5916101336479187, -0.7804774045944214, 0.12832270562648773, -0.1561593860387802],
        [-1721.668701171875, -3884.13134765625, 1540.4879150390625],
    ),
}


def matrix(w, x, y, z):
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def all_cameras():
    h36m = [camera for subject in h36m_subjects() for camera in h36m_cameras(subject)]
    return [*h36m, *mpi_inf_3dhp_train_cameras().values(), *mpi_inf_3dhp_test_cameras().values()]


@pytest.mark.parametrize(("subject", "name"), VIDEOPOSE3D)
def test_human36m_stands_where_videopose3d_says(subject, name):
    quaternion, centre = VIDEOPOSE3D[subject, name]
    camera = next(camera for camera in h36m_cameras(subject) if camera.name == name)
    np.testing.assert_allclose(camera.rotation, matrix(*quaternion).T, atol=3e-7)
    np.testing.assert_allclose(camera.centre, np.array(centre) / 1000, atol=1e-6)


def test_human36m_cameras_in_index_order_for_every_subject():
    assert h36m_subjects() == tuple(f"S{n}" for n in range(1, 12))
    for subject in h36m_subjects():
        cameras = h36m_cameras(subject)
        assert [camera.name for camera in cameras] == ["54138969", "55011271", "58860488", "60457274"]
        assert [(c.intrinsics.width, c.intrinsics.height) for c in cameras] == [
            (1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002)
        ]  # fmt: skip
    assert h36m_cameras("S12") == ()


def test_a_camera_of_each_data_set():
    first = h36m_cameras("S9")[0]
    np.testing.assert_allclose(
        intrinsics_table((first,))[0, :4], [1145.0494384765625, 1143.7811279296875, 512.54150390625, 515.4514770507812],
        atol=1e-4,
    )  # fmt: skip
    assert first.distortion.k[0] == pytest.approx(-0.20709891617298126, abs=1e-7)
    assert first.distortion.p == pytest.approx((-0.00142447161488235, -0.0009756988729350269), abs=1e-9)
    test = mpi_inf_3dhp_test_cameras()
    assert list(test) == ["TS1", "TS2", "TS3", "TS4", "TS5", "TS6"]
    assert (test["TS5"].intrinsics.width, test["TS5"].intrinsics.height) == (1920, 1080)
    assert test["TS5"].intrinsics.fx == pytest.approx(1683.983, abs=1e-3)
    assert test["TS2"].intrinsics.fx == pytest.approx(1504.04, abs=1e-2)
    assert test["TS2"].rotation is None


def test_test_sequences_1_3_and_4_are_seen_by_training_camera_8():
    # Its centre in the official calibration of TS1-4, millimetres.
    camera = mpi_inf_3dhp_train_cameras()["8"]
    np.testing.assert_allclose(np.array(camera.centre) * 1000, [3427.28, 1387.86, 309.42], atol=0.01)
    for name in ("TS1", "TS3", "TS4"):
        assert mpi_inf_3dhp_test_cameras()[name].intrinsics == camera.intrinsics


@pytest.mark.parametrize("camera", all_cameras(), ids=lambda camera: camera.name)
def test_rotations_are_rotations_and_cameras_stand_above_the_floor(camera):
    if camera.rotation is None:
        return
    R = np.array(camera.rotation)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=2e-6)
    assert np.linalg.det(R) == pytest.approx(1, abs=1e-6)
    up = 2 if len(camera.name) == 8 else 1  # Human3.6M is z up, MPI-INF-3DHP y up
    assert 0.5 < camera.centre[up] < 4
