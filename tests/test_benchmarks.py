"""The benchmarks' baselines do what the tool does, and the suite runs; how fast anything is, is not tested."""

from __future__ import annotations

import json
import os
import time

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli.pairing import draw_targets
from tests.benchmarks import __main__ as suite
from tests.benchmarks import profiling, reading_and_writing, users_script
from tests.benchmarks.in_memory import some_poses
from tests.benchmarks.measure import call, command, in_turns
from tests.benchmarks.rows import Row
from tests.benchmarks.torch_formula import paper_in_torch
from tests.paper import align_poses

METRES, SCREEN = 1e-5, 1e-5


def test_the_plain_formula_is_the_papers():
    source, target, camera = some_poses(50)
    found = users_script.plain_formula(source, target, camera)
    np.testing.assert_allclose(found, align_poses(source, target, camera), rtol=1e-5, atol=1e-5)


def test_the_formula_in_torch_is_the_papers():
    pytest.importorskip("torch")
    source, target, camera = some_poses(50)
    found = np.asarray(paper_in_torch(source, target, camera)())
    np.testing.assert_allclose(found, align_poses(source, target, camera), rtol=1e-5, atol=1e-5)


def test_the_users_script_gives_the_tools_poses_for_the_same_pairs(source_file, target_folder, tmp_path):
    target = poseda.read(target_folder)
    result = poseda.align(poseda.read(source_file), target, seed=3)
    targets, cameras = users_script.read_targets(target_folder)
    assert len(targets) == len(target)

    drawn = 0

    def same_pairs(count):
        nonlocal drawn
        drawn += count
        return draw_targets(drawn - count, drawn, len(targets), seed=3)

    poses_3d, poses_2d, pairs = users_script.aligned(source_file, targets, cameras, same_pairs)
    kept = result.source_index
    np.testing.assert_array_equal(pairs[kept], result.target_index)
    np.testing.assert_allclose(poses_3d[kept], result.poses_3d, atol=METRES)
    with h5py.File(written(result, tmp_path)) as file:
        np.testing.assert_allclose(poses_2d[kept], file["poses_2d"][()], atol=SCREEN)


def test_reading_and_writing_alone_writes_as_much_as_the_tool(source_file, target_folder, tmp_path):
    tools = written(poseda.align(poseda.read(source_file), poseda.read(target_folder)), tmp_path)
    reading_and_writing.main(source_file, target_folder, tmp_path / "alone.h5")
    with h5py.File(tools) as expected, h5py.File(tmp_path / "alone.h5") as found:
        for name, column in found.items():
            assert (column.shape, column.dtype) == (expected[name].shape, expected[name].dtype)
    assert os.path.getsize(tmp_path / "alone.h5") > 0.95 * os.path.getsize(tools)  # noqa: PTH202


def written(aligned, folder):
    poseda.write(aligned, folder / "written")
    return folder / "written" / "augmented.h5"


def test_ratios_are_those_of_runs_that_belong_together():
    row = Row("tool", "baseline", values=[1.0, 4.0, 9.0], baseline_values=[1.0, 2.0, 3.0])
    assert row.cells() == ["tool", "baseline", "4 s", "2 s", "2", "1 to 3", ""]
    assert row.as_json()["ratio"] == 2
    assert Row("torch", "gpa", left_out="not installed").as_json()["ratio"] is None


def test_things_are_measured_in_turns_after_a_call_that_does_not_count():
    order = []
    things = {name: call(lambda name=name: order.append(name)) for name in "ab"}
    costs = in_turns(things, 2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert [len(found) for found in costs.values()] == [2, 2]


def test_what_comes_after_a_call_takes_no_time():
    assert call(lambda: None, after=lambda: time.sleep(0.1))().seconds < 0.1


def test_the_memory_of_a_command_is_that_of_its_own_process():
    here = bytearray(200 << 20)
    small, large = command("-c", "pass")(), command("-c", "bytearray(b'1' * (100 << 20))")()
    assert small.peak < 50 << 20 < 200 << 20 < large.peak < len(here) + (50 << 20)


def test_the_suite_runs_and_leaves_a_table_and_json(tmp_path, capsys):
    figures = tmp_path / "figures.json"
    suite.main(["--size", "tiny", "--repeats", "1", "--json", str(figures), "--folder", str(tmp_path)])
    shown = capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert found["poses"] == 400
    assert all(row["ratio"] > 0 for row in found["rows"] if not row["left_out"])
    assert all(row["what"] in shown for row in found["rows"])
    assert list(tmp_path.iterdir()) == [figures]


def test_the_profile_knows_every_stage(source_file, target_folder, tmp_path):
    whole, stages = profiling.profile(source_file, target_folder, tmp_path, repeats=1)
    assert whole > 0
    # What is left is a difference of two runs' times, and may be anything when they are short.
    assert all(seconds > 0 for stage, seconds in stages.items() if stage != profiling.LEFT)
