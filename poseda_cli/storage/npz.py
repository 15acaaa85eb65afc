"""npz archives: zips of npy members; see `storage.npy` for how those are read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import IO, Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError, listed, shortened
from poseda_cli.storage.files import (
    UNREADABLE_ZIP,
    File,
    check_unchanged,
    stamp_of,
    zip_entries,
)
from poseda_cli.storage.limits import DEFAULT, Limits, too_large
from poseda_cli.storage.npy import peek_objects, read_header, read_objects, read_values
from poseda_cli.storage.npz_members import KeptZip, MemberRows, lies_by_rows
from poseda_cli.storage.pickles import LargePickleError, MalformedPickleError, UnsafePickleError

# Bytes that are inflated to say whether a member that makes no sense is damaged.
MOST_CHECKED = 1 << 30


class NpzArchive:
    """An npz file; see `storage.archive.Archive` for the members.

    Parameters
    ----------
    file : where it lies
    limits : of a member, or of the rows of one, that is read at once, and of all members together

    Raises
    ------
    ForeignFileError : a zip, but no npz
    DamagedArchiveError : a truncated zip
    UnsafeArchiveError : sizes, names or methods that an npz does not have
    """

    def __init__(self, file: File, limits: Limits = DEFAULT) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self.limits = limits
        self._rows: dict[str, MemberRows] = {}
        self._kept = KeptZip(file)
        self._stamp = stamp_of(file)
        self._trees: dict[str, Any] = {}
        with file.open() as stream:
            entries = zip_entries(stream, self.name, limits)
        names = [entry.filename for entry in entries]
        if not all(member.endswith(".npy") for member in names):
            raise ForeignFileError(self.name, f"a zip, but no npz: it holds {listed(names, most=5)}.")
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each array by name."""
        heads = {}
        kept = KeptZip(self.file)  # opened once: its directory may be long
        for member, entry in self._entries.items():
            with self._telling(member), kept.open(entry) as stream:
                shape, _, dtype = read_header(stream, self.name, member, self.limits.whole)
            heads[member] = (shape, dtype)
        kept.close()
        return heads

    @property
    def decoded(self) -> int:
        """Bytes of all members once inflated, as the directory states them."""
        return sum(entry.file_size for entry in self._entries.values())

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric array, native in byte order."""
        with self._whole(name) as stream:
            return read_values(stream, self._entries[name].file_size, self.name, name, self.limits.at_once)

    def rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some values of a numeric array, by its first axis, as `array` gives all; best asked for in order."""
        check_unchanged(self.file, self._stamp)
        with self._telling(name):
            values = self._member(name).read(start, stop)
        check_unchanged(self.file, self._stamp)
        if not any(member.is_open for member in self._rows.values()):
            self._kept.close()
        return values

    def has_rows(self, name: str) -> bool:
        """Whether some values of a numeric array can be read by its first axis: not those in Fortran's order."""
        with self._open(name) as stream:
            shape, fortran, _ = read_header(stream, self.name, name, self.limits.whole)
        return lies_by_rows(shape, fortran)

    def size(self, name: str) -> int:
        """Bytes of a member once inflated, as the directory states them."""
        return self._entries[name].file_size

    def outline(self, name: str) -> Any:
        """The beginning of an object array's value, see `storage.pickles.peek_pickle`."""
        with self._open(name) as stream:
            return peek_objects(stream, self.name, name, self.limits.at_once)

    def tree(self, name: str) -> Any:
        """The value of an object array, as `storage.pickles.read_pickle` gives it; decoded once."""
        if name not in self._trees:
            with self._whole(name) as stream:
                self._trees[name] = read_objects(stream, self.name, name, self.limits.at_once)
        return self._trees[name]

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it: its memory is free as soon as the caller lets go of it."""
        tree = self.tree(name)
        del self._trees[name]
        return tree

    def _member(self, name: str) -> MemberRows:
        if name not in self._rows:
            entry, kept = self._entries[name], self._kept  # not this itself, which would keep it for long
            self._rows[name] = MemberRows(self.name, name, entry, self.file.open, lambda: kept.open(entry), self.limits)
        return self._rows[name]

    @contextmanager
    def _whole(self, name: str) -> Iterator[IO[bytes]]:
        """The bytes of a member that is read at once."""
        if (size := self._entries[name].file_size) > self.limits.at_once:
            raise UnsafeArchiveError(self.name, too_large(size, self.limits.at_once, "bytes when unpacked"), name)
        with self._open(name) as stream:
            yield stream

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        """A member's bytes."""
        with (
            self._telling(name),
            self.file.open() as file,
            zipfile.ZipFile(file) as archive,
            archive.open(self._entries[name]) as stream,
        ):
            yield stream

    @contextmanager
    def _telling(self, name: str) -> Iterator[None]:
        """Whatever goes wrong while a member is read becomes one of our errors."""
        try:
            yield
        except LargePickleError as error:
            raise UnsafeArchiveError(self.name, f"{error}.", name) from error
        except UnsafePickleError as error:
            message = f"{error}. This is not pose data; it was not loaded."
            raise (self._damage(name) or UnsafeArchiveError(self.name, message, name)) from error
        except MalformedPickleError as error:
            raise (self._damage(name) or DamagedArchiveError(self.name, f"{error}.", name)) from error
        except UNREADABLE_ZIP as error:
            raise self._damage(name) or DamagedArchiveError(self.name, f"{shortened(str(error))}.", name) from error
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "takes more memory than there is; it was not loaded.", name) from error
        except ArchiveError as error:
            if damage := self._damage(name):
                raise damage from error
            raise

    def _damage(self, name: str) -> DamagedArchiveError | None:
        """An error if the member's bytes are not those that were packed; of a huge one nobody waits to know."""
        if self._entries[name].file_size > MOST_CHECKED:
            return None
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
