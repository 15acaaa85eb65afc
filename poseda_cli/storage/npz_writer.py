"""npz archives: the same content, the same bytes."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from poseda_cli.storage.deflate import END, LEVELS, Compression, in_order, segment
from poseda_cli.storage.pickle_writer import pickled

# What numpy.savez stamps on its members; the clock would make every file another one.
EPOCH = (1980, 1, 1, 0, 0, 0)
# Deflated apart from each other: enough for all cores, little in memory.
BLOCK = 1 << 20

Pieces = Iterable[bytes | memoryview]


def write_npz(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]], compression: Compression = "none") -> None:
    """Write numeric and text arrays, as numpy.savez does.

    Parameters
    ----------
    path : the file
    arrays : member name -> values
    compression : of the members
    """
    _write(path, ((name, _numeric(values)) for name, values in arrays.items()), compression)


def write_object_npz(
    path: Path, trees: Mapping[str, Any], compressed: bool = False, compression: Compression = "none"
) -> None:
    """Write trees as 0-dimensional object members, which is what numpy.savez makes of a dict.

    Parameters
    ----------
    path : the file
    trees : member name -> what `storage.pickle_writer.pickled` takes
    compressed : deflate them just as numpy.savez_compressed does, on one core
    compression : of the members, ours; see `storage.deflate`
    """
    _write(path, ((name, _objects(tree)) for name, tree in trees.items()), compression, compressed)


def _numeric(values: np.ndarray[Any, Any]) -> Iterator[bytes | memoryview]:
    values = np.ascontiguousarray(values)
    yield _head(npy.header_data_from_array_1_0(values))
    yield values.reshape(-1).view(np.uint8).data


def _objects(tree: Any) -> Iterator[bytes]:
    yield _head({"descr": "|O", "fortran_order": False, "shape": ()})
    yield from pickled(tree)


def _head(fields: dict[str, Any]) -> bytes:
    head = io.BytesIO()
    npy.write_array_header_1_0(head, fields)
    return npy.magic(1, 0) + head.getvalue().removeprefix(npy.magic(1, 0))


def _write(
    path: Path, members: Iterable[tuple[str, Pieces]], compression: Compression, compressed: bool = False
) -> None:
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, pieces in members:
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as member:
                if compression == "none":
                    member.writelines(pieces)
                    continue
                size, check = _write_deflated(member, pieces, LEVELS[compression])
            _declare_deflated(file, entry, size, check)


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
    block = bytearray()
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = min(len(rest), BLOCK - len(block))
            block += rest[:taken]
            rest = rest[taken:]
            if len(block) == BLOCK:
                yield bytes(block)
                block.clear()
    if block:
        yield bytes(block)


def _declare_deflated(file: BinaryIO, entry: zipfile.ZipInfo, size: int, check: int) -> None:
    """Turn a member stored as it is into one that is inflated; zipfile itself takes no deflated bytes."""
    entry.compress_type, entry.file_size, entry.CRC = zipfile.ZIP_DEFLATED, size, check
    file.seek(entry.header_offset)
    file.write(entry.FileHeader(zip64=True))
    file.seek(0, io.SEEK_END)
