from __future__ import annotations

import json
from dataclasses import replace

from poseda_cli.dataset import InputFile, Problem
from poseda_cli.provenance import inputs_of, side_of
from tests import datasets


def test_inputs_by_name_size_and_checksum():
    assert inputs_of(datasets.source()) == [{"name": "source.npz", "size": 1, "sha256": "aa"}]


def test_a_side_as_the_summary_has_it():
    source = datasets.source()
    files = (InputFile("a/one.npz", 1, "aa"), InputFile("a/two.npz", 2, "bb"))
    problems = (Problem("damaged-truth", "warning", "off"),)
    side = side_of(replace(source, origin=replace(source.origin, files=files, problems=problems)))
    assert side == {
        "paths": ["a/one.npz", "a/two.npz"],
        "layout": "test",
        "dataset": "h36m",
        "poses": 240,
        "sequences": 12,
        "subjects": ["S1", "S5"],
        "cameras": ["left", "right"],
        "sha256": ["aa", "bb"],
        "notes": ["metres"],
        "problems": [{"code": "damaged-truth", "severity": "warning", "message": "off"}],
    }
    assert json.loads(json.dumps(side)) == side


def test_a_side_is_what_was_selected():
    side = side_of(datasets.source().select(subjects=["S5"], cameras=["right"]))
    assert (side["subjects"], side["cameras"], side["poses"]) == (["S5"], ["right"], 60)
