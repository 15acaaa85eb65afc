"""An archive: named arrays in one file, whatever the container."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from poseda_cli.dataset import InputFile
from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.npz import NpzArchive

# The sum of all members of one archive, in bytes. All of Human3.6M, 2D and 3D, is about half a GiB.
LARGEST = 4 << 30

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
FOREIGN = {
    b"\x93NUMPY": "a single .npy array",
    b"MATLAB 5.0": "a MATLAB v5 file",
    b"\xcd\xf3\x00\x01": "a CDF file",
    b"\x80": "a bare pickle",
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"<!doctype": "a web page, probably a cloud drive's notice in place of the file",
    b"<html": "a web page, probably a cloud drive's notice in place of the file",
    b"version https://git-lfs": "a Git LFS pointer in place of the file; run git lfs pull",
}


class Archive(Protocol):
    """What layouts see of a file."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def name(self) -> str:
        """How messages and outputs name it: without the folders that say where it lies."""

    @property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each array by name."""

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file as a whole; none in an npz."""

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric array."""

    def tree(self, name: str) -> Any:
        """The value of an object array; decoded once, then the same object again."""

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""


def open_archive(path: Path, name: str | None = None) -> Archive:
    """The archive in a file, recognised by its first bytes.

    Raises
    ------
    ArchiveError : cannot be opened
    ForeignFileError : no container that poseda reads (says what it is)
    DamagedArchiveError : empty, truncated
    UnsafeArchiveError : claims absurd sizes
    """
    name = printable(name or path.name)
    head = first_bytes(path, name)
    if not head:
        raise DamagedArchiveError(name, "the file is empty; fetch it again.")
    if head.startswith(b"PK"):
        return NpzArchive(path, name, LARGEST)
    if head.startswith(HDF5_SIGNATURE) or (head[:10] == b"MATLAB 7.3" and head[512:520] == HDF5_SIGNATURE):
        return Hdf5Archive(path, name, LARGEST)
    if head.startswith(b"MATLAB 7.3"):
        raise DamagedArchiveError(name, "a MATLAB v7.3 file cut off before its data; fetch it again.")
    heads = (head, head.lstrip().lower())
    known = next((text for magic, text in FOREIGN.items() if any(h.startswith(magic) for h in heads)), None)
    found = known or "neither a zip (npz) nor HDF5 (h5, MATLAB v7.3)"
    raise ForeignFileError(name, f"not an archive that poseda reads: {found}. See `poseda layouts`.")


def printable(name: str) -> str:
    """A file's name as text that any file and terminal can hold; file systems allow more than UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def first_bytes(path: Path, name: str) -> bytes:
    """The first 520 bytes: enough for every signature, MATLAB's HDF5 at 512 included."""
    try:
        with path.open("rb") as stream:
            return stream.read(520)
    except OSError as error:
        raise ArchiveError(name, f"cannot be read: {(error.strerror or str(error)).lower()}.") from error


def input_file(archive: Archive) -> InputFile:
    """Name, size and SHA-256 of an archive, for the provenance of an output."""
    with archive.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return InputFile(archive.name, archive.path.stat().st_size, digest)
