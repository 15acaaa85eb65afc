"""Hostile files of every container, each in a process of little memory and time: refused as documented, or harmless."""

import io
import json
import re
import subprocess
import sys
import time
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from poseda_cli.storage.archive import open_archive

from . import in_pickles
from .cases import REFUSED

ROOT = Path(__file__).parents[2]
FAMILIES = ("pickles", "npy", "zips", "hdf5", "matlab", "cdf", "text")
# Of a process that opens one of them, beyond what Python and its packages take; time under a busy machine.
MOST_MEBIBYTES, MOST_SECONDS = 1800, 12
LONGEST_MESSAGE = 2300


def attacks_of(family):
    return import_module(f"tests.attacks.in_{family}").attacks()


def opened(paths):
    """What `open_all` says of each."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks.open_all"], input="".join(f"{json.dumps(str(path))}\n" for path in paths),
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def complaints(name, attack, path, found):
    """What is wrong with what came of an attack."""
    if "died" in found:
        return [f"{name}: ended by signal {found['died']}"]
    wrong = []
    if found["mebibytes"] > MOST_MEBIBYTES or found["seconds"] > MOST_SECONDS:
        wrong.append(f"{name}: {found['mebibytes']:.0f} MiB, {found['seconds']:.1f} s")
    for error in found["errors"]:
        if error["code"] == "crash":
            wrong.append(f"{name}: {error['message']}")
        elif not error["message"].startswith(path.name) or len(error["message"]) > LONGEST_MESSAGE:
            wrong.append(f"{name}: not a message of this file: {error['message'][:300]}")
        elif re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", error["message"]):
            wrong.append(f"{name}: signs that steer a terminal: {error['message']!r}")
    if attack.code is None:
        wrong += [f"{name}: {error['message'][:300]}" for error in found["errors"] if error["code"] != "crash"]
    elif not any(
        error["code"] in attack.code.split() and re.search(attack.said, error["message"]) for error in found["errors"]
    ):
        wrong.append(f"{name}: expected {attack.code} {attack.said!r}, found {str(found)[:400]}")
    return wrong


@pytest.mark.parametrize("family", FAMILIES)
def test_attacks_are_refused_as_documented(family, tmp_path):
    attacks = attacks_of(family)
    paths = [tmp_path / f"{number}.{attack.suffix}" for number, attack in enumerate(attacks.values())]
    for path, attack in zip(paths, attacks.values(), strict=True):
        attack.write(path)
    found = opened(paths)
    assert len(found) == len(attacks) > 10
    wrong = [
        complaint
        for (name, attack), path, result in zip(attacks.items(), paths, found, strict=True)
        for complaint in complaints(name, attack, path, result)
    ]
    assert not wrong, "\n".join(wrong)


def test_attacks_in_pickles_name_the_byte(tmp_path):
    attacks = {
        name: attack for name, attack in attacks_of("pickles").items() if name.split(", ")[0] in in_pickles.LEVERS
    }
    paths = [tmp_path / f"{number}.{attack.suffix}" for number, attack in enumerate(attacks.values())]
    for path, attack in zip(paths, attacks.values(), strict=True):
        attack.write(path)
    for name, result in zip(attacks, opened(paths), strict=True):
        for error in result["errors"]:
            assert "at byte " in error["message"] or "behind byte " in error["message"], (name, error)
            assert error["code"] in REFUSED


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("pickles", "a billion sequences, npz"),
        ("pickles", "escape signs in a name, npz"),
        ("npy", "40 kB, npz"),
        ("zips", "overlapping members"),
        ("zips", "signs that steer in a member"),
        ("hdf5", "external storage"),
        ("hdf5", "groups in themselves"),
        ("matlab", "a billion cells"),
        ("cdf", "fans of indices"),
        ("text", "signs that steer, twice"),
    ],
)
def test_command_line(family, name, tmp_path):
    attack = attacks_of(family)[name]
    path = tmp_path / f"poses.{attack.suffix}"
    attack.write(path)
    done = subprocess.run(
        [sys.executable, "-m", "poseda_cli", "inspect", str(path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    said = done.stdout + done.stderr
    assert done.returncode == 3, said
    assert "Traceback" not in said and "poses." in said
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)


def test_directory_is_read_once_for_ten_thousand_arrays(tmp_path):
    # Read again for each, which is the square of their number, they took a quarter of an hour.
    one, path = io.BytesIO(), tmp_path / "poses.npz"
    np.save(one, np.zeros(3))
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(10_000):
            archive.writestr(zipfile.ZipInfo(f"a{index}.npy"), one.getvalue())
    start = time.process_time()
    assert len(open_archive(path).members) == 10_000
    assert time.process_time() - start < 30


def test_the_process_notices_what_takes_too_much(tmp_path):
    # A limit that nothing meets would let every attack pass.
    code = """
import sys, tests.attacks.open_all as o
ways = {
    "memory": lambda: len(bytes(3 << 30)),
    "time": lambda: o.time.sleep(99),
    "work": lambda: sum(range(10**11)),
    "crash": lambda: o.os.kill(o.os.getpid(), 11),
}
o.opened = lambda path: ways[path.name]()
o.SECONDS = 1  # of work, and ten of the clock
o.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input='"memory"\n"time"\n"work"\n"crash"\n',
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert [json.loads(line).get("died") for line in done.stdout.splitlines()] == [256, 14, 27, 11], done.stderr[-2000:]
