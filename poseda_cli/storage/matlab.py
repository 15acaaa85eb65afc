"""MATLAB v5 files (v7.3 is HDF5), through SciPy: the extra `mat`.

What SciPy does with bytes that are damaged inside an element is up to SciPy; it may even crash.
"""

from __future__ import annotations

import math
import zlib
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, MissingExtraError, UnsafeArchiveError
from poseda_cli.storage.files import File
from poseda_cli.storage.limits import DEFAULT, Limits, too_large
from poseda_cli.storage.matlab_elements import COMPRESSED, MATRIX, AbsurdElementError, Elements, Order

CLASSES = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8", "logical": "b1", "char": "U1",
}  # fmt: skip


HEAD = 128
# A cell of two dimensions takes three.
DEEPEST = 16


class MatlabArchive:
    """A MATLAB v5 file; see `storage.archive.Archive` for the members. Cells and structs are trees.

    Parameters
    ----------
    file : where it lies
    limits : of the file, and of what is read of it at once

    Raises
    ------
    MissingExtraError : SciPy is not installed
    UnsafeArchiveError : larger than allowed
    """

    def __init__(self, file: File, limits: Limits = DEFAULT) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self.limits = limits
        self._trees: dict[str, Any] = {}
        self._matlab = _scipy_io(self.name)
        with file.open() as stream:
            if (size := stream.seek(0, 2)) > limits.at_once:
                raise UnsafeArchiveError(self.name, too_large(size, limits.at_once))
            self._places, self.decoded = _check_elements(stream, size, self.name)

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each variable by name, without reading their values."""
        found = self._guarded(lambda stream: self._matlab.whosmat(stream))
        return {name: (tuple(map(int, shape)), np.dtype(CLASSES.get(kind, "O"))) for name, shape, kind in found}

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric variable."""
        shape, dtype = self.members[name]
        if dtype.kind == "O":
            raise ArchiveError(self.name, "a cell or struct, expected numbers", name)
        if (size := math.prod(shape) * dtype.itemsize) > self.limits.at_once:
            raise UnsafeArchiveError(self.name, f"claims {too_large(size, self.limits.at_once)}", name)
        values = self._load(name)
        if np.iscomplexobj(values):
            raise ArchiveError(self.name, "complex numbers, expected real ones", name)
        return np.ascontiguousarray(values, None if dtype.kind == "U" else dtype)

    def outline(self, name: str) -> Any:
        """The value; MATLAB files have no cheaper way to look into a cell."""
        return self.tree(name)

    def tree(self, name: str) -> Any:
        """A cell as nested lists, a struct as a dict; read once."""
        if name not in self._trees:
            if self.decoded > self.limits.at_once:  # no header says how much of it a cell is
                raise UnsafeArchiveError(
                    self.name, too_large(self.decoded, self.limits.at_once, "bytes when unpacked"), name
                )
            value = self._load(name)
            self._trees[name] = self._guarded(lambda _: _plain(value), name)
        return self._trees[name]

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""
        tree = self.tree(name)
        del self._trees[name]
        return tree

    def _load(self, name: str) -> Any:
        self._guarded(lambda stream: self._follow(stream, name), name)
        return self._guarded(lambda stream: self._matlab.loadmat(stream, variable_names=[name])[name], name)

    def _follow(self, stream: BinaryIO, name: str) -> None:
        """Follow all of a variable; one whose name SciPy reads otherwise than we do is followed with all others."""
        for place in self._places.get(name, [place for places in self._places.values() for place in places]):
            _elements(stream, place).check()

    def _guarded(self, read: Any, member: str | None = None) -> Any:
        try:
            with self.file.open() as stream:
                return read(stream)
        except ArchiveError:
            raise
        except AbsurdElementError as error:
            raise UnsafeArchiveError(self.name, f"{error}; it was not loaded.", member) from error
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "claims an absurd size; it was not loaded.", member) from error
        except Exception as error:  # SciPy's reader raises a dozen kinds on damaged input
            message = f"damaged MATLAB file ({str(error).strip()}). Fetch it again."
            raise DamagedArchiveError(self.name, message, member) from error


class Place(NamedTuple):
    """Where an element of the file lies, behind its tag."""

    start: int
    length: int
    compressed: bool
    order: Order


def _check_elements(stream: BinaryIO, size: int, name: str) -> tuple[dict[str, list[Place]], int]:
    """Follow the file's elements to its end: SciPy takes a file that was cut off for one with fewer variables.

    Returns
    -------
    Where variables lie, by name, and the bytes of all elements once inflated.
    """
    stream.seek(HEAD - 2)
    order: Order = "little" if stream.read(2) == b"IM" else "big"
    at, decoded = HEAD, 0
    places: dict[str, list[Place]] = {}
    while at < size:
        stream.seek(at)
        tag = stream.read(8)
        kind, length = (int.from_bytes(tag[part : part + 4], order) for part in (0, 4))
        place = Place(at + 8, length, kind == COMPRESSED, order)
        at += 8 + length
        if kind not in (MATRIX, COMPRESSED) or at > size:
            raise DamagedArchiveError(name, "damaged MATLAB file: its elements do not add up. Fetch it again.")
        try:
            elements = _elements(stream, place)
            head, _ = elements.head()
        except AbsurdElementError as error:
            raise UnsafeArchiveError(name, f"{error}; it was not loaded.") from error
        except (zlib.error, EOFError):  # which reading it tells
            continue
        decoded += elements.length
        places.setdefault(head.name, []).append(place)
    if size <= HEAD:
        raise DamagedArchiveError(name, "a MATLAB file without variables; fetch it again.")
    return places, decoded


def _elements(stream: BinaryIO, place: Place) -> Elements:
    stream.seek(place.start)
    return Elements(stream, place.length, place.compressed, place.order)


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
