"""How long work reports how far it is, without knowing who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Opens a stage of work and yields the function that counts poses done."""

    def __call__(self, label: str, total: int) -> AbstractContextManager[Callable[[int], object]]:
        """A stage called `label` of `total` poses."""
        ...


@contextmanager
def silent(label: str, total: int) -> Iterator[Callable[[int], object]]:
    """Progress that nobody watches."""
    yield lambda poses: None
