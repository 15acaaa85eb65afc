"""Whatever a user gives in place of the right thing: exit code 3, one clear message, nothing written."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

JOINTS_17 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


@pytest.fixture
def refused(poseda, source_file, target_folder, tmp_path):
    """Run align with one side replaced; check exit code and disk, and give back the message."""
    out = tmp_path / "out"

    def run(*options: object, source: Path = source_file, target: Path = target_folder) -> str:
        before = sorted(tmp_path.rglob("*"))
        result = poseda("align", source, "--target", target, "-o", out, *options, code=3)
        assert sorted(tmp_path.rglob("*")) == before
        assert result.stdout == ""
        assert result.stderr.count("error:") == 1
        return result.stderr[result.stderr.index("error:") :]

    return run


def world(source_file: Path) -> dict:
    return np.load(source_file, allow_pickle=True)["positions_3d"].item()


def save_3d(path: Path, tree: dict) -> Path:
    np.savez_compressed(path, positions_3d=np.array(tree, dtype=object))
    return path


def save_2d(path: Path, joints: int = 17, scale: float = 1) -> Path:
    views = np.random.default_rng(0).uniform(100, 900, (5, joints, 2)).astype(np.float32) * np.float32(scale)
    views[:, 0] = (views[:, 1] + views[:, 4]) / 2
    tree = {"S1": {"Walking 1": [views] * 4}}
    np.savez(path, positions_2d=np.array(tree, dtype=object), metadata=np.array({"num_joints": joints}, dtype=object))
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "notes.npz",
            b"dear diary",
            "notes.npz: not an archive that poseda reads: no zip .npz., HDF5 .h5, MATLAB v7.3.",
        ),
        ("empty.npz", b"", "empty.npz: the file is empty"),
        ("page.npz", b"<!DOCTYPE html><html>quota exceeded", "page.npz: .*a web page"),
        ("data.npz", b"version https://git-lfs.github.com/spec/v1\n", "data.npz: .*Git LFS pointer"),
        ("annot.mat", b"MATLAB 5.0 MAT-file, Platform", "annot.mat: a MATLAB file without variables"),
        ("pose.npy", b"\x93NUMPY\x01\x00", "pose.npy: .*no valid npy header"),
        ("annot_data.mat", b"MATLAB 7.3 MAT-file".ljust(512), "annot_data.mat: a MATLAB v7.3 file cut off"),
        ("cut.npz", b"PK\x03\x04 and no more", "cut.npz: no readable zip .*incomplete"),
    ],
)
@pytest.mark.parametrize("side", ["source", "target"])
def test_no_archive(refused, tmp_path, side, name, content, message):
    (tmp_path / name).write_bytes(content)
    assert_matches(message, refused(**{side: tmp_path / name}))


def assert_matches(pattern: str, text: str) -> None:
    import re

    assert re.search(pattern, " ".join(text.split())), text


def test_no_such_file(refused, tmp_path):
    assert_matches("missing.npz: no such file or folder", refused(source=tmp_path / "missing.npz"))


def test_an_unknown_layout_is_described_with_what_it_nearly_is(refused, tmp_path):
    np.savez(tmp_path / "train.npz", data=np.zeros((3, 16, 3)), other=np.zeros((3, 16, 2)))
    text = refused(source=tmp_path / "train.npz")
    assert_matches(r"train.npz: an archive of no layout that poseda knows \(`poseda layouts` lists them\)", text)
    assert_matches(r"It holds data \(3, 16, 3\) float64, other \(3, 16, 2\) float64", text)
    assert "\n  pstmo: data must be a dictionary of sequences" in text
    assert "videopose3d" not in text


def test_a_layout_can_be_demanded_but_not_forced(refused, source_file, poseda, target_folder, tmp_path):
    assert_matches("data_3d_h36m.npz: not of layout pstmo: needs a member data", refused("--layout", "pstmo"))
    result = poseda("align", source_file, "-t", target_folder, "-o", tmp_path / "out", "--layout", "psmto", code=2)
    assert "No layout psmto" in result.stderr
    assert "Did you mean pstmo?" in result.stderr


def test_an_empty_folder(refused, tmp_path):
    (tmp_path / "TS").mkdir()
    assert_matches(
        r"TS: no archive \(.npz, .h5, .hdf5, .mat, .*\) in this folder; it is empty", refused(target=tmp_path / "TS")
    )
    (tmp_path / "TS" / "img_000001.jpg").touch()
    assert_matches("in this folder; it holds img_000001.jpg", refused(target=tmp_path / "TS"))


def test_several_layouts_in_one_folder(refused, source_file, target_folder, tmp_path):
    shutil.copytree(target_folder, tmp_path / "data" / "test")
    shutil.copy(source_file, tmp_path / "data")
    assert_matches(
        "data: holds archives of several layouts .*--layout, --target-layout", refused(target=tmp_path / "data")
    )


def test_2d_where_3d_is_needed(refused, tmp_path):
    flat = save_2d(tmp_path / "data_2d_h36m_gt.npz")
    assert_matches("data_2d_h36m_gt.npz: 2D poses only; the source needs 3D poses", refused(source=flat))


def test_3d_where_2d_is_needed(refused, source_file, tmp_path):
    tree = world(source_file)
    other = save_3d(tmp_path / "data_3d_other.npz", {"S9": tree["S9"]})
    assert_matches("data_3d_other.npz: 3D poses only; the target needs 2D poses", refused(target=other))


def test_source_and_target_exchanged(refused, source_file, target_folder, tmp_path):
    text = refused(source=target_folder, target=source_file)
    assert_matches("Source and target look exchanged: SOURCE comes first, --target after it", text)


def test_a_file_given_twice(refused, source_file, target_folder, tmp_path):
    assert_matches("data_3d_h36m.npz is given twice", refused(source_file))
    shutil.copy(source_file, tmp_path / "copy.npz")
    assert_matches("copy.npz and data_3d_h36m.npz are the same file", refused(tmp_path / "copy.npz"))
    assert_matches("TS1/annot_data.mat is given twice", refused("--target", target_folder / "TS1"))
    assert_matches("is both source and target", refused(source=target_folder))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--subjects", "S2"], "no subject S2 in the data; it has S1, S5, S6, S7, S8, S9, S11."),
        (["--actions", "Jumping"], "no action Jumping in the data; it has Walking, Greeting, Sitting, Directions."),
        (["--cameras", "1"], "no camera 1 in the data; it has 54138969, 55011271, 58860488, 60457274."),
        (["--target-subjects", "TS7"], "no subject TS7 in the data; it has TS1, TS2, TS3, TS4, TS5, TS6."),
        (["--target-cameras", "8"], "no camera 8 in the data; it has TS1, TS2"),
    ],
)
def test_unknown_names_in_a_selection(refused, options, message):
    assert_matches(message, refused(*options))


def test_an_unknown_target_camera(refused, target_folder, tmp_path):
    """A 3DHP-like recording by a camera of one's own: 2D and 3D agree with no published camera."""
    shutil.copytree(target_folder / "TS1", tmp_path / "garden")
    with h5py.File(tmp_path / "garden" / "annot_data.mat", "r+") as file:
        file["annot2"][...] *= 0.9
    text = refused(target=tmp_path / "garden")
    assert_matches(
        "garden/annot_data.mat: the camera of garden is not known. .*--intrinsics FX,FY,CX,CY,WIDTH,HEIGHT", text
    )


