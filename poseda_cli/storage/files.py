"""Files to read: on disk, or members of a zip that nobody has unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol

from poseda_cli.dataset import InputFile
from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError, listed, one_line
from poseda_cli.storage.limits import DEFAULT, Limits, too_large
from poseda_cli.storage.watch import open_watched

MOST_MEMBERS = 10_000
# What zipfile and zlib raise on bytes that are no sound zip.
UNREADABLE_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError, OSError)
END_RECORD = b"PK\x05\x06"
END_RECORD_64, LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"
# Of a directory: a hundred times what ten thousand members of ordinary names take.
LARGEST_DIRECTORY = 1 << 24
# Of a member's head in the zip: its length without name and extra field, and where their lengths are.
HEAD, LENGTHS = 30, 26
# Deflate makes no more of a byte.
MOST_INFLATED = 1032
# Bytes that are hashed at once.
PIECE = 1 << 18


class Stamp(NamedTuple):
    """By which a file shows that it is another one, or was written to."""

    number: int
    size: int
    changed: int


def stamp_of(file: File) -> Stamp | None:
    """The stamp of a file, or of the zip that it lies in; None if it is gone."""
    try:
        status = file.on_disk.stat()
    except OSError:
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def check_unchanged(file: File, before: Stamp | None) -> None:
    """Refuse a file that is not what it was: rows of two files do not belong together.

    Raises
    ------
    ArchiveError : as said
    """
    if stamp_of(file) != before:
        raise ArchiveError(file.name, "was changed while it was read. Wait until nothing writes it, and run again.")


class File(Protocol):
    """What containers see of a file."""

    @property
    def name(self) -> str:
        """How messages and outputs name it: without the folders that say where it lies."""

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that it lies in, outermost first; some layouts name sequences by them."""

    @property
    def base(self) -> str:
        """Its own name."""

    @property
    def identity(self) -> object:
        """Equal for the same bytes under another spelling of the path."""

    @property
    def on_disk(self) -> Path:
        """Where its bytes lie: the file, or the zip around it."""

    @property
    def size(self) -> int:
        """How many bytes it has, unpacked."""

    def open(self) -> BinaryIO:
        """Its bytes, seekable."""

    def beside(self, relative: str) -> File | None:
        """Another file by its path from this one's folder, if there is one."""


@dataclass(frozen=True)
class LocalFile:
    """A file of its own.

    Parameters
    ----------
    on_disk : where it lies
    name : how messages name it
    """

    on_disk: Path
    name: str

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders that it lies in, links resolved."""
        return tuple(printable(part) for part in Path(os.path.realpath(self.on_disk)).parent.parts)

    @property
    def base(self) -> str:
        """Its own name, as the user has it."""
        return printable(self.on_disk.name)

    @cached_property
    def identity(self) -> object:
        """Device and number of the file."""
        status = self.on_disk.stat()
        return status.st_dev, status.st_ino

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.on_disk.stat().st_size

    def open(self) -> BinaryIO:
        """Its bytes."""
        try:
            return open_watched(self.on_disk, lambda: self.identity)
        except OSError as error:
            raise ArchiveError(self.name, f"cannot be read: {(error.strerror or str(error)).lower()}.") from error

    def beside(self, relative: str) -> LocalFile | None:
        """Another file by its path from this one's folder."""
        path = self.on_disk.parent / relative
        if not path.is_file():
            return None
        return LocalFile(path, os.path.normpath(Path(self.name).parent / relative))


