"""NASA CDF files, in which Human3.6M is released, through cdflib: the extra `cdf`."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, MissingExtraError, UnsafeArchiveError
from poseda_cli.storage.files import LARGEST, File, as_path

MOST_VARIABLES, MOST_DIMENSIONS = 1000, 8


class CdfArchive:
    """A CDF file; see `storage.archive.Archive` for the members.

    Parameters
    ----------
    file : where it lies
    largest : limit of one variable, bytes

    Raises
    ------
    MissingExtraError : cdflib is not installed
    """

    def __init__(self, file: File, largest: int = LARGEST) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self._largest = largest
        try:
            import cdflib
        except ImportError as error:
            raise MissingExtraError(self.name, "a CDF file", "cdflib", "cdf") from error
        self._cdflib = cdflib

    @cached_property
    def members(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape and dtype of each variable by name, records first."""
        return self._guarded(self._heads)

    @property
    def decoded(self) -> int:
        """Bytes of all variables."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self.members.values())

    def array(self, name: str) -> np.ndarray[Any, Any]:
        """The values of a variable, records first."""
        shape, dtype = self.members[name]
        if np.prod(shape, dtype=object) * dtype.itemsize > self._largest:
            raise UnsafeArchiveError(self.name, "claims an absurd size; it was not loaded.", name)
        return self._guarded(lambda cdf: np.asarray(cdf.varget(name)).reshape(shape), name)

    def outline(self, name: str) -> Any:
        """CDF has no object arrays."""
        raise ArchiveError(self.name, "CDF holds no pickled objects", name)

    tree = take_tree = outline

    def _heads(self, cdf: Any) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        heads = {}
        info = cdf.cdf_info()
        for name in (*info.rVariables, *info.zVariables):
            variable = cdf.varinq(name)
            kinds = {"CDF_FLOAT": "f4", "CDF_REAL4": "f4", "CDF_DOUBLE": "f8", "CDF_REAL8": "f8"}
            sizes = tuple(int(size) for size in variable.Dim_Sizes)
            heads[name] = (
                (int(variable.Last_Rec) + 1, *sizes),
                np.dtype(kinds.get(variable.Data_Type_Description, "O")),
            )
        if not heads:  # cdflib takes the list of variables that a cut has taken away for an empty one
            raise DamagedArchiveError(self.name, "a CDF file without variables, cut off or altered. Fetch it again.")
        return heads

    def _check_counts(self) -> None:
        """Cdflib believes the counts in the file's head and allocates by them; a pose file has few of everything."""
        with self.file.open() as stream:
            descriptor = stream.read(28)[20:28]
            stream.seek(min(int.from_bytes(descriptor, "big"), stream.seek(0, 2)))
            head = stream.read(64)
        r_variables, dimensions, z_variables = (int.from_bytes(head[at : at + 4], "big") for at in (44, 56, 60))
        if len(head) < 64 or max(r_variables, z_variables) > MOST_VARIABLES or dimensions > MOST_DIMENSIONS:
            raise DamagedArchiveError(self.name, "damaged CDF (its head makes no sense). Fetch it again.")

    def _guarded(self, read: Any, member: str | None = None) -> Any:
        self._check_counts()
        try:
            with as_path(self.file) as path:
                return read(self._cdflib.CDF(str(path)))
        except ArchiveError:
            raise
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "claims an absurd size; it was not loaded.", member) from error
        except Exception as error:  # cdflib raises whatever its parsing meets
            raise DamagedArchiveError(self.name, f"damaged CDF ({error}). Fetch it again.", member) from error
