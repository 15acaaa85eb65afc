"""JSON files and camera.calibration: text that is read as a whole."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import File
from poseda_cli.storage.limits import DEFAULT, Limits, too_large
from poseda_cli.storage.npy import CONTENT

# What Python takes for a list or an object, and for a number in one; bytes.
BRACKET, VALUE = 96, 32
# What any machine has for a text once it is parsed.
LIGHT = 1 << 26
LONGEST_QUOTE = 80


class TextArchive:
    """A text file as an archive of one member, `CONTENT`: the parsed JSON, or the text.

    Parameters
    ----------
    file : where it lies
    is_json : whether to parse it
    limits : of the file
    """

    def __init__(self, file: File, is_json: bool, limits: Limits = DEFAULT) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self.members: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {CONTENT: ((), np.dtype(object))}
        self._is_json = is_json
        self.limits = limits
        self._tree: Any = None

    @property
    def decoded(self) -> int:
        """Bytes of the file; parsed JSON takes several times as much."""
        return self.file.size

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """Text files hold no arrays."""
        raise ArchiveError(self.name, "a text file, expected an array")

    def outline(self, name: str) -> Any:
        """The whole; JSON has no head."""
        return self.tree(name)

    def tree(self, name: str) -> Any:
        """The parsed JSON, or the text; read once.

        Raises
        ------
        DamagedArchiveError : no JSON, or not UTF-8
        UnsafeArchiveError : larger or deeper than allowed
        """
        if self._tree is None:
            self._tree = self._read()
        return self._tree

    def take_tree(self, name: str) -> Any:
        """As `tree`, and forget it."""
        tree, self._tree = self.tree(name), None
        return tree

    def _read(self) -> Any:
        with self.file.open() as stream:
            if (size := stream.seek(0, 2)) > self.limits.text:
                raise UnsafeArchiveError(self.name, too_large(size, self.limits.text, "bytes of text"))
            stream.seek(0)
            data = stream.read(self.limits.text)
        try:
            if not self._is_json:
                return data.decode("utf-8")
            self._check_cost(data)
            return json.loads(data, object_pairs_hook=_unambiguous)
        except RecursionError as error:
            raise UnsafeArchiveError(self.name, "JSON nested too deeply; it was not loaded.") from error
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "takes more memory than there is; it was not loaded.") from error
        except ValueError as error:
            raise DamagedArchiveError(
                self.name, f"no valid {'JSON' if self._is_json else 'text'} ({error}); fetch it again."
            ) from error

    def _check_cost(self, data: bytes) -> None:
        """Refuse what takes many times its size once it is parsed: brackets without numbers between them."""
        brackets, values = data.count(b"[") + data.count(b"{"), data.count(b",")
        cost = brackets * BRACKET + values * VALUE
        if cost > LIGHT and cost > self.limits.at_once:
            raise UnsafeArchiveError(self.name, too_large(cost, self.limits.at_once, "bytes once it is parsed"))


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values by one name nobody knows which is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice[:LONGEST_QUOTE]!r} is there twice")
    return found
