import builtins
import functools
import importlib
import io
import operator
import os
import pickle
import pickletools
import runpy
import shutil
import subprocess
import timeit
import tracemalloc
import types
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.pickles import (
    PEEK,
    ArrayHead,
    LargePickleError,
    MalformedPickleError,
    UnsafePickleError,
    peek_pickle,
    read_pickle,
)

from .compare import as_documented, assert_same

PROTOCOLS = range(6)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "npz_versions"
OURS = (UnsafePickleError, MalformedPickleError)


def read(data):
    return read_pickle(io.BytesIO(data))


def spelled(value):
    """The opcodes of a plain value, to be put into a pickle by hand; without memo."""
    return pickletools.optimize(pickle.dumps(value, 3))[2:-1]


def dtype(spec, state=(3, "<", None, None, None, -1, -1, 0)):
    return b"cnumpy\ndtype\n" + spelled(spec) + b"\x89\x88\x87R" + spelled(state) + b"b"


def array(shape, dtype, payload):
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    return start + b"(K\x01" + spelled(shape) + dtype + b"\x89" + payload + b"tb"


def whole(body):
    return b"\x80\x03" + body + b"."


def object_array(items, shape):
    values = np.empty(len(items), object)
    values[:] = items
    return values.reshape(shape)


FLOATS = np.linspace(-3, 7, 24, dtype=np.float32).reshape(2, 3, 4)
shared = np.arange(3)

BENIGN = {
    "float32": FLOATS,
    "float64": FLOATS.astype(np.float64) / 3,
    "float16": FLOATS.astype(np.float16),
    "int8": np.arange(-4, 4, dtype=np.int8),
    "int64": np.array([[-(2**63), 2**63 - 1]]),
    "uint16": np.arange(5, dtype=np.uint16),
    "bool": np.array([True, False, True]),
    "unicode": np.array(["Walking 1", "Séance", "\U0001f3c3"]),
    "bytes": np.array([b"S1", b"S11"]),
    "fortran": np.asfortranarray(FLOATS[0]),
    "big endian": FLOATS.astype(">f4"),
    "big endian fortran": np.asfortranarray(np.arange(6).reshape(2, 3).astype(">i8")),
    "strided": FLOATS[:, ::2],
    "no rows": np.empty((0, 17, 2), np.float32),
    "no dimension": np.array(2.5),
    "scalars": [np.float64(1.5), np.float32(0.25), np.int64(-7), np.bool_(True), np.str_("S1")],
    "OrderedDict": OrderedDict([("S1", 1), ("S5", OrderedDict())]),
    "tuples as keys": {("S1", "54138969"): {"w": 1000}, 7: "seven"},
    "shared arrays": {"one": shared, "other": shared},
    "nested lists": {"S1": {"Walking 1": [FLOATS, FLOATS[:1], [], [[FLOATS[0]]]]}},
    "object array 1-D": object_array([FLOATS, None, "S1", [1, 2]], (4,)),
    "object array 2-D": object_array([1, "a", FLOATS, (), {}, 2.5], (2, 3)),
    "object array 0-D": object_array([{"S1": FLOATS}], ()),
    "integers": [0, 255, 65536, -1, 2**40, -(2**200)],
    "other atoms": [None, True, False, 0.1, float("inf"), float("nan"), "", "€", b"raw"],
}  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", BENIGN.values(), ids=BENIGN)
def test_reads_what_pickle_reads(value, protocol):
    data = pickle.dumps(value, protocol)
    assert_same(read(data), as_documented(pickle.loads(data)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_shared_arrays_stay_shared(protocol):
    found = read(pickle.dumps({"one": shared, "other": shared}, protocol))
    assert found["one"] is found["other"]


def test_reads_one_pickle_and_leaves_what_follows():
    stream = io.BytesIO(pickle.dumps([1, 2], 4) + b"rest")
    assert read_pickle(stream) == [1, 2]
    assert stream.read() == b"rest"


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"S1", "S1"), ("Séance".encode(), "Séance"), ("Séance".encode("latin-1"), "Séance")],
    ids=["ascii", "utf-8", "latin-1"],
)
def test_python_2_text_becomes_text(raw, text):
    string = b"U" + bytes([len(raw)]) + raw
    assert read(b"\x80\x02}" + string + string + b"s.") == {text: text}


