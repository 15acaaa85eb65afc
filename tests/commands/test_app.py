from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

COMMANDS = ("align", "convert", "inspect", "compare", "sample", "layouts", "cameras", "skeletons")


def test_version(poseda):
    assert re.fullmatch(r"poseda \d+\.\d+\.\d+\n", poseda("--version").stdout)


def test_help_lists_every_command_and_exit_code(poseda):
    text = poseda("--help").stdout
    for name in COMMANDS:
        assert f" {name} " in text
    for phrase in ("0 done", "1 a fault of ours", "2 wrong usage", "3 input cannot be used", "4 output not written"):
        assert phrase in " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_a_purpose_and_an_example_and_fits_80_columns(poseda, name):
    text = poseda(name, "--help").stdout
    assert f"Usage: poseda {name}" in text
    assert f"Example: poseda {name}" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_of_align_groups_the_options_and_shows_defaults(poseda):
    text = poseda("align", "--help").stdout
    for group in ("What goes in", "How it is aligned", "What comes out", "How it runs"):
        assert group in text
    flat = " ".join(text.replace("│", " ").split())
    for option, default in (("--depth", "weak"), ("--screen", "aspect"), ("--copies", "1"), ("--seed", "0")):
        assert re.search(rf"{option} .*?\[default: {default}\]", flat)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["align"], "Missing"),
        (["align", "a.npz", "-o", "out"], "Missing option '--target'"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--depth", "deep"], "'deep' is not one of 'weak', 'exact'"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--copies", "0"], "--copies"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--sed", "3"], "--seed"),
        (["alin"], "Did you mean 'align'?"),
        (["sample", "-o", "out", "--poses", "10"], "at least 112"),
    ],
)
def test_wrong_usage(poseda, arguments, message):
    result = poseda(*arguments, code=2)
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert result.stdout == ""


def test_starting_stays_light():
    script = "import sys; from poseda_cli.commands.app import app; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    for heavy in ("numpy", "h5py", "scipy", "matplotlib", "tqdm", "rich.table"):
        assert heavy not in modules


def test_a_fault_of_ours_is_short_and_leaves_the_details_in_a_file(tmp_path):
    script = (
        "import sys, poseda_cli.layouts as layouts\n"
        "def read(*arguments):\n    raise ZeroDivisionError('of course')\n"
        "layouts.read = read\n"
        "from poseda_cli.commands.app import main\nmain()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "align", "a", "-t", "b", "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "fault of ours" in result.stderr
    (details,) = tmp_path.glob("poseda-fault-*.txt")
    assert str(details) in result.stderr
    assert "ZeroDivisionError: of course" in details.read_text()
