"""What the C library does with memory that is given back to it."""

from __future__ import annotations

# Of glibc's mallopt; other systems have none of it.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGEST_KEPT, MOST_KEPT = 32 << 20, 64 << 20


def keep_memory() -> None:
    """Let arrays of one chunk take the place of the last one's.

    By default glibc returns large arrays to the system as soon as they are free, and the system clears every page anew
    for the next ones: a tenth of the time of an alignment.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
    mallopt(M_ARENA_MAX, 1)
