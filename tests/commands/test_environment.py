"""Streams that are closed or full, odd environments, odd names: the work is done, or one line says why not."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys

import pytest

from tests.conftest import REPO, SAMPLE

SOURCE, TARGET = SAMPLE / "data_3d_h36m.npz", SAMPLE / "mpi_inf_3dhp_test_set"
PARTS = ("--subjects", "S1", "--target-subjects", "TS1")
ALIGN = ("align", SOURCE, "-t", TARGET, *PARTS)
FULL = "error: standard output: no space left on device.\n"
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def run(*arguments, cwd, python=(), environment=None, **settings):
    """`python -m poseda_cli`; what it prints is bytes, as names of files are."""
    variables = os.environ if environment is None else environment
    return subprocess.run(
        [sys.executable, *python, "-m", "poseda_cli", *map(str, arguments)],
        cwd=cwd,
        env={"PYTHONPATH": str(REPO), **variables},
        timeout=60,
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
    )


def in_shell(line, cwd, *arguments):
    """A line of bash, in which `poseda` is that, with these arguments behind."""
    words = " ".join(f"'{word}'" for word in arguments)
    line = line.replace("poseda", f"'{sys.executable}' -m poseda_cli {words}")
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """augmented.h5 of `ALIGN`."""
    folder = tmp_path_factory.mktemp("reference")
    assert run(*ALIGN, "-o", "out", cwd=folder).stdout == b"out/augmented.h5\n"
    return (folder / "out" / "augmented.h5").read_bytes()


class TestStreams:
    @pytest.mark.parametrize(
        "arguments", [("--help",), ("align", "--help"), ("--version",), ("layouts",), ("cameras", "--json")]
    )
    def test_nobody_listens(self, arguments, tmp_path):
        result = in_shell("poseda | head -c 0", tmp_path, *arguments)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_somebody_listens_to_the_first_line(self, tmp_path):
        result = in_shell("poseda | head -n 1", tmp_path, "inspect", "--json", SOURCE, TARGET, SOURCE)
        assert (result.returncode, result.stdout, result.stderr) == (0, "[\n", "")

    @pytest.mark.parametrize("arguments", [("--help",), ("align", "--help"), ("--version",), ("layouts", "--json")])
    def test_results_have_no_room(self, arguments, tmp_path):
        result = in_shell("poseda > /dev/full", tmp_path, *arguments)
        assert (result.returncode, result.stderr) == (4, FULL)

    @pytest.mark.parametrize(("arguments", "code"), [((*ALIGN, "-o", "out"), 0), (("inspect", "nothing"), 3), ((), 2)])
    def test_messages_have_no_room(self, arguments, code, tmp_path):
        result = in_shell("poseda 2> /dev/full", tmp_path, *arguments)
        assert (result.returncode, result.stderr) == (code, "")
        assert (tmp_path / "out" / "augmented.h5").exists() == (code == 0)

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_ones(self, closed, reference, tmp_path):
        """What is opened next would get their numbers, and whatever is printed."""
        result = in_shell(f"poseda {closed}", tmp_path, *ALIGN, "-v", "-o", "out")
        assert result.returncode == 0
        assert result.stdout == ("" if ">&-" in closed.replace("2>&-", "") else "out/augmented.h5\n")
        assert (tmp_path / "out" / "augmented.h5").read_bytes() == reference

    @pytest.mark.parametrize(("arguments", "code"), [(("--help",), 0), (("inspect", "nothing"), 3), ((), 2)])
    def test_all_closed(self, arguments, code, tmp_path):
        assert in_shell("poseda <&- >&- 2>&-", tmp_path, *arguments).returncode == code


class TestEnvironments:
    @pytest.mark.parametrize(
        "environment",
        [
            {},
            {**os.environ, "HOME": "/dev/null/home", "XDG_CACHE_HOME": "", "MPLCONFIGDIR": ""},
            {**os.environ, "TMPDIR": "/dev/null/tmp"},
            {**os.environ, "PYTHONOPTIMIZE": "2", "PYTHONDONTWRITEBYTECODE": "1"},
            {**os.environ, "COLUMNS": "1", "TERM": "", "LINES": "many"},
        ],
        ids=["nothing", "no home", "no folder for temporary files", "optimised", "no terminal"],
    )
    def test_the_work_is_done(self, environment, reference, tmp_path):
        result = run(*ALIGN, "-o", "out", "-q", cwd=tmp_path, environment=environment)
        assert (result.returncode, result.stdout, result.stderr) == (0, b"out/augmented.h5\n", b"")
        assert (tmp_path / "out" / "augmented.h5").read_bytes() == reference

    def test_a_figure_without_a_home(self, tmp_path):
        environment = {"HOME": "/dev/null/home", "TMPDIR": str(tmp_path)}
        result = run(*ALIGN, "-o", "out", "-q", "--plot", cwd=tmp_path, environment=environment)
        assert (result.returncode, result.stderr) == (0, b"")
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert (tmp_path / "out" / "distribution.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        "arguments",
        [
            (*ALIGN, "-o", "out", "-q", "--to", "poseda", "--to", "mmpose", "--to", "plain", "--to", "poseaug-test"),
            ("convert", TARGET, "--to", "pstmo", "-o", "out", "-q"),
            ("compare", SOURCE, TARGET, "-q"),
            ("inspect", SOURCE, TARGET),
        ],
        ids=lambda arguments: arguments[0],
    )
    def test_no_warnings(self, arguments, tmp_path):
        result = run(*arguments, cwd=tmp_path, python=["-X", "dev", "-W", "error"])
        assert (result.returncode, result.stderr) == (0, b"")
        assert result.stdout

    def test_isolated(self, tmp_path):
        assert run("--version", cwd=tmp_path, python=["-I"]).returncode == 0

    @pytest.mark.parametrize(
        "arguments", [("layouts", "pstmo"), ("layouts", "videopose3d", "--json"), ("layouts", "mmpose")]
    )
    def test_layouts_are_described_where_python_leaves_docstrings_out(self, arguments, tmp_path):
        usual, optimised = run(*arguments, cwd=tmp_path), run(*arguments, cwd=tmp_path, python=["-OO"])
        assert (optimised.returncode, optimised.stdout) == (0, usual.stdout)
        assert b"npz" in usual.stdout

    def test_help_where_python_leaves_docstrings_out(self, tmp_path):
        text = run("align", "--help", cwd=tmp_path, python=["-OO"]).stdout
        assert b"\n\nMove each source pose to the place and size of a target pose (GPA).\n\n" in text

    @pytest.mark.parametrize("columns", ["1", "0", "-3", "garbage", "99999999999999999999"])
    def test_columns(self, columns, tmp_path):
        result = run("align", "--help", cwd=tmp_path, environment={"COLUMNS": columns})
        assert result.returncode == 0
        assert result.stdout.split()[:3] == [b"Usage:", b"poseda", b"align"]

    @pytest.mark.parametrize(("umask", "folder", "file"), [(0o077, 0o700, 0o600), (0o027, 0o750, 0o640)])
    def test_umask(self, umask, folder, file, tmp_path):
        for arguments in ((*ALIGN, "-o", "above/out"), ("compare", SOURCE, TARGET, "--plot", "above/figure.png")):
            assert run(*arguments, cwd=tmp_path, umask=umask).returncode == 0
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "above").rglob("*")}
        assert modes == {"out": folder, "augmented.h5": file, "summary.json": file, "figure.png": file}
        assert stat.S_IMODE((tmp_path / "above").stat().st_mode) == folder

    @pytest.mark.parametrize(
        ("encoding", "codec"), [("ascii", "ascii"), ("utf-8:strict", "utf-8"), ("utf-16", "utf-16")]
    )
    def test_encodings(self, encoding, codec, tmp_path):
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        result = run(*ALIGN, "-o", "größe", "-q", cwd=tmp_path, environment=environment)
        assert result.returncode == 0
        written = "größe".encode("ascii", "backslashreplace").decode() if codec == "ascii" else "größe"
        assert result.stdout.decode(codec) == f"{written}/augmented.h5\n"
        assert (tmp_path / "größe" / "augmented.h5").is_file()

    def test_c_locale(self, tmp_path):
        environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        result = run(*ALIGN, "-o", "größe", cwd=tmp_path, environment=environment)
        assert (result.returncode, result.stdout) == (0, "größe/augmented.h5\n".encode())
        assert (tmp_path / "größe" / "augmented.h5").is_file()


class TestFolders:
    @pytest.fixture
    def confined(self, tmp_path):
        """Runs a command in a folder that may not be written to, as somebody whom that concerns."""
        without_rights = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"] if IS_ROOT else []
        if without_rights and not shutil.which("setpriv"):
            pytest.skip("root may write everywhere")
        folder = tmp_path / "read only"
        folder.mkdir()
        folder.chmod(0o555)

        def in_folder(*arguments):
            command = [*without_rights, sys.executable, "-m", "poseda_cli", *map(str, arguments)]
            environment = {**os.environ, "PYTHONPATH": str(REPO)}
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)

        return in_folder

    def test_one_that_is_read_only(self, confined, tmp_path):
        result = confined(*ALIGN, "-o", tmp_path / "out")
        assert (result.returncode, result.stdout) == (0, f"{tmp_path}/out/augmented.h5\n")
        result = confined(*ALIGN, "-o", "out")
        assert (result.returncode, result.stdout) == (4, "")
        assert result.stderr.startswith("error: out: nothing can be written in ")
        assert len(result.stderr.splitlines()) == 1

    def test_one_that_is_gone(self, tmp_path):
        begin = f"mkdir gone; cd gone; rmdir '{tmp_path}/gone'; "
        assert in_shell(f"{begin} poseda", tmp_path, *ALIGN, "-o", tmp_path / "out").returncode == 0
        assert in_shell(f"{begin} poseda", tmp_path, "layouts").returncode == 0
        for arguments in ((*ALIGN, "-o", "out2"), ("inspect", "a.npz")):
            result = in_shell(f"{begin} poseda", tmp_path, *arguments)
            assert (result.returncode, result.stdout) == (3, "")
            assert result.stderr.startswith("error: the working directory is not there any more; ")
            assert len(result.stderr.splitlines()) == 1


NAMES = {
    "spaces": b" a  b ",
    "line": b"a\nb",
    "quotes": b"a'b\"c",
    "shell": b"$(touch x) `y` ${HOME} * ? ; & |",
    "hash": b"#~!%s%d{}",
    "brackets": b"[red]a[bold]",
    "backslash": b"a\\n\\udcff",
    "not utf-8": b"a\xff\xfe",
    "emoji": "\N{BONE}\N{ZERO WIDTH JOINER}e\u0301".encode(),
    "control": b"a\x1b[31mb\x07",
    "longest": b"n" * 251 + b".npz",
}


class TestNames:
    """As shells pass them on; in Python bytes that are no UTF-8 are surrogates."""

    @pytest.mark.parametrize("name", [os.fsdecode(name) for name in NAMES.values()], ids=NAMES)
    def test_of_source_target_and_output(self, name, tmp_path):
        for folder in ("s", "t", "o"):
            (tmp_path / folder).mkdir()
        shutil.copy(SOURCE, tmp_path / "s" / name)
        shutil.copytree(TARGET / "TS1", tmp_path / "t" / name / "TS1")
        result = run("align", f"s/{name}", "-t", f"t/{name}", "-o", f"o/{name}", *PARTS, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, os.fsencode(f"o/{name}/augmented.h5\n"))
        assert [path.name for path in (tmp_path / "o").iterdir()] == [name]
        assert sorted(path.name for path in (tmp_path / "o" / name).iterdir()) == ["augmented.h5", "summary.json"]

    @pytest.mark.parametrize("name", ["line", "not utf-8", "control"])
    def test_that_are_wrong_are_named(self, name, tmp_path):
        result = run("inspect", "--headers", os.fsdecode(NAMES[name]), cwd=tmp_path)
        assert result.returncode == 3
        assert b"Traceback" not in result.stderr

    @pytest.mark.parametrize("name", ["-odd", "--target", "-h"])
    def test_with_leading_dashes(self, name, tmp_path):
        shutil.copy(SOURCE, tmp_path / name)
        result = run("align", "-t", TARGET, "-o", "a", *PARTS, "--", name, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, b"a/augmented.h5\n")
        result = run("align", f"./{name}", "-t", TARGET, "-o", f"./{name}-out", *PARTS, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (0, f"{name}-out/augmented.h5\n".encode())
