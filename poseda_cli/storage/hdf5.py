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
from poseda_cli.storage.files import File, LocalFile, check_unchanged, stamp_of
from poseda_cli.storage.limits import DEFAULT, Limits, too_large

if TYPE_CHECKING:
    import h5py

DEEPEST = 4
MOST_MEMBERS = 10_000
MOST_ATTRIBUTES, LARGEST_ATTRIBUTE = 1000, 1 << 20
# Deflate, shuffle, Fletcher's checksum, szip, n-bit, scale-offset, and lzf, which h5py brings: others are plugins.
FILTERS = frozenset((1, 2, 3, 4, 5, 6, 32000))
# Bytes that a chunk may have beyond its values: HDF5 itself adds a few.
SLACK = 1 << 16
# Chunks are inflated as a whole, whatever is asked of them.
LARGEST_CHUNK = 1 << 26
# Text of any length is read in parts: what they take at most, if each text were as long as the file.
TEXTS = 1 << 28
# So few texts are read whatever the size of the file.
FEW_TEXTS = 64


class Hdf5Archive:
    """An HDF5 file; see `storage.archive.Archive` for the members. Data sets in groups are
    named 'group/data set'; MATLAB's own groups, '#refs#' and the like, are not looked into.

    Parameters
    ----------
    file : where it lies
    limits : of one data set, or of the rows of one, that is read at once

    Raises
    ------
    DamagedArchiveError : truncated
    UnsafeArchiveError : when read: what points outside the file, or claims absurd sizes
    """

    def __init__(self, file: File, limits: Limits = DEFAULT) -> None:
        self.file = file
        self.name = file.name
        self.limits = limits
        self._stamp = stamp_of(file)
        self._sound: set[str] = set()
        with self._open():
            pass

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each data set by name."""
        with self._open() as file:
            found: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
            self._seen = 0
            self._collect(file, "", found, 0)
            return found

    def _collect(self, group: Any, prefix: str, found: dict[str, Any], depth: int) -> None:
        import h5py

        for name in group:
            self._seen += 1
            if self._seen > MOST_MEMBERS:  # links to one group, again and again, are as many without end
                raise UnsafeArchiveError(self.name, f"more than {MOST_MEMBERS:,} links; it was not loaded.")
            if group.get(name, getclass=True, getlink=True) is not h5py.HardLink or name.startswith("#"):
                continue
            item = group[name]
            if isinstance(item, h5py.Dataset):
                found[prefix + name] = (item.shape or (), item.dtype)
            elif isinstance(item, h5py.Group) and depth < DEEPEST:
                self._collect(item, f"{prefix}{name}/", found, depth + 1)

    @property
    def decoded(self) -> int:
        """Bytes of all data sets once inflated; text of any length counts as the pointers to it."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.members.values())

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the root group."""
        with self._open() as file:
            self._check_attributes(file)
            return dict(file.attrs)

    def _check_attributes(self, file: h5py.File) -> None:
        if len(file.attrs) > MOST_ATTRIBUTES:
            raise UnsafeArchiveError(self.name, f"more than {MOST_ATTRIBUTES:,} attributes; it was not loaded.")
        texts = 0
        for name in file.attrs:
            attribute = file.attrs.get_id(name)
            count = math.prod(attribute.shape or ())
            texts += count * attribute.dtype.hasobject
            if self._are_many(texts) or count * attribute.dtype.itemsize > LARGEST_ATTRIBUTE:
                raise UnsafeArchiveError(self.name, f"an attribute of {count:,} values; it was not loaded.", name)

    def _are_many(self, texts: int) -> bool:
        """Whether texts could take too much memory: each may be as long as the file, and all may be the same one."""
        return texts > FEW_TEXTS and texts * self.file.size > TEXTS

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a data set, native in byte order.

        Raises
        ------
        UnsafeArchiveError : it lies outside the file or is larger than allowed
        DamagedArchiveError : its bytes cannot be read
        """
        with self._open(name) as file:
            dataset = self._inside(file, name)
            values = self._texts(dataset, name, 0, dataset.size) if dataset.dtype.hasobject else np.asarray(dataset[()])
        if values.dtype.names:
            return values
        return values.astype(values.dtype.newbyteorder("="), copy=False)

    def rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some values of a data set, by its first axis, as `array` gives all; of a file that nobody changes."""
        check_unchanged(self.file, self._stamp)
        with self._open(name) as file:
            dataset = self._inside(file, name, stop - start)
            text = dataset.dtype.hasobject
            values = self._texts(dataset, name, start, stop) if text else np.asarray(dataset[start:stop])
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
        if size > self.limits.at_once:
            raise UnsafeArchiveError(self.name, f"claims {too_large(size, self.limits.at_once)}", name)
        if name not in self._sound:
            self._check_storage(dataset, name)
            self._sound.add(name)
        return dataset

    def _check_storage(self, dataset: h5py.Dataset, name: str) -> None:
        """Refuse filters that HDF5 would load, and chunks that become larger than the values in them."""
        plan = dataset.id.get_create_plist()
        filters = [plan.get_filter(place)[0] for place in range(plan.get_nfilters())]
        if foreign := [number for number in filters if number not in FILTERS]:
            message = f"packed by filter {foreign[0]}, which is none of HDF5's own; pack it again with gzip."
            raise UnsafeArchiveError(self.name, message, name)
        if len(set(filters)) != len(filters):
            raise UnsafeArchiveError(self.name, "packed several times over; it was not loaded.", name)
        if dataset.chunks is None:
            return
        size = math.prod(dataset.chunks) * dataset.dtype.itemsize
        if size > max(LARGEST_CHUNK, math.prod(dataset.shape) * dataset.dtype.itemsize):
            raise UnsafeArchiveError(self.name, f"chunks of {size:,} bytes, more than all of its values.", name)

        def too_long(chunk: Any) -> bool | None:
            return chunk.size > size + size // 8 + SLACK or None

        if dataset.id.chunk_iter(too_long):
            raise UnsafeArchiveError(self.name, f"a chunk that holds more than its {size:,} bytes.", name)

    def _texts(self, dataset: h5py.Dataset, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Text of any length: a file that says one text twice has it twice, or else a few bytes become gigabytes."""
        if not self._are_many(dataset.size if dataset.ndim != 1 else stop - start):
            return np.asarray(dataset[start:stop] if dataset.ndim else dataset[()])
        if dataset.dtype.kind != "O" or dataset.ndim != 1:
            raise UnsafeArchiveError(self.name, "many records of any length; they were not loaded.", name)
        size, flat = self.file.size, np.empty(stop - start, object)
        step, length = max(1, TEXTS // size), 0
        for first in range(start, stop, step):
            last = min(first + step, stop)
            flat[first - start : last - start] = values = dataset[first:last]
            length += sum(len(value) for value in values if hasattr(value, "__len__"))
            if length > size:
                raise UnsafeArchiveError(self.name, f"more text than the file's {size:,} bytes; not loaded.", name)
        return flat

    @contextmanager
    def _open(self, member: str | None = None) -> Iterator[h5py.File]:
        import h5py

        try:
            with contextlib.ExitStack() as stack:
                stream = (
                    self.file.on_disk if isinstance(self.file, LocalFile) else stack.enter_context(self.file.open())
                )
                yield stack.enter_context(h5py.File(stream, "r"))
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "takes more memory than there is; not loaded.", member) from error
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            message = f"damaged HDF5 ({str(error).strip()}). The download is incomplete or was altered; fetch it again."
            raise DamagedArchiveError(self.name, message, member) from error
