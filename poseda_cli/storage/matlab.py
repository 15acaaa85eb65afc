"""MATLAB v5 files (v7.3 is HDF5).

Read here and not by SciPy, whose compiled reader brings the process down on some damaged files: one in
a hundred flipped bits of a small file does (SciPy 1.17.1). Every size is checked against what is
there before it is believed.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import LARGEST, File

# Before the variables; its last two bytes tell the byte order.
HEADER = 128
# Compressed variables: flags, shape and name are in so many bytes.
HEAD = 4096
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXTS = {1: "latin-1", 2: "utf-8", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, CHAR = 1, 2, 4
CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
LOGICAL, COMPLEX = 0x0200, 0x0800
MOST_DIMENSIONS = 8
DEEPEST = 8
MOST_MEMBERS = 10_000


class _MalformedError(Exception):
    """Bytes that contradict each other."""


class _Head(NamedTuple):
    """What precedes a variable's values; `start` is where those begin, in the variable's own bytes."""

    kind: int
    flags: int
    shape: tuple[int, ...]
    name: str
    start: int

    @property
    def dtype(self) -> np.dtype[Any]:
        if self.kind == CHAR:
            return np.dtype("U1")
        return np.dtype("?" if self.kind in CLASSES and self.flags & LOGICAL else CLASSES.get(self.kind, "O"))


class _Place(NamedTuple):
    """Where a variable lies in the file."""

    head: _Head
    start: int
    size: int
    compressed: bool


class MatlabArchive:
    """A MATLAB v5 file; see `storage.archive.Archive` for the members. Cells and structs are trees.

    Parameters
    ----------
    file : where it lies
    largest : limit of the file, and of a variable that it holds compressed, bytes

    Raises
    ------
    UnsafeArchiveError : larger than allowed
    DamagedArchiveError : truncated
    """

    def __init__(self, file: File, largest: int = LARGEST) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self._largest = largest
        self._trees: dict[str, Any] = {}
        with file.open() as stream:
            self._size = stream.seek(0, 2)
            stream.seek(HEADER - 2)
            self._order = {b"IM": "<", b"MI": ">"}.get(stream.read(2), "")
        if self._size > largest:
            raise UnsafeArchiveError(self.name, f"{self._size:,} bytes; the limit is {largest:,}.")
        if not self._order:
            raise self._damage("no byte order in its header")

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each variable by name, without reading their values."""
        return {name: (place.head.shape, place.head.dtype) for name, place in self._places.items()}

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric variable."""
        if self.members[name][1].kind == "O":
            raise ArchiveError(self.name, "a cell or struct, expected numbers", name)
        return np.ascontiguousarray(self._load(name))

    def outline(self, name: str) -> Any:
        """The value; MATLAB files have no cheaper way to look into a cell."""
        return self.tree(name)

    def tree(self, name: str) -> Any:
        """A cell as nested lists, a struct as a dict; read once."""
        if name not in self._trees:
            self._trees[name] = self._load(name)
        return self._trees[name]

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""
        tree = self.tree(name)
        del self._trees[name]
        return tree

    @cached_property
    def _places(self) -> dict[str, _Place]:
        found: dict[str, _Place] = {}
        try:
            with self.file.open() as stream:
                for place in self._walk(stream):
                    if place.head.name in found or len(found) > MOST_MEMBERS:
                        raise _MalformedError(f"two variables {place.head.name!r}")
                    if place.head.name:  # MATLAB keeps functions' workspaces under no name
                        found[place.head.name] = place
        except (_MalformedError, zlib.error, struct.error) as error:
            raise self._damage(error) from error
        return found

    def _walk(self, stream: BinaryIO) -> Iterator[_Place]:
        start = HEADER
        while start < self._size:
            stream.seek(start)
            kind, size = struct.unpack(f"{self._order}II", stream.read(8))
            start += 8
            if kind not in (MATRIX, COMPRESSED) or start + size > self._size:
                raise _MalformedError("cut off within a variable, or bytes that belong to none")
            data = stream.read(min(size, HEAD))
            if kind == COMPRESSED:
                data = zlib.decompressobj().decompress(data, HEAD)[8:]
            yield _Place(_Reader(data, self._order).head(), start, size, kind == COMPRESSED)
            start += size

    def _load(self, name: str) -> Any:
        place = self._places[name]
        try:
            with self.file.open() as stream:
                stream.seek(place.start)
                data = stream.read(place.size)
            if place.compressed:
                data = self._inflated(data, name)
            return _Reader(data, self._order).value()
        except (_MalformedError, zlib.error, struct.error) as error:
            raise self._damage(error, name) from error

    def _inflated(self, data: bytes, name: str) -> bytes:
        """The bytes of a compressed variable, behind its tag, once their checksum was compared."""
        stream = zlib.decompressobj()
        whole = stream.decompress(data, self._largest + 1)
        if len(whole) > self._largest:
            message = f"more than {self._largest:,} bytes when unpacked; it was not loaded."
            raise UnsafeArchiveError(self.name, message, name)
        if not stream.eof or stream.unused_data or len(whole) < 8:
            raise _MalformedError("compressed data that ends early, or too late")
        kind, size = struct.unpack(f"{self._order}II", whole[:8])
        if kind != MATRIX or size != len(whole) - 8:
            raise _MalformedError(f"{len(whole) - 8:,} bytes, its header promises {size:,}")
        return whole[8:]

    def _damage(self, reason: object, member: str | None = None) -> DamagedArchiveError:
        return DamagedArchiveError(self.name, f"damaged MATLAB file ({reason}). Fetch it again.", member)


class _Reader:
    """The elements of one variable's bytes, each checked to lie in them."""

    def __init__(self, data: bytes | memoryview, order: str, depth: int = 0) -> None:
        if depth > DEEPEST:
            raise _MalformedError(f"cells more than {DEEPEST} levels deep")
        self.data = memoryview(data)
        self.order = order
        self.depth = depth
        self.place = 0

    def element(self, *kinds: int) -> tuple[int, memoryview]:
        """Type and bytes of the next element, which must be of one of some types."""
        if self.place + 8 > len(self.data):
            raise _MalformedError("ends within an element")
        kind, size = struct.unpack_from(f"{self.order}II", self.data, self.place)
        start = self.place + 8
        if kind >> 16:  # up to four bytes of data fit into the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, self.place + 4
            self.place += 8
        else:
            self.place = start + size + -size % 8
        if kind not in kinds or (start + size > self.place) or start + size > len(self.data):
            raise _MalformedError(f"an element of type {kind} and {size:,} bytes where none can be")
        return kind, self.data[start : start + size]

    def head(self) -> _Head:
        """Class, flags, shape and name."""
        _, flags = self.element(6)
        _, shape = self.element(5)
        _, name = self.element(1)
        if len(flags) != 8 or len(shape) % 4 or not 8 <= len(shape) <= 4 * MOST_DIMENSIONS:
            raise _MalformedError("a variable of unknown form")
        sizes = struct.unpack(f"{self.order}{len(shape) // 4}i", shape)
        (bits,) = struct.unpack_from(f"{self.order}I", flags)
        if min(sizes) < 0 or math.prod(size or 1 for size in sizes) > 1 << 40:
            raise _MalformedError(f"a variable of shape {sizes}")
        return _Head(bits & 0xFF, bits, sizes, bytes(name).decode("latin-1"), self.place)

    def value(self) -> Any:
        """Numbers and text as arrays, a cell as nested lists, a struct (its first element) as a dict."""
        if not len(self.data):  # how an empty matrix is spelled within cells
            return np.empty((0, 0))
        head = self.head()
        if head.kind == CELL:
            return _nested(self.several(math.prod(head.shape)), head.shape)
        if head.kind == STRUCT:
            return self.fields(math.prod(head.shape))
        if head.kind == CHAR:
            return self.text(head.shape)
        if head.kind not in CLASSES or head.flags & COMPLEX:
            raise _MalformedError(f"values of class {head.kind}, which are no real numbers, text, cells or structs")
        kind, payload = self.element(*NUMBERS)
        stored = np.dtype(self.order + NUMBERS[kind])
        if len(payload) != math.prod(head.shape) * stored.itemsize:
            raise _MalformedError(f"{len(payload):,} bytes of {stored} for shape {head.shape}")
        values = np.frombuffer(payload, stored).astype(head.dtype, copy=False)
        return values.astype(values.dtype.newbyteorder("="), copy=False).reshape(head.shape, order="F")

    def several(self, count: int) -> list[Any]:
        """So many matrices."""
        if count > len(self.data) // 8:
            raise _MalformedError(f"{count:,} entries in {len(self.data):,} bytes")
        found = []
        for _ in range(count):
            _, inside = self.element(MATRIX)
            found.append(_Reader(inside, self.order, self.depth + 1).value())
        return found

    def fields(self, count: int) -> dict[str, Any]:
        """The first of some structs."""
        _, width = self.element(5)
        _, names = self.element(1)
        (size,) = struct.unpack(f"{self.order}i", width)
        if size < 1 or len(names) % size:
            raise _MalformedError("field names of unknown length")
        keys = [bytes(names[i : i + size]).split(b"\0")[0].decode("latin-1") for i in range(0, len(names), size)]
        values = self.several(len(keys) if count else 0)
        return dict(zip(keys, values, strict=False))

    def text(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """One string a row."""
        if not math.prod(shape):
            return np.empty(0, "U1")
        kind, payload = self.element(*TEXTS)
        codec = TEXTS[kind] + {"<": "-le", ">": "-be"}[self.order] * (TEXTS[kind] in ("utf-16", "utf-32"))
        try:
            letters = bytes(payload).decode(codec)
        except UnicodeDecodeError as error:
            raise _MalformedError("text in no known encoding") from error
        if len(letters) != math.prod(shape):
            raise _MalformedError(f"{len(letters)} letters for shape {shape}")
        rows = np.array(list(letters)).reshape(shape, order="F")
        return np.array(["".join(row) for row in rows.reshape(shape[0], -1)])


def _nested(items: list[Any], shape: tuple[int, ...]) -> Any:
    """Cells in the order of their columns as lists of rows."""
    if len(shape) == 1:
        return items
    rows = shape[0]
    if not rows:
        return []
    return [_nested(items[row::rows], shape[1:]) for row in range(rows)]
