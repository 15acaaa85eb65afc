from __future__ import annotations

import numpy as np
import pytest

from poseda_cli.skeleton import H36M32
from poseda_cli.synthetic.motions import FPS, MOTIONS, perform

# Lengths in metres between joints of the 32, as Human3.6M's own bodies have them to a few centimetres.
BONES = {
    ("RightUpLeg", "RightLeg"): 0.442, ("LeftUpLeg", "LeftLeg"): 0.442,
    ("RightLeg", "RightFoot"): 0.454, ("LeftLeg", "LeftFoot"): 0.454,
    ("Hips", "RightUpLeg"): 0.132, ("Hips", "LeftUpLeg"): 0.132,
    ("RightArm", "RightForeArm"): 0.279, ("LeftArm", "LeftForeArm"): 0.279,
    ("RightForeArm", "RightHand"): 0.252, ("LeftForeArm", "LeftHand"): 0.252,
    ("Hips", "Spine1"): 0.233, ("Spine1", "Neck"): 0.257, ("Neck", "Head"): 0.121, ("Head", "HeadSite"): 0.115,
}  # fmt: skip
joint = H36M32.joints.index


@pytest.fixture(params=MOTIONS)
def motion(request):
    return request.param, perform(request.param, 500, (7, 1))


def test_bones_are_those_of_a_person_and_do_not_change(motion):
    _, poses = motion
    for (upper, lower), length in BONES.items():
        found = np.linalg.norm(poses[:, joint(upper)] - poses[:, joint(lower)], axis=1)
        np.testing.assert_allclose(found, length, atol=0.005)
        assert np.ptp(found) < 1e-9


def test_the_pelvis_is_the_middle_of_the_hips(motion):
    _, poses = motion
    middle = (poses[:, joint("RightUpLeg")] + poses[:, joint("LeftUpLeg")]) / 2
    np.testing.assert_allclose(poses[:, joint("Hips")], middle, atol=1e-12)


def test_joints_that_coincide_in_human36m_coincide(motion):
    _, poses = motion
    for same in ((13, 16, 24), (19, 20), (27, 28), (22, 23), (30, 31)):
        for other in same[1:]:
            np.testing.assert_allclose(poses[:, same[0]], poses[:, other], atol=1e-12)


def test_people_stay_on_the_floor_and_before_the_cameras(motion):
    action, poses = motion
    assert poses[:, [joint("RightFoot"), joint("LeftFoot")], 2].min() > 0
    assert abs(poses[..., :2]).max() < 2.5
    height = poses[:, joint("HeadSite"), 2]
    assert (height > (1.1 if action == "Sitting" else 1.5)).all()
    assert height.max() < 1.9


def test_knees_and_elbows_bend_the_way_they_can(motion):
    _, poses = motion
    right = poses[:, joint("RightUpLeg")] - poses[:, joint("LeftUpLeg")]
    ahead = np.cross([0, 0, 1], right)
    for side in ("Right", "Left"):
        hip, knee, foot = (poses[:, joint(side + part)] for part in ("UpLeg", "Leg", "Foot"))
        # The knee lies ahead of the line from hip to ankle, whatever the leg does.
        along = (foot - hip) / np.linalg.norm(foot - hip, axis=1, keepdims=True)
        off = (knee - hip) - ((knee - hip) * along).sum(1, keepdims=True) * along
        assert ((off * ahead).sum(1) > -0.02 * np.linalg.norm(right, axis=1)).all()


def test_motion_is_smooth(motion):
    _, poses = motion
    speed = np.linalg.norm(np.diff(poses, axis=0), axis=-1) * FPS
    assert speed.max() < 9  # metres a second: a fast hand
    assert speed.max() > 0.05


def test_walking_goes_where_the_body_faces():
    poses = perform("Walking", 500, (1, 2))
    step = np.diff(poses[:, 0, :2], axis=0) * FPS
    right = (poses[:, joint("RightUpLeg")] - poses[:, joint("LeftUpLeg")])[:-1]
    ahead = np.stack([-right[:, 1], right[:, 0]], axis=1) / np.linalg.norm(right[:, :2], axis=1, keepdims=True)
    assert (step * ahead).sum(1).min() > 0.7
    assert np.median(abs(step[:, 0] * ahead[:, 1] - step[:, 1] * ahead[:, 0])) < 0.4


def test_another_seed_is_another_motion_and_the_same_seed_the_same():
    first, again, other = (perform("Greeting", 50, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 0.05
