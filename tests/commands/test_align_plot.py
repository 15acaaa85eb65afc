from __future__ import annotations

import filecmp
import json
import subprocess
import sys

import pytest

MAGIC = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.fixture
def align(poseda, source_file, target_folder):
    def run(out, *options, **keywords):
        return poseda("align", source_file, "-t", target_folder, "-o", out, "--subjects", "S1", *options, **keywords)

    return run


def test_plot_puts_a_figure_beside_the_data(align, tmp_path):
    result = align(tmp_path / "out", "--plot")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"augmented.h5", "summary.json", "distribution.png"}
    assert (tmp_path / "out" / "distribution.png").read_bytes().startswith(MAGIC["png"])
    assert f"figure: {tmp_path}/out/distribution.png" in result.stderr
    # Scripts take the data files from stdout, and nothing else.
    assert result.stdout == f"{tmp_path}/out/augmented.h5\n"
    output = json.loads((tmp_path / "out" / "summary.json").read_text())["output"]
    assert (output["files"], output["figures"]) == (["augmented.h5"], ["distribution.png"])
    align(tmp_path / "out", "--overwrite")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"augmented.h5", "summary.json"}


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_figures_for_print(align, tmp_path, kind):
    for name in ("one", "two"):
        align(tmp_path / name, "--plot", "--plot-format", kind, "--jobs", 1 if name == "one" else 2)
    file = f"distribution.{kind}"
    assert (tmp_path / "one" / file).read_bytes().startswith(MAGIC[kind])
    assert filecmp.cmp(tmp_path / "one" / file, tmp_path / "two" / file, shallow=False)


def test_the_data_are_the_same_with_and_without(align, tmp_path):
    align(tmp_path / "with", "--plot")
    align(tmp_path / "without")
    assert filecmp.cmp(tmp_path / "with" / "augmented.h5", tmp_path / "without" / "augmented.h5", shallow=False)


def run_without_matplotlib(*arguments):
    script = "import sys; sys.modules['matplotlib'] = None\nfrom poseda_cli.commands.app import main\nmain()"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_without_matplotlib_the_message_names_the_extra(source_file, target_folder, tmp_path):
    out = tmp_path / "out"
    result = run_without_matplotlib("align", source_file, "-t", target_folder, "-o", out, "--plot")
    assert result.returncode == 2
    assert result.stderr == "error: --plot takes matplotlib: pip install 'poseda[plot]'.\n"
    assert not out.exists()


def test_without_plot_matplotlib_is_not_needed(source_file, target_folder, tmp_path):
    out = tmp_path / "out"
    result = run_without_matplotlib("align", source_file, "-t", target_folder, "-o", out, "--subjects", "S1")
    assert result.returncode == 0, result.stderr
    assert out.is_dir()


def test_a_backend_that_does_not_exist_is_named_before_anything_is_done(align, tmp_path):
    result = align(tmp_path / "out", "--plot", code=2, MPLBACKEND="nonsense")
    assert "--plot takes matplotlib, which does not start" in result.stderr
    assert "nonsense" in result.stderr


def test_a_format_without_a_figure_is_wrong_usage(align, tmp_path):
    result = align(tmp_path / "out", "--plot-format", "pdf", code=2)
    assert "--plot-format says what --plot draws; add --plot, too." in result.stderr


def test_quiet_is_quiet_whatever_matplotlib_has_to_say(align, tmp_path):
    (tmp_path / "matplotlibrc").write_text("no.such.key: 1\n")
    result = align(tmp_path / "out", "--plot", "-q", MPLCONFIGDIR="/proc/nowhere", cwd=tmp_path)
    assert result.stderr == ""
