"""Whole runs: `poseda align` leaves its source in its files, and writes what a run in memory writes, byte by byte."""

from __future__ import annotations

import filecmp
import functools
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.cameras import Camera
from poseda_cli.commands.app import app
from poseda_cli.dataset import Origin, Sequence
from poseda_cli.exports.poseda import DTYPES, write_file
from poseda_cli.merging import merge
from poseda_cli.options import AlignOptions
from poseda_cli.output import write_output
from poseda_cli.pipeline import prepare
from poseda_cli.shards import Shard
from poseda_cli.skeleton import H36M17
from poseda_cli.storage import scratch
from poseda_cli.storage.scratch import Scratch, ScratchTable
from poseda_cli.streamed import StreamedDataset
from tests import datasets
from tests.layouts import writers as w
from tests.layouts import writers_h36m as h
from tests.layouts.streams import read_few_rows, read_lazily
from tests.test_global_position import people

FILES = ["augmented.h5", "summary.json"]
FRAMES = 29

# Sources: what spoils some poses, or none of them


def as_they_are(poses):
    return poses


def some_invalid(poses):
    """Of each sequence a pose with a number missing and one without extent; the first and the last one are."""
    poses = poses.copy()
    poses[[0, 11], 9, 1] = np.nan
    poses[[17, -1]] = poses[[17, -1], 8:9]
    return poses


def write_h36m_fetch(folder, spoil=as_they_are):
    world = h.world_mm(9, "Walking", 1)
    for subject, ids, frames in (("S1", (14, 2), FRAMES), ("S1", (10, 1), 23), ("S9", (5, 2), FRAMES)):
        parts = h.fetched(np.resize(world, (frames, 32, 3)), subject, ids, stride=1)
        parts["pose/3d"] = np.concatenate([spoil(seen) for seen in np.split(parts["pose/3d"], 4)])
        order = np.arange(4 * frames).reshape(4, frames).T.ravel() if ids == (10, 1) else slice(None)
        parts = {name: v if name.startswith("intrin") else v[order] for name, v in parts.items()}
        h.write_h10(folder / subject / f"action-{ids[0]}-{ids[1]}" / "annot.h5", parts)


def write_mpi(folder, spoil=as_they_are, relative=False, lens=None):
    for name, frames in (("TS1", 2 * FRAMES), ("TS6", FRAMES), ("TS3", 30)):
        seen = w.mpi_view(frames, seed=int(name[2]))
        pixels = w.mpi_pixels(seen, lens or w.CAMERA_8)
        stored = spoil(seen - seen[:, [14]] if relative else seen)
        w.write_d3(folder / name / "annot_data.mat", stored, None, pixels=pixels)


def write_poseda(folder, layout="poseda", spoil=as_they_are, relative=False, unknown=False):
    source = datasets.source(frames=FRAMES)
    poses = source.poses_3d - source.poses_3d[:, :1] if relative else source.poses_3d
    poses = np.concatenate([spoil(part) for part in np.split(poses, len(source.sequences))])
    cameras = (source.cameras[0], Camera("right", None)) if unknown else source.cameras
    poseda.write(replace(source, poses_3d=poses, cameras=cameras, absolute=not relative), folder, layout)
    (folder / "summary.json").unlink()


write_plain = functools.partial(write_poseda, layout="plain")

