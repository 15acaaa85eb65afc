"""Runs that are ended: the place of their output is as it was, or complete."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults.places import State, align, ended, small_inputs, state

NAMES = {signal.SIGINT: 130, signal.SIGTERM: 143}
LEFT = {".out.poseda-tmp", ".out.poseda-lock"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return small_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def old(small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output that is there before."""
    folder = tmp_path_factory.mktemp("old") / "out"
    assert align(folder, "--seed", 1, what=small)
    return folder


@pytest.fixture(scope="module")
def new(small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> State:
    """What the run that is ended would write."""
    return align(tmp_path_factory.mktemp("new") / "out", "--seed", 2, what=small)


def prepared(place: Path, old: Path | None) -> Path:
    """A folder with the old output in it, or with nothing."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if old:
        shutil.copytree(old, place / "out")
    return place / "out"


def command(small: tuple[str, ...], out: Path) -> list[str]:
    return [*small, "-o", str(out), "--seed", "2", "--overwrite"]


def beside(out: Path) -> set[str]:
    return {path.name for path in out.parent.iterdir()} - {out.name}


def checked(out: Path, old: Path | None, new: State, status: int, left: set[str]) -> bool:
    """Whether the new output is there, once everything that may not be is known not to be; `left` by runs before."""
    found, before = state(out), state(old) if old else None
    assert found in (before, new)
    assert beside(out) <= (LEFT if os.WIFSIGNALED(status) else left)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) or found == new
    return found == new


@pytest.mark.parametrize(
    ("existed", "number", "every"),
    [(False, signal.SIGKILL, 2), (True, signal.SIGKILL, 1), (True, signal.SIGTERM, 3)],
    ids=["kill, nothing there", "kill, overwrite", "term, overwrite"],
)
def test_at_each_call_that_changes_the_disk(existed, number, every, small, old, new, tmp_path):
    before = old if existed else None
    place = tmp_path / "place"
    out = prepared(place, before)
    whole = {"arguments": command(small, out), "place": str(place), "signal": int(number), "point": -1}
    ((_, result),) = ended([whole], tmp_path)
    assert state(out) == new and list(place.iterdir()) == [out]
    calls = result["calls"]
    # Lock, folder, file, poses in several parts, summary, three times fsync, rename, lock away.
    assert calls >= 12
    seen, left = [], set()
    out = prepared(place, before)
    for case, result in ended(
        ({**whole, "point": point} for point in [*range(0, calls - 1, every), calls - 1]), tmp_path
    ):
        if number == signal.SIGKILL:
            assert os.WIFSIGNALED(result["status"]), case
        seen.append(checked(out, before, new, result["status"], left))
        left = beside(out)
        # What a killed run left is cleared away by the next one to the same place, not by the test.
        shutil.rmtree(out, ignore_errors=True)
        if before:
            shutil.copytree(before, out)
    assert not seen[0] and seen[-1]
    # The old until some moment, from then on the new; a signal may be put off until the run is over.
    assert seen == sorted(seen) or number != signal.SIGKILL


@pytest.mark.parametrize("existed", [False, True], ids=["nothing there", "overwrite"])
def test_at_random_moments(existed, small, old, new, tmp_path):
    before, place = old if existed else None, tmp_path / "place"
    moments = random.Random(6)
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    out = prepared(place, before)
    cases = [
        {"arguments": command(small, out), "signal": int(signals[n % 3]), "seconds": moments.uniform(0.005, 0.15)}
        for n in range(51)
    ]
    ends, left = set(), set()
    for case, result in ended(cases, tmp_path):
        status = result["status"]
        checked(out, before, new, status, left)
        left = beside(out)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        assert code in (0, -case["signal"], NAMES.get(signal.Signals(case["signal"]))), case
        ends.add(code)
        shutil.rmtree(out, ignore_errors=True)
        if before:
            shutil.copytree(before, out)
    assert {-signal.SIGKILL, 130, 143} <= ends
    assert align(out, "--seed", 2, "--overwrite", what=small) == new
    assert list(place.iterdir()) == [out]


def test_a_run_beside_a_dead_one_of_another_name_leaves_it_alone(tmp_path):
    (tmp_path / ".other.poseda-tmp").mkdir()
    (tmp_path / ".other.poseda-tmp" / "augmented.h5").write_text("half")
    align(tmp_path / "out")
    assert (tmp_path / ".other.poseda-tmp" / "augmented.h5").read_text() == "half"