def test_python_2_array_of_every_byte():
    payload = b"T\x00\x01\x00\x00" + bytes(range(256))
    start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01M\x00\x01\x85"
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    np.testing.assert_array_equal(read(b"\x80\x02" + start + kind + b"\x89" + payload + b"tb."), np.arange(256))


# Each would make the marker if it ran; the test runs it once to be sure that it is armed.
ARMED = {
    "os.system": lambda marker: (os.system, (f"touch {marker}",)),
    "os.mkdir": lambda marker: (os.mkdir, (str(marker),)),
    "eval": lambda marker: (eval, (f"open({str(marker)!r}, 'w').close()",)),
    "exec": lambda marker: (exec, (f"open({str(marker)!r}, 'w').close()",)),
    "subprocess.call": lambda marker: (subprocess.call, (["touch", str(marker)],)),
    "shutil.copy": lambda marker: (shutil.copy, (__file__, str(marker))),
    "np.save": lambda marker: (np.save, (str(marker), 1)),
    "timeit": lambda marker: (timeit.timeit, (f"open({str(marker)!r}, 'w').close()", "pass", timeit.default_timer, 1)),
    "pickle.loads": lambda marker: (pickle.loads, (pickle.dumps(Gadget(os.mkdir, (str(marker),))),)),
}

# Each is harmless with these arguments, and a way to everything with others.
LEVERS = {
    "getattr": (getattr, ("S1", "join")),
    "__import__": (__import__, ("this",)),
    "import_module": (importlib.import_module, ("this",)),
    "partial": (functools.partial, (os.system, "true")),
    "open": (open, (os.devnull,)),
    "np.load": (np.load, (os.devnull,)),
    "np.fromfile": (np.fromfile, (os.devnull,)),
    "np.memmap": (np.memmap, (os.devnull,)),
    "load_library": (np.ctypeslib.load_library, ("libc", "/")),
    "run_path": (runpy.run_path, (os.devnull,)),
    "attrgetter": (operator.attrgetter, ("x",)),
    "type": (type, ("S1",)),
    "setattr": (setattr, (1, "x", 1)),
    "SimpleNamespace": (types.SimpleNamespace, ()),
    "bytearray": (bytearray, (b"x",)),
    "object": (builtins.object, ()),
}


class Gadget:
    def __init__(self, function, arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("gadget", ARMED.values(), ids=ARMED)
def test_code_is_refused_and_never_runs(gadget, protocol, tmp_path):
    marker = tmp_path / "marker.npy"
    function, arguments = gadget(marker)
    data = pickle.dumps({"S1": Gadget(function, arguments)}, protocol)
    pickle.loads(data)
    assert marker.exists()
    marker.rmdir() if marker.is_dir() else marker.unlink()

    with pytest.raises(UnsafePickleError, match=rf"refers to \w+.*\.{function.__name__}.* at byte \d+"):
        read(data)
    assert not marker.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("function", "arguments"), LEVERS.values(), ids=LEVERS)
def test_levers_are_refused(function, arguments, protocol):
    data = pickle.dumps([Gadget(function, arguments)], protocol)
    with pytest.raises(UnsafePickleError, match=r"(refers to .*|uses the opcode \w+) at byte \d+"):
        read(data)


def test_message_names_the_global_and_its_byte():
    # PROTO is bytes 0 and 1, EMPTY_LIST byte 2.
    with pytest.raises(UnsafePickleError, match=r"^refers to posix\.system at byte 3$"):
        read(b"\x80\x03]cposix\nsystem\nX\x04\x00\x00\x00true\x85Ra.")


def test_global_of_computed_names_is_refused():
    with pytest.raises(UnsafePickleError, match="name of a global"):
        read(b"\x80\x04]\x8c\x06system\x93.")


