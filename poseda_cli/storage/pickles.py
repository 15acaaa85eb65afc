"""Pickled pose data read as data: nothing in the file can name code that runs.

The opcodes of the pickle are interpreted over plain values. The few globals that NumPy's own object
arrays and camera dictionaries contain are looked up in a table of small constructors of ours; they
check type, shape and byte count and end in `np.frombuffer`. Nothing is imported, nothing of NumPy's
own un-pickling is reached, and keys are only hashed when they are strings, integers or flat tuples.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import numpy as np

DEEPEST = 16
MOST_DIMENSIONS = 8
LONGEST_AXIS = 1 << 40
DTYPES = re.compile(r"b1|[iu][1248]|f(2|4|8|16)|[SU][1-9]\d{0,5}|V[1-9]\d{0,5}|O[48]?")
MOST_FIELDS = 64
# Enough for the keys and the head of the first array of any pose archive.
PEEK = 1 << 16


class UnsafePickleError(Exception):
    """The pickle asks for something that pose data never needs."""


class MalformedPickleError(Exception):
    """The bytes are no complete pickle."""


class _Bytes2(str):
    """A Python 2 string: text or raw bytes, decoded as latin-1, which loses nothing."""

    __slots__ = ()


class _Mark:
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Latin1:
    """Bytes spelled as text; decoded when it is known what for, and once."""

    text: str


@dataclass(frozen=True, slots=True)
class _Global:
    name: str
    call: Callable[[tuple[Any, ...]], Any] | None


class ArrayHead(NamedTuple):
    """An array whose values were not looked at."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(slots=True)
class _DtypeStub:
    """A dtype by its name and byte order; one of fields or a fixed shape by those, all checked here."""

    spec: str
    order: str = "="
    fields: dict[str, tuple[_DtypeStub, int]] | None = None
    base: tuple[_DtypeStub, tuple[int, ...]] | None = None

    def resolve(self, depth: int = 0) -> np.dtype[Any]:
        if depth > 2:
            raise UnsafePickleError("a dtype nested too deeply")
        if self.base is not None:
            inner, shape = self.base[0].resolve(depth + 1), self.base[1]
            if inner.hasobject or math.prod(shape) * inner.itemsize != int(self.spec[1:]):
                raise UnsafePickleError("a dtype of another size than its parts")
            found = np.dtype((inner, shape))
        elif self.fields is not None:
            formats = [stub.resolve(depth + 1) for stub, _ in self.fields.values()]
            offsets = [offset for _, offset in self.fields.values()]
            size = int(self.spec[1:])
            if any(o < 0 or o + f.itemsize > size or f.hasobject for o, f in zip(offsets, formats, strict=True)):
                raise UnsafePickleError("a structured dtype whose fields lie outside of it")
            names = list(self.fields)
            found = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
        else:
            order = self.order if self.order in "<>" else "="
            found = np.dtype(order + self.spec)
        if self.spec[0] == "V" and (found.itemsize != int(self.spec[1:]) or (self.base or self.fields) is None):
            raise UnsafePickleError(f"an array of dtype {self.spec!r} that says nothing of its fields")
        return found


@dataclass(slots=True)
class _ArrayStub:
    state: tuple[tuple[int, ...], _DtypeStub, bool, Any] | None = None


def read_pickle(stream: IO[bytes], largest: int = 4 << 30) -> Any:
    """The value of one pickle, as dict, list, tuple, str, bytes, numbers, None and arrays.

    Parameters
    ----------
    stream : positioned at the pickle; read to just behind its end
    largest : limit of what is decoded into new memory, bytes; a payload may serve many arrays

    Returns
    -------
    Arrays are native in byte order and may be read-only; object arrays come back as (nested) lists, or
    as the value itself when they have no dimension. An OrderedDict is a dict.

    Raises
    ------
    UnsafePickleError : a global, an opcode or a state that pose data never needs
    MalformedPickleError : not a pickle, or not all of one
    """
    return _Resolver(_Budget(largest)).resolve(_Machine(stream).run())


def peek_pickle(stream: IO[bytes]) -> Any:
    """The beginning of a pickle's value: its first keys, and the head of the first array.

    Parameters
    ----------
    stream : positioned at the pickle; 64 KiB are read

    Returns
    -------
    As `read_pickle`, but containers end where the bytes do, tuples are lists, and arrays are `ArrayHead`s.
    In protocol 5 an array's values come before its shape: a large one is left out. Of a container that
    is followed by others, an empty one cannot always be told from one that was about to be filled.

    Raises
    ------
    UnsafePickleError : as `read_pickle`, as far as it was read
    MalformedPickleError : no pickle
    """
    found = _Outliner().outline(_Machine(io.BytesIO(stream.read(PEEK))).run_as_far_as_it_goes())
    return {} if found is _NOTHING else found


