from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import poseda_cli as poseda
from poseda_cli import verified_rows
from poseda_cli.errors import UsageError
from poseda_cli.verified_rows import sample_rows
from tests import datasets

NEED_INPUTS = {"source", "target", "source poses", "target poses", "poses", "places"}
RUNS = {
    "weak": {},
    "copies and source": {"copies": 3, "include_source": True, "depth": "exact", "seed": 5},
    "axes": {"screen": "axes", "seed": 2**64 - 1},
    "16 joints": {"skeleton": "h36m16", "copies": 2},
    "a shard": {"shard": (2, 3), "copies": 2, "include_source": True},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A source and a target on disk, with poses that are dropped, and one that would stand behind the camera."""
    folder = tmp_path_factory.mktemp("inputs")
    source, target = datasets.source(), datasets.target()
    source.poses_3d[[5, 100], 3, 0] = np.nan
    source.poses_3d[77, 13, 2] -= 40
    target.poses_2d[[0, 7], 4] = np.nan
    for name, side in (("source", source), ("target", target)):
        poseda.write(side, folder / name, "plain", name=name)
        (folder / name / f"{name}.npz").rename(folder / f"{name}.npz")
    return folder


@pytest.fixture(scope="module")
def sides(inputs):
    return poseda.read(inputs / "source.npz"), poseda.read(inputs / "target.npz")


@pytest.fixture
def out(inputs, sides, tmp_path):
    """An output beside its inputs."""
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    poseda.write(poseda.align(*sides, copies=2, include_source=True, seed=3), tmp_path / "out")
    return tmp_path / "out"


def statuses(found):
    return {check.check: check.status for check in found.checks}


def failed(found):
    return {check.check: check.detail for check in found.failed}


def assert_sound(found, *unchecked):
    assert failed(found) == {}
    assert {check for check, status in statuses(found).items() if status == "not checked"} == set(unchecked)


def rehash(folder):
    """What somebody does who changes a file and its checksum."""
    summary = json.loads((folder / "summary.json").read_text())
    for name in summary["output"]["files"]:
        content = (folder / name).read_bytes()
        summary["output"]["sizes"][name] = len(content)
        summary["output"]["sha256"][name] = hashlib.sha256(content).hexdigest()
    write_summary(folder, summary)


def edit_summary(folder, *keys, value):
    summary = found = json.loads((folder / "summary.json").read_text())
    for key in keys[:-1]:
        found = found[key]
    found[keys[-1]] = value
    write_summary(folder, summary)


def write_summary(folder, summary):
    del summary["output"]["summary_sha256"]
    text = json.dumps(summary, sort_keys=True, separators=(",", ":"))
    summary["output"]["summary_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.mark.parametrize("compression", ["none", "small"])
@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_an_untouched_alignment_passes_all_checks(inputs, sides, tmp_path, options, compression):
    poseda.write(poseda.align(*sides, **options), tmp_path / "out", compression=compression)
    found = poseda.verify(tmp_path / "out", source=[inputs / "source.npz"], target=[inputs])
    assert_sound(found)
    assert found.ok
    assert {"complete", "sizes", "checksums", "counts", "rows", "pairs", *NEED_INPUTS} < statuses(found).keys()
    # Elsewhere, without the inputs; with poses dropped nobody knows then which pose drew which target.
    assert_sound(poseda.verify(tmp_path / "out"), "source", "target", "poses", "places", "pairs")


def test_pairs_are_checked_without_inputs_where_nothing_was_dropped(tmp_path):
    poseda.write(poseda.align(datasets.source(), datasets.target(), copies=2), tmp_path / "out")
    assert_sound(poseda.verify(tmp_path / "out"), "source", "target", "poses", "places")
    with h5py.File(tmp_path / "out" / "augmented.h5", "r+") as file:
        file["target_index"][:2] = file["target_index"][:2][::-1]
    rehash(tmp_path / "out")
    assert set(failed(poseda.verify(tmp_path / "out"))) == {"pairs"}


@pytest.mark.parametrize(
    ("options", "unchecked"),
    [
        ({"view": "jitter", "jitter": 10}, ("poses",)),
        ({"bones": 0.05}, ("poses",)),
        ({"pairing": "sequence", "clip": 7}, ("pairs", "places")),
    ],
    ids=str,
)
def test_what_is_not_done_again_is_said(inputs, sides, tmp_path, options, unchecked):
    poseda.write(poseda.align(*sides, **options), tmp_path / "out")
    assert_sound(poseda.verify(tmp_path / "out", source=[inputs], target=[inputs]), *unchecked)


@pytest.mark.parametrize("options", [{"view": "jitter"}, {"bones": 0.05}], ids=str)
def test_unaligned_poses_do_not_vouch_for_those_that_were_changed(inputs, sides, tmp_path, options):
    poseda.write(poseda.align(*sides, include_source=True, **options), tmp_path / "out")
    found = poseda.verify(tmp_path / "out", source=[inputs / "source.npz"], target=[inputs])
    assert_sound(found, "poses")
    assert "of the unaligned ones" in next(check.detail for check in found.checks if check.check == "poses")
    with h5py.File(tmp_path / "out" / "augmented.h5", "r+") as file:
        rows = file["target_index"][:] < 0
        file["poses_3d"][int(np.flatnonzero(rows)[0])] += 1
    rehash(tmp_path / "out")
    assert "poses" in failed(poseda.verify(tmp_path / "out", source=[inputs / "source.npz"], target=[inputs]))


@pytest.mark.parametrize("layout", ["poseda", "plain", "mmpose", "pstmo"])
def test_an_untouched_conversion_passes(inputs, tmp_path, layout):
    poseda.convert(inputs / "target.npz", tmp_path / "out", layout)
    assert_sound(poseda.verify(tmp_path / "out", source=[inputs / "target.npz"]))


def test_a_conversion_whose_2d_is_projected_passes(inputs, tmp_path):
    poseda.convert(inputs / "source.npz", tmp_path / "out")
    found = poseda.verify(tmp_path / "out", source=[inputs / "source.npz"])
    assert_sound(found)
    assert_sound(poseda.verify(tmp_path / "out"), "source", "poses", "projections")


def test_what_was_streamed_and_merged_passes(out, sides, tmp_path):
    first = poseda.read(out)
    poseda.write(poseda.align(first.select(stride=2), sides[1]), tmp_path / "second")
    assert_sound(poseda.verify(tmp_path / "second", source=[out / "augmented.h5"], target=[tmp_path]))
    for index in (1, 2):
        poseda.write(poseda.align(*sides, shard=(index, 2)), tmp_path / f"shard {index}")
        assert_sound(poseda.verify(tmp_path / f"shard {index}"))
    poseda.merge([tmp_path / "shard 1", tmp_path / "shard 2"], tmp_path / "merged")
    assert_sound(poseda.verify(tmp_path / "merged"))


def test_neither_pieces_nor_samples_change_the_verdict(out, monkeypatch):
    whole = poseda.verify(out).checks
    monkeypatch.setattr(verified_rows, "CHUNK", 7)
    assert poseda.verify(out).checks == whole
    few = poseda.verify(out, samples=11)
    assert_sound(few)
    assert dict(zip(statuses(few), [check.detail for check in few.checks], strict=True))["projections"] == "11 poses"
    with pytest.raises(UsageError, match="samples is 0"):
        poseda.verify(out, samples=0)


def test_the_summary_has_size_and_checksum_of_each_file(out):
    output = json.loads((out / "summary.json").read_text())["output"]
    content = (out / "augmented.h5").read_bytes()
    assert output["sizes"] == {"augmented.h5": len(content)}
    assert output["sha256"] == {"augmented.h5": hashlib.sha256(content).hexdigest()}


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


FILES = {
    "a bit": (lambda out: flip(out / "augmented.h5"), "checksums", "not the bytes that were written"),
    "truncated": (
        lambda out: (out / "augmented.h5").write_bytes((out / "augmented.h5").read_bytes()[:-100]),
        "sizes",
        "were written",
    ),
    "missing": (lambda out: (out / "augmented.h5").unlink(), "complete", "augmented.h5 missing"),
    "extra": (lambda out: (out / "mine.txt").write_text("x"), "complete", "mine.txt: not a file of this output"),
    "a link": (
        lambda out: (
            (out / "augmented.h5").rename(out.parent / "a.h5")
            and (out / "augmented.h5").symlink_to(out.parent / "a.h5")
        ),
        "complete",
        "augmented.h5: no file",
    ),
    "no summary": (lambda out: (out / "summary.json").unlink(), "complete", "no summary.json in it"),
    "empty summary": (lambda out: (out / "summary.json").write_text(""), "complete", "no JSON"),
    "a list": (lambda out: (out / "summary.json").write_text("[]"), "complete", "schema None"),
    "deep": (lambda out: (out / "summary.json").write_text("[" * 100_000), "complete", "summary.json"),
    "a digit": (
        lambda out: (out / "summary.json").write_text(
            (out / "summary.json").read_text().replace('"p50": 0.', '"p50": 1.', 1)
        ),
        "summary",
        "does not say what was written",
    ),
    "a layout that is none": (lambda out: edit_summary(out, "target", "layout", value="x"), "target poses", "layout x"),
    "no such folder": (lambda out: shutil.rmtree(out), "complete", "no such folder"),
    "another source": (lambda out: flip(out.parent / "source.npz"), "source", "another file than this output"),
    "no checksums": (lambda out: edit_summary(out, "output", "sha256", value=None), "checksums", "has no sha256"),
    "other names": (lambda out: edit_summary(out, "output", "sizes", value={"a": 1}), "sizes", "has sizes of a"),
    "seed": (lambda out: edit_summary(out, "seed", value=4), "provenance", "seed"),
    "option": (lambda out: edit_summary(out, "options", "depth", value="exact"), "provenance", "options"),
    "checksum of an input": (lambda out: edit_summary(out, "source", "sha256", value=["0" * 64]), "source", "source"),
    "poses": (lambda out: edit_summary(out, "output", "poses", value=719), "counts", "says 719 poses"),
    "source poses": (lambda out: edit_summary(out, "source", "poses", value=239), "counts", "read and dropped"),
    "dropped": (
        lambda out: edit_summary(out, "output", "dropped", "behind_camera", value=0),
        "counts",
        "read and dropped",
    ),
    "group": (lambda out: edit_summary(out, "groups", "subject", "S1", "poses", value=3), "counts", "by subject"),
    "distribution": (
        lambda out: edit_summary(out, "distributions", "root_x", "aligned", "mean", value=0.5),
        "distributions",
        "root_x",
    ),
    "fit": (lambda out: edit_summary(out, "fit", "root_error_max", value=0.1), "places", "root_error_max"),
    "smaller fit": (
        lambda out: edit_summary(out, "fit", "scale_relative_error", value={"p50": 0, "p95": 0, "max": 0}),
        "places",
        "place and size",
    ),
    "text for a number": (lambda out: edit_summary(out, "fit", value="good"), "rows", "not as poseda writes it"),
}


@pytest.mark.parametrize(("tamper", "check", "text"), FILES.values(), ids=FILES)
def test_each_change_of_the_folder_is_seen(out, tamper, check, text):
    tamper(out)
    found = poseda.verify(out)
    assert not found.ok
    assert text in failed(found)[check]


def swapped(name):
    def swap(file):
        file[name][400:402] = file[name][400:402][::-1]

    return swap


def changed(name, row, value):
    def change(file):
        column = file[name][:]
        column[row] = value(column[row]) if callable(value) else value
        file[name][:] = column

    return change


def camera_of(file, row):
    return 1 - file["camera"][row]


# The rows: 0 to 237 are unaligned, then come two copies.
ROWS = {
    "a joint": (changed("poses_3d", (500, 3, 0), lambda x: x + 1e-3), {"projections", "poses"}),
    "a small shift": (changed("poses_3d", 500, lambda pose: pose + np.float32(1e-4)), {"projections"}),
    "a point": (changed("poses_2d", (500, 3, 1), lambda y: y + 1e-5), {"projections"}),
    "not finite": (changed("poses_2d", (500, 0, 1), np.nan), {"projections"}),
    "an unaligned pose": (changed("poses_3d", (20, 3, 0), lambda x: np.nextafter(x, np.float32(9))), {"poses"}),
    "poses exchanged": (swapped("poses_3d"), {"projections", "poses"}),
    "2D exchanged": (swapped("poses_2d"), {"projections"}),
    "source exchanged": (swapped("source_index"), {"rows", "pairs", "poses"}),
    "targets exchanged": (swapped("target_index"), {"pairs"}),
    "a target": (changed("target_index", 500, 3), {"pairs"}),
    "a target that is none": (changed("target_index", 500, 99), {"pairs"}),
    "no target": (changed("target_index", 500, -1), {"rows", "pairs"}),
    "a target of an unaligned pose": (changed("target_index", 20, 3), {"rows"}),
    "a source row that is none": (changed("source_index", 700, 9999), {"rows"}),
    "another camera": (lambda file: changed("camera", 500, camera_of(file, 500))(file), {"projections"}),
    "a camera that is none": (changed("camera", 500, 77), {"rows"}),
    "focal length": (
        changed("cameras", 0, lambda row: (*row.tolist()[:3], row["fx"] * 1.001, *row.tolist()[4:])),
        None,
    ),
    "a gap": (changed("sequences", 3, lambda row: (*row.tolist()[:4], row["start"] + 1, row["length"])), {"columns"}),
    "another seed": (lambda file: reseed(file), {"provenance"}),
}


def reseed(file):
    found = json.loads(file.attrs["provenance"])
    file.attrs["provenance"] = json.dumps({**found, "seed": 4})


@pytest.mark.parametrize(("tamper", "checks"), ROWS.values(), ids=ROWS)
def test_each_change_of_the_rows_is_seen_though_the_checksums_fit(out, tamper, checks):
    with h5py.File(out / "augmented.h5", "r+") as file:
        assert len(file["camera"]) > 702
        tamper(file)
    assert "checksums" in failed(poseda.verify(out))
    rehash(out)
    found = failed(poseda.verify(out))
    assert "checksums" not in found
    assert (checks or {"projections"}) <= set(found)
    assert set(found) <= (checks or {"projections"}) | {"places", "distributions"}


def test_a_column_cut_short(out):
    with h5py.File(out / "augmented.h5", "r+") as file:
        rows = file["target_index"][:-1]
        del file["target_index"]
        file["target_index"] = rows
    rehash(out)
    assert "target_index" in failed(poseda.verify(out))["columns"]


def test_inputs_are_looked_for_beside_the_output_here_and_where_they_are_said_to_be(out, tmp_path, monkeypatch):
    assert_sound(poseda.verify(out))
    moved = tmp_path / "elsewhere" / "deep"
    moved.mkdir(parents=True)
    for name in ("source.npz", "target.npz"):
        (tmp_path / name).rename(moved / name)
    missing = ("source", "target", "poses", "places", "pairs")
    assert_sound(poseda.verify(out), *missing)
    assert_sound(poseda.verify(out, source=[moved / "source.npz"], target=[moved]))
    monkeypatch.chdir(moved)
    assert_sound(poseda.verify(out))
    found = poseda.verify(out, source=[tmp_path])
    assert "not in" in failed(found)["source"]


def test_another_file_of_the_name_beside_the_output_hides_not_the_right_one_here(out, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "source.npz").rename(tmp_path / "here" / "source.npz")
    shutil.copy(tmp_path / "target.npz", tmp_path / "source.npz")
    assert set(failed(poseda.verify(out))) == {"source"}
    monkeypatch.chdir(tmp_path / "here")
    assert_sound(poseda.verify(out))


def test_another_target_in_the_place_of_the_target(out, tmp_path):
    target = datasets.target()
    poseda.write(replace(target, poses_2d=target.poses_2d + 1), tmp_path / "other", "plain", name="target")
    shutil.copy(tmp_path / "other" / "target.npz", tmp_path / "target.npz")
    found = poseda.verify(out)
    assert set(failed(found)) == {"target"}
    assert statuses(found)["places"] == "not checked"


def test_rows_are_sampled_evenly_and_always_the_same():
    np.testing.assert_array_equal(sample_rows(5, 10), np.arange(5))
    rows = sample_rows(1_000_003, 1000)
    assert len(np.unique(rows)) == 1000
    # One in each thousandth.
    np.testing.assert_array_equal(np.searchsorted(np.arange(1001) * 1_000_003 // 1000, rows, "right") - 1, range(1000))
    np.testing.assert_array_equal(rows, sample_rows(1_000_003, 1000))


def test_the_result_is_short_to_look_at(out):
    found = poseda.verify(out)
    assert repr(found) == f"<Verification {out}: ok of {len(found.checks)} checks, 0 not checked>"
    assert found.path == Path(out)
    (out / "augmented.h5").unlink()
    assert "1 failed of 1 checks" in repr(poseda.verify(out))


def test_an_untouched_output_in_every_form_passes(poseda, source_file, target_folder, tmp_path):
    forms = ("poseda", "videopose3d", "mmpose", "pstmo", "poseaug-test", "plain")
    to = [word for form in forms for word in ("--to", form)]
    poseda("align", source_file, "-t", target_folder, "-o", "out", "--copies", 2, "--subjects", "S1", "--plot", *to)
    found = json.loads(
        poseda("verify", "out", "--source", source_file, "--target", target_folder, "--json", "-q").stdout
    )
    (output,) = found["outputs"]
    assert output["ok"]
    assert {check["status"] for check in output["checks"]} == {"ok"}
    assert {"mmpose_gpa.npz", "data_2d_h36m_gpa_2.npz", "gpa.npz"} < {check["check"] for check in output["checks"]}
    flip(tmp_path / "out" / "distribution.png")
    result = poseda("verify", "out", code=3)
    assert "error: out: checksums: distribution.png: not the bytes that were written" in result.stderr