# Only of names that pose data needs: see NPZ_SAFETY.md, section 5.
ATTACKS = {
    "object dtype without its flags, raw bytes": array((1,), dtype("O8"), spelled(b"\x41" * 8)),
    "object dtype O without its flags, raw bytes": array((1,), dtype("O"), spelled(b"\x41" * 8)),
    "void dtype with an object field": array(
        (1,), dtype("V8", (3, "|", None, ("p",), {"p": ("O", 0)}, 8, 1, 0)), spelled(b"\x41" * 8)
    ),
    "void dtype with a field far away": array(
        (1,), dtype("V8", (3, "|", None, ("p",), {"p": ("f8", 2**28)}, 8, 1, 0)), spelled(b"\x41" * 8)
    ),
    "fields hidden in the state of a float": array(
        (1,), dtype("f8", (3, "<", None, ("p",), {"p": ("O", 0)}, 8, 1, 0)), spelled(b"\x41" * 8)
    ),
    "subarray hidden in the state of a float": array(
        (1,), dtype("f8", (3, "<", ("f8", (4,)), None, None, -1, -1, 0)), spelled(b"\x41" * 8)
    ),
    "call of ndarray itself": b"cnumpy\nndarray\nM\x00\x04\x85\x85R",
    "array of another type": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\x00\x85C\x01b\x87R",
    "call of a string": b"X\x04\x00\x00\x00evil)R",
    "call without a tuple": b"cnumpy\ndtype\n]R",
    "state set on a function": b"ccollections\nOrderedDict\n}b",
    "state set on _frombuffer": b"cnumpy.core.numeric\n_frombuffer\n}X\x0c\x00\x00\x00__defaults__)sb",
    "state set on an OrderedDict": b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb",
    "codec that imports": b"c_codecs\nencode\nX\x01\x00\x00\x00xX\x05\x00\x00\x00rot13\x86R",
    "slow codec": b"c_codecs\nencode\nX\x01\x00\x00\x00xX\x04\x00\x00\x00idna\x86R",
    "bytes of a size": b"c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R",
    "memo index that asks for gigabytes": b"]r\xff\xff\xff\x0f",
    "memo index in text": b"]p268435455\n",
    "key of nested tuples": b"}" + b")" + b"\x85" * 24 + b"K\x01s",
    "key of bytes": b"}C\x01xK\x01s",
    "key of an array": b"}" + array((1,), dtype("f8"), spelled(bytes(8))) + b"K\x01s",
    "too few bytes": array((2,), dtype("f8"), spelled(bytes(8))),
    "too many bytes": array((1,), dtype("f8"), spelled(bytes(9))),
    "negative size": array((-1,), dtype("f8"), spelled(bytes(8))),
    "size that wraps": array((2**62, 4), dtype("f8"), spelled(b"")),
    "size of a petabyte": array((2**50,), dtype("f8"), spelled(bytes(8))),
    "bool as a size": array((True,), dtype("f8"), spelled(bytes(8))),
    "too many dimensions": array((1,) * 64, dtype("f8"), spelled(bytes(8))),
    "objects: fewer than the shape says": array((2,), dtype("O"), b"]"),
    "objects: payload is a tuple": array((1,), dtype("O"), b"K\x01\x85"),
    "text as payload": array((1,), dtype("S4"), spelled("four")),
    "array never filled": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R",
    "a dtype as value": dtype("f8"),
    "a global as value": b"cnumpy\nndarray\n",
    "unknown byte order": array((1,), dtype("f8", (3, "!", None, None, None, -1, -1, 0)), spelled(bytes(8))),
    "scalar without a dtype": b"cnumpy.core.multiarray\nscalar\nN" + spelled(bytes(8)) + b"\x86R",
    "frombuffer of another order": b"cnumpy.core.numeric\n_frombuffer\n("
    + spelled(bytes(8)) + dtype("f8") + spelled((1,)) + spelled("K") + b"tR",
    "text wider than NumPy can count": array((0,), dtype("U999999999"), spelled(b"")),
    "empty, of a size beyond any index": array((0, 2**62, 4), dtype("f8"), spelled(b"")),
    "empty, of a size beyond 64 bits": array((0, 2**70), dtype("f8"), spelled(b"")),
    "size of ten thousand digits": array((10**10_000,), dtype("f8"), spelled(b"")),
}  # fmt: skip


@pytest.mark.parametrize("body", ATTACKS.values(), ids=ATTACKS)
def test_attacks_with_allowed_names_are_refused(body):
    with pytest.raises(OURS):
        read(whole(body))


