import stat
from pathlib import Path

import pytest

from poseda_cli.errors import OutputError
from poseda_cli.storage import claim as claim_module
from poseda_cli.storage import folder as folder_module
from poseda_cli.storage.folder import check_free, check_free_file, new_file, new_folder

MARKS = ("augmented.h5", "summary.json")


def marked(folder):
    return all((folder / mark).is_file() for mark in MARKS)


def exactly_marked(folder):
    return set(MARKS) == {path.name for path in folder.iterdir()}


def write(folder, text="new"):
    for mark in MARKS:
        (folder / mark).write_text(text)


def ours(path, text="old"):
    path.mkdir()
    write(path, text)
    return path


def contents(path):
    return {file.name: file.read_text() for file in path.iterdir()}


def test_appears_only_at_the_end(tmp_path):
    target = tmp_path / "aligned"
    with new_folder(target, False, marked) as folder:
        write(folder)
        assert not target.exists()
        assert folder.parent == tmp_path
    assert contents(target) == dict.fromkeys(MARKS, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


def test_has_the_permissions_of_any_new_folder(tmp_path):
    (tmp_path / "ordinary").mkdir()
    with new_folder(tmp_path / "aligned", False, marked) as folder:
        write(folder)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "aligned")]
    assert modes[0] == modes[1]


def test_missing_parents_are_made(tmp_path):
    with new_folder(tmp_path / "runs" / "today" / "aligned", False, marked) as folder:
        write(folder)
    assert (tmp_path / "runs" / "today" / "aligned" / MARKS[0]).is_file()


class OwnError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OwnError(), OwnError), (KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space"), OutputError)],
    ids=["ours", "interrupt", "full disk"],
)
@pytest.mark.parametrize("existed", [False, True])
def test_failure_leaves_everything_as_it_was(error, raised, existed, tmp_path):
    target = tmp_path / "aligned"
    if existed:
        ours(target)
    with pytest.raises(raised), new_folder(target, True, marked) as folder:
        write(folder)
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"] * existed
    if existed:
        assert contents(target) == dict.fromkeys(MARKS, "old")


def refuse(target, overwrite, said, inputs=()):
    with pytest.raises(OutputError, match=said), new_folder(target, overwrite, marked, inputs):
        pytest.fail("the block was entered")


def test_existing_folder_needs_overwrite(tmp_path):
    target = ours(tmp_path / "aligned")
    refuse(target, False, "exists already")
    assert contents(target) == dict.fromkeys(MARKS, "old")


