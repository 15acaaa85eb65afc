"""Whole commands, as processes: their wall time and their memory."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest.mock import patch

from tests.benchmarks.measure import Cost, Costs, Thing, command, in_turns
from tests.benchmarks.rows import Row, memory_row, time_row

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "sample_data"
SMALL_FILE = SAMPLE / "data_3d_h36m.npz"
# MATLAB v7.3 is HDF5.
SMALL_HDF5 = SAMPLE / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
TOOL = ("-m", "poseda_cli")
COMPRESSION = ("none", "fast", "small")
NUMPY_LOAD = "import sys, numpy; numpy.load(sys.argv[1], allow_pickle=True)['positions_3d'].item()"


def bench_commands(source: Path, target: Path, folder: Path, size: int, repeats: int) -> list[Row]:
    """`align` and `inspect` of the full-size files, and commands that take little longer than to start.

    Parameters
    ----------
    size : bytes of the source's 3D poses, which memory is relative to
    """
    costs = _costs_of_align(source, target, folder, repeats)
    scripts, sizes = _costs_of_script(source, target, folder, max(1, repeats // 2))
    inspecting = {"inspect": command(*TOOL, "inspect", source, "-q"), "load": command("-c", NUMPY_LOAD, source)}
    costs |= in_turns(inspecting, repeats)
    memory = {
        "poseda align": costs["align"],
        "align --compression small": scripts["small"],
        "reading plus writing alone": costs["alone"],
        "the user's script": scripts["script"],
        "poseda inspect": costs["inspect"],
        "np.load(allow_pickle=True)": costs["load"],
    }
    alone = "reading plus writing alone (fsync on both)"
    return [
        time_row("poseda align", alone, costs["align"], costs["alone"], "<= 1.5"),
        time_row("the user's script (no fsync)", "poseda align", scripts["script"], scripts["none"], ">= 5"),
        *_compression_rows(scripts, sizes),
        time_row("poseda inspect", "a process that does np.load", costs["inspect"], costs["load"]),
        *_bench_start(source, folder, repeats**2),  # short ones are noisy
        *(memory_row(f"memory of {name}", "the 3D poses", _peaks(found), size) for name, found in memory.items()),
        *_bench_streaming(source, target, folder, size, max(1, repeats // 2)),
    ]


def _costs_of_align(source: Path, target: Path, folder: Path, repeats: int) -> dict[str, list[Cost]]:
    alone = folder / "alone.h5"
    reading_and_writing = (HERE / "reading_and_writing.py", source, target, alone)
    things = {
        "align": _align(source, target, folder),
        "alone": command(*reading_and_writing, after=alone.unlink),
    }
    return in_turns(things, repeats)


def _costs_of_script(
    source: Path, target: Path, folder: Path, repeats: int
) -> tuple[dict[str, list[Cost]], dict[str, list[int]]]:
    """The user's script beside `align` without and with compression; and the bytes that `align` writes."""
    out = folder / "script.npz"
    sizes: dict[str, list[int]] = {level: [] for level in COMPRESSION}
    things = {"script": command(HERE / "users_script.py", source, target, out, after=out.unlink)}
    for level, found in sizes.items():
        things[level] = _align(source, target, folder, "--compression", level, sizes=found)
    return in_turns(things, repeats), sizes


def _bench_streaming(source: Path, target: Path, folder: Path, size: int, repeats: int) -> list[Row]:
    """`align` of poses that stay in their file: of what it wrote itself, and of four times as many."""
    few, many = folder / "few", folder / "many"
    for out, copies in ((few, 1), (many, 4)):
        command(*TOOL, "align", source, "-t", target, "-o", out, "-q", "--copies", copies)()
    things = {out.name: _align(out / "augmented.h5", target, folder) for out in (few, many)}
    costs = in_turns(things, repeats)
    shutil.rmtree(few)
    shutil.rmtree(many)
    name = "align of poses in augmented.h5"
    return [
        memory_row(f"memory of {name}", "the 3D poses", _peaks(costs["few"]), size),
        memory_row(f"memory of {name}, 4 times as many", "the 3D poses", _peaks(costs["many"]), 4 * size),
        time_row(f"{name}, 4 times as many", name, costs["many"], costs["few"]),
    ]


def _compression_rows(scripts: dict[str, list[Cost]], sizes: dict[str, list[int]]) -> list[Row]:
    rows = [time_row("the user's script (deflates)", "align --compression small", scripts["script"], scripts["small"])]
    for level in COMPRESSION[1:]:
        name = f"align --compression {level}"
        rows.append(time_row(name, "poseda align", scripts[level], scripts["none"]))
        megabytes = ([size / 2**20 for size in sizes[key]] for key in (level, "none"))
        rows.append(Row(f"size of the output, {level}", "without compression", *megabytes, unit="MiB"))
    return rows


def _align(source: Path, target: Path, folder: Path, *options: str, sizes: list[int] | None = None) -> Thing:
    out = folder / "aligned"

    def remove() -> None:
        if sizes is not None:
            sizes.append(sum(file.stat().st_size for file in out.iterdir()))
        shutil.rmtree(out)

    return command(*TOOL, "align", source, "-t", target, "-o", out, "-q", *options, after=remove)


def _bench_start(source: Path, folder: Path, repeats: int) -> list[Row]:
    """`--help`, `inspect --headers`, and `inspect` of a small file."""
    inspect = (*TOOL, "inspect")
    things = {
        "help": command(*TOOL, "--help"),
        "typer": command("-c", "import typer"),
        "typer, numpy": command("-c", "import typer, numpy"),
        "typer, numpy, h5py": command("-c", "import typer, numpy, h5py"),
        "npz": command(*inspect, "--headers", SMALL_FILE),
        "h5": command(*inspect, "--headers", SMALL_HDF5),
        "full size": command(*inspect, "--headers", source),
        "inspect": command(*inspect, SMALL_FILE, "-q"),
    }
    # As when it is installed: bytecode is there, also where this environment asks Python to write none.
    with patch.dict(os.environ, PYTHONPYCACHEPREFIX=str(folder / "bytecode"), PYTHONDONTWRITEBYTECODE=""):
        in_turns(things, 1)
        costs = in_turns(things, repeats)
    return [
        time_row("poseda --help", 'python -c "import typer"', costs["help"], costs["typer"], "<= 1.6"),
        *_header_rows(costs),
        time_row("poseda inspect of a small file", "poseda --help", costs["inspect"], costs["help"]),
    ]


def _header_rows(costs: dict[str, list[Cost]]) -> list[Row]:
    """`inspect --headers` beside the imports without which no array can be named, and beside help, which needs none."""
    npz, h5 = "inspect --headers of a small npz", "inspect --headers of a small h5"
    least, least_h5 = 'python -c "import typer, numpy"', 'python -c "import typer, numpy, h5py"'
    return [
        time_row(npz, least, costs["npz"], costs["typer, numpy"], "< 1.5"),
        time_row(h5, least_h5, costs["h5"], costs["typer, numpy, h5py"], "< 1.5"),
        time_row(npz, "poseda --help", costs["npz"], costs["help"]),
        time_row(h5, "poseda --help", costs["h5"], costs["help"]),
        time_row("inspect --headers of the full-size npz", npz, costs["full size"], costs["npz"]),
    ]


def _peaks(costs: Costs) -> list[int]:
    return [cost.peak for cost in costs]