OPCODES = {
    "INST": b"(ios\nsystem\n",
    "OBJ": b"(cnumpy\ndtype\no",
    "NEWOBJ": b"cnumpy\ndtype\n)\x81",
    "NEWOBJ_EX": b"cnumpy\ndtype\n)}\x92",
    "EXT1": b"\x82\x01",
    "EXT2": b"\x83\x01\x00",
    "EXT4": b"\x84\x01\x00\x00\x00",
    "PERSID": b"Pid\n",
    "BINPERSID": b"NQ",
    "DUP": b"N2\x86",
    "EMPTY_SET": b"\x8f",
    "ADDITEMS": b"](K\x01\x90",
    "FROZENSET": b"(K\x01\x91",
    "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"N\x98",
}


@pytest.mark.parametrize(("name", "body"), OPCODES.items(), ids=OPCODES)
def test_opcodes_that_pose_data_never_needs(name, body):
    with pytest.raises(UnsafePickleError, match=rf"opcode {name} at byte \d+"):
        read(whole(body))


REFUSED_CONTENT = {
    "defaultdict": defaultdict(list),
    "set": {1, 2},
    "frozenset": frozenset((1, 2)),
    "complex": 1j,
    "range": range(3),
    "slice": slice(3),
    "matrix": np.array([[1.0]]).view(np.matrix),
    "masked array": np.ma.masked_array([1.0, 2.0], [True, False]),
    "structured array of objects": np.array([(1.0, None)], [("x", "f8"), ("y", "O")]),
    "structured arrays in structured arrays": np.zeros(2, [("outer", [("inner", "f4", 2)])]),
    "structured datetime64": np.zeros(2, [("x", "datetime64[s]")]),
    "datetime64": np.array(["2020-01-01"], "datetime64[D]"),
    "complex array": np.array([1j]),
    "function": os.path.join,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", REFUSED_CONTENT.values(), ids=REFUSED_CONTENT)
def test_content_that_is_no_pose_data(value, protocol):
    with pytest.raises(UnsafePickleError, match=r"\S"):
        read(pickle.dumps({"S1": value}, protocol))


@pytest.mark.parametrize(
    ("value", "advice"), [(REFUSED_CONTENT["defaultdict"], "plain dict"), (REFUSED_CONTENT["matrix"], "plain array")]
)
def test_common_mistakes_get_advice(value, advice):
    with pytest.raises(UnsafePickleError, match=advice):
        read(pickle.dumps(value, 4))


def test_cycles_are_refused():
    own_list, own_dict = [], {}
    own_list.append(own_list)
    own_dict["S1"] = [own_dict]
    for value in (own_list, own_dict):
        with pytest.raises(UnsafePickleError, match="holds itself"):
            read(pickle.dumps(value, 4))


@pytest.mark.parametrize(("levels", "fine"), [(16, True), (18, False), (5000, False)])
def test_depth_is_limited(levels, fine):
    data = whole(b"]" * levels + b"a" * (levels - 1))
    if fine:
        assert repr(read(data)) == "[" * levels + "]" * levels
    else:
        with pytest.raises(UnsafePickleError, match="levels deep"):
            read(data)


def test_repeated_references_stay_small():
    value = [np.arange(3)]
    for _ in range(3):
        value = [value] * 50
    found = read(pickle.dumps(value, 4))
    for _ in range(3):
        assert len(found) == 50
        assert found[0] is found[49]
        found = found[0]


def test_repeated_references_that_nobody_could_walk_through_are_refused():
    value = [np.arange(3)]
    for _ in range(12):
        value = [value] * 50
    with pytest.raises(LargePickleError, match="repeats its parts"):
        read(pickle.dumps(value, 4))


BIG_ENDIAN = dtype("f4", (3, ">", None, None, None, -1, -1, 0))
MEBIBYTE = b"\x00\x00\x10\x00" + bytes(1 << 20)
ENCODE = b"c_codecs\nencode\n%sX\x06\x00\x00\x00latin1\x86R"


@pytest.mark.parametrize(
    ("first", "again", "kind"),
    [
        (b"B" + MEBIBYTE + b"q\x01", b"h\x01", dtype("f4")),
        (b"B" + MEBIBYTE + b"q\x01", b"h\x01", BIG_ENDIAN),
        (ENCODE % (b"X" + MEBIBYTE + b"q\x01"), ENCODE % b"h\x01", dtype("f4")),
        (b"T" + MEBIBYTE + b"q\x01", b"h\x01", dtype("f4")),
    ],
    ids=["native", "big endian", "as text", "of Python 2"],
)
def test_one_payload_under_many_arrays_stays_small(first, again, kind):
    arrays = array((1 << 18,), kind, first), *[array((1 << 18,), kind, again)] * 63
    tracemalloc.start()
    try:
        assert len(read(whole(b"](" + b"".join(arrays) + b"e"))) == 64
    except UnsafePickleError as error:
        assert "bytes" in str(error)  # refused for its size
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20


MALFORMED = {
    "empty": b"",
    "no pickle": b"\xff\xfe\xfd",
    "no STOP": b"\x80\x03]",
    "STOP alone": b".",
    "two values": b"\x80\x03NN.",
    "mark as value": b"\x80\x03(.",
    "append to nothing": b"\x80\x03Na.",
    "append to a tuple": b"\x80\x03)Na.",
    "items without mark": b"\x80\x03]e.",
    "key without value": b"\x80\x03}(Nu.",
    "memo never set": b"\x80\x03h\x05.",
    "not UTF-8": b"\x80\x03X\x01\x00\x00\x00\xff.",
    "text that is not there": b"\x80\x03X\xff\xff\xff\x7fshort",
    "eight exabytes announced": b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f",
    "negative length": b"\x80\x03T\xff\xff\xff\xffx.",
    "number that is none": b"Iseven\n.",
    "ten thousand digits": b"I" + b"9" * 10_000 + b"\n.",
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed(data):
    with pytest.raises(OURS):
        read(data)


def test_terabytes_announced_in_a_file(tmp_path):
    # Unlike bytes in memory, a file allocates what it is asked for before it looks for it.
    path = tmp_path / "poses.pkl"
    path.write_bytes(b"\x80\x04\x8e" + (1 << 60).to_bytes(8, "little") + b"short")
    with path.open("rb") as stream, pytest.raises(OURS):
        read_pickle(stream)


VALID = pickle.dumps(
    {"S1": {"Walking 1": [FLOATS, np.array(["x"]), object_array([1, None], (2,))]}, ("S1", "5"): 1.5}, 4
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_truncation_is_noticed(protocol):
    data = pickle.dumps({"S1": [FLOATS, {"w": 1000}]}, protocol)
    for length in range(len(data)):
        with pytest.raises(MalformedPickleError):
            read(data[:length])


PLAIN = (dict, list, tuple, str, bytes, bytearray, int, float, bool, type(None), np.ndarray)


def assert_plain(value, depth=0):
    assert type(value) in PLAIN and depth < 32
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufSU" and not value.dtype.hasobject
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        assert_plain(item, depth + 1)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    cut=st.integers(0, len(VALID)),
    keep=st.integers(0, len(VALID)),
    changes=st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=6),
    inserted=st.binary(max_size=12),
)
def test_mutated_pickles_give_plain_data_or_our_errors(cut, keep, changes, inserted):
    data = bytearray(VALID)
    for place, byte in changes:
        data[place] = byte
    mutated = bytes(data[:cut]) + inserted + bytes(data[min(cut, keep) :])
    try:
        value = read(mutated)
    except OURS:
        return
    assert_plain(value)


# As learnable-triangulation has its cameras and its table of shots, and what NumPy can do beyond that.
CAMERA = np.dtype([("R", "<f4", (3, 3)), ("t", "<f4", (3, 1)), ("K", "<f4", (3, 3)), ("dist", "<f4", 5)])
SHOT = np.dtype(
    [
        ("subject_idx", "i1"),
        ("action_idx", "i1"),
        ("frame_idx", "<i2"),
        ("keypoints", "<f4", (17, 3)),
        ("bbox_by_camera_tlbr", "<i2", (4, 4)),
    ]
)


def filled(dtype, shape):
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.random.default_rng(7).integers(0, 100, count, np.uint8)
    return raw.view(dtype).reshape(shape)


STRUCTURED = {
    "cameras": filled(CAMERA, (7, 4)),
    "shots": filled(SHOT, (9,)),
    "one field": np.zeros(2, [("x", "f8")]),
    "no row": np.zeros(0, SHOT),
    "no dimension": filled(SHOT, (1,)).reshape(()),
    "big endian": filled(SHOT, (3,)).astype(SHOT.newbyteorder(">")),
    "aligned, with gaps": np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "text in fields": np.array([("S1", b"x"), ("S11", b"yy")], [("name", "U5"), ("code", "S2")]),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", STRUCTURED.values(), ids=STRUCTURED)
def test_structured_arrays_are_those_that_pickle_reads(value, protocol):
    data = pickle.dumps({"table": value}, protocol)
    found, expected = read(data)["table"], pickle.loads(data)["table"]
    assert found.shape == expected.shape
    assert found.dtype.names == expected.dtype.names
    assert not found.dtype.hasobject
    for name in expected.dtype.names:
        assert found.dtype[name].shape == expected.dtype[name].shape
        assert found.dtype[name].base.isnative
        np.testing.assert_array_equal(found[name], expected[name])


def test_labels_of_learnable_triangulation(tmp_path):
    labels = {
        "subject_names": ["S1", "S5"],
        "camera_names": ["54138969"],
        "cameras": STRUCTURED["cameras"],
        "table": STRUCTURED["shots"],
    }
    path = tmp_path / "human36m-multiview-labels-GTbboxes.npy"
    np.save(path, labels)
    found, expected = open_archive(path).tree("content"), np.load(path, allow_pickle=True).item()
    assert list(found) == list(expected)
    for name in ("cameras", "table"):
        assert found[name].dtype == expected[name].dtype
        assert found[name].tobytes() == expected[name].tobytes()
    head = open_archive(path).outline("content")["cameras"]
    assert head == ArrayHead((7, 4), CAMERA)


FLAGS = (2, 1, 16)


def structured(size, fields, names=None, base=None, raw=None):
    """An array of one element of a V dtype whose state says what the arguments say."""
    kinds = b"}(" + b"".join(spelled(name) + b"(" + kind + spelled(at) + b"t" for name, (kind, at) in fields.items())
    names = tuple(fields) if names is None else names
    shaped = b"N" if base is None else b"(" + base[0] + spelled(base[1]) + b"t"
    listing = (kinds + b"u" if fields else b"N") + spelled(size) + spelled(1) + spelled(16)
    state = b"(" + spelled(3) + spelled("|") + shaped + (spelled(names) if fields else b"N") + listing + b"t"
    kind = b"cnumpy\ndtype\n" + spelled(f"V{size}") + b"\x89\x88\x87R" + state + b"b"
    return array((1,), kind, spelled(bytes(size) if raw is None else raw))


NUMBER, TEXT = dtype("f8"), dtype("O8", (3, "|", None, None, None, -1, -1, 63))
WRONG_STRUCTURES = {
    "field beyond the end": structured(8, {"x": (NUMBER, 4)}),
    "field far away": structured(8, {"x": (NUMBER, 2**28)}),
    "field beyond 64 bits": structured(8, {"x": (NUMBER, 2**70)}),
    "field before the start": structured(8, {"x": (NUMBER, -8)}),
    "field at True": structured(8, {"x": (NUMBER, True)}),
    "object field": structured(8, {"x": (TEXT, 0)}),
    "object field among others": structured(16, {"x": (NUMBER, 0), "y": (TEXT, 8)}),
    "names that are no fields": structured(8, {"x": (NUMBER, 0)}, names=("y",)),
    "fewer names than fields": structured(16, {"x": (NUMBER, 0), "y": (NUMBER, 8)}, names=("x",)),
    "name twice": structured(8, {"x": (NUMBER, 0)}, names=("x", "x")),
    "no names": structured(8, {"x": (NUMBER, 0)}, names=()),
    "neither fields nor shape": structured(8, {}),
    "subarray of another size": structured(8, {}, base=(NUMBER, (2,))),
    "subarray of absurd size": structured(8, {}, base=(NUMBER, (2**39,))),
    "subarray that wraps": structured(8, {}, base=(NUMBER, (2**32, 2**32))),
    "subarray of negative size": structured(8, {}, base=(NUMBER, (-1,))),
    "subarray of no number of dimensions": structured(8, {}, base=(NUMBER, (1,) * 64)),
    "subarray of objects": structured(8, {}, base=(TEXT, (1,))),
    "field without a dtype": structured(8, {"x": (spelled("f8"), 0)}),
    "too few bytes": structured(16, {"x": (NUMBER, 0), "y": (NUMBER, 8)}, raw=bytes(8)),
    "too many bytes": structured(8, {"x": (NUMBER, 0)}, raw=bytes(12)),
    "sixty-five fields": structured(8, {f"f{i}": (NUMBER, 0) for i in range(65)}),
    "size other than the name says": structured(8, {"x": (NUMBER, 0)}).replace(b"V8", b"V9"),
}


@pytest.mark.parametrize("body", WRONG_STRUCTURES.values(), ids=WRONG_STRUCTURES)
def test_structures_that_lie_are_refused(body):
    with pytest.raises(OURS):
        read(whole(body))


def test_structure_by_hand_is_read():
    two = np.array([1.5, -2.5]).tobytes()
    found = read(whole(structured(16, {"x": (NUMBER, 0), "y": (NUMBER, 8)}, raw=two)))
    assert (found["x"][0], found["y"][0]) == (1.5, -2.5)


def outline_of(value):
    """What a whole value's outline is: arrays by their heads."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        return outline_of(value.item()) if value.ndim == 0 else [outline_of(item) for item in value]
    if isinstance(value, np.ndarray):
        return ArrayHead(value.shape, value.dtype)
    if isinstance(value, dict):
        return {key: outline_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [outline_of(item) for item in value]
    return value


def assert_beginning(found, expected):
    """Whatever is there is what is first in the whole."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert list(found) == list(expected)[: len(found)]
        for key in found:
            assert_beginning(found[key], expected[key])
    elif isinstance(expected, list) and not isinstance(expected, ArrayHead):
        assert isinstance(found, list) and len(found) <= len(expected)
        for one, other in zip(found, expected, strict=False):
            assert_beginning(one, other)
    else:
        assert type(found) is type(expected)
        assert found == expected


def first_leaf(value):
    while isinstance(value, (dict, list)) and len(value):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


def sequences(frames, joints=32):
    return {
        subject: {
            action: np.zeros((frames + i, joints, 3), np.float32) for i, action in enumerate(("Walking 1", "Sit"))
        }
        for subject in ("S9", "S1")
    }


TREES = {
    "small": sequences(2),
    "larger than what is read": sequences(1000),
    "four views": {"S1": {"Walking 1": [np.zeros((900 + i, 17, 2), np.float32) for i in range(4)]}},
    "cameras": {("S1", "54138969"): {"R": np.eye(3), "w": 1000}, ("S1", "2"): {"R": np.eye(3), "w": 1002}},
    "list of dictionaries": [{"image": f"{i}.jpg", "joints_3d": np.zeros((17, 3))} for i in range(5000)],
    "test set": {"TS1": {"data_2d": np.zeros((5000, 17, 2)), "valid": np.ones(5000)}},
    "training set": {"S1 Seq1": [{"0": {"data_2d": np.zeros((9000, 17, 2))}}, 25]},
    "metadata": {"num_joints": 17, "keypoints_symmetry": [[4, 5], [1, 2]], "layout_name": "h36m"},
    "many keys": {f"S{i}": i for i in range(20_000)},
    "many arrays": {"S1": {f"Walking {i}": np.zeros((1, 17, 3), np.float32) for i in range(500)}},
    "big endian": {"S1": {"Walking": np.zeros((400, 17, 3), ">f8")}},
    "one key": {"S1": {"Walking": np.zeros((400, 17, 3))}},
    "empty": {},
    "number": 5,
    "nothing in it": {"S1": {}, "S5": []},
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "as np.save has it"])
def test_outline_is_the_beginning_of_the_tree(tree, protocol, wrapped):
    value = object_array([tree], ()) if wrapped else tree
    data = pickle.dumps(value, protocol)
    found, expected = peek_pickle(io.BytesIO(data)), outline_of(tree)
    assert_beginning(found, expected)
    if protocol < 5:  # which has values before shapes
        assert_beginning(first_leaf(found), first_leaf(expected))  # far enough to tell layouts apart
    if len(data) <= PEEK:
        assert found == expected


@pytest.mark.parametrize("path", sorted(SHARED.rglob("*.npz")) or [None], ids=lambda path: path and path.parent.name)
def test_outlines_of_files_of_old_pythons(path):
    if path is None:
        pytest.skip(f"no {SHARED}")
    archive = open_archive(path)
    with np.load(path, allow_pickle=True, encoding="latin1") as expected:
        for name in expected.files:
            assert_beginning(archive.outline(name), outline_of(as_documented(expected[name])))
            assert first_leaf(archive.outline(name)) == first_leaf(outline_of(as_documented(expected[name])))


def test_outlines_in_protocol_5_lack_arrays_larger_than_what_is_read():
    assert peek_pickle(io.BytesIO(pickle.dumps(sequences(1000), 5))) == {"S9": {}}
    assert peek_pickle(io.BytesIO(pickle.dumps(np.zeros(PEEK), 5))) == {}


def test_outlines_of_repeated_references_stay_small():
    value = [np.arange(3)]
    for _ in range(2):
        value = [value] * 50
    found = peek_pickle(io.BytesIO(pickle.dumps(value, 4)))
    assert len(found) == 50 and found[0] is found[49]
    for _ in range(12):
        value = [value] * 50
    with pytest.raises(LargePickleError, match="repeats its parts"):
        peek_pickle(io.BytesIO(pickle.dumps(value, 4)))


def test_outlines_of_cycles_are_refused():
    own_list, own_dict = [], {}
    own_list.append(own_list)
    own_dict["S1"] = [own_dict]
    for value in (own_list, own_dict):
        with pytest.raises(UnsafePickleError, match="holds itself"):
            peek_pickle(io.BytesIO(pickle.dumps(value, 4)))


class Counted(io.BytesIO):
    """Counts what is asked of it."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


def test_outline_reads_no_more_than_64_kib():
    assert PEEK == 1 << 16
    stream = Counted(pickle.dumps(sequences(5000), 4))
    peek_pickle(stream)
    assert stream.taken <= 1 << 16


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("gadget", ARMED.values(), ids=ARMED)
def test_outlines_run_no_code(gadget, protocol, tmp_path):
    marker = tmp_path / "marker.npy"
    function, arguments = gadget(marker)
    data = pickle.dumps({"S1": Gadget(function, arguments)}, protocol)
    with pytest.raises(UnsafePickleError, match=r"refers to .* at byte \d+"):
        peek_pickle(io.BytesIO(data))
    with pytest.raises(UnsafePickleError, match=r"refers to .* at byte \d+"):
        peek_pickle(io.BytesIO(data + bytes(PEEK)))
    assert not marker.exists()


@pytest.mark.parametrize(("name", "body"), OPCODES.items(), ids=OPCODES)
def test_outlines_refuse_the_same_opcodes(name, body):
    with pytest.raises(UnsafePickleError, match=rf"opcode {name} at byte \d+"):
        peek_pickle(io.BytesIO(whole(body)))


@pytest.mark.parametrize("body", [*ATTACKS.values(), *WRONG_STRUCTURES.values()], ids=[*ATTACKS, *WRONG_STRUCTURES])
@pytest.mark.parametrize("cut", [0, 1, 5])
def test_outlines_of_attacks_are_plain_or_refused(body, cut):
    data = whole(body)
    try:
        found = peek_pickle(io.BytesIO(data[: len(data) - cut]))
    except OURS:
        return
    assert_plain_outline(found)


def assert_plain_outline(value, depth=0):
    assert depth < 100
    if isinstance(value, ArrayHead):
        assert isinstance(value.dtype, np.dtype) and not value.dtype.hasobject
        assert all(type(size) is int and size >= 0 for size in value.shape)
    else:
        assert type(value) in (dict, list, tuple, str, bytes, bytearray, int, float, bool, type(None), np.ndarray)
        inside = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
        for item in inside:
            assert_plain_outline(item, depth + 1)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    cut=st.integers(0, len(VALID)),
    keep=st.integers(0, len(VALID)),
    changes=st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=6),
    inserted=st.binary(max_size=12),
)
def test_outlines_of_mutated_pickles_are_plain_or_our_errors(cut, keep, changes, inserted):
    data = bytearray(VALID)
    for place, byte in changes:
        data[place] = byte
    try:
        found = peek_pickle(io.BytesIO(bytes(data[:cut]) + inserted + bytes(data[min(cut, keep) :])))
    except OURS:
        return
    assert_plain_outline(found)


@pytest.mark.parametrize("levels", [50, 5000, 60_000])
def test_outlines_of_deep_pickles(levels):
    for data in (
        b"]" * levels + b"a" * (levels - 1),
        b"]" * levels,
        b"(" * levels,
        b"}X\x01\x00\x00\x00a" * (levels // 8),
    ):
        try:
            peek_pickle(io.BytesIO(b"\x80\x03" + data + b"."))
        except OURS as error:
            assert str(error)
