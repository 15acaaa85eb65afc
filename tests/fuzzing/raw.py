"""Mutations of bytes, whatever they mean."""

from __future__ import annotations

from random import Random

INTERESTING = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]
WORDS = [
    (-1).to_bytes(4, "little", signed=True),
    (0x7FFFFFFF).to_bytes(4, "little"),
    (0x80000000).to_bytes(4, "big"),
    (1 << 40).to_bytes(8, "little"),
    (1 << 63).to_bytes(8, "little"),
    b"\x00\x00\xc0\x7f",  # NaN
    b"\x00\x00\x80\x7f",  # infinity
    bytes(8),
]


def spoil_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """Bytes with one fault, some of them taken from other bytes."""
    if not data:
        return other[: rng.randrange(64)]
    return rng.choice(WAYS)(rng, bytearray(data), other)


def _flip(rng: Random, data: bytearray, other: bytes) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(data)


def _overwrite(rng: Random, data: bytearray, other: bytes) -> bytes:
    at = _place(rng, data)
    data[at] = rng.choice(INTERESTING)
    return bytes(data)


def _overwrite_word(rng: Random, data: bytearray, other: bytes) -> bytes:
    at, word = _place(rng, data), rng.choice(WORDS)
    data[at : at + len(word)] = word
    return bytes(data)


def _truncate(rng: Random, data: bytearray, other: bytes) -> bytes:
    return bytes(data[: rng.randrange(len(data))])


def _delete(rng: Random, data: bytearray, other: bytes) -> bytes:
    at, count = _slice(rng, data)
    del data[at : at + count]
    return bytes(data)


def _duplicate(rng: Random, data: bytearray, other: bytes) -> bytes:
    at, count = _slice(rng, data)
    data[at:at] = data[at : at + count]
    return bytes(data)


def _move(rng: Random, data: bytearray, other: bytes) -> bytes:
    (at, count), to = _slice(rng, data), _place(rng, data)
    data[to : to + count] = data[at : at + count]
    return bytes(data)


def _splice(rng: Random, data: bytearray, other: bytes) -> bytes:
    at, count = _slice(rng, data)
    start = rng.randrange(len(other) or 1)
    data[at : at + count] = other[start : start + count]
    return bytes(data)


def _append(rng: Random, data: bytearray, other: bytes) -> bytes:
    return bytes(data) + other[: rng.choice((1, 7, 600))]


def _place(rng: Random, data: bytearray) -> int:
    """Anywhere, and every other time where headers and directories are: near either end."""
    if rng.random() < 0.5:
        return rng.randrange(len(data))
    near = rng.randrange(min(len(data), 400))
    return near if rng.random() < 0.6 else len(data) - 1 - near


def _slice(rng: Random, data: bytearray) -> tuple[int, int]:
    return _place(rng, data), rng.choice((1, 4, 8, 32, 500))


WAYS = [_flip, _flip, _overwrite, _overwrite_word, _truncate, _delete, _duplicate, _move, _splice, _append]
