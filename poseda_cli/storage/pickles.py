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
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

import numpy as np

from poseda_cli.storage.limits import DEFAULT, limit_is

DEEPEST = 16
MOST_DIMENSIONS = 8
LONGEST_AXIS = 1 << 40
DTYPES = re.compile(r"b1|[iu][1248]|f(2|4|8|16)|[SU][1-9]\d{0,5}|V[1-9]\d{0,5}|O[48]?")
MOST_FIELDS = 64
# Newest protocol there is.
PROTOCOL = 5
# All fields of a dtype, those of its fields included.
MOST_FIELDS_IN_ALL = 256
# What is counted, in bytes, for a value in a tree, for an opcode, and for one that makes a container: as much as Python
# takes, and so much more that the time for all of them is bounded too.
VALUE, STEP, CONTAINER = 64, 128, 1024
# What comes of an array or a container in a tree: a sequence of poses, say.
BRANCH = 2048
# Of what is looked at to tell layouts apart.
LARGEST_OUTLINE = 1 << 28
# A number this long is none that can be measured; hashing or printing it takes time.
MOST_BITS = 1024
# Whole numbers below have a hash of their own; larger ones can be chosen to have all the same.
LARGEST_KEY = 1 << 60
LARGEST_KEY_PART = 1 << 31
# Of a name that the file chose, as much as a message quotes.
LONGEST_QUOTE = 80
# Enough for the keys and the head of the first array of any pose archive.
PEEK = 1 << 16


class UnsafePickleError(Exception):
    """The pickle asks for something that pose data never needs."""


class LargePickleError(UnsafePickleError):
    """The pickle holds more than may be read of it."""


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
    resolved: np.dtype[Any] | None = None
    levels: int = 0
    leaves: int = 1

    def resolve(self, depth: int = 0) -> np.dtype[Any]:
        if self.resolved is None:  # once: many arrays may share it
            if depth > 2:
                raise UnsafePickleError("a dtype nested too deeply")
            resolved = self._resolve(depth)
            parts = [self.base[0]] if self.base else [stub for stub, _ in (self.fields or {}).values()]
            self.levels = max((part.levels + 1 for part in parts), default=0)
            self.leaves = sum(part.leaves for part in parts) or 1
            if self.levels > 2 or self.leaves > MOST_FIELDS_IN_ALL:
                raise UnsafePickleError("a dtype nested too deeply, or of too many fields")
            self.resolved = resolved
        return self.resolved

    def _resolve(self, depth: int) -> np.dtype[Any]:
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
    """An array to be; `at` is where in the file it was asked for."""

    state: tuple[tuple[int, ...], _DtypeStub, bool, Any] | None = None
    at: int | None = None


