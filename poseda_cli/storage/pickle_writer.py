"""Pickles of plain trees that NumPy of any age can load.

Python's own pickler names the modules of the NumPy that it runs under; files of NumPy 2 cannot be
loaded by NumPy before 1.26.1 for that reason (numpy/numpy#28340). The trainers of this field pin such
versions, so the opcodes are written here, in protocol 3 and with the old names. The same tree gives
the same bytes under every NumPy.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np


def pickled(tree: Any) -> Iterator[bytes]:
    """The pickle of a 0-dimensional object array that holds `tree`, in pieces.

    Parameters
    ----------
    tree : dict, list, tuple, str, int, float, bool, None and numeric arrays, nested

    Raises
    ------
    TypeError : anything else
    """
    yield b"\x80\x03"
    yield from _array((), "O8", [b"]", *_value(tree), b"a"])
    yield b"."


def bare_pickle(tree: Any) -> Iterator[bytes]:
    """The pickle of `tree` itself, which is what .pkl files hold, in pieces."""
    yield b"\x80\x03"
    yield from _value(tree)
    yield b"."


def payload(tree: Any) -> int:
    """Bytes of the arrays in `tree`, which is about what its pickle has."""
    if isinstance(tree, dict):
        return sum(map(payload, tree.values()))
    if isinstance(tree, (list, tuple)):
        return sum(map(payload, tree))
    return tree.nbytes if isinstance(tree, np.ndarray) else 0


def _value(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        yield b"}("
        for key, item in value.items():
            yield from _value(key)
            yield from _value(item)
        yield b"u"
    elif isinstance(value, (list, tuple)):
        # A list is there before its items, as dictionaries are: whoever reads the beginning alone sees what it is.
        yield b"](" if isinstance(value, list) else b"("
        for item in value:
            yield from _value(item)
        yield b"e" if isinstance(value, list) else b"t"
    elif isinstance(value, np.ndarray):
        yield from _numeric(value)
    else:
        yield _atom(value)


def _atom(value: Any) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value) if -(2**31) <= value < 2**31 else b"I%d\n" % value
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    raise TypeError(f"cannot be written into a pickle: {type(value).__name__}")


def _numeric(array: np.ndarray[Any, Any]) -> Iterator[bytes]:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"cannot be written into a pickle: array of {array.dtype}")
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    yield from _array(array.shape, array.dtype.str[1:], [b"B" + struct.pack("<I", little.nbytes), little.tobytes()])


def _array(shape: tuple[int, ...], dtype: str, payload: list[bytes]) -> Iterator[bytes]:
    # An empty array of a foreign type, then its state: version, shape, dtype, order, payload.
    yield b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01"
    yield from _value(shape)
    order = "|" if dtype == "O8" or dtype.endswith("1") else "<"
    flags = b"K?" if dtype == "O8" else b"K\x00"
    yield b"cnumpy\ndtype\n" + _atom(dtype) + b"\x89\x88\x87R(K\x03" + _atom(order) + b"NNN"
    yield _atom(-1) + _atom(-1) + flags + b"tb\x89"
    yield from payload
    yield b"tb"
