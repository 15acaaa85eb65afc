"""Elements of MATLAB v5 files, followed before SciPy reads them: it believes every size that they state."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Literal

MATRIX, COMPRESSED = 14, 15
# Bytes of a value by the type of an element: integers, floats, text as UTF-8, -16 and -32.
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
CELL, STRUCT, TEXT, NUMBERS = 1, 2, 4, range(6, 16)
OPAQUE, COMPLEX = 17, 0x0800
LONGEST_NAME, MOST_DIMENSIONS, MOST_VALUES = 1024, 32, 1 << 40
# Cells and fields of one variable; those of MPI-INF-3DHP have some hundreds.
MOST_PARTS = 1_000_000
# A cell of two dimensions takes three lists.
DEEPEST = 16
PIECE = 1 << 16

Order = Literal["little", "big"]


class AbsurdElementError(Exception):
    """An element that states what it cannot have, or what pose data never has."""


@dataclass
class Head:
    """How a matrix begins."""

    kind: int
    is_complex: bool
    count: int
    name: str


class Elements:
    """The bytes of one element of a file, inflated a little at a time.

    Parameters
    ----------
    stream : positioned behind the element's tag
    length : of the element in the file, bytes
    compressed : whether it is deflated
    order : of the bytes of numbers
    """

    def __init__(self, stream: BinaryIO, length: int, compressed: bool, order: Order) -> None:
        self._stream, self._packed, self._order = stream, length, order
        self._inflate = zlib.decompressobj() if compressed else None
        self._ready, self._at, self._taken, self._parts = b"", 0, 0, 0
        self.length = length

    def head(self) -> tuple[Head, int]:
        """How the matrix begins, and how many bytes of it are left.

        Raises
        ------
        AbsurdElementError : as `check`
        zlib.error, EOFError : damaged
        """
        if self._inflate:
            kind, self.length, _ = self._tag()
            if kind != MATRIX:
                raise AbsurdElementError(f"an element of type {kind} in place of a variable")
        return self._head(self.length)

    def check(self) -> None:
        """Follow the matrix to its end.

        Raises
        ------
        AbsurdElementError : parts that are larger than the whole, too many or too deep, or of an unknown class
        zlib.error, EOFError : damaged
        """
        head, left = self.head()
        self._body(head, left, 0)

    def _head(self, left: int) -> tuple[Head, int]:
        flags, left = self._small(left, 8, "flags")
        if self._number(flags[:4]) & 0xFF == OPAQUE:  # which go on in another way
            return Head(OPAQUE, False, 0, ""), left
        shape, left = self._small(left, 4 * MOST_DIMENSIONS, "sizes")
        name, left = self._small(left, LONGEST_NAME, "name")
        sizes = [self._number(shape[at : at + 4]) for at in range(0, len(shape), 4)]
        if len(flags) != 8 or len(shape) % 4 or any(size >= 1 << 31 for size in sizes):
            raise AbsurdElementError("a matrix without flags or sizes")
        count = math.prod(sizes)
        if math.prod(size or 1 for size in sizes) > MOST_VALUES:
            raise AbsurdElementError(f"claims {count:,} values")
        flag = self._number(flags[:4])
        return Head(flag & 0xFF, bool(flag & COMPLEX), count, name.decode("latin-1")), left

    def _body(self, head: Head, left: int, depth: int) -> None:
        if head.kind in NUMBERS or head.kind == TEXT:
            for _ in range(1 + head.is_complex):
                if not left and not head.count:
                    return
                left = self._values(head, left)
        elif head.kind == CELL:
            self._matrices(head.count, left, depth)
        elif head.kind == STRUCT:
            width, left = self._small(left, 4, "length of field names")
            names, left = self._small(left, MOST_PARTS, "field names")
            if not self._number(width):
                raise AbsurdElementError("a struct whose field names have no length")
            self._matrices(head.count * (len(names) // self._number(width)), left, depth)
        else:
            raise AbsurdElementError(f"a variable of class {head.kind}, expected numbers, text, cells or structs")

    def _values(self, head: Head, left: int) -> int:
        kind, length, small = self._tag()
        taken = 8 if small else 8 + length + -length % 8
        if kind not in WIDTHS or 8 + (0 if small else length) > left:
            raise AbsurdElementError(f"an element of type {kind} and {length:,} bytes where {left:,} are left")
        if head.kind != TEXT and length != head.count * WIDTHS[kind]:
            raise AbsurdElementError(f"claims {head.count:,} values in {length:,} bytes")
        if head.kind == TEXT and head.count > length:
            raise AbsurdElementError(f"claims a text of {head.count:,} characters in {length:,} bytes")
        self._skip(min(taken, left) - (4 if small else 8))
        return max(left - taken, 0)

    def _matrices(self, count: int, left: int, depth: int) -> None:
        self._parts += count
        if count * 8 > left or self._parts > MOST_PARTS:
            raise AbsurdElementError(f"claims {count:,} cells or fields in {left:,} bytes")
        if depth >= DEEPEST:
            raise AbsurdElementError(f"more than {DEEPEST} levels deep")
        for _ in range(count):
            kind, length, _ = self._tag()
            left -= 8 + length
            if kind != MATRIX or left < 0:
                raise AbsurdElementError(f"a part of type {kind} and {length:,} bytes, more than the whole has")
            before = self._taken
            if length:
                head, rest = self._head(length)
                self._body(head, rest, depth + 1)
            self._skip(length - (self._taken - before))

    def _small(self, left: int, most: int, what: str) -> tuple[bytes, int]:
        """An element that is short, and what is left behind it."""
        _, length, small = self._tag()
        if length > most or 8 + (0 if small else length) > left:
            raise AbsurdElementError(f"{what} of {length:,} bytes")
        if small:
            return self._read(4)[:length], left - 8
        data = self._read(min(length + -length % 8, left - 8))
        return data[:length], max(left - 8 - len(data), 0)

    def _tag(self) -> tuple[int, int, bool]:
        """Type and length; short elements have both in four bytes, and their content in four more."""
        first = self._number(self._read(4))
        if first >> 16:
            if first >> 16 > 4:
                raise AbsurdElementError(f"a short element of {first >> 16} bytes")
            return first & 0xFFFF, first >> 16, True
        return first, self._number(self._read(4)), False

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, self._order)

    def _skip(self, size: int) -> None:
        while size > 0:
            size -= len(self._read(min(size, PIECE)))

    def _read(self, size: int) -> bytes:
        while len(self._ready) - self._at < size:
            self._ready, self._at = self._ready[self._at :] + self._more(PIECE), 0
        self._at += size
        self._taken += size
        return self._ready[self._at - size : self._at]

    def _more(self, size: int) -> bytes:
        if self._inflate and self._inflate.unconsumed_tail:
            return self._inflate.decompress(self._inflate.unconsumed_tail, size)
        data = self._stream.read(min(size, self._packed))
        self._packed -= len(data)
        if not data:
            raise EOFError("it ends early")
        return self._inflate.decompress(data, size) if self._inflate else data
