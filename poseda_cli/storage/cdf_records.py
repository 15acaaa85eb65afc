"""Internal records of CDF files, followed before cdflib reads them: it believes every count and every place."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

# Of variables, and of attributes; a pose file has a handful.
MOST_VARIABLES, MOST_DIMENSIONS = 1000, 8
# Entries of a variable's index, and levels of it.
MOST_BLOCKS, DEEPEST = 20_000, 8
INDEX, PACKED = 6, 13
Z_VARIABLE = 8
PIECE = 1 << 20
# Places in files end here.
END = 1 << 62
# How a file begins that is packed as a whole, and one that is not.
PACKED_WHOLE, UNPACKED = b"\xcd\xf3\x00\x01\xcc\xcc\x00\x01", b"\xcd\xf3\x00\x01\x00\x00\xff\xff"
GZIP = 5


class AbsurdRecordError(Exception):
    """A record that states what it cannot have, or what pose data never has."""


def check_records(stream: IO[bytes], most: int) -> None:
    """Follow the records of an unpacked CDF of version 3.

    Parameters
    ----------
    stream : the file
    most : limit of what all of its blocks are once inflated, bytes

    Raises
    ------
    AbsurdRecordError : as said
    """
    _Records(stream, most).check()


def unpacked(stream: IO[bytes], most: int) -> Iterator[bytes]:
    """A CDF of version 3 that was packed as a whole by gzip, as it was before, in pieces.

    Raises
    ------
    AbsurdRecordError : packed in another way, or more than `most` bytes
    zlib.error : damaged
    """
    stream.seek(8)
    size = int.from_bytes(stream.read(8), "big")
    stream.seek(20)
    stream.seek(min(int.from_bytes(stream.read(8), "big"), END) + 12)
    if int.from_bytes(stream.read(4), "big") != GZIP:
        raise AbsurdRecordError("packed as a whole, and not by gzip")
    yield UNPACKED
    for piece in _inflated(stream, 40, size - 32):
        most -= len(piece)
        if most < 0:
            raise AbsurdRecordError("more than the limit once inflated")
        yield piece


def _inflated(stream: IO[bytes], place: int, size: int) -> Iterator[bytes]:
    """What gzip packed, one member behind the other, in pieces."""
    stream.seek(place)
    inflater = zlib.decompressobj(wbits=31)
    while size > 0 and (data := stream.read(min(size, PIECE))):
        size -= len(data)
        while data:
            yield inflater.decompress(data, PIECE)
            data = inflater.unconsumed_tail
            if inflater.eof:
                data, inflater = inflater.unused_data, zlib.decompressobj(wbits=31)


class _Records:
    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._left, self._blocks = stream, most, 0

    def check(self) -> None:
        descriptor = self._number(20, 8)
        heads = self._number(descriptor + 20, 8), self._number(descriptor + 12, 8)
        counts = self._number(descriptor + 60, 4), self._number(descriptor + 44, 4)
        attributes, dimensions = self._number(descriptor + 48, 4), self._number(descriptor + 56, 4)
        if max(*counts, attributes) > MOST_VARIABLES or dimensions > MOST_DIMENSIONS:
            raise AbsurdRecordError("its head claims too many variables, attributes or dimensions")
        for place, count in zip(heads, counts, strict=True):
            for _ in range(count):
                self._variable(place)
                place = self._number(place + 12, 8)

    def _variable(self, place: int) -> None:
        if self._number(place + 8, 4) == Z_VARIABLE and self._number(place + 340, 4) > MOST_DIMENSIONS:
            raise AbsurdRecordError("a variable of too many dimensions")
        if self._number(place + 48, 4):
            raise AbsurdRecordError("a variable with records left out")
        if index := self._number(place + 28, 8):
            self._index(index, 0)

    def _index(self, place: int, depth: int) -> None:
        while place and place != (1 << 64) - 1:
            entries, used = self._number(place + 20, 4), self._number(place + 24, 4)
            self._blocks += max(used, 1)
            if self._blocks > MOST_BLOCKS or depth > DEEPEST or used > entries:
                raise AbsurdRecordError("a variable in too many blocks")
            for entry in range(used):
                block = self._number(place + 28 + 8 * entries + 8 * entry, 8)
                if self._number(block + 8, 4) == INDEX:
                    self._index(block, depth + 1)
                else:
                    self._block(block)
            place = self._number(place + 12, 8)

    def _block(self, place: int) -> None:
        size, kind = self._number(place, 8), self._number(place + 8, 4)
        if kind != PACKED:
            self._spend(min(size, self._stream.seek(0, 2)))
            return
        self._inflate(place + 24, self._number(place + 16, 8))

    def _inflate(self, place: int, size: int) -> None:
        for piece in _inflated(self._stream, place, size):
            self._spend(len(piece))

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise AbsurdRecordError("blocks that are more than the limit once inflated")

    def _number(self, place: int, width: int) -> int:
        if place > END:
            raise AbsurdRecordError("a record before the file")
        self._stream.seek(place)
        return int.from_bytes(self._stream.read(width), "big")
