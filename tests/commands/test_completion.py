"""What three shells offer where Tab is pressed, each asked as its user does."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from poseda_cli.commands.completion import SCRIPTS, Item, answer, offers
from tests.conftest import REPO

INSTALL = ("apt-get", "install", "-y", "-q", "--no-install-recommends")
SHELLS = ("bash", "zsh", "fish")


def shell_or_skip(name):
    """The shell; installed where that can be done, within a minute; that is tried once on a machine."""
    if shutil.which(name):
        return name
    if os.geteuid() or not shutil.which("apt-get"):
        pytest.skip(f"{name} is not installed, and cannot be")
    try:
        (Path(tempfile.gettempdir()) / f"poseda-tests-have-tried-to-install-{name}").mkdir()
    except FileExistsError:
        pytest.skip(f"{name} is not installed; that was tried before")
    try:
        subprocess.run([*INSTALL, name], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{name} could not be installed within a minute")
    if not shutil.which(name):
        pytest.skip(f"{name} could not be installed")
    return name


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home with `poseda` on its path, and archives to complete."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "bin").mkdir()
    script = folder / "bin" / "poseda"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m poseda_cli "$@"\n')
    script.chmod(0o755)
    (folder / "train.npz").touch()
    return folder


@pytest.fixture(params=SHELLS)
def shell(request):
    return shell_or_skip(request.param)


@pytest.fixture
def environment(home, tmp_path):
    return {
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(REPO),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


def offered(shell, line, environment, cwd):
    """What a shell offers at the end of a line, by its own means."""
    if shell == "fish":
        command = ["fish", "--no-config", "-c", f"{SCRIPTS['fish']}\ncomplete -C '{line}'"]
    elif shell == "bash":
        # As readline does it: the words of the line, and the number of the one at the cursor.
        words = line.split(" ")
        script = f"{SCRIPTS['bash']}\nCOMP_WORDS=({' '.join(word or chr(39) * 2 for word in words)})"
        script += f"\nCOMP_CWORD={len(words) - 1}\n_poseda_completion\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
        command = ["bash", "--norc", "-c", script]
    else:
        # What the function hands to zsh's own, which would show it.
        stub = "autoload() { : }; compinit() { : }; compdef() { : }; _files() { print files }\n"
        stub += "_describe() { print -l -- ${(P)2} }\n"
        script = f"{stub}{SCRIPTS['zsh']}\nwords=({' '.join(word or chr(39) * 2 for word in line.split(' '))})"
        command = ["zsh", "-f", "-c", f"{script}\nCURRENT=$#words\n_poseda_completion"]
    result = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, ""), result
    separator = ":" if shell == "zsh" else "\t"
    return [line.split(separator)[0] for line in result.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("poseda al", ["align"]),
        ("poseda align --target one two --targ", ["--target", "--target-layout", "--target-subjects"]),
        ("poseda align --depth ", ["exact", "weak"]),
        ("poseda convert a.npz --to pst", ["pstmo"]),
        ("poseda inspect --layout videopose", ["videopose3d", "videopose3d-custom"]),
        ("poseda align --subjects S1,TS", ["S1,TS1", "S1,TS2", "S1,TS3", "S1,TS4", "S1,TS5", "S1,TS6"]),
        ("poseda align --actions Wait", ["Waiting"]),
        ("poseda compare a b --other-cameras 5", ["54138969", "55011271", "58860488", "5"]),
        ("poseda skeletons h36m1", ["h36m16", "h36m17"]),
    ],
)
def test_each_shell_offers(shell, line, expected, environment, home):
    found = offered(shell, line, environment, home)
    if line.endswith("--targ"):
        assert set(expected) < set(found)
        assert all(name.startswith("--target") for name in found)
    else:
        assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("line", ["poseda align tr", "poseda align --target a.npz tr"])
def test_paths_are_left_to_the_shell(shell, line, environment, home):
    found = offered(shell, line, environment, home)
    # bash turns to its files where the function has none, which `complete -o default` says.
    assert found == {"bash": [], "zsh": ["files"], "fish": ["train.npz"]}[shell]


def typed(command, keys, expected, environment, cwd):
    """What a terminal shows once keys were typed and what is expected has come; the shell has drawn a prompt."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", *command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    shown, sent = "", False
    ends = time.monotonic() + 30
    try:
        while time.monotonic() < ends and not (sent and expected in shown):
            if select.select([process.stdout], [], [], 0.1)[0]:
                shown = re.sub(".\x08", "", shown + os.read(process.stdout.fileno(), 65536).decode(errors="replace"))
            if not sent and "ready>" in shown:
                shown, sent = "", True
                process.stdin.write(keys.encode())
    finally:
        process.kill()
        process.communicate()
    return shown