WRITERS = {
    "poseda": write_poseda,
    "plain": write_plain,
    "h36m-fetch": write_h36m_fetch,
    "mpi-inf-3dhp-test": write_mpi,
}
SELECTIONS = {
    "poseda": {"subjects": ["S5"], "actions": ["Walking"], "stride": 3},
    "plain": {"subjects": ["S5"], "actions": ["Walking"], "stride": 3},
    "h36m-fetch": {"subjects": ["S1", "S9"], "actions": ["Walking", "Greeting"], "stride": 4},
    "mpi-inf-3dhp-test": {"subjects": ["TS6", "TS1"], "actions": ["Seq1"], "stride": 5},
}
SPECIAL = {
    "poseda, invalid poses": lambda folder: write_poseda(folder, spoil=some_invalid),
    "plain, invalid poses": lambda folder: write_plain(folder, spoil=some_invalid),
    "h36m-fetch, invalid poses": lambda folder: write_h36m_fetch(folder, some_invalid),
    "mpi-inf-3dhp-test, invalid poses": lambda folder: write_mpi(folder, some_invalid),
    "plain, about the root": lambda folder: write_plain(folder, relative=True),
    "mpi-inf-3dhp-test, about the root": lambda folder: write_mpi(folder, relative=True),
    "poseda, a camera that is not known": lambda folder: write_poseda(folder, unknown=True),
    "plain, a camera that is not known": lambda folder: write_plain(folder, unknown=True),
    "mpi-inf-3dhp-test, cameras that are not known": lambda folder: write_mpi(folder, lens=(1200, 1200, 640, 360)),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of sources, each written when it is asked for, and one target."""
    folder = tmp_path_factory.mktemp("streaming")
    for name in ("TS2", "TS5"):
        w.write_d3(folder / "target" / name / "annot_data.mat", w.mpi_view(40, seed=9), w.MPI_LENSES[name])

    @functools.cache
    def source(name):
        SPECIAL.get(name, WRITERS.get(name))(folder / name)
        return folder / name

    return SimpleNamespace(source=source, target=folder / "target")


def in_memory(source, target, out, selection=None, compression="none", **options):
    poses = poseda.read(source).select(**(selection or {}))
    poseda.write(poseda.align(poses, poseda.read(target), **options), out, compression=compression)


def streamed(source, target, out, selection=None, compression="none", shard=None, **options):
    """As the command does it, a few poses at a time."""
    poses = read_lazily(source).select(**(selection or {}))
    assert isinstance(poses, StreamedDataset)
    part = Shard(*shard) if shard else None
    rooms = []

    def make_room(shape):
        rooms.append(Scratch(out).room(shape))
        return rooms[-1]

    plan = prepare(poses, poseda.read(target), AlignOptions(shard=part, **options), chunk=7, make_room=make_room)
    write_output(plan, plan.summary, out, compression=compression, record=lambda: plan.record)
    assert {type(room) for room in rooms} == {ScratchTable}


def command(*arguments):
    with pytest.raises(SystemExit) as left:
        app(list(map(str, arguments)), prog_name="poseda")
    assert not left.value.code


def arguments_of(selection=None, shard=None, **options):
    """Of the command line, for what the API takes."""
    for name, value in {**(selection or {}), **options}.items():
        option = "--" + name.replace("_", "-")
        yield from [option] if value is True else [option, ",".join(value) if isinstance(value, list) else value]
    if shard:
        yield from ["--shard", "{}/{}".format(*shard)]


def assert_alike(first, second):
    assert filecmp.cmpfiles(first, second, FILES, shallow=False) == (FILES, [], [])


RUNS = {
    "nothing asked for": {},
    "copies": {"copies": 2, "include_source": True, "depth": "exact", "seed": 5},
    "other joints and screen": {"skeleton": "h36m16", "screen": "axes"},
    "selected": {"selection": True, "copies": 2},
    "shard": {"shard": (2, 3)},
    "shard of copies": {"shard": (2, 3), "copies": 2, "include_source": True, "selection": True},
    "compressed": {"compression": "fast", "copies": 2},
}


@pytest.fixture
def tiny(monkeypatch):
    """All tables in files, and a few rows of them read at once."""
    monkeypatch.setattr(scratch, "LARGE", 0)
    read_few_rows(monkeypatch, 13)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("layout", WRITERS)
def test_the_bytes_are_those_of_a_run_in_memory(layout, run, place, tmp_path, tiny):
    run = {**run, "selection": SELECTIONS[layout]} if "selection" in run else run
    source = place.source(layout)
    in_memory(source, place.target, tmp_path / "memory", **run)
    streamed(source, place.target, tmp_path / "streamed", **run)
    assert_alike(tmp_path / "memory", tmp_path / "streamed")
    command("align", source, "-t", place.target, "-o", tmp_path / "command", "-q", *arguments_of(**run))
    assert_alike(tmp_path / "memory", tmp_path / "command")


@pytest.mark.parametrize("name", SPECIAL)
def test_whatever_the_poses_are(name, place, tmp_path, tiny):
    source = place.source(name)
    absolute = poseda.read(source).absolute
    assert absolute == ("about the root" not in name)
    run = {"copies": 2, "include_source": absolute and "not known" not in name, "depth": "exact"}
    in_memory(source, place.target, tmp_path / "memory", **run)
    streamed(source, place.target, tmp_path / "streamed", **run)
    assert_alike(tmp_path / "memory", tmp_path / "streamed")


@pytest.mark.parametrize("name", [name for name in SPECIAL if "invalid" in name])
def test_invalid_poses_are_named_as_in_memory(name, place, tmp_path, tiny):
    messages = []
    for run in (in_memory, streamed):
        with pytest.raises(poseda.PosedaError) as caught:
            run(place.source(name), place.target, tmp_path / "out", invalid="error")
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "the first is" in messages[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", WRITERS)
def test_merged_shards_are_the_run_in_memory(layout, place, tmp_path, tiny):
    run = {"copies": 2, "include_source": True}
    in_memory(place.source(layout), place.target, tmp_path / "memory", **run)
    shards = [tmp_path / f"shard {index}" for index in (3, 1, 2)]
    for shard in shards:
        part = int(shard.name[-1]), 3
        streamed(place.source(layout), place.target, shard, shard=part, **run)
    merge(shards, tmp_path / "merged")
    assert_alike(tmp_path / "memory", tmp_path / "merged")


@pytest.mark.parametrize("layouts", [("poseda", "h36m-fetch"), ("mpi-inf-3dhp-test", "pstmo")], ids="+".join)
def test_several_layouts_at_once(layouts, place, tmp_path, tiny):
    """Both of which stay in their files, or one."""
    w.write_d4_test(tmp_path / "data_test_3dhp.npz", "annot3", ("TS2", "TS5"))
    sources = [place.source(layout) if layout in WRITERS else tmp_path / "data_test_3dhp.npz" for layout in layouts]
    in_memory(sources, place.target, tmp_path / "memory", copies=2)
    command("align", *sources, "-t", place.target, "-o", tmp_path / "command", "-q", "--copies", 2)
    assert_alike(tmp_path / "memory", tmp_path / "command")


# Memory

ROWS = 250_000
CHUNK = 50_000


class Many:
    """Heads of an augmented.h5 of many poses."""

    skeleton, cameras, screen, provenance = H36M17, datasets.SOURCE_CAMERAS, "aspect", {}
    origin = Origin("test")
    turned, bodies = False, None

    def __init__(self, rows):
        self._rows = rows
        self.sequences = tuple(
            Sequence("S1", f"Walking {n}", "left", n * 10_000, 10_000) for n in range(rows // 10_000)
        )

    def __len__(self):
        return self._rows

    def write(self, path):
        """Chunk by chunk, the same ones again and again."""
        poses = np.resize(people(400), (CHUNK, 17, 3)).astype(np.float32)
        columns = {
            "poses_3d": poses,
            "poses_2d": poses[..., :2] / poses[..., 2:],
            "camera": np.zeros(CHUNK, DTYPES["camera"]),
            "source_index": np.arange(CHUNK),
            "target_index": np.arange(CHUNK),
        }
        write_file(self, path, (columns for _ in range(self._rows // CHUNK)))


# As with more poses: smaller tables than usual lie in files, and the summary looks at fewer poses than there are.
# A child begins with the peak of its parent, which `resource` goes on to tell; Linux also has that of its own memory.
CHILD = """
import pathlib, re, resource, sys
from poseda_cli import summary
from poseda_cli.storage import scratch
from poseda_cli.commands.app import app
scratch.LARGE, summary.MOST_POSES = 1 << 20, 100_000
try:
    app(sys.argv[1:])
except SystemExit as left:
    assert not left.code
own = pathlib.Path("/proc/self/status")
found = re.search(r"VmHWM:\\s+(\\d+)", own.read_text()) if own.exists() else None
print(int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(*arguments):
    """The most memory that a process of its own had, bytes."""
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return int(result.stdout.split()[-1]) * (1 if sys.platform == "darwin" else 1024)


def test_memory_does_not_grow_with_the_number_of_poses(place, tmp_path):
    peaks, sizes = [], []
    for rows in (ROWS, 4 * ROWS):
        source, out = tmp_path / "augmented.h5", tmp_path / f"{rows}"
        Many(rows).write(source)
        peaks.append(peak("align", source, "-t", place.target, "-o", out, "-q"))
        sizes.append(source.stat().st_size)
        for path in (source, *out.iterdir()):  # pytest keeps its folders
            path.unlink()
    assert sizes[1] - sizes[0] > 250e6
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 10
    assert peaks[1] < 600e6
