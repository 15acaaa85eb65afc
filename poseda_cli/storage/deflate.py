"""Deflate on all cores: streams that every zlib inflates, the same bytes for any number of threads.

A stream is put together from segments that were deflated apart. Most bytes of a float are noise, in which zlib
spends its time looking for repetitions; so a small sample of each segment says whether it is deflated, only
Huffman-coded (as small for floats as they lie, at three times the speed), or stored.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from poseda_cli.blocks import cores
from poseda_cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

Compression = Literal["none", "fast", "small"]
# 9 makes augmented.h5 another 0.4 % smaller, and takes eight times as long for the bytes that are searched.
LEVELS: dict[Compression, int] = {"none": 0, "fast": 1, "small": 6}
# An empty last block: segments do not know which of them is the last.
END = b"\x03\x00"
ZLIB_HEAD = b"\x78\x01"
SAMPLE = 8192
# What has to be gained for a segment to be compressed at all, and for repetitions to be looked for.
WORTH, WORTH_SEARCH = 0.97, 0.95

Task = TypeVar("Task")
Result = TypeVar("Result")


def check_compression(name: str) -> None:
    """Refuse a compression that does not exist.

    Raises
    ------
    UsageError : as said
    """
    if name not in get_args(Compression):
        raise UsageError(f"compression {name!r}: none, fast or small.")


def segment(data: bytes, level: int) -> bytes:
    """A part of a raw deflate stream, which ends at a byte; `END` closes the stream.

    Parameters
    ----------
    data : what is deflated
    level : of zlib, where looking for repetitions pays
    """
    middle = max(0, len(data) - SAMPLE) // 2
    sample = data[middle : middle + SAMPLE]
    searched, coded = len(_deflated(sample, 1)), len(_deflated(sample, 1, zlib.Z_HUFFMAN_ONLY))
    if min(searched, coded) > WORTH * len(sample):
        return _deflated(data, 0)
    if searched > WORTH_SEARCH * coded:
        return _deflated(data, 1, zlib.Z_HUFFMAN_ONLY)
    return _deflated(data, level)


def _deflated(data: bytes, level: int, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


def shuffled(values: np.ndarray[Any, Any], level: int) -> bytes:
    """A chunk as HDF5's filters shuffle and gzip leave it: the first bytes of all numbers, then the second, ...

    Parameters
    ----------
    values : the whole chunk, C-contiguous
    level : as for `segment`
    """
    planes = values.view("u1").reshape(-1, values.itemsize).T
    check, parts = 1, [ZLIB_HEAD]
    for plane in planes:
        data = plane.tobytes()
        check = zlib.adler32(data, check)
        parts.append(segment(data, level))
    return b"".join([*parts, END, check.to_bytes(4, "big")])


def in_order(work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """As `map`, on all cores, with few tasks and results in memory at a time."""
    threads = cores()
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        for task in tasks:
            waiting.append(pool.submit(work, task))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
