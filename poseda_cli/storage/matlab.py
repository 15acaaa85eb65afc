"""MATLAB v5 files (v7.3 is HDF5), through SciPy: the extra `mat`.

What SciPy does with bytes that are damaged inside an element is up to SciPy; it may even crash.
"""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import Any, BinaryIO, Literal

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, MissingExtraError, UnsafeArchiveError
from poseda_cli.storage.files import LARGEST, File

CLASSES = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8", "logical": "b1", "char": "U1",
}  # fmt: skip


HEAD = 128
MATRIX, COMPRESSED = 14, 15
# Compressed bytes that are sure to hold an element's tag.
TAG_PACKED = 4096
# A cell of two dimensions takes three.
DEEPEST = 16


class MatlabArchive:
    """A MATLAB v5 file; see `storage.archive.Archive` for the members. Cells and structs are trees.

    Parameters
    ----------
    file : where it lies
    largest : limit of the file, bytes

    Raises
    ------
    MissingExtraError : SciPy is not installed
    UnsafeArchiveError : larger than allowed
    """

    def __init__(self, file: File, largest: int = LARGEST) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self._largest = largest
        self._trees: dict[str, Any] = {}
        self._matlab = _scipy_io(self.name)
        with file.open() as stream:
            if (size := stream.seek(0, 2)) > largest:
                raise UnsafeArchiveError(self.name, f"{size:,} bytes; the limit is {largest:,}.")
            self.decoded = _check_elements(stream, size, self.name)

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each variable by name, without reading their values."""
        found = self._guarded(lambda stream: self._matlab.whosmat(stream))
        return {name: (tuple(shape), np.dtype(CLASSES.get(kind, "O"))) for name, shape, kind in found}

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric variable."""
        shape, dtype = self.members[name]
        if dtype.kind == "O":
            raise ArchiveError(self.name, "a cell or struct, expected numbers", name)
        if np.prod(shape, dtype=object) * dtype.itemsize > self._largest:
            raise UnsafeArchiveError(self.name, "claims an absurd size; it was not loaded.", name)
        values = self._load(name)
        return np.ascontiguousarray(values, None if dtype.kind == "U" else dtype)

    def outline(self, name: str) -> Any:
        """The value; MATLAB files have no cheaper way to look into a cell."""
        return self.tree(name)

    def tree(self, name: str) -> Any:
        """A cell as nested lists, a struct as a dict; read once."""
        if name not in self._trees:
            value = self._load(name)
            self._trees[name] = self._guarded(lambda _: _plain(value), name)
        return self._trees[name]

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""
        tree = self.tree(name)
        del self._trees[name]
        return tree

    def _load(self, name: str) -> Any:
        return self._guarded(lambda stream: self._matlab.loadmat(stream, variable_names=[name])[name], name)

    def _guarded(self, read: Any, member: str | None = None) -> Any:
        try:
            with self.file.open() as stream:
                return read(stream)
        except ArchiveError:
            raise
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "claims an absurd size; it was not loaded.", member) from error
        except Exception as error:  # SciPy's reader raises a dozen kinds on damaged input
            message = f"damaged MATLAB file ({str(error).strip()}). Fetch it again."
            raise DamagedArchiveError(self.name, message, member) from error


def _check_elements(stream: BinaryIO, size: int, name: str) -> int:
    """Follow the file's elements to its end: SciPy takes a file that was cut off for one with fewer variables.

    Returns
    -------
    Bytes of all elements once inflated.
    """
    stream.seek(HEAD - 2)
    order: Literal["little", "big"] = "little" if stream.read(2) == b"IM" else "big"
    place, decoded = HEAD, 0
    while place < size:
        stream.seek(place)
        tag = stream.read(8)
        kind, length = (int.from_bytes(tag[at : at + 4], order) for at in (0, 4))
        place += 8 + length
        if kind not in (MATRIX, COMPRESSED) or place > size:
            raise DamagedArchiveError(name, "damaged MATLAB file: its elements do not add up. Fetch it again.")
        decoded += length if kind == MATRIX else _inflated(stream, order)
    if size <= HEAD:
        raise DamagedArchiveError(name, "a MATLAB file without variables; fetch it again.")
    return decoded


def _inflated(stream: BinaryIO, order: Literal["little", "big"]) -> int:
    """How long a compressed element is, by the tag that it begins with; 0 if it is damaged, which reading it tells."""
    try:
        tag = zlib.decompressobj().decompress(stream.read(TAG_PACKED), 8)
    except zlib.error:
        return 0
    return int.from_bytes(tag[4:8], order)


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        raise ValueError(f"more than {DEEPEST} levels deep")
    if not isinstance(value, np.ndarray) or (value.dtype.kind != "O" and value.dtype.names is None):
        return value
    if value.dtype.names is not None:
        first = value.reshape(-1)[0] if value.size else ()
        return {name: _plain(field, depth + 1) for name, field in zip(value.dtype.names, first, strict=False)}
    return [_plain(row, depth + 1) for row in value] if value.ndim else _plain(value.item(), depth + 1)


def _scipy_io(name: str) -> Any:
    try:
        import scipy.io
    except ImportError as error:
        raise MissingExtraError(name, "a MATLAB v5 file", "SciPy", "mat") from error
    return scipy.io
