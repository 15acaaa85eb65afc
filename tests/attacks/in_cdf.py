"""CDF files whose records lead in circles, or claim more than there is."""

import gzip
import struct
import tempfile
from pathlib import Path

import numpy as np

from ..layouts.writers_h36m import write_cdf
from .cases import DAMAGED, REFUSED, UNSAFE, Attack

INDEX, PACKED = 6, 13
POSES = np.linspace(-900, 900, 7 * 96).reshape(7, 96).astype(np.float32)


def honest():
    with tempfile.TemporaryDirectory() as folder:
        write_cdf(Path(folder) / "poses.cdf", POSES)
        return (Path(folder) / "poses.cdf").read_bytes()


class Records:
    """The places of a CDF's records."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.head = self.number(20, 8)
        self.variable = self.number(self.head + 20, 8)
        self.index = self.number(self.variable + 28, 8)
        self.block = self.number(self.index + 28 + 8 * self.number(self.index + 20, 4), 8)

    def number(self, place, width):
        return int.from_bytes(self.data[place : place + width], "big")

    def put(self, place, value, width):
        self.data[place : place + width] = value.to_bytes(width, "big")
        return self

    def add(self, record):
        self.data += record
        return len(self.data) - len(record)


def changed(record, offset, value, width=4):
    found = Records(honest())
    return bytes(found.put(getattr(found, record) + offset, value, width).data)


def index_of(blocks, following=0):
    count = len(blocks)
    body = struct.pack(">iqii", INDEX, following, count, count)
    body += struct.pack(f">{count}i", *range(count)) + struct.pack(f">{count}i", *range(count))
    body += struct.pack(f">{count}q", *blocks)
    return struct.pack(">q", len(body) + 8) + body


def circle():
    found = Records(honest())
    return bytes(found.put(found.index + 12, found.index, 8).data)


def index_in_itself():
    found = Records(honest())
    return bytes(found.put(found.index + 28 + 8 * found.number(found.index + 20, 4), found.index, 8).data)


def fans(levels, width):
    """Indices of indices: all of a level are the same one."""
    found = Records(honest())
    inner = found.block
    for _ in range(levels):
        inner = found.add(index_of([inner] * width))
    return bytes(found.put(found.variable + 28, inner, 8).data)


def zeros(gibibytes):
    """What gzip makes of them: one member again and again."""
    return gzip.compress(bytes(1 << 24)) * int(gibibytes * 64)


def packed_block(packed):
    found = Records(honest())
    block = found.add(struct.pack(">qiiq", len(packed) + 24, PACKED, 0, len(packed)) + packed)
    place = found.index + 28 + 8 * found.number(found.index + 20, 4)
    return bytes(found.put(place, block, 8).data)


def block_again_and_again(count, size):
    found = Records(honest())
    packed = gzip.compress(bytes(size))
    block = found.add(struct.pack(">qiiq", len(packed) + 24, PACKED, 0, len(packed)) + packed)
    index = found.add(index_of([block] * count))
    return bytes(found.put(found.variable + 28, index, 8).data)


def packed_whole(packed, kind=5):
    parameters = struct.pack(">qiiiii", 28, 11, kind, 0, 1, 9)
    record = struct.pack(">qiqqi", 32 + len(packed), 10, 8 + 32 + len(packed), 0, 0)
    return b"\xcd\xf3\x00\x01\xcc\xcc\x00\x01" + record + packed + parameters


FILES = {
    "honest": (honest, None, ""),
    "honest, packed as a whole": (lambda: packed_whole(gzip.compress(honest()[8:])), None, ""),
    "honest, a packed block": (lambda: packed_block(gzip.compress(POSES.astype(">f4").tobytes())), None, ""),
    "variables": (lambda: changed("head", 60, 1 << 30), UNSAFE, "too many variables"),
    "variables of the other kind": (lambda: changed("head", 44, 0x7FFFFFFF), UNSAFE, "too many variables"),
    "a thousand and one variables": (lambda: changed("head", 60, 1001), UNSAFE, "too many variables"),
    "attributes": (lambda: changed("head", 48, 0x7FFFFFFF), UNSAFE, "too many variables, attributes"),
    "dimensions": (lambda: changed("head", 56, 0x7FFFFFFF), UNSAFE, "dimensions"),
    "dimensions of a variable": (lambda: changed("variable", 340, 0x7FFFFFFF), UNSAFE, "too many dimensions"),
    "nine hundred variables": (lambda: changed("head", 60, 900), REFUSED, ""),
    "a variable in a circle": (
        lambda: bytes((r := Records(honest())).put(r.head + 60, 1000, 4).put(r.variable + 12, r.variable, 8).data),
        None, ""),
    "records": (lambda: changed("variable", 24, 0x7FFFFFF0), REFUSED, ""),
    "records of gigabytes": (lambda: changed("variable", 24, 5_000_000), REFUSED, ""),
    "sparse records": (lambda: changed("variable", 48, 2), UNSAFE, "records left out"),
    "a type of nothing": (lambda: changed("variable", 20, 77), REFUSED + " unusable", ""),
    "a text of gigabytes": (
        lambda: bytes((r := Records(honest())).put(r.variable + 20, 51, 4).put(r.variable + 64, 0x7FFFFFFF, 4).data),
        "unusable", "holds no"),
    "an index behind the file": (lambda: changed("variable", 28, 1 << 40, 8), REFUSED, ""),
    "an index before the file": (lambda: changed("variable", 28, (1 << 64) - 8, 8), UNSAFE, "before the file"),
    "an index in a circle": (circle, UNSAFE, "too many blocks"),
    "an index in itself": (index_in_itself, UNSAFE, "too many blocks"),
    "entries": (lambda: changed("index", 24, 0x7FFFFFFF), UNSAFE, "too many blocks"),
    "entries and more": (
        lambda: bytes((r := Records(honest())).put(r.index + 20, 1 << 30, 4).put(r.index + 24, 1 << 30, 4).data),
        UNSAFE, "too many"),
    "fans of indices": (lambda: fans(7, 100), UNSAFE, "too many blocks"),
    "indices, deep": (lambda: fans(100, 1), UNSAFE, "too many blocks"),
    "a block behind the file": (lambda: changed("index", 28 + 8 * 10, 1 << 50, 8), None, ""),
    "a block of exabytes": (lambda: changed("block", 0, 1 << 62, 8), UNSAFE, "absurd size"),
    "a block of less than nothing": (lambda: changed("block", 0, 0, 8), DAMAGED, "damaged CDF"),
    "a packed block of gigabytes": (lambda: packed_block(zeros(1.5)), UNSAFE, "more than the limit once inflated"),
    "a packed block again and again": (lambda: block_again_and_again(100, 1 << 25), UNSAFE, "more than the limit"),
    "a packed block that is none": (
        lambda: packed_block(gzip.compress(POSES.tobytes())).replace(b"\x1f\x8b", b"\x00\x00"), DAMAGED, "damaged CDF"),
    "packed as a whole, gigabytes": (lambda: packed_whole(zeros(1.5)), UNSAFE, "more than the limit once inflated"),
    "packed in another way": (
        lambda: packed_whole(gzip.compress(honest()[8:]), 1), UNSAFE, "packed as a whole, and not by gzip"),
    "cut": (lambda: honest()[:400], REFUSED, "CDF"),
    "its first bytes": (lambda: honest()[:12], REFUSED, "CDF"),
    "noise": (lambda: honest()[:8] + b"\xff" * 3000, REFUSED, "CDF"),
}  # fmt: skip


def attacks():
    return {name: Attack("cdf", make(), code, said) for name, (make, code, said) in FILES.items()}
