"""Pickles that use only what is allowed, to take memory, time, or what lies outside."""

import pickle

import numpy as np

from .cases import REFUSED, UNSAFE, Attack
from .gadgets import npy, npz, text

KEY_MODULUS = (1 << 61) - 1
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
STATE = b"(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def whole(body, protocol=4):
    return b"\x80" + bytes([protocol]) + body + b"."


def number(value):
    data = value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def long_number(size):
    return b"\x8b" + size.to_bytes(4, "little") + b"\x7f" * size


def dtype(spec, state=STATE):
    return b"cnumpy\ndtype\n" + text(spec) + b"\x89\x88\x87R" + state


def array(shape, kind, payload, start=ARRAY):
    return start + b"(K\x01" + pickle.dumps(shape, 2)[2:-1].replace(b"q\x00", b"") + kind + b"\x89" + payload + b"tb"


def memo(index):
    return b"j" + index.to_bytes(4, "little")


def collisions(count):
    """Numbers that all have the hash 0."""
    return b"}(" + b"".join(number((index + 1) * KEY_MODULUS) + b"N" for index in range(count)) + b"u"


def billions(levels, width=100):
    """Lists of lists, each of which is `width` times the same."""
    inner = b"]\x94"
    for level in range(levels):
        inner = b"](" + inner + memo(level) * (width - 1) + b"e\x94"
    return inner


def same_sequences(count):
    """A tree of S1, S2, ... whose actions are one dictionary, whose arrays are one."""
    poses = np.zeros((4, 17, 3), np.float32)
    actions = {f"a{index}": poses for index in range(count)}
    return pickle.dumps({f"S{index}": actions for index in range(count)}, 4)


def ordered(pairs, calls):
    """One list of pairs, of which a dictionary is made again and again."""
    body = b"](" + b"".join(b"J" + index.to_bytes(4, "little") + b"N\x86" for index in range(pairs)) + b"e\x94"
    make = b"ccollections\nOrderedDict\n\x94"
    return b"](" + body + make + (memo(1) + memo(0) + b"\x85R") * calls + b"e"


