"""Pickles that would run code, through the whole of poseda: nothing runs, and the message says what was found where."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from .gadgets import ARMED, CONTAINERS, OTHERS, PROTOCOLS, by_opcode, pickled

ROOT = Path(__file__).parents[2]
# In an outline, a value that is thrown away and what lies behind the first 64 KiB are not looked for.
READ_AS_FAR_AS_IT_GOES = {"behind the end"}


def run(kind, folder):
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.run_gadgets", kind, str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gadgets")
    found = run("refused", folder)
    assert not list(folder.glob("marker*[0-9]")) and not list(folder.glob("marker-of*"))
    return found


def test_every_gadget_is_refused_and_nothing_runs(refused):
    expected = (len(ARMED) + len(OTHERS)) * len(PROTOCOLS) + len(by_opcode("m"))
    assert len(refused) == expected * len(CONTAINERS) * 2
    assert [case for case in refused if case["ran"]] == []
    read = [case for case in refused if case["code"] is None and not (
        case["look"] == "outline" and case["name"] in READ_AS_FAR_AS_IT_GOES)]  # fmt: skip
    assert read == []


def test_messages_say_which_file_what_was_found_and_where(refused):
    for case in refused:
        if case["code"] is None or case["name"] in READ_AS_FAR_AS_IT_GOES:
            continue
        assert case["message"].startswith(f"{case['file']}: ")
        if case["code"] != "foreign-file":  # a bare pickle that begins as none
            assert case["code"] == "unsafe", case
            assert " at byte " in case["message"], case
        if case["suffix"] == "npz":
            assert case["message"].startswith(f"{case['file']}: positions_3d: ")


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "numpy.load", "functools.partial", "runpy.run_path"])
def test_messages_name_the_global(name, refused):
    said = {case["message"] for case in refused if case["name"].startswith(f"{name},") and case["suffix"] == "npz"}
    # What a protocol calls a name of Python 2, or a module of another.
    last = name.split(".")[-1]
    assert all(f".{last} at byte " in message or "_run" in message for message in said), said


def test_gadgets_are_armed(tmp_path):
    found = run("ran", tmp_path)
    assert len(found) == len(ARMED) * len(PROTOCOLS)
    assert [case for case in found if not case["ran"]] == []


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("name", ["os.system", "builtins.exec", "numpy.load"])
def test_command_line(name, suffix, tmp_path):
    marker = str(tmp_path / "marker")
    path = tmp_path / f"poses.{suffix}"
    path.write_bytes(CONTAINERS[suffix](pickled(ARMED[name](marker), 4)))
    done = subprocess.run(
        [sys.executable, "-m", "poseda_cli", "inspect", str(path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 3
    said = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in said
    assert f"unsafe: poses.{suffix}: " in said and f".{name.split('.')[1]} at byte " in said
    assert not Path(marker).exists()
    pickle.loads(pickled(ARMED["os.mkdir"](marker), 4))
    assert Path(marker).exists()
