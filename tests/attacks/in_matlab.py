"""MATLAB v5 files whose elements state more than they have."""

import io
import struct
import zlib

import numpy as np
import scipy.io

from .cases import DAMAGED, REFUSED, UNSAFE, UNUSABLE, Attack

HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
BIG_HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, OBJECT, TEXT, SPARSE, DOUBLE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 6, 16, 17


def element(kind, data, length=None):
    return struct.pack("<II", kind, len(data) if length is None else length) + data + bytes(-len(data) % 8)


def matrix(kind, shape, *parts, name=b"x", flags=0, length=None):
    body = element(6, struct.pack("<II", kind | flags, 0))
    body += element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name) + b"".join(parts)
    return element(MATRIX, body, length)


def deflated(start, zeros=0):
    """A compressed element, and behind its start so many times 16 MiB: one deflated block again and again."""
    packer = zlib.compressobj(9)
    data = packer.compress(start)
    if zeros:
        data += packer.flush(zlib.Z_FULL_FLUSH)
        data += (packer.compress(ZEROS) + packer.flush(zlib.Z_FULL_FLUSH)) * zeros
    data += packer.flush()
    return struct.pack("<II", COMPRESSED, len(data)) + data


def cells(levels):
    inner = matrix(DOUBLE, (1, 1), element(9, bytes(8)), name=b"")
    for level in range(levels):
        inner = matrix(CELL, (1, 1), inner, name=b"" if level < levels - 1 else b"x")
    return inner


def saved(**content):
    stream = io.BytesIO()
    scipy.io.savemat(stream, content, do_compression=True)
    return stream.getvalue()


NUMBER = element(9, bytes(8))
EMPTY = matrix(DOUBLE, (0, 0), element(9, b""), name=b"")
ZEROS = bytes(1 << 24)
GIGABYTES = [ZEROS] * 128

