"""npz archives whose arrays come some rows at a time: the bytes of `npz_writer.write_npz`, in little memory.

All arrays grow at once, but lie one behind the other in the file. An array whose place is known beforehand is written
there at once; the others wait in scratch files without a name, which the system removes whatever happens.
"""

from __future__ import annotations

import math
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from poseda_cli.storage.deflate import END, LEVELS, Compression, in_order, segment
from poseda_cli.storage.npz_writer import BLOCK, Blocks, new_entry, npy_head, write_head


class Column(NamedTuple):
    """An array that comes in parts.

    shape, dtype : of all of it
    certain : whether it will be in the file; else a part may have None in its place, which leaves it out
    """

    shape: tuple[int, ...]
    dtype: DTypeLike
    certain: bool = True


Part = Mapping[str, NDArray[Any] | None]
Pieces = Iterator[tuple["_Member", bytes | memoryview]]


def write_npz_rows(
    path: Path, columns: Mapping[str, Column], parts: Iterable[Part], compression: Compression = "none"
) -> None:
    """Write numeric and text arrays, as numpy.savez does; where the parts end leaves no trace in the file.

    Parameters
    ----------
    path : the file
    columns : the arrays by name, in the order of the file
    parts : the next rows of each array, by name; a part need not have rows of all of them
    compression : of the members

    Raises
    ------
    ValueError : more or fewer rows than the columns say
    OSError : the disk refuses
    """
    with path.open("wb") as file, ExitStack() as scratch:
        members = _members(file, columns, compression, path.parent, scratch)
        pieces = _pieces(members, parts)
        if compression == "none":
            for member, piece in pieces:
                member.write(piece)
        else:
            _write_deflated(list(members.values()), pieces, LEVELS[compression])
        _put_together(file, members.values(), compression)


class _Member:
    """An array on its way into the archive.

    Parameters
    ----------
    name, column : of the array
    file : where its bytes are written
    place : where its head will be in that file; None if it waits there, alone, for its place to be known

    size, check : of its bytes so far, before they were deflated
    packed : bytes written so far
    """

    def __init__(self, name: str, column: Column, file: IO[bytes], place: int | None = None) -> None:
        self.name, self.entry, self.dtype = name, new_entry(name), np.dtype(column.dtype)
        descr = npy.dtype_to_descr(self.dtype)
        self.head = npy_head({"descr": descr, "fortran_order": False, "shape": column.shape})
        self.expected = len(self.head) + math.prod(column.shape) * self.dtype.itemsize
        self.size = self.check = self.packed = 0
        self.blocks, self.left_out = Blocks(), False
        self.scratch = file if place is None else None
        self._file, self._start = file, 0 if place is None else place + len(self.entry.FileHeader(zip64=True))

    @property
    def end(self) -> int:
        """Where the next one begins, if this one is not deflated."""
        return self._start + self.expected

    def count(self, piece: bytes | memoryview) -> None:
        """Take note of bytes that are about to be written, deflated or not."""
        self.size += len(piece)
        self.check = zlib.crc32(piece, self.check)

    def write(self, data: bytes | memoryview) -> None:
        """Write the next bytes as they shall lie in the file."""
        if not self.left_out:
            self._file.seek(self._start + self.packed)
            self._file.write(data)
            self.packed += len(data)

    def leave_out(self) -> None:
        """Forget what came so far, and what comes yet."""
        self.left_out = True
        self._file.close()


def _members(
    file: BinaryIO, columns: Mapping[str, Column], compression: Compression, folder: Path, scratch: ExitStack
) -> dict[str, _Member]:
    """The arrays; in the file itself up to the first of which it is not known beforehand how long it will be."""
    members: dict[str, _Member] = {}
    place: int | None = 0
    for name, column in columns.items():
        if place is None or not column.certain:
            waiting = scratch.enter_context(TemporaryFile(dir=folder))  # noqa: SIM115 # the stack closes it
            members[name], place = _Member(name, column, waiting), None
        else:
            members[name] = _Member(name, column, file, place)
            place = members[name].end if compression == "none" else None
    return members


def _pieces(members: Mapping[str, _Member], parts: Iterable[Part]) -> Pieces:
    """The bytes of the arrays as they come, counted."""
    for member in members.values():
        member.count(member.head)
        yield member, member.head
    for part in parts:
        for name, values in part.items():
            member = members[name]
            if values is None:
                member.leave_out()
            elif not member.left_out:
                piece = np.ascontiguousarray(values, member.dtype).reshape(-1).view(np.uint8).data
                member.count(piece)
                yield member, piece


def _write_deflated(members: list[_Member], pieces: Pieces, level: int) -> None:
    def blocks() -> Iterator[tuple[_Member, bytes]]:
        for member, piece in pieces:
            yield from ((member, block) for block in member.blocks.add(piece))
        for member in members:
            yield from ((member, block) for block in member.blocks.end())

    def packed(task: tuple[_Member, bytes]) -> tuple[_Member, bytes]:
        member, block = task
        return member, segment(block, level)

    for member, data in in_order(packed, blocks()):
        member.write(data)
    for member in members:
        member.write(END)


def _put_together(file: BinaryIO, members: Iterable[_Member], compression: Compression) -> None:
    """Write the heads around what is in place, and bring the rest there."""
    file.seek(0)
    with zipfile.ZipFile(file, "w") as archive:
        for member in members:
            if member.left_out:
                continue
            if member.size != member.expected:
                raise ValueError(f"{member.name}: {member.size:,} bytes came, {member.expected:,} were announced")
            entry = member.entry
            # zipfile goes on from where the file stands when a member is closed; its own counts are of nothing.
            with archive.open(entry, "w", force_zip64=True):
                _go_behind(file, member)
            entry.compress_type = zipfile.ZIP_STORED if compression == "none" else zipfile.ZIP_DEFLATED
            entry.file_size, entry.compress_size, entry.CRC = member.size, member.packed, member.check
            write_head(file, entry)


def _go_behind(file: BinaryIO, member: _Member) -> None:
    """Take the file from behind a member's head to behind its content."""
    if member.scratch is None:
        file.seek(file.tell() + member.packed)
        return
    member.scratch.seek(0)
    shutil.copyfileobj(member.scratch, file, BLOCK)
    member.scratch.close()  # which gives its room on the disk back
