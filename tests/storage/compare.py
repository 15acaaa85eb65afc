import sys

import numpy as np


def as_documented(value):
    """What the reader promises for a value that pickle.loads or np.load gave."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O":
            return as_documented(value.item() if value.ndim == 0 else value.tolist())
        return value.astype(value.dtype.newbyteorder("="))
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {key: as_documented(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_documented(item) for item in value)
    return value


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.dtype.byteorder in ("=", "|", "<" if sys.byteorder == "little" else ">")
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, item in expected.items():
            assert_same(found[key], item)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected or (found != found and expected != expected)
