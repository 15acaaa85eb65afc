"""What all exports have in common: refusals, losses, bytes; and that any archive goes into each or is refused."""

from __future__ import annotations

import io
import json
import pickletools
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.cameras import Camera
from poseda_cli.conversion import Conversion
from poseda_cli.dataset import Sequence
from poseda_cli.errors import InputError, UsageError
from poseda_cli.exports import EXPORTS, check_names, export, export_module, losses
from poseda_cli.options import AlignOptions
from poseda_cli.output import write_output
from poseda_cli.pipeline import prepare
from poseda_cli.skeleton import H36M16
from tests import datasets
from tests.layouts.test_all_layouts import WRITERS, h1, h2
from tests.storage.compare import assert_same

H36M_FILES = ("videopose3d", "poseaug")
NEED_3D = ("poseda", "mmpose", "pstmo", "poseaug-test")
NEED_LENSES = ("mmpose", "pstmo", "poseaug-test")
NEED_17 = ("videopose3d", "mmpose", "pstmo")


@pytest.fixture
def h36m(tmp_path):
    folder = tmp_path / "h36m"
    folder.mkdir()
    h1(folder)
    return poseda.read(folder)


@pytest.fixture
def flat(tmp_path):
    folder = tmp_path / "flat"
    folder.mkdir()
    h2(folder)
    return poseda.read(folder)


@pytest.fixture
def test_set(tmp_path):
    folder = tmp_path / "test_set"
    folder.mkdir()
    WRITERS["D3"](folder)
    return poseda.read(folder)


def relative(dataset):
    poses = dataset.poses_3d - dataset.poses_3d[:, dataset.skeleton.root, None]
    return replace(dataset, poses_3d=poses, absolute=False)


def without_lens(dataset, row=0):
    cameras = list(dataset.cameras)
    cameras[row] = Camera(cameras[row].name)
    return replace(dataset, cameras=tuple(cameras))


def renamed(dataset, **names):
    return replace(dataset, sequences=tuple(s._replace(**names) for s in dataset.sequences))


def refused(dataset, layout, folder):
    """The sentence, once it is known that nothing was written."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError) as caught:
        poseda.write(dataset, folder / "out", layout)
    assert sorted(folder.rglob("*")) == before
    message = str(caught.value)
    assert message.startswith(f"--to {layout}: ")
    assert message.endswith(". Nothing was written.")
    return message


@pytest.mark.parametrize("layout", NEED_3D)
def test_2d_alone(layout, flat, tmp_path):
    assert "it holds 3D poses, there are only 2D poses" in refused(flat, layout, tmp_path)


@pytest.mark.parametrize("layout", NEED_17)
def test_16_joints_where_17_are_needed(layout, h36m, test_set, tmp_path):
    dataset = h36m if layout == "videopose3d" else test_set
    assert "it has 17 joints, the data 16" in refused(dataset.to_skeleton(H36M16), layout, tmp_path)


def test_16_joints_for_a_3d_file_of_32(h36m, tmp_path):
    message = refused(h36m.to_skeleton(H36M16), "poseaug", tmp_path)
    assert "its 3D file has all of Human3.6M's joints, the data has no Neck/Nose" in message


@pytest.mark.parametrize("layout", NEED_LENSES)
def test_an_unknown_camera(layout, test_set, tmp_path):
    message = refused(without_lens(test_set, row=1), layout, tmp_path)
    assert "TS2" in message
    assert "not known" in message
    assert "TS1" not in message


@pytest.mark.parametrize("layout", NEED_LENSES)
def test_an_unknown_camera_that_is_not_used_is_no_obstacle(layout, test_set, tmp_path):
    chosen = without_lens(test_set, row=1).select(subjects=["TS1", "TS5"])
    poseda.write(chosen, tmp_path / "out", layout)


@pytest.mark.parametrize("layout", H36M_FILES)
def test_3d_relative_to_the_root_has_no_world(layout, h36m, tmp_path):
    assert "its 3D is in world space, the data's is relative to the root" in refused(relative(h36m), layout, tmp_path)


@pytest.mark.parametrize("layout", NEED_LENSES)
def test_3d_relative_to_the_root_has_no_image(layout, h36m, tmp_path):
    assert "the 3D is relative to the root and cannot be projected" in refused(relative(h36m), layout, tmp_path)


def test_3d_relative_to_the_root_has_no_place_in_augmented_h5(h36m, test_set, tmp_path):
    """Read again, every root would be the camera's centre."""
    for dataset in (h36m, test_set):
        assert "the data's are relative to the root" in refused(relative(dataset), "poseda", tmp_path)


@pytest.mark.parametrize("layout", H36M_FILES)
def test_other_data_sets_for_h36m_trainers(layout, test_set, tmp_path):
    message = refused(test_set, layout, tmp_path)
    assert "its loader knows the subjects and cameras of Human3.6M only" in message