def test_the_flag_that_the_message_names_settles_it(poseda, source_file, target_folder, tmp_path):
    shutil.copytree(target_folder / "TS1", tmp_path / "garden")
    with h5py.File(tmp_path / "garden" / "annot_data.mat", "r+") as file:
        file["annot2"][...] *= 0.9
    lens = "1350.15,1350.75,915.65,938.73,2048,2048"
    poseda("align", source_file, "-t", tmp_path / "garden", "-o", tmp_path / "out", "--intrinsics", lens)


def test_no_valid_pose_left(refused, source_file, target_folder, tmp_path):
    broken = {"S1": {"Walking 1": np.full((4, 32, 3), np.nan, np.float32)}}
    assert_matches("no source pose is valid; all 16", refused(source=save_3d(tmp_path / "nan.npz", broken)))
    shutil.copytree(target_folder / "TS2", tmp_path / "TS2")
    with h5py.File(tmp_path / "TS2" / "annot_data.mat", "r+") as file:
        file["valid_frame"][...] = 0
    assert_matches("TS2/annot_data.mat: no frame is valid", refused(target=tmp_path / "TS2"))


def test_units_that_contradict_the_data(refused, source_file, target_folder, tmp_path):
    tree = {"S1": {action: poses * 1000 for action, poses in world(source_file)["S1"].items()}}
    text = refused(source=save_3d(tmp_path / "mm.npz", tree))
    assert_matches(
        r"mm.npz: positions_3d\['S1'\]\['Walking 1'\]: thighs measure 44\d.*in mm.*Multiply them by 0.001", text
    )
    shutil.copytree(target_folder / "TS1", tmp_path / "TS1")
    with h5py.File(tmp_path / "TS1" / "annot_data.mat", "r+") as file:
        file["annot3"][...] /= 1000
    assert_matches(
        "TS1/annot_data.mat: annot3: thighs measure 0.4.*in m, .*Multiply them by 1000",
        refused(target=tmp_path / "TS1"),
    )


