"""A bounded run over every layout, and whether the runner notices what it is there for."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from poseda_cli.layouts import LAYOUTS
from tests.fuzzing.corpus import corpus
from tests.fuzzing.misbehaving import WAYS, misbehave, one_file
from tests.fuzzing.mutation import case
from tests.fuzzing.raw import spoil_bytes
from tests.fuzzing.reading import read_case
from tests.fuzzing.runner import died, in_turn, run
from tests.fuzzing.worker import CRASH, FINDING, READ, REFUSED, judge

SEED, CASES = 1, 15

# What must be said of each reader of `misbehaving`.
SAID = {
    "crash": "SIGSEGV",
    "leave": "exit code 0",
    "hang": "no answer within 3 seconds",
    "warn": "RuntimeWarning: something",
    "overflow": "RuntimeWarning: overflow encountered",
    "foreign": "KeyError: 'positions_3d'",
    "exhaust": "MemoryError",
    "exit": "SystemExit: 0",
    "silent": "names no file",
    "nameless": "names no file",
    "steering": "control characters",
    "long": "3 lines",
    "complain": "ValueError: in a finaliser",
}


def test_spoilt_archives_are_read_or_refused():
    table = run(in_turn(LAYOUTS, SEED, CASES), partial(case, corpus()), read_case, processes=2)
    assert not table.findings, "\n".join(f"{f.layout} {f.seed}: {f.outcome.text}" for f in table.findings)
    assert {layout: counts.total() for layout, counts in table.counts.items()} == dict.fromkeys(LAYOUTS, CASES)
    # Where all were refused, or none, nothing would be tried.
    assert all(counts[READ] and counts[REFUSED] for counts in table.counts.values())


def test_runner_notices_misbehaviour():
    table = run(in_turn(WAYS, 0, 1), one_file, misbehave, processes=2, patience=3)
    found = {finding.layout: finding.outcome.text for finding in table.findings}
    assert set(found) == set(SAID) == set(WAYS) - {"read", "refuse"}
    for name, said in SAID.items():
        assert said in found[name]
    assert (table.counts["read"][READ], table.counts["refuse"][REFUSED]) == (1, 1)


def test_run_goes_on_after_a_crash():
    jobs = iter([("crash", 0), ("read", 0), ("refuse", 0)])
    table = run(jobs, one_file, misbehave)
    assert {layout: dict(counts) for layout, counts in table.counts.items()} == {
        "crash": {FINDING: 1},
        "read": {READ: 1},
        "refuse": {REFUSED: 1},
    }


@pytest.mark.parametrize(
    ("innermost", "kind"),
    [
        ("/x/site-packages/scipy/io/matlab/_mio5.py", CRASH),
        ("/x/site-packages/h5py/_hl/attrs.py", CRASH),
        ("/x/poseda_cli/storage/matlab.py", FINDING),
        ("/x/site-packages/numpy/_core/numeric.py", FINDING),
    ],
)
def test_crashes_in_libraries_are_counted_on_their_own(innermost, kind):
    other = 'Thread 0x01 (most recent call first):\n  File "/x/site-packages/h5py/a.py", line 1 in b\n\n'
    called = f'  File "{innermost}", line 7 in f\n  File "/x/site-packages/scipy/io/c.py", line 2 in d\n'
    outcome = died(-11, f"Fatal Python error\n\n{other}Current thread 0x02 (most recent call first):\n{called}")
    assert outcome.kind == kind and "SIGSEGV" in outcome.text


def test_run_ends_when_time_is_up():
    table = run(in_turn(["read"], 0), one_file, misbehave, seconds=0.3)
    assert table.counts["read"][READ] > 1 and not table.findings


@pytest.mark.parametrize("layout", LAYOUTS)
def test_archives_that_are_not_spoilt_are_read(layout, tmp_path):
    for number, files in enumerate(corpus()[layout]):
        folder = tmp_path / str(number) / "archive"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        outcome = judge(folder, layout, Random(number), read_case)
        assert outcome.kind == READ, outcome.text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cases_are_spoilt_and_a_seed_gives_the_same_again(layout):
    spoilt = 0
    for seed in range(8):
        files, rng = case(corpus(), layout, seed)
        again, other = case(corpus(), layout, seed)
        assert files.keys() == again.keys() and rng.random() == other.random()
        spoilt += files not in corpus()[layout]
    assert spoilt >= 6


def test_bytes_are_spoilt_in_every_way():
    data, other = bytes(range(256)) * 4, b"other" * 300
    results = {spoil_bytes(Random(seed), data, other) for seed in range(200)}
    assert len(results) > 150
    assert {len(result) < len(data) for result in results} == {True, False}
    assert any(len(result) > len(data) for result in results)
    assert spoil_bytes(Random(0), b"", other) in other