FILES = {
    "honest": (HEAD + matrix(DOUBLE, (1, 1), NUMBER), None, ""),
    "honest cells": (HEAD + cells(4), None, ""),
    "honest, by SciPy": (saved(x=np.arange(6.0), c=np.array([[1, "a"], [None, 2.5]], object)[:1]), None, ""),
    "honest structs": (saved(s={"a": np.arange(3), "b": "text", "c": {"d": 1 + 2j}}), None, ""),
    "no variables": (HEAD, DAMAGED, "without variables"),
    "an element longer than the file": (
        HEAD + matrix(DOUBLE, (1, 1), NUMBER, length=1 << 31), DAMAGED, "do not add up"),
    "an element of another type": (HEAD + element(9, bytes(80)), DAMAGED, "do not add up"),
    "a type of nothing": (HEAD + element(0, bytes(80)), DAMAGED, "do not add up"),
    "terabytes of numbers": (HEAD + matrix(DOUBLE, (1 << 20, 1 << 20), NUMBER), UNSAFE, "claims 8,796,093,022,208"),
    "numbers that wrap": (HEAD + matrix(DOUBLE, (1 << 30, 1 << 30, 16), NUMBER), UNSAFE, "claims"),
    "gigabytes of numbers": (
        HEAD + matrix(DOUBLE, (1 << 14, 1 << 14), NUMBER), UNSAFE, r"claims 268,435,456 values in 8 b"),
    "fewer numbers than there are": (
        HEAD + matrix(DOUBLE, (1, 1), element(9, bytes(80))), UNSAFE, "claims 1 values in 80 bytes"),
    "negative": (HEAD + matrix(DOUBLE, (-1, -8), NUMBER), UNSAFE, "without flags or sizes"),
    "no sizes": (HEAD + matrix(DOUBLE, (), NUMBER), None, ""),
    "forty dimensions": (HEAD + matrix(DOUBLE, (1,) * 40, NUMBER), UNSAFE, "sizes of 160 bytes"),
    "values of gigabytes": (
        HEAD + matrix(DOUBLE, (1, 1), element(9, bytes(8), 0xFFFFFFF8)), UNSAFE, "where 16 are left"),
    "values of an unknown type": (HEAD + matrix(DOUBLE, (1, 1), element(77, bytes(8))), UNSAFE, "of type 77"),
    "a name of gigabytes": (HEAD + matrix(DOUBLE, (1, 1), NUMBER, name=b"").replace(
        struct.pack("<II", 1, 0), struct.pack("<II", 1, 0x7FFFFFFF)), UNSAFE, "name of 2,147,483,647 bytes"),
    "a name of a megabyte": (HEAD + matrix(DOUBLE, (1, 1), NUMBER, name=b"x" * (1 << 20)), UNSAFE, "name of"),
    "a name that steers": (HEAD + matrix(SPARSE, (1, 1), NUMBER, name=b"\x1b[2J\x07"), UNSAFE, "class 5"),
    "a billion cells": (HEAD + matrix(CELL, (1 << 15, 1 << 15)), UNSAFE, "claims 1,073,741,824 cells"),
    "a billion structs": (HEAD + matrix(
        STRUCT, (1 << 15, 1 << 15), element(5, struct.pack("<i", 8)), element(1, b"a".ljust(8, b"\0"))),
        UNSAFE, "claims"),
    "fields without length": (HEAD + matrix(
        STRUCT, (1, 1), element(5, struct.pack("<i", 0)), element(1, b"a" * 8), EMPTY), UNSAFE, "have no length"),
    "fields of gigabytes": (HEAD + matrix(
        STRUCT, (1, 1), element(5, struct.pack("<i", 8)), element(1, b"a" * 8, 0x70000000), EMPTY),
        UNSAFE, "field names of"),
    "fields that are not there": (HEAD + matrix(
        STRUCT, (1, 1), element(5, struct.pack("<i", 8)), element(1, b"a" * 8)),
        UNSAFE, "claims 1 cells or fields in 0"),
    "a cell that is longer than all": (HEAD + matrix(
        CELL, (1, 1), matrix(DOUBLE, (1, 1), NUMBER, name=b"", length=1 << 30)), UNSAFE, "more than the whole has"),
    "cells in cells": (HEAD + cells(40), UNSAFE, "more than 16 levels deep"),
    "two thousand cells in cells": (HEAD + cells(2000), UNSAFE, "more than 16 levels deep"),
    "a text of gigabytes": (HEAD + matrix(TEXT, (1, 1 << 29), element(16, b"x" * 8)), UNSAFE, "a text of 536,870,912"),
    "text that is none": (HEAD + matrix(TEXT, (1, 8), element(16, b"\xff" * 8)), None, ""),
    "a sparse matrix": (HEAD + matrix(SPARSE, (1 << 10, 1 << 10), NUMBER), UNSAFE, "class 5, expected numbers"),
    "a function": (HEAD + matrix(FUNCTION, (1, 1), EMPTY), UNSAFE, "class 16"),
    "an object": (HEAD + matrix(OBJECT, (1, 1), EMPTY), UNSAFE, "class 3"),
    "an opaque": (
        HEAD + element(MATRIX, element(6, struct.pack("<II", OPAQUE, 0)) + element(1, b"x") * 3), REFUSED, ""),
    "an unknown class": (HEAD + matrix(99, (1, 1), NUMBER), REFUSED, "class 99|damaged"),
    "a short element of nine bytes": (
        HEAD + matrix(DOUBLE, (1, 1), struct.pack("<II", 9 | 9 << 16, 0)), UNSAFE, "a short"),
    "an empty matrix": (HEAD + element(MATRIX, b""), REFUSED, ""),
    "no flags": (HEAD + element(MATRIX, bytes(56)), REFUSED, ""),
    "deflate that is none": (HEAD + struct.pack("<II", COMPRESSED, 80) + b"\xff" * 80, DAMAGED, "damaged MATLAB"),
    "deflate that ends": (
        HEAD + struct.pack("<II", COMPRESSED, 12) + deflated(matrix(DOUBLE, (1, 1), NUMBER))[8:20], DAMAGED, ""),
    "a deflated element of another type": (HEAD + deflated(element(9, bytes(80))), UNSAFE, "an element of type 9"),
    "gigabytes behind one number": (
        HEAD + deflated(matrix(DOUBLE, (1, 1), NUMBER), 128), DAMAGED, "damaged MATLAB file"),
    "gigabytes in one number": (HEAD + deflated(
        matrix(DOUBLE, (1, 1), struct.pack("<II", 9, 1 << 31), length=(1 << 31) + 56), 128), UNSAFE, "claims 1 values"),
    "gigabytes of numbers, deflated": (HEAD + deflated(
        matrix(DOUBLE, (1 << 14, 1 << 14), struct.pack("<II", 9, 1 << 31), length=(1 << 31) + 56), 128),
        REFUSED, "absurd size|memory|damaged"),
    "gigabytes of a name, deflated": (HEAD + deflated(
        matrix(DOUBLE, (1, 1), name=b"", length=1 << 31).replace(
            struct.pack("<II", 1, 0), struct.pack("<II", 1, 1 << 30)), 64), UNSAFE, "name of"),
    "of the other order": (BIG_HEAD + matrix(DOUBLE, (1, 1), NUMBER), DAMAGED, "do not add up"),
    "arrays asked of a cell": (saved(c=np.array([[1, 2]], object)), None, ""),
}  # fmt: skip


def attacks():
    return {name: Attack("mat", *rest) for name, rest in FILES.items() if rest[1] != UNUSABLE}
