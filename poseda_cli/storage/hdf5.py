"""HDF5 archives (h5, MATLAB v7.3) that stay in their file.

HDF5 can point elsewhere: external links, external raw storage and virtual data sets read other files
of the machine, and a data set of a few bytes can claim to be terabytes. All of that is refused.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import LARGEST, File, LocalFile, check_unchanged, stamp_of

if TYPE_CHECKING:
    import h5py

DEEPEST = 4
MOST_MEMBERS = 10_000


class Hdf5Archive:
    """An HDF5 file; see `storage.archive.Archive` for the members. Data sets in groups are
    named 'group/data set'; MATLAB's own groups, '#refs#' and the like, are not looked into.

    Parameters
    ----------
    file : where it lies
    largest : limit of one data set, bytes

    Raises
    ------
    DamagedArchiveError : truncated
    UnsafeArchiveError : when read: what points outside the file, or claims absurd sizes
    """

    def __init__(self, file: File, largest: int = LARGEST) -> None:
        self.file = file
        self.name = file.name
        self._largest = largest
        self._stamp = stamp_of(file)
        with self._open():
            pass

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each data set by name."""
        with self._open() as file:
            found: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
            self._collect(file, "", found, 0)
            return found

    def _collect(self, group: Any, prefix: str, found: dict[str, Any], depth: int) -> None:
        import h5py

        for name in group:
            if group.get(name, getclass=True, getlink=True) is not h5py.HardLink or name.startswith("#"):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                found[prefix + name] = (item.shape or (), item.dtype)
            elif isinstance(item, h5py.Group) and depth < DEEPEST:
                self._collect(item, f"{prefix}{name}/", found, depth + 1)
            if len(found) > MOST_MEMBERS:
                raise UnsafeArchiveError(self.name, f"more than {MOST_MEMBERS:,} data sets; it was not loaded.")

    @property
    def decoded(self) -> int:
        """Bytes of all data sets once inflated; text of any length counts as the pointers to it."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.members.values())

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the root group."""
        with self._open() as file:
            return dict(file.attrs)

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a data set, native in byte order.

        Raises
        ------
        UnsafeArchiveError : it lies outside the file or is larger than allowed
        DamagedArchiveError : its bytes cannot be read
        """
        with self._open(name) as file:
            dataset = self._inside(file, name)
            values = np.asarray(dataset[()])
        if values.dtype.names:
            return values
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some values of a data set, by its first axis, as `array` gives all; of a file that nobody changes."""
        check_unchanged(self.file, self._stamp)
        with self._open(name) as file:
            values = np.asarray(self._inside(file, name, stop - start)[start:stop])
        check_unchanged(self.file, self._stamp)
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def outline(self, name: str) -> Any:
        """HDF5 has no object arrays."""
        raise ArchiveError(self.name, "HDF5 holds no pickled objects", name)

    tree = take_tree = outline

    def _inside(self, file: h5py.File, name: str, rows: int | None = None) -> h5py.Dataset:
        """A data set of which all is read, or so many rows."""
        import h5py

        parts = name.split("/")
        steps = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        if any(file.get(step, getclass=True, getlink=True) is not h5py.HardLink for step in steps):
            raise UnsafeArchiveError(self.name, "a link; it may lead out of the file and was not followed.", name)
        dataset = file[name]
        if dataset.external or dataset.is_virtual:
            raise UnsafeArchiveError(self.name, "its values lie in another file; they were not loaded.", name)
        if dataset.shape is None:
            raise ArchiveError(self.name, "an empty data set, without a shape", name)
        shape = dataset.shape if rows is None else (rows, *dataset.shape[1:])
        size = math.prod(shape) * dataset.dtype.itemsize
        if size > self._largest:
            raise UnsafeArchiveError(self.name, f"claims {size:,} bytes; the limit is {self._largest:,}.", name)
        return dataset

    @contextmanager
    def _open(self, member: str | None = None) -> Iterator[h5py.File]:
        import h5py

        try:
            with contextlib.ExitStack() as stack:
                stream = (
                    self.file.on_disk if isinstance(self.file, LocalFile) else stack.enter_context(self.file.open())
                )
                yield stack.enter_context(h5py.File(stream, "r"))
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            message = f"damaged HDF5 ({str(error).strip()}). The download is incomplete or was altered; fetch it again."
            raise DamagedArchiveError(self.name, message, member) from error