@pytest.mark.parametrize("name", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("keys", "expected"), [("poseda align --dept\te", "--depth e"), ("poseda align --depth=ex\t", "--depth=exact")]
)
def test_tab_on_a_terminal_once_installed(name, keys, expected, environment, home, tmp_path):
    shell_or_skip(name)
    (tmp_path / f".{name}rc").write_text("PS1='ready> '\nbind 'set enable-bracketed-paste off' 2> /dev/null\n")
    subprocess.run(["poseda", "--install-completion", name], env=environment, check=True, capture_output=True)
    command = ["bash", "-i"] if name == "bash" else ["zsh", "-i"]
    assert expected in typed(command, keys, expected, environment, home)


class TestInstalling:
    def test_again_changes_nothing(self, poseda, tmp_path):
        rc = tmp_path / ".bashrc"
        rc.write_text("alias l=ls")
        places = {"HOME": str(tmp_path), "XDG_DATA_HOME": ""}
        first = poseda("--install-completion", "bash", **places)
        script = tmp_path / ".local" / "share" / "poseda" / "completion.bash"
        assert first.stdout == f"{script}\n"
        assert rc.read_text() == f"alias l=ls\nsource {script}\n"
        assert str(rc) in first.stderr
        poseda("--install-completion", "bash", **places)
        assert rc.read_text() == f"alias l=ls\nsource {script}\n"

    def test_fish_looks_for_it_itself(self, poseda, tmp_path):
        poseda("--install-completion", "fish", HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path / "settings"))
        script = tmp_path / "settings" / "fish" / "completions" / "poseda.fish"
        assert script.read_text() == SCRIPTS["fish"]
        assert [path.name for path in tmp_path.iterdir()] == ["settings"]

    def test_where_nothing_can_be_written(self, poseda, tmp_path):
        (tmp_path / "home").touch()
        result = poseda("--install-completion", "zsh", code=4, HOME=str(tmp_path / "home"), XDG_DATA_HOME="")
        assert result.stderr.startswith(f"error: {tmp_path}/home")

    def test_the_script_is_shown(self, poseda):
        assert poseda("--show-completion", "zsh").stdout == SCRIPTS["zsh"]

    def test_a_shell_that_is_none(self, poseda):
        assert "Did you mean bash?" in poseda("--show-completion", "bas", code=2).stderr

    def test_the_shell_that_it_was_called_from(self, home, environment):
        line = "poseda --show-completion; true"
        result = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=True)
        assert result.stdout == SCRIPTS["bash"]


class Command:
    """Stands for a command without parameters."""

    params = ()


def test_words_keep_no_quotes():
    assert answer("fish", ["'al"], {"align": ""}, lambda name: Command) == "align"


def test_what_bash_takes_for_signs_is_escaped():
    assert answer("bash", ["two"], {"two words": ""}, lambda name: Command) == r"two\ words"


def test_bash_takes_a_word_apart_at_the_sign():
    assert answer("bash", ["--show-completion", "=", "z"], {}, lambda name: Command) == "zsh"


def test_nothing_is_offered_twice():
    found = list(offers(["layouts", "pose"], {"layouts": ""}, lambda name: Command))
    assert [item.value for item in found] == ["poseda", "poseaug-test", "poseaug"]
    assert all(isinstance(item, Item) and item.meaning for item in found)


@pytest.mark.parametrize("words", [["al"], ["align", "--de"], ["align", "--depth", ""]])
def test_commands_options_and_choices_take_no_numpy(words):
    script = (
        "import sys\n"
        "from poseda_cli.commands.app import main\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)\n"
    )
    environment = {**os.environ, "_POSEDA_COMPLETE": "bash", "PYTHONPATH": str(REPO)}
    result = subprocess.run(
        [sys.executable, "-c", script, *words], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout
    assert not {"numpy", "h5py", "pydantic", "rich"} & set(result.stderr.split())
