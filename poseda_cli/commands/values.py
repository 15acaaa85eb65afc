"""Values from the command line that need no conversion, or none but `Path(text)`.

Typer has pydantic convert every value, even that of an option that nobody gave, and importing pydantic takes longer
than all that a short command does. Numbers, choices and whatever is wrong are left to typer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints


def take_plain_values(command: Any, ctx: Any) -> None:
    """Have a command that is about to parse take text, paths and what was not given as they are.

    Parameters
    ----------
    command : made by typer of a function whose parameters are `Annotated` with options and arguments
    ctx : what it is parsed in
    """
    hints = get_type_hints(command.callback, include_extras=True)
    for param in command.get_params(ctx):
        # An annotation and its settings; neither where the parameter is typer's own, as --help is.
        hint = get_args(hints.get(param.name))
        param.process_value = partial(_processed, param, hint, param.process_value)


def _processed(param: Any, hint: tuple[Any, ...], by_typer: Callable[[Any, Any], Any], ctx: Any, value: Any) -> Any:
    if param.required and not value:
        return by_typer(ctx, value)
    if value is None or value == param.default:
        return param.callback(ctx, param, value) if param.callback else value
    if not hint or param.callback:
        return by_typer(ctx, value)
    annotation, settings = hint
    if annotation in (str, str | None):
        return value
    if annotation in (list[str], list[str] | None):
        return list(value)
    if annotation in (Path, Path | None) and _is_unchecked(value, settings):
        return Path(value)
    if annotation == list[Path] and all(_is_unchecked(path, settings) for path in value):
        return [Path(path) for path in value]
    return by_typer(ctx, value)


def _is_unchecked(path: str, settings: Any) -> bool:
    """Whether typer would have nothing to say about a path: of ours it only asks whether they can be read."""
    return not settings.readable or not os.path.exists(path)  # noqa: PTH110  (a path that cannot be is not there)
