"""Options from the environment (`POSEDA_SEED`) and from `poseda.toml` in the working directory.

What the command line says comes first, then the environment, then the file, then the default. In the file, a table
has the name of a command, and holds its long options with `_` for `-`; `[defaults]` is for all commands that have
the option.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from poseda_cli.commands.console import tell
from poseda_cli.errors import UsageError, listed, one_line, shortened
from poseda_cli.suggestions import did_you_mean, nearest

FILE = "poseda.toml"
DEFAULTS = "defaults"
PREFIX = "POSEDA_"
# Bytes. A file of options has a few lines.
MOST_BYTES = 1 << 20
# These change what is said, and nothing of what is done.
UNTOLD = ("json", "quiet", "verbose")


class Known(NamedTuple):
    """What there is to be set.

    commands : names of all commands
    keys : of a command by its name; it is loaded for that
    """

    commands: Collection[str]
    keys: Callable[[str], Collection[str]]

    def of_all(self) -> set[str]:
        """The keys of every command."""
        return {key for name in self.commands for key in self.keys(name)}


class Setting(NamedTuple):
    """A value from `poseda.toml`, as the command line would have it, and the table that it stands in."""

    value: Any
    table: str


def key_of(param: Any) -> str | None:
    """What an option is called in the file: 'max_size' for --max-size; None for what can stand on the line alone."""
    if param.param_type_name != "option" or param.is_eager:
        return None
    long = next((name for name in param.opts if name.startswith("--")), None)
    return long and long.removeprefix("--").replace("-", "_")


def keys_of(command: Any) -> dict[str, Any]:
    """The options of a command that can be set, by what they are called in the file."""
    return {key: param for param in command.params if (key := key_of(param))}


def take_settings(command: Any, ctx: Any, known: Known) -> None:
    """Have a command that is about to parse take from environment and file what its line does not say.

    Parameters
    ----------
    command : about to parse
    ctx : what it parses in
    known : what there is to be set; asked for keys only where one is no option of this command

    Raises
    ------
    UsageError : the file cannot be read, or holds what no command has
    """
    own = keys_of(command)
    found = _from_file(Path(FILE), ctx.info_name, own, known)
    for key, param in own.items():
        param.envvar, param.show_envvar = variable_of(key), False
        # Names may hold spaces, which the library would split at; several paths are split as in PATH.
        param.envvar_list_splitter = ","
        param.get_error_hint = partial(_hint, param, key, found.get(key), ctx, param.get_error_hint)
    ctx.default_map = {own[key].name: setting.value for key, setting in found.items()}
    ctx.meta["poseda.settings"] = found


def variable_of(key: str) -> str:
    """The variable of the environment: 'POSEDA_MAX_SIZE' for max_size."""
    return PREFIX + key.upper()


def tell_settings(command: Any, ctx: Any, known: Known) -> None:
    """Say on stderr which values come from elsewhere than the command line, and which variables nobody reads.

    Parameters as in `take_settings`; the command has been parsed. With --quiet nothing is said, with --verbose each
    value has a line.
    """
    if ctx.params.get("quiet"):
        return
    own = keys_of(command)
    taken = list(_taken(own, ctx))
    if ctx.params.get("verbose"):
        for key, value, where in taken:
            tell(f"setting: --{key.replace('_', '-')} {value}, from {where}")
    elif told := [f"{key.replace('_', ' ')} {value} ({where})" for key, value, where in taken if key not in UNTOLD]:
        tell(f"settings: {', '.join(told)}")
    for name in sorted(_unread(own, known)):
        near = [variable_of(key) for key in nearest(name.removeprefix(PREFIX), sorted(known.of_all()))]
        hint = f"; near it: {listed(near)}" if near else ""
        tell(f"warning: {one_line(name)} is the variable of no option{hint}.")


def _taken(own: Mapping[str, Any], ctx: Any) -> Iterator[tuple[str, str, str]]:
    """Key, value and place of what is not the default and comes from elsewhere."""
    for key, param in own.items():
        where, value = place_of(param, key, ctx), ctx.params.get(param.name)
        if where and value != param.default:
            yield key, _text(value), where


def place_of(param: Any, key: str, ctx: Any) -> str | None:
    """Where the value of a parsed option comes from; None of the command line, and of defaults."""
    source = ctx.get_parameter_source(param.name)
    kind = source.name if source else ""
    if kind == "ENVIRONMENT":
        return variable_of(key)
    if kind == "DEFAULT_MAP":
        return f"{FILE} [{ctx.meta['poseda.settings'][key].table}]"
    return None


def _hint(param: Any, key: str, setting: Setting | None, ctx: Any, usual: Callable[[], str]) -> str:
    """What an error calls the option: by the place that its value comes from."""
    where = place_of(param, key, ctx)
    if where is None:
        return usual()
    if setting and where.startswith(FILE):
        return f"{where} {key} = {_text(setting.value)}"
    return f"{where}={one_line(shortened(os.environ[where]))}"


def _text(value: Any) -> str:
    if value is True:
        return "on"
    if value is False:
        return "off"
    return one_line(shortened(",".join(map(str, value)) if isinstance(value, list) else str(value)))


def _unread(own: Mapping[str, Any], known: Known) -> set[str]:
    """Variables that look like ours, and are not."""
    strange = {name for name in os.environ if name.startswith(PREFIX)} - {variable_of(key) for key in own}
    return strange and strange - {variable_of(key) for key in known.of_all()}


def _from_file(path: Path, command: str, own: Mapping[str, Any], known: Known) -> dict[str, Setting]:
    """What the file says of the options of a command, by their keys."""
    document = _read(path)
    _check_tables(path, document, known)
    found: dict[str, Setting] = {}
    for name in (DEFAULTS, command):
        for key, value in document.get(name, {}).items():
            where = f"{path}: [{name}] {one_line(shortened(key))}"
            if key in own:
                found[key] = Setting(_value(where, own[key], value), name)
            elif name != DEFAULTS:
                raise UsageError(f"{where}: poseda {name} has no such option.{did_you_mean(key, own)}")
            elif key not in (allowed := known.of_all()):
                raise UsageError(f"{where}: no command has such an option.{did_you_mean(key, sorted(allowed))}")
    return found


def _check_tables(path: Path, document: Mapping[str, Any], known: Known) -> None:
    """Each table is that of a command, and nothing stands outside of them."""
    tables = (DEFAULTS, *known.commands)
    for name, table in document.items():
        shown = one_line(shortened(name))
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {shown} stands in no table; write it below [{DEFAULTS}], or that of a command.")
        if name not in tables:
            raise UsageError(f"{path}: [{shown}] is no command, and not [{DEFAULTS}].{did_you_mean(name, tables)}")


def _value(where: str, param: Any, value: Any) -> Any:
    """A value of the file as the command line would have it: text, or several; True and False of a flag.

    Raises
    ------
    UsageError : of another kind
    """
    if param.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{where} is {_shown(value)}, expected true or false.")
        return value
    if not param.multiple:
        return _word(where, value)
    return [_word(where, part) for part in value] if isinstance(value, list) else [_word(where, value)]


def _word(where: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{where} is {_shown(value)}, expected a text or a number.")
    try:
        return str(value)
    except ValueError:  # Python writes no number of thousands of digits
        raise UsageError(f"{where} is a number that is too large.") from None


def _shown(value: Any) -> str:
    """A value of the wrong kind, in the words of the file."""
    kinds = {
        bool: str(value).lower(),
        list: "a list",
        dict: "a table",
        str: "a text",
        int: "a number",
        float: "a number",
    }
    return kinds.get(type(value), "a date or time")


def _read(path: Path) -> dict[str, Any]:
    """The file as TOML has it; nothing where there is none.

    Raises
    ------
    UsageError : it is there, and cannot be read
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{path}: is a folder or a device; poseda looks there for a file of options.")
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(
            f"{path}: {(error.strerror or str(error)).lower()}; poseda looks for its options there."
        ) from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path}: is larger than 1 MiB, which no file of options is.")
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is no text in UTF-8.") from None
    except RecursionError:
        raise UsageError(f"{path}: lists or tables are nested too deeply.") from None
    except ValueError as error:
        raise UsageError(f"{path}: is not TOML: {one_line(str(error))}.") from None
