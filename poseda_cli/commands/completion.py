"""What a shell offers where Tab is pressed: commands, options, and the names that they take.

The scripts call poseda with `_POSEDA_COMPLETE` set to the shell's name and the words of the line as arguments, the
last of which is the one to complete; poseda answers with a line each. Where it answers nothing, the shell offers files.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from poseda_cli.errors import OutputError, UsageError

VARIABLE = "_POSEDA_COMPLETE"
Shell = Literal["bash", "zsh", "fish"]
SHELLS: tuple[Shell, ...] = get_args(Shell)
SHELL_OPTIONS = {
    "--install-completion": "Have Tab complete what poseda takes, in bash, zsh or fish; if none is named, in this one.",
    "--show-completion": "Print the script that does so.",
}
HELP = {"--help": "Show this message and exit."}

BASH = """\
_poseda_completion() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_POSEDA_COMPLETE=bash "${COMP_WORDS[0]/#\\~/$HOME}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2> /dev/null)
}
complete -o default -o nosort -F _poseda_completion poseda
"""
ZSH = """\
#compdef poseda
_poseda_completion() {
    local -a found
    found=("${(@f)$(_POSEDA_COMPLETE=zsh "${words[1]/#\\~/$HOME}" "${(@)words[2,CURRENT]}" 2> /dev/null)}")
    if [[ -n "$found" ]]; then
        _describe poseda found
    else
        _files
    fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _poseda_completion poseda
"""
FISH = """\
function __poseda_completion
    set -l words (commandline -opc) (commandline -ct)
    set words[1] (string replace -r '^~' $HOME $words[1])
    set -l found (env _POSEDA_COMPLETE=fish $words 2> /dev/null)
    if test -n "$found"
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c poseda -f -a '(__poseda_completion)'
"""
SCRIPTS: dict[Shell, str] = {"bash": BASH, "zsh": ZSH, "fish": FISH}


class Item(NamedTuple):
    """Something to offer, and what it means; '' where it says so itself."""

    value: str
    meaning: str = ""


Load = Callable[[str], Any]


def answer(shell: str, words: Sequence[str], commands: dict[str, str], load: Load) -> str:
    """What to offer, in the form that the shell's script takes.

    Parameters
    ----------
    shell : one of SHELLS
    words : behind `poseda`, as typed, quotes and all; the last is completed
    commands : name -> purpose
    load : the command of a name
    """
    if shell == "bash":
        words = _whole(words)
    *before, begun = [re.sub(r"\\(.)|['\"]", r"\1", word) for word in words or [""]]
    option, found, rest = begun.partition("=") if begun.startswith("--") else ("", "", "")
    if found:
        items = [item for item in offers([*before, option, rest], commands, load) if not item.value.startswith("-")]
        # bash takes what stands behind the sign for a word of its own.
        start = "" if shell == "bash" else f"{option}="
        items = [Item(start + value, meaning) for value, meaning in items]
    else:
        items = list(offers([*before, begun], commands, load))
    return "\n".join(_line(shell, item) for item in items)


def offers(words: Sequence[str], commands: dict[str, str], load: Load) -> Iterator[Item]:
    """What the last of some words may become; nothing where that is a file, or anybody's guess.

    Parameters as in `answer`.
    """
    *before, begun = words
    place = next((number for number, word in enumerate(before) if word in commands), None)
    if place is None:
        yield from _beginning_with(begun, _of_poseda(before, begun, commands))
        return
    name, given = before[place], before[place + 1 :]
    command = load(name)
    previous = given[-1] if given else ""
    taking = next((p for p in command.params if previous in p.opts and not getattr(p, "is_flag", False)), None)
    if "--" in given:
        yield from _beginning_with(begun, _arguments(name))
    elif taking is not None:
        yield from _values(command, taking, begun)
    elif begun.startswith("-"):
        yield from _beginning_with(begun, _options(command, given))
    else:
        yield from _beginning_with(begun, _arguments(name))


def _of_poseda(before: Sequence[str], begun: str, commands: dict[str, str]) -> Iterator[Item]:
    if before and before[-1] in SHELL_OPTIONS:
        yield from map(Item, SHELLS)
    elif begun.startswith("-"):
        for option, meaning in {"--version": "Show the version and exit.", **SHELL_OPTIONS, **HELP}.items():
            yield Item(option, meaning)
    else:
        for name, purpose in commands.items():
            yield Item(name, purpose)


def _options(command: Any, given: Sequence[str]) -> Iterator[Item]:
    """Options that can still be given."""
    for param in command.params:
        if param.param_type_name != "option" or param.hidden:
            continue
        if param.multiple or not set(param.opts) & set(given):
            for option in param.opts:
                yield Item(option, param.help or "")
    for option, meaning in HELP.items():
        yield Item(option, meaning)


def _values(command: Any, param: Any, begun: str) -> Iterator[Item]:
    """Values of an option; of names separated by commas the last one."""
    names = NAMES.get(param.opts[0].lstrip("-").removeprefix("target-").removeprefix("other-"))
    if choices := _choices(command, param):
        yield from _beginning_with(begun, map(Item, choices))
    elif names in LISTED:
        head, comma, last = begun.rpartition(",")
        taken = head.split(",")
        for value, meaning in _beginning_with(last, names()):
            if value not in taken:
                yield Item(head + comma + value, meaning)
    elif names:
        yield from _beginning_with(begun, names())


def _choices(command: Any, param: Any) -> list[str]:
    """The values of an option that has a few; they stand in the annotation of its command."""
    hint = get_type_hints(command.callback, include_extras=False).get(param.name)
    kinds = [hint, *get_args(hint)]
    return [value for kind in kinds if get_origin(kind) is Literal for value in get_args(kind)]


def _arguments(command: str) -> Iterator[Item]:
    """What stands behind a command that takes a name."""
    takes: dict[str, tuple[Callable[[], Iterable[Item]], ...]] = {
        "layouts": (_layouts, _exports),
        "cameras": (_subjects, _cameras),
        "skeletons": (_skeletons,),
    }
    seen: set[str] = set()
    for names in takes.get(command, ()):
        for item in names():
            if item.value not in seen:
                seen.add(item.value)
                yield item


def _layouts() -> Iterable[Item]:
    from poseda_cli.layouts import LAYOUTS

    return [Item(*layout) for layout in LAYOUTS.items()]


def _exports() -> Iterable[Item]:
    from poseda_cli.exports import EXPORTS

    return [Item(*export) for export in EXPORTS.items()]


def _skeletons() -> Iterable[Item]:
    from poseda_cli.skeleton import SKELETONS

    return [Item(name, f"{len(skeleton)} joints") for name, skeleton in SKELETONS.items()]


def _subjects() -> Iterable[Item]:
    from poseda_cli.published import h36m_subjects, mpi_inf_3dhp_test_cameras

    return [
        *(Item(name, "subject of Human3.6M, or S1 to S8 of MPI-INF-3DHP") for name in h36m_subjects()),
        *(Item(name, "test sequence of MPI-INF-3DHP") for name in mpi_inf_3dhp_test_cameras()),
    ]


def _actions() -> Iterable[Item]:
    from poseda_cli.dataset import base_action
    from poseda_cli.published import MPI_INF_3DHP_TRAIN_FRAMES, h36m_sequences

    h36m = dict.fromkeys(base_action(action) for action in h36m_sequences("S1"))
    train = dict.fromkeys(action for _, action in MPI_INF_3DHP_TRAIN_FRAMES)
    return [
        *(Item(name, "action of Human3.6M") for name in h36m),
        *(Item(name, "sequence of MPI-INF-3DHP") for name in train),
    ]


def _cameras() -> Iterable[Item]:
    from poseda_cli.published import h36m_cameras, mpi_inf_3dhp_test_cameras, mpi_inf_3dhp_train_cameras

    return [
        *(Item(camera.name, "camera of Human3.6M") for camera in h36m_cameras("S1")),
        *(Item(name, "camera of MPI-INF-3DHP's training set") for name in mpi_inf_3dhp_train_cameras()),
        *(Item(name, "camera of MPI-INF-3DHP's test set") for name in mpi_inf_3dhp_test_cameras()),
    ]


# By the option that they are values of; a second side has the same with a word before.
NAMES: dict[str, Callable[[], Iterable[Item]]] = {
    "layout": _layouts,
    "to": _exports,
    "skeleton": _skeletons,
    "subjects": _subjects,
    "actions": _actions,
    "cameras": _cameras,
}
LISTED = (_subjects, _actions, _cameras)


def _beginning_with(begun: str, items: Iterable[Item]) -> Iterator[Item]:
    return (item for item in items if item.value.startswith(begun))


def _whole(words: Sequence[str]) -> list[str]:
    """Words that bash has taken apart at '=' ('--depth', '=', 'we'), whole again."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1].startswith("--") and (word == "=" or joined[-1].endswith("=")):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _line(shell: str, item: Item) -> str:
    meaning = " ".join(item.meaning.split())
    if shell == "bash":
        return re.sub(r"([^\w@%+=:,./-])", r"\\\1", item.value)
    if shell == "zsh":
        value = item.value.replace("\\", "\\\\").replace(":", "\\:")
        return f"{value}:{meaning}" if meaning else value
    return f"{item.value}\t{meaning}" if meaning else item.value


def shell_in_use() -> str:
    """The shell that poseda was called from.

    Raises
    ------
    UsageError : it is none that can be told, or none whose completion is known
    """
    from shellingham import ShellDetectionFailure, detect_shell  # type: ignore[import-untyped]

    try:
        name = detect_shell()[0]
    except (ShellDetectionFailure, OSError):
        name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        found = f"this is {name}" if name else "which shell this is cannot be told"
        raise UsageError(f"{found}; say for which to complete: {', '.join(SHELLS)}, as in --show-completion bash.")
    return name


def install(shell: Shell) -> tuple[Path, Path | None]:
    """Put the script of a shell where it finds it.

    Returns
    -------
    The script, and the shell's own file that has a line about it now; None where that takes none.

    Raises
    ------
    OutputError : one of them cannot be written
    """
    script, rc = _places(shell)
    try:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPTS[shell], encoding="utf-8")
        if rc is not None:
            _add_line(rc, f"source {shlex.quote(str(script))}")
    except OSError as error:
        raise OutputError(f"{error.filename or script}: {(error.strerror or str(error)).lower()}.") from error
    return script, rc


def _places(shell: Shell) -> tuple[Path, Path | None]:
    try:
        home = Path.home()
    except RuntimeError:
        raise OutputError("there is no home directory to write to; see --show-completion.") from None
    if shell == "fish":
        return _folder("XDG_CONFIG_HOME", home / ".config") / "fish" / "completions" / "poseda.fish", None
    script = _folder("XDG_DATA_HOME", home / ".local" / "share") / "poseda" / f"completion.{shell}"
    return script, _folder("ZDOTDIR", home) / ".zshrc" if shell == "zsh" else home / ".bashrc"


def _folder(variable: str, usual: Path) -> Path:
    stated = os.environ.get(variable, "")
    return Path(stated) if stated.startswith("/") else usual


def _add_line(file: Path, line: str) -> None:
    """Have a line at the end of a file, once."""
    with file.open("a+b") as stream:
        stream.seek(0)
        lines = stream.read()
        if line.encode() not in lines.splitlines():
            stream.write((b"" if not lines or lines.endswith(b"\n") else b"\n") + line.encode() + b"\n")
