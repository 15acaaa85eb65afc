from __future__ import annotations

import re

import pytest

from poseda_cli.commands.help import Section, paragraphs, table
from poseda_cli.commands.terminal import Terminal
from tests.commands.on_terminal import on_terminal

SECTIONS = [
    Section("", [("  SOURCE...", "Archives.")]),
    Section("Empty", []),
    Section("How", [("      --seed N", "Of the draw."), ("  -q, --quiet", "Errors only, and nothing else.")]),
]


def test_meanings_of_all_sections_begin_in_one_column():
    assert table(SECTIONS, Terminal(40)) == [
        "  SOURCE...     Archives.",
        "How:\n      --seed N  Of the draw.\n  -q, --quiet   Errors only, and nothing\n                else.",
    ]


def test_on_a_narrow_terminal_meanings_stand_below_the_names():
    assert table(SECTIONS, Terminal(25))[1] == (
        "How:\n      --seed N\n        Of the draw.\n  -q, --quiet\n        Errors only, and\n        nothing else."
    )


def test_a_long_name_does_not_push_all_meanings_to_the_right():
    rows = [("  --a-name-of-more-than-thirty-characters", "Long."), ("  --short", "Short.")]
    assert table([Section("", rows)], Terminal(80)) == [
        "  --a-name-of-more-than-thirty-characters\n           Long.\n  --short  Short."
    ]


def test_paragraphs_are_wrapped_at_words_and_nowhere_else():
    assert paragraphs("One two\nthree.\n\nExample: a-b c", Terminal(7)) == ["One two\nthree.", "Example:\na-b c"]


def test_titles_are_bold_where_there_is_colour():
    assert table(SECTIONS, Terminal(40, colour=True))[1].startswith("\033[1mHow:\033[0m\n")


def test_options_show_their_forms_values_ranges_and_defaults(poseda):
    lines = poseda("align", "--help").stdout.splitlines()
    assert lines[0] == "Usage: poseda align SOURCE... --target TARGET... --out DIR [OPTIONS]"
    column = lines[lines.index("What goes in:") + 1].index("Layout of")
    shown = {line[:column].strip(): line[column:] for line in lines if line.startswith("  ")}
    for name, meaning in (
        ("SOURCE...", "Archives or folders with 3D poses. [required]"),
        ("-t, --target TARGET...", "Archives or folders with 2D poses. [required]"),
        ("--target-stride N", "Every N-th frame. [default: 1] [N>=1]"),
        ("--skeleton h36m17|h36m16", "Joints to write. [default: h36m17]"),
        ("--plot-format png|svg|pdf", "What --plot draws. [default: png]"),
        ("-q, --quiet", "Errors only."),
    ):
        assert shown[name] == meaning


def test_options_stand_in_their_panels_and_help_is_the_last(poseda):
    parts = poseda("align", "--help").stdout.rstrip().split("\n\n")[3:]
    named = {part.splitlines()[0]: re.findall(r"^ +(?:-., )?(--[a-z-]+)", part, flags=re.MULTILINE) for part in parts}
    assert list(named)[1:] == ["What goes in:", "How it is aligned:", "What comes out:", "How it runs:"]
    for names, option in zip(named.values(), ("--target", "--layout", "--depth", "--to", "--jobs"), strict=True):
        assert option in names
    assert named["How it runs:"][-1] == "--help"


def test_what_may_be_left_out_is_in_brackets(poseda):
    assert poseda("layouts", "--help").stdout.startswith("Usage: poseda layouts [NAME] [OPTIONS]\n")


@pytest.mark.parametrize("columns", [50, 200])
def test_the_width_changes_only_where_lines_end(poseda, columns):
    text = poseda("compare", "--help", COLUMNS=str(columns)).stdout
    assert text.split() == poseda("compare", "--help").stdout.split()
    assert max(map(len, text.splitlines())) <= min(columns, 100)


def test_help_is_bold_on_a_terminal_that_wants_it():
    arguments = ("-m", "poseda_cli", "sample", "--help")
    text = on_terminal(*arguments)
    assert text.startswith("\033[1mUsage:\033[0m poseda sample")
    assert "\033[1mOptions:\033[0m\n" in text
    assert "\033" not in on_terminal(*arguments, NO_COLOR="1")
