"""An archive: named arrays in one file, whatever the container."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError
from poseda_cli.storage.cdf import CdfArchive
from poseda_cli.storage.files import File, LocalFile, printable
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.limits import DEFAULT, Limits
from poseda_cli.storage.matlab import MatlabArchive
from poseda_cli.storage.npy import SingleArchive
from poseda_cli.storage.npz import NpzArchive
from poseda_cli.storage.text import TextArchive

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# MPI-INF-3DHP's own, and what margipose makes up for the test set.
CALIBRATION = (b"Skeletool Camera Calibration", b"Fake Camera Calibration")
FOREIGN = {
    b"\x1f\x8b": "gzip-compressed; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"<!doctype": "a web page, probably a cloud drive's notice in place of the file",
    b"<html": "a web page, probably a cloud drive's notice in place of the file",
    b"version https://git-lfs": "a Git LFS pointer in place of the file; run git lfs pull",
}


class Archive(Protocol):
    """What layouts see of a file."""

    @property
    def file(self) -> File:
        """Where it lies."""

    @property
    def name(self) -> str:
        """How messages and outputs name it: without the folders that say where it lies."""

    @property
    def limits(self) -> Limits:
        """How much of it is read."""

    @property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each array by name."""

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the file as a whole; none in an npz."""

    @property
    def decoded(self) -> int:
        """Bytes of all members once they are decoded, as headers state them; of text those of the file."""

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a numeric array."""

    def outline(self, name: str) -> Any:
        """The beginning of an object array's value: enough to tell layouts apart, at the cost of a header."""

    def tree(self, name: str) -> Any:
        """The value of an object array; decoded once, then the same object again."""

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""


class RowArchive(Archive, Protocol):
    """An archive some rows of which can be read without the others."""

    def rows(self, name: str, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some values of a numeric array, by its first axis."""


def open_archive(file: File | Path, limits: Limits = DEFAULT) -> Archive:
    """The archive in a file, recognised by its first bytes.

    Parameters
    ----------
    file : where it lies
    limits : beyond which it is refused

    Raises
    ------
    ArchiveError : cannot be opened
    ForeignFileError : no container that poseda reads (says what it is)
    MissingExtraError : a container that takes a package which is not installed
    DamagedArchiveError : empty, truncated
    UnsafeArchiveError : claims absurd sizes
    """
    if isinstance(file, Path):
        file = LocalFile(file, printable(file.name))
    head = _first_bytes(file)
    if not head:
        raise DamagedArchiveError(file.name, "the file is empty; fetch it again.")
    if head.startswith(b"PK"):
        return NpzArchive(file, limits)
    if head.startswith(HDF5_SIGNATURE) or (head[:10] == b"MATLAB 7.3" and head[512:520] == HDF5_SIGNATURE):
        return Hdf5Archive(file, limits)
    if head.startswith(b"MATLAB 7.3"):
        raise DamagedArchiveError(file.name, "a MATLAB v7.3 file cut off before its data; fetch it again.")
    if head.startswith(b"MATLAB 5.0"):
        return MatlabArchive(file, limits)
    if head.startswith(b"\xcd\xf3\x00\x01"):
        return CdfArchive(file, limits)
    if head.startswith((b"\x93NUMPY", b"\x80")):
        return SingleArchive(file, limits)
    if head.startswith(CALIBRATION) or head.lstrip()[:1] in (b"{", b"["):
        return TextArchive(file, not head.startswith(CALIBRATION), limits)
    heads = (head, head.lstrip().lower())
    known = next((text for magic, text in FOREIGN.items() if any(h.startswith(magic) for h in heads)), None)
    found = known or "no zip (npz), HDF5 (h5, MATLAB v7.3), MATLAB v5, CDF, npy, pickle or JSON"
    raise ForeignFileError(file.name, f"not an archive that poseda reads: {found}. See `poseda layouts`.")


def _first_bytes(file: File) -> bytes:
    """The first 520 bytes: enough for every signature, MATLAB's HDF5 at 512 included."""
    with file.open() as stream:
        try:
            return stream.read(520)
        except OSError as error:
            raise ArchiveError(file.name, f"cannot be read: {(error.strerror or str(error)).lower()}.") from error
