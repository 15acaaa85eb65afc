"""JOBS.toml: `[defaults]` and `[[job]]` tables to alignments, each with a name and a place of its own.

Lists where one value is expected multiply a job, and `{key}` in what its results are called takes the value. All of it
is checked at once, so that nothing runs before everything is right.
"""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Listed
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Literal, NamedTuple

from poseda_cli.errors import InputError, UsageError, listed, one_line, shortened
from poseda_cli.suggestions import did_you_mean

DEFAULTS, JOB = "defaults", "job"
NAME, OUT = "name", "out"
ADD = "add what they differ in to"
# What may be wrong is said at once, up to so many sentences.
MOST_PROBLEMS = 20
# More are a slip: a list of seeds too long in two places.
MOST_JOBS = 10_000
# Of numbers with decimals: TOML has infinity, and integers of any length.
LARGEST = 1e100
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

Kind = Literal["text", "number", "decimal", "flag", "names", "paths", "path"]
EXPECTED: Mapping[Kind, str] = {
    "text": "text in quotes",
    "number": "a whole number",
    "decimal": "a number",
    "flag": "true or false",
    "names": "a list of texts in quotes",
    "paths": "a list of paths in quotes",
    "path": "a path in quotes",
}
# Of TOML's values; the others are texts.
TYPES: Mapping[Kind, tuple[type, ...]] = {"number": (int,), "decimal": (int, float), "flag": (bool,)}


class Key(NamedTuple):
    """What a key of a job takes.

    Parameters
    ----------
    kind : of value; 'names' and 'paths' are lists
    default : where the job says nothing
    choices : the only texts that there are; any if empty
    least, most : the least and the largest number
    needed : whether each job must have it
    filled : whether `{key}` in it takes the value of another key
    """

    kind: Kind
    default: Any = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    needed: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Job:
    """One alignment of a batch.

    Parameters
    ----------
    name : its own; what is said of its place if it has none
    values : by key, all of them; paths seen from the working directory
    out : where its output comes
    where : which table of the file it is from
    """

    name: str
    values: Mapping[str, Any]
    out: Path
    where: str