@dataclass(slots=True)
class _Budget:
    left: int

    def spend(self, size: int) -> None:
        """Count new memory."""
        self.left -= size
        if self.left < 0:
            raise UnsafePickleError("decodes into more memory than allowed")


class _Machine:
    """A stack, its marks and a memo; one method for each group of opcodes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0

    def run(self) -> Any:
        position = 0
        try:
            for opcode, argument, at in pickletools.genops(self.stream):
                position = at or 0
                self.steps += 1
                if opcode.name == "STOP":
                    return self._only_value()
                self._step(opcode.name, argument)
        except UnsafePickleError as error:
            raise UnsafePickleError(f"{error} at byte {position}") from error
        except (ValueError, IndexError, TypeError, KeyError, struct.error, OverflowError, MemoryError) as error:
            raise MalformedPickleError(f"no valid pickle at byte {position} ({error})") from error
        raise MalformedPickleError("the pickle ends before its STOP")

    def run_as_far_as_it_goes(self) -> Any:
        """The value as far as the bytes tell: unfinished containers hold what was there."""
        try:
            return self.run()
        except MalformedPickleError:
            if not self.stack or type(self.stack[0]) is _Mark:
                raise
        while any(type(value) is _Mark for value in self.stack):
            items = _siblings(self.pop_to_mark())
            under = self.stack[-1]
            if type(under) is dict:
                self.fill(items[: len(items) // 2 * 2])
            elif type(under) is list:
                under.extend(items)
            elif type(under) is _ArrayStub and len(items) > 3:  # behind the dtype: it is whole
                payload = items[4] if len(items) > 4 else None
                under.state = _array_state((1, *items[1:4], payload))
        root = self.stack[0]
        _adopt(root, self.stack[1:])
        return root

    def _only_value(self) -> Any:
        if len(self.stack) != 1:
            raise ValueError(f"{len(self.stack)} values at STOP")
        return self.stack[0]

    def _step(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _LITERALS:
            self.stack.append(_LITERALS[name](argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise UnsafePickleError(f"uses the opcode {name}")

    def pop_to_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if type(self.stack[index]) is _Mark:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise ValueError("no mark on the stack")

    def pop(self) -> Any:
        value = self.stack.pop()
        if type(value) is _Mark:
            raise ValueError("a mark where a value should be")
        return value

    def top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"{type(self.stack[-1]).__name__} where {kind.__name__} should be")
        return self.stack[-1]

    def remember(self, index: int | None) -> None:
        index = len(self.memo) if index is None else index
        if index > self.steps:  # a huge index only serves to exhaust memory in other readers
            raise UnsafePickleError(f"memo index {index}")
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def append(self) -> None:
        value = self.pop()
        self.top(list).append(value)

    def extend(self) -> None:
        values = self.pop_to_mark()
        self.top(list).extend(values)

    def fill(self, values: list[Any]) -> None:
        target = self.top(dict)
        if len(values) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            target[_key(key)] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.fill([key, value])

    def new_dict(self) -> None:
        values = self.pop_to_mark()
        self.stack.append({})
        self.fill(values)

    def new_tuple(self, length: int) -> None:
        self.stack.append(tuple(reversed([self.pop() for _ in range(length)])))

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise UnsafePickleError("builds the name of a global from other values")
        self.find_global(module, name)

    def find_global(self, module: str, name: str) -> None:
        if (module, name) not in _GLOBALS:
            hint = _HINTS.get((module, name), "")
            raise UnsafePickleError(f"refers to {module}.{name}{hint}")
        self.stack.append(_GLOBALS[module, name])

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(function) is not _Global or type(arguments) is not tuple:
            raise UnsafePickleError("calls a value of its own")
        if function.call is None:
            raise UnsafePickleError(f"calls {function.name}")
        self.stack.append(function.call(arguments))

    def build(self) -> None:
        state, target = self.pop(), self.stack[-1]
        if type(target) is _ArrayStub:
            target.state = _array_state(state)
        elif type(target) is _DtypeStub:
            _set_dtype(target, state)
        else:
            raise UnsafePickleError("sets the state of something that is no array")


def _siblings(items: list[Any]) -> list[Any]:
    """Values behind a mark: they are put into their container together; the last of them may be open itself."""
    for index, value in enumerate(items[:-1]):
        if type(value) in (dict, list) and not value:
            _adopt(value, items[index + 1 :])
            return items[: index + 1]
    return items


def _adopt(owner: Any, rest: list[Any]) -> None:
    """Put what lies behind a container, without a mark between, into it: a lone item at a time is put there."""
    while type(owner) in (dict, list) and len(rest) > (type(owner) is dict):
        if type(owner) is list:
            item, rest = rest[0], rest[1:]
            owner.append(item)
        else:
            key, item, rest = rest[0], rest[1], rest[2:]
            owner[_key(key)] = item
        owner = item


_NOTHING = object()


class _Outliner:
    """Containers as they are, each once, arrays as their heads; whatever is unfinished is left out."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}

    def outline(self, value: Any, depth: int = 0) -> Any:
        if type(value) not in (dict, list, tuple, _ArrayStub):
            if type(value) in (_Global, _DtypeStub, _Mark):
                return _NOTHING
            return _raw(value) if type(value) is _Latin1 else _key(value) if type(value) is _Bytes2 else value
        if depth > DEEPEST:  # as `read_pickle`, which also refuses what holds itself
            raise UnsafePickleError(f"holds itself, or is more than {DEEPEST} levels deep")
        if id(value) not in self.done:
            self.done[id(value)] = self._container(value, depth + 1)
        return self.done[id(value)]

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            found = {key: self.outline(item, depth) for key, item in value.items()}
            return {key: item for key, item in found.items() if item is not _NOTHING}
        if isinstance(value, (list, tuple)):
            return [item for item in (self.outline(item, depth) for item in value) if item is not _NOTHING]
        if value.state is None:
            return _NOTHING
        shape, stub, _, payload = value.state
        if stub.spec != "O":
            return ArrayHead(shape, stub.resolve())
        inside = self.outline(payload, depth) if type(payload) is list else []
        return inside if shape else inside[0] if inside else {}


