"""Faults of ours: exit code 1, a few words on stderr, everything else in a file; the output place stays as it was."""

from __future__ import annotations

import os
import platform
import re
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from poseda_cli import __version__
from tests.conftest import REPO, SAMPLE

ALIGN = ("align", SAMPLE / "data_3d_h36m.npz", "-t", SAMPLE / "mpi_inf_3dhp_test_set", "-o", "out")
# Runs as `sitecustomize`, before anything of ours is imported: the function PLACE does BODY instead.
FAULTY = """
import importlib.abc, importlib.machinery, sys
module, function = {place!r}.rsplit(".", 1)
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != module: return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module
        def exec_module(loaded):
            run(loaded)
            def faulty(*arguments, **options):
                {body}
            setattr(loaded, function, faulty)
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, Finder())
"""
DIVIDE = "raise ZeroDivisionError('of course')"
PREPARE = "poseda_cli.pipeline.prepare"


@pytest.fixture
def faulty(tmp_path):
    """Runs a command in `here` with a function that fails; faults are told of in `tmp`."""
    for name in ("site", "here", "tmp"):
        (tmp_path / name).mkdir()

    def run(*arguments, place=PREPARE, body=DIVIDE, **settings):
        (tmp_path / "site" / "sitecustomize.py").write_text(FAULTY.format(place=place, body=body))
        paths = f"{tmp_path / 'site'}{os.pathsep}{REPO}"
        environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path / "tmp"), **settings.pop("env", {})}
        return subprocess.run(
            [sys.executable, "-m", "poseda_cli", *map(str, arguments)],
            cwd=tmp_path / "here",
            env=environment,
            text=True,
            timeout=60,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
        )

    return run


def details_in(folder):
    (file,) = folder.glob("poseda-fault-*.txt")
    return file


def test_a_fault(faulty, tmp_path):
    result = faulty(*ALIGN)
    file = details_in(tmp_path / "tmp")
    assert (result.returncode, result.stdout) == (1, "")
    last = result.stderr.splitlines()[-2:]
    assert (
        last[0]
        == f"error: poseda failed (ZeroDivisionError: of course). This is a fault of ours; the details are in {file}."
    )
    assert last[1].startswith("Please report it with that file")
    assert "Traceback" not in result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    details = file.read_text()
    assert details.startswith(f"poseda {__version__}, Python {sys.version}\n{platform.platform()}\n")
    for package in (f"numpy {np.__version__}", f"h5py {h5py.__version__}", "typer ", "matplotlib "):
        assert package in details
    assert repr(str(ALIGN[1])) in details
    assert re.search(r"Traceback \(most recent call last\):\n(.*\n)+ZeroDivisionError: of course\n$", details)
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("option", ["-v", "--verbose", "-qv"])
def test_verbose_shows_the_traceback_as_well(option, faulty, tmp_path):
    result = faulty(*ALIGN, option)
    assert result.returncode == 1
    assert result.stderr.count("Traceback") == 1
    assert result.stderr.splitlines()[-2].startswith("error: poseda failed (ZeroDivisionError: of course).")
    assert details_in(tmp_path / "tmp").is_file()


@pytest.mark.parametrize("option", ["-q", "--overwrite"])
def test_other_options_do_not(option, faulty):
    assert "Traceback" not in faulty(*ALIGN, option).stderr


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("poseda_cli.exports.poseda.write", ()),
        ("poseda_cli.summary.summarize", ()),
        ("poseda_cli.figures.distribution.plot_distribution", ("--plot",)),
        ("poseda_cli.storage.files.input_file", ()),  # on another thread
        ("poseda_cli.storage.deflate.segment", ("--compression", "small")),  # on several
        ("poseda_cli.layouts.videopose3d.read", ()),
    ],
)
def test_nothing_is_left_wherever_it_happens(place, options, faulty, tmp_path):
    result = faulty(*ALIGN, *options, place=place)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("ZeroDivisionError") == 1
    assert list((tmp_path / "here").iterdir()) == []


def test_what_was_to_be_replaced_is_as_it_was(faulty, poseda, tmp_path):
    poseda(*ALIGN, cwd=tmp_path / "here")
    before = {path: path.read_bytes() for path in (tmp_path / "here").rglob("*.*")}
    assert faulty(*ALIGN, "--overwrite", place="poseda_cli.exports.poseda.write").returncode == 1
    assert {path: path.read_bytes() for path in (tmp_path / "here").rglob("*.*")} == before


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ("raise MemoryError", 3, "error: not enough memory for these poses; try --subjects or --stride."),
        ("faulty()", 1, "(RecursionError: maximum recursion depth exceeded"),
        ("raise ValueError('a\\n' * 1000)", 1, "(ValueError: a a a a "),
        ("raise AssertionError", 1, "error: poseda failed (AssertionError). This is"),
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})", 1, "(E), and so did the report of it"),
        ("raise FileNotFoundError(2, 'none', 'x')", 1, "error: poseda failed (FileNotFoundError: [Errno 2] none: 'x')"),
        ("raise ValueError('\\udcff')", 1, "error: poseda failed (ValueError: \\udcff)"),
    ],
)
def test_faults_of_every_kind(body, code, told, faulty):
    result = faulty("align", *ALIGN[1:], body=body)
    assert result.returncode == code
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr[result.stderr.index("error: ") :].splitlines()
    assert len(lines) <= 2
    assert len(lines[0]) < 500


class TestPlacesForTheDetails:
    """The folder for temporary files, home, or stderr."""

    # Whatever tempfile tries: a disk that takes no file in some folders.
    FULL = (
        "import tempfile\n"
        "                make = tempfile.mkstemp\n"
        "                def refused(prefix=None, suffix=None, dir=None):\n"
        "                    if dir is None or not {home}: raise OSError(28, 'No space left on device')\n"
        "                    return make(prefix=prefix, suffix=suffix, dir=dir)\n"
        "                tempfile.mkstemp = refused\n"
        f"                {DIVIDE}"
    )

    def test_a_tmpdir_that_is_not_there(self, faulty, tmp_path):
        result = faulty(*ALIGN, env={"TMPDIR": str(tmp_path / "site" / "sitecustomize.py" / "tmp")})
        file = Path(re.search(r"the details are in (.*)\.\n", result.stderr)[1])
        assert result.returncode == 1
        assert "ZeroDivisionError" in file.read_text()
        file.unlink()

    def test_home(self, faulty, tmp_path):
        result = faulty(*ALIGN, body=self.FULL.format(home=True), env={"HOME": str(tmp_path)})
        assert result.returncode == 1
        assert str(details_in(tmp_path)) in result.stderr

    @pytest.mark.parametrize("home", ["/dev/null/home", ""])
    def test_stderr(self, home, faulty, tmp_path):
        result = faulty(*ALIGN, body=self.FULL.format(home=False), env={"HOME": home})
        assert result.returncode == 1
        assert "no place for its details was found, so here they are.\n" in result.stderr
        assert result.stderr.count("Traceback (most recent call last)") == 1
        assert f"poseda {__version__}, Python" in result.stderr


def test_a_stderr_that_takes_nothing(faulty, tmp_path):
    with Path("/dev/full").open("w") as full:
        assert faulty(*ALIGN, stderr=full).returncode == 1
    assert details_in(tmp_path / "tmp").is_file()
