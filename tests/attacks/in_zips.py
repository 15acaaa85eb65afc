"""Zips whose directory lies, and those that inflate without end."""

import io
import struct
import zipfile
import zlib

from .cases import DAMAGED, FOREIGN, REFUSED, UNSAFE, UNUSABLE, Attack
from .in_npy import header, raw

ARRAY = raw(header())
LOCAL, DIRECTORY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def packed(*members, method=zipfile.ZIP_DEFLATED, prefix=b"", comment=b""):
    stream = io.BytesIO()
    stream.write(prefix)
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
        archive.comment = comment
    return stream.getvalue()


def entry(name, size, packed_size, crc=0, at=0, method=8, flags=0, extra=b"", external=0):
    """A line of the directory."""
    return DIRECTORY + struct.pack(
        "<6H3I5H2I", 20, 20, flags, method, 0, 33, crc, packed_size, size, len(name), len(extra), 0, 0, 0, external, at
    ) + name + extra  # fmt: skip


def local(name, size, packed_size, crc=0, method=8, flags=0, extra=b""):
    return LOCAL + struct.pack(
        "<5H3I2H", 20, flags, method, 0, 33, crc, packed_size, size, len(name), len(extra)) + name + extra  # fmt: skip


def end(count, size, at, comment=b""):
    return END + struct.pack("<4H2IH", 0, 0, count, count, size, at, len(comment)) + comment


def changed(data, offset, value, width=4, mark=DIRECTORY):
    """Other bytes in the directory's first line."""
    place = data.index(mark) + offset
    return data[:place] + value.to_bytes(width, "little") + data[place + width :]


def deflated(size):
    """An array of zeros, and its checksum; one deflated block again and again."""
    packer, zeros = zlib.compressobj(9, wbits=-15), bytes(1 << 24)
    head = raw(header(f"({size // 8 - 16},)"), b"")
    head += bytes(-len(head) % 128)
    times, rest = divmod(size - len(head), len(zeros))
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(bytes(rest)) + packer.flush()
    crc = zlib.crc32(head)
    for _ in range(times):
        crc = zlib.crc32(zeros, crc)
    return first + block * times + last, zlib.crc32(bytes(rest), crc)


def bomb(size):
    """One array of zeros, honest in its sizes."""
    data, crc = deflated(size)
    name = b"poses.npy"
    body = local(name, size, len(data), crc) + data
    line = entry(name, size, len(data), crc)
    return body + line + end(1, len(line), len(body))


def overlapping(count, size):
    """Members that all have the same deflated bytes (Fifield's bomb, in short)."""
    data, crc = deflated(size)
    body = local(b"p.npy", size, len(data), crc) + data
    lines = b"".join(entry(f"p{index}.npy".encode(), size, len(data), crc) for index in range(count))
    return body + lines + end(count, len(lines), len(body))


def many(count):
    lines = b"".join(entry(f"{index:06}.npy".encode(), 0, 0, method=0) for index in range(count))
    return LOCAL + bytes(30) + lines + end(count & 0xFFFF, len(lines), 34)


def zip64(size, packed_size=10):
    """Sizes in an extra field, beyond what a directory can say."""
    extra = struct.pack("<HHQQ", 1, 16, size, packed_size)
    name = b"poses.npy"
    body = local(name, 0xFFFFFFFF, 0xFFFFFFFF, extra=extra) + b"x" * 10
    line = entry(name, 0xFFFFFFFF, 0xFFFFFFFF, extra=extra)
    return body + line + end(1, len(line), len(body))


ONE = packed(("poses.npy", ARRAY))
STORED = packed(("poses.npy", ARRAY), method=zipfile.ZIP_STORED)
SIZE, PACKED, METHOD, FLAGS, AT, CRC = 24, 20, 10, 8, 42, 16


def two(first, second):
    return packed((first, ARRAY), (second, ARRAY))


def same_name():
    return two("poses.npy", "posez.npy").replace(b"posez.npy", b"poses.npy")


