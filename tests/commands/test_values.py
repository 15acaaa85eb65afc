"""Values from the command line: what typer makes of them, without pydantic."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.core import TyperCommand

from poseda_cli.commands.many import ManyTargets


def example(
    paths: Annotated[list[Path], typer.Argument(readable=False)],
    out: Annotated[Path, typer.Option()],
    text: Annotated[str, typer.Option()] = "gpa",
    name: Annotated[str | None, typer.Option()] = None,
    names: Annotated[list[str] | None, typer.Option()] = None,
    file: Annotated[Path | None, typer.Option()] = None,
    count: Annotated[int, typer.Option(min=1)] = 1,
    jobs: Annotated[int | None, typer.Option()] = None,
    kind: Annotated[Literal["weak", "exact"], typer.Option()] = "weak",
    flag: Annotated[bool, typer.Option("--flag")] = False,
):
    return dict(locals())


def values(command_class, *arguments):
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(cls=command_class)(example)
    try:
        return typer.main.get_command(app).main(list(arguments), standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()


@pytest.mark.parametrize(
    "arguments",
    [
        ("a", "--out", "b"),
        ("a", "b/", "--out", "./c", "--text", "", "--name", "n m", "--names", "S1", "--names", "S2"),
        ("a", "--out", "nowhere/b", "--file", "c", "--flag", "--kind", "exact", "--count", "3", "--jobs", "2"),
        ("a", "--out", ".", "--file", __file__, "--kind", "weak", "--count", "1", "--text", "gpa"),
        ("a", "--out", "b", "--count", "0"),
        ("a", "--out", "b", "--count", "x"),
        ("a", "--out", "b", "--kind", "other"),
        ("--out", "b"),
        ("a",),
        ("", "--out", ""),
    ],
)
def test_values_and_messages_are_those_of_typer(arguments):
    expected = values(TyperCommand, *arguments)
    found = values(ManyTargets, *arguments)
    assert found == expected
    if isinstance(expected, dict):
        assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]
        assert [type(path) for path in found["paths"]] == [type(path) for path in expected["paths"]]


def test_typer_is_asked_about_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "secret").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    arguments = ("a", "--out", "b", "--file", str(tmp_path / "secret"))
    assert "is not readable" in values(ManyTargets, *arguments)
    # Of these nobody asks.
    assert values(ManyTargets, str(tmp_path / "secret"), "--out", "b")["paths"] == [tmp_path / "secret"]


@pytest.mark.parametrize(
    ("arguments", "takes_pydantic"),
    [
        (("inspect", "nowhere", "--headers", "--layout", "plain", "-q"), False),
        (("align", "nowhere", "--target", "x", "y", "--out", "z", "--subjects", "S1"), False),
        (("convert", "nowhere", "--to", "plain", "--out", "z"), False),
        (("align", "nowhere", "--target", "x", "--out", "z", "--stride", "2"), True),
    ],
)
def test_only_numbers_and_choices_take_pydantic(tmp_path, arguments, takes_pydantic):
    assert ("pydantic" in modules_after(tmp_path, *arguments)) == takes_pydantic


def modules_after(folder, *arguments):
    script = (
        "import sys\n"
        "from poseda_cli.commands.app import main\n"
        "try: main()\n"
        "finally: print('modules', *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=120
    )
    return done.stderr.split("modules ")[-1].split()