def test_normalised_2d_where_pixels_should_be(refused, target_folder, tmp_path):
    shutil.copytree(target_folder / "TS5", tmp_path / "TS5")
    with h5py.File(tmp_path / "TS5" / "annot_data.mat", "r+") as file:
        file["annot2"][...] = file["annot2"][...] / 960 - 1
    text = refused("--intrinsics", "1684,1673,940,560,1920,1080", target=tmp_path / "TS5")
    assert_matches("TS5/annot_data.mat: annot2: 2D coordinates reach .*normalised or empty, .*pixels", text)
    flat = save_2d(tmp_path / "data_2d_h36m_gt.npz", scale=1 / 500)
    assert_matches("data_2d_h36m_gt.npz: positions_2d: 2D coordinates reach", refused(target=flat))


@pytest.mark.parametrize("place", ["x" * 300, "loop", "a file/inside"])
def test_paths_that_lead_nowhere(refused, tmp_path, place):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a file").touch()
    refused(source=tmp_path / place)
    refused(target=tmp_path / place)


def test_joint_order_that_contradicts_the_data(refused, source_file, tmp_path):
    order = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
    tree = {"S1": {}}
    for action, poses in world(source_file)["S1"].items():
        tree["S1"][action] = np.empty((len(poses), 17, 3), np.float32)
        tree["S1"][action][:, order] = poses[:, JOINTS_17]
    text = refused(source=save_3d(tmp_path / "order.npz", tree))
    assert_matches("joints are not in the order of h36m17: .*They look like 3dhp17", text)


def test_a_coordinate_frame_that_contradicts_the_data(refused, source_file, tmp_path):
    tree = {"S1": {action: poses[..., [0, 2, 1]] for action, poses in world(source_file)["S1"].items()}}
    text = refused(source=save_3d(tmp_path / "y_up.npz", tree))
    assert_matches("y_up.npz: heads are -?0.* not in the world space of Human3.6M", text)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files(refused, source_file, target_folder, tmp_path, part):
    content = source_file.read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: int(len(content) * part)])
    assert_matches("cut.npz: .*[Ff]etch it again", refused(source=tmp_path / "cut.npz"))
    (tmp_path / "TS3").mkdir()
    content = (target_folder / "TS3" / "annot_data.mat").read_bytes()
    (tmp_path / "TS3" / "annot_data.mat").write_bytes(content[: int(len(content) * part)])
    assert_matches("TS3/annot_data.mat: .*fetch it again", refused(target=tmp_path / "TS3"))


def test_a_flipped_bit(refused, source_file, tmp_path):
    content = bytearray(source_file.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bit.npz").write_bytes(content)
    assert_matches("bit.npz: positions_3d: damaged .*altered; fetch it again", refused(source=tmp_path / "bit.npz"))


def test_an_archive_that_wants_to_run_code(refused, tmp_path):
    class Evil:
        def __reduce__(self):
            return __import__("os").system, (f"touch {tmp_path}/pwned",)

    tree = np.array({"S1": {"Walking": Evil()}}, dtype=object)
    np.savez(tmp_path / "evil.npz", positions_3d=tree)
    assert_matches(
        r"evil.npz: positions_3d: refers to posix.system at byte \d+. This is not pose data; it was not loaded",
        refused(source=tmp_path / "evil.npz"),
    )


def test_a_damaged_sequence_in_a_folder_is_not_left_out_in_silence(refused, target_folder, tmp_path):
    shutil.copytree(target_folder, tmp_path / "set")
    (tmp_path / "set" / "TS4" / "annot_data.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(520))
    assert_matches("set/TS4/annot_data.mat: a MATLAB v7.3 file cut off", refused(target=tmp_path / "set"))


def test_other_files_in_a_folder_are_left_out_aloud(poseda, source_file, target_folder, tmp_path):
    shutil.copytree(target_folder, tmp_path / "set")
    np.savez(tmp_path / "set" / "other.npz", a=np.zeros(3))
    scipy.io.savemat(tmp_path / "set" / "TS1" / "TS1_crop_info.mat", {"crop_rectangle": np.zeros((1, 4))})
    result = poseda("align", source_file, "--target", tmp_path / "set", "-o", tmp_path / "out")
    assert "left out, as no archive of poses: set/other.npz, set/TS1/TS1_crop_info.mat" in result.stderr