def read_jobs(file: Path, keys: Mapping[str, Key]) -> list[Job]:
    """The jobs of a file, in its order; paths in it are seen from its folder.

    Parameters
    ----------
    file : the JOBS.toml
    keys : what a job may have, NAME and OUT among them

    Raises
    ------
    InputError : there is no such file, or it cannot be read
    UsageError : it is no TOML, or says what cannot be meant; all that is wrong is said at once
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: no TOML, which is UTF-8 text: byte {error.start} is none.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{file}: no TOML: {error}.") from error
    try:
        return _parsed(tables, keys, file.parent)
    except _ProblemsError as found:
        raise UsageError(_told(str(file), found.problems)) from None


def check_inputs(file: Path, jobs: Listed[Job], keys: Mapping[str, Key]) -> None:
    """Refuse jobs that read what is not there.

    Raises
    ------
    InputError : names all that is missing
    """
    missing: dict[Path, list[str]] = {}
    for job in jobs:
        for path in _inputs(job, keys):
            if not os.path.exists(path):  # noqa: PTH110  (a path that cannot be is not there)
                missing.setdefault(path, []).append(job.name)
    if missing:
        problems = [
            f"{one_line(str(path))}: no such file or folder (job {listed(n, 3)})" for path, n in missing.items()
        ]
        raise InputError(_told(str(file), problems))


class _ProblemsError(Exception):
    def __init__(self, problems: list[str]) -> None:
        self.problems = problems


def _told(file: str, problems: list[str]) -> str:
    sentences = [text if text.endswith("?") else f"{text}." for text in problems]
    if len(sentences) == 1:
        return f"{file}: {sentences[0]}"
    more = [f"... ({len(problems) - MOST_PROBLEMS} more)"] if len(problems) > MOST_PROBLEMS else []
    return "\n  ".join([f"{file}: nothing was run.", *sentences[:MOST_PROBLEMS], *more])


def _parsed(tables: Mapping[str, Any], keys: Mapping[str, Key], folder: Path) -> list[Job]:
    problems = [
        f"{key}: expected [{DEFAULTS}] and [[{JOB}]] alone{_near(key, (DEFAULTS, JOB))}"
        for key in tables
        if key not in (DEFAULTS, JOB)
    ]
    defaults, given = tables.get(DEFAULTS, {}), tables.get(JOB, [])
    if not isinstance(defaults, dict):
        problems.append(f"{DEFAULTS}: expected a table, [{DEFAULTS}]")
        defaults = {}
    if not isinstance(given, list) or not all(isinstance(table, dict) for table in given):
        problems.append(f"{JOB}: expected tables, each of them below its own [[{JOB}]]")
        given = []
    elif not given and not problems:
        problems.append(f"holds no job: expected at least one [[{JOB}]] with {', '.join(_needed(keys))}")
    problems += _wrong_keys(f"[{DEFAULTS}]", defaults, keys)
    jobs: list[Job] = []
    for number, table in enumerate(given, 1):
        where = f"[[{JOB}]] {number}" + (f" ({shortened(one_line(str(table[NAME])), 60)})" if NAME in table else "")
        problems += _wrong_keys(where, table, keys)
        try:
            jobs += _multiplied(where, defaults, table, keys, folder)
        except _ProblemsError as found:
            problems += found.problems
    problems = list(dict.fromkeys(problems)) or _clashes(jobs, keys)
    if problems:
        raise _ProblemsError(problems)
    return jobs


def _needed(keys: Mapping[str, Key]) -> list[str]:
    return [name for name, key in keys.items() if key.needed]


def _near(word: str, words: Iterable[str]) -> str:
    near = did_you_mean(word.replace("-", "_"), words)
    return f".{near}" if near else ""


def _wrong_keys(where: str, table: Mapping[str, Any], keys: Mapping[str, Key]) -> list[str]:
    unknown = [name for name in table if name not in keys]
    return [
        f"{where}: no key {shortened(one_line(name))}{_near(name, keys) or f'; there are {listed(keys, most=99)}'}"
        for name in unknown
    ]


def _multiplied(
    where: str, defaults: Mapping[str, Any], table: Mapping[str, Any], keys: Mapping[str, Key], folder: Path
) -> list[Job]:
    """The jobs that one table stands for; keys that do not exist are left out.

    Raises
    ------
    _ProblemsError : as said
    """
    given = {name: value for name, value in {**defaults, **table}.items() if name in keys}
    problems = [f"{where}: {name} is missing" for name in _needed(keys) if name not in given]
    alternatives: dict[str, list[Any]] = {}
    for name, value in given.items():
        try:
            alternatives[name] = _alternatives(name, value, keys[name])
        except ValueError as error:
            problems.append(f"{where if name in table else f'[{DEFAULTS}]'}: {error}")
    count = prod(map(len, alternatives.values()))
    if count > MOST_JOBS:
        problems.append(f"{where}: its lists multiply to {count:,} jobs, expected at most {MOST_JOBS:,}")
    if problems:
        raise _ProblemsError(problems)
    unsaid = {name: key.default for name, key in keys.items()}
    jobs = []
    for chosen in product(*alternatives.values()):
        values = {**unsaid, **dict(zip(alternatives, chosen, strict=True))}
        try:
            jobs.append(_job(where, values, keys, folder))
        except ValueError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise _ProblemsError(list(dict.fromkeys(problems)))
    return jobs


def _alternatives(name: str, value: Any, key: Key) -> list[Any]:
    """The values that a key takes, one after another.

    Raises
    ------
    ValueError : another kind of value is expected
    """
    if value == []:
        raise ValueError(f"{name}: the list is empty; expected {EXPECTED[key.kind]}")
    if key.kind in ("names", "paths"):
        if isinstance(value, list) and any(isinstance(part, list) for part in value):
            return [_list(name, part, key) for part in value]
        return [_list(name, value, key)]
    return [_single(name, part, key) for part in (value if isinstance(value, list) else [value])]


def _list(name: str, value: Any, key: Key) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise _unexpected(name, value, key)
    return texts


def _single(name: str, value: Any, key: Key) -> Any:
    if type(value) not in TYPES.get(key.kind, (str,)) or value == "":
        raise _unexpected(name, value, key)
    if key.kind == "decimal":
        # As the command line has it: outputs record 0.0, not 0.
        value = _decimal(name, value, key)
    if key.choices and value not in key.choices:
        hint = _near(value, key.choices)
        raise ValueError(f"{name}: {shortened(one_line(value))!r} is not one of {', '.join(key.choices)}{hint}")
    if key.least is not None and value < key.least:
        raise ValueError(f"{name}: {value} is less than {key.least}")
    if key.most is not None and value > key.most:
        raise ValueError(f"{name}: {value} is more than {key.most}")
    return value


def _decimal(name: str, value: float, key: Key) -> float:
    if abs(value) <= LARGEST:
        return float(value)
    raise _unexpected(name, value, key)


def _unexpected(name: str, value: Any, key: Key) -> ValueError:
    return ValueError(f"{name}: {shortened(one_line(repr(value)), 60)}, expected {EXPECTED[key.kind]}")


def _job(where: str, values: dict[str, Any], keys: Mapping[str, Key], folder: Path) -> Job:
    """One job, its placeholders filled and its paths where they are.

    Raises
    ------
    ValueError : a placeholder that has no value
    """
    known = {name: value for name, value in values.items() if not keys[name].filled}
    # Of those that take values only the name is one itself.
    texts = {name: value for name, value in values.items() if keys[name].filled and value is not None}
    if NAME in texts:
        known[NAME] = texts.pop(NAME)
        known[NAME] = _filled(NAME, known[NAME], {key: value for key, value in known.items() if key != NAME}, keys)
    done = {**values, **known, **{name: _filled(name, text, known, keys) for name, text in texts.items()}}
    title = known.get(NAME) or done[OUT]
    if title != one_line(title):
        raise ValueError(f"{NAME}: {one_line(title)!r} is no line of text")
    for name, key in keys.items():
        if key.kind == "path":
            done[name] = _seen_from(folder, done[name])
        elif key.kind == "paths":
            done[name] = [_seen_from(folder, path) for path in done[name]]
    return Job(title, {name: value for name, value in done.items() if name not in (NAME, OUT)}, done[OUT], where)


def _filled(name: str, text: str, values: Mapping[str, Any], keys: Mapping[str, Key]) -> str:
    def value_of(found: re.Match[str]) -> str:
        brace, key = found[0], found[1]
        if brace in ("{{", "}}"):
            return brace[0]
        if key is None:
            raise ValueError(f"{name}: {text!r} has a lone {brace}; write {brace * 2} for one")
        if values.get(key) is None:
            reason = "has no value in this job" if key in keys else f"is no key{_near(key, keys)}"
            raise ValueError(f"{name}: {{{key}}} {reason}")
        return _as_text(key, values[key], keys[key])

    return PLACEHOLDER.sub(value_of, text)


def _as_text(name: str, value: Any, key: Key) -> str:
    """A value as part of a name: of paths what the files are called, and no slashes, which would make folders."""
    if key.kind == "paths":
        return "+".join(Path(path).stem or "here" for path in value)
    if key.kind == "flag":
        return str(value).lower()
    text = "+".join(value) if isinstance(value, list) else str(value)
    return text if name == NAME else text.replace("/", "-").replace(",", "+")


def _seen_from(folder: Path, path: str) -> Path:
    return folder / Path(path).expanduser()


def _clashes(jobs: Listed[Job], keys: Mapping[str, Key]) -> list[str]:
    """Jobs that would be taken for each other, or write over each other or over what another one reads."""
    problems = []
    names: dict[str, Job] = {}
    places: dict[tuple[str, ...], Job] = {}
    for job in jobs:
        first = names.setdefault(job.name, job)
        if first is not job:
            problems.append(f"{_both(first, job)}: two jobs have the name {job.name}; {ADD} {NAME}, as {{seed}}")
        first = places.setdefault(_place(job.out), job)
        if first is not job:
            problems.append(
                f"{_both(first, job)}: two jobs write to {_one_or_two(first.out, job.out)}; {ADD} {OUT}, as {{seed}}"
            )
    inputs = {_place(path): (job, path) for job in jobs for path in _inputs(job, keys)}
    for place, job in places.items():
        for above in _above(place):
            if other := places.get(above):
                problems.append(f"{job.where}: {job.out} lies in {other.out}, which {other.where} writes")
            if above in inputs:
                reader, path = inputs[above]
                problems.append(f"{job.where}: {job.out} lies in {path}, which {reader.where} reads")
    for place, (reader, path) in inputs.items():
        for above in (place, *_above(place)):
            if other := places.get(above):
                problems.append(f"{reader.where} reads {path}, which {other.where} writes ({other.out})")
    return list(dict.fromkeys(problems))


def _both(first: Job, second: Job) -> str:
    return first.where if first.where == second.where else f"{first.where} and {second.where}"


def _one_or_two(first: Path, second: Path) -> str:
    return str(first) if first == second else f"one place, {first} and {second}"


def _place(path: Path) -> tuple[str, ...]:
    """Equal for two paths that are one place here, or on a file system that takes capital letters for small ones."""
    real = os.path.realpath(path)
    return tuple(unicodedata.normalize("NFC", part).casefold() for part in Path(real).parts)


def _above(place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    return (place[:length] for length in range(1, len(place)))


def _inputs(job: Job, keys: Mapping[str, Key]) -> list[Path]:
    return [path for name, key in keys.items() if key.kind == "paths" for path in job.values[name]]
