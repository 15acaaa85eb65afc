"""Numeric members of npz archives, read some rows at a time."""

from __future__ import annotations

import math
import weakref
import zipfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import HEAD, LENGTHS, File
from poseda_cli.storage.limits import Limits, too_large
from poseda_cli.storage.npy import NO_TEXT, PIECE, expect_end, read_into, read_numeric_header
from poseda_cli.storage.pickles import is_text


class KeptZip:
    """A zip that is open for as long as members of it are being read: the streams of all are of one file.

    Parameters
    ----------
    file : the zip
    """

    def __init__(self, file: File) -> None:
        self._file = file
        self._zip: zipfile.ZipFile | None = None

    def open(self, entry: zipfile.ZipInfo) -> IO[bytes]:
        """A member's bytes."""
        if self._zip is None:
            stream = self._file.open()
            self._closing = weakref.finalize(self, stream.close)
            self._zip = zipfile.ZipFile(stream)
        return self._zip.open(entry)

    def close(self) -> None:
        """Let go of the file until a member is opened again."""
        if self._zip is not None:
            self._closing()
        self._zip = None


def lies_by_rows(shape: tuple[int, ...], fortran: bool) -> bool:
    """Whether rows can be read by themselves: in Fortran's order their values lie apart, and a number has none."""
    return len(shape) == 1 or (len(shape) > 1 and not fortran)


class MemberRows:
    """The rows of a numeric member.

    A checksum is of all of a member, so its bytes are read forward, in a stream that stays open, until its end has
    been there once; where an earlier row is asked for, from the beginning again. A member that is not deflated is
    then read where its rows lie.

    Parameters
    ----------
    name, member : for messages
    entry : of the member in the zip's directory
    open_file : opens the zip
    open_member : opens the member
    limits : of the whole member, and of what is read of it at once

    Raises
    ------
    ArchiveError : an object array
    DamagedArchiveError : no npy, or other sizes than its header says
    UnsafeArchiveError : a size or a dtype that pose data does not have
    """

    def __init__(
        self,
        name: str,
        member: str,
        entry: zipfile.ZipInfo,
        open_file: Callable[[], BinaryIO],
        open_member: Callable[[], IO[bytes]],
        limits: Limits,
    ) -> None:
        self._name, self._member, self._entry = name, member, entry
        self._open_file, self._open_member, self._limits = open_file, open_member, limits
        self._stream: IO[bytes] | None = open_member()
        self._shape, fortran, self._dtype = read_numeric_header(
            self._stream, entry.file_size, name, member, limits.whole
        )
        self._by_rows = lies_by_rows(self._shape, fortran)
        self._begin = self._stream.tell()
        self._checked = False

    @property
    def is_open(self) -> bool:
        """Whether its stream is."""
        return self._stream is not None

    def read(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some rows, native in byte order.

        Raises
        ------
        ArchiveError : its values do not lie row by row
        UnsafeArchiveError : more than the limit
        EOFError, zipfile.BadZipFile, zlib.error : damaged
        """
        if not self._by_rows:
            raise ArchiveError(self._name, "its values do not lie row by row", self._member)
        start, stop, _ = slice(start, stop).indices(self._shape[0])
        shape = (max(stop - start, 0), *self._shape[1:])
        width = math.prod(self._shape[1:]) * self._dtype.itemsize
        if (size := shape[0] * width) > self._limits.at_once:
            raise UnsafeArchiveError(self._name, f"claims {too_large(size, self._limits.at_once)}", self._member)
        values = np.empty(math.prod(shape), self._dtype)
        if self._checked and self._entry.compress_type == zipfile.ZIP_STORED:
            self._read_in_place(self._begin + start * width, values)
        else:
            self._read_forward(self._begin + start * width, values)
        native = values.astype(self._dtype.newbyteorder("="), copy=False)
        if not is_text(native):
            raise DamagedArchiveError(self._name, NO_TEXT, self._member)
        return native.reshape(shape)

    def _read_in_place(self, place: int, values: np.ndarray[Any, Any]) -> None:
        with self._open_file() as file:
            file.seek(self._entry.header_offset + LENGTHS)
            name, extra = np.frombuffer(file.read(4), "<u2").tolist()
            file.seek(self._entry.header_offset + HEAD + name + extra + place)
            read_into(file, values)

    def _read_forward(self, place: int, values: np.ndarray[Any, Any]) -> None:
        stream = self._stream
        if stream is None or stream.tell() > place:
            self.close()
            self._stream = stream = self._open_member()
        while (gap := place - stream.tell()) > 0:
            if not stream.read(min(gap, PIECE)):
                raise EOFError("the member ends early")
        read_into(stream, values)
        if stream.tell() == self._entry.file_size:
            expect_end(stream, self._name, self._member)
            self._checked = True
            self.close()

    def close(self) -> None:
        """Let go of the stream."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None
