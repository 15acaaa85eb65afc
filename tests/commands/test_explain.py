"""`align --explain`: every claim is one about the sample, whose content is known."""

from __future__ import annotations

import json

import pytest

from tests.commands.on_terminal import on_terminal
from tests.conftest import SAMPLE

SOURCE, TARGET = SAMPLE / "data_3d_h36m.npz", SAMPLE / "mpi_inf_3dhp_test_set"
ALIGN = ("align", SOURCE, "-t", TARGET, "-o", "out", "--explain")


@pytest.fixture
def explained(poseda):
    def run(*arguments):
        return json.loads(poseda(*ALIGN, "--json", "-q", *arguments).stdout)

    return run


def test_nothing_is_written(poseda, tmp_path):
    assert poseda(*ALIGN).stdout.startswith("Source:\n")
    assert list(tmp_path.iterdir()) == []


def test_as_json(explained):
    found = explained("--subjects", "S1,S5", "--copies", "2", "--seed", "3")
    assert (found["schema"], found["seed"], found["options"]["copies"]) == ("poseda.explain/1", 3, 2)
    source, target = found["source"], found["target"]
    assert (source["layout"], source["poses"], source["subjects"]) == ("videopose3d", 960, ["S1", "S5"])
    assert source["recognised"] == [
        {
            "file": "data_3d_h36m.npz",
            "layout": "videopose3d",
            "by": "content",
            "members": {"positions_3d": {"shape": [], "dtype": "object"}},
        }
    ]
    assert (source["stored"]["units"], source["stored"]["frame"], len(source["stored"]["joints"])) == ("m", "world", 32)
    assert [camera["name"] for camera in source["cameras"]] == ["54138969", "55011271", "58860488", "60457274"]
    # metadata.xml of Human3.6M, first camera.
    assert source["cameras"][0]["focal"] == pytest.approx([1145.04940458804, 1143.78109572365])
    assert source["cameras"][0]["size"] == [1000, 1002]
    assert {camera["known_from"] for camera in target["cameras"]} == {"published"}
    assert 0.9 < source["figures"]["height"] < 2.3
    assert target["figures"]["reprojection_px"]["median"] < 0.01
    # 240 targets, and 960 rows a copy.
    assert found["pairing"] == {
        "kind": "random",
        "source_poses": 960,
        "clips": None,
        "valid_targets": 240,
        "copies": 2,
        "blocks": 4,
        "uses": [8, 8],
        "subjects_of_targets": {f"TS{number}": 40 for number in range(1, 7)},
    }
    # Two copies of 960 poses: 17 joints of 3 and 2 numbers, and a row's 18 bytes of indices.
    assert found["output"]["poses"] == 1920
    assert found["output"]["bytes_at_least"] == 1920 * (4 * 17 * 5 + 18)


def test_targets_that_are_not_used_equally_often(explained):
    found = explained("--subjects", "S1", "--stride", "4", "--target-subjects", "TS1,TS2")
    rows, targets = found["pairing"]["source_poses"], found["pairing"]["valid_targets"]
    assert targets == 80
    assert rows % targets
    assert found["pairing"]["uses"] == [rows // targets, rows // targets + 1]


def test_a_shard_says_what_is_its_own(explained, poseda):
    assert explained("--shard", "2/4")["pairing"]["uses"] is None
    assert "840, shard 2/4" in " ".join(poseda(*ALIGN, "--shard", "2/4").stdout.split())


def test_sixteen_joints(explained):
    found = explained("--skeleton", "h36m16")
    joints = found["joints"]
    assert (joints["output"], len(joints["shared"]), joints["left_out"]) == ("h36m16", 16, [])
    assert joints["root"] == {"source": "Hip", "target": "pelvis"}
    assert {"source": "Thorax", "target": "neck"} in joints["shared"]
    assert all(pair["source"] != "Neck/Nose" for pair in joints["shared"])


def test_what_the_user_states_is_not_called_recognised(explained, poseda):
    stated = ("--layout", "videopose3d", "--intrinsics", "1500,1500,1024,1024,2048,2048", "--target-subjects", "TS1")
    found = explained(*stated)
    assert found["source"]["recognised"][0]["by"] == "option"
    assert found["target"]["recognised"][0]["by"] == "content"
    assert [camera["known_from"] for camera in found["target"]["cameras"]] == ["option"]
    page = " ".join(poseda(*ALIGN, *stated).stdout.split())
    assert "videopose3d: as the option says" in page
    assert "TS1: 2048 x 2048, f 1500.0 1500.0, c 1024.0 1024.0; by --intrinsics" in page


def test_the_page_has_the_same_numbers(poseda, tmp_path):
    page = " ".join(
        poseda(*ALIGN, "--copies", "2", "--depth", "exact", "--to", "plain", "--name", "mine").stdout.split()
    )
    for part in (
        "layout videopose3d: recognised by these members",
        "as stored 32 joints (h36m32); metres, world space",
        "as stored 17 joints (3dhp17); millimetres, camera space; 2D in pixels",
        "240 of 360 frames valid",
        "3,360 source poses in 14 blocks of the 240 valid target poses, 2 copies: each of them is drawn 28 times",
        "depth exact: the z at which the projected box",
        "plain: an npz of named arrays: mine.npz",
        "poses 6,720 dropped none dropped",
    ):
        assert part in page


def test_the_page_says_how_long_clips_are(poseda):
    page = " ".join(poseda(*ALIGN, "--pairing", "sequence", "--clip", "27").stdout.split())
    # 112 sequences of 30 frames: 27 and 3.
    assert "3,360 source poses in 224 clips of at most 27 frames, in 1 block" in page


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_the_page_is_as_wide_as_the_terminal(columns, tmp_path):
    arguments = ("-m", "poseda_cli", "align", SOURCE, "-t", TARGET, "-o", tmp_path / "out", "--explain", "-q")
    page = on_terminal(*arguments, columns=columns, streams="1")
    lines = page.replace("\033[1m", "").replace("\033[0m", "").splitlines()
    words = max(max(map(len, line.split()), default=0) for line in lines)
    assert max(map(len, lines)) <= max(columns, words + 15)
    assert "\033[1mSource:\033[0m" in page
