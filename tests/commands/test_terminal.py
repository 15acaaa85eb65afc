from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from pathlib import Path

import pytest
from rich.text import Text

from poseda_cli.commands.terminal import Terminal, terminal_of

KINDS = {"TERM": "xterm-256color", "COLUMNS": "", "NO_COLOR": "", "COLORTERM": "", "FORCE_COLOR": ""}


def of_terminal(monkeypatch, columns=100, encoding="utf-8", **environment):
    """What is found of a terminal of so many columns."""
    for name, value in {**KINDS, **environment}.items():
        monkeypatch.setenv(name, value)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w", encoding=encoding) as stream:
        found = terminal_of(stream)
    os.close(master)
    return found


def test_a_terminal_can_do_everything(monkeypatch):
    assert of_terminal(monkeypatch) == Terminal(width=100, unicode=True, colour=True)


@pytest.mark.parametrize(
    ("environment", "unicode", "colour"),
    [
        ({"NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "unknown"}, False, False),
        ({"TERM": ""}, False, False),
        ({"TERM": "linux"}, False, True),
        ({"encoding": "ascii"}, False, True),
        ({"encoding": "latin-1"}, False, True),
        ({"encoding": "UTF8"}, True, True),
    ],
)
def test_terminals_that_can_do_less(monkeypatch, environment, unicode, colour):
    assert of_terminal(monkeypatch, **environment)[1:] == (unicode, colour)


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("0", 100), ("many", 100), ("-5", 100)])
def test_the_width_that_the_user_states_comes_first(monkeypatch, columns, width):
    assert of_terminal(monkeypatch, COLUMNS=columns).width == width


def test_a_terminal_that_does_not_know_its_width_has_80_columns(monkeypatch):
    assert of_terminal(monkeypatch, columns=0).width == 80


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"COLORTERM": "truecolor"}])
def test_what_is_no_terminal_gets_plain_ascii(monkeypatch, tmp_path, environment):
    for name, value in {**KINDS, **environment}.items():
        monkeypatch.setenv(name, value)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as pipe, Path(tmp_path / "file").open("w", encoding="utf-8") as file:
        for stream in (pipe, file, io.StringIO()):
            assert terminal_of(stream) == Terminal(width=80, unicode=False, colour=False)
        monkeypatch.setenv("COLUMNS", "120")
        assert terminal_of(pipe).width == 120
    os.close(reader)


def test_no_escape_codes_without_colour():
    assert Terminal().render(Text("bold", "bold red underline link https://example.org")) == "bold"


def test_colours_are_those_of_the_256(monkeypatch):
    for name, value in KINDS.items():
        monkeypatch.setenv(name, value)
    assert Terminal(colour=True).render(Text("scale", "color(130)")) == "\x1b[38;5;130mscale\x1b[0m"


def test_text_is_taken_as_it_is_and_never_cut():
    text = "[red]S1[/red] :smile: 54138969 " + 300 * "x"
    assert Terminal(width=20).render(text) == text


def test_a_table_is_as_wide_as_its_cells_whatever_the_terminal():
    for terminal, rule in ((Terminal(width=10), "-"), (Terminal(width=10, unicode=True), "─")):
        table = terminal.new_table()
        table.add_column("action")
        table.add_column("poses", justify="right")
        table.add_row("WalkTogether", "1,559,752")
        assert terminal.render("above", table).split("\n") == [
            "above",
            "action            poses",
            rule * 23,
            "WalkTogether  1,559,752",
        ]
        assert not terminal.fits(table)
        assert not terminal._replace(width=22).fits(table)
        assert terminal._replace(width=23).fits(table)
