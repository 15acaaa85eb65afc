"""What is known of the files that poses are read from, found out while they are being read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Executor, wait
from pathlib import Path
from typing import NamedTuple

from poseda_cli.dataset import InputFile
from poseda_cli.progress import BYTES, Progress
from poseda_cli.storage.files import File, Stamp, input_file, stamp_of

# Seconds between two looks at how far the other thread is.
PATIENCE = 0.1


class _Known(NamedTuple):
    """A file as it was when it was hashed."""

    place: str
    name: str
    stamp: Stamp | None
    changed: int


# Checksums that are not worth finding out again, of files that have not been written to; None where nobody asked.
_remembered: dict[_Known, InputFile] | None = None


def remember() -> None:
    """Have this process, and those that it forks, hash a file once, unless it is written to."""
    global _remembered
    _remembered = _remembered or {}


def checksum(file: File, advance: Callable[[int], object] = lambda read: None) -> InputFile:
    """As `files.input_file`, which may have been found out before."""
    before = _known(file)
    if _remembered is not None and before in _remembered:
        return _remembered[before]
    found = input_file(file, advance)
    if _remembered is not None and _known(file) == before:
        _remembered[before] = found
    return found


def _known(file: File) -> _Known:
    try:
        changed = file.on_disk.stat().st_ctime_ns
    except OSError:  # whoever opens it will be told
        changed = 0
    return _Known(os.path.realpath(file.on_disk), file.name, stamp_of(file), changed)


class InputFiles:
    """What `input_file` says of some files, found out on another thread until the `with` block ends.

    Parameters
    ----------
    files : a zip is gone through once for all that lies in it
    beside : whose thread it is
    """

    def __init__(self, files: Iterable[File], beside: Executor) -> None:
        self._files = {file.on_disk: file for file in files}
        self._read, self._wanted = 0, True
        self._found = beside.submit(self._find)

    def __enter__(self) -> InputFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted = False

    def _find(self) -> dict[Path, InputFile]:
        return {place: checksum(file, self._count) for place, file in self._files.items()}

    def _count(self, read: int) -> None:
        if not self._wanted:  # nobody waits for it any more: the run is over
            raise CancelledError
        self._read += read

    def by_place(self, progress: Progress) -> dict[Path, InputFile]:
        """Each by where its bytes lie; `progress` is told how far it is while one has to wait for it."""
        if not self._found.done():
            with progress("checksums", bytes_of(self._files), BYTES) as advance:
                told, over = 0, False
                while not over:
                    over = bool(wait([self._found], PATIENCE).done)
                    read = self._read
                    advance(read - told)
                    told = read
        return self._found.result()


def bytes_of(places: Iterable[Path]) -> int:
    """How large some files are together."""
    return sum(place.stat().st_size for place in places)
