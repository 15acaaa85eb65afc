"""What several jobs read is read and hashed once, and kept no longer than it is needed."""

from __future__ import annotations

import pytest

from poseda_cli import layouts
from poseda_cli.commands import memory
from poseda_cli.commands.console import Console
from poseda_cli.commands.running import AlignRun
from poseda_cli.commands.shared_sides import SharedSides, places_of
from poseda_cli.errors import InputError
from poseda_cli.progress import silent
from poseda_cli.storage import checksums


@pytest.fixture
def reads(monkeypatch):
    """The files of each side that is read."""
    found = []
    read = layouts.read_groups

    def counted(groups, *more):
        found.append(sorted(archive.name for archives in groups.values() for archive in archives))
        return read(groups, *more)

    monkeypatch.setattr(layouts, "read_groups", counted)
    return found


@pytest.fixture
def run(tmp_path, source_file, target_folder):
    def asked(name, target=target_folder, **options):
        return places_of(AlignRun([source_file], [target], tmp_path / name, **options))

    return asked


def test_sides_of_several_jobs_are_read_once(reads, run, target_folder):
    jobs = [run("a"), run("b", seed=1, subjects=["S1"]), run("c", to=["videopose3d"]), run("d", target_folder / "TS1")]
    sides = SharedSides(jobs)
    taken = []
    for places in jobs:
        taken.append(sides.take(places, silent))
        sides.release()
    assert [names[0].split("/")[0] for names in reads] == ["data_3d_h36m.npz", "mpi_inf_3dhp_test_set"]
    source, target = taken[0]
    assert [places[0] is source for places in taken] == [True] * 4
    assert [places[1] is target for places in taken[:3]] == [True] * 3
    # Nobody else needs it: the job's own process reads it.
    assert taken[3][1] is None


def test_nothing_is_kept_that_nobody_needs(run, target_folder):
    jobs = [run("a"), run("b"), run("c", target_folder / "TS1")]
    sides = SharedSides(jobs)
    for places, kept in zip(jobs, (2, 1, 0), strict=True):
        sides.take(places, silent)
        sides.release()
        assert len(sides._read) == kept


def test_another_layout_or_limit_is_another_reading(run):
    source, _ = run("a")
    assert source == run("b")[0]
    assert source != run("c", layout="videopose3d")[0]
    assert source != run("d", max_size="1G")[0]


def test_without_memory_for_the_next_side_those_of_other_jobs_go(run, target_folder, monkeypatch):
    jobs = [run("a"), run("b", target_folder / "TS1"), run("c")]
    sides = SharedSides(jobs)
    sides.take(jobs[0], silent)
    assert len(sides._read) == 2
    left = iter([0, 1 << 40, 0, 0])
    monkeypatch.setattr(memory, "available", lambda: next(left))
    monkeypatch.setattr(memory, "resident", lambda: 0)
    sides.check_memory(jobs[1], Console(quiet=True))
    assert [place.paths for place in sides._read] == [jobs[0][0].paths]
    with pytest.raises(InputError, match="takes about"):
        sides.check_memory(jobs[1], Console(quiet=True))


def test_a_file_is_hashed_again_only_when_it_was_written_to(tmp_path, monkeypatch):
    from poseda_cli.storage.files import LocalFile, input_file

    hashed = []
    monkeypatch.setattr(checksums, "_remembered", {})
    monkeypatch.setattr(checksums, "input_file", lambda file, advance: hashed.append(file) or input_file(file, advance))
    path = tmp_path / "a.npz"
    path.write_bytes(b"one")
    file = LocalFile(path, "a.npz")
    # printf one | sha256sum
    one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert [checksums.checksum(file).sha256 for _ in range(3)] == [one] * 3
    assert len(hashed) == 1
    path.write_bytes(b"two!")
    assert checksums.checksum(file).sha256 != one
    assert len(hashed) == 2
