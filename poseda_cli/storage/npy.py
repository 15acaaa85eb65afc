"""The npy format, in an npz or a file of its own, read without running anything that is in it.

`numpy.load` would un-pickle object arrays, which runs code that the file names; and it believes
headers before it has seen the data. Here sizes are checked before memory is asked for, streams are
read to their end so that checksums are compared, and objects go through `storage.pickles`.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import LARGEST, File
from poseda_cli.storage.pickles import (
    MOST_DIMENSIONS,
    MalformedPickleError,
    UnsafePickleError,
    peek_pickle,
    read_pickle,
)

LONGEST_HEADER = 10_000
NUMERIC = "biufSU"
# Bytes that are read at once.
PIECE = 1 << 22
# What the only member of an .npy or .pkl file is called.
CONTENT = "content"


def read_header(stream: IO[bytes], name: str, member: str, largest: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in Fortran order, and dtype; the stream then stands at the values.

    Raises
    ------
    DamagedArchiveError : no npy header
    UnsafeArchiveError : a dtype or a size that pose data does not have
    """
    try:
        version = npy.read_magic(stream)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = read(stream, max_header_size=LONGEST_HEADER)
    except Exception as error:  # NumPy lets SyntaxError, TokenError and others through
        raise DamagedArchiveError(name, f"no valid npy header ({error}).", member) from error
    if dtype.kind not in NUMERIC + "O" or dtype.names or dtype.subdtype or min(shape, default=0) < 0:
        raise UnsafeArchiveError(name, f"dtype {dtype}, expected numbers, text or objects.", member)
    # Empty arrays, too, must have sizes that exist: NumPy computes with them before it looks for a 0.
    extent = math.prod(size or 1 for size in shape) * dtype.itemsize
    if not dtype.itemsize or extent > largest or len(shape) > MOST_DIMENSIONS:
        raise UnsafeArchiveError(name, "its header claims an absurd size; it was not loaded.", member)
    return shape, fortran, dtype


def read_numeric_header(
    stream: IO[bytes], size: int, name: str, member: str, largest: int
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """As `read_header`, of a numeric array in a stream of `size` bytes.

    Raises
    ------
    ArchiveError : an object array
    DamagedArchiveError : other sizes than the header says
    """
    shape, fortran, dtype = read_header(stream, name, member, largest)
    if dtype.kind not in NUMERIC:
        raise ArchiveError(name, f"an object array, expected numbers or text of dtype {NUMERIC}", member)
    declared, held = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if declared != held:
        message = f"its header promises {declared:,} bytes (shape {shape}), the member holds {held:,}."
        raise DamagedArchiveError(name, message, member)
    return shape, fortran, dtype


def read_values(stream: IO[bytes], size: int, name: str, member: str, largest: int) -> np.ndarray[Any, Any]:
    """A numeric array, native in byte order, from a stream of `size` bytes.

    Raises
    ------
    ArchiveError : as `read_numeric_header`
    """
    shape, fortran, dtype = read_numeric_header(stream, size, name, member, largest)
    values = np.empty(math.prod(shape), dtype)
    read_into(stream, values)
    expect_end(stream, name, member)
    native = values.astype(dtype.newbyteorder("="), copy=False)
    return native.reshape(shape, order="F" if fortran else "C")


def read_objects(stream: IO[bytes], name: str, member: str, largest: int) -> Any:
    """The value of an object array, as `storage.pickles.read_pickle` gives it."""
    _expect_objects(stream, name, member, largest)
    tree = read_pickle(stream, largest)
    expect_end(stream, name, member)
    return tree


def peek_objects(stream: IO[bytes], name: str, member: str, largest: int) -> Any:
    """The beginning of an object array's value, as `storage.pickles.peek_pickle` gives it."""
    _expect_objects(stream, name, member, largest)
    return peek_pickle(stream)


def _expect_objects(stream: IO[bytes], name: str, member: str, largest: int) -> None:
    _, _, dtype = read_header(stream, name, member, largest)
    if dtype.kind != "O":
        raise ArchiveError(name, f"an array of {dtype}, expected an object array", member)


def expect_end(stream: IO[bytes], name: str, member: str) -> None:
    """Refuse what lies behind an array; reading to the end is also what makes zipfile compare the checksum."""
    if stream.read(1):
        raise UnsafeArchiveError(name, "data behind the end of the array; it was not loaded.", member)


def read_into(stream: IO[bytes], values: np.ndarray[Any, Any]) -> None:
    """Fill an array with the next bytes of a stream.

    Parameters
    ----------
    stream : of the array's bytes
    values : (n,) any numbers or text

    Raises
    ------
    EOFError : the stream ends early
    """
    target = values.view(np.uint8).data if len(values) else memoryview(b"")
    while len(target):
        piece = stream.read(min(len(target), PIECE))
        if not piece:
            raise EOFError("the member ends early")
        target[: len(piece)] = piece
        target = target[len(piece) :]


class SingleArchive:
    """An .npy file, or a bare pickle: an archive of one member, `CONTENT`.

    Parameters
    ----------
    file : where it lies
    largest : limit of its values, bytes
    """

    def __init__(self, file: File, largest: int = LARGEST) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self._largest = largest
        self._tree: Any = None
        with file.open() as stream:
            self._is_npy = stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of the one array; a pickle counts as an object without dimensions."""
        if not self._is_npy:
            return {CONTENT: ((), np.dtype(object))}
        with self.file.open() as stream:
            shape, _, dtype = read_header(stream, self.name, CONTENT, self._largest)
        return {CONTENT: (shape, dtype)}

    @property
    def decoded(self) -> int:
        """Bytes of the file: its values are stored as they are."""
        return self.file.size

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric array."""
        try:
            with self.file.open() as stream:
                size = stream.seek(0, 2)
                stream.seek(0)
                return read_values(stream, size, self.name, name, self._largest)
        except EOFError as error:
            raise DamagedArchiveError(self.name, f"{error}; fetch it again.") from error

    def outline(self, name: str) -> Any:
        """The beginning of the object, see `storage.pickles.peek_pickle`."""
        return self._decoded(peek_objects if self._is_npy else lambda stream, *_: peek_pickle(stream))

    def tree(self, name: str) -> Any:
        """The object; decoded once."""
        if self._tree is None:
            self._tree = self._decoded(read_objects if self._is_npy else self._bare)
        return self._tree

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""
        tree, self._tree = self.tree(name), None
        return tree

    def _bare(self, stream: IO[bytes], name: str, member: str, largest: int) -> Any:
        tree = read_pickle(stream, largest)
        expect_end(stream, name, member)
        return tree

    def _decoded(self, decode: Any) -> Any:
        try:
            with self.file.open() as stream:
                return decode(stream, self.name, CONTENT, self._largest)
        except UnsafePickleError as error:
            raise UnsafeArchiveError(self.name, f"{error}. This is not pose data; it was not loaded.") from error
        except MalformedPickleError as error:
            raise DamagedArchiveError(self.name, f"{error}; fetch it again.") from error