def read_pickle(stream: IO[bytes], largest: int = DEFAULT.at_once) -> Any:
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
    LargePickleError : beyond the limit
    MalformedPickleError : not a pickle, or not all of one
    """
    budget = _Budget(largest)
    # What Python needs around the values does not count among the bytes that the user allows, up to a point.
    machine = _Machine(stream, _Budget(max(largest, DEFAULT.at_once)))
    tree = machine.run()
    resolver = _Resolver(budget)
    with _at_byte(lambda: resolver.at or machine.position):
        return resolver.resolve(tree)


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
    machine = _Machine(io.BytesIO(stream.read(PEEK)), _Budget(LARGEST_OUTLINE))
    tree = machine.run_as_far_as_it_goes()
    outliner = _Outliner()
    with _at_byte(lambda: outliner.at or machine.position):
        found = outliner.outline(tree)
    return {} if found is _NOTHING else found


@contextmanager
def _at_byte(place: Callable[[], int]) -> Iterator[None]:
    """Say where in the file lies what is refused."""
    try:
        yield
    except UnsafePickleError as error:
        raise type(error)(f"{error} at byte {place()}") from error


@dataclass(slots=True)
class _Budget:
    limit: int
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.limit

    def spend(self, size: int) -> None:
        """Count new memory."""
        self.left -= size
        if self.left < 0:
            raise LargePickleError(f"decodes into more bytes than allowed; {limit_is(self.limit)}")


class _Machine:
    """A stack, its marks and a memo; one method for each group of opcodes."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self.stream = stream
        self.budget = budget
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0
        self.position = 0

    def run(self) -> Any:
        try:
            for opcode, argument, at in pickletools.genops(self.stream):
                self.position = at or 0
                self.steps += 1
                if opcode.name == "STOP":
                    return self._only_value()
                self._step(opcode.name, argument)
        except UnsafePickleError as error:
            raise type(error)(f"{error} at byte {self.position}") from error
        except MemoryError as error:
            raise LargePickleError(f"asks for more memory than there is, at byte {self.position}") from error
        except (ValueError, IndexError, TypeError, KeyError, struct.error, OverflowError) as error:
            found = str(error)[:LONGEST_QUOTE]
            raise MalformedPickleError(f"no valid pickle at byte {self.position} ({found})") from error
        raise MalformedPickleError(f"the pickle ends before its STOP, behind byte {self.position}")

    def run_as_far_as_it_goes(self) -> Any:
        """The value as far as the bytes tell: unfinished containers hold what was there."""
        try:
            return self.run()
        except MalformedPickleError:
            if not self.stack or type(self.stack[0]) is _Mark:
                raise
        with _at_byte(lambda: self.position):
            return self._unfinished()

    def _unfinished(self) -> Any:
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
        if name == "FRAME":
            return
        if name == "PROTO":
            if argument > PROTOCOL:
                raise UnsafePickleError(f"is of protocol {argument}, expected 0 to {PROTOCOL}")
            return
        self.budget.spend(CONTAINER if name in _CONTAINERS else STEP)
        if name in _LITERALS:
            self._check_literal(argument)
            self.stack.append(_LITERALS[name](argument))
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise UnsafePickleError(f"uses the opcode {name}")

    def _check_literal(self, argument: Any) -> None:
        if type(argument) is int and argument.bit_length() > MOST_BITS:
            raise UnsafePickleError(f"holds a whole number of {argument.bit_length():,} bits")
        if type(argument) is str:  # of which a character may take four times its byte
            self.budget.spend(sys.getsizeof(argument) - len(argument))

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
            raise UnsafePickleError(f"refers to {_quoted(f'{module}.{name}')}{hint}")
        self.stack.append(_GLOBALS[module, name])

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if type(function) is not _Global or type(arguments) is not tuple:
            raise UnsafePickleError("calls a value of its own")
        if function.call is None:
            raise UnsafePickleError(f"calls {function.name}")
        if function is _ORDERED and arguments and type(arguments[0]) is list:
            self.budget.spend(CONTAINER * len(arguments[0]))  # its pairs may be those of another, and cost no bytes
        value = function.call(arguments)
        if type(value) is _ArrayStub:
            value.at = self.position
        self.stack.append(value)

    def build(self) -> None:
        state, target = self.pop(), self.stack[-1]
        if type(target) is _ArrayStub:
            target.state, target.at = _array_state(state), self.position
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
    place = 0
    while type(owner) in (dict, list) and len(rest) - place > (type(owner) is dict):
        if type(owner) is list:
            item, place = rest[place], place + 1
            owner.append(item)
        else:
            key, item, place = rest[place], rest[place + 1], place + 2
            owner[_key(key)] = item
        owner = item


_NOTHING = object()


class _Outliner:
    """Containers as they are, each once, arrays as their heads; whatever is unfinished is left out."""

    def __init__(self) -> None:
        self.done: dict[int, Any] = {}
        # As in `_Resolver`.
        self.at: int | None = None
        self.extents: dict[int, int] = {}
        self.extent = 0

    def outline(self, value: Any, depth: int = 0) -> Any:
        if type(value) not in (dict, list, tuple, _ArrayStub):
            if type(value) in (_Global, _DtypeStub, _Mark):
                return _NOTHING
            return _raw(value) if type(value) is _Latin1 else _key(value) if type(value) is _Bytes2 else value
        if depth > DEEPEST:  # as `read_pickle`, which also refuses what holds itself
            raise UnsafePickleError(f"holds itself, or is more than {DEEPEST} levels deep")
        if id(value) in self.done:
            self._extend(self.extents[id(value)])
            return self.done[id(value)]
        before = self.extent
        self.done[id(value)] = self._container(value, depth + 1)
        self._extend(BRANCH)
        self.extents[id(value)] = self.extent - before
        return self.done[id(value)]

    def _extend(self, size: int) -> None:
        self.extent += size
        if self.extent > LARGEST_OUTLINE:
            raise LargePickleError("repeats its parts beyond measure")

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            found = {key: self.outline(item, depth) for key, item in value.items()}
            return {key: item for key, item in found.items() if item is not _NOTHING}
        if isinstance(value, (list, tuple)):
            return [item for item in (self.outline(item, depth) for item in value) if item is not _NOTHING]
        if value.state is None:
            return _NOTHING
        shape, stub, _, payload = value.state
        self.at = value.at
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
    if type(key) is str:
        return key
    if type(key) is int:
        if not -LARGEST_KEY < key < LARGEST_KEY:
            raise UnsafePickleError(f"has a key of {key.bit_length()} bits")
        return key
    if type(key) is tuple and len(key) <= 8 and all(_is_part(part) for part in key):
        return tuple(_key(part) for part in key)
    raise UnsafePickleError(f"has a key of type {type(key).__name__}")


