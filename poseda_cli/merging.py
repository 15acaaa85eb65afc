"""Shards to the run that they are of: the same bytes, without reading source and target again."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poseda_cli._version import VERSION
from poseda_cli.blocks import ahead
from poseda_cli.dataset import Sequence
from poseda_cli.disk import of_output
from poseda_cli.dropped import Dropped, dropped_of_shards
from poseda_cli.errors import InputError, listed
from poseda_cli.exports.poseda import BODIES, Columns, columns_of, write_file
from poseda_cli.layouts.poseda import FILE
from poseda_cli.output import hashed, is_output, write_summary
from poseda_cli.placement import UNALIGNED
from poseda_cli.progress import Progress, silent
from poseda_cli.shard_file import ShardFile
from poseda_cli.storage.folder import check_room, new_folder
from poseda_cli.summary import Fit, Heads, Measures, Side, summarize
from poseda_cli.tables import JoinedTable, Table

CHUNK = 65_536


class Merged:
    """All rows of a run whose shards are there; has what `exports.poseda.write_file` writes.

    Parameters
    ----------
    shards : all of one run, in any order

    Raises
    ------
    InputError : shards of unlike runs, one that is missing or there twice, or no aligned pose in any
    """

    def __init__(self, shards: Iterable[ShardFile]) -> None:
        self._shards = sorted(shards, key=lambda shard: shard.shard.index)
        _check_one_run(self._shards)
        _check_complete(self._shards)
        first = self._shards[0]
        self.skeleton, self.screen, self.cameras = first.heads.skeleton, first.heads.screen, first.heads.cameras
        self.provenance = _run_of(first)
        self.turned = "rotation" in first.archive.members
        self.sequences = self._joined()
        if not any(sequence.copy >= 0 for sequence in self.sequences):
            raise InputError(f"No pose is left: none of the {len(self._shards)} shards has an aligned one.")

    def __len__(self) -> int:
        return sum(map(len, self._shards))

    def _joined(self) -> tuple[Sequence, ...]:
        """The sequences; where one was cut its pieces are one again."""
        sequences: list[Sequence] = []
        start, before = 0, None
        for shard in self._shards:
            for sequence, number in shard.origins():
                if before == (sequence.copy, number):
                    sequences[-1] = sequences[-1]._replace(length=sequences[-1].length + sequence.length)
                else:
                    sequences.append(sequence._replace(start=start))
                before = (sequence.copy, number)
                start += sequence.length
        return tuple(sequences)

    @property
    def bodies(self) -> NDArray[np.float32] | None:
        """Of the sequences; the pieces of one have the same."""
        if BODIES not in self._shards[0].archive.members:
            return None
        found = np.concatenate([shard.archive.array(BODIES) for shard in self._shards])
        keys = [(s.copy, n) for shard in self._shards for s, n in shard.origins()]
        return found[[number for number, key in enumerate(keys) if number == 0 or key != keys[number - 1]]]

    @property
    def compression(self) -> Any:
        """Of the shards' files, hence of the run's."""
        return self._shards[0].about["output"].get("compression", "none")

    def parts(self, advance: Callable[[int], object]) -> Iterator[Columns]:
        """The columns of consecutive rows, some at a time; `advance` is told how many."""
        for shard in self._shards:
            for start in range(0, len(shard), CHUNK):
                stop = min(start + CHUNK, len(shard))
                yield {name: shard.archive.rows(name, start, stop) for name in columns_of(self)}
                advance(stop - start)

    @property
    def dropped(self) -> Dropped:
        """Poses that are not there, by reason."""
        return dropped_of_shards(Dropped.of(shard.about) for shard in self._shards)

    def summary(self, jobs: int | None = None, progress: Progress = silent) -> dict[str, Any]:
        """What summary.json holds."""
        about, run = self._shards[0].about, self.provenance
        heads = Heads(
            version=run["version"],
            seed=run["seed"],
            options=_without_shard(about["options"]),  # those of the provenance are sorted
            source=about["source"],
            target=about["target"],
            output={"files": [FILE], "poses": len(self), **self.dropped.entries, **about["output"]},
        )
        return summarize(heads, self._measures, jobs, progress)

    @property
    def _measures(self) -> Measures:
        unaligned = sum(sequence.length for sequence in self.sequences if sequence.copy == UNALIGNED)
        aligned = [s._replace(start=s.start - unaligned) for s in self.sequences if s.copy != UNALIGNED]
        # A source that has cameras of unknown size has no 2D at all, though a shard may be without them.
        seen = all(shard.about["in_images"] for shard in self._shards)
        return Measures(
            source=Side(self._table("source"), self._shards[0].source_sequences),
            in_images=seen,
            target=self._shards[0].table("target")[:],
            aligned=Side(self._table("aligned"), tuple(aligned)),
            fit=functools.reduce(Fit.and_of, (shard.fit for shard in self._shards)),
        )

    def _table(self, name: str) -> Table:
        return JoinedTable([shard.table(name) for shard in self._shards])


def merge(
    shards: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    overwrite: bool = False,
    jobs: int | None = None,
    progress: Progress = silent,
) -> tuple[list[Path], dict[str, Any]]:
    """Write the output of a run from those of its shards: the bytes that the run itself would have written.

    Parameters
    ----------
    shards : output folders of all shards, in any order
    out : the folder to write
    overwrite : replace a folder that poseda wrote
    jobs : threads; without influence on the result
    progress : told how far it is

    Returns
    -------
    The data files written, and the summary.

    Raises
    ------
    InputError : shards of unlike runs, one that is missing or there twice, or what is no shard
    OutputError : the place is taken, or the disk refuses; nothing is left behind
    """
    folders = [Path(folder) for folder in shards]
    return write_merged(Merged(map(ShardFile, folders)), Path(out), overwrite, folders, jobs, progress)


def write_merged(
    merged: Merged,
    out: Path,
    overwrite: bool = False,
    inputs: Iterable[Path] = (),
    jobs: int | None = None,
    progress: Progress = silent,
) -> tuple[list[Path], dict[str, Any]]:
    """As `merge`, of shards that are open; `inputs` are their folders."""
    check_room(out, of_output(["poseda"], len(merged), len(merged.skeleton), merged.compression))
    with new_folder(out, overwrite, is_output, inputs) as temporary:
        with progress("merging", len(merged)) as advance, closing(ahead(merged.parts(advance))) as parts:
            write_file(merged, temporary / FILE, parts, merged.compression)
        with hashed(temporary, [FILE]) as checksums:
            found = merged.summary(jobs, progress)
            found["output"] |= checksums([], progress)
        write_summary(found, temporary)
    return [out / FILE], found


def _run_of(shard: ShardFile) -> dict[str, Any]:
    """The provenance of the run that a shard is of."""
    return {**shard.provenance, "options": _without_shard(shard.provenance["options"])}


def _without_shard(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "shard"}


def _check_one_run(shards: list[ShardFile]) -> None:
    """Refuse shards of unlike runs: all that differs from the first one, and where."""
    if not shards:
        raise InputError("No shard to merge.")
    first = shards[0]
    wanted = _traits(first)
    for shard in shards[1:]:
        found = _traits(shard)
        differing = [key for key in {**wanted, **found} if wanted.get(key) != found.get(key)]
        if differing:
            values = "; ".join(f"{key} {_shown(found, key)}, not {_shown(wanted, key)}" for key in differing)
            raise InputError(f"{shard.folder}: of another run than {first.folder}: {values}. Merge shards of one run.")
    if wanted["version"] != VERSION:
        raise InputError(
            f"{first.folder}: written by poseda {wanted['version']}, this is {VERSION}. Merge with the version that "
            "made the shards, or make them again."
        )


def _traits(shard: ShardFile) -> dict[str, Any]:
    """All that shards of one run have in common, by the name that it has for people."""
    run = _run_of(shard)
    return {
        "version": run["version"],
        "seed": run["seed"],
        **{key.replace("_", "-"): value for key, value in run["options"].items()},
        "source": run["inputs"]["source"],
        "target": run["inputs"]["target"],
        "number of shards": shard.shard.count,
        "compression": shard.about["output"].get("compression", "none"),
    }


def _shown(traits: dict[str, Any], key: str) -> str:
    """A value that differs; of files name and checksum."""
    value = traits.get(key)
    if key in ("source", "target"):
        return listed([f"{file['name']} (sha256 {file['sha256'][:12]})" for file in traits[key]], most=3)
    return listed(value) if isinstance(value, list) else str(value)


def _check_complete(shards: list[ShardFile]) -> None:
    """Refuse shards that are missing, or there twice."""
    count = shards[0].shard.count
    folders: dict[int, list[Path]] = {}
    for shard in shards:
        folders.setdefault(shard.shard.index, []).append(shard.folder)
    for index, found in folders.items():
        if len(found) > 1:
            raise InputError(f"Shard {index}/{count} is there twice: {listed(found)}. Leave one of them out.")
    missing = [f"{index}/{count}" for index in range(1, count + 1) if index not in folders]
    if missing:
        raise InputError(
            f"Shards are missing: {listed(missing)}. Make them with poseda align --shard, and name them, too."
        )
