"""Poses to an output folder: data files and summary, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from poseda_cli import conversion, summary
from poseda_cli.chunks import ChunkSource
from poseda_cli.conversion import Conversion
from poseda_cli.dataset import PoseDataset, PoseHeads
from poseda_cli.disk import of_output
from poseda_cli.errors import UsageError, listed
from poseda_cli.exports import check_names, check_writable, export, losses
from poseda_cli.json_text import json_text
from poseda_cli.layouts import find, layout_module, read_groups_lazily
from poseda_cli.layouts.poseda import FILE
from poseda_cli.picture import Aligned, picture_of_alignment
from poseda_cli.pipeline import AlignedDataset
from poseda_cli.progress import Progress, silent
from poseda_cli.shard_file import write_record
from poseda_cli.shard_record import Record
from poseda_cli.skeleton import SKELETONS
from poseda_cli.storage.checksums import InputFiles
from poseda_cli.storage.deflate import Compression, check_compression
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.folder import check_room, new_file, new_folder
from poseda_cli.storage.limits import Limits

SUMMARY = "summary.json"
OWN_CHECKSUM = "summary_sha256"
SCHEMAS = (summary.SCHEMA, conversion.SCHEMA)
# What trainers' files are called that go by a name: of aligned poses, and of others.
ALIGNED, CONVERTED = "gpa", "poses"


class Figure(NamedTuple):
    """A figure of an output: what its file is called, and what makes it of the summary."""

    name: str
    draw: Callable[[dict[str, Any], Path], None]


def figure_of(aligned: Aligned, name: str, jobs: int | None = None, progress: Progress = silent) -> Figure:
    """The distributions of an alignment, with some of its poses; PNG, SVG or PDF by the name's suffix."""
    from poseda_cli.figures.distribution import plot_distribution

    def draw(found: dict[str, Any], file: Path) -> None:
        plot_distribution(picture_of_alignment(aligned, found, jobs, progress), file, progress)

    return Figure(name, draw)


def write_output(
    source: ChunkSource,
    summarise: Callable[[Sequence[str]], dict[str, Any]],
    folder: Path,
    exports: Sequence[str] = ("poseda",),
    *,
    name: str = ALIGNED,
    overwrite: bool = False,
    inputs: Iterable[Path] = (),
    progress: Progress = silent,
    figure: Figure | None = None,
    compression: Compression = "none",
    record: Callable[[], Record | None] = lambda: None,
) -> tuple[list[Path], dict[str, Any]]:
    """Write an alignment or a conversion into a folder that appears when all is done.

    Parameters
    ----------
    source : an alignment, or a conversion
    summarise : what summary.json holds, given the names of the files; asked when they are written
    folder : where to
    exports : in which forms, see `exports`
    name : what files are called that go by a name
    overwrite : replace a folder that poseda wrote
    inputs : files being read, which the output may not contain
    progress : told how far it is
    figure : a figure to be there, too
    compression : of the data files, without loss; stated in the summary
    record : what is kept of a shard, which goes into augmented.h5; asked when that is written

    Returns
    -------
    The data files written, and the summary.

    Raises
    ------
    InputError : an export that cannot hold the data
    OutputError : the place is taken, or the disk refuses; nothing is left behind
    """
    check_writable(exports, source)
    check_room(folder, of_output(exports, len(source), len(source.skeleton), compression))
    with new_folder(folder, overwrite, is_output, inputs) as temporary:
        files = export(exports, source, temporary, name, progress, compression)
        kept = record() if FILE in files else None
        # The file of a shard is complete only once its record is in it, which takes the summary.
        with hashed(temporary, files if kept is None else []) as checksums:
            found = summarise(files)
            found["output"]["lost"] = losses(exports, source)
            if source.whole is not None:
                found["output"] |= exports_entry(exports, name)
            if compression != "none":
                found["output"]["compression"] = compression
            drawn = []
            if figure:
                found["output"]["figures"] = drawn = [figure.name]
                figure.draw(found, temporary / figure.name)
            if kept:
                write_record(kept, temporary, found)
            later = drawn if kept is None else [*files, *drawn]
            found["output"] |= checksums(later, progress)
        write_summary(found, temporary)
    return [folder / file for file in files], found


def write(
    dataset: PoseDataset,
    out: str | os.PathLike[str],
    layout: str = "poseda",
    overwrite: bool = False,
    name: str | None = None,
    compression: Compression = "none",
) -> None:
    """Write a data set as an output folder.

    Parameters
    ----------
    dataset : what `align` returned, or `read`
    out : the folder
    layout : of the data files, see `poseda layouts`
    overwrite : replace a folder that poseda wrote
    name : of files that go by one, `data_2d_h36m_NAME.npz`; 'gpa' for aligned poses, else 'poses'
    compression : of the data files, 'none', 'fast' or 'small'; none loses anything

    Raises
    ------
    InputError : the layout cannot hold the data
    OutputError : the place is taken, or the disk refuses; nothing is left behind
    UsageError : no such layout or compression
    """
    check_names([layout])
    check_name(name or ALIGNED)
    check_compression(compression)
    if isinstance(dataset, AlignedDataset):
        source: ChunkSource = dataset
        summarise, usual, kept = dataset.summarise, ALIGNED, dataset.record
    else:
        source = conversion = Conversion(dataset)
        summarise, usual, kept = conversion.summary, CONVERTED, None
    write_output(
        source,
        summarise,
        Path(out),
        [layout],
        name=name or usual,
        overwrite=overwrite,
        compression=compression,
        record=lambda: kept,
    )


