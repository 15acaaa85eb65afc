"""The smallest archives of every layout, as the tests of layouts write them."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from poseda_cli.synthetic.archives import SOURCE_FILE, write_sample
from tests.layouts.test_all_layouts import WRITERS

# What an archive is: the bytes of each file by its place under the folder that is read.
Files = dict[str, bytes]

TOO_LARGE = {"D6, whole"}
SAMPLE_POSES, SAMPLE_TARGETS = 112, 24


@cache
def corpus() -> dict[str, list[Files]]:
    """Archives by layout, of each layout in the order in which they are written."""
    found: dict[str, list[Files]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, write in WRITERS.items():
            if name not in TOO_LARGE:
                folder = Path(scratch, name)
                folder.mkdir()
                layout = write(folder).layout
                found.setdefault(layout, []).append(files_in(folder))
        sample = Path(scratch, "sample")
        sample.mkdir()
        write_sample(sample, SAMPLE_POSES, SAMPLE_TARGETS)
        written = files_in(sample)
    source = {SOURCE_FILE: written.pop(SOURCE_FILE)}
    found["videopose3d"].append(source)
    found["mpi-inf-3dhp-test"].append(written)
    return found


def files_in(folder: Path) -> Files:
    """What lies under a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def write_files(files: Files, folder: Path) -> None:
    """Put files under a folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
