import os
import shutil

import numpy as np
import pytest
import scipy.io

from poseda_cli.errors import (
    AmbiguousLayoutError,
    ArchiveError,
    DamagedArchiveError,
    InputError,
    UnknownLayoutError,
    UnsafeArchiveError,
    UsageError,
)
from poseda_cli.layouts import LAYOUTS, layout_module, read

from . import writers as w
from . import writers_2d as d


def ts(folder, name, seed=0):
    lens = w.MPI_LENSES[name]
    return w.write_d3(folder / name / "annot_data.mat", w.mpi_view(4, seed=seed), lens, np.ones(4))


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_document_themselves(name):
    module = layout_module(name)
    assert module.__doc__.strip()
    assert callable(module.refusal) and callable(module.read)


@pytest.mark.parametrize(("name", "said"), [("videopose", "Did you mean videopose3d"), ("zip", "knows poseda, ")])
def test_layout_that_does_not_exist(name, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        read(tmp_path, layout=name)


def test_missing_path(tmp_path):
    with pytest.raises(ArchiveError, match=r"nowhere: no such file or folder"):
        read(tmp_path / "nowhere")


def test_empty_folder(tmp_path):
    with pytest.raises(ArchiveError, match="it is empty"):
        read(tmp_path)


def test_folder_without_archives_says_what_it_holds(tmp_path):
    for name in ("video.avi", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(ArchiveError, match=r"no archive \(\.npz.*it holds notes\.txt, video\.avi"):
        read(tmp_path)


@pytest.mark.parametrize(("place", "found"), [("a/b/c/d/e", True), ("a/b/c/d/e/f", False), (".cache", False)])
def test_folders_are_searched_five_levels_deep(place, found, tmp_path):
    (tmp_path / place).mkdir(parents=True)
    w.write_h1(tmp_path / place / "data_3d_h36m.npz")
    if found:
        assert len(read(tmp_path)) == 64
    else:
        with pytest.raises(ArchiveError, match="no archive"):
            read(tmp_path)


@pytest.mark.parametrize("spelled", [str, os.fspath, lambda path: [path], lambda path: (str(path),)])
def test_paths_come_in_every_form(spelled, tmp_path):
    assert len(read(spelled(w.write_h1(tmp_path / "data_3d_h36m.npz")))) == 64


def test_other_suffixes_are_read_when_named(tmp_path):
    assert len(read(w.write_h1(tmp_path / "poses.npz").rename(tmp_path / "poses.bak"))) == 64


def test_several_layouts_in_one_folder(tmp_path):
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    ts(tmp_path, "TS5")
    with pytest.raises(AmbiguousLayoutError) as caught:
        read(tmp_path)
    for part in ("videopose3d: ", "data_3d_h36m.npz", "mpi-inf-3dhp-test: ", "TS5/annot_data.mat", "--layout"):
        assert part in str(caught.value)


def test_naming_the_layout_resolves_it_and_says_what_was_left_out(tmp_path):
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    ts(tmp_path, "TS5")
    found = read(tmp_path, layout="mpi-inf-3dhp-test")
    assert (found.origin.layout, len(found)) == ("mpi-inf-3dhp-test", 4)
    assert any("left out" in note and "data_3d_h36m.npz" in note for note in found.origin.notes)


def test_other_archives_in_a_folder_are_left_out_and_noted(tmp_path):
    w.write_h1(tmp_path / "data_3d_h36m.npz")
    np.savez(tmp_path / "stats.npz", mean=np.zeros(3))
    found = read(tmp_path)
    assert len(found) == 64
    assert any("left out" in note and "stats.npz" in note for note in found.origin.notes)


def test_damaged_archives_in_a_folder_are_not_left_out(tmp_path):
    ts(tmp_path, "TS1")
    path = ts(tmp_path, "TS5")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DamagedArchiveError, match=r"TS5/annot_data\.mat"):
        read(tmp_path)


@pytest.mark.parametrize("again", ["same path", "hard link", "symbolic link", "folder of it", "other spelling"])
def test_same_file_twice(again, tmp_path):
    path = w.write_h1(tmp_path / "data_3d_h36m.npz")
    other = tmp_path / "other" / "poses.npz"
    other.parent.mkdir()
    if again == "hard link":
        other.hardlink_to(path)
    elif again == "symbolic link":
        other.symlink_to(path)
    ways = {"same path": path, "folder of it": tmp_path, "other spelling": tmp_path / "other" / ".." / path.name}
    with pytest.raises(InputError, match="given twice"):
        read([path, ways.get(again, other)])


def test_copy_of_a_file(tmp_path):
    path = ts(tmp_path, "TS5")
    (tmp_path / "TS6").mkdir()
    shutil.copy(path, tmp_path / "TS6" / path.name)
    with pytest.raises(InputError, match="are the same file"):
        read(tmp_path)


def test_paths_are_read_in_the_order_given(tmp_path):
    ts(tmp_path, "TS1")
    ts(tmp_path, "TS5")
    assert read([tmp_path / "TS5", tmp_path / "TS1"]).subjects == ("TS5", "TS1")
    assert read([tmp_path / "TS1", tmp_path / "TS5"]).subjects == ("TS1", "TS5")


def test_what_does_not_go_together(tmp_path):
    source, target = w.write_h1(tmp_path / "data_3d_h36m.npz"), ts(tmp_path, "TS5")
    with pytest.raises(InputError, match="cannot be read as one data set"):
        read([source, target])


def test_unknown_layout_lists_members(tmp_path):
    np.savez(tmp_path / "stats.npz", mean=np.zeros((17, 3)), names=np.array(["a"]))
    with pytest.raises(UnknownLayoutError) as caught:
        read(tmp_path / "stats.npz")
    for part in ("stats.npz", "mean (17, 3) float64", "names (1,)", "`poseda layouts` lists them"):
        assert part in str(caught.value)


def test_unknown_layout_lists_those_that_nearly_fit_and_no_others(tmp_path):
    np.savez(tmp_path / "poses.npz", positions_3d={"S1": np.zeros(3)})
    with pytest.raises(UnknownLayoutError, match="\n  videopose3d: positions_3d must") as caught:
        read(tmp_path / "poses.npz")
    for name in ("poseda", "pstmo", "mpi-inf-3dhp-test", "plain"):
        assert f"\n  {name}: " not in str(caught.value)


def test_folder_of_unknown_archives_lists_all_of_them(tmp_path):
    for name in ("one.npz", "other.npz"):
        np.savez(tmp_path / name, mean=np.zeros(3))
    with pytest.raises(UnknownLayoutError) as caught:
        read(tmp_path)
    assert "one.npz" in str(caught.value) and "other.npz" in str(caught.value)


class Gadget:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("member", ["positions_3d", "positions_2d", "data"])
@pytest.mark.parametrize("in_folder", [False, True])
def test_archives_with_code_are_refused_and_never_run(member, in_folder, tmp_path):
    path = tmp_path / "poses.npz"
    np.savez(path, **{member: {"S1": Gadget(str(tmp_path / "marker"))}})
    with pytest.raises(UnsafeArchiveError, match=rf"poses\.npz: {member}: refers to posix\.mkdir at byte \d+"):
        read(tmp_path if in_folder else path)
    assert not (tmp_path / "marker").exists()


def web_page(path):
    path.write_text("<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title>")


def lfs_pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")


def old_matlab(path):
    with path.open("wb") as stream:
        scipy.io.savemat(stream, {"annot3": np.zeros(3)})


def single_array(path):
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (web_page, "web page"),
        (lfs_pointer, "git lfs pull"),
        (old_matlab, r"of no layout that poseda knows.* It holds annot3 \(1, 3\) float64"),
        (single_array, r"of no layout that poseda knows.* It holds content \(3,\) float64"),
        (lambda path: path.touch(), "empty"),
    ],
)
@pytest.mark.parametrize("in_folder", [False, True])
def test_files_that_are_something_else(write, said, in_folder, tmp_path):
    write(tmp_path / "data_3d_h36m.npz")
    with pytest.raises(ArchiveError, match=said) as caught:
        read(tmp_path if in_folder else tmp_path / "data_3d_h36m.npz")
    assert "data_3d_h36m.npz" in str(caught.value)


