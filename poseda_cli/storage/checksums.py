"""What is known of the files that poses are read from, found out while they are being read."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import CancelledError, Executor, wait
from pathlib import Path

from poseda_cli.dataset import InputFile
from poseda_cli.progress import BYTES, Progress
from poseda_cli.storage.files import File, input_file

# Seconds between two looks at how far the other thread is.
PATIENCE = 0.1


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
        return {place: input_file(file, self._count) for place, file in self._files.items()}

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