def convert(
    poses: PoseDataset | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    to: str | Sequence[str] = "poseda",
    *,
    layout: str | None = None,
    skeleton: str | None = None,
    overwrite: bool = False,
    name: str = CONVERTED,
    compression: Compression = "none",
    max_size: int | str | None = None,
    progress: Progress = silent,
) -> tuple[list[Path], dict[str, Any]]:
    """Write poses in other layouts, without aligning them.

    Parameters
    ----------
    poses : a data set; or archives, the poses of which stay in their files where these can be read in pieces
    out : the folder
    to : layouts of the data files, see `poseda layouts`
    layout : of the archives; recognised from their content if not given
    skeleton : name of the joint set to write; as read if not given
    overwrite : replace a folder that poseda wrote
    name : of files that go by one
    compression : of the data files, 'none', 'fast' or 'small'; none loses anything
    max_size : how many bytes may be read at once, as in `read`
    progress : told how far it is

    Returns
    -------
    The data files written, and the summary.

    Raises
    ------
    ArchiveError, InputError : as `read`; or a layout that cannot hold the data
    OutputError : the place is taken, or the disk refuses; nothing is left behind
    UsageError : no such layout, skeleton, compression or size
    """
    exports = [to] if isinstance(to, str) else list(to)
    check_names(exports)
    check_name(name)
    check_compression(compression)
    if skeleton is not None and skeleton not in SKELETONS:
        raise UsageError(f"skeleton {skeleton}: poseda knows {listed(SKELETONS)}.")
    inputs: list[Path] = []
    dataset: PoseHeads
    if isinstance(poses, PoseDataset):
        dataset = poses
    else:
        inputs = [Path(path) for path in ([poses] if isinstance(poses, (str, os.PathLike)) else poses)]
        if layout is not None:
            layout_module(layout)
        dataset = read_groups_lazily(*find(inputs, layout, Limits.of(max_size)), progress)
    if skeleton is not None:
        dataset = dataset.to_skeleton(SKELETONS[skeleton])
    source = Conversion(dataset, progress)
    return write_output(
        source,
        source.summary,
        Path(out),
        exports,
        name=name,
        overwrite=overwrite,
        inputs=inputs,
        progress=progress,
        compression=compression,
    )


def plot(aligned: AlignedDataset, file: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Draw the distributions of an alignment, with some of its poses; takes the extra `plot`.

    Parameters
    ----------
    aligned : what `align` returned
    file : PNG, SVG or PDF by its suffix
    overwrite : replace a file that is there

    Raises
    ------
    UsageError : matplotlib is not installed, or no such format
    OutputError : the place is taken, or the disk refuses
    """
    from poseda_cli.figures.canvas import check_plot

    if not isinstance(aligned, AlignedDataset):
        raise UsageError(f"plot draws what align returned, not {type(aligned).__name__}.")
    check_plot(Path(file))
    with new_file(Path(file), overwrite) as temporary:
        figure_of(aligned, temporary.name).draw(aligned.summary, temporary)


def check_name(name: str) -> None:
    """Refuse a name that cannot be part of a file's.

    Raises
    ------
    UsageError : as said
    """
    if not name or not all(letter.isalnum() or letter in "_-." for letter in name) or len(name) > 100:
        raise UsageError(f"--name {name!r}: letters, digits, _, - and . only; it becomes part of a file's name.")


def exports_entry(exports: Sequence[str], name: str) -> dict[str, Any]:
    """What the summary of an alignment says of how it was written, unless that is as usual: files of two exports may
    have the same names.
    """
    return {} if list(exports) == ["poseda"] else {"exports": list(exports), "name": name}


def is_output(folder: Path) -> bool:
    """Whether a folder is an output of poseda and holds nothing else: --overwrite may replace it."""
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        output = found["output"]
        files = {SUMMARY, *output["files"], *output.get("figures", ())} if found["schema"] in SCHEMAS else set()
        return files == {entry.name for entry in folder.iterdir()}
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def hashed(folder: Path, files: Sequence[str]) -> Iterator[Callable[[Sequence[str], Progress], dict[str, Any]]]:
    """Sizes and checksums of files in a folder, found out on another thread until the `with` block ends.

    Yields
    ------
    more files, progress -> `sizes` and `sha256` by name, as an output's summary has them: of `files`, and of these
    """
    from concurrent.futures import ThreadPoolExecutor

    def of(names: Sequence[str], beside: ThreadPoolExecutor) -> InputFiles:
        return InputFiles([LocalFile(folder / name, name) for name in names], beside)

    with ThreadPoolExecutor(1) as beside, of(files, beside) as first:

        def entries(later: Sequence[str], progress: Progress) -> dict[str, Any]:
            with of(later, beside) as second:
                found = [*first.by_place(progress).values(), *second.by_place(progress).values()]
            return {
                "sizes": {file.name: file.size for file in found},
                "sha256": {file.name: file.sha256 for file in found},
            }

        yield entries


def write_summary(found: dict[str, Any], folder: Path) -> None:
    """Write summary.json: UTF-8, indented, keys in the order of the interface; with its own checksum."""
    found["output"][OWN_CHECKSUM] = summary_checksum(found)
    (folder / SUMMARY).write_text(json_text(found) + "\n", encoding="utf-8")


def summary_checksum(found: dict[str, Any]) -> str:
    """SHA-256 of what a summary says, but for this checksum: as JSON without spaces, keys sorted."""
    output = {key: value for key, value in found["output"].items() if key != OWN_CHECKSUM}
    text = json.dumps({**found, "output": output}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
