"""Renaming that never replaces, and two folders that change places, in one step of the file system each."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import NamedTuple

# Linux: paths are relative to the working directory.
AT_FDCWD = -100
# What systems and file systems say that know neither.
UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV, errno.EPERM)


class _Flags(NamedTuple):
    """Of a system's call: what makes it spare what is there, what makes it exchange."""

    spare: int
    exchange: int


FLAGS = {"linux": _Flags(spare=1, exchange=2), "darwin": _Flags(spare=4, exchange=2)}


def rename_to_free(source: Path, target: Path) -> None:
    """Rename a file or folder; what has come to lie at `target` in the meantime is never replaced.

    Raises
    ------
    FileExistsError : something is there
    OSError : the disk refuses
    """
    if _renamed(source, target, "spare"):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    source.rename(target)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places; at no moment is one of the places empty.

    Returns
    -------
    Whether it is done; not every file system can.

    Raises
    ------
    OSError : the disk refuses
    """
    return _renamed(one, other, "exchange")


def sync(path: Path) -> None:
    """See a file, or the names in a folder, safely on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_names(folder: Path) -> None:
    """See the names in a folder safely on disk, on file systems that do that."""
    with contextlib.suppress(OSError):
        sync(folder)


def _renamed(source: Path, target: Path, how: str) -> bool:
    """Whether the system has done it; False if it cannot."""
    import ctypes

    flags = FLAGS.get(sys.platform)
    libc = ctypes.CDLL(None, use_errno=True)
    name = "renameat2" if sys.platform == "linux" else "renamex_np"
    if flags is None or not hasattr(libc, name):
        return False
    flag = ctypes.c_uint(getattr(flags, how))
    paths = [ctypes.c_char_p(os.fsencode(path)) for path in (source, target)]
    if name == "renameat2":
        here = ctypes.c_int(AT_FDCWD)
        failed = libc.renameat2(here, paths[0], here, paths[1], flag)
    else:
        failed = libc.renamex_np(*paths, flag)
    number = ctypes.get_errno()
    if failed and number not in UNKNOWN:
        raise OSError(number, os.strerror(number), str(target))
    return not failed