@dataclass(frozen=True)
class ZippedFile:
    """A member of a zip.

    Parameters
    ----------
    on_disk : the zip
    member : path inside it
    zip_name : how messages name the zip
    limits : of what is inflated into memory
    """

    on_disk: Path
    member: str
    zip_name: str
    limits: Limits = DEFAULT

    @property
    def name(self) -> str:
        """The zip and the path inside it."""
        return f"{self.zip_name}/{printable(self.member)}"

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders inside the zip."""
        return PurePosixPath(self.member).parent.parts

    @property
    def base(self) -> str:
        """Its own name."""
        return PurePosixPath(self.member).name

    @cached_property
    def identity(self) -> object:
        """The zip's identity and the path inside it."""
        status = self.on_disk.stat()
        return status.st_dev, status.st_ino, self.member

    @property
    def size(self) -> int:
        """How many bytes it has once inflated, as the zip's directory states them."""
        return self._entries()[self.member].file_size

    def open(self) -> BinaryIO:
        """Its bytes, inflated into memory and compared with their checksum."""
        try:
            entry = self._entries()[self.member]
            if entry.file_size > self.limits.at_once:
                size = too_large(entry.file_size, self.limits.at_once, "bytes when unpacked")
                raise UnsafeArchiveError(self.name, size)
            with self.on_disk.open("rb") as stream:
                return io.BytesIO(_unpacked(stream, entry))
        except (*UNREADABLE_ZIP, KeyError) as error:
            raise DamagedArchiveError(self.name, f"damaged ({error}); fetch the zip again.") from error
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "takes more memory than there is; unpack the zip.") from error

    def beside(self, relative: str) -> ZippedFile | None:
        """Another member by its path from this one's folder."""
        wanted = os.path.normpath(PurePosixPath(self.member).parent / relative)
        return replace(self, member=wanted) if wanted in self._entries() else None

    def _entries(self) -> dict[str, zipfile.ZipInfo]:
        status = self.on_disk.stat()
        return _directory(self.on_disk, Stamp(status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4)
def _directory(path: Path, stamp: Stamp) -> dict[str, zipfile.ZipInfo]:
    """The members of a zip by name; read once, as thousands of files may lie in it."""
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: entry for entry in archive.infolist()}


def _unpacked(stream: BinaryIO, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a member, compared with the directory's size and checksum."""
    stream.seek(entry.header_offset + LENGTHS)
    lengths = stream.read(4)
    stream.seek(
        entry.header_offset + HEAD + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    )
    data = stream.read(entry.compress_size)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, entry.file_size + 1)
    if len(data) != entry.file_size or zlib.crc32(data) != entry.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {entry.filename!r}")
    return data


def printable(name: str) -> str:
    """A file's name as text that any file and terminal can hold; file systems allow more than lines of UTF-8."""
    return one_line(os.fsencode(name).decode("utf-8", "replace"))


def input_file(file: File, advance: Callable[[int], object] = lambda done: None) -> InputFile:
    """Name, size and SHA-256 of a file, or of the zip that it lies in, for the provenance of an output.

    Parameters
    ----------
    file : to be read from its beginning to its end
    advance : told how many bytes more were read
    """
    digest, piece = hashlib.sha256(), memoryview(bytearray(PIECE))
    with file.on_disk.open("rb", buffering=0) as stream:
        while count := stream.readinto(piece):
            digest.update(piece[:count])
            advance(count)
    name = file.zip_name if isinstance(file, ZippedFile) else file.name
    return InputFile(name, file.on_disk.stat().st_size, digest.hexdigest())


@contextmanager
def as_path(file: File) -> Iterator[Path]:
    """A path for libraries that open nothing else; a zipped file is unpacked for as long as that lasts."""
    if isinstance(file, LocalFile):
        yield file.on_disk
        return
    with tempfile.NamedTemporaryFile(prefix="poseda-", suffix=f"-{file.base}") as copy, file.open() as stream:
        copy.write(stream.read())
        copy.flush()
        yield Path(copy.name)


