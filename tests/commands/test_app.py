from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.commands.on_terminal import on_terminal
from tests.conftest import REPO, SAMPLE

SOURCE, TARGET = SAMPLE / "data_3d_h36m.npz", SAMPLE / "mpi_inf_3dhp_test_set"
COMMANDS = (
    "align",
    "batch",
    "merge",
    "convert",
    "inspect",
    "compare",
    "probe",
    "verify",
    "sample",
    "layouts",
    "cameras",
    "skeletons",
)


def test_version(poseda):
    assert re.fullmatch(r"poseda \d+\.\d+\.\d+\n", poseda("--version").stdout)


def test_help_lists_every_command_and_exit_code(poseda):
    text = poseda("--help").stdout
    commands = text.split("Commands:\n")[1].split("\n\n")[0]
    assert re.findall(r"^  ([a-z]+) +[A-Z].*\.$", commands, flags=re.MULTILINE) == list(COMMANDS)
    codes = text.split("Exit codes:\n")[1].split("\n\n")[0]
    assert [int(line.split()[0]) for line in codes.splitlines()] == [0, 1, 2, 3, 4, 5, 129, 130, 143]
    flat = " ".join(codes.split())
    for phrase in ("0 done", "1 a fault of ours", "2 wrong usage", "3 input cannot be used", "4 output not written"):
        assert phrase in flat


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_a_purpose_and_an_example_and_fits_80_columns(poseda, name):
    text = poseda(name, "--help").stdout
    assert f"Usage: poseda {name}" in text
    assert f"Example: poseda {name}" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_terminals(name, columns):
    text = re.sub(r"\033\[\d*m", "", on_terminal("-m", "poseda_cli", *filter(None, [name]), "--help", columns=columns))
    assert max(map(len, text.splitlines())) <= columns
    assert "POSEDA_SEED" in text or name


def test_help_of_align_groups_the_options_and_shows_defaults(poseda):
    text = poseda("align", "--help").stdout
    for group in ("What goes in", "How it is aligned", "What comes out", "How it runs"):
        assert group in text
    flat = " ".join(text.split())
    for option, default in (("--depth", "weak"), ("--screen", "aspect"), ("--copies", "1"), ("--seed", "0")):
        assert re.search(rf"{option} .*?\[default: {default}\]", flat)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["align"], "Missing"),
        (["align", "a.npz", "-o", "out"], "Missing option '--target'"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--depth", "deep"], "'deep' is not one of 'weak', 'exact'"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--depth", "week"], "'exact'. Did you mean weak?"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--copies", "0"], "--copies"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--sed", "3"], "No such option: --sed. Did you mean --seed, "),
        (["align", "a.npz", "-t", "b", "-o"], "Option '-o' requires an argument"),
        (["alin"], "No such command 'alin'. Did you mean 'align'?"),
        (["--align"], "No such option: --align"),
        (["sample", "-o", "out", "--poses", "10"], "at least 112"),
    ],
)
def test_wrong_usage(poseda, arguments, message):
    result = poseda(*arguments, code=2)
    assert message in result.stderr
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) <= 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["align", "--sed", "3"], "poseda align"),
        (["alin"], "poseda"),
        (["align", "a.npz", "-t", "b", "-o"], "poseda align"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--plot=x"], "poseda align"),
        (["align", "a.npz", "-t", "b", "-o", "out", "--depth", "week"], "poseda align"),
        (["--version=x"], "poseda"),
    ],
)
def test_wrong_usage_says_where_the_right_one_stands(poseda, arguments, hint):
    assert poseda(*arguments, code=2).stderr.splitlines()[1:] == [f"Try '{hint} --help'."]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["align", SOURCE, "-t", TARGET, "-o", "out", "--subjects", "S12"], "S1"),
        (["align", SOURCE, "-t", TARGET, "-o", "out", "--actions", "Directons"], "Directions"),
        (["align", SOURCE, "-t", TARGET, "-o", "out", "--cameras", "54138968"], "54138969"),
        (["align", SOURCE, "-t", TARGET, "-o", "out", "--target-subjects", "ts1"], "TS1"),
        (["align", SOURCE, "-t", TARGET, "-o", "out", "--target-layout", "mpi-inf-3dhp-tets"], "mpi-inf-3dhp-test"),
        (["convert", SOURCE, "-o", "out", "--to", "planer"], "plain"),
        (["convert", SOURCE, "-o", "out", "--to", "plain", "--skeleton", "h36m-16"], "h36m16"),
        (["cameras", "elsewhere"], None),
        (["skeletons", "H36M17"], "h36m17"),
        (["layouts", "videopos3d"], "videopose3d"),
    ],
)
def test_names_that_nobody_knows_bring_to_mind_those_that_are_meant(arguments, meant, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "poseda_cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    assert result.returncode in (2, 3)
    assert re.findall(r"Did you mean (\S+?)[,?]", result.stderr) == ([meant] if meant else [])


def test_poseda_alone_shows_its_help_as_an_error(poseda):
    result = poseda(code=2)
    assert result.stdout == ""
    assert result.stderr == poseda("--help").stdout == poseda("-h").stdout


def test_starting_stays_light():
    script = (
        "import sys\n"
        "from poseda_cli.commands.app import app\n"
        "try: app(['--help'])\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr.split()
    assert "poseda_cli.commands.help" in modules
    for heavy in ("numpy", "h5py", "scipy", "matplotlib", "tqdm", "rich", "pydantic", "poseda_cli.commands.align"):
        assert heavy not in modules


def test_a_fault_of_ours_is_short_and_leaves_the_details_in_a_file(tmp_path):
    script = (
        "import sys, poseda_cli.layouts as layouts\n"
        "def find(*arguments):\n    raise ZeroDivisionError('of course')\n"
        "layouts.find = find\n"
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