def structs(count):
    """Dtypes of 64 fields of 64 fields, as many as can be."""

    def struct(field, size):
        names = b"(" + b"".join(text(f"f{index:02}") for index in range(64)) + b"t"
        fields = b"}(" + b"".join(
            text(f"f{index:02}") + field + b"J" + (index * size // 64).to_bytes(4, "little") + b"\x86"
            for index in range(64)) + b"u"  # fmt: skip
        state = b"(K\x03" + text("|") + b"N" + names + fields + b"J" + size.to_bytes(4, "little") + b"K\x01K\x00tb"
        return dtype(f"V{size}", state)

    leaf = dtype("f4") + b"\x94"
    inner = struct(memo(0), 256) + b"\x94"
    outer = struct(memo(1), 16384)
    return b"](" + leaf + inner + (array((1,), outer, b"B\x00\x40\x00\x00" + bytes(16384))) * count + b"e"


def claims(opcode, size):
    return whole(opcode + size.to_bytes(8, "little") + b"short")


def key_of_tuples(levels):
    inner = b"N\x85\x94"
    for level in range(levels):
        inner += memo(level) + b"\x86\x94"
    return b"}" + inner + b"Ns"


FLAGS_OFF = b"(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
OBJECT_FIELD = (
    b"(K\x03" + text("|") + b"N" + text("a") + b"\x85}" + text("a") + dtype("O8", b"") + b"K\x00\x86sK\x08K\x01K\x00tb"
)
FAR_FIELD = (
    b"(K\x03"
    + text("|")
    + b"N"
    + text("a")
    + b"\x85}"
    + text("a")
    + dtype("f4")
    + b"J\x00\x00\x00\x10\x86sK\x08K\x01K\x00tb"
)
EIGHT = b"C\x08AAAAAAAA"

# NPZ_SAFETY.md, section 5, and more of the kind; what of it is said.
LEVERS = {
    "objects of bytes": (array((1,), dtype("O", FLAGS_OFF), EIGHT), "object array whose payload"),
    "objects of bytes, eight": (array((1,), dtype("O8", FLAGS_OFF), EIGHT), "object array whose payload"),
    "a record with an object": (array((1,), dtype("V8", OBJECT_FIELD), EIGHT), "fields lie outside|dtype"),
    "a field far outside": (array((1,), dtype("V8", FAR_FIELD), EIGHT), "fields lie outside"),
    "a record of nothing": (array((1,), dtype("V8"), EIGHT), "says nothing of its fields"),
    "ndarray called": (b"cnumpy\nndarray\nJ\x00\x00\x00\x10\x85\x85R", "calls numpy.ndarray"),
    "state of a function": (
        b"cnumpy.core.numeric\n_frombuffer\n}X\x0c\x00\x00\x00__defaults__Nsb", "sets the state of"),
    "state of an OrderedDict": (b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsNsb", "sets the state of"),
    "state of a list": (b"]}b", "sets the state of"),
    "another codec": (b"c_codecs\nencode\n" + text("a") + text("rot13") + b"\x86R", "codec other than latin1"),
    "another codec, bz2": (b"c_codecs\nencode\n" + text("a") + text("bz2_codec") + b"\x86R", "codec other"),
    "memo index": (b"Nr\xff\xff\xff\x0f", "memo index 268435455"),
    "memo index as text": (b"Np268435455\n", "memo index 268435455"),
    "tuples in tuples as a key": (key_of_tuples(24), "has a key of type tuple"),
    "a key of an array": (b"}" + array((1,), dtype("f8"), EIGHT) + b"Ns", "has a key of type _ArrayStub|key"),
    "a key of floats": (b"}G?\xf0\x00\x00\x00\x00\x00\x00Ns", "has a key of type float"),
    "a key of bytes": (b"}C\x01aNs", "has a key of type bytes"),
    "negative size": (array((-1,), dtype("f8"), EIGHT), "negative, absurd or unknown size"),
    "sizes that wrap": (array((2**62, 4), dtype("f8"), EIGHT), "size"),
    "sizes beside a nothing": (array((0, 2**39, 2**39), dtype("f8"), b"C\x00"), "absurd size"),
    "a size of text": (b"(" + array((1,), dtype("f8"), EIGHT).replace(b"K\x01\x85", b"X\x01\x00\x00\x001\x85", 1), ""),
    "a size that is true": (ARRAY + b"(K\x01\x88\x85" + dtype("f8") + b"\x89" + EIGHT + b"tb", "unknown size"),
    "many dimensions": (array((1,) * 33, dtype("f8"), EIGHT), "unknown shape"),
    "fewer bytes": (array((2,), dtype("f8"), EIGHT), "in 8 bytes"),
    "a dtype of another": (array((1,), dtype("M8[ns]"), EIGHT), "dtype"),
    "complex": (array((1,), dtype("c8"), EIGHT), "dtype 'c8'"),
    "a text of megabytes": (array((1,), dtype("U99999999"), EIGHT), "dtype"),
    "an array of nothing": (ARRAY, "never filled"),
    "an array in its own state": (
        ARRAY + b"\x94" + b"(K\x01K\x01\x85" + memo(0) + b"\x89" + EIGHT + b"tb", "without a dtype"),
    "a dtype of itself": (
        dtype("V8", b"") + b"\x94" + b"(K\x03" + text("|") + memo(0) + b")\x86NNK\x08K\x01K\x00tb",
        "type where a value"),
    "a function in the tree": (b"](cnumpy.core.multiarray\n_reconstruct\ne", "holds a type where"),
    "escape signs in a name": (b"cos\x1b]0;pwned\x07\x1b[2J\nsystem\n", r"refers to os\ufffd\]0;pwned\ufffd"),
    "a name of a megabyte": (b"cos\n" + b"s" * (1 << 20) + b"\n", r"refers to os\.s{70,}\.\.\. at byte"),
    "a protocol of the future": (b"\x80\xc8N", "is of protocol 200"),
    "itself in itself": (b"]\x94" + memo(0) + b"a", "holds itself"),
    "itself in a dictionary": (b"}\x94" + text("a") + memo(0) + b"s", "holds itself"),
    "a thousand levels": (b"]" * 1000 + b"a" * 999, "levels deep"),
    "a hundred thousand levels": (b"]" * 100_000 + b"a" * 99_999, "levels deep"),
}  # fmt: skip

# Memory and time.
BOMBS = {
    "keys of one hash": (collisions(150_000), "has a key of 6[0-9] bits"),
    "keys of long numbers": (b"}" + b"(" + (long_number(1 << 20) + b"\x94N")
                             + (memo(0) + b"N") * 200_000 + b"u", "whole number of 8,388,607 bits"),
    "ten million digits": (b"I" + b"9" * 10_000_000 + b"\n", "no valid pickle"),
    "a million digits, long": (b"L" + b"9" * 1_000_000 + b"L\n", "no valid pickle"),
    "a million digits, a float": (b"F" + b"9" * 1_000_000 + b"\n", "no newline found"),  # in what is looked at first
    "a billion laughs": (billions(9, 100), "repeats its parts"),
    "a billion sequences": (None, "repeats its parts"),
    "dictionaries of one list": (ordered(20_000, 100_000), "bytes than allowed"),
    "records of records": (structs(60), "too many fields"),
    "containers": (b"](" + b"]" * 20_000_000 + b"e", "bytes than allowed|more memory than there is"),
    "appended one by one": (b"]\x94" + (memo(0) + b"a") * 100_000, "holds itself|"),
    "popped marks": (b"](" + b"N" * 100_000 + b"(1" * 100_000 + b"e", None),
    "bytes, exabytes": (claims(b"\x8e", (1 << 62)), ""),
    "bytes, terabytes": (claims(b"\x8e", (1 << 42)), ""),
    "bytes, gigabytes": (claims(b"\x8e", (3 << 30)), ""),
    "text, terabytes": (claims(b"\x8d", (1 << 42)), ""),
    "text, gigabytes": (claims(b"\x8d", (3 << 30)), ""),
    "byte array, terabytes": (claims(b"\x96", (1 << 42)), ""),
    "frame, exabytes": (whole(b"\x95" + (1 << 62).to_bytes(8, "little") + b"N"), None),
    "long, gigabytes": (whole(b"\x8b\xff\xff\xff\x7fshort"), ""),
    "bytes of four, gigabytes": (whole(b"B\xff\xff\xff\xffshort"), ""),
    "bytes of less than nothing": (whole(b"T\xff\xff\xff\xffshort"), ""),
}  # fmt: skip


def attacks():
    found = {}
    for name, (body, said) in LEVERS.items():
        data = whole(body)
        for suffix, content in (("pkl", data), ("npy", npy(data)), ("npz", npz(positions_3d=npy(data)))):
            found[f"{name}, {suffix}"] = Attack(suffix, content, UNSAFE, said)
    for name, (body, said) in BOMBS.items():
        data = same_sequences(1500) if body is None else body if body[:1] == b"\x80" else whole(body)
        # A time that is bounded, but not short, is spent once.
        wrapped = [("npz", npz(positions_3d=npy(data)))] if name != "containers" else []
        for suffix, content in (("pkl", data), *wrapped):
            found[f"{name}, {suffix}"] = Attack(suffix, content, None if said is None else REFUSED, said or "")
    return found