def zip_entries(stream: BinaryIO, name: str, limits: Limits) -> list[zipfile.ZipInfo]:
    """The directory of a zip, once its sizes, names and methods are known to be those of data.

    Parameters
    ----------
    stream : the zip
    name : how messages name it
    limits : of all members together

    Raises
    ------
    DamagedArchiveError : truncated
    UnsafeArchiveError : absurd sizes, or several members of one name
    ArchiveError : encrypted, or compressed by an unusual method
    """
    try:
        declared = _declared_count(stream, name)
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
        if declared not in (len(entries) & 0xFFFF, 0xFFFF):
            raise zipfile.BadZipFile(f"{len(entries)} members in the directory, {declared} in the end record")
    except UNREADABLE_ZIP as error:
        raise DamagedArchiveError(
            name, f"no readable zip ({error}); the download may be incomplete. Fetch it again."
        ) from error
    names = [entry.filename for entry in entries]
    if not names:
        raise ForeignFileError(name, "an empty zip.")
    if len(names) > MOST_MEMBERS:
        raise UnsafeArchiveError(name, f"{len(names):,} members, expected {MOST_MEMBERS:,} at most; it was not loaded.")
    if len(set(names)) != len(names):
        twice = next(member for member, count in Counter(names).items() if count > 1)
        raise UnsafeArchiveError(name, f"{len(names):,} members, some of the same name ({twice}); it was not loaded.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ArchiveError(name, "encrypted; unpack it and pack it again without a password.")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise ArchiveError(name, "compressed by a method that npz does not use; save it again with numpy.")
    total = sum(entry.file_size for entry in entries)
    if total > limits.whole:
        raise UnsafeArchiveError(name, too_large(total, limits.whole, "bytes when unpacked"))
    _check_places(entries, stream.seek(0, os.SEEK_END), name)
    return entries


def _check_places(entries: list[zipfile.ZipInfo], end: int, name: str) -> None:
    """Refuse sizes that the packed bytes cannot have, and members that share bytes: small zips become huge so."""
    for entry in entries:
        most = entry.compress_size * (1 if entry.compress_type == zipfile.ZIP_STORED else MOST_INFLATED)
        if entry.file_size > most:
            message = f"claims {entry.file_size:,} bytes in {entry.compress_size:,} packed ones; it was not loaded."
            raise UnsafeArchiveError(name, message, entry.filename)
    for entry in sorted(entries, key=lambda entry: entry.header_offset, reverse=True):
        if entry.header_offset + HEAD + entry.compress_size > end:
            message = "overlaps another member, or the end of the zip; it was not loaded."
            raise UnsafeArchiveError(name, message, entry.filename)
        end = entry.header_offset


def _declared_count(stream: BinaryIO, name: str) -> int:
    """The count in the zip's end record, for the directory to be compared with: one flipped bit can hide an entry.

    Raises
    ------
    UnsafeArchiveError : a directory of more bytes than members can take, before all of it is read
    """
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, end - (1 << 16) - 98))
    tail = stream.read()
    at = tail.rfind(END_RECORD)
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    if tail[at - 20 : at - 16] == LOCATOR_64 and tail[at - 76 : at - 72] == END_RECORD_64:
        size = int.from_bytes(tail[at - 36 : at - 28], "little")
    if LARGEST_DIRECTORY < size < end:
        raise UnsafeArchiveError(name, f"a directory of {size:,} bytes, too many members; it was not loaded.")
    return int.from_bytes(tail[at + 10 : at + 12], "little")


def zipped_files(path: Path, name: str, limits: Limits = DEFAULT) -> list[ZippedFile]:
    """The members of a zip that stands for a folder, in the order of their names; none if it is an npz.

    Raises
    ------
    ArchiveError : as `zip_entries`
    """
    with LocalFile(path, name).open() as stream:
        entries = zip_entries(stream, name, limits)
    names = sorted(entry.filename for entry in entries if not entry.is_dir())
    if all(member.endswith(".npy") for member in names):
        return []
    if any(PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts for member in names):
        raise UnsafeArchiveError(name, f"members outside of it ({listed(names, most=3)}); it was not loaded.")
    return [ZippedFile(path, member, name, limits) for member in names]
