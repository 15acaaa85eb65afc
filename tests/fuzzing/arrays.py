"""Mutations of arrays: values, shapes and dtypes."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 1e-310, -1.0, 1e4, 1e20, 1e38, -1e38, 3.5e38, 1e300, 2.0**63, 0.5]
DTYPES = ["f2", "f4", "f8", ">f4", ">f8", "i1", "u1", "i2", ">i4", "i8", "u8", "?", "c16", "U5", "S3", "U0"]


def spoil_array(rng: Random, values: Array) -> Any:
    """An array with one fault; not the one given."""
    kind = values.dtype.kind
    if values.dtype.names and rng.random() < 0.8:
        return _spoil_field(rng, values.copy())
    ways = SHAPES if kind not in "biufc" or not values.size else [*NUMBERS, *NUMBERS, *SHAPES, *TYPES]
    with np.errstate(all="ignore"):
        return rng.choice(ways)(rng, values.copy())


def _spoil_field(rng: Random, values: Array) -> Array:
    """A compound's field with other values, under another name, or left out."""
    assert values.dtype.names
    name = rng.choice(values.dtype.names)
    fields = [(n, values.dtype[n]) for n in values.dtype.names]
    way = rng.randrange(4)
    if way == 0:
        kept = [field for field in fields if field[0] != name]
    elif way == 1:
        kept = [(n if n != name else "other", kind) for n, kind in fields]
    else:
        changed = spoil_array(rng, values[name])
        if not isinstance(changed, np.ndarray) or changed.dtype.kind == "O" or changed.shape[:1] != values.shape[:1]:
            return values
        kind = np.dtype((changed.dtype, changed.shape[values.ndim :]))
        kept = [(n, kind if n == name else k) for n, k in fields]
        return _assembled(values, kept, {name: changed})
    return _assembled(values, kept, {}) if kept else values


def _assembled(values: Array, fields: list[tuple[str, Any]], changed: dict[str, Array]) -> Array:
    made = np.zeros(values.shape, fields)
    for name, _ in fields:
        if name in changed or name in (values.dtype.names or ()):
            made[name] = changed.get(name, values[name] if name in (values.dtype.names or ()) else 0)
    return made


def _special(rng: Random) -> float:
    return rng.choice(SPECIAL)


def _some_values(rng: Random, values: Array) -> Array:
    flat = values.reshape(-1)
    for _ in range(rng.choice((1, 1, 5, 50))):
        flat[rng.randrange(len(flat))] = _as_dtype(_special(rng), values.dtype)
    return flat.reshape(values.shape)


def _all_values(rng: Random, values: Array) -> Array:
    return np.full_like(values, _as_dtype(_special(rng), values.dtype))


def _slab(rng: Random, values: Array) -> Array:
    """One index of one axis: a frame, a joint, a coordinate."""
    if not values.ndim:
        return _all_values(rng, values)
    axis = rng.randrange(values.ndim)
    index = [slice(None)] * values.ndim
    index[axis] = slice(at := rng.randrange(values.shape[axis]), at + 1)
    values[tuple(index)] = _as_dtype(_special(rng), values.dtype)
    return values


def _scaled(rng: Random, values: Array) -> Array:
    factor = rng.choice((1000, 0.001, -1, 0, 1e30, 1e-30, 1e-42))
    return (values * factor).astype(values.dtype) if values.dtype.kind == "f" else -values if values.any() else values


def _shifted(rng: Random, values: Array) -> Array:
    return (values + _as_dtype(rng.choice((1, -1, 5, 1e4)), values.dtype)).astype(values.dtype)


def _one_pose(rng: Random, values: Array) -> Array:
    """The same everywhere along an axis: no extent, no motion."""
    if not values.ndim:
        return values
    axis = rng.randrange(values.ndim)
    return np.repeat(np.take(values, [0], axis), values.shape[axis], axis)


def _as_dtype(value: float, dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return int(np.clip(value if np.isfinite(value) else limits.max, float(limits.min), float(limits.max) * 0.999))
    return bool(value) if dtype.kind == "b" else value


def _cut(rng: Random, values: Array) -> Array:
    if not values.ndim:
        return values
    axis = rng.randrange(values.ndim)
    return np.take(values, range(rng.randrange(values.shape[axis] + 1)), axis)


def _grown(rng: Random, values: Array) -> Array:
    if not values.ndim or not values.size:
        return values
    axis = rng.randrange(values.ndim)
    return np.concatenate([values, np.take(values, [0] * rng.choice((1, 1, 3)), axis)], axis)


def _empty(rng: Random, values: Array) -> Array:
    shape = list(values.shape) or [1]
    shape[rng.randrange(len(shape))] = 0
    return np.zeros(shape, values.dtype)


def _flat(rng: Random, values: Array) -> Array:
    return values.reshape(-1)


def _deeper(rng: Random, values: Array) -> Array:
    return np.expand_dims(values, rng.randrange(values.ndim + 1))


def _merged(rng: Random, values: Array) -> Array:
    return values.reshape(values.shape[0], -1) if values.ndim > 1 and values.size else values.reshape(1, -1)


def _transposed(rng: Random, values: Array) -> Array:
    axes = list(range(values.ndim))
    rng.shuffle(axes)
    return values.transpose(axes)


def _permuted(rng: Random, values: Array) -> Array:
    if not values.ndim:
        return values
    axis = rng.randrange(values.ndim)
    order = list(range(values.shape[axis]))
    rng.shuffle(order)
    return np.take(values, order, axis)


def _first(rng: Random, values: Array) -> Array:
    return values[0] if values.ndim and len(values) else values


def _scalar(rng: Random, values: Array) -> Array:
    return np.array(values.reshape(-1)[0]) if values.size else np.zeros((), values.dtype)


def _fortran(rng: Random, values: Array) -> Array:
    return np.asfortranarray(values)


def _cast(rng: Random, values: Array) -> Array:
    return values.astype(rng.choice(DTYPES))


def _objects(rng: Random, values: Array) -> Any:
    return values.tolist() if rng.random() < 0.5 else values.astype(object)


NUMBERS = [_some_values, _some_values, _all_values, _slab, _slab, _scaled, _shifted, _one_pose]
SHAPES = [
    _cut, _cut, _grown, _empty, _flat, _deeper, _merged, _transposed, _permuted, _first, _scalar, _fortran,
]  # fmt: skip
TYPES = [_cast, _cast, _objects]