def test_checks_of_a_whole_data_set_name_the_file(tmp_path):
    body = (w.mpi_view(90, seed=84) / 1000)[:, d.H36M17_OF_MPI]
    points, actions = w.mpi_pixels(body, d.PHONE), ["right"] * 70 + ["wrong"] * 20
    points[70:] = points[70:, [0, 4, 5, 6, 1, 2, 3, *range(7, 17)]]
    np.savez(tmp_path / "poses.npz", poses_3d=body, poses_2d=points, joints=w.H36M_JOINTS, action=actions)
    with pytest.raises(InputError, match=r"poses\.npz: poses wrong, camera camera: left and right of the legs are"):
        read(tmp_path / "poses.npz")


def test_names_in_messages_stay_on_their_line(tmp_path):
    names = {"a\nb": 1, "c\x1b[2J": 2, "d\u2028": 3, "x" * 3000: 4}
    np.savez(tmp_path / "data.npz", positions_3d={"S1": {}}, **{name: np.zeros(3) for name in names})
    with pytest.raises(UnknownLayoutError) as caught:
        read(tmp_path / "data.npz")
    first = str(caught.value).split("\n")[0]
    assert "a\ufffdb (3,)" in first and "c\ufffd[2J (3,)" in first and "d\ufffd (3,)" in first
    assert len(first) < 1000


def test_file_names_in_messages_stay_on_their_line(tmp_path):
    (tmp_path / "a\nb.npz").write_bytes(b"no archive")
    with pytest.raises(ArchiveError, match=r"^a\ufffdb\.npz: not an archive") as caught:
        read(tmp_path / "a\nb.npz")
    assert "\n" not in str(caught.value)
