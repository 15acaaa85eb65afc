"""The augmented.h5 of a shard: its record lies in the group `shard`, where readers of poses do not look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.dataset import Sequence
from poseda_cli.errors import ArchiveError, InputError
from poseda_cli.layouts.poseda import FILE, Heads, read_heads
from poseda_cli.shard_record import Record
from poseda_cli.shards import Shard
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.hdf5 import Hdf5Archive

GROUP = "shard"
# Of a shard's `output` in summary.json: what is its own; the rest is the same in all shards of a run.
OWN = ("files", "poses", "dropped")
ABOUT = {"source", "target", "source_in_images", "sequences", "dropped", "options", "output"}
RUN = {"version", "seed", "options", "inputs"}
# Poses are read piece by piece: a column may be as large as disks are.
LARGEST_COLUMN = 1 << 44


def write_record(record: Record, folder: Path, summary: dict[str, Any]) -> None:
    """Put the record of a shard into its augmented.h5.

    Parameters
    ----------
    record : of the shard
    folder : with the file
    summary : of the shard, as it is written
    """
    import h5py

    shared = {key: value for key, value in summary["output"].items() if key not in OWN}
    text = json.dumps({**record.about, "options": summary["options"], "output": shared})
    try:
        with h5py.File(folder / FILE, "r+") as file:
            group = file.create_group(GROUP)
            group["about"] = np.frombuffer(text.encode(), np.uint8)
            for name, values in record.columns.items():
                group[name] = values
    except RuntimeError as error:  # how HDF5 says at closing that the disk is full
        raise OSError(str(error)) from error


class ShardFile:
    """The augmented.h5 of a shard, to be read.

    Parameters
    ----------
    folder : the output that it is in

    Raises
    ------
    InputError : no output of a shard, or a damaged one
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / FILE
        if not path.is_file():
            raise InputError(f"{folder}: no {FILE} there; name the output folders of poseda align --shard.")
        self.archive = Hdf5Archive(LocalFile(path, str(path)), LARGEST_COLUMN)
        if f"{GROUP}/about" not in self.archive.members:
            raise InputError(f"{folder}: not a shard; name the output folders of poseda align --shard.")
        self.heads: Heads = read_heads(self.archive)
        try:
            self.about: dict[str, Any] = json.loads(self.column("about").tobytes())
            self.provenance: dict[str, Any] = json.loads(self.archive.attributes["provenance"])
            self.shard = Shard(self.about["index"], self.about["count"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._damaged() from error
        self._check_record()

    def __len__(self) -> int:
        return sum(sequence.length for sequence in self.heads.sequences)

    @property
    def source_sequences(self) -> tuple[Sequence, ...]:
        """The source's; none but in the first shard."""
        return tuple(Sequence(*fields) for fields in self.about["sequences"])

    def column(self, name: str) -> NDArray[Any]:
        """A column of the record, see `record_of`.

        Raises
        ------
        ArchiveError : there is none
        """
        if f"{GROUP}/{name}" not in self.archive.members:
            raise self._damaged()
        return self.archive.array(f"{GROUP}/{name}")

    def _check_record(self) -> None:
        if not (self.about.keys() >= ABOUT and self.provenance.keys() >= RUN):
            raise self._damaged()
        aligned = sum(sequence.length for sequence in self.heads.sequences if sequence.copy >= 0)
        wanted = {"boxes": aligned, "depth": aligned, "drawn": aligned, "out_of_frame": aligned}
        wanted["numbers"] = len(self.heads.sequences)
        members = self.archive.members
        if any(members.get(f"{GROUP}/{name}", ((),))[0][:1] != (length,) for name, length in wanted.items()):
            raise self._damaged()

    def _damaged(self) -> ArchiveError:
        return ArchiveError(self.archive.name, "not as poseda writes it; make this shard again.", GROUP, code="damaged")