DIRECTORIES = {
    "understates a size": (changed(ONE, SIZE, 100), DAMAGED, "poses"),
    "understates a packed size": (changed(ONE, PACKED, 20), DAMAGED, "poses"),
    "overstates a size": (changed(ONE, SIZE, 5000), DAMAGED, "promises|damaged"),
    "overstates a size to gigabytes": (
        changed(ONE, SIZE, 3 << 30), UNSAFE, r"claims 3,221,225,472 bytes in \d+ packed"),
    "overstates a packed size": (changed(ONE, PACKED, 1 << 30), UNSAFE, "overlaps .*the end of the zip"),
    "overstates a stored size": (changed(STORED, SIZE, 1 << 20), UNSAFE, "claims 1,048,576 bytes in 176 packed ones"),
    "overstates both stored sizes": (
        changed(changed(STORED, SIZE, 1 << 20), PACKED, 1 << 20), UNSAFE, "overlaps .*the end of the zip"),
    "another checksum": (changed(ONE, CRC, 7), DAMAGED, "Bad CRC-32"),
    "another place": (changed(ONE, AT, 12), DAMAGED, "damaged|zip"),
    "a place behind the end": (changed(ONE, AT, 1 << 30), REFUSED, ""),
    "encrypted": (changed(ONE, FLAGS, 1, 2), UNUSABLE, "encrypted"),
    "patched data": (changed(ONE, FLAGS, 0x20, 2), DAMAGED, ""),
    "strong encryption": (changed(ONE, FLAGS, 0x40, 2), DAMAGED, ""),
    **{f"method {method}": (changed(ONE, METHOD, method, 2), UNUSABLE, "a method that npz does not use")
       for method in (1, 6, 9, 12, 14, 93, 97, 98, 99, 0xFFFF)},
    "lzma": (packed(("a.npy", ARRAY), method=zipfile.ZIP_LZMA), UNUSABLE, "a method that npz does not use"),
    "bzip2": (packed(("a.npy", ARRAY), method=zipfile.ZIP_BZIP2), UNUSABLE, "a method that npz does not use"),
    "one name twice": (same_name(), UNSAFE, r"some of the same name \(poses.npy\)"),
    "one name twice behind a null sign": (
        two("poses.npy", "poses.npyX").replace(b"poses.npyX", b"poses.npy\0"), UNSAFE, "some of the same name"),
    "another name before the data": (
        changed(ONE, 30, int.from_bytes(b"evil", "little"), mark=LOCAL), DAMAGED, "poses"),
    "no members": (packed(), FOREIGN, "an empty zip"),
    "a member that is no array": (two("poses.npy", "readme.txt"), FOREIGN, "no npz: it holds poses.npy, readme.txt"),
    "names that lead out": (packed(("../../etc/passwd", b"x")), FOREIGN, "no npz"),
    "signs that steer in a name": (two("poses.npy", "\x1b[2J\x1b]0;x\x07.txt"), FOREIGN, "\ufffd"),
    "signs that steer in a member": (packed(("\x1b[2J\x07.npy", b"none")), DAMAGED, "\ufffd"),
    "a name of 60 kB": (packed(("x" * 60_000 + ".npy", b"none")), DAMAGED, r"x{200}\.\.\."),
    "a prefix": (packed(("poses.npy", ARRAY), prefix=b"#!/bin/sh\n"), FOREIGN, "not an archive"),
    "a prefix like a zip": (packed(("poses.npy", ARRAY), prefix=b"PK" + bytes(98)), None, ""),
    "a comment": (packed(("poses.npy", ARRAY), comment=b"x" * 65_000), None, ""),
    "an end in the comment": (packed(("poses.npy", ARRAY), comment=END + bytes(18)), REFUSED + " " + FOREIGN, "zip"),
    "overlapping members": (overlapping(30, 1 << 26), UNSAFE, "overlaps another member"),
    "eleven thousand members": (many(11_000), UNSAFE, "11,000 members, expected 10,000 at most"),
    "half a million members": (many(500_000), UNSAFE, "a directory of .* too many members"),
    "a count that lies": (changed(ONE, 10, 7, 2, END), DAMAGED, "1 members in the directory, 7 in the end record"),
    "a directory before the file": (changed(ONE, 16, 0xFFFFFF, 4, END), DAMAGED, "zip|Invalid argument"),
    "a directory of gigabytes": (changed(ONE, 12, 0xF0000000, 4, END), DAMAGED, "zip"),
    "exabytes by zip64": (zip64(1 << 60), UNSAFE, "bytes"),
    "more than 64 bits by zip64": (zip64((1 << 64) - 1, (1 << 64) - 1), REFUSED, "bytes"),
    "zip64 cut off": (zip64(5).replace(struct.pack("<HH", 1, 16), struct.pack("<HH", 1, 90)), DAMAGED, "zip"),
    "three gigabytes of zeros": (bomb(3 << 30), UNSAFE, "takes more memory than there is|bytes"),
    "five gigabytes claimed": (changed(changed(ONE, SIZE, 0xFFFFFFF0), PACKED, 1 << 23), UNSAFE, ""),
    "truncated": (ONE[:-30], DAMAGED, "no readable zip"),
    "deflate that is none": (ONE[:39] + b"\xff" * 10 + ONE[49:], DAMAGED, "damaged"),
}  # fmt: skip


# A zip that stands for a folder.
FOLDERS = {
    "a name that leads out": (packed(("a/../../b.h5", b"x")), UNSAFE, "members outside of it"),
    "an absolute name": (packed(("/etc/passwd", b"x")), UNSAFE, "members outside of it"),
    "a folder, encrypted": (changed(packed(("a.h5", b"x")), FLAGS, 1, 2), UNUSABLE, "encrypted"),
    "a folder, understated": (changed(packed(("a.h5", b"x" * 500)), SIZE, 100), DAMAGED, "damaged"),
    "a folder, overstated": (changed(packed(("a.h5", b"x" * 500)), SIZE, 700), DAMAGED, "damaged"),
    "a folder, gigabytes": (changed(packed(("a.h5", b"x" * 500)), SIZE, 3 << 30), UNSAFE, "claims"),
    "a folder, another checksum": (changed(packed(("a.h5", b"x")), CRC, 3), DAMAGED, "damaged"),
    "a folder, twice": (packed(("a.h5", b"x"), ("b.h5", b"x")).replace(b"b.h5", b"a.h5"), UNSAFE, "the same name"),
    "a folder of ten thousand": (packed(*((f"{index}.json", b"[]") for index in range(10_000))), None, ""),
}  # fmt: skip


def attacks():
    found = {name: Attack("npz", *rest) for name, rest in DIRECTORIES.items()}
    return {**found, **{name: Attack("zip", *rest) for name, rest in FOLDERS.items()}}
