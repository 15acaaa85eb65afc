"""npz archives, read without running anything that is in them.

`numpy.load` would un-pickle object members, which runs code that the file names; and it believes
headers before it has seen the data. Here sizes are checked before memory is asked for, members are
read to their end so that their checksum is compared, and objects go through `storage.pickles`.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError, listed
from poseda_cli.storage.pickles import MOST_DIMENSIONS, MalformedPickleError, UnsafePickleError, read_pickle

MOST_MEMBERS = 10_000
LONGEST_HEADER = 10_000
NUMERIC = "biufSU"
# What zipfile and zlib raise on bytes that are no sound zip.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError, OSError)
END_RECORD = b"PK\x05\x06"


class NpzArchive:
    """An npz file; see `storage.archive.Archive` for the members.

    Parameters
    ----------
    path : the file
    name : how messages name it
    largest : limit of all members together, bytes

    Raises
    ------
    ForeignFileError : a zip, but no npz
    DamagedArchiveError : a truncated zip
    UnsafeArchiveError : sizes, names or methods that an npz does not have
    """

    def __init__(self, path: Path, name: str, largest: int) -> None:
        self.path = path
        self.name = name
        self.attributes: dict[str, Any] = {}
        self._largest = largest
        self._trees: dict[str, Any] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
            _check_count(path, len(entries))
        except UNREADABLE as error:
            raise DamagedArchiveError(
                name, f"no readable zip ({error}); the download may be incomplete. Fetch it again."
            ) from error
        _check_entries(entries, name, largest)
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each array by name."""
        heads = {}
        for member in self._entries:
            with self._open(member) as stream:
                shape, _, dtype = self._header(stream, member)
            heads[member] = (shape, dtype)
        return heads

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric array, native in byte order."""
        with self._open(name) as stream:
            shape, fortran, dtype = self._header(stream, name)
            if dtype.kind not in NUMERIC:
                raise ArchiveError(self.name, f"an object array, expected numbers or text of dtype {NUMERIC}", name)
            declared = math.prod(shape) * dtype.itemsize
            if declared != self._entries[name].file_size - stream.tell():
                raise DamagedArchiveError(
                    self.name,
                    f"its header promises {declared:,} bytes (shape {shape}), the member holds "
                    f"{self._entries[name].file_size - stream.tell():,}.",
                    name,
                )
            values = np.empty(math.prod(shape), dtype)
            _read_into(stream, values.view(np.uint8).data if declared else None)
            self._expect_end(stream, name)
            native = values.astype(dtype.newbyteorder("="), copy=False)
            return native.reshape(shape, order="F" if fortran else "C")

    def tree(self, name: str) -> Any:
        """The value of an object array, as `storage.pickles.read_pickle` gives it; decoded once."""
        if name not in self._trees:
            with self._open(name) as stream:
                _, _, dtype = self._header(stream, name)
                if dtype.kind != "O":
                    raise ArchiveError(self.name, f"an array of {dtype}, expected an object array", name)
                self._trees[name] = read_pickle(stream, self._largest)
                self._expect_end(stream, name)
        return self._trees[name]

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it: its memory is free as soon as the caller lets go of it."""
        tree = self.tree(name)
        del self._trees[name]
        return tree

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        """A member's bytes; whatever goes wrong while reading them becomes one of our errors."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._entries[name]) as stream:
                yield stream
        except UnsafePickleError as error:
            message = f"{error}. This is not pose data; it was not loaded."
            raise (self._damage(name) or UnsafeArchiveError(self.name, message, name)) from error
        except MalformedPickleError as error:
            raise (self._damage(name) or DamagedArchiveError(self.name, f"{error}.", name)) from error
        except UNREADABLE as error:
            raise self._damage(name) or DamagedArchiveError(self.name, f"{error}.", name) from error
        except ArchiveError as error:
            if damage := self._damage(name):
                raise damage from error
            raise

    def _damage(self, name: str) -> DamagedArchiveError | None:
        """An error if the member's bytes are not those that were packed."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self._entries[name]) as stream:
                while stream.read(1 << 20):
                    pass
        except Exception as error:  # zipfile and zlib raise a dozen kinds on damaged input
            message = f"damaged ({error}). The download is incomplete or was altered; fetch it again."
            return DamagedArchiveError(self.name, message, name)
        return None

    def _header(self, stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        try:
            version = npy.read_magic(stream)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
            shape, fortran, dtype = read(stream, max_header_size=LONGEST_HEADER)
        except Exception as error:  # NumPy lets SyntaxError, TokenError and others through
            raise DamagedArchiveError(self.name, f"no valid npy header ({error}).", name) from error
        if dtype.kind not in NUMERIC + "O" or dtype.names or dtype.subdtype or min(shape, default=0) < 0:
            raise UnsafeArchiveError(self.name, f"dtype {dtype}, expected numbers, text or objects.", name)
        # Empty arrays, too, must have sizes that exist: NumPy computes with them before it looks for a 0.
        extent = math.prod(size or 1 for size in shape) * dtype.itemsize
        if not dtype.itemsize or extent > self._largest or len(shape) > MOST_DIMENSIONS:
            raise UnsafeArchiveError(self.name, "its header claims an absurd size; it was not loaded.", name)
        return shape, fortran, dtype

    def _expect_end(self, stream: IO[bytes], name: str) -> None:
        # Reading to the end is also what makes zipfile compare the checksum.
        if stream.read(1):
            raise UnsafeArchiveError(self.name, "data behind the end of the array; it was not loaded.", name)


def _check_entries(entries: list[zipfile.ZipInfo], name: str, largest: int) -> None:
    names = [entry.filename for entry in entries]
    if not names or not all(member.endswith(".npy") for member in names):
        raise ForeignFileError(name, f"a zip, but no npz: it holds {listed(names, most=5)}.")
    if len(names) > MOST_MEMBERS or len(set(names)) != len(names):
        raise UnsafeArchiveError(name, f"{len(names)} members, some of the same name; it was not loaded.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ArchiveError(name, "encrypted; unpack it and pack it again without a password.")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise ArchiveError(name, "compressed by a method that npz does not use; save it again with numpy.")
    total = sum(entry.file_size for entry in entries)
    if total > largest:
        raise UnsafeArchiveError(name, f"{total:,} bytes when unpacked; the limit is {largest:,}.")


def _check_count(path: Path, found: int) -> None:
    """Compare the directory with the count in the zip's end record: one flipped bit can hide an entry."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - (1 << 16) - 22))
        tail = stream.read()
    at = tail.rfind(END_RECORD)
    declared = int.from_bytes(tail[at + 10 : at + 12], "little")
    if declared not in (found & 0xFFFF, 0xFFFF):
        raise zipfile.BadZipFile(f"{found} members in the directory, {declared} in the end record")


def _read_into(stream: IO[bytes], target: memoryview | None) -> None:
    while target is not None and len(target):
        piece = stream.read(min(len(target), 1 << 22))
        if not piece:
            raise EOFError("the member ends early")
        target[: len(piece)] = piece
        target = target[len(piece) :]