@pytest.mark.parametrize("layout", H36M_FILES)
def test_a_subject_without_cameras_in_the_loader(layout, h36m, tmp_path):
    strange = renamed(h36m.select(subjects=["S1"]), subject="S10")
    message = refused(strange, layout, tmp_path)
    assert "its loader has no cameras of subject S10; leave it out with --subjects" in message


def test_unlabelled_subjects_have_2d_but_no_3d(h36m, flat, tmp_path):
    poseda.write(renamed(flat.select(subjects=["S1"]), subject="S2"), tmp_path / "flat_out", "videopose3d")
    assert "no cameras of subject S2" in refused(
        renamed(h36m.select(subjects=["S1"]), subject="S2"), "videopose3d", tmp_path
    )


@pytest.mark.parametrize("layout", H36M_FILES)
def test_a_missing_camera(layout, h36m, tmp_path):
    message = refused(h36m.select(cameras=["54138969", "60457274"]), layout, tmp_path)
    assert "it needs all four cameras, S9 Walking 1 lacks 55011271, 58860488; convert all cameras" in message


def test_a_sequence_in_parts(h36m, tmp_path):
    first, *others = h36m.sequences
    parts = (first._replace(length=3), first._replace(start=3, length=first.length - 3), *others)
    message = refused(replace(h36m, sequences=parts), "videopose3d", tmp_path)
    assert "its sequences are whole; the data has one in parts" in message


def test_views_that_are_of_no_one_world(h36m, tmp_path):
    poses = h36m.poses_3d.copy()
    poses[h36m.sequences[1].start] *= 1.01
    with pytest.raises(InputError, match="S9 Walking 1: camera 55011271 sees the person 0.0.. m off"):
        poseda.write(replace(h36m, poses_3d=poses), tmp_path / "out", "videopose3d")
    assert not (tmp_path / "out").exists()


def test_two_sequences_of_one_test_subject(test_set, tmp_path):
    one, two, three = test_set.sequences
    twice = replace(test_set, sequences=(one, two._replace(subject="TS1", action="Seq2"), three))
    message = refused(twice, "pstmo", tmp_path)
    assert "its test file has one sequence a subject, TS1 has several" in message


@pytest.mark.parametrize("layout", H36M_FILES)
def test_an_alignment_with_a_stride(layout, h36m, test_set, tmp_path):
    aligned = poseda.align(h36m.select(stride=2), test_set)
    assert "its 2D has every frame of the 3D; leave out --stride" in refused(aligned, layout, tmp_path)


@pytest.mark.parametrize("layout", ["videopose3d", "mmpose", "pstmo"])
def test_an_alignment_of_16_joints(layout, h36m, test_set, tmp_path):
    aligned = poseda.align(h36m, test_set, skeleton="h36m16")
    assert "it has 17 joints, the data 16" in refused(aligned, layout, tmp_path)


@pytest.mark.parametrize("layout", H36M_FILES)
def test_an_alignment_of_another_data_set(layout, h36m, test_set, tmp_path):
    aligned = poseda.align(test_set, replace(h36m, poses_2d=h36m.poses_3d[..., :2] * 100 + 500))
    assert "Human3.6M only" in refused(aligned, layout, tmp_path)


@pytest.mark.parametrize("layout", H36M_FILES)
def test_an_alignment_whose_rest_has_no_2d(layout, h36m, test_set, tmp_path):
    aligned = poseda.align(relative(h36m), test_set)
    message = refused(aligned, layout, tmp_path)
    assert "the source's 3D is relative to the root and cannot be projected" in message


@pytest.mark.parametrize("layout", H36M_FILES)
def test_an_alignment_of_one_camera_alone(layout, h36m, test_set, tmp_path):
    aligned = poseda.align(h36m.select(cameras=["54138969"]), test_set)
    message = refused(aligned, layout, tmp_path)
    assert "S9 Walking 1 lacks 55011271, 58860488, 60457274" in message


def test_one_refusal_leaves_the_other_layouts_unwritten(test_set, tmp_path):
    source = Conversion(test_set)
    with pytest.raises(InputError, match="--to videopose3d"):
        write_output(source, source.summary, tmp_path / "out", ["poseda", "videopose3d"])
    assert not (tmp_path / "out").exists()


def test_names_of_exports():
    check_names(list(EXPORTS)[:2])
    with pytest.raises(UsageError, match="--to videopose: poseda writes .*plain. Did you mean videopose3d?"):
        check_names(["videopose"])
    with pytest.raises(UsageError, match="--to videopose3d --to poseaug: their files have the same names"):
        check_names(["poseaug", "plain", "videopose3d"])


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_says_what_it_is(name):
    assert len(export_module(name).__doc__.splitlines()[0]) > 20


