"""The README's pipelines, as it has them, in a shell whose `poseda` is this checkout."""

from __future__ import annotations

import filecmp
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.conftest import REPO, SAMPLE

README = (REPO / "README.md").read_text(encoding="utf-8")
FILES = ["augmented.h5", "summary.json"]
# What Slurm does with an array: the script for each number, then what depends on it.
SBATCH = """#!/bin/bash
for word in "$@"; do last=$word; done
case "$*" in
--parsable*)
    range=$(sed -n 's/^#SBATCH --array=//p' "$last")
    seq "${range%-*}" "${range#*-}" | xargs -P 2 -I{} env SLURM_ARRAY_TASK_ID={} bash "$last" > log && echo 17 ;;
--dependency=afterok:17*) bash -c "$last" ;;
*) exit 1 ;;
esac
"""


def block(section: str, language: str, number: int = 0) -> str:
    text = README.split(f"### {section}\n")[1].split("\n## ")[0].split("\n### ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)[number]


@pytest.fixture
def home(tmp_path):
    shutil.copy(SAMPLE / "data_3d_h36m.npz", tmp_path)
    shutil.copytree(SAMPLE / "mpi_inf_3dhp_test_set", tmp_path / "mpi_inf_3dhp_test_set")
    (tmp_path / "bin").mkdir()
    poseda = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m poseda_cli "$@"\n'
    for name, script in (("poseda", poseda), ("sbatch", SBATCH)):
        (tmp_path / "bin" / name).write_text(script)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def shell(home, script, code=0):
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPO)}
    result = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result


