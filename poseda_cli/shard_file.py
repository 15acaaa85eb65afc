"""The augmented.h5 of a shard: its record lies in the group `shard`, where readers of poses do not look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli.dataset import Sequence
from poseda_cli.dropped import KEYS as DROPPED
from poseda_cli.errors import ArchiveError, InputError
from poseda_cli.layouts.poseda import FILE, Heads, read_heads
from poseda_cli.measurement import DEPTH, ERROR, VIEW
from poseda_cli.shard_record import Record
from poseda_cli.shards import Shard
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.hdf5 import Hdf5Archive
from poseda_cli.storage.hdf5_writer import hdf5_writer
from poseda_cli.storage.limits import DEFAULT, Limits
from poseda_cli.summary import Fit
from poseda_cli.tables import Table

GROUP = "shard"
# Of a shard's `output` in summary.json: what is its own; the rest is the same in all shards of a run.
OWN = ("files", "poses", *DROPPED)
ABOUT = {"source", "target", "in_images", "fit", "sequences", *DROPPED, "options", "output"}
RUN = {"version", "seed", "options", "inputs"}
# Rows written at once.
CHUNK = 65_536


def write_record(record: Record, folder: Path, summary: dict[str, Any]) -> None:
    """Put the record of a shard into its augmented.h5.

    Parameters
    ----------
    record : of the shard
    folder : with the file
    summary : of the shard, as it is written
    """
    shared = {key: value for key, value in summary["output"].items() if key not in OWN}
    text = json.dumps({**record.about, "options": summary["options"], "output": shared})
    with hdf5_writer(folder / FILE, "r+") as (file, disk):
        group = file.create_group(GROUP)
        group["about"] = np.frombuffer(text.encode(), np.uint8)
        for name, table in record.tables.items():
            _write_table(group, name, table)
            disk.check()


def _write_table(group: Any, name: str, table: Table) -> None:
    head = np.asarray(table[0:0])
    column = group.create_dataset(name, (len(table), *head.shape[1:]), head.dtype)
    for start in range(0, len(table), CHUNK):
        stop = min(start + CHUNK, len(table))
        column[start:stop] = table[start:stop]


class StoredTable:
    """A table of a record that stays in its file.

    Parameters
    ----------
    archive : the file
    name : of the data set
    """

    def __init__(self, archive: Hdf5Archive, name: str) -> None:
        self._archive, self._name = archive, name

    def __len__(self) -> int:
        return self._archive.members[self._name][0][0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, step = rows.indices(len(self))
        return self._archive.rows(self._name, start, max(start, stop))[::step]


class ShardFile:
    """The augmented.h5 of a shard, to be read.

    Parameters
    ----------
    folder : the output that it is in
    limits : of what is read of it at once

    Raises
    ------
    InputError : no output of a shard, or a damaged one
    """

    def __init__(self, folder: Path, limits: Limits = DEFAULT) -> None:
        self.folder = folder
        path = folder / FILE
        if not path.is_file():
            raise InputError(f"{folder}: no {FILE} there; name the output folders of poseda align --shard.")
        self.archive = Hdf5Archive(LocalFile(path, str(path)), limits)
        if f"{GROUP}/about" not in self.archive.members:
            raise InputError(f"{folder}: not a shard; name the output folders of poseda align --shard.")
        self.heads: Heads = read_heads(self.archive)
        try:
            self.about: dict[str, Any] = json.loads(self.archive.array(f"{GROUP}/about").tobytes())
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

    @property
    def fit(self) -> Fit:
        """Of the shard's aligned poses."""
        return Fit(*self.about["fit"])

    def origins(self) -> list[tuple[Sequence, int]]:
        """Its sequences, and which one of the source's each is of."""
        return list(zip(self.heads.sequences, self.table("numbers")[:].tolist(), strict=True))

    def table(self, name: str) -> Table:
        """A table of the record, see `record_of`."""
        return StoredTable(self.archive, f"{GROUP}/{name}")

    def _check_record(self) -> None:
        if not (self.about.keys() >= ABOUT and self.provenance.keys() >= RUN):
            raise self._damaged()
        aligned = sum(sequence.length for sequence in self.heads.sequences if sequence.copy >= 0)
        views = VIEW if "rotation" in self.archive.members else 0
        wanted = {
            "aligned": (aligned, ERROR + 1 + views),
            "numbers": (len(self.heads.sequences),),
            "source": (None, DEPTH + 1 + views),
            "target": (None, DEPTH + 1 + views),
        }
        for name, shape in wanted.items():
            found = self.archive.members.get(f"{GROUP}/{name}", ((),))[0]
            if found != shape and (shape[0] is not None or found[1:] != shape[1:]):
                raise self._damaged()

    def _damaged(self) -> ArchiveError:
        return ArchiveError(self.archive.name, "not as poseda writes it; make this shard again.", GROUP, code="damaged")
