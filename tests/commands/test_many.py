from __future__ import annotations

import json

import pytest

from poseda_cli.commands.many import repeat_option

FLAGS = {"--json", "-j", "-q", "--overwrite"}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("s --target a -o x", "s --target a -o x"),
        ("s --target a b c -o x", "s --target a --target b --target c -o x"),
        ("s1 s2 -t a b", "s1 s2 -t a -t b"),
        ("s --json --target a b", "s --json --target a --target b"),
        ("s --target a -q b", "s --target a -q b"),
        ("s --target a --target b c", "s --target a --target b --target c"),
        # No source yet: what follows the one value must be the source.
        ("--target a s -o x", "--target a s -o x"),
        ("-o x --target a s1", "-o x --target a s1"),
        ("--seed 3 s --target a b", "--seed 3 s --target a --target b"),
        ("s --target=a b", "s --target=a --target b"),
        ("s --target a -- b", "s --target a -- b"),
        ("--target a b -- s", "--target a --target b -- s"),
        ("-qj s --target a b", "-qj s --target a --target b"),
        ("s --target - b", "s --target - --target b"),
    ],
)
def test_an_option_with_many_values(given, meant):
    assert repeat_option(given.split(), ("--target", "-t"), FLAGS) == meant.split()


@pytest.mark.parametrize("order", ["source first", "target first", "repeated"])
def test_several_targets_on_the_command_line(poseda, source_file, target_folder, tmp_path, order):
    one, two = target_folder / "TS1", target_folder / "TS5"
    arguments = {
        "source first": [source_file, "--target", one, two],
        "target first": ["--target", one, "--target", two, source_file],
        "repeated": [source_file, "-t", one, "-t", two],
    }[order]
    summary = json.loads(poseda("align", *arguments, "-o", tmp_path / "out", "--subjects", "S1", "--json").stdout)
    assert summary["target"]["paths"] == ["TS1/annot_data.mat", "TS5/annot_data.mat"]
    assert summary["target"]["subjects"] == ["TS1", "TS5"]
