"""What a job of `poseda batch` may have: what `poseda align` takes, by the same names."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from poseda_cli.commands.align import align
from poseda_cli.commands.running import AlignRun
from poseda_cli.jobs import NAME, OUT, Job, Key, Kind

# `--name` of align, of what is in file names; `name` is the job's own.
DETECTOR = "detector"
KINDS: dict[Any, Kind] = {
    str: "text",
    int: "number",
    float: "decimal",
    bool: "flag",
    Path: "path",
    list[str]: "names",
    list[Path]: "paths",
}


def job_keys() -> dict[str, Key]:
    """By key what it takes; those that each job needs first."""
    hints, parameters = get_type_hints(align, include_extras=True), inspect.signature(align).parameters
    keys = {NAME: Key("text", filled=True)}
    for field in fields(AlignRun):
        name = DETECTOR if field.name == NAME else field.name
        keys[name] = _key(hints[field.name], parameters[field.name].default)
    keys[OUT] = keys[OUT]._replace(filled=True)
    # What was finished with other inputs or options is made again.
    keys["overwrite"] = keys["overwrite"]._replace(default=True)
    return dict(sorted(keys.items(), key=lambda item: not item[1].needed))


def run_of(job: Job) -> AlignRun:
    """The alignment that a job is."""
    given = {NAME if name == DETECTOR else name: value for name, value in job.values.items()}
    return AlignRun(**given, out=job.out)


def _key(hint: Any, default: Any) -> Key:
    annotation, settings = get_args(hint)
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
    needed = default is inspect.Parameter.empty
    default = None if needed else default
    if get_origin(annotation) is Literal:
        return Key("text", default, choices=get_args(annotation), needed=needed)
    return Key(KINDS[annotation], default, least=settings.min, most=settings.max, needed=needed)
