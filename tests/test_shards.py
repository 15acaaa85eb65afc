from __future__ import annotations

import filecmp
import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.cameras import Camera
from poseda_cli.dataset import InputFile, Origin
from poseda_cli.errors import InputError, OutputError, UsageError
from poseda_cli.merging import merge
from poseda_cli.shards import Piece, Shard, part_of, pieces_of
from tests import datasets

FILES = ["augmented.h5", "summary.json"]


@pytest.fixture
def source():
    return datasets.source()


@pytest.fixture
def target():
    return datasets.target()


def spoiled(dataset, rows):
    poses = dataset.poses_3d.copy()
    poses[rows, 3, 0] = np.nan
    return replace(dataset, poses_3d=poses)


def spread_behind(dataset, rows):
    """Poses whose left hand would come to lie behind any camera."""
    poses = dataset.poses_3d.copy()
    poses[rows, 13, 2] -= 40
    return replace(dataset, poses_3d=poses)


def write_shards(source, target, folder, count, compression="none", **options):
    made = []
    for index in range(1, count + 1):
        aligned = poseda.align(source, target, shard=(index, count), **options)
        made.append(folder / f"shard {index}")
        poseda.write(aligned, made[-1], compression=compression)
    return made


def assert_merged_is_whole(source, target, folder, count, compression="none", **options):
    poseda.write(poseda.align(source, target, **options), folder / "whole", compression=compression)
    shards = write_shards(source, target, folder, count, compression, **options)
    merge(shards[::-1], folder / "merged")
    assert filecmp.cmpfiles(folder / "whole", folder / "merged", FILES, shallow=False) == (FILES, [], [])
    assert sorted(entry.name for entry in (folder / "merged").iterdir()) == FILES
    return shards


@pytest.mark.parametrize("count", [1, 2, 3, 7, 29])
def test_merged_shards_are_the_run_byte_by_byte(source, target, tmp_path, count):
    assert len(source.sequences) < 29
    assert_merged_is_whole(source, target, tmp_path, count)


