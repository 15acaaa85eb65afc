"""npy headers that lie."""

import struct

from .cases import DAMAGED, REFUSED, UNSAFE, Attack
from .gadgets import npz

VALUES = bytes(48)


def raw(head, values=VALUES, version=(1, 0), length=None):
    head = head.encode("latin-1")
    width = "<H" if version[0] == 1 else "<I"
    return b"\x93NUMPY" + bytes(version) + struct.pack(width, len(head) if length is None else length) + head + values


def header(shape="(2, 3)", descr="'<f8'", fortran="False", pad=0):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".ljust(117 + pad) + "\n"


HEADS = {
    "terabytes": (raw(header("(1099511627776,)")), UNSAFE, "claims"),
    "a product that wraps": (raw(header("(4611686018427387904, 4)")), UNSAFE, "claims more than"),
    "a number of hundreds of digits": (raw(header(f"({'9' * 300},)")), UNSAFE, "claims more than"),
    "a number of thousands of digits": (raw(header(f"({'9' * 6000},)")), DAMAGED, "no valid npy header"),
    "more than there is": (raw(header("(200, 3)")), DAMAGED, "promises 4,800 bytes .*holds 48"),
    "less than there is": (raw(header("(1, 3)")), DAMAGED, "promises 24 bytes .*holds 48"),
    "negative": (raw(header("(-2, -3)")), UNSAFE, r"shape \(-2, -3\)"),
    "true and false": (raw(header("(True, 3)"), bytes(24)), UNSAFE, r"shape \(True, 3\)"),
    "a shape of text": (raw(header("('2', 3)")), DAMAGED, "no valid npy header"),
    "a shape of floats": (raw(header("(2.0, 3)")), DAMAGED, "no valid npy header"),
    "a shape of a list": (raw(header("[2, 3]")), DAMAGED, "no valid npy header"),
    "sizes beside a nothing": (raw(header("(0, 1099511627776, 1099511627776)"), b""), UNSAFE, "claims"),
    "33 dimensions": (raw(header(str((1,) * 33)), bytes(8)), REFUSED, "absurd shape|header"),
    "65 dimensions": (raw(header(str((1,) * 65)), bytes(8)), REFUSED, "absurd shape|header"),
    "version 3.0": (raw(header(), version=(3, 0)), DAMAGED, "of version 3.0, expected 1.0 or 2.0"),
    "version 9.7": (raw(header(), version=(9, 7)), DAMAGED, "of version 9.7"),
    "40 kB": (raw(header(pad=40_000)), DAMAGED, "of 40,118 bytes, expected 10,000 at most"),
    "4 GB of header": (raw(header(), version=(2, 0), length=0xFFFFFFFF), DAMAGED, "of 4,294,967,295 bytes"),
    "a header that is cut off": (raw(header(), b"", length=5000), DAMAGED, "no valid npy header"),
    "no header": (raw("", b""), DAMAGED, "no valid npy header"),
    "not a dictionary": (raw("[1, 2]\n"), DAMAGED, "no valid npy header"),
    "a call": (raw("__import__('os').system('touch marker')\n"), DAMAGED, "no valid npy header"),
    "a call in it": (raw(header("(open('marker', 'w'), 3)")), DAMAGED, "no valid npy header"),
    "brackets": (raw("(" * 9000 + "\n"), DAMAGED, "no valid npy header"),
    "minus signs": (raw("-" * 9000 + "1\n"), DAMAGED, "no valid npy header"),
    "a power": (raw(header("(9**9**9, 3)")), DAMAGED, "no valid npy header"),
    "a product": (raw(header("(2*3,)")), DAMAGED, "no valid npy header"),
    "other keys": (raw("{'shape': (2, 3)}\n"), DAMAGED, "no valid npy header"),
    "one key more": (raw(header().replace("}", "'x': 1}")), DAMAGED, "no valid npy header"),
    "null signs": (raw(header().replace("descr", "de\0cr")), DAMAGED, "no valid npy header"),
    "signs that steer": (raw(header(descr="'\\x1b[2J'")), DAMAGED, "no valid npy header"),
    "signs that steer, raw": (raw(header(descr="'\x1b[2J\x9b1m'")), DAMAGED, "no valid npy header"),
    "a record": (raw(header("(2,)", "[('a', '<f8'), ('b', '<f8')]"), bytes(32)), UNSAFE, "dtype"),
    "records in records": (raw(header("(1,)", "[('a', " * 40 + "'<f8'" + ")]" * 40), bytes(8)), REFUSED, ""),
    "a record of thousands": (
        raw(header("(1,)", str([(f"f{i}", "u1") for i in range(500)])), bytes(500)), UNSAFE, r"\.\.\."),
    "an array in a dtype": (raw(header("(1,)", "('<f8', (6,))")), REFUSED, ""),
    "terabytes in a dtype": (raw(header("(1,)", "('<f8', (1073741824,))")), REFUSED, ""),
    "objects in a record": (raw(header("(1,)", "[('a', '|O')]"), bytes(8)), UNSAFE, "dtype"),
    "void": (raw(header("(6,)", "'|V8'")), UNSAFE, "dtype"),
    "complex": (raw(header("(3,)", "'<c16'")), UNSAFE, "dtype complex128"),
    "times": (raw(header("(6,)", "'<M8[ns]'")), UNSAFE, "dtype datetime64"),
    "text without width": (raw(header("(6,)", "'<U0'"), b""), UNSAFE, "absurd shape or dtype"),
    "text of gigabytes": (raw(header("(1,)", "'<U500000000'"), bytes(8)), REFUSED, "promises|claims|header"),
    "a name of a dtype": (raw(header("(6,)", "'os.system'")), DAMAGED, "no valid npy header"),
    "a dtype of a comma": (raw(header("(2,)", "'f8,f8,f8'")), REFUSED, ""),
    "Fortran is a number": (raw(header(fortran="7")), DAMAGED, "no valid npy header"),
    "Fortran is text": (raw(header(fortran="'yes'")), DAMAGED, "no valid npy header"),
    "Fortran": (raw(header(fortran="True")), None, ""),
    "Python 2's long": (raw(header("(2L, 3L)")), None, ""),
    "values behind the pickle": (raw(header("()", "'|O'"), b"\x80\x03N.N"), UNSAFE, "data behind the end"),
    "an empty pickle": (raw(header("()", "'|O'"), b""), DAMAGED, "pickle"),
}  # fmt: skip


def attacks():
    found = {}
    for name, (data, code, said) in HEADS.items():
        found[f"{name}, npy"] = Attack("npy", data, code, said)
        found[f"{name}, npz"] = Attack("npz", npz(poses=data), code, said)
    return found
