"""Mutations of what objects are made of: dicts, lists, arrays, text, numbers."""

from __future__ import annotations

import string
from random import Random
from typing import Any

import numpy as np

from tests.fuzzing.arrays import spoil_array

NAMES = [
    "", " ", "S1", "S9", "S99", "TS1", "TS7", "Walking", "Walking 1", "54138969", "0", "-1", "..", "/", "a/b", "a\nb",
    "a\tb\r", "\x00", "\x1b[31m", "\u202eevil", "e\u0301", "\N{PILE OF POO}", "x" * 3000, "\udcff", "\u0660", "1e999",
    "nan", "S1/Walking", "%s", "{}", "\u2028", "custom", "coco", "h36m", "positions_3d",
]  # fmt: skip
NUMBERS = [0, 1, -1, 2, 17, 255, 65536, 2**31, -(2**63), 2**64, 10**30, 0.0, 0.5, 1e308, -1e-308, 1e20]
NOT_NUMBERS = [float("nan"), float("inf"), float("-inf")]


def foreign(rng: Random) -> Any:
    """Something that does not belong there."""
    return rng.choice(FOREIGN)(rng)


def spoil_tree(rng: Random, tree: Any) -> Any:
    """A tree with one fault somewhere; the one given is left alone."""
    if isinstance(tree, np.ndarray) and tree.dtype.kind == "O" and tree.size:
        place = rng.randrange(tree.size)
        if rng.random() < 0.8:
            copied = tree.copy()
            copied.reshape(-1)[place] = spoil_tree(rng, tree.reshape(-1)[place])
            return copied
    inner = isinstance(tree, (dict, list, tuple)) and len(tree)
    if inner and rng.random() < 0.75:
        return _inside(rng, tree)
    if rng.random() < 0.12:
        return foreign(rng)
    return _spoil_node(rng, tree)


def _inside(rng: Random, tree: Any) -> Any:
    if isinstance(tree, dict):
        key = rng.choice(list(tree))
        return {**tree, key: spoil_tree(rng, tree[key])}
    place = rng.randrange(len(tree))
    return type(tree)([*tree[:place], spoil_tree(rng, tree[place]), *tree[place + 1 :]])


def _spoil_node(rng: Random, node: Any) -> Any:
    if isinstance(node, np.ndarray):
        return spoil_array(rng, node)
    for kind, spoil in (
        (dict, _spoil_dict), ((list, tuple), _spoil_list), (str, _spoil_text), (bytes, _spoil_bytes),
        ((bool, type(None)), lambda rng, _: foreign(rng)),
    ):  # fmt: skip
        if isinstance(node, kind):
            return spoil(rng, node)
    return _spoil_number(rng, node)


def _spoil_dict(rng: Random, node: dict[Any, Any]) -> Any:
    if not node:
        return {rng.choice(NAMES): foreign(rng)}
    keys = list(node)
    key, other = rng.choice(keys), rng.choice(keys)
    way = rng.randrange(8)
    if way == 0:
        return {k: v for k, v in node.items() if k != key}
    if way == 1:
        return {(_name_like(rng, key) if k == key else k): v for k, v in node.items()}
    if way == 2:
        return {**node, key: node[other], other: node[key]}
    if way == 3:
        return {**node, _name_like(rng, key): node[key]}
    if way == 4:
        return {**node, key: foreign(rng)}
    if way == 5:
        return dict(reversed(node.items()))
    return {} if way == 6 else {**node, foreign_key(rng): foreign(rng)}


def _name_like(rng: Random, key: Any) -> Any:
    return _spoil_text(rng, key) if isinstance(key, str) and rng.random() < 0.7 else foreign_key(rng)


def foreign_key(rng: Random) -> Any:
    """A key that does not belong there."""
    return rng.choice([*NAMES, 0, -1, None, 1.5, b"S1", (0, 1), True])


def _spoil_list(rng: Random, node: Any) -> Any:
    values = list(node)
    if not values:
        return type(node)([foreign(rng)])
    place = rng.randrange(len(values))
    way = rng.randrange(9)
    if way == 0:
        del values[place]
    elif way == 1:
        values.insert(place, values[rng.randrange(len(values))])
    elif way == 2:
        values = values[:place]
    elif way == 3:
        rng.shuffle(values)
    elif way == 4:
        values[place] = foreign(rng)
    elif way == 5:
        values.append(foreign(rng))
    elif way == 6:
        return [values]
    elif way == 7:
        return dict(enumerate(values))
    else:
        values = []
    return type(node)(values)


def _spoil_text(rng: Random, node: str) -> str:
    way = rng.randrange(7)
    place = rng.randrange(len(node) + 1)
    if way == 0:
        return rng.choice(NAMES)
    if way == 1:
        return node[:place]
    if way == 2:
        return node[:place] + rng.choice([*NAMES, *string.punctuation]) + node[place:]
    if way == 3:
        return node.upper() if node != node.upper() else node.lower()
    if way == 4:
        return node[:place] + str(rng.choice((0, 1, 9, 99, -1, 10**20))) + node[place + 1 :]
    if way == 5:
        return node[:place] + node[place + 1 :]
    return node * 2


def _spoil_bytes(rng: Random, node: bytes) -> Any:
    return _spoil_text(rng, node.decode("latin-1")).encode("utf-8", "surrogatepass")


def _spoil_number(rng: Random, node: Any) -> Any:
    way = rng.randrange(4)
    if way == 0:
        return rng.choice(NUMBERS)
    if way == 1:
        return rng.choice(NOT_NUMBERS)
    if way == 2:
        return foreign(rng)
    try:
        return node + rng.choice((1, -1, 0.5, 1000))
    except TypeError:
        return 0


def _deep(rng: Random) -> Any:
    nested: Any = []
    for _ in range(rng.choice((3, 30, 60))):
        nested = [nested]
    return nested


FOREIGN = [
    lambda rng: None, lambda rng: rng.choice((True, False)), lambda rng: rng.choice(NUMBERS),
    lambda rng: rng.choice(NOT_NUMBERS), lambda rng: rng.choice(NAMES), lambda rng: [], lambda rng: {},
    lambda rng: [1, [2], "3"], lambda rng: {"S1": []}, lambda rng: b"\xff\x00", _deep,
    lambda rng: np.zeros((0, 17, 3)), lambda rng: np.zeros(()), lambda rng: np.full((4, 17, 3), 1.0, "f4"),
    lambda rng: np.zeros((2, 17, 2)), lambda rng: np.array(["a", "b"]), lambda rng: np.float32("nan"),
    lambda rng: np.int64(3), lambda rng: (0, 0), lambda rng: np.ones((3, 32, 3), ">i2"),
]  # fmt: skip