def _key(key: Any) -> Any:
    """A dictionary key: text, number, or a flat tuple of those (mmpose's ('S1', '54138969'))."""
    if type(key) is _Bytes2:
        try:  # Python 2 wrote UTF-8 text as bytes
            return key.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            return str(key)
    if type(key) in (str, int):
        return key
    if type(key) is tuple and len(key) <= 8 and all(type(part) in (str, int, _Bytes2) for part in key):
        return tuple(_key(part) for part in key)
    raise UnsafePickleError(f"has a key of type {type(key).__name__}")


def _raw(payload: Any) -> bytes:
    """The bytes of an array's payload, in whichever way the pickle spells them."""
    if type(payload) is _Latin1:
        return payload.text.encode("latin-1")
    if type(payload) is _Bytes2:
        return payload.encode("latin-1")
    if type(payload) is bytearray:
        return bytes(payload)
    if type(payload) is bytes:
        return payload
    raise UnsafePickleError(f"an array payload of type {type(payload).__name__}")


def _reconstruct(arguments: tuple[Any, ...]) -> _ArrayStub:
    if len(arguments) != 3 or arguments[0] is not _GLOBALS["numpy", "ndarray"]:
        raise UnsafePickleError("makes an array of a foreign type")
    return _ArrayStub()


def _dtype(arguments: tuple[Any, ...]) -> _DtypeStub:
    spec = str(arguments[0]) if arguments and isinstance(arguments[0], str) else ""
    if not DTYPES.fullmatch(spec):
        raise UnsafePickleError(f"an array of dtype {spec!r}")
    return _DtypeStub("O" if spec.startswith("O") else spec)  # NumPy itself writes O8


def _set_dtype(stub: _DtypeStub, state: Any) -> None:
    """What we take from a dtype's state: byte order, fields, fixed shape. Sizes and flags are computed."""
    if type(state) is not tuple or len(state) < 5 or state[1] not in ("|", "=", "<", ">"):
        raise UnsafePickleError("a dtype of unknown byte order")
    stub.order = str(state[1])
    base, names, fields = state[2:5]
    if stub.spec[0] != "V" and (base, names, fields) != (None, None, None):
        raise UnsafePickleError(f"a structured dtype in place of {stub.spec!r}")
    if base is not None:
        if type(base) is not tuple or len(base) != 2:
            raise UnsafePickleError("a dtype of unknown form")
        stub.base = _checked_dtype(base[0]), _shape(base[1])
    if fields is not None:
        stub.fields = _fields(names, fields)


