"""Room for numbers in a file that nobody sees: for more of them than memory should hold."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.errors import OutputError
from poseda_cli.storage.folder import reason
from poseda_cli.tables import Room, in_memory

# Tables of fewer bytes than this are kept in memory.
LARGE = 64 << 20


class Scratch:
    """Makes room for tables, large ones in files.

    Parameters
    ----------
    beside : the files lie on the disk that this one is on, or will be; they have no name, and are gone when the
        process ends, however it ends
    """

    def __init__(self, beside: Path) -> None:
        self._folder = next(place for place in beside.absolute().parents if place.is_dir())

    def room(self, shape: tuple[int, ...]) -> Room:
        """Room for float32; its numbers are undefined until they are written.

        Raises
        ------
        OutputError : no file can be made there; also when it is written
        """
        return in_memory(shape) if math.prod(shape) * 4 < LARGE else ScratchTable(shape, self._folder)


class ScratchTable:
    """A table in a file without a name.

    Parameters
    ----------
    shape : of the table
    folder : where the file lies

    Raises
    ------
    OutputError : the disk refuses
    """

    def __init__(self, shape: tuple[int, ...], folder: Path) -> None:
        self._shape, self._folder = shape, folder
        self._stride = math.prod(shape[1:]) * 4
        self._lock = Lock()
        with self._refusing():
            self._file = tempfile.TemporaryFile(prefix=".poseda.", dir=folder)  # noqa: SIM115  (as long as the table)
        weakref.finalize(self, _close, self._file)

    def __len__(self) -> int:
        return self._shape[0]

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        start, stop, step = rows.indices(len(self))
        values = np.empty((max(stop - start, 0), *self._shape[1:]), np.float32)
        with self._refusing(), self._lock:
            self._file.seek(start * self._stride)
            self._file.readinto(values.reshape(-1).view(np.uint8).data)
        return values[::step]

    def __setitem__(self, rows: slice, values: Any) -> None:
        start, _, _ = rows.indices(len(self))
        with self._refusing(), self._lock:
            self._file.seek(start * self._stride)
            self._file.write(np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint8).data)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._folder}: no room for interim results: {reason(error)}") from error


def _close(file: IO[bytes]) -> None:
    # What a full disk did not take was told of when it was written.
    with suppress(OSError):
        file.close()