def test_overwrite_replaces_what_poseda_wrote(tmp_path):
    target = ours(tmp_path / "aligned")
    with new_folder(target, True, marked) as folder:
        write(folder)
        assert contents(target) == dict.fromkeys(MARKS, "old")
    assert contents(target) == dict.fromkeys(MARKS, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


def test_where_folders_cannot_change_places_one_steps_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "exchange", lambda one, other: False)
    target = ours(tmp_path / "aligned")
    with new_folder(target, True, marked) as folder:
        write(folder)
    assert contents(target) == dict.fromkeys(MARKS, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


def test_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    def fail(source, target):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(folder_module, "exchange", lambda one, other: False)
    monkeypatch.setattr(folder_module, "rename_to_free", fail)
    target = ours(tmp_path / "aligned")
    with pytest.raises(OutputError, match="input/output error"), new_folder(target, True, marked) as folder:
        write(folder)
    assert contents(target) == dict.fromkeys(MARKS, "old")
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


@pytest.mark.parametrize("locks", [True, False])
def test_old_folder_comes_back_if_a_signal_comes_just_as_it_has_stepped_aside(locks, tmp_path, monkeypatch):
    class StoppedError(BaseException):
        pass

    def rename(source, target, really=Path.rename):
        really(source, target)
        if Path(source).name == "aligned":
            raise StoppedError

    if not locks:
        monkeypatch.setattr(claim_module, "_locked", lambda lock, target: None)
    monkeypatch.setattr(folder_module, "exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", rename)
    target = ours(tmp_path / "aligned")
    with pytest.raises(StoppedError), new_folder(target, True, marked) as folder:
        write(folder)
    assert contents(target) == dict.fromkeys(MARKS, "old")
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_comes_to_lie_there_meanwhile_is_spared(overwrite, tmp_path):
    target = tmp_path / "aligned"
    with pytest.raises(OutputError, match="exists"), new_folder(target, overwrite, marked) as folder:
        write(folder)
        target.mkdir()
        (target / "thesis.tex").write_text("mine")
    assert contents(target) == {"thesis.tex": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["aligned"]


def test_what_is_put_into_the_old_folder_meanwhile_is_spared(tmp_path):
    target = ours(tmp_path / "aligned")
    with pytest.raises(OutputError, match="never replaced"), new_folder(target, True, exactly_marked) as folder:
        write(folder)
        (target / "thesis.tex").write_text("mine")
    assert contents(target) == {**dict.fromkeys(MARKS, "old"), "thesis.tex": "mine"}


def test_overwrite_spares_folders_without_the_marks(tmp_path):
    target = ours(tmp_path / "thesis")
    (target / MARKS[1]).unlink()
    refuse(target, True, "not written by poseda")
    assert contents(target) == {MARKS[0]: "old"}


def test_overwrite_spares_marks_that_are_no_files(tmp_path):
    target = ours(tmp_path / "thesis")
    (target / MARKS[1]).unlink()
    (target / MARKS[1]).mkdir()
    refuse(target, True, "not written by poseda")


@pytest.mark.parametrize("overwrite", [False, True])
def test_links_and_files_are_spared(overwrite, tmp_path):
    ours(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").write_text("mine")
    for name in ("link", "dangling", "file"):
        refuse(tmp_path / name, overwrite, "exists")
    assert contents(tmp_path / "real") == dict.fromkeys(MARKS, "old")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["data", "data/deep", "data/deep/poses.npz", "way_in"])
def test_output_never_contains_an_input(place, tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "poses.npz").touch()
    (tmp_path / "way_in").symlink_to("data")
    refuse(tmp_path / place, True, "holds the input poses.npz", [tmp_path / "data" / "deep" / "poses.npz"])
    assert (tmp_path / "data" / "deep" / "poses.npz").exists()


@pytest.mark.parametrize("place", ["data/aligned", "data/deep/aligned", "way_in/new/aligned"])
def test_output_never_lies_in_an_input(place, tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "way_in").symlink_to("data")
    refuse(tmp_path / place, True, "lies in the input data", [tmp_path / "data"])
    assert not (tmp_path / place).exists()


def test_output_may_lie_beside_its_input(tmp_path):
    (tmp_path / "poses.npz").touch()
    with new_folder(tmp_path / "aligned", False, MARKS, [tmp_path / "poses.npz"]) as folder:
        write(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aligned", "poses.npz"]


def test_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("mine")
    refuse(tmp_path / "file" / "aligned", False, "is no folder")
    assert contents(tmp_path) == {"file": "mine"}


def test_name_that_no_disk_takes(tmp_path):
    with pytest.raises(OutputError, match="too long"), new_folder(tmp_path / ("n" * 300), False, marked) as folder:
        write(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["n" * 255, "好" * 85], ids=["255 letters", "85 letters of 3 bytes"])
def test_longest_name_that_disks_take(name, tmp_path):
    with new_folder(tmp_path / name, False, marked) as folder:
        write(folder)
    assert [path.name for path in tmp_path.iterdir()] == [name]


# Single files


def refuse_file(target, overwrite, said, inputs=()):
    """By the check that comes before any work, and by the writing itself."""
    with pytest.raises(OutputError, match=said):
        check_free_file(target, overwrite, inputs)
    with pytest.raises(OutputError, match=said), new_file(target, overwrite, inputs):
        pytest.fail("the block was entered")


def test_file_appears_only_at_the_end_and_has_its_suffix(tmp_path):
    target = tmp_path / "a.figure.PNG"
    check_free_file(target, False)
    with new_file(target, False) as file:
        assert file.suffix == ".PNG"
        file.write_text("new")
        assert not target.exists()
        assert file.stat().st_dev == tmp_path.stat().st_dev
    assert contents(tmp_path) == {"a.figure.PNG": "new"}


def test_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "ordinary").touch()
    with new_file(tmp_path / "figure.png", False) as file:
        file.write_text("new")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ordinary", "figure.png")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OwnError(), OwnError), (KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space"), OutputError)],
    ids=["ours", "interrupt", "full disk"],
)
@pytest.mark.parametrize("existed", [False, True])
def test_failure_leaves_no_file_behind_and_the_old_one_as_it_was(error, raised, existed, tmp_path):
    target = tmp_path / "figure.png"
    if existed:
        target.write_text("old")
    with pytest.raises(raised), new_file(target, True) as file:
        file.write_text("half")
        raise error
    assert contents(tmp_path) == ({"figure.png": "old"} if existed else {})


