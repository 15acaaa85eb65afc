"""How far files have been read, for whoever decodes them has no poses to count yet."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

# Bytes read at once, and those that are told of at once: many programs look at the end of a zip first.
BUFFER, PART = 1 << 16, 1 << 20


@contextmanager
def watched(advance: Callable[[int], object], total: int) -> Iterator[None]:
    """Files that this thread opens in the block tell how far they have been read.

    Parameters
    ----------
    advance : called with the number of bytes that were read, about: by parts of `PART`, each once
    total : bytes of the files together; those that nobody read are told of when the block ends well
    """
    watch = _Watch(advance)
    token = _current.set(watch)
    try:
        yield
    finally:
        _current.reset(token)
        watch.over = True
    if total > watch.told:
        advance(total - watch.told)


def open_watched(path: Path, identity: Callable[[], object]) -> BinaryIO:
    """The bytes of a file; in a block of `watched` it tells how far it has been read.

    Parameters
    ----------
    path : of the file
    identity : equal for the same bytes under another spelling of the path

    Raises
    ------
    OSError : it cannot be opened
    """
    watch = _current.get()
    if watch is None:
        return path.open("rb")
    return io.BufferedReader(_Stream(path, watch, identity()), BUFFER)


class _Watch:
    """The parts of files that something was read of; what is read again does not count twice."""

    def __init__(self, advance: Callable[[int], object]) -> None:
        self._advance = advance
        self._parts: set[tuple[object, int]] = set()
        self.told = 0
        self.over = False

    def read(self, identity: object, size: int, start: int, stop: int) -> None:
        """Bytes `start` to `stop` of a file of `size`."""
        parts = {(identity, part) for part in range(start // PART, -(-stop // PART))} - self._parts
        # A stream may stay open for longer than the block.
        if parts and not self.over:
            self._parts |= parts
            more = sum(min(PART, size - part * PART) for _, part in parts)
            self.told += more
            self._advance(more)


class _Stream(io.FileIO):
    def __init__(self, path: Path, watch: _Watch, identity: object) -> None:
        super().__init__(path)
        self._watch, self._identity, self._size = watch, identity, path.stat().st_size

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer)
        stop = self.tell()
        self._watch.read(self._identity, self._size, stop - count, stop)
        return count


_current: ContextVar[_Watch | None] = ContextVar("watch", default=None)
