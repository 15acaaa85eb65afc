"""NASA CDF files, in which Human3.6M is released, through cdflib: the extra `cdf`."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from poseda_cli.errors import ArchiveError, DamagedArchiveError, MissingExtraError, UnsafeArchiveError
from poseda_cli.storage.cdf_records import PACKED_WHOLE, AbsurdRecordError, check_records, unpacked
from poseda_cli.storage.files import File, as_path
from poseda_cli.storage.limits import DEFAULT, Limits, too_large

# Of what one file inflates to; the longest of Human3.6M has a few MiB.
LARGEST = 1 << 30


class CdfArchive:
    """A CDF file; see `storage.archive.Archive` for the members.

    Parameters
    ----------
    file : where it lies
    limits : of one variable

    Raises
    ------
    MissingExtraError : cdflib is not installed
    """

    def __init__(self, file: File, limits: Limits = DEFAULT) -> None:
        self.file = file
        self.name = file.name
        self.attributes: dict[str, Any] = {}
        self.limits = limits
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
        if (size := math.prod(shape) * dtype.itemsize) > self.limits.at_once:
            raise UnsafeArchiveError(self.name, f"claims {too_large(size, self.limits.at_once)}", name)
        if dtype.hasobject:
            raise ArchiveError(self.name, "no floating point numbers", name)
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

    @contextmanager
    def _checked(self) -> Iterator[Path]:
        """Where the file lies, unpacked, once its records are known to add up."""
        most = max(self.limits.at_once // 4, LARGEST)
        with self.file.open() as stream, ExitStack() as stack:
            if stream.read(8) != PACKED_WHOLE:
                check_records(stream, most)
                yield stack.enter_context(as_path(self.file))
                return
            copy = stack.enter_context(tempfile.NamedTemporaryFile(prefix="poseda-", suffix=".cdf"))
            for piece in unpacked(stream, most):
                copy.write(piece)
            copy.flush()
            check_records(copy.file, most)
            yield Path(copy.name)

    def _guarded(self, read: Any, member: str | None = None) -> Any:
        try:
            with self._checked() as path:
                return read(self._cdflib.CDF(str(path)))
        except ArchiveError:
            raise
        except AbsurdRecordError as error:
            message = f"damaged CDF, or no pose data ({error}); it was not loaded."
            raise UnsafeArchiveError(self.name, message, member) from error
        except MemoryError as error:
            raise UnsafeArchiveError(self.name, "claims an absurd size; it was not loaded.", member) from error
        except Exception as error:  # cdflib raises whatever its parsing meets
            raise DamagedArchiveError(self.name, f"damaged CDF ({error}). Fetch it again.", member) from error
