from __future__ import annotations

import json

import numpy as np
import pytest


def test_layouts_are_listed_and_described(poseda):
    names = [line.split()[0] for line in poseda("layouts").stdout.splitlines()]
    assert set(names) == {"layout", *LAYOUTS}
    listed = json.loads(poseda("layouts", "--json").stdout)["layouts"]
    assert {entry["name"] for entry in listed if entry["reads"]} == set(LAYOUTS) - {"poseaug"}
    written = {"poseda", "videopose3d", "poseaug", "mmpose", "pstmo", "poseaug-test", "plain"}
    assert {entry["name"] for entry in listed if entry["writes"]} == written


# INTERFACE.md's names, and what is only written.
LAYOUTS = [
    "poseda", "videopose3d", "martinez", "h36m-raw", "mmpose", "spin", "motionbert", "h36m-fetch", "evoskeleton",
    "learnable-triangulation", "mpi-inf-3dhp-train", "mpi-inf-3dhp-test", "pstmo", "poseaug-test", "ray3d", "zhou",
    "graphmlp", "zemingxie", "adaptpose", "margipose", "videopose3d-custom", "coco", "plain", "poseaug",
]  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_is_described(poseda, name):
    text = poseda("layouts", name).stdout
    assert any(unit in text.lower() for unit in ("metres", "millimetres", "pixels"))
    assert json.loads(poseda("layouts", name, "--json").stdout)["layouts"][0]["description"] == text.strip()


def test_cameras_are_all_there_and_can_be_picked(poseda):
    cameras = json.loads(poseda("cameras", "--json").stdout)["cameras"]
    assert len(cameras) == 11 * 4 + 14 + 6
    picked = json.loads(poseda("cameras", "S9", "--json").stdout)["cameras"]
    assert [camera["name"] for camera in picked] == ["54138969", "55011271", "58860488", "60457274"]
    assert np.shape(picked[0]["rotation"]) == (3, 3)
    table = poseda("cameras", "TS5").stdout.splitlines()
    assert len(table) == 2
    assert "1683.98" in table[1]
    assert "unknown" in poseda("cameras", "TS2").stdout


def test_skeletons_are_listed_with_their_joints(poseda):
    assert "3dhp17" in poseda("skeletons").stdout
    rows = [line.split() for line in poseda("skeletons", "3dhp17").stdout.splitlines()[1:]]
    assert rows[0] == ["0", "head_top", "1", "Head"]
    assert rows[14] == ["14", "pelvis", "-1", "Hip"]
    (skeleton,) = json.loads(poseda("skeletons", "h36m17", "--json").stdout)["skeletons"]
    assert skeleton["parents"][:4] == [-1, 0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["layouts", "vidopose3d"], "Did you mean videopose3d?"),
        (["cameras", "S12"], "No camera or subject S12; there are S1, 54138969"),
        (["skeletons", "smpl"], "No skeleton smpl; poseda knows h36m17, h36m16, h36m32, 3dhp17"),
    ],
)
def test_unknown_names_are_answered_with_the_known_ones(poseda, arguments, message):
    result = poseda(*arguments, code=2)
    assert message in result.stderr
    assert result.stdout == ""
