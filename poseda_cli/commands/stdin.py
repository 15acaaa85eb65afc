"""`-` where paths are expected: a JSON list of them on stdin, as pipelines make it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poseda_cli.errors import UsageError

DASH = Path("-")
EXAMPLE = "find . -name '*.npz' | jq -R . | jq -s . | poseda inspect -"
# Bytes; a million paths have some hundred.
MOST = 1 << 28


def fill_from_stdin(command: Any, ctx: Any) -> None:
    """Put the paths on stdin in the place of `-`, in the values that a command has parsed.

    Parameters
    ----------
    command, ctx : as typer has them; a path that is an option is a place to write, unless it takes several

    Raises
    ------
    UsageError : stdin is asked for twice, or holds no list of paths
    """
    values = {param: ctx.params.get(param.name) for param in command.get_params(ctx)}
    dashes = [param for param, value in _inputs(values) if value == DASH]
    if not dashes:
        return
    if len(dashes) > 1:
        raise UsageError("- is given twice, and there is one stdin: name the other paths on the command line.")
    paths, (param,) = paths_on_stdin(), dashes
    value = ctx.params[param.name]
    if not isinstance(value, Path):
        at = value.index(DASH)
        ctx.params[param.name] = [*value[:at], *paths, *value[at + 1 :]]
    elif len(paths) == 1:
        ctx.params[param.name] = paths[0]
    else:
        raise UsageError(f"-: {len(paths):,} paths on stdin, {param.metavar} is one.")


def _inputs(values: dict[Any, Any]) -> Iterator[tuple[Any, Path]]:
    """Paths that are read, each with what it was given as."""
    for param, value in values.items():
        if isinstance(value, Path) and param.param_type_name == "argument":
            yield param, value
        elif isinstance(value, list):
            yield from ((param, path) for path in value if isinstance(path, Path))


def paths_on_stdin() -> list[Path]:
    """The paths in a JSON list on stdin.

    Raises
    ------
    UsageError : a terminal, or no such list
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(f"-: a JSON list of paths is expected on stdin, which is a terminal or closed. Try: {EXAMPLE}")
    try:
        text = sys.stdin.buffer.read(MOST + 1)
    except OSError as error:
        raise UsageError(f"-: stdin cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if len(text) > MOST:
        raise UsageError(f"-: more than {MOST:,} bytes on stdin; that is no list of paths.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(path, str) and path for path in found):
        start = text[:40].decode("utf-8", "replace").split("\n")[0]
        what = f"it begins with {start!r}" if text.strip() else "it is empty"
        raise UsageError(f'-: expected a JSON list of paths on stdin, as ["a.npz", "b"]; {what}. Try: {EXAMPLE}')
    if not found:
        raise UsageError("-: the list of paths on stdin is empty.")
    if any("\0" in path for path in found):
        raise UsageError("-: a path on stdin has a NUL in it, which no file's name has.")
    return [Path(path) for path in found]