LOST = {
    "poseda": [],
    "videopose3d": ["which target each pose was given, and its new depth"],
    "poseaug": ["which target each pose was given, and its new depth; 2D of Neck/Nose"],
    "mmpose": ["which target each pose was given"],
    "pstmo": ["cameras: it knows image sizes alone; which target each pose was given"],
    "poseaug-test": [
        "subjects, actions and cameras; whether bodies have the universal height, as in the published file; "
        "where people stand; Neck/Nose"
    ],
    "plain": ["which of the source's cameras saw a pose"],
}


@pytest.mark.parametrize("layout", EXPORTS)
def test_losses_of_an_alignment(layout):
    aligned = poseda.align(datasets.source(), datasets.target())
    assert losses([layout, layout], aligned) == [f"{layout} does not hold: {lost}" for lost in LOST[layout]]


def test_losses_are_those_of_the_data(h36m, test_set, tmp_path):
    assert losses(["poseda"], Conversion(h36m)) == []
    assert losses(["plain"], Conversion(h36m)) == ["plain does not hold: lens distortion; where the cameras stand"]
    assert losses(["mmpose"], Conversion(relative(test_set))) == [
        "mmpose does not hold: where people stand (3D is relative to the root)"
    ]
    seen = replace(h36m, visible=np.ones((len(h36m), 17), bool))
    for layout in ("poseda", "videopose3d", "pstmo", "poseaug-test"):
        assert "which joints are visible" in losses([layout], Conversion(seen))[0]
    for layout in ("mmpose", "plain"):
        assert not any("visible" in lost for lost in losses([layout], Conversion(seen)))


def test_frames_that_not_all_cameras_have_are_a_loss(h36m):
    def shorter(sequence: Sequence) -> Sequence:
        return sequence._replace(length=sequence.length - (sequence.camera == "55011271"))

    some = Conversion(replace_sequences(h36m, shorter))
    assert losses(["poseaug"], some) == [
        "poseaug does not hold: frames at the end of sequences that not all four cameras have; 2D of Neck/Nose"
    ]
    assert losses(["videopose3d"], Conversion(h36m)) == []


def replace_sequences(dataset, change):
    """The first rows of each sequence, as many as it has then."""
    kept, sequences, start = [], [], 0
    for old in dataset.sequences:
        new = change(old)
        kept.append(np.arange(old.start, old.start + new.length))
        sequences.append(new._replace(start=start))
        start += new.length
    rows = np.concatenate(kept)
    columns = {name: getattr(dataset, name)[rows] for name in ("camera", "poses_3d", "rows")}
    return replace(dataset, sequences=tuple(sequences), **columns)


def test_the_summary_lists_what_is_lost(h36m, tmp_path):
    poseda.write(h36m, tmp_path / "out", "plain")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["output"]["lost"] == ["plain does not hold: lens distortion; where the cameras stand"]
    assert summary["output"]["files"] == ["poses.npz"]


def written(source, layout, folder, compression="none"):
    folder.mkdir()
    files = export([layout], source, folder, "name", compression=compression)
    assert sorted(files) == sorted(path.name for path in folder.iterdir())
    return {file: (folder / file).read_bytes() for file in files}


@pytest.mark.parametrize("layout", EXPORTS)
def test_same_source_same_bytes(layout, h36m, test_set, tmp_path, monkeypatch):
    """Whatever the time, the chunks, and whether the poses are in memory."""
    options = AlignOptions(copies=2, include_source=True, seed=4)
    plan = prepare(h36m, test_set, options, chunk=10)
    first = written(plan, layout, tmp_path / "first")
    monkeypatch.setattr("time.time", lambda: 2e9)
    again = prepare(h36m, test_set, options, jobs=1, chunk=1000)
    assert written(again, layout, tmp_path / "again") == first
    aligned = poseda.align(h36m, test_set, copies=2, include_source=True, seed=4)
    assert written(aligned, layout, tmp_path / "memory") == first
    monkeypatch.setattr("poseda_cli.conversion.CHUNK", 7)
    small = written(Conversion(h36m), layout, tmp_path / "small chunks")
    monkeypatch.undo()
    assert written(Conversion(h36m), layout, tmp_path / "one chunk") == small