def needs(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_what_find_finds_is_inspected(home):
    needs("jq")
    shutil.copy(home / "data_3d_h36m.npz", home / "of my own.npz")
    found = shell(home, block("In pipelines", "bash"))
    assert sorted(found.stdout.splitlines()) == ["data_3d_h36m.npz: 3360 poses", "of my own.npz: 3360 poses"]


def test_a_makefile_aligns_what_is_missing(home):
    needs("make")
    (home / "sources").mkdir()
    (home / "Makefile").write_text(block("In pipelines", "make"))
    for name in ("a", "b"):
        shutil.copy(home / "data_3d_h36m.npz", home / "sources" / f"{name}.npz")
    shell(home, "make -j 2")
    assert {path.name for path in (home / "outputs").iterdir()} == {"a", "b"}
    os.utime(home / "sources" / "b.npz")
    assert re.findall("-o outputs/([ab])", shell(home, "make").stdout) == ["b"]
    assert "Nothing to be done" in shell(home, "make").stdout


def test_shards_by_xargs_and_by_a_slurm_array_are_the_run(home):
    by_xargs, _, merge = block("In shards, on many machines", "bash").splitlines()
    shell(home, f"{by_xargs}\n{merge}")
    checked = block("Is it still what was written?", "bash")
    result = shell(home, checked if shutil.which("jq") else checked.split(" | jq")[0])
    assert "checked: ok\n" in result.stdout
    assert filecmp.cmpfiles(home / "checked", home / "aligned", FILES, shallow=False) == (FILES, [], [])

    for folder in ("shards", "aligned"):
        shutil.rmtree(home / folder)
    (home / "shards.sh").write_text(block("In shards, on many machines", "bash", 1))
    submit, then = re.findall(r"`((?:job=|sbatch )[^`]*)`", README)
    shell(home, f"{submit}\n{then}")
    assert filecmp.cmpfiles(home / "checked", home / "aligned", FILES, shallow=False) == (FILES, [], [])


def test_what_is_wrong_is_named_to_the_next_command(home):
    script = "poseda align data_3d_h36m.npz -t mpi_inf_3dhp_test_set -o one -q --actions Walking; cp -r one two"
    shell(home, f"{script}; printf x >> two/augmented.h5")
    result = shell(home, "poseda verify one two --json", code=3)
    found = json.loads(result.stdout)
    assert found["schema"] == "poseda.verify/1"
    assert [(output["path"], output["ok"]) for output in found["outputs"]] == [("one", True), ("two", False)]
    assert all(set(check) == {"check", "status", "detail"} for output in found["outputs"] for check in output["checks"])
    assert result.stderr.startswith("error: two: sizes: augmented.h5 has ")
    short = shell(home, "poseda verify one two -q", code=3)
    assert short.stdout.splitlines()[0] == "one: ok"
    assert short.stdout.splitlines()[1].startswith("two: failed: sizes, checksums")
    assert "places" in shell(home, "poseda verify one two -v", code=3).stdout


@pytest.mark.parametrize(
    "line",
    [
        """echo '["data_3d_h36m.npz"]' | poseda align - -t mpi_inf_3dhp_test_set -o out -n""",
        """echo '["mpi_inf_3dhp_test_set/TS5", "mpi_inf_3dhp_test_set/TS6"]' | """
        "poseda align data_3d_h36m.npz --target - -o out -n",
        """echo '["mpi_inf_3dhp_test_set/TS6"]' | """
        "poseda align data_3d_h36m.npz --target mpi_inf_3dhp_test_set/TS5 - -o out -n",
        """echo '["data_3d_h36m.npz"]' | poseda convert - --to plain -o out -n""",
        """echo '["data_3d_h36m.npz"]' | poseda compare - mpi_inf_3dhp_test_set""",
    ],
)
def test_paths_on_stdin_stand_for_those_of_the_line(home, line):
    result = shell(home, line)
    if "TS6" in line:
        assert "80 poses in 2 sequences, subjects TS5, TS6" in result.stderr


@pytest.mark.parametrize(
    ("stdin", "arguments", "message"),
    [
        ("[]", "inspect -", "the list of paths on stdin is empty"),
        ("", "inspect -", "it is empty. Try: find . -name '*.npz' | jq -R . | jq -s . | poseda inspect -"),
        ("a.npz\\nb.npz", "inspect -", "expected a JSON list of paths on stdin"),
        ('{"a": 1}', "inspect -", "expected a JSON list of paths"),
        ("[1]", "inspect -", "expected a JSON list of paths"),
        ('[""]', "inspect -", "expected a JSON list of paths"),
        ('["a\\\\u0000"]', "inspect -", "NUL"),
        ('["a"]', "align - -t - -o out", "- is given twice"),
        ('["a"]', "inspect - -", "- is given twice"),
        ('["a", "b"]', "compare - b", "2 paths on stdin, A is one"),
    ],
)
def test_other_things_on_stdin_are_wrong_usage(home, stdin, arguments, message):
    result = shell(home, f"printf '{stdin}' | poseda {arguments}", code=2)
    assert message in result.stderr
    assert result.stdout == ""


def test_nobody_is_waited_for_on_a_terminal(home):
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "poseda_cli", "inspect", "-"]
    result = subprocess.run(command, cwd=REPO, stdin=slave, capture_output=True, text=True, timeout=60)
    os.close(slave)
    os.close(master)
    assert result.returncode == 2
    assert "stdin, which is a terminal" in result.stderr
    assert "a JSON list of paths" in shell(home, "poseda inspect - <&-", code=2).stderr


def test_every_json_of_the_readme_has_its_schema(home):
    table = re.findall(r"^\| (`[^|]*) \| `(poseda\.[a-z]+/\d)`", block_text("In pipelines"), flags=re.MULTILINE)
    schemas = {name: schema for names, schema in table for name in re.findall(r"`([^`]*)`", names)}
    align = "data_3d_h36m.npz -t mpi_inf_3dhp_test_set --actions Walking -q --json -o"
    lines = {
        "align": f"align {align} a",
        "align -n": f"align {align} b -n",
        "align --explain": f"align {align} b --explain",
        "convert": "convert mpi_inf_3dhp_test_set --to plain -q --json -o c",
        "compare": "compare mpi_inf_3dhp_test_set mpi_inf_3dhp_test_set -q --json",
        "verify": "verify a --json",
        "sample": "sample -o d --json",
        "layouts": "layouts --json",
    }
    for name, line in lines.items():
        assert json.loads(shell(home, f"poseda {line}").stdout)["schema"] == schemas[name]
    assert json.loads(shell(home, "poseda sample -o e --json -q").stdout)["files"] == [
        "e/data_3d_h36m.npz",
        "e/mpi_inf_3dhp_test_set",
    ]


def block_text(section):
    return README.split(f"### {section}\n")[1].split("\n### ")[0]
