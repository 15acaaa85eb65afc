"""The npy format, in an npz or a file of its own, read without running anything that is in it.

`numpy.load` would un-pickle object arrays, which runs code that the file names; and it believes
headers before it has seen the data. Here sizes are checked before memory is asked for, streams are
read to their end so that checksums are compared, and objects go through `storage.pickles`.
"""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError, shortened
from poseda_cli.storage.files import File
from poseda_cli.storage.limits import DEFAULT, Limits, too_large
from poseda_cli.storage.pickles import (
    MOST_DIMENSIONS,
    LargePickleError,
    MalformedPickleError,
    UnsafePickleError,
    is_text,
    peek_pickle,
    read_pickle,
)

LONGEST_HEADER = 10_000
# How many bytes the header's length takes, and what reads it from there.
VERSIONS = {(1, 0): (2, npy.read_array_header_1_0), (2, 0): (4, npy.read_array_header_2_0)}
NUMERIC = "biufSU"
# Bytes that are read at once.
PIECE = 1 << 22
NO_TEXT = "text with characters that do not exist: damaged. Fetch it again."
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
        if version not in VERSIONS:
            raise ValueError(f"of version {version[0]}.{version[1]}, expected 1.0 or 2.0")
        width, read = VERSIONS[version]
        size = stream.read(width)
        if (length := int.from_bytes(size, "little")) > LONGEST_HEADER:
            raise ValueError(f"of {length:,} bytes, expected {LONGEST_HEADER:,} at most")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers by Python 2: they are read all the same
            shape, fortran, dtype = read(io.BytesIO(size + stream.read(length)), max_header_size=LONGEST_HEADER)
    except (zlib.error, zipfile.BadZipFile):
        raise
    except Exception as error:  # NumPy lets SyntaxError, TokenError and others through
        found = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise DamagedArchiveError(name, f"no valid npy header ({shortened(found)}).", member) from error
    if any(type(size) is not int or size < 0 for size in shape):
        raise UnsafeArchiveError(name, f"shape {shortened(str(shape))}, expected whole numbers from 0.", member)
    if dtype.kind not in NUMERIC + "O" or dtype.names or dtype.subdtype:
        raise UnsafeArchiveError(name, f"dtype {shortened(str(dtype))}, expected numbers, text or objects.", member)
    # Empty arrays, too, must have sizes that exist: NumPy computes with them before it looks for a 0.
    extent = math.prod(size or 1 for size in shape) * dtype.itemsize
    if not dtype.itemsize or len(shape) > MOST_DIMENSIONS:
        raise UnsafeArchiveError(name, "its header claims an absurd shape or dtype; it was not loaded.", member)
    if extent > largest:
        raise UnsafeArchiveError(name, f"its header claims {too_large(extent, largest)}", member)
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
    if not is_text(native):
        raise DamagedArchiveError(name, NO_TEXT, member)
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
    limits : of its values
    """

    def __init__(self, file: File, limits: Limits = DEFAULT) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self.limits = limits
        self._tree: Any = None
        with file.open() as stream:
            self._is_npy = stream.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of the one array; a pickle counts as an object without dimensions."""
        if not self._is_npy:
            return {CONTENT: ((), np.dtype(object))}
        with self.file.open() as stream:
            shape, _, dtype = read_header(stream, self.name, CONTENT, self.limits.whole)
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
                return read_values(stream, size, self.name, name, self.limits.at_once)
        except EOFError as error:
            raise DamagedArchiveError(self.name, f"{error}; fetch it again.") from error
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "takes more memory than there is; it was not loaded.") from error

    def outline(self, name: str) -> Any:
        """The beginning of the object, see `storage.pickles.peek_pickle`."""
        return self._decoded(peek_objects if self._is_npy else lambda stream, *_: peek_pickle(stream))

    def tree(self, name: str) -> Any:
        """The object; decoded once."""
        if self._tree is None:
            self._tree = self._decoded(self._whole)
        return self._tree

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""
        tree, self._tree = self.tree(name), None
        return tree

    def _whole(self, stream: IO[bytes], name: str, member: str, largest: int) -> Any:
        if (size := stream.seek(0, 2)) > largest:
            raise UnsafeArchiveError(name, too_large(size, largest))
        stream.seek(0)
        if self._is_npy:
            return read_objects(stream, name, member, largest)
        tree = read_pickle(stream, largest)
        expect_end(stream, name, member)
        return tree

    def _decoded(self, decode: Any) -> Any:
        try:
            with self.file.open() as stream:
                return decode(stream, self.name, CONTENT, self.limits.at_once)
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "takes more memory than there is; it was not loaded.") from error
        except LargePickleError as error:
            raise UnsafeArchiveError(self.name, f"{error}.") from error
        except UnsafePickleError as error:
            raise UnsafeArchiveError(self.name, f"{error}. This is not pose data; it was not loaded.") from error
        except MalformedPickleError as error:
            raise DamagedArchiveError(self.name, f"{error}; fetch it again.") from error
