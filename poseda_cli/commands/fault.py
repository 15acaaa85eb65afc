"""A fault of ours: short on stderr, the details in a file."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from poseda_cli._version import VERSION

PACKAGES = ("numpy", "h5py", "typer", "tqdm", "rich", "scipy", "cdflib", "matplotlib")
# Of an error's own words; all of them are in the file.
LONGEST = 200


def report(error: BaseException) -> str:
    """Write the details of a fault to a file, with --verbose to the message as well.

    Parameters
    ----------
    error : what ended the run, which nobody expected

    Returns
    -------
    What to tell the user: what has failed, where the details are, what to do with them.
    """
    try:
        text = "".join(traceback.format_exception(error))
        where = _written(f"{_circumstances()}\n{text}")
        details = f"the details are in {where}" if where else "no place for its details was found, so here they are"
        lines = [f"error: poseda failed ({_in_short(error)}). This is a fault of ours; {details}."]
        if where is None or _is_verbose():
            lines.insert(0 if where else 1, (text if where else f"{_circumstances()}\n{text}").rstrip())
        ask = "Please report it with that file; it holds the command line." if where else "Please report it with them."
        return "\n".join([*lines, ask])
    except Exception as another:
        return f"error: poseda failed ({type(error).__name__}), and so did the report of it ({type(another).__name__})."


def _in_short(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:LONGEST]}{'...' * (len(words) > LONGEST)}".removesuffix(": ")


def _circumstances() -> str:
    packages = ", ".join(f"{name} {_version_of(name)}" for name in PACKAGES)
    return f"poseda {VERSION}, Python {sys.version}\n{platform.platform()}\n{packages}\n{sys.argv}\n"


def _version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def _is_verbose() -> bool:
    return any(word == "--verbose" or re.fullmatch("-[nqv]*v[nqv]*", word) for word in sys.argv)


def _written(text: str) -> Path | None:
    """A file that only the user can read, in the first folder that takes it."""
    for folder in (None, os.path.expanduser("~")):  # noqa: PTH111  (Path's fails where there is no home)
        with suppress(OSError):
            return _new_file(text, folder)
    return None


def _new_file(text: str, folder: str | None) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="poseda-fault-", suffix=".txt", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