def _is_part(value: Any) -> bool:
    """Whether a key may have it in it; the hash of a tuple is made of those of its parts, which can be chosen."""
    if type(value) is int:
        return -LARGEST_KEY_PART <= value < LARGEST_KEY_PART
    return type(value) in (str, _Bytes2)


def _quoted(text: str) -> str:
    """A name that the file chose, as it can be in a message."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text[: LONGEST_QUOTE + 1])
    return shown if len(shown) <= LONGEST_QUOTE else f"{shown[:LONGEST_QUOTE]}..."


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
        raise UnsafePickleError(f"an array of dtype {_quoted(repr(spec))}")
    return _DtypeStub("O" if spec.startswith("O") else spec)  # NumPy itself writes O8


def _set_dtype(stub: _DtypeStub, state: Any) -> None:
    """What we take from a dtype's state: byte order, fields, fixed shape. Sizes and flags are computed."""
    if type(state) is not tuple or len(state) < 5 or state[1] not in ("|", "=", "<", ">"):
        raise UnsafePickleError("a dtype of unknown byte order")
    if stub.resolved is not None:
        raise UnsafePickleError("changes a dtype that was used")
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
    values = np.frombuffer(raw, dtype).astype(dtype.newbyteorder("="), copy=False)
    if not is_text(values):
        raise MalformedPickleError("text with characters that do not exist")
    return values


def is_text(values: np.ndarray[Any, Any]) -> bool:
    """Whether all characters of an array exist, if it is one of text: NumPy makes of others strings that crash."""
    if values.dtype.names:
        return all(is_text(values[name]) for name in values.dtype.names)
    if values.dtype.kind != "U" or not values.size:
        return True
    return int(np.ascontiguousarray(values).reshape(-1).view(np.uint32).max()) <= sys.maxunicode


class _Resolver:
    """Turns stubs into arrays, each once, so that shared values stay shared."""

    def __init__(self, budget: _Budget) -> None:
        self.budget = budget
        self.done: dict[int, Any] = {}
        self.payloads: dict[tuple[int, int | str], np.ndarray[Any, Any]] = {}
        self.open: set[int] = set()
        self.alive: list[Any] = []  # identities must not be reused while we go
        self.at: int | None = None
        # Bytes of what is shared if it were not: whoever walks through the tree comes by it each time.
        self.extents: dict[int, int] = {}
        self.extent = 0

    def resolve(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind is _Bytes2:
            return _key(value)
        if kind is _Latin1:
            return _raw(value)
        if kind not in (dict, list, tuple, _ArrayStub):
            if kind in (_Global, _DtypeStub, _Mark):
                raise UnsafePickleError("holds a type where a value should be")
            self.extent += VALUE
            return value
        if id(value) in self.done:
            self._extend(self.extents[id(value)])
            return self.done[id(value)]
        if depth > DEEPEST or id(value) in self.open:
            raise UnsafePickleError(f"holds itself, or is more than {DEEPEST} levels deep")
        self.open.add(id(value))
        self.alive.append(value)
        before = self.extent
        result = self._container(value, depth + 1)
        self._extend(BRANCH + (result.nbytes if isinstance(result, np.ndarray) else 0))
        self.open.discard(id(value))
        self.done[id(value)] = result
        self.extents[id(value)] = self.extent - before
        return result

    def _extend(self, size: int) -> None:
        self.extent += size
        if self.extent > max(self.budget.limit, LARGEST_OUTLINE):
            raise LargePickleError(f"repeats its parts beyond measure; {limit_is(self.budget.limit)}")

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {key: self.resolve(item, depth) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.resolve(item, depth) for item in value)
        if value.state is None:
            raise UnsafePickleError("an array that was never filled")
        self.at = value.at
        state, value.state = value.state, None  # lets go of the bytes once the arrays do
        shape, stub, fortran, payload = state
        if stub.spec != "O":
            found = self._array(shape, stub.resolve(), fortran, payload)
            self.at = None
            return found
        if type(payload) is not list or math.prod(shape) != len(payload):
            raise UnsafePickleError("an object array whose payload is no list of its size")
        self.at = None
        return _nested([self.resolve(item, depth) for item in payload], shape)

    def _array(self, shape: tuple[int, ...], dtype: np.dtype[Any], fortran: bool, payload: Any) -> Any:
        """An array on its payload, which others may share."""
        source = payload.text if type(payload) is _Latin1 else payload
        key = (id(source), id(dtype) if dtype.kind == "V" else dtype.str)  # which does not tell fields
        if key not in self.payloads:
            values = _values(payload, dtype)
            self.budget.spend(values.nbytes if values.base is None or source is not values.base else 0)
            self.alive += (source, dtype)
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

_ORDERED = _GLOBALS["collections", "OrderedDict"]
_CONTAINERS = frozenset(
    ("EMPTY_LIST", "EMPTY_DICT", "LIST", "DICT", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "MARK")
)


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
