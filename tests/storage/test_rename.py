from __future__ import annotations

import sys
import threading

import pytest

from poseda_cli.storage import rename
from poseda_cli.storage.rename import exchange, rename_to_free

SYSTEMS = [True, False]


@pytest.fixture(params=SYSTEMS, ids=["this system", "a system without the calls"])
def able(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(rename, "_renamed", lambda source, target, how: False)
    return request.param and sys.platform in ("linux", "darwin")


def folder(place, mark):
    place.mkdir()
    (place / mark).touch()
    return place


def test_to_a_free_place(able, tmp_path):
    rename_to_free(folder(tmp_path / "a", "mark"), tmp_path / "b")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["mark"]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("kind", ["empty folder", "folder", "file", "dangling link"])
def test_nothing_is_replaced(able, kind, tmp_path):
    taken = tmp_path / "b"
    if kind == "file":
        taken.write_text("mine")
    elif kind == "dangling link":
        taken.symlink_to("nowhere")
    else:
        taken.mkdir()
        if kind == "folder":
            (taken / "mine").touch()
    with pytest.raises(FileExistsError):
        rename_to_free(folder(tmp_path / "a", "mark"), taken)
    assert (tmp_path / "a" / "mark").exists()
    assert taken.is_symlink() == (kind == "dangling link")


def test_folders_change_places(able, tmp_path):
    one, other = folder(tmp_path / "a", "one"), folder(tmp_path / "b", "other")
    done = exchange(one, other)
    assert done or not able
    assert (one / ("other" if done else "one")).exists()
    assert (other / ("one" if done else "other")).exists()


def test_what_is_not_there_is_an_error(tmp_path):
    folder(tmp_path / "a", "mark")
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        rename_to_free(tmp_path / "nowhere", tmp_path / "b")


def test_nobody_ever_finds_the_place_empty(tmp_path):
    one, other = folder(tmp_path / "a", "one"), folder(tmp_path / "b", "other")
    if not exchange(one, other):
        pytest.skip("this file system cannot exchange")
    empty, going = [], threading.Event()

    def watch():
        while not going.is_set():
            if not one.exists():
                empty.append(True)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(2000):
        exchange(one, other)
    going.set()
    watcher.join()
    assert not empty
