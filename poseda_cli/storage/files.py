"""Files to read: on disk, or members of a zip that nobody has unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol

from poseda_cli.dataset import InputFile
from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError, listed
from poseda_cli.storage.watch import open_watched

# What is read at once, in bytes: a member, or some rows of it. All of Human3.6M, 2D and 3D, is about half a GiB.
LARGEST = 4 << 30
# All of an archive, or of a zip that stands for a folder.
LARGEST_FOLDER = 64 << 30
MOST_MEMBERS = 10_000
# What zipfile and zlib raise on bytes that are no sound zip.
UNREADABLE_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError, OSError)
END_RECORD = b"PK\x05\x06"
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
    """

    on_disk: Path
    member: str
    zip_name: str

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
        with zipfile.ZipFile(self.on_disk) as archive:
            return archive.getinfo(self.member).file_size

    def open(self) -> BinaryIO:
        """Its bytes, inflated into memory and compared with their checksum."""
        try:
            with zipfile.ZipFile(self.on_disk) as archive:
                size = archive.getinfo(self.member).file_size
                if size > LARGEST:
                    raise UnsafeArchiveError(self.name, f"{size:,} bytes; the limit is {LARGEST:,}.")
                return io.BytesIO(archive.read(self.member))
        except UNREADABLE_ZIP as error:
            raise DamagedArchiveError(self.name, f"damaged ({error}); fetch the zip again.") from error

    def beside(self, relative: str) -> ZippedFile | None:
        """Another member by its path from this one's folder."""
        wanted = os.path.normpath(PurePosixPath(self.member).parent / relative)
        with zipfile.ZipFile(self.on_disk) as archive:
            return ZippedFile(self.on_disk, wanted, self.zip_name) if wanted in archive.namelist() else None


def printable(name: str) -> str:
    """A file's name as text that any file and terminal can hold; file systems allow more than UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


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


def zip_entries(stream: BinaryIO, name: str, largest: int) -> list[zipfile.ZipInfo]:
    """The directory of a zip, once its sizes, names and methods are known to be those of data.

    Parameters
    ----------
    stream : the zip
    name : how messages name it
    largest : limit of all members together, bytes

    Raises
    ------
    DamagedArchiveError : truncated
    UnsafeArchiveError : absurd sizes, or several members of one name
    ArchiveError : encrypted, or compressed by an unusual method
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
        _check_count(stream, len(entries))
    except UNREADABLE_ZIP as error:
        raise DamagedArchiveError(
            name, f"no readable zip ({error}); the download may be incomplete. Fetch it again."
        ) from error
    names = [entry.filename for entry in entries]
    if not names:
        raise ForeignFileError(name, "an empty zip.")
    if len(names) > MOST_MEMBERS or len(set(names)) != len(names):
        raise UnsafeArchiveError(name, f"{len(names)} members, some of the same name; it was not loaded.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise ArchiveError(name, "encrypted; unpack it and pack it again without a password.")
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise ArchiveError(name, "compressed by a method that npz does not use; save it again with numpy.")
    total = sum(entry.file_size for entry in entries)
    if total > largest:
        raise UnsafeArchiveError(name, f"{total:,} bytes when unpacked; the limit is {largest:,}.")
    return entries


def _check_count(stream: BinaryIO, found: int) -> None:
    """Compare the directory with the count in the zip's end record: one flipped bit can hide an entry."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, end - (1 << 16) - 22))
    tail = stream.read()
    at = tail.rfind(END_RECORD)
    declared = int.from_bytes(tail[at + 10 : at + 12], "little")
    if declared not in (found & 0xFFFF, 0xFFFF):
        raise zipfile.BadZipFile(f"{found} members in the directory, {declared} in the end record")


def zipped_files(path: Path, name: str, largest: int = LARGEST_FOLDER) -> list[ZippedFile]:
    """The members of a zip that stands for a folder, in the order of their names; none if it is an npz.

    Raises
    ------
    ArchiveError : as `zip_entries`
    """
    with LocalFile(path, name).open() as stream:
        entries = zip_entries(stream, name, largest)
    names = sorted(entry.filename for entry in entries if not entry.is_dir())
    if all(member.endswith(".npy") for member in names):
        return []
    if any(PurePosixPath(member).is_absolute() or ".." in PurePosixPath(member).parts for member in names):
        raise UnsafeArchiveError(name, f"members outside of it ({listed(names, most=3)}); it was not loaded.")
    return [ZippedFile(path, member, name) for member in names]