@pytest.mark.parametrize("compression", ["fast", "small"])
@pytest.mark.parametrize("layout", EXPORTS)
def test_same_source_same_compressed_bytes(layout, compression, h36m, test_set, tmp_path, monkeypatch):
    """Whatever the chunks, which end elsewhere than those of the file, and the number of cores."""
    monkeypatch.setattr("poseda_cli.exports.poseda.CHUNK", 17 * 12 * 23)
    options = AlignOptions(copies=2, include_source=True, seed=4)
    first = written(prepare(h36m, test_set, options, chunk=10), layout, tmp_path / "first", compression)
    monkeypatch.setattr("poseda_cli.storage.deflate.cores", lambda: 1)
    again = prepare(h36m, test_set, options, jobs=1, chunk=1000)
    assert written(again, layout, tmp_path / "again", compression) == first
    plain = written(again, layout, tmp_path / "plain")
    assert set(plain) == set(first)
    for file in plain:
        assert (plain[file] == first[file]) == file.endswith(".pkl")
        assert_same(content(tmp_path / "first" / file), content(tmp_path / "plain" / file))


def content(path):
    """All that a file holds, by h5py and NumPy."""
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return {name: item[()].tolist() for name, item in file.items()} | {
                name: np.asarray(value).tolist() for name, value in file.attrs.items()
            }
    loaded = np.load(path, allow_pickle=True)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return loaded
    with loaded:
        return {name: loaded[name].item() if loaded[name].dtype == object else loaded[name] for name in loaded.files}


@pytest.mark.parametrize("layout", EXPORTS)
def test_no_clock_is_in_an_archive(layout, h36m, tmp_path):
    written(Conversion(h36m), layout, tmp_path / "out")
    for path in (tmp_path / "out").glob("*.npz"):
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def object_members(folder):
    for path in sorted(folder.iterdir()):
        if path.suffix == ".pkl":
            yield path.name, path.read_bytes()
        if path.suffix != ".npz":
            continue
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as stream:
                    assert np.lib.format.read_magic(stream) == (1, 0)
                    _, _, dtype = np.lib.format.read_array_header_1_0(stream)
                    if dtype.hasobject:
                        yield member, stream.read()


OBJECTS = {
    "videopose3d": {"positions_3d.npy", "positions_2d.npy", "metadata.npy"},
    "poseaug": {"positions_3d.npy", "positions_2d.npy", "metadata.npy"},
    "mmpose": {"cameras.pkl"},
    "pstmo": {"data.npy"},
}


@pytest.mark.parametrize("layout", EXPORTS)
def test_object_members_are_for_old_numpy(layout, h36m, tmp_path):
    """NumPy 2's own pickles name numpy._core, which no NumPy before 1.26.1 has."""
    written(Conversion(h36m), layout, tmp_path / "out")
    members = dict(object_members(tmp_path / "out"))
    assert set(members) == OBJECTS.get(layout, set())
    for content in members.values():
        pickletools.dis(content, io.StringIO())
        opcodes = [(opcode.name, argument, opcode.proto) for opcode, argument, _ in pickletools.genops(content)]
        assert opcodes[0][:2] == ("PROTO", 3)
        assert max(proto for *_, proto in opcodes) <= 3
        modules = {argument.split(" ")[0] for name, argument, _ in opcodes if name == "GLOBAL"}
        assert modules == {"numpy.core.multiarray", "numpy"}
        assert not {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "EXT1"} & {name for name, *_ in opcodes}


@pytest.mark.parametrize("layout", EXPORTS)
def test_a_layout_asked_for_twice_is_written_once(layout, h36m, tmp_path):
    once = written(Conversion(h36m), layout, tmp_path / "once")
    folder = tmp_path / "twice"
    folder.mkdir()
    assert export([layout, layout], Conversion(h36m), folder, "name") == list(once)


def test_two_files_of_one_name_are_refused(test_set, tmp_path):
    source = Conversion(test_set)
    with pytest.raises(UsageError, match="--name test_3dhp: test_3dhp.npz is the name of another file"):
        write_output(source, source.summary, tmp_path / "out", ["poseaug-test", "plain"], name="test_3dhp")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test_set"]


@pytest.mark.parametrize("case", WRITERS)
def test_any_archive_goes_into_any_layout_or_is_refused(case, tmp_path):
    """Nothing that a reader gives makes an export fall over."""
    (tmp_path / "in").mkdir()
    WRITERS[case](tmp_path / "in")
    source = Conversion(poseda.read(tmp_path / "in"))
    for layout in EXPORTS:
        if reason := export_module(layout).unwritable(source):
            assert reason[0].islower()
            assert not reason.endswith(".")
            continue
        files = written(source, layout, tmp_path / layout)
        assert files
        assert all(files.values())


def test_poses_of_a_camera_nobody_knows_go_into_named_arrays(test_set, tmp_path):
    poseda.write(without_lens(test_set), tmp_path / "out", "plain")
    with np.load(tmp_path / "out" / "poses.npz") as archive:
        assert "intrinsics" not in archive.files
        np.testing.assert_array_equal(archive["poses_2d"], test_set.poses_2d)
        assert archive["camera"].tolist() == [test_set.cameras[row].name for row in test_set.camera]
