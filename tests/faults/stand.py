"""A process in which `poseda` is run, and killed, many times; a fork of it starts at once, with everything imported.

    python -m tests.faults.stand CASES.json

Each case is a dictionary: `arguments` of the command line; `signal`, and when it comes: after `seconds`, or instead of
the file system call number `point` (of those that change the folder `place` or something in it; -1 for never). One line
of JSON is printed for each: `status` as os.waitpid gives it, and `calls`, how many of those calls there were.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import threading
import time
from pathlib import Path

import h5py  # noqa: F401  (imported when it is used; here before any fork)

import poseda_cli

# What CPython tells of before it asks the system; `open` is one if it may write.
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.link", "shutil.rmtree"}


class Calls:
    """Counts the calls that change a folder, and kills this process at one of them."""

    def __init__(self, place: str, point: int, signal: int) -> None:
        self.place, self.point, self.signal = os.path.realpath(place), point, signal
        self.count = 0

    def hook(self, event: str, arguments: tuple) -> None:
        """For sys.addaudithook."""
        changes = event in CHANGES or (event == "open" and self._may_write(arguments))
        if changes and any(self._is_inside(path) for path in arguments):
            self.meet()

    def meet(self) -> None:
        """One more call."""
        if self.count == self.point:
            os.kill(os.getpid(), self.signal)
        self.count += 1

    def _may_write(self, arguments: tuple) -> bool:
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))

    def _is_inside(self, path: object) -> bool:
        # The place is an absolute path, and so are those that come of it.
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(self.place)


def run(case: dict, report: int) -> None:
    """The command of a case, in this process."""
    from poseda_cli.commands.app import main
    from poseda_cli.storage import hdf5_writer, rename

    sys.argv = ["poseda", *case["arguments"]]
    if "point" in case:
        calls = Calls(case["place"], case["point"], case["signal"])
        sys.addaudithook(calls.hook)
        # Calls that CPython says nothing of: what they are made through is told of instead.
        for module, name in ((rename, "_renamed"), (rename.os, "fsync"), (hdf5_writer.os, "pwrite")):
            setattr(module, name, counted(getattr(module, name), calls))
    try:
        main()
    finally:
        if "point" in case:
            os.write(report, str(calls.count).encode())


def counted(call, calls: Calls):
    """The same call; it counts."""

    def counting(*arguments):
        calls.meet()
        return call(*arguments)

    return counting


def main(cases: Path) -> None:
    """Run all cases of a file."""
    for module in pkgutil.walk_packages(poseda_cli.__path__, "poseda_cli."):
        if module.name != "poseda_cli.__main__":
            importlib.import_module(module.name)
    importlib.import_module("concurrent.futures.thread")
    assert threading.active_count() == 1  # else a fork may wait for a lock that nobody will let go of
    for case in json.loads(cases.read_text()):
        reader, writer = os.pipe()
        if not (child := os.fork()):
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            run(case, writer)
        os.close(writer)
        if "seconds" in case:
            time.sleep(case["seconds"])
            os.kill(child, case["signal"])
        status = os.waitpid(child, 0)[1]
        calls = int(os.read(reader, 64) or -1)
        os.close(reader)
        print(json.dumps({"status": status, "calls": calls}), flush=True)
        if input() == "stop":  # whoever asked for it looks at the disk first
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
