"""npz archives: the same content, the same bytes."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from poseda_cli.progress import BYTES, Progress, silent
from poseda_cli.storage.deflate import END, LEVELS, Compression, in_order, segment
from poseda_cli.storage.pickle_writer import payload, pickled

# What numpy.savez stamps on its members; the clock would make every file another one.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Deflated apart from each other: enough for all cores, little in memory.
BLOCK = 1 << 20
# Bytes between two words about how far writing is.
STEP = 4 * BLOCK

Pieces = Iterable[bytes | memoryview]


def write_npz(
    path: Path,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    compression: Compression = "none",
    progress: Progress = silent,
) -> None:
    """Write numeric and text arrays, as numpy.savez does.

    Parameters
    ----------
    path : the file
    arrays : member name -> values
    compression : of the members
    progress : told how far it is, in bytes of the arrays
    """
    with progress("writing", sum(values.nbytes for values in arrays.values()), BYTES) as advance:
        members = ((name, _counted(_numeric(values), values.nbytes, advance)) for name, values in arrays.items())
        _write(path, members, compression)


def write_object_npz(
    path: Path,
    trees: Mapping[str, Any],
    compressed: bool = False,
    compression: Compression = "none",
    progress: Progress = silent,
) -> None:
    """Write trees as 0-dimensional object members, which is what numpy.savez makes of a dict.

    Parameters
    ----------
    path : the file
    trees : member name -> what `storage.pickle_writer.pickled` takes
    compressed : deflate them just as numpy.savez_compressed does, on one core
    compression : of the members, ours; see `storage.deflate`
    progress : told how far it is, in bytes of the arrays
    """
    with progress("writing", payload(trees), BYTES) as advance:
        members = ((name, _counted(_objects(tree), payload(tree), advance)) for name, tree in trees.items())
        _write(path, members, compression, compressed)


def npy_head(fields: dict[str, Any]) -> bytes:
    """What precedes an array's values in a member.

    Parameters
    ----------
    fields : `descr`, `fortran_order` and `shape`, as NumPy's format calls them
    """
    head = io.BytesIO()
    npy.write_array_header_1_0(head, fields)
    return npy.magic(1, 0) + head.getvalue().removeprefix(npy.magic(1, 0))


def new_entry(name: str) -> zipfile.ZipInfo:
    """The head of the member that holds array `name`."""
    entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
    entry.external_attr, entry.CRC = 0o600 << 16, 0
    return entry


def write_head(file: BinaryIO, entry: zipfile.ZipInfo) -> None:
    """Write a member's head anew, over the one that is there, once sizes, checksum and method are known."""
    file.seek(entry.header_offset)
    file.write(entry.FileHeader(zip64=True))


class Blocks:
    """Cuts bytes that come in pieces of any length into blocks that are deflated apart."""

    def __init__(self) -> None:
        self._block = bytearray()

    def add(self, piece: bytes | memoryview) -> Iterator[bytes]:
        """The blocks that are full by now."""
        rest = memoryview(piece)
        while rest:
            taken = min(len(rest), BLOCK - len(self._block))
            self._block += rest[:taken]
            rest = rest[taken:]
            if len(self._block) == BLOCK:
                yield bytes(self._block)
                self._block.clear()

    def end(self) -> Iterator[bytes]:
        """The last one, if anything is left."""
        if self._block:
            yield bytes(self._block)


def _numeric(values: np.ndarray[Any, Any]) -> Iterator[bytes | memoryview]:
    values = np.ascontiguousarray(values)
    yield npy_head(npy.header_data_from_array_1_0(values))
    yield values.reshape(-1).view(np.uint8).data


def _objects(tree: Any) -> Iterator[bytes]:
    yield npy_head({"descr": "|O", "fortran_order": False, "shape": ()})
    yield from pickled(tree)


def _counted(pieces: Pieces, most: int, advance: Callable[[int], object]) -> Iterator[bytes | memoryview]:
    """The same bytes, none of the pieces large; tells how many of them were taken, up to `most`."""
    taken = told = 0
    for piece in pieces:
        for start in range(0, len(piece), BLOCK):
            part = memoryview(piece)[start : start + BLOCK]
            yield part
            taken += len(part)
            if taken - told >= STEP:
                advance(min(taken, most) - min(told, most))
                told = taken
    advance(most - min(told, most))


def _write(
    path: Path, members: Iterable[tuple[str, Pieces]], compression: Compression, compressed: bool = False
) -> None:
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, pieces in members:
            entry = new_entry(name)
            entry.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as member:
                if compression == "none":
                    member.writelines(pieces)
                    continue
                size, check = _write_deflated(member, pieces, LEVELS[compression])
            # zipfile itself takes no deflated bytes: it has stored them as they are.
            entry.compress_type, entry.file_size, entry.CRC = zipfile.ZIP_DEFLATED, size, check
            write_head(file, entry)


def _write_deflated(member: IO[bytes], pieces: Pieces, level: int) -> tuple[int, int]:
    """Write a member's bytes as a deflate stream; size and checksum of what they inflate to."""
    size, check = 0, 0

    def blocks() -> Iterator[bytes]:
        nonlocal size, check
        for block in _in_blocks(pieces):
            size, check = size + len(block), zlib.crc32(block, check)
            yield block

    for packed in in_order(lambda block: segment(block, level), blocks()):
        member.write(packed)
    member.write(END)
    return size, check


def _in_blocks(pieces: Pieces) -> Iterator[bytes]:
    blocks = Blocks()
    for piece in pieces:
        yield from blocks.add(piece)
    yield from blocks.end()