def _fields(names: Any, fields: Any) -> dict[str, tuple[_DtypeStub, int]]:
    if type(names) is not tuple or type(fields) is not dict or not 0 < len(names) <= MOST_FIELDS:
        raise UnsafePickleError("a structured dtype of unknown form")
    found = {}
    for name in map(_key, names):
        field = fields.get(name)
        if type(name) is not str or type(field) is not tuple or len(field) != 2 or type(field[1]) is not int:
            raise UnsafePickleError("a structured dtype of unknown form")
        found[name] = _checked_dtype(field[0]), field[1]
    if len(found) != len(names) or len(found) != len(fields):
        raise UnsafePickleError("a structured dtype of unknown form")
    return found


def _array_state(state: Any) -> tuple[tuple[int, ...], _DtypeStub, bool, Any]:
    if type(state) is not tuple or len(state) not in (4, 5):
        raise UnsafePickleError("an array state of unknown form")
    shape, dtype, fortran, payload = state[-4:]
    return _shape(shape), _checked_dtype(dtype), bool(fortran), payload


def _shape(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple or len(shape) > MOST_DIMENSIONS:
        raise UnsafePickleError("an array of unknown shape")
    if any(type(size) is not int or not 0 <= size <= LONGEST_AXIS for size in shape):
        raise UnsafePickleError("an array of negative, absurd or unknown size")
    if math.prod(size or 1 for size in shape) > LONGEST_AXIS:
        raise UnsafePickleError("an array of absurd size")
    return shape


def _checked_dtype(dtype: Any) -> _DtypeStub:
    if type(dtype) is not _DtypeStub:
        raise UnsafePickleError("an array without a dtype")
    return dtype


def _frombuffer(arguments: tuple[Any, ...]) -> _ArrayStub:
    if len(arguments) != 4 or arguments[3] not in ("C", "F"):
        raise UnsafePickleError("an array buffer of unknown form")
    payload, dtype, shape, order = arguments
    return _ArrayStub((_shape(shape), _checked_dtype(dtype), order == "F", payload))


def _scalar(arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 2:
        raise UnsafePickleError("a number of unknown form")
    values = _values(arguments[1], _checked_dtype(arguments[0]).resolve())
    if len(values) != 1:
        raise UnsafePickleError(f"a number of {len(values)} parts")
    return values.item()


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if len(arguments) > 1:
        raise UnsafePickleError("an OrderedDict of unknown form")
    pairs = arguments[0] if arguments else []
    if type(pairs) is not list or any(type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs):
        raise UnsafePickleError("an OrderedDict of unknown form")
    return {_key(key): value for key, value in pairs}


def _encode(arguments: tuple[Any, ...]) -> _Latin1:
    if len(arguments) != 2 or type(arguments[0]) is not str or arguments[1] not in ("latin1", "latin-1"):
        raise UnsafePickleError("encodes text with a codec other than latin1")
    return _Latin1(arguments[0])


def _no_bytes(arguments: tuple[Any, ...]) -> bytes:
    if arguments:
        raise UnsafePickleError("makes bytes of a value")
    return b""


def _values(payload: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The numbers in a payload, native in byte order; without a copy where that can be."""
    raw = _raw(payload)
    if dtype.hasobject or len(raw) % dtype.itemsize:
        raise UnsafePickleError(f"an array of dtype {dtype.str!r} in {len(raw)} bytes")
    return np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False)


class _Resolver:
    """Turns stubs into arrays, each once, so that shared values stay shared."""

    def __init__(self, budget: _Budget) -> None:
        self.budget = budget
        self.done: dict[int, Any] = {}
        self.payloads: dict[tuple[int, str], np.ndarray[Any, Any]] = {}
        self.open: set[int] = set()
        self.alive: list[Any] = []  # identities must not be reused while we go

    def resolve(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind is _Bytes2:
            return _key(value)
        if kind is _Latin1:
            return _raw(value)
        if kind not in (dict, list, tuple, _ArrayStub):
            if kind in (_Global, _DtypeStub, _Mark):
                raise UnsafePickleError("holds a type where a value should be")
            return value
        if id(value) in self.done:
            return self.done[id(value)]
        if depth > DEEPEST or id(value) in self.open:
            raise UnsafePickleError(f"holds itself, or is more than {DEEPEST} levels deep")
        self.open.add(id(value))
        self.alive.append(value)
        result = self._container(value, depth + 1)
        self.open.discard(id(value))
        self.done[id(value)] = result
        return result

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {key: self.resolve(item, depth) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.resolve(item, depth) for item in value)
        if value.state is None:
            raise UnsafePickleError("an array that was never filled")
        state, value.state = value.state, None  # lets go of the bytes once the arrays do
        shape, stub, fortran, payload = state
        if stub.spec != "O":
            return self._array(shape, stub.resolve(), fortran, payload)
        if type(payload) is not list or math.prod(shape) != len(payload):
            raise UnsafePickleError("an object array whose payload is no list of its size")
        return _nested([self.resolve(item, depth) for item in payload], shape)

    def _array(self, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool, payload: Any) -> Any:
        """An array on its payload, which others may share."""
        source = payload.text if type(payload) is _Latin1 else payload
        key = (id(source), dtype.str)
        if key not in self.payloads:
            values = _values(payload, dtype)
            self.budget.spend(values.nbytes if values.base is None or source is not values.base else 0)
            self.alive.append(source)
            self.payloads[key] = values
        values = self.payloads[key]
        if math.prod(shape) != len(values):
            raise UnsafePickleError(f"an array of shape {shape} and dtype {dtype.str!r} in {values.nbytes} bytes")
        return values.reshape(shape, order="F" if fortran else "C")


def _nested(items: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return items[0]
    for size in reversed(shape[1:]):
        if size == 0:
            return []
        items = [items[start : start + size] for start in range(0, len(items), size)]
    return items


_GLOBALS: dict[tuple[str, str], _Global] = {
    ("numpy", "ndarray"): _Global("numpy.ndarray", None),
    ("numpy", "dtype"): _Global("numpy.dtype", _dtype),
    ("_codecs", "encode"): _Global("_codecs.encode", _encode),
    ("collections", "OrderedDict"): _Global("OrderedDict", _ordered_dict),
    # How Python 3 writes the payload of an empty array in protocol 2 (numpy 1.15 and 1.16).
    ("__builtin__", "bytes"): _Global("bytes", _no_bytes),
}
for _core in ("numpy.core", "numpy._core"):
    _GLOBALS[f"{_core}.multiarray", "_reconstruct"] = _Global("_reconstruct", _reconstruct)
    _GLOBALS[f"{_core}.multiarray", "scalar"] = _Global("scalar", _scalar)
    _GLOBALS[f"{_core}.numeric", "_frombuffer"] = _Global("_frombuffer", _frombuffer)

_HINTS = {
    ("collections", "defaultdict"): " (save it as a plain dict)",
    ("numpy", "matrix"): " (save it as a plain array)",
    ("numpy.ma.core", "_mareconstruct"): " (save it as a plain array)",
}

_IGNORED = frozenset(("PROTO", "FRAME"))


def _as_is(argument: Any) -> Any:
    return argument


_LITERALS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        (
            "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
            "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
            "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
        ),
        _as_is,
    ),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _Bytes2),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "EMPTY_DICT": lambda _: {},
    "MARK": lambda _: _Mark(),
}  # fmt: skip

_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "PUT": lambda machine, index: machine.remember(index),
    "BINPUT": lambda machine, index: machine.remember(index),
    "LONG_BINPUT": lambda machine, index: machine.remember(index),
    "MEMOIZE": lambda machine, _: machine.remember(None),
    "GET": lambda machine, index: machine.recall(index),
    "BINGET": lambda machine, index: machine.recall(index),
    "LONG_BINGET": lambda machine, index: machine.recall(index),
    "APPEND": lambda machine, _: machine.append(),
    "APPENDS": lambda machine, _: machine.extend(),
    "LIST": lambda machine, _: machine.stack.append(machine.pop_to_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.new_tuple(1),
    "TUPLE2": lambda machine, _: machine.new_tuple(2),
    "TUPLE3": lambda machine, _: machine.new_tuple(3),
    "DICT": lambda machine, _: machine.new_dict(),
    "SETITEM": lambda machine, _: machine.set_item(),
    "SETITEMS": lambda machine, _: machine.fill(machine.pop_to_mark()),
    "GLOBAL": lambda machine, text: machine.find_global(*text.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.stack_global(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
