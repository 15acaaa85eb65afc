from __future__ import annotations

import time

import pytest

from poseda_cli.suggestions import did_you_mean, nearest


@pytest.mark.parametrize(
    ("given", "known", "expected"),
    [
        ("week", ["weak", "exact"], ["weak"]),
        ("s11", ["S1", "S11", "TS1"], ["S11"]),
        ("H36M17", ["h36m17", "h36m16"], ["h36m17"]),
        ("Eating", ["Directions", "Posing"], []),
        ("a", [], []),
    ],
)
def test_the_nearest_come_first(given, known, expected):
    assert nearest(given, known) == expected


def test_names_that_differ_in_capitals_alone_are_both_there():
    assert sorted(nearest("walk", ["WALK", "Walk", "sit"])) == ["WALK", "Walk"]


def test_as_the_end_of_a_message():
    assert did_you_mean("pstmoo", ["poseda", "pstmo"]) == " Did you mean pstmo?"
    assert did_you_mean("x", ["poseda"]) == ""


def test_names_of_a_file_do_not_steer_the_terminal():
    assert did_you_mean("S1", ["S1\x1b[2J"]) in ("", " Did you mean S1\ufffd[2J?")
    assert "\x1b" not in did_you_mean("aaaa1", ["aaaa\x1b"])
    assert did_you_mean("aaaa1", ["aaaa\x1b"]) == " Did you mean aaaa\ufffd?"


def test_very_many_and_very_long_names_take_no_time():
    began = time.monotonic()
    nearest("x" * 1_000_000, (f"{'x' * 100_000}{number}" for number in range(3)))
    nearest("camera", (f"{number}" for number in range(10_000_000)))
    assert time.monotonic() - began < 10