@pytest.mark.parametrize(
    "options",
    [
        {"copies": 2, "seed": 5},
        {"copies": 3, "include_source": True, "depth": "exact"},
        {"include_source": True, "screen": "axes"},
        {"skeleton": "h36m16", "depth": "exact", "seed": 2**64 - 1},
        {"compression": "fast"},
        {"compression": "small", "copies": 2, "include_source": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("count", [2, 5])
def test_whatever_the_options(source, target, tmp_path, count, options):
    source = spread_behind(spoiled(source, [0, 3, 20, 21, 119, 120, 239]), [5, 60, 121])
    assert_merged_is_whole(source, target, tmp_path, count, **options)


def test_a_selection(source, target, tmp_path):
    chosen = source.select(subjects=["S5"], actions=["Walking"], stride=3)
    assert_merged_is_whole(chosen, target.select(cameras=["tele"]), tmp_path, 4)


def test_a_source_without_2d_in_images_of_known_size(source, target, tmp_path):
    # The second camera is not known; the first shards have only poses of the first one.
    source = replace(source, cameras=(source.cameras[0], Camera("right", None)))
    assert_merged_is_whole(source, target, tmp_path, 12)


def test_a_source_relative_to_its_roots(source, target, tmp_path):
    assert_merged_is_whole(replace(source, absolute=False), target, tmp_path, 3)


def test_neighbours_of_one_name_are_not_taken_for_one_cut_in_two(source, target, tmp_path):
    names = [sequence._replace(action="Walking", camera="left", subject="S1") for sequence in source.sequences]
    source = replace(source, sequences=tuple(names), origin=Origin("test", None, source.origin.files))
    assert_merged_is_whole(source, target, tmp_path, 7)
    with h5py.File(tmp_path / "merged" / "augmented.h5") as file:
        assert file["sequences"]["length"].tolist() == [20] * 12


def test_a_shard_without_any_valid_pose(source, target, tmp_path):
    source = spoiled(source, slice(50, 130))
    shards = assert_merged_is_whole(source, target, tmp_path, 4)
    assert len(poseda.read(shards[2])) == 50
    summary = json.loads((shards[1] / "summary.json").read_text())
    assert (summary["output"]["poses"], summary["output"]["dropped"]["source_invalid"]) == (0, 60)
    assert summary["fit"] == {}


@pytest.mark.parametrize("compression", ["none", "fast"])
def test_shards_of_unaligned_poses_alone(source, target, tmp_path, compression):
    assert_merged_is_whole(source, target, tmp_path, 6, compression, include_source=True)
    empty = spoiled(source, slice(0, 80))
    (tmp_path / "with empty").mkdir()
    assert_merged_is_whole(empty, target, tmp_path / "with empty", 6, compression, include_source=True)


def test_a_run_without_any_valid_pose_is_refused_by_merge(source, target, tmp_path):
    shards = write_shards(spoiled(source, slice(None)), target, tmp_path, 2)
    with pytest.raises(InputError, match="No pose is left"):
        merge(shards, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_invalid_pose_is_an_error_in_its_own_shard(source, target):
    source = spoiled(source, [130])
    poseda.align(source, target, shard=(1, 2), invalid="error")
    with pytest.raises(InputError, match="row 130 as read"):
        poseda.align(source, target, shard=(2, 2), invalid="error")


def test_a_shard_is_an_output_like_any_other(source, target, tmp_path):
    shards = write_shards(source, target, tmp_path, 3, copies=2, seed=4)
    whole = poseda.align(source, target, copies=2, seed=4)
    start = 0
    for index, folder in enumerate(shards, 1):
        rows = poseda.read(folder)
        np.testing.assert_array_equal(rows.poses_3d, whole.poses_3d[start : start + len(rows)])
        summary = json.loads((folder / "summary.json").read_text())
        assert (summary["options"]["shard"], summary["output"]["poses"]) == (f"{index}/3", 160)
        start += len(rows)
    assert start == len(whole)
    assert "shard" not in whole.summary["options"]


def test_a_shards_summary_is_that_of_its_own_rows(source, target):
    half = poseda.align(source, target, shard=(2, 2)).summary
    assert (half["source"]["poses"], half["source"]["subjects"]) == (120, ["S5"])
    assert set(half["groups"]["subject"]) == {"S5"}


# The set of shards


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, ["seed 1, not 0"]),
        ({"depth": "exact"}, ["depth exact, not weak"]),
        ({"copies": 2, "include_source": True}, ["copies 2, not 1", "include-source True, not False"]),
    ],
)
def test_shards_of_another_run_are_refused(source, target, tmp_path, change, words):
    first, _ = write_shards(source, target, tmp_path, 2)
    (tmp_path / "other").mkdir()
    _, second = write_shards(source, target, tmp_path / "other", 2, **change)
    with pytest.raises(InputError) as caught:
        merge([second, first], tmp_path / "merged")
    message = str(caught.value)
    assert message.startswith(f"{second}: of another run than {first}: ")
    assert all(word in message for word in words)
    assert message.count(", not ") == len(words)
    assert not (tmp_path / "merged").exists()


def test_shards_of_other_inputs_are_refused(source, target, tmp_path):
    first, _ = write_shards(source, target, tmp_path, 2)
    (tmp_path / "other").mkdir()
    files = (InputFile("source.npz", 1, "cc"),)
    other = replace(source, origin=replace(source.origin, files=files))
    _, second = write_shards(other, target, tmp_path / "other", 2)
    with pytest.raises(InputError, match=r"source source.npz \(sha256 cc\), not source.npz \(sha256 aa\)"):
        merge([first, second], tmp_path / "merged")


def test_shards_of_another_version_are_refused(source, target, tmp_path):
    first, second = write_shards(source, target, tmp_path, 2)
    for folder, match in ((second, "version 0.0.1, not "), (first, "written by poseda 0.0.1, this is ")):
        with h5py.File(folder / "augmented.h5", "r+") as file:
            found = json.loads(file.attrs["provenance"])
            file.attrs["provenance"] = json.dumps({**found, "version": "0.0.1"})
        with pytest.raises(InputError, match=match):
            merge([first, second], tmp_path / "merged")


def test_missing_doubled_and_foreign_shards_are_refused(source, target, tmp_path):
    shards = write_shards(source, target, tmp_path, 4)
    poseda.write(poseda.align(source, target), tmp_path / "whole")
    (tmp_path / "empty").mkdir()
    for given, match in (
        ([shards[0], shards[2]], "missing: 2/4, 4/4. Make them with poseda align --shard"),
        ([*shards, shards[1]], f"2/4 is there twice: {shards[1]}, {shards[1]}"),
        ([*shards, tmp_path / "whole"], "whole: not a shard"),
        ([*shards, tmp_path / "empty"], "empty: no augmented.h5 there"),
        ([*shards, tmp_path / "nowhere"], "nowhere: no augmented.h5 there"),
        ([], "No shard to merge"),
    ):
        with pytest.raises(InputError, match=match):
            merge(given, tmp_path / "merged")
    with pytest.raises(OutputError, match="exists already"):
        merge(shards, tmp_path / "whole")
    with pytest.raises(OutputError, match="holds the input"):
        merge(shards, shards[0], overwrite=True)
    merge(shards, tmp_path / "whole", overwrite=True)


@pytest.mark.parametrize("name", ["about", "aligned", "numbers"])
def test_a_record_that_was_altered_is_an_input_error(source, target, tmp_path, name):
    shards = write_shards(source, target, tmp_path, 2)
    with h5py.File(shards[1] / "augmented.h5", "r+") as file:
        values = file["shard"][name][()]
        del file["shard"][name]
        file["shard"][name] = values[: len(values) // 2]
    with pytest.raises(InputError, match="not as poseda writes it"):
        merge(shards, tmp_path / "merged")


# How a run is cut


@pytest.mark.parametrize(("rows", "copies", "count"), [(10, [0], 3), (7, [-1, 0, 1], 4), (3, [0, 1], 6), (5, [0], 1)])
def test_shards_cover_every_row_once_in_order_and_evenly(rows, copies, count):
    cut = [pieces_of(rows, copies, Shard(index, count)) for index in range(1, count + 1)]
    covered = [(copy, row) for pieces in cut for copy, start, stop in pieces for row in range(start, stop)]
    assert covered == [(copy, row) for copy in copies for row in range(rows)]
    sizes = [sum(piece.stop - piece.start for piece in pieces) for pieces in cut]
    assert max(sizes) - min(sizes) <= 1
    assert pieces_of(rows, copies, None) == [Piece(copy, 0, rows) for copy in copies]


def test_a_part_has_the_rows_that_its_pieces_need(source):
    part = part_of(source, [Piece(0, 230, 240), Piece(1, 0, 25)])
    wanted = [*range(25), *range(230, 240)]
    np.testing.assert_array_equal(part.dataset.poses_3d, source.poses_3d[wanted])
    assert part.dataset.rows.tolist() == wanted
    assert part.numbers.tolist() == [0, 1, 11]
    assert [s.length for s in part.dataset.sequences] == [20, 5, 10]
    assert [part.local(row) for row in (0, 24, 230, 239)] == [0, 24, 25, 34]
    assert part_of(source, [Piece(0, 100, 240), Piece(1, 0, 100)]).dataset is source
    assert np.shares_memory(part_of(source, [Piece(0, 10, 50)]).dataset.poses_3d, source.poses_3d)


def test_more_shards_than_rows_are_refused(source, target):
    with pytest.raises(InputError, match="there are only 240 rows"):
        poseda.align(source, target, shard=(1, 241))


@pytest.mark.parametrize("text", ["", "3", "1/", "/2", "0/2", "3/2", "-1/2", "1.0/2", "1/2/3", "1/0", "٣/٤", "a/b"])
def test_what_is_no_shard(text):
    with pytest.raises(UsageError, match="--shard .*I/N"):
        Shard.parse(text)


def test_shards_by_name():
    assert Shard.parse("2/8") == Shard.parse(" 02/08 ") == Shard(2, 8)
    assert str(Shard(2, 8)) == "2/8"
    with pytest.raises(UsageError):
        Shard(9, 8)
