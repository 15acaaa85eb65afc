"""What lies where an output shall come, before and after a run that was ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import poseda_cli as poseda
from tests.conftest import REPO, SAMPLE

State = dict[str, bytes] | None
INPUTS = (str(SAMPLE / "data_3d_h36m.npz"), "-t", str(SAMPLE / "mpi_inf_3dhp_test_set"))
# Ten percent of the poses: a run takes a moment.
ALIGN = ("align", *INPUTS, "--subjects", "S1", "-q")


def state(folder: Path) -> State:
    """All bytes of a folder; None if it is not there."""
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.is_dir() else None


def small_inputs(folder: Path) -> tuple[str, ...]:
    """`poseda align` of archives that are read in a moment, for runs by the hundred."""
    source, target = poseda.read(INPUTS[0]), poseda.read(INPUTS[-1])
    poseda.write(source.select(subjects=["S1"], stride=8), folder / "source", layout="plain")
    poseda.write(target.select(subjects=["TS1"]), folder / "target", layout="plain")
    return ("align", str(folder / "source" / "poses.npz"), "-t", str(folder / "target" / "poses.npz"), "-q")


def align(out: Path, *options: object, what: tuple[str, ...] = ALIGN) -> State:
    """What an undisturbed run writes."""
    command = [sys.executable, "-m", "poseda_cli", *what, "-o", out, *options]
    subprocess.run(list(map(str, command)), check=True, cwd=REPO, capture_output=True, timeout=60)
    return state(out)


def ended(cases: Iterable[dict], folder: Path) -> Iterator[tuple[dict, dict]]:
    """Run cases on the stand; each comes with what is known of its end, while the next one waits."""
    cases = list(cases)
    file = folder / "cases.json"
    file.write_text(json.dumps(cases))
    command = [sys.executable, "-m", "tests.faults.stand", str(file)]
    with subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stand:
        for number, case in enumerate(cases, 1):
            yield case, json.loads(stand.stdout.readline())
            stand.stdin.write("stop\n" if number == len(cases) else "go on\n")
            stand.stdin.flush()
