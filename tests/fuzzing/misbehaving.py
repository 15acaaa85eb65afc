"""Readers that do what no reader may: the runner must notice each."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from random import Random

import numpy as np

from poseda_cli.errors import ArchiveError, InputError
from tests.fuzzing.corpus import Files


def one_file(layout: str, seed: int) -> tuple[Files, Random]:
    """A case that no reader looks at."""
    return {"poses.npz": b""}, Random(seed)


def misbehave(folder: Path, layout: str, rng: Random) -> None:
    """Do what the name of the layout says."""
    WAYS[layout](folder)


def _refuse(folder: Path) -> None:
    raise ArchiveError(f"{folder.name}/poses.npz", "not what it seems.")


def _crash(folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _leave(folder: Path) -> None:
    os._exit(0)


def _hang(folder: Path) -> None:
    time.sleep(600)


def _warn(folder: Path) -> None:
    warnings.warn("something", RuntimeWarning, stacklevel=1)


def _overflow(folder: Path) -> None:
    np.full(2, 1e300) * 1e300


def _foreign(folder: Path) -> None:
    raise KeyError("positions_3d")


def _exhaust(folder: Path) -> None:
    np.ones(5 << 30, np.uint8)


def _exit(folder: Path) -> None:
    raise SystemExit(0)


def _silent(folder: Path) -> None:
    raise ArchiveError("", "")


def _nameless(folder: Path) -> None:
    raise InputError("something is wrong.")


def _steering(folder: Path) -> None:
    raise InputError(f"{folder.name}: \x1b[2J.")


def _long(folder: Path) -> None:
    raise InputError(f"{folder.name}: one.\ntwo.\nthree.")


class _Complaining:
    def __del__(self) -> None:
        raise ValueError("in a finaliser")


def _complain(folder: Path) -> None:
    _Complaining()


WAYS = {
    "read": lambda folder: None, "refuse": _refuse, "crash": _crash, "leave": _leave, "hang": _hang, "warn": _warn,
    "overflow": _overflow, "foreign": _foreign, "exhaust": _exhaust, "exit": _exit, "silent": _silent,
    "nameless": _nameless, "steering": _steering, "long": _long, "complain": _complain,
}  # fmt: skip
