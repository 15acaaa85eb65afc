"""Random numbers by their place in a stream, so that any range of them can be had alone."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from poseda_cli.cameras import Floats


class Stream(IntEnum):
    """What random numbers are for; each has a stream of its own. The pairing of `pairing` is stream 0."""

    YAW = 1
    TILT = 2
    BONES = 3
    LIFTER = 4
    SAMPLE = 5


# A stream's key is the seed and this word: streams above, copies below.
COPY_BITS = 48


def uniform(stream: Stream, start: int, stop: int, seed: int = 0, copy: int = 0) -> Floats:
    """Numbers start to stop of a stream, uniform in [0, 1).

    Parameters
    ----------
    stream : what they are for
    start, stop : range of numbers
    seed, copy : which draw; not negative, `copy` below 2^48

    Returns
    -------
    (stop - start,) multiples of 2^-53

    From Philox, whose raw stream NumPy keeps from version to version.
    """
    # Philox makes four numbers a counter step.
    first = start // 4
    key = np.array([seed, (stream << COPY_BITS) | copy], np.uint64)
    numbers = np.random.Philox(key=key, counter=first).random_raw(max(stop - 4 * first, 0))
    return (numbers[start - 4 * first :] >> np.uint64(11)) * 2.0**-53


def normal(stream: Stream, start: int, stop: int, seed: int = 0, copy: int = 0) -> Floats:
    """Numbers start to stop of a stream, of mean 0 and standard deviation 1; as `uniform`, of which each takes two.

    Source: Box and Muller, A Note on the Generation of Random Normal Deviates, 1958; the cosine alone, so that no
    number needs to know its neighbour.
    """
    pairs = uniform(stream, 2 * start, 2 * stop, seed, copy)
    # Not the logarithm of 0.
    radius = np.sqrt(-2 * np.log(1 - pairs[::2]))
    numbers: Floats = radius * np.cos(2 * np.pi * pairs[1::2])
    return numbers