def test_block_that_writes_nothing_is_an_error(tmp_path):
    (tmp_path / "figure.png").write_text("old")
    with pytest.raises(OutputError, match="no such file"), new_file(tmp_path / "figure.png", True):
        pass
    assert contents(tmp_path) == {"figure.png": "old"}


def test_existing_file_needs_overwrite(tmp_path):
    target = tmp_path / "figure.png"
    target.write_text("old")
    refuse_file(target, False, "exists already; --overwrite replaces it")
    assert contents(tmp_path) == {"figure.png": "old"}
    with new_file(target, True) as file:
        file.write_text("new")
        assert target.read_text() == "old"
    assert contents(tmp_path) == {"figure.png": "new"}


def test_file_never_takes_the_place_of_a_folder(tmp_path):
    ours(tmp_path / "aligned")
    (tmp_path / "link").symlink_to("aligned")
    for name in ("aligned", "link"):
        refuse_file(tmp_path / name, True, "is a folder; name a file")
    assert contents(tmp_path / "aligned") == dict.fromkeys(MARKS, "old")


def test_link_is_replaced_and_not_what_it_leads_to(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("link", "dangling"):
        refuse_file(tmp_path / name, False, "exists already")
        with new_file(tmp_path / name, True) as file:
            file.write_text("new")
    assert contents(tmp_path) == {"real": "old", "link": "new", "dangling": "new"}


@pytest.mark.parametrize("place", ["poses.npz", "alias"])
def test_file_is_never_an_input(place, tmp_path):
    (tmp_path / "poses.npz").write_text("mine")
    (tmp_path / "alias").symlink_to("poses.npz")
    refuse_file(tmp_path / place, True, "is the input", [tmp_path / "poses.npz"])
    assert (tmp_path / "poses.npz").read_text() == "mine"


@pytest.mark.parametrize("place", ["data.png", "data/figure.png"])
def test_file_may_lie_beside_an_input_and_in_a_folder_that_is_one(place, tmp_path):
    (tmp_path / "data").mkdir()
    with new_file(tmp_path / place, False, [tmp_path / "data"]) as file:
        file.write_text("new")
    assert (tmp_path / place).read_text() == "new"


@pytest.mark.parametrize("place", ["nowhere/figure.png", "file/figure.png"])
def test_file_in_no_folder_is_refused_and_none_is_made(place, tmp_path):
    (tmp_path / "file").write_text("mine")
    refuse_file(tmp_path / place, True, "its folder does not exist")
    assert contents(tmp_path) == {"file": "mine"}


def test_file_by_the_longest_name_that_disks_take(tmp_path):
    with new_file(tmp_path / ("n" * 251 + ".png"), False) as file:
        file.write_text("new")
    assert contents(tmp_path) == {"n" * 251 + ".png": "new"}


def test_what_cannot_be_made_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file is no folder"):
        check_free(tmp_path / "file" / "out", False, lambda folder: True)


def test_a_folder_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda place, mode: Path(place) != tmp_path)
    check_free(tmp_path.parent / "out", False, lambda folder: True)
    with pytest.raises(OutputError, match="nothing can be written in"):
        check_free(tmp_path / "new" / "out", False, lambda folder: True)
