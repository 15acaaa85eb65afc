"""JSON files and camera.calibration: text that is read as a whole."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError
from poseda_cli.storage.files import File
from poseda_cli.storage.npy import CONTENT

LARGEST_TEXT = 1 << 30


class TextArchive:
    """A text file as an archive of one member, `CONTENT`: the parsed JSON, or the text.

    Parameters
    ----------
    file : where it lies
    is_json : whether to parse it
    largest : limit of the file, bytes
    """

    def __init__(self, file: File, is_json: bool, largest: int = LARGEST_TEXT) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self.members: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {CONTENT: ((), np.dtype(object))}
        self._is_json = is_json
        self._largest = largest
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
            data = stream.read(self._largest + 1)
        if len(data) > self._largest:
            raise UnsafeArchiveError(self.name, f"more than {self._largest:,} bytes of text; it was not loaded.")
        try:
            return json.loads(data) if self._is_json else data.decode("utf-8")
        except RecursionError as error:
            raise UnsafeArchiveError(self.name, "JSON nested too deeply; it was not loaded.") from error
        except ValueError as error:
            raise DamagedArchiveError(
                self.name, f"no valid {'JSON' if self._is_json else 'text'} ({error}); fetch it again."
            ) from error
