"""npz archives: zips of npy members; see `storage.npy` for how those are read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError, listed
from poseda_cli.storage.files import LARGEST, UNREADABLE_ZIP, File, zip_entries
from poseda_cli.storage.npy import peek_objects, read_header, read_objects, read_values
from poseda_cli.storage.pickles import MalformedPickleError, UnsafePickleError


class NpzArchive:
    """An npz file; see `storage.archive.Archive` for the members.

    Parameters
    ----------
    file : where it lies
    largest : limit of all members together, bytes

    Raises
    ------
    ForeignFileError : a zip, but no npz
    DamagedArchiveError : a truncated zip
    UnsafeArchiveError : sizes, names or methods that an npz does not have
    """

    def __init__(self, file: File, largest: int = LARGEST) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self._largest = largest
        self._trees: dict[str, Any] = {}
        with file.open() as stream:
            entries = zip_entries(stream, self.name, largest)
        names = [entry.filename for entry in entries]
        if not all(member.endswith(".npy") for member in names):
            raise ForeignFileError(self.name, f"a zip, but no npz: it holds {listed(names, most=5)}.")
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each array by name."""
        heads = {}
        for member in self._entries:
            with self._open(member) as stream:
                shape, _, dtype = read_header(stream, self.name, member, self._largest)
            heads[member] = (shape, dtype)
        return heads

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric array, native in byte order."""
        with self._open(name) as stream:
            return read_values(stream, self._entries[name].file_size, self.name, name, self._largest)

    def size(self, name: str) -> int:
        """Bytes of a member once inflated, as the directory states them."""
        return self._entries[name].file_size

    def outline(self, name: str) -> Any:
        """The beginning of an object array's value, see `storage.pickles.peek_pickle`."""
        with self._open(name) as stream:
            return peek_objects(stream, self.name, name, self._largest)

    def tree(self, name: str) -> Any:
        """The value of an object array, as `storage.pickles.read_pickle` gives it; decoded once."""
        if name not in self._trees:
            with self._open(name) as stream:
                self._trees[name] = read_objects(stream, self.name, name, self._largest)
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
            with (
                self.file.open() as file,
                zipfile.ZipFile(file) as archive,
                archive.open(self._entries[name]) as stream,
            ):
                yield stream
        except UnsafePickleError as error:
            message = f"{error}. This is not pose data; it was not loaded."
            raise (self._damage(name) or UnsafeArchiveError(self.name, message, name)) from error
        except MalformedPickleError as error:
            raise (self._damage(name) or DamagedArchiveError(self.name, f"{error}.", name)) from error
        except UNREADABLE_ZIP as error:
            raise self._damage(name) or DamagedArchiveError(self.name, f"{error}.", name) from error
        except ArchiveError as error:
            if damage := self._damage(name):
                raise damage from error
            raise

    def _damage(self, name: str) -> DamagedArchiveError | None:
        """An error if the member's bytes are not those that were packed."""
        try:
            with (
                self.file.open() as file,
                zipfile.ZipFile(file) as archive,
                archive.open(self._entries[name]) as stream,
            ):
                while stream.read(1 << 20):
                    pass
        except Exception as error:  # zipfile and zlib raise a dozen kinds on damaged input
            message = f"damaged ({error}). The download is incomplete or was altered; fetch it again."
            return DamagedArchiveError(self.name, message, name)
        return None
