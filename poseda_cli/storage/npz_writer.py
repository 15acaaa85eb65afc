"""npz archives: the same content, the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from poseda_cli.storage.pickle_writer import pickled

# What numpy.savez stamps on its members; the clock would make every file another one.
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_npz(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Write numeric and text arrays, as numpy.savez does.

    Parameters
    ----------
    path : the file
    arrays : member name -> values
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            with _member(archive, name, compressed=False) as member:
                npy.write_array(member, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)


def write_object_npz(path: Path, trees: Mapping[str, Any], compressed: bool = False) -> None:
    """Write trees as 0-dimensional object members, which is what numpy.savez makes of a dict.

    Parameters
    ----------
    path : the file
    trees : member name -> what `storage.pickle_writer.pickled` takes
    compressed : deflate them, as numpy.savez_compressed does
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, tree in trees.items():
            with _member(archive, name, compressed) as member:
                head = io.BytesIO()
                npy.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": ()})
                member.write(npy.magic(1, 0) + head.getvalue().removeprefix(npy.magic(1, 0)))
                for piece in pickled(tree):
                    member.write(piece)


def _member(archive: zipfile.ZipFile, name: str, compressed: bool) -> IO[bytes]:
    entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    entry.external_attr = 0o600 << 16
    return archive.open(entry, "w", force_zip64=True)
