"""npz archives: the same content, the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.lib import format as npy

from poseda_cli.storage.pickle_writer import pickled

# What numpy.savez stamps on its members; the clock would make every file another one.
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_object_npz(path: Path, trees: Mapping[str, Any]) -> None:
    """Write trees as 0-dimensional object members, which is what numpy.savez makes of a dict.

    Parameters
    ----------
    path : the file
    trees : member name -> what `storage.pickle_writer.pickled` takes
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, tree in trees.items():
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            with archive.open(entry, "w", force_zip64=True) as member:
                head = io.BytesIO()
                npy.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": ()})
                member.write(npy.magic(1, 0) + head.getvalue().removeprefix(npy.magic(1, 0)))
                for piece in pickled(tree):
                    member.write(piece)
