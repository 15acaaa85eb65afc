"""Real frames, found beside this repository and never part of it."""

from pathlib import Path

import numpy as np
import pytest

from poseda_cli.cameras import distortion_table, intrinsics_table, project
from poseda_cli.published import h36m_cameras

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "mmpose" / "test_h36m_body3d.npz"

pytestmark = pytest.mark.skipif(not SAMPLE.exists(), reason=f"no {SAMPLE}")


def frames():
    with np.load(SAMPLE) as sample:
        for name, poses, pixels in zip(sample["imgname"], sample["S"], sample["part"], strict=True):
            subject, _, rest = str(name).split("/")
            cameras = h36m_cameras(subject)
            camera = next(camera for camera in cameras if f".{camera.name}_" in rest)
            yield camera, poses[:, :3], pixels[:, :2]


def test_release_2d_is_reproduced():
    errors = []
    for camera, poses, pixels in frames():
        lens = intrinsics_table((camera,))[0, :4]
        image = project(poses, lens, distortion_table((camera,))[0])
        errors.append(np.linalg.norm(image - pixels, axis=-1))
    assert np.shape(errors) == (4, 17)
    assert np.max(errors) < 1e-3


def test_distortion_makes_the_difference():
    linear = [
        np.linalg.norm(project(poses, intrinsics_table((camera,))[0, :4]) - pixels, axis=-1)
        for camera, poses, pixels in frames()
    ]
    assert np.mean(linear) == pytest.approx(0.821, abs=0.001)
