from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
import sys

import pytest

FILES = ["augmented.h5", "summary.json"]
# What the README shows, for a machine with xargs alone.
ALL_SHARDS = (
    "seq 3 | xargs -P 2 -I{{}} {poseda} align {source} --target {target} --copies 2 --subjects S1,S5 "
    "--shard {{}}/3 -o shards/{{}} -q"
)


def test_shards_made_side_by_side_are_the_run_byte_by_byte(poseda, source_file, target_folder, tmp_path):
    line = ALL_SHARDS.format(poseda=f"{sys.executable} -m poseda_cli", source=source_file, target=target_folder)
    subprocess.run(line, shell=True, check=True, cwd=tmp_path, timeout=120)
    poseda("align", source_file, "-t", target_folder, "--copies", 2, "--subjects", "S1,S5", "-o", "whole", "-q")
    result = poseda("merge", "shards/2", "shards/3", "shards/1", "-o", "merged")
    assert result.stdout == "merged/augmented.h5\n"
    assert "scale (w+h)/2" in result.stderr
    assert result.stderr.endswith("poses in merged; none dropped\n")
    whole, merged = tmp_path / "whole", tmp_path / "merged"
    assert filecmp.cmpfiles(whole, merged, FILES, shallow=False) == (FILES, [], [])
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["merged", "shards", "whole"]

    again = poseda("merge", "shards/1", "shards/2", "shards/3", "-o", "merged", "--overwrite", "--json", "-q")
    found = json.loads(again.stdout)
    assert again.stderr == ""
    assert found.pop("seconds") > 0
    assert found == json.loads((whole / "summary.json").read_text())
    assert filecmp.cmpfiles(whole, merged, FILES, shallow=False) == (FILES, [], [])

    plan = poseda("merge", "shards/1", "shards/2", "shards/3", "-o", "other", "-n", "-v", "--json")
    assert json.loads(plan.stdout)["output"]["poses"] == found["output"]["poses"]
    assert "shards/2: shard 2/3, 640 poses" in plan.stderr
    assert not (tmp_path / "other").exists()

    missing = poseda("merge", "shards/1", "shards/3", "-o", "other", code=3)
    assert missing.stderr == (
        "error: Shards are missing: 2/3. Make them with poseda align --shard, and name them, too.\n"
    )
    # The way to other layouts that --shard --to names.
    poseda("convert", "merged", "--to", "plain", "-o", "plain", "-q")


def test_a_shard_on_the_command_line(poseda, source_file, target_folder, tmp_path):
    arguments = ("align", source_file, "-t", target_folder, "--include-source", "-o", "out")
    # All of these are unaligned: there is no distribution to be shown.
    result = poseda(*arguments, "--shard", "1/4")
    assert "1,680 poses in out; none dropped" in result.stderr
    assert "scale" not in result.stderr
    plan = json.loads(poseda(*arguments, "--overwrite", "--shard", "3/4", "-n", "--json").stdout)
    assert (plan["options"]["shard"], plan["output"]["poses"]) == ("3/4", 1680)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shard", "4/3"], "--shard 4/3: I/N is shard I of N"),
        (["--shard", "two"], "--shard two: expected I/N"),
        (["--shard", "1/2", "--to", "videopose3d"], "then poseda convert DIR --to videopose3d"),
        (["--shard", "1/2", "--plot"], "--shard 1/2 --plot: the figure is one of the whole run"),
    ],
)
def test_wrong_usage(poseda, source_file, target_folder, tmp_path, arguments, message):
    result = poseda("align", source_file, "-t", target_folder, "-o", "out", *arguments, code=2)
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_damaged_shard_leaves_nothing_behind(poseda, source_file, target_folder, tmp_path):
    poseda("align", source_file, "-t", target_folder, "--shard", "1/1", "--subjects", "S1", "-o", "one", "-q")
    shutil.copytree(tmp_path / "one", tmp_path / "cut")
    file = tmp_path / "cut" / "augmented.h5"
    file.write_bytes(file.read_bytes()[:100_000])
    result = poseda("merge", "cut", "-o", "merged", code=3)
    assert "cut/augmented.h5: damaged HDF5" in result.stderr
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cut", "one"]
