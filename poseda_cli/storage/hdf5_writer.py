"""HDF5 files that are being written, on disks that may refuse."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import h5py


class Hdf5Writer(NamedTuple):
    """A file that is being written.

    file : what h5py calls so
    disk : the bytes of it
    """

    file: h5py.File
    disk: DiskFile


@contextmanager
def hdf5_writer(path: Path, mode: Literal["w", "r+"] = "w", **settings: Any) -> Iterator[Hdf5Writer]:
    """An HDF5 file to write to.

    Parameters
    ----------
    path : of the file
    mode : 'w' for a new one, 'r+' for one that is there
    settings : others of `h5py.File`

    Raises
    ------
    OSError : the disk refuses; once the block has ended all bytes are written
    """
    import h5py

    disk = DiskFile(path, mode == "w")
    try:
        with h5py.File(disk, mode, **settings) as file:
            yield Hdf5Writer(file, disk)
    except Exception:
        # What HDF5 makes of a file that lacks bytes is of no interest.
        disk.check()
        raise
    finally:
        disk.close()
    disk.check()


class DiskFile(io.RawIOBase):
    """A file for HDF5, which is not told when the disk refuses: HDF5 2.0 crashes when it cannot close a file.

    Nor is it told of Ctrl-C: Python may notice a signal while HDF5 waits for bytes.

    Parameters
    ----------
    path : of the file
    new : whether it is to be made, or is there

    Raises
    ------
    OSError : it cannot be made or opened
    """

    def __init__(self, path: Path, new: bool) -> None:
        super().__init__()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | ((os.O_CREAT | os.O_TRUNC) if new else 0), 0o666)
        self._place = 0
        self._refused: BaseException | None = None

    def check(self) -> None:
        """Tell what kept bytes from being written.

        Raises
        ------
        OSError : as the disk said it first
        KeyboardInterrupt : or what else a signal raises
        """
        if self._refused is not None:
            raise self._refused

    def fileno(self) -> int:
        """The descriptor of the file."""
        return self._descriptor

    def seek(self, place: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place."""
        ends = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}
        self._place = place + (ends[whence] if whence in ends else os.fstat(self._descriptor).st_size)
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes."""
        count = os.preadv(self._descriptor, [buffer], self._place)
        self._place += count
        return count

    def write(self, data: Any, /) -> int:
        """Write all bytes here; after the first refusal none."""
        view = memoryview(data).cast("B")
        written = 0
        try:
            while self._refused is None and written < len(view):
                written += os.pwrite(self._descriptor, view[written:], self._place + written)
        except BaseException as error:
            self._refused = error
        self._place += len(view)
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut or extend the file."""
        size = self._place if size is None else size
        try:
            os.ftruncate(self._descriptor, size)
        except BaseException as error:
            self._refused = self._refused or error
        return size

    def close(self) -> None:
        """Let go of the file; some file systems refuse only now."""
        if self.closed:
            return
        super().close()
        try:
            os.close(self._descriptor)
        except OSError as error:
            self._refused = self._refused or error
