"""How long work reports how far it is, without knowing who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Protocol

# What stages count: poses, or bytes where there is no telling how many poses they are.
POSES, BYTES = "poses", "B"


class Progress(Protocol):
    """Opens a stage of work and yields the function that counts what is done; one thread at a time may call it."""

    def __call__(self, label: str, total: int, unit: str = POSES) -> AbstractContextManager[Callable[[int], object]]:
        """A stage called `label` of `total` poses, or of `total` of another unit."""
        ...


@contextmanager
def silent(label: str, total: int, unit: str = POSES) -> Iterator[Callable[[int], object]]:
    """Progress that nobody watches."""
    yield lambda done: None


def one_at_a_time(advance: Callable[[int], object]) -> Callable[[int], None]:
    """`advance` for several threads."""
    lock = Lock()

    def locked(done: int) -> None:
        with lock:
            advance(done)

    return locked
