"""Bytes on their way to the disk while the program goes on."""

from __future__ import annotations

import contextlib
import os


def start_write_back(descriptor: int, start: int, length: int) -> None:
    """Let the system begin to bring bytes of a file to the disk, so that fsync finds little left to do.

    Parameters
    ----------
    descriptor : of the file, just written
    start, length : bytes; what was not written just now may leave the system's cache

    Nothing is waited for, and nothing is promised: only fsync says that the bytes are there.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    # Linux starts writing what it is told is no longer needed, and keeps what is not yet on disk.
    with contextlib.suppress(OSError):  # advice that a file system does not take
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)
