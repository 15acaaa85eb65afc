"""A data set as exports take it, in chunks of any length, and how often it was asked for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from poseda_cli.chunks import Chunk
from poseda_cli.conversion import Conversion
from poseda_cli.dataset import PoseDataset


class InChunks:
    """A conversion in chunks of `height` rows.

    Parameters
    ----------
    poses : what is converted
    height : rows of a chunk
    heads : what it says of itself in other words than a conversion does
    """

    def __init__(self, poses: PoseDataset, height: int, **heads: Any) -> None:
        self._conversion, self._height, self._heads = Conversion(poses), height, heads
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return self._heads[name] if name in self._heads else getattr(self._conversion, name)

    def __len__(self) -> int:
        return len(self._conversion)

    def chunks(self) -> Iterator[Chunk]:
        self.asked += 1
        for whole in self._conversion.chunks():
            for start in range(0, len(whole.camera), self._height):
                rows = slice(start, start + self._height)
                yield Chunk(*(None if column is None else column[rows] for column in whole))
